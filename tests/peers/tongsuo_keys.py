"""Key files and PKCS#12 by Tongsuo's own functions: what it writes, and what it reads of ours."""

from __future__ import annotations

import ctypes as c
import functools

from peers.libtongsuo import INT, PTR, STR, drain_errors
from peers.libtongsuo import library as base_library

_PROTOTYPES: dict[str, tuple[object, ...]] = {  # name: (result, *arguments)
    "BIO_free": (INT, PTR),
    "BIO_ctrl_pending": (c.c_size_t, PTR),
    "PEM_read_bio_PrivateKey": (PTR, PTR, PTR, PTR, STR),
    "PEM_write_bio_PKCS8PrivateKey": (INT, PTR, PTR, PTR, STR, INT, PTR, PTR),
    "PEM_write_bio_PKCS8PrivateKey_nid": (INT, PTR, PTR, INT, STR, INT, PTR, PTR),
    "PEM_write_bio_ECPrivateKey": (INT, PTR, PTR, PTR, STR, INT, PTR, PTR),
    "EVP_PKEY_get1_EC_KEY": (PTR, PTR),
    "EC_KEY_free": (None, PTR),
    "EVP_PKEY_free": (None, PTR),
    "i2d_PUBKEY_bio": (INT, PTR, PTR),
    "EVP_get_cipherbyname": (PTR, STR),
    "d2i_X509_bio": (PTR, PTR, PTR),
    "X509_check_private_key": (INT, PTR, PTR),
    "PKCS12_create": (PTR, STR, STR, PTR, PTR, PTR, INT, INT, INT, INT, INT),
    "PKCS12_parse": (INT, PTR, STR, PTR, PTR, PTR),
    "PKCS12_free": (None, PTR),
    "d2i_PKCS12_bio": (PTR, PTR, PTR),
    "i2d_PKCS12_bio": (INT, PTR, PTR),
    "OPENSSL_sk_new_null": (PTR,),
    "OPENSSL_sk_push": (INT, PTR, PTR),
    "OPENSSL_sk_num": (INT, PTR),
    "OPENSSL_sk_value": (PTR, PTR, INT),
    "OPENSSL_sk_free": (None, PTR),
    "OBJ_txt2nid": (INT, STR),
}


@functools.cache
def library() -> c.CDLL:
    """Tongsuo with the functions above declared; skips the test where the wheel is absent."""
    lib = base_library()
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class TongsuoRefused(Exception):
    """It cannot read what it was given."""


def _bio(data: bytes = b"") -> int:
    lib = library()
    bio: int = lib.BIO_new(lib.BIO_s_mem())
    if data:
        lib.BIO_write(bio, data, len(data))
    return bio


def _take(bio: int) -> bytes:
    lib = library()
    size = lib.BIO_ctrl_pending(bio)
    buffer = c.create_string_buffer(size)
    lib.BIO_read(bio, buffer, size)
    lib.BIO_free(bio)
    return buffer.raw


def _checked(result: int | None) -> int:
    if not result:
        raise TongsuoRefused(drain_errors(library()))
    return result


def _key(pem: bytes, password: bytes) -> int:
    lib, bio = library(), _bio(pem)
    lib.ERR_clear_error()
    try:
        return _checked(lib.PEM_read_bio_PrivateKey(bio, None, None, password))
    finally:
        lib.BIO_free(bio)


def _certificate(der: bytes) -> int:
    lib, bio = library(), _bio(der)
    try:
        return _checked(lib.d2i_X509_bio(bio, None))
    finally:
        lib.BIO_free(bio)


def public_key(pem: bytes, password: bytes = b"") -> bytes:
    """Read a private key; its SubjectPublicKeyInfo."""
    key, out = _key(pem, password), _bio()
    library().i2d_PUBKEY_bio(out, key)
    library().EVP_PKEY_free(key)
    return _take(out)


