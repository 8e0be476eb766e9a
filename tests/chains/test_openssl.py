"""The cases over ECDSA in another verifier, that of the system's OpenSSL.

It passes the ID of SM2 on to the end certificate only, so SM2 chains are not compared here.
Where the two differ, and why, is written below; all other cases must come out the same.
"""

from __future__ import annotations

import functools
import ipaddress
import shutil
import subprocess
from pathlib import Path

import pytest

from chains.case import Case
from chains.cases_constraints import (
    DOUBTFUL_ENDS,
    DOUBTFUL_URIS,
    NO_URI_CONSTRAINTS,
    SAME_HOSTS,
)
from chains.making import DAY, NOW
from chains.test_cases import CASES
from tlcp.pki.build import certificate_pem
from tlcp.x509.names import parse_host

#: What OpenSSL does otherwise -> the cases.
DIFFERENCES = {
    "goes one way up, and turns back only from expired certificates and wrong key identifiers": (
        "two roots of one name without key identifiers",
        "the identifier of the wrong one",
        "one identifier for all",
        "cross-certified: by Root 2",
        "cross-certified root, old one trusted",
        "the old root expired",
        "one alternative has the wrong constraint",
        "one alternative is no CA",
        "one alternative leads nowhere",
        "one alternative is too long below",
        "the alternative is two levels up",
        "two CAs issue each other, and the root one of them",
        "just as many as are checked",
        "a look-alike has the very bytes, the issuer other letters",
        "the shorter of two ways fits",
    ),
    "takes key identifiers for promises": (
        "wrong authority key identifier",
        "wrong subject key identifier",
        # these name the old key of a CA with two
        "a root with a new key, by the old one",
        "a self-issued CA does not count",
        "a self-issued intermediate does not count",
        "a self-issued intermediate is not bound",
        "a self-issued CA does not count down",
        "any in a self-issued CA is not forbidden",
    ),
    "asks less of a root": (
        "the root has no name",
        "root without basicConstraints",
        "root of version 1",
    ),
    "has no depth of none": ("no CA is allowed",),
    "ends the validity a second before notAfter": (
        "leaf in its last second",
        "a in its last second",
        "root in its last second",
        "valid for a moment",
    ),
    "does not take anyExtendedKeyUsage": (
        *(f"leaf for {eku}, wanted as {purpose}" for eku in ("any", "ocsp and any")
          for purpose in ("server", "client")),
        *(f"{who} for any, wanted as {purpose}" for who in ("a", "root")
          for purpose in ("server", "client")),
    ),
    "has its own list of critical extensions": (
        "critical key identifiers",
        *(f"{who} with a critical {which}" for who in ("leaf", "A", "Root")
          for which in ("aki", "ski")),
        "critical CRL distribution points are not acted upon",
    ),
    "does not look at name constraints in a leaf": (
        "name constraints in a leaf",
        "name constraints in a leaf, not critical",
    ),
    "does not ask whether names and constraints are in their right form": (
        "permitted dns:a.example, is dns:www..a.example",
        "permitted dns:a.example, is dns:.a.example",
        "excluded dns:a.example, is dns:a.example.",
        "permitted dns:a.example, is dns:w*.a.example",
        "permitted dns:a.example, is dns:b.example\0.a.example",
        "excluded dns:a..example, is dns:www.b.example",
        "excluded dns:a.example:443, is dns:www.b.example",
        f"permitted email:a.example, is email:{'x' * 311}@a.example",
        f"permitted dns:a.example, is dns:{'a.' * 123}a.example",
        "permitted email:a.example, is email:x@y@a.example",
        "excluded email:x@y@a.example, is email:x@a.example",
        "permitted email:a.example, is email:@a.example",
        "permitted email:@a.example, is email:x@a.example",
    ),
    "excludes a wildcard only as a whole": ("excluded dns:www.a.example, is dns:*.a.example",),
    "does not see the IPv4 address in an IPv6 one": (
        "excluded ip:192.0.2.0/24, is ip:::ffff:192.0.2.1",
    ),
    "asks neither an anchor nor version 1 for a key identifier, when strict": (
        "an anchor that another CA issued, without authorityKeyIdentifier, strictly",
        "version 1 without extensions, strictly",
    ),
    "does not ask, when strict, for the form of constraints": (
        "name constraints not critical, strictly",
        "policy constraints not critical, strictly",
        "inhibitAnyPolicy not critical, strictly",
        "a leading period, permitted, strictly",
        "a leading period, excluded, strictly",
    ),
    "takes for the host of a URI what stands before the next colon or slash": (
        *(f"{how} uri:a.example, is {name}" for how in ("permitted", "excluded")
          for name in (*SAME_HOSTS, "uri:https://a.example:443@b.example/")),
    ),
    "does not ask whether URIs and their constraints are in their right form": (
        *(f"excluded uri:a.example, is {name}" for name in DOUBTFUL_URIS),
        *(f"permitted uri:a.example, is {name}" for name in DOUBTFUL_ENDS),
        *(f"excluded {base}, is uri:https://b.example/" for base in NO_URI_CONSTRAINTS),
    ),
    "takes a common name for a host name where there is no other": (
        "the common name is no DNS name",
        "no subjectAltName, the common name fits",
    ),
    "matches a wildcard that is a part of a label": (
        "'dns:w*.a.example' for 'www.a.example'",
        "'dns:*w.a.example' for 'www.a.example'",
    ),
}  # fmt: skip
DIFFERENT = frozenset(name for names in DIFFERENCES.values() for name in names)


