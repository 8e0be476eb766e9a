"""A small CA for TLCP pairs: for development, tests and closed networks.

It issues what every deployed stack accepts: both certificates with one subject, one
subjectAltName and one issuer, keyUsage split as the standard says, and no basicConstraints on end
certificates (GmSSL refuses an empty one).

A CA lives in a directory: ``ca.crt``, ``ca.key``, and for each pair ``NAME.sign.crt``,
``NAME.sign.key``, ``NAME.enc.crt``, ``NAME.enc.key``.  Keys are PKCS#8, mode 0600; the CA's own
may be encrypted under a password, the others are in the clear.
What a CA remembers of what it issued is in ``directory.py``.

Spec: GB/T 38636-2020 6.4.5.3; GB/T 20518-2018 5.2; RFC 5280 4
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.crypto.keyfile import dump_private_key, load_private_key
from tlcp.crypto.sm2 import Random, SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki.build import (
    Extension,
    authority_key_id,
    build_certificate,
    build_name,
    certificate_pem,
    key_identifier,
    key_usage,
    status_urls,
)
from tlcp.pki.csr import CertificateRequest
from tlcp.pki.files import write_files
from tlcp.pki.hosts import names_of_hosts
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.dn import canonical_name
from tlcp.x509.identity import Identity

__all__ = ["CertificateAuthority", "IssuedPair"]

_SIGN_USAGE: Final = key_usage("digitalSignature", "nonRepudiation")
_ENC_USAGE: Final = key_usage("keyEncipherment", "dataEncipherment", "keyAgreement")
_CA_USAGE: Final = key_usage("keyCertSign", "cRLSign")
_PURPOSES: Final = (
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
    False,
)
_SERIAL_TRIES: Final = 64
_Period = tuple[datetime.datetime, datetime.datetime]
_BACKDATE: Final = datetime.timedelta(minutes=5)  # the peer's clock may be behind ours


@dataclass(frozen=True, slots=True)
class IssuedPair:
    """A pair fresh from the CA.

    Attributes:
        sign_cert, enc_cert: the certificates.
        sign_key, enc_key: their private keys.
        chain: the intermediate CAs to send with them, issuer first; no root.
    """

    sign_cert: Certificate
    sign_key: SM2PrivateKey = field(repr=False)
    enc_cert: Certificate
    enc_key: SM2PrivateKey = field(repr=False)
    chain: tuple[Certificate, ...] = ()

    @property
    def identity(self) -> Identity:
        """The pair as an end of a connection uses it."""
        return Identity(self.sign_cert, self.sign_key, self.enc_cert, self.enc_key, self.chain)

    def save(self, directory: str | Path, name: str, *, force: bool = False) -> tuple[Path, ...]:
        """Write the four files ``NAME.{sign,enc}.{crt,key}``; intermediates follow in the .crt.

        Returns:
            The paths: sign.crt, sign.key, enc.crt, enc.key.

        Raises:
            ConfigError: the name is not a plain file name, a file is there already and ``force``
                is not given, or the directory cannot be written.
        """
        return write_files(directory, self.files(name), force=force)

    def files(self, name: str) -> dict[str, bytes]:
        """What ``save`` writes: file name -> PEM, the private keys in the clear."""
        above = [certificate.der for certificate in self.chain]
        return {
            f"{name}.sign.crt": certificate_pem(self.sign_cert.der, *above),
            f"{name}.sign.key": dump_private_key(self.sign_key),
            f"{name}.enc.crt": certificate_pem(self.enc_cert.der, *above),
            f"{name}.enc.key": dump_private_key(self.enc_key),
        }


def _always_free(_: int) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA certificate with its key, root or intermediate.

    Attributes:
        certificate: the CA's own.
        key: its private key.
        chain: what its subscribers send above their pair: empty for a root, else this CA's
            certificate and those above it, without the root.
        random: source of keys and serial numbers: n -> n bytes.
        claim: takes a serial number for good; False if it was given away before.
        crl_url, ocsp_url: where its subscribers' status can be had; goes into what it issues.
    """

    certificate: Certificate
    key: SM2PrivateKey = field(repr=False)
    chain: tuple[Certificate, ...] = ()
    random: Random = field(default=os.urandom, repr=False)
    claim: Callable[[int], bool] = field(default=_always_free, repr=False)
    crl_url: str = ""
    ocsp_url: str = ""

    @classmethod
    def create(
        cls,
        common_name: str = "TLCP Root CA",
        *,
        organization: str = "TLCP",
        country: str = "CN",
        now: datetime.datetime | None = None,
        lifetime_days: int = 3650,
        random: Random = os.urandom,
        crl_url: str = "",
        ocsp_url: str = "",
    ) -> CertificateAuthority:
        """Make a new root CA.

        Args:
            common_name: CN of its name.
            organization: O of its name; "" leaves it out.
            country: C of its name, two letters; "" leaves it out.
            now: validity begins five minutes earlier; None = the system clock.
            lifetime_days: how long it is valid.
            random: n -> n bytes.
            crl_url: where its CRL can be had; goes into what it issues. "" leaves it out.
            ocsp_url: where it answers OCSP requests, likewise.

        Raises:
            ConfigError: a part of the name is not allowed.
        """
        key = SM2PrivateKey.generate(random=random)
        subject = build_name(common_name, organization=organization, country=country)
        period = _period(now, lifetime_days)
        der = build_certificate(
            subject=subject,
            subject_point=key.public_point,
            issuer=subject,
            signer=key,
            serial_number=_serial(random),
            not_before=period[0],
            not_after=period[1],
            extensions=[
                (x509.BasicConstraints(ca=True, path_length=None), True),
                _CA_USAGE,
                (key_identifier(key.public_point), False),
            ],
        )
        return cls(
            Certificate.from_der(der), key, random=random, crl_url=crl_url, ocsp_url=ocsp_url
        )

    @classmethod
    def load(cls, directory: str | Path, password: bytes | None = None) -> CertificateAuthority:
        """Read a CA from ``ca.crt`` and ``ca.key`` of a directory.

        Args:
            directory: where they are.
            password: opens the key, if it is encrypted.

        Raises:
            ConfigError: a file cannot be read, the key is not the certificate's, it needs a
                password or another one, or it is no CA.
        """
        certificate_path, key_path = Path(directory, "ca.crt"), Path(directory, "ca.key")
        try:
            pem, key_data = certificate_path.read_bytes(), key_path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"no CA in {directory}: cannot read {error.filename}: {error.strerror}"
            ) from error
        certificate, *above = load_pem_certificates(pem)
        try:
            key = load_private_key(key_data, password)
        except ConfigError as error:
            raise ConfigError(f"{key_path}: {error}") from error
        if certificate.public_point != key.public_point:
            raise ConfigError(f"{key_path} is not the key of {certificate_path}")
        if not certificate.is_ca:
            raise ConfigError(f"{certificate_path} is not a CA certificate: {certificate}")
        chain = () if certificate.self_issued else (certificate, *above)
        return cls(certificate, key, chain)

    def save(
        self, directory: str | Path, *, force: bool = False, password: bytes | None = None
    ) -> tuple[Path, ...]:
        """Write ``ca.crt`` and ``ca.key``, making the directory if needed.

        Args:
            directory: where to.
            force: replace a CA that is there.
            password: encrypts the key; None leaves it in the clear.

        Returns:
            The two paths.

        Raises:
            ConfigError: there is a CA already and ``force`` is not given, or it cannot be written.
        """
        return write_files(directory, self.files(password), force=force)

    def files(self, password: bytes | None = None) -> dict[str, bytes]:
        """What ``save`` writes: file name -> PEM."""
        certificates = self.chain or (self.certificate,)
        return {
            "ca.crt": certificate_pem(*(certificate.der for certificate in certificates)),
            "ca.key": dump_private_key(self.key, password=password),
        }

    def issue_pair(
        self,
        name: str,
        hosts: Iterable[str] = (),
        *,
        organization: str = "TLCP",
        country: str = "CN",
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
    ) -> IssuedPair:
        """Issue a signing and an encryption certificate with new keys.

        Args:
            name: the common name of both.
            hosts: DNS names and IP addresses for subjectAltName; none leaves it out.
            organization: O of the subject; "" leaves it out.
            country: C of the subject, two letters; "" leaves it out.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.

        Raises:
            ConfigError: a name or host is not allowed.

        Spec: GB/T 38636-2020 6.4.5.3
        """
        subject = build_name(name, organization=organization, country=country)
        names = names_of_hosts(hosts)
        period = _period(now, lifetime_days)
        sign_key, enc_key = (SM2PrivateKey.generate(random=self.random) for _ in range(2))
        pair = self._pair(subject, names, sign_key.public_point, enc_key.public_point, period)
        return IssuedPair(pair[0], sign_key, pair[1], enc_key, self.chain)

    def issue_for(
        self,
        request: CertificateRequest,
        hosts: Iterable[str] | None = None,
        *,
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
    ) -> tuple[Certificate, Certificate, SM2PrivateKey]:
        """Issue a pair for a request: its key signs, and we make the key that encrypts.

        Args:
            request: a CSR, whose signature was checked when it was read.
            hosts: the subjectAltName; None takes the request's.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.

        Returns:
            The signing certificate, the encryption certificate and its private key, which is to be
            delivered in an SM2EnvelopedKey.

        Raises:
            ConfigError: a host is not allowed, or the request asks for what is not given unseen.

        Spec: GB/T 35276-2017 7.4; GM/T 0014-2012 (the CA makes the encryption key)
        """
        request.check(names=hosts is None)
        if canonical_name(request.subject) == canonical_name(self.certificate.subject):
            raise ConfigError(
                f"the certificate request asks for the name of this CA, {self.certificate}; "
                "make one for another name"
            )
        names = request.names if hosts is None else names_of_hosts(hosts)
        key = SM2PrivateKey.generate(random=self.random)
        sign_cert, enc_cert = self._pair(
            request.subject,
            names,
            request.public_point,
            key.public_point,
            _period(now, lifetime_days),
        )
        return sign_cert, enc_cert, key

    def renew(
        self,
        pair: Identity,
        *,
        keep_keys: bool = False,
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
    ) -> IssuedPair:
        """Issue a pair again, for the same subject and names.

        Args:
            pair: what this CA, or one before it, has issued.
            keep_keys: certify the same keys; False makes new ones, which is better.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.

        Raises:
            ConfigError: there is no encryption certificate, or the keys are not in software.
        """
        sign_key, enc_key = pair.sign_key, pair.enc_key
        if not keep_keys:
            sign_key, enc_key = (SM2PrivateKey.generate(random=self.random) for _ in range(2))
        if not (isinstance(sign_key, SM2PrivateKey) and isinstance(enc_key, SM2PrivateKey)):
            raise ConfigError("only a pair with two SM2 keys in files can be renewed with its keys")
        old = pair.sign_cert.extension(x509.SubjectAlternativeName)
        sign_cert, enc_cert = self._pair(
            pair.sign_cert.subject,
            None if old is None else (old, False),
            sign_key.public_point,
            enc_key.public_point,
            _period(now, lifetime_days),
        )
        return IssuedPair(sign_cert, sign_key, enc_cert, enc_key, self.chain)

    def issue_intermediate(
        self,
        common_name: str,
        *,
        organization: str = "TLCP",
        country: str = "CN",
        path_length: int | None = 0,
        now: datetime.datetime | None = None,
        lifetime_days: int = 1825,
    ) -> CertificateAuthority:
        """Issue a CA below this one.

        Args:
            common_name: CN of its name.
            organization: O of its name; "" leaves it out.
            country: C of its name, two letters; "" leaves it out.
            path_length: how many CAs may follow below it; None = no limit.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long it is valid; never longer than this CA.

        Raises:
            ConfigError: a part of the name is not allowed.
        """
        subject = build_name(common_name, organization=organization, country=country)
        extensions: list[Extension] = [
            (x509.BasicConstraints(ca=True, path_length=path_length), True),
            _CA_USAGE,
        ]
        key = SM2PrivateKey.generate(random=self.random)
        period = _period(now, lifetime_days)
        certificate = self._certify(subject, key.public_point, period, extensions)
        return CertificateAuthority(certificate, key, (certificate, *self.chain), self.random)

    def _pair(
        self,
        subject: x509.Name,
        names: Extension | None,
        sign_point: bytes,
        enc_point: bytes,
        period: _Period,
    ) -> tuple[Certificate, Certificate]:
        """Both certificates, alike in all but usage and key."""
        shared = [_PURPOSES, *([names] if names else []), *status_urls(self.crl_url, self.ocsp_url)]
        return (
            self._certify(subject, sign_point, period, [_SIGN_USAGE, *shared]),
            self._certify(subject, enc_point, period, [_ENC_USAGE, *shared]),
        )

    def _certify(
        self, subject: x509.Name, point: bytes, period: _Period, extensions: list[Extension]
    ) -> Certificate:
        authority = authority_key_id(self.certificate.subject_key_id)
        der = build_certificate(
            subject=subject,
            subject_point=point,
            issuer=self.certificate.subject,
            signer=self.key,
            serial_number=self._new_serial(),
            not_before=period[0],
            not_after=min(period[1], self.certificate.not_after),
            extensions=[
                *extensions,
                (key_identifier(point), False),
                *([authority] if authority else []),
            ],
        )
        return Certificate.from_der(der)

    def _new_serial(self) -> int:
        for _ in range(_SERIAL_TRIES):
            serial = _serial(self.random)
            if self.claim(serial):
                return serial
        raise ConfigError(
            f"{_SERIAL_TRIES} serial numbers in a row were given away before: "
            "the random source is broken"
        )


def _period(now: datetime.datetime | None, lifetime_days: int) -> _Period:
    if lifetime_days < 1:
        raise ConfigError(f"a certificate cannot live {lifetime_days} days; give at least 1")
    start = now or datetime.datetime.now(datetime.UTC)
    return start - _BACKDATE, start + datetime.timedelta(days=lifetime_days)


def _serial(random: Random) -> int:
    # 16 bytes, positive and never 0: the top bit is cleared, the next one set.
    return int.from_bytes(random(16), "big") >> 1 | 1 << 126
