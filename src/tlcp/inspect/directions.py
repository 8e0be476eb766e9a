"""One direction of a TCP connection: its positions, and what came before its turn."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import NamedTuple

__all__ = ["PIECE_COST", "Direction", "Piece"]

PIECE_COST = 256  # bytes that Python needs to keep a piece
_HALF, _MASK = 1 << 31, (1 << 32) - 1
_position_of = attrgetter("position")


class Piece(NamedTuple):
    """What one packet brings to its direction.

    Attributes:
        position: of its first byte in the direction's bytes; they are counted without end.
        arrival: the number of the packet; the first copy of a byte is the one that counts.
        time_s: when it was captured.
        data: the bytes, none for a FIN.
        missing: bytes behind them that were not captured.
        needs: the position up to which its sender had read the other direction; -1 if unknown.
        fin: it ends the direction.
    """

    position: int
    arrival: int
    time_s: float
    data: bytes
    missing: int
    needs: int
    fin: bool


class Direction:
    """The bytes that one side sends.

    Attributes:
        sender: 0 or 1.
        isn: the sequence number of its SYN; None if no SYN was seen.
        base: the sequence number of position 0; None before any packet.
        settled: it is known which byte is the first.
        next: the position that is delivered next.
        expected: its sequence number.
        acked: the position up to which the other side has read.
        excused: the position up to which the other side no longer waits for these bytes.
        finished: its FIN has been delivered.
        gap: bytes lost since the last delivery, not yet stated.
        strays: packets in a row that fit nowhere.
        held: pieces whose turn has not come: sorted, none overlaps another.
        held_bytes: what they cost.
    """

    __slots__ = (
        "acked",
        "base",
        "excused",
        "expected",
        "finished",
        "gap",
        "held",
        "held_bytes",
        "isn",
        "next",
        "sender",
        "settled",
        "strays",
    )

    def __init__(self, sender: int) -> None:
        self.sender = sender
        self.isn: int | None = None
        self.base: int | None = None
        self.settled = False
        self.next = 0
        self.expected = 0
        self.acked = 0
        self.excused = 0
        self.finished = False
        self.gap = 0
        self.strays = 0
        self.held: list[Piece] = []
        self.held_bytes = 0

    def begin(self, sequence: int) -> None:
        """Count positions from this number, which may not be the first."""
        self.base = self.expected = sequence

    def settle(self, position: int) -> None:
        """Let this be the first byte; it may lie before where counting began."""
        self.settled = True
        self.acked = max(self.acked, position)
        self.excused = position
        self.advance(position)

    def advance(self, position: int) -> None:
        """Let this be the next position."""
        self.next = position
        self.expected = ((self.base or 0) + position) & _MASK

    def position(self, sequence: int) -> int:
        """Return the position with this number that is nearest to the next one."""
        return self.next + ((sequence - self.expected + _HALF) & _MASK) - _HALF

    def hold(self, piece: Piece) -> list[tuple[int, int]]:
        """Keep what is new of a piece; return where it contradicts: positions and lengths."""
        conflicts = []
        at, stop = piece.position, piece.position + len(piece.data)
        if piece.fin or at == stop:
            self._insert(piece)
            return []
        index = bisect_left(self.held, at, key=_position_of)
        if index and self._end(index - 1) > at:
            index -= 1
        while at < stop:
            other = self.held[index] if index < len(self.held) else None
            if other is None or other.position >= stop:
                self._insert(self._part(piece, at, stop))
                break
            if other.position > at:
                self._insert(self._part(piece, at, other.position))
                at, index = other.position, index + 1
            end = min(self._end(index), stop)
            if end > at:
                mine = piece.data[at - piece.position : end - piece.position]
                if mine != other.data[at - other.position : end - other.position]:
                    conflicts.append((at, end - at))
                at = end
            index += 1
        return conflicts

    def pop(self) -> Piece:
        """Take the first held piece."""
        piece = self.held.pop(0)
        self.held_bytes -= len(piece.data) + PIECE_COST
        return piece

    def _end(self, index: int) -> int:
        return self.held[index].position + len(self.held[index].data)

    def _insert(self, piece: Piece) -> None:
        index = bisect_left(self.held, (piece.position, piece.fin), key=_order)
        self.held.insert(index, piece)
        self.held_bytes += len(piece.data) + PIECE_COST

    def _part(self, piece: Piece, at: int, stop: int) -> Piece:
        data = piece.data[at - piece.position : stop - piece.position]
        last = stop == piece.position + len(piece.data)
        return piece._replace(position=at, data=data, missing=piece.missing if last else 0)


def _order(piece: Piece) -> tuple[int, bool]:
    return piece.position, piece.fin
