"""Where a stream of records stands: for readers that must not read too far.

Whoever waits with ``select`` must find in the socket what he has not been given yet, and after
close_notify the stream may go on in clear. So no byte is taken past what is decrypted at once.

Spec: GB/T 38636-2020 6.3.3, 6.4.4.1; the header has the same form in TLS
"""

from __future__ import annotations

from tlcp.record.framing import HEADER_BYTES
from tlcp.registry import ContentType

__all__ = ["RecordCounter"]

_LENGTH = slice(3, 5)  # of the header


class RecordCounter:
    """Follows the borders of records through bytes that were cut anywhere."""

    __slots__ = ("_body_left", "_header")

    def __init__(self) -> None:
        self._header, self._body_left = b"", 0  # the header of the record that is being read

    def feed(self, data: bytes) -> None:
        """Note bytes that were taken."""
        if self._is_one_record(data):
            self._header = data[:HEADER_BYTES]
            return
        at, end = 0, len(data)
        while at < end:
            at += self._step(data, at)

    def _step(self, data: bytes, at: int) -> int:
        """Go on to the next border of a header or a record, or to the end of the data."""
        if self._body_left:
            step = min(self._body_left, len(data) - at)
            self._body_left -= step
        else:
            header = b"" if len(self._header) == HEADER_BYTES else self._header
            part = data[at : at + HEADER_BYTES - len(header)]
            self._header, step = header + part, len(part)
            if len(self._header) == HEADER_BYTES:
                self._body_left = int.from_bytes(self._header[_LENGTH], "big")
        return step

    def _is_one_record(self, data: bytes) -> bool:
        """The common case: exactly one record, from border to border."""
        body_bytes = len(data) - HEADER_BYTES
        return self.at_border and 0 < body_bytes == int.from_bytes(data[_LENGTH], "big")

    @property
    def at_border(self) -> bool:
        """Whether the last record is complete."""
        return not self._body_left and len(self._header) in (0, HEADER_BYTES)

    @property
    def missing(self) -> int:
        """How many bytes can be taken without passing the end of a record; at least 1."""
        return self._body_left or HEADER_BYTES - len(self._header) % HEADER_BYTES

    def whole(self, data: bytes, *, room: int) -> int:
        """How many of these bytes, which come next, to take.

        Args:
            data: what the transport has.
            room: how many bytes of application data are wanted: records that follow the first
                are taken only if all of them fit.

        Returns:
            The size of the whole records, or all of the data if there is no whole one.
        """
        if self._is_one_record(data):
            return len(data)
        if not self.at_border:
            room = 0  # what was taken of this record comes with the rest, and its size is unknown
        ahead, at, border = RecordCounter(), 0, 0
        ahead._header, ahead._body_left = self._header, self._body_left
        while at < len(data):
            at += ahead._step(data, at)
            is_data = ahead._header[:1] == bytes((ContentType.APPLICATION_DATA,))
            if border and not is_data:
                break
            if len(ahead._header) == HEADER_BYTES and not ahead._body_left:
                if at > room and border:
                    break
                border = at
                if not is_data:
                    break
        return border or len(data)
