"""The certificates of a message as plain data for JSON: what each is, and who signed whom.

Spec: GB/T 38636-2020 6.4.5.3; GB/T 20518-2018
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.errors import TLCPError
from tlcp.inspect.certs import read_certificate, split
from tlcp.x509.certificate import Certificate
from tlcp.x509.usage import is_authority

__all__ = ["certificates_list"]

_KEPT = 128
_SM2_BITS = 256
_MOST_LINKED = 16  # certificates of one list among which issuers are looked for


@lru_cache(_KEPT)
def certificates_list(ders: tuple[bytes, ...]) -> list[dict[str, Any]]:
    """What a Certificate message holds; callers must not change the answer.

    Args:
        ders: in the order of the message.
    """
    read = [read_certificate(der) for der in ders]
    roles = _roles(ders)
    return [
        _certificate(one, roles.get(place, "other"), _issuer(one, read[:_MOST_LINKED]))
        for place, one in enumerate(read)
    ]


def _roles(ders: tuple[bytes, ...]) -> dict[int, str]:
    try:
        sign, enc, rest = split(ders)
    except (TLCPError, ValueError):
        return {}
    roles = {place: "ca" for place, der in enumerate(ders) if _in(der, rest)}
    roles[0] = "sign"
    if enc is not None and enc.der == sign.der:
        roles[0] = "both"
    elif enc is not None:
        roles[ders.index(enc.der)] = "enc"
    return roles


def _in(der: bytes, rest: tuple[Certificate, ...]) -> bool:
    return any(one.der == der and is_authority(one) for one in rest)


def _issuer(one: Certificate | None, others: list[Certificate | None]) -> int | None:
    """The place of the certificate whose key signed this one, perhaps itself."""
    if one is None:
        return None
    for place, other in enumerate(others):
        if other is None or other.subject_der != one.issuer_der:
            continue
        try:
            one.verify_signed_by(other)
        except TLCPError:
            continue
        return place
    return None


def _certificate(one: Certificate | None, role: str, issuer: int | None) -> dict[str, Any]:
    if one is None:
        return {"problem": "cannot be read", "sm3": None}
    purposes = one.extended_key_usage
    return {
        "role": role,
        "version": one.version,
        "subject": one.subject_text,
        "issuer": one.issuer_text,
        "issued_by": issuer,
        "serial": f"{one.serial_number:x}",
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat(),
        "key_usage": sorted(one.key_usage) if one.key_usage is not None else None,
        "extended_key_usage": (
            sorted(str(oid._name) for oid in purposes) if purposes is not None else None
        ),
        "is_ca": one.is_ca,
        "path_length": one.path_length,
        "names": [*one.dns_names, *map(str, one.ip_addresses)],
        "public_key": _public_key(one),
        "signature_algorithm": one.signature_algorithm,
        "sm3": one.fingerprint_sm3.hex(),
        "problem": None,
    }


def _public_key(one: Certificate) -> dict[str, Any]:
    """SM2: the point, 65 bytes; RSA: SubjectPublicKeyInfo in DER."""
    told: dict[str, Any] = {"algorithm": one.key_algorithm, "bits": None, "data": None}
    try:
        key = one.public_key
        if isinstance(key, SM2PublicKey):
            return told | {"bits": _SM2_BITS, "data": one.public_point.hex()}
        return told | {"bits": key.bits, "data": key.der.hex()}
    except TLCPError:
        return told
