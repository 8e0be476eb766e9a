"""``tlcp.testing``: pairs in one call, contexts that work together, fixtures."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography import x509

import tlcp
from tlcp.context import TLCPContext
from tlcp.errors import AlertReceived, CertificateVerifyError
from tlcp.testing import LocalCA
from tlcp.x509.certificate import load_pem_certificates
from tlcp.x509.identity import Identity
from tlcp.x509.revocation import RevocationPolicy

SOURCE = str(Path(tlcp.__file__).parents[1])
LIMIT_S = 30.0


def talk(server: TLCPContext, client: TLCPContext, host: str = "localhost") -> bytes:
    """What the server read from the client, over a socket pair."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(LIMIT_S)
    heard: list[bytes] = []
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            with server.wrap_socket(ends[0], server_side=True) as connection:
                heard.append(connection.recv(100))
                connection.sendall(b"well heard")
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ends[1], server_hostname=host) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == b"well heard"
    finally:
        ends[1].close()
        thread.join(LIMIT_S)
        ends[0].close()
    assert not failed
    return heard[0]


@pytest.mark.parametrize("intermediate", [False, True])
def test_contexts_of_one_ca_authenticate_each_other(intermediate: bool) -> None:
    ca = LocalCA(intermediate=intermediate)
    for host in ("localhost", "127.0.0.1", "::1"):
        assert talk(ca.server_context(), ca.client_context(), host) == b"hello"
    named = ca.server_context("a.example")
    assert talk(named, ca.client_context(), "a.example") == b"hello"
    with pytest.raises(CertificateVerifyError, match=r"a\.example"):
        talk(named, ca.client_context(), "localhost")


def test_two_cas_do_not_trust_each_other() -> None:
    one, two = LocalCA(), LocalCA()
    with pytest.raises(CertificateVerifyError):
        talk(one.server_context(), two.client_context())
    stranger = one.client_context(with_pair=False)
    two.issue().configure(stranger)
    with pytest.raises((AlertReceived, ConnectionError)):
        talk(one.server_context(), stranger)


def test_a_server_that_asks_for_no_certificate() -> None:
    ca = LocalCA()
    server = ca.server_context(client_auth=ssl.CERT_NONE)
    assert talk(server, ca.client_context(with_pair=False)) == b"hello"
    with pytest.raises((AlertReceived, ConnectionError)):
        talk(ca.server_context(), ca.client_context(with_pair=False))


def test_an_expired_pair_is_refused() -> None:
    ca = LocalCA()
    server = ca.server_context()
    ca.issue("localhost", expired=True).configure(server)
    with pytest.raises(CertificateVerifyError, match="expired"):
        talk(server, ca.client_context())


def test_files_for_programs(tmp_path: Path) -> None:
    ca = LocalCA(intermediate=True)
    pair = ca.issue("localhost", name="a server")
    sign_crt, sign_key, enc_crt, enc_key = pair.write(tmp_path, "server")
    assert Identity.load(sign_crt, sign_key, enc_crt, enc_key).sign_cert == pair.issued.sign_cert
    (root,) = load_pem_certificates(ca.write(tmp_path).read_bytes())
    assert root == ca.root.certificate
    pair.write(tmp_path, "server")  # again, over the first


def test_a_crl_with_pairs_in_it() -> None:
    ca = LocalCA(intermediate=True)
    good, bad = ca.issue(), ca.issue()
    crl = x509.load_der_x509_crl(ca.make_crl(bad))
    revoked = {entry.serial_number for entry in crl}
    assert bad.issued.sign_cert.serial_number in revoked
    assert bad.issued.enc_cert.serial_number in revoked
    assert good.issued.sign_cert.serial_number not in revoked
    assert crl.issuer == ca.issuer.certificate.subject
    ca.issuer.key.public_key.verify(crl.signature, crl.tbs_certlist_bytes)
    assert len(x509.load_der_x509_crl(ca.make_crl())) == 0


def test_revoked_pairs_are_refused_by_list_and_by_staple(tmp_path: Path) -> None:
    ca = LocalCA(intermediate=True)
    pair = ca.issue("localhost")
    for revoked in (False, True):
        by_list, by_staple = ca.client_context(), ca.client_context()
        (tmp_path / "ca.crl").write_bytes(ca.make_crl(*([pair] if revoked else [])))
        by_list.load_crls(tmp_path / "ca.crl")
        by_staple.request_ocsp, by_staple.revocation = True, RevocationPolicy()
        for client in (by_list, by_staple):
            server = ca.server_context()
            pair.configure(server)
            server.ocsp_response = ca.make_ocsp(pair, revoked=revoked)
            if not revoked:
                assert talk(server, client) == b"hello"
                continue
            with pytest.raises(CertificateVerifyError, match="revoked"):
                talk(server, client)


THEIR_TESTS = """
from tlcp.testing import LocalCA

def test_fixtures(tlcp_ca, tlcp_server_context, tlcp_client_context, tlcp_pki):
    assert isinstance(tlcp_ca, LocalCA)
    assert tlcp_server_context.identity is not None
    assert tlcp_client_context.check_hostname
    names = sorted(path.name for path in tlcp_pki.iterdir())
    assert names[0] == "ca.crt" and len(names) == 9

def test_one_ca_for_all(tlcp_ca, tlcp_pki):
    assert (tlcp_pki / "ca.crt").read_bytes() == tlcp_ca.root_pem
"""


def test_the_fixtures_in_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tlcp.testing.fixtures"]\n')
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
