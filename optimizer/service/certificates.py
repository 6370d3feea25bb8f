"""Checks of the files for TLS, so that what is wrong with one is told before anything starts."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_NO_PAIR: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
_NO_KEY: Final = frozenset({None, "PEM_LIB", "NO_START_LINE"})


class CertificateError(ValueError):
    """A file for TLS cannot be used; the message is one sentence that names it, its option and the remedy."""


class _PasswordAskedError(Exception):
    """The key is protected; nobody is there to be asked when the service starts."""


def check_certificates(certificate: Path, private_key: Path, client_authority: Path | None) -> None:
    """Raise `CertificateError` unless the files can be read, are what they are given as, and belong together."""
    _check_readable("--certificate", certificate)
    _check_readable("--private-key", private_key)
    _check_holds_certificates("--certificate", certificate, "its certificate, and those of who signed it behind it")
    _check_pair(certificate, private_key)
    if client_authority is not None:
        _check_readable("--client-authority", client_authority)
        _check_holds_certificates("--client-authority", client_authority, "the certificate of who signs those of the clients")


def _check_readable(option: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        sentence = f"{option} {path} cannot be read ({error.strerror or error}); check the path, and that the service's user may read it."
        raise CertificateError(sentence) from error


def _check_holds_certificates(option: str, path: Path, what: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError as error:
        raise CertificateError(f"{option} {path} holds no certificate in PEM form, or a damaged one; give a file with {what}.") from error


def _check_pair(certificate: Path, private_key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, _no_password)
    except _PasswordAskedError as error:
        raise CertificateError(
            f"--private-key {private_key} is protected by a password; "
            "write it without one (openssl pkey -in KEY -out NEW) to a file that only the service's user may read."
        ) from error
    except ssl.SSLError as error:
        pair = f"--private-key {private_key}", f"--certificate {certificate}"
        if error.reason in _NO_PAIR:
            sentence = f"{pair[0]} does not belong to {pair[1]}; give the key that the certificate was made for."
        elif error.reason in _NO_KEY:
            sentence = f"{pair[0]} holds no private key in PEM form, or a damaged one; give the key that {pair[1]} was made for."
        else:
            sentence = f"{pair[0]} and {pair[1]} are refused by OpenSSL ({str(error.reason).lower().replace('_', ' ')}); make a new pair."
        raise CertificateError(sentence) from error


def _no_password() -> str:
    raise _PasswordAskedError
