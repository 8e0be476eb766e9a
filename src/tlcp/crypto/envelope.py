"""The envelope in which a CA delivers an encryption key: SM2EnvelopedKey.

The CA makes the encryption key, encrypts it with a fresh SM4 key, and that one to the signing key
of whoever asked for the certificate.  The standard does not say how the 32 bytes of the key fill
the blocks of SM4; three ways are in use (``Fill``), and all are read.  The structure of devices
with the same content (``skf.py``) is read, too.

Spec: GB/T 35276-2017 7.4 (GM/T 0009-2012 7.4); GB/T 32918.4 for the SM4 key, GB/T 32907 for SM4
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.keys import PrivateKey
from tlcp.crypto.pem import is_pem, split_pem
from tlcp.crypto.skf import SM4_ECB, read_device_blob
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey
from tlcp.errors import ConfigError

__all__ = [
    "ENVELOPE_LABEL",
    "Fill",
    "envelope_form",
    "envelope_point",
    "is_envelope",
    "open_envelope",
    "seal_envelope",
]

#: plain: the 32 bytes alone, as most write.  padded: PKCS#7 padding behind them, 48 bytes.
#: device: 32 zeros before them, as the key has 64 bytes in the structures of GM/T 0016.
Fill = Literal["plain", "padded", "device"]

#: No standard names one; CAs deliver DER or its base64 without any.
ENVELOPE_LABEL: Final = "SM2 ENVELOPED KEY"

_SM4: Final = ObjectIdentifier("1.2.156.10197.1.104")
_SM4_ECB: Final = ObjectIdentifier("1.2.156.10197.1.104.1")
_OTHER_CIPHERS: Final = {
    "1.2.156.10197.1.102": "SM1, which is not public",
    "1.2.156.10197.1.102.1": "SM1 in ECB mode, which is not public",
    "1.2.156.10197.1.104.2": "SM4 in CBC mode, whose IV has no place in an envelope",
}
_SCALAR_BYTES: Final = 32
_SM4_KEY_BYTES: Final = 16
_PADDING: Final = bytes([16]) * 16


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _OtherAlgorithm:
    algorithm: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class _SM2Cipher:
    """Checked as far as telling an envelope from other things needs; opened by the key."""

    x: int
    y: int
    hash: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What either structure holds."""

    encrypted_sm4_key: bytes
    point: bytes
    encrypted_private_key: bytes


@asn1.sequence
class _Envelope:
    """SM2EnvelopedKey; its second field stays encoded.  Spec: GB/T 35276-2017 7.4"""

    algorithm: asn1.TLV
    encrypted_sm4_key: asn1.TLV
    public_key: asn1.BitString
    encrypted_private_key: asn1.BitString


def is_envelope(data: bytes) -> bool:
    """Tell whether a file holds an envelope: DER, its base64, or PEM; or that of a device."""
    try:
        _read(data)
    except ConfigError:
        return False
    return True


def envelope_form(data: bytes) -> str:
    """Which structure an envelope is: "SM2EnvelopedKey" or "ENVELOPEDKEYBLOB"; "" if it is none."""
    if not is_envelope(data):
        return ""
    blob = read_device_blob(_der_of(data))
    return "SM2EnvelopedKey" if blob is None else "ENVELOPEDKEYBLOB"


def envelope_point(data: bytes) -> bytes:
    """The public point of the key in an envelope, 65 bytes; it is readable without any key.

    Raises:
        ConfigError: no envelope.
    """
    return _read(data).point


