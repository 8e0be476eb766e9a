"""A session resumed, by its id and by a ticket: python examples/resume_session.py pki."""

# docs: begin
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import tlcp


def server_context(pki: Path) -> tlcp.TLCPContext:
    """Keeps sessions in memory by itself, and gives tickets to clients that ask for one."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # a resumed client is verified again, and known
    context.session_timeout = 3600  # seconds after the full handshake; 7200 without this line
    context.session_tickets = True  # RFC 5077; ids, as in the standard, need no line at all
    return context


def client_context(pki: Path) -> tlcp.TLCPContext:
    """Trust the CA, and show the client's pair."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    return context


def visit(pki: Path, port: int, *, tickets: bool) -> Iterator[str]:
    """Connect three times: the context resumes the last session with this host and port."""
    context = client_context(pki)
    context.session_tickets = tickets  # ask for one
    for _ in range(3):
        with tlcp.create_connection(("localhost", port), context, timeout=10) as stream:
            name = stream.recv().decode()
            how = "resumed" if stream.session_reused else "full handshake"
            kept = "ticket" if stream.session.has_ticket else "id"
        yield f"{name}: {how}, next time by {kept}"


# docs: end
def main(pki: Path) -> None:
    """Serve in a thread: every client is told its name."""
    import socket
    import threading

    def serve() -> None:
        for _ in range(6):
            stream, _ = listener.accept()
            with stream:
                stream.sendall(stream.peer_certificates.sign.subject.rfc4514_string().encode())

    plain = socket.create_server(("127.0.0.1", 0))
    with server_context(pki).wrap_socket(plain, server_side=True) as listener:
        threading.Thread(target=serve, daemon=True).start()
        for tickets in (False, True):
            for line in visit(pki, listener.getsockname()[1], tickets=tickets):
                print(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
