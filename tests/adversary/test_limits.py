"""What a peer may cost before it has proven who it is: bytes, messages, certificates, SM2 work.

Spec: GB/T 38636-2020 6.4.5 sets no limits; ``docs/limits.md`` does
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from support.ends import NOW, client, run, server, world
from support.holding import BOUND_BYTES, LEFT, held_by_one, hello
from support.mutants import edited, inserted, record
from tlcp.alerts import AlertDescription as A
from tlcp.config import Limits
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey
from tlcp.errors import CertificateVerifyError, ConfigError, RecordOverflow, UnexpectedMessage
from tlcp.registry import ContentType, HandshakeType
from tlcp.wire.messages import Certificate


@pytest.mark.parametrize("name", Limits.__slots__)
def test_a_limit_that_lets_nothing_through_is_refused(name: str) -> None:
    zero_is_right = name in ("empty_records", "warning_alerts", "renegotiations")
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: -1 if zero_is_right else 0})
    assert getattr(Limits(**{name: 0 if zero_is_right else 1}), name) in (0, 1)


@pytest.mark.parametrize("name", Limits.__slots__)
def test_a_limit_that_is_no_number_is_refused(name: str) -> None:
    for_counts: list[Any] = [] if name == "handshake_s" else [1.5, None, math.inf]
    for value in ["8", True, [], *for_counts]:
        with pytest.raises(ConfigError, match=rf"Limits\.{name} is .*: it must be a"):
            Limits(**{name: value})
    with pytest.raises(ConfigError, match="handshake_s"):
        Limits(handshake_s=math.nan)


def test_half_a_second_is_a_limit_and_so_is_none() -> None:
    assert Limits(handshake_s=0.5).handshake_s == 0.5
    assert Limits(handshake_s=None).handshake_s is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_handshake_bytes_in_all(role: str) -> None:
    """Each message is short enough; together they are too long."""
    make, other = (client, server) if role == "client" else (server, client)
    victim = make(limits=Limits(handshake_bytes_in_all=600))
    offender = other()
    sides = run(victim, offender) if role == "client" else run(offender, victim)
    seen, told = sides if role == "client" else sides[::-1]
    assert isinstance(seen.error, RecordOverflow)
    assert "handshake_bytes_in_all" in seen.error.expected
    assert told.alert is A.RECORD_OVERFLOW


def test_bytes_count_before_a_message_is_whole() -> None:
    """One byte a record: the limit holds for what is only announced, too."""
    end = server(limits=Limits(handshake_bytes_in_all=100))
    head = bytes((HandshakeType.CLIENT_HELLO,)) + (5000).to_bytes(3, "big")
    end.receive_data(b"".join(record(ContentType.HANDSHAKE, bytes((b,))) for b in head))
    assert end.next_event() is None
    end.receive_data(record(ContentType.HANDSHAKE, b"\0") * 96)
    assert end.next_event() is None
    end.receive_data(record(ContentType.HANDSHAKE, b"\0"))
    with pytest.raises(RecordOverflow, match="101 bytes so far"):
        end.next_event()


def test_handshake_messages() -> None:
    """HelloRequests come at any time and are ignored: not without end."""
    flood = inserted(0, bytes(4))
    limits = Limits(handshake_messages=2, renegotiations=100)
    seen, told = run(client(limits=limits), server(flood))
    assert isinstance(seen.error, UnexpectedMessage)
    assert "Limits.handshake_messages" in seen.error.expected
    assert told.alert is A.UNEXPECTED_MESSAGE


def test_messages_after_the_handshake_are_not_counted() -> None:
    """Six messages of the server make the handshake; the sixth is Finished."""
    seen, told = run(client(limits=Limits(handshake_messages=6)), server())
    assert seen.error is None
    assert told.error is None
    seen, _ = run(client(limits=Limits(handshake_messages=5)), server())
    assert isinstance(seen.error, UnexpectedMessage)


def _many(body: bytes) -> bytes:
    return Certificate((Certificate.from_bytes(body).certificates[0],) * 33).to_bytes()


@pytest.mark.parametrize("role", ["client", "server"])
def test_too_many_certificates(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is read."""
    monkeypatch.setattr("tlcp.x509.pair._read", None)
    offender = edited(HandshakeType.CERTIFICATE, _many)
    if role == "client":
        told, seen = run(client(offender), server())
    else:
        seen, told = run(client(), server(offender))
    assert isinstance(seen.error, CertificateVerifyError)
    assert "sent 33 certificates" in seen.error.what
    assert told.alert is A.UNKNOWN_CA


