"""Whole handshakes, both ends in memory.

Ours: two ``tlcp.connection.Connection``, the engine that every other interface drives; and two
``TLCPObject`` over ``ssl.MemoryBIO``, as asyncio drives them. Tongsuo: two SSL objects that share
memory BIOs. Contexts are made once, before; both ends verify what they get, the client also the
host name.

"one-way" is a server that authenticates no client. ECDHE suites need the client's certificates all
the same, for the key exchange.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import caches
from benchmarks.libraries import TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed
from benchmarks.parties import HOST, Configs, Parties, handshake, make_parties
from benchmarks.tongsuo import TongsuoPair
from peers.tongsuo import ClientAuthMode
from support import ends
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.suites import DEFAULT_SUITES, ECC_SM4_GCM_SM3, CipherSuite

__all__ = ["cases", "contest", "parties"]

GROUP = "handshake"


def cases() -> Iterator[Case]:
    """Each suite, mutual and one-way, cold and warm."""
    for suite in sorted(DEFAULT_SUITES, key=lambda suite: suite.name):
        for auth, words in ((ClientAuth.REQUIRED, "mutual"), (ClientAuth.NONE, "one-way")):
            for cold in (True, False):
                yield _case(suite, auth, words, cold=cold)
    for cold in (True, False):
        yield _object_case(cold=cold)


def _temperature(cold: bool) -> str:
    return "cold" if cold else "warm"


def _case(suite: CipherSuite, auth: ClientAuth, words: str, *, cold: bool) -> Case:
    def make(room: Room) -> Mapping[str, Call]:
        return contest(parties(room, 0), suite, auth, cold=cold)

    name = f"handshake {suite.name} {words}, {_temperature(cold)}"
    return Case(GROUP, name, "us", timed(make), (TONGSUO,))


def parties(room: Room, intermediates: int) -> Parties:
    """The certificates of this run."""

    def make() -> Parties:
        folder = Path(room.folder, f"pki{intermediates}")
        folder.mkdir()
        return make_parties(folder, intermediates)

    return room.once(("parties", intermediates), make)


def contest(
    parties: Parties, suite: CipherSuite, auth: ClientAuth, *, cold: bool
) -> Mapping[str, Call]:
    """A handshake of ours and one of Tongsuo's, with new contexts."""
    caches.forget_all()
    configs = Configs.load(parties, suite, auth)
    _check(configs, suite, mutual=auth is ClientAuth.REQUIRED)
    caches.forget_certificates()
    calls = {OURS: Call(lambda: handshake(configs), caches.forget_all if cold else None)}
    if not missing(TONGSUO):
        asked: ClientAuthMode = "required" if auth is ClientAuth.REQUIRED else "none"
        pair = TongsuoPair(
            parties.client, parties.server, suite.openssl_name, HOST, client_auth=asked
        )
        calls[TONGSUO] = Call(pair.handshake)
    return calls


def _check(configs: Configs, suite: CipherSuite, *, mutual: bool) -> None:
    """That the handshake measured is the one that its name promises."""
    client = Connection.client(configs.client, server_name=HOST)
    near, far = ends.handshake(client, Connection.server(configs.server))
    if near.completed is None or near.completed.suite is not suite:
        raise RuntimeError(f"our handshake did not agree on {suite}")
    verified = [side.completed and side.completed.peer for side in (near, far)]
    if [bool(peer and peer.verified) for peer in verified] != [True, mutual]:
        raise RuntimeError("our ends did not verify what they should")


# ---- through the context -------------------------------------------------------------------


def _object_case(*, cold: bool) -> Case:
    def make(room: Room) -> Mapping[str, Call]:
        found = dict(contest(parties(room, 0), ECC_SM4_GCM_SM3, ClientAuth.REQUIRED, cold=cold))
        near, far = (_context(parties(room, 0), role) for role in ("client", "server"))
        found[OURS] = Call(lambda: through_bios(near, far), found[OURS].before)
        return found

    name = f"handshake by wrap_bio, {ECC_SM4_GCM_SM3.name} mutual, {_temperature(cold)}"
    return Case(GROUP, name, "us", timed(make), (TONGSUO,))


def _context(parties: Parties, role: str) -> TLCPContext:
    client = role == "client"
    files = parties.client if client else parties.server
    context = TLCPContext(PROTOCOL_TLCP_CLIENT if client else PROTOCOL_TLCP_SERVER)
    context.load_verify_locations(files.ca)
    context.load_cert_chain(
        sign=(files.sign_cert, files.sign_key), enc=(files.enc_cert, files.enc_key)
    )
    context.set_ciphers(ECC_SM4_GCM_SM3.name)
    context.verify_mode = ssl.CERT_REQUIRED
    if not client:
        context.session_store = None  # every handshake is a full one
    return context


def through_bios(near: TLCPContext, far: TLCPContext) -> None:
    """A handshake of two objects that share their BIOs."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = near.wrap_bio(down, up, server_hostname=HOST)
    server = far.wrap_bio(up, down, server_side=True)
    waiting = [client, server]
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
