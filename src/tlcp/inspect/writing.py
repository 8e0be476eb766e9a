"""Captures written as pcapng: packets of our own, or those of another capture with keys added.

A Decryption Secrets Block is of use to Wireshark only before the packets that need it.

Spec: draft-ietf-opsawg-pcapng 4.1, 4.2, 4.3, 4.7; draft-ietf-opsawg-pcap 4
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tlcp.alerts import Text
from tlcp.errors import ConfigError
from tlcp.inspect.captures import (
    BYTE_ORDERS,
    LINK_BITS,
    MAX_BLOCK,
    MAX_PACKET,
    PCAP_MAGIC,
    SECTION_MAGIC,
)
from tlcp.inspect.sources import CaptureError, Progress, Source
from tlcp.reasons import reason_of

__all__ = ["LINK_RAW", "PcapngWriter", "add_secrets", "create_private", "replacing"]

LINK_RAW = 101  # the IP header comes first
_SECTION, _INTERFACE, _STATISTICS, _ENHANCED, _SECRETS = 0x0A0D0D0A, 1, 5, 6, 10
_TLS_KEY_LOG = 0x544C534B
_IF_NAME, _IF_TSRESOL, _IF_FCSLEN, _APPLICATION, _ISB_DROPS = 2, 9, 13, 4, 5
_NANO = 10**9
_SECRETS_BYTES = 1 << 20  # in one block; Wireshark refuses blocks of 16 MiB
_FLUSH_BYTES = 1 << 20
_WHO = b"tlcp"


def create_private(path: str | os.PathLike[str]) -> BinaryIO:
    """Create a file that only its owner may read, or empty the one that is there.

    It is not opened through a symbolic link, which somebody else may have put there.

    Returns:
        The file, open for writing and without a buffer.

    Raises:
        ConfigError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if os.path.islink(path):
            raise _is_link(path)
        file = os.open(path, flags, 0o600)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                os.fchmod(file, 0o600)  # it may have been there, readable by others
                os.ftruncate(file, 0)
            return open(file, "wb", buffering=0)
        except BaseException:
            os.close(file)
            raise
    except ConfigError:  # an OSError, too, as ssl's errors are
        raise
    except OSError as error:
        raise _not_written(path, error) from error


