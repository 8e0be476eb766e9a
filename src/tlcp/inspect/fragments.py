"""IP fragments, put together in bounded memory."""

from __future__ import annotations

__all__ = ["Fragments"]

_MAX_DATAGRAM = 1 << 16
_BLOCK = 8  # bytes: where fragments may begin
_MAX_WAITING = 256  # datagrams
_MAX_BYTES = 1 << 24  # of all that wait
_PIECE_COST = 128  # bytes that Python needs to keep a piece


class Fragments:
    """Datagrams that wait for the rest of their fragments.

    Attributes:
        lost: fragments given up since the owner last set it to 0.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._waiting: dict[bytes, _Datagram] = {}
        self._bytes = 0

    def add(self, key: bytes, offset: int, more: bool, body: bytes) -> bytes | None:
        """Keep a fragment; return the datagram that it completes."""
        if not body or offset + len(body) > _MAX_DATAGRAM or (more and len(body) & 7):
            self.lost += 1
            return None
        datagram = self._waiting.get(key)
        if datagram is None:
            datagram = self._waiting[key] = _Datagram()
        if not more and datagram.size < 0:
            datagram.size = offset + len(body)
        if offset not in datagram.pieces:
            datagram.keep(offset, body)
            self._bytes += len(body) + _PIECE_COST
        whole = datagram.whole()
        if whole is not None:
            self._forget(key)
        while len(self._waiting) > _MAX_WAITING or self._bytes > _MAX_BYTES:
            self._give_up(next(iter(self._waiting)))
        return whole

    def finish(self) -> None:
        """Give up all that wait."""
        for key in list(self._waiting):
            self._give_up(key)

    def _give_up(self, key: bytes) -> None:
        self.lost += len(self._waiting[key].pieces)
        self._forget(key)

    def _forget(self, key: bytes) -> None:
        self._bytes -= self._waiting.pop(key).bytes


class _Datagram:
    """The fragments of one datagram; of overlapping ones, the first bytes count."""

    __slots__ = ("bytes", "pieces", "seen", "size")

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}  # by offset, in the order in which they came
        self.bytes = 0
        self.size = -1  # unknown until the last fragment comes
        self.seen = bytearray(_MAX_DATAGRAM // _BLOCK)  # 1 where a block is there

    def keep(self, offset: int, body: bytes) -> None:
        self.pieces[offset] = body
        self.bytes += len(body) + _PIECE_COST
        first, stop = offset // _BLOCK, (offset + len(body)) // _BLOCK
        if offset + len(body) == self.size:  # the last block may be shorter
            stop = -(-self.size // _BLOCK)
        self.seen[first:stop] = b"\1" * (stop - first)

    def whole(self) -> bytes | None:
        # this is asked for every fragment: one that sorted the pieces could be kept busy
        if self.size < 0 or self.seen.find(0, 0, -(-self.size // _BLOCK)) >= 0:
            return None
        data = bytearray(max(offset + len(piece) for offset, piece in self.pieces.items()))
        for offset, piece in reversed(self.pieces.items()):
            data[offset : offset + len(piece)] = piece
        return bytes(data[: self.size])
