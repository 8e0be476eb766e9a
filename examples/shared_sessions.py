"""Two servers share sessions: python examples/shared_sessions.py pki [redis://localhost/0].

With a Redis, SESSION_SECRET (16 bytes or more) in the environment seals what lies there. Without
one, both servers keep their sessions in one memory, as the threads of one process can.
"""

# docs: begin
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

import tlcp
from tlcp.sessions.redis_store import RedisStore
from tlcp.sessions.session import SessionStore
from tlcp.sessions.store import MemoryStore


def stores(redis_url: str | None) -> list[SessionStore]:
    """One for each of two servers; in life each process makes its own."""
    if redis_url is None:
        return [MemoryStore(most=10_000)] * 2
    secret = os.environ["SESSION_SECRET"]  # 16 bytes or more, the same in all processes
    return [RedisStore(redis_url, secret=secret) for _ in range(2)]  # pip install 'tlcp[redis]'


def server_context(pki: Path, store: SessionStore) -> tlcp.TLCPContext:
    """The same certificates, the same CA and the same rules in all servers, or none resumes."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.session_store = store
    return context


def serve_one(listener: socket.socket, context: tlcp.TLCPContext, name: str) -> None:
    """Take one client, and tell it who serves it, and how."""
    sock, _ = listener.accept()
    with context.wrap_socket(sock, server_side=True) as stream:
        how = "resumed" if stream.session_reused else "full handshake"
        client = stream.peer_certificates.sign.subject.rfc4514_string()
        stream.sendall(f"{name} server: {how} with {client}".encode())


def visit_both(pki: Path, redis_url: str | None) -> None:
    """Connect to one server after the other, as behind a load balancer."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    session = None
    for name, store in zip(("first", "second"), stores(redis_url), strict=True):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = (listener, server_context(pki, store), name)
            thread = threading.Thread(target=serve_one, args=server)
            thread.start()
            sock = socket.create_connection(listener.getsockname(), timeout=10)
            # a context finds its session by host and port; here the port differs, so give it one
            with context.wrap_socket(sock, server_hostname="localhost", session=session) as stream:
                print(stream.recv().decode())
                session = stream.session
            thread.join()


# docs: end
if __name__ == "__main__":
    if len(sys.argv) < 2 or (len(sys.argv) > 2 and "SESSION_SECRET" not in os.environ):
        sys.exit(
            "usage: python examples/shared_sessions.py pki\n"
            "       SESSION_SECRET=... python examples/shared_sessions.py pki redis://localhost/0"
        )
    visit_both(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
