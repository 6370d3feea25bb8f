"""A worker process: holds its share of the junctions and answers what the front passes on, one call after the other."""

from __future__ import annotations

import gc
import itertools
import os
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from optimizer.estimation.snapshots import SnapshotError
from optimizer.observation import InformationClass
from optimizer.service.board import board_entry
from optimizer.service.description import DescriptionError, JunctionDescription
from optimizer.service.framing import LENGTH, framed
from optimizer.service.mind import Mind
from optimizer.service.plan_reading import design_tasks, plans_request
from optimizer.service.problems import ProblemError, contradiction, fault, unknown_junction
from optimizer.service.site import JunctionSite
from optimizer.service.solving import optimize

if TYPE_CHECKING:
    import socket
    from typing import BinaryIO

    from optimizer.service.answered import Reply


class Worker:
    """The junctions of one process.

    Each public method is a call that the front may pass on.
    """

    def __init__(self) -> None:
        self._sites: dict[str, JunctionSite] = {}
        self._unsaved: dict[str, None] = {}  # in the order in which they are due
        self._due = 0.0
        self._is_new = self._is_growing = False

    @staticmethod
    def pid() -> int:
        """Return the number of this process."""
        return os.getpid()

    def check(self, description: bytes) -> str:
        """Raise `ProblemError` unless a junction can be made of a description; return its content hash."""
        try:
            site = JunctionSite(JunctionDescription.model_validate_json(description))
        except DescriptionError as error:
            raise contradiction(error.field, str(error)) from error
        Mind(site.junction, site.description, InformationClass.LOOPS)
        return site.hash

    def put(self, description: bytes, snapshot: bytes | None) -> str:
        """Take over a junction; return what became of its snapshot (empty: taken up, or there was none)."""
        site = JunctionSite(JunctionDescription.model_validate_json(description))
        present = self._sites.get(site.junction.id)
        if present is not None and present.hash == site.hash:
            return ""
        self._sites[site.junction.id] = site
        self._is_growing = True
        if snapshot is None:
            return ""
        try:
            site.restore(snapshot)
        except SnapshotError as error:
            return str(error)
        return ""

    def prepare(self, name: str) -> None:
        """Make ready what the first call of a junction needs, so that it takes no longer than later ones."""
        if name in self._sites:
            self._sites[name].prepare()

    def delete(self, name: str) -> None:
        """Forget a junction."""
        self._sites.pop(name, None)
        self._unsaved.pop(name, None)

    def decide(self, name: str, body: bytes, received_s: float) -> Reply:
        """Answer a call of a junction."""
        site = self._sites.get(name)
        if site is None:
            raise unknown_junction(name)
        reply = site.answer(body, received_s)
        self._unsaved.setdefault(name)
        return reply

    def snapshots(self, part: float) -> list[tuple[str, str, bytes]]:
        """Return the state of a part of the junctions, those that have changed for longest: id, content hash of the description, state."""
        self._settle()
        self._due = min(self._due + part * len(self._sites), len(self._unsaved))
        chosen = list(itertools.islice(self._unsaved, int(self._due)))
        self._due -= len(chosen)
        for name in chosen:
            del self._unsaved[name]
        found = ((name, self._sites[name].hash, self._sites[name].snapshot()) for name in chosen)
        return [(name, digest, state) for name, digest, state in found if state is not None]

    def _settle(self) -> None:
        """Once new junctions have come and no more follow, leave what there is out of the search for garbage: it would stop all calls."""
        if self._is_growing:
            self._is_new, self._is_growing = True, False
        elif self._is_new:
            self._is_new = False
            gc.collect()
            gc.freeze()

    def unsaved(self, names: list[str]) -> None:
        """Take note that the state of junctions could not be kept."""
        self._unsaved.update(dict.fromkeys(name for name in names if name in self._sites))

    def board(self) -> list[dict[str, Any]]:
        """Return what the live page shows of each junction."""
        return [board_entry(site) for site in self._sites.values()]

    @staticmethod
    def optimize(body: bytes) -> bytes:
        """Solve a problem that comes as a whole."""
        return optimize(body)

    @staticmethod
    def check_plans(body: bytes, descriptions: list[bytes]) -> None:
        """Raise `ProblemError` unless plans can be designed for flows."""
        design_tasks(plans_request(body), descriptions)


def work(connection: socket.socket) -> None:
    """Answer until the front is gone."""
    worker = Worker()
    with connection, connection.makefile("rb") as incoming:
        while (message := _read(incoming)) is not None:
            number, name, arguments = message
            try:
                connection.sendall(framed((number, called(worker, name, arguments))))
            except (BrokenPipeError, ConnectionResetError):
                return


def called(worker: Worker, name: str, arguments: tuple[Any, ...]) -> object:
    """Return the result of a call; of one that fails, the `ProblemError`."""
    try:
        result: object = getattr(worker, name)(*arguments)
    except ProblemError as problem:
        return problem
    except Exception as error:  # noqa: BLE001 - one call's fault is no other junction's; the front logs it and answers 500
        return fault("".join(traceback.format_exception(error)))
    return result


def _read(incoming: BinaryIO) -> tuple[int, str, tuple[Any, ...]] | None:
    head = incoming.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    content = incoming.read(*LENGTH.unpack(head))
    message: tuple[int, str, tuple[Any, ...]] = pickle.loads(content)  # noqa: S301 - only the front of this service writes here
    return message
