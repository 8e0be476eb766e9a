"""Responders that a hostile CA below a trusted one names: what they cannot make us do.

Spec: RFC 6960 A.1
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from chains.making import NOW, Cert, build, ca, leaf, root
from revocation.making import crl
from tlcp.context.ocsp_fetch import fetch_ocsp
from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.chain import verify_chain
from tlcp.x509.crl import RevocationList
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

LIMIT_S = 60.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@contextmanager
def responder(*pieces: bytes, pause_s: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """Answers one connection with these pieces; its URL, and what it was asked."""
    asked: list[bytes] = []
    stop = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(LIMIT_S)
            try:
                question = b""
                while not question.endswith(b"question"):  # else what is unread resets it
                    question += connection.recv(1 << 16) or b"question"
                asked.append(question)
                for piece in pieces:
                    connection.sendall(piece)
                    if stop.wait(pause_s):
                        return
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT_S)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", asked
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LIMIT_S)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirections_are_not_followed(code: int) -> None:
    with responder(OK) as (other, others_asked):
        head = f"HTTP/1.1 {code} Elsewhere\r\nLocation: {other}admin?delete\r\n"
        with (
            responder(head.encode() + b"Content-Length: 0\r\n\r\n") as (url, asked),
            pytest.raises(OSError, match=f"HTTP {code}"),
        ):
            fetch_ocsp(url, b"question")
        assert asked[0].startswith(b"POST / HTTP/1.1\r\n")
    assert others_asked == []


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nX: ", *([b"x"] * 5000)),
        (b"HTTP/1.1 200 OK\r\n\r\n", *([b"x"] * 5000)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *([b"1\r\nx\r\n"] * 5000)),
        (b"HTTP/1.1 100 Continue\r\n\r\n", *([b"HTTP/1.1 100 Continue\r\n\r\n"] * 5000)),
    ],
)
def test_time_is_bounded_for_all_of_it(pieces: tuple[bytes, ...]) -> None:
    """No step takes long, and all together would take 50 s."""
    with responder(*pieces, pause_s=0.01) as (url, _):
        start = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 (the system's words)
            fetch_ocsp(url, b"question", timeout_s=0.5)
        assert time.monotonic() - start < 20


def test_an_answer_in_pieces_is_whole() -> None:
    pieces = [OK[at : at + 1] for at in range(len(OK))]
    with responder(*pieces, pause_s=0.001) as (url, _):
        assert fetch_ocsp(url, b"question") == b"hi"


URLS = ("http://[::1", "http://\x1b[2Jx/", "http://a b/", "http://h:port/", f"http://{'a' * 64}.b/")


@pytest.mark.parametrize("url", URLS)
def test_a_certificates_bad_url_is_no_traceback_and_no_escape(url: str) -> None:
    place = x509.UniformResourceIdentifier(url)
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]
    )
    raw = ((access.oid.dotted_string, False, access.public_bytes()),)
    certs: dict[str, Cert] = {"Root": root(), "leaf": leaf("Root", raw=raw)}
    made = {name: build(one, certs, "sm2") for name, one in certs.items()}
    with pytest.raises(CertificateVerifyError) as caught:
        verify_chain(
            made["leaf"],
            [],
            TrustStore([made["Root"]]),
            now=NOW,
            purpose="server",
            revocation=RevocationPolicy(fetch=fetch_ocsp).checker(),
        )
    assert caught.value.problem is CertificateProblem.REVOCATION_UNKNOWN
    assert "OCSP of http://" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_lists_issuer_is_no_escape() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sub\x1b[2J\n")])
    made = RevocationList.from_der(crl("sm2", issuer=name))
    assert made.issuer_text == r"CN=Sub\x1b[2J\n"


def test_questions_of_one_handshake_are_counted() -> None:
    """A hostile CA sends sixty certificates of one CA below it, each with another responder."""
    asked = list[str]()

    def fetch(url: str, _: bytes) -> bytes:
        asked.append(url)
        raise OSError("nobody there")

    certs: dict[str, Cert] = {"Root": root()}
    for number in range(60):
        uris = (x509.UniformResourceIdentifier(f"http://{number}-{at}.example/") for at in (1, 2))
        access = x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri) for uri in uris]
        )
        raw = ((access.oid.dotted_string, False, access.public_bytes()),)
        certs[f"Sub{number}"] = ca(f"Sub{number}", "Root", dn="CN=Sub", key="Sub", raw=raw)
    certs["leaf"] = leaf("Sub0", raw=raw)
    made = {name: build(one, certs, "sm2") for name, one in certs.items()}
    with pytest.raises(CertificateVerifyError) as caught:
        verify_chain(
            made["leaf"],
            [made[f"Sub{number}"] for number in range(60)],
            TrustStore([made["Root"]]),
            now=NOW,
            purpose="server",
            revocation=RevocationPolicy(fetch=fetch, scope="chain").checker(),
        )
    assert caught.value.problem is CertificateProblem.REVOCATION_UNKNOWN
    assert 2 <= len(asked) <= 16
