"""That the kinds of handshake from which properties draw are what they are called."""

from __future__ import annotations

import pytest

from support.ends import handshake, run
from support.kinds import Kind, ends_of, kinds
from tlcp.suites import KeyExchangeKind

each_kind = pytest.mark.parametrize("kind", kinds, ids=repr)


@each_kind
def test_they_meet_as_they_are_called(kind: Kind) -> None:
    for side in handshake(*ends_of(kind)):
        done = side.completed
        assert done is not None
        assert done.suite == kind.suite
        assert done.resumed == kind.resumes
        assert done.by_ticket == (kind.manner == "by ticket")
    ecdhe = kind.suite.key_exchange is KeyExchangeKind.ECDHE
    assert done is not None
    assert (done.peer is None) == (kind.manner == "one-way" and not ecdhe)  # what the server knows


@each_kind
def test_every_byte_repeats_where_it_is_asked_for(kind: Kind) -> None:
    streams: list[list[tuple[str, bytes]]] = []
    for _ in range(2):
        sent = list[tuple[str, bytes]]()

        def wire(who: str, data: bytes, sent: list[tuple[str, bytes]] = sent) -> bytes:
            sent.append((who, data))
            return data

        run(*ends_of(kind, repeatable=True), wire)
        streams.append(sent)
    assert streams[0] == streams[1]
