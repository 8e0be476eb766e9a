"""The rules of ``lint``: each looks at one thing that stacks stumble over.

Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.5; RFC 5280 4.2
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import TLCPError
from tlcp.pki.lint_words import WORDS, Language
from tlcp.pki.material import Found, KeyFound, Material
from tlcp.pki.stacks import STACKS, Stack
from tlcp.suites import KeyKind
from tlcp.x509.certificate import Certificate
from tlcp.x509.usage import can_encrypt, can_sign, is_authority, looks_swapped

__all__ = ["Finding", "Severity", "examine"]

Severity = Literal["error", "warning", "note"]

_ALL: Final = tuple(stack.name for stack in STACKS)
_LEAST_DEPTH: Final = 3  # what a chain with one sub-CA needed in the field
_ROLES: Final = {"sign": ("signing", "签名"), "enc": ("encryption", "加密")}
_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        rule: its name, a key of ``lint_words.WORDS``.
        severity: "error" = the stacks refuse the pair; "warning" = it works only in some
            configurations, or hides mistakes; "note" = worth knowing.
        stacks: the names of the stacks that it concerns.
        values: what the text is about, by name: (English, Chinese), mostly the same.
    """

    rule: str
    severity: Severity
    stacks: tuple[str, ...]
    values: tuple[tuple[str, tuple[str, str]], ...] = ()

    def text(self, language: Language) -> str:
        """What is wrong."""
        return self._filled(language, 0)

    def remedy(self, language: Language) -> str:
        """What to do."""
        return self._filled(language, 1)

    def as_dict(self, language: Language) -> dict[str, object]:
        """For JSON."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "stacks": list(self.stacks),
            "what": self.text(language),
            "remedy": self.remedy(language),
        }

    def _filled(self, language: Language, part: int) -> str:
        at = 0 if language == "en" else 1
        values = {name: both[at] for name, both in self.values}
        return WORDS[self.rule][at][part].format_map(values)


def _found(
    rule: str, severity: Severity, stacks: tuple[str, ...], **values: str | tuple[str, str]
) -> Finding:
    pairs = tuple(
        (name, value if isinstance(value, tuple) else (value, value))
        for name, value in values.items()
    )
    return Finding(rule, severity, stacks, pairs)


def examine(material: Material, now: datetime.datetime) -> list[Finding]:
    """Apply every rule.

    Args:
        material: sorted certificates and keys.
        now: the moment to judge validity at, aware.
    """
    return [
        *_count(material),
        *_places(material),
        *_keys(material),
        *_pair(material),
        *_order(material),
        *_names_of_cas(material),
        *(f for role, found in _ends(material) for f in _end(role, found.certificate)),
        *_chain(material),
        *_validity(material, now),
    ]


def _stacks(applies: Callable[[Stack], bool]) -> tuple[str, ...]:
    return tuple(stack.name for stack in STACKS if applies(stack))


def _ends(material: Material) -> Iterator[tuple[str, Found]]:
    if material.sign is not None:
        yield "sign", material.sign
    if material.enc is not None:
        yield "enc", material.enc


def _count(material: Material) -> Iterator[Finding]:
    if len({leaf.certificate for leaf in material.leaves}) > 2:
        yield _found("too-many", "error", _ALL, count=str(len(material.leaves)))
    if material.sign is None or material.enc is None:
        stacks = _stacks(lambda stack: not stack.single)
        if any(not (can_sign(one) and can_encrypt(one)) for one in _leaf_certificates(material)):
            stacks = _ALL
        yield _found("single-certificate", "error", stacks)
    elif material.sign.certificate == material.enc.certificate:
        stacks = _stacks(lambda stack: not stack.single)
        certificate = _name(material.sign.certificate)
        yield _found("one-for-both", "error", stacks, certificate=certificate)
    else:
        stacks = _stacks(lambda stack: not stack.pair_as_client)
        yield _found("client-pair", "note", stacks)


def _leaf_certificates(material: Material) -> list[Certificate]:
    return [leaf.certificate for leaf in material.leaves]


def _places(material: Material) -> Iterator[Finding]:
    """Usages: swapped, missing for a stack, or of both kinds."""
    sign, enc = material.sign, material.enc
    if sign and enc and looks_swapped(sign.certificate, enc.certificate):
        yield _found(
            "swapped-certificates",
            "error",
            _ALL,
            sign=sign.file,
            enc=enc.file,
            sign_uses=_uses(sign.certificate),
            enc_uses=_uses(enc.certificate),
        )
    else:
        if sign:
            yield from _usage("sign-usage", sign.certificate, Stack.may_sign, "sign_uses")
        if enc:
            yield from _usage("enc-usage", enc.certificate, Stack.may_encrypt, "enc_uses")
    for certificate in dict.fromkeys(_leaf_certificates(material)):
        usage = certificate.key_usage
        if usage is not None and can_sign(certificate) and can_encrypt(certificate):
            values = {"certificate": _name(certificate), "uses": _uses(certificate)}
            yield _found("both-usages", "warning", _ALL, **values)


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
        yield _found(
            rule,
            "error",
            (stack.name,),
            certificate=_name(certificate),
            uses=_uses(certificate),
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
            yield _found("swapped-keys", "error", _ALL, **files)
    else:
        for role, found, key in wrong:
            if found and key:
                values = {"key": key.file, "certificate": _name(found.certificate)}
                yield _found("wrong-key", "error", _ALL, role=_ROLES[role], **values)
    if sign and enc and sign.certificate != enc.certificate:
        points = [_public(one.certificate) for one in (sign, enc)]
        if points[0] is not None and points[0] == points[1]:
            yield _found("one-key", "warning", _ALL)
    for key in dict.fromkeys(key for key in (sign_key, enc_key) if key is not None):
        yield from _key_form(key)


def _key_form(key: KeyFound) -> Iterator[Finding]:
    if key.form != "encrypted PKCS#8":
        who = (
            "GmSSL reads encrypted PKCS#8 (PBKDF2 with HMAC-SM3, SM4-CBC) alone",
            "GmSSL 只读加密的 PKCS#8（PBKDF2-HMAC-SM3、SM4-CBC）",
        )
        yield _found(
            "key-form", "note", ("gmssl",), key=key.file, form=key.form, who=who, stack="gmssl"
        )
    if key.form != "PKCS#8":
        who = ("Kona reads PKCS#8 in the clear alone", "Kona 只读未加密的 PKCS#8")
        yield _found(
            "key-form", "note", ("kona",), key=key.file, form=key.form, who=who, stack="kona"
        )


def _fits(key: KeyFound, certificate: Certificate) -> bool | None:
    """Whether it is the certificate's key; None if that cannot be told."""
    point = _public(certificate)
    if not isinstance(key.key, SM2PrivateKey) or point is None:
        return None
    return key.key.public_point == point


