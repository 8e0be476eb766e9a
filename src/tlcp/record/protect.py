"""Sealing and opening records: SM4-CBC with HMAC-SM3, SM4-GCM, and no protection at all.

A protection belongs to one direction and counts its records. Each call takes a batch of records
and hands it to the C kernels as a whole; they work on many records at once.

Spec: GB/T 38636-2020 6.3.3.4
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from tlcp._native import Output, ffi, lib
from tlcp.errors import BadRecordMAC, InternalError, RecordOverflow, TLCPError
from tlcp.record.framing import HEADER, HEADER_BYTES, MAX_PLAINTEXT_BYTES
from tlcp.registry import TLCP_VERSION

__all__ = [
    "LAST_SEQUENCE",
    "Buffer",
    "CBCProtection",
    "GCMProtection",
    "NullProtection",
    "Opened",
    "Protection",
    "cut_data",
    "fragment_lengths",
    "fragments_of",
    "refusal",
    "run_of_records",
]

Buffer = bytes | bytearray | memoryview
IV_BYTES = 16
MAC_KEY_BYTES = 32
KEY_BYTES = 16
FIXED_IV_BYTES = 4
LAST_SEQUENCE = 2**64 - 1

_new = ffi.new
_LENGTHS, _BYTES = ffi.typeof("uint32_t[]"), ffi.typeof("uint8_t[]")

#: what a fragment has besides the plaintext, at the least
_GCM_OVERHEAD = 24


class Opened(NamedTuple):
    """Plaintexts of the records before the first bad one, and the error that one gives.

    Attributes:
        data: all plaintexts, one after the other.
        lengths: the length of each, in bytes.
        error: what the record behind them is rejected with, if there is one.
    """

    data: bytes
    lengths: Sequence[int]
    error: TLCPError | None = None

    @property
    def plaintexts(self) -> list[bytes]:
        """The plaintexts one by one."""
        out, at = [], 0
        for length in self.lengths:
            out.append(self.data[at : at + length])
            at += length
        return out


class Protection(Protocol):
    """One direction's protection."""

    @property
    def is_null(self) -> bool:
        """Whether records go in clear."""

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Protect fragments of at most 2^14 bytes; returns their records, headers included."""

    def seal_data(self, content_type: int, data: Buffer) -> bytes:
        """Cut data into fragments of 2^14 bytes and protect them; at least one."""

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open the fragments of consecutive records of one type; stops at the first bad one."""

    def open_records(
        self, content_type: int, stream: bytearray, offset: int, lengths: Sequence[int]
    ) -> Opened:
        """Open records of one type in place; their headers were checked before.

        Args:
            content_type: of all records.
            stream: what was received; the records in it may be overwritten.
            offset: where the header of the first record starts.
            lengths: of the records' fragments.
        """


def run_of_records(content_type: int, stream: bytearray, offset: int, most: int) -> list[int]:
    """Lengths of the fragments of complete records of one type that follow each other.

    What is no such record, whatever it is, ends the run.

    Args:
        content_type: of the records.
        stream: what was received.
        offset: where the header of the first record starts.
        most: how many records to look for.
    """
    size = len(stream) - offset
    if size < HEADER_BYTES:
        return []
    lengths = ffi.new("uint32_t[]", most)
    with ffi.from_buffer("uint8_t[]", stream) as start:
        count = lib.tlcp_record_run(start + offset, size, content_type, lengths, most)
    return ffi.unpack(lengths, count)  # type: ignore[no-any-return]


def fragment_lengths(size: int) -> list[int]:
    """The lengths of the fragments of a text."""
    whole, rest = divmod(size, MAX_PLAINTEXT_BYTES)
    return [MAX_PLAINTEXT_BYTES] * whole + ([rest] if rest or not whole else [])


def cut_data(data: Buffer) -> list[memoryview]:
    """The fragments of a text, at least one."""
    view, count = memoryview(data), len(fragment_lengths(len(data)))
    starts = range(0, count * MAX_PLAINTEXT_BYTES, MAX_PLAINTEXT_BYTES)
    return [view[at : at + MAX_PLAINTEXT_BYTES] for at in starts]


