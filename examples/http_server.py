"""A server of the standard library: python examples/http_server.py pki [port]."""

# docs: begin
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tlcp


class Handler(BaseHTTPRequestHandler):
    """Greets the client by the name in its certificate."""

    protocol_version = "HTTP/1.1"  # keeps connections open
    request: tlcp.TLCPSocket

    def setup(self) -> None:
        """Shake hands in this connection's thread: a slow client holds up nobody else."""
        self.request.settimeout(30)
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        """Answer every path alike."""
        pair = self.request.peer_certificates
        name = pair.sign.subject.rfc4514_string() if pair is not None else "nobody"
        body = f"hello {name}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(pki: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        # False: accept() must not wait for a client's handshake; Handler.setup does that
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        print(f"serving on https://localhost:{server.server_port}/", flush=True)
        server.serve_forever()


# docs: end
if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8443)
