"""Our end and the adversary, brought together, and what is wrong with how that ended."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assurance.adversary_peer import Offender, OffendingClient, OffendingServer, Ways
from assurance.misdeed import Misdeed
from peers.scripted.peer import Remembered
from support.ends import HOST, Side, config, drain
from support.rsa_pki import RsaCA
from tlcp.connection import Connection
from tlcp.errors import CertificateVerifyError, InternalError, TLCPError
from tlcp.events import TracedMessage
from tlcp.record.cbc_sha256 import CBCSha256Protection
from tlcp.record.protect import _Batches
from tlcp.registry import ContentType
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.suites import CipherSuite, KeyKind
from tlcp.x509.identity import Identity

__all__ = ["Meeting", "commit", "complaints"]

BEFORE, AFTER, BACK = b"before", b"after", b"back"
_ROUNDS = 100


@dataclass
class Meeting:
    """A connection of ours with an offender.

    Attributes:
        sent: what the victim has sent, message by message.
        data_due: what it is to have got if nothing fails.
    """

    victim: Connection
    offender: Offender
    side: Side = field(default_factory=Side)
    sent: list[TracedMessage] = field(default_factory=list)
    data_due: bytes = b""

    def run(self) -> None:
        """Carry bytes until both are silent."""
        for _ in range(_ROUNDS):
            said = self.victim.data_to_send()
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
        meeting.data_due = BEFORE + (misdeed.data or b"")
        offender.send_data(BEFORE)
        if offender.ways.then is not None:
            if offender.ways.jump is not None:
                meeting.run()
                meeting.jump(offender.ways.jump)
            offender.ways.then(offender)
            offender.ways.done = True
        meeting.run()
        if side.error is None and not side.closed:
            meeting.data_due += AFTER
            offender.send_data(AFTER)
            meeting.run()
        if side.error is None:
            meeting.victim.send_data(BACK)
            meeting.victim.close()
            if not side.closed:
                offender.close()
            meeting.run()
    meeting.end()
    return meeting


def _meeting(misdeed: Misdeed, suite: CipherSuite) -> Meeting:
    settings, more = _keys(misdeed.by, suite)
    settings |= {"suites": (suite,)} | misdeed.victim
    more |= misdeed.offender
    if misdeed.by == "client":
        if misdeed.resumed:
            settings.setdefault("session_store", MemoryStore())
            more["session"] = _known_client(settings, suite, more)
        return _client_offends(misdeed.act(), settings, suite, more)
    session = None
    if misdeed.resumed:
        more["memory"] = {}
        session = _known_server(settings, suite, more)
    return _server_offends(misdeed.act(), settings, suite, more, session)


def _keys(by: str, suite: CipherSuite) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the victim and the offender need besides, in suites of RSA keys."""
    if suite.key_kind is not KeyKind.RSA:
        return {}, {}
    parties = {"client": _rsa_party("client"), "server": _rsa_party("server")}
    victim = parties["server" if by == "client" else "client"]
    settings = {"identity": victim, "trust": _rsa_ca().trust, "now": lambda: datetime.now(UTC)}
    return settings, {"identity": parties[by], "ca": _rsa_ca().certificate}


@functools.cache
def _rsa_party(name: str) -> Identity:
    return _rsa_ca().issue_party(name, hosts=(HOST,)).identity


@functools.cache
def _rsa_ca() -> RsaCA:
    return RsaCA.create()


def _client_offends(
    ways: Ways, settings: dict[str, Any], suite: CipherSuite, more: dict[str, Any]
) -> Meeting:
    sent = list[TracedMessage]()
    victim = Connection.server(config("server", trace=_keep("server", sent), **settings))
    return Meeting(victim, OffendingClient(ways, suite, **more), sent=sent)


def _server_offends(
    ways: Ways,
    settings: dict[str, Any],
    suite: CipherSuite,
    more: dict[str, Any],
    session: Session | None = None,
) -> Meeting:
    sent = list[TracedMessage]()
    ours = config("client", trace=_keep("client", sent), **settings)
    victim = Connection.client(ours, server_name=HOST, session=session)
    return Meeting(victim, OffendingServer(ways, suite, **more), sent=sent)


