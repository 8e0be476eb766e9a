"""What CAs in use write that the standards do not, and what of it we take.

Each sentence stands in ``docs/verification.md``; so that page says no more and no less than this.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from chains import der
from chains.case import Case, Problem
from chains.making import DAY, NOW, ca, leaf, name_der, root
from revocation.making import ask, certificate, crl
from tlcp.errors import CertificateVerifyError
from tlcp.pki.crl import Revocation
from tlcp.x509.certificate import Certificate

PAGE = (Path(__file__).parents[2] / "docs" / "verification.md").read_text("utf-8")
PAGE_ZH = (Path(__file__).parents[2] / "docs" / "verification.zh.md").read_text("utf-8")
SERIAL = der.integer(int.from_bytes(hashlib.sha256(b"leaf").digest()[:8]) + 1)
BEGIN, END = der.time(NOW - DAY), der.time(NOW + DAY)
_BAD, _SAN = Problem.MALFORMED, "SubjectAlternativeName"


def extension(dotted: str, value: bytes | str, *, critical: bool | None = False) -> dict[str, Any]:
    """One more extension, its value in DER or in hexadecimal digits."""
    content = bytes.fromhex(value) if isinstance(value, str) else value
    return {"raw": ((dotted, critical, content),)}


def names(*entries: bytes) -> dict[str, Any]:
    """These general names as the subjectAltName."""
    return {"san": ()} | extension("2.5.29.17", der.sequence(*entries))


def notice(text: bytes) -> bytes:
    """Policy 1.2.3 with a user notice."""
    qualifier = der.sequence(der.oid("1.3.6.1.5.5.7.2.2"), der.sequence(text))
    return der.sequence(der.sequence(der.oid("1.2.3"), der.sequence(qualifier)))


_BMP = der.tlv(30, "国密".encode("utf-16-be"))
_ZERO = "300ea00c300a8205612e636f6d800100"  # permits a.com, with a minimum of 0 written out
_CONSTRAINT = "300ca00a300882062a2e612e636e"  # permits *.a.cn

ODDITIES: tuple[tuple[str, Mapping[str, Any], Problem | None], ...] = (
    ("NULL parameters of SM2 with SM3", {"algorithm": "sm2-sm3-null"}, None),
    ("GeneralizedTime before 2050", {"general_time": True}, None),
    ("the year 9999", {"der": ((END, der.tlv(24, b"99991231235959Z")),)}, None),
    ("key identifiers of any length", {"ski": b"k" * 16}, None),
    ("key identifiers of any length", {"ski": b"k" * 64, "aki": b"a"}, None),
    ("no key identifiers", {"ski": None, "aki": None}, None),
    ("critical key identifiers", {"critical": ("SubjectKeyIdentifier",)}, None),
    ("key identifiers that name another key", {"ski": b"other"}, None),
    ("key identifiers that name another key", {"aki": b"other"}, None),
    ("basicConstraints of a CA that are not critical",
     {"above": {"critical": ("-BasicConstraints",)}}, None),
    ("CAs without keyUsage", {"above": {"uses": None}}, None),
    ("a CA certificate at the end of a chain", {"ca": True}, None),
    ("keyCertSign in what is no CA", {"uses": ("digitalSignature", "keyCertSign")}, None),
    ("a path length where keyUsage lacks keyCertSign", {"ca": True, "path_length": 0}, None),
    ("keyUsage that is not critical", {"critical": ("-KeyUsage",)}, None),
    ("a FALSE written out in basicConstraints", extension("2.5.29.19", "3003010100"), None),
    ('a FALSE written out for "not critical"', extension("1.2.3.4", b"x", critical=None), None),
    ("keyUsage with zero bits at its end", {"uses": None} | extension("2.5.29.15", "0303008000"),
     None),
    ("strings with letters that their kind does not have", {"strings": 19, "dn": "CN=*国密"}, None),
    ("strings with letters that their kind does not have", {"strings": 18, "dn": "CN=x"}, None),
    ("TeletexString and BMPString", {"strings": 20}, None),
    ("TeletexString and BMPString", {"strings": 30}, None),
    ("values longer than RFC 5280's upper bounds", {"dn": "CN=" + "x" * 300}, None),
    ("countries that are not of two letters", {"dn": "C=CHN,CN=x"}, None),
    ("serial numbers of more than 20 bytes", {"serial": 1 << 238}, None),
    ("serial numbers that are zero or negative", {"der": ((SERIAL, b"\2\1\0"),)}, None),
    ("serial numbers that are zero or negative", {"der": ((SERIAL, b"\2\1\x80"),)}, None),
    ("an empty subjectAltName", names(), None),
    ("a critical subjectAltName beside a subject", {"critical": (_SAN,)}, None),
    ("an empty subject and a subjectAltName that is not critical", {"dn": "-"}, None),
    ("neither a subject nor a subjectAltName", {"dn": "-", "san": ()}, None),
    ("nameConstraints, policyConstraints or inhibitAnyPolicy that are not critical",
     {"above": {"permit": ("dns:example",), "critical": ("-NameConstraints",)}}, None),
    ("nameConstraints, policyConstraints or inhibitAnyPolicy that are not critical",
     {"above": {"no_mapping": 0, "critical": ("-PolicyConstraints",)}}, None),
    ("nameConstraints, policyConstraints or inhibitAnyPolicy that are not critical",
     {"above": {"no_any": 0, "critical": ("-InhibitAnyPolicy",)}}, None),
    ("a DNS name with a leading period in nameConstraints",
     {"above": {"permit": ("dns:.example",)}}, None),
    ("empty lists of distribution points, of access descriptions or of the issuer's other names",
     extension("2.5.29.31", "3000"), None),
    ("empty lists of distribution points, of access descriptions or of the issuer's other names",
     extension("1.3.6.1.5.5.7.1.1", "3000"), None),
    ("empty lists of distribution points, of access descriptions or of the issuer's other names",
     extension("2.5.29.18", "3000"), None),
    ("an empty list of policies, or a policy twice", extension("2.5.29.32", "3000"), None),
    ("an empty list of policies, or a policy twice",
     extension("2.5.29.32", "300c" + 2 * "3004" "06022a03"), None),
    ("user notices of policies in any kind of string", extension("2.5.29.32", notice(_BMP)), None),
    ("private extensions, whatever is in them", extension("1.2.156.10260.4.1.1", b"garbage"), None),
    ("a DNS name that is none, which then matches nothing",
     names(der.tlv(0x82, "国密".encode()), der.tlv(0x82, b"a\0b")), None),
    ("underscores in DNS names", {"san": ("dns:my_host.example",)}, None),
    ("e-mail addresses and URIs that are none", {"san": ("email:x",)}, None),
    ("e-mail addresses and URIs that are none", {"san": ("uri:x/y",)}, None),
    ("certificates of version 1 at the end of a chain", {"version": 1}, None),
    ("extensions in a certificate of version 1",
     {"version": 1} | extension("1.2.3.4", b"x"), None),
    # what is refused
    ("indefinite lengths, long forms of short lengths, bytes after the end", {}, _BAD),
    ("TRUE as anything but FF", extension("2.5.29.19", "3003010101"), _BAD),
    ("a path length without CA", extension("2.5.29.19", "3003020100"), _BAD),
    ("a negative path length", extension("2.5.29.19", "30060101ff0201ff"), _BAD),
    ("numbers with needless zeros in front", {"der": ((SERIAL, b"\2\2\0\1"),)}, _BAD),
    ("times without seconds, with fractions, or not in UTC",
     {"der": ((END, der.tlv(23, b"2611241200Z")),)}, _BAD),
    ("times without seconds, with fractions, or not in UTC",
     {"der": ((END, der.tlv(23, b"261124120000+0800")),)}, _BAD),
    ("times without seconds, with fractions, or not in UTC",
     {"der": ((END, der.tlv(24, b"20261124120000.5Z")),)}, _BAD),
    ("times without seconds, with fractions, or not in UTC",
     {"der": ((END, der.tlv(24, b"20261124120000")),)}, _BAD),
    ("days that are none", {"der": ((BEGIN, der.tlv(23, b"260230000000Z")),)}, _BAD),
    ("versions but 1 and 3", {"version": 2}, _BAD),
    ("versions but 1 and 3", {"version": 4}, _BAD),
    ("an extension twice", {"ski": b"1"} | extension("2.5.29.14", "040131"), _BAD),
    ("IP addresses of other lengths than 4 and 16", names(der.tlv(0x87, b"\xc0\0\2")), _BAD),
    ("an empty extendedKeyUsage", {"eku": None} | extension("2.5.29.37", "3000"), _BAD),
    ("X.400 addresses and EDI party names", names(der.tlv(0xA3, b"\x30\0")), _BAD),
    ("an authorityKeyIdentifier with an issuer and no serial number", {"aki": None} | extension(
     "2.5.29.35", der.sequence(der.tlv(0xA1, der.tlv(0xA4, name_der("CN=x"))))), _BAD),
    ("a known extension that cannot be read", extension("2.5.29.31", b"\5\0"), _BAD),
    ("a known extension that cannot be read", extension("2.5.29.30", _ZERO), _BAD),
    ("a wildcard as a name constraint", extension("2.5.29.30", _CONSTRAINT), _BAD),
)  # fmt: skip

#: What of it is refused of strict chains.
STRICTLY_REFUSED = {
    "no key identifiers",
    "critical key identifiers",
    "basicConstraints of a CA that are not critical",
    "CAs without keyUsage",
    "keyCertSign in what is no CA",
    "a path length where keyUsage lacks keyCertSign",
    "an empty subjectAltName",
    "an empty subject and a subjectAltName that is not critical",
    "neither a subject nor a subjectAltName",
    "nameConstraints, policyConstraints or inhibitAnyPolicy that are not critical",
    "a DNS name with a leading period in nameConstraints",
    "certificates of version 1 at the end of a chain",
    "extensions in a certificate of version 1",
}
_OTHER_EXTENSION = [(x509.AuthorityKeyIdentifier(b"key", None, None), False)]
_POINT = x509.IssuingDistributionPoint(
    None, None, only_contains_user_certs=True, only_contains_ca_certs=False,
    only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False,
)  # fmt: skip

#: The same of CRLs: a sentence, and what makes such a list.
CRL_ODDITIES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("CRLs without crlNumber", {"crl_number": None, "extensions": _OTHER_EXTENSION}),
    ("a critical crlNumber in CRLs",
     {"crl_number": None, "extensions": [(x509.CRLNumber(7), True)]}),
    ("CRLs without authorityKeyIdentifier", {}),
    ("CRLs of version 1", {"crl_number": None}),
    ("an issuingDistributionPoint of CRLs that is not critical",
     {"extensions": [(_POINT, False)]}),
    ("a serial number twice in a CRL", {"twice": True}),
    ("dates of revocation in the future", {"when": NOW + DAY / 2}),
)  # fmt: skip


def verify(more: Mapping[str, Any], *, strict: bool = False) -> None:
    of_leaf = {name: value for name, value in more.items() if name != "above"}
    certs = [root(), leaf(**of_leaf)]
    if "above" in more:
        certs = [root(), ca("A", **more["above"]), leaf("A", **of_leaf)]
    case = Case("odd", "", certs, strict=strict)
    with warnings.catch_warnings():
        # pytest's filters stand before that of the module
        warnings.simplefilter("ignore")
        case.run("sm2")
        assert str(case.make("sm2")["leaf"])


@pytest.mark.parametrize(
    ("sentence", "more", "problem"),
    [pytest.param(*row, id=f"{at}: {row[0]}") for at, row in enumerate(ODDITIES) if row[1]],
)
def test_oddity(sentence: str, more: Mapping[str, Any], problem: Problem | None) -> None:
    if problem is None:
        verify(more)
    else:
        with pytest.raises(CertificateVerifyError) as caught:
            verify(more)
        assert caught.value.problem is problem


@pytest.mark.parametrize(
    ("sentence", "more"),
    [pytest.param(*row[:2], id=f"{at}: {row[0]}") for at, row in enumerate(ODDITIES) if not row[2]],
)
def test_oddity_in_a_strict_chain(sentence: str, more: Mapping[str, Any]) -> None:
    if sentence not in STRICTLY_REFUSED:
        verify(more, strict=True)
        return
    with pytest.raises(CertificateVerifyError) as caught:
        verify(more, strict=True)
    assert caught.value.problem is Problem.BREAKS_PROFILE


@pytest.mark.parametrize(
    ("sentence", "more"), CRL_ODDITIES, ids=[sentence for sentence, _ in CRL_ODDITIES]
)
def test_oddity_of_a_crl(sentence: str, more: Mapping[str, Any]) -> None:
    chosen = dict(more)
    times, when = 1 + chosen.pop("twice", False), chosen.pop("when", NOW - DAY)

    def made(serial: int) -> bytes:
        return crl("sm2", revoked=[Revocation(serial, when)] * times, **chosen)

    leaf_number = certificate("leaf", "sm2").serial_number
    ask("sm2", lists=(made(leaf_number + 1),))
    with pytest.raises(CertificateVerifyError) as caught:
        ask("sm2", lists=(made(leaf_number),))
    assert caught.value.problem is Problem.REVOKED, sentence


@pytest.mark.parametrize("change", ["indefinite", "long form", "after the end"])
def test_der_alone_is_taken(change: str) -> None:
    good = Case("good", "", [root(), leaf()]).make("sm2")["leaf"].der
    content = good[4:]
    bad = {
        "indefinite": b"\x30\x80" + content + b"\0\0",
        "long form": b"\x30\x83\0" + good[2:4] + content,
        "after the end": good + b"\0",
    }[change]
    with pytest.raises(CertificateVerifyError) as caught:
        Certificate.from_der(bad)
    assert caught.value.problem is Problem.MALFORMED


@pytest.mark.parametrize("sentence", sorted({sentence for sentence, _, _ in ODDITIES}))
def test_the_page_tells_of_it(sentence: str) -> None:
    taken, _, refused = PAGE.partition("## What is refused")
    outcome = {problem for text, _, problem in ODDITIES if text == sentence}
    assert len(outcome) == 1
    assert f"- {sentence}" in (taken if outcome == {None} else refused)


def test_the_page_tells_of_nothing_else() -> None:
    body = PAGE.partition("## Oddities that are taken")[2].partition("## The budgets")[0]
    told = {line[2:].split(" (")[0] for line in body.splitlines() if line.startswith("- ")}
    assert told == {sentence for sentence, *_ in (*ODDITIES, *CRL_ODDITIES)}
    marked = {line[2:].split(" (")[0] for line in body.splitlines() if "not when strict" in line}
    assert marked == STRICTLY_REFUSED


def test_the_chinese_page_has_as_many() -> None:
    page = PAGE_ZH.partition("## 接受的不规范写法")[2].partition("## 工作量上限")[0]
    lines = [line for line in page.splitlines() if line.startswith("- ")]
    assert len(lines) == len({sentence for sentence, *_ in (*ODDITIES, *CRL_ODDITIES)})
    assert sum("严格校验时拒绝" in line for line in lines) == len(STRICTLY_REFUSED)


@pytest.mark.parametrize("option", ["default", "error"])
def test_programs_hear_no_warnings_of_their_peers_certificates(option: str, tmp_path: Path) -> None:
    odd = [leaf(der=((SERIAL, b"\2\1\0"),)), leaf(dn="C=CHN,CN=x")]
    odd += [leaf(dn="C=CHN,CN=*", strings=19)]  # read by way of a copy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, one in enumerate(odd):
            made = Case("odd", "", [root(), one]).make("sm2")["leaf"]
            (tmp_path / str(number)).write_bytes(made.der)
    program = (
        "import pathlib, sys\n"
        "from tlcp.x509.certificate import Certificate\n"
        "for name in sys.argv[1:]:\n"
        "    print(Certificate.from_der(pathlib.Path(name).read_bytes()).subject_text)\n"
    )
    command = [sys.executable, "-W", option, "-c", program, *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", "CN=leaf\nCN=x,C=CHN\nCN=*,C=CHN\n")
