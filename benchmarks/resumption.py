"""Handshakes that continue a session, both ends in memory, beside full ones of the same settings.

By id the server keeps the session: ours in a ``MemoryStore``, Tongsuo's in the cache of its
context. By ticket the client does, sealed with a key of the server's. One session is continued
again and again; whole and resumed handshakes take turns, so that their ratio holds on a busy
machine, too.

We verify the peer's certificates again each time, Tongsuo believes what it believed before. So
"cold" is a process that has not met these certificates, as where another one did the full
handshake; Tongsuo's figures are the same for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from benchmarks import caches
from benchmarks.handshake import parties
from benchmarks.libraries import TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed, whole
from benchmarks.parties import HOST, Configs, handshake
from benchmarks.tongsuo import TongsuoPair
from support import ends
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import ECC_SM4_GCM_SM3, ECDHE_SM4_CBC_SM3, CipherSuite

__all__ = ["cases"]

GROUP = "resumption"
How = Literal["id", "ticket"]


def cases() -> Iterator[Case]:
    """Two suites, mutual, by id and by ticket, cold and warm."""
    for suite in (ECC_SM4_GCM_SM3, ECDHE_SM4_CBC_SM3):
        how: How
        for how in ("id", "ticket"):
            for cold in (True, False):
                yield _case(suite, how, cold=cold)


def _case(suite: CipherSuite, how: How, *, cold: bool) -> Case:
    def make(room: Room) -> Mapping[str, Call]:
        calls = _ours(room, suite, how, cold=cold)
        return calls if missing(TONGSUO) else calls | _theirs(room, suite, how)

    name = f"resumed by {how}, {suite.name} mutual, {'cold' if cold else 'warm'}"
    return Case(GROUP, name, "us", timed(make), (TONGSUO,))


def _ours(room: Room, suite: CipherSuite, how: How, *, cold: bool) -> dict[str, Call]:
    caches.forget_all()
    configs = _configs(room, suite, how)
    session = _session(configs, how)
    before = caches.forget_all if cold else None
    return {
        OURS: Call(lambda: handshake(configs, session), before),
        whole(OURS): Call(lambda: handshake(configs), before),
    }


def _configs(room: Room, suite: CipherSuite, how: How) -> Configs:
    loaded = Configs.load(parties(room, 0), suite, ClientAuth.REQUIRED)
    if how == "id":
        return Configs(loaded.client, replace(loaded.server, session_store=MemoryStore()))
    return Configs(
        replace(loaded.client, tickets=True),
        replace(loaded.server, ticket_keys=RotatingTicketKeys()),
    )


def _session(configs: Configs, how: How) -> Session:
    """A session, after a proof that both ends continue it, with all that a full handshake gave."""
    session: Session | None = None
    for resumed in (False, True, True):
        client = Connection.client(configs.client, server_name=HOST, session=session)
        near, far = (
            side.completed for side in ends.handshake(client, Connection.server(configs.server))
        )
        if near is None or far is None or [near.resumed, far.resumed] != [resumed] * 2:
            raise RuntimeError(f"our handshake by {how}: not resumed as expected ({resumed})")
        if not all(one.peer and one.peer.verified for one in (near, far)):
            raise RuntimeError("our ends do not know each other's certificates")
        session = session or near.session
        if session is None or bool(session.ticket) != (how == "ticket"):
            raise RuntimeError(f"our session is not kept by {how}")
    if session is None:
        raise RuntimeError("our server gave no session")
    return session


def _theirs(room: Room, suite: CipherSuite, how: How) -> dict[str, Call]:
    files = parties(room, 0)
    pair = TongsuoPair(files.client, files.server, suite.openssl_name, HOST, sessions=how)
    session = pair.session()
    room.stack.callback(pair.free_session, session)
    return {
        TONGSUO: Call(lambda: pair.handshake(session)),
        whole(TONGSUO): Call(pair.handshake),
    }
