"""Which dialect to try next after a handshake that failed.

A failed handshake tells little: an alert, or nothing at all. What it does tell is kept here as a
table of what each stack answers to a form that it does not take. A guess that is wrong costs one
more connection; no dialect weakens what is verified.

Spec: GB/T 38636-2020 6.4.4; how stacks refuse is told at each rule
"""

from __future__ import annotations

from dataclasses import dataclass

from tlcp.alerts import AlertDescription as Alert
from tlcp.dialects import DIALECTS, Dialect

__all__ = ["Failure", "next_dialect"]

_OLD, _NEW = DIALECTS["gmssl-3.1"], DIALECTS["gmssl-3.3"]
_STANDARD, _TONGSUO = DIALECTS["standard"], DIALECTS["tongsuo"]

#: what a server that cannot read a ClientHello's extensions answers; None = it hangs up
_UNREADABLE = (Alert.UNEXPECTED_MESSAGE, Alert.DECODE_ERROR, Alert.UNSUPPORTED_EXTENSION)
_REFUSED_HELLO = (None, Alert.HANDSHAKE_FAILURE, Alert.NO_APPLICATION_PROTOCOL,
                  Alert.UNRECOGNIZED_NAME)  # fmt: skip
_REFUSED_PAIR = (None, Alert.BAD_CERTIFICATE, Alert.UNSUPPORTED_CERTIFICATE, Alert.UNKNOWN_CA,
                 Alert.CERTIFICATE_UNKNOWN)  # fmt: skip
_REFUSED_SINGLE = (None, Alert.HANDSHAKE_FAILURE, Alert.CERTIFICATE_REQUIRED,
                   Alert.BAD_CERTIFICATE)  # fmt: skip
_REFUSED_POINT = (None, Alert.DECODE_ERROR, Alert.ILLEGAL_PARAMETER, Alert.UNEXPECTED_MESSAGE,
                  Alert.HANDSHAKE_FAILURE, Alert.INTERNAL_ERROR)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a client's handshake ended.

    Attributes:
        alert: the number of the alert received; None if the server hung up.
        awaited: the message that we waited for, by name.
        dialect: the one spoken.
        sent_extensions: whether our ClientHello had any.
        ecdhe: whether an ECDHE suite was agreed on.
        sent_certificates: how many certificates of our own we sent.
    """

    alert: int | None
    awaited: str
    dialect: Dialect
    sent_extensions: bool
    ecdhe: bool
    sent_certificates: int


def next_dialect(failure: Failure) -> Dialect | None:
    """The dialect that this failure points to; None if it points to none, or to the same one."""
    if failure.awaited == "ServerHello":
        found = _after_hello(failure)
    elif "ChangeCipherSpec" in failure.awaited or "NewSessionTicket" in failure.awaited:
        found = _after_flight(failure)
    else:
        found = None
    return None if found is None or found.name == failure.dialect.name else found


def _after_hello(failure: Failure) -> Dialect | None:
    # GmSSL 3.1 sends alert 10 for any extension; 3.3 hangs up on an unknown one, and sends 40 for
    # a server_name that it has not and 120 for ALPN.
    if not failure.sent_extensions:
        return None
    if failure.alert in _UNREADABLE:
        return _OLD
    if failure.alert in _REFUSED_HELLO:  # also 0704 without 0708, which the standard's dialect says
        return _OLD if failure.dialect is _NEW else _NEW
    return None


def _after_flight(failure: Failure) -> Dialect | None:
    # GmSSL takes the second certificate of a pair for a CA, and signs messages, not their hash;
    # Tongsuo wants the pair; the letter of the standard has a length before the ECDHE point.
    alert, dialect = failure.alert, failure.dialect
    if alert == Alert.DECRYPT_ERROR and not dialect.raw_certificate_verify:
        return _NEW
    if failure.ecdhe and not dialect.point_vector and alert in _REFUSED_POINT:
        return _STANDARD
    if failure.sent_certificates < 1 or failure.ecdhe:
        return None
    if dialect.single_client_certificate:
        return _TONGSUO if alert in _REFUSED_SINGLE else None
    if alert in _REFUSED_PAIR:
        return _NEW if failure.sent_extensions else _OLD
    return None
