"""SM2 of Tongsuo's C library, found inside the ``tongsuopy`` wheel: a second opinion.

These are the functions below its EVP layer (OpenSSL 1.1.1 names), on its generic curve code.
"""

from __future__ import annotations

import ctypes as c
from typing import Any

try:
    from tongsuopy.backends import _tongsuo
except ImportError:  # a test dependency only
    LIBRARY: Any = None
else:
    LIBRARY = c.CDLL(_tongsuo.__file__)

_PTR, _INT, _SIZE, _BYTES = c.c_void_p, c.c_int, c.c_size_t, c.c_char_p
_SIZE_PTR = c.POINTER(_SIZE)

_PROTOTYPES: dict[str, tuple[Any, ...]] = {  # name: (result, *arguments)
    "OBJ_sn2nid": (_INT, _BYTES),
    "EC_KEY_new_by_curve_name": (_PTR, _INT),
    "EC_KEY_free": (None, _PTR),
    "EC_KEY_oct2key": (_INT, _PTR, _BYTES, _SIZE, _PTR),
    "EC_KEY_oct2priv": (_INT, _PTR, _BYTES, _SIZE),
    "EVP_sm3": (_PTR,),
    "sm2_sign": (_INT, _BYTES, _INT, _PTR, c.POINTER(c.c_uint), _PTR),
    "sm2_verify": (_INT, _BYTES, _INT, _BYTES, _INT, _PTR),
    "sm2_encrypt": (_INT, _PTR, _PTR, _BYTES, _SIZE, _PTR, _SIZE_PTR),
    "sm2_decrypt": (_INT, _PTR, _PTR, _BYTES, _SIZE, _PTR, _SIZE_PTR),
    "SM2_compute_key": (
        *(_INT, _PTR, _SIZE, _INT, _BYTES, _INT, _BYTES, _INT),
        *(_PTR, _PTR, _PTR, _PTR, _PTR),
    ),
}

if LIBRARY is not None:
    for _name, (_result, *_arguments) in _PROTOTYPES.items():
        _function = getattr(LIBRARY, _name)
        _function.restype, _function.argtypes = _result, _arguments

    SM3 = LIBRARY.EVP_sm3()


class TongsuoKey:
    """An EC_KEY on the SM2 curve; the private part may be missing."""

    def __init__(self, point: bytes, scalar: bytes | None = None) -> None:
        self.handle = LIBRARY.EC_KEY_new_by_curve_name(LIBRARY.OBJ_sn2nid(b"SM2"))
        good = LIBRARY.EC_KEY_oct2key(self.handle, point, len(point), None)
        if good == 1 and scalar is not None:
            good = LIBRARY.EC_KEY_oct2priv(self.handle, scalar, len(scalar))
        if good != 1:
            raise ValueError("Tongsuo refuses the key")

    def __del__(self) -> None:
        LIBRARY.EC_KEY_free(self.handle)

    def sign(self, digest: bytes) -> bytes:
        """Sign e = SM3(Z || M); returns DER."""
        out, size = c.create_string_buffer(80), c.c_uint(80)
        if LIBRARY.sm2_sign(digest, len(digest), out, c.byref(size), self.handle) != 1:
            raise ValueError("Tongsuo does not sign")
        return out.raw[: size.value]

    def verify(self, digest: bytes, signature_der: bytes) -> bool:
        size = len(signature_der)
        return bool(LIBRARY.sm2_verify(digest, len(digest), signature_der, size, self.handle) == 1)

    def encrypt(self, plaintext: bytes) -> bytes:
        size = _SIZE(len(plaintext) + 128)
        out = c.create_string_buffer(size.value)
        if not LIBRARY.sm2_encrypt(self.handle, SM3, plaintext, len(plaintext), out, c.byref(size)):
            raise ValueError("Tongsuo does not encrypt")
        return out.raw[: size.value]

    def decrypt(self, ciphertext: bytes) -> bytes:
        size = _SIZE(len(ciphertext))
        out = c.create_string_buffer(size.value)
        if not LIBRARY.sm2_decrypt(
            self.handle, SM3, ciphertext, len(ciphertext), out, c.byref(size)
        ):
            raise ValueError("Tongsuo does not decrypt")
        return out.raw[: size.value]

    def exchange(
        self, own: TongsuoKey, peer: TongsuoKey, peer_r: TongsuoKey, *, initiator: bool
    ) -> bytes:
        """The 48-byte pre-master secret of TLCP; ``self`` is our static key, ``own`` ephemeral."""
        out, user_id = c.create_string_buffer(48), b"1234567812345678"
        keys = (peer_r.handle, own.handle, peer.handle, self.handle)
        if not LIBRARY.SM2_compute_key(
            out, 48, int(initiator), user_id, 16, user_id, 16, *keys, SM3
        ):
            raise ValueError("Tongsuo does not agree on a key")
        return out.raw
