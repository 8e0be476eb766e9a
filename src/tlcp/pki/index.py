"""What a CA remembers of what it has issued: one JSON file, replaced as a whole.

::

    {"format": 1, "ca": "5a…", "crl_number": 3, "crl_url": "", "ocsp_url": "", "issued": [
      {"serial": "4f…", "name": "server", "use": "sign", "subject": "CN=…", "not_after": "2027-…",
       "fingerprint_sm3": "…", "revoked_at": null, "reason": null}, …]}

``ca`` is SM3 of the CA's public point: an index of another CA is not taken for its own.  Serial
numbers and fingerprints are in hex, times in ISO 8601, UTC.

Spec: none
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from cryptography import x509

from tlcp.crypto.sm3 import sm3
from tlcp.errors import ConfigError
from tlcp.pki.crl import REASONS, Revocation
from tlcp.x509.certificate import Certificate

__all__ = ["Index", "IssuedCertificate", "Use"]

_FORMAT: Final = 1

#: "ca" is an intermediate CA.
Use = Literal["sign", "enc", "ca"]
_USES: Final[tuple[Use, ...]] = ("sign", "enc", "ca")


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """One certificate that the CA has issued.

    Attributes:
        serial_number: no two have the same.
        name: what its files are called: NAME.sign.crt and so on.
        use: what it is for.
        subject: its name, as text (RFC 4514).
        not_after: its last moment.
        fingerprint_sm3: SM3 of its DER, in hex.
        revoked_at: since when it is revoked; None = it is not.
        reason: why, a key of ``crl.REASONS``; None without one.
    """

    serial_number: int
    name: str
    use: Use
    subject: str
    not_after: datetime.datetime
    fingerprint_sm3: str
    revoked_at: datetime.datetime | None = None
    reason: str | None = None

    @classmethod
    def of(cls, certificate: Certificate, name: str, use: Use) -> Self:
        """Describe a certificate."""
        return cls(
            certificate.serial_number,
            name,
            use,
            certificate.subject_text,
            certificate.not_after,
            certificate.fingerprint_sm3.hex(),
        )

    @property
    def reason_flag(self) -> x509.ReasonFlags | None:
        """The reason as CRLs and OCSP write it."""
        return None if self.reason is None else REASONS[self.reason]

    def status(self, now: datetime.datetime) -> Literal["valid", "expired", "revoked"]:
        """What it is worth at a moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now > self.not_after else "valid"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "serial": f"{self.serial_number:x}",
            "name": self.name,
            "use": self.use,
            "subject": self.subject,
            "not_after": self.not_after.isoformat(),
            "fingerprint_sm3": self.fingerprint_sm3,
            "revoked_at": None if self.revoked_at is None else self.revoked_at.isoformat(),
            "reason": self.reason,
        }


@dataclass(slots=True)
class Index:
    """All that a CA remembers.

    Attributes:
        ca: whose index it is: SM3 of the CA's public point, in hex.
        issued: by serial number, the oldest first.
        crl_number: of the last CRL; 0 before the first.
        crl_url, ocsp_url: what goes into certificates; "" leaves it out.
    """

    ca: str
    issued: dict[int, IssuedCertificate] = field(default_factory=dict)
    crl_number: int = 0
    crl_url: str = ""
    ocsp_url: str = ""

    @classmethod
    def of(cls, authority: Certificate, crl_url: str = "", ocsp_url: str = "") -> Self:
        """The index of a CA that has issued nothing."""
        return cls(sm3(authority.public_point).hex(), crl_url=crl_url, ocsp_url=ocsp_url)

    def record(self, certificate: Certificate, name: str, use: Use) -> None:
        """Remember a certificate.

        Raises:
            ConfigError: another one has its serial number.
        """
        if certificate.serial_number in self.issued:
            raise ConfigError(f"the serial number {certificate.serial_number:x} is given away")
        entry = IssuedCertificate.of(certificate, name, use)
        self.issued[entry.serial_number] = entry

    def revoke(
        self, serials: Iterable[int], when: datetime.datetime, reason: str | None
    ) -> tuple[IssuedCertificate, ...]:
        """Mark certificates as revoked; those that are already stay as they were.

        Returns:
            Those that were not revoked before.
        """
        fresh = []
        for serial in serials:
            entry = self.issued[serial]
            if entry.revoked_at is None:
                self.issued[serial] = replace(entry, revoked_at=when, reason=reason)
                fresh.append(self.issued[serial])
        return tuple(fresh)

    def revocations(self, now: datetime.datetime) -> list[Revocation]:
        """The entries of a CRL: what is revoked and would otherwise still be valid.

        Spec: RFC 5280 5 (a certificate stays on the list until it has expired)
        """
        return [
            Revocation(entry.serial_number, entry.revoked_at, entry.reason_flag)
            for entry in self.issued.values()
            if entry.revoked_at is not None and entry.not_after >= now
        ]

    def copy(self) -> Self:
        """Another one that holds the same, to see later what was changed."""
        return replace(self, issued=dict(self.issued))

    def dump(self) -> bytes:
        """Write it: JSON, a line for each certificate."""
        head = {
            "format": _FORMAT,
            "ca": self.ca,
            "crl_number": self.crl_number,
            "crl_url": self.crl_url,
            "ocsp_url": self.ocsp_url,
        }
        # json is slow with indents, and a line for each is as good to read. What is replaced stands
        # between certificates alone: within a text its quote would have a backslash.
        entries = json.dumps([entry.as_dict() for entry in self.issued.values()])
        lines = entries[1:-1].replace('}, {"', '},\n{"')
        return f'{json.dumps(head)[:-1]}, "issued": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def load(cls, data: bytes, where: str, authority: Certificate) -> Self:
        """Read it.

        Args:
            data: what ``dump`` wrote.
            where: the file, for the error.
            authority: the CA whose it must be.

        Raises:
            ConfigError: it is damaged, of another version, or of another CA.
        """
        try:
            value = json.loads(data)
            if value["format"] != _FORMAT:
                raise ValueError
            entries = [_entry(one) for one in value["issued"]]
            index = cls(
                str(value["ca"]),
                {entry.serial_number: entry for entry in entries},
                int(value["crl_number"]),
                str(value["crl_url"]),
                str(value["ocsp_url"]),
            )
            if len(index.issued) != len(entries):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise ConfigError(
                f"{where}, where the CA remembers what it issued, is damaged or of another "
                f'version: expected JSON with "format": {_FORMAT}. Take it from a backup; without '
                f"it the CA would not know what it has revoked"
            ) from None
        if index.ca != cls.of(authority).ca:
            raise ConfigError(
                f"{where} is of another CA, and not of {authority}. Move it away, and a new one "
                f"will be made from what lies beside it"
            )
        return index


def _entry(value: dict[str, Any]) -> IssuedCertificate:
    reason, revoked_at = value["reason"], value["revoked_at"]
    if value["use"] not in _USES or reason not in (None, *REASONS):
        raise ValueError
    return IssuedCertificate(
        int(value["serial"], 16),
        str(value["name"]),
        value["use"],
        str(value["subject"]),
        _time(value["not_after"]),
        str(value["fingerprint_sm3"]),
        None if revoked_at is None else _time(revoked_at),
        reason,
    )


def _time(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment
