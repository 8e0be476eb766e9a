"""What a file holds: certificates, private keys, envelopes, whatever their form and order.

One look at a file serves the loading of identities and ``tlcp pki key``, which tells what it is.

Spec: RFC 7468 (PEM), RFC 5208, RFC 5915, RFC 7292 (keys), GB/T 35276-2017 7.4 (envelopes)
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from tlcp.alerts import Text
from tlcp.crypto.envelope import envelope_form, is_envelope
from tlcp.crypto.keyfile import SoftwareKey, check_work, key_form, load_any_private_key
from tlcp.crypto.pbe import EncryptedPrivateKeyInfo, describe
from tlcp.crypto.pem import PemBlock, is_pem, split_pem, to_pem
from tlcp.crypto.pkcs12 import describe_pkcs12, is_pkcs12, load_pkcs12
from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.x509.certificate import Certificate

__all__ = ["Part", "may_need_password", "message_name", "read_parts"]

Encoding = Literal["PEM", "DER", "base64", "binary"]
Kind = Literal["certificate", "private key", "envelope", "bundle", "other"]

_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
# Cryptographic messages, in which some CAs deliver keys; of GM/T 0010 and PKCS#7.
_MESSAGES = {
    f"{root}.{number}": f"{name} of {standard}"
    for root, standard in (("1.2.156.10197.6.1.4.2", "GM/T 0010"), ("1.2.840.113549.1.7", "PKCS#7"))
    for number, name in ((2, "SignedData"), (3, "EnvelopedData"), (4, "SignedAndEnvelopedData"))
}
_OLD_KEY = "encrypted in OpenSSL's old way (DEK-Info)"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing in a file.

    Attributes:
        kind: "bundle" is a PKCS#12 file that was not opened, "other" what is none of these.
        form: "X.509", "PKCS#8", "SEC1", "PKCS#1", "PKCS#12", "SM2EnvelopedKey",
            "ENVELOPEDKEYBLOB", or a PEM label.
        encoding: how the file is written.
        encryption: how the part is encrypted, in words; "" if it is not.
        certificate, key: what was read.
        data: an envelope, to be opened with a signing key.
        problem: why nothing was read, if so.
    """

    kind: Kind
    form: str
    encoding: Encoding
    encryption: str = ""
    certificate: Certificate | None = None
    key: SoftwareKey | None = field(default=None, repr=False)
    data: bytes = field(default=b"", repr=False)
    problem: str = ""


@asn1.sequence
class _Message:
    """ContentInfo.  Spec: GM/T 0010-2012 6, RFC 2315 7"""

    type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


def message_name(data: bytes) -> str:
    """The name of a cryptographic message, DER or its base64, which is not opened here; or ""."""
    text = b"".join(data.split())
    try:
        der = base64.b64decode(text, validate=True) if text.startswith(b"MI") else data
        return _MESSAGES.get(asn1.decode_der(_Message, der).type.dotted_string, "")
    except ValueError:
        return ""


def may_need_password(data: bytes) -> bool:
    """Whether something in a file is encrypted under a password."""
    if is_pem(data):
        return b"ENCRYPTED" in data
    return is_pkcs12(data) or key_form(data) == "encrypted PKCS#8"


def read_parts(data: bytes, password: bytes | None = None) -> tuple[Part, ...]:
    """Tell the parts of a file apart, in its order, and read them.

    A part that cannot be read says so itself, so that the others can still be shown.

    Args:
        data: the file: PEM in any order, or DER, or the base64 of an envelope.
        password: for what is encrypted.

    Raises:
        ConfigError: the file is damaged as a whole, or nothing that is known here.
    """
    if is_pem(data):
        blocks = split_pem(data)
        check_work(blocks)
        parts = [part for block in blocks for part in _of_block(block, password)]
        return tuple(replace(part, encoding="PEM") for part in parts)
    found = _of_der(data, password)
    if not found:
        why = Text("is it cut off, or text?", "它是否被截断，或是文本文件？")
        why = why if data else Text("it is empty", "文件是空的")
        raise ConfigError.told(
            Text(
                "the file holds nothing that is known here: expected PEM or DER of certificates, "
                f"private keys (PKCS#8, SEC1, PKCS#1), a PKCS#12 file or an SM2EnvelopedKey; "
                f"{why.en}",
                "文件中没有可识别的内容：应为 PEM 或 DER 格式的证书或私钥（PKCS#8、SEC1、PKCS#1）、"
                f"PKCS#12 文件或 SM2EnvelopedKey；{why.zh}",
            )
        )
    return found


