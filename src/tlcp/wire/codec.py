"""The standard's presentation language as values: one declaration reads, writes and dissects.

A message is a frozen dataclass whose fields are annotated with these codecs. ``read`` raises
``DecodeError`` (the peer's fault), ``write`` raises ``ValueError`` (ours).

Spec: GB/T 38636-2020 6.2
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast, get_type_hints

from tlcp.errors import DecodeError
from tlcp.wire.reader import Notes, Reader

__all__ = [
    "U8",
    "U16",
    "U24",
    "U32",
    "Codec",
    "Fixed",
    "Nested",
    "Opaque",
    "Rest",
    "Sized",
    "Structure",
    "Tail",
    "Uint",
    "Vector",
    "structure",
]

T = TypeVar("T")
S = TypeVar("S", bound="Structure")


class Codec(Protocol[T]):
    """How one kind of field goes to and from bytes."""

    def read(self, r: Reader) -> T:
        """Read the value at the cursor."""

    def write(self, out: bytearray, value: T) -> None:
        """Append the value's bytes."""


@dataclass(frozen=True, slots=True)
class Uint:
    """``uint8`` to ``uint32``: a big-endian number of ``size`` bytes."""

    size: int

    def read(self, r: Reader) -> int:
        """Read the number."""
        return r.uint(self.size)

    def write(self, out: bytearray, value: int) -> None:
        """Append the number; ValueError if it does not fit."""
        try:
            out += value.to_bytes(self.size, "big")
        except OverflowError as error:
            raise ValueError(f"{value} does not fit into {self.size} bytes") from error


U8, U16, U24, U32 = Uint(1), Uint(2), Uint(3), Uint(4)


@dataclass(frozen=True, slots=True)
class Fixed:
    """``opaque x[size]``."""

    size: int

    def read(self, r: Reader) -> bytes:
        """Read exactly ``size`` bytes."""
        return r.take(self.size)

    def write(self, out: bytearray, value: bytes) -> None:
        """Append exactly ``size`` bytes."""
        if len(value) != self.size:
            raise ValueError(f"want {self.size} bytes, got {len(value)}")
        out += value


@dataclass(frozen=True, slots=True)
class Opaque:
    """``opaque x<lo..hi>``: a length in ``prefix``, then that many bytes."""

    prefix: Uint
    lo: int
    hi: int

    def open(self, r: Reader) -> Reader:
        """Read the length and return a reader over that many bytes."""
        return r.window(self._size(r))

    def read(self, r: Reader) -> bytes:
        """Read length and bytes."""
        return r.take(self._size(r))

    def _size(self, r: Reader) -> int:
        size = r.uint(self.prefix.size)
        if r.notes is not None:
            r.note("length", self.prefix.size, size)
        if not self.lo <= size <= self.hi:
            raise DecodeError(f"its length {size} is outside {self.lo}..{self.hi}")
        return size

    def write(self, out: bytearray, value: bytes) -> None:
        """Append length and bytes."""
        size = len(value)
        if not self.lo <= size <= self.hi:
            raise ValueError(f"length {size} is outside {self.lo}..{self.hi}")
        out += size.to_bytes(self.prefix.size, "big")
        out += value


@dataclass(frozen=True, slots=True)
class Vector(Generic[T]):
    """``T x<lo..hi>``: items one after the other, lo and hi in bytes."""

    item: Codec[T]
    span: Opaque

    def read(self, r: Reader) -> tuple[T, ...]:
        """Read the items to the end of the vector."""
        inner, items = self.span.open(r), list[T]()
        read = self.item.read
        if r.notes is not None:
            while inner.more():
                items.append(inner.named(f"[{len(items)}]", read))
            return tuple(items)
        two_bytes = isinstance(self.item, Uint) and self.item.size == 2
        if two_bytes and inner.left % 2 == 0:  # lists of suites are long: all at once
            return cast("tuple[T, ...]", struct.unpack(f">{inner.left // 2}H", inner.rest()))
        try:
            while inner.more():
                items.append(read(inner))
        except DecodeError as error:
            raise DecodeError(f"[{len(items)}]: {error.what}") from None
        return tuple(items)

    def write(self, out: bytearray, value: tuple[T, ...]) -> None:
        """Append the items behind their length."""
        body = bytearray()
        for item in value:
            self.item.write(body, item)
        self.span.write(out, bytes(body))


@dataclass(frozen=True, slots=True)
class Sized(Generic[T]):
    """One value alone inside a span of its own length."""

    codec: Codec[T]
    span: Opaque

    def read(self, r: Reader) -> T:
        """Read the value; it must fill its span."""
        inner = self.span.open(r)
        value = self.codec.read(inner)
        inner.finish()
        return value

    def write(self, out: bytearray, value: T) -> None:
        """Append the value behind its length."""
        body = bytearray()
        self.codec.write(body, value)
        self.span.write(out, bytes(body))


@dataclass(frozen=True, slots=True)
class Tail(Generic[T]):
    """A last field that may be absent altogether: None then."""

    codec: Codec[T]

    def read(self, r: Reader) -> T | None:
        """Read the field if anything is left."""
        return self.codec.read(r) if r.more() else None

    def write(self, out: bytearray, value: T | None) -> None:
        """Append the field, nothing for None."""
        if value is not None:
            self.codec.write(out, value)


@dataclass(frozen=True, slots=True)
class Rest:
    """All that is left: for a body whose form depends on the cipher suite."""

    def read(self, r: Reader) -> bytes:
        """Read to the end."""
        return r.rest()

    def write(self, out: bytearray, value: bytes) -> None:
        """Append the bytes as they are."""
        out += value


class Structure:
    """A dataclass that knows its wire form: ``spec`` maps field names to codecs, in order."""

    __slots__ = ()
    spec: ClassVar[dict[str, Codec[Any]]]
    _reads: ClassVar[tuple[tuple[str, Callable[[Reader], Any]], ...]]

    def to_bytes(self) -> bytes:
        """The wire form."""
        out = bytearray()
        for name, codec in self.spec.items():
            codec.write(out, getattr(self, name))
        return bytes(out)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the fields at the cursor."""
        if r.notes is not None:
            return cls(**{name: r.named(name, codec.read) for name, codec in cls.spec.items()})
        values = []
        for name, read in cls._reads:
            try:
                values.append(read(r))
            except DecodeError as error:
                raise DecodeError(f"{name}: {error.what}") from None
        return cls(*values)

    @classmethod
    def from_bytes(cls, data: bytes, notes: Notes | None = None) -> Self:
        """Read the whole of ``data``, noting every field in ``notes`` if given.

        Raises:
            DecodeError: truncated, a length out of bounds, or bytes left over.
        """
        r = Reader(data, notes)
        value = cls.read(r)
        r.finish()
        return value


def structure(cls: type[S]) -> type[S]:
    """Class decorator: collect the codecs of the annotated fields, once, at import."""
    hints = get_type_hints(cls, include_extras=True)
    cls.spec = {name: t.__metadata__[0] for name, t in hints.items() if hasattr(t, "__metadata__")}
    cls._reads = tuple((name, codec.read) for name, codec in cls.spec.items())
    return cls


@dataclass(frozen=True, slots=True)
class Nested(Generic[S]):
    """A structure inside another one."""

    kind: type[S]

    @property
    def read(self) -> Callable[[Reader], S]:
        """Read the structure at the cursor."""
        return self.kind.read

    def write(self, out: bytearray, value: S) -> None:
        """Append the structure's bytes."""
        out += value.to_bytes()
