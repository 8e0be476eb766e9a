"""Every kind of handshake, for properties to draw from: the eight suites, and how the ends meet.

They meet in full and mutually, in full with a client that nobody asked who it is, or they continue
a session by its id or by its ticket.  RSA ends have the same host, and live at the same moment, as
those of SM2.  Ends may be repeatable: then every byte is the same in each run of a process.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import strategies as st

from support.continuing import FixedTicketKeys, Kept
from support.ends import HOST, NOW, config, run, world
from support.repeatable import fast_seeded, repeatable_identity
from support.rsa_pki import RsaCA
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.suites import DEFAULT_SUITES, RSA_SUITES, CipherSuite, KeyExchangeKind, KeyKind
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

__all__ = [
    "EVERY_SUITE",
    "KINDS",
    "MANNERS",
    "Kind",
    "Parties",
    "ends_of",
    "kinds",
    "rsa_world",
    "settings_of",
]

EVERY_SUITE: Final = (*DEFAULT_SUITES, *RSA_SUITES)
MANNERS: Final = ("mutual", "one-way", "by id", "by ticket")


class Kind(NamedTuple):
    """A suite, and one of ``MANNERS``."""

    suite: CipherSuite
    manner: str

    def __repr__(self) -> str:
        return f"{self.suite.name} {self.manner}"

    @property
    def resumes(self) -> bool:
        """Whether a session is continued."""
        return self.manner.startswith("by ")


KINDS: Final = st.builds(Kind, st.sampled_from(EVERY_SUITE), st.sampled_from(MANNERS))
kinds: Final = tuple(Kind(suite, manner) for suite in EVERY_SUITE for manner in MANNERS)


class Parties(NamedTuple):
    """Whom both trust, and the two identities."""

    trust: TrustStore
    server: Identity
    client: Identity


@functools.cache
def rsa_world() -> Parties:
    """As ``world``, of RSA; made once."""
    ca = RsaCA.create("RSA test CA", now=NOW)
    server = ca.issue_party("RSA server", hosts=[HOST, "127.0.0.1"]).identity
    return Parties(ca.trust, server, ca.issue_party("RSA client").identity)


def ends_of(
    kind: Kind, *, repeatable: bool = False, **changes: Any
) -> tuple[Connection, Connection]:
    """A client and a server that will meet in this way, with changes of both their settings."""
    client, server, session = settings_of(kind, repeatable=repeatable, **changes)
    one = Connection.client(client, server_name=HOST, session=session)
    return one, Connection.server(server)


def settings_of(
    kind: Kind, *, repeatable: bool = False, **changes: Any
) -> tuple[Config, Config, Session | None]:
    """Settings of the client and of the server, and the session to continue."""
    if not kind.resumes:
        return *_settings(kind, MemoryStore(), repeatable, changes), None
    session, store = _first(kind, repeatable)
    return *_settings(kind, Kept(store), repeatable, changes), session


def _settings(
    kind: Kind, store: Kept | MemoryStore, repeatable: bool, changes: dict[str, Any]
) -> tuple[Config, Config]:
    suite, mutual = kind.suite, kind.manner != "one-way"
    identities = {role: _identity(suite.key_kind, role, repeatable) for role in _ROLES}
    trust = rsa_world().trust if suite.key_kind is KeyKind.RSA else world().trust
    needs = mutual or suite.key_exchange is KeyExchangeKind.ECDHE
    both: dict[str, Any] = {"suites": (suite,), "trust": trust}
    seeds = {role: {"random": fast_seeded(role)} if repeatable else {} for role in _ROLES}
    client: dict[str, Any] = {"identity": identities["client"] if needs else None}
    server: dict[str, Any] = {
        "identity": identities["server"],
        "client_auth": ClientAuth.REQUIRED if mutual else ClientAuth.NONE,
    }
    if kind.manner == "by ticket":
        client["tickets"], server["ticket_keys"] = True, FixedTicketKeys()
    if kind.manner == "by id":
        server["session_store"] = store
    return (
        config("client", **(both | client | seeds["client"] | changes)),
        config("server", **(both | server | seeds["server"] | changes)),
    )


_ROLES: Final = ("client", "server")


def _identity(kind: KeyKind, role: str, repeatable: bool) -> Identity:
    if kind is KeyKind.RSA:  # its signatures are the same each time
        return rsa_world().server if role == "server" else rsa_world().client
    if repeatable:
        return repeatable_identity(role)
    return world().server if role == "server" else world().client


@functools.cache
def _first(kind: Kind, repeatable: bool) -> tuple[Session, MemoryStore]:
    """The session of a first connection, and where the server keeps its side."""
    store = MemoryStore()
    client, server = _settings(kind, store, repeatable, {})
    one, other = Connection.client(client, server_name=HOST), Connection.server(server)
    side, _ = run(one, other)
    if side.completed is None or side.completed.session is None:
        raise RuntimeError(f"{kind}: the first connection gave no session: {side.error}")
    return side.completed.session, store


def _encrypt(
    key: RSAPublicKey, plaintext: bytes, *, random: Callable[[int], bytes] = os.urandom
) -> bytes:
    """With a padding that is drawn from a source that repeats; else as ever."""
    if not getattr(random, "repeats", False):
        return _as_ever(key, plaintext, random=random)
    numbers: rsa.RSAPublicNumbers = key._key.public_numbers()
    filling = bytes(byte or 1 for byte in random(key.bits // 8 - 3 - len(plaintext)))
    block = int.from_bytes(b"\0\2" + filling + b"\0" + plaintext, "big")
    return pow(block, numbers.e, numbers.n).to_bytes(key.bits // 8, "big")


# OpenSSL draws the padding itself: no bytes of ours can make it repeat
_as_ever = RSAPublicKey.encrypt
RSAPublicKey.encrypt = _encrypt  # type: ignore[assignment, method-assign]
