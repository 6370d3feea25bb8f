"""The way that nearly all calls go: a known junction asks for a decision. FastAPI, whose routes describe it, takes the rest."""

from __future__ import annotations

import time
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from optimizer.service.contract import JSON
from optimizer.service.problems import ProblemError, fault

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Receive, Send

    from optimizer.service.core import Core

_BEGIN: Final = "/v1/junctions/"
_END: Final = "/decisions"
_ROUTE: Final = SimpleNamespace(path=f"{_BEGIN}{{name}}{_END}")
_JSON: Final = JSON.encode()


class DecisionCalls:
    """Answers calls for decisions of known junctions.

    To find the route and to read the parameters takes FastAPI longer than all else that the front does for such a call.

    Parameters
    ----------
    app
        Takes all other calls, those that are wrong included.
    core
        Decides.
    """

    def __init__(self, app: ASGIApp, core: Core) -> None:
        self._app, self._core = app, core

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a call, or pass it on."""
        name = self._junction(scope)
        if name is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE  # the gate counts calls by it
        try:
            await self._decide(name, scope["state"]["request_id"], receive, send)
        except ProblemError:
            raise
        except Exception as error:
            raise fault("".join(traceback.format_exception(error))) from error

    def _junction(self, scope: MutableMapping[str, Any]) -> str | None:
        """Return the known junction that a call wants a decision for, None if it is any other call."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "POST" or not (path.startswith(_BEGIN) and path.endswith(_END)):
            return None
        name: str = path[len(_BEGIN) : -len(_END)]
        kind = next((value for header, value in scope["headers"] if header == b"content-type"), b"")
        return name if name in self._core.descriptions and kind.partition(b";")[0].strip().lower() == _JSON else None

    async def _decide(self, name: str, request_id: str, receive: Receive, send: Send) -> None:
        received_s = time.monotonic()
        body = await _body(receive)
        if body is None:
            return
        reply = await self._core.answer(name, body, received_s, request_id)
        headers = [(b"content-type", _JSON), (b"content-length", b"%d" % len(reply.body))]
        if reply.repeated:
            headers.append((b"ampelwerk-repeated", b"true"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a call, None if its client has gone meanwhile."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
