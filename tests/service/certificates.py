"""Certificates for tests of TLS."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def certificates(folder: Path) -> dict[str, Path]:
    """Make an authority and a certificate for the service and one for a client, with OpenSSL."""
    made = {name: folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key", "client.pem", "client.key")}

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)  # noqa: S607

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", str(made["ca.key"]), "-out", str(made["ca.pem"]), "-subj", "/CN=authority")
    for name in ("server", "client"):
        signed = ("-CA", str(made["ca.pem"]), "-CAkey", str(made["ca.key"]), "-addext", "subjectAltName=IP:127.0.0.1")
        out = ("-keyout", str(made[f"{name}.key"]), "-out", str(made[f"{name}.pem"]), "-subj", f"/CN={name}")
        openssl("req", "-x509", *new, *signed, *out)
    return made
