"""Tongsuo's X.509: what its verifier says of chains and CRLs, and what it signs itself."""

from __future__ import annotations

import ctypes as c
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peers import libtongsuo as lt

PTR, INT, LONG, STR = c.c_void_p, c.c_int, c.c_long, c.c_char_p
CRL_CHECK, CRL_CHECK_ALL = 0x4, 0x8
_POLICY_CHECK, _EXPLICIT_POLICY, _PARTIAL_CHAIN = 0x80, 0x100, 0x80000
_PURPOSES = {"client": 1, "server": 2}
_SM2 = 1172  # NID_sm2, the type that makes an EC key sign with SM2

_PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "d2i_X509": (PTR, PTR, c.POINTER(STR), LONG),
    "d2i_X509_CRL": (PTR, PTR, c.POINTER(STR), LONG),
    "d2i_X509_REQ": (PTR, PTR, c.POINTER(STR), LONG),
    "d2i_AutoPrivateKey": (PTR, PTR, c.POINTER(STR), LONG),
    "i2d_X509": (INT, PTR, c.POINTER(PTR)),
    "X509_STORE_new": (PTR,),
    "X509_STORE_free": (None, PTR),
    "X509_STORE_add_cert": (INT, PTR, PTR),
    "X509_STORE_add_crl": (INT, PTR, PTR),
    "X509_STORE_set_flags": (INT, PTR, c.c_ulong),
    "X509_STORE_CTX_new": (PTR,),
    "X509_STORE_CTX_free": (None, PTR),
    "X509_STORE_CTX_init": (INT, PTR, PTR, PTR, PTR),
    "X509_verify_cert": (INT, PTR),
    "X509_STORE_CTX_get_error": (INT, PTR),
    "X509_STORE_CTX_get0_param": (PTR, PTR),
    "X509_VERIFY_PARAM_set_time": (None, PTR, LONG),
    "X509_VERIFY_PARAM_set_purpose": (INT, PTR, INT),
    "X509_VERIFY_PARAM_set_depth": (None, PTR, INT),
    "X509_VERIFY_PARAM_set_flags": (INT, PTR, c.c_ulong),
    "X509_VERIFY_PARAM_add0_policy": (INT, PTR, PTR),
    "X509_VERIFY_PARAM_set1_host": (INT, PTR, STR, c.c_size_t),
    "X509_VERIFY_PARAM_set1_ip_asc": (INT, PTR, STR),
    "OBJ_txt2obj": (PTR, STR, INT),
    "X509_get_pubkey": (PTR, PTR),
    "X509_CRL_verify": (INT, PTR, PTR),
    "X509_REQ_get_pubkey": (PTR, PTR),
    "X509_REQ_verify": (INT, PTR, PTR),
    "X509_sign": (INT, PTR, PTR, PTR),
    "X509_CRL_sign": (INT, PTR, PTR, PTR),
    "i2d_X509_CRL": (INT, PTR, c.POINTER(PTR)),
    "EVP_sm3": (PTR,),
    "EVP_PKEY_set_alias_type": (INT, PTR, INT),
    "OPENSSL_sk_new_null": (PTR,),
    "OPENSSL_sk_push": (INT, PTR, PTR),
    "OPENSSL_sk_free": (None, PTR),
}


@functools.cache
def _library() -> c.CDLL:
    lib = lt.library()
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _read(kind: str, der: bytes) -> int:
    lib = _library()
    lib.ERR_clear_error()
    value: int | None = getattr(lib, f"d2i_{kind}")(None, c.byref(c.c_char_p(der)), len(der))
    if value is None:
        raise ValueError(f"Tongsuo cannot read it: {lt.drain_errors(lib)}")
    return value


