"""Certificates, requests, CRLs, OCSP and keys in words, in both languages.

::

    for thing in describe(data):
        for label, value in thing.rows("en"):
            print(label, value)

Spec: RFC 5280 4, 5; RFC 2986; RFC 6960; GB/T 38636-2020 6.4.5.3 (what the usages mean)
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from tlcp.crypto.pem import is_pem, split_pem, to_pem
from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.pki.build import public_key_info
from tlcp.pki.csr import read_csr
from tlcp.pki.lint_words import Language
from tlcp.x509.certificate import Certificate
from tlcp.x509.contents import Part, read_parts
from tlcp.x509.loading import public_of
from tlcp.x509.ocsp import read_ocsp_request
from tlcp.x509.usage import can_encrypt, can_sign, is_authority

__all__ = ["Kind", "Thing", "describe"]

Kind = Literal[
    "certificate", "request", "crl", "ocsp-response", "ocsp-request", "key", "bundle", "other"
]
_Value = str | tuple[str, str]  # the same in both languages, or (English, Chinese)

_SHOWN: Final = 20  # entries of a CRL or an OCSP response in words; JSON has all
_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"

_KINDS: Final[dict[Kind, tuple[str, str]]] = {
    "certificate": ("certificate", "证书"),
    "request": ("certificate request", "证书请求"),
    "crl": ("certificate revocation list", "证书吊销列表"),
    "ocsp-response": ("OCSP response", "OCSP 响应"),
    "ocsp-request": ("OCSP request", "OCSP 请求"),
    "key": ("private key", "私钥"),
    "bundle": ("PKCS#12 file that is closed", "未打开的 PKCS#12 文件"),
    "other": ("something else", "其他内容"),
}
_PART_KINDS: Final[dict[str, Kind]] = {
    "private key": "key",
    "envelope": "key",
    "bundle": "bundle",
}
_LABELS: Final = {
    "subject": "主体",
    "issuer": "签发者",
    "serial": "序列号",
    "serves": "用作",
    "valid": "有效期",
    "key": "密钥",
    "signature": "签名",
    "key usage": "密钥用途",
    "purposes": "扩展用途",
    "hosts": "主机名",
    "path length": "路径长度",
    "CRL at": "CRL 地址",
    "OCSP at": "OCSP 地址",
    "not understood": "不认识的关键扩展",
    "key id": "密钥标识",
    "SM3": "SM3 指纹",
    "number": "编号",
    "made": "生成时间",
    "next": "下次更新",
    "kind": "种类",
    "revoked": "已吊销",
    "entry": "条目",
    "status": "状态",
    "responder": "响应者",
    "answer": "答复",
    "asks for": "查询",
    "nonce": "随机数",
    "form": "格式",
    "encryption": "加密",
    "public key": "公钥",
    "problem": "问题",
}
_STATUS: Final = {"GOOD": ("good", "正常"), "REVOKED": ("revoked", "已吊销")}
_PURPOSES: Final = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing out of a file.

    Attributes:
        kind: what it is.
        facts: label -> value; a label may come several times.
    """

    kind: Kind
    facts: tuple[tuple[str, _Value], ...]

    def title(self, language: Language) -> str:
        """What it is, in words."""
        return _KINDS[self.kind][language == "zh"]

    def rows(self, language: Language) -> Iterator[tuple[str, str]]:
        """Labels and values for a person; long lists are cut."""
        zh = language == "zh"
        lines: dict[str, int] = {}
        for label, value in self.facts:
            lines[label] = lines.get(label, 0) + 1
            if lines[label] <= _SHOWN:
                yield _LABELS[label] if zh else label, _text(value, language)
        more = {label: count - _SHOWN for label, count in lines.items() if count > _SHOWN}
        for label, count in more.items():
            rest = f"…还有 {count} 条" if zh else f"... and {count} more"
            yield _LABELS[label] if zh else label, rest

    def as_dict(self) -> dict[str, object]:
        """For JSON, in English; every value is a list."""
        values: dict[str, object] = {"type": self.kind}
        for label in dict.fromkeys(label for label, _ in self.facts):
            key = label.replace(" ", "_").lower()
            values[key] = [_text(value, "en") for name, value in self.facts if name == label]
        return values


