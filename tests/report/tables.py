"""Tables of runs as a study writes them, as far as the report reads them."""

import pandas as pd


def runs(**delays_s: list[float]) -> pd.DataFrame:
    """Return the finished runs of one situation: full delay of each controller, seed by seed."""
    rows = [(name, seed, value) for name, values in delays_s.items() for seed, value in enumerate(values)]
    table = pd.DataFrame(rows, columns=["controller", "seed", "full_delay_s"])
    return table.assign(scenario="a", demand_scale=1.0, loops="as placed", label="", status="finished")
