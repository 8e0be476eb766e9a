"""What an attacker could measure: pairs of inputs that must take the same time to be refused.

Each attempt gives two ways to make an input ready; what is timed is the library taking it and
refusing it.  Records go through the record layer, handshakes through a connection.

Spec: GB/T 38636-2020 6.3.3.4, 6.4.5.8, 6.4.5.9
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from assurance.fuzzing.scenes import SERVERS, Scene, scenes
from assurance.fuzzing.wire_mutator import join_records, split_records
from support.ends import world
from tlcp.connection import Connection
from tlcp.crypto.der import encode_signature
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

__all__ = ["Attempt", "attempts"]

_KEY, _MAC_KEY = bytes(range(16)), bytes(range(32))
_TEXT_BYTES: Final = 512  # of a CBC record: plaintext, MAC and padding
_MAC_BYTES: Final = 32
_POOL: Final = 64  # inputs of each class, so that none of them is special
#: An input that is ready: calling it is what takes the time.
Ready = Callable[[], None]


@dataclass(frozen=True)
class Attempt:
    """Two classes of inputs.

    Attributes:
        name: what differs between them.
        first, second: make an input of the class ready.
        secret: whether an attacker must not tell them apart; else what it shows is known to him.
        control: the second does more on purpose, and it must be seen.
    """

    name: str
    first: Callable[[], Ready]
    second: Callable[[], Ready]
    secret: bool = True
    control: bool = False


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


def _cbc_record(padding: int, *, right: bool) -> bytes:
    """A record whose MAC is wrong, with so much padding, right or with a wrong byte in it."""
    end = bytearray(bytes((padding,)) * (padding + 1))
    if not right:
        end[0] ^= 0x55
    text = os.urandom(_TEXT_BYTES - len(end)) + end
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


def _records() -> list[Attempt]:
    found = []
    for name, protection in (("SM3", _cbc), ("SHA256, in Python", _cbc_sha256)):
        found += [
            Attempt(
                f"CBC with {name}: wrong padding, or right and a wrong MAC",
                _pooled(lambda: _cbc_record(31, right=False), protection),
                _pooled(lambda: _cbc_record(31, right=True), protection),
            ),
            Attempt(
                f"CBC with {name}: wrong MAC behind 1 byte of padding, or 256",
                _pooled(lambda: _cbc_record(0, right=True), protection),
                _pooled(lambda: _cbc_record(255, right=True), protection),
            ),
        ]
    first, last = (_pooled(lambda at=at: _gcm_record(at), _gcm) for at in (0, 15))  # type: ignore[misc]
    found.append(Attempt("GCM: first byte of the tag wrong, or the last", first, last))
    found.append(Attempt("control: one hash of 64 bytes more", first, _more(last), control=True))
    return found


def _more(ready: Callable[[], Ready]) -> Callable[[], Ready]:
    def make() -> Ready:
        inner = ready()

        def work() -> None:
            sm3(_MAC_KEY + _MAC_KEY)
            inner()

        return work

    return make


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


def _wrong_point(sealed: bytearray) -> None:
    sealed[_Y + 31] ^= 0x55


def _key_exchange(change: Callable[[bytearray], None]) -> Callable[[], Ready]:
    """A server in front of a ciphertext, a ChangeCipherSpec and a Finished that is none."""
    draw, pool = Random(0), _exchanges(change)  # noqa: S311  (no secret)
    scene = _scene(HandshakeType.CLIENT_KEY_EXCHANGE)
    rest = [(ContentType.CHANGE_CIPHER_SPEC, b"\1"), (ContentType.HANDSHAKE, bytes(80))]

    def make() -> Ready:
        end, _ = _waiting(scene, 1)
        stream = join_records([(ContentType.HANDSHAKE, draw.choice(pool)), *rest])
        return _takes(end, stream, BadRecordMAC)

    return make


def _scene(second: HandshakeType) -> Scene:
    """The first in which this message follows ClientHello."""
    for scene in scenes(SERVERS):
        if split_records(scene.told)[0][1][1][0] == second:
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


def _handshakes() -> list[Attempt]:
    return [
        Attempt(
            "SM2 decryption: a right ciphertext, or a wrong C3",
            _key_exchange(_whole),
            _key_exchange(_wrong_hash),
        ),
        Attempt(
            "SM2 decryption: a wrong C3, or a point that is not on the curve",
            _key_exchange(_wrong_hash),
            _key_exchange(_wrong_point),
            secret=False,
        ),
        Attempt(
            "CertificateVerify: a signature with one bit wrong, or none at all",
            _verify(near=True),
            _verify(near=False),
        ),
    ]


def attempts() -> Sequence[Attempt]:
    """All of them, made ready."""
    return [*_records(), *_handshakes()]
