"""A protocol that turns to TLCP on a connection that is open already: SMTP with STARTTLS."""

from __future__ import annotations

import smtplib
import socket

from libraries import apps, servers
from libraries.contexts import client_context, server_context
from peers.pki import PKI

LIMIT_S = 30.0


def test_smtp_starttls(pki: PKI) -> None:
    context = server_context(pki)
    mail: list[str] = []

    def handle(sock: socket.socket) -> None:
        sock.sendall(b"220 ready\r\n")
        assert sock.recv(1000).startswith(b"ehlo")
        sock.sendall(b"250-here\r\n250 STARTTLS\r\n")
        assert sock.recv(1000) == b"STARTTLS\r\n"
        sock.sendall(b"220 go on\r\n")
        with context.wrap_socket(sock, server_side=True) as stream, stream.makefile("r") as lines:
            mail.append(apps.common_name(stream.getpeercert()) or "")
            for line in lines:
                mail.append(line.strip())
                stream.sendall(b"221 bye\r\n" if line.lower() == "quit\n" else b"250 here\r\n")

    with servers.threaded(handle) as port, smtplib.SMTP("localhost", port, timeout=LIMIT_S) as smtp:
        assert smtp.starttls(context=client_context(pki))[0] == 220
        assert smtp.sock.version() == "TLCPv1.1"  # type: ignore[union-attr]
        smtp.noop()
    assert mail[0] == "a client"
    assert mail[1] == "noop"