@dataclass(frozen=True)
class Asked:
    """What is asked of a path.

    Attributes:
        moment: of the verification, seconds of Unix time.
        purpose: "client" or "server".
        depth: the most certificates between the first and the last.
        policies: acceptable ones, dotted; ``explicit`` = one of them is demanded.
        host: a DNS name or an IP address; "" = none.
    """

    moment: int
    purpose: str
    depth: int
    policies: Sequence[str]
    explicit: bool
    host: str = ""
    is_address: bool = False

    def put_to(self, context: int) -> None:
        """Set it, and that any certificate of the store ends the path."""
        lib = _library()
        param = lib.X509_STORE_CTX_get0_param(context)
        lib.X509_VERIFY_PARAM_set_time(param, self.moment)
        lib.X509_VERIFY_PARAM_set_purpose(param, _PURPOSES[self.purpose])
        lib.X509_VERIFY_PARAM_set_depth(param, self.depth)
        flags = _POLICY_CHECK | _PARTIAL_CHAIN | (_EXPLICIT_POLICY if self.explicit else 0)
        lib.X509_VERIFY_PARAM_set_flags(param, flags)
        for policy in self.policies:
            oid = lib.OBJ_txt2obj(policy.encode(), 1)
            lib.X509_VERIFY_PARAM_add0_policy(param, oid)
        if self.is_address:
            lib.X509_VERIFY_PARAM_set1_ip_asc(param, self.host.encode())
        elif self.host:
            lib.X509_VERIFY_PARAM_set1_host(param, self.host.encode(), 0)


def verify(
    leaf: bytes,
    *,
    roots: Sequence[bytes],
    untrusted: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    crl_check: bool = False,
    asked: Asked | None = None,
) -> str:
    """Build and check a path, with the CRLs of all its CAs if asked; "ok" or what is wrong.

    Objects are left to the end of the process: tests are few and small.
    """
    lib = _library()
    store, context = lib.X509_STORE_new(), lib.X509_STORE_CTX_new()
    stack = lib.OPENSSL_sk_new_null()
    for der in roots:
        lib.X509_STORE_add_cert(store, _read("X509", der))
    for der in crls:
        lib.X509_STORE_add_crl(store, _read("X509_CRL", der))
    for der in untrusted:
        lib.OPENSSL_sk_push(stack, _read("X509", der))
    if crl_check:
        lib.X509_STORE_set_flags(store, CRL_CHECK | CRL_CHECK_ALL)
    lib.X509_STORE_CTX_init(context, store, _read("X509", leaf), stack)
    if asked is not None:
        asked.put_to(context)
    good = lib.X509_verify_cert(context) == 1
    text: bytes = lib.X509_verify_cert_error_string(lib.X509_STORE_CTX_get_error(context))
    lib.X509_STORE_CTX_free(context)
    lib.X509_STORE_free(store)
    lib.OPENSSL_sk_free(stack)
    assert good == (text == b"ok")
    return text.decode()


def verify_crl(crl: bytes, issuer: bytes) -> bool:
    """Whether the issuer's key signed the list."""
    lib = _library()
    key = lib.X509_get_pubkey(_read("X509", issuer))
    return bool(lib.X509_CRL_verify(_read("X509_CRL", crl), key) == 1)


def verify_request(request: bytes) -> bool:
    """Whether the key in a request signed it."""
    lib = _library()
    read = _read("X509_REQ", request)
    return bool(lib.X509_REQ_verify(read, lib.X509_REQ_get_pubkey(read)) == 1)


def sign_again(der: bytes, issuer_key: bytes, kind: str = "X509") -> bytes:
    """Read a certificate or a CRL, write it anew and sign it with Tongsuo; PKCS#8 key, DER all."""
    lib = _library()
    read, key = _read(kind, der), _read("AutoPrivateKey", issuer_key)
    lib.EVP_PKEY_set_alias_type(key, _SM2)
    if getattr(lib, f"{kind}_sign")(read, key, lib.EVP_sm3()) <= 0:
        raise ValueError(f"Tongsuo cannot sign it: {lt.drain_errors(lib)}")
    out = c.create_string_buffer(1 << 14)
    place = PTR(c.addressof(out))
    size: int = getattr(lib, f"i2d_{kind}")(read, c.byref(place))
    return out.raw[:size]