def fragments_of(stream: bytearray, offset: int, lengths: Sequence[int]) -> Iterator[bytes]:
    """The fragments of the records that begin at ``offset``, without their headers."""
    for length in lengths:
        offset += HEADER_BYTES
        yield bytes(stream[offset : offset + length])
        offset += length


class NullProtection:
    """Before the first ChangeCipherSpec: records in clear."""

    is_null = True

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Put a header in front of each fragment."""
        out = bytearray()
        for fragment in fragments:
            out += HEADER.pack(content_type, TLCP_VERSION, len(fragment)) + fragment
        return bytes(out)

    def seal_data(self, content_type: int, data: Buffer) -> bytes:
        """Put a header in front of each 2^14 bytes."""
        if len(data) <= MAX_PLAINTEXT_BYTES:
            return HEADER.pack(content_type, TLCP_VERSION, len(data)) + data
        return self.seal(content_type, cut_data(data))

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Return the fragments as they are."""
        return Opened(b"".join(fragments), [len(f) for f in fragments])

    def open_records(
        self, content_type: int, stream: bytearray, offset: int, lengths: Sequence[int]
    ) -> Opened:
        """Return the fragments as they are."""
        return self.open(content_type, list(fragments_of(stream, offset, lengths)))


class _Batches:
    """What both modes share: the sequence number and the buffers of a batch."""

    is_null = False

    def __init__(self) -> None:
        self._sequence = 0
        # No nonce may come twice, not even if threads write at once, which they must not.
        self._numbering = threading.Lock()

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Protect each fragment under the next sequence number."""
        data = fragments[0] if len(fragments) == 1 else b"".join(fragments)
        return self._seal(content_type, data, [len(f) for f in fragments])

    def seal_data(self, content_type: int, data: Buffer) -> bytes:
        """Cut data into fragments and protect each under the next sequence number."""
        return self._seal(content_type, data, fragment_lengths(len(data)))

    def _seal(self, content_type: int, data: Buffer, cut: list[int]) -> bytes:
        count = len(cut)
        if not count:
            return b""
        lengths = ffi.new("uint32_t[]", cut)
        size = self._sealed_size(lengths, count)
        if not size:
            raise InternalError(f"a fragment of {max(cut)} bytes does not fit a record")
        with self._numbering:
            sequence = self._sequence
            if sequence + count > LAST_SEQUENCE:
                raise InternalError("the sequence numbers of this direction are used up")
            self._sequence = sequence + count
        out = Output(size)
        source = data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data)
        batch = (content_type, sequence, source, len(data), lengths, count)
        if not self._seal_batch(out.pointer, size, *batch):
            raise InternalError("the lengths of fragments do not add up")
        return out.first(size)

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open each fragment under the next sequence number, up to the first bad one."""
        if len(fragments) == 1:
            return self._open(content_type, bytearray(fragments[0]), 0, 0, (len(fragments[0]),))
        data = bytearray().join(fragments)
        return self._open(content_type, data, 0, 0, [len(f) for f in fragments])

    def open_records(
        self, content_type: int, stream: bytearray, offset: int, lengths: Sequence[int]
    ) -> Opened:
        """Open each record under the next sequence number, up to the first bad one."""
        return self._open(content_type, stream, offset, HEADER_BYTES, lengths)

    def _open(
        self, content_type: int, stream: bytearray, offset: int, gap: int, cut: Sequence[int]
    ) -> Opened:
        count, sequence = len(cut), self._sequence
        if sequence + count > LAST_SEQUENCE:
            raise InternalError("the sequence numbers of this direction are used up")
        lengths, plain = _new(_LENGTHS, cut), _new(_LENGTHS, count)
        size = sum(cut) + gap * count
        with ffi.from_buffer(_BYTES, stream) as start:
            at = start + offset if offset else start
            good, data = self._open_batch(
                plain, content_type, sequence, at, size, gap, lengths, count
            )
        found = ffi.unpack(plain, good)
        self._sequence = sequence + good
        if good == count:
            return Opened(data, found)
        self._sequence += 1
        return Opened(data, found, refusal(sequence + good, plain[good]))

    # The two modes: calls into the kernels, with the keys put in front.

    def _sealed_size(self, lengths: Any, count: int) -> int:
        raise NotImplementedError

    def _seal_batch(self, out: Any, out_size: int, *batch: Any) -> int:
        raise NotImplementedError

    def _open_batch(self, plain: Any, *batch: Any) -> tuple[int, bytes]:
        """The number of good records and their plaintexts; their lengths go to ``plain``."""
        raise NotImplementedError


