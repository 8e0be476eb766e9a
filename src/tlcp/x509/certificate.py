"""One certificate, read once and never changed.

``cryptography.x509`` does the parsing.  It does not know SM2 keys and signatures, so these two
are taken from the DER with its ASN.1 declarations.  Everything is looked at in the constructor:
a ``Certificate`` that exists is well formed, and only its key may still be of an unsupported kind.

Spec: GB/T 38636-2020 6.4.5.3 (Certificate); GB/T 20518-2018, RFC 5280 4
"""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtensionOID, NameOID

from tlcp.crypto.keyfile import EC_PUBLIC_KEY, SM2_CURVE, EcAlgorithm
from tlcp.crypto.pem import split_pem
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.der import (
    SM2_SIGN_WITH_SM3,
    CertificateDer,
    SignatureAlgorithm,
    TBSCertificate,
    readable_copy,
)

__all__ = ["Certificate", "load_pem_certificates"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_Value = TypeVar("_Value", bound=x509.ExtensionType)

_PEM_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE")

# Names of the standard (RFC 5280 4.2.1.3) for the attributes of cryptography's KeyUsage.
_KEY_USAGES: Final = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}

# The critical extensions whose meaning is acted upon, here or in chain.py and names.py.
_HANDLED: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)


_NAME_CHARACTERS = 200  # of a name in a text


