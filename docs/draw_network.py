"""Draw a scenario's network with its stop lines and loops: ``python docs/draw_network.py SCENARIO JUNCTION FILE.svg``.

Above the whole network, below the neighbourhood of one junction. Stop lines have the colour that the junction's first stage shows them;
loops lie where the controllers of the class ``loops`` get them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sumolib import geomhelper

from controllers.sumo.detectors import DetectorLayout, place_detectors, user_loops
from controllers.sumo.network import read_network
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sumolib.net import Net
    from sumolib.net.lane import Lane

    from optimizer.intersection import Intersection

WIDTH_PX, MARGIN_PX, CLOSE_M = 1400, 14, (170.0, 62.0)
PAPER, INK, JUNCTION, LOOP, GREEN, RED = "#fff", "#222", "#b9bdc2", "#1558b0", "#159947", "#c62828"
CAR, TRAM, WALK = "#a3a8ae", "#d9b08c", "#e3ded3"
KEY = {CAR: "lane", TRAM: "tram", WALK: "pavement, crossing", GREEN: "stop line, green", RED: "red", LOOP: "loop"}


def draw(name: str, junction: str) -> str:
    """Return the picture as SVG text."""
    place = scenario(name)
    reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
    placed = place_detectors(reading.net, reading.junctions, DetectorLayout(), user_loops(place.additional_files))
    marks = [mark for one in placed.junctions.values() for mark in _stop_lines(reading.net, one)]
    marks += [_across(reading.net.getLane(loop.lane), loop.position_m, 1.8, LOOP) for loops in placed.loops.values() for loop in loops]
    left, low, right, high = reading.net.getBBoxXY()[0] + reading.net.getBBoxXY()[1]
    wide_px = WIDTH_PX - 2 * MARGIN_PX
    whole_px, close_px = wide_px * (high - low) / (right - left), wide_px * CLOSE_M[1] / CLOSE_M[0]
    x, y = reading.net.getNode(junction).getCoord()
    px_per_m = wide_px / (right - left)
    labels = [
        f'<text x="{MARGIN_PX + (at_x - left) * px_per_m:.0f}" y="{96 + (high - at_y - 40) * px_per_m:.0f}">{one}</text>'
        for one in placed.junctions
        for at_x, at_y in [reading.net.getNode(one).getCoord()]
    ]
    about = ", ".join(filter(None, (name, place.label)))
    key = "  ".join(f'<tspan fill="{colour}">&#9632;</tspan> {text}' for colour, text in KEY.items())
    size = f'width="{WIDTH_PX}" height="{whole_px + close_px + 130:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" fill="{INK}">',
            f'<rect width="100%" height="100%" fill="{PAPER}"/>',
            '<defs><g id="network" fill="none" transform="scale(1,-1)">',
            *_roads(reading.net),
            *marks,
            "</g></defs>",
            f'<text x="{MARGIN_PX}" y="32" font-size="22" font-weight="bold">{about}</text>',
            f'<text x="{MARGIN_PX}" y="60" font-size="17" xml:space="preserve">{key}</text>',
            _view(left, high, right - left, high - low, 80, whole_px),
            f'<g font-size="17" text-anchor="start">{"".join(labels)}</g>',
            f'<text x="{MARGIN_PX}" y="{whole_px + 108:.0f}" font-size="17">{junction}, its first stage</text>',
            _view(x - CLOSE_M[0] / 2, y + CLOSE_M[1] / 2, *CLOSE_M, whole_px + 118, close_px),
            "</svg>\n",
        ]
    )


def _view(left: float, high: float, width_m: float, height_m: float, top_px: float, height_px: float) -> str:
    place = f'x="{MARGIN_PX}" y="{top_px:.0f}" width="{WIDTH_PX - 2 * MARGIN_PX}" height="{height_px:.0f}"'
    return f'<svg {place} viewBox="{left:.1f} {-high:.1f} {width_m:.1f} {height_m:.1f}"><use href="#network"/></svg>'


def _roads(net: Net) -> Iterator[str]:
    for node in net.getNodes():
        if len(node.getShape()) > 2:
            yield f'<polygon points="{_points(node.getShape())}" fill="{JUNCTION}"/>'
    edges = net.getEdges(withInternal=True)
    for edge in (edge for edge in edges if edge.getFunction() in ("", "crossing")):
        for lane in edge.getLanes():
            colour = CAR if lane.allows("passenger") or lane.allows("bus") else TRAM if lane.allows("tram") else WALK
            dashes = ' stroke-dasharray="0.6 0.6"' if edge.getFunction() == "crossing" else ""
            width_m = lane.getWidth() - 0.2  # the gap between two lanes
            yield f'<polyline points="{_points(lane.getShape())}" stroke="{colour}" stroke-width="{width_m:.1f}"{dashes}/>'


def _stop_lines(net: Net, junction: Intersection) -> Iterator[str]:
    for index, lane in enumerate(junction.incoming):
        groups = {movement.group for movement in junction.movements if movement.incoming == index}
        if groups:
            served = any(junction.stages[0].serves(group) for group in groups)
            found = net.getLane(lane.id)
            yield _across(found, found.getLength() - 0.6, 1.2, GREEN if served else RED)


def _across(lane: Lane, position_m: float, thick_m: float, colour: str) -> str:
    """Return a bar across a lane."""
    shape = lane.getShape()
    scale = geomhelper.polyLength(shape) / lane.getLength()  # the length that counts may differ from the one that is drawn
    ends = [geomhelper.positionAtShapeOffset(shape, max(position_m * scale + shift_m, 0.0)) for shift_m in (-thick_m / 2, thick_m / 2)]
    return f'<polyline points="{_points(ends)}" stroke="{colour}" stroke-width="{0.7 * lane.getWidth():.1f}"/>'


def _points(shape: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{point[0]:.1f},{point[1]:.1f}" for point in shape)


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(draw(sys.argv[1], sys.argv[2]), encoding="utf-8")
