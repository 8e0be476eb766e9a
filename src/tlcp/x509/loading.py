"""From files to certificates and keys that belong together.

A file may hold more than is asked for, in any order: the public key tells what fits what.

Spec: GB/T 38636-2020 6.4.5.3 (what an identity needs); the forms are those of ``contents.py``
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tlcp.crypto.envelope import is_envelope, open_envelope
from tlcp.crypto.keyfile import load_private_keys
from tlcp.crypto.keys import AnyPrivateKey, PrivateKey, PrivateRSAKey
from tlcp.crypto.pem import is_pem, split_pem
from tlcp.crypto.pkcs12 import is_pkcs12, load_pkcs12
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.contents import Part, message_name, read_parts
from tlcp.x509.usage import can_encrypt, can_sign

__all__ = [
    "KeySource",
    "Side",
    "load_bundle",
    "load_side",
    "parse_side",
    "public_in",
    "public_of",
]

#: A key file, or a key that lives elsewhere.
KeySource = str | Path | AnyPrivateKey
_Role = Literal["signing", "encryption"]
_Loaded = tuple[
    Certificate, AnyPrivateKey, Certificate | None, AnyPrivateKey | None, tuple[Certificate, ...]
]
_USABLE: Final = {"signing": can_sign, "encryption": can_encrypt}


@dataclass(frozen=True, slots=True)
class Side:
    """What signs, or what encrypts.

    Attributes:
        cert, key: the two that fit; if none do, the first of each, for others to complain about.
        rest: the other certificates of the file.
    """

    cert: Certificate | None = None
    key: AnyPrivateKey | None = None
    rest: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Roles:
    """What certificate and key are for, and their names in texts."""

    cert: str
    key: str
    usable: Callable[[Certificate], bool]


def public_in(certificate: Certificate, role: str) -> bytes:
    """The public key of a certificate, in the form that ``public_of`` gives.

    Args:
        certificate: any.
        role: what to call it in texts.

    Raises:
        ConfigError: a key of a kind that TLCP has no use for.
    """
    try:
        key = certificate.public_key
    except CertificateVerifyError as error:
        raise ConfigError(f"the {role} cannot be used: {error.what}; expected SM2") from error
    return key.der if isinstance(key, RSAPublicKey) else key.point


def public_of(key: AnyPrivateKey) -> bytes:
    """The public key of a private key: a point of 65 bytes, or the DER of an RSA key."""
    return key.public_der if isinstance(key, PrivateRSAKey) else key.public_point


def load_side(
    cert: str | Path | None,
    key: KeySource | None,
    role: _Role,
    password: bytes | None,
    *,
    opener: AnyPrivateKey | None = None,
) -> Side:
    """Read one side of an identity.

    Args:
        cert: the file with the certificate.
        key: the file with the key, or the key.
        role: "signing" or "encryption".
        password: for what is encrypted.
        opener: the signing key, for a key in an envelope.

    Raises:
        ConfigError: a file cannot be read, or holds something else.
    """
    held = _read(cert, f"{role} certificate") if cert is not None else None
    roles = _Roles(f"{role} certificate {cert}", f"{role} key {key}", _USABLE[role])
    if key is None or isinstance(key, PrivateKey | PrivateRSAKey):
        return _side(held, key, roles, password, opener)
    return _side(held, _read(key, f"{role} key"), roles, password, opener)


def parse_side(
    cert: bytes | None,
    key: bytes | AnyPrivateKey | None,
    role: _Role,
    password: bytes | None,
    *,
    opener: AnyPrivateKey | None = None,
) -> Side:
    """The same from the contents of files."""
    roles = _Roles(f"{role} certificate", f"{role} key", _USABLE[role])
    return _side(cert, key, roles, password, opener)


def load_bundle(paths: Sequence[str | Path], password: bytes | None) -> _Loaded:
    """Everything of an identity from files in any order, as the arguments of ``Identity``.

    Raises:
        ConfigError: as ``Identity.from_bundle``.
    """
    where = ", ".join(map(str, paths))
    parts = [part for path in paths for part in _parts(path, where, password)]
    certificates = [part.certificate for part in parts if part.certificate is not None]
    keys: list[AnyPrivateKey] = [part.key for part in parts if part.key is not None]
    publics = {c: public_in(c, f"certificate in {where}") for c in certificates}
    keys += _opened([part.data for part in parts if part.kind == "envelope"], keys, where)
    pairs = [(c, k) for k in keys for c, p in publics.items() if p == public_of(k)]
    signing = [pair for pair in pairs if can_sign(pair[0])]
    if not signing:
        raise ConfigError(
            f"{where}: found {len(certificates)} certificates and {len(keys)} keys, but no "
            "signing certificate with its key; put both certificates and both keys into it"
        )
    sign_cert, sign_key = signing[0]
    others = [pair for pair in pairs if pair[0] != sign_cert and can_encrypt(pair[0])]
    enc_cert, enc_key = others[0] if others else (None, None)
    if len(keys) > 1 and enc_cert is None:
        raise ConfigError(f"{where}: a key fits none of the certificates that encrypt")
    chain = tuple(c for c in dict.fromkeys(certificates) if c not in (sign_cert, enc_cert))
    return sign_cert, sign_key, enc_cert, enc_key, chain


def _side(
    cert: bytes | None,
    key: bytes | AnyPrivateKey | None,
    roles: _Roles,
    password: bytes | None,
    opener: AnyPrivateKey | None,
) -> Side:
    certificates = _certificates(cert, roles.cert, password) if cert is not None else ()
    keys = _keys(key, roles.key, password, opener) if isinstance(key, bytes) else [key]
    pairs = [(c, k) for c in certificates for k in keys if k is not None and _fits(c, k)]
    # Files with both pairs: the usage tells which one is meant.
    usable = [pair for pair in pairs if roles.usable(pair[0])]
    if pairs:
        chosen, its_key = (usable or pairs)[0]
        return Side(chosen, its_key, tuple(c for c in certificates if c != chosen))
    first = next((c for c in certificates if roles.usable(c)), next(iter(certificates), None))
    return Side(first, keys[0], tuple(c for c in certificates if c != first))


def _fits(certificate: Certificate, key: AnyPrivateKey) -> bool:
    try:
        return public_in(certificate, "") == public_of(key)
    except ConfigError:
        return False


def _certificates(data: bytes, role: str, password: bytes | None) -> tuple[Certificate, ...]:
    try:
        if is_pkcs12(data):
            return _of_pkcs12(load_pkcs12(data, password).certificates)
        return load_pem_certificates(data)
    except ConfigError as error:
        raise ConfigError(f"{role}: {error}{_crossed(data, 'KEY')}") from error


def _of_pkcs12(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    found = []
    for der in ders:
        try:
            found.append(Certificate(der))
        except CertificateVerifyError as error:
            raise ConfigError(f"a certificate in the PKCS#12 file: {error.what}") from error
    if not found:
        raise ConfigError("expected a certificate, but the PKCS#12 file holds none")
    return tuple(found)


def _keys(
    data: bytes, role: str, password: bytes | None, opener: AnyPrivateKey | None
) -> Sequence[AnyPrivateKey]:
    try:
        if is_pkcs12(data):
            keys = load_pkcs12(data, password).keys
            if not keys:
                raise ConfigError("expected a private key, but the PKCS#12 file holds none")
            return keys
        if name := message_name(data):
            raise ConfigError(
                f"a {name} is not opened here; ask the CA for an SM2EnvelopedKey (GB/T 35276)"
            )
        if not is_envelope(data):
            return load_private_keys(data, password)
        if not isinstance(opener, PrivateKey):
            raise ConfigError(
                "it is an envelope (SM2EnvelopedKey), which the SM2 signing key opens; it can hold "
                "an encryption key only"
            )
        return [open_envelope(data, opener)]
    except ConfigError as error:
        raise ConfigError(f"{role}: {error}{_crossed(data, 'CERTIFICATE')}") from None


def _parts(path: str | Path, where: str, password: bytes | None) -> tuple[Part, ...]:
    try:
        parts = read_parts(_read(path, "certificates and keys"), password)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    for part in parts:
        if part.problem:
            raise ConfigError(f"{where}: {part.problem}")
    return parts


def _opened(
    envelopes: Iterable[bytes], keys: Sequence[AnyPrivateKey], where: str
) -> list[AnyPrivateKey]:
    """The keys in envelopes, each opened with whichever key does."""
    found: list[AnyPrivateKey] = []
    for envelope in envelopes:
        problem = "there is no signing key to open the envelope with"
        for key in keys:
            if not isinstance(key, PrivateKey):
                continue
            try:
                found.append(open_envelope(envelope, key))
                break
            except ConfigError as error:
                problem = str(error)
        else:
            raise ConfigError(f"{where}: {problem}")
    return found


def _read(path: str | Path, role: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the {role} {path}: {error.strerror}") from error


def _crossed(data: bytes, wrong_label: str) -> str:
    """Add the likely cause when the file is a good one of the other kind."""
    try:
        labels = {block.label for block in split_pem(data)} if is_pem(data) else set()
    except ConfigError:
        return ""
    only_others = bool(labels) and all(label.endswith(wrong_label) for label in labels)
    return "; are the certificate and key files mixed up?" if only_others else ""
