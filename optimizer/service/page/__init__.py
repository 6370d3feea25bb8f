"""The live page: plain HTML, CSS and JavaScript, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI, Request

_FOLDER: Final = Path(__file__).parent
_SCRIPTS: Final = ("page.js", "connection.js", "diagram.js", "elements.js", "map.js", "names.js")
_FILES: Final = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")} | {
    f"/{name}": (name, "text/javascript") for name in _SCRIPTS
}
PATHS: Final = frozenset(_FILES)
"""Where the page's files are; without the picture they tell nothing, so anyone may have them."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def add_routes(app: FastAPI) -> None:
    """Add the page to an application."""
    for path, (name, kind) in _FILES.items():
        content = (_FOLDER / name).read_bytes()

        app.add_route(path, _sender(content, kind), include_in_schema=False)


def _sender(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(_request: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=kind)

    return send
