"""Clients that continue a session wrongly: by its id, or by a ticket, genuine or changed.

What may not be continued costs a full handshake, with all that it asks for.

Spec: GB/T 38636-2020 6.4.5.1, 6.4.5.2.1; RFC 5077 3.4
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from assurance.adversary_peer import Offender
from assurance.misdeed import (
    ALL,
    CERTIFICATE,
    ECC,
    FINE,
    Act,
    Expected,
    Misdeed,
    Sweep,
    asking,
    edited,
)
from assurance.misdeeds.hello import changed_client_hello
from assurance.misdeeds.order import setting
from support.ends import HOST, NOW, world
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.errors import CertificateProblem, CertificateRequired
from tlcp.registry import ExtensionType as X
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import RSA_SUITES
from tlcp.wire.extensions import host_name_extension
from tlcp.wire.messages import ClientHello, Extension
from tlcp.x509.chain import ChainPolicy
from tlcp.x509.trust import TrustStore

_REQUIRED: Final = Expected(CertificateRequired, A.HANDSHAKE_FAILURE)
_UNKNOWN: Final = CERTIFICATE(CertificateProblem.UNKNOWN_CA)
_TICKET_BYTES: Final = {"name": (0, 15), "nonce": (16, 27), "text": (28, 100), "tag": (-16, -1)}


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for kind in ("resumed", "ticket"):
        yield from _asked_wrongly(kind)
        yield from _of_another_suite(kind)
        yield from _changed_since(kind)
        yield from _without_certificates(kind)
    yield from _damaged()


def sweeps() -> Iterator[Sweep]:
    """Every byte of a ticket changed."""
    yield Sweep("client", "ticket", "ClientHello", _every_byte)


def _row(kind: str, name: str, act: Act, end: Expected = FINE, **more: Any) -> Misdeed:
    """In place of a handshake that continues, a full one."""
    usual = setting("client", kind)
    victim = usual.get("victim", {}) | more.pop("victim", {})
    offender = usual.get("offender", {}) | more.pop("offender", {})
    return Misdeed(
        f"client/{kind}/continued/{name}", "6.4.5.2.1" if kind == "resumed" else "RFC 5077 3.4",
        "client", act, end, **usual | {"victim": victim, "offender": offender, "continues": False},
        **more,
    )  # fmt: skip


# ---- another name, another suite ---------------------------------------------------------------


def _changed_hello(change: Callable[[ClientHello], ClientHello]) -> Act:
    return edited("ClientHello", lambda _, body: change(ClientHello.from_bytes(body)).to_bytes())


def _with(kind: int, *instead: Extension) -> Callable[[ClientHello], ClientHello]:
    """The same hello with these in place of an extension."""

    def change(hello: ClientHello) -> ClientHello:
        found = list[Extension]()
        for extension in hello.extensions or ():
            found += instead if extension.type == kind else (extension,)
        return replace(hello, extensions=tuple(found) or None)

    return change


def _asked_wrongly(kind: str) -> Iterator[Misdeed]:
    names: dict[str, tuple[Extension, ...]] = {
        "for-another-name": (host_name_extension("other.example"),),
        "for-a-name-above": (host_name_extension(HOST.partition(".")[2]),),
        "for-a-name-below": (host_name_extension(f"www.{HOST}"),),
        "for-a-longer-name": (host_name_extension(f"{HOST}x"),),
        "for-no-name": (),
    }
    for name, extensions in names.items():
        yield _row(kind, name, _changed_hello(_with(X.SERVER_NAME, *extensions)))
    if kind == "resumed":
        for at in (0, 15, 31):
            yield _row(kind, f"id-bit-of-byte-{at:02}", edited("ClientHello", _id_flipped(at)))
        for size in (1, 16, 31):
            cut = edited("ClientHello", functools.partial(_id_cut, size=size))
            yield _row(kind, f"id-cut-to-{size:02}", cut)
    else:
        yield _row(kind, "without-an-id", changed_client_hello(session_id=b"\0"))


def _id_flipped(at: int) -> Callable[[Offender, bytes], bytes]:
    place = 35 + at
    return lambda _, body: body[:place] + bytes((body[place] ^ 1,)) + body[place + 1 :]


def _id_cut(_: Offender, body: bytes, size: int) -> bytes:
    return body[:34] + bytes((size,)) + body[35 : 35 + size] + body[35 + body[34] :]


def _of_another_suite(kind: str) -> Iterator[Misdeed]:
    """The session's suite is not offered, or the server has it no more."""
    for suites in (tuple(ALL), tuple(RSA_SUITES)):
        for suite, other in zip(suites, (*suites[1:], suites[0]), strict=True):
            yield _row(
                kind, f"{suite.name}-and-offers-{other.name}", asking, suites=(suite,),
                victim={"suites": suites}, offender_since={"suites": (other,)},
            )  # fmt: skip
            yield _row(
                kind, f"{suite.name}-of-a-server-that-has-{other.name}", asking, suites=(suite,),
                since={"suites": (other,)}, offender_since={"suites": (suite, other)},
            )  # fmt: skip


