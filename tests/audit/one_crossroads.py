"""A crossroads of two-lane roads with pedestrian crossings, and additional files with programs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sumolib

from controllers.sumo.audit import audit
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.sumo.findings import Finding

NODES = """<nodes><node id="c" x="0" y="0" type="traffic_light"/><node id="n" x="0" y="200"/><node id="s" x="0" y="-200"/>
<node id="e" x="200" y="0"/><node id="w" x="-200" y="0"/></nodes>"""
GUESSES = ["--sidewalks.guess", "--sidewalks.guess.max-speed", "40", "--crossings.guess", "--crossings.guess.speed-threshold", "40"]


def crossroads(folder: Path, speed_m_s: float = 13.89, lanes: int = 1) -> Path:
    edges = "".join(f'<edge id="{x}c" from="{x}" to="c" numLanes="{lanes}" speed="{speed_m_s}"/>'
                    f'<edge id="c{x}" from="c" to="{x}" numLanes="{lanes}" speed="{speed_m_s}"/>' for x in "nesw")  # fmt: skip
    (folder / "c.nod.xml").write_text(NODES)
    (folder / "c.edg.xml").write_text(f"<edges>{edges}</edges>")
    net = folder / "c.net.xml"
    sources = ["-n", str(folder / "c.nod.xml"), "-e", str(folder / "c.edg.xml"), "--no-turnarounds", "true"]
    nets.run("netconvert", *sources, *GUESSES, "-o", str(net))
    return net


def links_by_way(net: Path) -> dict[str, list[int]]:
    """Return the positions in the state string by way, such as ``"ns"`` (from north to south), and ``"feet"`` for the crossings."""
    read = sumolib.net.readNet(str(net), withInternal=True, withPedestrianConnections=True)
    (light,) = read.getTrafficLights()
    found: dict[str, list[int]] = {}
    for lane in {lane.getID(): lane for lane, _, _ in light.getConnections()}.values():
        for c in lane.getOutgoing():
            if c.getTLSID():
                on_foot = "crossing" in (c.getTo().getFunction(), c.getFrom().getFunction())
                way = "feet" if on_foot else c.getFrom().getID()[0] + c.getTo().getID()[1]
                found.setdefault(way, []).append(c.getTLLinkIndex())
    return found


def states(net: Path, *shown: dict[str, str]) -> list[str]:
    """Return states from letters by way; the ways that are not named show red."""
    places = links_by_way(net)
    size = 1 + max(link for links in places.values() for link in links)
    result = []
    for letters in shown:
        state = ["r"] * size
        for way, letter in letters.items():
            for link in places[way]:
                state[link] = letter
        result.append("".join(state))
    return result


def findings(net: Path, phases: list[tuple[float, str]], kind: str = "static", more: str = "") -> list[Finding]:
    """Return the findings on a program that an additional file gives to the crossroads."""
    rows = "".join(f'<phase duration="{duration_s}" state="{state}" {more}/>' for duration_s, state in phases)
    file = net.with_name("tried.add.xml")
    file.write_text(f'<additional><tlLogic id="c" type="{kind}" programID="tried" offset="0">{rows}</tlLogic></additional>')
    return [finding for finding in audit(net, [file]).findings if finding.program == "tried"]
