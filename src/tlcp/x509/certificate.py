"""One certificate, read once and never changed.

``cryptography.x509`` does the parsing.  It does not know SM2 keys and signatures, so these two
are taken from the DER with its ASN.1 declarations.  RSA keys are read for the RSA suites, ECDSA
keys because CAs of mixed chains have them.  Everything is looked at in the constructor:
a ``Certificate`` that exists is well formed, and only its key may still be of an unsupported kind.

Spec: GB/T 38636-2020 6.4.5.3 (Certificate); GB/T 20518-2018, RFC 5280 4
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import warnings
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from tlcp.crypto.ecdsa import ECDSAPublicKey
from tlcp.crypto.keyfile import EC_PUBLIC_KEY, SM2_CURVE, EcAlgorithm
from tlcp.crypto.pem import split_pem
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.suites import KeyKind
from tlcp.x509.algorithms import SCHEMES, Scheme, VerifyingKey, family_of
from tlcp.x509.der import (
    RSA_ENCRYPTION,
    SM2_SIGN_WITH_SM3,
    SubjectPublicKeyInfo,
    raw_extensions,
    readable_copy,
)
from tlcp.x509.lazy import lazy
from tlcp.x509.parsers import in_words
from tlcp.x509.signatures import verify_other_signature, verify_signature
from tlcp.x509.skeleton import cut_certificate

__all__ = ["Certificate", "load_pem_certificates", "readable"]

# The parser warns of what the peers' CAs do wrong (serial numbers, lengths of names). No program
# can do anything about it, and one that makes errors of warnings must not refuse them for it.
warnings.filterwarnings("ignore", category=UserWarning, module=re.escape(__name__))

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

# The critical extensions whose meaning is acted upon: in links.py, constraints.py, policies.py and
# names.py.
_HANDLED: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
    }
)


# SubjectPublicKeyInfo of an SM2 key up to the uncompressed point's coordinates.
_SM2_KEY_INFO: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
_SM2_KEY_INFO_BYTES: Final = len(_SM2_KEY_INFO) + 64

# The same of ECDSA keys, on P-256 and on P-384.
_ECDSA_KEY_INFOS: Final = (
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
    bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"),
)
_POLICY_RULES: Final = frozenset({ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.POLICY_MAPPINGS})
_NAME_CHARACTERS = 200  # of a name in a text


class Certificate:
    """An X.509 certificate; compares and hashes by its DER.

    Attributes:
        der: the bytes as received.
        subject_der, issuer_der: the names as encoded; these are what chains compare.
        serial_number: as in the certificate.
        version: 1 or 3.
        not_before, not_after: validity, aware, UTC, both ends included.
        is_ca: the basicConstraints extension says CA (RFC 5280 4.2.1.9).
        path_length: how many CAs may follow below; None = no limit.
        key_usage: names such as "digitalSignature"; None without the extension (4.2.1.3).
        tbs_der: what the issuer signed, as encoded.
        key_info: SubjectPublicKeyInfo, as encoded.
        critical_unknown: critical extensions that this library does not act upon, each
            "name (OID)" (4.2).

    Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 4.1
    """

    der: bytes
    subject_der: bytes
    issuer_der: bytes
    serial_number: int
    version: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    is_ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None
    critical_unknown: tuple[str, ...]
    key_info: bytes
    tbs_der: bytes
    _x509: x509.Certificate
    _values: dict[x509.ObjectIdentifier, x509.ExtensionType]
    _algorithms: bytes
    _signature: bytes

    def __init__(self, der: bytes) -> None:
        try:
            object.__setattr__(self, "__dict__", _read(bytes(der)))
        except CertificateVerifyError:
            raise
        except Exception as error:
            # The parser raises ValueError, TypeError, UnsupportedAlgorithm, x509.* and more: to
            # the peer they are all one thing, a certificate that cannot be read.
            raise _malformed(in_words(error)) from error

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Certificate cannot be changed ({name})")

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

    # Names

    @lazy
    def subject(self) -> x509.Name:
        """The subject, for showing; empty if it cannot be read."""
        return self._names[0]

    @lazy
    def issuer(self) -> x509.Name:
        """The issuer, for showing; empty if it cannot be read."""
        return self._names[1]

    @property
    def _names(self) -> tuple[x509.Name, x509.Name]:
        """Few certificates are ever shown, and to decode the names is half of the parsing."""
        try:
            return self._x509.subject, self._x509.issuer
        except Exception:  # the parser raises ValueError, TypeError and more
            return _repaired_names(self.der)

    # Key and signature

    @lazy
    def public_point(self) -> bytes:
        """The SM2 public point: 65 bytes, 04 || x || y; on the curve only if `public_key` says so.

        Raises:
            CertificateVerifyError: UNSUPPORTED_KEY, the key is not SM2 or not in that form.
        """
        if self.key_info.startswith(_SM2_KEY_INFO) and len(self.key_info) == _SM2_KEY_INFO_BYTES:
            return self.key_info[-65:]
        info = asn1.decode_der(SubjectPublicKeyInfo, self.key_info)
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

    @lazy
    def public_key(self) -> SM2PublicKey | RSAPublicKey:
        """The public key; ``key_kind`` tells which it is.

        Raises:
            CertificateVerifyError: UNSUPPORTED_KEY as for ``public_point``, and for RSA keys that
                are too short or too long; MALFORMED when the point is not on the curve.
        """
        if self._x509.public_key_algorithm_oid == RSA_ENCRYPTION:
            return self._rsa_key()
        try:
            return SM2PublicKey(self.public_point)
        except CertificateVerifyError:
            raise
        except ValueError as error:
            raise _malformed("its public key is not a point of the SM2 curve") from error

    @lazy
    def key_kind(self) -> KeyKind:
        """The kind of its key.

        Raises:
            CertificateVerifyError: as for ``public_key``.
        """
        return KeyKind.SM2 if type(self.public_key) is SM2PublicKey else KeyKind.RSA

    @lazy
    def key_algorithm(self) -> str:
        """What kind of key it has, for showing, supported or not: "SM2", "RSA", a name and OID."""
        try:
            return self.key_kind.value
        except CertificateVerifyError:
            return _oid_text(self._x509.public_key_algorithm_oid)

    @lazy
    def signature_algorithm(self) -> str:
        """How it is signed, for showing: a name and the OID."""
        oid = self._x509.signature_algorithm_oid
        return f"SM2 with SM3 ({oid.dotted_string})" if oid == SM2_SIGN_WITH_SM3 else _oid_text(oid)

    def _rsa_key(self) -> RSAPublicKey:
        try:
            key = self._x509.public_key()
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, rsa.RSAPublicKey):
            raise _malformed("its RSA key is none")
        try:
            return RSAPublicKey(key)
        except ValueError as error:
            what = f"the certificate {self} has {error}"
            raise _unsupported(what, expected="an SM2 key, or an RSA key of that length") from None

    @lazy
    def verifying_key(self) -> VerifyingKey:
        """The key as one that verifies certificates: ECDSA on P-256 and P-384 will do, too.

        Raises:
            CertificateVerifyError: as for ``public_key``, which knows no ECDSA.
        """
        if self.key_info.startswith(_ECDSA_KEY_INFOS):
            with contextlib.suppress(ValueError, UnsupportedAlgorithm):
                key = self._x509.public_key()
                if isinstance(key, ec.EllipticCurvePublicKey):
                    return ECDSAPublicKey(key)
            raise _malformed("its public key is not a point of its curve")
        return self.public_key

    @lazy
    def scheme(self) -> Scheme | None:
        """How it is signed; None if that is not supported."""
        return SCHEMES.get(self._algorithms)

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Check the signature on this certificate with the issuer's key; names are not compared.

        Raises:
            CertificateVerifyError: BAD_SIGNATURE, or UNSUPPORTED_KEY when the algorithm or the
                issuer's key is not supported, or one is not for the other.

        Spec: GB/T 32918.2 7.1 with the default ID; RFC 5280 6.1.3 (a)(1)
        """
        scheme = self.scheme
        if scheme is None and self._x509.signature_algorithm_oid != SM2_SIGN_WITH_SM3:
            what = f"the certificate {self} is signed with {self.signature_algorithm}"
            raise _unsupported(what, expected="SM2 with SM3; RSA or ECDSA with SHA-256 or better")
        key = issuer.verifying_key  # outside of the try: its error is a ValueError too
        if scheme is None:  # SM2 with parameters that it does not have
            raise self._bad_signature(issuer)
        if family_of(key) != scheme.family:
            raise _unsupported(
                f"{issuer}, which is to have signed {self} with {scheme.family}, "
                f"has an {family_of(key)} key"
            )
        try:
            if isinstance(key, SM2PublicKey):
                verify_signature(key, self._signature, self.tbs_der)
            else:
                verify_other_signature(key, self._signature, self.tbs_der, scheme.hash_name)
        except (InvalidSignature, ValueError):
            raise self._bad_signature(issuer) from None

    def _bad_signature(self, issuer: Certificate) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.BAD_SIGNATURE,
            f"the signature on the certificate {self} is not by the key of {issuer}",
            hint="The certificate was changed, or another CA of the same name issued it",
        )

    @lazy
    def self_issued(self) -> bool:
        """Subject and issuer are the same name.  Spec: RFC 5280 3.2"""
        return self.subject_der == self.issuer_der

    @lazy
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

    @lazy
    def extended_key_usage(self) -> frozenset[x509.ObjectIdentifier] | None:
        """Purposes; None without the extension.  Spec: RFC 5280 4.2.1.12"""
        usage = self.extension(x509.ExtendedKeyUsage)
        return None if usage is None else frozenset(usage)

    @lazy
    def dns_names(self) -> tuple[str, ...]:
        """The dNSName entries of subjectAltName.  Spec: RFC 5280 4.2.1.6"""
        names = self.extension(x509.SubjectAlternativeName)
        return () if names is None else tuple(names.get_values_for_type(x509.DNSName))

    @lazy
    def ip_addresses(self) -> tuple[IPAddress, ...]:
        """The iPAddress entries of subjectAltName.  Spec: RFC 5280 4.2.1.6"""
        names = self.extension(x509.SubjectAlternativeName)
        found = [] if names is None else names.get_values_for_type(x509.IPAddress)
        kinds = (ipaddress.IPv4Address, ipaddress.IPv6Address)
        return tuple(address for address in found if isinstance(address, kinds))

    @lazy
    def common_name(self) -> str:
        """The last CN of the subject, or ""."""
        found = self.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[-1].value) if found else ""

    @lazy
    def subject_key_id(self) -> bytes | None:
        """The subjectKeyIdentifier: a hint for building chains, no proof."""
        found = self.extension(x509.SubjectKeyIdentifier)
        return None if found is None else found.digest

    @lazy
    def authority_key_id(self) -> bytes | None:
        """The keyIdentifier of authorityKeyIdentifier: a hint for building chains, no proof."""
        found = self.extension(x509.AuthorityKeyIdentifier)
        return None if found is None else found.key_identifier

    @property
    def has_name_constraints(self) -> bool:
        """There is a nameConstraints extension, critical or not."""
        return ExtensionOID.NAME_CONSTRAINTS in self._values

    @property
    def has_policy_rules(self) -> bool:
        """There are extensions that can make the policies of a path matter."""
        return not _POLICY_RULES.isdisjoint(self._values)

    @lazy
    def criticality(self) -> dict[x509.ObjectIdentifier, bool]:
        """Each extension, and whether it is critical."""
        return {extension.oid: extension.critical for extension in self._x509.extensions}

    @lazy
    def fingerprint_sm3(self) -> bytes:
        """SM3 of the DER, 32 bytes."""
        return sm3(self.der)

    def extension(self, kind: type[_Value]) -> _Value | None:
        """The value of one extension, as ``cryptography`` has it; None if it is not there."""
        value = self._values.get(kind.oid)
        # Not isinstance: the classes are final, and their metaclass makes it slow.
        return value if type(value) is kind else None

    def extension_der(self, oid: x509.ObjectIdentifier) -> bytes | None:
        """The value of one extension as it was encoded; None if it is not there.

        Raises:
            CertificateVerifyError: MALFORMED, the parser took what is not quite DER.
        """
        return self._raw_extensions.get(oid) if oid in self._values else None

    @lazy
    def _raw_extensions(self) -> dict[x509.ObjectIdentifier, bytes]:
        try:
            return raw_extensions(self.tbs_der)
        except ValueError as error:
            raise _malformed(in_words(error)) from error

    # Python

    def __str__(self) -> str:
        """Give a short name: "CN=localhost", or the whole subject, or the serial number."""
        if self.common_name:
            return readable(f"CN={self.common_name}")
        return self.subject_text or f"serial {self.serial_number:x}"

    def __repr__(self) -> str:
        return f"<Certificate {self}, serial {self.serial_number:x}, issuer {self.issuer_text}>"

    @lazy
    def issuer_text(self) -> str:
        """The issuer as in RFC 4514, fit for an error text."""
        return readable(self.issuer.rfc4514_string())

    @lazy
    def subject_text(self) -> str:
        """The subject as in RFC 4514, fit for an error text."""
        return readable(self.subject.rfc4514_string())

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)


