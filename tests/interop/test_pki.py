"""What our CA issues in Tongsuo, GmSSL and OpenSSL, and what theirs issue in ours."""

from __future__ import annotations

import datetime
import os
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from interop.ours import TIMEOUT, OurEnd, OurSocket, meet
from peers import gmssl, tongsuo_x509
from peers.files import PartyFiles
from peers.tongsuo import TongsuoContext, TongsuoPeer
from support.openssl import DISTID, openssl
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.crypto.keyfile import dump_private_key, load_private_key
from tlcp.crypto.pem import split_pem
from tlcp.errors import TLCPError
from tlcp.pki.build import build_name, certificate_pem
from tlcp.pki.bundle import make_bundle
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.pki.csr import build_csr, csr_pem, read_csr
from tlcp.pki.directory import CADirectory
from tlcp.pki.files import write_files
from tlcp.suites import parse_suites
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.chain import Purpose
from tlcp.x509.identity import Identity
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore

HOSTS = ("localhost", "127.0.0.1")
ROLES: tuple[Purpose, Purpose] = ("server", "client")
ECC_CBC = parse_suites("ECC_SM4_CBC_SM3")
PASSWORD = "interop"


@dataclass(frozen=True, slots=True)
class Issued:
    """A root, the CA that issues (the root itself or one below it), and two pairs of it."""

    root: CADirectory
    issuer: CADirectory
    server: IssuedPair
    client: IssuedPair

    @property
    def trust(self) -> TrustStore:
        return TrustStore([self.root.authority.certificate])

    @property
    def above(self) -> list[bytes]:
        return [certificate.der for certificate in self.server.chain]


@pytest.fixture(params=["root", "intermediate"])
def issued(request: pytest.FixtureRequest, tmp_path: Path) -> Issued:
    root = CADirectory.create(tmp_path / "root", CertificateAuthority.create("Interop root"))
    issuer = root
    if request.param == "intermediate":
        issuer = root.issue_intermediate(tmp_path / "sub", "Interop sub")
    server, _ = issuer.issue_pair("server", HOSTS)
    client, _ = issuer.issue_pair("client")
    return Issued(root, issuer, server, client)


def bundled(
    stack: str, issued: Issued, pair: IssuedPair, directory: Path, ca: CADirectory | None = None
) -> tuple[str, ...]:
    trusted = [(ca or issued.root).authority.certificate]
    made = make_bundle(stack, "x", pair.identity, trusted, directory, PASSWORD.encode())
    write_files(directory, made.files)
    return made.lines


# Tongsuo


def test_tongsuo_verifies_our_chains(issued: Issued) -> None:
    roots = [issued.root.authority.certificate.der]
    for pair in (issued.server, issued.client):
        for leaf in (pair.sign_cert, pair.enc_cert):
            assert tongsuo_x509.verify(leaf.der, roots=roots, untrusted=issued.above) == "ok"
    other = [CertificateAuthority.create("Interop root").certificate.der]
    wrong = tongsuo_x509.verify(issued.server.sign_cert.der, roots=other, untrusted=issued.above)
    assert wrong != "ok"


def test_tongsuo_obeys_our_crls(issued: Issued) -> None:
    roots = [issued.root.authority.certificate.der]
    issued.issuer.revoke("client", "keyCompromise")
    crls = list({ca.path: ca.make_crl()[0] for ca in (issued.issuer, issued.root)}.values())
    for ca in {issued.issuer.path, issued.root.path}:
        (certificate, *_) = load_pem_certificates((ca / "ca.crt").read_bytes())
        (block,) = split_pem((ca / "ca.crl").read_bytes())
        assert tongsuo_x509.verify_crl(block.der, certificate.der)
        broken = bytearray(block.der)
        broken[-1] ^= 1
        assert not tongsuo_x509.verify_crl(bytes(broken), certificate.der)

    def verdict(leaf: Certificate, lists: list[bytes]) -> str:
        return tongsuo_x509.verify(
            leaf.der, roots=roots, untrusted=issued.above, crls=lists, crl_check=True
        )

    assert verdict(issued.server.sign_cert, crls) == "ok"
    assert verdict(issued.server.enc_cert, crls) == "ok"
    assert verdict(issued.client.sign_cert, crls) == "certificate revoked"
    assert verdict(issued.client.enc_cert, crls) == "certificate revoked"
    assert verdict(issued.server.sign_cert, []) == "unable to get certificate CRL"