def describe(
    data: bytes, password: bytes | None = None, now: datetime.datetime | None = None
) -> tuple[Thing, ...]:
    """Tell what a file holds; secrets are never among it.

    Args:
        data: PEM, several blocks in any order, or DER.
        password: for keys that are encrypted; without it their form is told.
        now: the moment to judge validity at; None = the system clock.

    Raises:
        ConfigError: the file is damaged as a whole, or holds nothing that is known here.
    """
    moment = now or datetime.datetime.now(datetime.UTC)
    if not is_pem(data):
        found = _public_der(data, moment)
        return (found,) if found else tuple(_parts(data, password, moment))
    things: list[Thing] = []
    for block in split_pem(data):
        found = None
        if not block.label.endswith("PRIVATE KEY"):
            found = _public_der(block.der, moment)
        if found:
            things.append(found)
        elif block.encrypted:  # the headers that say how are gone
            problem = "encrypted in OpenSSL's old way (DEK-Info)"
            things.append(Thing("key", (("form", block.label), ("problem", problem))))
        else:
            things += _parts(to_pem(block.label, block.der), password, moment)
    if not things:
        raise ConfigError("the file holds no PEM block")
    return tuple(things)


def _public_der(der: bytes, now: datetime.datetime) -> Thing | None:
    """Whatever is not secret, told apart by what decodes; they share no shape."""
    try:
        return _certificate(Certificate.from_der(der), now)
    except CertificateVerifyError:
        pass
    for look in (_request, _crl, _ocsp_response, _ocsp_request):
        try:
            return look(der, now)
        except Exception:  # noqa: S112  (the parsers raise ValueError, x509.* and more)
            continue
    return None


def _parts(data: bytes, password: bytes | None, now: datetime.datetime) -> Iterator[Thing]:
    for part in read_parts(data, password):
        if part.certificate is not None:
            yield _certificate(part.certificate, now)
        else:
            yield _key(part)


def _certificate(certificate: Certificate, now: datetime.datetime) -> Thing:
    usage, purposes = certificate.key_usage, certificate.extended_key_usage
    facts: list[tuple[str, _Value]] = [
        ("subject", certificate.subject_text or "-"),
        ("issuer", certificate.issuer_text or "-"),
        ("serves", _serves(certificate)),
        ("serial", f"{certificate.serial_number:x}"),
        ("valid", _validity(certificate.not_before, certificate.not_after, now)),
        ("key", certificate.key_algorithm),
        ("signature", certificate.signature_algorithm),
        ("key usage", ("any", "任意") if usage is None else ", ".join(sorted(usage)) or "-"),
    ]
    if purposes is not None:
        names = [_PURPOSES.get(oid.dotted_string, oid.dotted_string) for oid in purposes]
        facts.append(("purposes", ", ".join(sorted(names))))
    if hosts := [*certificate.dns_names, *map(str, certificate.ip_addresses)]:
        facts.append(("hosts", ", ".join(hosts)))
    if certificate.path_length is not None:
        facts.append(("path length", str(certificate.path_length)))
    facts += [("CRL at", url) for url in _crl_urls(certificate)]
    facts += [("OCSP at", url) for url in _ocsp_urls(certificate)]
    facts += [("not understood", name) for name in certificate.critical_unknown]
    if certificate.subject_key_id is not None:
        facts.append(("key id", certificate.subject_key_id.hex()))
    facts.append(("SM3", certificate.fingerprint_sm3.hex()))
    return Thing("certificate", tuple(facts))


def _serves(certificate: Certificate) -> _Value:
    if is_authority(certificate):
        root = certificate.self_signed
        return ("root CA", "根 CA") if root else ("intermediate CA", "中间 CA")
    signs, encrypts = can_sign(certificate), can_encrypt(certificate)
    if signs and encrypts:
        return "signing and encryption certificate", "签名兼加密证书"
    if signs:
        return "signing certificate", "签名证书"
    if encrypts:
        return "encryption certificate", "加密证书"
    return "neither to sign nor to encrypt", "既不能签名也不能加密"


def _request(der: bytes, now: datetime.datetime) -> Thing:
    del now
    parsed = x509.load_der_x509_csr(der)  # tells a request from other things
    facts: list[tuple[str, _Value]] = [("subject", parsed.subject.rfc4514_string() or "-")]
    try:
        request = read_csr(der)
    except ConfigError as error:
        return Thing("request", (*facts, ("problem", str(error))))
    facts.append(("key", "SM2"))
    facts.append(("signature", ("SM2 with SM3; it holds", "SM2 with SM3；验证通过")))
    if request.hosts:
        facts.append(("hosts", ", ".join(request.hosts)))
    return Thing("request", tuple(facts))


def _crl(der: bytes, now: datetime.datetime) -> Thing:
    crl = x509.load_der_x509_crl(der)
    facts: list[tuple[str, _Value]] = [
        ("issuer", crl.issuer.rfc4514_string() or "-"),
        ("signature", _algorithm(crl.signature_algorithm_oid)),
        ("made", _time(crl.last_update_utc)),
        ("next", _next(crl.next_update_utc, now)),
    ]
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.CRLNumber):
            facts.append(("number", str(value.crl_number)))
        elif isinstance(value, x509.DeltaCRLIndicator):
            facts.append(
                ("kind", (f"delta to {value.crl_number}", f"增量，基于 {value.crl_number}"))
            )
        elif isinstance(value, x509.IssuingDistributionPoint) and value.indirect_crl:
            facts.append(("kind", ("indirect", "间接")))
    facts.append(("revoked", str(len(crl))))
    for entry in crl:
        facts.append(("entry", _entry(entry)))
    return Thing("crl", tuple(facts))