def seal_envelope(
    key: SM2PrivateKey,
    recipient: SM2PublicKey,
    *,
    fill: Fill = "plain",
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Put an encryption key into an envelope.

    Args:
        key: the encryption key.
        recipient: the public key of the signing certificate, or of the request for it.
        fill: how the key fills the blocks; leave it unless the reader wants another.
        random: source of the SM4 key and of the encryption's nonce.

    Returns:
        DER of SM2EnvelopedKey.

    Spec: GB/T 35276-2017 7.4
    """
    scalar = key.dangerous_scalar()
    filled = {
        "plain": scalar,
        "padded": scalar + _PADDING,
        "device": bytes(_SCALAR_BYTES) + scalar,
    }[fill]
    sm4_key = random(_SM4_KEY_BYTES)
    context = _sm4(sm4_key).encryptor()
    envelope = _Envelope(
        algorithm=_tlv(asn1.encode_der(_Algorithm(algorithm=_SM4_ECB, parameters=asn1.Null()))),
        encrypted_sm4_key=_tlv(recipient.encrypt(sm4_key, random=random)),
        public_key=asn1.BitString(key.public_point, 0),
        encrypted_private_key=asn1.BitString(context.update(filled) + context.finalize(), 0),
    )
    return asn1.encode_der(envelope)


def open_envelope(
    data: bytes, sign_key: PrivateKey, *, public_point: bytes | None = None
) -> SM2PrivateKey:
    """Take an encryption key out of its envelope.

    Args:
        data: DER, its base64 (as CAs mail it), or PEM; or ENVELOPEDKEYBLOB of a device, binary or
            base64.
        sign_key: the signing key that the certificates were asked for with; it only decrypts, so
            it may live in a device.
        public_point: that of the encryption certificate, 65 bytes; the key is checked against it.

    Raises:
        ConfigError: no envelope; one for another signing key; damaged; or a key that does not
            belong to the certificate.

    Spec: GB/T 35276-2017 7.4
    """
    sealed = _read(data)
    if public_point is not None and sealed.point != public_point:
        raise ConfigError(
            "the envelope holds the key of another encryption certificate; "
            "take envelope and certificate from one delivery of the CA"
        )
    try:
        sm4_key = sign_key.decrypt(sealed.encrypted_sm4_key)
    except ValueError:
        raise ConfigError(
            "the envelope does not open with this signing key: it was made for another one, or it "
            "is damaged; give the key that the certificates were asked for with"
        ) from None
    if len(sm4_key) != _SM4_KEY_BYTES:
        raise ConfigError(
            f"the envelope is damaged: its SM4 key has {len(sm4_key)} bytes, expected 16"
        )
    context = _sm4(sm4_key).decryptor()
    filled = context.update(sealed.encrypted_private_key) + context.finalize()
    for scalar in _candidates(filled, sealed.encrypted_private_key):
        key = _key_of(scalar)
        if key is not None and key.public_point == sealed.point:
            return key
    raise ConfigError(
        "the envelope is damaged: the private key in it does not belong to its public key"
    )


def _der_of(data: bytes) -> bytes:
    if is_pem(data):
        blocks = split_pem(data)
        if len(blocks) != 1:
            raise ConfigError(f"expected one envelope, but the file holds {len(blocks)} PEM blocks")
        return blocks[0].der
    text = b"".join(data.split())
    if text.startswith((b"MI", b"AQAAAA")):  # base64 of a long SEQUENCE, or of a version 1
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ConfigError("the envelope is damaged: its base64 is none; cut off?") from None
    return data


def _read(data: bytes) -> _Sealed:
    der = _der_of(data)
    blob = read_device_blob(der)
    if blob is None:
        envelope = _parse(der)
        return _Sealed(
            asn1.encode_der(envelope.encrypted_sm4_key),
            envelope.public_key.as_bytes(),
            envelope.encrypted_private_key.as_bytes(),
        )
    if blob.cipher != SM4_ECB:
        raise ConfigError(
            f"the envelope is encrypted with the algorithm {blob.cipher:#x} of GM/T 0006; expected "
            f"SM4 in ECB mode ({SM4_ECB:#x}); 0x101 is SM1, which is not public"
        )
    return _Sealed(blob.encrypted_sm4_key, blob.point, blob.encrypted_private_key)


def _parse(der: bytes) -> _Envelope:
    try:
        envelope = asn1.decode_der(_Envelope, der)
        envelope.encrypted_sm4_key.parse(_SM2Cipher)
    except ValueError:
        raise ConfigError(
            "expected an SM2EnvelopedKey of GB/T 35276, got something else, or it is cut off"
        ) from None
    _check_cipher(envelope.algorithm)
    point, data = envelope.public_key, envelope.encrypted_private_key
    if point.padding_bits() or data.padding_bits() or len(point.as_bytes()) != 65:
        raise ConfigError("the envelope is damaged: its public key is not a point of 65 bytes")
    size = len(data.as_bytes())
    if size not in (32, 48, 64):
        raise ConfigError(
            f"the envelope is damaged: {size} bytes of private key, expected 32, 48 or 64"
        )
    return envelope


def _check_cipher(algorithm: asn1.TLV) -> None:
    try:
        oid = algorithm.parse(_Algorithm).algorithm
    except ValueError:
        try:
            oid = algorithm.parse(_OtherAlgorithm).algorithm
        except ValueError:
            raise ConfigError("the envelope is damaged: it does not name its cipher") from None
    if oid not in (_SM4, _SM4_ECB):
        name = _OTHER_CIPHERS.get(oid.dotted_string, oid.dotted_string)
        raise ConfigError(
            f"the envelope is encrypted with {name}; expected SM4 in ECB mode, the way of "
            "GB/T 35276; ask the CA for that"
        )


def _candidates(filled: bytes, encrypted: bytes) -> tuple[bytes, ...]:
    """The 32 bytes of the key, by how long the plaintext is.

    In the form of devices zeros stand before the key, in the plaintext or before the ciphertext.
    """
    if len(filled) == 48:
        return (filled[:32],) if filled.endswith(_PADDING) else (filled[16:],)
    zeros = not any(filled[:-32]) or not any(encrypted[:-32])
    return (filled[-32:],) if zeros else ()


def _key_of(scalar: bytes) -> SM2PrivateKey | None:
    try:
        return SM2PrivateKey(scalar)
    except ValueError:
        return None


def _sm4(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305  (the standard's mode)


def _tlv(der: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, der)
