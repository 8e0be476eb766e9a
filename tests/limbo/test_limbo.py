"""The runner, over a small suite that it makes itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chains.case import Case
from chains.making import DAY, NOW, Cert, KeyType, ca, leaf, private_key, root
from limbo.__main__ import main
from tlcp.pki.build import certificate_pem

GARBAGE = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
PROJECT = Path(__file__).parents[2]


def entry(id_: str, certs: Sequence[Cert], *, valid: bool = True, **more: Any) -> dict[str, Any]:
    """A test case in the format."""
    made = {
        name: certificate_pem(one.der).decode()
        for name, one in Case("", "", certs).make("ecdsa").items()
    }
    anchors = {one.name for one in certs if one.anchor}
    return {
        "id": id_,
        "conflicts_with": [],
        "features": None,
        "importance": "undetermined",
        "description": f"about {id_}",
        "validation_kind": "SERVER",
        "trusted_certs": [made[name] for name in made if name in anchors],
        "untrusted_intermediates": [made[n] for n in made if n not in anchors and n != "leaf"],
        "peer_certificate": made["leaf"],
        "peer_certificate_key": None,
        "validation_time": NOW.isoformat(),
        "signature_algorithms": [],
        "key_usage": [],
        "extended_key_usage": [],
        "expected_result": "SUCCESS" if valid else "FAILURE",
        "expected_peer_name": {"kind": "DNS", "value": "host.example"},
        "expected_peer_names": [],
        "max_chain_depth": None,
        "crls": [],
    } | more


def chain(kind: KeyType) -> list[Cert]:
    return [root(type=kind), ca("A", type=kind), leaf("A", type=kind)]


def crl(*revoked: str, issuer: str = "Root", signer: str = "", days: float = 0) -> str:
    """A list of the root's or another's, PEM: the certificates of these names are revoked."""
    signer = signer or issuer
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name.from_rfc4514_string(f"CN={issuer}"))
        .last_update(NOW + (days - 1) * DAY)
        .next_update(NOW + (days + 1) * DAY)
        .add_extension(x509.CRLNumber(7), critical=False)
    )
    for name in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial_of(name))
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
    key = private_key(signer, "p256" if signer == "A" else "p384")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    made = builder.sign(key, hashes.SHA256() if signer == "A" else hashes.SHA384())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(name: str) -> int:
    return Case("", "", [root(name)]).make("ecdsa")[name].serial_number


SELF_ISSUED = [
    root(),
    ca("R2", "Root", dn="CN=Root", key="R2"),
    leaf("", issuer_dn="CN=Root", signer="R2"),
]
BELOW = ca("B", "R2", issuer_dn="CN=Root")
MIXED = [root(type="rsa"), ca("A", type="p384"), leaf("A", type="p256")]
# the cross-certificate comes first, and the self-issued one makes room for it
TWO_WAYS = [
    root(),
    ca("R2", "Root", dn="CN=Root", key="R2"),
    ca("X", "Root"),
    ca("A by X", "X", dn="CN=A", key="A"),
    ca("A", "Root"),
    leaf("A"),
]


def unreadable() -> str:
    """A certificate with a subjectAltName that is none."""
    good = Case("", "", [root(), leaf()]).make("ecdsa")["leaf"].der
    return certificate_pem(
        good.replace(b"host.example", b"host\xff\xff\xff\xff\xff\xff\xff\xff")
    ).decode()


def suite() -> list[dict[str, Any]]:
    """Cases in which we are to agree."""
    names = ("dns:host.example", "ip:192.0.2.1", "email:a@b.example")
    named = [root(), leaf(san=names)]
    address = {"kind": "IP", "value": "192.0.2.1"}
    mail = {"kind": "RFC822", "value": "a@B.example"}
    client: dict[str, Any] = {"validation_kind": "CLIENT", "expected_peer_name": None}
    return [
        *(entry(f"own::{kind}", chain(kind)) for kind in ("p256", "p384", "rsa", "sm2")),
        entry("own::mixed", [root(type="rsa"), ca("A", type="p384"), leaf("A", type="p256")]),
        entry("own::unknown", [root("Other"), root(anchor=False), leaf()], valid=False),
        entry("own::expired", [root(), leaf(end=-0.5)], valid=False, features=["time"],
              importance="high"),
        entry("own::host", [root(), leaf(san=("dns:b.example",))], valid=False, features=["name"]),
        entry("own::no name asked for", [root(), leaf(san=())], expected_peer_name=None),
        entry("own::address", named, expected_peer_name=address, features=["name", "time"]),
        entry("own::client", named, **client, expected_peer_names=[address, mail]),
        entry("own::other client", named, **client, valid=False,
              expected_peer_names=[address, {"kind": "RFC822", "value": "A@b.example"}]),
        entry("own::client for servers", [root(), leaf(eku=("server",))], **client, valid=False),
        entry("own::depth", [root(), ca("A"), leaf("A")], max_chain_depth=1),
        entry("own::too deep", [root(), ca("A"), leaf("A")], max_chain_depth=0, valid=False),
        entry("own::depth of none", [root(), leaf()], max_chain_depth=0),
        entry("own::self-issued, not counted", SELF_ISSUED, max_chain_depth=0),
        entry("own::self-issued, and one that is counted", [*SELF_ISSUED[:2], BELOW, leaf("B")],
              max_chain_depth=0, valid=False),
        entry("own::the same, and it may be", [*SELF_ISSUED[:2], BELOW, leaf("B")],
              max_chain_depth=1),
        entry("own::a long way and a short one", TWO_WAYS, max_chain_depth=1),
        entry("own::a long way and one that is too long", TWO_WAYS, max_chain_depth=0,
              valid=False),
        entry("own::usage", [root(), leaf()], key_usage=["digitalSignature"],
              extended_key_usage=["serverAuth"]),
        entry("own::lacking usage", [root(), leaf()], key_usage=["keyEncipherment"], valid=False),
        entry("own::purpose by number", [root(), leaf(eku=("server", "code"))],
              extended_key_usage=["1.3.6.1.5.5.7.3.1"]),
        entry("own::both purposes", [root(), leaf()],
              extended_key_usage=["serverAuth", "clientAuth"]),
        entry("own::one of both purposes", [root(), leaf(eku=("server",))], valid=False,
              extended_key_usage=["serverAuth", "clientAuth"]),
        entry("own::the purpose says who the peer is", [root(), leaf(eku=("client",))],
              extended_key_usage=["clientAuth"]),
        entry("own::any purpose", [root(), leaf(eku=("client",))],
              extended_key_usage=["anyExtendedKeyUsage"]),
        entry("own::any purpose of an unknown CA", [root("Other"), root(anchor=False), leaf()],
              extended_key_usage=["anyExtendedKeyUsage"], valid=False),
        entry("own::algorithm", chain("p256"), signature_algorithms=["ECDSA_WITH_SHA256"]),
        entry("own::algorithm of the leaf", chain("p256"), valid=False,
              signature_algorithms=["ECDSA_WITH_SHA384", "RSA_WITH_SHA256"]),
        entry("own::algorithm of an intermediate", MIXED, valid=False,
              signature_algorithms=["ECDSA_WITH_SHA384"]),
        entry("own::algorithms of both", MIXED,
              signature_algorithms=["ECDSA_WITH_SHA384", "RSA_WITH_SHA256"]),
        entry("own::the algorithm of a pinned leaf", [leaf("", anchor=True)],
              signature_algorithms=["RSA_WITH_SHA256"]),
        entry("own::unsupported root, not needed", [root(), root("Odd", type="p521"), leaf()]),
        entry("own::unsupported root, needed", [root(type="p521"), leaf(type="p256")],
              valid=False),
        entry("own::unsupported intermediate, not needed", [root(), ca("A", type="p521"), leaf()]),
        entry("own::what cannot be read", [root(), leaf()], valid=False,
              peer_certificate=unreadable()),
        entry("own::an intermediate that cannot be read", [root(), leaf()], valid=False,
              untrusted_intermediates=[unreadable()]),
        entry("own::not revoked", [root(), leaf()], crls=[crl("other")], features=["has-crl"]),
        entry("own::neither of two revoked", chain(""), crls=[crl("other"), crl(issuer="A")]),
        entry("own::the intermediate is revoked", chain(""), valid=False,
              crls=[crl("A"), crl(issuer="A")]),
        entry("own::nothing tells of the intermediate", chain(""), valid=False,
              crls=[crl(issuer="A")]),
        entry("own::revoked", [root(), leaf()], crls=[crl("leaf")], valid=False,
              features=["has-crl"]),
        entry("own::revoked in the second list", [root(), leaf()], valid=False,
              crls=[crl("leaf", issuer="Other"), crl("leaf")]),
        entry("own::a list of somebody else", [root(), leaf()], crls=[crl(issuer="Other")],
              valid=False),
        entry("own::a list signed by somebody else", [root(), leaf()], crls=[crl(signer="thief")],
              valid=False),
        entry("own::a list of the day before", [root(), leaf()], crls=[crl(days=-3)],
              valid=False),
        entry("own::no list at all", [root(), leaf()], crls=["nothing"], valid=False),
        entry("own::weak root", [root(type="rsa1024"), leaf(type="rsa")], valid=False),
    ]  # fmt: skip


def run(tmp_path: Path, cases: Sequence[Mapping[str, Any]], *options: str) -> tuple[int, str]:
    file, out = tmp_path / "limbo.json", io.StringIO()
    file.write_text(json.dumps({"version": 1, "testcases": cases}))
    return main([str(file), *options], out), out.getvalue()


def test_agreement_by_feature(tmp_path: Path) -> None:
    status, text = run(tmp_path, suite())
    assert (status, "expected" in text) == (0, False), text
    rows = {line[:40].strip(): line[40:].split() for line in text.splitlines()}
    assert rows["name"] == ["2", "0", "0"]
    assert rows["time"] == ["2", "0", "0"]
    assert rows["high"] == ["1", "0", "0"]
    assert rows["undetermined"] == [str(len(suite()) - 1), "0", "0"]
    assert text.startswith("mode: default\n")
    assert rows["all cases"] == [str(len(suite())), "0", "0"]


def row(text: str, name: str) -> list[str]:
    """The figures of one row."""
    (line,) = (line for line in text.splitlines() if line[:40].strip() == name)
    return line[40:].split()


def flipped(case: Mapping[str, Any]) -> dict[str, Any]:
    other = {"SUCCESS": "FAILURE", "FAILURE": "SUCCESS"}
    return dict(case) | {"expected_result": other[case["expected_result"]]}


@pytest.mark.parametrize("case", suite(), ids=lambda case: case["id"])
def test_every_case_can_differ(case: Mapping[str, Any], tmp_path: Path) -> None:
    status, text = run(tmp_path, [flipped(case)])
    assert status == 1
    assert case["id"] in text
    assert f"about {case['id']}" in text
    wanted = "refused, accepted" if case["expected_result"] == "SUCCESS" else "accepted, refused:"
    assert f"expected {wanted}" in text


def test_a_report_does_not_fail(tmp_path: Path) -> None:
    cases = [suite()[0], flipped(suite()[5])]
    status, text = run(tmp_path, cases, "--report")
    assert status == 0
    assert row(text, "all cases") == ["1", "1", "0"]


def test_a_verifier_that_breaks_agrees_with_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("limbo.judge.verify_chain", broken)
    status, text = run(tmp_path, [flipped(suite()[0])])
    assert status == 1
    assert "broke: RuntimeError a bug" in text


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"signature_algorithms": ["ROT13", "ED25519"]}, "asks for the signature algorithms ROT13"),
        ({"extended_key_usage": ["emailProtection"]}, "asks for emailProtection"),
        ({"extended_key_usage": ["serverAuth", "1.3.6.1.5.5.7.3.3"]}, "asks for 1.3.6.1.5.5.7.3.3"),
        ({"peer_certificate": GARBAGE}, "peer_certificate is no certificate at all"),
        ({"peer_certificate": "garbage"}, "peer_certificate is no certificate at all"),
    ],
)
@pytest.mark.parametrize("result", ["SUCCESS", "FAILURE"])
def test_what_is_not_judged_is_told(
    result: str, more: dict[str, Any], text: str, tmp_path: Path
) -> None:
    case = suite()[0] | {"expected_result": result} | more
    status, told = run(tmp_path, [case], "--skipped")
    assert status == 0
    assert f"not judged: own::p256: {text}" in told
    assert row(told, "all cases") == ["0", "0", "1"]


def test_any_purpose_but_those_of_tls_is_not_judged(tmp_path: Path) -> None:
    case = entry("own::code", [root(), leaf(eku=("code",))])
    case["extended_key_usage"] = ["anyExtendedKeyUsage"]
    _, text = run(tmp_path, [case], "--skipped")
    assert "not judged: own::code: is for neither servers nor clients" in text


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("own::unsupported root, not needed", "1 of 2 trusted certificates passed over"),
        ("own::unsupported root, needed", "1 of 1 trusted certificates passed over"),
        ("own::what cannot be read", "refused when the peer's certificate is read"),
        ("own::an intermediate that cannot be read", "refused for an intermediate that cannot be"),
    ],
)
def test_notes_say_how_a_verdict_came_about(name: str, note: str, tmp_path: Path) -> None:
    (case,) = (one for one in suite() if one["id"] == name)
    assert f"note: {name}: {note}" in run(tmp_path, [case])[1]
    assert "note:" not in run(tmp_path, suite()[:1])[1]


def test_a_strict_run(tmp_path: Path) -> None:
    good = suite()[0]
    bad = entry("own::form", [root(), ca("A", ski=None), leaf("A")], valid=False)
    status, text = run(tmp_path, [good, bad], "--strict")
    assert (status, text.splitlines()[0]) == (0, "mode: strict")
    assert row(text, "all cases") == ["2", "0", "0"]
    status, text = run(tmp_path, [good, bad])
    assert (status, text.splitlines()[0]) == (1, "mode: default")
    assert row(text, "all cases") == ["1", "1", "0"]


def test_conflicting_cases_are_marked(tmp_path: Path) -> None:
    one = suite()[0] | {"id": "a::one", "conflicts_with": ["b::one"]}
    other = flipped(suite()[0]) | {"id": "b::one", "conflicts_with": ["a::one", "c::gone"]}
    status, text = run(tmp_path, [one, other])
    assert status == 1
    assert "  conflicts with a::one: agree\n  conflicts with c::gone: not in this run\n" in text
    assert text.count("in conflict: agree with a::one, differ with b::one\n") == 1


def test_importance_has_its_order(tmp_path: Path) -> None:
    ranks = ("undetermined", "low", "new", "critical", "medium", "high")
    cases = [flipped(suite()[0]) | {"id": f"own::{rank}", "importance": rank} for rank in ranks]
    _, text = run(tmp_path, cases)
    _, _, table = text.partition("importance")
    listed = [line.split()[0] for line in table.partition("\n\n")[0].splitlines()[1:]]
    assert listed == ["critical", "high", "medium", "low", "undetermined", "new"]
    assert "own::high [high]\n" in text
    assert "own::undetermined\n" in text


def test_a_suite_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, []) == (2, "")
    assert "has no test cases" in capsys.readouterr().err


def test_only_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(tmp_path, suite(), "--only", "deep")
    assert row(text, "all cases") == ["1", "0", "0"]
    assert run(tmp_path, suite(), "--only", "no such") == (2, "")
    assert "no case has 'no such'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "is no JSON"),
        ("[]", "is no suite"),
        ('{"version": 2, "testcases": []}', "version 1"),
        ('{"version": 1, "testcases": [{"id": "x"}]}', "test case 0 x: KeyError"),
        ('{"version": 1, "testcases": [7]}', "test case 0"),
    ],
)
def test_what_is_no_suite(
    content: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    assert main([str(file)]) == 2
    assert text in capsys.readouterr().err


def test_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "limbo.json"
    file.write_text(json.dumps({"version": 1, "testcases": [flipped(suite()[0])]}))
    command = [sys.executable, "-m", "tests.limbo", str(file)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "expected refused, accepted" in done.stdout
