"""Handshakes of TASSL, Tongsuo and GmSSL, decoded, re-encoded and verified by our parts.

Both signatures, the pre-master secret (with the server's encryption key) and both Finished of
every connection are recomputed from what went over the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from support.pcap import Stream, read_streams
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.crypto.sm4 import SM4Key
from tlcp.handshake.kx import HelloContext
from tlcp.handshake.kx_ecc import signed_bytes
from tlcp.handshake.schedule import KeySchedule, master_secret
from tlcp.handshake.transcript import Transcript
from tlcp.registry import ContentType, ExtensionType, HandshakeType
from tlcp.suites import ALL_SUITES, KeyExchangeKind
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.extensions import find_extension
from tlcp.wire.messages import (
    Certificate,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Finished,
    Handshake,
    NewSessionTicket,
    ServerHello,
    ServerKeyExchange,
    decode_handshake,
)
from tlcp.x509.pair import accept_unverified_pair

M = TypeVar("M", bound=Handshake)

CAPTURES = Path(__file__).parent.parent / "vectors" / "captures"
SERVER_ENC_KEY = SM2PrivateKey(
    bytes.fromhex("4d3d39f76cdddec9bec2fa6664bd700dc90c619d3c4b9c5520a6d9c3009a3765")
)


def _connections() -> Iterator[tuple[str, Stream]]:
    for path in sorted(CAPTURES.glob("*.pcap")):
        for number, stream in enumerate(read_streams(path), 1):
            yield f"{path.stem}-{number}", stream


CONNECTIONS = dict(_connections())
EVERY = pytest.mark.parametrize("name", CONNECTIONS)


@dataclass
class Seen:
    """One side's clear messages, and the fragments it sent after ChangeCipherSpec."""

    raw: list[bytes] = field(default_factory=list)
    protected: list[tuple[int, bytes]] = field(default_factory=list)


def _side(data: bytes) -> Seen:
    seen, handshake, changed = Seen(), bytearray(), False
    while data:
        kind, size = data[0], int.from_bytes(data[3:5], "big")
        fragment, data = data[5 : 5 + size], data[5 + size :]
        if changed:
            seen.protected.append((kind, fragment))
        elif kind == ContentType.CHANGE_CIPHER_SPEC:
            changed = True
        elif kind == ContentType.HANDSHAKE:
            handshake += fragment
    while handshake:
        end = 4 + int.from_bytes(handshake[1:4], "big")
        seen.raw.append(bytes(handshake[:end]))
        del handshake[:end]
    return seen


class Connection:
    """The messages of a captured connection, by kind and in order."""

    def __init__(self, name: str) -> None:
        stream = CONNECTIONS[name]
        self.client, self.server = _side(bytes(stream.client)), _side(bytes(stream.server))
        flights = self.client.raw[:1], self.server.raw, self.client.raw[1:]
        # A NewSessionTicket comes after the client's Finished, in a full handshake.
        ticket = [raw for raw in self.server.raw if raw[0] == HandshakeType.NEW_SESSION_TICKET]
        self.late = ticket if len(self.client.raw) > 1 else []
        self.raw = [raw for flight in flights for raw in flight if raw not in self.late]
        self.messages = [decode_handshake(raw) for raw in self.raw]
        self.hello, self.answer = self.one(ClientHello), self.one(ServerHello)
        self.suite = ALL_SUITES[self.answer.cipher_suite]
        self.context = HelloContext(self.hello.version, self.hello.random, self.answer.random)

    def one(self, kind: type[M]) -> M:
        return next(m for m in self.messages if isinstance(m, kind))

    @property
    def resumed(self) -> bool:
        return not any(isinstance(m, Certificate) for m in self.messages)

    def digest_before(self, kind: type[Handshake]) -> tuple[bytes, bytes]:
        """Hash of the transcript up to the last message of that kind, and the transcript."""
        last = max(i for i, m in enumerate(self.messages) if isinstance(m, kind))
        transcript = Transcript()
        for raw in self.raw[:last]:
            transcript.add(raw)
        return transcript.digest(), b"".join(self.raw[:last])

    def certificates(self, role: str) -> Certificate:
        lists = [m for m in self.messages if isinstance(m, Certificate)]
        return lists[0] if role == "server" else lists[1]


def _master(name: str, connection: Connection) -> bytes | None:
    keys = CAPTURES / (name.rpartition("-")[0] + ".keys")
    if not keys.exists():
        return None
    wanted = connection.hello.random.hex()
    found = re.search(rf"CLIENT_RANDOM {wanted} ([0-9a-f]+)", keys.read_text(), re.IGNORECASE)
    assert found, "the key log does not know this connection"
    return bytes.fromhex(found[1])


