"""Renegotiation, and sessions that are continued wrongly.

Spec: GB/T 38636-2020 6.4.5.1, 6.4.5.2, 6.4.5.2.3; RFC 5077
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from assurance.adversary_peer import CCS_NAME, Item, Offender, Raw, Said, Ways
from assurance.misdeed import (
    BAD_MAC,
    DECODE,
    ECC,
    EXTENSION,
    FINE,
    ILLEGAL,
    UNEXPECTED,
    Act,
    Expected,
    Misdeed,
    before,
    body_of,
    instead,
    later,
    with_body,
)
from assurance.misdeeds.hello import changed_client_hello, changed_server_hello, extension
from assurance.misdeeds.order import FLIGHTS, TICKET_KEYS, setting
from support.samples import SAMPLES
from tlcp.alerts import AlertDescription as A
from tlcp.registry import ContentType as T
from tlcp.sessions.store import MemoryStore
from tlcp.wire.messages import ClientHello, HelloRequest, NewSessionTicket

_HELLO: Final = Raw(T.HANDSHAKE, SAMPLES[1].encode())
_REQUEST: Final = Raw(T.HANDSHAKE, HelloRequest().encode())
_TICKET: Final = 35


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for table in (_renegotiation, _by_server, _by_client, _tickets_of_servers, _tickets_of_clients):
        yield from table()


def _renegotiation() -> Iterator[Misdeed]:
    """Asked for and refused with a warning, a few times.  Spec: GB/T 38636-2020 6.4.4"""
    for role, ask in (("client", _HELLO), ("server", _REQUEST)):
        for count, end in ((1, FINE), (4, FINE), (5, UNEXPECTED), (1000, UNEXPECTED)):
            refused = replace(end, warnings=(A.NO_RENEGOTIATION,) * min(count, 4))
            yield Misdeed(
                f"{role}/open/renegotiation/{count}-times", "6.4.4", role,  # type: ignore[arg-type]
                later(*[ask] * count), refused, late=True,
            )  # fmt: skip
        wrong = _REQUEST if role == "client" else _HELLO
        yield Misdeed(
            f"{role}/open/renegotiation/by-the-other-s-message", "6.4.5.1", role,  # type: ignore[arg-type]
            later(wrong), UNEXPECTED, late=True,
        )  # fmt: skip
        for message in {type(m): m for m in SAMPLES}.values():
            if isinstance(message, ClientHello | HelloRequest):
                continue
            yield Misdeed(
                f"{role}/open/renegotiation/{type(message).__name__}", "6.4.5.1", role,  # type: ignore[arg-type]
                later(Raw(T.HANDSHAKE, message.encode())), UNEXPECTED, late=True,
            )  # fmt: skip
    for kind in (kind for role, kind in FLIGHTS if role == "server"):
        for name in (n for flight in FLIGHTS["server", kind] for n in flight):
            for count, end in ((4, FINE), (5, UNEXPECTED)):
                yield Misdeed(
                    f"server/{kind}/renegotiation/{count}-HelloRequests-before-{name}",
                    "6.4.5.2.3", "server", before(name, *[_REQUEST] * count), end,
                    **setting("server", kind),
                )  # fmt: skip
            yield Misdeed(
                f"server/{kind}/renegotiation/HelloRequest-with-a-body-before-{name}",
                "6.4.5.2.3", "server", before(name, Raw(T.HANDSHAKE, b"\0\0\0\1x")), UNEXPECTED,
                **setting("server", kind),
            )  # fmt: skip


# ---- sessions by their id ----------------------------------------------------------------------


def _by_server() -> Iterator[Misdeed]:
    """What a server answers to a client that asks for its session."""
    gcm, cbc = ECC
    other_suite = changed_server_hello(suite=cbc.id.to_bytes(2, "big"))
    rows: dict[str, tuple[Act, Expected]] = {
        "without-an-id": (changed_server_hello(session_id=b"\0"), UNEXPECTED),
        "another-id": (changed_server_hello(session_id=b"\x20" + bytes(32)), UNEXPECTED),
        "the-id-cut": (_edit_id(lambda own: own[:-1]), UNEXPECTED),
        "the-id-too-long": (_edit_id(lambda own: own + b"x"), DECODE),
        "another-master": (_mistaken(CCS_NAME), BAD_MAC),
    }
    for kind in ("resumed", "ticket", "renewed"):
        for name, (act, end) in rows.items():
            yield Misdeed(
                f"server/{kind}/session/{name}", "6.4.5.2.2", "server", act, end,
                **setting("server", kind),
            )  # fmt: skip
    yield Misdeed(
        "server/resumed/session/another-suite", "6.4.5.2.2", "server", other_suite, ILLEGAL,
        (gcm,), resumed=True, victim={"suites": (gcm, cbc)},
    )  # fmt: skip


def _edit_id(edit: Callable[[bytes], bytes]) -> Act:
    def give(_: Offender, item: Item) -> Iterable[Item]:
        body = body_of(item)
        end = 35 + body[34]
        own = edit(body[35:end])
        return (with_body(item, body[:34] + bytes((len(own),)) + own + body[end:]),)

    return instead("ServerHello", give)


def _mistaken(name: str) -> Act:
    """Another master secret from that message on."""

    def give(peer: Offender, item: Item) -> Iterable[Item]:
        peer.mistake_master()
        return (item,)

    return instead(name, give)


def _by_client() -> Iterator[Misdeed]:
    """What a client asks for and does not know, or has not proven."""
    for kind in ("resumed", "ticket"):
        yield Misdeed(
            f"client/{kind}/session/another-master", "6.5.1", "client", _mistaken(CCS_NAME),
            BAD_MAC, **setting("client", kind),
        )  # fmt: skip
    for size in (1, 31, 32):
        asked = bytes((size,)) + os.urandom(size)
        yield Misdeed(
            f"client/full/session/unknown-id-of-{size}", "6.4.5.2.1", "client",
            changed_client_hello(session_id=asked), FINE,
            victim={"session_store": MemoryStore()},
        )  # fmt: skip


# ---- tickets --------------------------------------------------------------------------------


def _tickets_of_servers() -> Iterator[Misdeed]:
    """A promised ticket comes, one that was not asked for does not.  Spec: RFC 5077 3.2, 3.3"""
    empty = extension(_TICKET, b"")
    ticket = NewSessionTicket(300, b"ticket").encode()
    asked = {"victim": {"tickets": True}}
    given = _with_ticket(Said((ticket,)))
    rows: list[tuple[str, Act, Expected, bool]] = [
        ("promised-unasked", changed_server_hello(extensions=empty), EXTENSION, False),
        ("promised-and-given", given, FINE, True),
        ("promised-and-not-given", changed_server_hello(extensions=empty), UNEXPECTED, True),
        ("given-and-not-promised", before(CCS_NAME, Said((ticket,))), UNEXPECTED, True),
        ("given-twice", _with_ticket(Said((ticket,)), Said((ticket,))), UNEXPECTED, True),
        ("empty", _with_ticket(Said((NewSessionTicket(0, b"").encode(),))), FINE, True),
        ("of-60000-bytes", _with_ticket(Said((NewSessionTicket(0, bytes(60000)).encode(),),
            _cut(NewSessionTicket(0, bytes(60000)).encode()))), FINE, True),
        ("cut", _with_ticket(Said((b"\4\0\0\5" + bytes(5),))), DECODE, True),
        ("trailing", _with_ticket(Said((b"\4\0\0\7" + bytes(7),))), DECODE, True),
    ]  # fmt: skip
    for name, act, end, asks in rows:
        yield Misdeed(
            f"server/full/ticket/{name}", "RFC 5077 3.3", "server", act, end,
            **(asked if asks else {}),  # type: ignore[arg-type]
        )  # fmt: skip


def _cut(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[at : at + (1 << 14)] for at in range(0, len(raw), 1 << 14))


def _with_ticket(*tickets: Item) -> Act:
    """The ServerHello promises one, and these come before ChangeCipherSpec."""
    hello, ccs = (
        changed_server_hello(extensions=extension(_TICKET, b"")),
        before(CCS_NAME, *tickets),
    )

    def make() -> Ways:
        first, second = hello().say, ccs().say

        def say(peer: Offender, name: str, item: Item) -> Iterable[Item]:
            return second(peer, name, item) if name == CCS_NAME else first(peer, name, item)

        return Ways(say)

    return make


def _tickets_of_clients() -> Iterator[Misdeed]:
    """Tickets that are none cost a full handshake.  Spec: RFC 5077 3.4"""
    for name, ticket in {
        "of-1-byte": b"x",
        "of-16-bytes": bytes(16),
        "of-200-zeros": bytes(200),
        "of-200-random-bytes": os.urandom(200),
        "of-12000-bytes": bytes(12000),
    }.items():
        block = extension(_TICKET, ticket)
        yield Misdeed(
            f"client/full/ticket/{name}", "RFC 5077 3.4", "client",
            changed_client_hello(extensions=block, session_id=b"\x20" + bytes(32)), FINE,
            victim={"ticket_keys": TICKET_KEYS},
        )  # fmt: skip
