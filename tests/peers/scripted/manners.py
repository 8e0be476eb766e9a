"""What tells one stack from another: its habits, its demands, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tlcp.registry import ExtensionType
from tlcp.suites import DEFAULT_SUITES, CipherSuite
from tlcp.wire.messages import ClientHello, ServerHello
from tlcp.x509.certificate import Certificate

SILENT = None  # refuses without an alert


class Refusal(Exception):
    """The peer ends the connection: with an alert, or (None) without a word."""

    def __init__(self, why: str, alert: int | None) -> None:
        super().__init__(why)
        self.why, self.alert = why, alert


class Demand(NamedTuple):
    """One thing that a stack refuses.

    Attributes:
        broken: gets what we sent; whether it is refused.
        why: in words.
        alert: that it answers with; None if it only closes.
    """

    broken: Callable[[Any], bool]
    why: str
    alert: int | None


def insist(demands: Iterable[Demand], subject: object) -> None:
    """Refuse at the first demand that is not met."""
    for demand in demands:
        if demand.broken(subject):
            raise Refusal(demand.why, demand.alert)


class HelloSeen(NamedTuple):
    """A ClientHello as a server looks at it, and the names and protocols that it has itself."""

    hello: ClientHello
    names: tuple[str, ...]
    protocols: tuple[str, ...]

    @property
    def types(self) -> set[int]:
        return {e.type for e in self.hello.extensions or ()}


class AnswerSeen(NamedTuple):
    """A ServerHello as a client looks at it, and the extension types that it has offered."""

    hello: ServerHello
    offered: frozenset[int]

    @property
    def types(self) -> set[int]:
        return {e.type for e in self.hello.extensions or ()}


class ListSeen(NamedTuple):
    """A Certificate message, and whether the suite is an ECDHE one."""

    certificates: tuple[Certificate, ...]
    ecdhe: bool


class RequestSeen(NamedTuple):
    """A CertificateRequest, and the issuer of the last certificate that the client would send."""

    types: bytes
    names: tuple[bytes, ...]
    issuer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a stack sends.

    Attributes:
        suites: what it has, in a server's order of preference; a server without an order of its
            own (``obeys_client``) goes by the client's.
        segments: each message in a TCP segment of its own.
        curve: the number that it gives to the SM2 curve.
        point_vector: 71 bytes in ECDHE ClientKeyExchange, not 69.
        raw_verify: its client signs the messages, not their hash.
        client_first: hashes the client's Z first.
        single_client_certificate: its client sends no encryption certificate in ECC suites.
        root_sent: appends the root to its certificates.
        enc_last: puts its encryption certificate behind the CAs.
        types: of its CertificateRequest.
        names_cas: whether that names its CAs.
        nonce_from_zero: counts explicit nonces from 0; others begin anywhere.
        empty_records: roles in which it sends an empty record before data.
        names_sessions: its server sends 32 bytes of session id where it gives no ticket.
        resumes: whether it continues sessions at all.
        sentinel: what its server's random ends in.
        answers: extensions that its server answers, in its order.
        scsv: its client offers 00FF.
        offers: extensions of its ClientHello, in its order.
        signature_algorithms: what its client offers there.
        no_suite, no_certificate, malformed: alerts that it answers with.
        staple: where its server puts an OCSP response: "hello", "message" or "" (nowhere).
    """

    suites: tuple[CipherSuite, ...] = DEFAULT_SUITES
    obeys_client: bool = True
    segments: bool = False
    curve: int = 41
    point_vector: bool = False
    raw_verify: bool = False
    client_first: bool = False
    single_client_certificate: bool = False
    root_sent: bool = False
    enc_last: bool = False
    types: bytes = b"\x01\x40"
    names_cas: bool = True
    nonce_from_zero: bool = False
    empty_records: frozenset[str] = frozenset()
    names_sessions: bool = True
    resumes: bool = True
    sentinel: bytes = b""
    answers: tuple[int, ...] = ()
    scsv: bool = False
    offers: tuple[int, ...] = ()
    signature_algorithms: tuple[int, ...] = (0x0708,)
    no_suite: int = 40
    no_certificate: int = 40
    malformed: int = 50
    staple: str = ""

    def gives_tickets(self) -> bool:
        return ExtensionType.SESSION_TICKET in self.answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a stack refuses.

    Attributes:
        whole_messages: alert for a record that is not exactly one handshake message; 0 = any cut.
        record_version: alert for a record that is not 0101 where others look away; 0 = looks away.
        hello, client_list: of its server, for ClientHello and the client's certificates.
        points: lengths of ECDHE ClientKeyExchange that its server reads.
        point_alert: what another length gets.
        raw_verify: its server takes a signature over the messages, and no other.
        answer, server_list, request: of its client, for ServerHello, the server's certificates and
            CertificateRequest.
        curves: numbers of the curve that its client reads; empty = any.
        bad_exchange: alert of its client for a wrong signature of the server.
        longest: bytes of data in one record that it can read.
    """

    whole_messages: int = 0
    record_version: int = 0
    hello: tuple[Demand, ...] = ()
    client_list: tuple[Demand, ...] = ()
    points: frozenset[int] = frozenset({69})
    point_alert: int = 50
    raw_verify: bool = False
    answer: tuple[Demand, ...] = ()
    server_list: tuple[Demand, ...] = ()
    request: tuple[Demand, ...] = ()
    curves: frozenset[int] = frozenset()
    bad_exchange: int = 51
    longest: int = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack; ``preset`` is the dialect that is meant for it."""

    name: str
    preset: str
    habits: Habits = field(default_factory=Habits)
    demands: Demands = field(default_factory=Demands)
    captures: str = ""  # of its ClientHello: the start of their file names

    def __str__(self) -> str:
        return self.name
