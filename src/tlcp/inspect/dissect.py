"""One connection taken apart: records and messages of both directions, in the order they came.

``Dissector`` takes what TCP delivered, piece by piece. Whatever cannot be read is stated in a
notice, and dissection goes on behind it. Records that go encrypted wait for the keys.

Spec: GB/T 38636-2020 6.3.3, 6.4
"""

from __future__ import annotations

from collections.abc import Callable

from tlcp.alerts import Text
from tlcp.errors import TLCPError
from tlcp.inspect.model import (
    HOLES,
    Dissection,
    Ending,
    Integrity,
    KeepLimits,
    Message,
    Notice,
    Opener,
    Opening,
    Part,
    Piece,
    Record,
    Room,
    Sender,
)
from tlcp.inspect.repeated import parse_alert, parse_change_cipher_spec, parse_handshake
from tlcp.inspect.sides import ALERT_BYTES, Side, looks_protected, may_begin, take_parts
from tlcp.record.framing import CONTENT_TYPES, HEADER, HEADER_BYTES, MAX_PROTECTED_BYTES
from tlcp.registry import TLCP_VERSION, ContentType
from tlcp.suites import ALL_SUITES, CipherSuite
from tlcp.wire.codec import Structure
from tlcp.wire.messages import HANDSHAKE_HEADER_BYTES, ServerHello

__all__ = ["Dissector", "is_tlcp"]

_HEADER = HEADER.unpack_from
_part = tuple.__new__  # the short way to a NamedTuple
_ALERT, _HANDSHAKE = int(ContentType.ALERT), int(ContentType.HANDSHAKE)
_FREE_BYTES = 1 << 14  # that a connection may keep whatever the others do: a handshake
_RECORD_BYTES = 1024  # that a record and its message cost beside their bytes


_TLS = {0x0300: "SSL 3.0", 0x0301: "TLS", 0x0302: "TLS", 0x0303: "TLS", 0x0304: "TLS"}
_WAITS_TOO_MUCH = Text("too much came before the keys", "取得密钥前到达的数据过多")


def is_tlcp(data: bytes) -> bool:
    """Whether a stream that begins so is TLCP: its first record has version 0101."""
    return (
        len(data) >= HEADER_BYTES
        and data[0] in CONTENT_TYPES
        and int.from_bytes(data[1:3], "big") == TLCP_VERSION
    )


