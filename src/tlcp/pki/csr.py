"""Certificate requests (PKCS#10): made, and read with their signature checked.

In a TLCP network one request, signed by the signing key, brings both certificates; the CA makes
the encryption key and delivers it in an SM2EnvelopedKey.

Spec: RFC 2986; GB/T 35276-2017; GM/T 0014-2012
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1

from tlcp.crypto.keyfile import EC_PUBLIC_KEY, SM2_CURVE, EcAlgorithm
from tlcp.crypto.pem import is_pem, split_pem, to_pem
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.errors import ConfigError
from tlcp.pki.build import Extension, extension_der, public_key_info, subject_alternative_name
from tlcp.pki.hosts import names_of_hosts
from tlcp.pki.signing import Signer, sign_tbs, signature_algorithm, tlv
from tlcp.x509.der import (
    SM2_SIGN_WITH_SM3,
    CertificateDer,
    ExtensionDer,
    SignatureAlgorithm,
)
from tlcp.x509.parsers import in_words

__all__ = ["CertificateRequest", "build_csr", "csr_pem", "read_csr"]

_EXTENSION_REQUEST: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_SHOWN: Final = 80  # characters of a name in an error
_KINDS: Final[dict[type[x509.GeneralName], str]] = {
    x509.DNSName: "DNS name",
    x509.IPAddress: "IP address",
    x509.RFC822Name: "e-mail address",
}
_LABELS: Final = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


@asn1.sequence
class _Attribute:
    """Spec: RFC 2986 4.1"""

    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _Info:
    """CertificationRequestInfo.  Spec: RFC 2986 4.1"""

    version: int
    subject: asn1.TLV
    key: asn1.TLV
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]


@asn1.sequence
class _Extensions:
    """What extensionRequest holds: SEQUENCE OF Extension, behind a SEQUENCE of its own."""

    extensions: list[ExtensionDer]


@asn1.sequence
class _KeyInfo:
    """SubjectPublicKeyInfo of an EC key.  Spec: RFC 5480 2"""

    algorithm: EcAlgorithm
    public_key: asn1.BitString


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature held: who sent it has the private key.

    Attributes:
        der: the whole of it.
        subject: the name asked for.
        public_point: the key, 65 bytes.
        names: the subjectAltName asked for, None without one. Other extensions asked for are not
            looked at: the CA decides on usages.
    """

    der: bytes
    subject: x509.Name
    public_point: bytes
    names: Extension | None = None

    def check(self, *, names: bool) -> None:
        """Refuse what a CA must not sign unseen: an odd subject, or odd names.

        Args:
            names: whether the names that it asks for will be given.

        Raises:
            ConfigError: the subject is empty or cannot be printed, or a name is neither DNS name,
                address nor email, or none in truth: of a DNS name with a zero byte other
                programs may read what stands before it.

        Spec: RFC 5280 4.1.2.6, 4.2.1.6
        """
        if not len(self.subject):
            raise ConfigError("the certificate request has no subject; make one with a common name")
        if not all(str(one.value).isprintable() for one in self.subject):
            raise ConfigError(
                "the subject of the certificate request has characters that cannot be printed; "
                "make one without"
            )
        for name in _alternative(self.names) if names and self.names is not None else ():
            if not isinstance(name, x509.DNSName | x509.IPAddress | x509.RFC822Name):
                raise ConfigError(
                    f"the certificate request asks for a name of the kind {type(name).__name__}, "
                    f"which is not given unseen; say with --host what it shall get"
                )
            if not _is_sound(name):
                raise ConfigError(
                    f"the certificate request asks for {str(name.value)[:_SHOWN]!r}, which is "
                    f"written as no {_KINDS[type(name)]} is that a client could match; "
                    "say with --host what it shall get"
                )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The DNS names and IP addresses asked for, as text."""
        if self.names is None:
            return ()
        return tuple(
            str(name.value)
            for name in _alternative(self.names)
            if isinstance(name, x509.DNSName | x509.IPAddress)
        )


def build_csr(
    *, subject: x509.Name, public_point: bytes, signer: Signer, hosts: Iterable[str] = ()
) -> bytes:
    """Build and sign a request.

    Args:
        subject: the name to ask for; see ``build.build_name``.
        public_point: the public key, 65 bytes.
        signer: its private key.
        hosts: DNS names and IP addresses to ask for.

    Returns:
        DER.

    Raises:
        ConfigError: a host is not allowed.

    Spec: RFC 2986 4; RFC 2985 5.4.2 (extensionRequest)
    """
    names = subject_alternative_name(hosts)
    attributes = []
    if names is not None:
        # The first and only field of this SEQUENCE is the SEQUENCE OF that is wanted.
        wrapped = asn1.encode_der(_Extensions(extensions=[extension_der(*names)]))
        inner = bytes(tlv(wrapped).data)
        attributes = [_Attribute(type=_EXTENSION_REQUEST, values=asn1.SetOf([tlv(inner)]))]
    info = _Info(
        version=0,
        subject=tlv(subject.public_bytes()),
        key=tlv(asn1.encode_der(public_key_info(public_point))),
        attributes=asn1.SetOf(attributes),
    )
    return sign_tbs(asn1.encode_der(info), signature_algorithm(signer), signer)


def csr_pem(der: bytes) -> bytes:
    """Write a request as PEM."""
    return to_pem(_LABELS[0], der)


def read_csr(data: bytes) -> CertificateRequest:
    """Read a request and check its signature.

    Args:
        data: PEM or DER.

    Raises:
        ConfigError: it is no request for an SM2 key, or its signature does not hold.

    Spec: RFC 2986 4.2; GB/T 32918.2 7.1 with the default ID
    """
    der = _der_of(data)
    if der[:1] != b"\x30":
        raise ConfigError(
            "this is no certificate request: expected PEM with CERTIFICATE REQUEST, or DER, and it "
            "is neither; is it text, or another file? `tlcp pki csr` makes one"
        )
    try:
        parsed = x509.load_der_x509_csr(der)
        outer = asn1.decode_der(CertificateDer, der)
        info = asn1.decode_der(_Info, asn1.encode_der(outer.tbs))
        algorithm = outer.signature_algorithm.parse(SignatureAlgorithm).algorithm
        subject, extensions = parsed.subject, parsed.extensions
    except Exception as error:  # the parsers raise ValueError, x509.* and more
        raise ConfigError(
            f"this is no certificate request (RFC 2986), or a damaged one: {in_words(error)}; "
            "`tlcp pki csr` makes one"
        ) from None
    key = _sm2_key(info.key)
    if algorithm != SM2_SIGN_WITH_SM3:
        raise ConfigError(
            f"the certificate request is signed with {algorithm.dotted_string}; expected SM2 with "
            f"SM3 (1.2.156.10197.1.501)"
        )
    try:
        key.verify(outer.signature.as_bytes(), asn1.encode_der(outer.tbs))
    except (InvalidSignature, ValueError):
        raise ConfigError(
            "the signature on the certificate request is not by the key in it: it was changed, or "
            "made with an SM2 ID other than 1234567812345678 (for OpenSSL: "
            "-sigopt distid:1234567812345678)"
        ) from None
    return CertificateRequest(der, subject, key.point, _names(extensions))


def _der_of(data: bytes) -> bytes:
    if not is_pem(data):
        return data
    blocks = split_pem(data)
    found = [block.der for block in blocks if block.label in _LABELS]
    if len(found) != 1:
        labels = ", ".join(sorted({block.label for block in blocks}))
        raise ConfigError(f"expected one CERTIFICATE REQUEST in the file, but it holds {labels}")
    return found[0]


def _sm2_key(encoded: asn1.TLV) -> SM2PublicKey:
    try:
        info: _KeyInfo = encoded.parse(_KeyInfo)
        algorithm = info.algorithm
        if algorithm.algorithm != EC_PUBLIC_KEY or algorithm.curve != SM2_CURVE:
            raise ValueError
        return SM2PublicKey(info.public_key.as_bytes())
    except ValueError:
        raise ConfigError(
            "the certificate request is not for an SM2 key: its key is of another kind, or no "
            "point of the curve"
        ) from None


def _names(extensions: x509.Extensions) -> Extension | None:
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return None
    return found.value, False


def _is_sound(name: x509.GeneralName) -> bool:
    """Whether a name of a request is what ``--host`` would make, or an address of printable text.

    An address of the network in a DNS name is not: programs differ in what they take it for.
    """
    text = str(name.value)
    if isinstance(name, x509.RFC822Name):
        return text.isascii() and text.isprintable() and " " not in text and "@" in text[1:-1]
    try:
        made = names_of_hosts([text])
    except ConfigError:
        return False
    return made is not None and list(_alternative(made)) == [name]


def _alternative(names: Extension) -> x509.SubjectAlternativeName:
    value = names[0]
    if not isinstance(value, x509.SubjectAlternativeName):
        raise TypeError(f"names of a request are no subjectAltName: {type(value).__name__}")
    return value