def rewrite(pem: bytes, *, form: str = "pkcs8", password: bytes = b"", cipher: str = "") -> bytes:
    """Read a key in the clear, and write it.

    Args:
        pem: the key.
        form: "pkcs8" or "sec1".
        password: encrypt under it, PKCS#8 only.
        cipher: "sm4-cbc" and so on for PBES2; "" with a password is the SHA-1 and triple DES of
            PKCS#12.
    """
    lib, out, key = library(), _bio(), _key(pem, b"")
    secret = password or None
    size = len(password)
    if form == "sec1":
        ec = lib.EVP_PKEY_get1_EC_KEY(key)
        done = lib.PEM_write_bio_ECPrivateKey(out, ec, None, None, 0, None, None)
        lib.EC_KEY_free(ec)
    elif password and not cipher:
        nid = lib.OBJ_txt2nid(b"PBE-SHA1-3DES")
        done = lib.PEM_write_bio_PKCS8PrivateKey_nid(out, key, nid, secret, size, None, None)
    else:
        method = _checked(lib.EVP_get_cipherbyname(cipher.encode())) if cipher else None
        done = lib.PEM_write_bio_PKCS8PrivateKey(out, key, method, secret, size, None, None)
    lib.EVP_PKEY_free(key)
    _checked(done)
    return _take(out)


def make_pkcs12(
    key_pem: bytes,
    certificate: bytes,
    cas: tuple[bytes, ...],
    password: bytes,
    *,
    key_cipher: str = "",
    certificate_cipher: str = "",
) -> bytes:
    """A PKCS#12 file; without ciphers named, with those that Tongsuo takes itself.

    Args:
        key_pem: in the clear.
        certificate, cas: DER.
        password: of the file.
        key_cipher, certificate_cipher: names of objects, such as "sm4-cbc".
    """
    lib, key, own = library(), _key(key_pem, b""), _certificate(certificate)
    stack, others = lib.OPENSSL_sk_new_null(), [_certificate(ca) for ca in cas]
    for other in others:
        lib.OPENSSL_sk_push(stack, other)
    nids = [
        lib.OBJ_txt2nid(name.encode()) if name else 0 for name in (key_cipher, certificate_cipher)
    ]
    made = lib.PKCS12_create(password, b"a name", key, own, stack, *nids, 0, 0, 0)
    out = _bio()
    lib.i2d_PKCS12_bio(out, _checked(made))
    lib.PKCS12_free(made)
    lib.OPENSSL_sk_free(stack)
    for one in (own, *others):
        lib.X509_free(one)
    lib.EVP_PKEY_free(key)
    return _take(out)


def read_pkcs12(data: bytes, password: bytes) -> tuple[bytes, bytes, tuple[bytes, ...]]:
    """The public key (SubjectPublicKeyInfo), the certificate of the key, the other certificates.

    Raises:
        TongsuoRefused: it does not read it, or the key does not belong to the certificate.
    """
    lib, bio = library(), _bio(data)
    lib.ERR_clear_error()
    parsed = _checked(lib.d2i_PKCS12_bio(bio, None))
    lib.BIO_free(bio)
    key, own, stack = PTR(), PTR(), PTR()
    _checked(lib.PKCS12_parse(parsed, password, c.byref(key), c.byref(own), c.byref(stack)))
    _checked(lib.X509_check_private_key(own, key))
    out = _bio()
    lib.i2d_PUBKEY_bio(out, key)
    count = lib.OPENSSL_sk_num(stack) if stack else 0
    others = tuple(_der(lib.OPENSSL_sk_value(stack, at)) for at in range(count))
    found = (_take(out), _der(own.value), others)
    lib.PKCS12_free(parsed)
    return found


def _der(certificate: int | None) -> bytes:
    lib = library()
    size = lib.i2d_X509(certificate, None)
    buffer = c.create_string_buffer(size)
    lib.i2d_X509(certificate, c.byref(c.cast(buffer, PTR)))
    return buffer.raw
