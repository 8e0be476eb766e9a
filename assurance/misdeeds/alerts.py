"""Alerts at every place, floods of them, and the ends of connections.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assurance.adversary_peer import Raw
from assurance.misdeed import FINE, ILLEGAL, ROLES, UNEXPECTED, Expected, Misdeed, before, later
from assurance.misdeeds.order import PLACES, setting
from tlcp.alerts import AlertDescription as A
from tlcp.errors import AlertReceived
from tlcp.registry import ContentType as T

_ENDED: Final = Expected(AlertReceived)
_UNKNOWN: Final = (1, 99, 123, 199, 255)


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for table in (_in_the_handshake, _floods, _open, _closing):
        yield from table()


def _alert(*alerts: tuple[int, int]) -> Raw:
    return Raw(T.ALERT, bytes(byte for alert in alerts for byte in alert))


def _in_the_handshake() -> Iterator[Misdeed]:
    """A fatal one, or close_notify, ends it; a warning does not; malformed ones are refused."""
    rows: dict[str, tuple[tuple[Raw, ...], Expected]] = {
        "fatal-handshake_failure": ((_alert((2, 40)),), _ENDED),
        "fatal-unknown": ((_alert((2, 123)),), _ENDED),
        "fatal-close_notify": ((_alert((2, 0)),), _ENDED),
        "close_notify": ((_alert((1, 0)),), _ENDED),
        "fatal-in-two-records": ((Raw(T.ALERT, b"\2"), Raw(T.ALERT, b"\x28")), _ENDED),
        "fatal-behind-a-warning": ((_alert((1, 90), (2, 40)),), _ENDED),
        "warning-user_canceled": ((_alert((1, 90)),), FINE),
        "warning-unrecognized_name": ((_alert((1, 112)),), FINE),
        "warning-unknown": ((_alert((1, 123)),), FINE),
        "warning-in-two-records": ((Raw(T.ALERT, b"\1"), Raw(T.ALERT, b"\x5a")), FINE),
        "warnings-8-in-one-record": ((_alert(*[(1, 90)] * 8),), FINE),
        "warnings-9-in-one-record": ((_alert(*[(1, 90)] * 9),), UNEXPECTED),
        "level-0": ((_alert((0, 40)),), ILLEGAL),
        "level-3": ((_alert((3, 40)),), ILLEGAL),
        "level-255-close_notify": ((_alert((255, 0)),), ILLEGAL),
        "half": ((Raw(T.ALERT, b"\2"),), UNEXPECTED),
        "one-and-a-half": ((Raw(T.ALERT, b"\1\x5a\2"),), UNEXPECTED),
    }
    for role, kind, name in PLACES:
        for label, (records, end) in rows.items():
            yield Misdeed(
                f"{role}/{kind}/alert/{label}-before-{name}", "6.4.4", role,
                before(name, *records), end, **setting(role, kind),
            )  # fmt: skip


def _floods() -> Iterator[Misdeed]:
    """Warnings are let pass, and not for ever.  Spec: GB/T 38636-2020 6.4.4"""
    for role, kind, name in PLACES:
        for count, end in ((8, FINE), (9, UNEXPECTED), (1000, UNEXPECTED)):
            yield Misdeed(
                f"{role}/{kind}/alert/flood-of-{count}-before-{name}", "6.4.4", role,
                before(name, *[_alert((1, 123))] * count), end, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        for count, end in ((8, FINE), (9, UNEXPECTED), (1000, UNEXPECTED)):
            yield Misdeed(
                f"{role}/open/alert/flood-of-{count}", "6.4.4", role,
                later(*[_alert((1, 100))] * count), end, late=True,
            )  # fmt: skip


def _open() -> Iterator[Misdeed]:
    """When data flows: every number there is, as an end and as a warning."""
    numbers = sorted({*(int(a) for a in A), *_UNKNOWN} - {0})
    for role in ROLES:
        for number in numbers:
            label = A.label(number).partition("(")[0] + f"-{number}"
            yield Misdeed(
                f"{role}/open/alert/fatal-{label}", "6.4.4", role, later(_alert((2, number))),
                _ENDED, late=True,
            )  # fmt: skip
            yield Misdeed(
                f"{role}/open/alert/warning-{label}", "6.4.4", role, later(_alert((1, number))),
                FINE, late=True,
            )  # fmt: skip
        for level in (0, 3, 127, 255):
            yield Misdeed(
                f"{role}/open/alert/level-{level}", "6.4.4", role, later(_alert((level, 40))),
                ILLEGAL, late=True,
            )  # fmt: skip
        for label, text in (("ccs", b"\1"), ("data", b"!"), ("handshake", bytes(4))):
            kind = {
                "ccs": T.CHANGE_CIPHER_SPEC,
                "data": T.APPLICATION_DATA,
                "handshake": T.HANDSHAKE,
            }[label]
            yield Misdeed(
                f"{role}/open/alert/half-and-{label}", "6.4.4", role,
                later(Raw(T.ALERT, b"\2"), Raw(kind, text)), UNEXPECTED, late=True,
            )  # fmt: skip


def _closing() -> Iterator[Misdeed]:
    """close_notify is the end, whatever follows, and nothing else is one.

    Spec: GB/T 38636-2020 6.4.4.1
    """
    close, data = _alert((1, 0)), Raw(T.APPLICATION_DATA, b"!")
    rows: dict[str, tuple[tuple[Raw, ...], bytes | None]] = {
        "once": ((close,), None),
        "twice": ((close, close), None),
        "behind-data": ((data, close), b"!"),
        "and-data": ((close, data), None),
        "and-a-fatal-alert": ((close, _alert((2, 40))), None),
        "and-a-fatal-alert-in-its-record": ((_alert((1, 0), (2, 40)),), None),
        "and-garbage": ((close, Raw(99, b"garbage", clear=True)), None),
        "and-ccs": ((close, Raw(T.CHANGE_CIPHER_SPEC, b"\1")), None),
        "in-two-records": ((Raw(T.ALERT, b"\1"), Raw(T.ALERT, b"\0")), None),
        "as-a-fatal-alert": ((_alert((2, 0)),), None),
    }
    for role in ROLES:
        for label, (records, more) in rows.items():
            yield Misdeed(
                f"{role}/open/close/{label}", "6.4.4.1", role, later(*records), FINE,
                late=True, data=more,
            )  # fmt: skip
