"""What is encrypted under a password, whichever scheme a file uses: PBES2, or PKCS#12's own.

The scheme of PKCS#12 from before PBES2 is read with SHA-1 and triple DES: OpenSSL 1.1, Tongsuo and
browsers write keys so.  Nothing is written with it.

Spec: RFC 8018 6.2 (PBES2); RFC 7292 B, C (the older one)
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from cryptography.hazmat import asn1
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.pbes2 import (
    MAX_ITERATIONS,
    PBES2,
    Protection,
    decrypt_pbes2,
    describe_pbes2,
    encrypt_pbes2,
)
from tlcp.crypto.sm3 import sm3
from tlcp.errors import ConfigError

__all__ = [
    "MAX_KDF_ITERATIONS",
    "RC2_40",
    "EncryptedPrivateKeyInfo",
    "Work",
    "bmp_password",
    "cost_of",
    "decrypt",
    "decrypt_pkcs8",
    "describe",
    "encrypt_pkcs8",
    "pkcs12_kdf",
]

#: Of a whole file: a pair and its certificates, each with as many iterations as are allowed.
_MAX_WORK: Final = 4 * MAX_ITERATIONS
#: Of the KDF of PKCS#12, computed in Python: about a second.
MAX_KDF_ITERATIONS: Final = 1_000_000

RC2_40: Final = ObjectIdentifier("1.2.840.113549.1.12.1.6")
_SHA1_3DES: Final = ObjectIdentifier("1.2.840.113549.1.12.1.3")
_LEGACY_NAMES: Final = {
    "1.2.840.113549.1.12.1.1": "RC4-128",
    "1.2.840.113549.1.12.1.2": "RC4-40",
    "1.2.840.113549.1.12.1.4": "two-key triple DES",
    "1.2.840.113549.1.12.1.5": "RC2-128",
    "1.2.840.113549.1.12.1.6": "RC2-40",
    "1.2.840.113549.1.5.3": "MD5 and DES (PBES1)",
    "1.2.840.113549.1.5.10": "SHA-1 and DES (PBES1)",
}
#: The bytes per block of the hashes, for the KDF; all of them have blocks of 64.
_KDF_BLOCK: Final = 64
_KDF_HASHES: Final = {
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sm3": sm3,
}

# How what is encrypted here begins: a SEQUENCE with the version and algorithm of a key (PKCS#8),
# or with the object identifier of a bag (PKCS#12), or has nothing but padding in it.  No wrong key
# makes that by chance.
_LENGTH: Final = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...)"
_BEGINNING: Final = re.compile(
    rb"\x30%b(?:\x02\x01[\x00\x01]\x30|\x30%b\x06\x0b\x2a\x86)|\x30\x00(?:\x0e{14}|\x06{6})"
    % (_LENGTH, _LENGTH),
    re.DOTALL,
)


@asn1.sequence
class EncryptedPrivateKeyInfo:
    """An encrypted PKCS#8 key.  Spec: RFC 5208 6"""

    algorithm: asn1.TLV
    data: bytes


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class _OldParams:
    salt: bytes
    iterations: int


@asn1.sequence
class _OldAlgorithm:
    algorithm: ObjectIdentifier
    parameters: _OldParams


def describe(algorithm_der: bytes, what: str) -> str:
    """How something is encrypted, in words, from its AlgorithmIdentifier.

    Args:
        algorithm_der: DER.
        what: the thing that is encrypted, for texts.

    Raises:
        ConfigError: it is not an AlgorithmIdentifier, or one of PBES2 with algorithms that are not
            supported.
    """
    oid = _oid_of(algorithm_der, what)
    if oid == _SHA1_3DES:
        return f"triple DES under a password (PKCS#12, SHA-1, {_old(algorithm_der, what)[1]} times)"
    if oid.dotted_string in _LEGACY_NAMES:
        return f"{_LEGACY_NAMES[oid.dotted_string]} under a password, an old scheme"
    return str(describe_pbes2(algorithm_der, what))


class Work:
    """What one file may cost, however many keys and parts it has; seconds.

    Args:
        what: the file, for texts.
    """

    __slots__ = ("_left", "_what")

    def __init__(self, what: str) -> None:
        self._left, self._what = _MAX_WORK, what

    def spend(self, cost: int) -> None:
        """Count one part; see ``cost_of``.

        Raises:
            ConfigError: it is too much with what was counted before.
        """
        self._left -= cost
        if self._left < 0:
            raise ConfigError(
                f"the {self._what} costs too much to read: more than {_MAX_WORK} iterations for "
                "all its parts together. Was it made to keep us busy?"
            )


def cost_of(algorithm_der: bytes, what: str) -> int:
    """What decrypting under an AlgorithmIdentifier costs, in iterations of PBKDF2.

    Raises:
        ConfigError: more than is done for one part, or it is damaged or not supported.
    """
    if _oid_of(algorithm_der, what) in (_SHA1_3DES, RC2_40):
        # Key and IV, derived in Python or not: ten times as slow, to be on the safe side.
        return 10 * _old(algorithm_der, what)[1]
    return describe_pbes2(algorithm_der, what).iterations


