"""What is found in one connection: records, messages and notices, as plain data.

Spec: GB/T 38636-2020 6.3.3, 6.4
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from tlcp.alerts import Text
from tlcp.inspect.fields import Field, fields_of
from tlcp.registry import ContentType, HandshakeType, number_label
from tlcp.suites import CipherSuite
from tlcp.wire.codec import Structure

__all__ = [
    "HOLES",
    "RECORD_NAMES",
    "SENDERS",
    "Dissection",
    "Ending",
    "Integrity",
    "KeepLimits",
    "Message",
    "Notice",
    "Opener",
    "Opening",
    "Part",
    "Piece",
    "Record",
    "Room",
    "Sender",
]

Sender = Literal["client", "server"]
Ending = Literal["fin", "reset", "unknown"]
SENDERS: tuple[Sender, Sender] = ("client", "server")
#: rules of notices behind which bytes of a side may be missing
HOLES = frozenset({"gap", "passed-over", "mid-stream", "not-a-record"})
RECORD_NAMES: dict[int, str] = {
    ContentType.CHANGE_CIPHER_SPEC: "ChangeCipherSpec",
    ContentType.ALERT: "Alert",
    ContentType.HANDSHAKE: "Handshake",
    ContentType.APPLICATION_DATA: "ApplicationData",
}


class Piece(Protocol):
    """What TCP delivered next, in either direction."""

    @property
    def sender(self) -> int:
        """0 = the side that opened the connection, 1 = the other."""

    @property
    def time_s(self) -> float:
        """When, in seconds since 1970."""

    @property
    def data(self) -> bytes:
        """The bytes."""

    @property
    def lost(self) -> int:
        """How many bytes are missing right before ``data``."""


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """How much of one connection is kept.

    Attributes:
        data_bytes: application data, both directions together, opened or not; what comes after is
            only counted.
        records: likewise.
        messages: likewise; a few records may hold many thousands.
        notices: likewise.
        message_bytes: the longest handshake message that is put together.
        waiting_bytes: encrypted records that wait for keys.
    """

    data_bytes: int = 1 << 20
    records: int = 10_000
    messages: int = 20_000
    notices: int = 1_000
    message_bytes: int = 1 << 20
    waiting_bytes: int = 1 << 20


class Room:
    """Memory that connections share: a capture may leave a hundred thousand of them open.

    Args:
        left_bytes: how much all may keep together, beside the little that each always may.
    """

    def __init__(self, left_bytes: int = 1 << 29) -> None:
        self.left_bytes = left_bytes

    def take(self, size: int) -> bool:
        """Whether there was so much."""
        if size > self.left_bytes:
            return False
        self.left_bytes -= size
        return True

    def give_back(self, size: int) -> None:
        """A connection is over."""
        self.left_bytes += size


class Part(NamedTuple):
    """Where a message lies: bytes ``start`` to ``end`` of the plaintext of a record."""

    record: int
    start: int
    end: int


@dataclass(slots=True)
class Message:
    """One message; a record's whole plaintext where it holds no handshake messages.

    Attributes:
        number: its place in the connection, from 1; 0 until the end was reached.
        sender: who sent it.
        time_s: when its last byte came.
        content_type: of its record.
        data: a handshake message with its header, or the record's plaintext.
        protected: whether it went encrypted.
        parts: where it lies.
        parsed: what the codec made of it, None if it could not be read.
        problem: why not.
        size: bytes of the message; more than ``data`` where that was not kept.
        suite: the one agreed on when it came.
    """

    sender: Sender
    time_s: float
    content_type: int
    data: bytes
    protected: bool
    parts: tuple[Part, ...]
    parsed: Structure | None = None
    problem: Text | None = None
    size: int = 0
    suite: CipherSuite | None = None
    number: int = 0
    opened: bool = True

    @property
    def name(self) -> str:
        """The standard's name, such as "ServerKeyExchange"."""
        if not self.opened:
            return f"Encrypted{RECORD_NAMES.get(self.content_type, 'Record')}"
        if self.content_type != ContentType.HANDSHAKE:
            return RECORD_NAMES.get(self.content_type, f"Record{self.content_type}")
        if self.parsed is not None:
            return type(self.parsed).__name__
        label = number_label(HandshakeType, self.data[0]) if self.data else "unknown"
        known = "" if label.startswith("unknown") else label.partition("(")[0]
        return "".join(part.capitalize() for part in known.split("_")) or "UnknownHandshake"

    def fields(self) -> list[Field]:
        """Every field with its range and value."""
        if not self.opened:
            return []
        return fields_of(self.content_type, self.data, self.parsed, self.suite)


