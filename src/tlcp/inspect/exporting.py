"""Decrypted application data in files: all of each side, and the bodies of HTTP messages.

The names are numbers of ours, so no capture can choose one. No file is ever overwritten.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlcp.alerts import Text
from tlcp.errors import ConfigError
from tlcp.inspect.bodies import Body
from tlcp.inspect.http_view import Exchange, HTTPMessage, Side, read_http
from tlcp.inspect.model import SENDERS, Sender
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.verify import ZH_SIDES
from tlcp.reasons import reason_of

__all__ = ["DataExport"]

_MOST_OPEN = 128  # files at once: connections may be many
_MOST_TOLD = 20
_MOST_READ_AGAIN = 1 << 24  # bytes of a side
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_AGAIN = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
_MODE, _DIRECTORY_MODE = 0o600, 0o700
# how much larger than what was sent decoded bodies may be, all together: a bomb shall fill no disk
_FREE_GROWTH, _GROWTH = 1 << 26, 16


@dataclass(slots=True)
class _Count:
    connections: int = 0
    data_bytes: int = 0
    bodies: int = 0
    gaps: int = 0


@dataclass(eq=False)
class DataExport:
    """Writes files into a directory that is new or empty.

    ``conn-N.client.bin`` and ``conn-N.server.bin`` hold all data of a side of connection N as it is
    decrypted; ``conn-N.http-K.request.body`` and ``.response.body`` the decoded bodies of its K-th
    HTTP exchange, as far as the report has it.

    Args:
        directory: made if it is missing.

    Raises:
        ConfigError: it cannot be made, or there is something in it.
    """

    directory: Path
    _open: OrderedDict[tuple[str, Sender], int] = field(default_factory=OrderedDict, init=False)
    _begun: dict[str, set[Sender]] = field(default_factory=dict, init=False)
    _told: list[Text] = field(default_factory=list, init=False)
    _count: _Count = field(default_factory=_Count, init=False)
    _sent: int = field(default=0, init=False)
    _decoded: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Look at the directory before any work is done."""
        try:
            self.directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            used = any(self.directory.iterdir())
        except OSError as error:
            why = reason_of(error)
            raise ConfigError.told(
                Text(
                    f"cannot write into {self.directory}: {why.en}",
                    f"无法写入目录 {self.directory}：{why.zh}",
                )
            ) from error
        if used:
            raise ConfigError.told(
                Text(
                    f"{self.directory} is not empty, and nothing is overwritten: name a new "
                    "directory, or empty this one",
                    f"{self.directory} 不是空目录，文件不会被覆盖：请给出新的目录，或清空它",
                )
            )

    def writer(self, name: str) -> Callable[[Sender, bytes], None]:
        """What takes the data of the connection of that number as it is decrypted.

        Args:
            name: a number of ours.

        Raises:
            ValueError: it is none.
        """
        if not (name.isascii() and name.isdigit()):
            raise ValueError("connections are named by numbers here")
        return lambda sender, data: self._write(name, sender, data)

    def finish(self, report: ConnectionReport) -> None:
        """Close the files of a connection and write its HTTP bodies.

        Raises:
            ConfigError: a file cannot be written.
        """
        name = report.name
        begun = self._begun.pop(name, set())
        for sender in begun:
            handle = self._open.pop((name, sender), None)
            if handle is not None:
                os.close(handle)
        if not report.dissection.is_tlcp:
            return
        self._count.connections += bool(begun)
        for number, exchange in enumerate(self._exchanges(report), 1):
            self._body(f"conn-{name}.http-{number}.request", exchange.request)
            self._body(f"conn-{name}.http-{number}.response", exchange.response)
        self._account(report)

    def _exchanges(self, report: ConnectionReport) -> Sequence[Exchange]:
        """From the report; where it did not keep all, from the files that were just written."""
        data = report.application()
        sizes = report.dissection.data_bytes
        if not any(data.left_out.values()) or max(sizes.values()) > _MOST_READ_AGAIN:
            return data.exchanges
        if any(data.closed.values()) or any(
            hole is not None for hole in report.dissection.first_hole.values()
        ):
            return data.exchanges  # the files do not show where something is missing
        client, server = (self._read_again(report, sender) for sender in SENDERS)
        return read_http(client, server).exchanges

    def _read_again(self, report: ConnectionReport, sender: Sender) -> Side:
        ended = report.dissection.ended[sender] != "unknown"
        if not report.dissection.data_bytes[sender]:
            return Side(b"", ended)
        path = self._path(report.name, sender)
        try:
            return Side(path.read_bytes(), ended)
        except OSError as error:
            why = reason_of(error)
            raise ConfigError.told(
                Text(f"cannot read {path}: {why.en}", f"无法读取 {path}：{why.zh}")
            ) from error

    def close(self) -> None:
        """Close all files; for an end in the middle."""
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()

    def summary(self) -> list[Text]:
        """What was written, and what of the data was not."""
        count, where = self._count, self.directory
        told = [
            Text(
                f"exported to {where}: {count.data_bytes} bytes of application data of "
                f"{count.connections} connections, and {count.bodies} HTTP bodies",
                f"已导出到 {where}：{count.connections} 个连接的应用数据共 {count.data_bytes} "
                f"字节，HTTP 正文 {count.bodies} 个",
            ),
            *self._told,
        ]
        if (more := count.gaps - len(self._told)) > 0:
            told.append(
                Text(
                    f"and {more} more that were not exported as a whole",
                    f"另有 {more} 项未能完整导出",
                )
            )
        return told

    def _write(self, name: str, sender: Sender, data: bytes) -> None:
        if not data:
            return
        path = self._path(name, sender)
        try:
            handle = self._handle(name, sender, path)
            _write_all(handle, data)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._count.data_bytes += len(data)

    def _path(self, name: str, sender: Sender) -> Path:
        return self.directory / f"conn-{name}.{sender}.bin"

    def _handle(self, name: str, sender: Sender, path: Path) -> int:
        key = name, sender
        handle = self._open.get(key)
        if handle is not None:
            self._open.move_to_end(key)
            return handle
        if len(self._open) >= _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        begun = self._begun.setdefault(name, set())
        handle = os.open(path, _AGAIN if sender in begun else _NEW, _MODE)
        begun.add(sender)
        self._open[key] = handle
        return handle

    def _body(self, stem: str, message: HTTPMessage | None) -> None:
        if message is None or message.body is None:
            return
        body = message.body
        self._sent += len(body.sent)
        ending, data = self._form(body)
        path = self.directory / f"{stem}.{ending}"
        try:
            handle = os.open(path, _NEW, _MODE)
            try:
                _write_all(handle, data)
            finally:
                os.close(handle)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._count.bodies += 1
        if not message.complete or ending != "body":
            self._tell(
                Text(
                    f"{path.name} is not the whole body"
                    if not message.complete
                    else f"{path.name} is as it was sent, not decoded",
                    f"{path.name} 不是完整的正文"
                    if not message.complete
                    else f"{path.name} 按原样保存，未解码",
                )
            )

    def _form(self, body: Body) -> tuple[str, bytes]:
        """Decoded, unless that is not the whole of it or too much."""
        if body.problem is None:
            grown = self._decoded + len(body.data)
            if grown <= _FREE_GROWTH + _GROWTH * self._sent:
                self._decoded = grown
                return "body", body.data
        return "encoded-body", body.sent

    def _account(self, report: ConnectionReport) -> None:
        """Say what is missing of a connection."""
        found, name = report.dissection, report.name
        if not report.decrypted:
            why = report.view.decryptor.why_not()
            if any(record.protected for record in found.records):
                what = Text(
                    f"connection {name}: nothing was decrypted: {why.en}",
                    f"连接 {name}：未能解密：{why.zh}",
                )
                self._tell(what)
            return
        for sender in SENDERS:
            zh = ZH_SIDES[sender]
            if count := found.records_failed[sender]:
                what = Text(
                    f"connection {name}: {count} records of the {sender} fail their integrity "
                    "check and were not decrypted",
                    f"连接 {name}：{zh}有 {count} 条记录完整性校验失败，未能解密",
                )
                self._tell(what)
            if found.first_hole[sender] is not None:
                what = Text(
                    f"connection {name}: bytes of the {sender} are missing in the capture, and so "
                    "in its file",
                    f"连接 {name}：抓包缺少{zh}的部分字节，导出文件中也没有",
                )
                self._tell(what)

    def _tell(self, text: Text) -> None:
        self._count.gaps += 1
        if len(self._told) < _MOST_TOLD:
            self._told.append(text)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _unwritable(path: Path, error: OSError) -> ConfigError:
    why = reason_of(error)
    return ConfigError.told(Text(f"cannot write {path}: {why.en}", f"无法写入 {path}：{why.zh}"))
