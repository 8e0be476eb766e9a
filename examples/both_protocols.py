"""TLCP and TLS on one port: python examples/both_protocols.py pki [port].

Besides the files of "tlcp pki" it takes tls.crt and tls.key for the clients that speak TLS.
"""

# docs: begin
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tlcp


class Handler(BaseHTTPRequestHandler):
    """Tells the client which protocol it speaks."""

    request: tlcp.TLCPSocket

    def setup(self) -> None:
        """Shake hands in this connection's thread."""
        self.request.settimeout(30)
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        """Answer every path alike."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"you speak {self.request.version()}\n".encode())


def serve(pki: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no TLCP client without a certificate
    # clients whose first record is TLS get this standard context, with rules of its own:
    # give it load_verify_locations(...) and verify_mode = ssl.CERT_REQUIRED for the same here
    context.tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.tls_context.load_cert_chain(pki / "tls.crt", pki / "tls.key")

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        print(f"serving on https://localhost:{server.server_port}/", flush=True)
        server.serve_forever()


# docs: end
if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8443)
