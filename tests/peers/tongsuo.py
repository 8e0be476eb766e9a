"""Tongsuo as a peer: bytes in, bytes out, in this process.

::

    context = TongsuoContext("server", PartyFiles.named(pki, "server"), ciphers=[ECC_GCM])
    with context, TongsuoPeer(context) as peer:
        peer.feed(bytes_from_our_client)
        peer.do_handshake()
        send(peer.take())
"""

from __future__ import annotations

import contextlib
import ctypes as c
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Literal, NamedTuple, Self

from peers import libtongsuo as lt
from peers.files import PartyFiles

ECC_CBC, ECC_GCM = "ECC-SM2-SM4-CBC-SM3", "ECC-SM2-SM4-GCM-SM3"
ECDHE_CBC, ECDHE_GCM = "ECDHE-SM2-SM4-CBC-SM3", "ECDHE-SM2-SM4-GCM-SM3"
ALL_CIPHERS = (ECC_CBC, ECC_GCM, ECDHE_CBC, ECDHE_GCM)

ClientAuthMode = Literal["none", "optional", "required"]
_VERIFY: dict[ClientAuthMode, int] = {
    "none": 0,
    "optional": lt.VERIFY_PEER,
    "required": lt.VERIFY_PEER | lt.VERIFY_FAIL_IF_NO_PEER_CERT,
}
_BUFFER_BYTES = 1 << 16


class TongsuoError(Exception):
    """Tongsuo refused something; ``texts`` holds its error queue, oldest first."""

    def __init__(self, what: str, texts: list[str]) -> None:
        super().__init__(f"{what}: {'; '.join(texts) or 'no error queued'}")
        self.texts = texts


class Alert(NamedTuple):
    """One alert as Tongsuo reports it."""

    direction: Literal["sent", "received"]
    level: int
    description: int


class TongsuoContext:
    """An SSL_CTX for TLCP: certificates, trusted root, suites.

    Args:
        role: "client" or "server".
        files: certificates and keys, and the root to trust.
        ciphers: Tongsuo's names of suites.
        client_auth: what a server asks of its clients.
        with_identity: False for a client that has no certificates.
        server_name: what a client asks for (server_name extension) and checks in the certificate.
        keylog: gets each key log line.
        auto_chain: append the root to the certificates sent; GmSSL 3.1.1 refuses that.
        tickets: offer or issue session tickets; GmSSL 3.1.1 refuses any extension.
        empty_records: send an empty record before data, as Tongsuo does with CBC; GmSSL's client
            takes one for the whole reply.
    """

    def __init__(
        self,
        role: Literal["client", "server"],
        files: PartyFiles,
        *,
        ciphers: Iterable[str] = ALL_CIPHERS,
        client_auth: ClientAuthMode = "required",
        with_identity: bool = True,
        server_name: str | None = None,
        keylog: Callable[[str], None] | None = None,
        auto_chain: bool = True,
        tickets: bool = True,
        empty_records: bool = True,
    ) -> None:
        self.role, self.files, self.server_name = role, files, server_name
        self.lib = lib = lt.library()
        lib.ERR_clear_error()
        method = lib.NTLS_server_method if role == "server" else lib.NTLS_client_method
        self._ctx: int | None = lib.SSL_CTX_new(method())
        lib.SSL_CTX_enable_ntls(self._ctx)
        try:
            self._load(with_identity)
            self._check(
                lib.SSL_CTX_set_cipher_list(self._ctx, ":".join(ciphers).encode()), "cipher list"
            )
        except TongsuoError:
            self.close()
            raise
        lib.SSL_CTX_set_verify(self._ctx, _VERIFY[client_auth] if role == "server" else 1, None)
        if not auto_chain:
            lib.SSL_CTX_ctrl(self._ctx, lt.CTRL_MODE, lt.MODE_NO_AUTO_CHAIN, None)
        if not tickets:
            lib.SSL_CTX_set_options(self._ctx, lt.OP_NO_TICKET)
        if not empty_records:
            lib.SSL_CTX_set_options(self._ctx, lt.OP_DONT_INSERT_EMPTY_FRAGMENTS)
        # C keeps only the address of the callback: it must live as long as the context
        self._keylog = lt.KeylogCallback(lambda _, line: keylog(line.decode()) if keylog else None)
        if keylog:
            lib.SSL_CTX_set_keylog_callback(self._ctx, self._keylog)

    def _load(self, with_identity: bool) -> None:
        lib, files = self.lib, self.files
        if with_identity:
            for use, path in (
                (lib.SSL_CTX_use_sign_certificate_file, files.sign_cert),
                (lib.SSL_CTX_use_sign_PrivateKey_file, files.sign_key),
                (lib.SSL_CTX_use_enc_certificate_file, files.enc_cert),
                (lib.SSL_CTX_use_enc_PrivateKey_file, files.enc_key),
            ):
                self._check(use(self._ctx, str(path).encode(), lt.FILETYPE_PEM), str(path))
        ca = str(files.ca).encode()
        self._check(lib.SSL_CTX_load_verify_locations(self._ctx, ca, None), str(files.ca))
        if self.role == "server":
            names = lib.SSL_load_client_CA_file(ca)
            self._check(bool(names), str(files.ca))
            lib.SSL_CTX_set_client_CA_list(self._ctx, names)  # takes ownership
            # without it a server that asks for certificates refuses to resume
            lib.SSL_CTX_set_session_id_context(self._ctx, b"tests", 5)

    def _check(self, result: int, what: str) -> None:
        if result != 1:
            raise TongsuoError(what, lt.drain_errors(self.lib))

    def new_ssl(self) -> int:
        """A new SSL object of this context, in the right role."""
        if self._ctx is None:
            raise ValueError("this TongsuoContext is closed")
        lib = self.lib
        ssl: int = lib.SSL_new(self._ctx)
        if self.role == "server":
            lib.SSL_set_accept_state(ssl)
            return ssl
        lib.SSL_set_connect_state(ssl)
        if self.server_name is not None:
            name = self.server_name.encode()
            lib.SSL_ctrl(ssl, lt.CTRL_SET_TLSEXT_HOSTNAME, 0, c.c_char_p(name))
            lib.SSL_set1_host(ssl, name)
        return ssl

    def close(self) -> None:
        """Free the context; SSL objects made from it keep what they need."""
        if self._ctx is not None:
            self.lib.SSL_CTX_free(self._ctx)
            self._ctx = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class TongsuoSession:
    """A session that a client got, for a later connection; free it with ``close``.

    Attributes:
        has_ticket: whether it is continued by a ticket (RFC 5077) and not by its id.
    """

    def __init__(self, lib: c.CDLL, ssl: int) -> None:
        self._lib = lib
        self.handle: int | None = lib.SSL_get1_session(ssl)
        self.has_ticket = bool(self.handle and lib.SSL_SESSION_has_ticket(self.handle))

    def close(self) -> None:
        """Give it up."""
        if self.handle is not None:
            self._lib.SSL_SESSION_free(self.handle)
            self.handle = None