class Integrity(enum.Enum):
    """What is known of a record's MAC or tag."""

    CLEAR = "clear"  # it has none
    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"  # no keys


@dataclass(slots=True)
class Record:
    """One record.

    Attributes:
        number: its place in the connection, from 0, notices counted too.
        sender: who sent it.
        time_s: when its last byte came.
        content_type, version, length: its header.
        offset: where the header lies in what its sender sent, in bytes.
        fragment: what follows the header; empty where it was not kept.
        missing: how many bytes of the fragment are not in the capture.
        protected: whether it went encrypted.
        sequence: its sequence number under the keys, None in clear or without keys.
        plaintext: None if it was not opened, or not kept.
        integrity: of MAC or tag.
        problem: why it was not opened.
        messages: the messages that end in it.
        kept: False if there was no room for it.
    """

    number: int
    sender: Sender
    time_s: float
    content_type: int
    version: int
    length: int
    offset: int
    fragment: bytes
    missing: int = 0
    protected: bool = False
    sequence: int | None = None
    plaintext: bytes | None = None
    integrity: Integrity = Integrity.CLEAR
    problem: Text | None = None
    messages: list[Message] = field(default_factory=list)
    kept: bool = True


class Notice(NamedTuple):
    """Something that is not as it should be, where it was met."""

    number: int
    sender: Sender
    time_s: float
    rule: str
    text: Text


class Opening(NamedTuple):
    """A record that was opened, or why it was not."""

    plaintext: bytes | None
    sequence: int | None
    integrity: Integrity
    problem: Text | None = None


class Opener(Protocol):
    """Whoever may have the keys."""

    def saw(self, message: Message) -> None:
        """A message came."""

    def changed(self, sender: Sender) -> None:
        """That side's records are protected from here on."""

    def open(self, record: Record, lost: int) -> Opening | None:
        """Open a protected record; None while the keys are not known.

        Args:
            record: in the order of its sender.
            lost: how many bytes before it are missing.
        """

    def why_not(self) -> Text:
        """Why there are no keys."""


@dataclass(slots=True)
class Dissection:
    """What was found in one connection.

    Attributes:
        records: in the order they came, without those over the limits.
        notices: what is missing or wrong.
        is_tlcp: whether anything of it is TLCP.
        protocol: what it is: "TLCP", or what it looks like.
        ended: how each side's stream ended.
        protected_from: the record of each side's ChangeCipherSpec.
        data_bytes: application data of each side, decrypted; counts what was not kept, too.
        records_total, records_failed: of each side.
        first_hole: the number of each side's first notice that bytes may be missing, None if
            there is none.
        records_left_out, messages_left_out, notices_left_out: what was over the limits.
    """

    records: list[Record] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    is_tlcp: bool = False
    protocol: str = "unknown"
    ended: dict[Sender, Ending] = field(
        default_factory=lambda: {"client": "unknown", "server": "unknown"}
    )
    data_bytes: dict[Sender, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    records_total: dict[Sender, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    records_opened: dict[Sender, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    records_failed: dict[Sender, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    first_hole: dict[Sender, int | None] = field(
        default_factory=lambda: {"client": None, "server": None}
    )
    records_left_out: int = 0
    messages_left_out: int = 0
    notices_left_out: int = 0

    @property
    def messages(self) -> Iterator[Message]:
        """All messages, in the order of the records that they end in."""
        for record in self.records:
            yield from record.messages

    def data(self, sender: Sender) -> bytes:
        """The application data of one side, as far as it was opened and kept."""
        return b"".join(
            m.data
            for m in self.messages
            if m.sender == sender and m.opened and m.content_type == ContentType.APPLICATION_DATA
        )
