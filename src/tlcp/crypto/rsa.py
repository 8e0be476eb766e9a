"""RSA keys for the RSA suites and for certificates of RSA CAs; ``cryptography`` computes.

Spec: RFC 8017 7.2 (RSAES-PKCS1-v1_5), 8.2 (RSASSA-PKCS1-v1_5)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["MAX_BITS", "MIN_BITS", "RSAPrivateKey", "RSAPublicKey"]

MIN_BITS: Final = 2048
MAX_BITS: Final = 8192  # a peer chooses its key, and we pay for its size
_MAX_EXPONENT_BITS: Final = 64

_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


class RSAPublicKey:
    """An RSA public key of 2048 to 8192 bits.

    Raises:
        ValueError: it is shorter, longer, or has an exponent of more than 64 bits.
    """

    __slots__ = ("_key", "der")

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        _check_size(key)
        self._key = key
        self.der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def bits(self) -> int:
        """Length of the modulus."""
        return self._key.key_size

    def verify(self, signature: bytes, message: bytes, *, hash_name: str = "sha256") -> None:
        """Check an RSASSA-PKCS1-v1_5 signature.

        Args:
            signature: as long as the key.
            message: what was signed, not hashed.
            hash_name: "sha256", "sha384" or "sha512".

        Raises:
            InvalidSignature: it does not hold.

        Spec: RFC 8017 8.2.2
        """
        try:
            self._key.verify(signature, message, padding.PKCS1v15(), _HASHES[hash_name])
        except ValueError:
            raise InvalidSignature from None

    def encrypt(self, plaintext: bytes, *, random: Callable[[int], bytes] = os.urandom) -> bytes:
        """Encrypt with RSAES-PKCS1-v1_5; the padding is drawn by ``cryptography``, not by us.

        Spec: RFC 8017 7.2.1
        """
        del random
        return self._key.encrypt(plaintext, padding.PKCS1v15())

    def prepare(self) -> None:
        """Nothing to do; SM2 keys compute a table."""

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, RSAPublicKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<RSAPublicKey of {self._key.key_size} bits>"


class RSAPrivateKey:
    """An RSA private key in memory; its repr does not show it, and it is never pickled.

    Raises:
        ValueError: as for ``RSAPublicKey``.
    """

    __slots__ = ("_key", "_public", "_rejects_implicitly")

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key, self._public = key, RSAPublicKey(key.public_key())
        self._rejects_implicitly: bool | None = None

    @property
    def rejects_implicitly(self) -> bool:
        """Whether a wrong padding decrypts to random bytes; found by trying one, once.

        Only then nobody can measure it, so only then a server may use the key.
        """
        if self._rejects_implicitly is None:
            try:
                self._key.decrypt(bytes(self.bits // 8), padding.PKCS1v15())  # 0: all zeros
            except ValueError:
                self._rejects_implicitly = False
            else:
                self._rejects_implicitly = True
        return self._rejects_implicitly

    @property
    def public_key(self) -> RSAPublicKey:
        """Its public key."""
        return self._public

    @property
    def bits(self) -> int:
        """Length of the modulus."""
        return self._key.key_size

    @property
    def public_der(self) -> bytes:
        """The public key: DER of SubjectPublicKeyInfo."""
        return self._public.der

    def sign(self, message: bytes) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256.  Spec: RFC 8017 8.2.1"""
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt with RSAES-PKCS1-v1_5.

        The OpenSSL inside ``cryptography`` answers a wrong padding with random bytes of random
        length that depend on the ciphertext and the key alone (implicit rejection, from 3.2 on).

        Raises:
            ValueError: the ciphertext is not as long as the key, or OpenSSL is an old one.

        Spec: RFC 8017 7.2.2
        """
        try:
            return self._key.decrypt(ciphertext, padding.PKCS1v15())
        except ValueError:
            raise ValueError("the ciphertext does not decrypt") from None

    def dangerous_pkcs8(self) -> bytes:
        """The private key itself, DER of PKCS#8: for writing key files, never for logs."""
        return self._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def __repr__(self) -> str:
        return f"<RSAPrivateKey of {self._key.key_size} bits>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled: it would leave the process in the clear")


def _check_size(key: rsa.RSAPublicKey) -> None:
    if not MIN_BITS <= key.key_size <= MAX_BITS:
        raise ValueError(f"an RSA key of {key.key_size} bits; want {MIN_BITS} to {MAX_BITS}")
    if key.public_numbers().e.bit_length() > _MAX_EXPONENT_BITS:
        raise ValueError(f"an RSA key whose exponent has more than {_MAX_EXPONENT_BITS} bits")
