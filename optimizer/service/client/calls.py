"""The calls themselves: over HTTP, waiting or asynchronously."""

from __future__ import annotations

import time
from http import HTTPStatus
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from optimizer.service.client.pilot import Guidance, Pilot
    from optimizer.service.description import JunctionDescription

TIMEOUT_S: Final = 0.4
"""Time for one attempt; two fit into a second."""

CONFIGURE_S: Final = 30.0
JSON_HEADERS: Final = {"Content-Type": "application/json"}
RETRIED: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class ServiceUnusableError(RuntimeError):
    """The service cannot be used as asked; the message is one sentence with the remedy."""


class _Calls:
    """What both clients share."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self._headers = JSON_HEADERS if key is None else {**JSON_HEADERS, "Authorization": f"Bearer {key}"}

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
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
        try:
            response = self._http.put(self._path(description.id), content=description.model_dump_json(), timeout=CONFIGURE_S)
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        if not response.is_success:
            raise self._refused(description, response)
        return str(response.json()["hash"])

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
        body = pilot.report(second, state, state_since_s, neighbours, priorities)
        if body is None:
            return pilot.unanswered("the service is left alone for a while")
        while True:
            try:
                response = self._http.post(self._path(pilot.description.id, "/decisions"), content=body)
            except httpx.HTTPError as error:
                why = f"no answer ({type(error).__name__})"
            else:
                if response.status_code == HTTPStatus.NOT_FOUND:
                    why = self._describe_again(pilot)
                elif response.status_code not in RETRIED:
                    return _taken(pilot, response)
                else:
                    why = "the service is busy"
            if not pilot.may_retry():
                return pilot.unanswered(why)

    def _describe_again(self, pilot: Pilot) -> str:
        try:
            self.put_junction(pilot.description)
        except ServiceUnusableError as error:
            return str(error)
        return "the service did not know the junction"


class AsyncServiceClient(_Calls):
    """The same for asynchronous programs; see `ServiceClient`."""

    def __init__(self, url: str, key: str | None = None, timeout_s: float = TIMEOUT_S, verify: SSLContext | str | None = None) -> None:
        super().__init__(url, key, timeout_s)
        self._http = httpx.AsyncClient(base_url=self.url, headers=self._headers, timeout=timeout_s, verify=_trusted(verify))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def put_junction(self, description: JunctionDescription) -> str:
        """Describe a junction; return its content hash.

        Raises
        ------
        ServiceUnusableError
            If the service does not take it or cannot be reached.
        """
        try:
            response = await self._http.put(self._path(description.id), content=description.model_dump_json(), timeout=CONFIGURE_S)
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        if not response.is_success:
            raise self._refused(description, response)
        return str(response.json()["hash"])

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
        body = pilot.report(second, state, state_since_s, neighbours, priorities)
        if body is None:
            return pilot.unanswered("the service is left alone for a while")
        while True:
            try:
                response = await self._http.post(self._path(pilot.description.id, "/decisions"), content=body)
            except httpx.HTTPError as error:
                why = f"no answer ({type(error).__name__})"
            else:
                if response.status_code == HTTPStatus.NOT_FOUND:
                    why = await self._describe_again(pilot)
                elif response.status_code not in RETRIED:
                    return _taken(pilot, response)
                else:
                    why = "the service is busy"
            if not pilot.may_retry():
                return pilot.unanswered(why)

    async def _describe_again(self, pilot: Pilot) -> str:
        try:
            await self.put_junction(pilot.description)
        except ServiceUnusableError as error:
            return str(error)
        return "the service did not know the junction"


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
