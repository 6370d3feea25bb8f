"""What every call passes: a request id, the client's key and rate, the size of its body; and what every answer leaves in the log."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from optimizer.service import page
from optimizer.service.access import Client, demand
from optimizer.service.keys import Scope
from optimizer.service.problems import MEDIA_TYPE, ProblemError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Send

    from optimizer.service.access import Access
    from optimizer.service.limits import RateLimits
    from optimizer.service.metrics import Metrics

_log = logging.getLogger("ampelwerk.access")

OPEN_PATHS: Final = page.PATHS | {"/healthz", "/readyz", "/openapi.json"}
"""What anyone may see: whether the service lives, its form, and an empty page."""

_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, access: Access, limits: RateLimits, metrics: Metrics, most_bytes: int) -> None:
        self._app, self._access, self._limits, self._metrics, self._most_bytes = app, access, limits, metrics, most_bytes
        self._start, self._numbers = secrets.token_hex(4), itertools.count()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a call in, or answer it here."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = self._request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        client_name = ""
        try:
            client = await self._admit(scope, headers)
            client_name = client.name
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > self._most_bytes:
                raise self._too_large()
            await self._app(scope, self._counting(receive), sending)
        except ProblemError as problem:
            if problem.status == 413:
                problem.headers["Connection"] = "close"
            await send_problem(problem, request_id, sending)
        finally:
            spent_s = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.requests.labels(route, str(status)).inc()
            level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.DEBUG
            if _log.isEnabledFor(level):
                details = {"method": scope["method"], "path": scope["path"][:300], "status": status, "client": client_name}
                _log.log(level, "call", extra={**details, "request_id": request_id, "duration_ms": round(1000 * spent_s, 3)})

    async def _websocket(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = self._request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        # A browser can set no header here; it may send its key as a second subprotocol, which stays out of every log.
        offered = [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
        key = next((part.removeprefix("key.") for part in offered if part.startswith("key.")), None)
        if key is not None:
            headers["authorization"] = f"Bearer {key}"

        async def admit() -> None:
            await self._admit(scope, headers)

        scope["state"]["admit"] = admit  # again with each message: a key may be revoked while its stream lasts
        try:
            await admit()
        except ProblemError as problem:
            _log.warning("stream refused", extra={"request_id": request_id, "status": problem.status, "path": scope["path"][:300]})
            await send({"type": "websocket.close", "code": 4000 + problem.status, "reason": problem.title})
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: MutableMapping[str, Any], headers: dict[str, str]) -> Client:
        peer = scope["client"][0] if scope.get("client") else "local"
        method, path = scope.get("method", "GET"), scope["path"]
        if path in OPEN_PATHS:
            # Whether the service lives must not depend on its database: nothing is read for these.
            client = self._access.known(headers.get("authorization", ""), peer) or Client(peer, frozenset())
        else:
            client = await self._access.client(headers.get("authorization", ""), peer)
            demand(client, scope_of(method, path))
        scope["state"]["client"] = client
        demand_rate(client, self._limits, self._metrics)
        return client

    def _request_id(self, headers: dict[str, str]) -> str:
        given = headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else f"{self._start}-{next(self._numbers)}"

    def _counting(self, receive: Receive) -> Receive:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most_bytes:
                raise self._too_large()
            return message

        return counting

    def _too_large(self) -> ProblemError:
        detail = f"The body is larger than {self._most_bytes} bytes; send one junction or one second at a time."
        return ProblemError(413, "too-large", "The body is too large", detail)


def demand_rate(client: Client, limits: RateLimits, metrics: Metrics) -> None:
    """Take one call from what a client may make; raise `ProblemError` where there is none left."""
    wait_s = limits.wait_s(client.name)
    if wait_s > 0:
        metrics.limited.inc()
        detail = f"The client {client.name!r} calls too often; slow down, or ask the operator for a higher rate."
        raise ProblemError(429, "too-many-calls", "Too many calls", detail, headers={"Retry-After": str(max(1, round(wait_s)))})


def scope_of(method: str, path: str) -> Scope:
    """Return what a client must be allowed for a call."""
    parts = path.split("/")  # a junction itself may be called "stream"
    if path.startswith("/v1/junctions/") and len(parts) == 5 and parts[4] in {"decisions", "stream"}:
        return Scope.DECIDE
    if path == "/v1/optimize":
        return Scope.DECIDE
    if path.startswith("/v1/plans/"):
        return Scope.CONFIGURE
    return Scope.READ if method in {"GET", "HEAD"} else Scope.CONFIGURE


def note_fault(problem: ProblemError, request_id: str) -> None:
    """Log what a fault of ours left behind, and take it out of what is sent."""
    trace = problem.more.pop("trace", None)
    if trace is not None:
        _log.error("a fault in a worker", extra={"request_id": request_id, "trace": trace})


async def send_problem(problem: ProblemError, request_id: str, send: Send) -> None:
    """Send problem details."""
    note_fault(problem, request_id)
    body = problem.as_problem(request_id).model_dump_json(exclude_none=True).encode()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
