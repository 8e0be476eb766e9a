"""A connection and nothing else: python examples/raw_socket.py pki localhost 8443."""

# docs: begin
import sys
from pathlib import Path

import tlcp


def get(pki: Path, host: str, port: int) -> str:
    """Ask by hand for a page, and tell who answered."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    # TCP, handshake and verification; a TLCPSocket has the methods of an ssl.SSLSocket
    with tlcp.create_connection((host, port), context, timeout=10) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: stream.recv(1 << 16), b""))
        suite, version, _ = stream.cipher() or ("", "", 0)
        pair = stream.peer_certificates  # both certificates of the server, verified
        server = pair.sign.subject.rfc4514_string() if pair is not None else ""
    return f"{version} {suite} with {server}\n{answer.decode()}"


# docs: end
if __name__ == "__main__":
    print(get(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
