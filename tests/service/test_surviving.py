"""What survives: descriptions, what was learnt, keys; and what happens when the database does not play along."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from optimizer.service.rehearsal import small_junction
from optimizer.service.storage import Storage, StorageError, StoredJunction
from optimizer.service.tables import METADATA, REVISION
from tests.service.calls import call
from tests.service.running import Service, free_port, running, small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/junctions/rehearsal"
SNAPSHOT_LIMIT_S = 10.0
START_LIMIT_S = 60.0


def client(service: Service) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"Content-Type": "application/json"}, timeout=30)


def kept_sequence(database: Path) -> int | None:
    with sqlite3.connect(database) as connection:
        row = connection.execute("SELECT state FROM snapshots WHERE junction = 'rehearsal'").fetchone()
    return None if row is None else int(json.loads(row[0])["sequence"])


def test_after_kill_nine_it_goes_on_with_what_it_had_learnt(tmp_path: Path) -> None:
    with running(tmp_path) as service, client(service) as http:
        http.put(PATH, content=small_junction().model_dump_json())
        for n in range(1, 4):
            assert http.post(f"{PATH}/decisions", json=call(n, 100.0 + n, since_s=100.0)).status_code == 200
        until = time.monotonic() + SNAPSHOT_LIMIT_S
        while kept_sequence(tmp_path / "state.db") != 3:
            assert time.monotonic() < until, "the state was not kept within 10 s"
            time.sleep(0.1)
        service.kill()
        service.start()
        service.await_ready()
        # It knows the order of the calls, and that a's green has not had its 5 s.
        late = http.post(f"{PATH}/decisions", json=call(2, 104.0))
        assert (late.status_code, late.json()["last_sequence"]) == (409, 3)
        answer = http.post(f"{PATH}/decisions", json=call(4, 104.0, since_s=100.0)).json()
        assert (answer["command"], answer["alarms"]) == ("stay", [])
        assert http.post(f"{PATH}/decisions", json=call(5, 105.0, since_s=100.0)).json()["command"] == "change"


def test_a_second_service_on_a_database_is_told_of_and_a_killed_one_is_no_first(tmp_path: Path) -> None:
    told = "another running service uses this database"
    with running(tmp_path, WORKERS="1") as first:
        (tmp_path / "other").mkdir()
        second = Service(tmp_path / "other", {"WORKERS": "1"}, database=first.database)
        second.start()
        try:
            second.await_ready()
        finally:
            second.stop()
        assert first.process is not None
        (warning,) = [json.loads(line) for line in second.log.read_text().splitlines() if told in line]
        assert (warning["level"], warning["pid"]) == ("warning", str(first.process.pid))
        first.kill()
        first.start()
        first.await_ready()
        assert told not in first.log.read_text()


def test_a_service_that_is_told_to_stop_keeps_everything(tmp_path: Path) -> None:
    with running(tmp_path) as service, client(service) as http:
        http.put(PATH, content=small_junction().model_dump_json())
        http.post(f"{PATH}/decisions", json=call(7, 100.0))
        service.stop()
        assert kept_sequence(tmp_path / "state.db") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_that_still_compiles_ends_at_once_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: signal.Signals
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "nothing compiled yet"))
    service = Service(tmp_path)
    service.start()
    assert service.process is not None
    until = time.monotonic() + START_LIMIT_S
    while not (service.log.exists() and "starting" in service.log.read_text()):
        assert time.monotonic() < until, "it did not begin to start"
        time.sleep(0.05)
    loading = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    assert loading
    service.process.send_signal(way)
    service.process.wait(timeout=30)
    until = time.monotonic() + START_LIMIT_S
    while any(Path(f"/proc/{pid}").exists() for pid in loading):
        assert time.monotonic() < until, "the process that loads the optimizer was left behind"
        time.sleep(0.05)
    assert "Traceback" not in service.log.read_text()


def test_a_locked_database_stops_descriptions_but_no_decision(tmp_path: Path) -> None:
    with running(tmp_path) as service, client(service) as http:
        http.put(PATH, content=small_junction().model_dump_json())
        lock = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        other = small_junction().model_copy(update={"id": "other"}).model_dump_json()
        refused = http.put("/v1/junctions/other", content=other)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert http.get("/v1/junctions/other").status_code == 404
        assert all(http.post(f"{PATH}/decisions", json=call(n, 100.0 + n, since_s=90.0)).status_code == 200 for n in range(1, 20))
        until = time.monotonic() + 20
        while http.get("/readyz").json()["storage"] != "failing":
            assert time.monotonic() < until
        lock.execute("ROLLBACK")
        lock.close()
        assert http.put("/v1/junctions/other", content=other).status_code == 201
        while kept_sequence(tmp_path / "state.db") != 19:
            assert time.monotonic() < until + 20
            time.sleep(0.1)
        events = [json.loads(line)["event"] for line in service.log.read_text().splitlines()]
        assert any("cannot be written; decisions go on" in event for event in events)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    try:
        with small_disk(tmp_path / "small", 1) as folder:
            yield folder
    except PermissionError as error:
        pytest.skip(str(error))


def test_a_full_disk_stops_descriptions_but_no_decision(tmp_path: Path, full_disk: Path) -> None:
    with running(tmp_path, DATABASE=f"sqlite:///{full_disk / 'state.db'}") as service, client(service) as http:
        http.put(PATH, content=small_junction().model_dump_json())
        with (full_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):  # noqa: PT012
            while True:
                filler.write(b"x" * 4096)
        statuses = [
            http.put(f"/v1/junctions/j{n}", content=small_junction().model_copy(update={"id": f"j{n}"}).model_dump_json()).status_code
            for n in range(60)
        ]
        assert 503 in statuses
        assert set(statuses) <= {201, 503}
        described = {entry["id"] for entry in http.get("/v1/junctions").json()}
        assert described == {"rehearsal"} | {f"j{n}" for n, status in enumerate(statuses) if status == 201}
        assert http.post(f"{PATH}/decisions", json=call(1, 100.0)).json()["command"] == "change"
        (full_disk / "filler").unlink()
        assert (
            http.put("/v1/junctions/after", content=small_junction().model_copy(update={"id": "after"}).model_dump_json()).status_code
            == 201
        )


def check_storage(url: str) -> None:
    storage = Storage(url)
    storage.prepare()
    storage.prepare()  # what is up to date stays
    storage.put_junction(StoredJunction("x", "h1", "{}"))
    storage.put_snapshots([("x", "h1", b"\x00learnt")])
    assert storage.snapshots() == {"x": b"\x00learnt"}
    storage.put_snapshots([("x", "h1", b"more")])
    assert storage.snapshots() == {"x": b"more"}
    storage.put_junction(StoredJunction("x", "h2", "{}"))
    assert storage.snapshots() == {}  # learnt under another description
    assert storage.junctions() == [StoredJunction("x", "h2", "{}")]
    storage.delete_junction("x")
    assert storage.junctions() == []
    storage.close()


def test_sqlite_keeps_what_it_is_given(tmp_path: Path) -> None:
    check_storage(f"sqlite:///{tmp_path / 'state.db'}")


def test_the_tables_of_the_migrations_are_those_of_the_code(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        made = {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
    assert {table: columns for table, columns in made.items() if table != "alembic_version"} == {
        name: {column.name for column in table.columns} for name, table in METADATA.tables.items()
    }


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Storage(f"sqlite:///{tmp_path / 'state.db'}").prepare()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="newer version"):
        Storage(f"sqlite:///{tmp_path / 'state.db'}").prepare()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A server of the system's PostgreSQL with an empty database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or os.getuid() != 0:
        pytest.skip("PostgreSQL is not installed, or cannot be started as its own user")
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, "postgres")
        port = free_port()
        control = [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            str(programs[-1] / "pg_ctl"),
            "-D",
            f"{folder}/data",
        ]
        control += ["-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1", "-l", f"{folder}/log", "-w"]
        for step in (["init", "-o", "-A trust"], ["start"]):
            subprocess.run(
                [*control[:7], *(step if step[0] == "init" else [*control[7:], *step])], check=True, capture_output=True, cwd="/"
            )
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "stop", "-m", "immediate"], check=True, capture_output=True, cwd="/")


def test_postgresql_keeps_what_it_is_given(postgresql: str) -> None:
    check_storage(postgresql)
