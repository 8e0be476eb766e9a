"""Handshakes of TASSL, Tongsuo and GmSSL are told without a gap, as far as they are in clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pcap import Stream, read_streams
from tlcp.events import TracedMessage
from tlcp.explain import Narrator, Told
from tlcp.registry import ContentType

CAPTURES = Path(__file__).parents[2] / "vectors" / "captures"
CONNECTIONS = [
    pytest.param(stream, id=f"{path.stem}-{number}")
    for path in sorted(CAPTURES.glob("*.pcap"))
    for number, stream in enumerate(read_streams(path), 1)
]


def clear_messages(sender: str, data: bytearray) -> Iterator[TracedMessage]:
    """The handshake messages of one side before its ChangeCipherSpec."""
    at, buffer = 0, b""
    while at < len(data) and data[at] == ContentType.HANDSHAKE:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        buffer += bytes(data[at + 5 : at + 5 + size])
        at += 5 + size
    while buffer:
        size = 4 + int.from_bytes(buffer[1:4], "big")
        yield TracedMessage(sender, ContentType.HANDSHAKE, buffer[:size], False)
        buffer = buffer[size:]


@pytest.mark.parametrize("stream", CONNECTIONS)
def test_a_foreign_handshake_is_told(stream: Stream) -> None:
    hello, *second_flight = clear_messages("client", stream.client)
    first_flight = clear_messages("server", stream.server)
    narrator = Narrator()
    told = [narrator.tell(message) for message in (hello, *first_flight, *second_flight)]
    assert [one.name for one in told[:2]] == ["ClientHello", "ServerHello"]
    assert not list(gaps(told))


def gaps(told: list[Told]) -> Iterator[str]:
    for one in told:
        for field in one.fields:
            if field.name == "raw" or "decode" in field.meaning or "bug" in field.meaning:
                yield f"{one.name}: {field}"


def test_the_captures_are_there() -> None:
    assert len(CONNECTIONS) >= 12
