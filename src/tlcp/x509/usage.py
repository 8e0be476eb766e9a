"""What a certificate of a pair may be used for: the rules of its keyUsage.

Deployed stacks enforce different halves of the standard's profile.  Ours is the union of what
certificates in the field carry: the signing certificate has digitalSignature or nonRepudiation,
the encryption certificate keyEncipherment, dataEncipherment or keyAgreement, and a certificate
without keyUsage may do both.

Spec: GB/T 38636-2020 6.4.5.3; GB/T 20518-2018 5.2.3; RFC 5280 4.2.1.3
"""

from __future__ import annotations

from typing import Final

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate

__all__ = ["can_encrypt", "can_sign", "check_usages", "is_authority", "looks_swapped"]

_SIGN: Final = frozenset({"digitalSignature", "nonRepudiation"})
_ENC: Final = frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"})


def can_sign(certificate: Certificate) -> bool:
    """May it be a signing certificate?"""
    return certificate.key_usage is None or bool(certificate.key_usage & _SIGN)


def can_encrypt(certificate: Certificate) -> bool:
    """May it be an encryption certificate?"""
    return certificate.key_usage is None or bool(certificate.key_usage & _ENC)


def is_authority(certificate: Certificate) -> bool:
    """Is it a CA's, so that it cannot be the encryption certificate of a list?"""
    usage = certificate.key_usage
    return certificate.is_ca or (usage is not None and "keyCertSign" in usage)


def looks_swapped(sign: Certificate, enc: Certificate) -> bool:
    """Each certificate of the pair fits the other's place and not its own."""
    fits = can_sign(sign) and can_encrypt(enc)
    return not fits and can_sign(enc) and can_encrypt(sign)


def check_usages(sign: Certificate, enc: Certificate | None, whose: str) -> None:
    """Check the key usages of a pair.

    Args:
        sign: the certificate in the place of the signing certificate.
        enc: the one in the place of the encryption certificate, None if there is none.
        whose: whose they are, for the error: "server's", "client's".

    Raises:
        CertificateVerifyError: WRONG_USAGE; the text says so when the two look swapped.

    Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 4.2.1.3
    """
    if enc is not None and looks_swapped(sign, enc):
        raise CertificateVerifyError(
            CertificateProblem.WRONG_USAGE,
            f"the {whose} signing and encryption certificates look swapped: the first is for "
            f"{_usages(sign)}, the second for {_usages(enc)}",
            which="signing certificate",
            expected="the signing certificate first, then the encryption certificate",
            hint="Exchange the two certificates, and their keys, in the peer's configuration",
        )
    if not can_sign(sign):
        raise _wrong(sign, whose, "signing certificate", "digitalSignature or nonRepudiation")
    if enc is not None and not can_encrypt(enc):
        wanted = "keyEncipherment, dataEncipherment or keyAgreement"
        raise _wrong(enc, whose, "encryption certificate", wanted)


def _usages(certificate: Certificate) -> str:
    usage = certificate.key_usage
    return "any use" if usage is None else ", ".join(sorted(usage)) or "no use"


def _wrong(certificate: Certificate, whose: str, which: str, wanted: str) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.WRONG_USAGE,
        f"the {whose} {which} {certificate} has keyUsage {_usages(certificate)}",
        which=which,
        expected=f"{wanted}, or no keyUsage",
        hint="Issue the certificate with the right keyUsage",
    )
