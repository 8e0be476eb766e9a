"""Our end and the adversary, brought together."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from assurance.adversary_peer import Offender, OffendingClient, OffendingServer, Ways
from assurance.misdeed import Expected, Misdeed, Role
from assurance.misdeeds.order import setting
from peers.scripted.peer import Remembered
from support.ends import HOST, NOW, Side, config, drain, world
from support.rsa_pki import RsaCA
from tlcp.connection import Connection
from tlcp.events import TracedMessage
from tlcp.record.cbc_sha256 import CBCSha256Protection
from tlcp.record.protect import _Batches
from tlcp.registry import ContentType
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.suites import CipherSuite, KeyKind
from tlcp.x509.identity import Identity

__all__ = ["BACK", "BEFORE", "Meeting", "commit", "honest_messages"]

BEFORE, AFTER, BACK = b"before", b"after", b"back"
_ROUNDS = 100


@dataclass
class Meeting:
    """A connection of ours with an offender.

    Attributes:
        sent: what the victim has sent, message by message.
        data_due: what it is to have got if nothing fails.
        closed: it has sent its close_notify.
        afterwards: what it put on the wire behind that.
    """

    victim: Connection
    offender: Offender
    side: Side = field(default_factory=Side)
    sent: list[TracedMessage] = field(default_factory=list)
    data_due: bytes = b""
    closed: bool = False
    afterwards: bytes = b""

    def close(self) -> None:
        """The victim closes its side, and all that it has said until then is carried."""
        self.run()
        if self.side.error is None:
            self.victim.close()
            self.offender.feed(self.victim.data_to_send())
            self.closed = True

    def run(self) -> None:
        """Carry bytes until both are silent."""
        for _ in range(_ROUNDS):
            said = self.victim.data_to_send()
            if self.closed:
                self.afterwards += said
            self.offender.feed(said)
            segments = self.offender.take()
            for segment in segments:
                if self.side.error is None:
                    self.victim.receive_data(segment)
                    drain(self.victim, self.side)
            if not said and not segments:
                return
        raise AssertionError("the two ends never come to rest")

    def end(self) -> None:
        """The transport ends."""
        if self.side.error is None and not self.side.closed:
            self.victim.receive_eof()
            drain(self.victim, self.side)

    def jump(self, number: int) -> None:
        """Have both ends count from that number what the offender sends."""
        self.offender.writes.skip(number - self.offender.writes.sequence)
        reads = self.victim._records._reads
        if not isinstance(reads, _Batches | CBCSha256Protection):
            raise TypeError("nothing is protected yet")
        reads._sequence = number

    @property
    def alerts(self) -> list[tuple[int, int]]:
        """Level and description of what the victim sent as alerts."""
        return [(m.data[0], m.data[1]) for m in self.sent if m.content_type == ContentType.ALERT]


def commit(misdeed: Misdeed, suite: CipherSuite) -> Meeting:
    """Let it happen; the meeting afterwards, with the transport ended."""
    meeting = _meeting(misdeed, suite)
    meeting.run()
    offender, side = meeting.offender, meeting.side
    if offender.done and side.completed is not None and side.error is None:
        _exchange(misdeed, meeting)
    meeting.end()
    return meeting


def _exchange(misdeed: Misdeed, meeting: Meeting) -> None:
    """Data, what is done when the handshake is through, more data, and the end."""
    offender, side = meeting.offender, meeting.side
    meeting.data_due = BEFORE + (misdeed.data or b"")
    offender.send_data(BEFORE)
    if misdeed.closed:
        meeting.close()
    if offender.ways.jump is not None:
        meeting.run()
        meeting.jump(offender.ways.jump)
    offender.misbehave(misdeed.data)
    meeting.run()
    if side.error is None and not side.closed:
        meeting.data_due += AFTER
        offender.send_data(AFTER)
        meeting.run()
    if side.error is None:
        if not meeting.closed:
            meeting.victim.send_data(BACK)
            meeting.close()
        if not side.closed:
            offender.close()
        meeting.run()


def honest_messages(by: Role, kind: str, suite: CipherSuite) -> dict[str, bytes]:
    """What the offender says if it is none, by name, in one kind of handshake."""
    row = Misdeed("honest", "", by, Ways, Expected(None), **setting(by, kind))
    meeting = _meeting(row, suite)
    meeting.run()
    if meeting.side.completed is None or meeting.side.completed.resumed != row.resumed:
        raise AssertionError(f"an honest handshake failed: {meeting.side.error!r}")
    return meeting.offender.said


def _meeting(misdeed: Misdeed, suite: CipherSuite) -> Meeting:
    settings, more, party = _keys(misdeed.by, suite)
    settings |= {"suites": (suite,)} | misdeed.victim
    more |= misdeed.offender
    if misdeed.who is not None:
        settings["trust"], more["identity"] = misdeed.who(suite)
    session: Session | None = None
    if misdeed.resumed:
        usual = party if more.get("identity", party) is not None else None
        key = misdeed.by, suite.id, _same(misdeed.victim), _same(misdeed.offender)
        if key not in _KNOWN:
            _KNOWN[key] = _known(misdeed.by, suite, usual, settings, more), misdeed
        known = _KNOWN[key][0]
        if misdeed.by == "client":
            more["session"] = known.of_client
            settings.setdefault("session_store", known.store())
        else:
            more["memory"], session = dict(known.memory), known.of_victim
        settings |= misdeed.since
        more |= misdeed.offender_since
    usual = party if more.get("identity", party) is not None else None
    if misdeed.by == "client":
        return _client_offends(misdeed.act(), settings, suite, usual, more)
    return _server_offends(misdeed.act(), settings, suite, usual, more, session)


# ---- sessions to continue ------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What both ends keep of an honest handshake.

    Attributes:
        of_client: what the offending client has.
        state: what the victim has of it in its store, None with a ticket.
        memory: the offending server's sessions.
        of_victim: what the victim has as a client.
    """

    of_client: Remembered | None = None
    state: bytes | None = None
    memory: dict[bytes, Remembered] = field(default_factory=dict)
    of_victim: Session | None = None

    def store(self) -> MemoryStore:
        """A store of the victim's that holds it."""
        store = MemoryStore()
        if self.of_client is not None and self.state is not None:
            store.put(self.of_client.id, self.state, 3600)
        return store


