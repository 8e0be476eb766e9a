"""Two random configurations agree in everything, or both fail and know the same alert.

Spec: GB/T 38636-2020 6.4.4, 6.4.5
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from support.effort import effort
from support.ends import ALL, HOST, NOW, Side, config, drain, run, world
from support.kinds import EVERY_SUITE, rsa_world
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.dialects import AUTO, DIALECTS
from tlcp.errors import AlertReceived, ConfigError, InternalError, PeerError, TruncatedError
from tlcp.events import HandshakeCompleted
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import RSA_SUITES, CipherSuite
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

W = world()
STRANGER = W.stranger.issue_pair("stranger", [HOST], now=NOW).identity
OTHER_HOST = W.ca.issue_pair("elsewhere", ["other.example"], now=NOW).identity
SIGNER = Identity(W.client.sign_cert, W.client.sign_key)
R = rsa_world()
BOTH_CAS = TrustStore([W.ca.certificate, W.stranger.certificate, *R.trust.anchors])
KEYS = RotatingTicketKeys()


def _some(suites: Sequence[CipherSuite]) -> st.SearchStrategy[tuple[CipherSuite, ...]]:
    return st.permutations(suites).flatmap(
        lambda order: st.integers(1, len(order)).map(lambda count: tuple(order[:count]))
    )


#: Of SM2, of RSA, or of both: what does not fit the identity is passed over.
SUITES = st.one_of(_some(ALL), _some(RSA_SUITES), _some(EVERY_SUITE))
PROTOCOLS = st.lists(st.sampled_from(["h2", "http/1.1", "x"]), max_size=3, unique=True).map(tuple)
TRUST = st.sampled_from(
    [W.trust, BOTH_CAS, BOTH_CAS, R.trust, TrustStore([W.stranger.certificate])]
)
SHARED: dict[str, st.SearchStrategy[Any]] = {
    "suites": SUITES,
    "alpn_protocols": PROTOCOLS,
    "trust": TRUST,
    "dialect": st.sampled_from([*DIALECTS.values()]),
    "extensions": st.booleans(),
}
CLIENT = st.fixed_dictionaries(
    {
        **SHARED,
        "identity": st.sampled_from([W.client, R.client, W.client, None, SIGNER, STRANGER]),
        "tickets": st.booleans(),
        "trusted_ca_keys": st.booleans(),
        "request_ocsp": st.booleans(),
        "client_id": st.sampled_from([b"", b"id"]),
    }
)
SERVER = st.fixed_dictionaries(
    {
        **SHARED,
        "identity": st.sampled_from([W.server, R.server, W.server, STRANGER, OTHER_HOST]),
        "client_auth": st.sampled_from(list(ClientAuth)),
        "session_store": st.sampled_from([None, "memory"]),
        "ticket_keys": st.sampled_from([None, KEYS]),
        "ocsp_response": st.sampled_from([b"", b"0\3\n\1\6"]),
    }
)


def _ends(
    ours: dict[str, Any], theirs: dict[str, Any], session: Session | None
) -> tuple[Connection, Connection]:
    try:
        one = Connection.client(config("client", **ours), server_name=HOST, session=session)
        return one, Connection.server(config("server", **theirs))
    except ConfigError:
        assume(False)
        raise


def _finish(one: Connection, other: Connection) -> tuple[Side, Side]:
    """Run; whoever is left waiting learns that the other has gone."""
    sides = run(one, other)
    for end, side, peer in ((one, sides[0], sides[1]), (other, sides[1], sides[0])):
        if side.error is None and peer.error is not None:
            end.receive_eof()
            drain(end, side)
    return sides


def _agree(one: Side, other: Side) -> None:
    a, b = one.completed, other.completed
    assert a is not None
    assert b is not None
    assert a.suite == b.suite
    assert a.alpn_protocol == b.alpn_protocol
    assert a.first_finished == b.first_finished
    assert a.resumed == b.resumed
    assert a.by_ticket == b.by_ticket
    assert a.server_name == (b.server_name or a.server_name)
    event("resumed" if a.resumed else "full")


def _match(one: Side, other: Side) -> None:
    """One has refused the other, which has heard exactly that."""
    for side in (one, other):
        assert not isinstance(side.error, InternalError), side.error
    refusing = [s for s in (one, other) if isinstance(s.error, PeerError)]
    hearing = [s for s in (one, other) if isinstance(s.error, AlertReceived)]
    assert len(refusing) == 1, (one.error, other.error)
    assert len(hearing) == 1, (one.error, other.error)
    assert isinstance(refusing[0].error, PeerError)
    assert isinstance(hearing[0].error, AlertReceived)
    assert hearing[0].error.description == refusing[0].error.alert_to_send
    assert hearing[0].error.level == 2
    event(type(refusing[0].error).__name__)


def _meet(
    ours: dict[str, Any], theirs: dict[str, Any], session: Session | None
) -> HandshakeCompleted | None:
    one, other = _ends(ours, theirs, session)
    sides = _finish(one, other)
    if sides[0].error is not None or sides[1].error is not None:
        _match(*sides)
        return None
    _agree(*sides)
    for sender, receiver, data in ((one, other, b"there"), (other, one, b"back" * 9000)):
        sender.send_data(data)
        sender.close()
        got = Side()
        receiver.receive_data(sender.data_to_send())
        drain(receiver, got)
        assert got.data == data
        assert got.closed
        assert not isinstance(got.error, TruncatedError)
    return sides[0].completed


@effort(120)
@given(CLIENT, SERVER)
def test_two_configurations_agree_or_both_fail(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    if theirs["session_store"] is not None:
        theirs = theirs | {"session_store": MemoryStore()}
    completed = _meet(ours, theirs, None)
    if completed is not None and completed.session is not None:
        _meet(ours, theirs, completed.session)


CHANGES = st.sets(st.sampled_from(["suites", "trust", "identity", "client_auth", "extensions"]))


@effort(100)
@given(CLIENT, SERVER, CLIENT, SERVER, CHANGES, st.booleans())
def test_a_session_under_other_configurations(
    ours: dict[str, Any],
    theirs: dict[str, Any],
    then: dict[str, Any],
    there: dict[str, Any],
    changes: set[str],
    rsa: bool,
) -> None:
    """A session never lets in whom the settings of today would refuse in a full handshake.

    Dialects are left out: a full handshake may fail because two of them do not fit, which says
    nothing of who is there.
    """
    store, fitting = MemoryStore(), RSA_SUITES if rsa else ALL
    one, other = (R.client, R.server) if rsa else (W.client, W.server)
    ours |= {"dialect": AUTO, "identity": one, "trust": BOTH_CAS, "suites": EVERY_SUITE}
    theirs |= {"dialect": AUTO, "session_store": store, "identity": other, "trust": BOTH_CAS}
    theirs |= {"suites": tuple(s for s in theirs["suites"] if s in fitting) or fitting}
    then = ours | {key: then[key] for key in changes if key in then}
    there = theirs | {key: there[key] for key in changes}
    completed = _meet(ours, theirs, None)
    assume(completed is not None and completed.session is not None)
    assert completed is not None
    again = _meet(then, there, completed.session)
    if again is None or not again.resumed:
        return
    assert again.suite in then["suites"]
    assert again.suite in there["suites"]
    fresh = _meet(then, there, None)
    assert fresh is not None, "what is continued today would be refused today"
