"""PKCS#12 files with SM2 keys, which ``cryptography`` refuses: ``.p12`` and ``.pfx``.

Read is what OpenSSL, Tongsuo and Bouncy Castle write: PBES2, triple DES, RC2-40; a MAC with SHA-1,
SHA-256 or SM3; DER or BER.  Written is what all of these read.  A file may hold both keys of a
pair; programs that want one key take the first.

Spec: RFC 7292 4, 5.1, B
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.ber import pieces
from tlcp.crypto.der import encode_element
from tlcp.crypto.keyfile import SoftwareKey, encode_private_key, key_cost, load_any_private_key
from tlcp.crypto.pbe import (
    RC2_40,
    EncryptedPrivateKeyInfo,
    Work,
    cost_of,
    decrypt,
    decrypt_pkcs8,
    describe,
    encrypt_pkcs8,
)
from tlcp.crypto.pbes2 import Protection, encrypt_pbes2
from tlcp.crypto.pkcs12_mac import mac_matches, mac_name, make_mac
from tlcp.crypto.pkcs12_structures import (
    CERTIFICATE_BAG,
    DATA,
    ENCRYPTED_DATA,
    FRIENDLY_NAME,
    KEY_BAG,
    LOCAL_KEY_ID,
    SHROUDED_BAG,
    X509,
    AnyAlgorithm,
    Attribute,
    Bag,
    Bags,
    CertificateBag,
    ContentInfo,
    ContentInfos,
    EncryptedContentInfo,
    EncryptedData,
    MacData,
    Pfx,
    as_tlv,
    decoded,
    inner,
    leniently_decoded,
)
from tlcp.errors import ConfigError

__all__ = [
    "Entry",
    "Pkcs12",
    "describe_pkcs12",
    "dump_pkcs12",
    "is_pkcs12",
    "load_pkcs12",
]

_WHAT: Final = "PKCS#12 file"
_VERSION: Final = 3
_SEQUENCE: Final = 0x30
_BMP_STRING: Final = 0x1E
_OCTET_STRING: Final = 0x04
_SEALED: Final = 0x80  # [0], the ciphertext
_CONSTRUCTED: Final = 0x20
_MAC_ITERATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A key to write with its certificate.

    Attributes:
        key: the private key; its repr does not show it.
        certificate: DER.
        name: what programs show ("friendly name"); "" for none.
    """

    key: SoftwareKey
    certificate: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Pkcs12:
    """What a file holds.

    Attributes:
        keys: the private keys, in the order of the file; their reprs do not show them.
        certificates: DER, in the order of the file; which belongs to which key is told by its
            public key.
    """

    keys: tuple[SoftwareKey, ...]
    certificates: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<Pkcs12 {len(self.keys)} keys, {len(self.certificates)} certificates>"


def is_pkcs12(data: bytes) -> bool:
    """Tell whether the bytes are a PKCS#12 file, whatever is inside."""
    return leniently_decoded(Pfx, data) is not None


def describe_pkcs12(data: bytes) -> str:
    """How a file is protected, in words; needs no password.

    Raises:
        ConfigError: it is no such file.
    """
    pfx, infos = _open(data)
    ways = []
    for info in infos:
        if info.type == ENCRYPTED_DATA:
            ways.append(describe(asn1.encode_der(_encrypted(info).info.algorithm), _WHAT))
            continue
        for bag in _bags(_octets(info.content)):
            if bag.type == SHROUDED_BAG:
                shrouded = _parsed(EncryptedPrivateKeyInfo, bag.value)
                ways.append(describe(asn1.encode_der(shrouded.algorithm), _WHAT))
    mac = (
        "no MAC"
        if pfx.mac_data is None
        else f"MAC with HMAC-{mac_name(pfx.mac_data).upper().replace('SHA', 'SHA-')}"
    )
    return "; ".join([*dict.fromkeys(ways), mac]) if ways else f"not encrypted; {mac}"