def _read(der: bytes) -> dict[str, Any]:
    """The attributes of a certificate; whatever is wrong with it raises here."""
    cut = cut_certificate(der)
    try:
        parsed = x509.load_der_x509_certificate(der)
        extensions = parsed.extensions
    except ValueError:
        parsed = x509.load_der_x509_certificate(readable_copy(der))
        extensions = parsed.extensions
    values, unknown = dict[x509.ObjectIdentifier, x509.ExtensionType](), list[str]()
    for extension in extensions:
        oid = extension.oid
        values[oid] = extension.value
        if extension.critical and oid not in _HANDLED:
            unknown.append(_oid_text(oid))
    usage = values.get(ExtensionOID.KEY_USAGE)
    constraints = values.get(ExtensionOID.BASIC_CONSTRAINTS)
    is_ca, path_length = False, None
    if type(constraints) is x509.BasicConstraints:
        is_ca, path_length = constraints.ca, constraints.path_length
    return {
        "der": der,
        "subject_der": cut.subject,
        "issuer_der": cut.issuer,
        "serial_number": parsed.serial_number,
        "version": 3 if parsed.version is x509.Version.v3 else 1,
        "not_before": parsed.not_valid_before_utc,
        "not_after": parsed.not_valid_after_utc,
        "is_ca": is_ca,
        "path_length": path_length,
        "key_usage": _usages(usage) if type(usage) is x509.KeyUsage else None,
        "critical_unknown": tuple(unknown),
        "_x509": parsed,
        "_values": values,
        "key_info": cut.key_info,
        "tbs_der": cut.tbs,
        "_algorithms": cut.algorithm,
        "_signature": cut.signature,
    }