class Certificate:
    """An X.509 certificate; compares and hashes by its DER.

    Attributes:
        der: the bytes as received.
        subject, issuer: names, parsed.
        subject_der, issuer_der: the same as encoded; these are what chains compare.
        serial_number: as in the certificate.
        version: 1 or 3.
        not_before, not_after: validity, aware, UTC, both ends included.

    Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 4.1
    """

    def __init__(self, der: bytes) -> None:
        self.der = bytes(der)
        try:
            self._parse()
        except CertificateVerifyError:
            raise
        except Exception as error:
            # The parser raises ValueError, TypeError, UnsupportedAlgorithm, x509.* and more: to
            # the peer they are all one thing, a certificate that cannot be read.
            raise _malformed(_first_line(error)) from error
        self._sealed = True

    def __setattr__(self, name: str, value: object) -> None:
        if "_sealed" in self.__dict__:
            raise AttributeError(f"a Certificate cannot be changed ({name})")
        super().__setattr__(name, value)

    def _parse(self) -> None:
        outer = asn1.decode_der(CertificateDer, self.der)
        self._tbs_der = asn1.encode_der(outer.tbs)
        self._tbs = asn1.decode_der(TBSCertificate, self._tbs_der)
        self._signature = outer.signature
        self._algorithms = asn1.encode_der(outer.signature_algorithm)
        try:
            self._x509 = x509.load_der_x509_certificate(self.der)
            self.subject, self.issuer = self._x509.subject, self._x509.issuer
        except ValueError:
            self._x509 = x509.load_der_x509_certificate(readable_copy(outer, self._tbs))
            self.subject, self.issuer = self._x509.subject, self._x509.issuer
        self.subject_der = asn1.encode_der(self._tbs.subject)
        self.issuer_der = asn1.encode_der(self._tbs.issuer)
        self.serial_number = self._tbs.serial_number
        self.version = self._tbs.version + 1
        self.not_before = self._x509.not_valid_before_utc
        self.not_after = self._x509.not_valid_after_utc
        self._extensions = self._x509.extensions  # evaluated lazily: here, so that it fails here
        if asn1.encode_der(self._tbs.signature) != self._algorithms:
            raise _malformed("its two signature algorithm fields differ (RFC 5280 4.1.1.2)")

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """Read one certificate from DER.

        Raises:
            CertificateVerifyError: MALFORMED, whatever is wrong with the bytes.
        """
        return cls(der)

    @classmethod
    def from_pem(cls, pem: bytes) -> Certificate:
        """Read the first certificate of a PEM file.

        Raises:
            ConfigError: the file holds none, or one that cannot be read.
        """
        return load_pem_certificates(pem)[0]

    # Key and signature

    @cached_property
    def public_point(self) -> bytes:
        """The SM2 public point: 65 bytes, 04 || x || y; on the curve only if `public_key` says so.

        Raises:
            CertificateVerifyError: UNSUPPORTED_KEY, the key is not SM2 or not in that form.
        """
        info = self._tbs.subject_public_key_info
        try:
            key: EcAlgorithm = info.algorithm.parse(EcAlgorithm)
        except ValueError:
            kind = _oid_text(self._x509.public_key_algorithm_oid)
            raise _unsupported(f"the certificate {self} has a key of the kind {kind}") from None
        if key.algorithm != EC_PUBLIC_KEY or key.curve != SM2_CURVE:
            curve = _oid_text(key.curve)
            raise _unsupported(f"the certificate {self} has an EC key on the curve {curve}")
        point = info.public_key.as_bytes()
        if len(point) != 65 or point[0] != 4 or info.public_key.padding_bits():
            what = f"the certificate {self} has a public point of {len(point)} bytes"
            raise _unsupported(what, expected="65 bytes, 04 || x || y (uncompressed)")
        return point

    @cached_property
    def public_key(self) -> SM2PublicKey:
        """The SM2 public key.

        Raises:
            CertificateVerifyError: UNSUPPORTED_KEY as for ``public_point``; MALFORMED when the
                point is not on the curve.
        """
        point = self.public_point
        try:
            return SM2PublicKey(point)
        except ValueError as error:
            raise _malformed("its public key is not a point of the SM2 curve") from error

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Check the signature on this certificate with the issuer's key; names are not compared.

        Raises:
            CertificateVerifyError: BAD_SIGNATURE, or UNSUPPORTED_KEY when the algorithm is not
                SM2-SM3 or the issuer's key is not SM2.

        Spec: GB/T 32918.2 7.1 with the default ID; RFC 5280 6.1.3 (a)(1)
        """
        algorithm = self._x509.signature_algorithm_oid
        if algorithm != SM2_SIGN_WITH_SM3:
            what = f"the certificate {self} is signed with {_oid_text(algorithm)}"
            raise _unsupported(what, expected="SM2 with SM3 (1.2.156.10197.1.501)")
        key = issuer.public_key  # outside of the try: its error is a ValueError too
        try:
            asn1.decode_der(SignatureAlgorithm, self._algorithms)
            if self._signature.padding_bits():
                raise InvalidSignature
            key.verify(self._signature.as_bytes(), self._tbs_der)
        except (InvalidSignature, ValueError):
            raise CertificateVerifyError(
                CertificateProblem.BAD_SIGNATURE,
                f"the signature on the certificate {self} is not by the key of {issuer}",
                hint="The certificate was changed, or another CA of the same name issued it",
            ) from None

    @cached_property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name.  Spec: RFC 5280 3.2"""
        return self.subject_der == self.issuer_der

    @cached_property
    def self_signed(self) -> bool:
        """Self-issued, and its own key made the signature: a root."""
        if not self.self_issued:
            return False
        try:
            self.verify_signed_by(self)
        except CertificateVerifyError:
            return False
        return True

    # Extensions

    @cached_property
    def key_usage(self) -> frozenset[str] | None:
        """Names such as "digitalSignature"; None without the extension.  Spec: RFC 5280 4.2.1.3"""
        usage = self.extension(x509.KeyUsage)
        if usage is None:
            return None
        names = {name for field, name in _KEY_USAGES.items() if getattr(usage, field)}
        if usage.key_agreement:  # these two may only be asked beside keyAgreement
            names |= {"encipherOnly"} if usage.encipher_only else set()
            names |= {"decipherOnly"} if usage.decipher_only else set()
        return frozenset(names)

    @cached_property
    def extended_key_usage(self) -> frozenset[x509.ObjectIdentifier] | None:
        """Purposes; None without the extension.  Spec: RFC 5280 4.2.1.12"""
        usage = self.extension(x509.ExtendedKeyUsage)
        return None if usage is None else frozenset(usage)

    @cached_property
    def is_ca(self) -> bool:
        """The basicConstraints extension says CA.  Spec: RFC 5280 4.2.1.9"""
        constraints = self.extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @cached_property
    def path_length(self) -> int | None:
        """How many CAs may follow below; None = no limit.  Spec: RFC 5280 4.2.1.9"""
        constraints = self.extension(x509.BasicConstraints)
        return None if constraints is None else constraints.path_length

    @cached_property
    def dns_names(self) -> tuple[str, ...]:
        """The dNSName entries of subjectAltName.  Spec: RFC 5280 4.2.1.6"""
        names = self.extension(x509.SubjectAlternativeName)
        return () if names is None else tuple(names.get_values_for_type(x509.DNSName))

    @cached_property
    def ip_addresses(self) -> tuple[IPAddress, ...]:
        """The iPAddress entries of subjectAltName.  Spec: RFC 5280 4.2.1.6"""
        names = self.extension(x509.SubjectAlternativeName)
        found = [] if names is None else names.get_values_for_type(x509.IPAddress)
        kinds = (ipaddress.IPv4Address, ipaddress.IPv6Address)
        return tuple(address for address in found if isinstance(address, kinds))

    @cached_property
    def common_name(self) -> str:
        """The last CN of the subject, or ""."""
        found = self.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[-1].value) if found else ""

    @cached_property
    def subject_key_id(self) -> bytes | None:
        """The subjectKeyIdentifier: a hint for building chains, no proof."""
        found = self.extension(x509.SubjectKeyIdentifier)
        return None if found is None else found.digest

    @cached_property
    def authority_key_id(self) -> bytes | None:
        """The keyIdentifier of authorityKeyIdentifier: a hint for building chains, no proof."""
        found = self.extension(x509.AuthorityKeyIdentifier)
        return None if found is None else found.key_identifier

    @cached_property
    def has_name_constraints(self) -> bool:
        """There is a nameConstraints extension, critical or not."""
        return self.extension(x509.NameConstraints) is not None

    @cached_property
    def critical_unknown(self) -> tuple[str, ...]:
        """Critical extensions that this library does not act upon, each "name (OID)".

        Spec: RFC 5280 4.2
        """
        return tuple(
            _oid_text(extension.oid)
            for extension in self._extensions
            if extension.critical and extension.oid not in _HANDLED
        )

    @cached_property
    def fingerprint_sm3(self) -> bytes:
        """SM3 of the DER, 32 bytes."""
        return sm3(self.der)

    def extension(self, kind: type[_Value]) -> _Value | None:
        """The value of one extension, as ``cryptography`` has it; None if it is not there."""
        try:
            return self._extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    # Python

    def __str__(self) -> str:
        """Give a short name: "CN=localhost", or the whole subject when it has no CN."""
        return _readable(f"CN={self.common_name}") if self.common_name else self.subject_text

    def __repr__(self) -> str:
        return f"<Certificate {self}, serial {self.serial_number:x}, issuer {self.issuer_text}>"

    @property
    def issuer_text(self) -> str:
        """The issuer as in RFC 4514, fit for an error text."""
        return _readable(self.issuer.rfc4514_string())

    @property
    def subject_text(self) -> str:
        """The subject as in RFC 4514, fit for an error text."""
        return _readable(self.subject.rfc4514_string())

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)


