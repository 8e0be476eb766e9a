"""``tlcp inspect --pcapng``: the capture again, with the keys that were found inside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, cast

from tlcp.alerts import Text
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.sources import Progress
from tlcp.inspect.wireshark import command
from tlcp.inspect.writing import add_secrets, replacing

__all__ = ["PcapngOut"]

_SPOOL_BYTES = 1 << 24  # of standard input kept in memory; more goes to a file without a name


class PcapngOut:
    """Collects keys while a capture is read, then writes it with them.

    The keys are those of the connections that were decrypted, however that was; the rest of a key
    log stays out. They must come before the packets, so the capture is read twice; what comes
    from standard input is kept until then.

    Args:
        path: what to write.
        source: the capture, None = standard input.
    """

    def __init__(self, path: Path, source: Path | None) -> None:
        self._path, self._source = path, source
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115
        self._lines: dict[str, None] = {}
        self._ports = set[int]()

    def spooled(self, stream: BinaryIO) -> BinaryIO:
        """A stream that gives the same and keeps it."""
        return cast("BinaryIO", _Kept(stream, self._spool))

    def note(self, report: ConnectionReport) -> None:
        """Take the key of a connection."""
        for address in report.addresses.values():
            port = address.rpartition(":")[2]
            self._ports.update([int(port)] if port.isdigit() else [])
        if (known := report.dangerous_secrets()) is not None:
            self._lines[known["key_log_line"]] = None

    def write(self, progress: Progress | None = None) -> Text:
        """Write the file, and say what it is.

        Raises:
            ConfigError, CaptureError, OSError: reading or writing failed.
        """
        source: Path | BinaryIO
        if self._source is None:
            self._spool.seek(0)
            source = cast("BinaryIO", self._spool)
        else:
            source = self._source
        with self._spool, replacing(self._path) as out:
            count = add_secrets(source, out, self._lines, progress)
        keys, show = len(self._lines), command(str(self._path), self._ports)
        connections = "1 connection" if keys == 1 else f"{keys} connections"
        return Text(
            f"wrote {count} packets and the keys of {connections} to {self._path}: whoever "
            f"has it can read them. To open it: {show}",
            f"已将 {count} 个数据包和 {keys} 个连接的密钥写入 {self._path}：得到该文件者即可解密。"
            f"打开：{show}",
        )


class _Kept:
    """A stream whose bytes go into the spool, too."""

    def __init__(self, stream: BinaryIO, spool: IO[bytes]) -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._spool = spool

    def read1(self, size: int = -1) -> bytes:
        data = self._read(size)
        self._spool.write(data)
        return data

    read = read1
