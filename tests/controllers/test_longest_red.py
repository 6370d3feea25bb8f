"""The longest red with somebody waiting, as the coupling sees it in real SUMO."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.network import read_network
from sumo_networks.catalogue import scenario
from tests.commands import ampelwerk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("controller", ["static", "max_pressure"])
def test_the_longest_red_is_one_that_the_signals_showed(controller: str, tmp_path: Path) -> None:
    done = ampelwerk("run", "rilsa/1", "--controller", controller, "--end", "300", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    longest = record["simulated"]["longest_red"]
    assert record["kpis"]["longest_red_s"] == longest["waited_s"] > 10
    assert f"Longest red with somebody waiting: {longest['waited_s']:.0f} s" in done.stdout
    described = read_network(scenario("rilsa/1").network).junctions[longest["junction"]]
    link = next(group.links[0] for group in described.groups if group.id == longest["group"])
    with (tmp_path / "out" / "signals.csv").open(newline="") as stream:
        changes = [(float(row["time_s"]), row["state"][link]) for row in csv.DictReader(stream)]
    begin_s, end_s = longest["since_s"], longest["since_s"] + longest["waited_s"]
    shown = [letter for time_s, letter in changes if begin_s <= time_s < end_s] + [[c for t, c in changes if t <= begin_s][-1]]
    assert not set("Gg").intersection(shown), "no green while somebody waits"
    assert end_s >= 300 or dict(changes).get(end_s) in {"G", "g"}, "it ends with a green or with the run"