def test_all_captures_are_here() -> None:
    assert len(CONNECTIONS) == 18
    assert sum(Connection(name).resumed for name in CONNECTIONS) == 4


@EVERY
def test_every_message_decodes_and_encodes_to_the_same_bytes(name: str) -> None:
    stream = CONNECTIONS[name]
    for side in (_side(bytes(stream.client)), _side(bytes(stream.server))):
        assert side.raw
        for raw in side.raw:
            assert decode_handshake(raw).encode() == raw


@EVERY
def test_server_signature(name: str) -> None:
    connection = Connection(name)
    if connection.resumed:
        assert not any(isinstance(m, ServerKeyExchange) for m in connection.messages)
        return
    body = connection.one(ServerKeyExchange).body
    ders = connection.certificates("server").certificates
    pair = accept_unverified_pair(ders, role="server", need_enc=True)
    assert pair.enc is not None
    if connection.suite.key_exchange is KeyExchangeKind.ECDHE:
        message = EcdheServerKeyExchange.from_bytes(body)
        signature = message.signature
        signed = connection.context.randoms + message.params.to_bytes()
        if name.startswith("tassl"):
            assert message.params.named_curve == 0
    else:
        signature = EccServerKeyExchange.from_bytes(body).signature
        signed = signed_bytes(connection.context, pair.enc.der)
    pair.sign.public_key.verify(signature, signed)


@EVERY
def test_client_signature(name: str) -> None:
    connection = Connection(name)
    if connection.resumed:
        return
    ders = connection.certificates("client").certificates
    pair = accept_unverified_pair(ders, role="client", need_enc=False)
    digest, raw_transcript = connection.digest_before(CertificateVerify)
    signed = raw_transcript if name.startswith("gmssl") else digest
    pair.sign.public_key.verify(connection.one(CertificateVerify).signature, signed)


@EVERY
def test_client_key_exchange_and_pre_master(name: str) -> None:
    """ECC: the server's encryption key opens it, and it leads to the logged master secret."""
    connection = Connection(name)
    if connection.resumed:
        return
    body = connection.one(ClientKeyExchange).body
    if connection.suite.key_exchange is KeyExchangeKind.ECDHE:
        decode_ecdhe_client_key_exchange(body)
        assert len(body) == (71 if name.startswith("gmssl") else 69)
        return
    pre_master = SERVER_ENC_KEY.decrypt(EccClientKeyExchange.from_bytes(body).ciphertext)
    assert len(pre_master) == 48
    assert pre_master[:2] == b"\1\1"
    master = master_secret(pre_master, connection.hello.random, connection.answer.random)
    assert _master(name, connection) in (master, None)
    assert _finished_values_hold(connection, master)


@EVERY
def test_both_finished(name: str) -> None:
    connection = Connection(name)
    master = _master(name, connection)
    if master is None:  # GmSSL writes no key log: its ECC handshake is checked above
        assert name.startswith("gmssl")
        return
    assert _finished_values_hold(connection, master)


def _finished_values_hold(connection: Connection, master: bytes) -> bool:
    keys = KeySchedule(
        connection.suite,
        master,
        client_random=connection.hello.random,
        server_random=connection.answer.random,
    )
    transcript = Transcript()
    for raw in connection.raw:
        transcript.add(raw)
    order = ("server", "client") if connection.resumed else ("client", "server")
    for sender in order:
        if sender == "server":
            for raw in connection.late:
                assert isinstance(decode_handshake(raw), NewSessionTicket)
                transcript.add(raw)
        raw = _open_first(connection, keys, sender)
        message = decode_handshake(raw)
        assert isinstance(message, Finished)
        if message.verify_data != keys.verify_data(sender, transcript.digest()):
            return False
        transcript.add(raw)
    return True


def _open_first(connection: Connection, keys: KeySchedule, sender: str) -> bytes:
    side = connection.client if sender == "client" else connection.server
    kind, fragment = side.protected[0]
    assert kind == ContentType.HANDSHAKE
    if find_extension(connection.answer.extensions, ExtensionType.ENCRYPT_THEN_MAC):
        return _open_encrypt_then_mac(keys, sender, fragment)
    opened = keys.protection(sender, bytes).open(kind, [fragment])
    assert opened.error is None
    return opened.plaintexts[0]


def _open_encrypt_then_mac(keys: KeySchedule, sender: str, fragment: bytes) -> bytes:
    """TASSL agrees with itself on RFC 7366; we never do, so only this test reads it."""
    _, key, _ = keys._keys[sender]
    padded = SM4Key(key).cbc_decrypt(fragment[:16], fragment[16:-32])
    return padded[: -1 - padded[-1]]
