"""Encrypted PKCS#8: PBES2 as OpenSSL, Tongsuo and GmSSL write it.

PBKDF2 with HMAC-SM3, SHA-256 or SHA-1; SM4-CBC, AES-128-CBC or AES-256-CBC.

Spec: RFC 8018 6.2, A.2, A.4; GM/T 0091 for the SM algorithms
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.x509 import ObjectIdentifier

from tlcp.errors import ConfigError

__all__ = ["decrypt_pkcs8"]

_PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2: Final = ObjectIdentifier("1.2.840.113549.1.5.12")
_HMAC_SHA1: Final = ObjectIdentifier("1.2.840.113549.2.7")
_PRFS: Final[dict[ObjectIdentifier, Callable[[], hashes.HashAlgorithm]]] = {
    _HMAC_SHA1: hashes.SHA1,
    ObjectIdentifier("1.2.840.113549.2.9"): hashes.SHA256,
    ObjectIdentifier("1.2.156.10197.1.401.2"): hashes.SM3,
}
#: OID -> (cipher, key length in bytes)
_CIPHERS: Final[dict[ObjectIdentifier, tuple[Callable[[bytes], object], int]]] = {
    ObjectIdentifier("1.2.156.10197.1.104.2"): (algorithms.SM4, 16),
    ObjectIdentifier("2.16.840.1.101.3.4.1.2"): (algorithms.AES, 16),
    ObjectIdentifier("2.16.840.1.101.3.4.1.42"): (algorithms.AES, 32),
}
_MAX_ITERATIONS: Final = 10_000_000
_BLOCK_BITS: Final = 128


@asn1.sequence
class _Prf:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _Pbkdf2Params:
    salt: bytes
    iterations: int
    key_length: int | None
    prf: _Prf | None


@asn1.sequence
class _Kdf:
    algorithm: ObjectIdentifier
    parameters: _Pbkdf2Params


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    iv: Annotated[bytes, asn1.Size(min=16, max=16)]


@asn1.sequence
class _Pbes2Params:
    kdf: _Kdf
    encryption: _Encryption


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Params


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    """Spec: RFC 5208 6"""

    algorithm: _Pbes2
    data: bytes


def decrypt_pkcs8(der: bytes, password: bytes) -> bytes:
    """Decrypt an EncryptedPrivateKeyInfo; returns the PrivateKeyInfo inside, DER.

    Raises:
        ConfigError: another scheme, or the password is wrong.

    Spec: RFC 8018 6.2.2
    """
    try:
        info = asn1.decode_der(_EncryptedPrivateKeyInfo, der)
    except ValueError:
        raise _unsupported() from None
    kdf, encryption = info.algorithm.parameters.kdf, info.algorithm.parameters.encryption
    prf = kdf.parameters.prf.algorithm if kdf.parameters.prf is not None else _HMAC_SHA1
    known = prf in _PRFS and encryption.algorithm in _CIPHERS
    if info.algorithm.algorithm != _PBES2 or kdf.algorithm != _PBKDF2 or not known:
        raise _unsupported()
    cipher, size = _CIPHERS[encryption.algorithm]
    iterations = kdf.parameters.iterations
    if not 0 < iterations <= _MAX_ITERATIONS or kdf.parameters.key_length not in (None, size):
        raise _unsupported()
    derive = PBKDF2HMAC(_PRFS[prf](), size, kdf.parameters.salt, iterations)
    key = derive.derive(password)
    try:
        context = Cipher(cipher(key), modes.CBC(encryption.iv)).decryptor()  # type: ignore[arg-type]
        padded = context.update(info.data) + context.finalize()
        unpad = padding.PKCS7(_BLOCK_BITS).unpadder()
        return unpad.update(padded) + unpad.finalize()
    except ValueError:
        raise ConfigError("the private key does not decrypt: the password is wrong") from None


def _unsupported() -> ConfigError:
    return ConfigError(
        "the private key is encrypted in a way that is not supported: expected PBES2 with PBKDF2 "
        "(HMAC-SM3, SHA-256 or SHA-1) and SM4-CBC or AES-CBC; decrypt it with "
        "`openssl pkey -in KEY -out CLEAR` and protect the file with mode 0600"
    )
