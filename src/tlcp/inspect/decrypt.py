"""``Decryptor``: finds the keys of one connection and opens its records.

Keys come from a key log, from the server's encryption key (ECC and RSA suites: the pre-master
secret is encrypted to it), or from the session that a connection resumes. In ECDHE suites both
sides contribute an ephemeral key, so that no key of a file is enough.

Spec: GB/T 38636-2020 6.3.3.4, 6.4.5.8, 6.5; RFC 7366 for encrypt-then-MAC, which TASSL has
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Sequence
from typing import Protocol

from tlcp.alerts import Text
from tlcp.crypto.prf import prf
from tlcp.crypto.sm3 import hmac_sm3
from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import DecodeError, RecordOverflow, TLCPError
from tlcp.handshake.schedule import KeySchedule, master_secret
from tlcp.handshake.transcript import Transcript
from tlcp.inspect.certs import split
from tlcp.inspect.model import Integrity, Message, Opening, Record, Sender
from tlcp.inspect.secrets import KnownSession, Secrets
from tlcp.record.framing import HEADER_BYTES
from tlcp.record.protect import Buffer, Opened, refusal
from tlcp.registry import TLCP_VERSION, ContentType, ExtensionType
from tlcp.suites import ALL_SUITES, BulkCipher, CipherSuite, KeyExchangeKind
from tlcp.wire.bodies import EccClientKeyExchange
from tlcp.wire.extensions import find_extension
from tlcp.wire.messages import (
    Certificate,
    ClientHello,
    ClientKeyExchange,
    NewSessionTicket,
    ServerHello,
)
from tlcp.x509 import certificate as x509

__all__ = ["Decryptor", "EncryptThenMac"]

_MAC_BYTES = 32
_BLOCK = 16
_MAC_HEADER = struct.Struct(">QBHH")  # sequence, type, version, length
_SMALLEST_PROTECTED = HEADER_BYTES + 24  # GCM around nothing
_MOST_TRIES = 2048  # sequence numbers that are tried behind a gap
_MOST_TRIES_IN_ALL = 1 << 14  # and in one connection: whoever sends gaps shall not keep us busy
_SPARE_TIMES = 16  # as many times the bytes of a capture may be decrypted in vain
_TRY_BYTES = 256  # that a try costs beside its own
_MOST_TRANSCRIPT = 1 << 22  # bytes; no handshake has so many
_ENCRYPTED = (KeyExchangeKind.ECC, KeyExchangeKind.RSA)
_TELLING = frozenset(  # messages that keys depend on
    (ClientHello, ServerHello, Certificate, ClientKeyExchange, NewSessionTicket)
)


class _Opens(Protocol):
    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open fragments under the next sequence numbers."""