#: By the settings; with the misdeed that it was made for, so that no other setting gets its ids.
_KNOWN: dict[tuple[object, ...], tuple[Known, Misdeed]] = {}


def _same(settings: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, id(value)) for name, value in settings.items()))


def _known(
    by: Role,
    suite: CipherSuite,
    usual: Identity | None,
    settings: dict[str, Any],
    more: dict[str, Any],
) -> Known:
    if by == "client":
        store = MemoryStore()
        meeting = _client_offends(Ways(), {"session_store": store} | settings, suite, usual, more)
        meeting.run()
        offender = meeting.offender
        if not isinstance(offender, OffendingClient) or offender.session is None:
            raise AssertionError("an honest handshake left no session")
        session = offender.session
        return Known(of_client=session, state=store.get(session.id))
    memory = dict[bytes, Remembered]()
    meeting = _server_offends(Ways(), settings, suite, usual, more | {"memory": memory})
    meeting.run()
    completed = meeting.side.completed
    if completed is None or completed.session is None:
        raise AssertionError("an honest handshake left no session")
    return Known(memory=memory, of_victim=completed.session)


# ---- who they are --------------------------------------------------------------------------


def _keys(by: str, suite: CipherSuite) -> tuple[dict[str, Any], dict[str, Any], Identity]:
    """What the victim and the offender need besides, in suites of RSA keys; who offends."""
    if suite.key_kind is not KeyKind.RSA:
        return {}, {}, world().client if by == "client" else world().server
    victim = _rsa_party("server" if by == "client" else "client")
    settings = {"identity": victim, "trust": _rsa_ca().trust}
    return settings, {"ca": _rsa_ca().certificate}, _rsa_party(by)


@functools.cache
def _rsa_party(name: str) -> Identity:
    return _rsa_ca().issue_party(name, hosts=(HOST,)).identity


@functools.cache
def _rsa_ca() -> RsaCA:
    return RsaCA.create(now=NOW)


def _client_offends(
    ways: Ways,
    settings: dict[str, Any],
    suite: CipherSuite,
    usual: Identity | None,
    more: dict[str, Any],
) -> Meeting:
    sent = list[TracedMessage]()
    victim = Connection.server(config("server", trace=_keep("server", sent), **settings))
    return Meeting(victim, OffendingClient(ways, suite, usual, **more), sent=sent)


def _server_offends(
    ways: Ways,
    settings: dict[str, Any],
    suite: CipherSuite,
    usual: Identity | None,
    more: dict[str, Any],
    session: Session | None = None,
) -> Meeting:
    sent = list[TracedMessage]()
    ours = config("client", trace=_keep("client", sent), **settings)
    victim = Connection.client(ours, server_name=HOST, session=session)
    return Meeting(victim, OffendingServer(ways, suite, usual, **more), sent=sent)


def _keep(role: str, sent: list[TracedMessage]) -> Any:
    return lambda message: sent.append(message) if message.sender == role else None
