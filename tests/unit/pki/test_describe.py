"""``describe``: what is in a file, in words, and nothing secret."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from tlcp.cli.app import program
from tlcp.crypto.envelope import ENVELOPE_LABEL, seal_envelope
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.pem import to_pem
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.errors import ConfigError
from tlcp.pki.build import build_name, certificate_pem
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.crl import REASONS, Revocation, build_crl, crl_pem
from tlcp.pki.csr import build_csr, csr_pem
from tlcp.pki.describe import Thing, describe
from tlcp.pki.ocsp import OcspAnswer, OcspFailure, build_ocsp_failure, build_ocsp_response
from tlcp.x509.ocsp import OcspCertId, build_ocsp_request

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
CA = CertificateAuthority.create(now=NOW, crl_url="http://c/x.crl", ocsp_url="http://o/")
SUB = CA.issue_intermediate("Sub", now=NOW)
PAIR = CA.issue_pair("server", ["localhost", "::1"], now=NOW)


def rows(data: bytes, now: datetime.datetime = NOW, language: str = "en") -> dict[str, str]:
    (thing,) = describe(data, now=now)
    return dict(thing.rows("zh" if language == "zh" else "en"))


def crl(*revoked: Revocation, **more: object) -> bytes:
    return build_crl(
        issuer=CA.certificate.subject,
        signer=CA.key,
        this_update=NOW,
        next_update=NOW + DAY,
        revoked=revoked,
        crl_number=7,
        **more,  # type: ignore[arg-type]
    )


def test_a_certificate() -> None:
    told = rows(PAIR.sign_cert.der)
    assert told["subject"] == "CN=server,O=TLCP,C=CN"
    assert told["serves"] == "signing certificate"
    assert told["serial"] == f"{PAIR.sign_cert.serial_number:x}"
    assert told["valid"].endswith(": 397 days left")
    assert told["key"] == "SM2"
    assert told["key usage"] == "digitalSignature, nonRepudiation"
    assert told["purposes"] == "clientAuth, serverAuth"
    assert told["hosts"] == "localhost, ::1"
    assert told["CRL at"] == "http://c/x.crl"
    assert told["OCSP at"] == "http://o/"
    assert told["SM3"] == PAIR.sign_cert.fingerprint_sm3.hex()
    for certificate, serves in (
        (PAIR.enc_cert, "encryption certificate"),
        (CA.certificate, "root CA"),
        (SUB.certificate, "intermediate CA"),
    ):
        assert rows(certificate.der)["serves"] == serves
    assert rows(SUB.certificate.der)["path length"] == "0"
    assert "expired" in rows(PAIR.sign_cert.der, NOW + 500 * DAY)["valid"]
    assert "not yet valid" in rows(PAIR.sign_cert.der, NOW - DAY)["valid"]


def test_a_request_good_and_bad() -> None:
    key = PAIR.sign_key
    der = build_csr(
        subject=build_name("x"), public_point=key.public_point, signer=key, hosts=["a.cn"]
    )
    told = rows(csr_pem(der))
    assert (told["subject"], told["hosts"]) == ("CN=x", "a.cn")
    assert "it holds" in told["signature"]
    broken = bytearray(der)
    broken[-1] ^= 1
    assert "not by the key in it" in rows(bytes(broken))["problem"]


def test_a_crl_and_its_kinds() -> None:
    told = rows(crl_pem(crl(Revocation(0xAB, NOW - DAY, REASONS["keyCompromise"]))))
    assert told["number"] == "7"
    assert told["revoked"] == "1"
    assert told["entry"] == "ab, 2026-11-22 12:00:00 UTC, keyCompromise"
    assert told["next"] == "2026-11-24 12:00:00 UTC"
    assert "overdue" in rows(crl(), NOW + 2 * DAY)["next"]
    assert "kind" not in told
    delta = rows(crl(extensions=[(x509.DeltaCRLIndicator(6), True)]))
    assert delta["kind"] == "delta to 6"
    point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    assert rows(crl(extensions=[(point, True)]))["kind"] == "indirect"


def test_long_lists_are_cut_for_people_and_whole_in_json() -> None:
    (thing,) = describe(crl(*(Revocation(number, NOW) for number in range(1, 31))), now=NOW)
    shown = [value for label, value in thing.rows("en") if label == "entry"]
    assert len(shown) == 21
    assert shown[-1] == "... and 10 more"
    entries = thing.as_dict()["entry"]
    assert isinstance(entries, list)
    assert len(entries) == 30


def test_ocsp() -> None:
    ids = [OcspCertId.of(number, CA.certificate, "sm3") for number in (1, 2, 3)]
    response = build_ocsp_response(
        responder=CA.certificate,
        signer=CA.key,
        produced_at=NOW,
        nonce=b"nn",
        by_name=True,
        answers=[
            OcspAnswer(ids[0], "good", NOW, NOW + DAY),
            OcspAnswer(ids[1], "revoked", NOW, None, NOW - DAY, REASONS["superseded"]),
            OcspAnswer(ids[2], "unknown", NOW, NOW + DAY),
        ],
    )
    (thing,) = describe(response, now=NOW)
    answers = [value for label, value in thing.rows("en") if label == "answer"]
    assert answers == [
        "1: good; next 2026-11-24 12:00:00 UTC",
        "2: revoked 2026-11-22 12:00:00 UTC, superseded; next not said",
        "3: unknown; next 2026-11-24 12:00:00 UTC",
    ]
    assert dict(thing.rows("en"))["responder"] == "CN=TLCP Root CA,O=TLCP,C=CN"
    assert rows(build_ocsp_failure(OcspFailure.TRY_LATER)) == {"status": "try_later"}
    assert rows(build_ocsp_request(ids[:1], b"nn")) == {"asks for": "1 (sm3)", "nonce": "6e6e"}


def test_keys_show_their_form_and_no_secret() -> None:
    scalar = PAIR.enc_key.dangerous_scalar().hex()
    envelope = to_pem(ENVELOPE_LABEL, seal_envelope(PAIR.enc_key, PAIR.sign_key.public_key))
    for data, form in (
        (dump_private_key(PAIR.enc_key), "PKCS#8"),
        (dump_private_key(PAIR.enc_key, "sec1"), "SEC1"),
        (dump_private_key(PAIR.enc_key, password=b"x"), "PKCS#8"),
        (envelope, "SM2EnvelopedKey"),
    ):
        (thing,) = describe(data, now=NOW)
        assert thing.kind == "key"
        told = dict(thing.rows("en"))
        assert told["form"].startswith(form)
        assert scalar not in repr(thing)
    (opened,) = describe(dump_private_key(PAIR.enc_key, password=b"x"), b"x", NOW)
    assert "public key" in dict(opened.rows("en"))
    (closed,) = describe(dump_pkcs12([Entry(PAIR.enc_key, PAIR.enc_cert.der)], b"x"), now=NOW)
    assert (closed.kind, closed.title("en")) == ("bundle", "PKCS#12 file that is closed")


def test_several_things_in_a_file_in_order() -> None:
    data = dump_private_key(PAIR.sign_key) + certificate_pem(PAIR.sign_cert.der) + crl_pem(crl())
    assert [thing.kind for thing in describe(data, now=NOW)] == ["key", "certificate", "crl"]


@pytest.mark.parametrize("data", [b"", b"junk", b"0\x03\x02\x01\x05", b"\xff" * 100])
def test_what_is_nothing_known(data: bytes) -> None:
    with pytest.raises(ConfigError):
        describe(data)


def test_truncations_end_in_an_error_of_ours_or_in_words() -> None:
    for whole in (PAIR.sign_cert.der, crl(Revocation(1, NOW))):
        for size in range(0, len(whole), 7):
            with pytest.raises(ConfigError):
                describe(whole[:size], now=NOW)


def test_both_languages_have_all_labels() -> None:
    for data in (PAIR.sign_cert.der, crl(Revocation(1, NOW)), dump_private_key(PAIR.enc_key)):
        (thing,) = describe(data, now=NOW)
        english, chinese = list(thing.rows("en")), list(thing.rows("zh"))
        assert len(english) == len(chinese)
        assert isinstance(thing, Thing)
        assert thing.title("zh") != thing.title("en")


def test_the_command(tmp_path: Path) -> None:
    PAIR.save(tmp_path, "server")
    (tmp_path / "junk").write_bytes(b"junk")

    def run(*words: str | Path) -> tuple[int, str]:
        result = CliRunner().invoke(program, ["pki", "show", *map(str, words)])
        return result.exit_code, result.output

    code, said = run(tmp_path / "server.sign.crt", tmp_path / "server.sign.key", "--lang", "en")
    assert code == 0
    assert f"{tmp_path}/server.sign.crt: certificate" in said
    assert f"{tmp_path}/server.sign.key: private key" in said
    assert "签名证书" in run(tmp_path / "server.sign.crt", "--lang", "zh")[1]
    code, said = run(tmp_path / "server.enc.crt", "--json")
    assert '"serves": [' in said
    shown = run(tmp_path / "server.enc.key", "--lang", "en")[1].split("SM3 ")[1].strip()
    asked = CliRunner().invoke(program, ["pki", "key", str(tmp_path / "server.enc.key")])
    assert shown in asked.output  # both commands give the same fingerprint
    code, said = run(tmp_path / "junk")
    assert code == 2
    assert "junk" in said
    code, said = run(tmp_path / "absent")
    assert (code, said.count("absent")) == (2, 1)
    assert "tlcp pki show" in run("--help")[1]