def _public(certificate: Certificate) -> bytes | None:
    """The public point; None for keys of other kinds."""
    try:
        return certificate.public_point
    except TLCPError:
        return None


def _pair(material: Material) -> Iterator[Finding]:
    """What both certificates must have in common."""
    if material.sign is None or material.enc is None:
        return
    sign, enc = material.sign.certificate, material.enc.certificate
    if sign.subject_der != enc.subject_der:
        subjects = {"sign_subject": sign.subject_text, "enc_subject": enc.subject_text}
        stacks = _stacks(lambda stack: stack.one_subject)
        yield _found("two-subjects", "error", stacks, **subjects)
    if sign.issuer_der != enc.issuer_der:
        issuers = {"sign_issuer": sign.issuer_text, "enc_issuer": enc.issuer_text}
        yield _found("two-issuers", "error", _stacks(lambda stack: stack.one_issuer), **issuers)
    names = [_alternative(one) for one in (sign, enc)]
    if names[0] != names[1]:
        stacks = _stacks(lambda stack: stack.one_names or stack.names_in_both)
        shown = {"sign_names": _listed(sign), "enc_names": _listed(enc)}
        yield _found("two-names", "error", stacks, **shown)
    elif names[0] is None:
        yield _found("no-names", "note", _stacks(lambda stack: stack.names_in_both))


def _order(material: Material) -> Iterator[Finding]:
    """What a server would send: signing certificate, encryption certificate, CAs without root."""
    ends = set(_leaf_certificates(material))
    for file, certificates in material.lists:
        kinds = ["end" if one in ends else "ca" for one in certificates]
        if kinds[0] == "ca":
            yield _found("ca-first", "error", _ALL, file=file)
        elif "end" in kinds[2:] and kinds[1] == "ca":
            yield _found("enc-last", "error", _stacks(lambda stack: not stack.enc_last), file=file)
        for certificate in certificates:
            if certificate not in ends and certificate.self_signed:
                stacks = _stacks(lambda stack: not stack.root_in_list)
                values = {"file": file, "certificate": _name(certificate)}
                yield _found("root-in-list", "error", stacks, **values)


def _names_of_cas(material: Material) -> Iterator[Finding]:
    """What the server's CertificateRequest would name."""
    if material.trusted is None:
        return
    stacks = _stacks(lambda stack: stack.needs_ca_names)
    named = {one.subject_der for one in material.trusted if is_authority(one) and one.subject_text}
    if not named:
        yield _found("empty-ca-list", "error", stacks, file="--ca")
        return
    last = _path(material)[-1] if material.sign else None
    if last is not None and not last.self_issued and last.issuer_der not in named:
        yield _found("ca-not-named", "error", stacks, file="--ca", issuer=last.issuer_text)


