"""What a study is: small immutable values, whatever file they were read from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from controllers.sumo.detectors import DetectorLayout
from experiments.errors import ExperimentError
from experiments.requests import ControllerChoice, RunRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from controllers.sumo.loop_faults import LoopFaults


@dataclass(frozen=True, slots=True)
class ControllerVariant:
    """A controller under the name that the tables give it."""

    label: str
    choice: ControllerChoice


@dataclass(frozen=True, slots=True)
class LoopState:
    """Where the virtual loops lie and which of them are broken, under the name that the tables give it."""

    label: str = "as placed"
    layout: DetectorLayout = field(default_factory=DetectorLayout)
    faults: LoopFaults | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The part of each scenario's own window that is simulated: its first `length_s` seconds, all of it where None."""

    length_s: float | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of others, to stand beside ours.

    Attributes
    ----------
    source
        Where they were published.
    sumo_version
        What they were made with.
    definition
        What their delay counts and what it leaves out.
    delays_s
        By their controller's name and our scenario's.
    """

    source: str
    sumo_version: str
    definition: str
    delays_s: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class QuickForm:
    """What the quick form of a study does instead; None where it does the same.

    Attributes
    ----------
    scenarios, controllers, demand_scales, loops
        Names and labels out of the study's own.
    seeds
        How many of the study's first seeds.
    length_s
        How much of each window.
    """

    scenarios: tuple[str, ...] | None = None
    controllers: tuple[str, ...] | None = None
    demand_scales: tuple[float, ...] | None = None
    loops: tuple[str, ...] | None = None
    seeds: int | None = None
    length_s: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """A line of the tables: what is compared with what.

    Attributes
    ----------
    scenario, controller, demand_scale, loops
        Name of the scenario, label of the controller, factor on the number of vehicles, label of the loops' state.
    """

    scenario: str
    controller: str
    demand_scale: float
    loops: str


@dataclass(frozen=True, slots=True)
class Study:
    """A study.

    Attributes
    ----------
    name, title, description
        How it is called; ``name`` is also the name of its results folder.
    scenarios
        Names in the catalogue, or paths of ``.sumocfg`` files relative to `folder`.
    controllers, demand_scales, loops, seeds
        The other dimensions.
    baseline
        Label of the controller that the others are compared with.
    metrics
        Columns of the key figures wanted, the most important first.
    window
        The part of each scenario's window that is simulated.
    precision
        Wanted half width of the confidence interval of the first metric, as a share of its mean.
    published
        Figures of others.
    quick
        What the quick form does.
    quick_note
        What every output has to say; empty where this is the study itself.
    folder
        Folder that relative paths start from; None where the study is ready-made.

    Raises
    ------
    ExperimentError
        If a dimension is empty or the baseline is none of the controllers.
    """

    name: str
    scenarios: tuple[str, ...]
    controllers: tuple[ControllerVariant, ...]
    seeds: tuple[int, ...]
    baseline: str
    metrics: tuple[str, ...]
    title: str = ""
    description: str = ""
    demand_scales: tuple[float, ...] = (1.0,)
    loops: tuple[LoopState, ...] = (LoopState(),)
    window: Window = Window()
    precision: float = 0.05
    published: tuple[Published, ...] = ()
    quick: QuickForm = QuickForm()
    quick_note: str = ""
    folder: Path | None = None

    def __post_init__(self) -> None:
        for name in ("scenarios", "controllers", "seeds", "demand_scales", "loops", "metrics"):
            if not getattr(self, name):
                raise ExperimentError(
                    f"The study {self.name!r} has no {name.replace('_', ' ')}, so there is nothing to run; name at least one."
                )
        labels = [variant.label for variant in self.controllers]
        if self.baseline not in labels:
            raise ExperimentError(f"The baseline {self.baseline!r} is none of the study's controllers; choose from {', '.join(labels)}.")

    @property
    def full_name(self) -> str:
        """Name for tables and titles, which says so where this is the quick form."""
        return f"{self.name} (quick)" if self.quick_note else self.name

    def cases(self) -> Iterator[Case]:
        """Yield the cases in the order of the study."""
        for scenario, scale, state, variant in product(self.scenarios, self.demand_scales, self.loops, self.controllers):
            yield Case(scenario, variant.label, scale, state.label)

    def request(self, case: Case, seed: int, begin_s: float, end_s: float) -> RunRequest:
        """Return the request of one run of a case.

        Parameters
        ----------
        case, seed
            Which run.
        begin_s, end_s
            The scenario's own window.
        """
        variant = next(one for one in self.controllers if one.label == case.controller)
        state = next(one for one in self.loops if one.label == case.loops)
        length_s = self.window.length_s
        return RunRequest(
            scenario=self.path_of(case.scenario),
            controller=variant.choice,
            seed=seed,
            begin_s=begin_s,
            end_s=end_s if length_s is None else min(end_s, begin_s + length_s),
            demand_scale=case.demand_scale,
            layout=state.layout,
            loop_faults=state.faults,
        )

    def path_of(self, scenario: str) -> str:
        """Return what `sumo_networks.scenario` takes for one of our scenarios."""
        if self.folder is not None and (self.folder / scenario).is_file():
            return str(self.folder / scenario)
        return scenario

    def in_quick_form(self) -> Study:
        """Return the quick form, which says what it leaves out."""
        quick = self.quick
        seeds = self.seeds[: quick.seeds or 2]
        scenarios = quick.scenarios or self.scenarios
        wanted = quick.controllers or tuple(variant.label for variant in self.controllers)
        controllers = tuple(variant for variant in self.controllers if variant.label in {*wanted, self.baseline})
        scales = quick.demand_scales or self.demand_scales
        states = tuple(state for state in self.loops if quick.loops is None or state.label in quick.loops)
        length_s = quick.length_s or self.window.length_s
        counts = {
            "scenarios": (scenarios, self.scenarios),
            "controllers": (controllers, self.controllers),
            "seeds": (seeds, self.seeds),
            "demands": (scales, self.demand_scales),
            "states of the loops": (states, self.loops),
        }
        less = [f"{len(kept)} of {len(whole)} {name}" for name, (kept, whole) in counts.items() if len(kept) < len(whole)]
        less += [] if length_s is None else [f"the first {length_s:g} s of each window"]
        note = f"Quick form: {', '.join(less) or 'the whole study'}. A first answer, no evidence."
        return replace(
            self,
            scenarios=scenarios,
            controllers=controllers,
            seeds=seeds,
            demand_scales=scales,
            loops=states,
            window=Window(length_s),
            quick_note=note,
        )