# ---- SM2 work comes after the cheap checks ------------------------------------------------------


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SM2 operations that were done, by name."""
    done: list[str] = []

    def count(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def counted(self: object, *arguments: object, **options: object) -> object:
            done.append(name)
            return original(self, *arguments, **options)

        monkeypatch.setattr(kind, name, counted)

    for name in ("sign", "decrypt"):
        count(SM2PrivateKey, name)
    for name in ("verify", "encrypt"):
        count(SM2PublicKey, name)
    return done


HELLO = record(ContentType.HANDSHAKE, hello())
CHEAP = {
    "garbage": b"GET / HTTP/1.1\r\n\r\n",
    "a foreign version": record(ContentType.HANDSHAKE, hello(version=0x0303)),
    "no common suite": record(ContentType.HANDSHAKE, hello(cipher_suites=(0x1301,))),
    "compression": record(ContentType.HANDSHAKE, hello(compression_methods=b"\1")),
    "half a hello": HELLO[:-3],
    "a hello with a byte too many": record(
        ContentType.HANDSHAKE, b"\1" + (len(hello()) - 3).to_bytes(3, "big") + hello()[4:] + b"\0"
    ),
    "a message that is too long": record(ContentType.HANDSHAKE, b"\1\xff\xff\xff"),
    "another message first": record(ContentType.HANDSHAKE, b"\x0b\0\0\3\0\0\0"),
    "data": record(ContentType.APPLICATION_DATA, b"x"),
    "an alert": record(ContentType.ALERT, b"\1\x5a"),
}


@pytest.mark.parametrize("what", CHEAP)
def test_a_hello_that_is_refused_costs_no_sm2(what: str, work: list[str]) -> None:
    end = server()
    end.receive_data(CHEAP[what])
    end.receive_eof()
    with pytest.raises(Exception):  # noqa: B017, PT011  # which one, others test
        end.next_event()
    assert work == []


def test_a_hello_that_is_taken_costs_one_signature(work: list[str]) -> None:
    end = server()
    end.receive_data(HELLO)
    assert end.next_event() is None
    assert work == ["sign"]


BAD_CERTIFICATES = {
    "none": lambda body: bytes(3),
    "cut": lambda body: body[:-1],
    "many": _many,
    "no DER": lambda body: Certificate((b"\x30\x03\x02\x01\x01",) * 2).to_bytes(),
    "swapped": lambda body: Certificate(
        Certificate.from_bytes(body).certificates[1::-1]
    ).to_bytes(),
}


@pytest.mark.parametrize("what", BAD_CERTIFICATES)
def test_a_list_that_is_refused_at_sight_costs_no_verification(what: str, work: list[str]) -> None:
    """Nor does the key exchange behind it."""
    offender = client(edited(HandshakeType.CERTIFICATE, BAD_CERTIFICATES[what]))
    victim = server()
    victim.receive_data(offender.data_to_send())
    assert victim.next_event() is None
    offender.receive_data(victim.data_to_send())
    offender.next_event()
    work.clear()
    victim.receive_data(offender.data_to_send())
    with pytest.raises(Exception):  # noqa: B017, PT011
        victim.next_event()
    assert work == []


def test_a_stranger_costs_no_decryption(work: list[str]) -> None:
    """Who is not believed never gets at our encryption key."""
    stranger = world().stranger.issue_pair("client", now=NOW).identity
    work.clear()
    _, seen = run(client(identity=stranger), server())
    assert isinstance(seen.error, CertificateVerifyError)
    assert "decrypt" not in work


# ---- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", LEFT)
def test_memory_before_authentication(what: str) -> None:
    """A stated bound: ``docs/limits.md``."""
    assert held_by_one(LEFT[what], server) <= BOUND_BYTES
