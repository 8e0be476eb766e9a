"""Files to packets: every format gives the same, and damage is told with its place."""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.capturing import (
    CAPTURES,
    LINKS,
    block,
    enhanced,
    framed,
    interface,
    ip_of,
    option,
    pcap,
    pcapng,
    secrets,
    section,
    zipped,
)
from tlcp.inspect import Assembler, Decoder, Segment, conversations, open_capture
from tlcp.inspect.captures import Capture, CaptureError, Packet

FILES = sorted(CAPTURES.glob("*.pcap"))
Events = list[tuple[int, Segment]]


def packets_of(data: bytes) -> list[Packet]:
    return list(open_capture(io.BytesIO(data)))


def read(data: bytes) -> tuple[list[Packet], CaptureError | None]:
    """Read what can be read, and the error behind it."""
    got: list[Packet] = []
    try:
        for packet in open_capture(io.BytesIO(data)):
            got.append(packet)
    except CaptureError as error:
        return got, error
    return got, None


def broken(data: bytes) -> tuple[list[Packet], CaptureError]:
    got, error = read(data)
    assert error is not None
    return got, error


def streams(capture: Capture) -> Events:
    decoder = Decoder()
    events: Events = []
    for conversation in conversations(filter(None, map(decoder.decode, capture))):
        events += [(conversation.number, segment) for segment in conversation]
    return events


def without_times(events: Events) -> list[tuple[int, int, bytes, int]]:
    return [(number, s.sender, s.data, s.lost) for number, s in events]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_real_captures_are_whole(path: Path) -> None:
    with open_capture(path) as capture:
        events = streams(capture)
    assert {segment.sender for _, segment in events} == {0, 1}
    assert all(segment.lost == 0 for _, segment in events)
    number = -1
    for event, segment in events:
        if event != number:  # each conversation begins with a ClientHello in TLCP's version
            number = event
            assert segment.data[:3] == b"\x16\x01\x01"
            assert segment.data[5] == 1


FORMATS: dict[str, Callable[..., bytes]] = {"pcap": pcap, "pcapng": pcapng}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_handshake_is_the_same_in_every_link_type_and_format(link: str, form: str) -> None:
    path = CAPTURES / "tongsuo-ecdhe-gcm.pcap"
    with open_capture(path) as capture:
        expected = streams(capture)
    decoder = Decoder()
    with open_capture(path) as capture:
        segments = [found for found in map(decoder.decode, capture) if found]
    frames = [(s.time_s, framed(link, ip_of(s))) for s in segments]
    for order in "<>":
        for nano in (False, True):
            data = FORMATS[form](frames, link=LINKS[link], order=order, nano=nano)
            for stored in (data, zipped(data)):
                got = streams(open_capture(io.BytesIO(stored)))
                assert without_times(got) == without_times(expected)
                assert [s.time_s for _, s in got] == pytest.approx(
                    [s.time_s for _, s in expected], abs=1e-6, rel=0
                )


def test_sections_interfaces_and_clocks() -> None:
    data = (
        section("<")
        + interface("<", 1)
        + interface("<", 101, 9)
        + enhanced("<", 1_500_000, b"a")
        + enhanced("<", 1_500_000_000, b"bb", number=1)
        + block("<", 4, b"names, not read")
        + section(">")
        + interface(">", 113, 0x80 | 10, offset_s=1000)
        + enhanced(">", 512, b"ccc", length=10)
        + block(">", 3, struct.pack(">I", 4) + b"dddd")
        + block(">", 2, struct.pack(">HHIIII", 0, 0, 0, 1024, 1, 1) + b"e")
        + block(">", 0x0BAD, b"custom: nobody knows it")
    )
    assert packets_of(data) == [
        (1.5, 1, b"a", 0),
        (1.5, 101, b"bb", 0),
        (1000.5, 113, b"ccc", 7),
        (1000.0, 113, b"dddd", 0),
        (1001.0, 113, b"e", 0),
    ]


def test_secrets_are_handed_out_and_not_shown() -> None:
    text = b"CLIENT_RANDOM 00 11\n"
    data = pcapng([(1.0, b"a")], key_log=text) + secrets("<", text) + secrets("<", b"x", kind=7)
    capture = open_capture(io.BytesIO(data))
    assert len(list(capture)) == 1
    assert capture.secrets == [text, text]
    assert "CLIENT_RANDOM" not in repr(capture)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (enhanced("<", 0, b"x", number=3), "interface 3"),
        (block("<", 6, b"short"), "without room"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "99 bytes in a shorter block"),
        (block("<", 10, b"1234"), "without room"),
        (block("<", 10, struct.pack("<II", 0x544C534B, 400)), "longer than their block"),
        (block("<", 1, struct.pack("<HHIHH", 1, 0, 0, 9, 50)), "option 9 is longer"),
    ],
)
def test_what_is_passed_over_is_stated_with_its_place(extra: bytes, said: str) -> None:
    start = pcapng([(1.0, b"a")])
    capture = open_capture(io.BytesIO(start + extra + enhanced("<", 0, b"b")))
    assert [packet.data for packet in capture] == [b"a", b"b"]
    (problem,) = capture.problems
    assert problem.offset == len(start)
    assert said in problem.what


def test_problems_are_bounded() -> None:
    capture = open_capture(io.BytesIO(section("<") + enhanced("<", 0, b"x") * 1000))
    assert list(capture) == []
    assert len(capture.problems) == 100


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("store", [bytes, zipped], ids=["plain", "gzip"])
def test_a_file_cut_anywhere_gives_what_it_has(form: str, store: Callable[[bytes], bytes]) -> None:
    frames = [(float(i), bytes([i]) * 100) for i in range(5)]
    whole = store(FORMATS[form](frames))
    # between two packets a plain file looks whole
    ends = {len(FORMATS[form](frames[:count])) for count in range(5)}
    ends |= {len(section("<"))} if form == "pcapng" else set()
    ends = ends if store is bytes else set()
    for size in range(len(whole)):
        got, error = read(whole[:size])
        assert [p.data for p in got] == [data for _, data in frames][: len(got)]
        assert error is not None or len(whole[:size]) in ends
    assert len(read(whole)[0]) == 5


