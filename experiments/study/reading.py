"""Study files: TOML in, `Study` out, or one sentence that names the line and the nearest valid word."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controllers.registry import ControllerError, controller, parameters_of, registered
from controllers.sumo.detectors import DetectorLayout
from controllers.sumo.loop_faults import FAULT_KINDS, MIXED, NOISY, LoopFaults
from experiments.errors import ExperimentError
from experiments.requests import SHIPPED, SIGNALS, ControllerChoice, controller_choice, seed_list, signals_file
from experiments.study.checked_toml import CheckedToml, is_number, nearest
from experiments.study.definition import ControllerVariant, LoopState, Published, QuickForm, Study, Window
from experiments.study.places import TomlText
from experiments.tables import INDICATORS
from optimizer.observation import InformationClass
from sumo_networks.catalogue import is_of_a_family, names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

READY_MADE = "experiments.studies"
KEYS = (
    *("name", "title", "description", "scenarios", "controllers", "information", "seeds", "demand_scales", "loops", "baseline"),
    *("metrics", "length_s", "precision", "quick", "published"),
)
CONTROLLER_KEYS = ("name", "label", "information", "engine", "background", "signals", "parameters")
LOOP_KEYS = ("label", *(field.name for field in fields(DetectorLayout)), "faulty_share", "fault", "fault_seed")
QUICK_KEYS = tuple(field.name for field in fields(QuickForm))
PUBLISHED_KEYS = tuple(field.name for field in fields(Published))
METRICS = tuple(indicator.column for indicator in INDICATORS)


def ready_made() -> dict[str, Path]:
    """Return the studies that come with Ampelwerk, by name."""
    folder = Path(str(resources.files(READY_MADE)))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_study(name_or_path: str) -> Path:
    """Return the file of a ready-made study or of a path.

    Raises
    ------
    ExperimentError
        If there is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ready_made()
    if name_or_path in known:
        return known[name_or_path]
    raise ExperimentError(f"There is no study {name_or_path!r}; {nearest(name_or_path, known)}, or name a .toml file.")


def read_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    ExperimentError
        If it cannot be read or something in it makes no sense.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"The study {path} cannot be read ({getattr(error, 'strerror', None) or error}); check the path.") from error
    return study_from_text(text, str(path), path.resolve().parent)


