"""Decrypted bytes of both sides as HTTP/1 exchanges, as far as they are that.

``h11`` reads them; here it is told what the other side did, which no listener can know: so a
response to HEAD has no body, and after CONNECT or an upgrade no HTTP follows.

Spec: RFC 9112; RFC 9110 7.8, 9.3.6
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import h11

from tlcp.alerts import Text
from tlcp.explain.values import safe_text
from tlcp.inspect.bodies import MOST_DECODED, Body, body_of

__all__ = ["Exchange", "HTTPMessage", "HTTPView", "Side", "read_http"]

_MOST_EXCHANGES = 1000  # in one connection
_MOST_PIECES = 20_000  # of bodies, chunks above all
_MOST_DECODED_IN_ALL = 1 << 22  # bytes of bodies of one connection: bombs come in numbers
_MOST_HEAD = 1 << 16  # bytes of a start line with its headers
_MOST_INTERIM = 16  # responses before the final one
_STEP = 4096  # bytes given to h11 at a time: what it has left over is copied
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [^\s\x00]{1,65536} HTTP/1\.[01]\r?\n")
_RESPONSE = re.compile(rb"HTTP/1\.[01] [0-9]{3}[ \r\n]")
_HTTP_2 = b"PRI * HTTP/2.0"
_REASON_CHARACTERS = 120
_SWITCHING = 101

Headers = tuple[tuple[str, str], ...]
_WithHeaders = h11.Request | h11.Response | h11.InformationalResponse | h11.EndOfMessage


class Side(NamedTuple):
    """What one side sent.

    Attributes:
        data: its bytes up to the first hole.
        ended: whether that is all that it sent.
    """

    data: bytes
    ended: bool


@dataclass(frozen=True, slots=True)
class HTTPMessage:
    """One request or response.

    Attributes:
        start: where it begins in what its side sent, in bytes.
        end: where it ends.
        start_line: as text.
        headers: names as they were written, and values; text of one byte per character.
        body: None if it has none.
        trailers: likewise, behind a chunked body.
        complete: whether its end was seen.
    """

    start: int
    end: int
    start_line: str
    headers: Headers
    body: Body | None
    trailers: Headers
    complete: bool


@dataclass(slots=True)
class Exchange:
    """A request and what answered it.

    Attributes:
        request: None if it was not seen.
        interim: responses 1xx.
        response: None if it was not seen.
    """

    request: HTTPMessage | None = None
    interim: list[HTTPMessage] = field(default_factory=list)
    response: HTTPMessage | None = None


@dataclass(slots=True)
class HTTPView:
    """What of both streams is HTTP.

    Attributes:
        exchanges: in order.
        client_end: up to where the client's bytes are in them.
        server_end: likewise.
        why: why it is no HTTP from there on, None if nothing is left or nothing ever was HTTP.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    client_end: int = 0
    server_end: int = 0
    why: Text | None = None


def read_http(client: Side, server: Side) -> HTTPView:
    """Read both streams as exchanges, up to where they are HTTP/1 no longer; never raises."""
    view = HTTPView()
    reader = _Reader(view, _Stream(client), _Stream(server))
    if client.data.startswith(_HTTP_2):
        view.why = _IS_HTTP_2
    elif _REQUEST.match(client.data) or (not client.data and _RESPONSE.match(server.data)):
        reader.run()
    return view


