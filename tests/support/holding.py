"""How much memory a connection holds."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from support.ends import Side, drain
from tlcp.connection import Connection

__all__ = ["BOUND_BYTES", "held_by_one"]

#: What one connection may hold before its client is authenticated; ``docs/limits.md`` says so.
BOUND_BYTES = 384 << 10
_ENDS = 8
_PIECE_BYTES = 4096


def held_by_one(feed: bytes, make: Callable[[], Connection]) -> int:
    """Bytes that a connection holds after these bytes of its peer, on average over a few."""
    _fed(make(), feed)  # what is made once and kept for all
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        ends = [_fed(make(), feed) for _ in range(_ENDS)]
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) // len(ends)
    finally:
        tracemalloc.stop()


def _fed(end: Connection, feed: bytes) -> Connection:
    side = Side()
    for at in range(0, len(feed), _PIECE_BYTES):
        end.receive_data(feed[at : at + _PIECE_BYTES])
        drain(end, side)
    if side.error is not None:
        raise side.error
    end.data_to_send()
    return end
