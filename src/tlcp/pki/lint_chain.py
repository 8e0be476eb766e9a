"""The rules of ``lint`` for what surrounds the pair: the list, the CAs above, the time.

Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.5; RFC 5280 4.2.1.9, 6.1
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from cryptography import x509

from tlcp.errors import TLCPError
from tlcp.pki.lint_findings import (
    ALL,
    Finding,
    Severity,
    ends,
    finding,
    leaves_of,
    name_of,
    signed_with_sm3,
    stacks_that,
    uses_of,
)
from tlcp.pki.material import Material
from tlcp.x509.certificate import Certificate
from tlcp.x509.usage import is_authority

__all__ = ["chain_rules"]

_LEAST_DEPTH: Final = 3  # what a chain with one sub-CA needed in the field


def chain_rules(material: Material, now: datetime.datetime) -> Iterator[Finding]:
    """Apply every rule that looks at more than the two certificates.

    Args:
        material: sorted certificates.
        now: the moment to judge validity at, aware.
    """
    yield from _order(material)
    yield from _names_of_cas(material)
    yield from _chain(material)
    yield from _validity(material, now)


def _order(material: Material) -> Iterator[Finding]:
    """What a server would send: signing certificate, encryption certificate, CAs without root."""
    ends = set(leaves_of(material))
    for file, certificates in material.lists:
        kinds = ["end" if one in ends else "ca" for one in certificates]
        if kinds[0] == "ca":
            yield finding("ca-first", "error", ALL, file=file)
        elif "end" in kinds[2:] and kinds[1] == "ca":
            yield finding(
                "enc-last", "error", stacks_that(lambda stack: not stack.enc_last), file=file
            )
        for certificate in certificates:
            if certificate not in ends and certificate.self_signed:
                stacks = stacks_that(lambda stack: not stack.root_in_list)
                values = {"file": file, "certificate": name_of(certificate)}
                yield finding("root-in-list", "error", stacks, **values)


def _names_of_cas(material: Material) -> Iterator[Finding]:
    """What the server's CertificateRequest would name."""
    if material.trusted is None:
        return
    stacks = stacks_that(lambda stack: stack.needs_ca_names)
    named = {one.subject_der for one in material.trusted if is_authority(one) and one.subject_text}
    if not named:
        yield finding("empty-ca-list", "error", stacks, file="--ca")
        return
    last = _path(material)[-1] if material.sign else None
    if last is not None and not last.self_issued and last.issuer_der not in named:
        yield finding("ca-not-named", "error", stacks, file="--ca", issuer=last.issuer_text)


def _chain(material: Material) -> Iterator[Finding]:
    """The CAs above the pair."""
    for issuer in dict.fromkeys(_above(material)):
        values = {"certificate": name_of(issuer)}
        constraints = issuer.extension(x509.BasicConstraints)
        usage = issuer.key_usage
        why = None
        if not issuer.is_ca:
            why = ("no basicConstraints CA:TRUE", "没有 basicConstraints CA:TRUE")
        elif usage is not None and "keyCertSign" not in usage:
            why = (f"keyUsage {uses_of(issuer)}", f"keyUsage {uses_of(issuer)}")
        if why is not None:
            yield finding("not-a-ca", "error", ALL, why=why, **values)
        elif constraints is not None and not _critical(issuer):
            yield finding("ca-constraints-not-critical", "warning", ALL, **values)
    for _, found in ends(material):
        yield from _signed(material, found.certificate)
    between = [one for one in _above(material) if not one.self_issued]
    if between:
        depth = max(_LEAST_DEPTH, len(between) + 1)
        stacks = stacks_that(lambda stack: stack.single_depth)
        yield finding("depth", "warning", stacks, count=str(len(between)), depth=str(depth))


def _signed(material: Material, certificate: Certificate) -> Iterator[Finding]:
    """Every signature upwards, as far as the files go."""
    seen: set[Certificate] = set()
    while not certificate.self_issued and certificate not in seen and signed_with_sm3(certificate):
        seen.add(certificate)
        issuers = [one for one in material.authorities if one.subject_der == certificate.issuer_der]
        values = {"certificate": name_of(certificate), "issuer": certificate.issuer_text}
        if not issuers:
            severity: Severity = "error" if material.trusted is not None else "note"
            yield finding("missing-intermediate", severity, ALL, **values)
            return
        true = next((one for one in issuers if _is_by(certificate, one)), None)
        if true is None:
            yield finding("bad-signature", "error", ALL, **values)
            return
        certificate = true


def _is_by(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_signed_by(issuer)
    except TLCPError:
        return False
    return True


def _above(material: Material) -> list[Certificate]:
    """The CAs of both paths, from the bottom upwards, without repetition."""
    paths = [_upwards(material, found.certificate) for _, found in ends(material)]
    return list(dict.fromkeys(one for path in paths for one in path[1:]))


def _path(material: Material) -> list[Certificate]:
    """The list that would be sent: the signing certificate and the CAs that lie in its files."""
    if material.sign is None:
        return []
    sent = {one for _, certificates in material.lists for one in certificates}
    path = _upwards(material, material.sign.certificate)
    return [path[0], *(one for one in path[1:] if one in sent)]


def _upwards(material: Material, certificate: Certificate) -> list[Certificate]:
    path = [certificate]
    while not path[-1].self_issued:
        above = next(
            (
                one
                for one in material.authorities
                if one.subject_der == path[-1].issuer_der and one not in path
            ),
            None,
        )
        if above is None:
            break
        path.append(above)
    return path


def _validity(material: Material, now: datetime.datetime) -> Iterator[Finding]:
    for one in dict.fromkeys([*leaves_of(material), *_above(material)]):
        if now > one.not_after:
            when = f"{one.not_after:%Y-%m-%d}"
            yield finding("expired", "error", ALL, certificate=name_of(one), when=when)
        elif now < one.not_before:
            when = f"{one.not_before:%Y-%m-%d %H:%M} UTC"
            yield finding("not-yet-valid", "error", ALL, certificate=name_of(one), when=when)


def _critical(certificate: Certificate) -> bool:
    extensions = x509.load_der_x509_certificate(certificate.der).extensions
    return extensions.get_extension_for_class(x509.BasicConstraints).critical
