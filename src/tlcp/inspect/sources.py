"""The bytes of a capture, in pieces: from a path or a stream, gzip or not, with progress."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["CaptureError", "Progress", "Source"]

Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18  # bytes; larger pieces fall out of the processor's cache
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's way to say: gzip, with its checksum


class CaptureError(ValueError):
    """A capture is damaged, cut short, or none at all.

    Attributes:
        offset: the byte where reading ended; in a compressed file, counted after decompression.
        what: what is wrong there, one sentence.
        zh: the same in Chinese, or "" where there is no Chinese for it.
    """

    def __init__(self, offset: int, what: str, place: str = "byte", zh: str = "") -> None:
        super().__init__(f"{what} ({place} {offset})")
        self.offset = offset
        self.what = what
        self.zh = zh


class Source:
    """A window over the file: ``buffer`` holds its bytes from ``base`` on."""

    def __init__(self, file: Path | BinaryIO, progress: Progress | None = None) -> None:
        self._owned = isinstance(file, Path)
        self._file: BinaryIO = file.open("rb", buffering=0) if isinstance(file, Path) else file
        # a pipe gives what is there, so that a live capture is seen as it happens
        self._read: Callable[[int], bytes | None] = getattr(self._file, "read1", self._file.read)
        self._progress = progress
        self._total = _size(self._file)
        self._read_bytes = 0
        self._gunzip: _Gunzip | None = None
        self._failed: CaptureError | None = None
        self.buffer = b""
        self.base = 0
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        head = b""
        while len(head) < len(_GZIP_MAGIC) and (more := self._raw()):
            head += more
        if head.startswith(_GZIP_MAGIC):
            self._gunzip = _Gunzip()
            self._gunzip.feed(head)
        else:
            self.buffer = head

    @property
    def end(self) -> int:
        """The offset behind the last byte that was read."""
        return self.base + len(self.buffer)

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned:
            self._file.close()

    def peek(self, size: int) -> bytes:
        """Return the first bytes of the buffer, fewer at the end of the file."""
        self.fill(size)
        return self.buffer[:size]

    def rest(self, at: int) -> int:
        """Return how many bytes the buffer has from there on."""
        return len(self.buffer) - at

    def drop(self, at: int) -> int:
        """Forget the bytes before this place of the buffer; return its new place."""
        self.buffer = self.buffer[at:]
        self.base += at
        return 0

    def fill(self, size: int) -> bool:
        """Read until the buffer has so many bytes; False at the end of the file.

        Raises:
            CaptureError: the compressed data is damaged, and all before that has been read.
        """
        have = len(self.buffer)
        if have >= size:
            return True
        pieces = [self.buffer]
        while have < size:
            piece = self._next()
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        self.buffer = b"".join(pieces)
        if have < size and self._failed is not None:
            raise self._failed
        return have >= size

    def error(self, offset: int, what: str, zh: str = "") -> CaptureError:
        """Make the error about this place."""
        place = "byte" if self._gunzip is None else "after decompression, byte"
        return CaptureError(offset, what, place, zh)

    def _next(self) -> bytes:
        if self._gunzip is None:
            return self._raw()
        while self._failed is None:
            try:
                piece = self._gunzip.take()
            except zlib.error as error:
                self._fail(f"the compressed data is damaged: {error}")
                break
            if piece:
                return piece
            raw = self._raw()
            if not raw:
                if self._gunzip.unfinished:
                    self._fail("the compressed file is cut short")
                break
            self._gunzip.feed(raw)
        return b""

    def _fail(self, what: str) -> None:
        # told by fill(), once what came before has been read; the offset is that of the file
        self._failed = CaptureError(self._read_bytes, what, "before byte")

    def _raw(self) -> bytes:
        piece = self._read(_CHUNK) or b""
        self._read_bytes += len(piece)
        if self._progress is not None:
            self._progress(self._read_bytes, self._total)
        return piece


class _Gunzip:
    """Decompresses one piece at a time, so that little data cannot become much memory."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_WINDOW)
        self._waiting = b""
        self._error: zlib.error | None = None

    @property
    def unfinished(self) -> bool:
        return not self._zlib.eof

    def feed(self, raw: bytes) -> None:
        self._waiting += raw

    def take(self) -> bytes:
        """Return the next piece, or nothing if more of the file is needed.

        Raises:
            zlib.error: the data is damaged here, and all before has been returned.
        """
        if self._error is not None:
            raise self._error
        while self._waiting:
            if self._zlib.eof:
                # another member may follow; zeros are padding
                self._waiting = self._waiting.lstrip(b"\0")
                if not self._waiting:
                    break
                self._zlib = zlib.decompressobj(_GZIP_WINDOW)
            piece = self._step()
            self._waiting = self._zlib.unused_data or self._zlib.unconsumed_tail
            if piece:
                return piece
            if self._error is not None:
                raise self._error
        # a full output buffer can leave bytes inside, though all input is taken
        return b"" if self._zlib.eof else self._zlib.decompress(b"", _CHUNK)

    def _step(self) -> bytes:
        before = self._zlib.copy()
        try:
            return self._zlib.decompress(self._waiting, _CHUNK)
        except zlib.error as error:
            return self._up_to_the_damage(before, error)

    def _up_to_the_damage(self, state: zlib._Decompress, error: zlib.error) -> bytes:
        """Read byte by byte what a larger step would throw away; the next call raises."""
        pieces = []
        try:
            for byte in memoryview(self._waiting):
                pieces.append(state.decompress(bytes((byte,))))
        except zlib.error:
            self._error = error
        self._zlib = zlib.decompressobj(_GZIP_WINDOW)
        return b"".join(pieces)


def _size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except (OSError, AttributeError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
