"""Whether a session may be continued, and what is kept of one for later.

A session is continued for the same name, under the same settings, with a suite that both sides
still have, while it lives, and if the peer's certificates would be believed today. Where any of
this fails, a full handshake follows without a word.

Spec: GB/T 38636-2020 6.4.5.1 (resumed handshake), 6.4.5.2; RFC 5077
"""

from __future__ import annotations

from dataclasses import dataclass

from tlcp.config import ClientAuth, Config
from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateVerifyError
from tlcp.handshake.peer import believe_client, believe_server
from tlcp.registry import ExtensionType
from tlcp.sessions.session import Session, SessionStore, State, TicketKey
from tlcp.sessions.ticket import LONGEST_TICKET, open_ticket, seal_ticket
from tlcp.suites import ALL_SUITES, CipherSuite, KeyExchangeKind
from tlcp.wire.extensions import find_extension
from tlcp.wire.messages import ClientHello, NewSessionTicket
from tlcp.x509.names import parse_host
from tlcp.x509.pair import VerifiedPair

__all__ = [
    "Recalled",
    "bound_name",
    "forget",
    "keep",
    "new_client_session",
    "new_ticket",
    "offerable",
    "recall",
    "sealing_key",
]


LONGEST_KEPT = 1 << 14  # bytes of a state in a store: whoever connects fills it


@dataclass(frozen=True, slots=True)
class Recalled:
    """A session that is continued.

    Attributes:
        state: what was kept.
        suite: its suite.
        peer: the peer's certificates, believed again; None if there were none.
        renew_ticket: the ticket was sealed with an old key.
        by_ticket: it came from a ticket, or is offered with one.
    """

    state: State
    suite: CipherSuite
    peer: VerifiedPair | None
    renew_ticket: bool = False
    by_ticket: bool = False


def bound_name(server_name: str | None) -> str:
    """The form in which a session remembers whom it is for; "" for nobody."""
    return str(parse_host(server_name)) if server_name is not None else ""


# ---- the client's side ---------------------------------------------------------------------


def offerable(
    config: Config, server_name: str | None, session: Session, suites: tuple[CipherSuite, ...]
) -> Recalled | None:
    """What a client may offer to continue; None means a full handshake.

    Args:
        config: settings of this connection.
        server_name: whom it is for.
        session: of an earlier connection.
        suites: what is offered.
    """
    state, now = session.state, config.now()
    suite = ALL_SUITES.get(state.suite)
    age_s = int(now.timestamp()) - state.created_s
    ticket_age_s = int(now.timestamp()) - session.received_s
    too_old = age_s >= config.session_lifetime_s or 0 < session.ticket_lifetime_s <= ticket_age_s
    if session.ticket and not (config.tickets and config.may_send(ExtensionType.SESSION_TICKET)):
        return None
    if (
        suite not in suites
        or not state.alive(now)
        or too_old
        or state.server_name != bound_name(server_name).encode()
        or state.binding != config.binding("client")
    ):
        return None
    try:
        peer = believe_server(config, server_name, state.certificates, suite.key_kind)
    except CertificateVerifyError:
        return None
    return Recalled(state, suite, peer, by_ticket=bool(session.ticket))


def new_client_session(
    config: Config,
    *,
    session_id: bytes,
    state: State,
    ticket: NewSessionTicket | None,
) -> Session | None:
    """What a client keeps after a handshake; None if the server gave nothing to ask for.

    With a ticket and no id it makes up an id: the server's echo of it will tell that the ticket
    was taken.

    Spec: RFC 5077 3.4
    """
    if ticket is not None and 0 < len(ticket.ticket) <= LONGEST_TICKET:
        made_up = session_id or sm3(ticket.ticket)
        now_s = int(config.now().timestamp())
        return Session(made_up, state, ticket.ticket, ticket.lifetime_s, now_s)
    return Session(session_id, state) if session_id else None


# ---- the server's side -----------------------------------------------------------------------


def recall(config: Config, hello: ClientHello, server_name: str | None) -> Recalled | None:
    """The session that a ClientHello asks for, if it may be continued.

    Args:
        config: settings of this connection.
        hello: the client's.
        server_name: the host name that it asks for.
    """
    from_ticket = _from_ticket(config, hello)
    found = from_ticket or _from_store(config, hello)
    if found is None:
        return None
    (state, renew), now = found, config.now()
    suite = ALL_SUITES.get(state.suite)
    if (
        suite is None
        or suite not in config.suites
        or suite.id not in hello.cipher_suites
        or not state.alive(now)
        or int(now.timestamp()) - state.created_s >= config.session_lifetime_s
        or (config.client_auth is ClientAuth.REQUIRED and not state.certificates)
        or state.server_name != (server_name or "").encode()
        or state.binding != config.binding("server")
    ):
        return None
    peer = None
    if state.certificates:
        ecdhe = suite.key_exchange is KeyExchangeKind.ECDHE
        try:
            kind = suite.key_kind
            peer = believe_client(config, state.certificates, need_enc=ecdhe, kind=kind)
        except CertificateVerifyError:
            return None
    return Recalled(state, suite, peer, renew, by_ticket=from_ticket is not None)


def _from_ticket(config: Config, hello: ClientHello) -> tuple[State, bool] | None:
    extension = find_extension(hello.extensions, ExtensionType.SESSION_TICKET)
    if config.ticket_keys is None or extension is None or not extension.data:
        return None
    # An empty id could not be echoed, and the client would have to guess. RFC 5077 3.4
    if not hello.session_id:
        return None
    try:
        opened = open_ticket(config.ticket_keys, extension.data)
    except Exception:  # keys out of reach cost a full handshake, never a failure
        return None
    if opened is None or (state := State.load(opened[0])) is None:
        return None
    return state, not opened[1]


def _from_store(config: Config, hello: ClientHello) -> tuple[State, bool] | None:
    if config.session_store is None or not hello.session_id:
        return None
    try:
        kept = config.session_store.get(hello.session_id)
        state = State.load(bytes(memoryview(kept))) if kept is not None else None
    except Exception:  # a store that is down costs a full handshake, never a failure
        return None
    return None if state is None else (state, False)


def keep(config: Config, session_id: bytes, state: State) -> None:
    """Put a new session where the client can ask for it; not a long one, nor strangers' padding."""
    if config.session_store is None or not session_id:
        return
    data = state.to_bytes()
    if len(data) > LONGEST_KEPT:
        return
    try:
        config.session_store.put(session_id, data, state.lifetime_s)
    except Exception:  # the client will find that it is not there
        return


def forget(store: SessionStore, session_id: bytes) -> None:
    """A connection that failed ends its session.  Spec: GB/T 38636-2020 6.4.4.2"""
    try:
        store.remove(session_id)
    except Exception:  # it lives on until its time is over
        return


def sealing_key(config: Config) -> TicketKey | None:
    """The key for a new ticket; None if there are no tickets, or no key is at hand."""
    if config.ticket_keys is None:
        return None
    try:
        return config.ticket_keys.newest()
    except Exception:  # a handshake without a ticket is as good
        return None


def new_ticket(config: Config, key: TicketKey, state: State) -> NewSessionTicket:
    """Seal a state for the client to keep; an empty ticket where it is too long to send.

    Spec: RFC 5077 3.3
    """
    left_s = max(0, state.created_s + state.lifetime_s - int(config.now().timestamp()))
    try:
        return NewSessionTicket(left_s, seal_ticket(key, state.to_bytes(), config.random))
    except Exception:  # too long, or the keys are none: the client does without
        return NewSessionTicket(0, b"")
