"""Starting the service: what is checked before, and the server."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final

import uvicorn

from optimizer.clusters import ClusterError
from optimizer.service.access import Access
from optimizer.service.app import make_app
from optimizer.service.certificates import CertificateError, check_certificates
from optimizer.service.claims import claim
from optimizer.service.core import Core
from optimizer.service.limits import RateLimits
from optimizer.service.links import LocalWorkers
from optimizer.service.logs import set_up
from optimizer.service.settings import ServiceError
from optimizer.service.storage import Storage

if TYPE_CHECKING:
    from types import FrameType

    from optimizer.service.forking import Nursery
    from optimizer.service.links import WorkerSource
    from optimizer.service.settings import ServiceSettings

_log = logging.getLogger("ampelwerk")

MOST_BYTES: Final = 2_000_000


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
    if storage.file is not None:
        claim(storage.file)
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
