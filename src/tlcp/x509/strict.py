"""What RFC 5280 demands of CAs, and verifiers do not ask unless they are told to be strict.

The rules of ``links.py`` and its neighbours decide who may be believed. These here are about form:
a certificate that breaks one is the work of a careless CA, not of an enemy, and many that are in
use do. So they hold only where ``ChainPolicy.strict`` is set. They are those of OpenSSL under
X509_V_FLAG_X509_STRICT, with its numbers, and what else RFC 5280 says that a CA MUST do with
constraints. What that flag asks beyond this holds anyway: it is refused when a certificate is read
(a path length without CA, two signature algorithms, explicit curve parameters).

They are checked of a path in which all else holds, from the end certificate to the anchor, so the
error names the worst first. A certificate that is trusted itself, and proves nothing but itself, is
not asked: who chose it has looked at it.

Spec: RFC 5280 4.1.2, 4.2.1; RFC 6818 2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate

__all__ = ["check_strictly"]

_NO_NAME: Final = b"\x30\x00"
_UNNUMBERED: Final = CertificateProblem.BREAKS_PROFILE.verify_code


class _Rule(NamedTuple):
    """One demand.

    Attributes:
        breaks: whether a certificate does not meet it; asked with whether it is the anchor.
        what: what is then said of it.
        expected: instead, with the section.
        code: OpenSSL's number, X509_V_ERR_*.
    """

    breaks: Callable[[Certificate, bool], bool]
    what: str
    expected: str
    code: int = _UNNUMBERED


def check_strictly(path: Sequence[Certificate], which: str, where: str) -> None:
    """Check a path, the end certificate first, by the demands on those who made it.

    Args:
        path: up to the anchor.
        which: the end certificate's role, for the error.
        where: ends the errors: "in the chain of ...".

    Raises:
        CertificateVerifyError: BREAKS_PROFILE, the first demand that is not met.
    """
    if len(path) == 1:
        return
    for place, certificate in enumerate(path):
        is_anchor = place == len(path) - 1
        for rule in _RULES:
            if rule.breaks(certificate, is_anchor):
                raise _broken(rule, certificate, which if place == 0 else "CA certificate", where)


def _broken(
    rule: _Rule, certificate: Certificate, which: str, where: str
) -> CertificateVerifyError:
    return CertificateVerifyError(
        CertificateProblem.BREAKS_PROFILE,
        f"the {which} {certificate} {rule.what}, {where}",
        which=which,
        expected=rule.expected,
        hint="Issue it as RFC 5280 wants it, or do not ask for strict chains",
        verify_code=rule.code,
    )


# ---- the demands ---------------------------------------------------------------------------------


def _may_sign_certificates(certificate: Certificate) -> bool:
    return certificate.key_usage is not None and "keyCertSign" in certificate.key_usage


def _may_sign_lists(certificate: Certificate) -> bool:
    return certificate.key_usage is not None and "cRLSign" in certificate.key_usage


def _has_no_subject(certificate: Certificate) -> bool:
    return certificate.subject_der == _NO_NAME


def _must_have_subject(certificate: Certificate) -> bool:
    alternative = certificate.extension(x509.SubjectAlternativeName)
    return certificate.is_ca or _may_sign_lists(certificate) or alternative is None


def _has_empty_alternative_name(certificate: Certificate) -> bool:
    names = certificate.extension(x509.SubjectAlternativeName)
    return names is not None and len(list(names)) == 0


def _is_critical(certificate: Certificate, oid: x509.ObjectIdentifier) -> bool | None:
    """None: it is not there."""
    return certificate.criticality.get(oid)


def _permits_leading_periods(certificate: Certificate) -> bool:
    constraints = certificate.extension(x509.NameConstraints)
    if constraints is None:
        return False
    names = (*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ()))
    return any(isinstance(one, x509.DNSName) and one.value.startswith(".") for one in names)


def _must_be_critical(oid: x509.ObjectIdentifier, name: str, section: str) -> _Rule:
    return _Rule(
        lambda one, _: _is_critical(one, oid) is False,
        f"has {name} that are not critical",
        f"critical {name} (RFC 5280 {section})",
    )


_RULES: Final = (
    _Rule(
        lambda one, _: one.version < 3 and bool(one.criticality),
        "is of version 1 and has extensions",
        "version 3 where there are extensions (RFC 5280 4.1.2.1)",
        93,
    ),
    _Rule(
        lambda one, _: one.issuer_der == _NO_NAME,
        "has no issuer's name",
        "an issuer that is not empty (RFC 5280 4.1.2.4)",
        83,
    ),
    _Rule(
        lambda one, _: _has_no_subject(one) and _must_have_subject(one),
        "has no subject",
        "a subject in all certificates of CAs, of those who sign CRLs, and where there is no "
        "subjectAltName (RFC 5280 4.1.2.6)",
        84,
    ),
    _Rule(
        lambda one, _: _has_empty_alternative_name(one),
        "has an empty subjectAltName",
        "at least one name in subjectAltName (RFC 5280 4.2.1.6)",
        87,
    ),
    _Rule(
        lambda one, _: (
            _has_no_subject(one)
            and _is_critical(one, ExtensionOID.SUBJECT_ALTERNATIVE_NAME) is False
        ),
        "has no subject, and its subjectAltName is not critical",
        "a critical subjectAltName where the subject is empty (RFC 5280 4.2.1.6)",
        88,
    ),
    _Rule(
        lambda one, _: one.is_ca and _is_critical(one, ExtensionOID.BASIC_CONSTRAINTS) is False,
        "is a CA, and its basicConstraints are not critical",
        "critical basicConstraints in a CA certificate (RFC 5280 4.2.1.9)",
        89,
    ),
    _Rule(
        lambda one, _: one.is_ca and one.key_usage is None,
        "is a CA without keyUsage",
        "keyUsage in a CA certificate (RFC 5280 4.2.1.3)",
        92,
    ),
    _Rule(
        lambda one, _: (
            one.path_length is not None
            and one.key_usage is not None
            and not _may_sign_certificates(one)
        ),
        "has a pathLenConstraint, and may not sign certificates",
        "pathLenConstraint with keyCertSign only (RFC 5280 4.2.1.9)",
        81,
    ),
    _Rule(
        lambda one, _: not one.is_ca and _may_sign_certificates(one),
        "may sign certificates, and is not a CA",
        "keyCertSign in CA certificates only (RFC 5280 4.2.1.3)",
        82,
    ),
    _Rule(
        lambda one, _: _is_critical(one, ExtensionOID.AUTHORITY_KEY_IDENTIFIER) is True,
        "has a critical authorityKeyIdentifier",
        "an authorityKeyIdentifier that is not critical (RFC 5280 4.2.1.1)",
        90,
    ),
    _Rule(
        lambda one, _: _is_critical(one, ExtensionOID.SUBJECT_KEY_IDENTIFIER) is True,
        "has a critical subjectKeyIdentifier",
        "a subjectKeyIdentifier that is not critical (RFC 5280 4.2.1.2)",
        91,
    ),
    _Rule(
        # who signed himself needs nobody to be found by it
        lambda one, is_anchor: one.authority_key_id is None and not (is_anchor and one.self_issued),
        "has no key identifier of its issuer",
        "authorityKeyIdentifier with keyIdentifier in all but self-signed certificates "
        "(RFC 5280 4.2.1.1)",
        85,
    ),
    _Rule(
        lambda one, _: one.is_ca and one.subject_key_id is None,
        "is a CA without subjectKeyIdentifier",
        "subjectKeyIdentifier in a CA certificate (RFC 5280 4.2.1.2)",
        86,
    ),
    _must_be_critical(ExtensionOID.NAME_CONSTRAINTS, "name constraints", "4.2.1.10"),
    _must_be_critical(ExtensionOID.POLICY_CONSTRAINTS, "policy constraints", "4.2.1.11"),
    _Rule(
        lambda one, _: _is_critical(one, ExtensionOID.INHIBIT_ANY_POLICY) is False,
        "has an inhibitAnyPolicy that is not critical",
        "a critical inhibitAnyPolicy (RFC 5280 4.2.1.14)",
    ),
    _Rule(
        lambda one, _: _permits_leading_periods(one),
        "has a DNS name with a leading period among its name constraints",
        "DNS names without it: that form is one of URIs and e-mail addresses (RFC 5280 4.2.1.10)",
    ),
)
