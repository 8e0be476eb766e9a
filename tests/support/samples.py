"""One sample of every message, with every optional part somewhere."""

from __future__ import annotations

from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Extension,
    Finished,
    Handshake,
    HelloRequest,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)

RANDOM = bytes(range(32))

SAMPLES: list[Handshake] = [
    HelloRequest(),
    ClientHello(0x0101, RANDOM, b"", (0xE053,), b"\0"),
    ClientHello(0x0101, RANDOM, bytes(32), (0xE013, 0x00FF), b"\1\0", ()),
    ClientHello(0x0101, RANDOM, b"s", (0xE013,), b"\0", (Extension(0, b"abc"), Extension(9, b""))),
    ServerHello(0x0101, RANDOM, bytes(32), 0xE011, 0),
    ServerHello(0x0101, RANDOM, b"", 0xE011, 0, (Extension(0, b""),)),
    Certificate(()),
    Certificate((b"sign", b"enc", b"ca")),
    CertificateStatus(1, b"ocsp"),
    ServerKeyExchange(b"body"),
    CertificateRequest(b"\x01\x40", ()),
    CertificateRequest(b"\x40", (b"name one", b"name two")),
    ServerHelloDone(),
    ClientKeyExchange(b"body"),
    CertificateVerify(b"signature"),
    NewSessionTicket(300, b"ticket"),
    Finished(bytes(12)),
]