def study_from_text(text: str, file: str, folder: Path | None = None, ran: Collection[str] | None = None) -> Study:
    """Read the text of a study file.

    Parameters
    ----------
    text
        The text.
    file
        What errors call it.
    folder
        Where its relative paths start from.
    ran
        Labels of the controllers that have run, where the study is only read for its results: their code is not needed then. None where
        it is to be run: each controller is made once, so that mistakes come out before anything runs.

    Raises
    ------
    ExperimentError
        If something in it makes no sense.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(f"{file} is no TOML ({error}); mend that place.") from error
    reader = _Reader(content, TomlText(text), file, folder)
    reader.ran = ran
    return reader.study()


class _Reader(CheckedToml):
    """Reads one study file.

    Attributes
    ----------
    ran
        See `study_from_text`.
    """

    ran: Collection[str] | None = None

    def study(self) -> Study:
        content = self.content
        self.check_keys(content, KEYS, "")
        controllers = self._controllers()
        labels = tuple(variant.label for variant in controllers)
        scenarios = self._scenarios()
        states = self._loops()
        scales = tuple(float(value) for value in self.list_of("demand_scales", [1.0], (int, float)))
        for scale in scales:
            if not (math.isfinite(scale) and scale > 0):
                self.complain(
                    "demand_scales", f"the demand scale {scale:g} makes no traffic; give numbers above 0 (1 is the demand as it is)"
                )
        metrics = tuple(self.list_of("metrics", ["full_delay_s", "stops", "co2_g"], str))
        for metric in metrics:
            if metric not in METRICS and not metric.endswith("_full_delay_s"):
                self.complain("metrics", f"there is no metric {metric!r}; {nearest(metric, METRICS)}", metric)
        baseline = self.text("baseline", labels[0])
        if baseline not in labels:
            self.complain(
                "baseline", f"the baseline {baseline!r} is none of the study's controllers; {nearest(baseline, labels)}", baseline
            )
        return Study(
            name=self.text("name", Path(self.file).stem),
            title=self.text("title", ""),
            description=self.text("description", "").strip(),
            scenarios=scenarios,
            controllers=controllers,
            seeds=self._seeds(),
            baseline=baseline,
            metrics=metrics,
            demand_scales=scales,
            loops=states,
            window=Window(self.seconds("length_s")),
            precision=self._precision(),
            published=self._published(scenarios),
            quick=self._quick(scenarios, labels, scales, states),
            folder=self.folder,
        )

    def _scenarios(self) -> tuple[str, ...]:
        found = tuple(self.list_of("scenarios", None, str))
        known = names()
        for name in found:
            is_file = self.folder is not None and (self.folder / name).is_file()
            if name not in known and not is_of_a_family(name) and not is_file:
                self.complain("scenarios", f"there is no scenario {name!r}; {nearest(name, known)} or a .sumocfg beside this file", name)
        self.check_doubles("scenarios", found)
        return found

    def _seeds(self) -> tuple[int, ...]:
        given = self.content.get("seeds", "0-4")
        if isinstance(given, list) and given and all(isinstance(one, int) and not isinstance(one, bool) for one in given):
            given = ",".join(map(str, given))
        if given == []:
            self.complain("seeds", "'seeds' is empty, so there is nothing to run; name at least one")
        if not isinstance(given, str):
            self.complain("seeds", "'seeds' must be a text such as \"0-4\" or a list of whole numbers")
        try:
            return seed_list(given)
        except ExperimentError as error:
            self.complain("seeds", str(error).removesuffix("."))

    def _controllers(self) -> tuple[ControllerVariant, ...]:
        information = self.list_of("information", [], str) if "information" in self.content else []
        for one in information:
            self._information(one, "information")
        variants = [
            variant
            for number, entry in enumerate(self.list_of("controllers", None, (str, dict)))
            for variant in self._variants(entry, information, number)
        ]
        self.check_doubles("controllers", [variant.label for variant in variants])
        return tuple(variants)

    def _variants(self, entry: str | dict[str, Any], information: list[str], number: int) -> list[ControllerVariant]:
        """Return the variants of one entry: one, or one per information class where the entry leaves the choice."""
        label = ""
        if isinstance(entry, str):
            try:
                choice = controller_choice(entry)
            except ExperimentError as error:
                self.complain("controllers", str(error).removesuffix("."), entry)
        else:
            self.check_keys(entry, CONTROLLER_KEYS, "controllers", number)
            name, label = entry.get("name"), entry.get("label", "")
            if not isinstance(name, str) or not isinstance(label, str) or not isinstance(entry.get("parameters", {}), dict):
                self.complain("controllers", "each controller needs a 'name' (text); its 'label' is a text, its 'parameters' a table")
            choice = ControllerChoice(name, entry.get("information"), entry.get("engine"), self._parameters(entry), self._signals(entry))
        if self.ran is None and choice.name not in registered() and ":" not in choice.name:
            known = registered()
            self.complain(
                "controllers", f"there is no controller {choice.name!r}; {nearest(choice.name, known)} or package.module:Class", choice.name
            )
        if choice.information is not None:
            self._information(choice.information, "controllers")
        by_class = [replace(choice, information=one) for one in information]
        open_choice = by_class if choice.information is None else []
        if self.ran is not None:
            variants = _labelled(open_choice, label)
            return variants if any(variant.label in self.ran for variant in variants) else _labelled([choice], label)
        try:
            choices = open_choice if open_choice and "information" in parameters_of(choice.name) else [choice]
            for one in choices:
                controller(one.name, **one.arguments())
        except ControllerError as error:
            self.complain("controllers", _lower(str(error)).removesuffix("."), choice.name)
        return _labelled(choices, label)

    def _parameters(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Return a controller's parameters, the background plan among them; its place is told from the study file's folder."""
        if "background" not in entry:
            return dict(entry.get("parameters", {}))
        if not isinstance(entry["background"], str):
            self.complain("background", "a controller's 'background' is a text: the place of a design.json beside this file")
        plan = entry["background"] if self.folder is None else str(self.folder / entry["background"])
        return {**entry.get("parameters", {}), "background": plan}

    def _signals(self, entry: dict[str, Any]) -> str:
        """Return a controller's signals: a word, or a file whose place is told from the study file's folder."""
        told = entry.get("signals", SHIPPED)
        if not isinstance(told, str):
            self.complain("signals", f"a controller's 'signals' is a text: {', '.join(SIGNALS)}, or the place of a signals.json")
        if told in SIGNALS:
            return told
        try:
            return str(signals_file(told if self.folder is None else str(self.folder / told), "'signals'"))
        except ExperimentError as error:
            self.complain("signals", str(error).removesuffix("."))

    def _information(self, word: object, key: str) -> None:
        known = [str(one) for one in (InformationClass.LOOPS, InformationClass.ZONE)]
        if word not in known:
            self.complain(key, f"there is no information class {word!r} to choose; {nearest(str(word), known)}", word)

    def _loops(self) -> tuple[LoopState, ...]:
        entries = self.list_of("loops", [{}], dict)
        states = [self._loop_state(entry, number) for number, entry in enumerate(entries)]
        self.check_doubles("loops", [state.label for state in states])
        return tuple(states)

    def _loop_state(self, entry: dict[str, Any], number: int) -> LoopState:
        self.check_keys(entry, LOOP_KEYS, "loops", number)
        label = entry.get("label", LoopState().label)
        if not isinstance(label, str):
            self.complain("label", "the 'label' of a state of the loops must be a text", table="loops", number=number)
        places = {key: value for key, value in entry.items() if key in {field.name for field in fields(DetectorLayout)}}
        for key, value in places.items():
            if not is_number(value) or not value > 0:
                self.complain(key, f"{key!r} must be a number of metres above 0, not {value!r}", table="loops", number=number)
        share, fault, seed = entry.get("faulty_share", 0.0), entry.get("fault", "silent"), entry.get("fault_seed", 0)
        if not is_number(share) or not 0 <= share <= 1:
            self.complain("faulty_share", f"'faulty_share' must lie between 0 and 1, not {share!r}", table="loops", number=number)
        faults_known = (*FAULT_KINDS, NOISY, MIXED)
        if fault not in faults_known:
            self.complain("fault", f"there is no fault {fault!r}; {nearest(str(fault), faults_known)}", table="loops", number=number)
        if not isinstance(seed, int) or isinstance(seed, bool):
            self.complain("fault_seed", f"'fault_seed' must be a whole number, not {seed!r}", table="loops", number=number)
        faults = LoopFaults(float(share), fault, seed) if share > 0 else None
        return LoopState(label, DetectorLayout(**{key: float(value) for key, value in places.items()}), faults)

    def _quick(
        self, scenarios: tuple[str, ...], labels: tuple[str, ...], scales: tuple[float, ...], states: tuple[LoopState, ...]
    ) -> QuickForm:
        entry = self.content.get("quick", {})
        if not isinstance(entry, dict):
            self.complain("quick", "'quick' must be a table, [quick]")
        self.check_keys(entry, QUICK_KEYS, "quick")
        own = {"scenarios": scenarios, "controllers": labels, "demand_scales": scales, "loops": tuple(state.label for state in states)}
        found: dict[str, Any] = {}
        for key, allowed in own.items():
            if key in entry:
                values = entry[key]
                if not isinstance(values, list) or not values:
                    self.complain(key, f"{key!r} of the quick form must be a list with at least one entry", table="quick")
                for value in values:
                    if value not in allowed:
                        self.complain(
                            key,
                            f"{value!r} is none of the study's own {key}; {nearest(str(value), map(str, allowed))}",
                            value,
                            table="quick",
                        )
                found[key] = tuple(values)
        seeds = entry.get("seeds")
        if seeds is not None and (not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1):
            self.complain(
                "seeds", "'seeds' of the quick form is how many of the study's first seeds: a whole number from 1 on", table="quick"
            )
        return QuickForm(**found, seeds=seeds, length_s=self.seconds("length_s", "quick"))

    def _published(self, scenarios: tuple[str, ...]) -> tuple[Published, ...]:
        found = []
        for number, entry in enumerate(self.list_of("published", [], dict) if "published" in self.content else []):
            self.check_keys(entry, PUBLISHED_KEYS, "published", number)
            delays_s = entry.get("delays_s", {})
            texts = [entry.get(key, "") for key in ("source", "sumo_version", "definition")]
            if not all(isinstance(text, str) and text for text in texts):
                self.complain(
                    "source", "published figures need 'source', 'sumo_version' and 'definition' (texts)", table="published", number=number
                )
            for name, row in delays_s.items():
                for scenario, value in row.items() if isinstance(row, dict) else [(name, row)]:
                    if not isinstance(row, dict) or scenario not in scenarios or not is_number(value):
                        hint = nearest(scenario, scenarios)
                        self.complain(
                            name, f"published delay of {name!r} for {scenario!r}: needs a scenario of this study and seconds; {hint}"
                        )
            found.append(Published(*texts, {name: {place: float(v) for place, v in row.items()} for name, row in delays_s.items()}))
        return tuple(found)

    def _precision(self) -> float:
        value = self.content.get("precision", 0.05)
        if not is_number(value) or not 0 < value < 1:
            self.complain("precision", f"'precision' is a share of the mean between 0 and 1, such as 0.05, not {value!r}")
        return float(value)


def _labelled(choices: Sequence[ControllerChoice], label: str) -> list[ControllerVariant]:
    return [ControllerVariant(f"{label}@{one.information}" if label and len(choices) > 1 else label or str(one), one) for one in choices]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
