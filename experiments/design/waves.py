"""The green wave of a corridor in a scenario: cycle, greens, offsets and speeds, with the bands that the real greens leave open."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from experiments.design.corridor import AUTO, Roads, signals_along
from experiments.design.drawings import Band, Stop, draw_time_space
from experiments.design.outputs import write_plans
from experiments.design.planning import plan_scenario
from experiments.errors import ExperimentError
from experiments.folders import write_whole
from optimizer.design.band_geometry import offset_room, through_band
from optimizer.design.bands import widest_band, widest_bands
from optimizer.design.coordination import CoordinatedJunction, coordinate
from optimizer.design.wave import Wave, WaveInstance, WaveLink, WaveSignal
from optimizer.design.wave_text import wave_content

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from controllers.sumo.findings import Finding
    from experiments.design.against_now import AgainstNow
    from experiments.design.corridor import Corridor, CorridorSignal
    from experiments.design.planning import PlanRequest, ScenarioPlan
    from optimizer.design.plan import GreenWindow, SignalPlan
    from sumo_networks import Scenario

SLOWEST_SHARE: Final = 0.85
"""The band runs at least at this share of the allowed speed."""


@dataclass(frozen=True, slots=True)
class ScenarioWave:
    """A coordinated corridor in a scenario.

    Attributes
    ----------
    corridor
        Its signals and links.
    designed
        The plans of its junctions, offsets set.
    instance, wave
        What was asked of MAXBAND or MULTIBAND, and its answer.
    out, back
        The bands that the real greens leave open; no inbound one in a one-way street.
    """

    corridor: Corridor
    designed: ScenarioPlan
    instance: WaveInstance
    wave: Wave
    out: Band
    back: Band | None

    @property
    def bands(self) -> dict[str, Band]:
        """The bands by direction."""
        return {"out": self.out} if self.back is None else {"out": self.out, "in": self.back}


def wave_scenario(
    place: Scenario, corridor: str, request: PlanRequest, k: float, bands: str, on_step: Callable[[str], None] = lambda _: None
) -> ScenarioWave:
    """Design the plans of a corridor's junctions with a common cycle and coordinate them.

    Parameters
    ----------
    place
        The scenario.
    corridor
        Edges separated by commas, in the order of driving outbound; or ``auto``.
    request
        How the plans are designed; its cycle is ``common`` or seconds.
    k
        Weight of the inbound band against the outbound one.
    bands
        ``common`` (MAXBAND) or ``links`` (MULTIBAND).
    on_step
        Told what is being done.

    Raises
    ------
    ExperimentError, DesignError, ScenarioError, NetworkError
        If the corridor or the scenario cannot be used.
    """
    if request.cycle == "own":
        raise ExperimentError("--cycle own gives each junction its own cycle; a green wave needs a common one.")

    def chosen(known: Any) -> list[str]:  # noqa: ANN401 - see plan_scenario
        site, demands, links = known
        roads = Roads({name: site.junctions[name] for name in demands}, demands, links)
        if corridor == AUTO:
            return roads.longest()
        edges = [edge.strip() for edge in corridor.split(",") if edge.strip()]
        return signals_along(site.reading.net, edges, {name: site.junctions[name] for name in demands})

    designed = plan_scenario(place, request, on_step, choose=chosen)
    roads = Roads({name: designed.site.junctions[name] for name in designed.demands}, designed.demands, designed.links)
    road = roads.corridor(list(designed.results))
    on_step("finding the widest bands")
    instance = _instance(road, designed, 0.0 if road.is_one_way else k)
    wave = (widest_band if bands == "common" else widest_bands)(instance)
    for number, signal in enumerate(road.signals):
        result = designed.results[signal.junction]
        green = _longest(result.plan, signal.out)
        red_centre_s = green.start_s + green.length_s + (result.plan.cycle_s - green.length_s) / 2
        offset_s = round(wave.offsets[number] * result.plan.cycle_s - red_centre_s)
        designed.results[signal.junction] = replace(result, plan=result.plan.with_offset(offset_s))
    on_step("setting the offsets within the bands")
    _refine(road, designed, _bands_of(road, designed, wave))
    out, back = _bands_of(road, designed, wave)
    designed = replace(designed, coordinated={signal.junction: _groups_of(signal) for signal in road.signals})
    return ScenarioWave(road, designed, instance, wave, out, back)


def _groups_of(signal: CorridorSignal) -> tuple[int, ...]:
    return (signal.out,) if signal.back is None else (signal.out, signal.back)


def _bands_of(road: Corridor, designed: ScenarioPlan, wave: Wave) -> tuple[Band, Band | None]:
    """Return the bands that the plans leave open at the wave's speeds, both in the order of the signals."""
    plans = [designed.results[signal.junction].plan for signal in road.signals]
    travel_out_s = [share * wave.cycle_s for share in wave.travel_out]
    travel_back_s = [share * wave.cycle_s for share in wave.travel_in]
    out = _band(plans, [s.out for s in road.signals], travel_out_s)
    inbound = [s.back for s in road.signals[::-1] if s.back is not None]
    if not inbound:
        return out, None
    back = _band(plans[::-1], inbound, travel_back_s[::-1])
    return out, Band(outbound=False, begin_s=back.begin_s[::-1], width_s=back.width_s)


