"""Tongsuo at its best: its C functions through cffi, with no Python between the calls.

Connections of a pair share their memory BIOs, so that no byte passes through Python; tickets and
the session cache are off but where sessions are resumed; the root is not sent, as we do not send
it. Contexts come from ``tests/peers/tongsuo.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from benchmarks import libraries
from peers.files import PartyFiles
from peers.tongsuo import ClientAuthMode, TongsuoContext
from tlcp.crypto.pem import split_pem

__all__ = ["TongsuoCipher", "TongsuoPair", "TongsuoStore", "hmac", "library", "sm3", "version"]

_DECLARATIONS = """
const char *OpenSSL_version(int);
void *SSL_new(void *); void SSL_free(void *);
void SSL_set_connect_state(void *); void SSL_set_accept_state(void *);
int SSL_do_handshake(void *); void SSL_set_bio(void *, void *, void *);
void *SSL_get1_session(void *); int SSL_set_session(void *, void *);
int SSL_session_reused(void *); int SSL_SESSION_has_ticket(void *); void SSL_SESSION_free(void *);
int SSL_CTX_set_session_id_context(void *, const char *, unsigned int);
void SSL_set_shutdown(void *, int);
int SSL_write(void *, const void *, int); int SSL_read(void *, void *, int);
long SSL_ctrl(void *, int, long, void *); int SSL_set1_host(void *, const char *);
long SSL_CTX_ctrl(void *, int, long, void *);
void *SSL_get_current_cipher(void *); const char *SSL_CIPHER_get_name(void *);
long SSL_get_verify_result(void *);
void *BIO_new(void *); void *BIO_s_mem(void); int BIO_up_ref(void *);
long BIO_ctrl(void *, int, long, void *);
void *EVP_CIPHER_CTX_new(void); int EVP_CIPHER_CTX_ctrl(void *, int, int, void *);
int EVP_CIPHER_CTX_set_padding(void *, int);
void *EVP_sm4_cbc(void); void *EVP_sm4_gcm(void); void *EVP_sm3(void);
int EVP_CipherInit_ex(void *, void *, void *, const char *, const char *, int);
int EVP_CipherUpdate(void *, char *, int *, const char *, int);
int EVP_CipherFinal_ex(void *, char *, int *);
int EVP_Digest(const char *, size_t, char *, void *, void *, void *);
void *HMAC(void *, const char *, int, const char *, size_t, char *, void *);
void *d2i_X509(void *, const char **, long); void X509_free(void *);
void *X509_STORE_new(void); int X509_STORE_add_cert(void *, void *);
void *X509_STORE_CTX_new(void); void X509_STORE_CTX_free(void *);
int X509_STORE_CTX_init(void *, void *, void *, void *); int X509_verify_cert(void *);
int X509_STORE_CTX_get_error(void *);
void *OPENSSL_sk_new_null(void); int OPENSSL_sk_push(void *, void *); void OPENSSL_sk_free(void *);
"""
_SET_SESS_CACHE_MODE, _EXTRA_CHAIN_CERT, _SET_HOSTNAME = 44, 14, 55
_MEM_EOF_RETURN = 130
_SESS_CACHE_OFF, _SESS_CACHE_SERVER = 0, 2
_BOTH_CLOSED = 3
_GET_TAG, _SET_TAG = 0x10, 0x11


@functools.cache
def library() -> tuple[Any, Any]:
    """cffi's ``ffi`` and ``lib`` of Tongsuo."""
    path = libraries.tongsuo_path()
    if path is None:
        raise RuntimeError("Tongsuo is not installed: pip install tongsuopy")
    return libraries.foreign(_DECLARATIONS, path)


def version() -> str:
    """What the library calls itself."""
    ffi, lib = library()
    own, base = (bytes(ffi.string(lib.OpenSSL_version(what))).decode() for what in (6, 0))
    return f"{own} ({base.rpartition('  ')[0] or base})"


# ---- connections -------------------------------------------------------------------------


