"""Small networks built with SUMO's own tools, for the tests of this folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import sumo


def run(tool: str, *options: str) -> None:
    subprocess.run([str(Path(sumo.SUMO_HOME) / "bin" / tool), "--no-warnings", *options], check=True, capture_output=True)


def grid(folder: Path, *options: str) -> Path:
    """Return a 2x2 grid of two-lane roads, all junctions signalised."""
    net = folder / "grid.net.xml"
    shape = ["--grid", "--grid.number", "2", "--grid.attach-length", "100", "--grid.length", "150", "-L", "2"]
    run("netgenerate", *shape, "--default-junction-type", "traffic_light", *options, "-o", str(net))
    return net


TRAM_NODES = """<nodes>
<node id="c" x="0" y="0" type="traffic_light"/><node id="n" x="0" y="200"/><node id="s" x="0" y="-200"/>
<node id="e" x="200" y="0"/><node id="bend" x="-80" y="0" type="priority"/><node id="w" x="-200" y="0"/>
<node id="r0" x="-300" y="300"/><node id="r1" x="0" y="300" type="rail_signal"/><node id="r2" x="300" y="300"/>
</nodes>"""

TRAM_EDGES = """<edges>
<edge id="far" from="w" to="bend" numLanes="1" speed="13.9"/><edge id="wc" from="bend" to="c" numLanes="1" speed="13.9"/>
<edge id="cw" from="c" to="bend" numLanes="1"/><edge id="away" from="bend" to="w" numLanes="1"/>
<edge id="ec" from="e" to="c" numLanes="2" speed="16.7"/><edge id="ce" from="c" to="e" numLanes="2"/>
<edge id="nc" from="n" to="c" numLanes="3" speed="19.5"><lane index="0" allow="bicycle"/><lane index="1" allow="bus taxi bicycle"/></edge>
<edge id="cn" from="c" to="n" numLanes="1"/><edge id="sc" from="s" to="c" numLanes="1"/>
<edge id="cs" from="c" to="s" numLanes="3"><lane index="0" allow="bicycle"/><lane index="1" allow="bus bicycle"/></edge>
<edge id="tce" from="c" to="e" numLanes="1" allow="tram" spreadType="center"/>
<edge id="tnc" from="n" to="c" numLanes="1" allow="tram" spreadType="center"/>
<edge id="rail0" from="r0" to="r1" allow="rail" spreadType="center"/><edge id="rail1" from="r1" to="r2" allow="rail" spreadType="center"/>
</edges>"""


def tram_junction(folder: Path) -> Path:
    """Return a junction with cars, bicycles, a bus lane, a tram and pedestrian crossings; and a rail signal elsewhere."""
    net = folder / "tram.net.xml"
    (folder / "tram.nod.xml").write_text(TRAM_NODES)
    (folder / "tram.edg.xml").write_text(TRAM_EDGES)
    sources = ["-n", str(folder / "tram.nod.xml"), "-e", str(folder / "tram.edg.xml"), "--no-turnarounds", "true"]
    run("netconvert", *sources, "--sidewalks.guess", "--crossings.guess", "-o", str(net))
    return net


def crossing(folder: Path, kind: str = "traffic_light", *, left_hand: bool = False, lanes: int = 2) -> Path:
    """Return a crossroads; where one drives on the left, east and west change places: the mirror image with the same names."""
    east_m = -200 if left_hand else 200
    places = {"n": (0, 200), "e": (east_m, 0), "s": (0, -200), "w": (-east_m, 0)}
    nodes = "".join(f'<node id="{name}" x="{x}" y="{y}"/>' for name, (x, y) in places.items())
    ways = [(f"{x}c", x, "c") for x in "nesw"] + [(f"c{x}", "c", x) for x in "nesw"]
    edges = "".join(f'<edge id="{name}" from="{a}" to="{b}" numLanes="{lanes}"/>' for name, a, b in ways)
    (folder / "x.nod.xml").write_text(f'<nodes><node id="c" x="0" y="0" type="{kind}"/>{nodes}</nodes>')
    (folder / "x.edg.xml").write_text(f"<edges>{edges}</edges>")
    net = folder / "x.net.xml"
    sources = ["-n", str(folder / "x.nod.xml"), "-e", str(folder / "x.edg.xml"), "--lefthand", str(left_hand).lower()]
    run("netconvert", *sources, "--no-turnarounds", "true", "-o", str(net))
    return net


def configuration(net: Path, flow_h: int = 150, end_s: int = 300, additional: str = "") -> Path:
    """Return a configuration for a `crossing` with the same flow on each way through it."""
    ways = [(a, b) for a in "nesw" for b in "nesw" if a != b]
    flows = "".join(f'<flow id="{a}{b}" from="{a}c" to="c{b}" begin="0" end="{end_s}" vehsPerHour="{flow_h}"/>' for a, b in ways)
    net.with_name("x.rou.xml").write_text(f"<routes>{flows}</routes>")
    more = f'<additional-files value="{additional}"/>' if additional else ""
    text = f'<input><net-file value="{net.name}"/><route-files value="x.rou.xml"/>{more}</input>'
    path = net.with_name("x.sumocfg")
    path.write_text(f'<configuration>{text}<time><begin value="0"/><end value="{end_s}"/></time></configuration>')
    return path
