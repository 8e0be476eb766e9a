"""Which sessions are continued, and which give way to a full handshake without a word.

Spec: GB/T 38636-2020 6.4.5.1, 6.4.5.2; RFC 5077
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from support import ends
from support.ends import ALL, ECC, ECDHE, HOST, NOW, Side, world
from tlcp.alerts import AlertDescription
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.errors import BadRecordMAC, DecryptError, IllegalParameter, UnexpectedMessage
from tlcp.handshake.resumption import new_client_session
from tlcp.sessions.session import Session, State
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import ECC_SM4_CBC_SM3, ECC_SM4_GCM_SM3, CipherSuite
from tlcp.wire.messages import NewSessionTicket
from tlcp.x509.trust import TrustStore

LATER = NOW + timedelta(seconds=60)


@dataclass
class Server:
    """A server with a store or with ticket keys, and what it is configured with."""

    by: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.by == "ticket":
            self.settings.setdefault("ticket_keys", RotatingTicketKeys())
        else:
            self.settings.setdefault("session_store", MemoryStore())

    def connection(self, **changes: Any) -> Connection:
        return ends.server(**(self.settings | changes))


def client(session: Session | None, by: str, **changes: Any) -> Connection:
    name = changes.pop("name", HOST)
    settings = ends.config("client", tickets=by == "ticket", **changes)
    return Connection.client(settings, server_name=name, session=session)


def first_session(server: Server, **changes: Any) -> Session:
    near, _ = ends.handshake(client(None, server.by, **changes), server.connection())
    assert near.completed is not None
    assert near.completed.session is not None
    return near.completed.session


def resumed(near: Side, far: Side) -> bool:
    """Whether both say so; they must not disagree."""
    assert near.completed is not None
    assert far.completed is not None
    assert near.completed.resumed == far.completed.resumed
    return near.completed.resumed


both_ways = pytest.mark.parametrize("by", ["id", "ticket"])


@both_ways
@pytest.mark.parametrize("suite", ALL, ids=str)
def test_every_suite_resumes_and_carries_data(by: str, suite: CipherSuite) -> None:
    server = Server(by, {"suites": (suite,)})
    session = first_session(server, suites=(suite,))
    near, far = client(session, by, suites=(suite,)), server.connection()
    sides = ends.handshake(near, far)
    assert resumed(*sides)
    near.send_data(b"there")
    far.send_data(b"back")
    there, back = ends.run(near, far)
    assert (there.data, back.data) == (b"back", b"there")
    assert sides[1].completed is not None
    peer = sides[1].completed.peer
    assert peer is not None
    assert peer.verified
    assert peer.sign == world().client.sign_cert


@both_ways
def test_one_way_sessions_resume(by: str) -> None:
    suites = tuple(ECC)
    server = Server(by, {"client_auth": ClientAuth.NONE, "suites": suites})
    session = first_session(server, suites=suites)
    near, far = ends.handshake(client(session, by, suites=suites), server.connection())
    assert resumed(near, far)
    assert far.completed is not None
    assert far.completed.peer is None


@both_ways
def test_a_session_is_resumed_again_and_again_with_new_keys(by: str) -> None:
    server, lines = Server(by), list[str]()
    session = first_session(server, keylog=lines.append)
    for _ in range(3):
        near, far = ends.handshake(client(session, by, keylog=lines.append), server.connection())
        assert resumed(near, far)
        assert near.completed is not None
        assert near.completed.session is not None
        session = near.completed.session
    randoms = {line.split()[1] for line in lines}
    masters = {line.split()[2] for line in lines}
    assert (len(randoms), len(masters)) == (4, 1)


REFUSED_BY_THE_SERVER: dict[str, dict[str, Any]] = {
    "expired": {"now": lambda: NOW + timedelta(seconds=7200)},
    "from the future": {"now": lambda: NOW - timedelta(seconds=10)},
    "other trust": {"trust": TrustStore([world().ca.certificate, world().stranger.certificate])},
    "other policy": {"client_auth": ClientAuth.OPTIONAL},
    "suite disabled": {"suites": (ECC_SM4_CBC_SM3,)},
}


@both_ways
@pytest.mark.parametrize("why", REFUSED_BY_THE_SERVER)
def test_the_server_does_a_full_handshake(by: str, why: str) -> None:
    server = Server(by)
    session = first_session(server)
    assert session.state.suite == ECC_SM4_GCM_SM3.id
    far = server.connection(**REFUSED_BY_THE_SERVER[why])
    near = client(session, by)
    assert not resumed(*ends.handshake(near, far))


REFUSED_BY_THE_CLIENT: dict[str, dict[str, Any]] = {
    "expired": {"now": lambda: NOW + timedelta(seconds=7200)},
    "other name": {"name": "127.0.0.1"},
    "other trust": {"trust": TrustStore([world().ca.certificate, world().stranger.certificate])},
    "less verification": {"dangerous_skip_host_check": True},
    "no verification": {"dangerous_skip_verification": True},
    "suite not offered": {"suites": (ECC_SM4_CBC_SM3,)},
}


@both_ways
@pytest.mark.parametrize("why", REFUSED_BY_THE_CLIENT)
def test_the_client_does_not_even_ask(by: str, why: str) -> None:
    server = Server(by)
    session = first_session(server)
    near = client(session, by, **REFUSED_BY_THE_CLIENT[why])
    hello = near.data_to_send()
    assert session.id not in hello
    assert not session.ticket or session.ticket not in hello


@both_ways
def test_an_unverified_session_is_never_resumed_with_verification(by: str) -> None:
    server = Server(by)
    session = first_session(server, dangerous_skip_verification=True)
    assert session.id not in client(session, by).data_to_send()
    again = client(session, by, dangerous_skip_verification=True)
    assert session.id in again.data_to_send()


def test_another_client_gains_nothing_by_the_id_alone() -> None:
    """Who knows the id and not the master secret fails at Finished."""
    server = Server("id")
    session = first_session(server)
    guessed = replace(session, state=replace(session.state, master=bytes(48)))
    near, far = ends.run(client(guessed, "id"), server.connection())
    assert isinstance(near.error, BadRecordMAC | DecryptError)
    assert near.completed is None
    assert far.completed is None


def test_a_server_that_only_echoes_the_id_fails() -> None:
    """Without the master secret nobody can take a server's place."""
    true, false = Server("id"), Server("id")
    session = first_session(true)
    store = false.settings["session_store"]
    wrong = State.new(
        suite=session.state.suite,
        master=bytes(48),
        now=NOW,
        lifetime_s=7200,
        binding=ends.config("server").binding("server"),
        server_name=HOST,
        certificates=world().client.certificate_list(),
    )
    store.put(session.id, wrong.to_bytes(), 7200)
    near, _ = ends.run(client(session, "id"), false.connection())
    assert isinstance(near.error, BadRecordMAC | DecryptError)


