"""Mistakes that are found before anything runs: one sentence with file, element and remedy, exit code 2, nothing written."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import runs
from experiments.cli import main
from sumo_networks import scenario

RUN = ["run", "resco/cologne1", "--controller", "static"]
COMPARE = ["compare", "resco/cologne1", "--controllers", "static"]

Sentence = Callable[..., str]


@pytest.fixture
def sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sentence:
    """Run the command line in an empty folder and return the one sentence of its refusal."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        assert ended.value.code == 2, said.err
        assert said.out == ""
        lines = said.err.splitlines()
        assert len(lines) == 1, said.err
        assert lines[0].startswith("ampelwerk: ")
        return lines[0]

    return refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "resco/colonge1", "--out", "o"], ["resco/colonge1", "resco/cologne1"]),
        (["run", "none.sumocfg", "--out", "o"], ["none.sumocfg", "check the path"]),
        (["run", "resco/cologne1", "--controller", "gredy", "--out", "o"], ["gredy", "greedy"]),
        (["run", "resco/cologne1", "--controller", "no_module:Mine", "--out", "o"], ["no_module", "check its name"]),
        ([*RUN, "--information", "zone", "--out", "o"], ["static", "information"]),
        (["run", "resco/cologne1", "--information", "zoon", "--out", "o"], ["zoon", "zone"]),
        (["run", "resco/cologne1", "--engine", "cpsat", "--out", "o"], ["cpsat", "cp-sat"]),
        ([*RUN], ["--out"]),
        ([*RUN, "--out", "o", "--sed", "1"], ["--sed", "--seed"]),
        ([*RUN, "--out", "o", "--seed", "one"], ["--seed"]),
        ([*RUN, "--out", "o", "--seed", "-1"], ["--seed -1", "from 0"]),
        ([*RUN, "--out", "o", "--begin", "100", "--end", "50"], ["--end 50", "--begin 100", "later end"]),
        ([*RUN, "--out", "o", "--end", "100"], ["--end 100", "begins at 25200"]),
        ([*RUN, "--out", "o", "--begin", "99999"], ["--begin 99999", "ends at 28800"]),
        ([*RUN, "--out", "o", "--demand-scale", "0"], ["--demand-scale 0"]),
        ([*RUN, "--out", "o", "--step-length", "0.3"], ["--step-length 0.3"]),
        ([*RUN, "--out", "o", "--backend", "sumo"], ["libsumo or traci"]),
        ([*RUN, "--out", "o", "--gui"], ["--backend traci"]),
        ([*RUN, "--out", "o", "--loop-faults", "some"], ["'some'", "no share", "0.1:mixed:0"]),
        ([*RUN, "--out", "o", "--loop-faults", "1.5"], ["1.5", "from 0 to 1"]),
        ([*RUN, "--out", "o", "--loop-faults", "nan"], ["nan", "from 0 to 1"]),
        ([*RUN, "--out", "o", "--loop-faults", "0.1:dead"], ["'dead'", "off, on, silent, noisy and mixed"]),
        ([*RUN, "--out", "o", "--loop-faults", "0.1:off:-1"], ["'-1'", "no seed", "0.1:mixed:0"]),
        ([*COMPARE, "--out", "o", "--loop-faults", "0.1:off:1:2"], ["0.1:off:1:2", "more than three parts"]),
        ([*RUN, "--out", "o", "--parameters", "none.toml"], ["none.toml", "check the path"]),
        ([*COMPARE, "--seeds", "4-0", "--out", "o"], ["4-0", "write 0-4"]),
        ([*COMPARE, "--seeds", "0,x", "--out", "o"], ["'x'", "0-4"]),
        ([*COMPARE, "--workers", "0", "--out", "o"], ["--workers 0"]),
        (["compare", "resco/cologne1", "--controllers", "static,,greedy", "--out", "o"], ["empty name"]),
        (["compare", "resco/cologne1", "--controllers", "static,static", "--out", "o"], ["static", "twice"]),
        (["compare", "resco/cologne1", "--controllers", "static,gredy", "--out", "o"], ["gredy", "greedy"]),
        (["compare", "resco/cologne1", "--controllers", "rolling_horizon@zoom", "--out", "o"], ["zoom", "zone"]),
        (["compere"], ["compere"]),
    ],
)
def test_a_mistake_is_told_in_one_sentence_and_nothing_is_written(sentence: Sentence, arguments: list[str], words: list[str]) -> None:
    told = sentence(*arguments)
    assert [word for word in words if word not in told] == []
    assert not list(Path().iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a screen has no variable of its own")
@pytest.mark.parametrize("order", [RUN, COMPARE])
def test_a_window_without_a_screen_is_refused(sentence: Sentence, monkeypatch: pytest.MonkeyPatch, order: list[str]) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    told = sentence(*order, "--out", "o", "--gui", "--backend", "traci")
    assert "--gui needs a screen" in told
    assert "xvfb-run" in told
    assert not list(Path().iterdir())


@pytest.mark.parametrize("order", [RUN, COMPARE])
def test_an_out_that_is_a_file_or_holds_other_things_is_left_alone(sentence: Sentence, order: list[str]) -> None:
    Path("file").write_text("mine")
    assert "is a file; name a folder" in sentence(*order, "--out", "file")
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("mine")
    assert "already holds thesis.tex" in sentence(*order, "--out", "full")
    assert "name a folder" in sentence(*order, "--out", "/proc/nowhere")
    assert [path.read_text() for path in (Path("file"), Path("full/thesis.tex"))] == ["mine", "mine"]


def test_an_unknown_parameter_or_table_names_what_there_is(sentence: Sentence) -> None:
    Path("p.toml").write_text("[greedy]\nslot = 3\n")
    assert "'slot'" in sentence("run", "resco/cologne1", "--controller", "greedy", "--parameters", "p.toml", "--out", "o")
    Path("p.toml").write_text("[gredy]\nslot_s = 3\n")
    assert "[gredy]" in sentence("run", "resco/cologne1", "--controller", "greedy", "--parameters", "p.toml", "--out", "o")


def test_a_module_of_the_user_s_own_that_is_broken_is_told_from_one_that_is_missing(
    sentence: Sentence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    Path("unreadable_one.py").write_text("def decide(:\n")
    Path("needs_more.py").write_text("import nothing_of_that_name\n")
    run = ["run", "resco/cologne1", "--out", "o", "--controller"]
    assert "(unreadable_one.py, line 1)); mend it." in sentence(*run, "unreadable_one:Mine")
    assert "No module named 'nothing_of_that_name'); mend it." in sentence(*run, "needs_more:Mine")
    assert "lie in the folder where you are" in sentence(*run, "not_there:Mine")


def test_a_folder_or_a_network_in_the_place_of_a_configuration_is_recognised(sentence: Sentence) -> None:
    network = scenario("resco/cologne1").network
    assert "is a folder; name a .sumocfg in it, such as cologne1.sumocfg." in sentence("run", str(network.parent), "--out", "o")
    assert "is a folder; name a .sumocfg, there is none in it." in sentence("run", ".", "--out", "o")
    assert "is a network without traffic; name the .sumocfg that uses it." in sentence("run", str(network), "--out", "o")


def test_a_fault_of_ours_names_the_file_with_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("lane 7")

    monkeypatch.setattr(runs, "run", fail)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*RUN, "--out", "o"])
    assert ended.value.code == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("ampelwerk: This is a fault of ours (KeyError: 'lane 7'); the details are in ")
    log = Path(told.partition("the details are in ")[2].partition(", please")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


def configuration(net: str, routes: str) -> str:
    Path("mine.sumocfg").write_text(
        f'<configuration><input><net-file value="{net}"/><route-files value="{routes}"/></input></configuration>'
    )
    return "mine.sumocfg"


def test_broken_and_missing_files_are_named(sentence: Sentence) -> None:
    place = scenario("resco/cologne1")
    net, routes = str(place.network), str(place.route_files[0])
    Path("cut.net.xml").write_bytes(place.network.read_bytes()[:5000])
    Path("cut.rou.xml").write_bytes(place.route_files[0].read_bytes()[:5000])
    assert "cut.net.xml is broken XML" in sentence("run", configuration("cut.net.xml", routes), "--controller", "static", "--out", "o")
    assert "cut.rou.xml is broken XML" in sentence("run", configuration(net, "cut.rou.xml"), "--controller", "static", "--out", "o")
    assert "gone.rou.xml" in sentence("run", configuration(net, "gone.rou.xml"), "--controller", "static", "--out", "o")
    Path("mine.sumocfg").write_text("<configuration><input>")
    assert "mine.sumocfg is broken XML" in sentence("run", "mine.sumocfg", "--controller", "static", "--out", "o")


def test_a_route_file_for_another_net_is_recognised(sentence: Sentence) -> None:
    net, routes = scenario("resco/cologne1").network, scenario("resco/ingolstadt1").route_files[0]
    told = sentence("run", configuration(str(net), str(routes)), "--controller", "static", "--out", "o")
    assert routes.name in told
    assert "use the route file made for this network" in told


def test_a_net_without_signals_is_recognised(sentence: Sentence) -> None:
    Path("plain.net.xml").write_text(
        '<net version="1.20"><edge id="e" from="a" to="b"><lane id="e_0" index="0" speed="9" length="9"/></edge></net>'
    )
    Path("none.rou.xml").write_text("<routes/>")
    assert "no traffic signal" in sentence("run", configuration("plain.net.xml", "none.rou.xml"), "--controller", "static", "--out", "o")