def load_pkcs12(data: bytes, password: bytes | None = None) -> Pkcs12:
    """Read a file.

    Args:
        data: DER or BER.
        password: UTF-8; b"" is an empty one, None says that there is none.

    Raises:
        ConfigError: no such file, a damaged one, a missing or wrong password, or encryption that
            is not supported.

    Spec: RFC 7292 4, 5.1
    """
    pfx, infos = _open(data)
    if pfx.mac_data is not None:
        if password is None:
            raise _no_password()
        _check_mac(pfx.mac_data, _octets(pfx.auth_safe.content), password, infos)
    work = Work(_WHAT)
    keys: list[SoftwareKey] = []
    certificates: list[bytes] = []
    for info in infos:
        if info.type == ENCRYPTED_DATA:
            work.spend(cost_of(asn1.encode_der(_encrypted(info).info.algorithm), _WHAT))
        if info.type == ENCRYPTED_DATA and _is_rc2(info):
            certificates += _open_rc2(info, _needed(password))
            continue
        for bag in _bags(_contents(info, password)):
            if bag.type == KEY_BAG:
                der = asn1.encode_der(bag.value)
                work.spend(key_cost(len(der)))
                keys.append(load_any_private_key(der))
            elif bag.type == SHROUDED_BAG:
                shrouded = _parsed(EncryptedPrivateKeyInfo, bag.value)
                work.spend(cost_of(asn1.encode_der(shrouded.algorithm), "private key"))
                der = decrypt_pkcs8(asn1.encode_der(bag.value), _needed(password))
                work.spend(key_cost(len(der)))
                keys.append(load_any_private_key(der))
            elif bag.type == CERTIFICATE_BAG:
                held = _parsed(CertificateBag, bag.value)
                certificates += [held.value] if held.type == X509 else []
    return Pkcs12(tuple(keys), tuple(certificates))