class TongsuoPair:
    """Contexts of a client and a server, and connections between them.

    Args:
        client, server: their certificates, keys and trusted roots.
        suite: Tongsuo's name of the only one.
        host: what the client asks for and checks.
        client_auth: what the server asks of the client.
        sessions: how they can be resumed: "id" or "ticket", "" for not at all.

    Raises:
        RuntimeError: they cannot connect, or not as asked for.
    """

    def __init__(
        self,
        client: PartyFiles,
        server: PartyFiles,
        suite: str,
        host: str,
        client_auth: ClientAuthMode = "required",
        sessions: Literal["", "id", "ticket"] = "",
    ) -> None:
        self._sessions = sessions
        self._ffi, self._lib = library()
        self._host = self._ffi.new("char[]", host.encode())
        self._kept = [
            self._context("client", client, suite),
            self._context("server", server, suite, client_auth),
        ]
        self._client, self._server = (
            self._ffi.cast("void *", context._ctx) for context in self._kept
        )
        near, far = self.connect()
        cipher = self._ffi.string(self._lib.SSL_CIPHER_get_name(self._cipher(near))).decode()
        results = [self._lib.SSL_get_verify_result(end) for end in (near, far)]
        if cipher != suite or results != [0, 0]:
            raise RuntimeError(f"Tongsuo agreed on {cipher}, not {suite}; verified: {results}")
        self.close(near, far)

    def _cipher(self, end: Any) -> Any:
        return self._lib.SSL_get_current_cipher(end)

    def _context(
        self,
        role: Literal["client", "server"],
        files: PartyFiles,
        suite: str,
        client_auth: ClientAuthMode = "required",
    ) -> TongsuoContext:
        context = TongsuoContext(
            role,
            files,
            ciphers=[suite],
            client_auth=client_auth,
            auto_chain=False,
            tickets=self._sessions == "ticket",
            empty_records=False,
        )
        ffi, lib = self._ffi, self._lib
        pointer = ffi.cast("void *", context._ctx)
        caches = role == "server" and self._sessions == "id"
        mode = _SESS_CACHE_SERVER if caches else _SESS_CACHE_OFF
        lib.SSL_CTX_ctrl(pointer, _SET_SESS_CACHE_MODE, mode, ffi.NULL)
        if self._sessions:  # a server that verifies clients resumes nothing without one
            lib.SSL_CTX_set_session_id_context(pointer, b"bench", 5)
        for der in _ders(files.sign_cert)[1:]:  # the CAs below the root
            lib.SSL_CTX_ctrl(pointer, _EXTRA_CHAIN_CERT, 0, parse(der))
        return context

    def connect(self, session: Any = None) -> tuple[Any, Any]:
        """A handshake; returns client and server, which ``close`` frees.

        Args:
            session: what the client asks to continue, see ``session``.
        """
        ffi, lib = self._ffi, self._lib
        near, far = lib.SSL_new(self._client), lib.SSL_new(self._server)
        lib.SSL_set_connect_state(near)
        lib.SSL_set_accept_state(far)
        lib.SSL_ctrl(near, _SET_HOSTNAME, 0, self._host)
        lib.SSL_set1_host(near, self._host)
        if session is not None:
            lib.SSL_set_session(near, session)
        up, down = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        for bio in (up, down):
            lib.BIO_ctrl(bio, _MEM_EOF_RETURN, -1, ffi.NULL)  # empty means "later", not "end"
            lib.BIO_up_ref(bio)
        lib.SSL_set_bio(near, down, up)
        lib.SSL_set_bio(far, up, down)
        for _ in range(8):
            if lib.SSL_do_handshake(near) + lib.SSL_do_handshake(far) == 2:
                return near, far
        raise RuntimeError("Tongsuo's handshake makes no progress")

    def close(self, near: Any, far: Any) -> None:
        """Free a connection."""
        if self._sessions:  # or its session would end with it
            self._lib.SSL_set_shutdown(near, _BOTH_CLOSED)
            self._lib.SSL_set_shutdown(far, _BOTH_CLOSED)
        self._lib.SSL_free(near)
        self._lib.SSL_free(far)

    def connect_and_keep_server(self) -> Any:
        """The server's end of a connection whose client has gone."""
        near, far = self.connect()
        self._lib.SSL_free(near)
        return far

    def handshake(self, session: Any = None) -> None:
        """Connect, and free what was made for it."""
        self.close(*self.connect(session))

    def session(self) -> Any:
        """An ``SSL_SESSION *`` that the pair can continue again and again; free it.

        Raises:
            RuntimeError: it is not continued, or not in the way asked for.
        """
        lib = self._lib
        ends = self.connect()
        session = lib.SSL_get1_session(ends[0])
        self.close(*ends)
        by_ticket = bool(lib.SSL_SESSION_has_ticket(session))
        for _ in range(2):  # once could end it
            ends = self.connect(session)
            reused = [lib.SSL_session_reused(end) for end in ends]
            self.close(*ends)
            if reused != [1, 1] or by_ticket != (self._sessions == "ticket"):
                raise RuntimeError(
                    f"Tongsuo's session by {self._sessions}: ticket {by_ticket}, reused {reused}"
                )
        return session

    def free_session(self, session: Any) -> None:
        """Let go of a session."""
        self._lib.SSL_SESSION_free(session)


