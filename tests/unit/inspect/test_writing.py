"""Captures written as pcapng, and what a reader of another make and ours find in them."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest

from support.capturing import (
    LINKS,
    Talk,
    block,
    enhanced,
    framed,
    interface,
    ip_of,
    pcap,
    pcapng,
    secrets,
    section,
    zipped,
)
from tlcp.errors import ConfigError
from tlcp.inspect.captures import Packet, open_capture
from tlcp.inspect.sources import CaptureError
from tlcp.inspect.writing import PcapngWriter, add_secrets, create_private

LINE = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}"
PACKETS = [(p.time_s, framed("ethernet", ip_of(p))) for p in Talk().shake().bye().packets]


def read(data: bytes) -> tuple[list[Packet], list[bytes]]:
    with open_capture(io.BytesIO(data)) as capture:
        return list(capture), capture.secrets


def with_secrets(data: bytes, *lines: str) -> bytes:
    out = io.BytesIO()
    count = add_secrets(io.BytesIO(data), out, lines or (LINE,))
    assert count == len(read(out.getvalue())[0])
    return out.getvalue()


def kinds(data: bytes) -> list[int]:
    """The types of the blocks, in order."""
    at, found = 0, list[int]()
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        found.append(kind)
        assert data[at + size - 4 : at + size] == data[at + 4 : at + 8]
        at += size
    assert at == len(data)
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_copy_has_the_same_packets_and_the_keys_before_them(
    make: type, nano: bool, order: str
) -> None:
    data = make(PACKETS, order=order, nano=nano)
    copy = with_secrets(data)
    assert read(copy)[0] == read(data)[0]
    assert read(copy)[1] == [LINE.encode() + b"\n"]
    if order == "<":
        assert kinds(copy)[:3] in ([0x0A0D0D0A, 10, 1], [0x0A0D0D0A, 1, 10])


@pytest.mark.parametrize("link", sorted(set(LINKS.values())))
def test_link_types_are_kept(link: int) -> None:
    copy = with_secrets(pcap(PACKETS, link=link))
    assert {packet.link for packet in read(copy)[0]} == {link}


def test_gzip_and_packets_cut_by_the_snap_length() -> None:
    data = pcap(PACKETS, snaplen=50)
    copy = with_secrets(zipped(data))
    assert read(copy)[0] == read(data)[0]
    assert any(packet.missing for packet in read(copy)[0])


def test_blocks_of_pcapng_stay_as_they_are() -> None:
    """Two sections, interfaces of two kinds, comments, keys that were there, unknown blocks."""
    odd = block(">", 0x0BAD, b"whatever")
    old = secrets(">", b"# keys that were there\n")
    first = section(">") + interface(">", 1) + interface(">", 101, 9) + old + odd
    first += enhanced(">", 1, b"abc") + enhanced(">", 2, b"defg", number=1)
    second = section("<") + interface("<", 113) + enhanced("<", 3, b"hij")
    copy = with_secrets(first + second)
    ours = secrets(">", LINE.encode() + b"\n")
    assert copy == first[:28] + ours + first[28:] + second


def test_a_section_that_states_its_length_states_none_in_the_copy() -> None:
    body = interface("<", 1) + enhanced("<", 1, b"abc")
    head = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, len(body)))
    copy = with_secrets(head + body)
    assert struct.unpack_from("<q", copy, 16) == (-1,)


def test_many_keys_take_blocks_that_wireshark_reads() -> None:
    lines = [f"CLIENT_RANDOM {n:064x} {'cd' * 48}" for n in range(12_000)]
    copy = with_secrets(pcap(PACKETS), *lines)
    found = read(copy)[1]
    assert b"".join(found).decode().split("\n")[:-1] == lines
    assert len(found) > 1
    assert all(len(one) <= 1 << 20 for one in found)


def test_a_damaged_capture_is_copied_up_to_the_damage() -> None:
    data = pcap(PACKETS)
    for size in range(24, len(data)):
        copy = with_secrets(data[:size])
        try:
            with open_capture(io.BytesIO(data[:size])) as capture:
                whole = 0
                for _ in capture:
                    whole += 1
        except CaptureError:
            pass
        assert len(read(copy)[0]) == whole


def test_what_is_no_capture_is_refused() -> None:
    for data in (b"", b"GET / HTTP/1.0", pcap([])[:10]):
        with pytest.raises(CaptureError):
            add_secrets(io.BytesIO(data), io.BytesIO(), [LINE])


def test_packets_of_our_own_keep_nanoseconds() -> None:
    out = io.BytesIO()
    writer = PcapngWriter(out, 1, "lo")
    writer.packet(1_700_000_000_123_456_789, b"abcde", 9)
    writer.secrets(LINE)
    writer.dropped(1, 3)
    data = out.getvalue()
    assert kinds(data) == [0x0A0D0D0A, 1, 6, 10, 5]
    ((time_s, link, packet, missing),) = read(data)[0]
    assert (link, packet, missing) == (1, b"abcde", 4)
    assert time_s == pytest.approx(1_700_000_000.123456789, abs=1e-6)
    at = data.index(struct.pack("<I", 6), 28)
    assert data.find(struct.pack("<Q", 1_700_000_000_123_456_789)[4:]) > at


class Slow(io.RawIOBase):
    """Takes three bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: object) -> int:
        taken = bytes(memoryview(data))[:3]  # type: ignore[arg-type]
        self.data += taken
        return len(taken)


def test_a_file_that_takes_little_gets_all() -> None:
    slow, quick = Slow(), io.BytesIO()
    for file in (slow, quick):
        PcapngWriter(file, 1).packet(1, b"abc")  # type: ignore[arg-type]
    assert slow.data == quick.getvalue()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what was there")
    path.chmod(0o644)
    with create_private(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    with pytest.raises(ConfigError, match="symbolic link"):
        create_private(link)
    assert target.read_bytes() == b"precious"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    with create_private(os.devnull) as file:
        file.write(b"gone")
    with pytest.raises(ConfigError, match="No such file"):
        create_private(tmp_path / "no" / "file")
