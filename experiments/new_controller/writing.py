"""Writing the small example package of someone's own controller."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from controllers.registry import registered
from experiments.errors import ExperimentError

TEMPLATE = "experiments.new_controller"
SUFFIX = ".template"


def write_controller(name: str, parent: Path) -> Path:
    """Write the package ``parent/name`` whole or not at all, and return its folder.

    Parameters
    ----------
    name
        Of the controller, its package and its folder: small letters, digits and underscores.
    parent
        An existing folder.

    Raises
    ------
    ExperimentError
        If the name cannot be used, or the folder exists or cannot be written.
    """
    _check_name(name)
    target = parent.absolute() / name
    if target.exists():
        raise ExperimentError(f"{target} exists already; choose another name or remove it.")
    words = {"NAME": name, "CLASS": "".join(part.capitalize() for part in name.split("_"))}
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent.absolute()))
        try:
            _fill(Path(str(resources.files(TEMPLATE) / "template")), draft, name, words)
            draft.chmod(0o755)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ExperimentError(f"{target} cannot be written ({error.strerror or error}); go to a folder that you may write to.") from error
    return target


def _fill(template: Path, draft: Path, name: str, words: dict[str, str]) -> None:
    for source in sorted(template.rglob(f"*{SUFFIX}")):
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = re.sub(rf"\b{word}\b|(?<=test_){word}\b", value, text)
        place = source.relative_to(template).with_suffix("").as_posix()
        path = draft / re.sub(r"^package/", f"{name}/", place.replace("NAME", name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        near = re.sub(r"\W+", "_", name.lower()).strip("_0123456789") or "my_controller"
        raise ExperimentError(f"{name!r} cannot be the name of a package; use small letters, digits and underscores, such as {near!r}.")
    if name in registered():
        raise ExperimentError(f"There is a controller {name!r} already; choose another name, such as 'my_{name}'.")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise ExperimentError(f"There is a Python module {name!r} already; choose another name, such as 'my_{name}'.")