def load_pem_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, in order; blocks of other kinds are skipped.

    Raises:
        ConfigError: the bytes are no PEM, hold no certificate, or hold one that cannot be read.
    """
    blocks = [block for block in split_pem(pem) if block.label in _PEM_LABELS]
    if not blocks:
        labels = ", ".join(sorted({block.label for block in split_pem(pem)}))
        found = f"the file holds {labels}" if labels else "the file holds no PEM block"
        der = pem[:1] == b"\x30"
        hint = (
            "; it looks like DER: `openssl x509 -inform DER -in FILE -out FILE.pem`" if der else ""
        )
        found = found if pem.strip() else "the file is empty"
        raise ConfigError(f"expected a certificate in PEM form, but {found}{hint}")
    loaded = []
    for position, block in enumerate(blocks, 1):
        try:
            loaded.append(Certificate(block.der))
        except CertificateVerifyError as error:
            where = f"certificate {position} of {len(blocks)}"
            raise ConfigError(f"{where} in the file: {error.what}") from error
    return tuple(loaded)


def _readable(name: str) -> str:
    """A name of the peer's choice with nothing in it that could harm a terminal or flood a log."""
    shown = name[:_NAME_CHARACTERS] + ("..." if len(name) > _NAME_CHARACTERS else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def _oid_text(oid: x509.ObjectIdentifier) -> str:
    name = oid._name
    return oid.dotted_string if name == "Unknown OID" else f"{name} ({oid.dotted_string})"


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _malformed(why: str) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.MALFORMED,
        f"the certificate cannot be read: {why}",
        expected="an X.509 certificate in DER",
    )


def _unsupported(
    what: str, *, expected: str = "an SM2 key (curve 1.2.156.10197.1.301)"
) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.UNSUPPORTED_KEY,
        what,
        expected=expected,
        hint="TLCP's ECC and ECDHE suites need SM2 certificates",
    )
