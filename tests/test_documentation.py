"""What the documentation says in figures and names is what the code holds."""

import re
from dataclasses import fields
from pathlib import Path

from controllers.registry import registered
from optimizer.horizon.parameters import HorizonParameters

ROOT = Path(__file__).parents[1]


def test_every_default_that_the_description_of_the_model_gives_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    told = {name: float(value) for name, value in re.findall(r"^\| `(\w+_\w+)` \| ([\d.]+) \|", text, flags=re.MULTILINE)}
    assert told == {field.name: field.default for field in fields(HorizonParameters)}


def test_the_readme_names_every_registered_controller() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(told) == sorted(registered())


def test_every_file_that_the_documentation_links_to_is_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not missing
