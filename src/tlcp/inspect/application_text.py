"""Application data as plain text: HTTP as it is read, other bytes as a hex dump."""

from __future__ import annotations

from collections.abc import Iterator

from tlcp.alerts import Text
from tlcp.inspect.application import ApplicationData, Block
from tlcp.inspect.bodies import Body
from tlcp.inspect.http_view import Exchange, Headers, HTTPMessage
from tlcp.inspect.model import SENDERS, Sender
from tlcp.inspect.steps import Lang
from tlcp.inspect.verify import ZH_SIDES

__all__ = ["application_lines"]

_ROW = 16  # bytes in a row of a hex dump
_MOST_EXCHANGES, _MOST_BLOCKS, _MOST_HEADERS = 20, 20, 100
_MOST_LINES, _MOST_CHARACTERS = 40, 2000  # of one body
_MOST_WIDTH = 500  # characters of one line
_MOST_DUMPED = 256  # bytes of one dump
_DETAILED = 100  # so many times as much with details
_ARROWS: dict[Sender, str] = {"client": "-->", "server": "<--"}


def application_lines(
    data: ApplicationData, lang: Lang = "en", *, details: bool = False
) -> Iterator[str]:
    """What both sides said, for a reader; may hold what a terminal obeys.

    Args:
        data: what was decrypted.
        lang: "en" or "zh".
        details: show much more of it; all of it is never shown.
    """
    if data:
        yield from _Writer(lang, _DETAILED if details else 1).all(data)


class _Writer:
    def __init__(self, lang: Lang, times: int) -> None:
        self._lang, self._times = lang, times

    def _say(self, en: str, zh: str) -> str:
        return zh if self._lang == "zh" else en

    def _pick(self, text: Text) -> str:
        return self._say(text.en, text.zh)

    def _side(self, sender: Sender) -> str:
        return self._say(sender, ZH_SIDES[sender])

    def all(self, data: ApplicationData) -> Iterator[str]:
        """Everything, within bounds."""
        yield ""
        yield self._say("Application data", "应用数据")
        most = _MOST_EXCHANGES * self._times
        for exchange in data.exchanges[:most]:
            yield from self._exchange(exchange)
        if (more := len(data.exchanges) - most) > 0:
            yield self._say(f"  ({more} more exchanges)", f"  （另有 {more} 次交互）")
        if data.blocks and data.why is not None:
            yield f"  {self._pick(data.why)}"
        most = _MOST_BLOCKS * self._times
        for block in data.blocks[:most]:
            yield from self._block(block)
        if (more := len(data.blocks) - most) > 0:
            yield self._say(f"  ({more} more blocks)", f"  （另有 {more} 段数据）")
        for sender in SENDERS:
            if count := data.closed[sender]:
                yield self._say(
                    f"  {count} records of the {sender} were not decrypted",
                    f"  {ZH_SIDES[sender]}有 {count} 条记录未能解密",
                )
            if count := data.left_out[sender]:
                yield self._say(
                    f"  {count} bytes of the {sender} are too much to show here",
                    f"  {ZH_SIDES[sender]}另有 {count} 字节过多，未在此显示",
                )

    def _exchange(self, exchange: Exchange) -> Iterator[str]:
        if exchange.request is not None:
            yield from self._message("client", exchange.request)
        for one in exchange.interim:
            yield from self._message("server", one)
        if exchange.response is not None:
            yield from self._message("server", exchange.response)

    def _message(self, sender: Sender, message: HTTPMessage) -> Iterator[str]:
        yield f"  {_ARROWS[sender]} {_cut(message.start_line)}"
        yield from self._headers(message.headers)
        if message.body is not None:
            yield from self._body(message.body)
        yield from self._headers(message.trailers)
        if not message.complete:
            yield self._say("      (its end is missing)", "      （缺少结尾）")

    def _headers(self, headers: Headers) -> Iterator[str]:
        for name, value in headers[:_MOST_HEADERS]:
            yield f"      {_cut(f'{name}: {value}')}"
        if (more := len(headers) - _MOST_HEADERS) > 0:
            yield self._say(f"      ({more} more)", f"      （另有 {more} 行）")

    def _body(self, body: Body) -> Iterator[str]:
        yield ""
        if body.problem is not None:
            yield f"      ({self._pick(body.problem)})"
        if body.text is None:
            yield from self._dump(body.data, 0)
            return
        shown = body.text[: _MOST_CHARACTERS * self._times]
        rows = shown.splitlines()
        for row in rows[: _MOST_LINES * self._times]:
            yield f"      {_cut(row)}"
        if len(shown) < len(body.text) or len(rows) > _MOST_LINES * self._times:
            size = len(body.data)
            yield self._say(f"      ... ({size} bytes in all)", f"      ...（共 {size} 字节）")

    def _block(self, block: Block) -> Iterator[str]:
        size, side = len(block.data), self._side(block.sender)
        yield f"  {_ARROWS[block.sender]} " + self._say(
            f"{size} bytes of the {side} at {block.offset}",
            f"{side}第 {block.offset} 字节起 {size} 字节",
        )
        yield from self._dump(block.data, block.offset)

    def _dump(self, data: bytes, offset: int) -> Iterator[str]:
        most = _MOST_DUMPED * self._times
        for at in range(0, min(len(data), most), _ROW):
            row = data[at : min(at + _ROW, most)]
            left, right = row[:8].hex(" "), row[8:].hex(" ")
            shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
            yield f"      {offset + at:08x}  {left:<23}  {right:<23}  |{shown}|"
        if (more := len(data) - most) > 0:
            yield self._say(f"      ... (+{more} bytes)", f"      ...（另有 {more} 字节）")


def _cut(line: str) -> str:
    return line if len(line) <= _MOST_WIDTH else line[:_MOST_WIDTH] + "..."
