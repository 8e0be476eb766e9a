"""Link layers, VLAN tags, IP headers and fragments: the same segment comes out of all."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.capturing import (
    ACK,
    CLIENT,
    CLIENT_6,
    LINKS,
    SERVER,
    SERVER_6,
    framed,
    ipv4,
    ipv6,
    tcp,
)
from tlcp.inspect.captures import Packet
from tlcp.inspect.fragments import Fragments
from tlcp.inspect.packets import Decoder, TCPPacket, endpoints

DATA = bytes(range(100))
SEGMENT = tcp(CLIENT[1], SERVER[1], 7, 9, ACK, DATA, options=b"\x01" * 12)
FOUR = ipv4(CLIENT[0], SERVER[0], SEGMENT)
SIX = ipv6(CLIENT_6[0], SERVER_6[0], SEGMENT)


def decode(data: bytes, link: int = 101, missing: int = 0) -> TCPPacket | None:
    return Decoder().decode(Packet(1.5, link, data, missing))


def why(data: bytes, link: int = 101) -> list[str]:
    decoder = Decoder()
    assert decoder.decode(Packet(1.5, link, data, 0)) is None
    decoder.finish()
    return list(decoder.passed_over)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("ip", [FOUR, SIX], ids=["ipv4", "ipv6"])
def test_every_link_layer(link: str, ip: bytes) -> None:
    found = decode(framed(link, ip), LINKS[link])
    assert found is not None
    assert found[2:] == (7, 9, ACK, DATA, 0)
    ends = (CLIENT, SERVER) if ip is FOUR else (CLIENT_6, SERVER_6)
    assert endpoints(found.flow) == ends


def test_padding_of_a_short_frame_is_no_data() -> None:
    found = decode(framed("ethernet", ipv4(CLIENT[0], SERVER[0], tcp(1, 2, 3, 4, ACK))), 1)
    assert found is not None
    assert found.data == b""
    assert found.missing == 0


def test_ipv4_options() -> None:
    found = decode(ipv4(CLIENT[0], SERVER[0], SEGMENT, options=b"\x01" * 8))
    assert found is not None
    assert found.data == DATA


@pytest.mark.parametrize(
    ("first", "headers"),
    [
        (0, b"\x06\x00" + bytes(6)),
        (43, b"\x3c\x01" + bytes(14) + b"\x06\x00" + bytes(6)),
        (51, b"\x06\x04" + bytes(22)),
        (44, b"\x06\x00\x00\x00" + bytes(4)),  # an "atomic" fragment: alone and whole
        (135, b"\x06\x00" + bytes(6)),
    ],
    ids=["hop-by-hop", "routing, destination", "authentication", "atomic fragment", "mobility"],
)
def test_ipv6_extension_headers(first: int, headers: bytes) -> None:
    found = decode(ipv6(CLIENT_6[0], SERVER_6[0], headers + SEGMENT, header=first))
    assert found is not None
    assert found.data == DATA


def test_a_packet_larger_than_its_length_field_can_say() -> None:
    ip = bytearray(FOUR)
    ip[2:4] = b"\0\0"
    found = decode(bytes(ip))
    assert found is not None
    assert found.data == DATA


@pytest.mark.parametrize("kept", [0, 1, 60, 99])
def test_payload_that_was_not_captured_is_counted(kept: int) -> None:
    whole = len(FOUR)
    cut = FOUR[: whole - len(DATA) + kept]
    found = decode(cut, missing=whole - len(cut))
    assert found is not None
    assert found.data == DATA[:kept]
    assert found.missing == len(DATA) - kept


def test_options_that_were_not_captured() -> None:
    found = decode(FOUR[:42])
    assert found is not None
    assert (found.data, found.missing) == (b"", len(DATA))


@pytest.mark.parametrize(
    ("data", "link", "reason"),
    [
        (FOUR[:30], 101, "cut short in its headers"),
        (FOUR[:10], 101, "cut short in its headers"),
        (b"", 101, "cut short in its headers"),
        (SIX[:50], 101, "cut short in its headers"),
        (b"\x45" + FOUR[1:9] + b"\x11" + FOUR[10:], 101, "not TCP"),
        (b"\x75" + FOUR[1:], 101, "not IP"),
        (b"\x44" + FOUR[1:], 101, "damaged IPv4 header"),
        (FOUR[:32] + b"\x10" + FOUR[33:], 101, "damaged TCP header"),
        (FOUR[:32] + b"\xf0" + FOUR[33:50], 101, None),
        (bytes(12) + b"\x08\x06" + bytes(28), 1, "not IP"),
        (bytes(12) + b"\x81\x00\x00\x01", 1, "not IP"),
        (FOUR, 9999, "link type 9999"),
        (ipv6("::1", "::2", bytes(8), header=59), 101, "not TCP"),
        (ipv6("::1", "::2", (b"\x00\x00" + bytes(6)) * 40, header=0), 101, None),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_reason(
    data: bytes, link: int, reason: str | None
) -> None:
    if reason is not None:
        assert why(data, link) == [reason]
    else:
        Decoder().decode(Packet(0.0, link, data, 0))


def fragments(six: bool, cut: int = 48) -> list[bytes]:
    made = []
    for at in range(0, len(SEGMENT), cut):
        body, more = SEGMENT[at : at + cut], at + cut < len(SEGMENT)
        if six:
            head = b"\x06\x00" + struct.pack("!HI", at | more, 77)
            made.append(ipv6(CLIENT_6[0], SERVER_6[0], head + body, header=44))
        else:
            made.append(ipv4(CLIENT[0], SERVER[0], body, number=77, offset=at, more=more))
    return made


@given(st.data(), st.booleans())
def test_fragments_in_any_order_with_copies(data: st.DataObject, six: bool) -> None:
    pieces = fragments(six)
    mixed = data.draw(st.permutations(pieces))
    extra = data.draw(st.sampled_from(mixed))
    decoder = Decoder()
    found = [decoder.decode(Packet(0.0, 101, piece, 0)) for piece in [extra, *mixed]]
    whole = [packet for packet in found if packet]
    assert [packet.data for packet in whole] == [DATA]


def test_of_overlapping_fragments_the_first_bytes_count() -> None:
    decoder = Decoder()
    first, second, third = fragments(six=False)
    forged = first[:20] + bytes(len(first) - 20)
    got = [decoder.decode(Packet(0.0, 101, p, 0)) for p in (first, forged, third, second)]
    assert got[3] is not None
    assert got[3].data == DATA


def test_fragments_that_stay_alone_are_counted_and_bounded() -> None:
    decoder = Decoder()
    for number in range(2000):
        ip = ipv4(CLIENT[0], SERVER[0], SEGMENT[:48], number=number, more=True)
        assert decoder.decode(Packet(0.0, 101, ip, 0)) is None
    assert decoder.passed_over["fragment whose others are missing"] == 2000 - 256
    decoder.finish()
    assert decoder.passed_over["fragment whose others are missing"] == 2000


def test_fragments_in_great_numbers_cost_no_more_each() -> None:
    """They overlap, so that their bytes would be enough, and one is missing."""
    waiting = Fragments()
    waiting.add(b"", 65528, False, b"end")
    for at in range(60):
        waiting.add(b"", 8 * (at + 1), True, bytes(1400))
    start = time.process_time()
    for at in sorted(range(100, 8191), key=lambda at: at * 4099 % 8191):
        assert waiting.add(b"", 8 * at, True, bytes(8)) is None
    assert time.process_time() - start < 2
    whole = waiting.add(b"", 0, True, bytes(8))
    assert whole == bytes(65528) + b"end"


def test_a_fragment_cut_by_the_capture_is_not_used() -> None:
    assert why(fragments(six=False)[0][:-3]) == ["fragment that was not captured whole"]


@given(st.sampled_from(sorted(set(LINKS.values()) | {229, 7})), st.binary(max_size=200))
def test_random_bytes_never_raise(link: int, data: bytes) -> None:
    decoder = Decoder()
    decoder.decode(Packet(0.0, link, data, 0))
    decoder.finish()


@given(st.sampled_from([FOUR, SIX, *fragments(True), *fragments(False)]), st.data())
def test_mutated_packets_never_raise(ip: bytes, data: st.DataObject) -> None:
    link = data.draw(st.sampled_from(sorted(LINKS)))
    raw = bytearray(framed(link, ip))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 90)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    decoder = Decoder()
    decoder.decode(Packet(0.0, LINKS[link], bytes(raw[:cut]), len(raw) - cut))
    decoder.finish()