def _entry(entry: x509.RevokedCertificate) -> _Value:
    why = ""
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            why = f", {extension.value.reason.value}"
    since = _time(entry.revocation_date_utc)
    return f"{entry.serial_number:x}, {since}{why}"


def _ocsp_response(der: bytes, now: datetime.datetime) -> Thing:
    response = ocsp.load_der_ocsp_response(der)
    facts: list[tuple[str, _Value]] = [("status", response.response_status.name.lower())]
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return Thing("ocsp-response", tuple(facts))
    by = response.responder_name
    key_hash = response.responder_key_hash or b""
    facts += [
        ("responder", by.rfc4514_string() if by is not None else key_hash.hex()),
        ("signature", _algorithm(response.signature_algorithm_oid)),
        ("made", _time(response.produced_at_utc)),
    ]
    for one in response.responses:
        facts.append(("answer", _answer(one, now)))
    for extension in response.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            facts.append(("nonce", extension.value.nonce.hex()))
    return Thing("ocsp-response", tuple(facts))


def _answer(one: ocsp.OCSPSingleResponse, now: datetime.datetime) -> _Value:
    english, chinese = _STATUS.get(one.certificate_status.name, ("unknown", "未知"))
    since = one.revocation_time_utc
    if since is not None:
        why = "" if one.revocation_reason is None else f", {one.revocation_reason.value}"
        english, chinese = f"{english} {_time(since)}{why}", f"{chinese} {_time(since)}{why}"
    until = _next(one.next_update_utc, now)
    texts = (until, until) if isinstance(until, str) else until
    serial = f"{one.serial_number:x}"
    return f"{serial}: {english}; next {texts[0]}", f"{serial}：{chinese}；下次更新 {texts[1]}"


def _ocsp_request(der: bytes, now: datetime.datetime) -> Thing:
    del now
    request = read_ocsp_request(der)
    facts: list[tuple[str, _Value]] = [
        ("asks for", f"{one.serial_number:x} ({one.hash_name})") for one in request.ids
    ]
    if request.nonce is not None:
        facts.append(("nonce", request.nonce.hex()))
    return Thing("ocsp-request", tuple(facts))


def _key(part: Part) -> Thing:
    facts: list[tuple[str, _Value]] = [("form", f"{part.form} ({part.encoding})")]
    facts.append(("encryption", part.encryption or ("none", "无")))
    if part.key is not None:
        facts.append(("public key", f"SM3 {sm3(_key_info(public_of(part.key))).hex()}"))
    elif part.problem:
        facts.append(("problem", part.problem))
    return Thing(_PART_KINDS.get(part.kind, "other"), tuple(facts))


def _key_info(public: bytes) -> bytes:
    """SubjectPublicKeyInfo, whose digest other tools compute too."""
    return asn1.encode_der(public_key_info(public)) if public[:1] == b"\x04" else public


def _algorithm(oid: x509.ObjectIdentifier) -> str:
    dotted = oid.dotted_string
    if dotted == _SM2_WITH_SM3:
        return f"SM2 with SM3 ({dotted})"
    name = oid._name
    return dotted if name == "Unknown OID" else f"{name} ({dotted})"


def _crl_urls(certificate: Certificate) -> Iterator[str]:
    points = certificate.extension(x509.CRLDistributionPoints)
    for point in points or ():
        for name in point.full_name or ():
            yield str(name.value)


def _ocsp_urls(certificate: Certificate) -> Iterator[str]:
    access = certificate.extension(x509.AuthorityInformationAccess)
    for one in access or ():
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            yield str(one.access_location.value)


def _validity(start: datetime.datetime, end: datetime.datetime, now: datetime.datetime) -> _Value:
    span = f"{_time(start)} - {_time(end)}"
    if now > end:
        return f"{span}: expired", f"{span}：已过期"
    if now < start:
        return f"{span}: not yet valid", f"{span}：尚未生效"
    days = (end - now).days
    return f"{span}: {days} days left", f"{span}：剩余 {days} 天"


def _next(moment: datetime.datetime | None, now: datetime.datetime) -> _Value:
    if moment is None:
        return "not said", "未注明"
    text = _time(moment)
    return (f"{text}: overdue", f"{text}：已过期") if now > moment else text


def _time(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _text(value: _Value, language: Language) -> str:
    return value if isinstance(value, str) else value[language == "zh"]
