"""Certificate requests, ours and others'."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.openssl import DISTID, openssl
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki import csr
from tlcp.pki.build import build_name
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.csr import build_csr, csr_pem, read_csr
from tlcp.x509.identity import Identity

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
KEY = SM2PrivateKey((7).to_bytes(32))
NAME = build_name("国密服务", organization="O", country="CN")
SIGOPT = ("-sigopt", "distid:1234567812345678")


def build(*hosts: str, key: SM2PrivateKey = KEY) -> bytes:
    return build_csr(subject=NAME, public_point=KEY.public_point, signer=key, hosts=hosts)


@pytest.mark.parametrize("hosts", [(), ("localhost", "*.example.com", "127.0.0.1", "::1")])
@pytest.mark.parametrize("pem", [False, True])
def test_what_is_made_is_read(hosts: tuple[str, ...], pem: bool) -> None:
    der = build(*hosts)
    request = read_csr(b"text before\n" + csr_pem(der) if pem else der)
    assert request.der == der
    assert request.subject == NAME
    assert request.public_point == KEY.public_point
    assert request.hosts == hosts


def test_openssl_verifies_ours(tmp_path: Path) -> None:
    file = tmp_path / "x.csr"
    file.write_bytes(csr_pem(build("localhost", "::1")))
    text = openssl("req", "-in", file, "-verify", *DISTID, "-noout", "-text")
    assert "self-signature verify OK" in text
    assert "DNS:localhost, IP Address:0:0:0:0:0:0:0:1" in text


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_ours_verifies_openssls(form: str, tmp_path: Path) -> None:
    key, file = tmp_path / "x.key", tmp_path / "x.csr"
    key.write_bytes(dump_private_key(KEY))
    openssl(
        *("req", "-new", "-key", key, "-sm3", *SIGOPT, "-out", file, "-outform", form),
        *("-subj", "/C=CN/O=O/CN=their server"),
        *("-addext", "subjectAltName=DNS:a.example,IP:10.0.0.1,email:a@b.cn"),
        *("-addext", "keyUsage=digitalSignature"),
    )
    request = read_csr(file.read_bytes())
    assert request.subject.rfc4514_string() == "CN=their server,O=O,C=CN"
    assert request.public_point == KEY.public_point
    assert request.hosts == ("a.example", "10.0.0.1")


def test_the_ca_certifies_the_requests_key_and_makes_the_other() -> None:
    ca = CertificateAuthority.create(now=NOW)
    request = read_csr(build("a.example"))
    sign, enc, enc_key = ca.issue_for(request, now=NOW)
    assert sign.public_point == KEY.public_point
    assert enc.public_point == enc_key.public_point
    assert sign.subject_der == enc.subject_der == NAME.public_bytes()
    assert sign.dns_names == enc.dns_names == ("a.example",)
    Identity(sign, KEY, enc, enc_key)  # checks usages and keys
    others = ca.issue_for(request, ["b.example"], now=NOW)
    assert others[0].dns_names == others[1].dns_names == ("b.example",)


def test_what_is_not_signed_unseen(tmp_path: Path) -> None:
    ca = CertificateAuthority.create(now=NOW)
    nameless = build_csr(subject=x509.Name([]), public_point=KEY.public_point, signer=KEY)
    for hosts in (None, ["a.example"]):
        with pytest.raises(ConfigError, match="no subject"):
            ca.issue_for(read_csr(nameless), hosts, now=NOW)
    key, file = tmp_path / "x.key", tmp_path / "x.csr"
    key.write_bytes(dump_private_key(KEY))
    openssl(
        *("req", "-new", "-key", key, "-sm3", *SIGOPT, "-out", file, "-subj", "/CN=x"),
        *("-addext", "subjectAltName=DNS:a.example,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin"),
    )
    request = read_csr(file.read_bytes())
    with pytest.raises(ConfigError, match="kind OtherName"):
        ca.issue_for(request, now=NOW)
    assert ca.issue_for(request, ["b.example"], now=NOW)[0].dns_names == ("b.example",)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName._init_without_validation("good.example\0.evil.example"),
        x509.DNSName._init_without_validation("a.example\x1b[2J"),
        x509.DNSName._init_without_validation("a.example\nb.example"),
        x509.DNSName._init_without_validation("a.example."),
        x509.DNSName._init_without_validation("a b"),
        x509.DNSName._init_without_validation(""),
        x509.DNSName._init_without_validation("10.0.0.1"),
        x509.DNSName._init_without_validation("256.1.1.1"),
        x509.DNSName._init_without_validation("*"),
        x509.DNSName._init_without_validation("*.com"),
        x509.RFC822Name._init_without_validation("a@b.example\0@c.example"),
        x509.RFC822Name._init_without_validation("nobody"),
    ],
)
def test_names_that_are_none_are_not_signed(
    name: x509.GeneralName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        csr, "subject_alternative_name", lambda _: (x509.SubjectAlternativeName([name]), False)
    )
    der = build("whatever")
    monkeypatch.undo()
    ca, request = CertificateAuthority.create(now=NOW), read_csr(der)
    with pytest.raises(ConfigError, match="written as no"):
        ca.issue_for(request, now=NOW)
    assert ca.issue_for(request, ["b.example"], now=NOW)[0].dns_names == ("b.example",)


def test_odd_subjects_are_not_signed() -> None:
    ca = CertificateAuthority.create("The Root", now=NOW)
    for name, text in (("x\x1b[2J", "cannot be printed"), ("the  root", "the name of this CA")):
        subject = build_name(name, organization="TLCP", country="CN")
        der = build_csr(subject=subject, public_point=KEY.public_point, signer=KEY)
        with pytest.raises(ConfigError, match=text):
            ca.issue_for(read_csr(der), now=NOW)


def test_every_truncation_is_an_error_of_ours() -> None:
    der = build("localhost")
    for size in range(len(der)):
        with pytest.raises(ConfigError):
            read_csr(der[:size])
    with pytest.raises(ConfigError):
        read_csr(der + b"\0")


def test_a_wrong_signature_is_refused() -> None:
    der = bytearray(build("localhost"))
    at = bytes(der).index(b"localhost")
    der[at] ^= 1
    with pytest.raises(ConfigError, match="not by the key in it"):
        read_csr(bytes(der))
    with pytest.raises(ConfigError, match="not by the key in it"):
        read_csr(build(key=SM2PrivateKey((8).to_bytes(32))))


def test_keys_of_other_kinds_are_refused() -> None:
    for curve in (ec.SECP256R1(), ec.SECP384R1()):
        key = ec.generate_private_key(curve)
        theirs = x509.CertificateSigningRequestBuilder().subject_name(NAME)
        der = theirs.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        with pytest.raises(ConfigError, match="not for an SM2 key"):
            read_csr(der)


def test_a_pem_file_without_one_says_what_it_holds() -> None:
    with pytest.raises(ConfigError, match="holds PRIVATE KEY"):
        read_csr(dump_private_key(KEY))
    with pytest.raises(ConfigError, match="holds CERTIFICATE REQUEST"):
        read_csr(csr_pem(build()) * 2)
