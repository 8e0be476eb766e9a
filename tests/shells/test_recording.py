"""Connections recorded by their own ends: sockets, BIOs, asyncio, failures."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shells.bios import Bios
from shells.pairs import in_thread
from support.ends import HOST, world
from support.sockets import LIMIT_S, client_context, served, server_context
from tlcp.errors import ConfigError, TLCPError
from tlcp.inspect import Recording
from tlcp.inspect.captures import open_capture
from tlcp.inspect.collecting import conversations
from tlcp.inspect.packets import Decoder, TCPPacket
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.secrets import Secrets
from tlcp.sessions.store import MemoryStore
from tlcp.socket import TLCPSocket
from tlcp.x509.trust import TrustStore

DATA = b"0123456789" * 10_000


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    ticks = itertools.count(1_700_000_000_000_000_000, 1000)
    with Recording(tmp_path / "own.pcapng", ticks.__next__) as made:
        yield made


def echo(stream: TLCPSocket) -> None:
    while data := stream.recv(1 << 16):
        stream.sendall(data)
    stream.unwrap()


def talk(address: tuple[str, int], context: Any, data: bytes = b"hello") -> None:
    sock = socket.create_connection(address, LIMIT_S)
    with context.wrap_socket(sock, server_hostname=HOST) as stream:
        with in_thread(lambda: stream.sendall(data)):
            left = len(data)
            while left:
                left -= len(stream.recv(1 << 16))
        stream.unwrap()


def packets(recording: Recording) -> list[TCPPacket]:
    recording.close()
    assert recording.problem == ""
    decoder = Decoder()
    with open_capture(recording.path) as capture:
        found = [decoder.decode(packet) for packet in capture]
    assert not decoder.passed_over
    return [packet for packet in found if packet is not None]


def reports(recording: Recording) -> list[ConnectionReport]:
    """As ``tlcp inspect`` makes them, with nothing but the file."""
    recording.close()
    secrets, found = Secrets(), list[ConnectionReport]()
    with open_capture(recording.path) as capture:
        decoder = Decoder()
        segments = [decoder.decode(packet) for packet in capture]
        for log in capture.secrets:
            secrets.add_key_log(log.decode())
    whole = sorted(conversations(s for s in segments if s is not None), key=lambda c: c.number)
    for conversation in whole:
        assert conversation.lost == [0, 0]
        client, server = map(str, conversation.endpoints)
        examiner = Examiner(secrets, client=client, server=server)
        for segment in conversation:
            examiner.feed(segment)
        found.append(examiner.finish())
    return found


def said(report: ConnectionReport) -> dict[str, int]:
    return {end: count for end, count in report.dissection.data_bytes.items()}


def test_both_ends_of_a_socket(recording: Recording, tmp_path: Path) -> None:
    client, server = client_context(), server_context(session_store=MemoryStore())
    client.recorder = recording
    with Recording(tmp_path / "server.pcapng") as theirs:
        server.recorder = theirs
        with served(echo, server) as address:
            talk(address, client, DATA)
            talk(address, client, b"again")
        for seen in (recording, theirs):
            first, second = reports(seen)
            assert (first.decrypted, second.decrypted) == (True, True)
            assert said(first) == {"client": len(DATA), "server": len(DATA)}
            assert said(second) == {"client": 5, "server": 5}
            assert first.addresses["server"] == f"{address[0]}:{address[1]}"
            assert first.addresses["client"] != second.addresses["client"]
            assert second.view.resumed
            assert not [f for f in first.findings if f.severity == "error"]


def test_packets_are_as_tcp_has_them(recording: Recording) -> None:
    client = client_context()
    client.recorder = recording
    with served(echo) as address:
        talk(address, client, DATA)
    found = packets(recording)
    times = [packet.time_s for packet in found]
    assert times == sorted(times)
    assert [packet.flags for packet in found[:3]] == [2, 18, 16]
    fins = [packet.flow for packet in found if packet.flags & 1]
    assert len(fins) in (1, 2)  # the peer's is seen if it was waited for
    assert len(set(fins)) == len(fins)
    expected: dict[bytes, int] = {}
    for packet in found:
        flow = packet.flow
        assert expected.get(flow, packet.sequence) == packet.sequence
        taken = len(packet.data) + bool(packet.flags & 2) + bool(packet.flags & 1)
        expected[flow] = packet.sequence + taken & 0xFFFFFFFF
        if packet.flags & 16:
            other = flow[4:8] + flow[:4] + flow[10:] + flow[8:10]
            assert packet.acknowledgement == expected[other]


def ones(data: bytes) -> int:
    """The sum of RFC 1071, word by word."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("ends", [("127.0.0.1", "127.0.0.9"), ("::1", "fe80::1%lo")])
