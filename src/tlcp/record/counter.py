"""Where a stream of records stands: for a reader that must not read past a record's end.

After close_notify the stream may go on in clear. Whoever waits for that record reads no byte more
than it has.

Spec: GB/T 38636-2020 6.3.3, 6.4.4.1; the header has the same form in TLS
"""

from __future__ import annotations

from tlcp.record.framing import HEADER_BYTES

__all__ = ["RecordCounter"]

_LENGTH_BYTES = 2  # the last ones of the header


class RecordCounter:
    """Follows the borders of records through bytes that were cut anywhere."""

    __slots__ = ("_body_left", "_header")

    def __init__(self) -> None:
        self._header, self._body_left = b"", 0

    def feed(self, data: bytes) -> None:
        """Note bytes that were read."""
        at, end = 0, len(data)
        while at < end:
            if self._body_left:
                step = min(self._body_left, end - at)
                self._body_left -= step
            else:
                step = min(HEADER_BYTES - len(self._header), end - at)
                self._take_header(data[at : at + step])
            at += step

    def _take_header(self, part: bytes) -> None:
        self._header += part
        if len(self._header) == HEADER_BYTES:
            self._body_left = int.from_bytes(self._header[-_LENGTH_BYTES:], "big")
            self._header = b""

    @property
    def missing(self) -> int:
        """How many bytes can be read without passing the end of a record; at least 1."""
        return self._body_left or HEADER_BYTES - len(self._header)
