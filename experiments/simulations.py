"""What a scenario says of its simulation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from controllers.sumo.coupling import SimulationSettings

if TYPE_CHECKING:
    from pathlib import Path

    from sumo_networks import Scenario


def settings_of(
    place: Scenario,
    output: Path,
    begin_s: float | None = None,
    end_s: float | None = None,
    demand_scale: float = 1.0,
    step_length_s: float | None = None,
    **others: Any,  # noqa: ANN401 - the fields' own types
) -> SimulationSettings:
    """Return the settings of a simulation of a scenario.

    Parameters
    ----------
    place
        The scenario.
    output
        Existing folder that takes everything the run writes.
    begin_s, end_s
        The window; the scenario's own where None.
    demand_scale
        Factor on the scenario's own demand.
    step_length_s
        SUMO's step; the scenario's own where None.
    others
        Further fields of `SimulationSettings`.
    """
    own_end_s = place.end_s if math.isfinite(place.end_s) else None
    return SimulationSettings(
        configuration=place.configuration,
        network=place.network,
        additional=place.additional_files,
        output=output,
        begin_s=place.begin_s if begin_s is None else begin_s,
        end_s=own_end_s if end_s is None else end_s,
        demand_scale=place.scale * demand_scale,
        step_length_s=place.step_length_s if step_length_s is None else step_length_s,
        **others,
    )
