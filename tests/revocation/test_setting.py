"""``TLCPContext``: lists, flags and policies, as ``ssl`` has them and beyond."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from revocation.making import answer, certificate, crl
from tlcp import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.context.ocsp_fetch import fetch_ocsp
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.pki.crl import crl_pem
from tlcp.x509.crl import RevocationList
from tlcp.x509.revocation import RevocationPolicy

LEAF, CHAIN = ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF, ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


@pytest.fixture(params=[PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER])
def context(request: pytest.FixtureRequest) -> TLCPContext:
    return TLCPContext(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.crl"
    path.write_bytes(crl_pem(crl("sm2", 5)))
    return path


def test_flags_as_in_ssl(context: TLCPContext, file: Path) -> None:
    """A list in the CA file does nothing until the flags ask for it."""
    context.load_verify_locations(file)
    assert context.cert_store_stats()["crl"] == 1
    assert context.revocation is None
    context.verify_flags |= LEAF
    assert context.revocation is not None
    assert (context.revocation.mode, context.revocation.scope) == ("hard-fail", "leaf")
    assert len(context.revocation.crls) == 1
    context.verify_flags |= CHAIN
    assert context.revocation is not None
    assert context.revocation.scope == "chain"
    context.load_verify_locations(file)
    assert len(context.revocation.crls) == 2
    context.verify_flags &= ~CHAIN
    assert context.revocation is None


def test_a_file_with_cas_and_lists_gives_both(context: TLCPContext, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    root = certificate("Root", "sm2")
    both.write_bytes(certificate_pem(root.der) + crl_pem(crl("sm2", by="Root")))
    context.load_verify_locations(both)
    assert context.cert_store_stats() == {"x509": 1, "x509_ca": 1, "crl": 1}
    broken = tmp_path / "broken.pem"
    broken.write_bytes(certificate_pem(root.der) + crl_pem(b"\x30\x00"))
    with pytest.raises(ConfigError, match=r"broken\.pem holds no revocation list"):
        context.load_verify_locations(broken)


def test_load_crls_switches_it_on(context: TLCPContext, file: Path) -> None:
    context.load_crls(file)
    assert context.verify_flags & LEAF
    assert context.revocation is not None
    context.revocation = context.revocation.changed(mode="soft-fail", scope="chain")
    assert context.verify_flags & CHAIN == CHAIN
    context.load_crls(file, file)
    assert (context.revocation.mode, len(context.revocation.crls)) == ("soft-fail", 3)
    context.revocation = None
    assert not context.verify_flags & CHAIN
    with pytest.raises(ConfigError):
        context.load_crls(Path(__file__))


def test_a_policy_of_the_program_survives_other_flags(context: TLCPContext) -> None:
    policy = RevocationPolicy(crls=[RevocationList.from_der(crl("sm2"))], mode="soft-fail")
    context.revocation = policy
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.revocation is policy
    assert repr(policy) == "<RevocationPolicy soft-fail, leaf, 1 CRLs>"
    with pytest.raises(NotImplementedError, match="proxy"):
        context.verify_flags = ssl.VerifyFlags.VERIFY_ALLOW_PROXY_CERTS


def test_ocsp_of_both_ends() -> None:
    client, server = TLCPContext(PROTOCOL_TLCP_CLIENT), TLCPContext(PROTOCOL_TLCP_SERVER)
    assert not client.request_ocsp
    client.request_ocsp = True
    assert client.config.request_ocsp
    staple = answer("sm2")
    server.ocsp_response = staple
    assert server.ocsp_response == server.config.ocsp_response == staple
    with pytest.raises(ConfigError, match="expected an OCSP response in DER"):
        server.ocsp_response = staple[:-1]
    assert server.ocsp_response == staple
    server.ocsp_response = b""
    assert not server.ocsp_response


# ---- over HTTP -----------------------------------------------------------------------------------


class _Responder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.path.strip("/")
        self.send_response(500 if kind == "broken" else 200)
        body = {"echo": asked, "large": bytes(1 << 17)}.get(kind, b"")
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Any:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Responder) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


def test_fetching(url: str) -> None:
    assert fetch_ocsp(url + "echo", b"question") == b"question"
    with pytest.raises(OSError, match="HTTP 500"):
        fetch_ocsp(url + "broken", b"question")
    with pytest.raises(OSError, match="more than 65536"):
        fetch_ocsp(url + "large", b"question")
    for wrong in ("file:///etc/passwd", "ftp://host/", ""):
        with pytest.raises(OSError, match="no URL of HTTP"):
            fetch_ocsp(wrong, b"question")
    with pytest.raises(OSError):  # noqa: PT011 (the system's words)
        fetch_ocsp("http://127.0.0.1:1/", b"question")
