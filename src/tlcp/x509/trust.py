"""The CAs that we trust: the end of every chain.

Spec: RFC 5280 6.1.1 (d)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tlcp.alerts import Text
from tlcp.crypto.pem import is_pem, split_pem
from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.reasons import reason_of
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.dn import CanonicalName, canonical_name, is_readable

__all__ = ["TrustStore", "by_canonical_name", "read_ca_directory", "read_cas"]

_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_MOST_PREPARED = 256  # CAs whose keys get a table for fast verification: 2 MiB at the most
_OTHER_DERS = (  # keys in the chains of RSA suites
    bytes.fromhex("06092a864886f70d010101"),  # RSA: 1.2.840.113549.1.1.1
    bytes.fromhex("06082a8648ce3d030107"),  # P-256: 1.2.840.10045.3.1.7
    bytes.fromhex("06052b81040022"),  # P-384: 1.3.132.0.34
)
_SM2_CURVE_DER = bytes.fromhex("06082a811ccf5501822d")  # 1.2.156.10197.1.301


class TrustStore:
    """The certificates that we trust, and nothing about who uses them.

    Spec: RFC 5280 6.1.1 (d) trust anchor information
    """

    def __init__(self, anchors: Iterable[Certificate] = ()) -> None:
        self._by_subject: dict[bytes, list[Certificate]] = {}
        self._anchors: dict[bytes, Certificate] = {}
        self._by_name: dict[CanonicalName, list[Certificate]] | None = None
        self._fingerprint: bytes | None = None
        for anchor in anchors:
            self.add(anchor)

    @classmethod
    def from_pem(cls, pem: bytes) -> TrustStore:
        """Trust every certificate of a PEM file.

        Raises:
            ConfigError: it holds none, or one that cannot be read or whose key is not supported.
        """
        return cls(load_pem_certificates(pem))

    @classmethod
    def from_pem_file(cls, path: str | Path) -> TrustStore:
        """Trust every certificate of the PEM file at this path.

        Raises:
            ConfigError: as ``from_pem``, or the file cannot be read; the text names the path.
        """
        try:
            return cls.from_pem(Path(path).read_bytes())
        except ConfigError as error:  # an OSError, too, as ssl's errors are
            raise ConfigError.told(
                Text(
                    f"CA file {path}: {error}",
                    f"CA 文件 {path} 不能使用：需要 PEM 格式的 CA 证书；{error.text.zh}",
                )
            ) from error
        except OSError as error:
            why = reason_of(error)
            raise ConfigError.told(
                Text(
                    f"cannot read the CA file {path}: {why.en}",
                    f"无法读取 CA 文件 {path}：{why.zh}",
                )
            ) from error

    def add(self, certificate: Certificate) -> None:
        """Trust one certificate; twice is once.

        Raises:
            ConfigError: its key is neither SM2 nor RSA nor ECDSA, so that it could never verify
                anything.
        """
        try:
            key = certificate.verifying_key
        except CertificateVerifyError as error:
            raise ConfigError(f"cannot trust {certificate} as a CA: {error.what}") from error
        if certificate.der not in self._anchors:
            if certificate.is_ca and len(self._anchors) < _MOST_PREPARED:
                key.prepare()  # it will verify much
            self._anchors[certificate.der] = certificate
            self._fingerprint = self._by_name = None
            self._by_subject.setdefault(certificate.subject_der, []).append(certificate)

    @property
    def anchors(self) -> tuple[Certificate, ...]:
        """All of them, in the order added."""
        return tuple(self._anchors.values())

    @property
    def subjects_der(self) -> tuple[bytes, ...]:
        """Each anchor's name once, as CertificateRequest lists them.

        Spec: GB/T 38636-2020 6.4.5.5
        """
        return tuple(self._by_subject)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes, a hash over which certificates are trusted, whatever their order."""
        if self._fingerprint is None:
            self._fingerprint = sm3(b"".join(sorted(map(sm3, self._anchors))))
        return self._fingerprint

    def named(self, subject_der: bytes) -> tuple[Certificate, ...]:
        """List the anchors of this name."""
        return tuple(self._by_subject.get(subject_der, ()))

    def named_alike(self, name: CanonicalName) -> tuple[Certificate, ...]:
        """List the anchors of this name, however it is encoded.  Spec: RFC 5280 7.1"""
        if self._by_name is None:
            self._by_name = by_canonical_name(self.anchors)
        return tuple(self._by_name.get(name, ()))

    def __contains__(self, certificate: object) -> bool:
        return isinstance(certificate, Certificate) and certificate.der in self._anchors

    def __len__(self) -> int:
        return len(self._anchors)


