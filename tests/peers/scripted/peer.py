"""What a scripted client and a scripted server have in common: records, messages, keys, data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from peers.scripted.manners import SILENT, Refusal, Stack
from peers.scripted.records import Record, Sealer, as_record, first_record, sealers
from tlcp.crypto.prf import prf
from tlcp.crypto.sm3 import sm3
from tlcp.errors import TLCPError
from tlcp.suites import CipherSuite, KeyExchangeKind, KeyKind
from tlcp.wire.messages import Finished, Handshake, decode_handshake
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity

T = TypeVar("T")
M = TypeVar("M", bound=Handshake)
Flow = Generator[None, None, T]
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLOSE_NOTIFY = 0


class Ended(Exception):
    """We sent an alert."""


@dataclass(frozen=True)
class Remembered:
    """A session as a peer keeps it."""

    suite: CipherSuite
    master: bytes
    id: bytes = b""
    ticket: bytes = b""


@dataclass
class Heard:
    """What came from our side.

    Attributes:
        messages: handshake messages, whole.
        sizes: length of the plaintext of each record of data.
        data: all application data.
        alert: the description of the alert that came, None without one.
        alerts: level and description of each alert that came.
        nonces: explicit nonces of protected records.
    """

    messages: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    data: bytes = b""
    alert: int | None = None
    alerts: list[tuple[int, int]] = field(default_factory=list)
    nonces: list[int] = field(default_factory=list)

    def one(self, kind: type[M]) -> M:
        """The first message of a kind."""
        found = (decode_handshake(raw) for raw in self.messages)
        return next(m for m in found if isinstance(m, kind))


class ScriptedPeer:
    """One connection of a stack, without a transport.

    Args:
        stack: whose habits and demands it has.
        identity: its certificates, None for a client without any.
        ca: the CA of both sides.

    Attributes:
        heard: what came.
        refusal: why it ended the connection, None if it did not.
        done: whether the handshake is through.
        resumed: whether it continued a session.
    """

    role: str
    other: str
    sealer: type[Sealer] = Sealer

    def __init__(self, stack: Stack, identity: Identity | None, ca: Certificate) -> None:
        self.stack, self.habits, self.demands = stack, stack.habits, stack.demands
        self.identity, self.ca = identity, ca
        self.heard = Heard()
        self.refusal: Refusal | None = None
        self.done = self.resumed = self.closed = False
        self._stream, self._messages = bytearray(), bytearray()
        self._sent, self._transcript = list[bytes](), b""
        self._reads: Sealer | None = None
        self._writes: Sealer | None = None
        self._flow = self._life()
        next(self._flow)

    # ---- for the test -----------------------------------------------------------------------

    @property
    def hung_up(self) -> bool:
        """Whether it has closed the transport."""
        return self.refusal is not None or self.heard.alert is not None

    def feed(self, data: bytes) -> None:
        """Bytes from our side."""
        self._stream += data
        if data and not self.hung_up:
            next(self._flow, None)

    def take(self) -> list[bytes]:
        """What it sends now, as TCP segments."""
        sent, self._sent = self._sent, []
        if not self.habits.segments and sent:
            return [b"".join(sent)]
        return sent

    def send_data(self, data: bytes) -> None:
        """Send application data in the stack's way."""
        if self.role in self.habits.empty_records:
            self._send(DATA, b"")
        for at in range(0, len(data), 1 << 14):
            self._send(DATA, data[at : at + (1 << 14)])

    def close(self) -> None:
        """Send close_notify."""
        self._send(ALERT, bytes((1, CLOSE_NOTIFY)))

    # ---- sending ------------------------------------------------------------------------------

    def _send(self, kind: int, fragment: bytes) -> None:
        sealed = self._writes.seal(kind, fragment) if self._writes else fragment
        self._sent.append(as_record(kind, sealed))

    def _say(self, message: Handshake) -> None:
        self._say_raw(message.encode())

    def _say_raw(self, raw: bytes) -> None:
        self._transcript += raw
        self._send(HANDSHAKE, raw)

    # ---- receiving ------------------------------------------------------------------------------

    def _record(self) -> Flow[Record]:
        while (record := first_record(self._stream)) is None:
            yield
        if record.version != 0x0101 and (self.demands.record_version or self.heard.messages):
            raise Refusal(f"record version {record.version:04x}", self.demands.record_version or 70)
        if self._reads is not None:
            text = self._reads.open(record.kind, record.fragment)
            self.heard.nonces = self._reads.nonces
            if text is None:
                raise Refusal("a record that is not authentic", 20)
            record = record._replace(fragment=text)
        if record.kind == ALERT:
            self.heard.alert = record.fragment[1]
            self.heard.alerts.append((record.fragment[0], record.fragment[1]))
            self.closed = record.fragment[1] == CLOSE_NOTIFY
            raise Ended
        return record

    def _fragment(self, kind: int) -> Flow[bytes]:
        record = yield from self._record()
        if record.kind != kind:
            raise Refusal(f"a record of type {record.kind} where {kind} was due", 10)
        return record.fragment

    def _any_message(self) -> Flow[Handshake]:
        whole = self.demands.whole_messages
        size = 0
        while len(self._messages) < 4 or len(self._messages) < size:
            self._messages += yield from self._fragment(HANDSHAKE)
            size = 4 + int.from_bytes(self._messages[1:4], "big")
            if whole and len(self._messages) != size:
                raise Refusal("a record that is not one whole handshake message", whole)
        size = 4 + int.from_bytes(self._messages[1:4], "big")
        raw = bytes(self._messages[:size])
        del self._messages[:size]
        self._before = self._transcript
        self._transcript += raw
        self.heard.messages.append(raw)
        try:
            return decode_handshake(raw)
        except TLCPError as error:
            raise Refusal(str(error), self.habits.malformed) from error

    def _message(self, kind: type[M]) -> Flow[M]:
        message = yield from self._any_message()
        if not isinstance(message, kind):
            raise Refusal(f"{type(message).__name__} where {kind.__name__} was due", 10)
        return message

    # ---- the handshake's parts -----------------------------------------------------------------

    def _certificate_list(self, *, with_enc: bool = True) -> tuple[bytes, ...]:
        identity = self.identity
        if identity is None:
            return ()
        enc = (identity.enc_cert,) if with_enc and identity.enc_cert is not None else ()
        above = (*identity.chain, *((self.ca,) if self.habits.root_sent else ()))
        rest = (*above, *enc) if self.habits.enc_last else (*enc, *above)
        return tuple(certificate.der for certificate in (identity.sign_cert, *rest))

    def _agree(self, suite: CipherSuite, master: bytes, randoms: tuple[bytes, bytes]) -> None:
        self.suite, self.master = suite, master
        nonce = 0 if self.habits.nonce_from_zero else int.from_bytes(os.urandom(8), "big")
        self._keys = sealers(suite, master, randoms, nonce=nonce, make=self.sealer)

    def _verify_data(self, sender: str, messages: bytes) -> bytes:
        label = f"{sender} finished".encode()
        return prf(self.suite.hash, self.master, label, digest(self.suite.hash, messages), 12)

    def _finish(self) -> None:
        self._send(CCS, b"\x01")
        self._writes = self._keys[self.role]
        self._say(Finished(self._verify_data(self.role, self._transcript)))

    def _finished(self) -> Flow[None]:
        if (yield from self._fragment(CCS)) != b"\x01":
            raise Refusal("a ChangeCipherSpec that is not 01", 10)
        self._reads = self._keys[self.other]
        message = yield from self._message(Finished)
        if message.verify_data != self._verify_data(self.other, self._before):
            raise Refusal("a wrong Finished", 51)

    def _handshake(self) -> Flow[None]:
        raise NotImplementedError

    def _life(self) -> Flow[None]:
        try:
            yield from self._handshake()
            self.done = True
            while True:
                fragment = yield from self._fragment(DATA)
                if len(fragment) > self.demands.longest:
                    raise Refusal(f"{len(fragment)} bytes in one record", SILENT)
                self.heard.data += fragment
                self.heard.sizes.append(len(fragment))
        except Refusal as refusal:
            self.refusal = refusal
            if refusal.alert is not None:
                self._send(ALERT, bytes((2, refusal.alert)))
        except Ended:
            return


def is_ecdhe(suite: CipherSuite) -> bool:
    return suite.key_exchange is KeyExchangeKind.ECDHE


def digest(name: str, data: bytes) -> bytes:
    """The hash of a suite."""
    return hashlib.sha256(data).digest() if name == "sha256" else sm3(data)


def proven(suite: CipherSuite, messages: bytes) -> bytes:
    """What CertificateVerify signs: SHA-256 in every RSA suite, as Tongsuo has it."""
    return digest("sha256" if suite.key_kind is KeyKind.RSA else suite.hash, messages)


def master_secret(suite: CipherSuite, pre_master: bytes, randoms: tuple[bytes, bytes]) -> bytes:
    """48 bytes, of both hellos' random values."""
    return prf(suite.hash, pre_master, b"master secret", b"".join(randoms), 48)
