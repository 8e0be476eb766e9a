"""What the protocol needs of a private key, so that one may live in an HSM, a SIM or a daemon.

The software keys are ``tlcp.crypto.sm2.SM2PrivateKey`` and ``tlcp.crypto.rsa.RSAPrivateKey``;
anything with their methods may stand in.  Its methods are called while a handshake waits, from the
thread that drives the connection, and by several threads at once; what they raise when the device
or the process does not answer should be an ``OSError``: it ends the handshake with a
``KeyUnavailable`` that names the key.

Spec: GB/T 38636-2020 6.4.5.4 to 6.4.5.9; GB/T 32918.2, .3, .4
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["AnyPrivateKey", "KeyAgreement", "PrivateKey", "PrivateRSAKey"]


class KeyAgreement(Protocol):
    """One run of the SM2 key exchange, holding its ephemeral private key; used once.

    Spec: GB/T 32918.3 6.1 (GB/T 38636-2020 6.4.5.4, 6.4.5.8 for its use)
    """

    @property
    def ephemeral_point(self) -> bytes:
        """Our ephemeral public point R: 65 bytes, 04 || x || y."""

    def derive(self, *, peer_point: bytes, peer_ephemeral_point: bytes, initiator: bool) -> bytes:
        """Agree on the 48-byte pre-master secret; both user IDs are the default one.

        Args:
            peer_point: the peer's static public point, 65 bytes, 04 || x || y.
            peer_ephemeral_point: the peer's ephemeral public point, 65 bytes.
            initiator: True for party A, whose Z is hashed first (in TLCP the server).

        Raises:
            ValueError: a point is not on the curve, or the agreed point is at infinity.
        """


@runtime_checkable
class PrivateKey(Protocol):
    """An SM2 private key: signs, decrypts, agrees; never shows itself."""

    @property
    def public_point(self) -> bytes:
        """The public key: 65 bytes, 04 || x || y."""

    def sign(self, message: bytes) -> bytes:
        """Sign with SM2-SM3 under the default user ID; returns DER SEQUENCE {r, s}.

        Spec: GB/T 32918.2 6.1
        """

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt an SM2 ciphertext, DER SEQUENCE {x, y, C3, C2}; returns the plaintext.

        Raises:
            ValueError: it is no such ciphertext or does not decrypt; one text for every cause.

        Spec: GB/T 32918.4 7.1
        """

    def begin_key_exchange(self) -> KeyAgreement:
        """Draw an ephemeral key and start a key exchange.

        Spec: GB/T 32918.3 6.1
        """


@runtime_checkable
class PrivateRSAKey(Protocol):
    """An RSA private key, for the RSA suites: signs and decrypts; never shows itself."""

    @property
    def public_der(self) -> bytes:
        """The public key: DER of SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256.  Spec: RFC 8017 8.2"""

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt with RSAES-PKCS1-v1_5; returns the plaintext.

        A wrong padding is better answered with random bytes, always the same for one ciphertext,
        than with an error, whose time can be measured.

        Raises:
            ValueError: it does not decrypt; one text for every cause.

        Spec: RFC 8017 7.2
        """


AnyPrivateKey = PrivateKey | PrivateRSAKey