def _refine(road: Corridor, designed: ScenarioPlan, bands: tuple[Band, Band | None]) -> None:
    """Move each signal within the room that both bands leave it to where the platoons wait least."""
    rooms_s = {}
    for number, signal in enumerate(road.signals):
        plan = designed.results[signal.junction].plan
        spans = [
            value
            for group, band in zip(_groups_of(signal), bands, strict=False)
            if band is not None
            for green in (_longest(plan, group),)
            for value in ((plan.offset_s + green.start_s, green.length_s), (band.begin_s[number], band.width_s[0]))
        ]
        if len(spans) == 2:
            spans *= 2  # a one-way street: the outbound band is all that has to be kept
        earliest_s, latest_s = offset_room(spans[0], spans[1], spans[2], spans[3], plan.cycle_s)
        rooms_s[signal.junction] = plan.offset_s + earliest_s, plan.offset_s + latest_s
    members = {name: CoordinatedJunction(result.problem, result.plan, designed.demands[name]) for name, result in designed.results.items()}
    found = coordinate(members, designed.links, rooms_s)
    for name, result in designed.results.items():
        designed.results[name] = replace(result, plan=result.plan.with_offset(found.offset_s[name]))


def write_wave(found: ScenarioWave, bands: str, out: Path) -> tuple[list[Finding], AgainstNow]:
    """Write a coordinated corridor: all that `write_plans` writes, and the bands as ``wave.json`` and as a time-space diagram."""
    (out / "drawings").mkdir(exist_ok=True)
    positions_m = list(accumulate((link.out_m for link in found.corridor.links), initial=0.0))
    stops = [
        Stop(signal.junction, position_m, found.designed.results[signal.junction].plan, signal.out, signal.back)
        for signal, position_m in zip(found.corridor.signals, positions_m, strict=True)
    ]
    for ending in ("svg", "pdf"):
        draw_time_space(stops, list(found.bands.values()), found.designed.place.name, out / "drawings" / f"time_space.{ending}")
    content = {
        "signals": [
            {"junction": stop.name, "position_m": round(stop.position_m, 1), "offset_s": stop.plan.offset_s, "cycle_s": stop.plan.cycle_s}
            for stop in stops
        ],
        "bands_s": {name: band.width_s[0] for name, band in found.bands.items()},
        "model": wave_content(found.wave, found.instance, bands=bands),
    }
    write_whole(out / "wave.json", json.dumps(content, indent=1) + "\n")
    return write_plans(found.designed, out)


def bands_table(found: ScenarioWave) -> Table:
    """Return the corridor's signals, offsets and speeds as a table for the terminal."""
    cycle_s = found.wave.cycle_s
    widths = [f"{name} {band.width_s[0]:.1f} s ({100 * band.width_s[0] / cycle_s:.0f} %)" for name, band in found.bands.items()]
    table = Table(title=f"cycle {cycle_s:g} s, bands {', '.join(widths)}", title_justify="left")
    for head in ("signal", "offset, s", "to the next, m", *(f"speed {name}, km/h" for name in found.bands)):
        table.add_column(head, justify="left" if head == "signal" else "right")
    out_m_s, in_m_s = found.wave.speeds_out_m_s(found.instance), found.wave.speeds_in_m_s(found.instance)
    rows = [
        (f"{link.out_m:.0f}", *(f"{speed * 3.6:.0f}" for speed in speeds[: len(found.bands)]))
        for link, *speeds in zip(found.corridor.links, out_m_s, in_m_s, strict=True)
    ]
    for signal, row in zip(found.corridor.signals, [*rows, ("",) * (1 + len(found.bands))], strict=True):
        table.add_row(signal.junction, f"{found.designed.results[signal.junction].plan.offset_s:g}", *row)
    return table


def _instance(road: Corridor, designed: ScenarioPlan, k: float) -> WaveInstance:
    signals, cycle_s = [], 0.0
    for signal in road.signals:
        plan = designed.results[signal.junction].plan
        cycle_s = plan.cycle_s
        out = _longest(plan, signal.out)
        if signal.back is None:
            signals.append(WaveSignal(1 - out.length_s / cycle_s, 0.0))
            continue
        back = _longest(plan, signal.back)
        # The centre of a red lies half a cycle after that of its green.
        shift = ((back.start_s + back.length_s / 2) - (out.start_s + out.length_s / 2)) / cycle_s
        signals.append(WaveSignal(1 - out.length_s / cycle_s, 1 - back.length_s / cycle_s, red_shift=(shift + 0.5) % 1.0 - 0.5))
    links = []
    for link in road.links:
        speed_m_s = (link.out_m + link.back_m) / (link.out_s + link.back_s)
        links.append(WaveLink(link.out_m, link.back_m, (SLOWEST_SHARE * speed_m_s, speed_m_s)))
    return WaveInstance((cycle_s, cycle_s), k, tuple(signals), tuple(links))


def _longest(plan: SignalPlan, group: int) -> GreenWindow:
    return max(plan.greens[group], key=lambda window: window.length_s)


def _band(plans: Sequence[SignalPlan], groups: Sequence[int], travel_s: Sequence[float]) -> Band:
    """Return the widest band that the greens of one direction leave open (the longest green of each signal counts)."""
    cycle_s = plans[0].cycle_s
    greens = [_longest(plan, group) for plan, group in zip(plans, groups, strict=True)]
    centers, reds = [], []
    for plan, green in zip(plans, greens, strict=True):
        red_s = cycle_s - green.length_s
        centers.append(((plan.offset_s + green.start_s + green.length_s + red_s / 2) % cycle_s) / cycle_s)
        reds.append(red_s / cycle_s)
    begin, width = through_band(centers, reds, [time_s / cycle_s for time_s in travel_s], [0.0] * len(plans))
    begins_s = tuple(accumulate(travel_s, initial=begin * cycle_s))
    return Band(outbound=True, begin_s=begins_s, width_s=(width * cycle_s,) * (len(plans) - 1))