class TongsuoPeer:
    """One TLCP connection of Tongsuo over memory BIOs.

    Args:
        context: whose certificates and settings it uses; a server's sessions live there.
        session: for a client, what to continue.

    Attributes:
        alerts: alerts sent and received so far, in order.
        error_text: every error that Tongsuo queued so far, one a line.
        eof: True once the other side's close_notify has come.
    """

    def __init__(self, context: TongsuoContext, session: TongsuoSession | None = None) -> None:
        self._context = context  # its key log callback must outlive the SSL object
        self.lib = lib = context.lib
        self.alerts: list[Alert] = []
        self._errors: list[str] = []
        self.eof = False
        self._ssl: int | None = context.new_ssl()
        self._incoming, self._outgoing = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        for bio in (self._incoming, self._outgoing):
            lib.BIO_ctrl(bio, lt.BIO_SET_MEM_EOF_RETURN, -1, None)  # empty means "later", not "end"
        lib.SSL_set_bio(self._ssl, self._incoming, self._outgoing)  # which now owns both
        self._info = lt.InfoCallback(self._on_info)
        lib.SSL_set_info_callback(self._ssl, self._info)
        self._buffer = c.create_string_buffer(_BUFFER_BYTES)
        if session is not None:
            lib.SSL_set_session(self._ssl, session.handle)

    def _on_info(self, _ssl: int, where: int, value: int) -> None:
        if where & lt.CB_ALERT:
            direction: Literal["sent", "received"] = "received" if where & lt.CB_READ else "sent"
            self.alerts.append(Alert(direction, value >> 8, value & 0xFF))

    @property
    def _live(self) -> int:
        if self._ssl is None:
            raise _closed()
        return self._ssl

    def _outcome(self, result: int, what: str) -> bool:
        """True for success, False for "needs more bytes"; anything else raises."""
        if result > 0:
            return True
        code = self.lib.SSL_get_error(self._live, result)
        texts = lt.drain_errors(self.lib)
        self._errors += texts
        if code in (lt.ERROR_WANT_READ, lt.ERROR_WANT_WRITE):
            return False
        if code == lt.ERROR_ZERO_RETURN:
            self.eof = True
            return False
        raise TongsuoError(f"{what} of Tongsuo's {self._context.role}", texts)

    def feed(self, data: bytes) -> None:
        """Hand over bytes that came from the other side."""
        if self._ssl is None:
            raise _closed()
        if data:
            self.lib.BIO_write(self._incoming, data, len(data))

    def take(self) -> bytes:
        """All bytes that are to be sent to the other side now."""
        if self._ssl is None:
            raise _closed()
        out = bytearray()
        while (size := self.lib.BIO_read(self._outgoing, self._buffer, _BUFFER_BYTES)) > 0:
            out += self._buffer.raw[:size]
        return bytes(out)

    def do_handshake(self) -> bool:
        """Go on with the handshake; True once it is done.

        Raises:
            TongsuoError: the handshake failed; ``take`` may still hold the alert to send.
        """
        self.lib.ERR_clear_error()
        return self._outcome(self.lib.SSL_do_handshake(self._live), "handshake")

    def write(self, data: bytes) -> None:
        """Encrypt application data of any length; ``take`` gives the records."""
        while data:
            self.lib.ERR_clear_error()
            size = self.lib.SSL_write(self._live, data, len(data))
            if not self._outcome(size, "write"):
                raise TongsuoError("write before the handshake is done", [])
            data = data[size:]

    def read(self) -> bytes | None:
        """Application data received: some bytes, None if none has come, b"" after close_notify."""
        self.lib.ERR_clear_error()
        size = self.lib.SSL_read(self._live, self._buffer, _BUFFER_BYTES)
        if self._outcome(size, "read"):
            return self._buffer.raw[:size]
        return b"" if self.eof else None

    def read_all(self) -> bytes:
        """All application data that can be read now."""
        out = bytearray()
        while data := self.read():
            out += data
        return bytes(out)

    def shutdown(self) -> bool:
        """Send close_notify, once; True when both sides have sent theirs."""
        self.lib.ERR_clear_error()
        result = self.lib.SSL_shutdown(self._live)
        return result != 0 and self._outcome(result, "shutdown")

    @property
    def version(self) -> str:
        """The protocol, as Tongsuo names it: "NTLSv1.1" is TLCP."""
        name: bytes = self.lib.SSL_get_version(self._live)
        return name.decode()

    @property
    def cipher_name(self) -> str:
        """Tongsuo's name of the suite agreed on, "" before that."""
        cipher = self.lib.SSL_get_current_cipher(self._live)
        name: bytes = self.lib.SSL_CIPHER_get_name(cipher) if cipher else b""
        return name.decode()

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was continued."""
        return bool(self.lib.SSL_session_reused(self._live))

    def session(self) -> TongsuoSession:
        """What a client got to continue later; ask once the handshake is done."""
        return TongsuoSession(self.lib, self._live)

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The other side's signing certificate, None if it sent none."""
        certificate = self.lib.SSL_get_peer_certificate(self._live)
        if not certificate:
            return None
        buffer = c.create_string_buffer(self.lib.i2d_X509(certificate, None))
        self.lib.i2d_X509(certificate, c.byref(c.c_void_p(c.addressof(buffer))))
        self.lib.X509_free(certificate)
        return buffer.raw

    @property
    def verify_result(self) -> tuple[int, str]:
        """X509_V_* code of the check of the other side's certificates, and its text."""
        code: int = self.lib.SSL_get_verify_result(self._live)
        text: bytes = self.lib.X509_verify_cert_error_string(code)
        return code, text.decode()

    @property
    def error_text(self) -> str:
        """Every error that Tongsuo queued for this connection so far, one a line."""
        return "\n".join(self._errors)

    def close(self) -> None:
        """Free the connection; nothing is sent."""
        if self._ssl is not None:
            self.lib.SSL_free(self._ssl)
            self._ssl = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _closed() -> ValueError:
    return ValueError("this TongsuoPeer is closed")


def run_handshake(client: TongsuoPeer, server: TongsuoPeer) -> None:
    """Carry bytes between two of Tongsuo's peers until both are done, or one refuses.

    Raises:
        TongsuoError: of the side that failed first; the other side has then seen its alert.
    """
    done: set[TongsuoPeer] = set()
    for _ in range(8):
        for peer, other in ((client, server), (server, client)):
            try:
                if peer.do_handshake():
                    done.add(peer)
            except TongsuoError:
                other.feed(peer.take())
                with contextlib.suppress(TongsuoError):
                    other.do_handshake()
                raise
            other.feed(peer.take())
        if len(done) == 2:
            return
    raise TongsuoError("the handshake makes no progress", [])
