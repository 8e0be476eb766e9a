"""Flows and what drives them: the only place where a message can be out of order.

A flow is a generator that reads like the standard's figure: it asks for the messages it wants, in
order, and gets nothing else. The ``Machine`` runs it. A message that the flow did not ask for is
refused before it is decoded; an error ends the flow for good. So an illegal order cannot be
written down, what a message brings exists only after it has come (they are local variables), and
secrets die with the generator's frame.

Every message is added to the transcript before the flow sees it. A flow that needs the hash up
to a message (CertificateVerify, Finished) takes it before asking for that message.

Spec: GB/T 38636-2020 6.4.5.1 (figure of the handshake)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Generic, NamedTuple, TypeVar, cast

from tlcp.errors import InternalError, TLCPError, UnexpectedMessage
from tlcp.handshake.transcript import Transcript
from tlcp.wire.messages import ChangeCipherSpec, Handshake, decode_handshake, message_class

__all__ = ["Inbound", "Machine", "Step", "Want", "expect", "expect_either"]

T = TypeVar("T")
M = TypeVar("M", bound="Inbound")
N = TypeVar("N", bound="Inbound")

Inbound = Handshake | ChangeCipherSpec


class Want(NamedTuple):
    """What a flow is waiting for."""

    types: tuple[type[object], ...]

    def __str__(self) -> str:
        return " or ".join(t.__name__ for t in self.types) or "nothing more"


_WANTS: dict[type[object], Want] = {}  # one for each kind of message

Step = Generator[Want, Inbound, T]


def expect(kind: type[M]) -> Step[M]:
    """Wait for one kind of message."""
    want = _WANTS.get(kind)
    if want is None:
        want = _WANTS[kind] = Want((kind,))
    return cast(M, (yield want))  # Machine hands over nothing else


def expect_either(a: type[M], b: type[N]) -> Step[M | N]:
    """Wait for one of two kinds of message."""
    return cast("M | N", (yield Want((a, b))))


class Machine(Generic[T]):
    """Runs one flow to its end or its first error.

    Args:
        flow: the generator; it runs up to its first wish at once.
        transcript: where received handshake messages are noted.
    """

    def __init__(self, flow: Step[T], transcript: Transcript) -> None:
        self._flow, self._transcript = flow, transcript
        self._error: TLCPError | None = None
        self.result: T | None = None
        self.done = False  # the flow has come to its end
        self._want = next(flow)

    @property
    def expecting(self) -> str:
        """What it waits for, by name."""
        return str(self._want)

    def feed_handshake(self, raw: bytes) -> None:
        """Hand over one whole handshake message, header included.

        Raises:
            UnexpectedMessage: not wanted now.
            DecodeError: wanted, but malformed.
            TLCPError: whatever the flow finds wrong with it.
        """
        if self._error is not None:
            raise self._error
        try:
            kind = message_class(raw[0])
            if kind not in self._want.types:
                raise self._unwanted(kind)
            message = decode_handshake(raw)
            self._transcript.add(raw)
        except TLCPError as error:
            raise self._ended(error) from None
        self._resume(message)

    def feed_change_cipher_spec(self) -> None:
        """Hand over a ChangeCipherSpec.

        Raises:
            UnexpectedMessage: not wanted now.
        """
        if self._error is not None:
            raise self._error
        if ChangeCipherSpec not in self._want.types:
            raise self._ended(self._unwanted(ChangeCipherSpec))
        self._resume(ChangeCipherSpec())

    def _unwanted(self, kind: type[Inbound]) -> UnexpectedMessage:
        return UnexpectedMessage(f"{kind.__name__} came", expected=self.expecting)

    def _resume(self, message: Inbound) -> None:
        try:
            self._want = self._flow.send(message)
        except StopIteration as stop:
            self._want, self.result, self.done = Want(()), stop.value, True
        except TLCPError as error:
            raise self._ended(error) from error.__cause__
        except Exception as bug:  # a bug of ours must not leave the engine as something else
            problem = InternalError(f"{type(bug).__name__} while handling {type(message).__name__}")
            raise self._ended(problem) from bug

    def _ended(self, error: TLCPError) -> TLCPError:
        self._flow.close()
        self._error = error
        return error
