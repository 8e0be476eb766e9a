"""Connections of our own ends in every suite and manner, as one capture and its key log."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from support.capturing import Talk, ip_of, pcap
from support.ends import HOST, NOW, drain, run, world
from support.rsa_pki import RsaCA
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.dialects import AUTO, DIALECTS, STANDARD
from tlcp.events import HandshakeCompleted
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import (
    DEFAULT_SUITES,
    ECC_SM4_GCM_SM3,
    RSA_SUITES,
    CipherSuite,
    KeyExchangeKind,
    KeyKind,
)

__all__ = [
    "EVERY_EXTENSION",
    "PORT",
    "REPLY",
    "REQUEST",
    "SUITES",
    "Heard",
    "capture",
    "everything",
    "heard",
    "names",
    "recut",
    "rsa_parties",
]

PORT = 4433
SUITES = (*DEFAULT_SUITES, *RSA_SUITES)
REQUEST = b"POST /a HTTP/1.1\r\nHost: server.example\r\nContent-Length: 3000\r\n\r\n" + b"r" * 3000
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20000\r\n\r\n" + b"a" * 20000
)
EVERY_EXTENSION = replace(
    AUTO,
    name="everything",
    extensions=AUTO.extensions | STANDARD.extensions | DIALECTS["tongsuo"].extensions,
    signature_algorithms=DIALECTS["gmssl-3.3"].signature_algorithms,
    supported_groups=STANDARD.supported_groups,
    renegotiation_scsv=True,
)

Chunk = tuple[int, bytes]


@dataclass
class Heard:
    """One connection as it went over the wire.

    Attributes:
        name: what is special about it.
        chunks: sender (0 = client) and bytes, in their order.
        data: what each side sent, as the other side received it.
        session: what can be continued.
        resumed: whether it continues one.
    """

    name: str
    chunks: list[Chunk] = field(default_factory=list)
    data: list[bytes] = field(default_factory=lambda: [b"", b""])
    session: Session | None = None
    resumed: bool = False

    def wire(self, sender: str, data: bytes) -> bytes:
        """Listen."""
        self.chunks.append((("client", "server").index(sender), data))
        return data


def configs(suite: CipherSuite, *, mutual: bool, log: Callable[[str], None]) -> tuple[Config, ...]:
    """Settings of a client and a server."""
    if suite.key_kind is KeyKind.RSA:
        ca, server, client = rsa_parties()
        now = None
    else:
        w = world()
        ca, server, client, now = w.trust, w.server, w.client, (lambda: NOW)
    common: dict[str, Any] = {"trust": ca, "suites": (suite,)}
    if now is not None:
        common["now"] = now
    needs = mutual or suite.key_exchange is KeyExchangeKind.ECDHE
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    return (
        Config(identity=client if needs else None, keylog=log, **common),
        Config(identity=server, client_auth=auth, **common),
    )


@functools.cache
def rsa_parties() -> tuple[Any, Any, Any]:
    """A CA as trust, and a server's and a client's identity, all RSA."""
    ca = RsaCA.create()
    return ca.trust, ca.issue_party("a server").identity, ca.issue_party("a client").identity


def heard(
    name: str,
    settings: tuple[Config, ...],
    *,
    session: Session | None = None,
    request: bytes = REQUEST,
    reply: bytes = REPLY,
    server_name: str | None = None,
) -> Heard:
    """A handshake, a question, an answer; both close."""
    one, made = settings, Heard(name)
    rsa = one[1].identity is not None and one[1].identity.key_kind is KeyKind.RSA
    host = server_name or ("localhost" if rsa else HOST)
    client = Connection.client(one[0], server_name=host, session=session)
    server = Connection.server(one[1])
    seen, _ = run(client, server, made.wire)
    if seen.error is not None:
        return made
    for event in seen.events:
        if isinstance(event, HandshakeCompleted):
            made.session, made.resumed = event.session, event.resumed
    client.send_data(request)
    _, there = run(client, server, made.wire)
    server.send_data(reply)
    here, _ = run(client, server, made.wire)
    made.data = [there.data, here.data]
    for end, sides in ((client, (client, server)), (server, (server, client))):
        end.close()
        run(*sides, made.wire)
        drain(client, here)
    return made


def recut(chunks: list[Chunk], size: int) -> list[Chunk]:
    """The same with the clear handshake messages of a flight together, in records of that size."""
    made: list[Chunk] = []
    for sender, data in chunks:
        out, flight, at = b"", b"", 0
        while at < len(data):
            end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
            clear = not any(20 in _kinds(d) for who, d in made if who == sender) and out == b""
            if data[at] == 22 and clear:
                flight += data[at + 5 : end]
            else:
                out += _records(flight, size) + data[at:end]
                flight = b""
            at = end
        made.append((sender, out + _records(flight, size)))
    return made


def _kinds(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        yield data[at]
        at += 5 + int.from_bytes(data[at + 3 : at + 5], "big")


def _records(data: bytes, size: int) -> bytes:
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"\x16\x01\x01" + len(p).to_bytes(2, "big") + p for p in parts)


def names() -> list[str]:
    """What the connections of ``everything`` are called, in their order."""
    manners = ("mutual", "one-way", "for id", "by id", "for ticket", "by ticket")
    found = [f"{suite.name} {manner}" for suite in SUITES for manner in manners]
    special = ("wrong name", "no common suite", "no client certificate")
    return [*found, "every extension", "fragmented", *special]


@functools.cache
def everything() -> tuple[tuple[Heard, ...], str]:
    """All connections, and the lines of their key log."""
    lines: list[str] = []
    return tuple(_everything(lines.append)), "\n".join(lines) + "\n"


def _everything(log: Callable[[str], None]) -> Iterator[Heard]:
    for suite in SUITES:
        for mutual in (True, False):
            auth = "mutual" if mutual else "one-way"
            yield heard(f"{suite.name} {auth}", configs(suite, mutual=mutual, log=log))
        yield from _resumed(suite, log)
    yield _with_everything(log)
    yield _fragmented(log)
    yield from _failing(log)


def _resumed(suite: CipherSuite, log: Callable[[str], None]) -> Iterator[Heard]:
    for how in ("id", "ticket"):
        client, server = configs(suite, mutual=True, log=log)
        if how == "id":
            server = replace(server, session_store=MemoryStore())
        else:
            client = replace(client, tickets=True)
            server = replace(server, ticket_keys=RotatingTicketKeys())
        first = heard(f"{suite.name} for {how}", (client, server))
        yield first
        later = heard(f"{suite.name} by {how}", (client, server), session=first.session)
        if not later.resumed:
            raise AssertionError(f"{later.name} was not resumed")
        yield later


def _with_everything(log: Callable[[str], None]) -> Heard:
    client, server = configs(ECC_SM4_GCM_SM3, mutual=True, log=log)
    client = replace(
        client,
        dialect=EVERY_EXTENSION,
        alpn_protocols=("h2", "http/1.1"),
        tickets=True,
        trusted_ca_keys=True,
        request_ocsp=True,
        client_id=b"a client",
    )
    server = replace(
        server,
        dialect=EVERY_EXTENSION,
        alpn_protocols=("http/1.1",),
        ticket_keys=RotatingTicketKeys(),
        session_store=MemoryStore(),
        ocsp_response=b"\x30\x03\x0a\x01\x06",
    )
    return heard("every extension", (client, server))


def _fragmented(log: Callable[[str], None]) -> Heard:
    made = heard("fragmented", configs(ECC_SM4_GCM_SM3, mutual=True, log=log))
    made.chunks = recut(made.chunks, 100)
    return made


def _failing(log: Callable[[str], None]) -> Iterator[Heard]:
    client, server = configs(ECC_SM4_GCM_SM3, mutual=True, log=log)
    yield heard("wrong name", (client, server), server_name="other.example")
    other = configs(DEFAULT_SUITES[1], mutual=True, log=log)[1]
    yield heard("no common suite", (client, other))
    yield heard("no client certificate", (replace(client, identity=None), server))


def capture(connections: tuple[Heard, ...] | list[Heard], *, segment: int = 1460) -> bytes:
    """All of them as a pcap of raw IP packets, one after the other, each from its own port."""
    packets, time_s = [], NOW.timestamp()
    for number, one in enumerate(connections):
        client = 20_000 + number
        flow = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + client.to_bytes(2, "big")
        talk = Talk(flow=flow + PORT.to_bytes(2, "big"), time_s=time_s).shake()
        for sender, data in one.chunks:
            for at in range(0, len(data), segment):
                talk.send(sender, data[at : at + segment])
            talk.send(1 - sender)
        talk.bye()
        packets += [(packet.time_s, ip_of(packet)) for packet in talk.packets]
        time_s = talk.time_s
    return pcap(packets, link=101)