def dump_pkcs12(
    entries: Sequence[Entry],
    password: bytes,
    *,
    cas: Sequence[bytes] = (),
    protection: Protection | None = None,
    mac: str = "sha256",
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Write a file.

    Args:
        entries: the keys with their certificates; one, or those of a pair.
        password: UTF-8, not empty.
        cas: DER of the CA certificates to go with them.
        protection: how to encrypt; what OpenSSL and Tongsuo read if not given.
        mac: the hash of the MAC: "sha256", "sha1" or "sm3".
        random: source of salts and IVs.

    Raises:
        ConfigError: an empty password, or an unknown MAC.
    """
    if not password:
        raise ConfigError("a PKCS#12 file with keys needs a password, and this one is empty")
    chosen = protection or Protection()
    keys = [_key_bag(entry, password, chosen) for entry in entries]
    leaves = [_certificate_bag(entry.certificate, _attributes(entry)) for entry in entries]
    certificates = leaves + [_certificate_bag(ca, None) for ca in cas]
    algorithm, sealed = encrypt_pbes2(inner(Bags(items=certificates)), password, chosen, random)
    encrypted = EncryptedData(
        version=0,
        info=EncryptedContentInfo(type=DATA, algorithm=as_tlv(algorithm), content=_sealed(sealed)),
    )
    safe = inner(
        ContentInfos(
            items=[
                ContentInfo(type=ENCRYPTED_DATA, content=as_tlv(asn1.encode_der(encrypted))),
                _data(inner(Bags(items=keys))),
            ]
        )
    )
    return _pfx(safe, make_mac(safe, password, mac, _MAC_ITERATIONS, random))


# ---- reading ---------------------------------------------------------------------------------


def _open(data: bytes) -> tuple[Pfx, list[ContentInfo]]:
    pfx = leniently_decoded(Pfx, data)
    if pfx is None:
        raise ConfigError("expected a PKCS#12 file, got something else, or it is cut off")
    if pfx.version != _VERSION:
        raise ConfigError(f"a PKCS#12 file of version {pfx.version}; expected {_VERSION}")
    if pfx.auth_safe.type != DATA:
        raise ConfigError(
            "the PKCS#12 file is signed or encrypted with a public key; expected one with a "
            "password; export it again with a password"
        )
    infos = leniently_decoded(
        ContentInfos, encode_element(_SEQUENCE, _octets(pfx.auth_safe.content))
    )
    if infos is None:
        raise _damaged()
    return pfx, infos.items


def _contents(info: ContentInfo, password: bytes | None) -> bytes:
    """SafeContents of one part, DER."""
    if info.type == DATA:
        return _octets(info.content)
    if info.type != ENCRYPTED_DATA:
        raise ConfigError(
            f"a part of the {_WHAT} is for a public key; expected parts under a password; "
            "export it again with a password"
        )
    sealed = _encrypted(info).info
    algorithm = asn1.encode_der(sealed.algorithm)
    return decrypt(algorithm, bytes(sealed.content.data), _needed(password), _WHAT)


def _bags(contents: bytes) -> Iterator[Bag]:
    bags = leniently_decoded(Bags, encode_element(_SEQUENCE, contents))
    if bags is None:
        raise _damaged()
    yield from bags.items


def _check_mac(
    mac_data: MacData, safe: bytes, password: bytes, infos: Sequence[ContentInfo]
) -> None:
    if mac_matches(mac_data, safe, password):
        return
    if _decrypts(infos, password):
        raise ConfigError(f"the {_WHAT} is damaged: the password is right, but its MAC is not")
    raise ConfigError(f"the {_WHAT} does not open: the password is wrong, or the file was changed")


def _decrypts(infos: Sequence[ContentInfo], password: bytes) -> bool:
    """Whether the password opens a part, though the MAC is wrong."""
    for info in infos:
        if info.type == ENCRYPTED_DATA and not _is_rc2(info):
            try:
                _contents(info, password)
            except ConfigError as error:
                return "the password is right" in str(error)
            return True
    return False


def _is_rc2(info: ContentInfo) -> bool:
    algorithm = decoded(AnyAlgorithm, asn1.encode_der(_encrypted(info).info.algorithm))
    return algorithm is not None and algorithm.algorithm == RC2_40


def _open_rc2(info: ContentInfo, password: bytes) -> list[bytes]:
    """Certificates under RC2-40, which OpenSSL 1.1 and Tongsuo write.

    ``cryptography`` has that cipher inside its own PKCS#12 reader alone, which stumbles over SM2
    keys and not over certificates: it gets this part as a file of its own.
    """
    whole = replace(info, content=as_tlv(asn1.encode_der(_encrypted(info))))
    safe = inner(ContentInfos(items=[whole]))
    alone = _pfx(safe, make_mac(safe, password, "sha1", 1, os.urandom))
    try:
        found = pkcs12.load_pkcs12(alone, password)
        certificates = [found.cert, *found.additional_certs]
        encoding = serialization.Encoding.DER
        return [one.certificate.public_bytes(encoding) for one in certificates if one is not None]
    except Exception:  # ValueError, TypeError, UnsupportedAlgorithm and more
        raise ConfigError(
            f"the certificates in the {_WHAT} do not open: it is damaged, or holds a key under "
            "RC2-40; write it anew with OpenSSL 3: `openssl pkcs12 -legacy`, then `-export`"
        ) from None


def _needed(password: bytes | None) -> bytes:
    if password is None:
        raise _no_password()
    return password


def _encrypted(info: ContentInfo) -> EncryptedData:
    """A part under the password, its ciphertext in one piece."""
    encrypted: EncryptedData = _parsed(EncryptedData, info.content)
    held = encrypted.info.content
    tag, whole = bytes(held.tag_bytes), bytes(held.data)
    if tag == bytes([_SEALED]):
        return encrypted
    joined = pieces(whole) if tag == bytes([_SEALED | _CONSTRUCTED]) else None
    if joined is None:
        raise _damaged()
    return replace(encrypted, info=replace(encrypted.info, content=_sealed(joined)))


def _sealed(ciphertext: bytes) -> asn1.TLV:
    return as_tlv(encode_element(_SEALED, ciphertext))


def _octets(value: asn1.TLV) -> bytes:
    if bytes(value.tag_bytes) != bytes([_OCTET_STRING]):
        raise _damaged()
    return bytes(value.data)


def _parsed(kind: Any, value: asn1.TLV) -> Any:
    try:
        return value.parse(kind)
    except ValueError:
        raise _damaged() from None


def _damaged() -> ConfigError:
    return ConfigError(f"the {_WHAT} is damaged: its inside is not DER of the standard's structure")


def _no_password() -> ConfigError:
    return ConfigError(
        f"the {_WHAT} is protected by a password, and none is given (--key-password-file, or "
        "password= of load_cert_chain)"
    )


# ---- writing ---------------------------------------------------------------------------------


def _key_bag(entry: Entry, password: bytes, protection: Protection) -> Bag:
    _, der = encode_private_key(entry.key)
    sealed = encrypt_pkcs8(der, password, protection)
    return Bag(type=SHROUDED_BAG, value=as_tlv(sealed), attributes=_attributes(entry))


def _certificate_bag(der: bytes, attributes: asn1.SetOf[Attribute] | None) -> Bag:
    held = CertificateBag(type=X509, value=der)
    return Bag(type=CERTIFICATE_BAG, value=as_tlv(asn1.encode_der(held)), attributes=attributes)


def _attributes(entry: Entry) -> asn1.SetOf[Attribute]:
    """What ties key and certificate together for programs that read more than one."""
    identifier = hashlib.sha1(entry.certificate, usedforsecurity=False).digest()
    attributes = [_attribute(LOCAL_KEY_ID, _OCTET_STRING, identifier)]
    if entry.name:
        name = entry.name.encode("utf-16-be")
        attributes.insert(0, _attribute(FRIENDLY_NAME, _BMP_STRING, name))
    return asn1.SetOf(attributes)


def _attribute(oid: ObjectIdentifier, tag: int, contents: bytes) -> Attribute:
    return Attribute(type=oid, values=asn1.SetOf([as_tlv(encode_element(tag, contents))]))


def _pfx(safe: bytes, mac_data: MacData) -> bytes:
    return asn1.encode_der(Pfx(version=_VERSION, auth_safe=_data(safe), mac_data=mac_data))


def _data(contents: bytes) -> ContentInfo:
    return ContentInfo(type=DATA, content=as_tlv(encode_element(_OCTET_STRING, contents)))
