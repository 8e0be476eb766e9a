"""What is wrong with how a misdeed ended."""

from __future__ import annotations

from collections.abc import Iterator

from assurance.adversary_meet import BACK, BEFORE, Meeting
from assurance.misdeed import Misdeed
from support.ends import Side
from tlcp.alerts import AlertLevel
from tlcp.errors import CertificateVerifyError, InternalError, TLCPError
from tlcp.registry import ContentType

__all__ = ["complaints"]

_CLOSE_NOTIFY = (1, 0)


def complaints(misdeed: Misdeed, meeting: Meeting) -> Iterator[str]:
    """What is not as it should be; nothing for a misdeed that ended as expected."""
    side, wanted = meeting.side, misdeed.end
    if not meeting.offender.acted:
        yield "nothing was done"
    if isinstance(side.error, InternalError) and wanted.error is not InternalError:
        yield f"a bug of ours: {side.error!r}"
    yield from _of_alerts(misdeed, meeting)
    if wanted.error is None:
        yield from _of_one_let_pass(misdeed, meeting)
        return
    if type(side.error) is not wanted.error:
        yield f"{wanted.error.__name__} was due, and it is {side.error!r}"
        return
    problem = side.error.problem if isinstance(side.error, CertificateVerifyError) else None
    if problem is not wanted.problem:
        yield f"{wanted.problem} was due, and it is {problem}: {side.error}"
    yield from _of_progress(misdeed, side)
    yield from _of_the_dead(meeting)


def _of_alerts(misdeed: Misdeed, meeting: Meeting) -> Iterator[str]:
    """All alerts are compared, warnings too, as they are sent and as the offender heard them."""
    wanted, heard = misdeed.end, meeting.offender.heard.alerts
    due = list[tuple[int, int]]()
    if not misdeed.closed:
        due += [(int(AlertLevel.WARNING), int(number)) for number in wanted.warnings]
    if meeting.closed:
        due.append(_CLOSE_NOTIFY)
    elif wanted.alert is not None:
        due.append((int(AlertLevel.FATAL), int(wanted.alert)))
    if meeting.alerts != due:
        yield f"the alerts sent are {meeting.alerts}, and {due} was due"
    refused = meeting.offender.refusal is not None  # it reads no more
    if (heard != due[: len(heard)]) if refused else (heard != due):
        yield f"the offender heard {heard} and {meeting.offender.refusal}, and {due} was due"
    if due and meeting.sent[-1].content_type != ContentType.ALERT:
        yield "the last alert is not the last thing sent"
    if meeting.afterwards:
        yield f"behind its close_notify it sent {len(meeting.afterwards)} bytes"


def _of_one_let_pass(misdeed: Misdeed, meeting: Meeting) -> Iterator[str]:
    side, offender = meeting.side, meeting.offender
    back = b"" if misdeed.closed else BACK
    if side.error is not None:
        yield f"nothing was to fail: {side.error!r}"
    elif side.completed is None:
        yield "the handshake was to complete"
    elif side.data != meeting.data_due or not side.closed:
        yield f"what came is {side.data[:40]!r}, closed: {side.closed}"
    elif offender.heard.data != back:
        yield f"the offender got {offender.heard.data!r}: {offender.refusal}"
    elif side.completed.resumed != _resumes(misdeed):
        yield f"the session was {'' if side.completed.resumed else 'not '}continued"


def _resumes(misdeed: Misdeed) -> bool:
    return misdeed.resumed if misdeed.continues is None else misdeed.continues


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
