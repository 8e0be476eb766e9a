"""ECDSA public keys: TLCP signs nothing with them, but CAs do; ``cryptography`` computes.

Spec: FIPS 186-5 6; RFC 5480 (keys), RFC 5758 3.2 (signatures)
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["ECDSAPublicKey"]

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384"}
_HASHES: Final = {
    name: ec.ECDSA(hash_())
    for name, hash_ in (
        ("sha256", hashes.SHA256),
        ("sha384", hashes.SHA384),
        ("sha512", hashes.SHA512),
    )
}


class ECDSAPublicKey:
    """An ECDSA public key on P-256 or P-384.

    Raises:
        ValueError: it is on another curve.
    """

    __slots__ = ("_key", "der")

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        if key.curve.name not in _CURVES:
            raise ValueError(f"an EC key on the curve {key.curve.name}; want P-256 or P-384")
        self._key = key
        self.der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def curve(self) -> str:
        """Its name: "P-256" or "P-384"."""
        return _CURVES[self._key.curve.name]

    def verify(self, signature: bytes, message: bytes, *, hash_name: str = "sha256") -> None:
        """Check a signature.

        Args:
            signature: DER SEQUENCE {r, s}.
            message: what was signed, not hashed.
            hash_name: "sha256", "sha384" or "sha512".

        Raises:
            InvalidSignature: it does not hold.

        Spec: FIPS 186-5 6.4.2
        """
        self._key.verify(signature, message, _HASHES[hash_name])

    def prepare(self) -> None:
        """Nothing to do; SM2 keys compute a table."""

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, ECDSAPublicKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<ECDSAPublicKey on {self.curve}>"
