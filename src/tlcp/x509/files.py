"""Certificates, keys and CAs from files, in the shape in which ``ssl`` takes them.

A file that is missing or cannot be read gives the ``OSError`` of the system, as in ``ssl``; one
with the wrong content gives a ``ConfigError``, which is an ``ssl.SSLError``.

Spec: the Python documentation of ``SSLContext.load_cert_chain`` and ``load_verify_locations``
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlcp.crypto.keys import AnyPrivateKey, PrivateKey, PrivateRSAKey
from tlcp.errors import ConfigError
from tlcp.x509.certificate import Certificate
from tlcp.x509.contents import may_need_password
from tlcp.x509.identity import Identity
from tlcp.x509.trust import read_ca_directory, read_cas

__all__ = ["CertFile", "PairFiles", "as_path", "load_cas", "load_identity"]

CertFile = str | bytes | os.PathLike[str] | os.PathLike[bytes]
#: A certificate file, and a key file or a key that lives elsewhere.
PairFiles = tuple[CertFile, CertFile | AnyPrivateKey]

_MAX_PASSWORD_BYTES = 1023  # OpenSSL's limit


def as_path(file: Any, name: str) -> str:
    """A path as text.

    Raises:
        TypeError: it is none.
    """
    try:
        return os.fsdecode(file)
    except TypeError:
        raise TypeError(f"{name} should be a valid filesystem path") from None


def load_identity(
    certfile: CertFile | None,
    keyfile: CertFile | None,
    password: Any,
    sign: PairFiles | None,
    enc: PairFiles | None,
) -> Identity:
    """What ``TLCPContext.load_cert_chain`` loads; arguments as there.

    Raises:
        TypeError: the arguments do not go together, or are no paths.
        OSError: a file is missing or cannot be read.
        ConfigError: the files do not hold what they should, or do not fit together.
    """
    if sign is not None:
        if certfile is not None or keyfile is not None:
            raise TypeError("give either certfile or sign= and enc=, not both")
        sign_cert, sign_key = _pair(sign, "sign")
        enc_cert, enc_key = _pair(enc, "enc") if enc is not None else (None, None)
        files = [f for f in (sign_cert, sign_key, enc_cert, enc_key) if isinstance(f, str)]
        secret = _password(password, files)
        return Identity.load(sign_cert, sign_key, enc_cert, enc_key, secret)
    if certfile is None or enc is not None:
        raise TypeError(
            "give sign=(certfile, keyfile) and enc=(certfile, keyfile), "
            "or one file (PEM or PKCS#12) that holds both certificates and both keys"
        )
    files = [as_path(certfile, "certfile")]
    files += [as_path(keyfile, "keyfile")] if keyfile is not None else []
    return Identity.from_bundle(*files, password=_password(password, files))


def _pair(files: Any, name: str) -> tuple[str, str | AnyPrivateKey]:
    if not isinstance(files, tuple | list) or len(files) != 2:
        raise TypeError(f"{name} should be (certificate file, key file)")
    certificate, key = files
    if isinstance(key, PrivateKey | PrivateRSAKey):
        return as_path(certificate, f"{name}[0]"), key
    return as_path(certificate, f"{name}[0]"), as_path(key, f"{name}[1]")


def _password(given: Any, files: list[str]) -> bytes | None:
    """The password as bytes; a function is called only if a key is encrypted, as in ``ssl``.

    Raises:
        OSError: a file cannot be read: the system's error, with its name.
    """
    encrypted = any([may_need_password(Path(file).read_bytes()) for file in files])
    if not callable(given):
        return _as_secret(given, "password should be a string or callable")
    asked: Callable[[], Any] = given
    if not encrypted:
        return None
    return _as_secret(asked(), "password callback must return a string", required=True)


def _as_secret(value: Any, complaint: str, *, required: bool = False) -> bytes | None:
    if value is None and not required:
        return None
    if not isinstance(value, str | bytes | bytearray):
        raise TypeError(complaint)
    secret = value.encode() if isinstance(value, str) else bytes(value)
    if len(secret) > _MAX_PASSWORD_BYTES:
        raise ValueError(f"password cannot be longer than {_MAX_PASSWORD_BYTES} bytes")
    return secret


def load_cas(
    cafile: CertFile | None,
    capath: CertFile | None,
    cadata: Any,
    *,
    rsa: bool = False,
    aside: list[bytes] | None = None,
) -> tuple[list[Certificate], int]:
    """What ``TLCPContext.load_verify_locations`` loads; arguments as there.

    Args:
        cafile: as there.
        capath: as there.
        cadata: as there.
        rsa: take RSA certificates, too.
        aside: gets the DER of the RSA certificates that are not taken.

    Returns:
        The certificates that can be used, and how many others there are.

    Raises:
        TypeError: all three are None, or one has the wrong type.
        OSError: a file or the directory cannot be read.
        ConfigError: there is no certificate in the file or the data.
    """
    if cafile is None and capath is None and cadata is None:
        raise TypeError("cafile, capath and cadata cannot be all omitted")
    sources: list[tuple[list[Certificate], int]] = []
    if cafile is not None:
        path = as_path(cafile, "cafile")
        sources.append(read_cas(Path(path).read_bytes(), path, rsa=rsa, aside=aside))
    if capath is not None:
        sources.append(read_ca_directory(as_path(capath, "capath"), rsa=rsa, aside=aside))
    if cadata is not None:
        sources.append(read_cas(_cadata(cadata), "cadata", rsa=rsa, aside=aside))
    return [one for found, _ in sources for one in found], sum(others for _, others in sources)


def _cadata(given: Any) -> bytes:
    wrong = "cadata should be an ASCII string or a bytes-like object"
    try:
        data = given.encode("ascii") if isinstance(given, str) else bytes(memoryview(given))
    except (TypeError, UnicodeEncodeError):
        raise TypeError(wrong) from None
    if not data:
        raise ConfigError("cadata is empty; expected CA certificates as PEM text or DER bytes")
    return data
