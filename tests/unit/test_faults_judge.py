"""The judge of ``python -m assurance faults`` finds wrong errors that are planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from assurance.faults_expected import expect, records
from assurance.faults_judge import is_harmless, judged
from assurance.faults_scenes import scenes
from assurance.faults_wire import MESSAGES, End, Fault, Run, cross

from tlcp import errors
from tlcp.alerts import AlertDescription as A
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    CertificateVerifyError,
    DecodeError,
    DecryptError,
    InternalError,
    ProtocolVersionError,
    RecordOverflow,
    TLCPError,
    TruncatedError,
    UnexpectedMessage,
)


def _record(kind: int, body: bytes) -> bytes:
    return bytes((kind, 1, 1)) + len(body).to_bytes(2, "big") + body


HELLO, EXCHANGE, CHANGE = _record(22, b"\1" + bytes(40)), _record(22, b"\x10" + bytes(60)), b"\1"
FINISHED, DATA, CLOSE = _record(22, b"F" * 40), _record(23, b"D" * 60), _record(21, b"C" * 26)
PARTS = (HELLO, EXCHANGE, _record(20, CHANGE), FINISHED, DATA, DATA, DATA, CLOSE)
STREAM = b"".join(PARTS)
STARTS = [sum(map(len, PARTS[:n])) for n in range(len(PARTS))]
ACKS = [n.to_bytes(4, "big") for n in (1, 2, 3)]
BROKEN = TruncatedError("gone")
GOODBYE = ConnectionError("the server closed before it had acknowledged")


def _told(error: errors.PeerError) -> tuple[TLCPError, TLCPError]:
    """Who refuses, and who hears of it."""
    assert error.alert_to_send is not None
    return error, AlertReceived(2, error.alert_to_send)


def _run(
    kind: str,
    at: int,
    given: bytes,
    server: BaseException | None,
    client: BaseException | None,
    *,
    acknowledged: int = 0,
) -> Run:
    """The client's stream is damaged; the server hears it."""
    near = End(True, False, max(acknowledged, 1), client is None, ACKS[:acknowledged], client)
    far = End(True, False, 0, server is None, list(MESSAGES[:acknowledged]), server)
    return Run(Fault(kind, "client", at), near, far, {"client": STREAM, "server": b""},
               {"client": given, "server": b""}, len(given), ended=True)  # fmt: skip


def _flipped(at: int, bit: int = 1) -> bytes:
    return STREAM[:at] + bytes((STREAM[at] ^ bit,)) + STREAM[at + 1 :]


IN_DATA = STARTS[5] + 20
MAC, ALERT = _told(BadRecordMAC("x"))


def test_records_are_read_as_they_are() -> None:
    found = list(records(STREAM))
    assert [one.at for one in found] == STARTS
    assert [one.protected for one in found] == [False] * 3 + [True] * 5


@pytest.mark.parametrize(
    ("at", "bit", "error"),
    [
        (STARTS[4], 128, UnexpectedMessage),  # a type that is none
        (STARTS[4], 1, BadRecordMAC),  # one that is, but not what was sealed
        (STARTS[4] + 1, 1, ProtocolVersionError),
        (STARTS[4] + 3, 128, RecordOverflow),
        (STARTS[4] + 4, 4, BadRecordMAC),  # shorter
        (IN_DATA, 1, BadRecordMAC),
        (STARTS[3] + 6, 1, BadRecordMAC),  # Finished
        (STARTS[7] + 9, 1, BadRecordMAC),  # close_notify
    ],
)
def test_what_is_protected_or_a_header_has_one_right_error(
    at: int, bit: int, error: type[TLCPError]
) -> None:
    assert expect(STREAM, _flipped(at, bit)).errors == {error}
    assert not expect(STREAM, _flipped(at, bit)).waits


def test_what_is_in_clear_has_the_errors_of_its_message() -> None:
    hello, exchange = expect(STREAM, _flipped(9)), expect(STREAM, _flipped(STARTS[1] + 9))
    assert ProtocolVersionError in hello.errors
    assert DecryptError in hello.far
    assert ProtocolVersionError not in exchange.errors
    assert CertificateVerifyError not in hello.errors | exchange.errors
    assert not exchange.far
    assert {DecodeError, BadRecordMAC} < exchange.errors


def test_what_is_missing_is_waited_for_and_what_is_behind_the_end_is_not_read() -> None:
    assert expect(STREAM, STREAM[:IN_DATA]).waits
    dropped = expect(STREAM, STREAM[: STARTS[7] + 9] + STREAM[STARTS[7] + 12 :])
    assert dropped.waits
    assert not dropped.errors
    assert expect(STREAM, STREAM + b"more").harmless
    assert expect(STREAM, _flipped(1, 2)).harmless  # 0301 in front of the first hello
    assert not expect(STREAM, _flipped(1, 4)).harmless


