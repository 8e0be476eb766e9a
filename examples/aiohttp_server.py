"""A server with aiohttp: python examples/aiohttp_server.py pki [port]."""

# docs: begin
import socket
import ssl
import sys
from pathlib import Path

from aiohttp import web

import tlcp


async def hello(request: web.Request) -> web.Response:
    """Greet the client by the name in its certificate."""
    pair = request.get_extra_info("ssl_object").peer_certificates
    return web.Response(text=f"hello {pair.sign.subject.rfc4514_string()}\n")


def serve(pki: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    app = web.Application()
    app.router.add_get("/", hello)
    web.run_app(app, sock=socket.create_server(("127.0.0.1", port)), ssl_context=context)


# docs: end
if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8443)
