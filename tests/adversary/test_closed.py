"""Behind our own close_notify nothing goes, whatever comes; and how renegotiation is refused.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

import pytest

from support.ends import Recorder, client, drain, run, server
from support.samples import SAMPLES
from tlcp.alerts import AlertDescription as A
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, ClosedError, TruncatedError, UnexpectedMessage
from tlcp.registry import ContentType
from tlcp.wire.messages import HelloRequest

ROLES = pytest.mark.parametrize("role", ["client", "server"])
REFUSED = bytes((1, A.NO_RENEGOTIATION))


def _ends(asked_role: str, seen: Recorder) -> tuple[Connection, Connection, bytes]:
    """After their handshake: who asks to renegotiate, who is asked, and with what."""
    one = client(trace=seen if asked_role == "client" else None)
    other = server(trace=seen if asked_role == "server" else None)
    run(one, other)
    assert one.handshake_completed
    assert other.handshake_completed
    if asked_role == "client":
        return other, one, HelloRequest().encode()
    return one, other, SAMPLES[1].encode()


def _alerts(seen: Recorder, role: str) -> list[bytes]:
    alert = ContentType.ALERT
    return [m.data for m in seen.messages if m.sender == role and m.content_type == alert]


@ROLES
def test_each_request_to_renegotiate_is_refused_with_one_warning(role: str) -> None:
    seen = Recorder()
    asker, asked, ask = _ends(role, seen)
    for count in range(1, 5):
        asker.send_handshake(ask)
        _, side = run(asker, asked)
        assert side.error is None
        assert _alerts(seen, role) == [REFUSED] * count
    asker.send_handshake(ask)
    _, side = run(asker, asked)
    assert isinstance(side.error, UnexpectedMessage)
    assert _alerts(seen, role) == [REFUSED] * 4 + [bytes((2, A.UNEXPECTED_MESSAGE))]


@ROLES
def test_who_has_closed_refuses_in_silence(role: str) -> None:
    """Spec: GB/T 38636-2020 6.4.4.1: close_notify is the last that goes."""
    seen = Recorder()
    asker, asked, ask = _ends(role, seen)
    asked.close()
    asker.receive_data(asked.data_to_send())
    for _ in range(4):
        asker.send_handshake(ask)
    asker.send_data(b"can be read all the same")
    _, side = run(asker, asked)
    assert side.data == b"can be read all the same"
    asker.send_handshake(ask)
    _, side = run(asker, asked)
    assert isinstance(side.error, UnexpectedMessage)
    assert _alerts(seen, role) == [bytes((1, A.CLOSE_NOTIFY))]
    assert asked.data_to_send() == b""


@pytest.mark.parametrize(
    ("role", "flights"), [("client", 0), ("client", 2), ("server", 0), ("server", 1)]
)
def test_who_closes_in_the_handshake_goes_no_further(role: str, flights: int) -> None:
    """After so many flights of both; the next message of the peer finds it closed."""
    seen = Recorder()
    one = client(trace=seen if role == "client" else None)
    other = server(trace=seen if role == "server" else None)
    closer = one if role == "client" else other
    for sender, receiver in [(one, other), (other, one)][:flights]:
        receiver.receive_data(sender.data_to_send())
        assert receiver.next_event() is None
    closer.close()
    side = run(one, other)[0 if role == "client" else 1]
    if side.error is None:  # the peer has read the close_notify, and hung up
        closer.receive_eof()
        drain(closer, side)
    assert isinstance(side.error, ClosedError | AlertReceived | TruncatedError)
    assert not closer.handshake_completed
    own = [m for m in seen.messages if m.sender == role]
    assert (own[-1].content_type, own[-1].data) == (ContentType.ALERT, bytes((1, A.CLOSE_NOTIFY)))


def test_what_was_on_its_way_is_refused_by_who_has_closed() -> None:
    one, other = client(), server()
    other.receive_data(one.data_to_send())
    assert other.next_event() is None
    one.close()
    one.data_to_send()
    one.receive_data(other.data_to_send())
    with pytest.raises(ClosedError, match="closed the connection in the middle of the handshake"):
        one.next_event()
    assert one.data_to_send() == b""
