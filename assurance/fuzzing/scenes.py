"""Ends for the fuzzer to talk to, and what an honest peer says to each, before any protection.

An end is the same in every run: its random source and its clock are.  What it is told are records
in clear.  ``Talk`` protects them as the peer would by then, with the keys that the end itself has
derived; and a Finished or a CertificateVerify that is a marker is made to fit the handshake as it
was.  So a handshake that was changed on its way can still be completed, and what lies behind it be
reached.

Spec: GB/T 38636-2020 6.3, 6.4.5
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from assurance.fuzzing.judge import Broken
from assurance.fuzzing.wire_mutator import CLEAR, join_records, split_records
from support.continuing import FixedTicketKeys, Kept
from support.ends import HOST, NOW, Recorder, Side, drain, run, seeded, world
from support.own_connections import EVERY_EXTENSION, rsa_parties
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.crypto.keys import PrivateKey, PrivateRSAKey
from tlcp.errors import InternalError, MisuseError, PeerError, TLCPError
from tlcp.events import DataReceived, HandshakeCompleted, PeerClosed
from tlcp.handshake import endpoint
from tlcp.handshake.schedule import KeySchedule
from tlcp.record.protect import Protection
from tlcp.registry import ContentType, HandshakeType
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.suites import (
    DEFAULT_SUITES,
    ECC_SM4_GCM_SM3,
    RSA_SM4_CBC_SHA256,
    CipherSuite,
    KeyExchangeKind,
    KeyKind,
)
from tlcp.wire.messages import CertificateVerify, Finished

__all__ = ["CLIENTS", "SERVERS", "Scene", "scenes", "talk"]

#: Stands for the right value.
_FINISHED: Final = Finished(b"\xee" * 12).encode()
_CERTIFICATE_VERIFY: Final = HandshakeType.CERTIFICATE_VERIFY
_VERIFY: Final = CertificateVerify(b"\xee" * 8).encode()
CLIENTS, SERVERS = "client", "server"
#: The moment for RSA, whose certificates are made by another builder; it is in the hellos.
_STARTED: Final = datetime.now(UTC)


class _Schedule(KeySchedule):
    """Remembers the last one that was made."""

    __slots__ = ()
    last: KeySchedule | None = None

    def __init__(self, suite: CipherSuite, master: bytes, **randoms: bytes) -> None:
        super().__init__(suite, master, **randoms)
        _Schedule.last = self


@dataclass(frozen=True)
class Scene:
    """An end and what it is told.

    Attributes:
        role: of the end.
        make: gives it anew.
        key: signs for a client in front of a server; None if there is none.
        told: the records of an honest peer, in clear.
        rsa: whether keys are RSA's.
    """

    role: str
    make: Callable[[], Connection]
    key: PrivateKey | PrivateRSAKey | None
    told: bytes
    rsa: bool = False


@functools.cache
def scenes(role: str) -> tuple[Scene, ...]:
    """All that there are for ends of this role."""
    found = [
        _scene(role, *_settings(suite, mutual=mutual))
        for suite in (*DEFAULT_SUITES, RSA_SM4_CBC_SHA256)
        for mutual in (True, False)
    ]
    found.append(_resumed(role, by_ticket=False))
    found.append(_resumed(role, by_ticket=True))
    found.append(_scene(role, *_with_everything()))
    return tuple(found)


def _settings(suite: CipherSuite, *, mutual: bool) -> tuple[Config, Config]:
    rsa = suite.key_kind is KeyKind.RSA
    if rsa:
        trust, server, client = rsa_parties()
    else:
        trust, server, client = world().trust, world().server, world().client
    needs = mutual or suite.key_exchange is KeyExchangeKind.ECDHE
    common: dict[str, Any] = {"trust": trust, "suites": (suite,)}
    common["now"] = (lambda: _STARTED) if rsa else (lambda: NOW)
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    return (
        Config(identity=client if needs else None, **common),
        Config(identity=server, client_auth=auth, **common),
    )


def _with_everything() -> tuple[Config, Config]:
    client, server = _settings(ECC_SM4_GCM_SM3, mutual=True)
    protocols: dict[str, Any] = {"dialect": EVERY_EXTENSION, "alpn_protocols": ("h2", "http/1.1")}
    return (
        dataclasses.replace(
            client, tickets=True, trusted_ca_keys=True, request_ocsp=True, **protocols
        ),
        dataclasses.replace(
            server,
            ticket_keys=FixedTicketKeys(),
            ocsp_response=b"\x30\x03\x0a\x01\x06",
            **protocols,
        ),
    )


def _resumed(role: str, *, by_ticket: bool) -> Scene:
    client, server = _settings(ECC_SM4_GCM_SM3, mutual=True)
    store = MemoryStore()
    if by_ticket:
        client = dataclasses.replace(client, tickets=True)
        server = dataclasses.replace(server, ticket_keys=FixedTicketKeys())
    else:
        server = dataclasses.replace(server, session_store=store)
    one, other = Connection.client(client, server_name=HOST), Connection.server(server)
    side, _ = run(one, other)
    if side.completed is None or side.completed.session is None:
        raise Broken("scene: no session")
    if not by_ticket:
        server = dataclasses.replace(server, session_store=Kept(store))
    return _scene(role, client, server, side.completed.session)


def _scene(role: str, client: Config, server: Config, session: Session | None = None) -> Scene:
    rsa = client.suites[0].key_kind is KeyKind.RSA
    name = "localhost" if rsa else HOST

    def make_client(**more: Any) -> Connection:
        repeated = dataclasses.replace(client, random=seeded("fuzzed client"), **more)
        return Connection.client(repeated, server_name=name, session=session)

    def make_server(**more: Any) -> Connection:
        return Connection.server(
            dataclasses.replace(server, random=seeded("fuzzed server"), **more)
        )

    heard = Recorder()
    ends = (
        (make_client(trace=heard), make_server())
        if role == CLIENTS
        else (make_client(), make_server(trace=heard))
    )
    sides = run(*ends)
    for end, side in zip(ends, sides, strict=True):
        if side.error is not None:
            raise side.error
        end.send_data(b"data of the " + end.role.encode())
    run(*ends)
    for end in ends:
        end.close()
    run(*ends)
    records = [
        (message.content_type, _marked(message.content_type, message.data, again=not rsa))
        for message in heard.messages
        if message.sender != role
    ]
    identity = client.identity
    key = identity.sign_key if identity is not None else None
    make = make_client if role == CLIENTS else make_server
    return Scene(role, make, key, join_records(records), rsa)


def _marked(content_type: int, data: bytes, *, again: bool) -> bytes:
    """With markers; RSA signs the messages, which the end does not keep: that stays as it was."""
    if content_type == ContentType.HANDSHAKE and data[0] == HandshakeType.FINISHED:
        return _FINISHED
    if again and content_type == ContentType.HANDSHAKE and data[0] == _CERTIFICATE_VERIFY:
        return _VERIFY
    return data


# ---- one run -----------------------------------------------------------------------------------


class _Peer:
    """Protects what the end is told."""

    def __init__(self, end: Connection, key: PrivateKey | PrivateRSAKey | None) -> None:
        self._end, self._key = end, key
        self._writes: Protection | None = None

    def record(self, kind: int, payload: bytes) -> bytes:
        """A record as it goes over the wire."""
        if kind & CLEAR:
            return join_records([(kind & ~CLEAR, payload)])
        if kind == ContentType.HANDSHAKE:
            payload = self._fitting(payload)
        if self._writes is None or len(payload) > 1 << 14:
            out = join_records([(kind, payload)])
        else:
            out = self._writes.seal(kind, [payload])
        schedule = _Schedule.last
        if kind == ContentType.CHANGE_CIPHER_SPEC and schedule is not None and not self._writes:
            self._writes = schedule.protection(self._end.peer_role, seeded("ivs"))
        return out

    def _fitting(self, payload: bytes) -> bytes:
        transcript = self._end._machine._transcript
        if payload == _FINISHED and _Schedule.last is not None:
            return Finished(
                _Schedule.last.verify_data(self._end.peer_role, transcript.digest())
            ).encode()
        if payload == _VERIFY and self._key is not None:
            try:
                return CertificateVerify(self._key.sign(transcript.signed_digest())).encode()
            except InternalError:  # before there is a suite
                return payload
        return payload


def talk(scene: Scene, told: bytes) -> Side:
    """Tell an end all this, and then that the transport has ended.

    Raises:
        Broken: it did what an end never does.
    """
    endpoint.KeySchedule = _Schedule  # type: ignore[attr-defined]
    _Schedule.last = None
    try:
        return _talk(scene, told)
    finally:
        endpoint.KeySchedule = KeySchedule  # type: ignore[attr-defined]


def _talk(scene: Scene, told: bytes) -> Side:
    end, side = scene.make(), Side()
    peer = _Peer(end, scene.key)
    records, rest = split_records(told)
    end.data_to_send()
    for kind, payload in records:
        end.receive_data(peer.record(kind, payload))
        if _step(end, side):
            return side
    if rest:
        end.receive_data(rest)
        if _step(end, side):
            return side
    end.receive_eof()
    _step(end, side)
    if side.error is None and not side.closed:
        raise Broken("end: a transport that ended without close_notify is no error")
    return side


def _step(end: Connection, side: Side) -> bool:
    """Take events; whether the end has failed, and then in the right way."""
    drain(end, side)
    seen = [type(event) for event in side.events]
    if HandshakeCompleted in seen:
        seen = seen[: seen.index(HandshakeCompleted)]
    if DataReceived in seen or PeerClosed in seen:
        raise Broken("order: something was delivered before the handshake was through")
    if side.error is None:
        end.data_to_send()
        return False
    _failed(end, side.error)
    return True


def _failed(end: Connection, error: TLCPError) -> None:
    if isinstance(error, InternalError):
        raise error
    sent = end.data_to_send()
    if isinstance(error, PeerError) and error.alert_to_send is not None and not sent:
        raise Broken("alert: none was sent")
    if not str(error) or not error.side:
        raise Broken("text: the error does not say which end noticed")
    end.receive_data(b"\x17\x01\x01\x00\x01x")
    for again in (end.next_event, lambda: end.send_data(b"x")):
        try:
            again()
        except TLCPError as same:
            if same is not error:
                raise Broken("dead: another error than before") from same
        except MisuseError as lost:
            raise Broken("dead: the error was forgotten") from lost
        else:
            raise Broken("dead: it lives again")
    if end.data_to_send():
        raise Broken("dead: it sent something after its alert")
