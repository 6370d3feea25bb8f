"""Users' configurations: no option in one breaks a run, and what it asks for is done or refused before anything runs."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.coupling import SimulationError
from experiments.runs import refusal
from experiments.simulations import settings_of
from sumo_networks import ScenarioError, scenario
from tests.audit.one_crossroads import crossroads, states
from tests.commands import ampelwerk, mistake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Writer = Callable[..., Path]

ROUTES = "".join(f'<flow id="{a}{b}" from="{a}c" to="c{b}" begin="0" end="300" vehsPerHour="300"/>' for a, b in ("ns", "sn", "ew", "we"))
HOSTILE = """<traci_server><remote-port value="8813"/><num-clients value="2"/></traci_server>
<report><human-readable-time value="true"/><verbose value="true"/><log value="my.log"/><language value="de"/></report>
<output><output-prefix value="TIME_"/><output-suffix value="_x"/><output.format value="csv"/><precision value="0"/>
<tripinfo value="fcd.xml"/><fcd-output value="gone/fcd.xml"/><summary-output value="s.xml"/><statistic-output value="t.xml"/>
<save-state.times value="30"/></output><random_number><random value="true"/></random_number>
<tripinfo_device><device.tripinfo.explicit value="ns.0"/></tripinfo_device>"""
OUTPUTS = ("fcd.xml", "loop.xml", "my.log", "s.xml", "state_30.00.xml.gz")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossroads(tmp_path_factory.mktemp("network"))


@pytest.fixture
def write(tmp_path: Path, network: Path) -> Writer:
    """Write a crossroads' scenario with further options and files."""

    def written(options: str = "", routes: str = ROUTES, name: str = "c", **files: bytes) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(network, folder / "c.net.xml")
        (folder / "c.rou.xml").write_text(f"<routes>{routes}</routes>")
        for file, content in files.items():
            (folder / file).write_bytes(content)
        additional = f'<additional-files value="{" , ".join(files)}"/>' if files else ""
        (folder / "c.sumocfg").write_text(
            f'<configuration><net-file value="c.net.xml"/><route-files value="c.rou.xml"/>{additional}<end value="300"/>{options}'
            "</configuration>"
        )
        return folder / "c.sumocfg"

    return written


def record(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run.json").read_text())
    return found


def test_no_option_changes_a_run_and_all_outputs_lie_in_its_folder(write: Writer, tmp_path: Path) -> None:
    loop = b'<additional><inductionLoop id="mine" lane="nc_1" pos="100" period="60" file="../away/loop.xml"/></additional>'
    plain, hostile = write(name="plain"), write(HOSTILE, name="hostile", loops=gzip.compress(loop))
    before = sorted(hostile.parent.iterdir())
    for place in (plain, hostile):
        done = ampelwerk("run", str(place), "--controller", "greedy", "--end", "60", "--out", str(tmp_path / f"of_{place.parent.name}"))
        assert done.returncode == 0, done.stderr
    assert record(tmp_path / "of_hostile")["kpis"] == record(tmp_path / "of_plain")["kpis"]
    assert sorted(hostile.parent.iterdir()) == before
    assert not (tmp_path / "away").exists()
    assert sorted(path.name for path in (tmp_path / "of_hostile" / "outputs").iterdir()) == sorted(OUTPUTS)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ('<mesosim value="true"/>', ["<mesosim>", "take that option out"]),
        ('<tls.all-off value="true"/>', ["<tls.all-off>"]),
        ('<save-config value="x.sumocfg"/>', ["<save-configuration>"]),
        ('<load-state value="x.xml"/>', ["<load-state>"]),
        ('<step-length value="0.3"/>', ["<step-length> 0.3", "divide a second"]),
    ],
)
@pytest.mark.parametrize("order", [["run", "--controller", "static"], ["compare", "--controllers", "static"]])
def test_an_option_that_no_run_can_follow_is_refused_before_anything_runs(
    write: Writer, tmp_path: Path, capfd: pytest.CaptureFixture[str], option: str, words: list[str], order: list[str]
) -> None:
    place = write(option)
    told = mistake(capfd, order[0], str(place), *order[1:], "--out", str(tmp_path / "out"))
    assert [word for word in (str(place), *words) if word not in told] == []
    assert not (tmp_path / "out").exists()