def refusal(sequence: int, length: int) -> TLCPError:
    """Why a record was not opened: one that is too long comes with its length."""
    if length > MAX_PLAINTEXT_BYTES:
        return RecordOverflow(
            f"record {sequence} holds {length} bytes of plaintext",
            expected=f"at most {MAX_PLAINTEXT_BYTES}",
        )
    return BadRecordMAC(
        f"record {sequence} failed its integrity check",
        expected="bytes sealed with this connection's keys, in order",
    )


def _key(what: str, key: bytes, size: int) -> bytes:
    if len(key) != size:
        raise InternalError(f"the {what} has {len(key)} bytes, expected {size}")
    return key


class CBCProtection(_Batches):
    """SM4-CBC, MAC first, a fresh random IV in front of each record.

    Args:
        mac_key: 32 bytes.
        key: 16 bytes.
        random: source of IVs.

    Spec: GB/T 38636-2020 6.3.3.4.2
    """

    def __init__(self, *, mac_key: bytes, key: bytes, random: Callable[[int], bytes]) -> None:
        super().__init__()
        self._random, self._keys = random, ffi.new("tlcp_cbc *")
        mac_key = _key("MAC key", mac_key, MAC_KEY_BYTES)
        lib.tlcp_cbc_start(self._keys, mac_key, _key("key", key, KEY_BYTES))

    def _sealed_size(self, lengths: Any, count: int) -> int:
        return lib.tlcp_cbc_sealed_size(lengths, count)  # type: ignore[no-any-return]

    def _seal_batch(self, out: Any, out_size: int, *batch: Any) -> int:
        content_type, sequence, *rest = batch
        ivs = _key(
            "random source's answer", self._random(IV_BYTES * batch[-1]), IV_BYTES * batch[-1]
        )
        return lib.tlcp_cbc_seal(self._keys, out, out_size, content_type, sequence, ivs, *rest)  # type: ignore[no-any-return]

    def _open_batch(self, plain: Any, *batch: Any) -> tuple[int, bytes]:
        _, _, data, _, gap, lengths, count = batch
        good = lib.tlcp_cbc_open(self._keys, plain, *batch)
        size = plain[0] if good == count == 1 else sum(ffi.unpack(plain, good))
        out = Output(size)
        lib.tlcp_cbc_take(out.pointer, plain, data, gap, lengths, good)
        return good, out.first(size)


class GCMProtection(_Batches):
    """SM4-GCM; the nonce is 4 implicit bytes and 8 in front of each record.

    We count the explicit part; a peer may choose it freely, so the receiver reads it.

    Args:
        key: 16 bytes.
        fixed_iv: 4 bytes.

    Spec: GB/T 38636-2020 6.3.3.4.3
    """

    def __init__(self, *, key: bytes, fixed_iv: bytes) -> None:
        super().__init__()
        self._keys = ffi.new("tlcp_gcm *")
        fixed_iv = _key("fixed IV", fixed_iv, FIXED_IV_BYTES)
        lib.tlcp_gcm_start(self._keys, _key("key", key, KEY_BYTES), fixed_iv)

    def _sealed_size(self, lengths: Any, count: int) -> int:
        return lib.tlcp_gcm_sealed_size(lengths, count)  # type: ignore[no-any-return]

    def _seal_batch(self, out: Any, out_size: int, *batch: Any) -> int:
        return lib.tlcp_gcm_seal(self._keys, out, out_size, *batch)  # type: ignore[no-any-return]

    def _open_batch(self, plain: Any, *batch: Any) -> tuple[int, bytes]:
        _, _, _, _, _, lengths, count = batch
        if count == 1:
            room = max(0, lengths[0] - _GCM_OVERHEAD)
        else:
            room = sum(max(0, n - _GCM_OVERHEAD) for n in ffi.unpack(lengths, count))
        out = Output(room)
        good = lib.tlcp_gcm_open(self._keys, out.pointer, room, plain, *batch)
        return good, out.first(plain[0] if good == count == 1 else sum(ffi.unpack(plain, good)))
