"""Certificates as the cases describe them, of SM2 or of ECDSA keys."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from chains import der
from support.rsa_pki import rsa_key
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.build import Extension, key_usage
from tlcp.x509.certificate import Certificate

Kind = Literal["sm2", "ecdsa"]
KeyType = Literal["", "sm2", "p256", "p384", "p521", "rsa", "rsa1024"]

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
CA_USES = ("keyCertSign", "cRLSign")

#: signature algorithm -> AlgorithmIdentifier and hash
ALGORITHMS: dict[str, tuple[bytes, hashes.HashAlgorithm | None]] = {
    "sm2-sm3": (der.sequence(der.oid("1.2.156.10197.1.501")), None),
    "sm2-sm3-null": (der.sequence(der.oid("1.2.156.10197.1.501"), b"\5\0"), None),
    "ecdsa-sha1": (der.sequence(der.oid("1.2.840.10045.4.1")), hashes.SHA1()),  # noqa: S303
    "ecdsa-sha224": (der.sequence(der.oid("1.2.840.10045.4.3.1")), hashes.SHA224()),
    "ecdsa-sha256": (der.sequence(der.oid("1.2.840.10045.4.3.2")), hashes.SHA256()),
    "ecdsa-sha384": (der.sequence(der.oid("1.2.840.10045.4.3.3")), hashes.SHA384()),
    "ecdsa-sha512": (der.sequence(der.oid("1.2.840.10045.4.3.4")), hashes.SHA512()),
    "rsa-sha1": (der.sequence(der.oid("1.2.840.113549.1.1.5"), b"\5\0"), hashes.SHA1()),  # noqa: S303
    "rsa-sha256": (der.sequence(der.oid("1.2.840.113549.1.1.11"), b"\5\0"), hashes.SHA256()),
    "rsa-sha384": (der.sequence(der.oid("1.2.840.113549.1.1.12"), b"\5\0"), hashes.SHA384()),
    "rsa-sha512": (der.sequence(der.oid("1.2.840.113549.1.1.13"), b"\5\0"), hashes.SHA512()),
}
_OWN = {"sm2": "sm2-sm3", "p256": "ecdsa-sha256", "p384": "ecdsa-sha384", "p521": "ecdsa-sha512"}
PURPOSES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code": ExtendedKeyUsageOID.CODE_SIGNING,
    "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


@dataclass(frozen=True)
class Cert:
    """A certificate of a case.

    Attributes:
        name: what the case calls it; its common name, unless ``dn`` says otherwise.
        issuer: who issues it, "" = itself.
        dn: the subject, "O=Acme,CN=x"; "" = "CN=NAME", "-" = none.
        issuer_dn: the issuer's name, if it is not that of ``issuer``.
        key: whose key it has; certificates of one key have it from the same name here.
        signer: whose key signs it, if not the issuer's.
        type, algorithm: key and signature, if not the kind of the run.
        ca, path_length: basicConstraints; ca None = without.
        uses, eku: keyUsage and extendedKeyUsage; None = without.
        san, permit, exclude: names: "dns:", "ip:", "email:", "dn:", "uri:" and "rid:" and a text.
        policies, maps: certificatePolicies and policyMappings ("1.2>1.3"), of 2.999.
        demand, no_mapping, no_any: numbers of certificates; None = without.
        ski, aki: key identifiers: "" = of the key, None = without, else of these bytes.
        begin, end: days from now.
        raw: more extensions: object identifier, critical, value.
        critical: names of the extensions that are critical but need not, or the contrary with "-".
        anchor: trusted, and not sent.
        strings: the tag of the strings of the subject.
        serial: number, 0 = of the name.
        version, general_time: of the certificate; GeneralizedTime whatever the year.
        der: serial number or times, and what stands for them.
        key_info: stands for the key, if it is not empty.
    """

    name: str
    issuer: str = ""
    dn: str = ""
    issuer_dn: str = ""
    key: str = ""
    signer: str = ""
    type: KeyType = ""
    algorithm: str = ""
    ca: bool | None = None
    path_length: int | None = None
    uses: tuple[str, ...] | None = None
    eku: tuple[str, ...] | None = None
    san: tuple[str, ...] = ()
    permit: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    demand: int | None = None
    no_mapping: int | None = None
    no_any: int | None = None
    ski: bytes | None = b""
    aki: bytes | None = b""
    begin: float = -1
    end: float = 1
    raw: tuple[tuple[str, bool | None, bytes], ...] = ()
    critical: tuple[str, ...] = ()
    anchor: bool = False
    strings: int = der.UTF8
    serial: int = 0
    version: int = 3
    general_time: bool = False
    der: tuple[tuple[bytes, bytes], ...] = ()
    key_info: bytes = b""


def root(name: str = "Root", **more: Any) -> Cert:
    """A trusted root, unless ``anchor=False``."""
    return ca(name, "", **({"anchor": True} | more))


def ca(name: str = "Sub", issuer: str = "Root", **more: Any) -> Cert:
    """A CA, not trusted by itself."""
    chosen: dict[str, Any] = {"ca": True, "uses": CA_USES} | more
    return Cert(name, issuer, **chosen)


def leaf(issuer: str = "Root", **more: Any) -> Cert:
    """The end certificate; for "host.example", server and client."""
    chosen: dict[str, Any] = {
        "uses": ("digitalSignature",),
        "eku": ("server", "client"),
        "san": ("dns:host.example",),
    } | more
    return Cert("leaf", issuer, **chosen)


# ---- keys --------------------------------------------------------------------------------------

Key = SM2PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


def type_of(cert: Cert, kind: Kind) -> str:
    """The key's type: ECDSA roots are of P-384, all else of P-256."""
    if cert.type:
        return cert.type
    if kind == "sm2":
        return "sm2"
    return "p384" if (cert.key or cert.name).startswith("Root") else "p256"