def _of_block(block: PemBlock, password: bytes | None) -> tuple[Part, ...]:
    if block.label in _CERTIFICATE_LABELS:
        return (_certificate(block.der),)
    if block.label.endswith("PRIVATE KEY"):
        form = key_form(block) or block.label
        encryption = _OLD_KEY if block.encrypted else _encryption(form, block.der)
        if block.encrypted:
            return (Part("private key", form, "PEM", encryption, problem=f"the key is {_OLD_KEY}"),)
        return (_key(to_pem(block.label, block.der), form, encryption, password),)
    if is_envelope(block.der):
        return (_envelope(block.der, "PEM"),)
    if name := message_name(block.der):
        return (_message(name, "PEM"),)
    return (Part("other", block.label, "PEM"),)


def _of_der(data: bytes, password: bytes | None) -> tuple[Part, ...]:
    if is_pkcs12(data):
        return _bundle(data, password)
    if is_envelope(data):
        first: dict[bytes, Encoding] = {b"\x30": "DER", b"\x01": "binary"}
        return (_envelope(data, first.get(data[:1], "base64")),)
    if form := key_form(data):
        return (_key(data, form, _encryption(form, data), password),)
    if name := message_name(data):
        return (_message(name, "DER" if data[:1] == b"\x30" else "base64"),)
    certificate = _certificate(data)
    return (certificate,) if certificate.certificate is not None else ()


def _certificate(der: bytes) -> Part:
    try:
        return Part("certificate", "X.509", "DER", certificate=Certificate.from_der(der))
    except CertificateVerifyError as error:
        return Part("certificate", "X.509", "DER", problem=error.what)


def _key(data: bytes, form: str, encryption: str, password: bytes | None) -> Part:
    form = form.removeprefix("encrypted ")
    try:
        key = load_any_private_key(data, password)
    except ConfigError as error:
        return Part("private key", form, "DER", encryption, problem=error.what)
    return Part("private key", form, "DER", encryption, key=key)


def _encryption(form: str, der: bytes) -> str:
    if form != "encrypted PKCS#8":
        return ""
    try:
        info = asn1.decode_der(EncryptedPrivateKeyInfo, der)
        return describe(asn1.encode_der(info.algorithm), "private key")
    except (ValueError, ConfigError):
        return "under a password, in a way that is not supported"


def _envelope(data: bytes, encoding: Encoding) -> Part:
    how = "SM4, its key encrypted to a signing key"
    return Part("envelope", envelope_form(data), encoding, how, data=data)


def _message(name: str, encoding: Encoding) -> Part:
    problem = f"a {name} is not opened here; ask the CA for an SM2EnvelopedKey (GB/T 35276)"
    return Part("other", name, encoding, problem=problem)


def _bundle(data: bytes, password: bytes | None) -> tuple[Part, ...]:
    encryption = ""
    try:
        encryption = describe_pkcs12(data)
        found = load_pkcs12(data, password)
    except ConfigError as error:
        return (Part("bundle", "PKCS#12", "DER", encryption, problem=error.what),)
    whole = Part("private key", "PKCS#12", "DER", encryption)
    keys = [replace(whole, key=key) for key in found.keys]
    certificates = [
        replace(_certificate(der), form="PKCS#12", encryption=encryption)
        for der in found.certificates
    ]
    return (*keys, *certificates)