def _repaired_names(der: bytes) -> tuple[x509.Name, x509.Name]:
    try:
        copy = x509.load_der_x509_certificate(readable_copy(der))
        return copy.subject, copy.issuer
    except Exception:  # names are for showing only: what cannot be read has none
        return x509.Name([]), x509.Name([])


def _usages(usage: x509.KeyUsage) -> frozenset[str]:
    names = {name for field, name in _KEY_USAGES.items() if getattr(usage, field)}
    if usage.key_agreement:  # these two may only be asked beside keyAgreement
        names |= {"encipherOnly"} if usage.encipher_only else set()
        names |= {"decipherOnly"} if usage.decipher_only else set()
    return frozenset(names)


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


def readable(name: str) -> str:
    """A name of the peer's choice with nothing in it that could harm a terminal or flood a log."""
    shown = name[:_NAME_CHARACTERS] + ("..." if len(name) > _NAME_CHARACTERS else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def _oid_text(oid: x509.ObjectIdentifier) -> str:
    name = oid._name
    return oid.dotted_string if name == "Unknown OID" else f"{name} ({oid.dotted_string})"


def _malformed(why: str) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.MALFORMED,
        f"the certificate cannot be read: {why}",
        expected="an X.509 certificate in DER",
        hint="Replace the certificate",
    )


def _unsupported(
    what: str, *, expected: str = "an SM2 key (curve 1.2.156.10197.1.301)"
) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.UNSUPPORTED_KEY,
        what,
        expected=expected,
        hint="TLCP's ECC and ECDHE suites need SM2 certificates, its RSA suites RSA ones",
    )
