"""Tables of multiples of public keys: the next signatures of a key that was met are checked faster.

A table takes as long to make as one and a half verifications and makes each later one three times
as fast. It is made when a key is verified with for the second time, so keys that are met once cost
nothing. All of this is public: tables hold no secrets.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from tlcp._native import ffi, lib
from tlcp.forking import renew_lock_in_children

__all__ = ["MAX_KEYS", "TABLE_BYTES", "KeyTables", "make_table"]

TABLE_BYTES: Final = 8192
MAX_KEYS: Final = 256  # with a table: at most 2 MiB in all
_SEEN_PER_TABLE: Final = 4  # keys that were met once: 64 bytes and a dict entry each

_TABLE = ffi.typeof("tlcp_sm2_table *")


def make_table(xy: bytes) -> Any:
    """The table of a public key, given as the 64 bytes x || y of a valid point."""
    table = ffi.new(_TABLE)
    if not lib.tlcp_sm2_make_table(table, xy):
        raise ValueError("no table of an SM2 key: its coordinates are not on the curve")
    return table


class KeyTables:
    """The tables of the keys that were used last; thread-safe.

    Args:
        size: how many tables to keep. Four times as many keys that were met once are kept in mind.
    """

    def __init__(self, size: int = MAX_KEYS) -> None:
        self._size = size
        self._tables: OrderedDict[bytes, Any] = OrderedDict()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        renew_lock_in_children(self)

    def find(self, xy: bytes) -> Any | None:
        """The table of this key, or None if this is the first time that it is asked for."""
        with self._lock:
            table = self._tables.get(xy)
            if table is not None:
                self._tables.move_to_end(xy)
                return table
            if xy not in self._seen:
                self._remember(self._seen, xy, None, _SEEN_PER_TABLE * self._size)
                return None
        # Made without the lock: two threads may both do it, which is a waste but no harm.
        table = make_table(xy)
        with self._lock:
            self._seen.pop(xy, None)
            self._remember(self._tables, xy, table, self._size)
        return table

    @staticmethod
    def _remember(where: OrderedDict[bytes, Any], xy: bytes, what: Any, size: int) -> None:
        where[xy] = what
        if len(where) > size:
            where.popitem(last=False)

    def __len__(self) -> int:
        return len(self._tables)

    def clear(self) -> None:
        """Forget all keys."""
        with self._lock:
            self._tables.clear()
            self._seen.clear()