class Dissector:
    """Takes one connection apart.

    Args:
        opener: whoever may have the keys; None = protected records stay closed.
        limits: how much is kept.
        on_data: gets the application data of each side, all of it, as it is opened.
        room: shared with other connections; None = this one has one of its own.
    """

    def __init__(
        self,
        opener: Opener | None = None,
        limits: KeepLimits | None = None,
        on_data: Callable[[Sender, bytes], None] | None = None,
        room: Room | None = None,
    ) -> None:
        self.found = Dissection()
        self._room = room if room is not None else Room()
        self._free, self._taken = _FREE_BYTES, 0
        self._opener, self._limits, self._on_data = opener, limits or KeepLimits(), on_data
        self._sides = (Side("client"), Side("server"))
        self._count = 0
        self._kept_data = 0
        self._kept_messages = 0
        self._suite: CipherSuite | None = None
        self._time = 0.0

    def feed(self, piece: Piece) -> None:
        """Take the next piece."""
        self.take(piece.sender, piece.time_s, piece.data, piece.lost)

    def take(self, sender: int, time_s: float, data: bytes, lost: int) -> None:
        """Take the next piece, by what it consists of."""
        side, self._time = self._sides[sender], time_s
        if side.foreign:
            return
        if lost:
            self._gap(side, lost)
        buffer = side.buffer
        if buffer or side.skip or not side.synced:
            buffer += data
            if len(buffer) < side.wanted:
                return
            side.wanted = 0
            if side.skip or not side.synced:
                self._cut(side)
                return
            data = bytes(buffer)
            buffer.clear()
        self._cut_plain(side, data)

    def finish(self, client: Ending = "unknown", server: Ending = "unknown") -> Dissection:
        """Close: state what is incomplete, number the messages, return what was found.

        Args:
            client: how its TCP stream ended.
            server: likewise.
        """
        self._open_waiting()
        self._room.give_back(self._taken)
        self._taken = 0
        why = self._opener.why_not() if self._opener is not None else _NO_SECRETS
        for side, ending in zip(self._sides, (client, server), strict=True):
            self.found.ended[side.sender] = ending
            while side.waiting:
                self._stays_closed(side.waiting.popleft()[0], why)
            if side.buffer and not side.foreign:
                self._note(
                    side,
                    "incomplete-record",
                    f"{len(side.buffer)} bytes at the end are no whole record",
                    f"末尾 {len(side.buffer)} 字节不构成完整的记录",
                )
            self._drop_partial(side)
        number = 0
        for record in self.found.records:
            for message in record.messages:
                number += 1
                message.number = number
                if message.suite is None:  # it may have come before ServerHello
                    message.suite = self._suite
        return self.found

    # ---- bytes to records ------------------------------------------------------------------

    def _gap(self, side: Side, lost: int) -> None:
        self._note(side, "gap", f"{lost} bytes are missing", f"缺少 {lost} 字节")
        buffered = len(side.buffer)
        side.lost += lost + buffered  # what is left of a record is lost with it
        if side.skip:
            rest = side.skip
        elif side.synced and buffered >= HEADER_BYTES:
            rest = HEADER_BYTES + HEADER.unpack_from(side.buffer)[2] - buffered
            self._cut_short(side, rest)
            side.lost += max(rest - lost, 0)
        else:
            rest = 0
        if not side.protected:
            self._drop_partial(side)
        side.buffer.clear()
        side.wanted = 0
        side.offset += buffered + lost
        side.skip, side.synced = (rest - lost, True) if rest >= lost else (0, False)

    def _cut_short(self, side: Side, missing: int) -> None:
        kind, version, length = HEADER.unpack_from(side.buffer)
        record = self._record(side, kind, version, length, bytes(side.buffer[HEADER_BYTES:]))
        record.missing = missing
        record.protected = side.protected
        if side.protected:
            record.integrity = Integrity.UNKNOWN
        record.problem = Text(
            f"{missing} of its {length} bytes are missing", f"{length} 字节中缺少 {missing} 字节"
        )
        self._keep(record)

    def _cut_plain(self, side: Side, data: bytes) -> None:
        """Cut whole records off what begins with one, as nearly all streams do all along."""
        at, size = 0, len(data)
        while size - at >= HEADER_BYTES:
            kind, version, length = _HEADER(data, at)
            if version != TLCP_VERSION or kind not in CONTENT_TYPES or length > MAX_PROTECTED_BYTES:
                side.buffer += data[at:]
                self._cut(side)
                return
            start = at + HEADER_BYTES
            end = start + length
            if end > size:
                side.wanted = end - at
                break
            record = self._record(side, kind, version, length, data[start:end])
            side.offset += HEADER_BYTES + length
            at = end
            if not side.started or not self.found.is_tlcp:
                self._started(side, record)
            self._take(side, record)
        if at < size:
            side.buffer += data[at:] if at else data

    def _cut(self, side: Side) -> None:
        """Cut whole records off the buffer, whatever is in it."""
        while True:
            if side.skip:
                self._advance(side, min(side.skip, len(side.buffer)), skipped=True)
            if side.skip or (not side.synced and not self._search(side)):
                return
            if len(side.buffer) < HEADER_BYTES:
                return
            kind, version, length = HEADER.unpack_from(side.buffer)
            if not self._right(side, kind, version, length):
                if side.foreign:
                    return
                side.synced = False
                continue
            end = HEADER_BYTES + length
            if len(side.buffer) < end:
                return
            fragment = bytes(side.buffer[HEADER_BYTES:end])
            record = self._record(side, kind, version, length, fragment)
            self._advance(side, end)
            self._started(side, record)
            self._take(side, record)

    def _right(self, side: Side, kind: int, version: int, length: int) -> bool:
        """Whether this is the header of a record; says what else the stream is."""
        good = kind in CONTENT_TYPES and length <= MAX_PROTECTED_BYTES
        if good and version == TLCP_VERSION:
            return True
        if side.started:
            self._note(
                side,
                "not-a-record",
                f"at byte {side.offset} there is no record of TLCP",
                f"第 {side.offset} 字节处不是 TLCP 记录",
            )
            return False
        if good and version in _TLS:
            hello = kind == ContentType.HANDSHAKE and side.buffer[9:11] == b"\x01\x01"
            early_alert = kind == ContentType.ALERT and self.found.protocol == "unknown"
            if self.found.is_tlcp or hello or early_alert:
                return True  # the first record of a side may have another version
            self.found.protocol = _TLS[version]
            side.foreign = True
            return False
        if side.offset == 0 and not self.found.is_tlcp and self.found.protocol == "unknown":
            self._note(side, "mid-stream", "it begins in mid-stream", "从连接中途开始")
        return False

    def _started(self, side: Side, record: Record) -> None:
        side.started = True
        if not self.found.is_tlcp and (
            record.version == TLCP_VERSION or record.content_type == ContentType.HANDSHAKE
        ):
            self.found.is_tlcp, self.found.protocol = True, "TLCP"

    def _search(self, side: Side) -> bool:
        """Look for the next record: a header, and another one behind its fragment."""
        buffer, at = side.buffer, 1
        while (at := buffer.find(b"\x01\x01", at)) >= 0:
            start, at = at - 1, at + 1
            if start + HEADER_BYTES > len(buffer):
                break
            kind, _, length = HEADER.unpack_from(buffer, start)
            if kind not in CONTENT_TYPES or not 0 < length <= MAX_PROTECTED_BYTES:
                continue
            end = start + HEADER_BYTES + length
            if end > len(buffer):
                self._pass_over(side, start)
                return False  # wait for its end
            if may_begin(bytes(buffer[end : end + HEADER_BYTES])):
                self._pass_over(side, start)
                self._note_searched(side)
                side.synced = True
                return True
        self._pass_over(side, max(0, len(buffer) - HEADER_BYTES + 1))
        return False

    def _pass_over(self, side: Side, count: int) -> None:
        side.searched += count
        side.lost += count
        self._advance(side, count)

    def _note_searched(self, side: Side) -> None:
        if side.searched:
            self._note(
                side,
                "passed-over",
                f"{side.searched} bytes were passed over up to the next record",
                f"跳过 {side.searched} 字节后找到下一条记录",
            )
        side.searched = 0

    def _advance(self, side: Side, count: int, *, skipped: bool = False) -> None:
        del side.buffer[:count]
        side.offset += count
        if skipped:
            side.skip -= count

    def _record(self, side: Side, kind: int, version: int, length: int, fragment: bytes) -> Record:
        self._count += 1
        self.found.records_total[side.sender] += 1
        return Record(
            self._count, side.sender, self._time, kind, version, length, side.offset, fragment
        )

    def _keep(self, record: Record) -> None:
        """Keep a record if there is room; a handshake's bytes are held in several places."""
        records = self.found.records
        times = 3 if record.content_type == _HANDSHAKE else 2
        size = times * len(record.fragment) + _RECORD_BYTES
        if len(records) >= self._limits.records:
            self.found.records_left_out += 1
        elif size <= self._free:
            self._free -= size
            records.append(record)
        elif self._room.take(size):
            self._taken += size
            records.append(record)
        else:
            record.kept = False
            self.found.records_left_out += 1

    def _note(self, side: Side, rule: str, en: str, zh: str) -> None:
        self._count += 1
        found = self.found
        if rule in HOLES and found.first_hole[side.sender] is None:
            found.first_hole[side.sender] = self._count
        if len(found.notices) < self._limits.notices:
            found.notices.append(Notice(self._count, side.sender, self._time, rule, Text(en, zh)))
        else:
            found.notices_left_out += 1

    # ---- records to messages ---------------------------------------------------------------

    def _take(self, side: Side, record: Record) -> None:
        self._keep(record)
        lost, side.lost = side.lost, 0
        if lost and not side.protected and looks_protected(record):
            side.protected = True
            self._change(side)
        if not side.protected or (record.length == ALERT_BYTES and record.content_type == _ALERT):
            record.plaintext = record.fragment
            self._read(side, record)
            return
        record.protected, record.integrity = True, Integrity.UNKNOWN
        side.waiting_bytes += len(record.fragment)
        if side.waiting_bytes > self._limits.waiting_bytes:
            side.waiting_bytes -= len(record.fragment)
            side.lost += lost + HEADER_BYTES + len(record.fragment)  # the next one skips it
            self._stays_closed(record, _WAITS_TOO_MUCH)
            return
        if not side.waiting and self._opener is not None:
            opening = self._opener.open(record, lost)
            if opening is not None:
                side.waiting_bytes = 0
                self._opened(side, record, opening)
                return
            side.waiting.append((record, lost))
        else:
            side.waiting.append((record, lost))
            self._open_side(side)
        if not record.kept and side.waiting:
            record, lost = side.waiting.pop()
            side.waiting_bytes -= len(record.fragment)
            side.lost += lost + HEADER_BYTES + len(record.fragment)
            self._stays_closed(record, _WAITS_TOO_MUCH)

    def _open_waiting(self) -> None:
        for side in self._sides:
            self._open_side(side)

    def _open_side(self, side: Side) -> None:
        while side.waiting and self._opener is not None:
            record, lost = side.waiting[0]
            opening = self._opener.open(record, lost)
            if opening is None:
                return
            side.waiting.popleft()
            side.waiting_bytes -= len(record.fragment)
            self._opened(side, record, opening)

    def _opened(self, side: Side, record: Record, opening: Opening) -> None:
        plaintext, record.sequence, record.integrity, problem = opening
        if plaintext is None:
            if record.integrity is Integrity.FAILS:
                self.found.records_failed[side.sender] += 1
            self._stays_closed(record, problem or _NO_SECRETS)
            return
        self.found.records_opened[side.sender] += 1
        record.plaintext = plaintext
        self._read(side, record)

    def _stays_closed(self, record: Record, why: Text) -> None:
        record.problem = why
        self._kept_data += len(record.fragment)
        if self._kept_data > self._limits.data_bytes:
            record.fragment = b""
        if self._kept_messages >= self._limits.messages:
            self.found.messages_left_out += 1
            return
        self._kept_messages += 1
        record.messages.append(
            Message(
                record.sender,
                record.time_s,
                record.content_type,
                b"",
                protected=True,
                parts=(),
                problem=why,
                size=record.length,
                opened=False,
            )
        )

    def _read(self, side: Side, record: Record) -> None:
        data = record.plaintext or b""
        if record.content_type == _HANDSHAKE and not record.kept:
            self._forget_partial(side)
        elif record.content_type == _HANDSHAKE:
            size = len(data)
            if (
                not side.handshake
                and not side.parts
                and HANDSHAKE_HEADER_BYTES <= size <= self._limits.message_bytes
                and int.from_bytes(data[1:4], "big") == size - HANDSHAKE_HEADER_BYTES
            ):  # one whole message and nothing else, as most stacks send it
                self._message(record, data, (_part(Part, (record.number, 0, size)),))
                return
            side.handshake += data
            side.parts.append(Part(record.number, 0, size))
            self._handshake(side, record)
        elif record.content_type == _ALERT:
            side.alerts += data
            while len(side.alerts) >= ALERT_BYTES:
                one = bytes(side.alerts[:ALERT_BYTES])
                del side.alerts[:ALERT_BYTES]
                self._add(record, one, self._whole(record), parse_alert(one))
        elif record.content_type == ContentType.CHANGE_CIPHER_SPEC:
            self._change_cipher_spec(side, record, data)
        else:
            self._data(side, record, data)

    @staticmethod
    def _whole(record: Record) -> tuple[Part, ...]:
        return (_part(Part, (record.number, 0, len(record.plaintext or b""))),)

    def _change_cipher_spec(self, side: Side, record: Record, data: bytes) -> None:
        try:
            parsed: Structure | None = parse_change_cipher_spec(data)
            problem = None
        except TLCPError as error:
            parsed, problem = None, _undecoded(error)
        self._add(record, data, self._whole(record), parsed, problem)
        if side.handshake:
            self._drop_partial(side)
        if not side.protected:
            self._change(side)
        side.protected = True

    def _change(self, side: Side) -> None:
        if self._opener is not None:
            self._opener.changed(side.sender)

    def _data(self, side: Side, record: Record, data: bytes) -> None:
        self.found.data_bytes[side.sender] += len(data)
        if self._on_data is not None:
            self._on_data(side.sender, data)
        self._kept_data += len(data)
        if self._kept_data > self._limits.data_bytes:
            record.fragment = b""
            record.plaintext = None
            message = self._add(record, b"", ())
            message.size = len(data)
        else:
            self._add(record, data, self._whole(record))

    def _handshake(self, side: Side, record: Record) -> None:
        """Cut whole messages off what has come."""
        buffer = side.handshake
        while len(buffer) >= HANDSHAKE_HEADER_BYTES:
            size = HANDSHAKE_HEADER_BYTES + int.from_bytes(buffer[1:4], "big")
            if size > self._limits.message_bytes:
                self._note(
                    side,
                    "message-too-long",
                    f"a handshake message of {size} bytes is announced",
                    f"握手消息声明的长度为 {size} 字节",
                )
                self._forget_partial(side)
                return
            if len(buffer) < size:
                return
            raw = bytes(buffer[:size])
            del buffer[:size]
            self._message(record, raw, take_parts(side.parts, size))

    def _message(self, record: Record, raw: bytes, parts: tuple[Part, ...]) -> None:
        problem = None
        try:
            parsed: Structure | None = parse_handshake(raw)
        except TLCPError as error:
            parsed, problem = None, _undecoded(error)
        if isinstance(parsed, ServerHello):
            self._suite = ALL_SUITES.get(parsed.cipher_suite)
        message = self._add(record, raw, parts, parsed, problem)
        if self._opener is not None:
            self._opener.saw(message)
        client, server = self._sides
        if (client.waiting or server.waiting) and not record.protected:
            self._open_waiting()

    def _add(
        self,
        record: Record,
        data: bytes,
        parts: tuple[Part, ...],
        parsed: Structure | None = None,
        problem: Text | None = None,
    ) -> Message:
        message = Message(
            record.sender,
            record.time_s,
            record.content_type,
            data,
            record.protected,
            parts,
            parsed,
            problem,
            len(data),
            self._suite,
        )
        if self._kept_messages < self._limits.messages:
            self._kept_messages += 1
            record.messages.append(message)
        else:
            self.found.messages_left_out += 1
        return message

    def _drop_partial(self, side: Side) -> None:
        if side.handshake:
            self._note(
                side,
                "incomplete-message",
                f"a handshake message is incomplete: {len(side.handshake)} bytes of it came",
                f"握手消息不完整：只收到 {len(side.handshake)} 字节",
            )
        self._forget_partial(side)

    @staticmethod
    def _forget_partial(side: Side) -> None:
        side.handshake.clear()
        side.parts.clear()
        side.alerts.clear()


_NO_SECRETS = Text("no keys were given", "没有提供密钥")


def _undecoded(error: TLCPError) -> Text:
    what = getattr(error, "what", "cannot be read")
    return Text(f"does not decode: {what}", f"无法解析：{what}")
