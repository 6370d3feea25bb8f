"""The commands of the service: ``ampelwerk serve``, ``ampelwerk keys`` and ``ampelwerk export``."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import Annotated

import typer

from experiments.errors import ExperimentError
from experiments.folders import write_whole

Database = Annotated[str, typer.Option("--database", metavar="URL", help="sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME.")]

keys_app = typer.Typer(help="API keys of the service.", no_args_is_help=True)
export_app = typer.Typer(help="Write what the service takes.", no_args_is_help=True)

DEFAULT_DATABASE = "sqlite:///ampelwerk.db"


def add_service_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("serve")(serve_command)
    app.add_typer(keys_app, name="keys")
    app.add_typer(export_app, name="export")


def serve_command(  # noqa: PLR0913 - each is an option of the command line
    host: Annotated[str, typer.Option("--host", help="Address to listen at; beyond this machine keys are demanded.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at.")] = 8080,
    database: Database = DEFAULT_DATABASE,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes [one per processor].", show_default=False)] = None,
    keys: Annotated[bool | None, typer.Option("--keys/--no-keys", help="Demand an API key [not on loopback].", show_default=False)] = None,
    calls_per_second: Annotated[float, typer.Option("--calls-per-second", help="Rate of one client.")] = 2000.0,
    certificate: Annotated[Path | None, typer.Option("--certificate", metavar="PEM", help="For TLS.", show_default=False)] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", metavar="PEM", help="For TLS.", show_default=False)] = None,
    client_authority: Annotated[
        Path | None,
        typer.Option("--client-authority", metavar="PEM", help="Who signs clients' certificates (mutual TLS).", show_default=False),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Ray cluster that holds the workers [this machine].", show_default=False),
    ] = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    demo: Annotated[
        str | None, typer.Option("--demo", metavar="SCENARIO", help="Let SUMO drive a scenario against it.", show_default=False)
    ] = None,
) -> None:
    """Run the optimizer as a service for signal controllers (Ctrl-C ends it)."""
    _demand_extra()
    from optimizer.service.forking import Nursery  # noqa: PLC0415 - the service is an extra

    nursery = Nursery() if cluster is None else None  # it loads the optimizer while the rest is loaded here
    from experiments.demo import accompanied  # noqa: PLC0415
    from optimizer.service.server import serve  # noqa: PLC0415
    from optimizer.service.settings import ServiceError, ServiceSettings  # noqa: PLC0415
    from optimizer.service.storage import StorageError  # noqa: PLC0415

    try:
        settings = ServiceSettings(
            host, port, database, workers, keys, calls_per_second, certificate, private_key, client_authority, cluster, log_level
        )
        if demo is None:
            serve(settings, nursery)
        else:
            with accompanied(demo, settings.url):
                serve(settings, nursery)
    except (ServiceError, StorageError) as error:
        if nursery is not None:
            nursery.close()
        raise ExperimentError(str(error)) from error


@export_app.command("junctions")
def export_junctions_command(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A name from `ampelwerk networks`, or the path of a .sumocfg.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.json", help="New file [standard output].", show_default=False)] = None,
    signals: Annotated[str, typer.Option("--signals", metavar="shipped|designed|FILE", help="Of `ampelwerk design signals`.")] = "shipped",
) -> None:
    """Describe the junctions of a SUMO scenario as the service takes them (a JSON array; put each to /v1/junctions/ID)."""
    _demand_extra()
    from experiments.exports import junction_descriptions  # noqa: PLC0415 - the service is an extra

    descriptions = junction_descriptions(scenario, signals)
    text = json.dumps([d.model_dump(mode="json") for d in descriptions], indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    elif out.exists():
        raise ExperimentError(f"--out {out} exists already; name a new file.")
    else:
        write_whole(out, text)


@keys_app.command("make")
def make_key_command(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scopes: Annotated[str, typer.Option("--scopes", metavar="A,B", help="read, decide, configure.")] = "read,decide",
    days: Annotated[float | None, typer.Option("--days", help="Until it expires [never].", show_default=False)] = None,
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Make a key and show it, this once."""
    _with_keys(database, "make_key", name, scopes.split(","), days)


@keys_app.command("rotate")
def rotate_key_command(
    name: Annotated[str, typer.Argument(help="Which key.")],
    grace_hours: Annotated[float, typer.Option("--grace-hours", help="The old one works on for so long.")] = 24.0,
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Give a key a new secret and show it, this once."""
    _with_keys(database, "rotate_key", name, grace_hours)


@keys_app.command("revoke")
def revoke_key_command(name: Annotated[str, typer.Argument(help="Which key.")], database: Database = DEFAULT_DATABASE) -> None:
    """Make a key useless (within 5 s)."""
    _with_keys(database, "revoke_key", name)


@keys_app.command("list")
def list_keys_command(database: Database = DEFAULT_DATABASE) -> None:
    """List the keys; the secrets are not kept."""
    _with_keys(database, "key_lines")


def _with_keys(database: str, action: str, *arguments: object) -> None:
    _demand_extra()
    from optimizer.service import keys  # noqa: PLC0415 - the service is an extra
    from optimizer.service.storage import Storage, StorageError  # noqa: PLC0415

    try:
        storage = Storage(database)
        storage.prepare()
        told = getattr(keys, action)(storage, *arguments)
        storage.close()
    except (StorageError, keys.KeyRequestError) as error:
        raise ExperimentError(str(error)) from error
    if told:
        sys.stdout.write(f"{told}\n")


def _demand_extra() -> None:
    try:
        import alembic  # noqa: F401, PLC0415
        import fastapi  # noqa: F401, PLC0415
        import httpx  # noqa: F401, PLC0415
        import prometheus_client  # noqa: F401, PLC0415
        import uvicorn  # noqa: F401, PLC0415
    except ImportError as error:
        raise ExperimentError(
            f"the service needs the package {error.name!r}; install it in the folder of your clone with: pip install '.[service]'."
        ) from error
