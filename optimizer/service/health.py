"""``python -m optimizer.service.health``: whether the service that the environment variables tell of lives, for a container."""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from typing import TYPE_CHECKING, Final

from optimizer.service.settings import ServiceError, settings_from

if TYPE_CHECKING:
    from optimizer.service.settings import ServiceSettings

PATIENCE_S: Final = 2.0


def complaint_about(settings: ServiceSettings) -> str:
    """Return what is wrong with a running service; empty where it lives."""
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=PATIENCE_S)
    if settings.certificate is not None:
        # Whether it lives is asked, not who it is: its certificate is for the names by which others know it.
        trusting = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection = http.client.HTTPSConnection(settings.host, settings.port, timeout=PATIENCE_S, context=trusting)
    try:
        connection.connect()
        if settings.client_authority is not None:
            return ""  # it has shown its certificate, so it lives; it will not talk to us, who have none that it knows
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if status == http.HTTPStatus.OK else f"it answers {status}"


def main() -> int:
    """Ask the service; return the exit code."""
    try:
        settings = settings_from(os.environ)
    except ServiceError as error:
        complaint = str(error)
    else:
        complaint = complaint_about(settings)
        complaint = complaint and f"{settings.url} does not answer as it should ({complaint}); its log tells more."
    if complaint:
        sys.stderr.write(f"ampelwerk: {complaint}\n")
    return int(bool(complaint))


if __name__ == "__main__":
    sys.exit(main())
