"""Lasting connections: a controller's calls one after the other, and the live page's picture every second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from fastapi import WebSocket  # noqa: TC002 - FastAPI reads it at run time
from pydantic_core import to_json
from starlette.websockets import WebSocketDisconnect

from optimizer.service.gate import note_fault
from optimizer.service.problems import ProblemError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from optimizer.service.core import Core

SUBPROTOCOL: Final = "ampelwerk.v1"
BOARD_EVERY_S: Final = 1.0
TOO_LARGE: Final = 1009
NOT_ALLOWED: Final = frozenset({401, 403})


class BoardNews:
    """The live page's picture, made once a second for all who look, and not at all where nobody does."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._made: tuple[float, bytes] = (-BOARD_EVERY_S, b"{}")
        self._making = asyncio.Lock()

    async def picture(self) -> bytes:
        """Return the present picture."""
        async with self._making:
            if time.monotonic() - self._made[0] >= 0.9 * BOARD_EVERY_S:
                picture = {
                    "latency_ms": self._core.metrics.recent_latency_ms(),
                    "storage": "failing" if self._core.storage_fails else "working",
                    "junctions": await self._core.board(),
                }
                self._made = time.monotonic(), to_json(picture)
            return self._made[1]


def add_routes(app: FastAPI, core: Core, most_bytes: int) -> None:
    """Add the streams to an application."""
    news = BoardNews(core)

    @app.websocket("/v1/junctions/{name}/stream")
    async def junction_stream(socket: WebSocket, name: str) -> None:
        await socket.accept(subprotocol=_chosen(socket))
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                body = await _received(socket)
                if len(body) > most_bytes:
                    await socket.close(TOO_LARGE)
                    return
                received_s = time.monotonic()
                try:
                    await socket.state.admit()
                    reply = await core.answer(name, body, received_s, socket.state.request_id)
                except ProblemError as problem:
                    note_fault(problem, socket.state.request_id)
                    await socket.send_text(problem.as_problem(socket.state.request_id).model_dump_json(exclude_none=True))
                    if problem.status in NOT_ALLOWED:
                        await socket.close(4000 + problem.status)
                        return
                    continue
                await socket.send_text(reply.body.decode())

    @app.websocket("/v1/board/stream")
    async def board_stream(socket: WebSocket) -> None:
        await socket.accept(subprotocol=_chosen(socket))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                try:
                    await socket.state.admit()
                except ProblemError as problem:
                    await socket.close(4000 + problem.status)
                    return
                await socket.send_text((await news.picture()).decode())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(_received(socket), BOARD_EVERY_S)


async def _received(socket: WebSocket) -> bytes:
    """Return the next message, be it sent as text or as bytes."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text: str | None = message.get("text")
    content: bytes = message.get("bytes") or b""
    return content if text is None else text.encode()


def _chosen(socket: WebSocket) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", []) else None
