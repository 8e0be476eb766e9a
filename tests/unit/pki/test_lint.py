"""``lint`` finds what deployed stacks stumble over, and agrees with those that can be asked."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from peers import libtongsuo as lt
from peers.gmssl import find_gmssl
from support.openssl import openssl
from support.rsa_pki import rsa_certificate, rsa_key
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError, TLCPError
from tlcp.pki.build import (
    Extension,
    authority_key_id,
    build_certificate,
    build_name,
    certificate_pem,
    key_identifier,
    key_usage,
)
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.lint import LintReport, lint
from tlcp.pki.lint_words import WORDS
from tlcp.pki.stacks import STACKS, stack_names
from tlcp.x509.certificate import Certificate
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
ALL = set(stack_names())
CA = CertificateAuthority.create(now=NOW)
SUB = CA.issue_intermediate("Sub", now=NOW)
PAIR = CA.issue_pair("a server", ["localhost"], now=NOW)
BELOW = SUB.issue_pair("a server", ["localhost"], now=NOW)
SIGN_KEY, ENC_KEY = SM2PrivateKey((7).to_bytes(32)), SM2PrivateKey((8).to_bytes(32))
SIGN, ENC = key_usage("digitalSignature"), key_usage("keyEncipherment")
HOSTS: Extension = (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)


@functools.cache
def certificate(
    *extensions: Extension,
    key: SM2PrivateKey = SIGN_KEY,
    name: str = "a server",
    authority: CertificateAuthority = CA,
    serial_number: int = 77,
    not_before: datetime.datetime = NOW - DAY,
    not_after: datetime.datetime = NOW + DAY,
) -> Certificate:
    own = authority.certificate
    identifier = authority_key_id(own.subject_key_id)
    assert identifier is not None
    der = build_certificate(
        subject=build_name(name, country="CN"),
        subject_point=key.public_point,
        issuer=own.subject,
        signer=authority.key,
        serial_number=serial_number,
        not_before=not_before,
        not_after=not_after,
        extensions=[*extensions, identifier, (key_identifier(key.public_point), False)],
    )
    return Certificate.from_der(der)


def sign(*extensions: Extension, name: str = "a server") -> Certificate:
    return certificate(*extensions, name=name)


def enc(*extensions: Extension, name: str = "a server") -> Certificate:
    return certificate(*extensions, key=ENC_KEY, name=name, serial_number=78)


def pem(*certificates: Certificate) -> bytes:
    return certificate_pem(*(one.der for one in certificates))


def look(
    first: Sequence[Certificate],
    second: Sequence[Certificate] = (),
    *,
    names: tuple[str, str] = ("a.pem", "b.pem"),
    keys: Sequence[SM2PrivateKey] = (),
    trusted: bytes | None = None,
) -> LintReport:
    files = [(name, pem(*some)) for name, some in zip(names, (first, second), strict=True) if some]
    files += [(f"key{at}.pem", dump_private_key(key)) for at, key in enumerate(keys)]
    return lint(files, trusted=None if trusted is None else ("ca.pem", trusted), now=NOW)


def refusing(report: LintReport) -> dict[str, set[str]]:
    """Rule -> the stacks that refuse the pair for it."""
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.severity == "error":
            found.setdefault(finding.rule, set()).update(finding.stacks)
    return found


def rules(report: LintReport, severity: str) -> set[str]:
    return {finding.rule for finding in report.findings if finding.severity == severity}


def test_what_we_issue_is_clean() -> None:
    for issued, above in ((PAIR, ()), (BELOW, (SUB.certificate,))):
        report = look(
            [issued.sign_cert, *above],
            [issued.enc_cert, *above],
            keys=[issued.sign_key, issued.enc_key],
            trusted=pem(CA.certificate),
        )
        assert refusing(report) == {}
        assert all(verdict.accepts for verdict in report.verdicts)
        assert rules(report, "warning") == ({"depth"} if above else set())


# The mistakes that the field makes: order of the list, number, CA names, swaps, depth


def test_the_encryption_certificate_behind_the_cas() -> None:
    """SIGN|CA|ENC, as old TASSL has it."""
    report = look([BELOW.sign_cert, SUB.certificate, BELOW.enc_cert])
    assert refusing(report) == {"enc-last": {"tongsuo", "gmssl", "gotlcp"}}
    good = look([BELOW.sign_cert, BELOW.enc_cert, SUB.certificate])
    assert refusing(good) == {}


def test_a_list_that_begins_with_a_ca() -> None:
    assert refusing(look([SUB.certificate, BELOW.sign_cert, BELOW.enc_cert])) == {"ca-first": ALL}


def test_one_certificate_where_two_are_wanted() -> None:
    assert refusing(look([PAIR.sign_cert])) == {"single-certificate": ALL}
    both = certificate(key_usage("digitalSignature", "keyEncipherment"), HOSTS)
    assert refusing(look([both])) == {"single-certificate": ALL - {"kona"}}
    assert refusing(look([both], [both])) == {"one-for-both": ALL - {"kona"}}


def test_two_certificates_from_a_client_of_gmssl() -> None:
    report = look([PAIR.sign_cert], [PAIR.enc_cert])
    (note,) = [finding for finding in report.findings if finding.rule == "client-pair"]
    assert (note.severity, note.stacks) == ("note", ("gmssl",))


def test_three_end_certificates() -> None:
    other = certificate(SIGN, HOSTS, serial_number=99)
    assert "too-many" in refusing(look([PAIR.sign_cert, PAIR.enc_cert, other]))


@pytest.mark.parametrize(
    "trusted",
    [b"", b"no PEM at all\n", pem(PAIR.sign_cert)],
    ids=["empty", "text", "no CA in it"],
)
def test_an_empty_ca_list(trusted: bytes) -> None:
    report = look([PAIR.sign_cert], [PAIR.enc_cert], trusted=trusted)
    assert refusing(report)["empty-ca-list"] == {"gmssl"}


def test_a_ca_list_without_the_issuer_of_the_last_certificate() -> None:
    """GmSSL's client looks for the issuer of the last certificate that it sends."""
    report = look([BELOW.sign_cert], [BELOW.enc_cert], trusted=pem(CA.certificate))
    assert refusing(report)["ca-not-named"] == {"gmssl"}
    whole = look(
        [BELOW.sign_cert, SUB.certificate],
        [BELOW.enc_cert, SUB.certificate],
        trusted=pem(CA.certificate),
    )
    assert refusing(whole) == {}


