"""The connection to a worker: messages arrive whole, however the socket cuts them."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, cast

import pytest

from optimizer.service import forking
from optimizer.service.forking import Nursery
from optimizer.service.framing import framed
from optimizer.service.links import Link, ProcessLink
from optimizer.service.problems import ProblemError


class OneSocket:
    """Stands in for the nursery: its only worker is the test."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fork(self) -> socket.socket:
        return self._connection


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
def test_answers_cut_into_pieces_are_put_together_and_a_lost_worker_fails_the_rest(piece: int) -> None:
    async def scene() -> tuple[list[Any], list[int]]:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        ended: list[int] = []

        async def on_end(link: Link) -> None:
            ended.append(link.number)

        link = ProcessLink(5, cast("Nursery", OneSocket(ours)))
        opening = asyncio.create_task(link.open(on_end))
        await loop.sock_recv(theirs, 4096)  # it is asked for its number
        await loop.sock_sendall(theirs, framed((0, 77)))
        await opening
        asked = [asyncio.create_task(link.ask("x")) for _ in range(3)]
        await asyncio.sleep(0)
        answers = framed((2, b"b" * 50)) + framed((1, "a"))
        for begin in range(0, len(answers), piece):
            await loop.sock_sendall(theirs, answers[begin : begin + piece])
            await asyncio.sleep(0)
        first = [await asked[0], await asked[1], link.pid]
        theirs.close()
        with pytest.raises(ProblemError, match="ended"):
            await asked[2]
        await asyncio.sleep(0)
        return first, ended

    assert asyncio.run(scene()) == (["a", b"b" * 50, 77], [5])


def test_a_start_that_takes_long_is_waited_for_and_told_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    # Where other work keeps the machine busy, to compile takes more than three minutes: that ended the service once.
    monkeypatch.setattr(forking, "TOLD_EVERY_S", 0.05)
    nursery = Nursery()
    try:
        with caplog.at_level(logging.INFO):
            nursery.await_ready()
        assert "still compiling the optimizer" in caplog.text
        nursery.fork().close()
    finally:
        nursery.close()
