"""The page: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.report.pictures import Picture

TEMPLATE = "page.html.j2"


def render(content: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    content
        What the template asks for by name; an omission is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["broken"] = broken
    environment.globals["figure"] = figure
    return environment.get_template(TEMPLATE).render(content)


def figure(picture: Picture) -> Markup:
    """Return a picture with its title and caption; the page shows the wide or the narrow drawing."""
    wide, narrow = picture.inline()
    caption = Markup("<figcaption>{}</figcaption>").format(picture.caption) if picture.caption else Markup("")
    return Markup('<figure><h3>{}</h3><div class="wide">{}</div><div class="narrow">{}</div>{}</figure>\n').format(
        picture.title, Markup(wide), Markup(narrow), caption  # noqa: S704 - drawn by matplotlib, which escapes texts
    )  # fmt: skip


def broken(text: str) -> Markup:
    """Return a name that may be broken after its underscores and slashes and before its @."""
    return Markup(str(escape(text)).replace("_", "_<wbr>").replace("/", "/<wbr>").replace("@", "<wbr>@"))  # noqa: S704 - escaped right here
