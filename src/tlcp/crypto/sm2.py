"""SM2 keys: signatures, encryption and key exchange, over the C kernels of ``tlcp._native``.

Randomness comes in through ``random``, a function from a number of bytes to that many random
bytes, so that tests and hardware sources can supply it. What is constant in time and what is
not: ``docs/constant-time.md``.

Spec: GB/T 32918.1 to .5-2016; the user ID is that of GB/T 38636-2020 (GM/T 0009) unless given
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, NoReturn, Self

from cryptography.exceptions import InvalidSignature

from tlcp._native import ffi, lib
from tlcp.crypto.der import (
    BAD_CIPHERTEXT,
    decode_ciphertext,
    decode_signature,
    encode_ciphertext,
    encode_signature,
)
from tlcp.crypto.sm2_tables import KeyTables, make_table
from tlcp.crypto.sm3 import sm3
from tlcp.errors import MisuseError

__all__ = [
    "DEFAULT_ID",
    "Random",
    "SM2KeyAgreement",
    "SM2PrivateKey",
    "SM2PublicKey",
    "forget_tables",
]

DEFAULT_ID: Final = b"1234567812345678"

Random = Callable[[int], bytes]

_SCALAR_BYTES: Final = 32
_POINT_BYTES: Final = 65
_MAX_ID_BYTES: Final = 8191  # its length in bits is hashed as a 16-bit number
_TRIES: Final = 64  # a sound source fails once with p < 2**-31, or 2**-8 for a 1-byte plaintext

_BYTES = ffi.typeof("uint8_t[]")

_tables = KeyTables()


def forget_tables() -> None:
    """Forget what was computed about public keys met before, for measuring first contacts.

    Keys whose ``prepare`` was called keep their tables.
    """
    _tables.clear()


def _buffer(length: int) -> Any:
    return ffi.new(_BYTES, length)


def _bytes(buffer: Any) -> bytes:
    return bytes(ffi.buffer(buffer))


def _draw(random: Random) -> bytes:
    drawn = random(_SCALAR_BYTES)
    if len(drawn) != _SCALAR_BYTES:
        raise _broken_random()
    return drawn


def _broken_random() -> RuntimeError:
    return RuntimeError(
        "random source broken: it gave the wrong number of bytes or no usable number in "
        f"{_TRIES} tries; expected {_SCALAR_BYTES} unpredictable bytes per call"
    )


def _xy(point: bytes) -> bytes:
    """The 64 bytes x || y of a valid uncompressed point."""
    if len(point) != _POINT_BYTES or point[0] != 4:
        raise ValueError(
            "not an SM2 point: expected 65 bytes, 04 || x || y; compressed forms are not used"
        )
    xy = bytes(point[1:])
    if not lib.tlcp_sm2_point_valid(xy):
        raise ValueError("not an SM2 point: its coordinates are not on the curve")
    return xy


def _z(user_id: bytes, xy: bytes) -> bytes:
    if len(user_id) > _MAX_ID_BYTES:
        raise ValueError(f"user ID of {len(user_id)} bytes; expected at most {_MAX_ID_BYTES}")
    out = _buffer(32)
    lib.tlcp_sm2_z(out, user_id, len(user_id), xy)
    return _bytes(out)


class SM2PublicKey:
    """An SM2 public key, checked to be a point of the curve.

    Verifying with a key for the second time, with this or an equal object, makes a table of its
    multiples (8 KiB; those of the last 256 keys are kept), with which it is three times as fast.

    Args:
        point: 65 bytes, 04 || x || y.

    Raises:
        ValueError: it is no such point.

    Spec: GB/T 32918.1 6.2
    """

    __slots__ = ("_default_z", "_table", "_xy")

    def __init__(self, point: bytes) -> None:
        self._xy = _xy(point)
        self._default_z: bytes | None = None
        self._table: Any = None

    @property
    def point(self) -> bytes:
        """The point: 65 bytes, 04 || x || y."""
        return b"\x04" + self._xy

    def z(self, user_id: bytes = DEFAULT_ID) -> bytes:
        """The hash Z of the user ID, the curve and this key, 32 bytes.

        Raises:
            ValueError: the user ID is longer than 8191 bytes.

        Spec: GB/T 32918.2 5.5
        """
        if user_id != DEFAULT_ID:
            return _z(user_id, self._xy)
        if self._default_z is None:
            self._default_z = _z(user_id, self._xy)
        return self._default_z

    def verify(self, signature_der: bytes, message: bytes, *, user_id: bytes = DEFAULT_ID) -> None:
        """Check a signature, DER SEQUENCE {r, s}, over a message.

        Raises:
            InvalidSignature: of ``cryptography.exceptions``; it is no signature of this message.

        Spec: GB/T 32918.2 7.1
        """
        rs, xy = decode_signature(signature_der), self._xy
        digest = sm3(self.z(user_id) + message)
        table = self._table or _tables.find(xy)
        if table is None:
            valid = lib.tlcp_sm2_verify(rs, digest, xy)
        else:
            valid = lib.tlcp_sm2_verify_with_table(rs, digest, table)
        if not valid:
            raise InvalidSignature("the SM2 signature does not match message, key and user ID")

    def prepare(self) -> None:
        """Make the table for fast verification now and keep it as long as this object lives.

        For keys that will verify much, such as those of CAs: the table takes 8 KiB and about as
        long as one and a half verifications, and no number of other keys drives it out.
        """
        if self._table is None:
            self._table = make_table(self._xy)

    def encrypt(self, plaintext: bytes, *, random: Random = os.urandom) -> bytes:
        """Encrypt to this key; returns DER SEQUENCE {x, y, C3, C2}.

        Raises:
            ValueError: the plaintext is empty, which SM2 cannot encrypt.
            RuntimeError: the random source is broken.

        Spec: GB/T 32918.4 6.1
        """
        length = len(plaintext)
        if length == 0:
            raise ValueError("SM2 cannot encrypt an empty plaintext; expected at least one byte")
        c1, c3, c2 = _buffer(64), _buffer(32), _buffer(length)
        for _ in range(_TRIES):
            if lib.tlcp_sm2_encrypt(c1, c3, c2, plaintext, length, self._xy, _draw(random)):
                return encode_ciphertext(_bytes(c1), _bytes(c3), _bytes(c2))
        raise _broken_random()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SM2PublicKey):
            return NotImplemented
        return self._xy == other._xy

    def __hash__(self) -> int:
        return hash(self._xy)

    def __repr__(self) -> str:
        return f"SM2PublicKey(point=bytes.fromhex('{self.point.hex()}'))"


class SM2PrivateKey:
    """An SM2 private key in memory; implements ``tlcp.crypto.keys.PrivateKey``.

    Args:
        scalar: the private key d, 32 bytes big-endian, 1 <= d <= n - 2.
        random: source of nonces and ephemeral keys.

    Raises:
        ValueError: the scalar is out of range.

    Spec: GB/T 32918.1 6.1
    """

    __slots__ = ("_public_key", "_random", "_scalar", "_signing_key")

    def __init__(self, scalar: bytes, random: Random = os.urandom) -> None:
        self._public_key = SM2PublicKey(_public_point(scalar))
        self._scalar = bytes(scalar)
        self._random = random
        self._signing_key: bytes | None = None

    @classmethod
    def generate(cls, random: Random = os.urandom) -> Self:
        """A new key from the random source, which it keeps.

        Raises:
            RuntimeError: the random source is broken.

        Spec: GB/T 32918.1 6.1
        """
        return cls(_draw_scalar(random), random)

    @property
    def public_key(self) -> SM2PublicKey:
        """The public key."""
        return self._public_key

    @property
    def public_point(self) -> bytes:
        """The public key: 65 bytes, 04 || x || y."""
        return self._public_key.point

    def sign(self, message: bytes, *, user_id: bytes = DEFAULT_ID) -> bytes:
        """Sign with SM2-SM3; returns DER SEQUENCE {r, s}.

        Raises:
            RuntimeError: the random source is broken.

        Spec: GB/T 32918.2 6.1
        """
        digest = sm3(self._public_key.z(user_id) + message)
        key = self._signing_key or self._make_signing_key()
        rs = _buffer(64)
        for _ in range(_TRIES):
            if lib.tlcp_sm2_sign(rs, digest, key, _draw(self._random)):
                return encode_signature(_bytes(rs))
        raise _broken_random()

    def _make_signing_key(self) -> bytes:
        """1 / (1 + d), which every signature needs; as secret as d."""
        out = _buffer(_SCALAR_BYTES)
        lib.tlcp_sm2_signing_key(out, self._scalar)
        self._signing_key = _bytes(out)
        return self._signing_key

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt an SM2 ciphertext, DER SEQUENCE {x, y, C3, C2}; returns the plaintext.

        Raises:
            ValueError: it is no such ciphertext or does not decrypt; one text for every cause.

        Spec: GB/T 32918.4 7.1
        """
        c1, c3, c2 = decode_ciphertext(ciphertext)
        plaintext = _buffer(len(c2))
        if not lib.tlcp_sm2_decrypt(plaintext, len(c2), c1, c3, c2, self._scalar):
            raise ValueError(BAD_CIPHERTEXT)
        return _bytes(plaintext)

    def begin_key_exchange(self) -> SM2KeyAgreement:
        """Draw an ephemeral key and start a key exchange.

        Raises:
            RuntimeError: the random source is broken.

        Spec: GB/T 32918.3 6.1
        """
        return SM2KeyAgreement(self, _draw_scalar(self._random))

    def dangerous_scalar(self) -> bytes:
        """The private key itself, 32 bytes: for writing key files, never for logs."""
        return self._scalar

    def __repr__(self) -> str:
        return f"SM2PrivateKey(<secret>, public_point={self.public_point.hex()})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise _not_picklable(self)


