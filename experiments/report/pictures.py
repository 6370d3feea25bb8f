"""From drawing functions to files for a paper and to pictures inside a page."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl

from experiments.report.style import BLUE, GRID, INK, MUTED, NARROW_IN, PAPER, VERMILLION, WIDE_IN, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    BLUE: "var(--blue)",
    VERMILLION: "var(--vermillion)",
}
_DECIMALS = re.compile(r"-?\d+\.\d+")
_METADATA = {"Date": None, "Creator": None}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that can be drawn at any width.

    Attributes
    ----------
    name
        For files and links; letters, digits and underscores.
    title, caption
        What it shows, and how to read it. The caption may be empty.
    draw
        Draws it at a width in inches.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[float], Figure]

    def inline(self) -> tuple[str, str]:
        """Return the picture as SVG for a page: wide, and narrow for a phone."""
        short = hashlib.sha256(self.name.encode()).hexdigest()[:8]  # it stands in every element that is clipped
        return self._inline(WIDE_IN, f"w{short}"), self._inline(NARROW_IN, f"n{short}")

    def save(self, folder: Path) -> None:
        """Write it as PNG and SVG, two columns wide."""
        with mpl.rc_context(settings(WIDE_IN)):
            figure = self.draw(WIDE_IN)
            figure.savefig(folder / f"{self.name}.png", metadata={"Software": None})
            figure.savefig(folder / f"{self.name}.svg", metadata=_METADATA)

    def _inline(self, width_in: float, prefix: str) -> str:
        with mpl.rc_context(settings(width_in)):
            stream = io.StringIO()
            self.draw(width_in).savefig(stream, format="svg", transparent=True, metadata=_METADATA)
        return for_page(stream.getvalue(), prefix, self.title)


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _shorter_path(path: str) -> str:
    path = re.sub(_DECIMALS, _shorter, path)
    if set(re.findall("[A-Za-z]", path)) <= {"M", "L"}:  # after these a pair of numbers without a letter is a line, too
        path = re.sub(r"\s+L ", " ", path)
    return " ".join(path.split())


def for_page(svg: str, prefix: str, label: str) -> str:
    """Return an SVG file's text made fit for standing inside a page with others.

    Ids that are referred to get a prefix (two pictures may use the same), other ids go. The greys, blue and vermillion follow the page's
    colour scheme. Places are rounded to a tenth of a point, and the size is left to the page.
    """
    body = svg[svg.index("<svg") :]
    referred = set(re.findall(r"""(?:url\(#|xlink:href="#)([^)"]+)""", body))
    body = re.sub(r' id="([^"]*)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in referred else "", body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{prefix}-\1"', body)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r' d="([^"]*)"', lambda found: f' d="{_shorter_path(found[1])}"', body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    body = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1var(--sans)", body)
    name = label.replace("&", "and").replace('"', "'").replace("<", "less than ")
    head, rest = body.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{name}">{rest}'
