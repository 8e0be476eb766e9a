from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.crypto.keyfile import load_private_key
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki.ca import CertificateAuthority
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.chain import Purpose
from tlcp.x509.identity import Identity
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
ROLES: tuple[Purpose, Purpose] = ("server", "client")


def seeded(seed: str) -> Callable[[int], bytes]:
    state = hashlib.sha256(seed.encode()).digest()

    def draw(count: int) -> bytes:
        nonlocal state
        state = hashlib.sha256(state).digest()
        return (state * (count // 32 + 1))[:count]

    return draw


@pytest.fixture
def ca() -> CertificateAuthority:
    return CertificateAuthority.create("Test Root", now=NOW)


def extensions(certificate: Certificate) -> dict[str, bool]:
    """Give name -> critical of the extensions, in order."""
    parsed = x509.load_der_x509_certificate(certificate.der).extensions
    return {extension.oid._name: extension.critical for extension in parsed}


# Profile


def test_profile_of_the_root(ca: CertificateAuthority) -> None:
    cert = ca.certificate
    assert cert.subject.rfc4514_string() == "CN=Test Root,O=TLCP,C=CN"
    assert cert.self_signed
    assert extensions(cert) == {
        "basicConstraints": True, "keyUsage": True, "subjectKeyIdentifier": False
    }  # fmt: skip
    assert (cert.is_ca, cert.path_length) == (True, None)
    assert cert.key_usage == frozenset({"keyCertSign", "cRLSign"})
    assert cert.not_before == NOW - datetime.timedelta(minutes=5)
    assert cert.not_after == NOW + datetime.timedelta(days=3650)
    assert ca.chain == ()


def test_profile_of_a_pair(ca: CertificateAuthority) -> None:
    """What deployed stacks ask of a pair: GmSSL that names agree, gotlcp the SAN in both."""
    pair = ca.issue_pair("localhost", ["localhost", "*.example.com", "127.0.0.1", "::1"], now=NOW)
    sign, enc = pair.sign_cert, pair.enc_cert
    assert sign.key_usage == frozenset({"digitalSignature", "nonRepudiation"})
    assert enc.key_usage == frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"})
    for cert, key in ((sign, pair.sign_key), (enc, pair.enc_key)):
        assert extensions(cert) == {
            "keyUsage": True,
            "extendedKeyUsage": False,
            "subjectAltName": False,
            "subjectKeyIdentifier": False,
            "authorityKeyIdentifier": False,
        }
        assert cert.extended_key_usage == frozenset(
            {
                ExtendedKeyUsageOID.SERVER_AUTH,
                ExtendedKeyUsageOID.CLIENT_AUTH,
            }
        )
        assert cert.dns_names == ("localhost", "*.example.com")
        assert [str(address) for address in cert.ip_addresses] == ["127.0.0.1", "::1"]
        assert cert.public_point == key.public_point
        assert cert.issuer_der == ca.certificate.subject_der
        assert cert.authority_key_id == ca.certificate.subject_key_id
        assert cert.not_after == NOW + datetime.timedelta(days=397)
        assert cert.version == 3
    assert sign.subject_der == enc.subject_der
    assert sign.public_point != enc.public_point
    assert sign.serial_number != enc.serial_number


def test_strings_are_printable_for_the_country_and_utf8_for_the_rest(
    ca: CertificateAuthority,
) -> None:
    cert = ca.issue_pair("国密服务", organization="机构", now=NOW).sign_cert
    assert b"\x13\x02CN" in cert.subject_der
    for text in ("国密服务", "机构"):
        assert b"\x0c" + bytes([len(text.encode())]) + text.encode() in cert.subject_der


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("*", "at least two labels must follow"),
        ("*.com", "at least two labels must follow"),
        ("w*.example.com", "must be the whole first label"),
        ("256.1.1.1", "ends in a number"),
        ("127.1", "ends in a number"),
        (".".join(["a" * 60] * 5), "at most 253 characters"),
        ("a:443", "without port and scheme"),
    ],
)
def test_no_pair_is_issued_for_a_host_that_no_client_matches(
    ca: CertificateAuthority, host: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        ca.issue_pair("x", ["localhost", host], now=NOW)


def test_no_hosts_give_no_subject_alternative_name(ca: CertificateAuthority) -> None:
    pair = ca.issue_pair("client", now=NOW)
    assert "subjectAltName" not in extensions(pair.sign_cert)
    assert "subjectAltName" not in extensions(pair.enc_cert)


def test_serial_numbers_are_positive_and_of_16_bytes() -> None:
    for byte in (b"\x00", b"\xff", b"\x80", b"\x7f"):

        def random(count: int, byte: bytes = byte) -> bytes:
            return byte * count if count == 16 else os.urandom(count)

        serial = CertificateAuthority.create(now=NOW, random=random).certificate.serial_number
        assert (serial.bit_length() + 8) // 8 == 16
        assert serial > 0
    made = CertificateAuthority.create(now=NOW)
    assert len({made.issue_pair("x", now=NOW).sign_cert.serial_number for _ in range(50)}) == 50


def test_times_are_utctime_before_2050_and_generalizedtime_after() -> None:
    """RFC 5280 4.1.2.5"""
    begin = datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    der = CertificateAuthority.create(now=begin, lifetime_days=1).certificate.der
    assert b"\x17\x0d491231235459Z\x18\x0f20500101235959Z" in der


def test_time_zones_are_turned_into_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=8))
    local = NOW.astimezone(east).replace(microsecond=999999)
    cert = CertificateAuthority.create(now=local).certificate
    assert cert.not_after == NOW + datetime.timedelta(days=3650)


