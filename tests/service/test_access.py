"""Who may call: keys, scopes, rates, certificates."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from optimizer.service.access import REFRESH_S, Access
from optimizer.service.client import ServiceClient
from optimizer.service.gate import scope_of
from optimizer.service.keys import KeyRequestError, Scope, make_key, revoke_key, rotate_key
from optimizer.service.limits import RateLimits
from optimizer.service.problems import ProblemError
from optimizer.service.rehearsal import small_junction
from optimizer.service.settings import ServiceError, ServiceSettings, settings_from
from optimizer.service.storage import Storage
from tests.service.calls import call
from tests.service.certificates import certificates
from tests.service.running import ROOT, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.running import Service

PATH = "/v1/junctions/rehearsal"
REFRESHED_WITHIN_S = 15.0


def test_each_scope_allows_its_calls_and_no_other(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    keys = {scope: make_key(storage, scope, [scope]) for scope in ("read", "decide", "configure")}
    with running(tmp_path, DEMAND_KEYS="yes") as service, httpx.Client(base_url=service.url, timeout=30) as http:
        seconds = itertools.count(1)

        def statuses(secret: str) -> list[int]:
            now = next(seconds)
            headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
            return [
                http.put(PATH, content=small_junction().model_dump_json(), headers=headers).status_code,
                http.get(PATH, headers=headers).status_code,
                http.get("/metrics", headers=headers).status_code,
                http.post(f"{PATH}/decisions", json=call(now, float(now)), headers=headers).status_code,
            ]

        assert statuses(keys["configure"]) == [201, 403, 403, 403]
        assert statuses(keys["read"]) == [403, 200, 200, 403]
        assert statuses(keys["decide"]) == [403, 403, 403, 200]
        assert statuses("ampelwerk_wrong") == [401] * 4
        assert http.get(PATH).headers["www-authenticate"] == "Bearer"
        assert http.get("/healthz").status_code == 200
        # A key that is rotated works on for its time of grace; one that is revoked does not.
        new = rotate_key(storage, "decide", grace_hours=1)
        revoke_key(storage, "read")
        until = time.monotonic() + REFRESHED_WITHIN_S
        while statuses(keys["read"])[1] != 401:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert statuses(new)[3] == 200
        assert statuses(keys["decide"])[3] == 200
        log = service.log.read_text()
        assert not any(secret in log for secret in [*keys.values(), new])
    content = (tmp_path / "state.db").read_bytes()
    assert not any(secret.encode() in content for secret in [*keys.values(), new])


def test_after_a_silence_the_first_call_already_knows_which_keys_hold(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    keys = {name: make_key(storage, name, ["read"]) for name in ("revoked", "rotated", "kept")}
    with running(tmp_path, DEMAND_KEYS="yes") as service, httpx.Client(base_url=service.url, timeout=30) as http:

        def status(secret: str) -> int:
            return http.get("/v1/junctions", headers={"Authorization": f"Bearer {secret}"}).status_code

        assert [status(secret) for secret in keys.values()] == [200] * 3
        revoke_key(storage, "revoked")
        rotated = rotate_key(storage, "rotated")
        time.sleep(REFRESH_S + 0.1)  # nobody calls meanwhile
        assert [status(secret) for secret in keys.values()] == [401, 401, 200]
        assert status(rotated) == 200
        # A new key is good at once, also where the others were read a moment ago.
        assert status(make_key(storage, "new", ["read"])) == 200


async def names_let_in(access: Access, secrets: list[str]) -> list[str]:
    """Return the names of those whose keys are let in, `-` for the others."""
    found = []
    for secret in secrets:
        try:
            found.append((await access.client(f"Bearer {secret}", "peer")).name)
        except ProblemError:
            found.append("-")
    return found


def test_keys_go_on_while_the_database_cannot_be_read_and_are_renewed_when_it_can(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    secrets = [make_key(storage, name, ["read"]) for name in ("one", "two")]
    access = Access(storage, demanded=True)
    access.load()
    revoke_key(storage, "one")

    def rename(before: str, after: str) -> None:
        with sqlite3.connect(tmp_path / "state.db") as database:
            database.execute(f"ALTER TABLE {before} RENAME TO {after}")
        database.close()

    async def told() -> list[list[str]]:
        rename("api_keys", "elsewhere")
        await asyncio.sleep(REFRESH_S + 0.1)
        unreadable = await names_let_in(access, [*secrets, "ampelwerk_wrong"])
        rename("elsewhere", "api_keys")
        await asyncio.sleep(REFRESH_S + 0.1)
        return [unreadable, await names_let_in(access, [*secrets, "ampelwerk_wrong"])]

    assert asyncio.run(told()) == [["one", "two", "-"], ["-", "two", "-"]]


def test_a_new_key_is_good_at_once_though_timers_wake_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    access = Access(storage, demanded=True)
    sleep = asyncio.sleep

    async def wake_early(delay_s: float) -> None:
        await sleep(max(delay_s - 0.01, 0.0))

    async def told() -> list[str]:
        first = await names_let_in(access, [make_key(storage, "first", ["read"])])
        return first + await names_let_in(access, [make_key(storage, "second", ["read"])])  # within the pause

    monkeypatch.setattr(asyncio, "sleep", wake_early)
    assert asyncio.run(told()) == ["first", "second"]


def test_a_revoked_key_takes_the_secret_before_its_rotation_with_it(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    make_key(storage, "depot", ["read"])
    rotate_key(storage, "depot", grace_hours=1)
    assert [key.name for key in storage.api_keys()] == ["depot", "depot.old"]
    revoke_key(storage, "depot")
    assert storage.api_keys() == []


def test_keys_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    make_key(storage, "one", ["read"])
    for name, scopes, days in (("one", ["read"], None), ("no name", ["read"], None), ("two", ["fly"], None), ("three", ["read"], -1.0)):
        with pytest.raises(KeyRequestError):
            make_key(storage, name, scopes, days)
    for change in (rotate_key, revoke_key):
        with pytest.raises(KeyRequestError, match="keys list"):
            change(storage, "nobody")


def test_a_client_that_calls_too_often_is_told_to_wait(tmp_path: Path) -> None:
    with running(tmp_path, CALLS_PER_S="5") as service, httpx.Client(base_url=service.url) as http:
        answers = [http.get("/healthz") for _ in range(40)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)


def test_a_stream_is_limited_like_single_calls(tmp_path: Path) -> None:
    with running(tmp_path, CALLS_PER_S="5") as service, connect(f"{service.url.replace('http', 'ws')}/v1/junctions/one/stream") as stream:
        told = []
        for _ in range(40):
            stream.send("{}")
            told.append(json.loads(stream.recv())["status"])
    assert set(told) == {404, 429}


def test_a_stream_ends_when_its_key_is_revoked_and_no_key_gets_into_the_log_even_of_streams(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    secret = make_key(storage, "depot", ["decide"])
    with running(tmp_path, DEMAND_KEYS="yes", LOG_LEVEL="debug") as service:
        address = f"{service.url.replace('http', 'ws')}/v1/junctions/one/stream"
        with (
            connect(address, additional_headers={"Authorization": f"Bearer {secret}"}) as by_header,
            connect(address, subprotocols=[Subprotocol("ampelwerk.v1"), Subprotocol(f"key.{secret}")]) as by_protocol,
        ):
            for stream, message in ((by_header, "{}"), (by_protocol, b"{}")):
                stream.send(message)
                assert json.loads(stream.recv())["status"] == 404
            revoke_key(storage, "depot")
            until = time.monotonic() + REFRESHED_WITHIN_S
            told = 404
            while told == 404:
                assert time.monotonic() < until
                by_header.send("{}")
                told = json.loads(by_header.recv())["status"]
                time.sleep(0.2)
            assert told == 401
            with pytest.raises(ConnectionClosed):
                by_header.recv()
        assert secret not in service.log.read_text()


def test_a_junction_called_like_a_call_needs_the_same_scopes() -> None:
    assert scope_of("PUT", "/v1/junctions/stream") is Scope.CONFIGURE
    assert scope_of("GET", "/v1/junctions/decisions") is Scope.READ
    assert scope_of("POST", "/v1/junctions/stream/decisions") is Scope.DECIDE
    assert scope_of("GET", "/v1/junctions/one/stream") is Scope.DECIDE


def test_a_bucket_holds_its_burst_and_no_more() -> None:
    limits = RateLimits(per_s=0.001, burst=3)
    assert [limits.wait_s("a") > 0 for _ in range(5)] == [False, False, False, True, True]
    assert limits.wait_s("b") == 0


def health(service: Service) -> tuple[int, str]:
    """Return the exit code and the complaint of the container's health check."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AMPELWERK_PORT": str(service.port)}
    environment |= {f"AMPELWERK_{name}": value for name, value in service.settings.items()}
    command = [sys.executable, "-m", "optimizer.service.health"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_with_mutual_tls_only_clients_with_a_certificate_get_in(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    trusting = ssl.create_default_context(cafile=str(made["ca.pem"]))
    known = ssl.create_default_context(cafile=str(made["ca.pem"]))
    known.load_cert_chain(made["client.pem"], made["client.key"])
    settings = {"CERTIFICATE": str(made["server.pem"]), "PRIVATE_KEY": str(made["server.key"])}
    with running(tmp_path, **settings) as service:
        with ServiceClient(service.url, verify=trusting, timeout_s=10) as client:
            client.put_junction(small_junction())
        assert health(service)[1] == ""
        service.stop()
        assert "no key is asked for" in service.log.read_text()
        service.log.unlink()
        service.settings["CLIENT_AUTHORITY"] = str(made["ca.pem"])
        service.start()
        with ServiceClient(service.url, verify=known, timeout_s=10) as client:
            client.await_ready(60)
            client.put_junction(small_junction())
        with httpx.Client(verify=trusting) as http, pytest.raises(httpx.TransportError):
            http.get(f"{service.url}/healthz")
        assert "no key is asked for" not in service.log.read_text()
        assert health(service)[1] == ""
        service.stop()
        code, told = health(service)
        assert code == 1
        assert service.url in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"AMPELWERK_HOST": "0.0.0.0", "AMPELWERK_DEMAND_KEYS": "no"}, "set your signals"),  # noqa: S104
        ({"AMPELWERK_PORT": "http"}, "AMPELWERK_PORT=http cannot be read; write a whole number"),
        ({"AMPELWERK_DEMAND_KEYS": "maybe"}, "AMPELWERK_DEMAND_KEYS=maybe cannot be read; write yes or no"),
        ({"AMPELWERK_COLOUR": "red"}, "AMPELWERK_COLOUR"),
        ({"AMPELWERK_CERTIFICATE": "there.pem"}, "--private-key"),
        ({"AMPELWERK_WORKERS": "0"}, "--workers"),
    ],
)
def test_settings_that_make_no_sense_are_told_in_one_sentence(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        settings_from(settings)


def test_keys_are_demanded_beyond_the_loopback_unless_certificates_are(tmp_path: Path) -> None:
    assert not ServiceSettings().keys_demanded
    assert not ServiceSettings(host="::1").keys_demanded
    assert ServiceSettings(host="0.0.0.0").keys_demanded  # noqa: S104
    pem = tmp_path / "any.pem"
    pem.touch()
    assert not ServiceSettings(host="10.1.2.3", certificate=pem, private_key=pem, client_authority=pem).keys_demanded


def test_an_expired_key_is_none(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    make_key(storage, "short", ["read"], days=1e-9)
    assert storage.api_keys() == []
