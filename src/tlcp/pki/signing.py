"""Who signs certificates, CRLs and OCSP responses: SM2 with SM3, or ECDSA for mixed chains.

Spec: GB/T 32918.2 6.1; RFC 5758 3.2 (ECDSA)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ObjectIdentifier

from tlcp.x509.der import SM2_SIGN_WITH_SM3, CertificateDer, SignatureAlgorithm

__all__ = ["ECDSASigner", "Signer", "sign_tbs", "signature_algorithm", "tlv"]

# Curve -> the hash of its strength, and the signature algorithm.  Spec: RFC 5758 3.2
_ECDSA: Final[dict[str, tuple[hashes.HashAlgorithm, ObjectIdentifier]]] = {
    "secp256r1": (hashes.SHA256(), ObjectIdentifier("1.2.840.10045.4.3.2")),
    "secp384r1": (hashes.SHA384(), ObjectIdentifier("1.2.840.10045.4.3.3")),
    "secp521r1": (hashes.SHA512(), ObjectIdentifier("1.2.840.10045.4.3.4")),
}


class Signer(Protocol):
    """What signs: an SM2 private key, wherever it lives, or an ``ECDSASigner``."""

    def sign(self, message: bytes) -> bytes:
        """Sign with SM2-SM3 under the default ID, or with ECDSA; returns DER {r, s}."""


@dataclass(frozen=True, slots=True)
class ECDSASigner:
    """An ECDSA key that signs with the hash of its curve's strength.

    Attributes:
        key: on P-256, P-384 or P-521.

    Raises:
        ValueError: the key is on another curve.
    """

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if self.key.curve.name not in _ECDSA:
            raise ValueError(f"no ECDSA on the curve {self.key.curve.name}; use P-256 or P-384")

    @property
    def oid(self) -> ObjectIdentifier:
        """The signature algorithm."""
        return _ECDSA[self.key.curve.name][1]

    def sign(self, message: bytes) -> bytes:
        """Sign; returns DER {r, s}.  Spec: RFC 5758 3.2"""
        return self.key.sign(message, ec.ECDSA(_ECDSA[self.key.curve.name][0]))


def signature_algorithm(signer: Signer, *, null_parameters: bool = False) -> SignatureAlgorithm:
    """The AlgorithmIdentifier of what a signer makes; whatever is not ECDSA is SM2 with SM3."""
    return SignatureAlgorithm(
        algorithm=signer.oid if isinstance(signer, ECDSASigner) else SM2_SIGN_WITH_SM3,
        parameters=asn1.Null() if null_parameters else None,
    )


def sign_tbs(tbs_der: bytes, algorithm: SignatureAlgorithm, signer: Signer) -> bytes:
    """Sign and wrap: certificates, CRLs and requests all are SEQUENCE {tbs, algorithm, bits}.

    Spec: RFC 5280 4.1.1, 5.1.1; RFC 2986 4.2
    """
    signed = CertificateDer(
        tbs=tlv(tbs_der),
        signature_algorithm=tlv(asn1.encode_der(algorithm)),
        signature=asn1.BitString(signer.sign(tbs_der), 0),
    )
    return asn1.encode_der(signed)


def tlv(der: bytes) -> asn1.TLV:
    """DER as a field of a larger structure."""
    return asn1.decode_der(asn1.TLV, der)