@functools.cache
def private_key(name: str, kind: str) -> Key:
    """The key of this name, the same in every run (but RSA's)."""
    seed = hashlib.sha256(f"{kind} {name}".encode()).digest()
    if kind == "sm2":
        return SM2PrivateKey.generate(random=lambda count: (seed * 2)[:count])
    if kind.startswith("rsa"):
        return rsa_key(name, 1024 if kind == "rsa1024" else 2048)
    return ec.derive_private_key(int.from_bytes(seed[:31]) + 1, _CURVES[kind])


def key_info(key: Key) -> bytes:
    """SubjectPublicKeyInfo."""
    if isinstance(key, SM2PrivateKey):
        algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301"))
        return der.sequence(algorithm, der.bits(key.public_point))
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: Key, algorithm: str, data: bytes) -> bytes:
    hash_ = ALGORITHMS[algorithm][1]
    if isinstance(key, SM2PrivateKey):
        return key.sign(data)
    if hash_ is None:
        raise ValueError(f"no SM2 key for {algorithm}")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hash_)
    return key.sign(data, ec.ECDSA(hash_))


# ---- certificates ------------------------------------------------------------------------------


def name_der(text: str, strings: int = der.UTF8) -> bytes:
    """A name from "O=Acme,CN=x"; "" is the empty one; surrogates are bytes."""
    oids = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6"}
    oids |= {"E": "1.2.840.113549.1.9.1"}
    rdns = []
    for part in filter(None, text.split(",")):
        kind, _, value = part.partition("=")
        tag = 22 if kind == "E" else strings
        encoded = value.encode("utf-16-be" if tag == 30 else "utf-8", "surrogateescape")
        pair = der.sequence(der.oid(oids[kind]), der.tlv(tag, encoded))
        rdns.append(der.tlv(der.SET, pair))
    return der.sequence(*rdns)


def general_name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "ip":
        address = ipaddress.ip_network(value) if "/" in value else ipaddress.ip_address(value)
        return x509.IPAddress(address)
    if kind == "dn":
        name = x509.Name.from_rfc4514_string(",".join(reversed(value.split(","))))
        return x509.DirectoryName(name)
    if kind == "rid":
        return x509.RegisteredID(x509.ObjectIdentifier(value))
    if kind == "dns":
        return x509.DNSName._init_without_validation(value)
    if kind == "email":
        return x509.RFC822Name._init_without_validation(value)
    return x509.UniformResourceIdentifier._init_without_validation(value)


