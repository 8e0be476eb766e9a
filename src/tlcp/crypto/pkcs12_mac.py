"""The MAC of a PKCS#12 file: what tells a wrong password, and a changed file.

Spec: RFC 7292 4, B
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.pbe import MAX_KDF_ITERATIONS, bmp_password, pkcs12_kdf
from tlcp.crypto.pkcs12_structures import Algorithm, DigestInfo, MacData, as_tlv, decoded
from tlcp.errors import ConfigError

__all__ = ["mac_matches", "mac_name", "make_mac"]

#: name -> (OID, hash, bytes of its digest)
_MACS: Final[dict[str, tuple[ObjectIdentifier, Callable[[], hashes.HashAlgorithm], int]]] = {
    "sha1": (ObjectIdentifier("1.3.14.3.2.26"), hashes.SHA1, 20),
    "sha256": (ObjectIdentifier("2.16.840.1.101.3.4.2.1"), hashes.SHA256, 32),
    "sm3": (ObjectIdentifier("1.2.156.10197.1.401"), hashes.SM3, 32),
}
_SALT_BYTES: Final = 16
_PURPOSE: Final = 3


def mac_name(mac_data: MacData) -> str:
    """The hash of a MAC: "sha1", "sha256" or "sm3".

    Raises:
        ConfigError: it is another.
    """
    found = decoded(Algorithm, asn1.encode_der(mac_data.mac.algorithm))
    name = next((n for n, mac in _MACS.items() if found and mac[0] == found.algorithm), None)
    if name is None:
        oid = found.algorithm.dotted_string if found is not None else "one with parameters"
        raise ConfigError(
            f"the MAC of the PKCS#12 file is of a kind that is not supported ({oid}); expected "
            "SHA-1, SHA-256 or SM3: write it anew with `openssl pkcs12 -export -macalg sha256`"
        )
    return name


def mac_matches(mac_data: MacData, safe: bytes, password: bytes) -> bool:
    """Whether the MAC is that of the contents under the password.

    Args:
        mac_data: of the file.
        safe: what the MAC covers.
        password: UTF-8.

    Raises:
        ConfigError: as ``mac_name``, or more iterations than are done.
    """
    name = mac_name(mac_data)
    if not 0 < mac_data.iterations <= MAX_KDF_ITERATIONS:
        raise ConfigError(
            f"the MAC of the PKCS#12 file asks for {mac_data.iterations} iterations; 1 to "
            f"{MAX_KDF_ITERATIONS} are done. Is the file damaged, or made to keep us busy?"
        )
    # Some programs take an empty password for no bytes at all.
    for bmp in (bmp_password(password), *([b""] if not password else [])):
        digest = _digest(name, bmp, mac_data.salt, mac_data.iterations, safe)
        if hmac.compare_digest(digest, mac_data.mac.digest):
            return True
    return False


def make_mac(
    safe: bytes, password: bytes, name: str, iterations: int, random: Callable[[int], bytes]
) -> MacData:
    """Make a MAC.

    Raises:
        ConfigError: the name is none of a hash that is supported.
    """
    if name not in _MACS:
        raise ConfigError(f"no MAC with {name} in PKCS#12; give one of {', '.join(_MACS)}")
    salt = random(_SALT_BYTES)
    algorithm = asn1.encode_der(Algorithm(algorithm=_MACS[name][0], parameters=asn1.Null()))
    digest = _digest(name, bmp_password(password), salt, iterations, safe)
    mac = DigestInfo(algorithm=as_tlv(algorithm), digest=digest)
    return MacData(mac=mac, salt=salt, iterations=iterations)


def _digest(name: str, bmp: bytes, salt: bytes, iterations: int, safe: bytes) -> bytes:
    _, make_hash, size = _MACS[name]
    context = HMAC(pkcs12_kdf(name, _PURPOSE, bmp, salt, iterations, size), make_hash())
    context.update(safe)
    return context.finalize()
