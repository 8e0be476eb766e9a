"""The tables of misdeeds, as data: who does what, against which section, and how that must end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from assurance.adversary_peer import CCS_NAME
from assurance.misdeed import Misdeed, Sweep, numbered
from assurance.misdeeds import (
    alerts,
    bodies,
    certificates,
    closed,
    continued,
    exchange,
    finished,
    hello,
    optional,
    order,
    protection,
    records,
    rsa,
    sessions,
    status,
)
from tlcp.suites import RSA_SUITES, KeyExchangeKind

__all__ = ["MISDEEDS", "SWEEPS", "also_rsa"]

#: What is the same whatever the keys are, and what is about keys of one kind.
_ANY_KEYS: Final = (
    *(order, records, protection, alerts, finished, bodies),
    *(hello, certificates, sessions, continued, optional, status),
)
_NEW: Final = ("NewSessionTicket", "Finished")  # before them all is as without a ticket
_SOME: Final = (exchange, rsa)


def _all() -> Iterator[Misdeed]:
    rows = [
        *(_shortened(also_rsa(row)) for table in _ANY_KEYS for row in table.misdeeds()),
        *(row for table in _SOME for row in table.misdeeds()),
    ]
    yield from rows
    yield from closed.misdeeds(rows)


def _shortened(row: Misdeed) -> Misdeed:
    """What is as in any full handshake is in the long form alone."""
    known = row.id.startswith("server/new-ticket/")
    new = any(name in row.id for name in (*_NEW, CCS_NAME))
    usual = row.id.startswith("client/optional/")  # it has certificates, and is as any other
    return replace(row, long=True) if (known and not new) or usual else row


def also_rsa(row: Misdeed) -> Misdeed:
    """Where there are ECC suites, there are RSA suites of the same ciphers, too."""
    if row.only_these or row.victim.get("suites") or row.since.get("suites"):
        return row  # it is about those
    ciphers = {s.cipher for s in row.suites if s.key_exchange is KeyExchangeKind.ECC}
    return replace(row, suites=(*row.suites, *(s for s in RSA_SUITES if s.cipher in ciphers)))


MISDEEDS: Final[tuple[Misdeed, ...]] = tuple(numbered(_all()))
#: Too many to write down before it is known how long messages are.
SWEEPS: Final[tuple[Sweep, ...]] = tuple(
    sweep
    for sweep in (*records.sweeps(), *bodies.sweeps(), *continued.sweeps())
    if sweep.kind != "optional" and (sweep.kind != "new-ticket" or sweep.message in _NEW)
)
