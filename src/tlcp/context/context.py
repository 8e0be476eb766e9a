"""``TLCPContext``: the ``ssl.SSLContext`` that speaks TLCP.

Whatever in Python takes an ``ssl.SSLContext`` takes this one, because it is one: it derives from
the class and mirrors its interface. Nothing of OpenSSL underneath is used. Every public name of
``ssl.SSLContext`` is here, doing what its documentation says, or raising NotImplementedError with
the reason; a test walks the list.

The state of a context is one frozen ``Config``; setters replace it, and each connection keeps the
one it began with.

Spec: the Python documentation of ``ssl.SSLContext``
"""

# mypy: disable-error-code="override, assignment"
# The stubs of ``ssl`` declare plain attributes where the module has properties.

from __future__ import annotations

import operator
import os
import socket
import ssl
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn, Self

from tlcp.config import ClientAuth, Config, Limits
from tlcp.context.handshakes import Handshakes
from tlcp.context.protocol import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, Protocol
from tlcp.context.recorder import RecorderSetting, tapped
from tlcp.context.revocation import RevocationSetting
from tlcp.context.sessions import SessionSettings
from tlcp.dialects import Dialect
from tlcp.dual import DualObject
from tlcp.errors import ConfigError
from tlcp.keylog import KeyLogFile
from tlcp.sessions.client import TLCPSession, check_session
from tlcp.sessions.store import MemoryStore
from tlcp.socket import TLCPSocket
from tlcp.sslobject import TLCPObject, describe_suite, host_name
from tlcp.suites import DEFAULT_SUITES, KeyKind, parse_suites
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import ChainPolicy
from tlcp.x509.files import CertFile, PairFiles, load_cas, load_identity
from tlcp.x509.identity import Identity
from tlcp.x509.peercert import as_dictionary
from tlcp.x509.trust import TrustStore

__all__ = ["TLCPContext"]


_CLIENT_AUTH = {
    ssl.CERT_NONE: ClientAuth.NONE,
    ssl.CERT_OPTIONAL: ClientAuth.OPTIONAL,
    ssl.CERT_REQUIRED: ClientAuth.REQUIRED,
}
SNICallback = Callable[[Any, str | None, "TLCPContext"], int | None]


