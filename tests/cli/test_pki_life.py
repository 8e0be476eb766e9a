"""``tlcp pki`` over the life of certificates: CAs below CAs, requests, renewal, revocation."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.x509 import ocsp

from support.openssl import openssl
from tlcp.cli.app import program
from tlcp.crypto.envelope import open_envelope
from tlcp.crypto.keyfile import load_private_key
from tlcp.pki.bundle import BUNDLES, needs_password
from tlcp.pki.directory import CADirectory
from tlcp.x509.certificate import load_pem_certificates
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp import OcspCertId, build_ocsp_request


def tlcp(*words: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(program, [str(word) for word in words])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def facts(*words: str | Path) -> dict[str, object]:
    value: dict[str, object] = json.loads(tlcp(*words, "--json").stdout)
    return value


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    tlcp("pki", "init", tmp_path / "ca")
    return tmp_path / "ca"


def test_an_intermediate_issues_what_leads_to_the_root(ca: Path, tmp_path: Path) -> None:
    sub = tmp_path / "sub"
    made = tlcp("pki", "intermediate", ca, sub, "--cn", "Sub", "--crl-url", "http://x/sub.crl")
    assert f"tlcp pki issue {sub} server" in made.stderr
    tlcp("pki", "issue", sub, "server", "--host", "localhost")
    chain = load_pem_certificates((sub / "server.sign.crt").read_bytes())
    root = load_pem_certificates((ca / "ca.crt").read_bytes())[0]
    assert [one.common_name for one in chain] == ["server", "Sub"]
    chain[1].verify_signed_by(root)
    assert (chain[1].is_ca, chain[1].path_length) == (True, 0)
    assert chain[0].extension(x509.CRLDistributionPoints) is not None
    refused = tlcp("pki", "intermediate", ca, sub, code=2)
    assert "--force" in refused.output
    tlcp("pki", "intermediate", ca, sub, "--force")
    assert [entry.use for entry in CADirectory.open(ca).issued] == ["ca", "ca"]


def test_a_request_goes_to_the_ca_and_an_envelope_comes_back(ca: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    made = tlcp("pki", "csr", mine, "server", "--host", "localhost", "--cn", "A server")
    assert "tlcp pki sign CADIR" in made.stderr
    assert sorted(path.name for path in mine.iterdir()) == ["server.csr", "server.sign.key"]
    assert stat.S_IMODE((mine / "server.sign.key").stat().st_mode) == 0o600
    signed = facts("pki", "sign", ca, mine / "server.csr")
    assert set(signed["files"]) == {"server.sign.crt", "server.enc.crt", "server.enc.envelope"}  # type: ignore[call-overload]
    sign_cert, enc_cert = (
        load_pem_certificates((ca / f"server.{use}.crt").read_bytes())[0] for use in ("sign", "enc")
    )
    sign_key = load_private_key((mine / "server.sign.key").read_bytes())
    enc_key = open_envelope(
        (ca / "server.enc.envelope").read_bytes(), sign_key, public_point=enc_cert.public_point
    )
    Identity(sign_cert, sign_key, enc_cert, enc_key)  # the pair's rules hold
    assert sign_cert.dns_names == enc_cert.dns_names == ("localhost",)
    assert sign_cert.common_name == "A server"
    assert "--force" in tlcp("pki", "sign", ca, mine / "server.csr", code=2).output
    assert "--force" in tlcp("pki", "csr", mine, "server", code=2).output
    tlcp("pki", "sign", ca, mine / "server.csr", "--name", "other", "--host", "b.example")
    other = load_pem_certificates((ca / "other.enc.crt").read_bytes())[0]
    assert other.dns_names == ("b.example",)


@pytest.mark.parametrize("content", [b"hello world\n", b"", b"\x30\x03", b"\x30\x82\x01\x00ab"])
def test_what_is_no_request_is_said_in_our_words(ca: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    refused = tlcp("pki", "sign", ca, file, code=2).output
    assert f"{file}: this is no certificate request" in refused
    assert "`tlcp pki csr` makes one" in refused
    assert "ParseError" not in refused


def test_hosts_that_no_client_matches_are_neither_asked_for_nor_given(
    ca: Path, tmp_path: Path
) -> None:
    for host in ("*", "*.com", "256.1.1.1"):
        refused = tlcp("pki", "csr", tmp_path, "server", "--host", host, code=2).output
        assert f"no certificate is issued for the host {host!r}" in refused
        assert (
            "no certificate is issued"
            in tlcp("pki", "issue", ca, "x", "--host", host, code=2).output
        )
    assert not (tmp_path / "server.sign.key").exists()
    tlcp("pki", "csr", tmp_path, "server", "--host", "*.a.example")
    refused = tlcp("pki", "sign", ca, tmp_path / "server.csr", "--host", "*", code=2).output
    assert "no certificate is issued for the host '*'" in refused
    tlcp("pki", "sign", ca, tmp_path / "server.csr")


def test_a_request_with_a_key_that_is_there(ca: Path, tmp_path: Path) -> None:
    tlcp("pki", "issue", ca, "old")
    tlcp("pki", "csr", tmp_path, "new", "--key", ca / "old.sign.key")
    assert not (tmp_path / "new.sign.key").exists()
    tlcp("pki", "sign", ca, tmp_path / "new.csr")
    new, old = (
        load_pem_certificates((ca / f"{n}.sign.crt").read_bytes())[0] for n in ("new", "old")
    )
    assert new.public_point == old.public_point


def test_a_ca_whose_key_is_encrypted(tmp_path: Path) -> None:
    ca, sub, secret, below = (tmp_path / name for name in ("ca", "sub", "secret", "below"))
    secret.write_text("correct horse\nand no more\n")
    below.write_text("battery\n")
    opens = ("--key-password-file", secret)
    tlcp("pki", "init", ca, "--new-password-file", secret)
    assert b"ENCRYPTED" in (ca / "ca.key").read_bytes()
    tlcp("pki", "issue", ca, "server", "--host", "localhost", *opens)
    tlcp("pki", "renew", ca, "server", *opens)
    tlcp("pki", "csr", tmp_path, "web", "--host", "web.example")
    tlcp("pki", "sign", ca, tmp_path / "web.csr", *opens)
    tlcp("pki", "revoke", ca, "web")
    tlcp("pki", "list", ca)
    tlcp("pki", "crl", ca, *opens)
    tlcp("pki", "ocsp", ca, "server", "--out", tmp_path / "x.ocsp", *opens)
    tlcp("pki", "intermediate", ca, sub, "--new-password-file", below, *opens)
    tlcp("pki", "issue", sub, "client", "--key-password-file", below)
    before = sorted(path.name for path in ca.iterdir())
    for verb, more in (
        ("issue", ["x"]),
        ("renew", ["server"]),
        ("sign", [tmp_path / "web.csr", "--name", "x"]),
        ("crl", []),
        ("ocsp", ["server", "--out", tmp_path / "y.ocsp"]),
        ("intermediate", [tmp_path / "z"]),
    ):
        refused = tlcp("pki", verb, ca, *more, code=2).output
        assert f"{ca / 'ca.key'} is encrypted, and there is no terminal" in refused
        assert "--key-password-file FILE" in refused
        wrong = tlcp("pki", verb, ca, *more, "--key-password-file", below, code=2).output
        assert "the password is wrong" in wrong
    assert sorted(path.name for path in ca.iterdir()) == before
    asks = tlcp("pki", "init", tmp_path / "new", "--encrypt", code=2).output
    assert "give --new-password-file here" in asks
    assert not (tmp_path / "new").exists()


def test_renew_replaces_the_pair(ca: Path) -> None:
    tlcp("pki", "issue", ca, "server", "--host", "localhost")
    before, key = ((ca / f"server.enc.{part}").read_bytes() for part in ("crt", "key"))
    renewed = tlcp("pki", "renew", ca, "server", "--days", "5")
    assert len(renewed.stdout.splitlines()) == 4
    assert "server.enc.key" in renewed.stdout
    assert (ca / "server.enc.crt").read_bytes() != before
    (old,) = ca.glob("old-server-*.enc.key")
    assert f"is kept as {old.name.removesuffix('.enc.key')}.*" in renewed.stderr
    assert old.read_bytes() == key
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert len(CADirectory.open(ca).issued) == 4
    kept = facts("pki", "renew", ca, "server")["kept"]
    assert len(kept) == 4  # type: ignore[arg-type]
    assert "kept" not in facts("pki", "renew", ca, "server", "--keep-keys")
    tlcp("pki", "lint", *ca.glob("server.*"))  # the old ones are not in the way of server.*
    again = tlcp("pki", "init", ca, "--force")
    assert again.stderr.splitlines()[0].endswith("issue again with --force: server")
    tlcp("pki", "issue", ca, "server", "--force")
    bundle = ("--for", "tassl", "--out", str(ca / "tassl"))
    for verb, more in (("renew", ()), ("bundle", bundle)):
        missing = tlcp("pki", verb, ca, "nobody", *more, code=2).output
        assert f"there is no pair 'nobody' in {ca}" in missing
        assert "tlcp pki list" in missing


def test_compromised_keys_are_not_certified_again(ca: Path) -> None:
    tlcp("pki", "issue", ca, "server", "--host", "localhost")
    tlcp("pki", "revoke", ca, "server", "--reason", "superseded")
    tlcp("pki", "renew", ca, "server", "--keep-keys")
    tlcp("pki", "revoke", ca, "server", "--reason", "keyCompromise")
    before = (ca / "server.sign.key").read_bytes()
    refused = tlcp("pki", "renew", ca, "server", "--keep-keys", code=2)
    assert "revoked as compromised" in refused.output
    assert (ca / "server.sign.key").read_bytes() == before
    tlcp("pki", "renew", ca, "server")
    assert (ca / "server.sign.key").read_bytes() != before


def test_revoke_list_and_crl(ca: Path) -> None:
    tlcp("pki", "issue", ca, "server")
    tlcp("pki", "issue", ca, "client")
    said = tlcp("pki", "revoke", ca, "server", "--reason", "keyCompromise")
    assert f"tlcp pki crl {ca}" in said.stderr
    assert len(said.stdout.splitlines()) == 2
    again = tlcp("pki", "revoke", ca, "server")
    assert "revoked already" in again.stderr
    serial = CADirectory.open(ca).issued[-1].serial_number
    assert facts("pki", "revoke", ca, f"{serial:x}")["revoked"]
    listed = tlcp("pki", "list", ca).stdout.splitlines()
    assert [line.split()[:3] for line in listed] == [
        ["server", "sign", "revoked"],
        ["server", "enc", "revoked"],
        ["client", "sign", "valid"],
        ["client", "enc", "revoked"],
    ]
    assert "(keyCompromise)" in listed[0]
    assert len({line.index("until") for line in listed}) == 1  # in columns
    issued = facts("pki", "list", ca)["issued"]
    assert isinstance(issued, list)
    assert [entry["status"] for entry in issued] == ["revoked", "revoked", "valid", "revoked"]
    made = tlcp("pki", "crl", ca, "--days", "7")
    assert "3 revoked" in made.stderr
    crl = x509.load_pem_x509_crl((ca / "ca.crl").read_bytes())
    assert len(crl) == 3
    assert stat.S_IMODE((ca / "ca.crl").stat().st_mode) == 0o644
    tlcp("pki", "crl", ca)  # no --force: the next one replaces the last by its nature
    refused = tlcp("pki", "revoke", ca, "nobody", code=2)
    assert "tlcp pki list" in refused.output


def test_ocsp_to_staple_and_for_a_request(ca: Path, tmp_path: Path) -> None:
    tlcp("pki", "issue", ca, "server")
    tlcp("pki", "issue", ca, "client")
    tlcp("pki", "revoke", ca, "client")
    out = tmp_path / "server.ocsp"
    tlcp("pki", "ocsp", ca, "server", "client", "--out", out, "--hash", "sm3")
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    statuses = [
        one.certificate_status.name
        for one in ocsp.load_der_ocsp_response(out.read_bytes()).responses
    ]
    assert statuses == ["GOOD", "GOOD", "REVOKED", "REVOKED"]
    assert "--force" in tlcp("pki", "ocsp", ca, "server", "--out", out, code=2).output
    request = tmp_path / "request.der"
    authority = CADirectory.open(ca)
    serial = authority.issued[0].serial_number
    request.write_bytes(
        build_ocsp_request([OcspCertId.of(serial, authority.authority.certificate)], b"n" * 16)
    )
    answered = tmp_path / "answer.der"
    tlcp("pki", "ocsp", ca, "--request", request, "--out", answered)
    response = ocsp.load_der_ocsp_response(answered.read_bytes())
    assert response.serial_number == serial
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    text = openssl("ocsp", "-respin", answered, "-noverify", "-resp_text")
    assert "Cert Status: good" in text
    for words in ((), ("server", "--request", str(request))):
        refused = tlcp("pki", "ocsp", ca, *words, "--out", tmp_path / "x", code=2)
        assert "either names" in refused.output
    request.write_bytes(b"junk")
    refused = tlcp("pki", "ocsp", ca, "--request", request, "--out", tmp_path / "x", code=2)
    assert "not the DER of an OCSP request" in refused.output


@pytest.mark.parametrize(
    "words",
    [
        ("intermediate", "DIR", "new"),
        ("issue", "DIR", "x"),
        ("renew", "DIR", "x"),
        ("sign", "DIR", "x.csr"),
        ("list", "DIR"),
        ("revoke", "DIR", "x"),
        ("crl", "DIR"),
        ("ocsp", "DIR", "x", "--out", "y"),
    ],
    ids=lambda words: words[0],
)
def test_without_a_ca_it_says_how_to_make_one(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = tlcp("pki", *(word.replace("DIR", "nowhere") for word in words), code=2)
    assert "tlcp pki init nowhere" in refused.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "verb", ["intermediate", "renew", "csr", "sign", "list", "revoke", "crl", "ocsp"]
)
def test_every_help_has_an_example(verb: str) -> None:
    shown = tlcp("pki", verb, "--help").output
    assert f"tlcp pki {verb} " in shown.partition("Example")[2]


@pytest.mark.parametrize("stack", BUNDLES)
def test_bundle_writes_files_and_prints_lines(stack: str, ca: Path, tmp_path: Path) -> None:
    tlcp("pki", "issue", ca, "server", "--host", "localhost")
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text("a password\n")
    words = ("pki", "bundle", ca, "server", "--for", stack, "--out", out)
    if needs_password(stack):
        assert "--password-file" in tlcp(*words, code=2).output
        assert not out.exists()
    said = tlcp(*words, "--password-file", secret)
    assert str(out) in said.stdout
    assert "a password" not in said.output
    assert "--force" in tlcp(*words, "--password-file", secret, code=2).output
    made = facts(*words, "--password-file", secret, "--force")
    files = made["files"]
    assert isinstance(files, dict)
    assert set(files) == {path.name for path in out.iterdir()}


def test_a_bundle_below_an_intermediate_needs_the_root(ca: Path, tmp_path: Path) -> None:
    tlcp("pki", "intermediate", ca, tmp_path / "sub")
    tlcp("pki", "issue", tmp_path / "sub", "server")
    words = ("pki", "bundle", tmp_path / "sub", "server", "--for", "tlcp", "--out", tmp_path / "o")
    assert "--ca FILE" in tlcp(*words, code=2).output
    tlcp(*words, "--ca", ca / "ca.crt")
    assert (tmp_path / "o/ca.crt").read_bytes() == (ca / "ca.crt").read_bytes()


def test_the_hint_of_sign_opens_the_envelope(
    ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tlcp("pki", "csr", ".", "server")
    hint = tlcp("pki", "sign", ca, "server.csr").stderr.splitlines()[-1]
    for path in ca.glob("server.*"):
        path.rename(tmp_path / path.name)
    words = hint.split()
    assert words[0] == "tlcp"
    tlcp(*words[1:])
    parts = ("sign.crt", "sign.key", "enc.crt", "enc.key")
    Identity.load(*(tmp_path / f"server.{part}" for part in parts))  # type: ignore[arg-type]


def test_organization_and_country_are_the_users(tmp_path: Path) -> None:
    ca, sub = tmp_path / "ca", tmp_path / "sub"
    tlcp("pki", "init", ca, "--org", "测试机构", "--country", "")
    tlcp("pki", "intermediate", ca, sub, "--org", "", "--country", "DE")
    tlcp("pki", "issue", sub, "server", "--org", "A GmbH", "--country", "DE")
    subjects = [
        load_pem_certificates(path.read_bytes())[0].subject.rfc4514_string()
        for path in (ca / "ca.crt", sub / "ca.crt", sub / "server.enc.crt")
    ]
    assert subjects == [
        "CN=TLCP Root CA,O=测试机构", "CN=TLCP Issuing CA,C=DE", "CN=server,O=A GmbH,C=DE"
    ]  # fmt: skip
    refused = tlcp("pki", "issue", sub, "x", "--country", "Germany", code=2).output
    assert "the country 'Germany' is no code of two letters" in refused
