"""OCSP requests, and how they name a certificate: read and built, for both ends.

``cryptography`` reads requests for one certificate and knows no SM3 in them; TLCP peers ask for
two, so the structures are declared here.  Responses are built in ``pki/ocsp.py``.

Spec: RFC 6960 4.1; RFC 9654 (the nonce)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self

from cryptography import x509
from cryptography.hazmat import asn1

from tlcp.crypto.sm3 import sm3
from tlcp.errors import ConfigError
from tlcp.x509.certificate import Certificate
from tlcp.x509.der import ExtensionDer, SubjectPublicKeyInfo
from tlcp.x509.skeleton import cut_certificate

__all__ = [
    "HASHES",
    "CertIdDer",
    "OcspCertId",
    "OcspRequest",
    "build_ocsp_request",
    "read_ocsp_request",
]

#: The hashes that name an issuer, and their object identifiers.  Spec: RFC 6960 4.1.1
HASHES: Final = {
    "sha1": x509.ObjectIdentifier("1.3.14.3.2.26"),
    "sha256": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1"),
    "sm3": x509.ObjectIdentifier("1.2.156.10197.1.401"),
}
_HASH_NAMES: Final = {oid: name for name, oid in HASHES.items()}
_NONCE: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.2")
_NONCE_MOST: Final = 128  # bytes; RFC 9654 2.1
_MOST_CERTIFICATES: Final = 64  # in one request; a pair with its intermediates has a handful


@asn1.sequence
class _Algorithm:
    """AlgorithmIdentifier of a hash: NULL with the old ones, absent with the new."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class CertIdDer:
    """Spec: RFC 6960 4.1.1"""

    hash_algorithm: _Algorithm
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


@asn1.sequence
class _Request:
    """Spec: RFC 6960 4.1.1"""

    cert_id: CertIdDer
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(0)]


@asn1.sequence
class _TBSRequest:
    """Spec: RFC 6960 4.1.1"""

    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    requests: list[_Request]
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(2)]


@asn1.sequence
class _NamedTBSRequest:
    """The same with a requestorName: a choice, which only a field that must be there may be."""

    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    requestor: Annotated[asn1.TLV, asn1.Explicit(1)]
    requests: list[_Request]
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(2)]


@asn1.sequence
class _Signature:
    """Who asks is of no interest: every certificate's status is public."""

    algorithm: asn1.TLV
    signature: asn1.BitString
    certificates: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


@asn1.sequence
class _OCSPRequest:
    """Spec: RFC 6960 4.1.1"""

    tbs: asn1.TLV
    signature: Annotated[_Signature | None, asn1.Explicit(0)]


@dataclass(frozen=True, slots=True)
class OcspCertId:
    """A certificate as OCSP names it.

    Attributes:
        hash_name: a key of ``HASHES``.
        issuer_name_hash: hash of the issuer's name, DER.
        issuer_key_hash: hash of the issuer's public key, the content of its BIT STRING.
        serial_number: of the certificate.

    Spec: RFC 6960 4.1.1
    """

    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int

    @classmethod
    def of(cls, serial_number: int, issuer: Certificate, hash_name: str = "sha1") -> Self:
        """Name a certificate of an issuer.

        SHA-1 is what every responder knows; it protects nothing here, so its weakness is no harm.

        Raises:
            ConfigError: the hash is not in ``HASHES``.
        """
        if hash_name not in HASHES:
            raise ConfigError(f"OCSP with the hash {hash_name!r}: use one of {', '.join(HASHES)}")
        info = asn1.decode_der(SubjectPublicKeyInfo, cut_certificate(issuer.der).key_info)
        return cls(
            hash_name,
            _digest(hash_name, issuer.subject_der),
            _digest(hash_name, info.public_key.as_bytes()),
            serial_number,
        )

    def is_by(self, issuer: Certificate) -> bool:
        """Whether this certificate is one of the issuer's."""
        return self == type(self).of(self.serial_number, issuer, self.hash_name)

    def encoded(self) -> CertIdDer:
        """The structure to write."""
        null = asn1.Null() if self.hash_name == "sha1" else None
        return CertIdDer(
            hash_algorithm=_Algorithm(algorithm=HASHES[self.hash_name], parameters=null),
            issuer_name_hash=self.issuer_name_hash,
            issuer_key_hash=self.issuer_key_hash,
            serial_number=self.serial_number,
        )


