"""How the service is to run: the settings, from options or environment variables, and whether they make sense together."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