class TLCPContext(RevocationSetting, SessionSettings, RecorderSetting):  # type: ignore[misc]
    """Settings for TLCP connections, in the shape of an ``ssl.SSLContext``.

    Args:
        protocol: ``PROTOCOL_TLCP_CLIENT`` (verifies the chain and the host name) or
            ``PROTOCOL_TLCP_SERVER`` (asks clients for no certificate until ``verify_mode`` is set).
        config: settings to begin with, instead of the defaults.

    Raises:
        ValueError: another protocol.
    """

    sslobject_class = TLCPObject
    sslsocket_class = TLCPSocket

    def __new__(cls, protocol: int, config: Config | None = None) -> Self:  # noqa: D102
        # OpenSSL's part of the object is never used; its class wants a protocol it knows.
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, protocol: int, config: Config | None = None) -> None:
        try:
            self._protocol = Protocol(operator.index(protocol))
        except ValueError:
            raise ValueError(
                f"protocol {protocol!r}: a TLCPContext is made with "
                "tlcp.PROTOCOL_TLCP_CLIENT or tlcp.PROTOCOL_TLCP_SERVER"
            ) from None
        client = self._protocol is PROTOCOL_TLCP_CLIENT
        store = None if client else MemoryStore()
        default = Config(trust=TrustStore(), client_auth=ClientAuth.NONE, session_store=store)
        self._config = config if config is not None else default
        self._ready: Config | None = None  # what config_for made of it
        self._verify_mode = ssl.CERT_REQUIRED if client else ssl.CERT_NONE
        self._check_hostname = client
        if config is not None:
            self._take_verification(config)
        self._begin_revocation()
        self.handshakes = Handshakes()
        self._sni_callback: SNICallback | None = None
        self._begin_sessions()
        self._recorder = None
        self._rsa_cas: list[bytes] = []  # DER; trusted once RSA suites are enabled
        self._tls_context: ssl.SSLContext | None = None
        self._keylog_closer: weakref.finalize[[], TLCPContext] | None = None

    def _take_verification(self, config: Config) -> None:
        if self._protocol is PROTOCOL_TLCP_CLIENT:
            unverified = config.dangerous_skip_verification
            self._verify_mode = ssl.CERT_NONE if unverified else ssl.CERT_REQUIRED
            self._check_hostname = not (unverified or config.dangerous_skip_host_check)
        else:
            modes = {auth: mode for mode, auth in _CLIENT_AUTH.items()}
            self._verify_mode = modes[config.client_auth]

    def __repr__(self) -> str:
        # aiohttp shows this, and nothing else of ours, where a server hangs up in the handshake.
        client = self._protocol is PROTOCOL_TLCP_CLIENT
        note = " (TLCP only: a port that speaks TLS hangs up on it)" if client else ""
        return f"<TLCPContext {self._protocol.name}{note}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle 'TLCPContext' object: it may hold private keys")

    # ---- what connections take from it ------------------------------------------------------

    @property
    def config(self) -> Config:
        """The settings as they are now, for the sans-IO core."""
        return self._config

    def config_for(self, *, server_side: bool) -> Config:
        """The settings with verification as this context has it; connections share the object.

        Raises:
            ConfigError: the context is for the other side (a ValueError and an ``ssl.SSLError``).
        """
        if server_side != (self._protocol is PROTOCOL_TLCP_SERVER):
            side = "server" if server_side else "client"
            raise ConfigError(f"Cannot create a {side} socket with a {self._protocol.name} context")
        if self._ready is None and server_side:
            self._ready = replace(
                self._recorded(self._config),
                client_auth=_CLIENT_AUTH[self._verify_mode],
                dangerous_skip_verification=self._verify_mode == ssl.CERT_NONE,
            )
        elif self._ready is None:
            self._ready = replace(
                self._recorded(self._config),
                dangerous_skip_verification=self._verify_mode == ssl.CERT_NONE,
                dangerous_skip_host_check=not self._check_hostname,
            )
        return self._ready

    def _change(self, **settings: Any) -> None:
        """Replace settings; connections that have begun keep theirs."""
        self._config, self._ready = replace(self._config, **settings), None

    def _verify(self, mode: ssl.VerifyMode, check_hostname: bool) -> None:
        self._verify_mode, self._check_hostname, self._ready = mode, check_hostname, None

    @property
    def limits(self) -> Limits:
        """What one connection may cost us: seconds, bytes, messages, certificates."""
        return self._config.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        if not isinstance(limits, Limits):
            raise TypeError(f"limits takes a tlcp.config.Limits, not {limits!r}")
        self._change(limits=limits)

    # ---- connections -------------------------------------------------------------------------

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: Any = None,
    ) -> Any:
        """A ``TLCPObject`` between two BIOs; asyncio and the like call this.

        Args:
            incoming: bytes from the peer.
            outgoing: bytes for the peer.
            server_side: this is the server's end.
            server_hostname: name or address that the server's certificates must be for.
            session: a ``TLCPSession`` of this context to continue; without one, the last
                session with this host under this identity is, if there is one.

        Raises:
            TypeError: the session is none of ours.
            ValueError: a name is missing or wrong, or given on a server; so with the session.
            ConfigError: the settings cannot work, or the context is for the other side.
        """
        name = self._check_wrap(server_side, server_hostname, session)
        if self._recorder is not None:
            incoming, outgoing = tapped(incoming, outgoing, self._recorder, server_side=server_side)
        return self.make_object(
            incoming, outgoing, server_side=server_side, server_hostname=name, session=session
        )

    def make_object(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        *,
        server_side: bool,
        server_hostname: str | None,
        owner: object = None,
        session: TLCPSession | None = None,
        port: int | None = None,
        dialect: Dialect | None = None,
    ) -> TLCPObject | DualObject:
        """As ``wrap_bio``, with what only a socket knows.

        That is: the object that an ``sni_callback`` is shown (owner), the server's port, and a
        dialect instead of the one that worked with this server or the context's own.
        """
        if server_side and self._tls_context is not None:
            return DualObject(self, self._tls_context, incoming, outgoing, owner=owner)
        return TLCPObject(
            self,
            incoming,
            outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            owner=owner,
            session=session,
            port=port,
            dialect=dialect or self.met_dialect(server_hostname, port),
        )

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: Any = None,
    ) -> Any:
        """A ``TLCPSocket`` that takes over ``sock``.

        Args:
            sock: a stream socket, connected, listening or neither yet.
            server_side: this is the server's end; a listening socket's ``accept`` wraps, too.
            do_handshake_on_connect: run the handshake here, or when it connects.
            suppress_ragged_eofs: read a missing close_notify as an end of data, as ``ssl`` does;
                False raises ``TruncatedError``.
            server_hostname: name or address that the server's certificates must be for.
            session: as ``wrap_bio``; the last session is that with the same port.

        Raises:
            TypeError, ValueError, ConfigError: as ``wrap_bio``.
            TLCPError, OSError: the handshake failed.
        """
        name = self._check_wrap(server_side, server_hostname, session)
        return TLCPSocket._create(
            sock,
            context=self,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=name,
            session=session,
        )

    def connect_over(
        self, sock: socket.socket, server_hostname: str, *, dialect: Dialect | None = None
    ) -> TLCPSocket:
        """As ``wrap_socket`` on a client's connected socket, in another dialect for this once.

        An error's ``dialect`` names the one worth trying next.

        Raises:
            TLCPError, OSError: the handshake failed.
        """
        name = self._check_wrap(False, server_hostname, None)
        return TLCPSocket._create(
            sock,
            context=self,
            server_side=False,
            do_handshake_on_connect=True,
            suppress_ragged_eofs=True,
            server_hostname=name,
            dialect=dialect,
        )

    def _check_wrap(
        self, server_side: bool, server_hostname: str | bytes | None, session: Any
    ) -> str | None:
        self.config_for(server_side=server_side)
        if session is not None:
            check_session(session, self, server_side=server_side)
        if server_side:
            if server_hostname is not None:
                raise ValueError("server_hostname can only be specified in client mode")
            return None
        if server_hostname is None:
            if self._check_hostname:
                raise ValueError("check_hostname requires server_hostname")
            return None
        return host_name(server_hostname)

    @property
    def tls_context(self) -> ssl.SSLContext | None:
        """A standard server context for clients that speak TLS on the same port, or None.

        The first record tells: version 01 01 is TLCP, version 03 xx is TLS. The standard context
        has rules of its own: whoever speaks TLS passes by the ``verify_mode`` of this one.
        """
        return self._tls_context

    @tls_context.setter
    def tls_context(self, context: ssl.SSLContext | None) -> None:
        if self._protocol is not PROTOCOL_TLCP_SERVER:
            raise ValueError("tls_context is for servers: a client knows what it speaks")
        if isinstance(context, TLCPContext) or not isinstance(context, ssl.SSLContext | None):
            raise TypeError("tls_context takes a standard ssl.SSLContext, or None")
        self._tls_context = context

    # ---- our own certificates ----------------------------------------------------------------

    def load_cert_chain(
        self,
        certfile: CertFile | None = None,
        keyfile: CertFile | None = None,
        password: Any = None,
        *,
        sign: PairFiles | None = None,
        enc: PairFiles | None = None,
    ) -> None:
        """Load our certificates and keys.

        Args:
            certfile: one file, PEM or PKCS#12, with the whole of this side, in any order: both
                certificates, both keys, and CA certificates; which is which is told by key usage.
            keyfile: the keys, if they are in a file of their own.
            password: text, bytes, or a function that returns one and is called if a key is
                encrypted (PKCS#8: ``BEGIN ENCRYPTED PRIVATE KEY``; PKCS#12).
            sign: (certificate file, key file) of the signing pair, instead of ``certfile``; in
                place of the key file a key that lives elsewhere may stand, an object with the
                methods of ``tlcp.crypto.keys.PrivateKey``.
            enc: the same for encryption; a client may go without. The key file may be the
                envelope (SM2EnvelopedKey) in which the CA delivered the key.

        Raises:
            TypeError: the arguments do not go together, or have the wrong type.
            OSError: a file is missing or cannot be read, as in ``ssl``.
            ConfigError: the files do not hold what they should, or do not fit together (an
                ``ssl.SSLError``).
        """
        self.identity = load_identity(certfile, keyfile, password, sign, enc)

    @property
    def identity(self) -> Identity | None:
        """Our certificates and keys; assign one whose keys live elsewhere."""
        return self._config.identity

    @identity.setter
    def identity(self, identity: Identity | None) -> None:
        self._change(identity=identity)

    # ---- trust ---------------------------------------------------------------------------------

    def load_verify_locations(
        self,
        cafile: CertFile | None = None,
        capath: CertFile | None = None,
        cadata: str | bytes | None = None,
    ) -> None:
        """Trust more CAs.

        Certificates without an SM2 key are passed over: a bundle of TLS roots does no harm here,
        and no good. RSA and ECDSA CAs are set aside until ``set_ciphers`` enables RSA suites,
        or ``chain_policy`` mixed chains.

        Args:
            cafile: a PEM or DER file; each certificate in it is trusted, a CA's or not. Revocation
                lists in it are used once ``verify_flags`` ask for it, as in ``ssl``.
            capath: a directory of PEM files, however named; the CA certificates in them are
                trusted, and at once: nothing is looked up later.
            cadata: PEM text, or PEM or DER bytes one after the other.

        Raises:
            TypeError: all three are None, or one has the wrong type.
            OSError: the file or the directory is missing or cannot be read.
            ConfigError: there is no certificate in the file or the data.
        """
        if self._take_crls(cafile):
            cafile = None
            if capath is None and cadata is None:
                return
        found, _ = load_cas(cafile, capath, cadata, rsa=self._takes_rsa, aside=self._rsa_cas)
        self._change(trust=TrustStore([*self._anchors(), *found]))

    def load_default_certs(self, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
        """Trust the SM2 CAs among the system's, where ``ssl`` looks for them.

        Args:
            purpose: as in ``ssl``; makes no difference here.
        """
        self.set_default_verify_paths()

    def set_default_verify_paths(self) -> None:
        """Trust the SM2 CAs of SSL_CERT_FILE and SSL_CERT_DIR, or of the system's own places."""
        paths = ssl.get_default_verify_paths()
        for cafile, capath in ((paths.cafile, None), (None, paths.capath)):
            if cafile is not None or capath is not None:
                try:
                    self.load_verify_locations(cafile, capath)
                except (OSError, ConfigError):  # as in ssl: a missing store is an empty one
                    continue

    def cert_store_stats(self) -> dict[str, int]:
        """How many certificates are trusted: "x509", "x509_ca", "crl"."""
        anchors = self._anchors()
        authorities = sum(c.is_ca for c in anchors)
        return {"x509": len(anchors), "x509_ca": authorities, "crl": len(self._crls)}

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        """The trusted CAs, as dictionaries or DER."""
        cas = [c for c in self._anchors() if c.is_ca]
        return [c.der for c in cas] if binary_form else [as_dictionary(c) for c in cas]

    @property
    def _takes_rsa(self) -> bool:
        """RSA and ECDSA CAs are of use: for RSA suites, or above SM2."""
        rsa_suite = any(suite.key_kind is KeyKind.RSA for suite in self._config.suites)
        return rsa_suite or self._config.chain_policy.mixed

    def _load_waiting(self) -> None:
        if self._rsa_cas and self._takes_rsa:
            waiting, self._rsa_cas = self._rsa_cas, []
            self.load_verify_locations(cadata=b"".join(waiting))

    def _anchors(self) -> tuple[Certificate, ...]:
        return self._config.trust.anchors if self._config.trust is not None else ()

    # ---- verification ------------------------------------------------------------------------

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """CERT_NONE, CERT_OPTIONAL or CERT_REQUIRED."""
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value: int) -> None:
        mode = ssl.VerifyMode(operator.index(value))
        if mode == ssl.CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._verify(mode, self._check_hostname)

    @property
    def check_hostname(self) -> bool:
        """Whether the server's certificates must be for ``server_hostname``."""
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value: bool) -> None:
        unset = value and self._verify_mode == ssl.CERT_NONE
        self._verify(ssl.CERT_REQUIRED if unset else self._verify_mode, bool(value))

    @property
    def hostname_checks_common_name(self) -> bool:
        """False: the common name is never looked at."""
        return False

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: bool) -> None:
        if value:
            raise NotImplementedError("host names are matched against subjectAltName alone")

    @property
    def chain_policy(self) -> ChainPolicy:
        """What is asked of the peer's chains: how long, whose CAs, which policies, how strictly."""
        return self._config.chain_policy

    @chain_policy.setter
    def chain_policy(self, policy: ChainPolicy) -> None:
        self._change(chain_policy=policy)
        self._load_waiting()

    # ---- the protocol ----------------------------------------------------------------------

    @property
    def protocol(self) -> Any:
        """The constant that the context was made with."""
        return self._protocol

    def set_ciphers(self, cipherlist: str, /) -> None:
        """Choose the suites, best first, by the standard's names or OpenSSL's.

        "DEFAULT" and "ALL" stand for all the SM2 suites, in the default order; RSA suites are
        used only where they are named, and they need RSA certificates.

        Raises:
            ConfigError: a name is unknown (an ``ssl.SSLError``).
        """
        if not isinstance(cipherlist, str):
            raise TypeError(f"set_ciphers() argument must be str, not {type(cipherlist).__name__}")
        every = cipherlist.upper() in ("DEFAULT", "ALL")
        self._change(suites=DEFAULT_SUITES if every else parse_suites(cipherlist))
        self._load_waiting()

    def get_ciphers(self) -> Any:
        """The suites that are enabled, as dictionaries with the keys that ``ssl`` documents."""
        return [describe_suite(suite) for suite in self._config.suites]

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Application protocols to offer or accept, best first.

        Raises:
            TypeError: a name is no text.
            ConfigError: a name is empty, too long or not ASCII.
        """
        names = tuple(alpn_protocols)
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"ALPN protocols are text (str), got {names!r}")
        self._change(alpn_protocols=names)

    @property
    def sni_callback(self) -> Any:
        """Called on servers with (connection, server name or None, this context).

        It may assign another context to ``connection.context``; it returns None to go on, or an
        alert (``ssl.ALERT_DESCRIPTION_*``) to refuse.
        """
        return self._sni_callback

    @sni_callback.setter
    def sni_callback(self, callback: Any) -> None:
        if self._protocol is not PROTOCOL_TLCP_SERVER:
            raise ValueError("sni_callback cannot be set on a context for clients")
        if callback is not None and not callable(callback):
            raise TypeError("not a callable object")
        self._sni_callback = callback

    def set_servername_callback(self, server_name_callback: Any) -> None:
        """The older name of ``sni_callback``; the name comes decoded, as in ``ssl``."""
        self.sni_callback = server_name_callback

    @property
    def keylog_filename(self) -> str | None:
        """Where the keys of every connection are written, for Wireshark; None = nowhere."""
        log = self._config.keylog
        return str(log.path) if isinstance(log, KeyLogFile) else None

    @keylog_filename.setter
    def keylog_filename(self, path: CertFile | None) -> None:
        try:
            log = None if path is None else KeyLogFile(os.fsdecode(path))
        except ConfigError as error:  # the system's own error, as in ssl
            raise error.__cause__ or error from None
        if self._keylog_closer is not None:
            self._keylog_closer()
        self._keylog_closer = weakref.finalize(self, log.close) if log is not None else None
        self._change(keylog=log)
