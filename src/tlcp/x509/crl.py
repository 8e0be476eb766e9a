"""Certificate revocation lists: read, and asked about certificates.

``cryptography`` reads the list; what it may be used for is decided here.  Lists that say less than
they seem to are refused when they are loaded: an indirect one speaks of certificates of other
issuers, a delta one of changes alone, and one for some reasons is silent about the others.

Spec: RFC 5280 5, 6.3; GB/T 20518-2018 6
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from tlcp.crypto.pem import is_pem, split_pem
from tlcp.errors import ConfigError
from tlcp.x509.algorithms import SIGNATURE_SCHEMES, Scheme
from tlcp.x509.certificate import Certificate, readable
from tlcp.x509.dn import CanonicalName, canonical_name
from tlcp.x509.parsers import in_words
from tlcp.x509.recent import Recent
from tlcp.x509.signatures import holds

__all__ = ["PEM_LABEL", "RevocationList", "RevokedEntry", "load_crls", "read_crls"]

_MOST_MAKERS: Final = 16  # keys of which a list knows whether they made it
PEM_LABEL: Final = "X509 CRL"
_KNOWN_CRITICAL: Final = frozenset(
    (
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    )
)
_KNOWN_CRITICAL_IN_ENTRIES: Final = frozenset(
    (CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE)
)


class RevokedEntry(NamedTuple):
    """A certificate that its CA has taken back.

    Attributes:
        since: when.
        reason: in the words of the standard, such as "keyCompromise"; "" if the list says none.
    """

    since: datetime.datetime
    reason: str


@dataclass(frozen=True, eq=False, slots=True)
class RevocationList:
    """A complete list of one CA.

    Attributes:
        issuer: the CA's name.
        issuer_text: the same for people.
        this_update: when it was made.
        next_update: when there will be a newer one.
        number: grows with each list; 0 without one.
        revoked: serial number -> entry.
        scheme: how it is signed; None if that is not supported.

    Spec: RFC 5280 5.1
    """

    issuer: CanonicalName
    issuer_text: str
    this_update: datetime.datetime
    next_update: datetime.datetime
    number: int
    revoked: dict[int, RevokedEntry] = field(repr=False)
    scheme: Scheme | None
    _signature: bytes = field(repr=False)
    _signed: bytes = field(repr=False)
    _scope: x509.IssuingDistributionPoint | None = field(repr=False)
    #: SubjectPublicKeyInfo -> whether that key made it: hashing a long list is too much for every
    #: handshake.
    _makers: Recent[bytes, bool] = field(
        default_factory=lambda: Recent(_MOST_MAKERS), init=False, repr=False
    )

    @classmethod
    def from_der(cls, der: bytes, source: str = "the data") -> RevocationList:
        """Read a list.

        Args:
            der: one CertificateList.
            source: where it comes from, for the error.

        Raises:
            ConfigError: it is none, or of a kind that cannot be relied upon alone.
        """
        try:
            crl = x509.load_der_x509_crl(der)
            extensions = list(crl.extensions)
            issuer = canonical_name(crl.issuer)
            text = readable(crl.issuer.rfc4514_string())
            revoked = {entry.serial_number: _entry(entry, text) for entry in crl}
            next_update = crl.next_update_utc
            made = crl.last_update_utc
        except ConfigError:
            raise
        except Exception as error:  # the parser raises ValueError, x509.InvalidVersion and more
            raise ConfigError(
                f"{source} holds no revocation list that can be read: {in_words(error)}; "
                'expected DER, or PEM with the label "X509 CRL"'
            ) from None
        if next_update is None:
            raise _refused(text, "does not say until when it holds (nextUpdate, RFC 5280 5.1.2.5)")
        return cls(
            issuer=issuer,
            issuer_text=text,
            this_update=made,
            next_update=next_update,
            number=_number(extensions),
            revoked=revoked,
            scheme=SIGNATURE_SCHEMES.get(crl.signature_algorithm_oid),
            _signature=crl.signature,
            _signed=crl.tbs_certlist_bytes,
            _scope=_scope(extensions, text),
        )

    def is_by(self, issuer: Certificate) -> bool:
        """Whether this CA's key made it; the name is not compared.

        Raises:
            CertificateVerifyError: its key is of no kind that verifies signatures.
        """
        known = self._makers.get(issuer.key_info)
        if known is None:
            known = holds(issuer.verifying_key, self.scheme, self._signature, self._signed)
            self._makers.put(issuer.key_info, known)
        return known

    def covers(self, certificate: Certificate) -> bool:
        """Whether it says anything of this certificate of its issuer.

        Spec: RFC 5280 6.3.3 (b)(2)
        """
        scope = self._scope
        if scope is None:
            return True
        if scope.only_contains_user_certs and certificate.is_ca:
            return False
        if scope.only_contains_ca_certs and not certificate.is_ca:
            return False
        if not scope.full_name:
            return True
        points = certificate.extension(x509.CRLDistributionPoints) or ()
        named = {str(name) for point in points for name in point.full_name or ()}
        return not named.isdisjoint(map(str, scope.full_name))


def read_crls(data: bytes, source: str) -> tuple[RevocationList, ...]:
    """The lists of a PEM or DER file; other PEM blocks are passed over.

    Raises:
        ConfigError: there is none, or one cannot be used.
    """
    if not is_pem(data):
        return (RevocationList.from_der(data, source),)
    ders = [block.der for block in split_pem(data) if block.label == PEM_LABEL]
    if not ders:
        raise ConfigError(
            f'{source} holds no revocation list; expected PEM with the label "{PEM_LABEL}", or DER'
        )
    return tuple(RevocationList.from_der(der, source) for der in ders)


def load_crls(paths: Iterable[str | os.PathLike[str]]) -> tuple[RevocationList, ...]:
    """The lists of files and directories.

    Args:
        paths: files, each with at least one list; and directories, of which all PEM files with
            lists are taken, whatever they are called, and of the others those named ``*.crl``.

    Raises:
        OSError: a path cannot be read.
        ConfigError: a file holds none, or one that cannot be used; a directory holds none.
    """
    found = list[RevocationList]()
    for path in map(Path, paths):
        if not path.is_dir():
            found += read_crls(path.read_bytes(), str(path))
            continue
        before = len(found)
        for file in sorted(path.iterdir()):
            if file.is_file() and _may_hold_lists(file, data := file.read_bytes()):
                found += read_crls(data, str(file))
        if len(found) == before:
            raise ConfigError(f"the directory {path} holds no revocation list")
    return tuple(found)


def _may_hold_lists(file: Path, data: bytes) -> bool:
    if is_pem(data):
        return any(block.label == PEM_LABEL for block in split_pem(data))
    return file.suffix == ".crl"


def _entry(entry: x509.RevokedCertificate, issuer: str) -> RevokedEntry:
    reason = ""
    for extension in entry.extensions:
        if extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
            raise _refused(issuer, "is indirect: it speaks of certificates of other issuers")
        if extension.critical and extension.oid not in _KNOWN_CRITICAL_IN_ENTRIES:
            raise _refused(
                issuer, f"has an entry with the critical extension {extension.oid.dotted_string}"
            )
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason.value
    return RevokedEntry(entry.revocation_date_utc, reason)


def _scope(
    extensions: list[x509.Extension[x509.ExtensionType]], issuer: str
) -> x509.IssuingDistributionPoint | None:
    """What it is limited to; refuses limits under which its silence means nothing."""
    scope = None
    for extension in extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            raise _refused(issuer, "is a delta list: it has only the changes since another one")
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            raise _refused(issuer, f"has the critical extension {extension.oid.dotted_string}")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
    if scope is None:
        return None
    if scope.indirect_crl:
        raise _refused(issuer, "is indirect: it may speak of certificates of other issuers")
    if scope.only_some_reasons:
        raise _refused(issuer, "is for some reasons only, and silent about the others")
    if scope.only_contains_attribute_certs:
        raise _refused(issuer, "is for attribute certificates")
    if scope.relative_name is not None:
        raise _refused(issuer, "names its distribution point relative to the issuer")
    return scope


def _number(extensions: list[x509.Extension[x509.ExtensionType]]) -> int:
    for extension in extensions:
        if isinstance(extension.value, x509.CRLNumber):
            return extension.value.crl_number
    return 0


def _refused(issuer: str, why: str) -> ConfigError:
    return ConfigError(
        f"the revocation list of {issuer} {why}, and is not taken; give the CA's complete list"
    )