def _end(role: str, certificate: Certificate) -> Iterator[Finding]:
    """Rules for one end certificate."""
    values = {"role": _ROLES[role], "certificate": (_name(certificate),) * 2}
    if certificate.is_ca:
        yield _found("end-is-ca", "error", _ALL, **values)
    elif certificate.extension(x509.BasicConstraints) is not None:
        stacks = _stacks(lambda stack: not stack.empty_constraints)
        yield _found("empty-constraints", "error", stacks, **values)
    if _public(certificate) is None:
        rsa = certificate.key_algorithm == KeyKind.RSA.value
        stacks = tuple(name for name in _ALL if not rsa or name not in ("tongsuo", "tlcp"))
        yield _found("not-sm2", "error", stacks, kind=certificate.key_algorithm, **values)
    elif not _sm3(certificate):
        algorithm = certificate.signature_algorithm
        yield _found(
            "not-sm3", "error", _ALL, certificate=values["certificate"], algorithm=algorithm
        )
    purposes = certificate.extended_key_usage
    if purposes is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in purposes:
        needed = {
            "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
            "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
        }
        missing = [name for name, oid in needed.items() if oid not in purposes]
        stacks = _stacks(lambda stack: stack.purposes)
        if len(missing) == len(needed):
            yield _found("purpose", "error", stacks, missing=" / ".join(missing), **values)
        elif missing:
            yield _found("purpose", "warning", stacks, missing=missing[0], **values)


def _chain(material: Material) -> Iterator[Finding]:
    """The CAs above the pair."""
    for issuer in dict.fromkeys(_above(material)):
        values = {"certificate": _name(issuer)}
        constraints = issuer.extension(x509.BasicConstraints)
        usage = issuer.key_usage
        why = None
        if not issuer.is_ca:
            why = ("no basicConstraints CA:TRUE", "没有 basicConstraints CA:TRUE")
        elif usage is not None and "keyCertSign" not in usage:
            why = (f"keyUsage {_uses(issuer)}", f"keyUsage {_uses(issuer)}")
        if why is not None:
            yield _found("not-a-ca", "error", _ALL, why=why, **values)
        elif constraints is not None and not _critical(issuer):
            yield _found("ca-constraints-not-critical", "warning", _ALL, **values)
    for _, found in _ends(material):
        yield from _signed(material, found.certificate)
    between = [one for one in _above(material) if not one.self_issued]
    if between:
        depth = max(_LEAST_DEPTH, len(between) + 1)
        stacks = _stacks(lambda stack: stack.single_depth)
        yield _found("depth", "warning", stacks, count=str(len(between)), depth=str(depth))


def _signed(material: Material, certificate: Certificate) -> Iterator[Finding]:
    """Every signature upwards, as far as the files go."""
    seen: set[Certificate] = set()
    while not certificate.self_issued and certificate not in seen and _sm3(certificate):
        seen.add(certificate)
        issuers = [one for one in material.authorities if one.subject_der == certificate.issuer_der]
        values = {"certificate": _name(certificate), "issuer": certificate.issuer_text}
        if not issuers:
            severity: Severity = "error" if material.trusted is not None else "note"
            yield _found("missing-intermediate", severity, _ALL, **values)
            return
        true = next((one for one in issuers if _is_by(certificate, one)), None)
        if true is None:
            yield _found("bad-signature", "error", _ALL, **values)
            return
        certificate = true


def _sm3(certificate: Certificate) -> bool:
    return _SM2_WITH_SM3 in certificate.signature_algorithm


def _is_by(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_signed_by(issuer)
    except TLCPError:
        return False
    return True


def _above(material: Material) -> list[Certificate]:
    """The CAs of both paths, from the bottom upwards, without repetition."""
    paths = [_upwards(material, found.certificate) for _, found in _ends(material)]
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
    for one in dict.fromkeys([*_leaf_certificates(material), *_above(material)]):
        if now > one.not_after:
            when = f"{one.not_after:%Y-%m-%d}"
            yield _found("expired", "error", _ALL, certificate=_name(one), when=when)
        elif now < one.not_before:
            when = f"{one.not_before:%Y-%m-%d %H:%M} UTC"
            yield _found("not-yet-valid", "error", _ALL, certificate=_name(one), when=when)


def _critical(certificate: Certificate) -> bool:
    extensions = x509.load_der_x509_certificate(certificate.der).extensions
    return extensions.get_extension_for_class(x509.BasicConstraints).critical


def _alternative(certificate: Certificate) -> x509.SubjectAlternativeName | None:
    return certificate.extension(x509.SubjectAlternativeName)


def _listed(certificate: Certificate) -> str:
    names = [*certificate.dns_names, *map(str, certificate.ip_addresses)]
    return ", ".join(names) or "-"


def _uses(certificate: Certificate) -> str:
    usage = certificate.key_usage
    return "any" if usage is None else ", ".join(sorted(usage)) or "-"


def _name(certificate: Certificate) -> str:
    return certificate.subject_text or f"{certificate.serial_number:x}"
