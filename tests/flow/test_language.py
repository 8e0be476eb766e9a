"""The flows accept exactly the standard's sequences: every other one is tried and refused.

Spec: GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.samples import SAMPLES
from tlcp.errors import InternalError, UnexpectedMessage
from tlcp.handshake.client import client_flow
from tlcp.handshake.flow import Machine, Step
from tlcp.handshake.server import server_flow
from tlcp.handshake.transcript import Transcript
from tlcp.wire.messages import ChangeCipherSpec, Handshake

#: One of each kind, and ChangeCipherSpec.
ALPHABET: list[Handshake | ChangeCipherSpec] = [
    *{type(m): m for m in SAMPLES}.values(),
    ChangeCipherSpec(),
]
DEPTH = 9


class Ops:
    """Does nothing; says yes to everything."""

    def __init__(
        self,
        *,
        requests: bool = False,
        sends_certificate: bool = True,
        resumes: bool = False,
        ticket: bool = False,
        status: bool = False,
    ) -> None:
        self.requests_certificate = requests
        self._client = object() if sends_certificate else None
        self.recalled = self if resumes else None
        self.peer = object()
        self.promises_ticket, self.may_send_status = ticket, status
        self.status = None

    def accept_hello(self, *_: Any) -> Ops:
        return self

    def verify_client(self, *_: Any) -> object | None:
        return self._client

    def choose(self, *_: Any) -> Ops:
        return self

    def done(self, *_: Any) -> str:
        return "done"

    def __getattr__(self, _: str) -> Callable[..., Any]:
        return lambda *_: None


def _machine(flow: Callable[[Any], Step[Any]], ops: Ops) -> Machine[Any]:
    return Machine(flow(ops), Transcript())


def _feed(machine: Machine[Any], message: Handshake | ChangeCipherSpec) -> None:
    if isinstance(message, ChangeCipherSpec):
        machine.feed_change_cipher_spec()
    else:
        machine.feed_handshake(message.encode())


def _language(flow: Callable[[Any], Step[Any]], make: Callable[[], Ops]) -> set[tuple[str, ...]]:
    """Every sequence that completes, by brute force over all sequences not refused earlier."""
    accepted: set[tuple[str, ...]] = set()
    stack: list[list[Handshake | ChangeCipherSpec]] = [[]]
    while stack:
        prefix = stack.pop()
        for message in ALPHABET:
            machine = _machine(flow, make())
            for earlier in prefix:
                _feed(machine, earlier)
            try:
                _feed(machine, message)
            except UnexpectedMessage:
                continue
            sequence = [*prefix, message]
            if machine.done:
                accepted.add(tuple(type(m).__name__ for m in sequence))
            else:
                assert len(sequence) < DEPTH, "the flow never ends"
                stack.append(sequence)
    return accepted


SERVER_HEAD = ("ServerHello", "Certificate", "ServerKeyExchange")
FINISH = ("ChangeCipherSpec", "Finished")


@pytest.mark.parametrize("ticket", [False, True])
def test_client_accepts_exactly_the_standard(ticket: bool) -> None:
    """A ticket comes if it was promised, before the keys change; else it is refused."""
    end = ("NewSessionTicket", *FINISH) if ticket else FINISH
    assert _language(client_flow, lambda: Ops(ticket=ticket)) == {
        (*SERVER_HEAD, "ServerHelloDone", *end),
        (*SERVER_HEAD, "CertificateRequest", "ServerHelloDone", *end),
    }


def test_a_status_may_come_behind_the_certificates_if_it_was_announced() -> None:
    with_status = ("ServerHello", "Certificate", "CertificateStatus", "ServerKeyExchange")
    assert _language(client_flow, lambda: Ops(status=True)) == {
        (*head, *request, "ServerHelloDone", *FINISH)
        for head in (SERVER_HEAD, with_status)
        for request in ((), ("CertificateRequest",))
    }


@pytest.mark.parametrize("ticket", [False, True])
def test_a_resumed_handshake_has_no_certificates_and_no_key_exchange(ticket: bool) -> None:
    end = ("NewSessionTicket", *FINISH) if ticket else FINISH
    assert _language(client_flow, lambda: Ops(resumes=True, ticket=ticket)) == {
        ("ServerHello", *end)
    }
    assert _language(server_flow, lambda: Ops(resumes=True, ticket=ticket)) == {
        ("ClientHello", *FINISH)
    }


@pytest.mark.parametrize(
    ("requests", "sends", "sequence"),
    [
        (False, False, ("ClientHello", "ClientKeyExchange", *FINISH)),
        (True, False, ("ClientHello", "Certificate", "ClientKeyExchange", *FINISH)),
        (
            True,
            True,
            ("ClientHello", "Certificate", "ClientKeyExchange", "CertificateVerify", *FINISH),
        ),
    ],
)
def test_server_accepts_exactly_the_standard(
    requests: bool, sends: bool, sequence: tuple[str, ...]
) -> None:
    """One-way; asked and an empty list; asked and certificates sent."""
    accepted = _language(server_flow, lambda: Ops(requests=requests, sends_certificate=sends))
    assert accepted == {sequence}


def test_nothing_is_accepted_after_an_error() -> None:
    machine = _machine(client_flow, Ops())
    with pytest.raises(UnexpectedMessage) as first:
        machine.feed_change_cipher_spec()
    for message in ALPHABET:
        with pytest.raises(UnexpectedMessage) as again:
            _feed(machine, message)
        assert again.value is first.value


def test_a_bug_is_contained_and_latched() -> None:
    class Buggy(Ops):
        def choose(self, *_: Any) -> Ops:
            raise KeyError("oops")

    machine = _machine(server_flow, Buggy())
    hello = next(m for m in SAMPLES if type(m).__name__ == "ClientHello")
    with pytest.raises(InternalError, match="KeyError while handling ClientHello") as caught:
        _feed(machine, hello)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(InternalError):
        _feed(machine, hello)


def test_the_transcript_holds_what_was_received_and_no_change_cipher_spec() -> None:
    transcript = Transcript()
    ops: Any = Ops()
    machine = Machine(server_flow(ops), transcript)
    reference = Transcript()
    for name in ("ClientHello", "ClientKeyExchange", "ChangeCipherSpec", "Finished"):
        message = next(m for m in ALPHABET if type(m).__name__ == name)
        _feed(machine, message)
        if isinstance(message, Handshake):
            reference.add(message.encode())
        assert transcript.digest() == reference.digest()


def test_expecting_names_the_wish() -> None:
    machine = _machine(client_flow, Ops())
    assert machine.expecting == "ServerHello"
    for name in SERVER_HEAD:
        _feed(machine, next(m for m in ALPHABET if type(m).__name__ == name))
    assert machine.expecting == "CertificateRequest or ServerHelloDone"