def test_tongsuo_verifies_our_requests() -> None:
    key = CertificateAuthority.create().key
    der = build_csr(
        subject=build_name("server"), public_point=key.public_point, signer=key, hosts=HOSTS
    )
    assert tongsuo_x509.verify_request(der)
    broken = bytearray(der)
    broken[-1] ^= 1
    assert not tongsuo_x509.verify_request(bytes(broken))


def tongsuo_files(directory: Path, names: tuple[str, str, str], issued: Issued) -> PartyFiles:
    """Tongsuo adds the CAs of its trust store to what it sends, so they go there, too."""
    sign, enc, ca = names
    store = directory / "store.pem"
    store.write_bytes((directory / ca).read_bytes() + certificate_pem(*issued.above))
    return PartyFiles(
        sign_cert=directory / f"{sign}.crt",
        sign_key=directory / f"{sign}.key",
        enc_cert=directory / f"{enc}.crt",
        enc_key=directory / f"{enc}.key",
        ca=store,
    )


@pytest.mark.parametrize(
    ("stack", "names"),
    [
        ("nginx-tongsuo", ("server_sign", "server_enc", "ca.crt")),
        ("tassl", ("SS", "SE", "CA.crt")),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_tongsuo_serves_and_connects_with_our_bundle(
    stack: str, names: tuple[str, str, str], role: Purpose, issued: Issued, tmp_path: Path
) -> None:
    theirs, ours = (
        (issued.server, issued.client) if role == "server" else (issued.client, issued.server)
    )
    lines = bundled(stack, issued, theirs, tmp_path / "bundle")
    for line in lines:  # every file that the lines name is there
        for word in line.rstrip(";").split():
            assert not word.startswith("/") or Path(word).is_file(), line
    files = tongsuo_files(tmp_path / "bundle", names, issued)
    config = Config(identity=ours.identity, trust=issued.trust, client_auth=ClientAuth.REQUIRED)
    with TongsuoContext(role, files, server_name=None) as context, TongsuoPeer(context) as peer:
        connection = (
            Connection.client(config, server_name="localhost")
            if role == "server"
            else Connection.server(config)
        )
        end = OurEnd(connection)
        assert meet(end, peer) is None
        assert end.error is None
        assert end.completed is not None
        assert end.completed.peer is not None
        assert end.completed.peer.sign == theirs.sign_cert
        assert end.completed.peer.enc == theirs.enc_cert


def test_ours_verifies_what_tongsuo_signs(issued: Issued) -> None:
    """The pair as Tongsuo writes and signs it with the key of the CA."""
    (block,) = split_pem(dump_private_key(issued.issuer.authority.key))
    ders = [
        tongsuo_x509.sign_again(certificate.der, block.der)
        for certificate in (issued.server.sign_cert, issued.server.enc_cert)
    ]
    assert ders[0] != issued.server.sign_cert.der
    for role in ROLES:
        verify_pair(
            [*ders, *issued.above],
            role=role,
            trust=issued.trust,
            now=datetime.datetime.now(datetime.UTC),
            host="localhost" if role == "server" else None,
            need_enc=True,
        )


# GmSSL


def run_gmssl(directory: Path, *arguments: str | Path, code: int = 0) -> str:
    program, environment = gmssl.find_gmssl()
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_gmssl_verifies_our_pair_and_our_crl(issued: Issued, tmp_path: Path) -> None:
    bundled("gmssl", issued, issued.server, tmp_path / "bundle")
    verify = ("certverify", "-double_certs", "-in", "double_certs.pem", "-cacert")
    said = run_gmssl(tmp_path / "bundle", *verify, "cacert.pem")
    assert said.count("Verification success") >= 2
    other = CertificateAuthority.create("Interop root").certificate
    (tmp_path / "other.pem").write_bytes(certificate_pem(other.der))
    run_gmssl(tmp_path / "bundle", *verify, tmp_path / "other.pem", code=1)
    issued.issuer.revoke("client", "superseded")
    der, _ = issued.issuer.make_crl()
    (tmp_path / "crl.der").write_bytes(der)
    own = issued.issuer.authority.certificate
    (tmp_path / "issuer.pem").write_bytes(certificate_pem(own.der))
    said = run_gmssl(tmp_path, "crlverify", "-in", "crl.der", "-cacert", "issuer.pem")
    assert "Verification success" in said
    parsed = run_gmssl(tmp_path, "crlparse", "-in", "crl.der")
    assert f"{issued.client.sign_cert.serial_number:X}" in parsed
    assert "superseded" in parsed


class GmSSLCommand(gmssl.GmSSLProcess):
    """One of the lines of our bundle, as it was printed."""

    def __init__(self, line: str, port: int, *, stdin: bool) -> None:
        words = shlex.split(line.replace("PASSWORD", PASSWORD).replace("HOST", "127.0.0.1"))
        words[words.index("4433")] = str(port)
        super().__init__(words[1:], stdin=stdin)


def test_gmssl_serves_with_our_bundle(issued: Issued, tmp_path: Path) -> None:
    lines = bundled("gmssl", issued, issued.server, tmp_path / "bundle")
    config = Config(
        trust=issued.trust,
        suites=ECC_CBC,
        extensions=False,
        identity=Identity(
            issued.client.sign_cert, issued.client.sign_key, None, None, issued.client.chain
        ),
    )
    port = gmssl.free_port()
    with GmSSLCommand(lines[0], port, stdin=False) as server:
        assert server.wait_until_listening(), server.trace
        sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        ours = OurSocket(Connection.client(config, server_name="localhost"), sock)
        with ours.sock:
            ours.handshake()
            completed = ours.end.completed
            assert completed is not None
            assert completed.peer is not None
            assert completed.peer.sign == issued.server.sign_cert
            ours.send(b"through the bundle")
            assert ours.read(18) == b"through the bundle"


def test_gmssl_connects_with_our_bundle(issued: Issued, tmp_path: Path) -> None:
    lines = bundled("gmssl", issued, issued.client, tmp_path / "bundle")
    config = Config(
        identity=issued.server.identity,
        trust=issued.trust,
        suites=ECC_CBC,
        client_auth=ClientAuth.REQUIRED,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        with GmSSLCommand(lines[1], listener.getsockname()[1], stdin=True) as client:
            ours = OurSocket(Connection.server(config), listener.accept()[0])
            with ours.sock:
                ours.handshake()
                completed = ours.end.completed
                assert completed is not None
                assert completed.peer is not None
                assert completed.peer.sign == issued.client.sign_cert
                assert client.process.stdin is not None
                client.process.stdin.write(b"hello\n")
                assert ours.read(6) == b"hello\n"


def test_ours_verifies_and_serves_what_gmssl_issues(tmp_path: Path) -> None:
    """A CA, a sub-CA and a pair, all by GmSSL's own commands, its keys included."""

    def gm(*arguments: str) -> None:
        run_gmssl(tmp_path, *arguments)

    for name in ("root", "sub", "sign", "enc"):
        gm("sm2keygen", "-pass", PASSWORD, "-out", f"{name}.key", "-pubout", f"{name}.pub")
    ca = ("-key_usage", "keyCertSign", "-key_usage", "cRLSign", "-ca")
    names = ("-C", "CN", "-O", "GmSSL")
    gm(
        *("certgen", *names, "-CN", "Their root", "-serial_len", "12", "-days", "30"),
        *("-key", "root.key", "-pass", PASSWORD, *ca, "-gen_subject_key_id", "-out", "root.pem"),
    )
    for name, issuer, common_name, more in (
        ("sub", "root", "Their sub", (*ca, "-path_len_constraint", "0")),
        ("sign", "sub", "localhost", ("-key_usage", "digitalSignature")),
        ("enc", "sub", "localhost", ("-key_usage", "keyEncipherment")),
    ):
        gm(
            *("reqgen", *names, "-CN", common_name, "-key", f"{name}.key", "-pass", PASSWORD),
            *("-out", f"{name}.csr"),
        )
        if name != "sub":
            more = (*more, "-subject_dns_name", "localhost")
        gm(
            *("reqsign", "-in", f"{name}.csr", "-serial_len", "12", "-days", "20"),
            *("-cacert", f"{issuer}.pem", "-key", f"{issuer}.key", "-pass", PASSWORD, *more),
            *("-out", f"{name}.pem"),
        )
    request = read_csr((tmp_path / "sign.csr").read_bytes())
    assert request.subject.rfc4514_string() == "CN=localhost,O=GmSSL,C=CN"
    certificates = {
        name: load_pem_certificates((tmp_path / f"{name}.pem").read_bytes())[0]
        for name in ("root", "sub", "sign", "enc")
    }
    keys = {
        name: load_private_key((tmp_path / f"{name}.key").read_bytes(), PASSWORD.encode())
        for name in ("sign", "enc")
    }
    identity = Identity(
        certificates["sign"],
        keys["sign"],
        certificates["enc"],
        keys["enc"],
        (certificates["sub"],),
    )
    trust = TrustStore([certificates["root"]])
    verify_pair(
        list(identity.certificate_list()),
        role="server",
        trust=trust,
        now=datetime.datetime.now(datetime.UTC),
        host="localhost",
        need_enc=True,
    )
    with pytest.raises(TLCPError):
        verify_pair(
            list(identity.certificate_list()),
            role="server",
            trust=TrustStore([CertificateAuthority.create().certificate]),
            now=datetime.datetime.now(datetime.UTC),
            host="localhost",
            need_enc=True,
        )
    server = OurEnd(Connection.server(Config(identity=identity, client_auth=ClientAuth.NONE)))
    client = OurEnd(Connection.client(Config(trust=trust), server_name="localhost"))
    while not (server.completed and client.completed):
        said = client.connection.data_to_send()
        server.feed(said)
        answer = server.connection.data_to_send()
        client.feed(answer)
        assert said or answer, (server.error, client.error)
    # And our CA signs the request that GmSSL made.
    sign_cert, enc_cert, enc_key = CertificateAuthority.create().issue_for(request)
    Identity(sign_cert, keys["sign"], enc_cert, enc_key)


# OpenSSL


def test_openssl_verifies_our_chains_step_by_step(issued: Issued, tmp_path: Path) -> None:
    """It passes the SM2 ID on to the last certificate only."""
    issuer = tmp_path / "issuer.pem"
    issuer.write_bytes(certificate_pem(issued.issuer.authority.certificate.der))
    root = tmp_path / "root.pem"
    root.write_bytes(certificate_pem(issued.root.authority.certificate.der))
    for pair in (issued.server, issued.client):
        for leaf in (pair.sign_cert, pair.enc_cert):
            file = tmp_path / "leaf.pem"
            file.write_bytes(certificate_pem(leaf.der))
            check = ("verify", "-x509_strict", *DISTID, "-partial_chain", "-CAfile")
            assert ": OK" in openssl(*check, issuer, file)
    assert ": OK" in openssl("verify", "-x509_strict", *DISTID, "-CAfile", root, issuer)


def test_openssl_reads_our_crl_and_request(issued: Issued, tmp_path: Path) -> None:
    issued.issuer.revoke("client", "cessationOfOperation")
    _, path = issued.issuer.make_crl()
    text = openssl("crl", "-in", path, "-noout", "-text")
    assert f"{issued.client.enc_cert.serial_number:X}" in text
    assert "Cessation Of Operation" in text
    key = issued.server.sign_key
    file = tmp_path / "x.csr"
    file.write_bytes(
        csr_pem(build_csr(subject=build_name("x"), public_point=key.public_point, signer=key))
    )
    assert "verify OK" in openssl("req", "-in", file, "-verify", *DISTID, "-noout")