class EncryptThenMac:
    """Opens records of CBC suites whose MAC is over the ciphertext.

    TLCP has no such thing, but TASSL agrees on it with itself.

    Spec: RFC 7366 3
    """

    def __init__(self, *, mac_key: bytes, key: bytes, hash_name: str) -> None:
        self._mac_key, self._key, self._hash = mac_key, SM4Key(key), hash_name
        self._sequence = 0

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open each fragment under the next sequence number, up to the first bad one."""
        texts: list[bytes] = []
        for fragment in fragments:
            sequence, text = self._sequence, self._open_one(content_type, bytes(fragment))
            self._sequence += 1
            if text is None:
                lengths = [len(t) for t in texts]
                return Opened(b"".join(texts), lengths, refusal(sequence, 0))
            texts.append(text)
        return Opened(b"".join(texts), [len(t) for t in texts])

    def _open_one(self, content_type: int, fragment: bytes) -> bytes | None:
        body, mac = fragment[:-_MAC_BYTES], fragment[-_MAC_BYTES:]
        if len(body) < 2 * _BLOCK or len(body) % _BLOCK:
            return None
        header = _MAC_HEADER.pack(self._sequence, content_type, TLCP_VERSION, len(body))
        if not hmac.compare_digest(mac, self._mac(header + body)):
            return None
        text = self._key.cbc_decrypt(body[:_BLOCK], body[_BLOCK:])
        padding = text[-1]
        if padding >= len(text) or text[-padding - 1 :] != bytes([padding]) * (padding + 1):
            return None
        return text[: -padding - 1]

    def _mac(self, data: bytes) -> bytes:
        if self._hash == "sm3":
            return hmac_sm3(self._mac_key, data)
        return hmac.digest(self._mac_key, data, self._hash)


class Decryptor:
    """The keys of one connection.

    Args:
        secrets: what is known; learns the session of this connection.
        name: what this connection is called where another one resumes it.

    Attributes:
        suite: agreed on, None before ServerHello or if it has no name.
        keys: None while unknown.
        source: where the keys come from; None while unknown.
        resumed: whether a session is continued.
        resumes: the connection that began the session, if it was seen.
        pre_master_version: the version inside the pre-master secret, if that was decrypted.
        encrypt_then_mac: whether it was agreed on.
        key_fits: whether a private key was given that belongs to the encryption certificate;
            None without key or certificate.
    """

    def __init__(self, secrets: Secrets | None = None, name: str = "") -> None:
        self._secrets = secrets if secrets is not None else Secrets()
        self._name = name
        self._client: ClientHello | None = None
        self._server: ServerHello | None = None
        self._enc: x509.Certificate | None = None
        self._exchange: ClientKeyExchange | None = None
        self._ticket = b""
        self._fails: Text | None = None
        self._opens: dict[Sender, _Opens] = {}
        self._next: dict[Sender, int] = {"client": 0, "server": 0}
        self._transcript = bytearray()
        self._tries_left = _MOST_TRIES_IN_ALL
        self.suite: CipherSuite | None = None
        self.keys: KeySchedule | None = None
        self.source: Text | None = None
        self.resumed = False
        self.resumes = ""
        self.pre_master: bytes | None = None
        self.pre_master_version: int | None = None
        self.encrypt_then_mac = False
        self.extended_master = False
        self.key_fits: bool | None = None

    def saw(self, message: Message) -> None:
        """Keep what the keys depend on."""
        if message.protected:
            return
        if self._exchange is None and len(self._transcript) < _MOST_TRANSCRIPT:
            self._transcript += message.data
        if type(message.parsed) not in _TELLING:
            return
        match message.parsed:
            case ClientHello() as hello if self._client is None:
                self._client = hello
            case ServerHello() as hello if self._server is None:
                self._hello(hello)
            case Certificate(certificates=ders) if message.sender == "server":
                self.resumed = False
                self._certificates(ders)
            case ClientKeyExchange() as exchange if self._exchange is None:
                self._exchange = exchange
            case NewSessionTicket(ticket=ticket):
                self._ticket = ticket
                self._find()
                self._remember()
                return
            case _:
                return
        if self.keys is None:
            self._find()

    def changed(self, sender: Sender) -> None:
        """From here on that side's records are numbered anew."""
        self._next[sender] = 0

    def open(self, record: Record, lost: int) -> Opening | None:
        """Open a record; behind a gap the following sequence numbers are tried."""
        opens = self._opens.get(record.sender)
        if opens is None and self._secrets.growing and self._logged():
            self._find()
            opens = self._opens.get(record.sender)
        if opens is None:
            hopeless = Opening(None, None, Integrity.UNKNOWN, self.why_not())
            return None if self._secrets else hopeless
        if record.version != TLCP_VERSION:
            return Opening(None, None, Integrity.FAILS, _OTHER_VERSION)
        sequence = self._next[record.sender]
        self._secrets.spare_bytes += _SPARE_TIMES * (len(record.fragment) + _TRY_BYTES)
        if lost:
            return self._search(opens, record, lost)
        opened = opens.open(record.content_type, (record.fragment,))
        self._next[record.sender] = sequence + 1
        if opened.error is None:
            return Opening(opened.data, sequence, Integrity.HOLDS)
        return Opening(None, sequence, Integrity.FAILS, _failed(sequence, lost))

    def _search(self, opens: _Opens, record: Record, lost: int) -> Opening:
        """Open a record behind a gap."""
        first, spare = self._next[record.sender], self._secrets
        cost = len(record.fragment) + _TRY_BYTES
        if self._tries_left <= 0 or spare.spare_bytes < cost:
            return Opening(None, first, Integrity.UNKNOWN, _TOO_MANY_GAPS)
        most = lost // _SMALLEST_PROTECTED + 1  # records that can be missing
        wanted = min(most, _MOST_TRIES)
        tries = 1 + min(wanted, self._tries_left, spare.spare_bytes // cost)
        self._tries_left -= tries - 1
        for sequence in range(first, first + tries):
            opened = opens.open(record.content_type, [record.fragment])
            self._next[record.sender] = sequence + 1
            spare.spare_bytes -= cost if sequence > first else 0
            if opened.error is None:
                return Opening(opened.data, sequence, Integrity.HOLDS)
            if isinstance(opened.error, RecordOverflow):
                break
        if first < _MOST_TRIES:
            self._restart(record.sender, first + 1)
            self._tries_left -= first + 1
        if tries <= most:
            return Opening(None, first, Integrity.UNKNOWN, _TOO_MANY_GAPS)
        return Opening(None, first, Integrity.FAILS, _failed(first, lost))

    def _logged(self) -> bool:
        """Whether the key log, which grows, has the master secret by now."""
        client = self._client
        return client is not None and self._secrets.logged_master(client.random) is not None

    def _restart(self, sender: Sender, sequence: int) -> None:
        """Go back to a sequence number: fresh keys, and as many records that fail."""
        self._opens[sender] = self._protection(sender)
        for _ in range(sequence):
            self._opens[sender].open(ContentType.ALERT, [b""])
        self._next[sender] = sequence

    def why_not(self) -> Text:
        """Why there are no keys."""
        if self._client is None or self._server is None:
            return _NO_HELLO
        if self.suite is None or not self.suite.implemented:
            return _suite_unknown(self._server.cipher_suite)
        if self._fails is not None:
            return self._fails
        if self.resumed:
            return _NO_SESSION
        if self.suite.key_exchange is KeyExchangeKind.ECDHE and self._secrets.has_keys:
            return _ECDHE
        if self._secrets.has_keys and self._exchange is None:
            return _NO_EXCHANGE
        if self._secrets.has_key_log:
            return _NOT_LOGGED
        return _NOTHING_GIVEN

    # ---- from the messages to the keys -----------------------------------------------------

    def _hello(self, hello: ServerHello) -> None:
        self._server, self.suite = hello, ALL_SUITES.get(hello.cipher_suite)
        offered = self._client.session_id if self._client is not None else b""
        self.resumed = bool(offered) and hello.session_id == offered
        cbc = self.suite is not None and self.suite.cipher is BulkCipher.SM4_CBC
        agreed = find_extension(hello.extensions, ExtensionType.ENCRYPT_THEN_MAC) is not None
        self.encrypt_then_mac = agreed and cbc
        self.extended_master = (
            find_extension(hello.extensions, ExtensionType.EXTENDED_MASTER_SECRET) is not None
        )

    def _certificates(self, ders: tuple[bytes, ...]) -> None:
        try:
            _, self._enc, _ = split(ders)
        except (TLCPError, ValueError):
            self._enc = None
        if self._enc is not None and self._secrets.has_keys:
            self.key_fits = self._secrets.fits(self._enc)

    def _find(self) -> None:
        client, server, suite = self._client, self._server, self.suite
        if client is None or server is None or suite is None or not suite.implemented:
            return
        if self.keys is None:
            master = self._master(client, server, suite)
            if master is None:
                return
            self.keys = KeySchedule(
                suite, master, client_random=client.random, server_random=server.random
            )
            self._opens = {s: self._protection(s) for s in ("client", "server")}
            self._remember()

    def _remember(self) -> None:
        server = self._server
        if self.keys is None or server is None:
            return
        session = KnownSession(self.keys.dangerous_master(), self.resumes or self._name)
        self._secrets.remember("session_id", server.session_id, session)
        self._secrets.remember("ticket", self._ticket, session)

    def _master(self, client: ClientHello, server: ServerHello, suite: CipherSuite) -> bytes | None:
        session = self._session(client) if self.resumed else None
        if session is not None:
            self.resumes = session.began_in
        if (master := self._secrets.logged_master(client.random)) is not None:
            self.source = Text("the key log", "密钥日志")
            return master
        if session is not None:
            what = session.began_in or "an earlier connection"
            self.source = Text(f"the session that began in {what}", f"会话始于 {what}")
            return session.master
        if (pre := self._secrets.logged_pre_master(client.random)) is not None:
            self.source = Text("the key log (pre-master secret)", "密钥日志（预主密钥）")
        elif (pre := self._decrypted(suite)) is not None:
            self.source = Text("the server's encryption key", "服务端加密私钥")
        if pre is None:
            return None
        self.pre_master = pre
        return self._derive(pre, client, server, suite)

    def _derive(
        self, pre: bytes, client: ClientHello, server: ServerHello, suite: CipherSuite
    ) -> bytes:
        if self.extended_master:  # RFC 7627 4
            seed = _digest(suite, bytes(self._transcript))
            return prf(suite.hash, pre, b"extended master secret", seed, 48)
        return master_secret(pre, client.random, server.random, suite.hash)

    def _session(self, client: ClientHello) -> KnownSession | None:
        ticket = find_extension(client.extensions, ExtensionType.SESSION_TICKET)
        name = ticket.data if ticket is not None else b""
        by_ticket = self._secrets.recall("ticket", name)
        return by_ticket or self._secrets.recall("session_id", client.session_id)

    def _decrypted(self, suite: CipherSuite) -> bytes | None:
        exchange = self._exchange
        if exchange is None or suite.key_exchange not in _ENCRYPTED or not self._secrets.has_keys:
            return None
        try:
            ciphertext = EccClientKeyExchange.from_bytes(exchange.body).ciphertext
        except DecodeError:
            self._fails = _BAD_EXCHANGE
            return None
        secret = self._secrets.decrypt(ciphertext, self._enc)
        if secret is None:
            self._fails = _OTHER_KEY if self.key_fits is not True else _BAD_CIPHERTEXT
            return None
        self.pre_master_version = int.from_bytes(secret[:2], "big")
        return secret

    def _protection(self, sender: Sender) -> _Opens:
        if self.keys is None or self.suite is None:
            raise RuntimeError("no keys yet")
        if self.encrypt_then_mac:
            mac_key, key, _ = self.keys.dangerous_keys(sender)
            return EncryptThenMac(mac_key=mac_key, key=key, hash_name=self.suite.hash)
        return self.keys.protection(sender, os.urandom)


def _digest(suite: CipherSuite, messages: bytes) -> bytes:
    transcript = Transcript()
    transcript.add(messages)
    transcript.follow(suite)
    return transcript.digest()


def _failed(sequence: int, lost: int) -> Text:
    if lost:
        return Text(
            f"its integrity check fails under {sequence} and the following sequence numbers",
            f"以序列号 {sequence} 及其后各值校验均失败",
        )
    return Text(
        f"its integrity check fails (sequence number {sequence}): it was changed, or these are "
        "not its keys",
        f"完整性校验失败（序列号 {sequence}）：数据被改动，或密钥不对",
    )


def _suite_unknown(number: int) -> Text:
    return Text(f"suite {number:04X} cannot be decrypted here", f"本工具不能解密套件 {number:04X}")


_TOO_MANY_GAPS = Text(
    "too many gaps came before it: its sequence number was not searched for",
    "此前缺口过多，不再尝试推断其序列号",
)
_OTHER_VERSION = Text("its version is not 0101", "版本不是 0101")
_NO_HELLO = Text(
    "the hellos are not in the capture, so that no keys can be derived",
    "抓包中没有 Hello 消息，无法导出密钥",
)
_NO_SESSION = Text(
    "it resumes a session whose master secret is not known: the connection that began it is not "
    "in the capture, or was not decrypted; a key log would do",
    "恢复的会话主密钥未知：建立该会话的连接不在抓包中，或未能解密；提供密钥日志即可",
)
_ECDHE = Text(
    "ECDHE: the server's key alone is not enough, since both sides add an ephemeral key; give a "
    "key log",
    "ECDHE 套件：双方各有临时密钥，仅有服务端私钥不够；请提供密钥日志",
)
_NO_EXCHANGE = Text("ClientKeyExchange is not in the capture", "抓包中没有 ClientKeyExchange")
_BAD_EXCHANGE = Text("ClientKeyExchange cannot be read", "ClientKeyExchange 无法解析")
_OTHER_KEY = Text(
    "the private key does not belong to the server's encryption certificate",
    "私钥与服务端加密证书不配对",
)
_BAD_CIPHERTEXT = Text(
    "the ciphertext in ClientKeyExchange does not decrypt with the server's key",
    "ClientKeyExchange 中的密文无法用服务端私钥解密",
)
_NOT_LOGGED = Text(
    "the key log has no line for this ClientHello's random", "密钥日志中没有该 ClientHello 随机数"
)
_NOTHING_GIVEN = Text("no key log and no encryption key was given", "没有提供密钥日志或加密私钥")