def test_same_random_source_gives_the_same_ca() -> None:
    one, two = (CertificateAuthority.create(now=NOW, random=seeded("x")) for _ in range(2))
    assert one.certificate == two.certificate


def test_without_a_clock_given_it_is_the_systems() -> None:
    age = datetime.datetime.now(datetime.UTC) - CertificateAuthority.create().certificate.not_before
    assert datetime.timedelta(minutes=5) <= age < datetime.timedelta(minutes=10)


def test_nothing_outlives_its_ca() -> None:
    ca = CertificateAuthority.create(now=NOW, lifetime_days=10)
    assert ca.issue_pair("x", now=NOW).sign_cert.not_after == ca.certificate.not_after
    assert ca.issue_intermediate("x", now=NOW).certificate.not_after == ca.certificate.not_after


# Use


@pytest.mark.parametrize("role", ROLES)
def test_issued_pair_verifies(ca: CertificateAuthority, role: Purpose) -> None:
    identity = ca.issue_pair("localhost", ["localhost"], now=NOW).identity
    proof = verify_pair(
        identity.certificate_list(),
        role=role,
        trust=TrustStore([ca.certificate]),
        now=NOW,
        host="localhost",
        need_enc=True,
    )
    assert proof.enc == identity.enc_cert


@pytest.mark.parametrize("role", ROLES)
def test_pair_of_an_intermediate_brings_its_chain(ca: CertificateAuthority, role: Purpose) -> None:
    upper = ca.issue_intermediate("Upper", path_length=1, now=NOW)
    lower = upper.issue_intermediate("Lower", now=NOW)
    assert lower.certificate.path_length == 0
    assert lower.chain == (lower.certificate, upper.certificate)
    identity = lower.issue_pair("localhost", ["localhost"], now=NOW).identity
    assert len(identity.certificate_list()) == 4
    proof = verify_pair(
        identity.certificate_list(),
        role=role,
        trust=TrustStore([ca.certificate]),
        now=NOW,
        host=None,
        need_enc=True,
    )
    assert [str(cert) for cert in proof.enc_chain[1:]] == ["CN=Lower", "CN=Upper", "CN=Test Root"]


