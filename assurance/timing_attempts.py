"""What an attacker could measure: pairs of inputs that must take the same time to be refused.

Each attempt gives two ways to make an input ready; what is timed is the library taking it and
refusing it.  Records go through the record layer, handshakes through a connection.

Spec: GB/T 38636-2020 6.3.3.4, 6.4.5.8, 6.4.5.9
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, cast

from assurance.fuzzing.scenes import SERVERS, Scene, scenes
from assurance.fuzzing.wire_mutator import join_records, split_records
from support.ends import world
from support.own_connections import rsa_parties
from tlcp.connection import Connection
from tlcp.crypto.der import encode_signature
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.crypto.sm3 import sm3
from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import BadRecordMAC, DecryptError, TLCPError
from tlcp.record.cbc_sha256 import CBCSha256Protection
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import CBCProtection, GCMProtection, Protection
from tlcp.registry import ContentType, HandshakeType
from tlcp.wire.bodies import EccClientKeyExchange
from tlcp.wire.messages import CertificateVerify, ClientKeyExchange

__all__ = ["Attempt", "attempts", "mac_ns"]

_KEY, _MAC_KEY = bytes(range(16)), bytes(range(32))
_TEXT_BYTES: Final = 512  # of a CBC record: plaintext, MAC and padding
_MAC_BYTES: Final = 32
_POOL: Final = 64  # inputs of each class, so that none of them is special
#: Differences that must not be shown, by what is done meanwhile; ``_PLANTED`` times as much is
#: planted beside it.  SM3 in C takes 100 to 200 ns for a block, and a MAC of 512 bytes has ten.
_RECORD_NS: Final = 200.0
_PYTHON_NS: Final = 600.0  # records that are opened in Python
_SM2_NS: Final = 5_000.0  # a decryption takes some 50,000; an exception more or less 1,000
_RSA_NS: Final = 10_000.0  # a decryption takes some 700,000
_VERIFY_NS: Final = 10_000.0  # public; a verification takes some 50,000
_PLANTED: Final = 3
#: An input that is ready: calling it is what takes the time.
Ready = Callable[[], None]


@dataclass(frozen=True)
class Attempt:
    """Two classes of inputs.

    Attributes:
        name: what differs between them.
        first, second: make an input of the class ready.
        bound_ns: no difference as large may be shown by every repeat; None = what it would show is
            known to the attacker.
        planted: the second takes longer on purpose: so much must be shown, in every run.
    """

    name: str
    first: Callable[[], Ready]
    second: Callable[[], Ready]
    bound_ns: float | None
    planted: bool = False


def _refuses(work: Callable[[], object], kind: type[TLCPError]) -> None:
    try:
        work()
    except kind:
        return
    raise RuntimeError(f"no {kind.__name__}: what was to be refused was taken")


# ---- records -----------------------------------------------------------------------------------


def _layer(protection: Protection, stream: bytes) -> Ready:
    layer = RecordLayer(max_empty_records=32)
    layer.version_agreed()
    layer.protect_reads(protection)
    layer.receive(stream)
    return lambda: _refuses(layer.next_record, BadRecordMAC)


def _pooled(make: Callable[[], bytes], protection: Callable[[], Protection]) -> Callable[[], Ready]:
    """Inputs out of a pool; their protection is new each time."""
    draw, pool = Random(0), [make() for _ in range(_POOL)]  # noqa: S311  (no secret)
    return lambda: _layer(protection(), draw.choice(pool))


def _cbc_record(padding: int, *, right: bool, size: int = _TEXT_BYTES) -> bytes:
    """A record whose MAC is wrong, with so much padding, right or with a wrong byte in it."""
    end = bytearray(bytes((padding,)) * (padding + 1))
    if not right:
        end[0] ^= 0x55
    text = os.urandom(size - len(end)) + end
    iv = os.urandom(16)
    body = iv + SM4Key(_KEY).cbc_encrypt(iv, text)
    return join_records([(ContentType.APPLICATION_DATA, body)])


def _cbc() -> Protection:
    return CBCProtection(mac_key=_MAC_KEY, key=_KEY, random=os.urandom)


def _cbc_sha256() -> Protection:
    return CBCSha256Protection(mac_key=_MAC_KEY, key=_KEY, random=os.urandom)


def _gcm() -> Protection:
    return GCMProtection(key=_KEY, fixed_iv=b"salt")


def _gcm_record(wrong: int) -> bytes:
    """A record with one byte of its tag changed."""
    sealed = bytearray(_gcm().seal(ContentType.APPLICATION_DATA, [os.urandom(256)]))
    sealed[len(sealed) - 16 + wrong] ^= 0x55
    return bytes(sealed)


class _Hasty(CBCSha256Protection):
    """The oracle: a record whose padding is wrong is refused without a MAC over it."""

    _hurries = False

    def _open_one(self, content_type: int, fragment: bytes) -> bytes | None:
        text = self._key.cbc_decrypt(fragment[:16], fragment[16:])
        self._hurries = text[-text[-1] - 1 :] != text[-1:] * (text[-1] + 1)
        return super()._open_one(content_type, fragment)

    def _mac(self, content_type: int, plaintext: bytes, common: int) -> bytes:
        return bytes(_MAC_BYTES) if self._hurries else super()._mac(content_type, plaintext, common)


def _hasty() -> Protection:
    return _Hasty(mac_key=_MAC_KEY, key=_KEY, random=os.urandom)


def _records() -> list[Attempt]:
    wrong = _pooled(lambda: _cbc_record(31, right=False), _cbc)
    first, last = (_pooled(lambda at=at: _gcm_record(at), _gcm) for at in (0, 15))  # type: ignore[misc]
    return [
        *_of_cbc("CBC with SM3", _cbc, _RECORD_NS),
        Attempt(
            "CBC with SM3: wrong padding, or right and a wrong MAC, 4,096 bytes",
            _pooled(lambda: _cbc_record(31, right=False, size=4096), _cbc),
            _pooled(lambda: _cbc_record(31, right=True, size=4096), _cbc),
            _RECORD_NS,
        ),
        Attempt("GCM: first byte of the tag wrong, or the last", first, last, _RECORD_NS),
        _planted("planted in records", wrong, _RECORD_NS),
        *_of_cbc("CBC with SHA256, in Python", _cbc_sha256, _PYTHON_NS),
        Attempt(
            "planted: CBC with SHA256 that makes no MAC where the padding is wrong",
            _pooled(lambda: _cbc_record(31, right=False), _hasty),
            _pooled(lambda: _cbc_record(31, right=True), _hasty),
            _PYTHON_NS,
            planted=True,
        ),
    ]


def _of_cbc(name: str, protection: Callable[[], Protection], bound_ns: float) -> list[Attempt]:
    return [
        Attempt(
            f"{name}: wrong padding, or right and a wrong MAC",
            _pooled(lambda: _cbc_record(31, right=False), protection),
            _pooled(lambda: _cbc_record(31, right=True), protection),
            bound_ns,
        ),
        Attempt(
            f"{name}: wrong MAC behind 1 byte of padding, or 256",
            _pooled(lambda: _cbc_record(0, right=True), protection),
            _pooled(lambda: _cbc_record(255, right=True), protection),
            bound_ns,
        ),
    ]


# ---- what is planted ---------------------------------------------------------------------------


def _spin(rounds: int) -> None:
    for _ in itertools.repeat(None, rounds):  # makes no numbers: every round is alike
        pass


@functools.cache
def _rounds_a_microsecond() -> float:
    """How fast this machine spins when it is not disturbed."""
    rounds, fastest = 2000, math.inf
    for _ in range(300):
        begin = time.perf_counter_ns()
        _spin(rounds)
        fastest = min(fastest, time.perf_counter_ns() - begin)
    return rounds * 1000 / fastest


def _planted(name: str, honest: Callable[[], Ready], bound_ns: float) -> Attempt:
    """The same class twice, and the second time three times the bound longer."""
    more_ns = _PLANTED * bound_ns
    rounds = round(more_ns / 1000 * _rounds_a_microsecond())

    def after(spins: int) -> Callable[[], Ready]:
        def make() -> Ready:
            inner = honest()

            def work() -> None:
                _spin(spins)
                inner()

            return work

        return make

    return Attempt(f"{name}: {more_ns:,.0f} ns", after(0), after(rounds), bound_ns, planted=True)


# ---- handshakes ----------------------------------------------------------------------------------


def _waiting(scene: Scene, count: int) -> tuple[Connection, list[tuple[int, bytes]]]:
    """A server that has taken the first records of an honest client; and the others."""
    end, (records, _) = scene.make(), split_records(scene.told)
    end.receive_data(join_records(records[:count]))
    while end.next_event() is not None:
        pass
    end.data_to_send()
    return end, records[count:]


def _takes(end: Connection, stream: bytes, kind: type[TLCPError]) -> Ready:
    def work() -> None:
        end.receive_data(stream)
        _refuses(end.next_event, kind)

    return work


def _server_key() -> SM2PublicKey:
    identity = world().server
    if identity.enc_cert is None or not isinstance(identity.enc_cert.public_key, SM2PublicKey):
        raise RuntimeError("the server of the tests has no SM2 key for encryption")
    return identity.enc_cert.public_key


def _exchanges(change: Callable[[bytearray], None]) -> list[bytes]:
    """ClientKeyExchange messages, changed; all ciphertexts are of one length."""
    found = list[bytes]()
    while len(found) < _POOL:
        sealed = bytearray(_server_key().encrypt(b"\1\1" + os.urandom(46)))
        if len(sealed) != _CIPHERTEXT_BYTES or any(sealed[at] & 0x80 for at in _SIGNS):
            continue
        change(sealed)
        body = EccClientKeyExchange(bytes(sealed)).to_bytes()
        found.append(ClientKeyExchange(body).encode())
    return found


#: DER of SEQUENCE {x, y, C3, C2} with coordinates of 32 bytes and no zero in front.
_X: Final = 2 + 1 + 2
_Y: Final = _X + 32 + 2
_C3: Final = _Y + 32 + 2
_SIGNS: Final = (_X, _Y)
_CIPHERTEXT_BYTES: Final = _C3 + 32 + 2 + 48


def _whole(_: bytearray) -> None:
    """As it was encrypted."""


def _wrong_hash(sealed: bytearray) -> None:
    sealed[_C3] ^= 0x55


def _wrong_text(sealed: bytearray) -> None:
    sealed[-1] ^= 0x55


def _wrong_point(sealed: bytearray) -> None:
    sealed[_Y + 31] ^= 0x55


def _key_exchange(change: Callable[[bytearray], None]) -> Callable[[], Ready]:
    """A server in front of a ciphertext, a ChangeCipherSpec and a Finished that is none."""
    return _exchanging(_scene(HandshakeType.CLIENT_KEY_EXCHANGE), _exchanges(change))


def _exchanging(scene: Scene, pool: list[bytes]) -> Callable[[], Ready]:
    draw = Random(0)  # noqa: S311  (no secret)
    rest = [(ContentType.CHANGE_CIPHER_SPEC, b"\1"), (ContentType.HANDSHAKE, bytes(80))]

    def make() -> Ready:
        end, _ = _waiting(scene, 1)
        stream = join_records([(ContentType.HANDSHAKE, draw.choice(pool)), *rest])
        return _takes(end, stream, BadRecordMAC)

    return make


def _scene(second: HandshakeType, *, rsa: bool = False) -> Scene:
    """The first in which this message follows ClientHello."""
    for scene in scenes(SERVERS):
        if scene.rsa == rsa and split_records(scene.told)[0][1][1][0] == second:
            return scene
    raise RuntimeError(f"no scene with {second.name} behind ClientHello")


def _verify(*, near: bool) -> Callable[[], Ready]:
    """A server in front of a CertificateVerify: the right one with a bit changed, or another's."""
    scene = _scene(HandshakeType.CERTIFICATE)

    def make() -> Ready:
        end, _ = _waiting(scene, 3)
        if scene.key is None:
            raise RuntimeError("nobody signs")
        signature = bytearray(64)
        while len(signature) != 71:  # one length: one of r and s has a zero in front
            digest = end._machine._transcript.signed_digest()
            signature = bytearray(scene.key.sign(digest))
        if near:
            signature[-1] ^= 1
        else:
            right = bytes(signature)
            signature = bytearray(encode_signature(os.urandom(64)))
            while len(signature) != len(right):
                signature = bytearray(encode_signature(os.urandom(64)))
        message = CertificateVerify(bytes(signature)).encode()
        return _takes(end, join_records([(ContentType.HANDSHAKE, message)]), DecryptError)

    return make


