"""Encryption under a password: PBES2 as OpenSSL, Tongsuo and GmSSL write it.

PBKDF2 with HMAC-SM3, SHA-256 or SHA-1; SM4-CBC, AES-128-CBC or AES-256-CBC.  Read and written;
what else a file may be encrypted with is in ``pbe.py``.

Spec: RFC 8018 6.2, A.2, A.4; GM/T 0091 for the SM algorithms
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.x509 import ObjectIdentifier

from tlcp.errors import ConfigError

__all__ = [
    "CIPHER_NAMES",
    "FOR_GMSSL",
    "MAX_ITERATIONS",
    "PBES2",
    "PRF_NAMES",
    "Protection",
    "decrypt_pbes2",
    "describe_pbes2",
    "encrypt_pbes2",
]

PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")
#: Of PBKDF2, for one key: two seconds of work.  A file may ask for 2**31 and more.
MAX_ITERATIONS: Final = 5_000_000

_PBKDF2: Final = ObjectIdentifier("1.2.840.113549.1.5.12")
_HMAC_SHA1: Final = ObjectIdentifier("1.2.840.113549.2.7")
#: name -> (OID, hash)
_PRFS: Final[dict[str, tuple[ObjectIdentifier, Callable[[], hashes.HashAlgorithm]]]] = {
    "sha1": (_HMAC_SHA1, hashes.SHA1),
    "sha256": (ObjectIdentifier("1.2.840.113549.2.9"), hashes.SHA256),
    "sm3": (ObjectIdentifier("1.2.156.10197.1.401.2"), hashes.SM3),
}
#: name -> (OID, cipher, key length in bytes)
_CIPHERS: Final[dict[str, tuple[ObjectIdentifier, Callable[[bytes], object], int]]] = {
    "sm4-cbc": (ObjectIdentifier("1.2.156.10197.1.104.2"), algorithms.SM4, 16),
    "aes-128-cbc": (ObjectIdentifier("2.16.840.1.101.3.4.1.2"), algorithms.AES, 16),
    "aes-256-cbc": (ObjectIdentifier("2.16.840.1.101.3.4.1.42"), algorithms.AES, 32),
}
CIPHER_NAMES: Final = tuple(_CIPHERS)
PRF_NAMES: Final = tuple(_PRFS)
_BLOCK_BITS: Final = 128
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Protection:
    """How to encrypt under a password.

    The default is what OpenSSL and Tongsuo read; GmSSL 3.1.1 reads ``FOR_GMSSL`` and nothing else.

    Args:
        cipher: "aes-256-cbc", "aes-128-cbc" or "sm4-cbc".
        prf: the hash in PBKDF2's HMAC: "sha256", "sha1" or "sm3".
        iterations: of PBKDF2, 1 to ``MAX_ITERATIONS``: what each guess of the password costs.

    Raises:
        ConfigError: one of them is something else.

    Spec: RFC 8018 4.2 (iteration count)
    """

    cipher: str = "aes-256-cbc"
    prf: str = "sha256"
    iterations: int = 600_000

    def __post_init__(self) -> None:
        if self.cipher not in _CIPHERS or self.prf not in _PRFS:
            raise ConfigError(
                f"cannot encrypt with {self.cipher} and {self.prf}; ciphers are "
                f"{', '.join(_CIPHERS)}; hashes are {', '.join(_PRFS)}"
            )
        if not 0 < self.iterations <= MAX_ITERATIONS:
            raise ConfigError(
                f"cannot encrypt with {self.iterations} iterations; give 1 to {MAX_ITERATIONS}"
            )

    def __str__(self) -> str:
        hash_name = self.prf.upper().replace("SHA", "SHA-")
        return (
            f"{self.cipher.upper()} under a password "
            f"(PBES2: PBKDF2 with HMAC-{hash_name}, {self.iterations} iterations)"
        )


FOR_GMSSL: Final = Protection("sm4-cbc", "sm3", 65536)


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


def describe_pbes2(algorithm_der: bytes, what: str) -> Protection:
    """What an AlgorithmIdentifier of PBES2 says.

    Args:
        algorithm_der: DER of AlgorithmIdentifier.
        what: the thing that is encrypted, for texts.

    Raises:
        ConfigError: it is none, or it names algorithms or a number of iterations that are not
            supported.

    Spec: RFC 8018 A.4
    """
    return _read(algorithm_der, what)[1]


def decrypt_pbes2(algorithm_der: bytes, data: bytes, password: bytes, what: str) -> bytes:
    """Decrypt, and leave the padding on: who knows what is inside can tell why it is wrong.

    Args:
        algorithm_der: DER of AlgorithmIdentifier.
        data: the ciphertext.
        password: as bytes; PBES2 sets no character set, tools use UTF-8.
        what: the thing that is encrypted, for texts.

    Raises:
        ConfigError: as ``describe_pbes2``, or the ciphertext is not of whole blocks.

    Spec: RFC 8018 6.2.2
    """
    params, protection = _read(algorithm_der, what)
    size = _BLOCK_BITS // 8
    if not data or len(data) % size:
        raise ConfigError(
            f"the {what} is damaged: {len(data)} bytes are encrypted, "
            f"expected whole blocks of {size}; is the file cut off?"
        )
    key = _derive(protection, params.kdf.parameters.salt, password)
    _, cipher, _ = _CIPHERS[protection.cipher]
    context = Cipher(cipher(key), modes.CBC(params.encryption.iv)).decryptor()  # type: ignore[arg-type]
    return context.update(data) + context.finalize()


def encrypt_pbes2(
    plaintext: bytes,
    password: bytes,
    protection: Protection,
    random: Callable[[int], bytes] = os.urandom,
) -> tuple[bytes, bytes]:
    """Encrypt with a fresh salt and IV.

    Args:
        plaintext: any length.
        password: as bytes.
        protection: how.
        random: source of salt and IV.

    Returns:
        DER of AlgorithmIdentifier, and the ciphertext.

    Spec: RFC 8018 6.2.1
    """
    salt, iv = random(_SALT_BYTES), random(_BLOCK_BITS // 8)
    prf_oid, _ = _PRFS[protection.prf]
    cipher_oid, cipher, size = _CIPHERS[protection.cipher]
    gmssl = protection.prf == "sm3"  # it wants the key length said, and no NULL after its PRF
    params = _Pbkdf2Params(
        salt=salt,
        iterations=protection.iterations,
        key_length=size if gmssl else None,
        prf=_Prf(algorithm=prf_oid, parameters=None if gmssl else asn1.Null()),
    )
    algorithm = _Pbes2(
        algorithm=PBES2,
        parameters=_Pbes2Params(
            kdf=_Kdf(algorithm=_PBKDF2, parameters=params),
            encryption=_Encryption(algorithm=cipher_oid, iv=iv),
        ),
    )
    key = _derive(protection, salt, password)
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    context = Cipher(cipher(key), modes.CBC(iv)).encryptor()  # type: ignore[arg-type]
    padded = padder.update(plaintext) + padder.finalize()
    return asn1.encode_der(algorithm), context.update(padded) + context.finalize()


def _read(algorithm_der: bytes, what: str) -> tuple[_Pbes2Params, Protection]:
    try:
        algorithm = asn1.decode_der(_Pbes2, algorithm_der)
    except ValueError:
        raise _unsupported(what) from None
    kdf, encryption = algorithm.parameters.kdf, algorithm.parameters.encryption
    prf_oid = kdf.parameters.prf.algorithm if kdf.parameters.prf is not None else _HMAC_SHA1
    prf = next((name for name, known in _PRFS.items() if known[0] == prf_oid), None)
    cipher = next((name for name, c in _CIPHERS.items() if c[0] == encryption.algorithm), None)
    known = algorithm.algorithm == PBES2 and kdf.algorithm == _PBKDF2
    if not known or prf is None or cipher is None:
        raise _unsupported(what)
    if kdf.parameters.key_length not in (None, _CIPHERS[cipher][2]):
        raise ConfigError(f"the {what} is damaged: its key length is not that of {cipher}")
    iterations = kdf.parameters.iterations
    if not 0 < iterations <= MAX_ITERATIONS:
        raise ConfigError(
            f"the {what} asks for {iterations} iterations of PBKDF2; 1 to {MAX_ITERATIONS} are "
            "done. Is the file damaged, or made to keep us busy? Encrypt the key again with fewer"
        )
    return algorithm.parameters, Protection(cipher, prf, iterations)


def _derive(protection: Protection, salt: bytes, password: bytes) -> bytes:
    _, make_hash = _PRFS[protection.prf]
    size = _CIPHERS[protection.cipher][2]
    return PBKDF2HMAC(make_hash(), size, salt, protection.iterations).derive(password)


def _unsupported(what: str) -> ConfigError:
    return ConfigError(
        f"the {what} is encrypted in a way that is not supported: expected PBES2 with PBKDF2 "
        "(HMAC-SM3, SHA-256 or SHA-1) and SM4-CBC or AES-CBC; encrypt it again with "
        "`openssl pkcs8 -topk8 -in KEY -out NEW`"
    )