def test_scale_step_and_seed_of_the_configuration_are_the_defaults(write: Writer, tmp_path: Path) -> None:
    place = scenario(write('<scale value="0.5"/><step-length value="0:0:0.5"/><srand value="7"/><random value="true"/>'))
    assert (place.scale, place.step_length_s, place.seed) == (0.5, 0.5, 7)
    own = settings_of(place, tmp_path)
    assert (own.demand_scale, own.step_length_s) == (0.5, 0.5)
    other = settings_of(place, tmp_path, demand_scale=3.0, step_length_s=1.0)
    assert (other.demand_scale, other.step_length_s) == (1.5, 1.0)


@pytest.mark.parametrize("option", ['<scale value="-1"/>', '<scale value="much"/>', '<seed value="x"/>', '<step-length value="x"/>'])
def test_a_default_that_is_no_number_is_named(write: Writer, option: str) -> None:
    with pytest.raises(ScenarioError, match=option.split(maxsplit=1)[0]):
        scenario(write(option))


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("The lane 'x' is not known.", SimulationError),
        ("The lane 'x' is not known in '{out}/detectors.add.xml'.", RuntimeError),
        ("The lane 'x' is not known in '{out}/additional/1_my.add.xml'.", SimulationError),
        ("Another induction loop with the id 'ampelwerk:c:far:nc_0' exists.", RuntimeError),
    ],
)
def test_what_sumo_refuses_of_our_own_files_is_no_mistake_of_the_users(tmp_path: Path, complaint: str, kind: type[Exception]) -> None:
    complaint = complaint.format(out=tmp_path)
    (tmp_path / "run.log").write_text(f"Error: {complaint}\n")
    found = refusal("SUMO could not load my.sumocfg: Process Error", tmp_path / "run.log")
    assert type(found) is kind
    assert complaint.rstrip(".") in str(found)


def phases_s(folder: Path, after_s: float) -> set[float]:
    """Return how long the phases lasted that began after a moment."""
    with (folder / "signals.csv").open(encoding="utf-8") as stream:
        moments_s = [float(row["time_s"]) for row in csv.DictReader(stream)]
    return {end_s - start_s for start_s, end_s in pairwise(moments_s) if start_s > after_s}


def test_a_program_of_ours_holds_where_the_scenario_switches_by_the_time_of_day(write: Writer, tmp_path: Path, network: Path) -> None:
    green, other = states(network, {"ns": "G", "sn": "G"}, {"ew": "G", "we": "G"})

    def program(name: str, half_s: int) -> str:
        phases = "".join(f'<phase duration="{half_s}" state="{state}"/>' for state in (green, other))
        return f'<tlLogic id="c" type="static" programID="{name}" offset="0">{phases}</tlLogic>'

    waut = '<WAUT id="w" refTime="0" startProg="day"><wautSwitch time="60" to="night"/></WAUT><wautJunction wautID="w" junctionID="c"/>'
    day = f"<additional>{program('day', 45)}{program('night', 30)}{waut}</additional>".encode()
    place = write(day=day)
    (tmp_path / "ours.add.xml").write_text(f"<additional>{program('ours', 10)}</additional>")
    (tmp_path / "p.toml").write_text(f'[static]\nprograms = "{tmp_path / "ours.add.xml"}"\n')
    order = ["run", str(place), "--controller", "static", "--end", "240", "--out"]
    shipped, ours = ampelwerk(*order, str(tmp_path / "a")), ampelwerk(*order, str(tmp_path / "b"), "--parameters", str(tmp_path / "p.toml"))
    assert (shipped.returncode, ours.returncode) == (0, 0), shipped.stderr + ours.stderr
    assert (phases_s(tmp_path / "a", 120), phases_s(tmp_path / "b", 20)) == ({30}, {10})
    assert "WAUT" not in shipped.stdout
    assert "switched by the time of day (WAUT) as shipped; the controller takes over: c" in ours.stdout


def test_of_a_light_that_is_off_is_said_who_has_it_and_of_dropped_vehicles_how_many(write: Writer, tmp_path: Path) -> None:
    # 60 vehicles from 0 s on; those of the second flow depart before the one that stands in front of it, so SUMO leaves out 30
    unsorted = '<vehicle id="v" depart="5"><route edges="nc cs"/></vehicle><flow id="f" from="ec" to="cw" begin="0" end="300" number="30"/>'
    place = write(routes=unsorted, off=b'<additional><tlLogic id="c" type="static" programID="off"/></additional>')
    done = ampelwerk("run", str(place), "--controller", "static", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "switched off in the shipped program, and left so: c" in done.stdout
    assert "SUMO leaves out 30 of 31 vehicles" in done.stdout
    assert record(tmp_path / "out")["simulated"]["dropped"]["out_of_order"] == 30  # type: ignore[index]
