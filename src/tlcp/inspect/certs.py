"""Certificates read once: the connections of a capture show the same ones again and again.

Spec: GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tlcp.errors import TLCPError
from tlcp.suites import KeyKind
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import Purpose
from tlcp.x509.pair import (
    split_certificates,
    verify_pair,
)
from tlcp.x509.recent import Recent
from tlcp.x509.trust import TrustStore

__all__ = ["KEPT", "is_long", "read_certificate", "split", "verified_chains"]

KEPT = 256
_KEPT_BYTES = 1 << 14  # of DER: longer lists are read each time

Split = tuple[Certificate, Certificate | None, tuple[Certificate, ...]]


def read_certificate(der: bytes) -> Certificate | None:
    """A certificate, None if it cannot be read."""
    try:
        return _certificate(der) if len(der) <= _KEPT_BYTES else Certificate.from_der(der)
    except TLCPError:
        return None


def split(ders: tuple[bytes, ...]) -> Split:
    """Signing certificate, encryption certificate (the same if there is one only), the rest.

    Raises:
        CertificateVerifyError: one cannot be read.
        ValueError: the list is empty.
    """
    if is_long(ders):
        return split_certificates(ders, allow_single=True)
    return _split(ders)


def verified_chains(
    ders: tuple[bytes, ...],
    role: Purpose,
    kind: KeyKind,
    *,
    need_enc: bool,
    trust: TrustStore,
    now: datetime.datetime,
    host: str | None,
) -> Certificate:
    """The trusted CA that a pair leads to, whatever its two subjects are.

    The connections of a busy server show the same pairs, so one that was verified is remembered
    for as long as all certificates of both its chains are valid.

    Raises:
        TLCPError: it leads to none, or is not for this role, moment or host.
    """
    key = (ders, role, kind, need_enc, trust.fingerprint, host)
    long = is_long(ders)
    known = None if long else _chains.get(key)
    if known is not None and known.since <= now <= known.until:
        return known.anchor
    pair = verify_pair(
        ders,
        role=role,
        trust=trust,
        now=now,
        host=host,
        need_enc=need_enc,
        kind=kind,
        allow_two_subjects=True,
    )
    chain = (*pair.sign_chain, *pair.enc_chain)
    since, until = max(c.not_before for c in chain), min(c.not_after for c in chain)
    anchor = pair.sign_chain[-1]
    if not long:
        _chains.put(key, _Verified(anchor, since, until))
    return anchor


class _Verified(NamedTuple):
    anchor: Certificate
    since: datetime.datetime
    until: datetime.datetime


_chains: Recent[tuple[object, ...], _Verified] = Recent(KEPT)


def is_long(ders: Sequence[bytes]) -> bool:
    """Whether a list has too many bytes to be remembered."""
    return sum(map(len, ders)) > _KEPT_BYTES


@lru_cache(KEPT)
def _certificate(der: bytes) -> Certificate:
    return Certificate.from_der(der)


@lru_cache(KEPT)
def _split(ders: tuple[bytes, ...]) -> Split:
    return split_certificates(ders, allow_single=True)
