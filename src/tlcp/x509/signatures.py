"""Signatures on certificates, each verified once.

A server sees the same clients again, and a client calls the same server again. That a key made a
signature over some bytes is a fact that never changes, so it is remembered; validity, revocation,
names and usages depend on the moment and the connection and are checked every time. Only
signatures that held are remembered, under everything that was verified, byte for byte.

Spec: RFC 5280 6.1.3 (a)(1)
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature

from tlcp.crypto.ecdsa import ECDSAPublicKey
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.x509.algorithms import Scheme, VerifyingKey, family_of
from tlcp.x509.recent import Recent

__all__ = ["MAX_REMEMBERED", "forget", "holds", "verify_other_signature", "verify_signature"]

MAX_REMEMBERED: Final = 1024
_MAX_BYTES: Final = 4096  # of a certificate worth remembering: at most 4 MiB are held in all

_Fact = tuple[bytes, ...]  # public key, signature, what is signed; but for SM2 also the hash

_facts: Recent[_Fact, bool] = Recent(MAX_REMEMBERED)


def verify_signature(key: SM2PublicKey, signature: bytes, signed: bytes) -> None:
    """Check an SM2-SM3 signature with the default user ID, unless it has held before.

    Thread-safe.

    Args:
        key: the issuer's.
        signature: DER SEQUENCE {r, s}.
        signed: DER of TBSCertificate.

    Raises:
        InvalidSignature: it does not hold; this is found anew every time.
        ValueError: it is no DER of a signature.

    Spec: GB/T 32918.2 7.1
    """
    fact = (key.point, signature, signed)
    if _facts.get(fact):
        return
    key.verify(signature, signed)
    if len(signature) + len(signed) <= _MAX_BYTES:
        _facts.put(fact, True)


def verify_other_signature(
    key: RSAPublicKey | ECDSAPublicKey, signature: bytes, signed: bytes, hash_name: str
) -> None:
    """Check an RSASSA-PKCS1-v1_5 or ECDSA signature, unless it has held before.

    Args:
        key: the issuer's.
        signature: as long as the key, or DER SEQUENCE {r, s}.
        signed: DER of TBSCertificate.
        hash_name: "sha256", "sha384" or "sha512".

    Raises:
        InvalidSignature: it does not hold.

    Spec: RFC 8017 8.2.2; FIPS 186-5 6.4.2
    """
    fact = (key.der, signature, signed, hash_name.encode())
    if _facts.get(fact):
        return
    key.verify(signature, signed, hash_name=hash_name)
    if len(signature) + len(signed) <= _MAX_BYTES:
        _facts.put(fact, True)


def holds(key: VerifyingKey, scheme: Scheme | None, signature: bytes, signed: bytes) -> bool:
    """Whether a key made a signature, by whatever algorithm; remembered like the others.

    Args:
        key: of who is to have signed.
        scheme: how it is signed; None, an unsupported way, never holds.
        signature: as the scheme has it.
        signed: DER of what is signed.
    """
    if scheme is None or family_of(key) != scheme.family:
        return False
    try:
        if isinstance(key, SM2PublicKey):
            verify_signature(key, signature, signed)
        else:
            verify_other_signature(key, signature, signed, scheme.hash_name)
    except (InvalidSignature, ValueError):
        return False
    return True


def forget() -> None:
    """Forget all of them: for measuring what a first contact costs."""
    _facts.clear()
