"""A bounded cursor over received bytes, which can note where each field lies.

Spec: GB/T 38636-2020 6.2 (presentation language)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tlcp.errors import DecodeError

__all__ = ["Note", "Notes", "Reader"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Note:
    """Where one field lies: bytes ``start`` to ``end`` of the outermost window.

    The length of a vector is a field of its own, "length", inside the vector's.
    """

    path: str  # "extensions[0].data"
    start: int
    end: int
    value: object


@dataclass(slots=True)
class Notes:
    """Collects the notes of one message, outer fields before the inner ones."""

    found: list[Note] = field(default_factory=list)
    path: list[str] = field(default_factory=list)


class Reader:
    """Cursor that cannot leave its window; a window must be read to its end.

    Args:
        data: the bytes of the outermost window.
        notes: where to note the fields, None to note nothing.
        start: where the window begins.
        end: where it ends; None = with the data.
    """

    __slots__ = ("_data", "_end", "_pos", "notes")

    def __init__(
        self, data: bytes, notes: Notes | None = None, start: int = 0, end: int | None = None
    ) -> None:
        self._data, self._pos, self.notes = data, start, notes
        self._end = len(data) if end is None else end

    def take(self, size: int) -> bytes:
        """Read ``size`` bytes.

        Raises:
            DecodeError: the window has fewer left.
        """
        # the one check of every length: all that reads goes through here or through window()
        start = self._pos
        stop = start + size
        if stop > self._end:
            raise self._short(size)
        self._pos = stop
        return self._data[start:stop]

    def uint(self, size: int) -> int:
        """Read a big-endian number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "big")

    def window(self, size: int) -> Reader:
        """Cut the next ``size`` bytes off as a reader of their own."""
        start = self._pos
        stop = start + size
        if stop > self._end:
            raise self._short(size)
        self._pos = stop
        return Reader(self._data, self.notes, start, stop)

    def _short(self, size: int) -> DecodeError:
        left = self._end - self._pos
        return DecodeError(f"a field needs {size} bytes and only {left} are left")

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(self._end - self._pos)

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self._end - self._pos

    def more(self) -> bool:
        """Whether anything is left."""
        return self._pos < self._end

    def finish(self) -> None:
        """Refuse leftovers.

        Raises:
            DecodeError: bytes are left.
        """
        if self._pos < self._end:
            raise DecodeError(f"{self._end - self._pos} bytes are left over at the end")

    def named(self, name: str, read: Callable[[Reader], T]) -> T:
        """Read one field; say its name in an error, and note where it lies if notes are kept."""
        try:
            if self.notes is None:
                return read(self)
            with self._entered(name) as path:
                found, start = self.notes.found, self._pos
                index = len(found)
                value = read(self)
                found.insert(index, Note(path, start, self._pos, value))
                return value
        except DecodeError as error:
            raise DecodeError(f"{name}: {error.what}") from None

    def note(self, name: str, size: int, value: object) -> None:
        """Note the last ``size`` bytes as a field, if notes are kept."""
        if self.notes is not None:
            with self._entered(name) as path:
                self.notes.found.append(Note(path, self._pos - size, self._pos, value))

    @contextmanager
    def _entered(self, name: str) -> Iterator[str]:
        path = self.notes.path if self.notes else []
        path.append(name)
        try:
            yield ".".join(path).replace(".[", "[")
        finally:
            path.pop()