def _rsa_key() -> RSAPublicKey:
    _, server, _ = rsa_parties()
    return cast("RSAPublicKey", server.enc_cert.public_key)


def _rsa_exchange(block_type: int, version: bytes) -> Callable[[], Ready]:
    """A server in front of RSA's: a padding of this type, right if it is 2, and this version."""
    numbers, size = _rsa_key()._key.public_numbers(), _rsa_key().bits // 8

    def sealed() -> bytes:
        secret = version + os.urandom(46)
        filling = bytes(byte or 1 for byte in os.urandom(size - 3 - len(secret)))
        block = bytes((0, block_type)) + filling + b"\0" + secret
        return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(size, "big")

    pool = [ClientKeyExchange(EccClientKeyExchange(sealed()).to_bytes()).encode()
            for _ in range(_POOL)]  # fmt: skip
    scene = _scene(HandshakeType.CLIENT_KEY_EXCHANGE, rsa=True)
    return _exchanging(scene, pool)


def _handshakes() -> list[Attempt]:
    wrong_c3, rsa_right = _key_exchange(_wrong_hash), _rsa_exchange(2, b"\1\1")
    near = _verify(near=True)
    return [
        Attempt(
            "SM2 decryption: a right ciphertext, or a wrong C3",
            _key_exchange(_whole),
            wrong_c3,
            _SM2_NS,
        ),
        Attempt("SM2 decryption: a wrong C3, or a wrong C2", wrong_c3, _key_exchange(_wrong_text),
                _SM2_NS),
        Attempt(
            "SM2 decryption: a wrong C3, or a point that is not on the curve",
            wrong_c3,
            _key_exchange(_wrong_point),
            None,
        ),
        _planted("planted in SM2 decryption", wrong_c3, _SM2_NS),
        Attempt("RSA decryption: right padding, or wrong", rsa_right, _rsa_exchange(1, b"\1\1"),
                _RSA_NS),
        Attempt("RSA decryption: right version, or wrong", rsa_right, _rsa_exchange(2, b"\3\3"),
                _RSA_NS),
        _planted("planted in RSA decryption", rsa_right, _RSA_NS),
        Attempt(
            "CertificateVerify: a signature with one bit wrong, or none at all",
            near,
            _verify(near=False),
            _VERIFY_NS,
        ),
        _planted("planted in CertificateVerify", near, _VERIFY_NS),
    ]  # fmt: skip


def mac_ns() -> float:
    """What a MAC over a record of ``_TEXT_BYTES`` takes in C: a long text less a short one."""
    blocks, fastest = 64, [math.inf, math.inf]
    for _ in range(300):
        for which, text in enumerate((bytes(64), bytes(64 * (1 + blocks)))):
            begin = time.perf_counter_ns()
            sm3(text)
            fastest[which] = min(fastest[which], time.perf_counter_ns() - begin)
    return (fastest[1] - fastest[0]) / blocks * (_TEXT_BYTES / 64 + 2)


def attempts() -> Sequence[Attempt]:
    """All of them, made ready."""
    return [*_records(), *_handshakes()]
