"""Starlette under uvicorn: python examples/uvicorn_starlette.py pki [port]."""

# docs: begin
import ssl
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import tlcp
from tlcp.http import UvicornConfig


async def hello(request: Request) -> PlainTextResponse:
    """Greet the client by the name in its certificate."""
    # the TLS extension of ASGI; client_cert_chain and client_enc_cert have the certificates as PEM
    tls = request.scope["extensions"]["tls"]
    return PlainTextResponse(f"hello {tls['client_cert_name']}\n")


app = Starlette(routes=[Route("/", hello)])


def serve(pki: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    uvicorn.Server(UvicornConfig(app, context, host="127.0.0.1", port=port)).run()


# docs: end
if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8443)
