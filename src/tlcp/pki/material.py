"""Certificates and keys out of files, and which of them is which half of a pair.

A pair may come as two files or one, with its CAs or without, keys beside it or inside.  Which
certificate is meant to sign is told by the names of the files (``server.sign.crt``,
``server.enc.crt``) where they say it, else by the order: the signing certificate first.  What the
certificates themselves say is not used for that, so that a swap is found.

Spec: GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tlcp.alerts import Text
from tlcp.crypto.keyfile import SoftwareKey
from tlcp.errors import ConfigError
from tlcp.x509.certificate import Certificate
from tlcp.x509.contents import Part, read_parts
from tlcp.x509.usage import is_authority

__all__ = ["Found", "KeyFound", "Material", "read_material"]

_T = TypeVar("_T")

_SIGN_NAME: Final = re.compile(r"(^|[._-])(sign|sig|signing)([._-]|$)", re.IGNORECASE)
_ENC_NAME: Final = re.compile(r"(^|[._-])(enc|encrypt|encryption)([._-]|$)", re.IGNORECASE)
_MOST: Final = 4096  # certificates in all files together


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate and the file that it is from."""

    certificate: Certificate
    file: str


@dataclass(frozen=True, slots=True)
class KeyFound:
    """A private key and the file that it is from.

    Attributes:
        key: None if it is encrypted and was not opened.
        file: its name.
        form: "PKCS#8", "encrypted PKCS#8", "SEC1" and so on.
    """

    key: SoftwareKey | None
    file: str
    form: str


@dataclass(frozen=True, slots=True)
class Material:
    """What the files hold, sorted.

    Attributes:
        sign: the certificate in the place of the signing certificate; None if there is none.
        enc: the one in the other place.
        sign_key, enc_key: the keys in their places.
        leaves: every end certificate, in order; more than two are too many.
        lists: the certificates of each file that has an end certificate, in its order: what a
            server of this configuration would send.
        authorities: every CA certificate of all files, without repetition.
        trusted: those that were given as trusted; None if nothing was.
    """

    sign: Found | None
    enc: Found | None
    sign_key: KeyFound | None
    enc_key: KeyFound | None
    leaves: tuple[Found, ...]
    lists: tuple[tuple[str, tuple[Certificate, ...]], ...]
    authorities: tuple[Certificate, ...]
    trusted: tuple[Certificate, ...] | None = None


def read_material(
    files: Iterable[tuple[str, bytes]],
    trusted: tuple[str, bytes] | None = None,
    password: bytes | None = None,
) -> Material:
    """Sort what is in the files.

    Args:
        files: (name, content) in the order that the user gave; PEM or DER.
        trusted: the file of trusted CAs, if there is one apart.
        password: for what is encrypted; without it, keys in PEM are not compared.

    Raises:
        ConfigError: a file holds neither certificate nor key, one cannot be read, or there is no
            end certificate.
    """
    certificates: list[tuple[str, tuple[Certificate, ...]]] = []
    keys: list[KeyFound] = []
    for name, data in files:
        found, found_keys = _read(name, data, password)
        if not found and not found_keys:
            raise ConfigError.told(
                Text(
                    f"{name} holds no certificate and no private key",
                    f"{name} 中既没有证书也没有私钥",
                )
            )
        if found:
            certificates.append((name, found))
        keys += found_keys
    if sum(len(found) for _, found in certificates) > _MOST:
        raise ConfigError.told(
            Text(
                f"more than {_MOST} certificates; give those of one pair",
                f"证书超过 {_MOST} 张；请只给出一对",
            )
        )
    issuers = {one.issuer_der for _, found in certificates for one in found if not one.self_issued}
    leaves = _unique(
        Found(certificate, name)
        for name, found in certificates
        for certificate in found
        if not certificate.is_ca
        and certificate.subject_der not in issuers
        and not (is_authority(certificate) and certificate.self_issued)
    )
    if not leaves:
        leaves = _unique(Found(found[0], name) for name, found in certificates[:2])
    if not leaves:
        raise ConfigError.told(
            Text(
                "no certificate in these files; give those of a pair, and its keys",
                "这些文件中没有证书；请给出一对证书及其私钥",
            )
        )
    sign, enc = _places([leaf.file for leaf in leaves])
    key_places = _places([key.file for key in keys])
    trust = None if trusted is None else _trusted(trusted[1])
    ends = {leaf.certificate for leaf in leaves}
    authorities = dict.fromkeys(
        certificate
        for found in (*(found for _, found in certificates), trust or ())
        for certificate in found
        if certificate not in ends
    )
    return Material(
        sign=_at(leaves, sign),
        enc=_at(leaves, enc),
        sign_key=_at(keys, key_places[0]),
        enc_key=_at(keys, key_places[1]),
        leaves=tuple(leaves),
        lists=tuple(
            (name, found) for name, found in certificates if any(one in ends for one in found)
        ),
        authorities=tuple(authorities),
        trusted=trust,
    )


def _trusted(data: bytes) -> tuple[Certificate, ...]:
    """Of a file of CAs whatever can be read: that it holds none is a finding."""
    try:
        return tuple(one.certificate for one in read_parts(data) if one.certificate is not None)
    except ConfigError:
        return ()


def _unique(found: Iterable[Found]) -> list[Found]:
    """Each certificate once for each file: one in two files is in both places on purpose."""
    return list(dict.fromkeys(found))


def _places(names: Sequence[str]) -> tuple[int | None, int | None]:
    """Which of the files are for signing and for encryption, by their names or their order."""
    stems = [Path(name).name for name in names]
    sign = next((at for at, stem in enumerate(stems) if _SIGN_NAME.search(stem)), None)
    enc = next((at for at, stem in enumerate(stems) if _ENC_NAME.search(stem)), None)
    if sign == enc:  # neither says it, or one file says both
        sign = enc = None
    rest = [at for at in range(len(names)) if at not in (sign, enc)]
    if sign is None and rest:
        sign = rest.pop(0)
    if enc is None and rest:
        enc = rest.pop(0)
    return sign, enc


def _at(items: Sequence[_T], place: int | None) -> _T | None:
    return None if place is None else items[place]


def _read(
    name: str, data: bytes, password: bytes | None
) -> tuple[tuple[Certificate, ...], list[KeyFound]]:
    try:
        parts = read_parts(data, password)
    except ConfigError as error:
        text = Text(f"{name}: {error}", f"{name}：{error.text.zh}")
        raise ConfigError.told(text) from error
    certificates: list[Certificate] = []
    keys: list[KeyFound] = []
    for part in parts:
        if part.certificate is not None:
            certificates.append(part.certificate)
        elif part.kind in ("private key", "envelope"):
            if part.problem and not part.encryption:
                raise ConfigError(f"{name}: {part.problem}")
            keys.append(KeyFound(part.key, name, _form(part)))
        elif part.problem:
            raise ConfigError(f"{name}: {part.problem}")
    return tuple(certificates), keys


def _form(part: Part) -> str:
    return f"encrypted {part.form}" if part.encryption else part.form
