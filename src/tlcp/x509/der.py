"""ASN.1 of a certificate, as far as ``cryptography.x509`` leaves it to us.

That library parses all of an SM2 certificate but its public key, and builds none of it; the
declarations here serve both reading (``certificate.py``) and writing (``pki/build.py``).

Spec: RFC 5280 4.1; GB/T 20518-2018 (profile), GM/T 0006-2012 (object identifiers)
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.x509 import (
    Name,
    NameAttribute,
    ObjectIdentifier,
    RelativeDistinguishedName,
)
from cryptography.x509.oid import ExtensionOID

from tlcp.crypto.keyfile import EcAlgorithm

__all__ = [
    "RSA_ENCRYPTION",
    "RSA_SIGN_WITH",
    "SM2_SIGN_WITH_SM3",
    "CertificateDer",
    "ExtensionDer",
    "NewSubjectPublicKeyInfo",
    "NewTBSCertificate",
    "SignatureAlgorithm",
    "SubjectPublicKeyInfo",
    "TBSCertificate",
    "Validity",
    "raw_extensions",
    "readable_copy",
]

# As in ``certificate.py``: nobody can do anything about a peer's names of odd lengths.
warnings.filterwarnings("ignore", category=UserWarning, module=re.escape(__name__))

_NOT_CA: Final = bytes.fromhex("3003010100")  # BasicConstraints with FALSE written out
SM2_SIGN_WITH_SM3: Final = ObjectIdentifier("1.2.156.10197.1.501")
RSA_ENCRYPTION: Final = ObjectIdentifier("1.2.840.113549.1.1.1")
#: sha256WithRSAEncryption and its like -> the hash.  Spec: RFC 4055 5
RSA_SIGN_WITH: Final = {
    ObjectIdentifier("1.2.840.113549.1.1.11"): "sha256",
    ObjectIdentifier("1.2.840.113549.1.1.12"): "sha384",
    ObjectIdentifier("1.2.840.113549.1.1.13"): "sha512",
}


@asn1.sequence
class SignatureAlgorithm:
    """AlgorithmIdentifier whose parameters are absent or NULL; both are in use for SM2-SM3."""

    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class ExtensionDer:
    """One extension, its value still encoded.  Spec: RFC 5280 4.1"""

    oid: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class Validity:
    """Times, UTCTime before 2050 and GeneralizedTime from then on.  Spec: RFC 5280 4.1.2.5"""

    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class SubjectPublicKeyInfo:
    """A key of any kind; its algorithm is looked at later.  Spec: RFC 5280 4.1.2.7"""

    algorithm: asn1.TLV
    public_key: asn1.BitString


@asn1.sequence
class NewSubjectPublicKeyInfo:
    """An SM2 key to write; DER of SubjectPublicKeyInfo.  Spec: RFC 5480 2"""

    algorithm: EcAlgorithm
    public_key: asn1.BitString


@asn1.sequence
class TBSCertificate:
    """What the issuer signs, as read: fields of no interest here stay encoded."""

    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    serial_number: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    subject_public_key_info: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_unique_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class NewTBSCertificate:
    """What the issuer signs, as written.  Spec: RFC 5280 4.1"""

    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    serial_number: int
    signature: SignatureAlgorithm
    issuer: asn1.TLV
    validity: Validity
    subject: asn1.TLV
    subject_public_key_info: NewSubjectPublicKeyInfo
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(3)]


@asn1.sequence
class CertificateDer:
    """The whole certificate; ``tbs`` is kept as signed.  Spec: RFC 5280 4.1"""

    tbs: asn1.TLV
    signature_algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class _Attribute:
    """Spec: RFC 5280 4.1.2.4 AttributeTypeAndValue"""

    type: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Name:
    """A name behind a SEQUENCE of its own: only fields can be declared as SEQUENCE OF."""

    parts: list[asn1.SetOf[_Attribute]]


@asn1.sequence
class _LooseExtension:
    oid: ObjectIdentifier
    critical: bool | None
    value: bytes


def raw_extensions(tbs_der: bytes) -> dict[ObjectIdentifier, bytes]:
    """The values of the extensions as they were encoded, for what the parser drops.

    Args:
        tbs_der: DER of TBSCertificate.

    Raises:
        ValueError: it is no DER.
    """
    found = {}
    for one in asn1.decode_der(TBSCertificate, tbs_der).extensions or ():
        extension = asn1.decode_der(_LooseExtension, asn1.encode_der(one))
        found[extension.oid] = extension.value
    return found


def readable_copy(der: bytes) -> bytes:
    """Copy a certificate that the strict parser refuses, with what CAs in use do wrong put right.

    They put letters into PrintableString that do not belong there ("*", "@", Chinese), and write
    out FALSE where DER leaves it away: "not critical", "not a CA". The copy serves to get at all
    else; signatures and the comparing of names use the original bytes.

    Interop: certificates of deployed CAs
    """
    outer = asn1.decode_der(CertificateDer, der)
    tbs = asn1.decode_der(TBSCertificate, asn1.encode_der(outer.tbs))
    copy = replace(tbs, subject=_tlv(_readable(tbs.subject)), issuer=_tlv(_readable(tbs.issuer)))
    if tbs.extensions is not None:
        copy = replace(copy, extensions=[_plain(one) for one in tbs.extensions])
    return asn1.encode_der(replace(outer, tbs=_tlv(asn1.encode_der(copy))))


def _readable(name: asn1.TLV) -> bytes:
    parts = asn1.decode_der(_Name, asn1.encode_der(_Wrapped(name=name))).parts
    return Name(
        [RelativeDistinguishedName(map(_text, part.as_list())) for part in parts]
    ).public_bytes()


_BMP_STRING, _UNIVERSAL_STRING = b"\x1e", b"\x1c"
_CODECS: Final = {_BMP_STRING: "utf-16-be", _UNIVERSAL_STRING: "utf-32-be"}


def _text(attribute: _Attribute) -> NameAttribute[str]:
    codec = _CODECS.get(attribute.value.tag_bytes, "utf-8")
    text = bytes(attribute.value.data).decode(codec, "replace")
    return NameAttribute(attribute.type, text, _validate=False)


def _plain(extension: asn1.TLV) -> asn1.TLV:
    """The same extension without a FALSE that DER leaves away."""
    loose = asn1.decode_der(_LooseExtension, asn1.encode_der(extension))
    value = loose.value
    if loose.oid == ExtensionOID.BASIC_CONSTRAINTS and value == _NOT_CA:
        value = b"\x30\x00"
    plain = ExtensionDer(oid=loose.oid, critical=bool(loose.critical), value=value)
    return _tlv(asn1.encode_der(plain))


@asn1.sequence
class _Wrapped:
    name: asn1.TLV


def _tlv(der: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, der)
