"""KPIs from SUMO's own output."""

import subprocess
from pathlib import Path

import pytest
import sumo

from controllers.sumo.xml_reading import top_level_elements
from experiments.errors import ResultError
from experiments.kpis import Delay, read_kpis, vehicle_classes
from sumo_networks import scenario

PROGRAM = Path(sumo.SUMO_HOME) / "bin" / "sumo"
COUNTED = {"queue_95_veh": 3.0, "longest_red_s": 80.0, "refused_commands": 0, "violations": 0}

TRIPS = """<tripinfos>
 <tripinfo id="arrived" depart="10.00" departDelay="2.00" arrival="70.00" duration="60.00" waitingTime="8.00" waitingCount="2"
   timeLoss="20.00" vType="car"><emissions CO2_abs="150000.00"/></tripinfo>
 <tripinfo id="on its way" depart="50.00" departDelay="0.00" arrival="-1" duration="50.00" waitingTime="30.00" waitingCount="1"
   timeLoss="40.00" vType="metro"><emissions CO2_abs="0.00"/></tripinfo>
 <tripinfo id="never inserted" depart="-1" departDelay="36.00" arrival="-1" duration="0.00" waitingTime="0.00" waitingCount="0"
   timeLoss="0.00" vType="car"/>
 <tripinfo id="due at the end" depart="-1" departDelay="0.00" arrival="-1" duration="0.00" waitingTime="0.00" waitingCount="0"
   timeLoss="0.00" vType="car"/>
 <personinfo id="crossed" depart="0.00"><walk depart="0.00" arrival="60.00" timeLoss="12.00" waitingTime="9.00"/></personinfo>
 <personinfo id="still walking" depart="5.00"><walk depart="5.00" arrival="-1" timeLoss="0.00" waitingTime="6.00"/></personinfo>
 <personinfo id="passenger" depart="5.00"><ride depart="5.00" arrival="50.00"/></personinfo>
 <personinfo id="not yet born" depart="-1"><walk depart="-1" arrival="-1" timeLoss="0.00" waitingTime="0.00"/></personinfo>
</tripinfos>"""
STATISTICS = (
    '<statistics><vehicles loaded="3" inserted="2" running="1" waiting="1"/><teleports total="4"/><safety collisions="1"/></statistics>'
)


def written(folder: Path, trips: str = TRIPS, statistics: str = STATISTICS) -> tuple[Path, Path]:
    (folder / "tripinfo.xml").write_text(trips)
    (folder / "statistics.xml").write_text(statistics)
    return folder / "tripinfo.xml", folder / "statistics.xml"


def test_each_indicator_is_the_mean_that_its_definition_says(tmp_path: Path) -> None:
    kpis = read_kpis(*written(tmp_path), {"car": "passenger", "metro": "tram"}, **COUNTED)
    assert (kpis.vehicles_due, kpis.vehicles_inserted, kpis.unfinished, kpis.never_inserted) == (3, 2, 1, 1)
    assert kpis.full_delay_s == pytest.approx((20 + 2 + 40 + 0 + 36) / 3)
    assert kpis.travel_time_s == pytest.approx((2 + 60 + 0 + 50 + 36 + 0) / 3)
    assert kpis.stops == pytest.approx((2 + 1) / 2)
    assert kpis.waiting_s == pytest.approx((8 + 30) / 2)
    assert kpis.co2_g == pytest.approx(150 / 2)
    assert (kpis.teleports, kpis.collisions) == (4, 1)


def test_pedestrians_count_the_loss_of_finished_walks_and_the_waiting_of_others(tmp_path: Path) -> None:
    assert read_kpis(*written(tmp_path), {}, **COUNTED).pedestrians == Delay(2, (12 + 6) / 2)