def test_the_root_in_the_list() -> None:
    report = look([PAIR.sign_cert, CA.certificate], [PAIR.enc_cert])
    assert refusing(report) == {"root-in-list": {"gmssl"}}


def test_swapped_certificates() -> None:
    report = look([PAIR.enc_cert], [PAIR.sign_cert])
    assert refusing(report) == {"swapped-certificates": ALL}
    # The names of the files count before their order.
    good = look([PAIR.enc_cert], [PAIR.sign_cert], names=("server.enc.crt", "server.sign.crt"))
    assert refusing(good) == {}
    bad = look([PAIR.sign_cert], [PAIR.enc_cert], names=("server.enc.crt", "server.sign.crt"))
    assert refusing(bad) == {"swapped-certificates": ALL}


def test_swapped_keys() -> None:
    keys = [PAIR.enc_key, PAIR.sign_key]
    assert refusing(look([PAIR.sign_cert], [PAIR.enc_cert], keys=keys)) == {"swapped-keys": ALL}
    # Certificates and keys in each other's place: one mistake, said once.
    report = look([PAIR.enc_cert], [PAIR.sign_cert], keys=[PAIR.sign_key, PAIR.enc_key])
    assert refusing(report) == {"swapped-certificates": ALL}


def test_a_key_of_another_pair() -> None:
    report = look([PAIR.sign_cert], [PAIR.enc_cert], keys=[PAIR.sign_key, BELOW.enc_key])
    assert refusing(report) == {"wrong-key": ALL}
    (finding,) = [one for one in report.findings if one.rule == "wrong-key"]
    assert "key1.pem" in finding.text("en")
    assert "encryption" in finding.text("en")


def test_certificates_with_both_usages() -> None:
    uses = key_usage("digitalSignature", "keyEncipherment")
    report = look([sign(uses, HOSTS)], [enc(uses, HOSTS)])
    assert refusing(report) == {}
    assert rules(report, "warning") == {"both-usages"}