# ---- certificates ------------------------------------------------------------------------


def _ders(path: Path) -> list[bytes]:
    return [block.der for block in split_pem(path.read_bytes())]


def parse(der: bytes) -> Any:
    """An ``X509 *``."""
    ffi, lib = library()
    buffer = ffi.from_buffer("char[]", der)
    return lib.d2i_X509(ffi.NULL, ffi.new("const char **", buffer), len(der))


class TongsuoStore:
    """A trust store with one root."""

    def __init__(self, root: bytes) -> None:
        self._ffi, self._lib = library()
        self._store = self._lib.X509_STORE_new()
        self._lib.X509_STORE_add_cert(self._store, parse(root))

    def verify(self, ders: Sequence[bytes]) -> None:
        """Parse an end certificate and its CAs, and verify the chain.

        Raises:
            RuntimeError: it does not hold.
        """
        ffi, lib = self._ffi, self._lib
        leaf, *above = certificates = [parse(der) for der in ders]
        stack = lib.OPENSSL_sk_new_null()
        for one in above:
            lib.OPENSSL_sk_push(stack, one)
        context = lib.X509_STORE_CTX_new()
        lib.X509_STORE_CTX_init(context, self._store, leaf, stack)
        good = lib.X509_verify_cert(context)
        code = lib.X509_STORE_CTX_get_error(context)
        lib.X509_STORE_CTX_free(context)
        lib.OPENSSL_sk_free(stack)
        for one in certificates:
            lib.X509_free(one)
        if good != 1 or certificates.count(ffi.NULL):
            raise RuntimeError(f"Tongsuo does not verify the chain: error {code}")


# ---- ciphers and hashes --------------------------------------------------------------------


class TongsuoCipher:
    """SM4 through EVP with its key set before: a call sets the IV and works on one text."""

    def __init__(self, key: bytes, *, gcm: bool, encrypt: bool, size: int) -> None:
        self._ffi, self._lib = library()
        ffi, lib = self._ffi, self._lib
        self._gcm, self._encrypt = gcm, encrypt
        self._context = lib.EVP_CIPHER_CTX_new()
        cipher = lib.EVP_sm4_gcm() if gcm else lib.EVP_sm4_cbc()
        lib.EVP_CipherInit_ex(self._context, cipher, ffi.NULL, key, ffi.NULL, int(encrypt))
        lib.EVP_CIPHER_CTX_set_padding(self._context, 0)
        self._out, self._size = ffi.new("char[]", size + 16), size
        self._length, self._tag = ffi.new("int *"), ffi.new("char[16]")

    def run(self, iv: bytes, text: bytes, tag: bytes = b"") -> int:
        """Encrypt or decrypt; 0 if the tag is wrong."""
        lib, context, null = self._lib, self._context, self._ffi.NULL
        lib.EVP_CipherInit_ex(context, null, null, null, iv, -1)
        lib.EVP_CipherUpdate(context, self._out, self._length, text, self._size)
        if self._gcm and not self._encrypt:
            lib.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, 16, self._ffi.from_buffer("char[]", tag))
        good: int = lib.EVP_CipherFinal_ex(context, self._out + self._size, self._length)
        if self._gcm and self._encrypt:
            lib.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, 16, self._tag)
        return good

    def output(self) -> bytes:
        """What came of the last run; after GCM encryption with the tag."""
        text = bytes(self._ffi.buffer(self._out, self._size))
        tag = bytes(self._ffi.buffer(self._tag)) if self._gcm and self._encrypt else b""
        return text + tag


def sm3(out: Any, text: bytes) -> None:
    """A digest into a buffer of 32 bytes of this library's ``ffi``."""
    ffi, lib = library()
    lib.EVP_Digest(text, len(text), out, ffi.NULL, _sm3(), ffi.NULL)


def hmac(out: Any, key: bytes, text: bytes) -> None:
    """An HMAC-SM3 into a buffer of 32 bytes of this library's ``ffi``."""
    ffi, lib = library()
    lib.HMAC(_sm3(), key, len(key), text, len(text), out, ffi.NULL)


@functools.cache
def _sm3() -> Any:
    return library()[1].EVP_sm3()
