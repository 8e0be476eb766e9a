"""Records and messages taken apart: every byte told, nothing raised, gaps stated."""

from __future__ import annotations

import random

import pytest

from support.captured import (
    TAKEN_S,
    Piece,
    captures,
    connections,
    examine_all,
    examine_pieces,
    secrets_of,
)
from tlcp.inspect.dissect import Dissector, is_tlcp
from tlcp.inspect.model import Dissection, KeepLimits, Room
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.registry import ContentType

MUTUAL = "tongsuo-ecc-gcm"


def one(name: str = MUTUAL) -> list[Piece]:
    return next(connections(name))


def shape(report: ConnectionReport) -> list[tuple[object, ...]]:
    """What must not depend on how the stream was cut."""
    return [
        (m.sender, m.name, m.data, m.problem, [(f.path, f.start, f.end) for f in m.fields()])
        for m in report.dissection.messages
    ]


def dissect(pieces: list[Piece], limits: KeepLimits | None = None) -> Dissection:
    dissector = Dissector(limits=limits)
    for piece in pieces:
        dissector.feed(piece)
    return dissector.finish()


@pytest.mark.parametrize("name", captures())
def test_every_message_is_parsed_and_every_byte_belongs_to_a_field(name: str) -> None:
    for report in examine_all(name):
        assert report.dissection.is_tlcp
        assert not report.dissection.notices
        for message in report.dissection.messages:
            assert message.problem is None or not message.opened
            if message.content_type == ContentType.APPLICATION_DATA or not message.opened:
                continue
            told = {i for f in message.fields() for i in range(f.start, f.end)}
            assert told == set(range(len(message.data)))


@pytest.mark.parametrize("name", captures())
def test_parts_and_offsets_lead_to_the_bytes(name: str) -> None:
    for pieces in connections(name):
        report = examine_pieces(pieces, secrets_of(name))
        streams = [b"".join(p.data for p in pieces if p.sender == side) for side in (0, 1)]
        records = {r.number: r for r in report.dissection.records}
        for record in records.values():
            stream = streams[("client", "server").index(record.sender)]
            start = record.offset + 5
            assert stream[start : start + record.length] == record.fragment
        for message in report.dissection.messages:
            texts = [(records[p.record].plaintext or b"")[p.start : p.end] for p in message.parts]
            assert b"".join(texts) == message.data


def test_the_steps_of_a_mutual_handshake_come_in_order() -> None:
    (report,) = examine_all(MUTUAL)
    numbers = [m.step.number for m in report.messages if m.step.number]
    assert list(dict.fromkeys(numbers)) == list(range(1, 16))


@pytest.mark.parametrize("seed", range(12))
def test_any_cut_gives_the_same(seed: int) -> None:
    pieces, chance = one(), random.Random(seed)  # noqa: S311
    expected = shape(examine_pieces(pieces, secrets_of(MUTUAL)))
    cut: list[Piece] = []
    for sender, time_s, data, _ in pieces:
        while data:
            size = chance.choice((1, 2, 5, 40, 2000))
            cut.append(Piece(sender, time_s, data[:size]))
            data = data[size:]
    assert shape(examine_pieces(cut, secrets_of(MUTUAL))) == expected


def test_one_side_before_the_other_gives_the_same_messages() -> None:
    pieces = one()
    sides = [Piece(s, 1.0, b"".join(p.data for p in pieces if p.sender == s)) for s in (1, 0)]
    found = examine_pieces(sides, secrets_of(MUTUAL))
    assert sorted(map(repr, shape(found))) == sorted(
        map(repr, shape(examine_pieces(pieces, secrets_of(MUTUAL))))
    )
    assert not [c for c in found.checks if c.result.value != "holds" and c.rule[-5:] != "chain"]


def test_a_gap_in_a_record_keeps_the_framing() -> None:
    """From the middle of the server's Certificate 100 bytes are missing."""
    pieces = one()
    place = next(i for i, p in enumerate(pieces) if p.sender == 1 and p.data[5] == 11)
    whole = pieces[place].data
    pieces[place : place + 1] = [
        Piece(1, TAKEN_S, whole[:300]),
        Piece(1, TAKEN_S, whole[400:], lost=100),
    ]
    found = examine_pieces(pieces, secrets_of(MUTUAL)).dissection
    assert [n.rule for n in found.notices] == ["gap"]
    cut = next(r for r in found.records if r.missing)
    assert (cut.length, cut.missing) == (len(whole) - 5, len(whole) - 300)
    assert "ServerKeyExchange" in [m.name for m in found.messages]
    assert found.data("client").startswith(b"GET")


def test_a_gap_over_records_is_passed_over() -> None:
    pieces = one()
    place = next(i for i, p in enumerate(pieces) if p.sender == 1 and p.data[5] == 11)
    lost = len(pieces[place].data) + 10
    pieces[place : place + 2] = [Piece(1, TAKEN_S, pieces[place + 1].data[10:], lost=lost)]
    found = examine_pieces(pieces, secrets_of(MUTUAL)).dissection
    assert [n.rule for n in found.notices] == ["gap", "passed-over"]
    assert "CertificateRequest" in [m.name for m in found.messages]
    assert found.data("server")


def test_a_start_in_mid_stream_is_stated() -> None:
    pieces = one()
    pieces[1] = pieces[1]._replace(data=pieces[1].data[7:])
    found = dissect(pieces[1:])
    assert [n.rule for n in found.notices][:2] == ["mid-stream", "passed-over"]
    assert found.is_tlcp
    assert "ServerKeyExchange" in [m.name for m in found.messages]


