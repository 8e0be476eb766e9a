"""The C functions of Tongsuo that the tests call, found inside the ``tongsuopy`` wheel.

The wheel's own Python API has no TLCP, but its extension module exports the library (BabaSSL
8.3.2, an OpenSSL 1.1.1 with "NTLS"). ``ctypes`` lets go of the GIL during each call, so two
peers may live in two threads; one SSL object must stay with one thread at a time.
"""

from __future__ import annotations

import ctypes as c
import functools
from typing import Any

import pytest

PTR, INT, LONG, STR = c.c_void_p, c.c_int, c.c_long, c.c_char_p

#: void (*)(const SSL *, const char *line)
KeylogCallback = c.CFUNCTYPE(None, PTR, STR)
#: void (*)(const SSL *, int where, int ret)
InfoCallback = c.CFUNCTYPE(None, PTR, INT, INT)

FILETYPE_PEM = 1
VERIFY_PEER, VERIFY_FAIL_IF_NO_PEER_CERT = 1, 2
ERROR_WANT_READ, ERROR_WANT_WRITE, ERROR_ZERO_RETURN = 2, 3, 6
CTRL_MODE, CTRL_SET_TLSEXT_HOSTNAME = 33, 55
MODE_NO_AUTO_CHAIN = 8
OP_DONT_INSERT_EMPTY_FRAGMENTS, OP_NO_TICKET = 0x800, 0x4000
BIO_SET_MEM_EOF_RETURN = 130
CB_ALERT, CB_READ = 0x4000, 0x04

_PROTOTYPES: dict[str, tuple[Any, ...]] = {  # name: (result, *arguments)
    "NTLS_client_method": (PTR,),
    "NTLS_server_method": (PTR,),
    "SSL_CTX_new": (PTR, PTR),
    "SSL_CTX_free": (None, PTR),
    "SSL_CTX_ctrl": (LONG, PTR, INT, LONG, PTR),
    "SSL_CTX_enable_ntls": (None, PTR),
    "SSL_CTX_load_verify_locations": (INT, PTR, STR, STR),
    "SSL_CTX_set_cipher_list": (INT, PTR, STR),
    "SSL_CTX_set_client_CA_list": (None, PTR, PTR),
    "SSL_CTX_set_keylog_callback": (None, PTR, KeylogCallback),
    "SSL_CTX_set_options": (c.c_ulong, PTR, c.c_ulong),
    "SSL_CTX_set_session_id_context": (INT, PTR, STR, c.c_uint),
    "SSL_CTX_set_verify": (None, PTR, INT, PTR),
    "SSL_CTX_use_enc_PrivateKey_file": (INT, PTR, STR, INT),
    "SSL_CTX_use_enc_certificate_file": (INT, PTR, STR, INT),
    "SSL_CTX_use_sign_PrivateKey_file": (INT, PTR, STR, INT),
    "SSL_CTX_use_sign_certificate_file": (INT, PTR, STR, INT),
    "SSL_load_client_CA_file": (PTR, STR),
    "SSL_new": (PTR, PTR),
    "SSL_free": (None, PTR),
    "SSL_ctrl": (LONG, PTR, INT, LONG, PTR),
    "SSL_set1_host": (INT, PTR, STR),
    "SSL_set_bio": (None, PTR, PTR, PTR),
    "SSL_set_accept_state": (None, PTR),
    "SSL_set_connect_state": (None, PTR),
    "SSL_set_info_callback": (None, PTR, InfoCallback),
    "SSL_do_handshake": (INT, PTR),
    "SSL_read": (INT, PTR, PTR, INT),
    "SSL_write": (INT, PTR, PTR, INT),
    "SSL_shutdown": (INT, PTR),
    "SSL_get1_session": (PTR, PTR),
    "SSL_set_session": (INT, PTR, PTR),
    "SSL_session_reused": (INT, PTR),
    "SSL_SESSION_free": (None, PTR),
    "SSL_SESSION_has_ticket": (INT, PTR),
    "SSL_get_error": (INT, PTR, INT),
    "SSL_get_version": (STR, PTR),
    "SSL_get_current_cipher": (PTR, PTR),
    "SSL_CIPHER_get_name": (STR, PTR),
    "SSL_get_peer_certificate": (PTR, PTR),
    "SSL_get_verify_result": (LONG, PTR),
    "X509_verify_cert_error_string": (STR, LONG),
    "X509_free": (None, PTR),
    "i2d_X509": (INT, PTR, PTR),
    "BIO_new": (PTR, PTR),
    "BIO_s_mem": (PTR,),
    "BIO_read": (INT, PTR, PTR, INT),
    "BIO_write": (INT, PTR, STR, INT),
    "BIO_ctrl": (LONG, PTR, INT, LONG, PTR),
    "ERR_clear_error": (None,),
    "ERR_get_error": (c.c_ulong,),
    "ERR_error_string_n": (None, c.c_ulong, STR, c.c_size_t),
    "OpenSSL_version": (STR, INT),
}


@functools.cache
def library() -> c.CDLL:
    """Load Tongsuo once and declare its functions; skip the test where the wheel is absent."""
    try:
        from tongsuopy.backends import _tongsuo
    except ImportError as missing:
        pytest.skip(f"needs Tongsuo: pip install tongsuopy ({missing})")
    lib = c.CDLL(_tongsuo.__file__)
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def drain_errors(lib: c.CDLL) -> list[str]:
    """Take every error of this thread's queue, oldest first."""
    texts = []
    buffer = c.create_string_buffer(256)
    while code := lib.ERR_get_error():
        lib.ERR_error_string_n(code, buffer, len(buffer))
        texts.append(buffer.value.decode("ascii", "replace"))
    return texts
