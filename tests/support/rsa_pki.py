"""RSA certificates for the RSA suites, made with ``cryptography``: our own CA issues SM2 only."""

from __future__ import annotations

import datetime
import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

HOSTS = ("localhost", "127.0.0.1")
_DAY = datetime.timedelta(days=1)

#: keyUsage of each place, in the order of ``x509.KeyUsage``
_USAGES = {
    "sign": (True, True, False, False, False, False, False, False, False),
    # keyAgreement says nothing of RSA, but Tongsuo takes no client certificate without it
    "enc": (False, False, True, True, True, False, False, False, False),
    "both": (True, False, True, True, True, False, False, False, False),
    "ca": (False, False, False, False, False, True, True, False, False),
}


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key per name: they take long to find, and tests share them."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def rsa_key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#8 in the clear."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def rsa_certificate(
    subject: str,
    key: rsa.RSAPublicKey,
    use: str,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    *,
    hosts: Sequence[str] = HOSTS,
    hash_: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None = None,
    now: datetime.datetime | None = None,
) -> Certificate:
    """Issue one certificate.

    Args:
        subject: its common name.
        key: its key.
        use: "sign", "enc", "both" or "ca".
        issuer: the issuer's common name.
        issuer_key: signs it.
        hosts: the names of a server.
        hash_: SHA-256 if not said.
        now: from a day before then it is valid; the system's time if not said.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 90 * _DAY)
        .add_extension(x509.BasicConstraints(ca=use == "ca", path_length=None), critical=True)
        .add_extension(x509.KeyUsage(*_USAGES[use]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if use != "ca":
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
        )
    made = builder.sign(issuer_key, hash_ or hashes.SHA256())
    return Certificate.from_der(made.public_bytes(serialization.Encoding.DER))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True, slots=True)
class RsaParty:
    """A signing and an encryption certificate with their keys, as PEM and as an ``Identity``."""

    files: dict[str, bytes]
    identity: Identity

    def save(self, directory: Path, name: str) -> None:
        """Write ``NAME.sign.crt``, ``NAME.sign.key``, ``NAME.enc.crt`` and ``NAME.enc.key``."""
        for ending, content in self.files.items():
            (directory / f"{name}.{ending}").write_bytes(content)


@dataclass(frozen=True, slots=True)
class RsaCA:
    """An RSA root."""

    certificate: Certificate
    key: rsa.RSAPrivateKey
    now: datetime.datetime | None = None

    @classmethod
    def create(cls, name: str = "An RSA root CA", *, now: datetime.datetime | None = None) -> RsaCA:
        """Make a root of this name; it and what it issues is valid at ``now``."""
        key = rsa_key(name)
        return cls(rsa_certificate(name, key.public_key(), "ca", name, key, now=now), key, now)

    @property
    def trust(self) -> TrustStore:
        """The root as the one trust anchor."""
        return TrustStore([self.certificate])

    def issue_party(self, name: str, *, hosts: Sequence[str] = HOSTS) -> RsaParty:
        """Both certificates of one party, for these hosts."""
        files: dict[str, bytes] = {}
        for use in ("sign", "enc"):
            key = rsa_key(f"{name} {use}")
            issuer = self.certificate.common_name
            made = rsa_certificate(
                name, key.public_key(), use, issuer, self.key, hosts=hosts, now=self.now
            )
            files |= {f"{use}.crt": pem(made), f"{use}.key": rsa_key_pem(key)}
        identity = Identity.from_pem(*(files[end] for end in FILES))
        return RsaParty(files, identity)


FILES = ("sign.crt", "sign.key", "enc.crt", "enc.key")


def pem(certificate: Certificate) -> bytes:
    """The certificate as PEM."""
    parsed = x509.load_der_x509_certificate(certificate.der)
    return parsed.public_bytes(serialization.Encoding.PEM)
