"""Sessions as a program meets them: kept by the context, shown as ``ssl`` shows them.

Spec: the Python documentation of ``ssl.SSLSession``; GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from shells.bios import Bios
from support.ends import NOW, world
from support.sockets import client_context
from support.sockets import server_context as bare_server_context
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.errors import TLCPError
from tlcp.sessions.client import TLCPSession
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys


def server_context() -> TLCPContext:
    """With a store, as a context has that was not made from a ``Config``."""
    context = bare_server_context()
    context.session_store = MemoryStore()
    return context


def test_a_server_has_a_store_from_the_start() -> None:
    assert isinstance(TLCPContext(PROTOCOL_TLCP_SERVER).session_store, MemoryStore)
    assert TLCPContext(PROTOCOL_TLCP_CLIENT).session_store is None


def test_the_context_resumes_by_itself() -> None:
    near, far = client_context(), server_context()
    first, second = Bios(near, far), Bios(near, far)
    first.handshake()
    assert (first.client.session_reused, first.server.session_reused) == (False, False)
    second = Bios(near, far)
    second.handshake()
    assert (second.client.session_reused, second.server.session_reused) == (True, True)
    assert second.client.session == first.client.session
    assert second.client.getpeercert() == first.client.getpeercert() != {}
    assert (near.session_stats()["hits"], far.session_stats()["hits"]) == (1, 1)
    assert far.session_stats()["number"] == 1


def test_what_a_session_shows() -> None:
    ends = Bios(client_context(), server_context())
    assert ends.client.session is None
    ends.handshake()
    session = ends.client.session
    assert isinstance(session, TLCPSession)
    assert (len(session.id), session.has_ticket, session.ticket_lifetime_hint) == (32, False, 0)
    assert (session.timeout, session.time > 0) == (7200, True)
    assert len({session, ends.client.session}) == 1
    assert session != 1
    assert ends.server.session is None
    for secret_keeper in (session, session.for_owner(ends.client.context)):
        assert world().client.sign_cert.der.hex() not in repr(secret_keeper)
    with pytest.raises(TypeError):
        pickle.dumps(session)


def test_tickets_are_opt_in_on_both_sides() -> None:
    for here, there in ((True, True), (True, False), (False, True)):
        near, far = client_context(), server_context()
        near.session_tickets, far.session_tickets = here, there
        Bios(near, far).handshake()
        again = Bios(near, far)
        again.handshake()
        assert again.client.session_reused
        assert again.client.session.has_ticket is (here and there)


def test_a_ticket_of_an_old_key_is_renewed() -> None:
    near, far = client_context(), server_context()
    near.session_tickets = True
    keys = RotatingTicketKeys()
    old = keys.newest()

    class Rotated:
        def newest(self) -> Any:
            return RotatingTicketKeys().newest()

        def named(self, name: bytes) -> Any:
            return old if name == old.name else None

    far.ticket_keys = keys
    first = Bios(near, far)
    first.handshake()
    far.ticket_keys = Rotated()
    again = Bios(near, far)
    again.handshake()
    assert again.client.session_reused
    assert again.client.session != first.client.session


def test_another_name_or_identity_has_sessions_of_its_own() -> None:
    near, far = client_context(), server_context()
    Bios(near, far).handshake()
    other = Bios(near, far, name="127.0.0.1")
    other.handshake()
    assert not other.client.session_reused
    near.identity = world().ca.issue_pair("client", now=NOW).identity
    changed = Bios(near, far)
    changed.handshake()
    assert not changed.client.session_reused


def test_a_session_is_for_its_context_and_for_clients() -> None:
    near, far = client_context(), server_context()
    ends = Bios(near, far)
    ends.handshake()
    session = ends.client.session
    with pytest.raises(ValueError, match="after handshake"):
        ends.client.session = session
    with pytest.raises(ValueError, match="different SSLContext"):
        Bios(client_context(), far).client.session = session
    with pytest.raises(ValueError, match="server-side"):
        Bios(near, far).server.session = session
    with pytest.raises(TypeError, match="TLCPSession"):
        Bios(near, far).client.session = b"session"


def test_none_asks_for_a_full_handshake() -> None:
    near, far = client_context(), server_context()
    Bios(near, far).handshake()
    ends = Bios(near, far)
    ends.client.session = None
    ends.handshake()
    assert not ends.client.session_reused


def test_a_given_session_is_continued() -> None:
    near, far = client_context(), server_context()
    first = Bios(near, far)
    first.handshake()
    near.client_sessions.clear()
    ends = Bios(near, far)
    ends.client.session = first.client.session
    ends.handshake()
    assert ends.client.session_reused


def test_a_server_without_a_store_names_no_session() -> None:
    near, far = client_context(), server_context()
    far.session_store = None
    for _ in range(2):
        ends = Bios(near, far)
        ends.handshake()
        assert (ends.client.session, ends.client.session_reused) == (None, False)
    with pytest.raises(ValueError, match="servers"):
        near.session_store = None


def test_other_trust_means_a_full_handshake() -> None:
    near, far = client_context(), server_context()
    Bios(near, far).handshake()
    near.load_verify_locations(cadata=world().stranger.certificate.der)
    ends = Bios(near, far)
    ends.handshake()
    assert not ends.client.session_reused


class Broken:
    """A store that is down."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def get(self, session_id: bytes) -> bytes | None:
        self.asked.append("get")
        raise ConnectionError("no store")

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        self.asked.append("put")
        raise ConnectionError("no store")

    def remove(self, session_id: bytes) -> None:
        raise ConnectionError("no store")


def test_a_store_that_is_down_costs_a_full_handshake() -> None:
    near, far = client_context(), server_context()
    far.session_store = broken = Broken()
    for _ in range(2):
        ends = Bios(near, far)
        ends.handshake()
        assert not ends.client.session_reused
    assert broken.asked == ["put", "get", "put"]


def test_a_failed_connection_ends_its_session() -> None:
    near, far = client_context(), server_context()
    ends = Bios(near, far)
    ends.handshake()
    assert far.session_stats()["number"] == 1
    ends.client.write(b"data")
    sealed = bytearray(ends._client_out.read())
    sealed[-1] ^= 1
    ends.to_server.write(sealed)
    with pytest.raises(TLCPError):
        ends.server.read()
    assert far.session_stats()["number"] == 0
    again = Bios(near, far)
    again.handshake()
    assert not again.client.session_reused


def test_settings_have_bounds() -> None:
    near, far = client_context(), server_context()
    assert (near.session_timeout, far.session_tickets, near.session_tickets) == (7200, False, False)
    for wrong in (0, -1, 1 << 32):
        with pytest.raises(ValueError, match="session_timeout"):
            near.session_timeout = wrong
    with pytest.raises(ValueError, match="servers"):
        near.ticket_keys = None
    for name, value in (
        ("session_store", "redis://x"),
        ("ticket_keys", "file"),
        ("session_timeout", "x"),
        ("dialect", None),
        ("dialect", 3),
    ):
        with pytest.raises(TypeError):
            setattr(far, name, value)
    far.session_tickets = True
    kept = far.ticket_keys
    far.session_tickets = True
    assert far.ticket_keys is kept
    far.session_tickets = False
    assert far.ticket_keys is None


def test_a_session_is_copied_as_itself() -> None:
    ends = Bios(client_context(), server_context())
    ends.handshake()
    with pytest.raises(TypeError):
        copy.deepcopy(ends.client.session)