@contextlib.contextmanager
def replacing(path: Path, mode: Callable[[], int] = lambda: 0o600) -> Iterator[BinaryIO]:
    """A file that takes its place when the block has ended well, whole, or else not at all.

    A device or a pipe is written as it is.

    Args:
        path: where it goes; no symbolic link, which somebody else may have put there.
        mode: of the file, asked for at the end.

    Raises:
        ConfigError: it cannot be written there.
        OSError: writing failed.
    """
    if path.exists() and not path.is_file():
        with io.BufferedWriter(create_private(path)) as out:
            yield out
        return
    if path.is_symlink():
        raise _is_link(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tlcp-", suffix=path.suffix)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        os.chmod(name, mode())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _is_link(path: str | os.PathLike[str]) -> ConfigError:
    return ConfigError.told(
        Text(
            f"{path} is a symbolic link: name the file that it leads to",
            f"{path} 是符号链接：请给出它所指向的文件",
        )
    )


def _not_written(path: str | os.PathLike[str], error: OSError) -> ConfigError:
    why = reason_of(error)
    return ConfigError.told(Text(f"cannot write {path}: {why.en}", f"无法写入 {path}：{why.zh}"))


class PcapngWriter:
    """Writes one section with one interface, in times of nanoseconds.

    Each call hands whole blocks to the file, so the file is valid whenever it ends.

    Args:
        file: without a buffer, or flushed by the caller.
        link: the LINKTYPE_ number of the packets.
        name: of the interface.
    """

    def __init__(self, file: BinaryIO, link: int = LINK_RAW, name: str = "") -> None:
        self._file = file
        header = _section("<") + _interface(link, 0, [(_IF_TSRESOL, b"\x09"), *_named(name)])
        self._write(header)

    def packet(self, time_ns: int, data: bytes, length: int | None = None) -> None:
        """Add a packet.

        Args:
            time_ns: since 1970.
            data: from the link layer's header on.
            length: how long it was, if not all of it is there.
        """
        self._write(_enhanced(time_ns, data, len(data) if length is None else length))

    def secrets(self, key_log: str) -> None:
        """Add lines of a key log, for the packets that follow."""
        self._write(b"".join(_secrets("<", [key_log])))

    def dropped(self, time_ns: int, count: int) -> None:
        """State how many packets were lost; the last block."""
        body = struct.pack("<III", 0, time_ns >> 32, time_ns & 0xFFFFFFFF)
        self._write(_block("<", _STATISTICS, body + _options([(_ISB_DROPS, _u64(count))])))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # a file without a buffer may take a part
            view = view[self._file.write(view) :]


def add_secrets(
    capture: Path | BinaryIO,
    out: BinaryIO,
    key_log: Iterable[str],
    progress: Progress | None = None,
) -> int:
    """Copy a capture with a key log before its first packet, as pcapng.

    The blocks of a pcapng file are copied as they are; the packets of a pcap file keep their link
    type and times. Memory is bounded by the largest packet. What is damaged or cut short ends the
    copy, as it ends reading.

    Args:
        capture: pcap or pcapng, or either in gzip.
        out: where the copy goes.
        key_log: lines ``CLIENT_RANDOM random master``.
        progress: as in ``open_capture``.

    Returns:
        How many packets were copied.

    Raises:
        CaptureError: ``capture`` is none.
        OSError: reading or writing failed.
    """
    source = Source(capture, progress)
    try:
        magic = source.peek(4)
        if magic in PCAP_MAGIC:
            if not source.fill(24):
                raise source.error(source.end, "the file is cut short inside its header")
            blocks = _from_pcap(source, key_log)
        elif magic == SECTION_MAGIC:
            blocks = _from_pcapng(source, key_log)
        else:
            raise source.error(0, "this is no capture: expected pcap or pcapng")
        return _copy(blocks, out)
    finally:
        source.close()


def _copy(blocks: Iterator[tuple[bool, bytes]], out: BinaryIO) -> int:
    count, waiting, size = 0, list[bytes](), 0
    try:
        for is_packet, block in blocks:
            count += is_packet
            waiting.append(block)
            size += len(block)
            if size >= _FLUSH_BYTES:
                out.write(b"".join(waiting))
                waiting, size = [], 0
    except CaptureError:  # whoever read it first has told
        pass
    out.write(b"".join(waiting))
    return count


def _from_pcap(source: Source, key_log: Iterable[str]) -> Iterator[tuple[bool, bytes]]:
    order, parts = PCAP_MAGIC[source.buffer[:4]]
    snaplen, word = struct.unpack_from(order + "II", source.buffer, 16)
    options = [(_IF_TSRESOL, b"\x09" if parts == _NANO else b"\x06")]
    if word >> 26 & 1:  # how long the frame check sequence is, in units of 16 bits
        options.append((_IF_FCSLEN, bytes([word >> 28 << 4])))
    yield False, _section("<") + b"".join(_secrets("<", key_log))
    yield False, _interface(word & LINK_BITS, snaplen, options)
    header = struct.Struct(order + "IIII").unpack_from
    at = 24
    while source.fill(at + 16):
        seconds, fraction, captured, length = header(source.buffer, at)
        if captured > MAX_PACKET or not source.fill(at + 16 + captured):
            return
        data = source.buffer[at + 16 : at + 16 + captured]
        yield True, _enhanced(seconds * parts + fraction, data, max(length, captured))
        at += 16 + captured
        if at >= _FLUSH_BYTES >> 2:
            at = source.drop(at)


def _from_pcapng(source: Source, key_log: Iterable[str]) -> Iterator[tuple[bool, bytes]]:
    order, at, first = "<", 0, True
    while source.fill(at + 12):
        is_section = source.buffer[at : at + 4] == SECTION_MAGIC
        if is_section:
            order = BYTE_ORDERS.get(source.buffer[at + 8 : at + 12], "")
            if not order:
                return
        kind, size = struct.unpack_from(order + "II", source.buffer, at)
        if size < 12 or size & 3 or size > MAX_BLOCK or not source.fill(at + size):
            return
        block = source.buffer[at : at + size]
        if block[-4:] != block[4:8]:
            return
        if is_section and first and size >= 28:
            # the length that the section may state does not count the secrets
            block = block[:16] + b"\xff" * 8 + block[24:]
            block += b"".join(_secrets(order, key_log))
            first = False
        yield kind in (2, 3, _ENHANCED), block
        at += size
        if at >= _FLUSH_BYTES >> 2:
            at = source.drop(at)


def _block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def _enhanced(ticks: int, data: bytes, length: int) -> bytes:
    captured = len(data)
    size = captured + 3 & ~3
    head = struct.pack(
        "<IIIIIII", _ENHANCED, size + 32, 0, ticks >> 32, ticks & 0xFFFFFFFF, captured, length
    )
    return b"".join((head, data, bytes(size - captured), head[4:8]))


def _section(order: str) -> bytes:
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(order, _SECTION, body + _options([(_APPLICATION, _WHO)]))


def _interface(link: int, snaplen: int, options: Iterable[tuple[int, bytes]]) -> bytes:
    body = struct.pack("<HHI", link & 0xFFFF, 0, snaplen)
    return _block("<", _INTERFACE, body + _options(options))


def _named(name: str) -> list[tuple[int, bytes]]:
    return [(_IF_NAME, name.encode("utf-8", "replace"))] if name else []


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(v)) + v + bytes(-len(v) % 4) for code, v in options]
    return b"".join(parts) + bytes(4)


def _u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def _secrets(order: str, key_log: Iterable[str]) -> Iterator[bytes]:
    """The blocks that hold these lines."""
    waiting, size = list[bytes](), 0
    for line in key_log:
        text = line.strip().encode("ascii", "replace") + b"\n"
        if size + len(text) > _SECRETS_BYTES:
            yield _secrets_block(order, b"".join(waiting))
            waiting, size = [], 0
        waiting.append(text)
        size += len(text)
    if waiting:
        yield _secrets_block(order, b"".join(waiting))


def _secrets_block(order: str, text: bytes) -> bytes:
    head = struct.pack(order + "II", _TLS_KEY_LOG, len(text))
    return _block(order, _SECRETS, head + text + bytes(-len(text) % 4))