@functools.cache
def openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip(reason="needs the openssl command")
    return found


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.id not in DIFFERENT], ids=lambda case: case.id
)
def test_openssl_says_the_same(case: Case, tmp_path: Path) -> None:
    command = [openssl(), "verify", *_options(case), *_files(case, tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (case.wanted is None), done.stdout + done.stderr
    if case.code:
        # critical key identifiers are unknown extensions to it first
        number = 34 if case.code in (90, 91) else case.code
        assert f"error {number} at" in done.stderr


def test_every_difference_is_one_of_a_case() -> None:
    assert {case.id for case in CASES} >= DIFFERENT


def _options(case: Case) -> list[str]:
    moment = round((NOW + case.days * DAY).timestamp())
    policies = case.policies or ("any",)
    options = [
        *("-no-CApath", "-no-CAstore", "-partial_chain", "-purpose", f"ssl{case.purpose}"),
        # what it counts are the certificates between the first and the last
        *("-attime", str(moment), "-verify_depth", str(max(case.depth - 1, 0)), "-policy_check"),
    ]
    for policy in policies:
        options += ["-policy", "2.5.29.32.0" if policy == "any" else f"2.999.{policy}"]
    if case.strict:
        options.append("-x509_strict")
    if case.policies is not None:
        options.append("-explicit_policy")
    if case.host:
        host = parse_host(case.host)
        kind = "-verify_hostname" if isinstance(host, str) else "-verify_ip"
        options += [kind, str(ipaddress.ip_address(host) if kind == "-verify_ip" else host)]
    return options


def _files(case: Case, tmp_path: Path) -> list[str]:
    made = case.make("ecdsa")
    anchors, sent, leaf = (tmp_path / f"{name}.pem" for name in ("anchors", "sent", "leaf"))
    anchors.write_bytes(certificate_pem(*(made[c.name].der for c in case.certs if c.anchor)))
    others = [made[c.name].der for c in case.certs if not c.anchor and c.name != "leaf"]
    sent.write_bytes(certificate_pem(*others))
    leaf.write_bytes(certificate_pem(made["leaf"].der))
    untrusted = ["-untrusted", str(sent)] if others else []
    return ["-CAfile", str(anchors), *untrusted, str(leaf)]
