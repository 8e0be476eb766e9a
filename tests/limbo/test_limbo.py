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


def crl(*revoked: str, issuer: str = "Root", signer: str = "Root", days: float = 0) -> str:
    """A list of the root's, PEM: the certificates of these names are revoked."""
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
    key = private_key(signer, "p384")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    made = builder.sign(key, hashes.SHA384())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(name: str) -> int:
    return Case("", "", [root(name)]).make("ecdsa")[name].serial_number


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
        entry("own::expired", [root(), leaf(end=-0.5)], valid=False, features=["time"]),
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
        entry("own::usage", [root(), leaf()], key_usage=["digitalSignature"],
              extended_key_usage=["serverAuth"]),
        entry("own::purpose by number", [root(), leaf(eku=("server", "code"))],
              extended_key_usage=["1.3.6.1.5.5.7.3.3"]),
        entry("own::lacking usage", [root(), leaf()], key_usage=["keyEncipherment"], valid=False),
        entry("own::lacking purpose", [root(), leaf()], extended_key_usage=["codeSigning"],
              valid=False),
        entry("own::garbage", [root(), leaf()], valid=False,
              peer_certificate="-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
        entry("own::not revoked", [root(), leaf()], crls=[crl("other")], features=["has-crl"]),
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
    assert rows["all cases"] == [str(len(suite())), "0", "0"]


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
    (row,) = (line for line in text.splitlines() if line.startswith("all cases"))
    assert row.split()[-3:] == ["1", "1", "0"]


def test_a_verifier_that_breaks_agrees_with_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("limbo.judge.verify_chain", broken)
    status, text = run(tmp_path, [flipped(suite()[0])])
    assert status == 1
    assert "broke: RuntimeError a bug" in text


def test_what_is_not_judged_is_told(tmp_path: Path) -> None:
    more = {"signature_algorithms": ["RSA_WITH_SHA256"]}
    status, text = run(tmp_path, [suite()[0] | more], "--skipped")
    assert status == 0
    assert "not judged: own::p256: " in text


def test_only_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(tmp_path, suite(), "--only", "deep")
    assert text.splitlines()[-1].split()[-3:] == ["1", "0", "0"]
    assert run(tmp_path, suite(), "--only", "nothing") == (2, "")
    assert "no case has 'nothing'" in capsys.readouterr().err


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