def test_a_chain_that_is_too_deep_for_usual_configurations() -> None:
    deeper = CA.issue_intermediate("A", path_length=None, now=NOW)
    below = deeper.issue_intermediate("B", path_length=None, now=NOW)
    for authority, depth in (
        (SUB, "3"),
        (below, "3"),
        (below.issue_intermediate("C", now=NOW), "4"),
    ):
        pair = authority.issue_pair("x", ["localhost"], now=NOW)
        report = look([pair.sign_cert, *pair.chain], [pair.enc_cert, *pair.chain])
        (finding,) = [one for one in report.findings if one.rule == "depth"]
        assert finding.severity == "warning"
        assert set(finding.stacks) == {"tongsuo", "tassl"}
        assert f"ssl_verify_depth {depth};" in finding.remedy("en")


# Usages, by the table of the stacks


@pytest.mark.parametrize(
    ("uses", "refuse"),
    [
        (("digitalSignature", "nonRepudiation"), set()),
        (("digitalSignature",), set()),
        (("nonRepudiation",), {"tongsuo", "gmssl", "kona"}),
        (("digitalSignature", "keyCertSign"), {"gmssl"}),
        (("digitalSignature", "cRLSign"), {"gmssl"}),
        (("cRLSign",), ALL - {"gotlcp", "tongsuo"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none",
)
def test_usage_of_the_signing_certificate(uses: tuple[str, ...], refuse: set[str]) -> None:
    # beside one without keyUsage, so that nothing looks swapped
    report = look([sign(key_usage(*uses), HOSTS)], [enc(HOSTS)])
    assert set().union(*refusing(report).values()) == refuse
    assert set(refusing(report)) == ({"sign-usage"} if refuse else set())


@pytest.mark.parametrize(
    ("uses", "refuse"),
    [
        (("keyEncipherment", "dataEncipherment", "keyAgreement"), set()),
        (("keyEncipherment",), set()),
        (("dataEncipherment",), {"gmssl"}),
        (("keyAgreement",), {"tongsuo", "tassl", "gmssl"}),
        (("keyEncipherment", "cRLSign"), {"gmssl"}),
        (("cRLSign",), ALL - {"gotlcp"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none",
)
def test_usage_of_the_encryption_certificate(uses: tuple[str, ...], refuse: set[str]) -> None:
    report = look([sign(HOSTS)], [enc(key_usage(*uses), HOSTS)])
    assert refusing(report).get("enc-usage", set()) == refuse


CLIENTS_THAT_LOOK = ALL - {"gmssl"}


@pytest.mark.parametrize(
    ("names", "errors", "warnings"),
    [
        (["a.example"], set(), set()),
        (["*.b.example"], set(), set()),
        (["256.1.1.1"], CLIENTS_THAT_LOOK, set()),
        (["256.1.1.1", "a.example"], set(), CLIENTS_THAT_LOOK),
        (["*.example"], {"tongsuo", "tassl", "tlcp"}, set()),
        (["*.example", "a.example"], set(), {"tongsuo", "tassl", "tlcp"}),
        (["*"], {"tongsuo", "tassl", "kona", "tlcp"}, set()),
        (["w*.b.example"], {"gotlcp", "tlcp"}, set()),
    ],
    ids=lambda value: "+".join(sorted(value)),
)
def test_host_names_that_no_client_matches(
    names: list[str], errors: set[str], warnings: set[str]
) -> None:
    hosts: Extension = (x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    report = look([sign(SIGN, hosts)], [enc(ENC, hosts)])
    assert refusing(report).get("unmatched-name", set()) == errors
    found = [one for one in report.findings if one.rule == "unmatched-name"]
    assert {one for f in found if f.severity == "warning" for one in f.stacks} == warnings
    assert len(found) <= 1  # said once for both certificates
    for one in found:
        assert names[0] in one.text("en")
        assert names[0] in one.text("zh")
        assert ("no client will match" in one.text("en")) == (names[0] == "256.1.1.1")
        assert ("没有客户端" in one.text("zh")) == (names[0] == "256.1.1.1")


def test_an_address_that_stands_there_as_a_name_too_is_no_finding() -> None:
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    names = x509.SubjectAlternativeName([x509.DNSName("127.0.0.1"), address])
    report = look([sign(SIGN, (names, False))], [enc(ENC, (names, False))])
    assert "unmatched-name" not in {one.rule for one in report.findings}


@pytest.mark.parametrize("name", ["*", "*.example", "w*.b.example", "*.b.example"])
def test_openssl_itself_says_the_same_of_wildcards(name: str, tmp_path: Path) -> None:
    """Tongsuo and TASSL match names with its code."""
    (tongsuo,) = [stack for stack in STACKS if stack.name == "tongsuo"]
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    (tmp_path / "x.pem").write_bytes(pem(sign(SIGN, (names, False))))
    host = name.replace("*", "x")
    told = openssl("x509", "-in", tmp_path / "x.pem", "-noout", "-checkhost", host)
    assert ("does match" in told) == tongsuo.may_find(name)


def test_without_key_usage_everything_goes() -> None:
    assert refusing(look([sign(HOSTS)], [enc(HOSTS)])) == {}


USAGES = [
    (), ("digitalSignature",), ("nonRepudiation",), ("keyEncipherment",), ("dataEncipherment",),
    ("keyAgreement",), ("cRLSign",), ("digitalSignature", "keyEncipherment"),
    ("nonRepudiation", "keyAgreement"),
]  # fmt: skip


@pytest.mark.parametrize("uses", USAGES, ids=lambda uses: "+".join(uses) or "no extension")
def test_tongsuo_itself_says_the_same(uses: tuple[str, ...], tmp_path: Path) -> None:
    """Its rules for keyUsage hold when the certificates are loaded."""
    lib = lt.library()
    (tongsuo,) = [stack for stack in STACKS if stack.name == "tongsuo"]
    one = certificate(*([key_usage(*uses)] if uses else []), HOSTS)
    file = tmp_path / "x.pem"
    file.write_bytes(pem(one))
    context = lib.SSL_CTX_new(lib.NTLS_server_method())
    try:
        lib.SSL_CTX_enable_ntls(context)
        took = [
            getattr(lib, f"SSL_CTX_use_{use}_certificate_file")(context, str(file).encode(), 1) == 1
            for use in ("sign", "enc")
        ]
        lt.drain_errors(lib)
    finally:
        lib.SSL_CTX_free(context)
    assert took == [tongsuo.may_sign(one), tongsuo.may_encrypt(one)]


@pytest.mark.parametrize("same", [True, False])
def test_gmssl_itself_says_the_same_of_subjects(same: bool, tmp_path: Path) -> None:
    program, environment = find_gmssl()
    pair = [sign(SIGN, HOSTS), enc(ENC, HOSTS, name="a server" if same else "another")]
    (tmp_path / "pair.pem").write_bytes(pem(*pair))
    (tmp_path / "ca.pem").write_bytes(pem(CA.certificate))
    done = subprocess.run(
        [program, "certverify", "-double_certs", "-in", "pair.pem", "-cacert", "ca.pem"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode == 0) == same, done.stderr
    assert ("two-subjects" in refusing(look(pair))) == (not same)


@pytest.mark.parametrize("sign_uses", USAGES, ids=lambda uses: "+".join(uses) or "any")
@pytest.mark.parametrize("enc_uses", USAGES, ids=lambda uses: "+".join(uses) or "any")
@pytest.mark.parametrize("name", ["a server", "another"])
def test_our_own_verifier_says_the_same(
    sign_uses: tuple[str, ...], enc_uses: tuple[str, ...], name: str
) -> None:
    pair = [
        sign(*([key_usage(*sign_uses)] if sign_uses else []), HOSTS),
        enc(*([key_usage(*enc_uses)] if enc_uses else []), HOSTS, name=name),
    ]
    report = look(pair, trusted=pem(CA.certificate))
    (verdict,) = [one for one in report.verdicts if one.stack.name == "tlcp"]
    try:
        verify_pair(
            [one.der for one in pair],
            role="server",
            trust=TrustStore([CA.certificate]),
            now=NOW,
            host="localhost",
            need_enc=True,
        )
    except TLCPError:
        assert not verdict.accepts
    else:
        assert verdict.accepts, verdict.refused_by


# What both must have in common


def test_two_subjects() -> None:
    report = look([sign(SIGN, HOSTS)], [enc(ENC, HOSTS, name="another")])
    assert refusing(report) == {"two-subjects": {"gmssl", "tlcp"}}


def test_two_names() -> None:
    other: Extension = (x509.SubjectAlternativeName([x509.DNSName("other")]), False)
    for second in ((ENC, other), (ENC,)):
        report = look([sign(SIGN, HOSTS)], [enc(*second)])
        assert refusing(report) == {"two-names": {"gmssl", "gotlcp", "tlcp"}}
    none = look([sign(SIGN)], [enc(ENC)])
    assert refusing(none) == {}
    assert "no-names" in rules(none, "note")


def test_two_issuers() -> None:
    other = certificate(ENC, HOSTS, key=ENC_KEY, authority=SUB, serial_number=78)
    report = look([sign(SIGN, HOSTS)], [other, SUB.certificate])
    assert refusing(report) == {"two-issuers": {"gmssl"}}


def test_one_key_in_both() -> None:
    report = look([sign(SIGN, HOSTS)], [certificate(ENC, HOSTS, serial_number=78)])
    assert rules(report, "warning") == {"one-key"}


# Extensions, algorithms, times


def test_a_purpose_is_missing() -> None:
    def purpose(*oids: x509.ObjectIdentifier) -> Extension:
        return x509.ExtendedKeyUsage(oids), False

    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    for value in (purpose(server, client), purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)):
        report = look([sign(SIGN, HOSTS, value)], [enc(ENC, HOSTS, value)])
        assert not rules(report, "warning")
    for value, missing in ((purpose(server), "clientAuth"), (purpose(client), "serverAuth")):
        report = look([sign(SIGN, HOSTS, value)], [enc(ENC, HOSTS)])
        assert rules(report, "warning") == {"purpose"}
        assert any(missing in finding.text("en") for finding in report.findings)
    other = purpose(ExtendedKeyUsageOID.CODE_SIGNING)
    report = look([sign(SIGN, HOSTS, other)], [enc(ENC, HOSTS)])
    assert refusing(report) == {"purpose": ALL - {"gmssl"}}


def test_empty_basic_constraints() -> None:
    nothing = (x509.BasicConstraints(ca=False, path_length=None), True)
    report = look([sign(SIGN, HOSTS, nothing)], [enc(ENC, HOSTS)])
    assert refusing(report) == {"empty-constraints": {"gmssl"}}


def test_a_ca_in_place_of_an_end_certificate() -> None:
    assert refusing(look([SUB.certificate]))["end-is-ca"] == ALL


def test_a_ca_that_is_none() -> None:
    """The issuer of the pair has no basicConstraints, or may not sign certificates."""
    fake_key = SM2PrivateKey((9).to_bytes(32))
    constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
    for extensions in ([key_usage("digitalSignature")], [constraints, key_usage("cRLSign")]):
        fake = certificate(*extensions, key=fake_key, name="Fake")
        authority = CertificateAuthority(fake, fake_key)
        pair = authority.issue_pair("x", ["localhost"], now=NOW)
        names = ("x.sign.crt", "x.enc.crt")
        report = look([pair.sign_cert], [pair.enc_cert], names=names, trusted=pem(fake))
        assert refusing(report)["not-a-ca"] == ALL


def test_constraints_of_a_ca_that_are_not_critical() -> None:
    key = SM2PrivateKey((9).to_bytes(32))
    soft = certificate(
        (x509.BasicConstraints(ca=True, path_length=None), False),
        key_usage("keyCertSign"),
        key=key,
        name="Soft",
    )
    pair = CertificateAuthority(soft, key).issue_pair("x", ["localhost"], now=NOW)
    report = look([pair.sign_cert, soft], [pair.enc_cert, soft])
    assert "ca-constraints-not-critical" in rules(report, "warning")


def test_rsa_pairs_are_for_tongsuo_and_us() -> None:
    issuer = rsa_key("issuer")
    pair = [
        rsa_certificate("a server", rsa_key(use).public_key(), use, "RSA CA", issuer)
        for use in ("sign", "enc")
    ]
    assert refusing(look(pair))["not-sm2"] == ALL - {"tongsuo", "tlcp"}


def test_expired_and_not_yet_valid() -> None:
    old = certificate(SIGN, HOSTS, not_after=NOW - DAY / 2)
    young = certificate(ENC, HOSTS, key=ENC_KEY, not_before=NOW + DAY / 2, serial_number=78)
    assert refusing(look([old], [young])) == {"expired": ALL, "not-yet-valid": ALL}


def test_a_chain_with_a_gap() -> None:
    report = look([BELOW.sign_cert], [BELOW.enc_cert], trusted=pem(CA.certificate))
    assert refusing(report)["missing-intermediate"] == ALL
    assert "missing-intermediate" in rules(look([BELOW.sign_cert], [BELOW.enc_cert]), "note")


def test_a_ca_of_the_same_name_that_did_not_issue_it() -> None:
    other = CertificateAuthority.create(now=NOW)
    report = look([PAIR.sign_cert], [PAIR.enc_cert], trusted=pem(other.certificate))
    assert refusing(report) == {"bad-signature": ALL}
    both = pem(other.certificate, CA.certificate)
    assert refusing(look([PAIR.sign_cert], [PAIR.enc_cert], trusted=both)) == {}


# Files


def test_keys_in_other_forms_and_der() -> None:
    report = lint(
        [
            ("x.sign.crt", PAIR.sign_cert.der),
            ("x.enc.crt", PAIR.enc_cert.der),
            ("x.sign.key", dump_private_key(PAIR.sign_key)),
            ("x.enc.key", dump_private_key(PAIR.enc_key, password=b"x")),
        ],
        now=NOW,
    )
    assert refusing(report) == {}
    concerned = {
        (finding.stacks, value)
        for finding in report.findings
        if finding.rule == "key-form"
        for name, (value, _) in finding.values
        if name == "key"
    }
    assert concerned == {(("gmssl",), "x.sign.key"), (("kona",), "x.enc.key")}


def test_encrypted_keys_and_key_stores_are_opened_with_the_password() -> None:
    def report(key: SM2PrivateKey, password: bytes | None) -> LintReport:
        files = [
            ("x.sign.crt", PAIR.sign_cert.der),
            ("x.enc.crt", PAIR.enc_cert.der),
            ("x.enc.key", dump_private_key(key, password=b"x")),
        ]
        return lint(files, password=password, now=NOW)

    assert refusing(report(PAIR.enc_key, b"x")) == {}
    assert refusing(report(BELOW.enc_key, None)) == {}  # cannot be told
    assert refusing(report(BELOW.enc_key, b"x")) == {"wrong-key": ALL}
    entries = [
        Entry(PAIR.sign_key, PAIR.sign_cert.der, "sign"),
        Entry(PAIR.enc_key, PAIR.enc_cert.der, "enc"),
    ]
    store = dump_pkcs12(entries, b"x")
    assert refusing(lint([("x.p12", store)], password=b"x", now=NOW)) == {}
    with pytest.raises(ConfigError, match=r"x\.p12: .*password"):
        lint([("x.p12", store)], now=NOW)


def test_files_that_hold_nothing() -> None:
    with pytest.raises(ConfigError, match=r"x\.pem: the file holds nothing"):
        lint([("x.pem", b"junk")])
    with pytest.raises(ConfigError, match="no certificate in these files"):
        lint([("x.key", dump_private_key(SIGN_KEY))])
    with pytest.raises(ConfigError, match=r"x\.pem"):
        lint([("x.pem", certificate_pem(b"0\x00"))])


def test_every_rule_has_words_in_both_languages_with_the_same_names() -> None:
    for rule, ((what, remedy), (what_zh, remedy_zh)) in WORDS.items():
        for english, chinese in ((what, what_zh), (remedy, remedy_zh)):
            names = [set(_names(text)) for text in (english, chinese)]
            assert names[0] == names[1], rule
        assert any("\u4e00" <= letter <= "\u9fff" for letter in what_zh)


def _names(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]
