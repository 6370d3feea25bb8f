"""The calls themselves: over HTTP, waiting or asynchronously."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from types import TracebackType

    from optimizer.service.client.pilot import Guidance, Pilot
    from optimizer.service.description import JunctionDescription

T = TypeVar("T")

TIMEOUT_S: Final = 0.4
"""Time for one attempt; two fit into a second."""

LATE_S: Final = 5.0
"""An answer that takes longer than its attempt is still listened for so long: it brings a newer plan."""

MOST_ON_THE_WAY: Final = 64
"""Calls of one waiting client whose answers are listened for at a time."""

CONFIGURE_S: Final = 30.0
JSON_HEADERS: Final = {"Content-Type": "application/json"}
RETRIED: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class ServiceUnusableError(RuntimeError):
    """The service cannot be used as asked; the message is one sentence with the remedy."""


Late: TypeAlias = "Callable[[Future[httpx.Response] | asyncio.Future[httpx.Response]], None]"
"""Takes an answer that comes after its time."""

Call: TypeAlias = "tuple[str, str, bytes, float, Late | None]"
"""Method, path, body, time for it, s, and who takes a late answer; None where nobody does."""

Steps: TypeAlias = "Generator[Call, httpx.Response | httpx.HTTPError, T]"
"""Calls to make one after the other; each is told what came of it. In the end there is a result."""


class _Calls:
    """What both clients share: what to call and what to make of the answers, without the waiting."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self._headers = JSON_HEADERS if key is None else {**JSON_HEADERS, "Authorization": f"Bearer {key}"}

    def _describing(self, description: JunctionDescription) -> Steps[str]:
        response = yield "PUT", self._path(description.id), description.model_dump_json().encode(), CONFIGURE_S, None
        if isinstance(response, httpx.HTTPError):
            raise self._silent(response) from response
        if not response.is_success:
            raise self._refused(description, response)
        return str(response.json()["hash"])

    def _asking(self, pilot: Pilot, body: bytes | None) -> Steps[Guidance]:
        if body is None:
            return pilot.unanswered("the service is left alone for a while")

        def take_late(done: Future[httpx.Response] | asyncio.Future[httpx.Response]) -> None:
            if not done.cancelled() and done.exception() is None and done.result().status_code == HTTPStatus.OK:
                pilot.came_late(_json(done.result()))

        while True:
            response = yield "POST", self._path(pilot.description.id, "/decisions"), body, self.timeout_s, take_late
            if isinstance(response, httpx.HTTPError):
                why = f"no answer ({type(response).__name__})"
            elif response.status_code == HTTPStatus.NOT_FOUND:
                why = "the service did not know the junction"
                try:
                    yield from self._describing(pilot.description)
                except ServiceUnusableError as error:
                    why = str(error)
            elif response.status_code not in RETRIED:
                return _taken(pilot, response)
            else:
                why = "the service is busy"
            if not pilot.may_retry():
                return pilot.unanswered(why)

    def _path(self, name: str, end: str = "") -> str:
        return f"/v1/junctions/{quote(name, safe='')}{end}"

    def _refused(self, description: JunctionDescription, response: httpx.Response) -> ServiceUnusableError:
        detail = _json(response).get("detail", response.reason_phrase)
        return ServiceUnusableError(f"the service at {self.url} does not take junction {description.id!r}: {detail}")

    def _silent(self, error: Exception) -> ServiceUnusableError:
        return ServiceUnusableError(f"the service at {self.url} cannot be reached ({error}); start it with `ampelwerk serve`.")


