"""Capture files to packets: pcap and pcapng, either in gzip, from a path or from a stream.

Written by hand, because no library fits (November 2026): dpkt 1.9.8 and python-pcapng 2.1.1, both
last released in 2022, hand out no Decryption Secrets Block, and python-pcapng reads no pipe;
libpcap hides that block; scapy is under the GPL.

Spec: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from tlcp.inspect.sources import CaptureError, Progress, Source

__all__ = [
    "Capture",
    "CaptureError",
    "Packet",
    "Problem",
    "Progress",
    "key_logs",
    "open_capture",
]

MAX_PACKET = 1 << 24  # bytes; more is a damaged length, not a packet
MAX_BLOCK = 1 << 26
_MAX_INTERFACES = 1 << 16  # in one section
_MAX_SECRETS = 1 << 26  # bytes of key log in one file
_MAX_PROBLEMS = 100
_LATEST_S = 253_402_300_800.0  # the year 10000

PCAP_MAGIC = {  # the four bytes that begin a file: byte order, parts of a second
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
}
LINK_BITS = 0x03FFFFFF  # above it: how long the frame check sequence is
SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET = 0x0A0D0D0A, 1, 2, 3
_ENHANCED_PACKET, _SECRETS = 6, 10
_TLS_KEY_LOG = 0x544C534B
_END_OF_OPTIONS, _IF_TSRESOL, _IF_TSOFFSET = 0, 9, 14


class Packet(NamedTuple):
    """One packet as it was captured.

    Attributes:
        time_s: seconds since 1970.
        link: the link type of the interface, a LINKTYPE_ number.
        data: what was captured of it, from the link header on.
        missing: bytes that were on the wire behind ``data`` and not captured.
    """

    time_s: float
    link: int
    data: bytes
    missing: int


class Problem(NamedTuple):
    """Something unreadable that reading went on behind: where, and what."""

    offset: int
    what: str


class _Interface(NamedTuple):
    link: int
    snaplen: int
    ticks: float  # in a second
    offset_s: int


@dataclass(eq=False, slots=True)
class Capture:
    """A capture file that is being read: iterate over it once, for its packets.

    Iterating raises ``CaptureError`` where the file is damaged or cut short, after everything
    before that place has been handed out.

    Attributes:
        format: "pcap" or "pcapng".
        secrets: the TLS key logs inside, in the order of the file; complete at its end.
        problems: what could not be read and was passed over; the first 100.
    """

    format: str
    secrets: list[bytes] = field(repr=False)
    problems: list[Problem]
    _source: Source = field(repr=False)
    _packets: Iterator[Packet] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Choose the reader."""
        read: Callable[[Capture, Source], Iterator[Packet]]
        read = _read_pcap if self.format == "pcap" else _read_pcapng
        self._packets = read(self, self._source)

    def __iter__(self) -> Iterator[Packet]:
        return self._packets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._source.close()

    def read_secrets(self) -> None:
        """Read to the end for the secrets of a pcapng file alone, instead of iterating.

        Raises:
            CaptureError: the file is damaged or cut short; what came before is in ``secrets``.
        """
        for _ in _read_pcapng(self, self._source, packets=False):
            raise RuntimeError("packets were not asked for")

    def note(self, offset: int, what: str) -> None:
        """State a problem that reading goes on behind."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(offset, what))


def open_capture(
    file: str | os.PathLike[str] | BinaryIO, progress: Progress | None = None
) -> Capture:
    """Open a capture, whatever its format.

    Args:
        file: a path, or a binary stream, which need not be seekable and is not closed.
        progress: called with the bytes read and the bytes in all, None if nobody knows.

    Raises:
        CaptureError: it is no capture.
        OSError: the file cannot be opened or read.
    """
    source = Source(Path(file) if isinstance(file, (str, os.PathLike)) else file, progress)
    try:
        return Capture(_format(source), [], [], source)
    except BaseException:
        source.close()
        raise


def key_logs(file: Path, progress: Progress | None = None) -> list[bytes]:
    """The TLS key logs inside a capture, without its packets.

    Some programs write a secrets block behind the packets that it decrypts, even behind the end of
    their connection: whoever reads the file in one go learns the keys too late.

    Returns:
        The logs in their order; none of a pcap, and those before the damage of a damaged file.

    Raises:
        CaptureError: it is no capture.
        OSError: the file cannot be opened or read.
    """
    with open_capture(file, progress) as capture:
        if capture.format == "pcapng":
            with contextlib.suppress(CaptureError):
                capture.read_secrets()
        return capture.secrets


def _format(source: Source) -> str:
    magic = source.peek(4)
    if magic in PCAP_MAGIC:
        return "pcap"
    if magic == SECTION_MAGIC:
        return "pcapng"
    if not magic:
        raise source.error(0, "the file is empty", "文件是空的")
    raise source.error(
        0,
        f"this is no capture: expected pcap or pcapng, got a file that begins {magic.hex(' ')}",
        f"这不是抓包文件：应为 pcap 或 pcapng，而文件以 {magic.hex(' ')} 开头",
    )


def _read_pcap(capture: Capture, source: Source) -> Iterator[Packet]:
    if not source.fill(24):
        raise source.error(source.end, "the file is cut short inside its header")
    order, parts = PCAP_MAGIC[source.buffer[:4]]
    link = struct.unpack_from(order + "I", source.buffer, 20)[0] & LINK_BITS
    header = struct.Struct(order + "IIII").unpack_from
    make, at, need = tuple.__new__, 24, 16
    while source.fill(at + need):
        buffer = source.buffer
        end = len(buffer)
        need = 16
        while at + 16 <= end:
            seconds, fraction, captured, length = header(buffer, at)
            stop = at + 16 + captured
            if captured > MAX_PACKET:
                what = f"a packet says that it has {captured} bytes: the file is damaged"
                raise source.error(source.base + at, what)
            if stop > end:
                need = stop - at
                break
            missing = length - captured
            yield make(
                Packet,
                (
                    seconds + fraction / parts,
                    link,
                    buffer[at + 16 : stop],
                    missing if missing > 0 else 0,
                ),
            )
            at = stop
        at = source.drop(at)
    if source.rest(at):
        raise source.error(source.base + at, "the file is cut short inside a packet")


def _read_pcapng(capture: Capture, source: Source, *, packets: bool = True) -> Iterator[Packet]:
    section = _Section(capture, source)
    at, need = 0, 12
    while source.fill(at + need):
        end, need = len(source.buffer), 12
        while at + 12 <= end:
            kind, size = section.measure(at)
            if at + size > end:
                need = size
                break
            if packets or kind == _SECRETS:
                packet = section.block(kind, at, size)
                if packet is not None:
                    yield packet
            at += size
        at = source.drop(at)
    if source.rest(at):
        raise source.error(source.base + at, "the file is cut short inside a block")


class _Section:
    """The section of a pcapng file that is being read: its byte order and interfaces."""

    def __init__(self, capture: Capture, source: Source) -> None:
        self._capture = capture
        self._source = source
        self._secret_bytes = 0
        self._begin("<")

    def _begin(self, order: str) -> None:
        self._interfaces: list[_Interface] = []
        self._header = struct.Struct(order + "II").unpack_from
        self._enhanced = struct.Struct(order + "IIIII").unpack_from
        self._one = struct.Struct(order + "I").unpack_from
        self._old = struct.Struct(order + "HHIIII").unpack_from
        self._interface = struct.Struct(order + "HHI").unpack_from
        self._option = struct.Struct(order + "HH").unpack_from
        self._seconds = struct.Struct(order + "q").unpack_from

    def measure(self, at: int) -> tuple[int, int]:
        """Say which block begins here, and its length; a section header sets the byte order."""
        buffer = self._source.buffer
        if buffer[at : at + 4] == SECTION_MAGIC:
            order = BYTE_ORDERS.get(buffer[at + 8 : at + 12])
            if order is None:
                raise self._error(at, "a section begins without a byte order: the file is damaged")
            self._begin(order)
        kind, size = self._header(buffer, at)
        if size < 12 or size & 3 or size > MAX_BLOCK:
            what = f"a block says that it has {size} bytes: the file is damaged"
            raise self._error(at, what)
        return kind, size

    def block(self, kind: int, at: int, size: int) -> Packet | None:
        """Read one whole block; only packets give something back."""
        body, stop = at + 8, at + size - 4
        if self._one(self._source.buffer, stop)[0] != size:
            what = "a block's two lengths differ: the file is damaged"
            raise self._error(at, what)
        if kind == _ENHANCED_PACKET:
            return self._enhanced_packet(at, body, stop)
        if kind == _OLD_PACKET:
            return self._old_packet(at, body, stop)
        if kind == _SIMPLE_PACKET:
            return self._simple_packet(at, body, stop)
        if kind == _INTERFACE:
            self._add_interface(at, body, stop)
        elif kind == _SECRETS:
            self._add_secrets(at, body, stop)
        return None

    def _enhanced_packet(self, at: int, body: int, stop: int) -> Packet | None:
        if stop - body < 20:
            return self._pass_over(at, "a packet block without room for its header")
        number, high, low, captured, length = self._enhanced(self._source.buffer, body)
        return self._packet(at, number, high << 32 | low, body + 20, captured, length, stop)

    def _old_packet(self, at: int, body: int, stop: int) -> Packet | None:
        if stop - body < 20:
            return self._pass_over(at, "a packet block without room for its header")
        number, _, high, low, captured, length = self._old(self._source.buffer, body)
        return self._packet(at, number, high << 32 | low, body + 20, captured, length, stop)

    def _simple_packet(self, at: int, body: int, stop: int) -> Packet | None:
        if stop - body < 4 or not self._interfaces:
            return self._pass_over(at, "a simple packet without a length or an interface")
        length = self._one(self._source.buffer, body)[0]
        captured = min(length, self._interfaces[0].snaplen or length, stop - body - 4)
        return self._packet(at, 0, 0, body + 4, captured, length, stop)

    def _packet(
        self, at: int, number: int, ticks: int, start: int, captured: int, length: int, stop: int
    ) -> Packet | None:
        if captured > stop - start:
            return self._pass_over(at, f"a packet of {captured} bytes in a shorter block")
        if number >= len(self._interfaces):
            return self._pass_over(at, f"a packet of interface {number}, which is not described")
        link, _, parts, offset_s = self._interfaces[number]
        data = self._source.buffer[start : start + captured]
        time_s = ticks / parts + offset_s
        if not 0 <= time_s < _LATEST_S:
            self._pass_over(at, "a packet of a time that no calendar has: it is taken as 1970")
            time_s = 0.0
        return Packet(time_s, link, data, max(length - captured, 0))

    def _add_interface(self, at: int, body: int, stop: int) -> None:
        if stop - body < 8:
            # later blocks count interfaces, so nothing behind can be told apart
            raise self._error(at, "an interface description is too short: the file is damaged")
        if len(self._interfaces) >= _MAX_INTERFACES:
            raise self._error(at, f"more than {_MAX_INTERFACES} interfaces: the file is damaged")
        link, _, snaplen = self._interface(self._source.buffer, body)
        ticks, offset_s = 1e6, 0
        for code, value in self._options(at, body + 8, stop):
            if code == _IF_TSRESOL and len(value) == 1:
                exponent = value[0] & 0x7F
                ticks = 2.0**exponent if value[0] & 0x80 else 10.0**exponent
            elif code == _IF_TSOFFSET and len(value) == 8:
                offset_s = self._seconds(value)[0]
        self._interfaces.append(_Interface(link, snaplen, ticks, offset_s))

    def _options(self, at: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        buffer = self._source.buffer
        while stop - start >= 4:
            code, size = self._option(buffer, start)
            start += 4
            if code == _END_OF_OPTIONS:
                return
            if size > stop - start:
                self._pass_over(at, f"option {code} is longer than its block")
                return
            yield code, buffer[start : start + size]
            start += size + 3 & ~3

    def _add_secrets(self, at: int, body: int, stop: int) -> None:
        if stop - body < 8:
            self._pass_over(at, "a secrets block without room for its header")
            return
        kind, size = self._header(self._source.buffer, body)
        if size > stop - body - 8:
            self._pass_over(at, "secrets that are longer than their block")
        elif self._secret_bytes + size > _MAX_SECRETS:
            self._pass_over(at, f"more than {_MAX_SECRETS} bytes of secrets")
        elif kind == _TLS_KEY_LOG:
            self._secret_bytes += size
            self._capture.secrets.append(self._source.buffer[body + 8 : body + 8 + size])

    def _pass_over(self, at: int, what: str) -> Packet | None:
        self._capture.note(self._source.base + at, what)
        return None

    def _error(self, at: int, what: str) -> CaptureError:
        return self._source.error(self._source.base + at, what)
