"""The application data of a connection: HTTP exchanges, and every byte that is in none of them.

Offsets count the bytes of a side that were decrypted, so they are places in what ``--export-data``
writes, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tlcp.alerts import Text
from tlcp.inspect.http_view import Exchange, Headers, HTTPMessage, Side, read_http
from tlcp.inspect.model import SENDERS, Dissection, Message, Sender
from tlcp.registry import ContentType

__all__ = ["ApplicationData", "Block", "application_data"]


class Block(NamedTuple):
    """Bytes that one side sent in a row, not shown as HTTP.

    Attributes:
        sender: whose they are.
        offset: of the first one in what that side sent.
        data: the bytes.
    """

    sender: Sender
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """What both sides said under the protection of the connection.

    Attributes:
        exchanges: of HTTP.
        blocks: all other bytes, in the order they came.
        why: why these are not HTTP, None where nothing ever looked like it.
        closed: records of application data that were not decrypted, per side.
        left_out: decrypted bytes that were not kept, per side.
    """

    exchanges: tuple[Exchange, ...]
    blocks: tuple[Block, ...]
    why: Text | None
    closed: dict[Sender, int]
    left_out: dict[Sender, int]

    def __bool__(self) -> bool:
        """Whether anything of it can be shown."""
        return bool(self.exchanges or self.blocks)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "protocol": "HTTP/1" if self.exchanges else None,
            "exchanges": [_exchange(one) for one in self.exchanges],
            "blocks": [
                {"sender": b.sender, "offset": b.offset, "data": b.data.hex()} for b in self.blocks
            ],
            "why_not_http": _text(self.why),
            "records_not_decrypted": dict(self.closed),
            "bytes_left_out": dict(self.left_out),
        }


def application_data(dissection: Dissection) -> ApplicationData:
    """Collect what was decrypted and kept, and read it as HTTP as far as it is that."""
    found = [
        m for m in dissection.messages if m.content_type == ContentType.APPLICATION_DATA and m.size
    ]
    closed: dict[Sender, int] = {"client": 0, "server": 0}
    left_out: dict[Sender, int] = {"client": 0, "server": 0}
    for message in found:
        if not message.opened:
            closed[message.sender] += 1
        else:
            left_out[message.sender] += message.size - len(message.data)
    for sender in SENDERS:  # records over the limit have no message here
        seen = sum(m.size for m in found if m.opened and m.sender == sender)
        left_out[sender] += dissection.data_bytes[sender] - seen
    client, server = (_side(dissection, sender, found) for sender in SENDERS)
    view = read_http(client, server)
    ends: dict[Sender, int] = {"client": view.client_end, "server": view.server_end}
    blocks = tuple(_blocks(found, ends))
    why = view.why if blocks or not view.exchanges else None
    return ApplicationData(tuple(view.exchanges), blocks, why, closed, left_out)


def _side(dissection: Dissection, sender: Sender, found: list[Message]) -> Side:
    """The bytes of a side up to the first hole."""
    hole = dissection.first_hole[sender]
    parts = []
    whole = hole is None and not dissection.records_left_out and not dissection.messages_left_out
    for message in found:
        if message.sender != sender:
            continue
        if not message.opened or not message.data or _is_behind(message, hole):
            whole = False
            break
        parts.append(message.data)
    ended = whole and dissection.ended[sender] != "unknown"
    return Side(b"".join(parts), ended)


def _is_behind(message: Message, hole: int | None) -> bool:
    return hole is not None and message.parts[0].record > hole


def _blocks(found: list[Message], ends: dict[Sender, int]) -> Iterator[Block]:
    """The bytes behind the exchanges, those of one side in a row together."""
    offsets: dict[Sender, int] = {"client": 0, "server": 0}
    sender: Sender = "client"
    start = stop = 0
    parts: list[bytes] = []
    for message in found:
        if not message.opened:
            continue
        at = offsets[message.sender]
        offsets[message.sender] += message.size
        at, data = _behind(message, at, ends[message.sender])
        if not data:
            continue
        if parts and (message.sender, at) != (sender, stop):
            yield Block(sender, start, b"".join(parts))
            parts = []
        if not parts:
            sender, start = message.sender, at
        parts.append(data)
        stop = at + len(data)
    if parts:
        yield Block(sender, start, b"".join(parts))


def _behind(message: Message, at: int, end: int) -> tuple[int, bytes]:
    """What of a message at that offset lies behind the end of the exchanges."""
    shown = max(end - at, 0)
    return at + shown, message.data[shown:]


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "request": _message(exchange.request),
        "interim": [_message(one) for one in exchange.interim],
        "response": _message(exchange.response),
    }


def _message(message: HTTPMessage | None) -> dict[str, Any] | None:
    if message is None:
        return None
    body = message.body
    return {
        "start": message.start,
        "end": message.end,
        "start_line": message.start_line,
        "headers": _headers(message.headers),
        "body": None
        if body is None
        else {
            "sent_bytes": len(body.sent),
            "bytes": len(body.data),
            "coding": body.coding,
            "text": body.text,
            "data": None if body.text is not None else body.data.hex(),
            "problem": _text(body.problem),
        },
        "trailers": _headers(message.trailers),
        "complete": message.complete,
    }


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _text(text: Text | None) -> dict[str, str] | None:
    return {"en": text.en, "zh": text.zh} if text is not None else None
