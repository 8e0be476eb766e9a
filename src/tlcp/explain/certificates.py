"""Certificate and CertificateRequest: whose they are and what they may be used for.

Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.5, 6.4.5.7
"""

from __future__ import annotations

from cryptography import x509

from tlcp.errors import TLCPError
from tlcp.explain.told import Field
from tlcp.explain.values import MOST, short_hex
from tlcp.registry import ClientCertificateType
from tlcp.wire import messages
from tlcp.x509.certificate import Certificate
from tlcp.x509.usage import is_authority

__all__ = ["tell_certificate", "tell_certificate_request"]

_SIGN = "the {end}'s signing certificate: proves who the {end} is (6.4.5.3)"
_ENC = "the {end}'s encryption certificate: its key serves the key exchange (6.4.5.3)"
_CA = "a CA certificate, towards a root that the peer trusts"
_TYPES = {
    ClientCertificateType.RSA_SIGN: "rsa_sign(1)",
    ClientCertificateType.ECDSA_SIGN: "ecdsa_sign(64), which stands for SM2",
    ClientCertificateType.IBC_PARAMS: "ibc_params(80)",
}

Readable = Certificate | str  # the certificate, or why it cannot be read


def tell_certificate(
    message: messages.Certificate, sender: str
) -> tuple[tuple[Field, ...], str | None]:
    """Explain a Certificate message.

    Returns:
        The fields, and the subject of the first certificate (None if there is none to read).

    Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.7
    """
    ders = message.certificates
    if not ders:
        meaning = f"the {sender} has none to show, so it is not authenticated (6.4.5.7)"
        return (Field("certificates", "(none)", meaning),), None
    parsed = [_parse(der) for der in ders]
    enc = _encryption_place(parsed)
    fields = [Field("certificates", str(len(ders)), _describe_list(len(ders), enc))]
    for place, (der, certificate) in enumerate(zip(ders, parsed, strict=True)):
        role, meaning = f"cert[{place}]", _CA
        if place == 0:
            role, meaning = "sign", _SIGN.format(end=sender)
        elif place == enc:
            role, meaning = "enc", _ENC.format(end=sender)
        if isinstance(certificate, str):
            fields.append(Field(role, short_hex(der), f"{meaning}; {certificate}"))
        else:
            fields += _certificate_fields(role, certificate, meaning)
    first = parsed[0]
    return tuple(fields), None if isinstance(first, str) else _subject(first)


def _parse(der: bytes) -> Readable:
    try:
        return Certificate.from_der(der)
    except TLCPError as error:
        return f"{len(der)} bytes: {getattr(error, 'what', 'cannot be read')}"


def _encryption_place(parsed: list[Readable]) -> int | None:
    """The second if it is no CA's, else the last: both orders are deployed."""
    for place in (1, len(parsed) - 1):
        if 0 < place < len(parsed):
            certificate = parsed[place]
            if isinstance(certificate, Certificate) and not is_authority(certificate):
                return place
    return None


def _describe_list(count: int, enc: int | None) -> str:
    if enc is None:
        return "no encryption certificate among them"
    cas = count - 2
    more = "" if not cas else f", {cas} of CAs"
    return f"one to sign, one to encrypt{more}"


def _certificate_fields(role: str, certificate: Certificate, meaning: str) -> list[Field]:
    issuer = certificate.issuer_text or "(no name)"
    self_issued = "itself: a root" if certificate.self_issued else ""
    usage = certificate.key_usage
    uses = "any: no keyUsage extension" if usage is None else ", ".join(sorted(usage)) or "(none)"
    names = [*certificate.dns_names, *map(str, certificate.ip_addresses)]
    valid = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    fields = [
        Field(f"{role}.subject", _subject(certificate), meaning),
        Field(f"{role}.issuer", issuer, self_issued),
        Field(f"{role}.serial", f"{certificate.serial_number:x}"),
        Field(f"{role}.valid", valid),
        Field(f"{role}.key_usage", uses),
    ]
    if names:
        fields.append(Field(f"{role}.hosts", ", ".join(names), "subjectAltName"))
    return fields


def _subject(certificate: Certificate) -> str:
    return certificate.subject.rfc4514_string() or "(no name)"


def tell_certificate_request(message: messages.CertificateRequest) -> tuple[Field, ...]:
    """Explain a CertificateRequest.  Spec: GB/T 38636-2020 6.4.5.5"""
    kinds = ", ".join(
        _TYPES[ClientCertificateType(kind)] if kind in _TYPES else f"unknown({kind})"
        for kind in message.certificate_types
    )
    fields = [Field("certificate_types", kinds, "asks the client to authenticate itself (6.4.5.5)")]
    authorities = message.certificate_authorities
    if not authorities:
        fields.append(Field("authorities", "(none)", "any CA will do"))
    for place, der in enumerate(authorities[:MOST]):
        fields.append(Field(f"authorities[{place}]", *_name(der)))
    return tuple(fields)


def _name(der: bytes) -> tuple[str, str]:
    try:
        return x509.Name.from_bytes(der).rfc4514_string() or "(no name)", "a CA that is accepted"
    except (ValueError, TypeError):
        return short_hex(der), "a name that cannot be read"