def test_what_does_not_decode_is_stated_and_the_rest_goes_on() -> None:
    pieces = one()
    hello = bytearray(pieces[0].data)
    hello[5 + 4 + 2 + 32] = 200  # session_id: longer than 32
    unknown = bytes.fromhex("16 0101 0004 63000000")
    found = dissect([pieces[0]._replace(data=bytes(hello) + unknown), *pieces[1:]])
    first, second = list(found.messages)[:2]
    assert first.name == "ClientHello"
    assert first.problem is not None
    assert "session_id" in first.problem.en
    fields = {f.path: f.value for f in first.fields()}
    assert list(fields) == ["type", "length", "version", "random", "session_id.length"]
    assert fields["session_id.length"] == 200  # which is what is wrong
    assert second.name == "UnknownHandshake"
    assert "ServerHello" in [m.name for m in found.messages]


def test_tls_is_told_from_tlcp() -> None:
    hello = one()[0].data
    assert is_tlcp(hello)
    tls = b"\x16\x03\x01" + hello[3:9] + b"\x03\x03" + hello[11:]
    found = dissect([Piece(0, 1.0, tls), Piece(1, 1.0, b"\x16\x03\x03\x00\x04\x0e\0\0\0")])
    assert not found.is_tlcp
    assert found.protocol == "TLS"
    assert not found.records


def test_the_limits_hold_and_all_data_is_counted() -> None:
    pieces = one()
    heard: list[bytes] = []
    examiner = Examiner(
        secrets_of(MUTUAL),
        limits=KeepLimits(data_bytes=10, records=12),
        on_data=lambda sender, data: heard.append(data),
    )
    for piece in pieces:
        examiner.feed(piece)
    found = examiner.finish().dissection
    assert len(found.records) == 12
    assert found.records_left_out == len(pieces) - 12
    assert found.data_bytes == {"client": 18, "server": len(b"".join(heard)) - 18}
    assert not found.data("client")


@pytest.mark.parametrize("seed", range(40))
def test_mutated_and_random_streams_never_raise(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    names = captures()
    name = names[seed % len(names)]
    pieces = one(name)
    changed: list[Piece] = []
    for piece in pieces:
        data, dice = bytearray(piece.data), chance.random()
        lost = 0
        if dice < 0.2:
            for _ in range(3):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif dice < 0.3:
            lost = chance.randrange(1, 500)
        elif dice < 0.35:
            data = bytearray(chance.randbytes(chance.randrange(1, 300)))
        elif dice < 0.4:
            continue
        changed.append(Piece(piece.sender, piece.time_s, bytes(data), lost))
    chance.shuffle(changed) if seed % 3 == 0 else None
    report = examine_pieces(changed, secrets_of(name))
    report.as_dict(dangerous_secrets=True)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_kept_is_bounded_with_and_without_keys(known: bool) -> None:
    """A record of data repeated 500 times: it fails or stays closed, and is not kept."""
    pieces = one()
    data = next(p for p in pieces if p.sender == 1 and p.data[0] == 23 and len(p.data) > 60)
    examiner = Examiner(secrets_of(MUTUAL) if known else None, limits=KeepLimits(data_bytes=2000))
    for piece in [*pieces, *[data] * 500]:
        examiner.feed(piece)
    found = examiner.finish().dissection
    closed = [r for r in found.records if r.protected and r.plaintext is None]
    assert len(closed) >= 500
    assert sum(len(r.fragment) for r in found.records if r.protected) < 3000


@pytest.mark.parametrize("known", [True, False])
def test_what_many_open_connections_keep_together_is_bounded(known: bool) -> None:
    """Each keeps its handshake; data is read on and counted, and left out."""
    pieces = one()
    data = next(p for p in pieces if p.sender == 1 and p.data[0] == 23 and len(p.data) > 60)
    room, size = Room(100_000), len(data.data)
    secrets = secrets_of(MUTUAL) if known else None
    many = [Examiner(secrets, room=room) for _ in range(20)]
    for examiner in many:
        for piece in [*pieces, *[data] * 500]:
            examiner.feed(piece)
    assert 0 <= room.left_bytes < 3000
    reports = [examiner.finish() for examiner in many]
    assert room.left_bytes == 100_000
    kept = [sum(len(r.fragment) for r in report.dissection.records) for report in reports]
    assert sum(kept) < 20 * (1 << 14) + 100_000 < 20 * 500 * size
    for report in reports:
        assert report.dissection.records_left_out > 400
        assert [m.name for m in report.dissection.messages][:2] == ["ClientHello", "ServerHello"]
        assert report.decrypted is known


def test_a_handshake_without_room_does_not_pile_up() -> None:
    """A message of a megabyte is announced, and all of it but the end comes."""
    hello = Piece(0, 0.0, b"\x16\x01\x01\x40\x00" + b"\x01\x0f\xff\x00" + bytes((1 << 14) - 4), 0)
    more = hello._replace(data=b"\x16\x01\x01\x40\x00" + bytes(1 << 14))
    examiner = Examiner(room=Room(0))
    for piece in [hello, *[more] * 50]:
        examiner.feed(piece)
    found = examiner.finish().dissection
    assert found.records_left_out == 51
    assert not found.records
    assert not list(found.messages)
