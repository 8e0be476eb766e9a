"""How certificates may be signed, and with which keys.

SM2 with SM3 is what TLCP is about. RSA and ECDSA with SHA-256 or better stand in the chains of the
RSA suites, and above SM2 where mixed chains are asked for. SHA-1, MD5, PSS and other curves are not
taken.

Spec: GB/T 20518-2018 5.2.3.2; RFC 5280 4.1.1.2; RFC 4055 5, RFC 5758 3.2
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.ecdsa import ECDSAPublicKey
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.x509.der import RSA_SIGN_WITH, SM2_SIGN_WITH_SM3, SignatureAlgorithm

__all__ = ["SCHEMES", "SIGNATURE_SCHEMES", "Family", "Scheme", "VerifyingKey", "family_of"]

Family = Literal["SM2", "RSA", "ECDSA"]
VerifyingKey = SM2PublicKey | RSAPublicKey | ECDSAPublicKey


class Scheme(NamedTuple):
    """A signature algorithm.

    Attributes:
        family: of the key that signs.
        hash_name: "sm3", or as ``hashlib`` calls it.
    """

    family: Family
    hash_name: str


_ECDSA_WITH: Final = {
    ObjectIdentifier("1.2.840.10045.4.3.2"): "sha256",
    ObjectIdentifier("1.2.840.10045.4.3.3"): "sha384",
    ObjectIdentifier("1.2.840.10045.4.3.4"): "sha512",
}


def _der(algorithm: ObjectIdentifier, *, null: bool) -> bytes:
    parameters = asn1.Null() if null else None
    return asn1.encode_der(SignatureAlgorithm(algorithm=algorithm, parameters=parameters))


#: AlgorithmIdentifier -> scheme.  Parameters: NULL or left out for RSA (RFC 4055 5) and for SM2,
#: where CAs in use write either; left out for ECDSA (RFC 5758 3.2).
SCHEMES: Final[dict[bytes, Scheme]] = {
    **{_der(SM2_SIGN_WITH_SM3, null=null): Scheme("SM2", "sm3") for null in (False, True)},
    **{
        _der(oid, null=null): Scheme("RSA", name)
        for oid, name in RSA_SIGN_WITH.items()
        for null in (False, True)
    },
    **{_der(oid, null=False): Scheme("ECDSA", name) for oid, name in _ECDSA_WITH.items()},
}


#: Object identifier -> scheme, for what ``cryptography`` has read, parameters and all.
SIGNATURE_SCHEMES: Final[dict[ObjectIdentifier, Scheme]] = {
    SM2_SIGN_WITH_SM3: Scheme("SM2", "sm3"),
    **{oid: Scheme("RSA", name) for oid, name in RSA_SIGN_WITH.items()},
    **{oid: Scheme("ECDSA", name) for oid, name in _ECDSA_WITH.items()},
}


def family_of(key: VerifyingKey) -> Family:
    """Which algorithm a key is for."""
    if type(key) is SM2PublicKey:
        return "SM2"
    return "RSA" if type(key) is RSAPublicKey else "ECDSA"