def test_classes_stand_apart_where_there_is_more_than_one(tmp_path: Path) -> None:
    kpis = read_kpis(*written(tmp_path), {"car": "passenger", "metro": "tram"}, **COUNTED)
    assert kpis.by_class == {"passenger": Delay(2, (22 + 36) / 2), "tram": Delay(1, 40)}
    assert read_kpis(*written(tmp_path), {}, **COUNTED).by_class == {}


def test_nobody_due_gives_no_mean(tmp_path: Path) -> None:
    kpis = read_kpis(*written(tmp_path, "<tripinfos/>", '<statistics><vehicles inserted="0" waiting="0"/></statistics>'), {}, **COUNTED)
    assert (kpis.vehicles_due, kpis.full_delay_s, kpis.co2_g, kpis.pedestrians) == (0, None, None, None)


@pytest.mark.parametrize("cut", [20, len(TRIPS) // 2, len(TRIPS) - 3])
def test_a_cut_off_tripinfo_is_no_result(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ResultError, match=r"tripinfo\.xml; free some room"):
        read_kpis(*written(tmp_path, TRIPS[:cut]), {}, **COUNTED)


def test_files_that_contradict_each_other_are_no_result(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="2 inserted vehicles"):
        read_kpis(*written(tmp_path, statistics=STATISTICS.replace('inserted="2"', 'inserted="3"')), {}, **COUNTED)


def test_types_without_a_class_are_cars_and_members_of_a_distribution_are_found(tmp_path: Path) -> None:
    routes = tmp_path / "a.rou.xml"
    routes.write_text(
        '<routes><vType id="car"/><vTypeDistribution id="mix"><vType id="bike" vClass="bicycle"/></vTypeDistribution>'
        '<vType id="t" vClass="tram"/></routes>'
    )
    classes = vehicle_classes([routes])
    assert (classes["car"], classes["bike"], classes["t"], classes["DEFAULT_BIKETYPE"]) == ("passenger", "bicycle", "tram", "bicycle")


def test_the_indicators_agree_with_sumos_own_statistics(tmp_path: Path) -> None:
    # With half as much traffic again some vehicles cannot be inserted. SUMO's own means (rounded to 0.01 s) then give
    # full delay = (inserted * (timeLoss + departDelay) + listed * departDelayWaiting) / due, where SUMO averages the last one over all
    # undeparted vehicles it lists: those due, and those scheduled for the very end (with a delay of 0 s).
    place = scenario("resco/cologne1")
    trips, statistics = tmp_path / "t.xml", tmp_path / "s.xml"
    options = [
        "-c",
        str(place.configuration),
        "--begin",
        "25200",
        "--end",
        "25500",
        "--scale",
        "1.5",
        "--time-to-teleport",
        "-1",
        "--no-step-log",
    ]
    options += ["--tripinfo-output", str(trips), "--tripinfo-output.write-unfinished", "--tripinfo-output.write-undeparted"]
    options += ["--statistic-output", str(statistics), "--device.emissions.probability", "1"]
    subprocess.run([PROGRAM, *options], check=True, capture_output=True)
    kpis = read_kpis(trips, statistics, vehicle_classes(place.route_files), **COUNTED)
    counted = {element.tag: dict(element.attrib) for element in top_level_elements(statistics)}
    means = {name: float(value) for name, value in counted["vehicleTripStatistics"].items()}
    inserted, waiting = int(counted["vehicles"]["inserted"]), int(counted["vehicles"]["waiting"])
    assert waiting > 0
    listed = trips.read_text().count('depart="-1"')
    expected_s = (inserted * (means["timeLoss"] + means["departDelay"]) + listed * means["departDelayWaiting"]) / (inserted + waiting)
    assert kpis.full_delay_s == pytest.approx(expected_s, abs=0.02)
    assert kpis.waiting_s == pytest.approx(means["waitingTime"], abs=0.01)
    assert kpis.unfinished == int(counted["vehicles"]["running"])
    assert kpis.vehicles_due == inserted + waiting
    assert 50 < kpis.co2_g < 1000
