"""The rules of ``lint`` for the pair itself: usages, keys, and what both have in common.

Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 4.2.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.hosts import REASONS
from tlcp.pki.lint_findings import (
    ALL,
    ROLES,
    Finding,
    Severity,
    ends,
    finding,
    leaves_of,
    name_of,
    public_of,
    signed_with_sm3,
    stacks_that,
    uses_of,
)
from tlcp.pki.material import KeyFound, Material
from tlcp.pki.stacks import STACKS, Stack
from tlcp.suites import KeyKind
from tlcp.x509.certificate import Certificate
from tlcp.x509.names import unmatchable
from tlcp.x509.usage import can_encrypt, can_sign, looks_swapped

__all__ = ["pair_rules"]


def pair_rules(material: Material) -> Iterator[Finding]:
    """Apply every rule that looks at the two certificates and their keys."""
    yield from _count(material)
    yield from _places(material)
    yield from _keys(material)
    yield from _pair(material)
    for role, end in ends(material):
        yield from _end(role, end.certificate)
    for certificate in dict.fromkeys(end.certificate for _, end in ends(material)):
        yield from _unmatched(certificate)


def _count(material: Material) -> Iterator[Finding]:
    if len({leaf.certificate for leaf in material.leaves}) > 2:
        yield finding("too-many", "error", ALL, count=str(len(material.leaves)))
    if material.sign is None or material.enc is None:
        stacks = stacks_that(lambda stack: not stack.single)
        if any(not (can_sign(one) and can_encrypt(one)) for one in leaves_of(material)):
            stacks = ALL
        yield finding("single-certificate", "error", stacks)
    elif material.sign.certificate == material.enc.certificate:
        stacks = stacks_that(lambda stack: not stack.single)
        certificate = name_of(material.sign.certificate)
        yield finding("one-for-both", "error", stacks, certificate=certificate)
    else:
        stacks = stacks_that(lambda stack: not stack.pair_as_client)
        yield finding("client-pair", "note", stacks)


def _places(material: Material) -> Iterator[Finding]:
    """Usages: swapped, missing for a stack, or of both kinds."""
    sign, enc = material.sign, material.enc
    if sign and enc and looks_swapped(sign.certificate, enc.certificate):
        yield finding(
            "swapped-certificates",
            "error",
            ALL,
            sign=sign.file,
            enc=enc.file,
            sign_uses=uses_of(sign.certificate),
            enc_uses=uses_of(enc.certificate),
        )
    else:
        if sign:
            yield from _usage("sign-usage", sign.certificate, Stack.may_sign, "sign_uses")
        if enc:
            yield from _usage("enc-usage", enc.certificate, Stack.may_encrypt, "enc_uses")
    for certificate in dict.fromkeys(leaves_of(material)):
        usage = certificate.key_usage
        if usage is not None and can_sign(certificate) and can_encrypt(certificate):
            values = {"certificate": name_of(certificate), "uses": uses_of(certificate)}
            yield finding("both-usages", "warning", ALL, **values)


def _usage(
    rule: str,
    certificate: Certificate,
    allows: Callable[[Stack, Certificate], bool],
    wanted: Literal["sign_uses", "enc_uses"],
) -> Iterator[Finding]:
    refusing = [stack for stack in STACKS if not allows(stack, certificate)]
    for stack in refusing:
        uses = stack.sign_uses if wanted == "sign_uses" else stack.enc_uses
        none = (", and no keyCertSign or cRLSign", "，且没有 keyCertSign 和 cRLSign")
        english, chinese = " / ".join(sorted(uses)), " / ".join(sorted(uses))
        if stack.no_ca_uses:
            english, chinese = english + none[0], chinese + none[1]
        yield finding(
            rule,
            "error",
            (stack.name,),
            certificate=name_of(certificate),
            uses=uses_of(certificate),
            wanted=(f"{english} ({stack.title})", f"{chinese}（{stack.title}）"),
        )


def _keys(material: Material) -> Iterator[Finding]:
    pairs = [("sign", material.sign, material.sign_key), ("enc", material.enc, material.enc_key)]
    wrong = [
        (role, found, key)
        for role, found, key in pairs
        if found is not None and key is not None and _fits(key, found.certificate) is False
    ]
    sign, enc, sign_key, enc_key = (
        material.sign,
        material.enc,
        material.sign_key,
        material.enc_key,
    )
    if (
        len(wrong) == 2
        and sign
        and enc
        and sign_key
        and enc_key
        and _fits(sign_key, enc.certificate)
        and _fits(enc_key, sign.certificate)
    ):
        if not looks_swapped(sign.certificate, enc.certificate):  # else it is said already
            files = {"sign_key": sign_key.file, "enc_key": enc_key.file}
            yield finding("swapped-keys", "error", ALL, **files)
    else:
        for role, found, key in wrong:
            if found and key:
                values = {"key": key.file, "certificate": name_of(found.certificate)}
                yield finding("wrong-key", "error", ALL, role=ROLES[role], **values)
    if sign and enc and sign.certificate != enc.certificate:
        points = [public_of(one.certificate) for one in (sign, enc)]
        if points[0] is not None and points[0] == points[1]:
            yield finding("one-key", "warning", ALL)
    for key in dict.fromkeys(key for key in (sign_key, enc_key) if key is not None):
        yield from _key_form(key)


def _key_form(key: KeyFound) -> Iterator[Finding]:
    if key.form != "encrypted PKCS#8":
        who = (
            "GmSSL reads encrypted PKCS#8 (PBKDF2 with HMAC-SM3, SM4-CBC) alone",
            "GmSSL 只读加密的 PKCS#8（PBKDF2-HMAC-SM3、SM4-CBC）",
        )
        yield finding(
            "key-form", "note", ("gmssl",), key=key.file, form=key.form, who=who, stack="gmssl"
        )
    if key.form != "PKCS#8":
        who = ("Kona reads PKCS#8 in the clear alone", "Kona 只读未加密的 PKCS#8")
        yield finding(
            "key-form", "note", ("kona",), key=key.file, form=key.form, who=who, stack="kona"
        )


def _fits(key: KeyFound, certificate: Certificate) -> bool | None:
    """Whether it is the certificate's key; None if that cannot be told."""
    point = public_of(certificate)
    if not isinstance(key.key, SM2PrivateKey) or point is None:
        return None
    return key.key.public_point == point


