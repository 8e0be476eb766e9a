"""Certificate and key files of one party, in the forms that the peers read.

All of them take PEM certificates. Tongsuo takes a plain PKCS#8 key; GmSSL 3.1.1 takes only
a PKCS#8 key encrypted with PBKDF2-HMAC-SM3 and SM4-CBC.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

PASSWORD = "peers"
_ITERATIONS = 1000  # the keys protect nothing; GmSSL itself writes 65536

_INTEGER, _OCTETS, _BITS, _OID, _SEQUENCE = 0x02, 0x04, 0x03, 0x06, 0x30
_EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
_SM2_CURVE = bytes.fromhex("2a811ccf5501822d")
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_HMAC_SM3 = bytes.fromhex("2a811ccf5501831102")
_SM4_CBC = bytes.fromhex("2a811ccf55016802")


@dataclass(frozen=True, slots=True)
class PartyFiles:
    """PEM files of one party; ``ca`` is the root that it trusts."""

    sign_cert: Path
    sign_key: Path
    enc_cert: Path
    enc_key: Path
    ca: Path

    @classmethod
    def named(cls, directory: Path, name: str, *, ca: Path | None = None) -> PartyFiles:
        """``NAME.sign.crt``, ``NAME.sign.key``, ``NAME.enc.crt``, ``NAME.enc.key``, ``ca.crt``."""
        return cls(
            sign_cert=directory / f"{name}.sign.crt",
            sign_key=directory / f"{name}.sign.key",
            enc_cert=directory / f"{name}.enc.crt",
            enc_key=directory / f"{name}.enc.key",
            ca=ca or directory / "ca.crt",
        )

    def trusting(self, ca: Path) -> PartyFiles:
        """The same party with another root."""
        return replace(self, ca=ca)


def der(tag: int, *parts: bytes) -> bytes:
    """One DER value."""
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (size if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def read_pem(path: Path) -> bytes:
    """DER of the first PEM block of a file."""
    lines = path.read_text("ascii").split("-----")[2]
    return base64.b64decode(lines)


def write_pem(path: Path, label: str, *blocks: bytes) -> Path:
    """Write DER blocks as PEM and return the path."""
    text = ""
    for block in blocks:
        body = base64.encodebytes(block).decode("ascii").replace("\n", "")
        rows = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
        text += f"-----BEGIN {label}-----\n{rows}\n-----END {label}-----\n"
    path.write_text(text, "ascii")
    return path


def public_point(certificate: bytes) -> bytes:
    """The SM2 point of a certificate: 65 bytes."""
    algorithm = der(_SEQUENCE, der(_OID, _EC_PUBLIC_KEY), der(_OID, _SM2_CURVE))
    start = certificate.index(algorithm) + len(algorithm) + 3  # BIT STRING, length, unused bits
    return certificate[start : start + 65]


def pkcs8(scalar: bytes, point: bytes) -> bytes:
    """A plain PKCS#8 PrivateKeyInfo that holds curve and public point inside and out."""
    curve = der(_OID, _SM2_CURVE)
    ec_key = der(
        _SEQUENCE,
        der(_INTEGER, b"\x01"),
        der(_OCTETS, scalar),
        der(0xA0, curve),
        der(0xA1, der(_BITS, b"\0", point)),
    )
    algorithm = der(_SEQUENCE, der(_OID, _EC_PUBLIC_KEY), curve)
    return der(_SEQUENCE, der(_INTEGER, b"\0"), algorithm, der(_OCTETS, ec_key))


def scalar_of(private_key: bytes) -> bytes:
    """The 32-byte scalar of a plain PKCS#8 or SEC1 key."""
    marker = bytes.fromhex("020101") + bytes([_OCTETS, 32])
    start = private_key.index(marker) + len(marker)
    return private_key[start : start + 32]


def encrypt_pkcs8(plain: bytes, password: str) -> bytes:
    """EncryptedPrivateKeyInfo as GmSSL writes it: PBKDF2 with HMAC-SM3, SM4-CBC."""
    salt, iv = os.urandom(16), os.urandom(16)
    kdf = PBKDF2HMAC(algorithm=hashes.SM3(), length=16, salt=salt, iterations=_ITERATIONS)
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    cipher = Cipher(algorithms.SM4(kdf.derive(password.encode())), modes.CBC(iv)).encryptor()
    kdf_parameters = der(
        _SEQUENCE,
        der(_OCTETS, salt),
        der(_INTEGER, _ITERATIONS.to_bytes(2, "big")),
        der(_INTEGER, b"\x10"),
        der(_SEQUENCE, der(_OID, _HMAC_SM3)),
    )
    parameters = der(
        _SEQUENCE,
        der(_SEQUENCE, der(_OID, _PBKDF2), kdf_parameters),
        der(_SEQUENCE, der(_OID, _SM4_CBC), der(_OCTETS, iv)),
    )
    return der(
        _SEQUENCE,
        der(_SEQUENCE, der(_OID, _PBES2), parameters),
        der(_OCTETS, cipher.update(padded) + cipher.finalize()),
    )


def key_for_gmssl(key: Path, certificate: Path, target: Path) -> Path:
    """Convert a plain key file into the only form that GmSSL 3.1.1 reads; see PASSWORD."""
    plain = pkcs8(scalar_of(read_pem(key)), public_point(read_pem(certificate)))
    return write_pem(target, "ENCRYPTED PRIVATE KEY", encrypt_pkcs8(plain, PASSWORD))
