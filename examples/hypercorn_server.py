"""An ASGI application under hypercorn: python examples/hypercorn_server.py pki [port]."""

# docs: begin
import asyncio
import ssl
import sys
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import tlcp


class TLCPConfig(Config):
    """hypercorn has no option for a context; these two names are where it makes its own."""

    ssl_enabled = True

    def __init__(self, context: tlcp.TLCPContext) -> None:
        super().__init__()
        self.context = context

    def create_ssl_context(self) -> ssl.SSLContext:
        """Give ours."""
        return self.context


async def hello(_: Request) -> PlainTextResponse:
    """Greet whoever has a certificate: hypercorn does not tell the application which one."""
    return PlainTextResponse("hello\n")


app = Starlette(routes=[Route("/", hello)])


def main(pki: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    config = TLCPConfig(context)
    config.bind = [f"127.0.0.1:{port}"]
    asyncio.run(serve(app, config))  # type: ignore[arg-type]


# docs: end
if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8443)