class SM2KeyAgreement:
    """One run of the SM2 key exchange; implements ``tlcp.crypto.keys.KeyAgreement``.

    Args:
        private_key: our static key; in TLCP that of the encryption certificate.
        ephemeral_scalar: our ephemeral private key r, 32 bytes, 1 <= r <= n - 2.

    Raises:
        ValueError: the scalar is out of range.

    Spec: GB/T 32918.3 6.1
    """

    __slots__ = ("_ephemeral_scalar", "_ephemeral_xy", "_private_key")

    def __init__(self, private_key: SM2PrivateKey, ephemeral_scalar: bytes) -> None:
        self._ephemeral_xy = _public_point(ephemeral_scalar)[1:]
        self._ephemeral_scalar: bytes | None = bytes(ephemeral_scalar)
        self._private_key = private_key

    @property
    def ephemeral_point(self) -> bytes:
        """Our ephemeral public point R: 65 bytes, 04 || x || y."""
        return b"\x04" + self._ephemeral_xy

    def derive(
        self,
        *,
        peer_point: bytes,
        peer_ephemeral_point: bytes,
        initiator: bool,
        length: int = 48,
        own_id: bytes = DEFAULT_ID,
        peer_id: bytes = DEFAULT_ID,
    ) -> bytes:
        """Agree on the shared key, in TLCP the pre-master secret; works once.

        Args:
            peer_point: the peer's static public point, 65 bytes, 04 || x || y.
            peer_ephemeral_point: the peer's ephemeral public point, 65 bytes.
            initiator: True for party A, whose Z is hashed first (in TLCP the server).
            length: bytes to derive, at least 1.
            own_id: our user ID.
            peer_id: the peer's user ID.

        Raises:
            ValueError: a bad point, the agreed point at infinity, or an argument out of range.
            MisuseError: this run was used before.

        Spec: GB/T 32918.3 6.1
        """
        if length < 1:
            raise ValueError(f"cannot derive a key of {length} bytes; expected at least 1")
        if self._ephemeral_scalar is None:
            raise MisuseError("an SM2 key exchange is used once; begin another one")
        scalar, self._ephemeral_scalar = self._ephemeral_scalar, None
        peer, peer_r = SM2PublicKey(peer_point), _xy(peer_ephemeral_point)
        own_z, peer_z = self._private_key.public_key.z(own_id), peer.z(peer_id)
        zs = (own_z, peer_z) if initiator else (peer_z, own_z)
        key, d = _buffer(length), self._private_key.dangerous_scalar()
        if not lib.tlcp_sm2_exchange(
            key, length, d, scalar, self._ephemeral_xy, peer._xy, peer_r, *zs
        ):
            raise ValueError("the SM2 key exchange fails: the shared point is at infinity")
        return _bytes(key)

    def __repr__(self) -> str:
        return f"SM2KeyAgreement(<secret>, ephemeral_point={self.ephemeral_point.hex()})"

    def __reduce__(self) -> NoReturn:
        raise _not_picklable(self)


def _public_point(scalar: bytes) -> bytes:
    if len(scalar) != _SCALAR_BYTES:
        raise ValueError(f"SM2 private key of {len(scalar)} bytes; expected {_SCALAR_BYTES}")
    xy = _buffer(64)
    if not lib.tlcp_sm2_public_key(xy, bytes(scalar)):
        raise ValueError("SM2 private key out of range; expected 1 <= d <= n - 2")
    return b"\x04" + _bytes(xy)


def _draw_scalar(random: Random) -> bytes:
    """A private key from the random source."""
    xy = _buffer(64)
    for _ in range(_TRIES):
        drawn = _draw(random)
        if lib.tlcp_sm2_public_key(xy, drawn):
            return drawn
    raise _broken_random()


def _not_picklable(secret: object) -> TypeError:
    return TypeError(
        f"{type(secret).__name__} holds a secret and is not pickled; write the key to an "
        "encrypted file, or take dangerous_scalar() if it must travel"
    )
