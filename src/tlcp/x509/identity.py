"""Our own side: two certificates, their private keys, and the chain to send.

Everything that can be wrong with files is found here, when the program starts, and said in the
words of who configured it.

Spec: GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tlcp.crypto.keys import AnyPrivateKey, PrivateRSAKey
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.errors import ConfigError
from tlcp.suites import KeyKind
from tlcp.x509.certificate import Certificate
from tlcp.x509.loading import (
    KeySource,
    Side,
    load_bundle,
    load_side,
    parse_side,
    public_in,
    public_of,
)
from tlcp.x509.usage import can_encrypt, can_sign, looks_swapped

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A pair of certificates with their keys, all SM2 or all RSA; checked when made.

    Attributes:
        sign_cert, sign_key: the signing certificate and its private key.
        enc_cert, enc_key: the same for encryption; None, None for a client that only signs.
        chain: CA certificates, any order; a root among them is not sent.

    Raises:
        ConfigError: certificates and keys do not belong together; the text says which.

    Spec: GB/T 38636-2020 6.4.5.3
    """

    sign_cert: Certificate
    sign_key: AnyPrivateKey
    enc_cert: Certificate | None = None
    enc_key: AnyPrivateKey | None = None
    chain: tuple[Certificate, ...] = ()
    _lists: dict[tuple[bool, bool], tuple[bytes, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if (self.enc_cert is None) != (self.enc_key is None):
            have, lack = ("key", "certificate") if self.enc_cert is None else ("certificate", "key")
            raise ConfigError(f"there is an encryption {have} but no encryption {lack}")
        _check_usages(self.sign_cert, self.enc_cert)
        _check_keys(self)

    @classmethod
    def load(
        cls,
        sign_cert: str | Path,
        sign_key: KeySource,
        enc_cert: str | Path | None = None,
        enc_key: KeySource | None = None,
        password: bytes | None = None,
    ) -> Identity:
        """Read an identity from files.

        Args:
            sign_cert: PEM, in any order: the certificate is the one that the key fits, the others
                are the chain; or PKCS#12.
            sign_key: its private key: a file, PEM (PKCS#8, SEC1 or PKCS#1), DER or PKCS#12; with
                several keys in it, the one that fits; or a key that lives elsewhere, an object
                with the methods of ``tlcp.crypto.keys.PrivateKey``.
            enc_cert: the same for encryption.
            enc_key: its private key, as ``sign_key``; or the envelope (SM2EnvelopedKey) in which
                the CA delivered it, which the signing key opens.
            password: for encrypted keys.

        Raises:
            ConfigError: a file cannot be read, or holds something else; the text names it.
        """
        sign = load_side(sign_cert, sign_key, "signing", password)
        enc = load_side(enc_cert, enc_key, "encryption", password, opener=sign.key)
        return cls._of(sign, enc)

    @classmethod
    def from_pem(
        cls,
        sign_cert: bytes,
        sign_key: bytes | AnyPrivateKey,
        enc_cert: bytes | None = None,
        enc_key: bytes | AnyPrivateKey | None = None,
        password: bytes | None = None,
    ) -> Identity:
        """Make an identity from the contents of such files; arguments as ``load``.

        Raises:
            ConfigError: as ``load``.
        """
        sign = parse_side(sign_cert, sign_key, "signing", password)
        enc = parse_side(enc_cert, enc_key, "encryption", password, opener=sign.key)
        return cls._of(sign, enc)

    @classmethod
    def _of(cls, sign: Side, enc: Side) -> Identity:
        if sign.cert is None or sign.key is None:
            raise ConfigError("there is no signing certificate, or no key for it")
        rest = dict.fromkeys((*sign.rest, *enc.rest))
        chain = tuple(c for c in rest if c not in (sign.cert, enc.cert))
        return cls(sign.cert, sign.key, enc.cert, enc.key, chain)

    @classmethod
    def from_bundle(cls, *paths: str | Path, password: bytes | None = None) -> Identity:
        """Read an identity from files that hold everything, in any order.

        Each key finds its certificate by the public key; key usage tells which pair signs and
        which encrypts; certificates without a key are the chain. An envelope is opened with the
        signing key.

        Args:
            paths: one file, or several that belong together: PEM, PKCS#12, envelopes.
            password: for what is encrypted.

        Raises:
            ConfigError: a key or a certificate is missing, or it cannot be told which is which.
        """
        return cls(*load_bundle(paths, password))

    @property
    def key_kind(self) -> KeyKind:
        """The kind of all its keys, and so of the suites that it can serve."""
        return self.sign_cert.key_kind

    @property
    def fingerprint(self) -> bytes:
        """The SM3 digests of signing and encryption certificate, one after the other."""
        enc = self.enc_cert.fingerprint_sm3 if self.enc_cert is not None else b""
        return self.sign_cert.fingerprint_sm3 + enc

    def certificate_list(
        self, *, include_enc: bool = True, enc_last: bool = False
    ) -> tuple[bytes, ...]:
        """List the DER to send: signing, encryption, then CAs upwards without the root.

        Args:
            include_enc: False leaves the encryption certificate out, as GmSSL wants it from a
                client in the ECC suites.
            enc_last: True puts the encryption certificate behind the CAs, as old TASSL does.

        Spec: GB/T 38636-2020 6.4.5.3.  Interop: GmSSL counts a root that is sent as one CA too many
        """
        if (include_enc, enc_last) in self._lists:
            return self._lists[include_enc, enc_last]
        enc = [self.enc_cert] if include_enc and self.enc_cert is not None else []
        upwards = _upwards(self.sign_cert, self.chain)
        behind = [*upwards, *enc] if enc_last else [*enc, *upwards]
        ders = tuple(certificate.der for certificate in (self.sign_cert, *behind))
        self._lists[include_enc, enc_last] = ders
        return ders

    def doubts(self, now: datetime) -> Iterator[str]:
        """What a peer may well refuse us for, one sentence each; nothing here is an error.

        Args:
            now: aware.
        """
        for which, cert in (("signing", self.sign_cert), ("encryption", self.enc_cert)):
            if cert is None:
                continue
            if now > cert.not_after:
                yield f"our {which} certificate {cert} expired on {cert.not_after:%Y-%m-%d}"
            if now < cert.not_before:
                yield f"our {which} certificate {cert} is valid from {cert.not_before:%Y-%m-%d}"
        if self.enc_cert is not None and self.enc_cert.subject_der != self.sign_cert.subject_der:
            yield (
                f"our signing certificate is for {self.sign_cert.subject.rfc4514_string()}, "
                f"our encryption certificate for {self.enc_cert.subject.rfc4514_string()}"
            )

    def __repr__(self) -> str:
        enc = "none" if self.enc_cert is None else str(self.enc_cert)
        return f"<Identity sign {self.sign_cert}, enc {enc}, {len(self.chain)} CA certificates>"


def _upwards(leaf: Certificate, chain: Iterable[Certificate]) -> list[Certificate]:
    """Order the CAs from the leaf's issuer upwards; what does not connect comes last."""
    waiting = [certificate for certificate in chain if not certificate.self_signed]
    ordered: list[Certificate] = []
    name = leaf.issuer_der
    while issuer := next((one for one in waiting if one.subject_der == name), None):
        waiting.remove(issuer)
        ordered.append(issuer)
        name = issuer.issuer_der
    return ordered + waiting


def _check_usages(sign: Certificate, enc: Certificate | None) -> None:
    if enc is not None and looks_swapped(sign, enc):
        raise ConfigError(
            "signing and encryption certificates look swapped: the one given for signing has "
            f"keyUsage {_usages(sign)}, the other {_usages(enc)}"
        )
    if not can_sign(sign):
        raise ConfigError(
            f"the signing certificate {sign} has keyUsage {_usages(sign)}; "
            "expected digitalSignature or nonRepudiation"
            + (
                "; this is an encryption certificate, give the other one"
                if can_encrypt(sign)
                else ""
            )
        )
    if enc is not None and not can_encrypt(enc):
        raise ConfigError(
            f"the encryption certificate {enc} has keyUsage {_usages(enc)}; "
            "expected keyEncipherment, dataEncipherment or keyAgreement"
        )


def _usages(certificate: Certificate) -> str:
    return ", ".join(sorted(certificate.key_usage or ())) or "none"


def _check_keys(identity: Identity) -> None:
    sign_public = public_in(identity.sign_cert, "signing certificate")
    _check_kind(identity.sign_cert, identity.sign_key, "signing")
    sign_fits = public_of(identity.sign_key) == sign_public
    if identity.enc_cert is None or identity.enc_key is None:
        if not sign_fits:
            raise ConfigError(_mismatch("signing", identity.sign_cert))
        return
    enc_public = public_in(identity.enc_cert, "encryption certificate")
    _check_kind(identity.enc_cert, identity.enc_key, "encryption")
    kinds = identity.sign_cert.key_kind, identity.enc_cert.key_kind
    if kinds[0] is not kinds[1]:
        raise ConfigError(
            f"the signing certificate has an {kinds[0].value} key, the encryption certificate an "
            f"{kinds[1].value} key; both must be of one kind"
        )
    enc_fits = public_of(identity.enc_key) == enc_public
    if not sign_fits and public_of(identity.sign_key) == enc_public:
        raise ConfigError(
            "signing and encryption keys look swapped: "
            "the signing key belongs to the encryption certificate"
        )
    if not enc_fits and public_of(identity.enc_key) == sign_public:
        raise ConfigError(
            "signing and encryption keys look swapped: "
            "the encryption key belongs to the signing certificate"
        )
    if not sign_fits:
        raise ConfigError(_mismatch("signing", identity.sign_cert))
    if not enc_fits:
        raise ConfigError(_mismatch("encryption", identity.enc_cert))


def _check_kind(certificate: Certificate, key: AnyPrivateKey, role: str) -> None:
    wanted = certificate.key_kind
    is_rsa = isinstance(key, PrivateRSAKey)
    if is_rsa is (wanted is KeyKind.RSA):
        return
    bits = f" of {key.bits} bits" if isinstance(key, RSAPrivateKey) else ""
    raise ConfigError(
        f"{role} key: expected an {wanted.value} private key, "
        f"got an {'RSA' if is_rsa else 'SM2'} key{bits}; the certificate {certificate} is "
        f"for an {wanted.value} key"
    )


def _mismatch(role: str, certificate: Certificate) -> str:
    return (
        f"the {role} key does not match the {role} certificate {certificate}; "
        "give the key that the certificate was issued for"
    )
