"""Bytes of the transport in, records out, and the other way round.

The layer knows keys and limits, not what the records mean. Records of application data that
have come together are opened in one batch.

Spec: GB/T 38636-2020 6.3
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tlcp.errors import TLCPError, TruncatedError, UnexpectedMessage
from tlcp.record.framing import (
    CONTENT_TYPES,
    HEADER,
    HEADER_BYTES,
    MAX_PLAINTEXT_BYTES,
    Header,
    check_header,
)
from tlcp.record.protect import NullProtection, Protection, run_of_records
from tlcp.registry import TLCP_VERSION, ContentType

__all__ = ["RecordLayer"]

MAX_BATCH_RECORDS = 64
_ALERT_BYTES = 2
_COMPACT_BYTES = 1 << 16


class RecordLayer:
    """One connection's records, both directions.

    Args:
        max_empty_records: how many records without content may come in a row.
    """

    def __init__(self, *, max_empty_records: int) -> None:
        self._reads: Protection = NullProtection()
        self._writes: Protection = NullProtection()
        self._buffer, self._offset = bytearray(), 0
        self._ready: deque[tuple[int, bytes]] = deque()
        self._late_error: TLCPError | None = None
        self._empty_in_a_row, self._max_empty = 0, max_empty_records
        self._first = True
        self.last_version = 0  # of the last record that was complete
        self.max_plaintext_bytes = MAX_PLAINTEXT_BYTES  # of what is sealed; some peers read less

    @property
    def reads_protected(self) -> bool:
        """Whether the peer's records are protected."""
        return not self._reads.is_null

    @property
    def writes_protected(self) -> bool:
        """Whether our records are protected."""
        return not self._writes.is_null

    @property
    def has_partial_record(self) -> bool:
        """Whether bytes of an incomplete record are waiting."""
        return len(self._buffer) > self._offset

    def protect_reads(self, protection: Protection) -> None:
        """Open what comes from now on with ``protection``; its sequence starts at 0."""
        self._reads = protection

    def protect_writes(self, protection: Protection) -> None:
        """Seal what goes from now on with ``protection``; its sequence starts at 0."""
        self._writes = protection

    def version_agreed(self) -> None:
        """From now on every record must carry version 0101."""
        self._first = False

    def seal(self, content_type: int, data: bytes | memoryview) -> bytes:
        """Cut data into records of at most 2^14 bytes and seal them in one batch."""
        most = self.max_plaintext_bytes
        if most == MAX_PLAINTEXT_BYTES or len(data) <= most:
            return self._writes.seal_data(content_type, data)
        view = memoryview(data)
        pieces = [view[at : at + most] for at in range(0, len(data), most)]
        return self._writes.seal(content_type, pieces)

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes of the transport, cut anywhere."""
        if self._offset > _COMPACT_BYTES or self._offset == len(self._buffer):
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    def next_record(self) -> tuple[int, bytes] | None:
        """The next record's type and plaintext; None if more bytes are needed.

        Raises:
            TLCPError: the bytes are no record, too long, or fail their check. Plaintext of
                records before a bad one is returned first.
        """
        if not self._ready:
            if self._late_error is not None:
                raise self._late_error
            self._open_some()
        return self._ready.popleft() if self._ready else None

    def _open_some(self) -> None:
        header = self._whole_record(self._offset)
        if header is None:
            return
        content_type, self.last_version, length = header
        lengths, start = [length], self._offset
        self._offset = start + HEADER_BYTES + length
        if content_type == ContentType.APPLICATION_DATA and not self._reads.is_null:
            more = run_of_records(content_type, self._buffer, self._offset, MAX_BATCH_RECORDS - 1)
            lengths += more
            self._offset += sum(more) + HEADER_BYTES * len(more)
        if content_type == ContentType.ALERT:
            self._refuse_clear_alert(length)
        if self._reads.is_null:
            self._check_plaintext(content_type, length)
            body = bytes(self._buffer[start + HEADER_BYTES : self._offset])
            self._ready.append((content_type, body))
            return
        opened = self._reads.open_records(content_type, self._buffer, start, lengths)
        good, size, error = self._count_plaintexts(content_type, opened.lengths)
        self._late_error = error or opened.error
        if good:
            self._ready.append((content_type, opened.data if error is None else opened.data[:size]))
        elif self._late_error is not None:
            raise self._late_error

    def _count_plaintexts(
        self, content_type: int, lengths: Sequence[int]
    ) -> tuple[int, int, TLCPError | None]:
        """How many records may pass, their bytes, and what stops those behind them."""
        good = size = 0
        for length in lengths:
            try:
                self._check_plaintext(content_type, length)
            except TLCPError as error:
                return good, size, error
            good, size = good + 1, size + length
        return good, size, None

    def _whole_record(self, offset: int) -> tuple[int, int, int] | None:
        """The header at ``offset`` if its record is complete; checked as soon as it is there."""
        available = len(self._buffer) - offset
        if available < HEADER_BYTES:
            return None
        header = HEADER.unpack_from(self._buffer, offset)
        content_type, version, length = header
        if (
            version != TLCP_VERSION
            or length > MAX_PLAINTEXT_BYTES
            or content_type not in CONTENT_TYPES
        ):  # an unusual one: is it allowed?
            protected = not self._reads.is_null
            check_header(
                Header(*header), self._buffer, offset, protected=protected, first=self._first
            )
        return header if available >= HEADER_BYTES + length else None

    def _check_plaintext(self, content_type: int, length: int) -> None:
        if length:
            self._empty_in_a_row = 0
            return
        self._empty_in_a_row += 1
        # Tongsuo and TASSL send an empty record before data; other types have no use for one.
        if content_type != ContentType.APPLICATION_DATA:
            raise UnexpectedMessage("an empty record came", expected="a record with content")
        if self._empty_in_a_row > self._max_empty:
            raise UnexpectedMessage(
                f"{self._empty_in_a_row} empty records came in a row",
                expected=f"at most {self._max_empty}",
            )

    def _refuse_clear_alert(self, length: int) -> None:
        """An alert in clear after the keys changed proves nothing: the end is not authentic."""
        if length == _ALERT_BYTES and self.reads_protected:
            raise TruncatedError(
                "the peer sent an alert in clear although the connection is protected",
                expected="a protected alert",
                hint="GmSSL 3.1 closes like this; whether all data came cannot be told",
            )