def test_reprs_hold_no_secret(ca: CertificateAuthority) -> None:
    pair = ca.issue_pair("x", now=NOW)
    for thing, key in ((ca, ca.key), (pair, pair.sign_key), (pair, pair.enc_key)):
        assert key.dangerous_scalar().hex() not in repr(thing)
        assert "key=" not in repr(thing)


@pytest.mark.parametrize(
    "host", ["", "a b", "a..b", "x" * 64 + ".com", "中" * 64, "a\0b", "a:443", "http://a"]
)
def test_hosts_that_are_none(ca: CertificateAuthority, host: str) -> None:
    with pytest.raises(ConfigError, match="neither an IP address nor a DNS name"):
        ca.issue_pair("x", [host], now=NOW)


def test_hosts_are_written_once_and_in_ascii(ca: CertificateAuthority) -> None:
    hosts = ["中国.cn", "a.example", "a.example", "[::1]"]
    cert = ca.issue_pair("x", hosts, now=NOW).sign_cert
    assert cert.dns_names == ("xn--fiqs8s.cn", "a.example")
    assert [str(address) for address in cert.ip_addresses] == ["::1"]


def test_names_that_do_not_fit(ca: CertificateAuthority) -> None:
    with pytest.raises(ConfigError, match="the common name has 66 bytes in UTF-8, more than 64"):
        ca.issue_pair("银" * 22, now=NOW)
    with pytest.raises(ConfigError, match="the organization has 65 bytes"):
        ca.issue_pair("x", organization="x" * 65, now=NOW)
    with pytest.raises(ConfigError, match="'China' is no code of two letters"):
        CertificateAuthority.create(country="China")
    with pytest.raises(ConfigError, match="at least 1"):
        ca.issue_pair("x", now=NOW, lifetime_days=0)


# Files


