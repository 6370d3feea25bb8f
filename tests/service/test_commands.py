"""The commands of the service as an operator types them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optimizer.service.certificates import CertificateError, check_certificates
from optimizer.service.description import JunctionDescription, to_intersection
from tests.service.certificates import certificates
from tests.service.running import PATIENCE_S, free_port

ROOT = Path(__file__).resolve().parents[2]


def ampelwerk(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "experiments", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)


def service(cwd: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the service alone, as systemd and containers do."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"AMPELWERK_{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "optimizer.service", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)


def assert_is_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # the service's own log is JSON
    assert len(told) == 1, done.stderr
    assert all(word in told[0] for word in words), told


def test_junctions_are_exported_as_the_service_takes_them_and_never_over_a_file(tmp_path: Path) -> None:
    out = tmp_path / "junctions.json"
    assert ampelwerk(tmp_path, "export", "junctions", "grid/2x2", "--out", str(out)).returncode == 0
    exported = [JunctionDescription.model_validate_json(json.dumps(each)) for each in json.loads(out.read_text())]
    assert len({to_intersection(description).id for description in exported}) == 4
    kept = out.read_bytes()
    assert_is_one_sentence(ampelwerk(tmp_path, "export", "junctions", "grid/2x2", "--out", str(out)), str(out), "exists")
    assert out.read_bytes() == kept
    assert_is_one_sentence(ampelwerk(tmp_path, "export", "junctions", "nowhere"), "nowhere")


def test_a_key_is_shown_once_and_listed_without_its_secret(tmp_path: Path) -> None:
    made = ampelwerk(tmp_path, "keys", "make", "depot", "--scopes", "decide")
    secret = made.stdout.strip()
    assert secret.startswith("ampelwerk_")
    listed = ampelwerk(tmp_path, "keys", "list").stdout
    assert "depot\tdecide\tfor ever" in listed
    assert secret not in listed
    assert_is_one_sentence(ampelwerk(tmp_path, "keys", "make", "depot"), "depot", "rotate")


def test_a_service_that_would_let_anyone_in_does_not_start(tmp_path: Path) -> None:
    assert_is_one_sentence(ampelwerk(tmp_path, "serve", "--host", "0.0.0.0", "--no-keys"), "--no-keys")  # noqa: S104
    told = ampelwerk(tmp_path, "serve", "--host", "0.0.0.0", "--port", str(free_port()), "--database", "sqlite:///other.db")  # noqa: S104
    assert_is_one_sentence(told, "keys make", "--database sqlite:///other.db")
    assert_is_one_sentence(ampelwerk(tmp_path, "serve", "--database", "nothing"), "--database")


def test_what_is_wrong_with_a_file_for_tls_is_told_with_its_option(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    no_pem = tmp_path / "nonsense.pem"
    no_pem.write_text("nonsense")
    gone = tmp_path / "gone.pem"
    good = {"certificate": made["server.pem"], "private_key": made["server.key"], "client_authority": made["ca.pem"]}
    check_certificates(**good)
    protected = tmp_path / "protected.key"
    seal = ["openssl", "pkey", "-in", str(made["server.key"]), "-aes256", "-passout", "pass:secret", "-out", str(protected)]
    subprocess.run(seal, check=True, capture_output=True)
    for file, path, words in (
        ("certificate", no_pem, "holds no certificate"),
        ("certificate", gone, "No such file"),
        ("private_key", no_pem, "holds no private key"),
        ("private_key", made["client.key"], "does not belong to"),
        ("private_key", protected, "password"),
        ("client_authority", no_pem, "holds no certificate"),
        ("client_authority", tmp_path, "directory"),
    ):
        with pytest.raises(CertificateError, match=words) as found:
            check_certificates(**{**good, file: path})
        assert f"--{file.replace('_', '-')} {path}" in str(found.value)
        assert "\n" not in str(found.value)
    asked = service(tmp_path, CERTIFICATE=str(made["server.pem"]), PRIVATE_KEY=str(protected))
    assert_is_one_sentence(asked, f"--private-key {protected}", "password")
    told = ampelwerk(tmp_path, "serve", "--certificate", str(no_pem), "--private-key", str(made["server.key"]))
    assert_is_one_sentence(told, f"--certificate {no_pem}")


def test_the_service_alone_takes_no_arguments(tmp_path: Path) -> None:
    for argument in ("--help", "--port=1"):
        assert_is_one_sentence(service(tmp_path, argument), argument, "AMPELWERK_PORT", "ampelwerk serve")
    assert not list(tmp_path.iterdir())


def test_where_the_service_cannot_listen_the_option_that_helps_is_named(tmp_path: Path) -> None:
    assert_is_one_sentence(ampelwerk(tmp_path, "serve", "--host", "999.1.1.1", "--keys"), "choose a --host")
    assert_is_one_sentence(ampelwerk(tmp_path, "serve", "--port", "abc"), "'--port': give a whole number")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert_is_one_sentence(service(tmp_path, PORT=str(taken.getsockname()[1])), "choose another --port")


def test_a_path_that_cannot_be_written_is_not_blamed_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "nowhere" / "x.json", tmp_path / "file" / "x.json"):
        assert_is_one_sentence(ampelwerk(tmp_path, "export", "junctions", "rilsa/1", "--out", str(out)), str(out), "check the path")


def simulations_of(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return [int(pid) for pid in children if b"remote" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


def test_the_simulation_of_a_demo_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments", "serve", "--demo", "rilsa/1", "--port", str(free_port())]
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    until = time.monotonic() + PATIENCE_S
    try:
        while not (found := simulations_of(service.pid)):
            assert service.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        service.kill()
        service.wait()
    (simulation,) = found
    while Path(f"/proc/{simulation}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_image_is_built_from_what_its_recipe_copies_and_nothing_else() -> None:
    recipe = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = {source for line in recipe if line.startswith("COPY") and "--from" not in line for source in line.split()[1:-1]}
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert rules[1] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_a_cluster_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    told = ampelwerk(tmp_path, "serve", "--port", "18474", "--cluster", "127.0.0.1:1")
    assert_is_one_sentence(told, "127.0.0.1:1", "ray start --head")
