"""Controllers by name: those of this project, and anyone's own as ``package.module:Class``."""

from __future__ import annotations

import difflib
import importlib
import inspect
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from controllers.contract import Controller, ProgramController

ENTRY_POINTS: Final = "ampelwerk.controllers"
"""Group of entry points under which other distributions offer controllers by name."""

_OWN: Final = {
    "static": "controllers.sumo_programs:Static",
    "actuated": "controllers.sumo_programs:Actuated",
    "delay_based": "controllers.sumo_programs:DelayBased",
    "max_pressure": "controllers.max_pressure:MaxPressure",
    "greedy": "controllers.greedy:Greedy",
    "longest_queue": "controllers.longest_queue:LongestQueue",
    "coordinated": "controllers.coordinated:Coordinated",
    "remote": "controllers.remote:Remote",
    "rolling_horizon": "controllers.rolling_horizon:RollingHorizon",
}


class ControllerError(ValueError):
    """A controller cannot be had; the message says what to name instead."""


def registered() -> dict[str, str]:
    """Return the known controllers: name to ``package.module:Class``. Nothing is imported; our own names win over entry points."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)} | _OWN


def controller(name_or_path: str, **parameters: Any) -> Controller | ProgramController:  # noqa: ANN401 - each controller has its own
    """Make a controller.

    Parameters
    ----------
    name_or_path
        A registered name, or ``package.module:Class``.
    **parameters
        Keyword arguments of the class.

    Returns
    -------
    Controller or ProgramController
        A new controller; the latter runs inside SUMO.

    Raises
    ------
    ControllerError
        If there is no such controller, it lacks a part of the contract, or a parameter does not fit.
    """
    made_by = _find(name_or_path)
    _check_parameters(name_or_path, made_by, parameters)
    try:
        made = made_by(**parameters)
    except (TypeError, ValueError) as error:
        raise ControllerError(f"Controller {name_or_path!r} rejects its parameters: {error}") from error
    except Exception as error:
        if name_or_path in _OWN:
            raise
        raise ControllerError(f"Controller {name_or_path!r} cannot be made ({_told(error)}); mend its __init__.") from error
    _check_contract(name_or_path, made)
    return made


def parameters_of(name_or_path: str) -> tuple[str, ...]:
    """Return the names of the parameters that a controller takes.

    Raises
    ------
    ControllerError
        If there is no such controller.
    """
    return tuple(inspect.signature(_find(name_or_path)).parameters)


def source_of(name_or_path: str) -> str:
    """Return the name of the top-level package or module that a controller's class comes from.

    Raises
    ------
    ControllerError
        If there is no such controller.
    """
    return str(_find(name_or_path).__module__).partition(".")[0]


def _find(name_or_path: str) -> Any:  # noqa: ANN401 - whatever the path names
    known = registered()
    path = known.get(name_or_path, name_or_path)
    module_name, colon, class_name = path.partition(":")
    if not colon:
        raise ControllerError(f"There is no controller {name_or_path!r}; {_suggest(name_or_path, known)} or package.module:Class.")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a module of the user's own does while it is imported
        is_missing = isinstance(error, ModuleNotFoundError) and error.name is not None and f"{module_name}.".startswith(f"{error.name}.")
        remedy = "check its name; it must be installed or lie in the folder where you are" if is_missing else "mend it"
        raise ControllerError(
            f"Controller {name_or_path!r}: the module {module_name!r} cannot be imported ({_told(error)}); {remedy}."
        ) from error
    found = getattr(module, class_name, None)
    if not inspect.isclass(found):
        classes = [name for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module_name]
        raise ControllerError(f"Module {module_name!r} has no class {class_name!r}; {_suggest(class_name, classes)}.")
    return found


def _check_parameters(name: str, made_by: Any, given: dict[str, Any]) -> None:  # noqa: ANN401 - any class
    accepted = inspect.signature(made_by).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
        return
    for parameter in given:
        if parameter not in accepted:
            raise ControllerError(f"Controller {name!r} has no parameter {parameter!r}; {_suggest(parameter, accepted)}.")


def _check_contract(name: str, made: object) -> None:
    if not isinstance(getattr(made, "information", None), InformationClass):
        raise ControllerError(
            f"Controller {name!r} does not declare what it may know; set its attribute 'information' to an InformationClass."
        )
    needed = ["write_programs"] if hasattr(made, "write_programs") else ["start", "decide"]
    for method in needed:
        if not callable(getattr(made, method, None)):
            raise ControllerError(f"Controller {name!r} has no method {method!r}; see controllers.contract.Controller.")


def is_own(made: object) -> bool:
    """Whether a controller is one of this project, and not the user's."""
    return f"{type(made).__module__}:{type(made).__name__}" in _OWN.values()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _suggest(wrong: str, valid: Any) -> str:  # noqa: ANN401 - any iterable of names
    names = sorted(valid)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    if not near:
        return f"choose from {', '.join(names)}" if names else "it offers none"
    return f"the nearest is {near[0]}" + (f", of {', '.join(names)}" if len(names) > 1 else "")