def build(
    cert: Cert,
    certs: dict[str, Cert],
    kind: Kind,
    change: Callable[[bytes], bytes] | None = None,
) -> Certificate:
    """Make one certificate.

    Args:
        cert: what to make.
        certs: all of the case by their names, for the issuer's name and key.
        kind: of the keys of the run.
        change: makes another TBSCertificate of it, before it is signed.
    """
    issuer = certs.get(cert.issuer, cert)
    signer = certs.get(cert.signer) or (Cert(cert.signer) if cert.signer else issuer)
    own = private_key(cert.key or cert.name, type_of(cert, kind))
    signing = private_key(signer.key or signer.name, type_of(signer, kind))
    algorithm = cert.algorithm or _OWN.get(type_of(signer, kind), "rsa-sha256")
    extensions = der.sequence(*_extensions(cert, issuer, kind))
    serial = cert.serial or int.from_bytes(hashlib.sha256(cert.name.encode()).digest()[:8]) + 1
    subject_dn = f"CN={cert.name}" if not cert.dn else cert.dn
    issuer_dn = cert.issuer_dn or issuer.dn or f"CN={issuer.name}"
    tbs = der.sequence(
        der.tlv(0xA0, der.integer(cert.version - 1)) if cert.version > 1 else b"",
        _put(cert, der.integer(serial)),
        ALGORITHMS[algorithm][0],
        name_der(issuer_dn.removeprefix("-"), der.UTF8 if cert.issuer_dn else issuer.strings),
        der.sequence(
            _put(cert, der.time(NOW + cert.begin * DAY, general=cert.general_time)),
            _put(cert, der.time(NOW + cert.end * DAY, general=cert.general_time)),
        ),
        name_der(subject_dn.removeprefix("-"), cert.strings),
        cert.key_info or key_info(own),
        der.tlv(0xA3, extensions) if _has_extensions(cert) and extensions != b"\x30\0" else b"",
    )
    if change is not None:
        tbs = change(tbs)
    made = der.sequence(tbs, ALGORITHMS[algorithm][0], der.bits(sign(signing, algorithm, tbs)))
    return Certificate.from_der(made)


def _has_extensions(cert: Cert) -> bool:
    """Version 1 has none, unless the case gives it some."""
    return cert.version == 3 or bool(cert.raw)


def _put(cert: Cert, value: bytes) -> bytes:
    """A value, or what is to stand for it."""
    return dict(cert.der).get(value, value)


def key_id(cert: Cert, kind: Kind) -> bytes:
    """What the key identifiers of a certificate's key are, if nothing else is said."""
    key = private_key(cert.key or cert.name, type_of(cert, kind))
    return hashlib.sha256(key_info(key)).digest()[:20]


def _extensions(cert: Cert, issuer: Cert, kind: Kind) -> list[bytes]:
    made = [*_usages(cert), *_names(cert), *_policies(cert)]
    if cert.ski is not None:
        made.append((x509.SubjectKeyIdentifier(cert.ski or key_id(cert, kind)), False))
    if cert.aki is not None:
        wanted = cert.aki or key_id(issuer, kind)
        made.append((x509.AuthorityKeyIdentifier(wanted, None, None), False))
    written = []
    for value, critical in made:
        name = type(value).__name__
        flag = (critical or name in cert.critical) and f"-{name}" not in cert.critical
        written.append(der.extension(value.oid.dotted_string, value.public_bytes(), critical=flag))
    written += [der.extension(oid, value, critical=flag) for oid, flag, value in cert.raw]
    return written


def _usages(cert: Cert) -> Iterator[Extension]:
    if cert.ca is not None:
        yield x509.BasicConstraints(cert.ca, cert.path_length), True
    if cert.uses is not None:
        yield key_usage(*cert.uses)
    if cert.eku is not None:
        yield x509.ExtendedKeyUsage([PURPOSES[one] for one in cert.eku]), False


def _names(cert: Cert) -> Iterator[Extension]:
    if cert.san:
        yield x509.SubjectAlternativeName(map(general_name, cert.san)), False
    if cert.permit or cert.exclude:
        permit, exclude = (
            [general_name(one) for one in names] or None for names in (cert.permit, cert.exclude)
        )
        yield x509.NameConstraints(permit, exclude), True


def _policies(cert: Cert) -> Iterator[Extension]:
    if cert.policies:
        named = [x509.PolicyInformation(policy(one), None) for one in cert.policies]
        yield x509.CertificatePolicies(named), False
    if cert.maps:
        pairs = [map(policy, pair.split(">")) for pair in cert.maps]
        value = (der.sequence(*(der.oid(one.dotted_string) for one in pair)) for pair in pairs)
        oid = x509.ObjectIdentifier("2.5.29.33")
        yield x509.UnrecognizedExtension(oid, der.sequence(*value)), True
    if cert.demand is not None or cert.no_mapping is not None:
        yield x509.PolicyConstraints(cert.demand, cert.no_mapping), True
    if cert.no_any is not None:
        yield x509.InhibitAnyPolicy(cert.no_any), True


def policy(text: str) -> x509.ObjectIdentifier:
    """A policy of a case: "any", or a number below 2.999."""
    dotted = "2.5.29.32.0" if text == "any" else f"2.999.{text}"
    return x509.ObjectIdentifier(dotted)
