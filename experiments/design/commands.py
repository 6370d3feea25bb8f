"""The commands under ``ampelwerk design``."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from experiments.design import instances

app = typer.Typer(add_completion=False, help="Design signal plans and green waves.", no_args_is_help=True)


@app.command("wave")
def wave_command(
    instance: Annotated[Path, typer.Option("--instance", metavar="FILE.json", help="A corridor as plain numbers.")],
    out: Annotated[Path, typer.Option("--out", metavar="RESULT.json", help="File for the result.")],
    bands: Annotated[str, typer.Option("--bands", help="common: one band each way (MAXBAND); links: one per link (MULTIBAND).")] = "common",
    gap: Annotated[float, typer.Option("--gap", help="Proven relative gap with which the answer is good enough.")] = 1e-6,
    time_limit: Annotated[float, typer.Option("--time-limit", help="Give the best answer so far after this time, s.")] = 300.0,
) -> None:
    """Coordinate the signals of a corridor: common cycle, offsets and speeds with the widest bands."""
    content = instances.solve_instance(instance, out, bands, gap, time_limit)
    widths = [content["band_out"], content["band_in"]]
    text = " and ".join("/".join(f"{width:.3f}" for width in (side if isinstance(side, list) else [side])) for side in widths)
    sys.stdout.write(
        f"Cycle {content['cycle_s']:.1f} s, bands {text} cycles out and in, {content['status']} (gap {content['gap']:.2%}, "
        f"{content['solve_s']:.2f} s)\nThe result is in {out}\n"
    )