# ---- what the server asks for now ---------------------------------------------------------------


class _NoKeys:
    """Ticket keys that are out of reach."""

    def newest(self) -> Any:
        raise OSError("out of reach")

    def named(self, name: bytes) -> Any:
        raise OSError("out of reach")


def _changed_since(kind: str) -> Iterator[Misdeed]:
    """It is another time, or the server's settings are others: a full handshake by those."""
    later = timedelta(seconds=7200)
    rows: dict[str, tuple[dict[str, Any], Expected]] = {
        "when-it-has-expired": ({"now": lambda: NOW + later}, FINE),
        "long-after": ({"now": lambda: NOW + timedelta(days=20)}, FINE),
        "before-it-began": ({"now": lambda: NOW - timedelta(seconds=1)}, FINE),
        "where-sessions-live-shorter": (
            {"session_lifetime_s": 60, "now": lambda: NOW + timedelta(seconds=60)}, FINE),
        "under-another-policy": ({"chain_policy": ChainPolicy(max_depth=9)}, FINE),
        "where-clients-need-no-certificates": ({"client_auth": ClientAuth.OPTIONAL}, FINE),
        "where-its-ca-is-not-trusted": (
            {"trust": TrustStore([world().stranger.certificate])}, _UNKNOWN),
    }  # fmt: skip
    if kind == "resumed":
        rows["that-is-forgotten"] = {"session_store": MemoryStore()}, FINE
        rows["of-a-server-that-keeps-none"] = {"session_store": None}, FINE
    else:
        rows["of-other-keys"] = {"ticket_keys": RotatingTicketKeys()}, FINE
        rows["of-keys-out-of-reach"] = {"ticket_keys": _NoKeys()}, FINE
        rows["of-a-server-without-tickets"] = {"ticket_keys": None}, FINE
    for name, (since, end) in rows.items():
        yield _row(kind, name, asking, end, since=since)


def _without_certificates(kind: str) -> Iterator[Misdeed]:
    """Who came without certificates, and needs them now, does not come in by an old session."""
    for before in (ClientAuth.NONE, ClientAuth.OPTIONAL):
        for name, identity, end in (("has-none", None, _REQUIRED), ("has-them-now", ..., FINE)):
            now = {} if identity is ... else {"identity": None}
            yield _row(
                kind, f"without-certificates-{before.name}-and-{name}", asking, end,
                suites=tuple(ECC), victim={"client_auth": before},
                offender=now, since={"client_auth": ClientAuth.REQUIRED}, offender_since=now,
            )  # fmt: skip


# ---- tickets that were changed -----------------------------------------------------------------


def _changed_ticket(change: Callable[[bytes], bytes]) -> Act:
    def edit(hello: ClientHello) -> ClientHello:
        ticket = next(e.data for e in hello.extensions or () if e.type == X.SESSION_TICKET)
        return _with(X.SESSION_TICKET, Extension(X.SESSION_TICKET, change(ticket)))(hello)

    return _changed_hello(edit)


def _flipped(at: int) -> Misdeed:
    def change(ticket: bytes) -> bytes:
        place = at % len(ticket)
        return ticket[:place] + bytes((ticket[place] ^ 1,)) + ticket[place + 1 :]

    where = f"byte-{at:04}" if at >= 0 else f"byte-{-at:04}-from-the-end"
    return _row("ticket", f"bit-of-{where}", _changed_ticket(change))


def _damaged() -> Iterator[Misdeed]:
    """A genuine ticket that is not whole, or not as it was."""
    for at in (place for part in _TICKET_BYTES.values() for place in part):
        yield _flipped(at)
    rows: dict[str, Callable[[bytes], bytes]] = {
        "cut-by-1": lambda t: t[:-1],
        "cut-by-16": lambda t: t[:-16],
        "cut-to-44": lambda t: t[:44],
        "cut-to-43": lambda t: t[:43],
        "cut-to-28": lambda t: t[:28],
        "cut-to-16": lambda t: t[:16],
        "without-its-first-byte": lambda t: t[1:],
        "and-a-byte": lambda t: t + b"\0",
        "twice": lambda t: t * 2,
        "of-another-name": lambda t: bytes(16) + t[16:],
        "of-another-nonce": lambda t: t[:16] + bytes(12) + t[28:],
        "of-another-text": lambda t: t[:28] + bytes(len(t) - 44) + t[-16:],
        "of-another-tag": lambda t: t[:-16] + bytes(16),
        "backwards": lambda t: t[::-1],
        "empty": lambda _: b"",
    }
    for name, change in rows.items():
        yield _row("ticket", name, _changed_ticket(change))


def _every_byte(raw: bytes) -> Iterator[Misdeed]:
    """A ticket as long as that of the hello."""
    hello = ClientHello.from_bytes(raw[4:])
    size = next(len(e.data) for e in hello.extensions or () if e.type == X.SESSION_TICKET)
    half = size // 2
    known = {place for part in _TICKET_BYTES.values() for place in part}
    for at in (*range(half), *range(-1, half - size - 1, -1)):
        if at not in known:
            yield _flipped(at)
