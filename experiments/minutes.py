"""Traffic per lane and minute: asked of SUMO itself, so that nothing has to be read while it runs.

SUMO writes its own Parquet; `experiments.study.minute_tables` makes tables of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MINUTE_S = 60
REQUEST = "minutes.add.xml"
LANES, SUMMARY = "minutes_lanes.parquet", "minutes_summary.parquet"  # SUMO chooses the form by the ending


class MinuteOutput:
    """Asks SUMO for its records per minute."""

    def output_options(self, folder: Path) -> tuple[str, ...]:
        """Return the options of SUMO: a summary at the start of each minute, and at the end."""
        return "--summary-output", str(folder / SUMMARY), "--summary-output.period", str(MINUTE_S)

    def output_files(self, folder: Path) -> tuple[Path, ...]:
        """Write and return the additional file that asks for sums per lane and minute."""
        request = folder / REQUEST
        request.write_text(
            f'<additional><laneData id="minutes" file="{LANES}" period="{MINUTE_S}"'
            ' withInternal="true" excludeEmpty="true"/></additional>\n',
            encoding="utf-8",
        )
        return (request,)
