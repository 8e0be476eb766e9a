"""What a store of sessions holds when clients fill it."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Final

from support import ends
from tlcp.sessions.store import MemoryStore

__all__ = ["MIB", "full_store_bytes"]

MIB: Final = 1 << 20
_MORE: Final = 1000  # than it holds
_LIFETIME_S: Final = 7200


class _Last(MemoryStore):
    """Remembers what was put last."""

    state = b""

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        self.state = state
        super().put(session_id, state, lifetime_s)


def full_store_bytes() -> int:
    """Bytes of a ``MemoryStore`` of the size that it has by itself, full of clients with pairs."""
    one = _Last()
    ends.handshake(ends.client(), ends.server(session_store=one))
    tracemalloc.start()
    try:
        gc.collect()
        before, store = tracemalloc.get_traced_memory()[0], MemoryStore()
        number = 0
        while len(store) == number or number % _MORE:  # until it is full, and some more
            number += 1
            store.put(number.to_bytes(32, "big"), bytes(bytearray(one.state)), _LIFETIME_S)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