@both_ways
def test_what_is_kept_may_be_damaged(by: str) -> None:
    server = Server(by)
    session = first_session(server)
    if by == "ticket":
        broken = bytearray(session.ticket)
        broken[-1] ^= 1
        session = replace(session, ticket=bytes(broken))
    else:
        server.settings["session_store"].put(session.id, b"\1 not a state", 60)
    assert not resumed(*ends.handshake(client(session, by), server.connection()))


@both_ways
def test_an_expired_client_certificate_ends_the_session(by: str) -> None:
    """The session lives, the certificate it was made with does not."""
    server = Server(by, {"session_lifetime_s": 10**9})
    session = first_session(server, session_lifetime_s=10**9)
    late = {"now": lambda: NOW + timedelta(days=365 * 20)}
    assert session.id not in client(session, by, **late).data_to_send()
    near = client(session, by)
    far = server.connection(**late)
    _, refused = ends.run(near, far)
    assert refused.completed is None  # a full handshake was done, and the certificate refused
    assert refused.error is not None
    assert refused.error.alert_to_send is AlertDescription.CERTIFICATE_EXPIRED


def test_a_ticket_is_dead_when_its_server_said() -> None:
    server = Server("ticket")
    session = replace(first_session(server), ticket_lifetime_s=30)
    assert session.id in client(session, "ticket").data_to_send()
    assert session.id not in client(session, "ticket", now=lambda: LATER).data_to_send()


def test_a_server_keeps_nothing_before_the_client_has_proven_all() -> None:
    store = MemoryStore()

    def broken(sender: str, data: bytes) -> bytes:
        return (
            data[:-1] + bytes((data[-1] ^ 1,)) if sender == "client" and len(data) > 900 else data
        )

    near = client(None, "id")
    far = ends.server(session_store=store)
    _, failed = ends.run(near, far, broken)
    assert failed.error is not None
    assert len(store) == 0


def test_the_resumed_server_may_not_change_the_suite() -> None:
    server = Server("id")
    session = first_session(server)
    offset = 5 + 4 + 2 + 32 + 1 + 32

    def other_suite(sender: str, data: bytes) -> bytes:
        if sender == "client":
            return data
        return data[:offset] + ECC_SM4_CBC_SM3.id.to_bytes(2, "big") + data[offset + 2 :]

    near, _ = ends.run(client(session, "id"), server.connection(), other_suite)
    assert isinstance(near.error, IllegalParameter)