def test_directory_form(ca: CertificateAuthority, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "pki"
    paths = (*ca.save(folder), *ca.issue_pair("localhost", now=NOW).save(folder, "web"))
    names = ["ca.crt", "ca.key", "web.sign.crt", "web.sign.key", "web.enc.crt", "web.enc.key"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for path in paths:
        wanted = 0o600 if path.suffix == ".key" else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted


def test_saved_files_make_an_identity(ca: CertificateAuthority, tmp_path: Path) -> None:
    pair = ca.issue_intermediate("Sub", now=NOW).issue_pair("localhost", now=NOW)
    sign_crt, sign_key, enc_crt, enc_key = pair.save(tmp_path, "web")
    identity = Identity.load(sign_crt, sign_key, enc_crt, enc_key)
    assert identity.certificate_list() == pair.identity.certificate_list()
    assert len(identity.certificate_list()) == 3


def test_load_gives_the_ca_back(ca: CertificateAuthority, tmp_path: Path) -> None:
    ca.save(tmp_path / "root")
    again = CertificateAuthority.load(tmp_path / "root")
    assert again.certificate == ca.certificate
    assert again.key.dangerous_scalar() == ca.key.dangerous_scalar()
    assert again.chain == ()
    sub = ca.issue_intermediate("Sub", now=NOW)
    sub.save(tmp_path / "sub")
    again = CertificateAuthority.load(tmp_path / "sub")
    assert again.chain == sub.chain == (sub.certificate,)
    again.issue_pair("x", now=NOW).sign_cert.verify_signed_by(sub.certificate)


def test_load_says_what_is_wrong(ca: CertificateAuthority, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no CA in .*ca.crt: No such file"):
        CertificateAuthority.load(tmp_path)
    ca.save(tmp_path)
    pair = ca.issue_pair("x", now=NOW)
    sign_crt, sign_key, *_ = pair.save(tmp_path, "x")
    shutil.copy(sign_key, tmp_path / "ca.key")
    with pytest.raises(ConfigError, match=r"ca.key is not the key of .*ca.crt"):
        CertificateAuthority.load(tmp_path)
    shutil.copy(sign_crt, tmp_path / "ca.crt")
    with pytest.raises(ConfigError, match=r"ca.crt is not a CA certificate: CN=x"):
        CertificateAuthority.load(tmp_path)


def test_files_are_not_overwritten_unless_forced(ca: CertificateAuthority, tmp_path: Path) -> None:
    ca.save(tmp_path)
    before = (tmp_path / "ca.crt").read_bytes()
    other = CertificateAuthority.create("Other", now=NOW)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"ca.crt exists already; nothing was written"):
        other.save(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == before
    assert not (tmp_path / "ca.key").exists()
    other.save(tmp_path, force=True)
    assert CertificateAuthority.load(tmp_path).certificate == other.certificate
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key"]


def test_failed_write_leaves_old_file_and_no_rubbish(
    ca: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca.save(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError, match=r"cannot write into .*: No space left"):
        CertificateAuthority.create("Other").save(tmp_path, force=True)
    assert CertificateAuthority.load(tmp_path).certificate == ca.certificate
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key"]


@pytest.mark.parametrize("name", ["../evil", "a/b", "/etc/x", ".hidden", "", "a\0b", "a\nb", "-rf"])
def test_names_that_are_no_plain_file_names(
    ca: CertificateAuthority, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "inner"
    with pytest.raises(ConfigError, match="cannot be a file name"):
        ca.issue_pair("x", now=NOW).save(folder, name)
    assert not folder.exists()


def test_directory_that_cannot_be(ca: CertificateAuthority, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot write into"):
        ca.save(tmp_path / "file")


# Others read what we write


def openssl(*arguments: str | Path) -> str:
    if shutil.which("openssl") is None:
        pytest.skip(reason="needs the openssl command")
    done = subprocess.run(
        ["openssl", *map(str, arguments)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


DISTID = ("-vfyopt", "distid:1234567812345678")


def test_openssl_verifies_what_we_issue(tmp_path: Path) -> None:
    ca = CertificateAuthority.create()
    ca_crt, ca_key = ca.save(tmp_path)
    sub = ca.issue_intermediate("Sub")
    sub_crt, _ = sub.save(tmp_path / "sub")
    paths = ca.issue_pair("localhost", ["localhost"]).save(tmp_path, "direct")
    below = sub.issue_pair("localhost", ["localhost"]).save(tmp_path, "below")
    strict = ("-x509_strict", *DISTID)
    for purpose in ("sslserver", "sslclient"):
        check = ("verify", "-purpose", purpose, "-verify_hostname", "localhost", *strict)
        assert "OK" in openssl(*check, "-CAfile", ca_crt, paths[0])
        # OpenSSL passes the SM2 ID on to the last certificate only, so go step by step.
        assert "OK" in openssl(*check, "-partial_chain", "-CAfile", sub_crt, below[0])
    assert "OK" in openssl("verify", *strict, "-CAfile", ca_crt, paths[2])
    assert "OK" in openssl("verify", *strict, "-CAfile", ca_crt, sub_crt)
    for key in (ca_key, paths[1], paths[3]):
        assert "Key is valid" in openssl("pkey", "-in", key, "-noout", "-check")
        certificate = key.with_suffix(".crt")
        of_key = openssl("pkey", "-in", key, "-pubout")
        assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == of_key


def test_ours_verifies_what_openssl_issues(tmp_path: Path) -> None:
    key, crt = tmp_path / "their.key", tmp_path / "their.crt"
    key.write_text(openssl("genpkey", "-algorithm", "SM2"))
    openssl(
        "req", "-x509", "-new", "-key", key, "-sm3", "-sigopt", DISTID[1],
        "-subj", "/C=CN/CN=Their Root", "-days", "10", "-out", crt,
    )  # fmt: skip
    (root,) = load_pem_certificates(crt.read_bytes())
    assert root.self_signed
    their_key = load_private_key(key.read_bytes())
    assert isinstance(their_key, SM2PrivateKey)
    ca = CertificateAuthority(root, their_key)
    pair = ca.issue_pair("x")
    pair.sign_cert.verify_signed_by(root)
