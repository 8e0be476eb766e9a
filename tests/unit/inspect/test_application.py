"""Decrypted data as HTTP, and the rest as it lies, whatever came."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlcp.inspect.application import ApplicationData, application_data
from tlcp.inspect.application_text import application_lines
from tlcp.inspect.bodies import MOST_DECODED, body_of
from tlcp.inspect.http_view import Exchange, HTTPMessage, HTTPView, Side, read_http
from tlcp.inspect.model import Dissection, Message, Part, Record, Sender

OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def view(client: bytes, server: bytes, *, ended: bool = True) -> HTTPView:
    return read_http(Side(client, ended), Side(server, ended))


def one(client: bytes, server: bytes, *, ended: bool = True) -> Exchange:
    found = view(client, server, ended=ended)
    (exchange,) = found.exchanges
    return exchange


def answer(server: bytes, *, client: bytes = GET, ended: bool = True) -> HTTPMessage:
    response = one(client, server, ended=ended).response
    assert response is not None
    return response


def body(message: HTTPMessage) -> bytes:
    return b"" if message.body is None else message.body.data


def test_a_request_and_its_response() -> None:
    exchange = one(
        b"POST /p?q HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"Content-Length: 5\r\n\r\nhello",
    )
    assert exchange.request is not None
    assert exchange.request.start_line == "POST /p?q HTTP/1.1"
    assert exchange.request.headers[1:3] == (("X-Two", "1"), ("x-two", "2"))
    assert body(exchange.request) == b"body"
    assert exchange.response is not None
    assert (exchange.response.start, exchange.response.end) == (0, 43)
    assert (body(exchange.response), exchange.response.complete) == (b"hello", True)


@pytest.mark.parametrize(
    "server",
    [
        OK + b"Content-Length: 5\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        OK + b"\r\nhello",  # until it closes
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello",
    ],
)
def test_bodies_however_they_are_framed(server: bytes) -> None:
    response = answer(server)
    assert (body(response), response.complete) == (b"hello", True)
    assert response.end == len(server)


def test_trailers_are_there() -> None:
    response = answer(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nSum: 1\r\n\r\n")
    assert response.trailers == (("Sum", "1"),)


def test_pipelined_requests_get_their_own_answers() -> None:
    count = 100
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(count))
    answers = b"".join(OK + b"Content-Length: 3\r\n\r\n%03d" % i for i in range(count))
    found = view(requests, answers)
    assert found.why is None
    for i, exchange in enumerate(found.exchanges):
        assert exchange.request is not None
        assert exchange.response is not None
        assert exchange.request.start_line == f"GET /{i} HTTP/1.1"
        assert body(exchange.response) == b"%03d" % i
    assert len(found.exchanges) == count


@pytest.mark.parametrize(
    ("request_line", "status"), [(b"HEAD", b"200 OK"), (b"GET", b"204 No"), (b"GET", b"304 Not")]
)
def test_answers_that_have_no_body(request_line: bytes, status: bytes) -> None:
    client = request_line + b" / HTTP/1.1\r\nHost: a\r\n\r\n" + GET
    server = b"HTTP/1.1 " + status + b"\r\nContent-Length: 99\r\n\r\n" + OK + b"\r\nx"
    first, second = view(client, server).exchanges
    assert first.response is not None
    assert first.response.body is None
    assert first.response.complete
    assert second.response is not None
    assert body(second.response) == b"x"


def test_interim_responses_come_before_the_final_one() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
    exchange = one(GET, interim + OK + b"Content-Length: 1\r\n\r\nx")
    assert [m.start_line[9:12] for m in exchange.interim] == ["100", "103"]
    assert exchange.response is not None
    assert body(exchange.response) == b"x"


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (
            b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        ),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 Connected\r\n\r\n"),
    ],
)
def test_behind_upgrade_and_connect_nothing_is_taken_for_http(client: bytes, server: bytes) -> None:
    found = view(client + GET, server + OK + b"\r\nx")
    (exchange,) = found.exchanges
    assert exchange.response is not None
    assert exchange.response.complete
    assert (found.client_end, found.server_end) == (len(client), len(server))
    assert found.why is not None
    assert "leaves HTTP" in found.why.en


def test_an_upgrade_that_is_refused_changes_nothing() -> None:
    client = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    found = view(client + GET, 2 * (OK + b"Content-Length: 1\r\n\r\nx"))
    assert len(found.exchanges) == 2
    assert found.why is None


@pytest.mark.parametrize(
    "server",
    [
        OK + b"Content-Length: 9\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_a_body_that_is_cut_is_shown_and_said_so(server: bytes, ended: bool) -> None:
    response = answer(server, ended=ended)
    assert (body(response), response.complete) == (b"hello", False)


def test_a_body_that_is_none_is_left_to_the_hex_dump() -> None:
    server = OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello"
    found = view(GET, server)
    assert found.exchanges[0].response is not None
    assert not found.exchanges[0].response.complete
    assert server[found.server_end :] == b"zz\r\nhello"
    assert found.why is not None


def test_the_answer_is_shown_although_the_request_is_cut() -> None:
    exchange = one(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab", OK + b"\r\nno")
    assert exchange.response is not None
    assert body(exchange.response) == b"no"


def test_an_answer_alone_is_read() -> None:
    assert one(b"", OK + b"Content-Length: 1\r\n\r\nx").request is None


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"hello", b"world"),
        (b"", b""),
        (b"GET / HTTP/0.9\r\n", b"x"),
        (b"GET\r\n\r\n", b""),
        (b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n"),
    ],
)
def test_what_is_no_http_is_left_alone(client: bytes, server: bytes) -> None:
    assert view(client, server) == HTTPView()


def test_http_2_is_named() -> None:
    found = view(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\4\0\0\0\0\0")
    assert found.why is not None
    assert "HTTP/2" in found.why.en


# ---- bodies ------------------------------------------------------------------------------

TEXT = "国密 TLCP\n" * 50


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("", bytes),
        ("identity", bytes),
    ],
)
def test_codings_are_undone(coding: str, encode: object) -> None:
    sent = encode(TEXT.encode())  # type: ignore[operator]
    assert body_of(sent, coding, "text/html; charset=utf-8").text == TEXT


@pytest.mark.parametrize("charset", ["utf-8", "GB2312", "gbk", '"gb18030"', "UTF-16"])
def test_text_in_its_charset(charset: str) -> None:
    data = TEXT.encode(charset.strip('"'))
    assert body_of(data, "", f"text/plain; charset={charset}").text == TEXT


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "rot13", "x" * 5000])
def test_no_other_codec_is_run(charset: str) -> None:
    assert body_of(b"text", "", f"text/plain; charset={charset}").text is None


def test_what_is_no_text_has_none() -> None:
    assert body_of(b"\x89PNG\x0d\x0a\x1a\x0a\0\0", "", "image/png").text is None
    assert body_of(b"\x1b[31mred", "", "text/plain").text is None


def test_a_bomb_does_not_grow() -> None:
    bomb = gzip.compress(bytes(20 << 20))
    tracemalloc.start()
    try:
        found = body_of(bomb, "gzip", "text/plain")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.data) == MOST_DECODED
    assert found.problem is not None
    assert peak < 6 * MOST_DECODED


def test_damage_is_said() -> None:
    good = gzip.compress(b"hello" * 100)
    for sent in (b"no gzip", good[:-9], good + b"more", good[:20] + b"\xff" * 9):
        assert body_of(sent, "gzip", "text/plain").problem is not None
    assert body_of(good[:-9], "gzip", "text/plain", cut=True).problem is None
    assert body_of(b"x", "br", "text/plain").problem is not None


# ---- the whole ---------------------------------------------------------------------------


def heard(*said: tuple[Sender, bytes]) -> Dissection:
    """A connection in which this was said, a record for each."""
    found = Dissection(is_tlcp=True, ended={"client": "fin", "server": "fin"})
    for number, (sender, data) in enumerate(said):
        record = Record(number, sender, 0.0, 23, 0x0101, len(data), 0, b"", plaintext=data)
        part = Part(number, 0, len(data))
        record.messages.append(Message(sender, 0.0, 23, data, True, (part,), size=len(data)))
        found.records.append(record)
        found.data_bytes[sender] += len(data)
    return found


def split(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def joined(found: ApplicationData, sender: Sender) -> bytes:
    return b"".join(b.data for b in found.blocks if b.sender == sender)


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
def test_http_split_over_records(size: int) -> None:
    server = OK + b"Content-Length: 5\r\n\r\nhello"
    said: list[tuple[Sender, bytes]] = [("client", part) for part in split(GET, size)]
    said += [("server", part) for part in split(server + b"more", size)]
    found = application_data(heard(*said))
    assert len(found.exchanges) == 1
    assert joined(found, "server") == b"more"
    assert found.blocks[0].offset == len(server)
    assert found.why is not None


def test_other_data_comes_in_its_order() -> None:
    found = application_data(
        heard(("client", b"a"), ("client", b"b"), ("server", b"c"), ("client", b"d"))
    )
    assert [tuple(b) for b in found.blocks] == [
        ("client", 0, b"ab"),
        ("server", 0, b"c"),
        ("client", 2, b"d"),
    ]
    assert found.why is None


def test_a_record_that_stayed_closed_ends_http() -> None:
    dissection = heard(("client", GET[:9]), ("client", b"??"), ("client", GET[9:]))
    closed = dissection.records[1].messages[0]
    closed.opened, closed.data = False, b""
    found = application_data(dissection)
    assert not found.exchanges
    assert found.closed["client"] == 1
    assert joined(found, "client") == GET


def parts_of_http() -> st.SearchStrategy[bytes]:
    return st.lists(
        st.sampled_from(
            [
                GET,
                OK,
                b"HEAD / HTTP/1.1\r\n",
                b"POST / HTTP/1.0\r\n",
                b"CONNECT a:1 HTTP/1.1\r\n",
                b"HTTP/1.1 100 C\r\n\r\n",
                b"HTTP/1.1 101 S\r\n\r\n",
                b"Content-Length: 5\r\n",
                b"Content-Length: " + b"9" * 19 + b"\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Encoding: gzip\r\n",
                b"Content-Type: text/plain; charset=utf-16\r\n",
                b" folded\r\n",
                b"\r\n",
                b"5\r\nhello\r\n",
                b"0\r\n",
                b"fffffffffffffffffff\r\n",
                gzip.compress(b"x"),
                b"\x1b[2J\0\xff",
            ]
        )
        | st.binary(max_size=12),
        max_size=12,
    ).map(b"".join)


@given(parts_of_http(), parts_of_http(), st.booleans(), st.booleans(), st.integers(1, 60))
@settings(deadline=None, max_examples=150)
def test_every_byte_is_in_an_exchange_or_in_a_block(
    client: bytes, server: bytes, client_ended: bool, server_ended: bool, size: int
) -> None:
    said: list[tuple[Sender, bytes]] = [("client", part) for part in split(client, size)]
    said += [("server", part) for part in split(server, size)]
    random.Random(size).shuffle(said)  # noqa: S311 (an order to test with)
    dissection = heard(*said)
    streams: dict[Sender, bytes] = {
        side: b"".join(data for who, data in said if who == side) for side in ("client", "server")
    }
    dissection.ended = {
        "client": "fin" if client_ended else "unknown",
        "server": "fin" if server_ended else "unknown",
    }
    found = application_data(dissection)
    for lang in ("en", "zh"):
        list(application_lines(found, lang))
    found.as_dict()
    for side, sent in streams.items():
        at = 0
        for exchange in found.exchanges:
            mine = [exchange.request] if side == "client" else []
            mine += [*exchange.interim, exchange.response] if side == "server" else []
            for message in mine:
                if message is not None:
                    assert message.start == at
                    at = message.end
        assert joined(found, side) == sent[at:]