class _Stop(Exception):
    """It is HTTP no longer."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


class _Stream:
    """The bytes of a side, handed to h11 in small steps."""

    def __init__(self, side: Side) -> None:
        self.data, self.ended = side
        self.start = 0  # of the next message
        self.said_end = False
        self._given = 0

    @property
    def rest(self) -> int:
        return len(self.data) - self.start

    def begin(self) -> None:
        self._given = self.start

    def give(self, connection: h11.Connection) -> bool:
        """Hand on the next bytes, or the end; False if neither is there."""
        piece = self.data[self._given : self._given + _STEP]
        if not piece and (self.said_end or not self.ended):
            return False
        self.said_end = not piece
        self._given += len(piece)
        connection.receive_data(piece)
        return True

    def at(self, connection: h11.Connection) -> int:
        """Where the bytes begin that h11 has not taken."""
        return self._given - len(connection.trailing_data[0])


class _Reader:
    def __init__(self, view: HTTPView, client: _Stream, server: _Stream) -> None:
        self._view, self._client, self._server = view, client, server
        self._pieces, self._may_decode = 0, _MOST_DECODED_IN_ALL

    def run(self) -> None:
        """Read exchange after exchange."""
        view = self._view
        try:
            while self._client.rest or self._server.rest:
                if len(view.exchanges) >= _MOST_EXCHANGES:
                    raise _Stop(_TOO_MANY)
                view.exchanges.append(Exchange())
                self._exchange(view.exchanges[-1])
        except _Stop as stop:
            view.why = stop.why
        except (h11.ProtocolError, ValueError) as error:
            view.why = _refused(error)
        if view.exchanges and view.exchanges[-1] == Exchange():
            view.exchanges.pop()
        view.client_end, view.server_end = self._client.start, self._server.start

    def _exchange(self, exchange: Exchange) -> None:
        method, problem, switched = b"GET", None, False
        if self._client.rest:
            method, problem = self._request(exchange)
        if self._server.rest:
            switched = self._respond(exchange, method)
        if problem is not None:
            raise problem
        if switched and (self._client.rest or self._server.rest):
            raise _Stop(_SWITCHED)

    def _request(self, exchange: Exchange) -> tuple[bytes, Exception | None]:
        """Read a request; what is wrong with its body shall not hide the response."""
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
        self._client.begin()
        events = self._events(connection, self._client)
        first = next(events, None)
        if not isinstance(first, h11.Request):
            raise _Stop(_CUT)
        line = b"%b %b HTTP/%b" % (first.method, first.target, first.http_version)
        exchange.request, problem = self._message(line, first, connection, self._client, events)
        return first.method, problem

    def _respond(self, exchange: Exchange, method: bytes) -> bool:
        """Read the responses; whether something else than HTTP follows."""
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD)
        # an upgrade is offered in any case: whether it was, is not what is asked here
        headers = [("host", "-"), ("connection", "upgrade"), ("upgrade", "-")]
        connection.send(h11.Request(method=method, target=b"/", headers=headers))
        connection.send(h11.EndOfMessage())
        stream = self._server
        stream.begin()
        events = self._events(connection, stream)
        for event in events:
            if not isinstance(event, (h11.Response, h11.InformationalResponse)):
                break
            line = b"HTTP/%b %d %b" % (event.http_version, event.status_code, event.reason)
            if isinstance(event, h11.Response):
                tunnel = method == b"CONNECT" and 200 <= event.status_code < 300
                body = iter([h11.EndOfMessage()]) if tunnel else events
                made, problem = self._message(line, event, connection, stream, body)
                exchange.response = made
                if problem is not None:
                    raise problem
                return tunnel
            start, stream.start = stream.start, stream.at(connection)
            interim = HTTPMessage(start, stream.start, _line(line), _headers(event), None, (), True)
            if event.status_code == _SWITCHING:
                exchange.response = interim
                return True
            if len(exchange.interim) >= _MOST_INTERIM:
                raise _Stop(_TOO_MANY)
            exchange.interim.append(interim)
        raise _Stop(_CUT)

    def _message(
        self,
        line: bytes,
        first: h11.Request | h11.Response,
        connection: h11.Connection,
        stream: _Stream,
        events: Iterator[h11.Event],
    ) -> tuple[HTTPMessage, Exception | None]:
        """Read the body of a message whose head was read; if it is none, stay behind the head."""
        start, behind_head = stream.start, stream.at(connection)
        parts, trailers, complete = list[bytes](), Headers(), False
        problem: Exception | None = _Stop(_CUT)
        try:
            for event in events:
                if isinstance(event, h11.Data):
                    self._pieces += 1
                    if self._pieces > _MOST_PIECES:
                        raise _Stop(_TOO_MANY)
                    parts.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    trailers, complete, problem = _headers(event), True, None
                    break
        except (h11.ProtocolError, ValueError, _Stop) as error:
            if not stream.said_end:
                parts, problem = [], error
        if complete:
            stream.start = stream.at(connection)
        else:
            stream.start = len(stream.data) if parts else behind_head
        fields = _headers(first)
        body = self._body(parts, fields, cut=not complete)
        made = HTTPMessage(start, stream.start, _line(line), fields, body, trailers, complete)
        return made, problem

    def _body(self, parts: list[bytes], fields: Headers, *, cut: bool) -> Body | None:
        if not parts:
            return None
        named = {name.lower(): value for name, value in fields}
        coding, kind = named.get("content-encoding", ""), named.get("content-type", "")
        most = min(self._may_decode, MOST_DECODED)
        body = body_of(b"".join(parts), coding, kind, cut=cut, most=most)
        if body.coding:
            self._may_decode -= len(body.data)
        return body

    @staticmethod
    def _events(connection: h11.Connection, stream: _Stream) -> Iterator[h11.Event]:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if not stream.give(connection):
                    return
            elif isinstance(event, h11.ConnectionClosed) or not isinstance(event, h11.Event):
                return
            else:
                yield event


def _headers(event: _WithHeaders) -> Headers:
    pairs = event.headers.raw_items()
    return tuple((bytes(n).decode("latin-1"), bytes(v).decode("latin-1")) for n, v in pairs)


def _line(line: bytes) -> str:
    return line.decode("latin-1").rstrip()


def _refused(error: Exception) -> Text:
    what = safe_text(str(error))[:_REASON_CHARACTERS]
    return Text(f"from here on it is no HTTP: {what}", f"自此不再是 HTTP：{what}")


_IS_HTTP_2 = Text("this is HTTP/2, which is not taken apart", "这是 HTTP/2，不作解析")
_SWITCHED = Text("here it leaves HTTP (CONNECT or Upgrade)", "自此离开 HTTP（CONNECT 或 Upgrade）")
_CUT = Text("the HTTP message is not complete", "HTTP 消息不完整")
_TOO_MANY = Text("too many exchanges or pieces to show as HTTP", "HTTP 交互或分块过多，不再解析")