def _keep(role: str, sent: list[TracedMessage]) -> Any:
    return lambda message: sent.append(message) if message.sender == role else None


def _known_client(settings: dict[str, Any], suite: CipherSuite, more: dict[str, Any]) -> Remembered:
    meeting = _client_offends(Ways(), settings, suite, more)
    meeting.run()
    if not isinstance(meeting.offender, OffendingClient) or meeting.offender.session is None:
        raise AssertionError("an honest handshake left no session")
    return meeting.offender.session


def _known_server(settings: dict[str, Any], suite: CipherSuite, more: dict[str, Any]) -> Session:
    meeting = _server_offends(Ways(), settings, suite, more)
    meeting.run()
    completed = meeting.side.completed
    if completed is None or completed.session is None:
        raise AssertionError("an honest handshake left no session")
    return completed.session


# ---- judging -------------------------------------------------------------------------------


def complaints(misdeed: Misdeed, meeting: Meeting) -> Iterator[str]:
    """What is not as it should be; nothing for a misdeed that ended as expected."""
    side, wanted = meeting.side, misdeed.end
    if not meeting.offender.ways.done and not misdeed.offender:
        yield "nothing was done"
    if isinstance(side.error, InternalError) and wanted.error is not InternalError:
        yield f"a bug of ours: {side.error!r}"
    if wanted.error is None:
        yield from _of_one_let_pass(misdeed, meeting)
        return
    if type(side.error) is not wanted.error:
        yield f"{wanted.error.__name__} was due, and it is {side.error!r}"
        return
    problem = side.error.problem if isinstance(side.error, CertificateVerifyError) else None
    if problem is not wanted.problem:
        yield f"{wanted.problem} was due, and it is {problem}: {side.error}"
    alerts = [] if wanted.alert is None else [(2, int(wanted.alert))]
    fatal = [alert for alert in meeting.alerts if alert[0] == 2]
    if fatal != alerts:
        yield f"the alerts sent are {meeting.alerts}, and {alerts} was due"
    if alerts and meeting.sent[-1].content_type != ContentType.ALERT:
        yield "the alert is not the last thing sent"
    if wanted.alert is not None and not _heard(meeting):
        yield f"the offender heard {meeting.offender.heard.alert} and {meeting.offender.refusal}"
    yield from _of_progress(misdeed, side)
    yield from _of_the_dead(meeting)


def _of_one_let_pass(misdeed: Misdeed, meeting: Meeting) -> Iterator[str]:
    side, offender = meeting.side, meeting.offender
    if side.error is not None:
        yield f"nothing was to fail: {side.error!r}"
    elif side.completed is None:
        yield "the handshake was to complete"
    elif side.data != meeting.data_due or not side.closed:
        yield f"what came is {side.data[:40]!r}, closed: {side.closed}"
    elif offender.heard.data != BACK:
        yield f"the offender got {offender.heard.data!r}: {offender.refusal}"


def _heard(meeting: Meeting) -> bool:
    """The offender read the alert, if it was still able to."""
    offender = meeting.offender
    return offender.refusal is not None or offender.heard.alert == meeting.alerts[-1][1]


def _of_progress(misdeed: Misdeed, side: Side) -> Iterator[str]:
    if misdeed.late:
        if side.completed is None:
            yield "the handshake was to complete first"
        data = BEFORE if misdeed.data is None else misdeed.data
        if side.data != data:
            yield f"the data is {side.data[:40]!r}, and {data!r} alone was authentic"
    else:
        if side.completed is not None:
            yield "the handshake completed"
        if side.data:
            yield f"data came through: {side.data!r}"


def _of_the_dead(meeting: Meeting) -> Iterator[str]:
    """A connection that has failed says and does nothing more."""
    victim, error = meeting.victim, meeting.side.error
    victim.data_to_send()
    victim.receive_data(b"\x17\1\1\0\1x")
    for call in (victim.next_event, lambda: victim.send_data(b"x")):
        try:
            call()
            yield "it lives on"
        except TLCPError as again:
            if again is not error:
                yield f"then it raised another error: {again!r}"
    victim.close()
    if victim.data_to_send():
        yield "it went on talking"
