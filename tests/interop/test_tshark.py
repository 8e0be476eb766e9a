"""What we send, as Wireshark's decoder sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.ours import OurEnd
from peers import tshark
from peers.pcap import Chunk, write_pcap
from peers.pki import PKI
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.suites import DEFAULT_SUITES, CipherSuite, KeyExchangeKind

PORT = 4433
REQUEST, REPLY = b"request " * 4096, b"reply " * 20_000  # two records, eight records


def expected_messages(*, mutual: bool) -> list[tuple[str, str]]:
    """The standard's order.  Spec: GB/T 38636-2020 6.4.5.1"""
    asked, answered, proved = (
        (["certificate_request"], ["certificate"], ["certificate_verify"])
        if mutual
        else ([], [], [])
    )
    end = ["change_cipher_spec", "finished"]
    hello = ["server_hello", "certificate", "server_key_exchange"]
    data = "application_data"
    return [
        ("client", "client_hello"),
        *(("server", name) for name in (*hello, *asked, "server_hello_done")),
        *(("client", name) for name in (*answered, "client_key_exchange", *proved, *end)),
        *(("server", name) for name in end),
        *[("client", data)] * 2,
        *[("server", data)] * 8,
        ("client", "alert:1:0"),
        ("server", "alert:1:0"),
    ]


def converse(client: OurEnd, server: OurEnd) -> list[Chunk]:
    """A whole connection of ours with ours, as what went over the wire."""
    chunks: list[Chunk] = []

    def carry() -> None:
        while data := client.connection.data_to_send():
            chunks.append(("client", data))
            server.feed(data)
            if answer := server.connection.data_to_send():
                chunks.append(("server", answer))
                client.feed(answer)

    def reply(data: bytes) -> None:
        chunks.append(("server", data))
        client.feed(data)

    carry()
    client.connection.send_data(REQUEST)
    carry()
    server.connection.send_data(REPLY)
    reply(server.connection.data_to_send())
    client.connection.close()
    carry()
    server.connection.close()
    reply(server.connection.data_to_send())
    assert client.error is None
    assert server.error is None
    assert (bytes(server.received), bytes(client.received)) == (REQUEST, REPLY)
    return chunks


@pytest.mark.parametrize("mutual", [True, False], ids=["mutual", "oneway"])
@pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda suite: suite.name)
def test_ours_with_ours(pki: PKI, tmp_path: Path, suite: CipherSuite, mutual: bool) -> None:
    if not mutual and suite.key_exchange is KeyExchangeKind.ECDHE:
        mutual = True  # these suites ask for client certificates in any case
    lines: list[str] = []
    client = Config(
        identity=pki.client.identity if mutual else None,
        trust=pki.trust,
        suites=(suite,),
        keylog=lines.append,
    )
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    server = Config(
        identity=pki.server.identity, trust=pki.trust, suites=(suite,), client_auth=auth
    )
    chunks = converse(
        OurEnd(Connection.client(client, server_name="localhost")),
        OurEnd(Connection.server(server)),
    )
    keylog = tmp_path / "keys"
    keylog.write_text("\n".join(lines) + "\n")
    capture = write_pcap(tmp_path / "ours.pcap", chunks, server_port=PORT)
    decoded = tshark.decode(capture, server_port=PORT, keylog=keylog)
    assert decoded.complaints == []
    assert decoded.protocol == "GMTLSv1"
    assert decoded.suite == suite.id
    assert decoded.messages == expected_messages(mutual=mutual)
    assert decoded.data == {"client": REQUEST, "server": REPLY}


def test_a_wrong_key_log_decrypts_nothing(pki: PKI, tmp_path: Path) -> None:
    lines: list[str] = []
    client = Config(identity=pki.client.identity, trust=pki.trust, keylog=lines.append)
    server = Config(identity=pki.server.identity, trust=pki.trust)
    chunks = converse(
        OurEnd(Connection.client(client, server_name="localhost")),
        OurEnd(Connection.server(server)),
    )
    keylog = tmp_path / "keys"
    keylog.write_text("".join(line[:-96] + "00" * 48 + "\n" for line in lines))
    capture = write_pcap(tmp_path / "ours.pcap", chunks, server_port=PORT)
    decoded = tshark.decode(capture, server_port=PORT, keylog=keylog)
    assert decoded.data == {"client": b"", "server": b""}
    assert ("client", "finished") not in decoded.messages