def decrypt(algorithm_der: bytes, data: bytes, password: bytes, what: str) -> bytes:
    """Decrypt a PKCS#8 key or the bags of a PKCS#12 file.

    Args:
        algorithm_der: DER of AlgorithmIdentifier.
        data: the ciphertext.
        password: UTF-8.
        what: the thing that is encrypted, for texts.

    Raises:
        ConfigError: another scheme, a wrong password, or a damaged file: told apart by how the
            plaintext begins.

    Spec: RFC 8018 6.2.2; RFC 7292 C
    """
    oid = _oid_of(algorithm_der, what)
    if oid == _SHA1_3DES:
        size, padded = 8, _decrypt_3des(algorithm_der, data, password, what)
    elif oid == PBES2 or oid.dotted_string not in _LEGACY_NAMES:
        size, padded = 16, decrypt_pbes2(algorithm_der, data, password, what)
    else:
        raise ConfigError(
            f"the {what} is encrypted with {_LEGACY_NAMES[oid.dotted_string]}, an old scheme that "
            "is not supported; encrypt it again with `openssl pkcs8 -topk8` or `openssl pkcs12`"
        )
    right = _BEGINNING.match(padded) is not None
    fill = padded[-1]
    if not right:
        raise ConfigError(f"the {what} does not decrypt: the password is wrong")
    if not 1 <= fill <= size or padded[-fill:] != bytes([fill]) * fill:
        raise ConfigError(
            f"the {what} is damaged: the password is right, but the file was changed or cut off"
        )
    return padded[:-fill]


def decrypt_pkcs8(der: bytes, password: bytes) -> bytes:
    """Decrypt an EncryptedPrivateKeyInfo; returns the PrivateKeyInfo inside, DER.

    Raises:
        ConfigError: as ``decrypt``, or it is no such thing.

    Spec: RFC 5208 6; RFC 8018 6.2.2
    """
    try:
        info = asn1.decode_der(EncryptedPrivateKeyInfo, der)
    except ValueError:
        raise ConfigError(
            "the private key is damaged: not the DER of an encrypted PKCS#8 key; is it cut off?"
        ) from None
    return decrypt(asn1.encode_der(info.algorithm), info.data, password, "private key")


def encrypt_pkcs8(der: bytes, password: bytes, protection: Protection) -> bytes:
    """Encrypt a PrivateKeyInfo; returns DER of EncryptedPrivateKeyInfo.

    Spec: RFC 5208 6; RFC 8018 6.2.1
    """
    algorithm, data = encrypt_pbes2(der, password, protection)
    info = EncryptedPrivateKeyInfo(algorithm=asn1.decode_der(asn1.TLV, algorithm), data=data)
    return asn1.encode_der(info)


def bmp_password(password: bytes) -> bytes:
    """The password as the old scheme and the MAC of PKCS#12 take it: UTF-16 and two zeros.

    What is not UTF-8 is read as Latin-1, as OpenSSL does.

    Spec: RFC 7292 B.1
    """
    try:
        text = password.decode()
    except UnicodeDecodeError:
        text = password.decode("latin-1")
    return text.encode("utf-16-be") + b"\0\0"


def pkcs12_kdf(
    hash_name: str, purpose: int, bmp: bytes, salt: bytes, iterations: int, size: int
) -> bytes:
    """Derive a key, an IV or a MAC key.

    Args:
        hash_name: "sha1", "sha256" or "sm3".
        purpose: 1 key, 2 IV, 3 MAC key.
        bmp: the password, see ``bmp_password``; b"" is no password at all.
        salt: any length.
        iterations: at most ``MAX_KDF_ITERATIONS``.
        size: bytes wanted.

    Spec: RFC 7292 B.2
    """
    digest = _KDF_HASHES[hash_name]
    mixed = bytearray(_repeated(salt) + _repeated(bmp))
    diversifier, out = bytes([purpose]) * _KDF_BLOCK, b""
    while True:
        block = digest(diversifier + mixed)
        for _ in range(iterations - 1):
            block = digest(block)
        out += block
        if len(out) >= size:
            return out[:size]
        addend = int.from_bytes((block * _KDF_BLOCK)[:_KDF_BLOCK]) + 1
        for at in range(0, len(mixed), _KDF_BLOCK):
            number = int.from_bytes(mixed[at : at + _KDF_BLOCK]) + addend
            mixed[at : at + _KDF_BLOCK] = (number % (1 << 8 * _KDF_BLOCK)).to_bytes(_KDF_BLOCK)


def _repeated(data: bytes) -> bytes:
    """Copies of the data that fill whole blocks."""
    size = -(-len(data) // _KDF_BLOCK) * _KDF_BLOCK
    return (data * (size // len(data) + 1))[:size] if data else b""


def _oid_of(algorithm_der: bytes, what: str) -> ObjectIdentifier:
    try:
        return asn1.decode_der(_Algorithm, algorithm_der).algorithm
    except ValueError:
        raise ConfigError(
            f"the {what} is damaged: it does not say how it is encrypted; is it cut off?"
        ) from None


def _old(algorithm_der: bytes, what: str) -> tuple[bytes, int]:
    """Salt and iterations of the older scheme."""
    try:
        params = asn1.decode_der(_OldAlgorithm, algorithm_der).parameters
    except ValueError:
        raise ConfigError(f"the {what} is damaged: its encryption parameters are none") from None
    if not 0 < params.iterations <= MAX_KDF_ITERATIONS:
        raise ConfigError(
            f"the {what} asks for {params.iterations} iterations; 1 to {MAX_KDF_ITERATIONS} are "
            "done. Is the file damaged, or made to keep us busy?"
        )
    return params.salt, params.iterations


def _decrypt_3des(algorithm_der: bytes, data: bytes, password: bytes, what: str) -> bytes:
    salt, iterations = _old(algorithm_der, what)
    if not data or len(data) % 8:
        raise ConfigError(f"the {what} is damaged: not whole blocks of 8; is the file cut off?")
    bmp = bmp_password(password)
    key = pkcs12_kdf("sha1", 1, bmp, salt, iterations, 24)
    iv = pkcs12_kdf("sha1", 2, bmp, salt, iterations, 8)
    context = Cipher(TripleDES(key), modes.CBC(iv)).decryptor()
    return context.update(data) + context.finalize()