@pytest.mark.parametrize("loops", [False, True])
def test_a_changed_byte_in_data(loops: bool) -> None:
    def verdict(server: BaseException | None, client: BaseException | None) -> list[str]:
        return judged(_run("corrupt", IN_DATA, _flipped(IN_DATA), server, client, acknowledged=1),
                      loops=loops)  # fmt: skip

    heard = ConnectionResetError() if loops else ALERT
    assert not verdict(MAC, heard)
    wrong: list[BaseException | None] = [
        ProtocolVersionError("x"), InternalError("x"), TLCPError("x"), BROKEN, TimeoutError(),
        ConnectionResetError(), ValueError(), None,
    ]  # fmt: skip
    for error in wrong:
        assert verdict(error, heard), error
    assert verdict(None, None)
    assert verdict(MAC, None)
    if not loops:  # the other end must have heard, and that very alert
        for unheard in (BROKEN, TimeoutError(), AlertReceived(2, A.DECODE_ERROR)):
            assert verdict(MAC, unheard), unheard


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("kind", ["cut", "reset", "half-close"])
def test_a_break_in_data(kind: str, loops: bool) -> None:
    def verdict(server: BaseException | None, client: BaseException | None) -> list[str]:
        run = _run(kind, IN_DATA, STREAM[:IN_DATA], server, client, acknowledged=1)
        return judged(run, loops=loops)

    right: list[BaseException] = [BROKEN]
    right += [ConnectionError("early"), ConnectionResetError()] if loops else []
    for server in right:
        assert not verdict(server, ConnectionResetError()), server
    for wrong in (ProtocolVersionError("x"), TLCPError("x"), MAC, InternalError("x"), ValueError()):
        assert verdict(wrong, BROKEN), wrong
        assert verdict(BROKEN, wrong), wrong
    assert verdict(None, None)
    assert verdict(BROKEN, None)
    if not loops:
        for wrong_here in (TimeoutError(), GOODBYE, ALERT):
            assert verdict(BROKEN, wrong_here), wrong_here


@pytest.mark.parametrize("loops", [False, True])
def test_silence_in_data(loops: bool) -> None:
    def verdict(server: BaseException | None, client: BaseException | None) -> list[str]:
        run = _run("silence", IN_DATA, STREAM[:IN_DATA], server, client, acknowledged=1)
        return judged(run, loops=loops)

    assert not verdict(TimeoutError(), TimeoutError())
    assert not verdict(TimeoutError(), GOODBYE)
    for wrong in (MAC, ProtocolVersionError("x"), TLCPError("x"), ValueError()):
        assert verdict(wrong, TimeoutError()), wrong
    assert verdict(TimeoutError(), None)
    if not loops:
        assert verdict(BROKEN, BROKEN), "nobody's time was over"


def test_what_comes_late_may_complete_a_record_and_what_comes_soon_must() -> None:
    dropped = STREAM[:IN_DATA] + STREAM[IN_DATA + 16 :]
    run = _run("drop", IN_DATA, dropped, TimeoutError(), TimeoutError(), acknowledged=1)
    assert judged(run, loops=False)
    late = dataclasses.replace(run, prompt=STARTS[6] - 16)
    assert not judged(late, loops=False)
    refused = dataclasses.replace(late, server=dataclasses.replace(late.server, error=MAC))
    assert not judged(refused, loops=False)
    wrong = dataclasses.replace(late.server, error=DecodeError("x"))
    assert judged(dataclasses.replace(late, server=wrong), loops=False)


def test_what_does_no_harm_must_do_none() -> None:
    well = _run("delay", IN_DATA, STREAM, None, None, acknowledged=3)
    well.client.sent = 3
    assert is_harmless(well)
    assert not judged(well, loops=False)
    assert judged(well, loops=False, resumes=True)  # it was not
    assert judged(_run("delay", IN_DATA, STREAM, MAC, ALERT), loops=False)
    lost = dataclasses.replace(well, server=dataclasses.replace(well.server, data=[]))
    assert judged(lost, loops=False)
    assert judged(dataclasses.replace(well, ended=False), loops=False)


REAL = {
    "corrupt": 900, "cut": 700, "reset": 1500, "half-close": 1500, "repeat": 1450, "reorder": 300,
}  # fmt: skip


@pytest.mark.parametrize("loops", [False, True], ids=["sockets", "asyncio"])
@pytest.mark.parametrize("kind", REAL)
def test_real_connections_pass_and_those_with_another_error_do_not(kind: str, loops: bool) -> None:
    run = cross(Fault(kind, "client", REAL[kind]), scenes()[0].contexts, loops=loops)
    assert not judged(run, loops=loops)
    assert run.server.error is not None
    planted: list[Callable[[], BaseException]] = [
        lambda: ProtocolVersionError("planted"),
        lambda: InternalError("planted"),
        lambda: TLCPError("planted"),
        lambda: errors.UnrecognizedName("planted"),
        lambda: OSError("planted"),
    ]
    for make in planted:
        server = dataclasses.replace(run, server=dataclasses.replace(run.server, error=make()))
        client = dataclasses.replace(run, client=dataclasses.replace(run.client, error=make()))
        assert judged(server, loops=loops), make()
        assert judged(client, loops=loops), make()


def test_every_scene_is_what_it_says() -> None:
    for scene in scenes():
        run = cross(Fault("none", "client", 0), scene.contexts, loops=False)
        assert not judged(run, loops=False, resumes=scene.resumes), scene.name
        assert run.client.resumed is scene.resumes
