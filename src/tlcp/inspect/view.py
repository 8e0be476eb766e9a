"""The handshake of a connection, its messages by kind: what checks and findings look at.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from tlcp.handshake.kx import HelloContext
from tlcp.handshake.transcript import Transcript
from tlcp.inspect.decrypt import Decryptor
from tlcp.inspect.model import Dissection, Message, Record, Sender
from tlcp.registry import ContentType
from tlcp.wire.messages import (
    Certificate,
    ClientHello,
    Finished,
    Handshake,
    HelloRequest,
    ServerHello,
    ServerHelloDone,
)

__all__ = ["INCOMPLETE", "HandshakeView"]

H = TypeVar("H", bound=Handshake)

_HANDSHAKE = int(ContentType.HANDSHAKE)
_CLIENT_FINISHED: tuple[type, Sender] = (Finished, "client")
_SERVER_FINISHED: tuple[type, Sender] = (Finished, "server")

#: rules of notices behind which the transcript is not whole
INCOMPLETE = frozenset(
    {"gap", "passed-over", "mid-stream", "not-a-record", "incomplete-message", "message-too-long"}
)


class HandshakeView:
    """The first handshake of a connection.

    Args:
        dissection: finished.
        decryptor: that had its messages.

    Attributes:
        hello, answer: the hellos, None if they are not there.
        suite: agreed on, None if it has no name or is not known.
        resumed: whether a session goes on.
        messages: all of them, in the order of the records that they end in.
        ordered: those of the handshake in the order of the protocol, both Finished included.
        whole: whether nothing is known to be missing among them.
        protected: the records of each side that went encrypted, as far as they are kept.
    """

    def __init__(self, dissection: Dissection, decryptor: Decryptor) -> None:
        self.dissection, self.decryptor = dissection, decryptor
        self.keys = decryptor.keys
        self.resumed, self.suite = decryptor.resumed, decryptor.suite
        self.messages = tuple([m for record in dissection.records for m in record.messages])
        self.ordered = _in_order(self.messages, resumed=self.resumed)
        self._transcript: Transcript | None = None
        self._hashed = 0  # how many messages of ordered
        self._first: dict[tuple[type, Sender | None], Message] = {}
        remember = self._first.setdefault
        for message in self.ordered:
            kind = type(message.parsed)
            remember((kind, None), message)
            remember((kind, message.sender), message)
        self.protected: dict[Sender, list[Record]] = {"client": [], "server": []}
        for record in dissection.records:
            if record.protected:
                self.protected[record.sender].append(record)
        self.hello = self.first(ClientHello)
        self.answer = self.first(ServerHello)
        self.whole = self._whole()

    def find(self, kind: type[H], sender: Sender | None = None) -> Message | None:
        """The first message of a kind, from that side if one is named."""
        return self._first.get((kind, sender))

    def first(self, kind: type[H], sender: Sender | None = None) -> H | None:
        """What the first message of a kind was parsed to."""
        message = self._first.get((kind, sender))
        return cast("H", message.parsed) if message is not None else None

    @property
    def hellos(self) -> HelloContext | None:
        """What both hellos fixed."""
        if self.hello is None or self.answer is None:
            return None
        return HelloContext(self.hello.version, self.hello.random, self.answer.random)

    def ders(self, sender: Sender) -> tuple[bytes, ...]:
        """The certificates of a side; empty if it sent none."""
        message = self.first(Certificate, sender)
        return message.certificates if message is not None else ()

    def transcript_before(self, message: Message) -> Transcript:
        """The transcript up to a message, good until the next one is asked for.

        It goes on from the one before where it can, so that nothing is hashed twice.
        """
        stop = 0
        for one in self.ordered:
            if one is message:
                break
            stop += 1
        transcript = self._transcript
        if transcript is None or stop < self._hashed:
            self._transcript = transcript = Transcript()
            self._hashed = 0
            if self.suite is not None:
                transcript.follow(self.suite)
        for one in self.ordered[self._hashed : stop]:
            transcript.add(one.data)
        self._hashed = stop
        return transcript

    @property
    def finished(self) -> bool:
        """Whether both sides finished, as far as that can be seen."""
        client, server = self._first.get(_CLIENT_FINISHED), self._first.get(_SERVER_FINISHED)
        if client is not None and server is not None:
            return True
        seen = {m.sender for m in self.ordered if isinstance(m.parsed, Finished)}
        closed = {
            m.sender
            for m in self.messages
            if not m.opened and m.content_type == ContentType.HANDSHAKE
        }
        return seen | closed == {"client", "server"}

    @property
    def something_lost(self) -> bool:
        """Whether bytes of a side are missing before its Finished, which may stay closed.

        Of a message that was not seen nobody knows then whether it was sent. The two directions
        are not in step in a capture that has gaps, so each is looked at by itself.
        """
        first: dict[Sender, int] = {}
        for notice in self.dissection.notices:
            if notice.rule in INCOMPLETE:
                first.setdefault(notice.sender, notice.number)
        for sender, number in first.items():
            closed = (r.number for r in self.protected[sender] if r.content_type == _HANDSHAKE)
            finished = next(closed, None)
            if finished is None or number < finished:
                return True
        return False

    def _whole(self) -> bool:
        if self.hello is None or self.answer is None:
            return False
        return not self.something_lost


def _in_order(messages: Sequence[Message], *, resumed: bool) -> list[Message]:
    """Both directions in the order of the protocol, whatever the order in the capture."""
    sides: dict[Sender, list[Message]] = {"client": [], "server": []}
    done: set[Sender] = set()
    for message in messages:
        if message.content_type != _HANDSHAKE or not message.opened:
            continue
        kind = type(message.parsed)
        if message.sender not in done and kind is not HelloRequest:
            sides[message.sender].append(message)
            if kind is Finished:
                done.add(message.sender)
    client, server = sides["client"], sides["server"]
    hello = client[:1] if client and isinstance(client[0].parsed, ClientHello) else []
    rest = client[len(hello) :]
    cut = len(server) if resumed else _behind_done(server)
    return [*hello, *server[:cut], *rest, *server[cut:]]


def _behind_done(server: Sequence[Message]) -> int:
    for place, message in enumerate(server):
        if isinstance(message.parsed, ServerHelloDone):
            return place + 1
    return len(server)
