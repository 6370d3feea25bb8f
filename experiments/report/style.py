"""How figures look: colours that the colour-blind can tell apart, sizes, fonts.

The colours are those of Okabe and Ito (*Color Universal Design*, 2008). The three greys stand for ink, muted text and grid lines; in the
page these, blue and vermillion follow the reader's light or dark scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INK, MUTED, GRID, PAPER = "#1c1e21", "#6b7076", "#d5d8dc", "#ffffff"
BLUE, ORANGE, GREEN, SKY, VERMILLION, YELLOW, PURPLE = "#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#f0e442", "#cc79a7"

WIDE_IN, NARROW_IN = 7.2, 3.6
"""Two columns of a paper, and a phone (or one column)."""

PIXELS_PER_INCH = 200  # of the PNG files


def is_narrow(width_in: float) -> bool:
    """Whether a figure is so narrow that its parts must stand below each other."""
    return width_in < 5.0


def settings(width_in: float) -> dict[str, Any]:
    """Return matplotlib's settings for a figure of a width."""
    size_pt = 8.0 if is_narrow(width_in) else 8.5
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": size_pt,
        "axes.titlesize": size_pt + 0.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.labelsize": size_pt,
        "xtick.labelsize": size_pt - 0.5,
        "ytick.labelsize": size_pt - 0.5,
        "legend.fontsize": size_pt - 0.5,
        "legend.frameon": False,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.4,
        "figure.facecolor": PAPER,
        "axes.facecolor": "none",
        "savefig.dpi": PIXELS_PER_INCH,
        "svg.fonttype": "none",
        "svg.hashsalt": "ampelwerk",
    }


@dataclass(frozen=True, slots=True)
class Roles:
    """Which controllers a figure points out.

    Attributes
    ----------
    baseline, best
        Labels of the one that the others are compared with, and of the one with the least delay (they may be the same).
    """

    baseline: str
    best: str

    def colour(self, controller: str) -> str:
        """Return blue for the best, vermillion for the baseline, grey for the rest."""
        return BLUE if controller == self.best else VERMILLION if controller == self.baseline else MUTED

    def drawn(self) -> tuple[str, ...]:
        """Return the controllers that are drawn in detail: the baseline and the best."""
        return tuple(dict.fromkeys((self.baseline, self.best)))
