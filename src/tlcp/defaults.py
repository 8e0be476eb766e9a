"""The paved path: a context with safe settings, and a connection in one call.

Spec: the Python documentation of ``ssl.create_default_context``, ``socket.create_connection``
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time

from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, CertFile, TLCPContext
from tlcp.dialects import AUTO, Dialect, dialect_named
from tlcp.errors import CertificateVerifyError, TLCPError
from tlcp.socket import TLCPSocket
from tlcp.sslobject import host_name

__all__ = ["create_connection", "create_default_context"]


def create_default_context(
    purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
    *,
    cafile: CertFile | None = None,
    capath: CertFile | None = None,
    cadata: str | bytes | None = None,
) -> TLCPContext:
    """A context with safe settings; the twin of ``ssl.create_default_context``.

    Args:
        purpose: ``SERVER_AUTH`` for clients: the server's chain and host name are verified.
            ``CLIENT_AUTH`` for servers: set ``verify_mode = ssl.CERT_REQUIRED`` to verify clients.
        cafile: PEM file of the CAs to trust.
        capath: directory of such files.
        cadata: the same as text or DER. Without any of the three a client trusts the SM2 CAs
            among the system's.

    Raises:
        TypeError: ``purpose`` is no ``ssl.Purpose``.
        ConfigError, OSError: the CAs cannot be read.
    """
    if not isinstance(purpose, ssl.Purpose):
        raise TypeError(purpose)
    client = purpose is ssl.Purpose.SERVER_AUTH
    context = TLCPContext(PROTOCOL_TLCP_CLIENT if client else PROTOCOL_TLCP_SERVER)
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif client:
        context.load_default_certs(purpose)
    path = os.environ.get("SSLKEYLOGFILE")
    if path and not sys.flags.ignore_environment:
        context.keylog_filename = path
    return context


def create_connection(
    address: tuple[str, int],
    context: TLCPContext,
    *,
    server_hostname: str | None = None,
    timeout: float | None = None,
) -> TLCPSocket:
    """Connect over TCP and complete the handshake.

    Where the context's dialect is "auto" and the handshake fails in a way that points to a stack
    with needs of its own, it is tried once more for each dialect that fits, on a new connection.
    What worked is remembered by the context for an hour, "auto" too: a server with which that has
    worked gets no other. Verification is the same in every try.

    Args:
        address: host and port.
        context: for clients.
        server_hostname: the name to verify, if it is not the host of the address.
        timeout: seconds for connecting and for the handshake, all tries together, and for every
            later call; None = forever.

    Raises:
        TLCPError, TimeoutError, OSError: the connection or the handshake failed; the error of the
            first try, but a certificate that is refused in any.
    """
    # in the form in which the context knows its servers
    name, tried, first = host_name(server_hostname or address[0]), set[str](), None
    deadline = None if timeout is None else time.monotonic() + timeout
    dialect: Dialect | None = None
    while True:
        try:
            stream = _connect_once(address, context, name, _left(deadline), dialect)
        except CertificateVerifyError:
            raise  # what the server is matters more than why an earlier try failed
        except (TLCPError, OSError) as error:
            first = first or error
            suggested = getattr(error, "dialect", "")
            known = context.met_dialect(name, address[1]) is AUTO
            if context.dialect is not AUTO or known or not suggested or suggested in tried:
                raise first from None
            tried.add(suggested)
            dialect = dialect_named(suggested)
            continue
        if dialect is not None:
            context.remember_dialect(name, address[1], dialect)
        stream.settimeout(timeout)
        return stream


def _left(deadline: float | None) -> float | None:
    """Seconds until then; a little, so that the call itself tells that the time is over."""
    return None if deadline is None else max(0.001, deadline - time.monotonic())


def _connect_once(
    address: tuple[str, int],
    context: TLCPContext,
    name: str,
    timeout: float | None,
    dialect: Dialect | None,
) -> TLCPSocket:
    sock = socket.create_connection(address, timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.connect_over(sock, name, dialect=dialect)
    except BaseException:
        sock.close()
        raise