def test_a_cut_is_told_with_its_place() -> None:
    data = pcap([(1.0, b"a" * 50), (2.0, b"b" * 50)])
    got, error = broken(data[:-1])
    assert {packet.data for packet in got} == {b"a" * 50}
    assert error.offset == 24 + 16 + 50
    assert str(error) == "the file is cut short inside a packet (byte 90)"


@pytest.mark.parametrize(
    ("data", "offset", "said"),
    [
        (b"", 0, "empty"),
        (b"GIF89a", 0, "no capture: expected pcap or pcapng, got a file that begins 47 49"),
        (b"\xa1", 0, "no capture"),
        (zipped(b"GIF89a"), 0, "no capture"),
        (pcap([])[:20], 20, "cut short inside its header"),
        (pcap([]) + b"\xff" * 16, 24, "4294967295 bytes"),
        (section("<") + b"\x06\0\0\0" + b"\x0d\0\0\0" + bytes(40), 28, "13 bytes"),
        (section("<") + b"\x06\0\0\0" + b"\0\0\0\x7f" + bytes(40), 28, "the file is damaged"),
        (section("<") + block("<", 5, b"abcd")[:-1] + b"\x01", 28, "two lengths differ"),
        (section("<") + block("<", 1, b"abcd"), 28, "too short"),
        (b"\x0a\x0d\x0d\x0a" + bytes(30), 0, "without a byte order"),
    ],
)
def test_damage_is_told(data: bytes, offset: int, said: str) -> None:
    _, error = broken(data)
    assert error.offset == offset
    assert said in str(error)


def test_damaged_compression_is_told() -> None:
    frames = [(float(i), os.urandom(1000)) for i in range(1000)]
    data = bytearray(zipped(pcap(frames)))
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    got, error = broken(bytes(data))
    assert got
    assert "damaged" in str(error)
    data = bytearray(zipped(pcap(frames)))
    data[-8:-4] = bytes(4)  # its checksum
    got, error = broken(bytes(data))
    assert len(got) == 1000
    assert "compressed data is damaged" in str(error)
    _, error = broken(zipped(pcap(frames))[:-8])
    assert "compressed file is cut short" in str(error)


def test_gzip_members_and_padding() -> None:
    data = pcap([(1.0, b"a"), (2.0, b"b")])
    assert len(packets_of(zipped(data[:30]) + zipped(data[30:]) + bytes(100))) == 2


def test_little_compressed_data_does_not_become_much_memory() -> None:
    # 64 MiB of one pcapng block in 64 KiB
    data = zipped(section("<") + block("<", 5, bytes((1 << 26) - 12)) + interface("<", 1))
    assert len(data) < 1 << 17
    assert packets_of(data) == []


def test_a_pipe_is_read_as_it_fills() -> None:
    reader, writer = os.pipe()
    data = pcapng([(1.0, b"a" * 10), (2.0, b"b" * 10)])
    seen = threading.Event()

    def write() -> None:
        with os.fdopen(writer, "wb", buffering=0) as out:
            out.write(data[:-20])
            seen.wait(30)
            out.write(data[-20:])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with os.fdopen(reader, "rb") as stream:
            packets = iter(open_capture(stream))
            assert next(packets).data == b"a" * 10  # before the writer goes on
            seen.set()
            assert next(packets).data == b"b" * 10
            assert next(packets, None) is None
    finally:
        seen.set()
        thread.join()


def test_progress_goes_up_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file.pcap.gz"
    path.write_bytes(zipped(pcap([(float(i), os.urandom(1400)) for i in range(1000)])))
    told: list[tuple[int, int | None]] = []
    with open_capture(path, lambda done, total: told.append((done, total))) as capture:
        assert len(list(capture)) == 1000
    size = path.stat().st_size
    assert told[-1] == (size, size)
    assert told == sorted(told)
    open_capture(io.BytesIO(pcap([])), lambda done, total: told.append((done, total)))
    assert told[-1][1] is None


def _samples() -> list[bytes]:
    raw = (CAPTURES / "gmssl-ecc-gcm.pcap").read_bytes()
    frames = [(p.time_s, p.data) for p in open_capture(io.BytesIO(raw))]
    made = pcapng(frames, key_log=b"CLIENT_RANDOM\n", order=">")
    return [raw, made, zipped(raw), made + option("<", 1, b"") + made]


SAMPLES = _samples()


def digest(data: bytes) -> None:
    """Run everything on a file that may be anything."""
    decoder, kept = Decoder(), list[object]()
    assembler = Assembler(kept.append, lambda _, segment: kept.append(segment), kept.append)
    try:
        for packet in open_capture(io.BytesIO(data)):
            segment = decoder.decode(packet)
            if segment is not None:
                assembler.feed(segment)
    except CaptureError:
        pass
    assembler.finish()
    decoder.finish()


@given(st.binary(max_size=300), st.sampled_from([b"", *(sample[:28] for sample in SAMPLES)]))
def test_random_bytes_give_a_capture_error_or_nothing(data: bytes, start: bytes) -> None:
    digest(start + data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_mutated_files_give_a_capture_error_or_packets(sample: bytes, data: st.DataObject) -> None:
    raw = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(0, len(raw))) if data.draw(st.booleans()) else len(raw)
    digest(bytes(raw[:size]))
