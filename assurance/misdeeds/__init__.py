"""The tables of misdeeds, as data: who does what, against which section, and how that must end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from assurance.misdeed import Misdeed, numbered
from assurance.misdeeds import (
    alerts,
    bodies,
    certificates,
    exchange,
    finished,
    hello,
    order,
    protection,
    records,
    rsa,
    sessions,
    status,
)
from tlcp.suites import RSA_SUITES, KeyExchangeKind

__all__ = ["MISDEEDS"]

#: What is the same whatever the keys are, and what is about keys of one kind.
_ANY_KEYS: Final = (order, records, protection, alerts, finished, bodies, sessions, status)
_SOME: Final = (hello, exchange, rsa, certificates)


def _all() -> Iterator[Misdeed]:
    for table in _ANY_KEYS:
        for row in table.misdeeds():
            yield _also_rsa(row)
    for table in _SOME:
        yield from table.misdeeds()


def _also_rsa(row: Misdeed) -> Misdeed:
    """Where there are ECC suites, there are RSA suites of the same ciphers, too."""
    if row.victim.get("suites"):
        return row  # it is about those
    ciphers = {s.cipher for s in row.suites if s.key_exchange is KeyExchangeKind.ECC}
    return replace(row, suites=(*row.suites, *(s for s in RSA_SUITES if s.cipher in ciphers)))


MISDEEDS: Final[tuple[Misdeed, ...]] = tuple(numbered(_all()))