def by_canonical_name(
    certificates: Iterable[Certificate],
) -> dict[CanonicalName, list[Certificate]]:
    """Certificates by what their subject says; those whose subject cannot be read are left out."""
    found: dict[CanonicalName, list[Certificate]] = {}
    for one in certificates:
        if is_readable(one.subject, one.subject_der):
            found.setdefault(canonical_name(one.subject), []).append(one)
    return found


def read_cas(
    data: bytes, source: str, *, rsa: bool = False, aside: list[bytes] | None = None
) -> tuple[list[Certificate], int]:
    """The SM2 certificates among many of all kinds, and how many there are of the others.

    Args:
        data: PEM, or DER one after the other; what follows the last one is ignored, as in ``ssl``.
        source: where it comes from, for the error.
        rsa: take RSA and ECDSA certificates, too: RSA suites are enabled.
        aside: gets the DER of those that are not taken: they may be wanted later.

    Raises:
        ConfigError: it holds no certificate, or none that can be read.
    """
    usable, others, broken = list[Certificate](), 0, 0
    for der in _pem_ders(data) if is_pem(data) else _ders(data):
        # spares reading the 150 TLS roots of a system
        other = any(key in der for key in _OTHER_DERS)
        if _SM2_CURVE_DER not in der and not (rsa and other):
            if aside is not None and other:
                aside.append(der)
            others, broken = (others + 1, broken) if _is_sequence(der) else (others, broken + 1)
            continue
        try:
            certificate = Certificate(der)
            _ = certificate.verifying_key
            usable.append(certificate)
        except CertificateVerifyError as error:
            malformed = error.problem is CertificateProblem.MALFORMED
            others, broken = (others, broken + 1) if malformed else (others + 1, broken)
    if not usable and not others:
        what = "no certificate that can be read" if broken else "no certificate"
        raise ConfigError(f"{source} holds {what}; expected CA certificates in PEM or DER")
    return usable, others + broken


def read_ca_directory(
    path: str | Path, *, rsa: bool = False, aside: list[bytes] | None = None
) -> tuple[list[Certificate], int]:
    """The SM2 CA certificates in the PEM files of a directory, and how many others there are.

    Keys, end certificates and what cannot be read are passed over: in a directory that somebody
    else fills they must neither stop us nor be trusted.

    Args:
        path: the directory; subdirectories are not looked into.
        rsa: as for ``read_cas``.
        aside: as for ``read_cas``.

    Raises:
        OSError: there is no such directory.
    """
    usable, others = list[Certificate](), 0
    for file in sorted(Path(path).iterdir()):
        with contextlib.suppress(OSError, ConfigError):
            if file.is_file() and is_pem(data := file.read_bytes()):
                found, rest = read_cas(data, str(file), rsa=rsa, aside=aside)
                usable += (one for one in found if one.is_ca)
                others += rest
    return usable, others


def _pem_ders(data: bytes) -> Iterator[bytes]:
    return (block.der for block in split_pem(data) if block.label in _LABELS)


def _ders(data: bytes) -> Iterator[bytes]:
    """Cut DER values apart by their outer lengths; what is no whole SEQUENCE ends the list."""
    at = 0
    while (size := _sequence_bytes(data, at)) is not None and at + size <= len(data):
        yield data[at : at + size]
        at += size


def _is_sequence(der: bytes) -> bool:
    return _sequence_bytes(der, 0) == len(der)


def _sequence_bytes(data: bytes, at: int) -> int | None:
    """Length of the SEQUENCE at ``at``, header included; None if there is none."""
    if at + 2 > len(data) or data[at] != 0x30:
        return None
    first = data[at + 1]
    count = first & 0x7F if first & 0x80 else 0
    return 2 + count + (int.from_bytes(data[at + 2 : at + 2 + count], "big") if count else first)
