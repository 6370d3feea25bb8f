"""Starting the service: settings, their checks, and the server."""

from __future__ import annotations

import errno
import gc
import ipaddress
import logging
import os
import socket
import ssl
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from optimizer.clusters import ClusterError
from optimizer.service.access import Access
from optimizer.service.app import make_app
from optimizer.service.certificates import CertificateError, check_certificates
from optimizer.service.core import Core
from optimizer.service.limits import RateLimits
from optimizer.service.links import LocalWorkers
from optimizer.service.logs import set_up
from optimizer.service.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from optimizer.service.forking import Nursery
    from optimizer.service.links import WorkerSource

_log = logging.getLogger("ampelwerk")

MOST_BYTES: Final = 2_000_000
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


PREFIX: Final = "AMPELWERK_"

_READERS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "port": (int, "a whole number"),
    "workers": (int, "a whole number"),
    "calls_per_s": (float, "a number"),
    "demand_keys": (lambda text: {"yes": True, "no": False}[text.lower()], "yes or no"),
    "certificate": (Path, "a path"),
    "private_key": (Path, "a path"),
    "client_authority": (Path, "a path"),
}
"""How the text of a variable is read, and what is to be written there; all others are taken as they are."""


class ServiceError(ValueError):
    """The service cannot start as it was asked to; the message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How the service is to run.

    Attributes
    ----------
    host, port
        Where it listens.
    database
        URL as SQLAlchemy takes it.
    workers
        Processes that share the junctions; the number of processors where None.
    demand_keys
        Whether an API key is needed; None: everywhere but on the loopback.
    calls_per_s
        That one client may make in the long run.
    certificate, private_key
        For TLS; both or none.
    client_authority
        Certificate of those who may sign clients' certificates: then only clients with such a certificate get in.
    cluster
        Address of a Ray cluster whose nodes hold the workers; this machine holds them where None.
    log_level
        ``debug``, ``info``, ``warning`` or ``error``.

    Raises
    ------
    ServiceError
        If the values make no sense together.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    database: str = "sqlite:///ampelwerk.db"
    workers: int | None = None
    demand_keys: bool | None = None
    calls_per_s: float = 2000.0
    certificate: Path | None = None
    private_key: Path | None = None
    client_authority: Path | None = None
    cluster: str | None = None
    log_level: str = "info"

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ServiceError(f"--port {self.port} is no port; give 1 to 65535.")
        if self.workers is not None and not 1 <= self.workers <= 256:
            raise ServiceError(f"--workers {self.workers} cannot be; give 1 to 256.")
        if not 0 < self.calls_per_s < 1e9:
            raise ServiceError(f"--calls-per-second {self.calls_per_s:g} cannot be; give a number above 0.")
        if (self.certificate is None) != (self.private_key is None):
            raise ServiceError("TLS needs --certificate and --private-key; give both or none.")
        if self.client_authority is not None and self.certificate is None:
            raise ServiceError("--client-authority needs TLS; give --certificate and --private-key, too.")
        if self.log_level not in LOG_LEVELS:
            raise ServiceError(f"--log-level {self.log_level!r} is unknown; choose from {', '.join(LOG_LEVELS)}.")
        if not self.keys_demanded and not self.is_loopback and self.client_authority is None:
            raise ServiceError(f"--no-keys lets anyone who reaches {self.host} set your signals; listen on 127.0.0.1, or demand keys.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def keys_demanded(self) -> bool:
        """Whether a client needs a key. A client's own certificate stands for one."""
        if self.demand_keys is not None:
            return self.demand_keys
        return not self.is_loopback and self.client_authority is None

    @property
    def url(self) -> str:
        """Where the service is found."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}"


def settings_from(environment: Mapping[str, str]) -> ServiceSettings:
    """Return the settings that environment variables name: ``AMPELWERK_HOST``, ``AMPELWERK_PORT``, ``AMPELWERK_DATABASE`` and so on.

    Raises
    ------
    ServiceError
        If a variable is unknown or its value makes no sense.
    """
    known = {f"{PREFIX}{field.name.upper()}": field.name for field in fields(ServiceSettings)}
    found: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        if variable not in known:
            raise ServiceError(f"there is no setting {variable}; there are {', '.join(known)}.")
        name = known[variable]
        read, what = _READERS.get(name, (str, "a text"))
        try:
            found[name] = read(text)
        except (ValueError, KeyError) as error:
            raise ServiceError(f"{variable}={text} cannot be read; write {what}.") from error
    return ServiceSettings(**found)


def serve(settings: ServiceSettings, nursery: Nursery | None) -> None:
    """Run the service until it is told to stop.

    Parameters
    ----------
    settings
        How.
    nursery
        Where workers on this machine come from, already loading; None where a cluster holds them.

    Raises
    ------
    ServiceError
        If it cannot start.
    StorageError
        If the database cannot be used.
    """
    set_up(settings.log_level)
    if settings.certificate is not None and settings.private_key is not None:
        try:
            check_certificates(settings.certificate, settings.private_key, settings.client_authority)
        except CertificateError as error:
            raise ServiceError(str(error)) from error
    listening = _listen(settings.host, settings.port)
    storage = Storage(settings.database)
    storage.prepare()
    core = Core(storage, _source(settings, nursery), settings.workers or os.cpu_count() or 1)
    access = Access(storage, demanded=settings.keys_demanded)
    access.load()
    if settings.keys_demanded and not storage.api_keys():
        raise ServiceError(
            "the service demands API keys, but there is none; make one with "
            f"`ampelwerk keys make NAME --scopes read,decide,configure --database {storage.name}`."
        )
    who = (
        "clients with an API key"
        if settings.keys_demanded
        else "clients with a certificate"
        if settings.client_authority
        else "anyone on this machine"
    )
    _log.info("starting", extra={"url": settings.url, "allowed": who, "database": storage.name, "keys": settings.keys_demanded})
    if not settings.keys_demanded and settings.client_authority is None:  # the settings allow that on the loopback only
        _log.warning("no key is asked for, because only this machine can reach the service")
    app = make_app(core, access, RateLimits(settings.calls_per_s, 2 * settings.calls_per_s), MOST_BYTES)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws_max_size=MOST_BYTES,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key,
        ssl_ca_certs=str(settings.client_authority) if settings.client_authority else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.client_authority else ssl.CERT_NONE,
    )
    gc.freeze()  # what is loaded stays; to look through it for garbage would stop all calls for a while
    gc.enable()
    _Server(config, nursery).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends at once when it is told to stop while it starts: uvicorn would wait for the optimizer to be compiled first."""

    def __init__(self, config: uvicorn.Config, nursery: Nursery | None) -> None:
        super().__init__(config)
        self._nursery = nursery

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal to stop."""
        if self.started:
            super().handle_exit(sig, frame)
            return
        _log.info("stopped while starting")
        if self._nursery is not None:
            self._nursery.close()
        logging.shutdown()
        os._exit(0)  # nothing has been answered, so there is nothing to keep; a thread that waits for workers would hold up any other end


def _source(settings: ServiceSettings, nursery: Nursery | None) -> WorkerSource:
    if settings.cluster is None:
        assert nursery is not None
        return LocalWorkers(nursery)
    from optimizer.service.cluster import RayWorkers  # noqa: PLC0415 - Ray is an extra

    try:
        return RayWorkers(settings.cluster)
    except ClusterError as error:
        raise ServiceError(f"{str(error)[0].lower()}{str(error)[1:]}") from error


def _listen(host: str, port: int) -> socket.socket:
    """Return the socket the service listens at; taken before anything else is started, so that a taken port is told at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        reason = f"the service cannot listen at --host {host} --port {port} ({error.strerror or error})"
        raise ServiceError(f"{reason}; {_listening_remedy(error)}.") from error
    return listening


def _listening_remedy(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "choose a --host that is an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for all its addresses"
    if error.errno == errno.EADDRINUSE:
        return "another program listens there: end it, or choose another --port"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "choose a --port from 1024 on, or give the service the right to lower ones"
    return "choose another --host or --port"