def test_certificates_may_not_follow_in_a_resumed_handshake() -> None:
    """A server that echoes the id and then starts a full handshake is refused."""
    server = Server("id")
    session = first_session(server)
    near = client(session, "id")
    far = ends.server(session_store=None)

    def echo(sender: str, data: bytes) -> bytes:
        if sender == "client" or data[5] != 2:
            return data
        size = int.from_bytes(data[3:5], "big") + 32
        body = size - 4
        head = b"\x16\x01\x01" + size.to_bytes(2, "big") + b"\x02" + body.to_bytes(3, "big")
        return head + data[9:43] + b"\x20" + session.id + data[44:]

    refused, _ = ends.run(near, far, echo)
    assert isinstance(refused.error, UnexpectedMessage)


def test_ecdhe_without_authentication_resumes_unverified() -> None:
    suites = tuple(ECDHE)
    server = Server("id", {"client_auth": ClientAuth.NONE, "suites": suites})
    session = first_session(server, suites=suites)
    near, far = ends.handshake(client(session, "id", suites=suites), server.connection())
    assert resumed(near, far)
    assert far.completed is not None
    assert far.completed.peer is not None
    assert not far.completed.peer.verified


def test_nothing_secret_is_shown() -> None:
    session = first_session(Server("ticket"))
    for shown in (repr(session), repr(session.state)):
        assert session.state.master.hex() not in shown
        assert session.ticket.hex() not in shown


# ---- what strangers must not be able to do ------------------------------------------------------


def test_strangers_cannot_fill_a_store_with_padding() -> None:
    store = MemoryStore()
    suites = tuple(ECDHE)
    padded = replace(world().client, chain=(world().ca.certificate,) * 30)
    near = client(None, "id", identity=padded, suites=suites)
    far = ends.server(session_store=store, client_auth=ClientAuth.NONE, suites=suites)
    _, done = ends.handshake(near, far)
    assert done.completed is not None
    (kept,) = (store.get(key) for key in list(store._entries))
    assert kept is not None
    state = State.load(kept)
    assert state is not None
    assert len(state.certificates) == 2


def test_a_ticket_holder_cannot_end_the_session_of_another_id() -> None:
    """It resumes by its own ticket under an id that it saw, then breaks its connection."""
    store, keys = MemoryStore(), RotatingTicketKeys()
    victim = first_session(Server("id", {"session_store": store}))
    own = first_session(Server("ticket", {"ticket_keys": keys}))
    far = ends.server(session_store=store, ticket_keys=keys)
    near = client(replace(own, id=victim.id), "ticket")
    assert resumed(*ends.handshake(near, far))
    far.receive_data(b"\x17\x01\x01\x00\x20" + bytes(32))
    with pytest.raises(BadRecordMAC):
        far.next_event()
    assert store.get(victim.id) is not None


def test_a_lowered_lifetime_holds_for_sessions_that_exist() -> None:
    for by in ("id", "ticket"):
        server = Server(by)
        session = first_session(server)
        late = {"now": lambda: LATER, "session_lifetime_s": 30}
        assert session.id not in client(session, by, **late).data_to_send()
        near = client(session, by, now=lambda: LATER)
        assert not resumed(*ends.handshake(near, server.connection(**late)))


def test_a_ticket_too_long_for_a_hello_is_not_kept() -> None:
    session = first_session(Server("ticket"))
    huge = NewSessionTicket(7200, bytes(65_000))
    config = ends.config("client", tickets=True)
    assert new_client_session(config, session_id=b"", state=session.state, ticket=huge) is None


def test_a_renewed_tickets_time_counts_from_when_it_came() -> None:
    session = replace(first_session(Server("ticket")), ticket_lifetime_s=3000)
    renewed = replace(session, received_s=session.state.created_s + 4000)
    at = {"now": lambda: NOW + timedelta(seconds=5000)}
    assert session.id not in client(session, "ticket", **at).data_to_send()
    assert renewed.id in client(renewed, "ticket", **at).data_to_send()


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: 7, lambda data: True])
def test_a_store_may_return_what_it_likes(kind: Any) -> None:
    class Odd(MemoryStore):
        def get(self, session_id: bytes) -> Any:
            kept = super().get(session_id)
            return None if kept is None else kind(kept)

    server = Server("id", {"session_store": Odd()})
    session = first_session(server)
    good = kind in (bytearray, memoryview)
    assert resumed(*ends.handshake(client(session, "id"), server.connection())) is good


def test_a_state_without_certificates_does_not_pass_for_authentication() -> None:
    server = Server("id")
    session = first_session(server)
    bare = replace(session.state, certificates=())
    server.settings["session_store"].put(session.id, bare.to_bytes(), 7200)
    assert not resumed(*ends.handshake(client(session, "id"), server.connection()))


def test_secrets_are_not_pickled() -> None:
    session = first_session(Server("ticket"))
    for secret in (session, session.state, RotatingTicketKeys().newest()):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(secret)
