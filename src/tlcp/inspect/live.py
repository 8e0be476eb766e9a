"""Connections while they happen: what has begun, what was agreed on, what has ended.

Spec: GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.model import SENDERS, Ending, KeepLimits, Room, Sender
from tlcp.inspect.packets import TCPPacket
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.roles import opens
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.streams import Assembler
from tlcp.registry import ContentType
from tlcp.x509.trust import TrustStore

__all__ = ["FollowedKeyLog", "Live"]

_ENDINGS: dict[str, Ending] = {"closed": "fin", "reset": "reset"}
_KEPT = KeepLimits(data_bytes=1 << 16, records=2000)
_HANDSHAKE_BYTES = 1 << 20  # kept of each connection until its handshake is shown
_FOREIGN_BYTES = 1 << 13  # without a record of TLCP: then it is something else
_PATIENCE = 8  # segments that may follow a handshake until its keys are in the key log


class FollowedKeyLog:
    """A key log that other programs write while connections go on.

    Args:
        path: the file; it need not be there yet.
        secrets: gets the lines.
    """

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self._path, self._secrets, self._read = path, secrets, 0
        secrets.growing = True

    def update(self) -> None:
        """Take whole lines that are new; a file that is shorter than before is read anew.

        Raises:
            OSError: it cannot be read, though it is there.
        """
        try:
            size = self._path.stat().st_size
            if size == self._read:
                return
            with self._path.open("rb") as file:
                file.seek(self._read if size > self._read else 0)
                new = file.read()
                whole = new.rfind(b"\n") + 1
                self._read = file.tell() - len(new) + whole
        except FileNotFoundError:
            return
        self._secrets.add_key_log(new[:whole].decode("latin-1"))


@dataclass(eq=False, slots=True)
class _Watched:
    """A connection that goes on."""

    examiner: Examiner
    name: str
    client: str
    server: str
    pieces: list[Segment] = field(default_factory=list)
    size: int = 0
    seen: int = 0  # records looked at
    begun: bool = False
    changed: set[Sender] = field(default_factory=set)  # whose records are protected
    finished: set[Sender] = field(default_factory=set)
    since: int = 0  # segments that came after both Finished
    shown: ConnectionReport | None = None


class Live:
    """Packets in; connections out through three callbacks, as they happen.

    Args:
        secrets: what may decrypt.
        trust: the CAs, None = chains are not checked.
        on_begin: gets name and addresses of a connection whose first record has come.
        on_handshake: gets the report of a connection whose handshake is complete, up to here.
        on_end: gets the whole report of one that is over, and what ``on_handshake`` was given, or
            None.

    Attributes:
        begun: how many TLCP connections have begun.
        ended: how many of them are over.
        others: how many connections were something else, by what it is.
        ports: of the TLCP connections, both ends.
    """

    def __init__(
        self,
        secrets: Secrets,
        trust: TrustStore | None,
        *,
        on_begin: Callable[[str, str, str], None],
        on_handshake: Callable[[ConnectionReport], None],
        on_end: Callable[[ConnectionReport, ConnectionReport | None], None],
    ) -> None:
        self._secrets, self._trust = secrets, trust
        self._room = Room()
        self._on_begin, self._on_handshake, self._on_end = on_begin, on_handshake, on_end
        self._watched: dict[int, _Watched] = {}
        self._assembler = Assembler(self._begin, self._feed, self._end, opens=opens)
        self.begun, self.ended = 0, 0
        self.others, self.ports = Counter[str](), set[int]()

    def feed(self, packet: TCPPacket) -> None:
        """Take one packet."""
        self._assembler.feed(packet)

    def tick(self, now_s: float) -> None:
        """Say what time it is while no packet comes: what waited for one may be over."""
        self._assembler.tick(now_s)

    def finish(self) -> None:
        """Say that no packet follows."""
        self._assembler.finish()

    def _examiner(self, one: _Watched) -> Examiner:
        return self._new_examiner(one.name, one.client, one.server)

    def _new_examiner(self, name: str, client: str, server: str) -> Examiner:
        return Examiner(
            self._secrets,
            name=name,
            client=client,
            server=server,
            limits=_KEPT,
            room=self._room,
        )

    def _begin(self, conversation: Conversation) -> None:
        client, server = map(str, conversation.endpoints)
        name = str(conversation.number + 1)
        examiner = self._new_examiner(name, client, server)
        self._watched[conversation.number] = _Watched(examiner, name, client, server)

    def _feed(self, conversation: Conversation, segment: Segment) -> None:
        one = self._watched[conversation.number]
        one.examiner.feed(segment)
        if one.shown is not None:
            return
        if one.size >= _FOREIGN_BYTES and not one.examiner.is_tlcp:
            one.pieces.clear()
            return
        if one.size < _HANDSHAKE_BYTES:
            one.pieces.append(segment)
            one.size += len(segment.data)
        self._look(one)
        if not one.begun and one.examiner.is_tlcp:
            one.begun = True
            self.begun += 1
            self.ports.update(end.port for end in conversation.endpoints)
            self._on_begin(one.name, one.client, one.server)
        if len(one.finished) == len(SENDERS):
            self._show(one)
            one.since += 1

    def _look(self, one: _Watched) -> None:
        """Find the records of both Finished, which may be encrypted."""
        records = one.examiner.records
        for record in records[one.seen :]:
            if record.content_type == ContentType.CHANGE_CIPHER_SPEC:
                one.changed.add(record.sender)
            elif record.content_type == ContentType.HANDSHAKE and record.sender in one.changed:
                one.finished.add(record.sender)
        one.seen = len(records)

    def _show(self, one: _Watched) -> None:
        """Show what was said up to here, unless its keys may still come."""
        examiner = self._examiner(one)
        for piece in one.pieces:
            examiner.feed(piece)
        report = examiner.finish(trust=self._trust)
        if report.decrypted or not self._secrets.growing or one.since >= _PATIENCE:
            one.shown = report
            one.pieces.clear()
            self._on_handshake(report)

    def _end(self, conversation: Conversation) -> None:
        one = self._watched.pop(conversation.number, None)
        if one is None:
            return
        ending = _ENDINGS.get(conversation.ending, "unknown")
        report = one.examiner.finish(trust=self._trust, client_end=ending, server_end=ending)
        if not report.dissection.is_tlcp:
            self.others[report.dissection.protocol] += 1
            return
        self.ended += 1
        self._on_end(report, one.shown)
