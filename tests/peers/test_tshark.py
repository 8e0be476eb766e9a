"""tshark reads what other stacks sent, and what ``write_pcap`` writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from peers import tshark
from peers.pcap import Chunk, write_pcap
from peers.pki import PKI
from peers.tongsuo import ALL_CIPHERS, TongsuoContext, TongsuoPeer

CAPTURES = Path(__file__).parent.parent / "vectors" / "captures"
SUITES = {"ecc-cbc": 0xE013, "ecc-gcm": 0xE053, "ecdhe-cbc": 0xE011, "ecdhe-gcm": 0xE051}
SERVER_FLIGHT = [
    ("server", name)
    for name in (
        "server_hello",
        "certificate",
        "server_key_exchange",
        "certificate_request",
        "server_hello_done",
    )
]
CLIENT_FLIGHT = [
    ("client", name)
    for name in ("certificate", "client_key_exchange", "certificate_verify", "change_cipher_spec")
]
FULL = [("client", "client_hello"), *SERVER_FLIGHT, *CLIENT_FLIGHT, ("client", "finished")]


def _carry(client: TongsuoPeer, server: TongsuoPeer, chunks: list[Chunk]) -> None:
    """Run a handshake and note what went over the wire."""
    for _ in range(8):
        done = client.do_handshake() & server.do_handshake()
        if data := client.take():
            chunks.append(("client", data))
            server.feed(data)
        if data := server.take():
            chunks.append(("server", data))
            client.feed(data)
        if done:
            return
    pytest.fail("the handshake makes no progress")


def _server_port(capture: Path) -> int:
    """Destination port of the first packet: Ethernet and IPv4 without options come before it."""
    return int.from_bytes(capture.read_bytes()[24 + 16 + 14 + 20 + 2 :][:2], "big")


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURES.glob("*.keys")))
def test_the_captures_decrypt(name: str) -> None:
    capture = CAPTURES / f"{name}.pcap"
    decoded = tshark.decode(
        capture, server_port=_server_port(capture), keylog=capture.with_suffix(".keys")
    )
    assert decoded.suite == SUITES["-".join(name.split("-")[1:3])]
    assert decoded.protocol == "GMTLSv1"
    assert decoded.messages[: len(FULL)] == FULL
    resume = "resume" in name
    assert decoded.data["client"] == (b"ping\n" if resume else b"GET / HTTP/1.0\r\n\r\n")
    assert decoded.data["server"].startswith(b"ping\n" if resume else b"HTTP/1.0 200 OK\r\n")
    # the stacks close TCP with a reset
    assert all("Connection reset (RST)" in text for text in decoded.complaints)


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURES.glob("*resume*.keys")))
def test_the_second_connection_resumes(name: str) -> None:
    capture = CAPTURES / f"{name}.pcap"
    decoded = tshark.decode(
        capture, server_port=_server_port(capture), keylog=capture.with_suffix(".keys"), stream=1
    )
    names = [message for _, message in decoded.messages]
    assert "certificate" not in names
    assert names.count("finished") == 2
    assert decoded.messages[-2:] == [("client", "alert:1:0"), ("server", "alert:1:0")]


def test_without_a_key_log_the_rest_stays_encrypted() -> None:
    capture = CAPTURES / "gmssl-ecc-gcm.pcap"
    decoded = tshark.decode(capture, server_port=_server_port(capture))
    assert decoded.messages[: len(FULL)] == [*FULL[:-1], ("client", "encrypted")]
    assert decoded.data == {"client": b"", "server": b""}


@pytest.mark.parametrize("cipher", ALL_CIPHERS)
def test_a_written_capture_decrypts(pki: PKI, tmp_path: Path, cipher: str) -> None:
    lines: list[str] = []
    chunks: list[Chunk] = []
    with (
        TongsuoContext("server", pki.server_files, tickets=False) as server_context,
        TongsuoContext(
            "client", pki.client_files, ciphers=[cipher], keylog=lines.append
        ) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        _carry(client, server, chunks)
        client.write(b"request" * 5000)
        chunks.append(("client", client.take()))
        server.write(b"reply")
        server.shutdown()
        chunks.append(("server", server.take()))
    keylog = tmp_path / "keys"
    keylog.write_text("\n".join(lines) + "\n")
    capture = write_pcap(tmp_path / "out.pcap", chunks, server_port=4433)
    decoded = tshark.decode(capture, server_port=4433, keylog=keylog)
    assert decoded.complaints == []
    assert decoded.messages[: len(FULL)] == FULL
    assert decoded.messages[-1] == ("server", "alert:1:0")
    assert decoded.data == {"client": b"request" * 5000, "server": b"reply"}


def test_data_that_the_server_sends_first_is_the_servers(pki: PKI, tmp_path: Path) -> None:
    lines: list[str] = []
    chunks: list[Chunk] = []
    with (
        TongsuoContext("server", pki.server_files) as server_context,
        TongsuoContext("client", pki.client_files, keylog=lines.append) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        _carry(client, server, chunks)
        server.write(b"greeting")
        chunks.append(("server", server.take()))
    keylog = tmp_path / "keys"
    keylog.write_text("\n".join(lines) + "\n")
    capture = write_pcap(tmp_path / "out.pcap", chunks)
    decoded = tshark.decode(capture, server_port=4433, keylog=keylog)
    assert decoded.data == {"client": b"", "server": b"greeting"}


def test_a_broken_record_is_complained_about(tmp_path: Path) -> None:
    hello = bytes.fromhex("160101000801000004") + b"\x01\x01\x00\x00"  # ClientHello cut short
    capture = write_pcap(tmp_path / "out.pcap", [("client", hello)])
    assert tshark.decode(capture, server_port=4433).complaints


def test_checksums_are_right(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "out.pcap", [("client", b"odd"), ("server", b"x" * 4000)])
    tshark.decode(capture, server_port=4433)  # skips where tshark is absent
    options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields"]
    for name in ("ip.checksum.status", "tcp.checksum.status", "tcp.analysis.flags"):
        options += ["-e", name]
    command = ["tshark", "-n", "-r", str(capture), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = result.stdout.splitlines()
    assert len(shown) == 14
    assert {row.strip() for row in shown} == {"1\t1"}
