"""gunicorn's configuration and a WSGI application in one file.

TLCP_PKI=pki gunicorn --chdir examples -c gunicorn_app.py gunicorn_app:app
"""

# docs: begin
import functools
import os
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tlcp

pki = Path(os.environ["TLCP_PKI"])
bind = os.environ.get("BIND", "127.0.0.1:8443")
worker_class, threads = "gthread", 8
certfile = str(pki / "server.sign.crt")  # turns encryption on; it is the context that counts


@functools.cache  # gunicorn asks for each connection
def make_context() -> tlcp.TLCPContext:
    """Load the certificates once in each worker."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    return context


def ssl_context(config: object, default_factory: object) -> ssl.SSLContext:
    """The hook of gunicorn."""
    return make_context()


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Greet the client by the name in its certificate."""
    pair = environ["gunicorn.socket"].peer_certificates
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello {pair.sign.subject.rfc4514_string()}\n".encode()]


# docs: end