@dataclass(frozen=True, slots=True)
class OcspRequest:
    """What a client asks.

    Attributes:
        ids: the certificates.
        nonce: what the response shall repeat; None without one.
    """

    ids: tuple[OcspCertId, ...]
    nonce: bytes | None = None


def build_ocsp_request(ids: Sequence[OcspCertId], nonce: bytes | None = None) -> bytes:
    """Build an unsigned request.

    Args:
        ids: the certificates, at least one.
        nonce: 1 to 128 bytes; None leaves it out.

    Returns:
        DER.

    Spec: RFC 6960 4.1.1, RFC 9654 2.1
    """
    extensions = None
    if nonce is not None:
        value = x509.OCSPNonce(nonce).public_bytes()
        extensions = [ExtensionDer(oid=_NONCE, critical=False, value=value)]
    tbs = _TBSRequest(
        version=0,
        requests=[_Request(cert_id=one.encoded(), extensions=None) for one in ids],
        extensions=extensions,
    )
    inner = asn1.decode_der(asn1.TLV, asn1.encode_der(tbs))
    return asn1.encode_der(_OCSPRequest(tbs=inner, signature=None))


def read_ocsp_request(der: bytes) -> OcspRequest:
    """Read a request; a signature on it is not looked at.

    Raises:
        ConfigError: it is no request, asks for nothing or too much, or with an unknown hash.

    Spec: RFC 6960 4.1.1
    """
    try:
        tbs_der = asn1.encode_der(asn1.decode_der(_OCSPRequest, der).tbs)
        tbs = _read_tbs(tbs_der)
        nonce = _nonce(tbs.extensions or [])
    except ValueError:
        raise ConfigError(
            "this is not the DER of an OCSP request (RFC 6960 4.1.1); "
            "`openssl ocsp -reqout FILE` writes one"
        ) from None
    if not 1 <= len(tbs.requests) <= _MOST_CERTIFICATES:
        raise ConfigError(
            f"the OCSP request asks for {len(tbs.requests)} certificates; "
            f"1 to {_MOST_CERTIFICATES} are answered"
        )
    return OcspRequest(tuple(_cert_id(request.cert_id) for request in tbs.requests), nonce)


def _read_tbs(der: bytes) -> _TBSRequest | _NamedTBSRequest:
    try:
        return asn1.decode_der(_TBSRequest, der)
    except ValueError:
        return asn1.decode_der(_NamedTBSRequest, der)


def _nonce(extensions: list[ExtensionDer]) -> bytes | None:
    for extension in extensions:
        if extension.oid == _NONCE:
            nonce = asn1.decode_der(bytes, extension.value)
            if not 1 <= len(nonce) <= _NONCE_MOST:
                raise ValueError("a nonce of a length that RFC 9654 forbids")
            return nonce
    return None


def _cert_id(cert_id: CertIdDer) -> OcspCertId:
    name = _HASH_NAMES.get(cert_id.hash_algorithm.algorithm)
    if name is None:
        oid = cert_id.hash_algorithm.algorithm.dotted_string
        raise ConfigError(
            f"the OCSP request names its issuer with the hash {oid}; "
            f"ask with one of {', '.join(HASHES)}"
        )
    return OcspCertId(
        name, cert_id.issuer_name_hash, cert_id.issuer_key_hash, cert_id.serial_number
    )


def _digest(name: str, data: bytes) -> bytes:
    if name == "sm3":
        return sm3(data)
    return hashlib.new(name, data, usedforsecurity=False).digest()