def _pair(material: Material) -> Iterator[Finding]:
    """What both certificates must have in common."""
    if material.sign is None or material.enc is None:
        return
    sign, enc = material.sign.certificate, material.enc.certificate
    if sign.subject_der != enc.subject_der:
        subjects = {"sign_subject": sign.subject_text, "enc_subject": enc.subject_text}
        stacks = stacks_that(lambda stack: stack.one_subject)
        yield finding("two-subjects", "error", stacks, **subjects)
    if sign.issuer_der != enc.issuer_der:
        issuers = {"sign_issuer": sign.issuer_text, "enc_issuer": enc.issuer_text}
        yield finding(
            "two-issuers", "error", stacks_that(lambda stack: stack.one_issuer), **issuers
        )
    names = [_alternative(one) for one in (sign, enc)]
    if names[0] != names[1]:
        stacks = stacks_that(lambda stack: stack.one_names or stack.names_in_both)
        shown = {"sign_names": _listed(sign), "enc_names": _listed(enc)}
        yield finding("two-names", "error", stacks, **shown)
    elif names[0] is None:
        yield finding("no-names", "note", stacks_that(lambda stack: stack.names_in_both))


def _end(role: str, certificate: Certificate) -> Iterator[Finding]:
    """Rules for one end certificate."""
    values = {"role": ROLES[role], "certificate": (name_of(certificate),) * 2}
    if certificate.is_ca:
        yield finding("end-is-ca", "error", ALL, **values)
    elif certificate.extension(x509.BasicConstraints) is not None:
        stacks = stacks_that(lambda stack: not stack.empty_constraints)
        yield finding("empty-constraints", "error", stacks, **values)
    if public_of(certificate) is None:
        rsa = certificate.key_algorithm == KeyKind.RSA.value
        stacks = tuple(name for name in ALL if not rsa or name not in ("tongsuo", "tlcp"))
        yield finding("not-sm2", "error", stacks, kind=certificate.key_algorithm, **values)
    elif not signed_with_sm3(certificate):
        algorithm = certificate.signature_algorithm
        yield finding(
            "not-sm3", "error", ALL, certificate=values["certificate"], algorithm=algorithm
        )
    purposes = certificate.extended_key_usage
    if purposes is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in purposes:
        needed = {
            "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
            "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
        }
        missing = [name for name, oid in needed.items() if oid not in purposes]
        stacks = stacks_that(lambda stack: stack.purposes)
        if len(missing) == len(needed):
            yield finding("purpose", "error", stacks, missing=" / ".join(missing), **values)
        elif missing:
            yield finding("purpose", "warning", stacks, missing=missing[0], **values)


def _unmatched(certificate: Certificate) -> Iterator[Finding]:
    """Host names that clients cannot match: refused by those that find no other name either."""
    names, addresses = certificate.dns_names, certificate.ip_addresses
    known = {str(address) for address in addresses}  # those stand there as addresses, too
    for name in dict.fromkeys(names):
        if (why := unmatchable(name)) is None or name in known:
            continue
        lost = [stack for stack in STACKS if not stack.may_find(name)]
        others = [one for one in lost if addresses or any(map(one.may_find, names))]
        alone = [one for one in lost if one not in others]
        titles = ", ".join(stack.title for stack in lost)
        who = (f"clients of {titles} match no host to it", f"{titles} 的客户端不会与它匹配")
        if lost == [stack for stack in STACKS if stack.checks_host]:
            who = ("no client will match a host to it", "没有客户端会与它匹配")
        values = {"certificate": (name_of(certificate),) * 2, "name": (name,) * 2, "who": who}
        groups: tuple[tuple[Severity, list[Stack]], ...] = (("error", alone), ("warning", others))
        for severity, stacks in groups:
            if stacks:
                concerned = tuple(stack.name for stack in stacks)
                yield finding("unmatched-name", severity, concerned, why=REASONS[why], **values)


def _alternative(certificate: Certificate) -> x509.SubjectAlternativeName | None:
    return certificate.extension(x509.SubjectAlternativeName)


def _listed(certificate: Certificate) -> str:
    names = [*certificate.dns_names, *map(str, certificate.ip_addresses)]
    return ", ".join(names) or "-"