@pytest.mark.parametrize("size", [0, 1, 2, 40_001])
def test_checksums(recording: Recording, ends: tuple[str, str], size: int) -> None:
    tap = recording.begin(server_side=True, local=(ends[0], 443), peer=(ends[1], 50000, 0, 1))
    tap.received(bytes(range(256)) * (size // 256) + bytes(size % 256))
    tap.closed()
    recording.close()
    with open_capture(recording.path) as capture:
        for packet in capture:
            data = packet.data
            if data[0] >> 4 == 4:
                assert ones(data[:20]) == 0xFFFF
                addresses, body = data[12:20], data[20:]
            else:
                addresses, body = data[8:40], data[40:]
            assert ones(addresses + struct.pack("!II", len(body), 6) + body) == 0xFFFF


def test_a_failed_handshake_is_recorded(recording: Recording) -> None:
    """The client knows another CA: its alert is in the file, and the keys are not missed."""
    client = client_context(trust=TrustStore([world().stranger.certificate]))
    client.recorder = recording
    with served(echo) as address, pytest.raises(TLCPError):
        talk(address, client)
    (report,) = reports(recording)
    assert not report.view.finished
    alerts = [m.message for m in report.messages if m.message.name.startswith("Alert")]
    assert [alert.sender for alert in alerts] == ["client"]


def test_a_reset_is_a_reset(recording: Recording) -> None:
    client = client_context()
    client.recorder = recording
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def slam() -> None:
            sock, _ = listener.accept()
            sock.recv(1)  # the rest stays unread
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

        with in_thread(slam), pytest.raises((TLCPError, OSError)):
            talk(listener.getsockname(), client)
    flags = [packet.flags for packet in packets(recording)]
    assert sum(bool(one & 4) for one in flags) == 1


def test_bios_have_addresses_for_documentation(recording: Recording) -> None:
    client, server = client_context(), server_context()
    server.recorder = recording
    bios = Bios(client, server).handshake()
    bios.client.write(b"question")
    bios.carry()
    assert bios.server.read(100) == b"question"
    bios.server.write(b"answer")
    (report,) = reports(recording)
    assert report.decrypted
    assert said(report) == {"client": 8, "server": 6}
    for end in ("client", "server"):
        host = report.addresses[end].rpartition(":")[0]
        assert ipaddress.ip_address(host) in ipaddress.ip_network("192.0.2.0/24")


def test_asyncio(recording: Recording) -> None:
    client = client_context()
    client.recorder = recording

    async def ask(address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address, ssl=client, server_hostname=HOST)
        writer.write(b"hello")
        got = await reader.readexactly(5)
        writer.close()
        await writer.wait_closed()
        return got

    with served(echo) as address:
        assert asyncio.run(asyncio.wait_for(ask(address), LIMIT_S)) == b"hello"
    (report,) = reports(recording)
    assert said(report) == {"client": 5, "server": 5}


def test_the_key_log_goes_on(recording: Recording) -> None:
    lines = list[str]()
    client = client_context(keylog=lines.append)
    client.recorder = recording
    with served(echo) as address:
        talk(address, client)
    recording.close()
    with open_capture(recording.path) as capture:
        assert list(capture)
        assert b"".join(capture.secrets).decode().splitlines() == lines


def test_keys_come_before_the_packets_that_need_them(recording: Recording) -> None:
    """On a server they are derived from the packet that brings ChangeCipherSpec."""
    server = server_context()
    server.recorder = recording
    with served(echo, server) as address:
        talk(address, client_context())
    recording.close()
    with open_capture(recording.path) as capture:
        for packet in capture:
            if b"\x14\x01\x01\x00\x01\x01" in packet.data:
                break
        assert capture.secrets


def test_without_a_recorder_nothing_is_recorded_any_more(recording: Recording) -> None:
    client = client_context()
    client.recorder = recording
    client.recorder = None
    with served(echo) as address:
        talk(address, client)
    assert recording.connections == 0
    assert packets(recording) == []


def test_a_full_disk_harms_no_connection(recording: Recording) -> None:
    with pytest.raises(ConfigError, match="cannot write /dev/full: No space left"):
        Recording("/dev/full")
    with open("/dev/full", "wb") as full:
        os.dup2(full.fileno(), recording._file.fileno())
    client = client_context()
    client.recorder = recording
    with served(echo) as address:
        talk(address, client, DATA)
    assert recording.problem == f"cannot write {recording.path}: No space left on device"


def test_abandoned_connections_take_no_memory(recording: Recording) -> None:
    for _ in range(1000):
        recording.begin(server_side=False).received(b"dropped")
    assert len(recording._waiting) <= 256
    assert sum(packet.data == b"dropped" for packet in packets(recording)) == 1000
