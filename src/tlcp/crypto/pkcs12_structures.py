"""ASN.1 of PKCS#12 files, as declarations that both read and write.

Spec: RFC 7292 4, D; RFC 2315 for the parts that it takes from PKCS#7
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.ber import ber_to_der

__all__ = [
    "CERTIFICATE_BAG",
    "DATA",
    "ENCRYPTED_DATA",
    "FRIENDLY_NAME",
    "KEY_BAG",
    "LOCAL_KEY_ID",
    "SHROUDED_BAG",
    "X509",
    "Algorithm",
    "AnyAlgorithm",
    "Attribute",
    "Bag",
    "Bags",
    "CertificateBag",
    "ContentInfo",
    "ContentInfos",
    "DigestInfo",
    "EncryptedContentInfo",
    "EncryptedData",
    "MacData",
    "Pfx",
    "as_tlv",
    "decoded",
    "inner",
    "leniently_decoded",
]

_Kind = TypeVar("_Kind")

DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.1")
ENCRYPTED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.6")
KEY_BAG: Final = ObjectIdentifier("1.2.840.113549.1.12.10.1.1")
SHROUDED_BAG: Final = ObjectIdentifier("1.2.840.113549.1.12.10.1.2")
CERTIFICATE_BAG: Final = ObjectIdentifier("1.2.840.113549.1.12.10.1.3")
X509: Final = ObjectIdentifier("1.2.840.113549.1.9.22.1")
FRIENDLY_NAME: Final = ObjectIdentifier("1.2.840.113549.1.9.20")
LOCAL_KEY_ID: Final = ObjectIdentifier("1.2.840.113549.1.9.21")


@asn1.sequence
class ContentInfo:
    """A part of the file, or the whole.  Spec: RFC 2315 7"""

    type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class ContentInfos:
    """AuthenticatedSafe inside one more SEQUENCE: only those are declared types."""

    items: list[ContentInfo]


@asn1.sequence
class Algorithm:
    """AlgorithmIdentifier of a hash.  Spec: RFC 5280 4.1.1.2"""

    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class AnyAlgorithm:
    """AlgorithmIdentifier with parameters of any kind."""

    algorithm: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class DigestInfo:
    """The MAC and its algorithm.  Spec: RFC 2315 9.4"""

    algorithm: asn1.TLV
    digest: bytes


@asn1.sequence
class MacData:
    """How the MAC is made.  Spec: RFC 7292 4"""

    mac: DigestInfo
    salt: bytes
    iterations: Annotated[int, asn1.Default(1)]


@asn1.sequence
class Pfx:
    """The whole file.  Spec: RFC 7292 4"""

    version: int
    auth_safe: ContentInfo
    mac_data: MacData | None


@asn1.sequence
class EncryptedContentInfo:
    """Spec: RFC 2315 10.1"""

    type: ObjectIdentifier
    algorithm: asn1.TLV
    content: asn1.TLV  # [0] IMPLICIT OCTET STRING, which BER may have in pieces


@asn1.sequence
class EncryptedData:
    """A part under the password.  Spec: RFC 2315 13"""

    version: int
    info: EncryptedContentInfo


@asn1.sequence
class Attribute:
    """A name or an identifier of a bag.  Spec: RFC 7292 4.2"""

    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class Bag:
    """A key, a certificate or something else.  Spec: RFC 7292 4.2"""

    type: ObjectIdentifier
    value: Annotated[asn1.TLV, asn1.Explicit(0)]
    attributes: asn1.SetOf[Attribute] | None


@asn1.sequence
class Bags:
    """SafeContents, likewise."""

    items: list[Bag]


@asn1.sequence
class CertificateBag:
    """An X.509 certificate, DER.  Spec: RFC 7292 4.2.3"""

    type: ObjectIdentifier
    value: Annotated[bytes, asn1.Explicit(0)]


def decoded(kind: type[_Kind], der: bytes) -> _Kind | None:
    """A structure from its DER; None if the bytes are something else."""
    try:
        return asn1.decode_der(kind, der)
    except ValueError:
        return None


def leniently_decoded(kind: type[_Kind], data: bytes) -> _Kind | None:
    """The same from DER or BER."""
    found = decoded(kind, data)
    if found is None and (der := ber_to_der(data)) is not None:
        found = decoded(kind, der)
    return found


def inner(wrapped: ContentInfos | Bags) -> bytes:
    """DER of a SEQUENCE OF, without the SEQUENCE that makes it a declared type."""
    return bytes(as_tlv(asn1.encode_der(wrapped)).data)


def as_tlv(der: bytes) -> asn1.TLV:
    """An element that stays encoded inside another."""
    return asn1.decode_der(asn1.TLV, der)
