"""What is refused of form when a program asks for it, and taken when it does not.

Each row stands for two cases, one for each state of the setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chains import der
from chains.case import Case, Problem
from chains.making import CA_USES, Cert, ca, leaf, name_der, root

#: The problem's own number: OpenSSL has no such rule.
_OURS = 50
_CRITICAL_SAN = ("SubjectAlternativeName",)
# authorityKeyIdentifier with the issuer's name and serial number, and no keyIdentifier
_ISSUER_AND_SERIAL = der.sequence(
    der.tlv(0xA1, der.tlv(0xA4, name_der("CN=Root"))), der.tlv(0x82, b"\1")
)


def _line(**more: Mapping[str, Any]) -> list[Cert]:
    """Root, A and a leaf below it, with what is said of each."""
    of_root, of_a, of_leaf = (more.get(name, {}) for name in ("of_root", "of_a", "of_leaf"))
    return [root(**of_root), ca("A", **of_a), leaf("A", **of_leaf)]


def _both(id_: str, section: str, code: int, text: str, certs: Sequence[Cert]) -> Iterator[Case]:
    rule = f"RFC 5280 {section}"
    yield Case(id_, f"{rule}, which is a demand on CAs", certs)
    yield Case(f"{id_}, strictly", rule, certs, Problem.BREAKS_PROFILE, text=text, strict=True,
               code=code)  # fmt: skip


def _fine(id_: str, rule: str, certs: Sequence[Cert]) -> Iterator[Case]:
    yield Case(id_, rule, certs)
    yield Case(f"{id_}, strictly", rule, certs, strict=True)


_WITHOUT_BC = ("-BasicConstraints",)
_NO_SUBJECT = "has no subject, "
CASES = (
    # key identifiers
    *_both("leaf without authorityKeyIdentifier", "4.2.1.1", 85,
           "CN=leaf has no key identifier of its issuer", _line(of_leaf={"aki": None})),
    *_both("CA without authorityKeyIdentifier", "4.2.1.1", 85,
           "CN=A has no key identifier of its issuer", _line(of_a={"aki": None})),
    *_both("authorityKeyIdentifier without a key identifier", "4.2.1.1", 85,
           "CN=leaf has no key identifier of its issuer",
           [root(serial=1), leaf(aki=None, raw=(("2.5.29.35", False, _ISSUER_AND_SERIAL),))]),
    *_both("an anchor that another CA issued, without authorityKeyIdentifier", "4.2.1.1", 85,
           "CN=A has no key identifier of its issuer",
           [ca("A", "", issuer_dn="CN=Gone", signer="Gone", aki=None, anchor=True), leaf("A")]),
    *_fine("self-signed root without authorityKeyIdentifier", "RFC 5280 4.2.1.1: may be left out",
           _line(of_root={"aki": None})),
    *_both("CA without subjectKeyIdentifier", "4.2.1.2", 86,
           "CN=A is a CA without subjectKeyIdentifier", _line(of_a={"ski": None})),
    *_both("root without subjectKeyIdentifier", "4.2.1.2", 86,
           "CN=Root is a CA without subjectKeyIdentifier", _line(of_root={"ski": None})),
    *_fine("leaf without subjectKeyIdentifier", "RFC 5280 4.2.1.2: end certificates should",
           _line(of_leaf={"ski": None})),
    *(case for who, name in (("of_leaf", "leaf"), ("of_a", "A"), ("of_root", "Root"))
      for which, code, short in (("AuthorityKeyIdentifier", 90, "aki"),
                                 ("SubjectKeyIdentifier", 91, "ski"))
      for case in _both(f"{name} with a critical {short}", "4.2.1.1, 4.2.1.2", code,
                        f"CN={name} has a critical {which[0].lower()}{which[1:]}",
                        _line(**{who: {"critical": (which,)}}))),
    # basicConstraints and keyUsage
    *_both("basicConstraints of a CA not critical", "4.2.1.9", 89,
           "CN=A is a CA, and its basicConstraints are not critical",
           _line(of_a={"critical": _WITHOUT_BC})),
    *_both("basicConstraints of a root not critical", "4.2.1.9", 89,
           "CN=Root is a CA, and its basicConstraints are not critical",
           _line(of_root={"critical": _WITHOUT_BC})),
    *_fine("basicConstraints of a leaf not critical", "RFC 5280 4.2.1.9: of no CA, they may be",
           _line(of_leaf={"ca": False, "critical": _WITHOUT_BC})),
    *_both("CA without keyUsage", "4.2.1.3", 92, "CN=A is a CA without keyUsage",
           _line(of_a={"uses": None})),
    *_both("the root has no keyUsage", "4.2.1.3", 92, "CN=Root is a CA without keyUsage",
           _line(of_root={"uses": None})),
    *_fine("keyUsage not critical", "RFC 5280 4.2.1.3: it should be",
           _line(of_a={"critical": ("-KeyUsage",)}, of_leaf={"critical": ("-KeyUsage",)})),
    *_both("keyCertSign on a leaf without basicConstraints", "4.2.1.3", 82,
           "CN=leaf may sign certificates, and is not a CA",
           _line(of_leaf={"uses": ("digitalSignature", "keyCertSign")})),
    *_both("keyCertSign on a leaf that says it is no CA", "4.2.1.3, 4.2.1.9", 82,
           "CN=leaf may sign certificates, and is not a CA",
           _line(of_leaf={"uses": ("digitalSignature", "keyCertSign"), "ca": False})),
    *_both("pathLenConstraint without keyCertSign", "4.2.1.9", 81,
           "CN=leaf has a pathLenConstraint, and may not sign certificates",
           _line(of_leaf={"ca": True, "path_length": 0})),
    *_fine("a CA at the end of the path", "RFC 5280 6.1: it may be one",
           _line(of_leaf={"ca": True, "path_length": 0, "uses": (*CA_USES, "digitalSignature")})),
    # names
    *_both("no subject, and subjectAltName not critical", "4.2.1.6", 88,
           _NO_SUBJECT + "and its subjectAltName is not critical", _line(of_leaf={"dn": "-"})),
    *_fine("no subject, and critical subjectAltName", "RFC 5280 4.2.1.6",
           _line(of_leaf={"dn": "-", "critical": _CRITICAL_SAN})),
    *_fine("a subject, and critical subjectAltName", "RFC 5280 4.2.1.6: it should not be critical",
           _line(of_leaf={"critical": _CRITICAL_SAN})),
    *_both("neither subject nor subjectAltName", "4.1.2.6", 84, _NO_SUBJECT,
           _line(of_leaf={"dn": "-", "san": ()})),
    *_both("a CA without subject at the end of the path", "4.1.2.6", 84, _NO_SUBJECT,
           _line(of_leaf={"dn": "-", "critical": _CRITICAL_SAN, "ca": True,
                          "uses": (*CA_USES, "digitalSignature")})),
    *_both("who signs CRLs has no subject", "4.1.2.6", 84, _NO_SUBJECT,
           _line(of_leaf={"dn": "-", "critical": _CRITICAL_SAN,
                          "uses": ("cRLSign", "digitalSignature")})),
    *_both("empty subjectAltName", "4.2.1.6", 87, "CN=leaf has an empty subjectAltName",
           _line(of_leaf={"san": (), "raw": (("2.5.29.17", False, b"\x30\0"),)})),
    *_both("an anchor whose issuer has no name", "4.1.2.4", 83, "CN=A has no issuer's name",
           [ca("A", "", issuer_dn="-", signer="Gone", aki=b"gone", anchor=True), leaf("A")]),
    # versions and constraints
    *_both("extensions in version 1", "4.1.2.1, 4.1.2.9", 93,
           "CN=leaf is of version 1 and has extensions",
           _line(of_leaf={"version": 1, "raw": (("1.2.3.4", False, b"x"),)})),
    *_both("version 1 without extensions", "4.1.2.1, 4.2.1.1", 85,
           "CN=leaf has no key identifier of its issuer", _line(of_leaf={"version": 1})),
    *_both("name constraints not critical", "4.2.1.10", _OURS,
           "CN=A has name constraints that are not critical",
           _line(of_a={"permit": ("dns:example",), "critical": ("-NameConstraints",)})),
    *_both("policy constraints not critical", "4.2.1.11", _OURS,
           "CN=A has policy constraints that are not critical",
           _line(of_a={"no_mapping": 0, "critical": ("-PolicyConstraints",)})),
    *_both("inhibitAnyPolicy not critical", "4.2.1.14", _OURS,
           "CN=A has an inhibitAnyPolicy that is not critical",
           _line(of_a={"no_any": 0, "critical": ("-InhibitAnyPolicy",)})),
    *_both("a leading period, permitted", "4.2.1.10", _OURS, "with a leading period",
           _line(of_a={"permit": ("dns:.example",)})),
    *_both("a leading period, excluded", "4.2.1.10", _OURS, "with a leading period",
           _line(of_a={"exclude": ("dns:.evil",)})),
    *_fine("leading periods of other forms", "RFC 5280 4.2.1.10",
           _line(of_a={"permit": ("email:.example", "uri:.example", "dns:example")})),
    # serial numbers
    *_fine("a serial number of 40 bytes", "RFC 5280 4.1.2.2: OpenSSL does not ask either",
           _line(of_leaf={"serial": 2**318})),
    # where it is asked
    *_fine("everything in its form", "RFC 5280", _line()),
    *_fine("a pinned leaf of bad form", "RFC 6818 2: who chose it has looked at it",
           [leaf("", anchor=True, ski=None, aki=None, dn="-")]),
    *_fine("of two CAs one has the form", "each path is tried",
           [root(), ca("A"), ca("bad", dn="CN=A", key="A", critical=_WITHOUT_BC), leaf("A")]),
    Case("expired and of bad form, strictly", "what is worse is told",
         _line(of_a={"ski": None}, of_leaf={"end": -0.5}), Problem.EXPIRED, strict=True),
    Case("unknown and of bad form, strictly", "what is worse is told",
         [root("Other"), leaf("", aki=None)], Problem.SELF_SIGNED, strict=True),
)  # fmt: skip