class ServiceClient(_Calls):
    """Calls the service and waits for its answers.

    Parameters
    ----------
    url
        Where the service is.
    key
        API key, where it asks for one.
    timeout_s
        For one attempt.
    verify
        What to trust, and the client's own certificate: a context, or the path of certificates of authorities; None: the usual ones.
    """

    def __init__(self, url: str, key: str | None = None, timeout_s: float = TIMEOUT_S, verify: SSLContext | str | None = None) -> None:
        super().__init__(url, key, timeout_s)
        self._http = httpx.Client(base_url=self.url, headers=self._headers, timeout=timeout_s, verify=_trusted(verify))
        self._on_the_way = ThreadPoolExecutor(MOST_ON_THE_WAY, thread_name_prefix="ampelwerk")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go, and with them answers that are still on their way."""
        self._on_the_way.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def await_ready(self, limit_s: float) -> None:
        """Wait until the service can decide.

        Raises
        ------
        ServiceUnusableError
            If it is not ready in time.
        """
        until = time.monotonic() + limit_s
        while True:
            try:
                response = self._http.get("/readyz", timeout=5.0)
                if response.status_code == HTTPStatus.OK:
                    return
                failure: Exception = RuntimeError(f"it says {response.status_code}")
            except httpx.HTTPError as error:
                failure = error
            if time.monotonic() >= until:
                raise self._silent(failure) from failure
            time.sleep(0.1)

    def put_junction(self, description: JunctionDescription) -> str:
        """Describe a junction; return its content hash.

        Raises
        ------
        ServiceUnusableError
            If the service does not take it or cannot be reached.
        """
        return self._done(self._describing(description))

    def ask(
        self,
        pilot: Pilot,
        second: Mapping[str, Any],
        state: str,
        state_since_s: float,
        neighbours: Iterable[Mapping[str, Any]] = (),
        priorities: Iterable[Mapping[str, Any]] = (),
    ) -> Guidance:
        """Report a second and return what to show; it never raises for want of an answer.

        Parameters
        ----------
        pilot
            Of the junction.
        second, state, state_since_s, neighbours, priorities
            See `Pilot.report`.
        """
        return self._done(self._asking(pilot, pilot.report(second, state, state_since_s, neighbours, priorities)))

    def _done(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                call = steps.send(self._told(*call))
        except StopIteration as end:
            result: T = end.value
            return result

    def _told(self, method: str, path: str, body: bytes, limit_s: float, late: Late | None) -> httpx.Response | httpx.HTTPError:
        """Make a call and return what came of it in its time; what comes later goes to `late`."""
        if late is None:
            try:
                return self._http.request(method, path, content=body, timeout=limit_s)
            except httpx.HTTPError as error:
                return error
        try:
            future = self._on_the_way.submit(self._http.request, method, path, content=body, timeout=limit_s + LATE_S)
            return future.result(limit_s)
        except httpx.HTTPError as error:
            return error
        except TimeoutError:
            if not future.cancel():
                future.add_done_callback(late)
            return httpx.ReadTimeout("no answer in time")


class AsyncServiceClient(_Calls):
    """The same for asynchronous programs; see `ServiceClient`."""

    def __init__(self, url: str, key: str | None = None, timeout_s: float = TIMEOUT_S, verify: SSLContext | str | None = None) -> None:
        super().__init__(url, key, timeout_s)
        self._http = httpx.AsyncClient(base_url=self.url, headers=self._headers, timeout=timeout_s, verify=_trusted(verify))
        self._on_the_way: set[asyncio.Task[httpx.Response]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._on_the_way:
            task.cancel()
        await self._http.aclose()

    async def put_junction(self, description: JunctionDescription) -> str:
        """Describe a junction; return its content hash.

        Raises
        ------
        ServiceUnusableError
            If the service does not take it or cannot be reached.
        """
        return await self._done(self._describing(description))

    async def ask(
        self,
        pilot: Pilot,
        second: Mapping[str, Any],
        state: str,
        state_since_s: float,
        neighbours: Iterable[Mapping[str, Any]] = (),
        priorities: Iterable[Mapping[str, Any]] = (),
    ) -> Guidance:
        """Report a second and return what to show; see `ServiceClient.ask`."""
        return await self._done(self._asking(pilot, pilot.report(second, state, state_since_s, neighbours, priorities)))

    async def _done(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                call = steps.send(await self._told(*call))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _told(self, method: str, path: str, body: bytes, limit_s: float, late: Late | None) -> httpx.Response | httpx.HTTPError:
        """Make a call and return what came of it in its time; what comes later goes to `late`."""
        listened_s = limit_s if late is None else limit_s + LATE_S
        task = asyncio.create_task(self._http.request(method, path, content=body, timeout=listened_s))
        self._on_the_way.add(task)
        task.add_done_callback(self._on_the_way.discard)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        try:
            if done:
                return task.result()
        except httpx.HTTPError as error:
            return error
        if late is None:
            task.cancel()
        else:
            task.add_done_callback(late)
        return httpx.ReadTimeout("no answer in time")


def _trusted(verify: SSLContext | str | None) -> SSLContext | bool:
    if verify is None:
        return True
    return create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _taken(pilot: Pilot, response: httpx.Response) -> Guidance:
    content = _json(response)
    if response.status_code == HTTPStatus.OK:
        return pilot.answered(content)
    return pilot.rejected({"status": response.status_code, **content})


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
