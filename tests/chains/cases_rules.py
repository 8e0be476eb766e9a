"""What each certificate of a path must have: RFC 5280 6.1.3 (a), 6.1.4 (k) to (o)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chains.case import Case, Problem
from chains.making import Cert, ca, leaf, root
from tlcp.x509.chain import Purpose

_VALIDITY = "RFC 5280 4.1.2.5, 6.1.3 (a)(2)"
_BASIC = "RFC 5280 4.2.1.9, 6.1.4 (k)"
_LENGTH = "RFC 5280 4.2.1.9, 6.1.4 (l) and (m)"
_USAGE = "RFC 5280 4.2.1.3, 6.1.4 (n)"
_PURPOSE = "RFC 5280 4.2.1.12"
_NESTED = "RFC 5280 4.2.1.12; the purposes of a CA bind what is below it in verifiers in use"
_CRITICAL = "RFC 5280 4.2, 6.1.4 (o), 6.1.5 (f)"
_VERSION = "RFC 5280 4.1.2.1, 6.1.4 (k)"
_SECOND = 1 / 86400
_BOTH: tuple[Purpose, Purpose] = ("server", "client")


def _line(**more: Mapping[str, Any]) -> list[Cert]:
    """Root, A and a leaf below it, with what is said of each."""
    return [
        root(**more.get("root", {})),
        ca("A", **more.get("a", {})),
        leaf("A", **more.get("leaf", {})),
    ]


def _odd(value: bytes = b"\5\0", *, critical: bool = True) -> Mapping[str, Any]:
    return {"raw": (("1.2.3.4", critical, value),)}


CASES = (
    # validity
    *(Case(f"{who} expired a second ago", _VALIDITY, _line(**{who: {"end": 0}}), Problem.EXPIRED,
           days=_SECOND, text=f"{name} expired on 2026-11-23 12:00:00 UTC")
      for who, name in (("leaf", "CN=leaf"), ("a", "CN=A"), ("root", "CN=Root"))),
    *(Case(f"{who} is valid in a second", _VALIDITY, _line(**{who: {"begin": 0}}),
           Problem.NOT_YET_VALID, days=-_SECOND, text="is valid from 2026-11-23 12:00:00 UTC")
      for who in ("leaf", "a", "root")),
    *(Case(f"{who} in its last second", _VALIDITY, _line(**{who: {"end": 0}}))
      for who in ("leaf", "a", "root")),
    *(Case(f"{who} in its first second", _VALIDITY, _line(**{who: {"begin": 0}}))
      for who in ("leaf", "a", "root")),
    Case("a CA younger than the leaf", "RFC 5280 6.1.3 (a)(2): the moment counts, not nesting",
         _line(a={"begin": -0.5}, leaf={"begin": -9})),
    Case("the leaf outlives its CA", _VALIDITY, _line(a={"end": 1}, leaf={"end": 9})),
    Case("the leaf outlives its CA, later", _VALIDITY, _line(a={"end": 1}, leaf={"end": 9}),
         Problem.EXPIRED, days=2, text="the CA CN=A"),
    Case("valid after 2050", _VALIDITY, _line(leaf={"end": 20000}, a={"end": 20000},
         root={"end": 20000}), days=15000),
    Case("GeneralizedTime before 2050", "RFC 5280 4.1.2.5 wants UTCTime; CAs in use write both",
         _line(leaf={"general_time": True}, a={"general_time": True})),
    Case("ends before it begins", _VALIDITY, _line(leaf={"begin": 1, "end": -1}), Problem.EXPIRED),
    Case("valid for a moment", _VALIDITY, _line(leaf={"begin": 0, "end": 0})),
    Case("expired pinned leaf", _VALIDITY, [leaf("", anchor=True, end=-0.5)], Problem.EXPIRED),
    # basicConstraints
    Case("intermediate without basicConstraints", _BASIC, _line(a={"ca": None}),
         Problem.INVALID_CA, text="CN=A issued CN=leaf but is not a CA"),
    Case("intermediate with CA:FALSE", _BASIC, _line(a={"ca": False}), Problem.INVALID_CA),
    Case("root without basicConstraints", _BASIC, _line(root={"ca": None}), Problem.INVALID_CA),
    Case("root with CA:FALSE", _BASIC, _line(root={"ca": False}), Problem.INVALID_CA),
    Case("leaf issued by a leaf", _BASIC,
         [root(), ca("end", uses=("digitalSignature",), ca=False), leaf("end")],
         Problem.INVALID_CA),
    Case("basicConstraints not critical", "RFC 5280 4.2.1.9 wants it critical; CAs in use differ",
         _line(a={"critical": ("-BasicConstraints",)}, root={"critical": ("-BasicConstraints",)})),
    Case("leaf with CA:FALSE", _BASIC, _line(leaf={"ca": False})),
    Case("leaf that is a CA", "RFC 5280 6.1.5 asks nothing of it; pinned test roots are such",
         _line(leaf={"ca": True})),
    Case("pinned leaf that is a CA", _BASIC, [leaf("", ca=True, anchor=True)]),
    # pathLenConstraint
    Case("root allows none, has none", _LENGTH, [root(path_length=0), leaf()]),
    Case("root allows none, has one", _LENGTH, _line(root={"path_length": 0}),
         Problem.PATH_LENGTH_EXCEEDED, text="CN=Root allows 0 CAs below it, not 1"),
    Case("root allows one, has one", _LENGTH, _line(root={"path_length": 1})),
    Case("root allows one, has two", _LENGTH,
         [root(path_length=1), ca("A"), ca("B", "A"), leaf("B")], Problem.PATH_LENGTH_EXCEEDED),
    Case("root allows many, intermediate none", _LENGTH,
         [root(path_length=5), ca("A", path_length=0), ca("B", "A"), leaf("B")],
         Problem.PATH_LENGTH_EXCEEDED, text="CN=A allows 0"),
    Case("intermediate allows more than the root", _LENGTH,
         [root(path_length=1), ca("A", path_length=9), ca("B", "A"), leaf("B")],
         Problem.PATH_LENGTH_EXCEEDED, text="CN=Root allows 1"),
    Case("numbers count down", _LENGTH,
         [root(path_length=2), ca("A", path_length=1), ca("B", "A", path_length=0), leaf("B")]),
    Case("a leaf that is a CA does not count", _LENGTH,
         _line(root={"path_length": 1}, leaf={"ca": True, "path_length": 0})),
    Case("a self-issued CA does not count", _LENGTH,
         [root(path_length=0), ca("R2", "Root", dn="CN=Root", key="R2"),
          leaf("", issuer_dn="CN=Root", signer="R2")]),
    Case("a self-issued intermediate does not count", _LENGTH,
         [root(path_length=1), ca("A"), ca("A2", "A", dn="CN=A", key="A2"),
          leaf("", issuer_dn="CN=A", signer="A2")], path=("leaf", "A2", "A", "Root")),
    Case("a self-issued leaf does not count", _LENGTH,
         [root(path_length=0), leaf(dn="CN=Root")]),
    Case("one that is not self-issued counts beside one that is", _LENGTH,
         [root(path_length=0), ca("R2", "Root", dn="CN=Root", key="R2"),
          ca("A", "R2", issuer_dn="CN=Root"), leaf("A")], Problem.PATH_LENGTH_EXCEEDED),
    Case("a large number", _LENGTH, _line(root={"path_length": 2**31})),
    # keyUsage of CAs
    *(Case(f"{who} with {uses or 'no use at all'}", _USAGE,
           _line(**{who: {"uses": tuple(filter(None, uses.split()))}}),
           Problem.INVALID_CA, text="may not sign certificates")
      for who in ("a", "root") for uses in ("cRLSign", "digitalSignature cRLSign")),
    Case("intermediate without keyUsage", _USAGE, _line(a={"uses": None})),
    Case("root without keyUsage", _USAGE, _line(root={"uses": None})),
    Case("keyCertSign alone", _USAGE, _line(a={"uses": ("keyCertSign",)})),
    Case("keyUsage of a CA not critical", "RFC 5280 4.2.1.3 wants it critical",
         _line(a={"critical": ("-KeyUsage",), "uses": ("cRLSign",)}), Problem.INVALID_CA),
    Case("keyCertSign does not make a CA", _BASIC,
         _line(a={"ca": None, "uses": ("keyCertSign",)}), Problem.INVALID_CA),
    Case("keyCertSign on the leaf", "RFC 5280 4.2.1.3: of no consequence at the end of a path",
         _line(leaf={"uses": ("digitalSignature", "keyCertSign")})),
    # extendedKeyUsage of the leaf
    *(Case(f"leaf for {' and '.join(eku) or 'anything'}, wanted as {purpose}", _PURPOSE,
           _line(leaf={"eku": eku or None}), None if fine else Problem.WRONG_USAGE,
           purpose=purpose, text="" if fine else f"CN=leaf is not for a {purpose}")
      for eku, server, client in (
          (("server",), True, False), (("client",), False, True),
          (("server", "client"), True, True), ((), True, True), (("any",), True, True),
          (("code",), False, False), (("email", "client"), False, True),
          (("ocsp", "any"), True, True),
      )
      for purpose, fine in zip(_BOTH, (server, client), strict=True)),
    Case("critical purpose", _PURPOSE, _line(leaf={"critical": ("ExtendedKeyUsage",)})),
    Case("critical wrong purpose", _PURPOSE,
         _line(leaf={"critical": ("ExtendedKeyUsage",), "eku": ("code",)}), Problem.WRONG_USAGE),
    Case("pinned leaf of another purpose", _PURPOSE, [leaf("", anchor=True, eku=("client",))],
         Problem.WRONG_USAGE),
    # extendedKeyUsage of CAs
    *(Case(f"{who} for {' and '.join(eku)}, wanted as {purpose}", _NESTED,
           _line(**{who: {"eku": eku}}), None if fine else Problem.WRONG_USAGE, purpose=purpose,
           text="" if fine else f"is not for {purpose}s")
      for who in ("a", "root")
      for eku, server, client in (
          (("server",), True, False), (("client",), False, True), (("any",), True, True),
          (("code", "email"), False, False), (("server", "client"), True, True),
      )
      for purpose, fine in zip(_BOTH, (server, client), strict=True)),
    Case("the leaf is for what its CA is not", _NESTED,
         _line(a={"eku": ("client",)}, leaf={"eku": ("server",)}), Problem.WRONG_USAGE,
         text="the CA CN=A is not for servers"),
    Case("the leaf is for anything, its CA is not", _NESTED,
         _line(a={"eku": ("code",)}, leaf={"eku": None}), Problem.WRONG_USAGE),
    Case("two CAs for different purposes", _NESTED,
         [root(eku=("server",)), ca("A", eku=("client",)), leaf("A")], Problem.WRONG_USAGE),
    # critical extensions
    *(Case(f"unknown critical extension in {who}", _CRITICAL, _line(**{who: _odd()}),
           Problem.UNHANDLED_CRITICAL_EXTENSION, text="1.2.3.4") for who in ("leaf", "a", "root")),
    *(Case(f"unknown extension in {who}, not critical", _CRITICAL,
           _line(**{who: _odd(critical=False)})) for who in ("leaf", "a", "root")),
    Case("critical subjectAltName", _CRITICAL,
         _line(leaf={"critical": ("SubjectAlternativeName",)}), host="host.example"),
    Case("critical key identifiers", "RFC 5280 4.2.1.1, 4.2.1.2 want them not critical",
         _line(leaf={"critical": ("SubjectKeyIdentifier", "AuthorityKeyIdentifier")})),
    Case("critical policies", _CRITICAL,
         _line(leaf={"policies": ("1",), "critical": ("CertificatePolicies",)})),
    Case("critical name constraints", _CRITICAL, _line(a={"permit": ("dns:example",)})),
    Case("critical CRL distribution points are not acted upon", _CRITICAL,
         _line(leaf={"raw": (("2.5.29.31", True, bytes.fromhex("3000")),)}),
         Problem.UNHANDLED_CRITICAL_EXTENSION),
    Case("critical authority information access", _CRITICAL,
         _line(leaf={"raw": (("1.3.6.1.5.5.7.1.1", True, bytes.fromhex("3000")),)}),
         Problem.UNHANDLED_CRITICAL_EXTENSION),
    Case("a precertificate", "RFC 6962 3.1: its poison is critical",
         _line(leaf={"raw": (("1.3.6.1.4.1.11129.2.4.3", True, b"\5\0"),)}),
         Problem.UNHANDLED_CRITICAL_EXTENSION),
    Case("critical private extension of a CA in use", _CRITICAL,
         _line(leaf={"raw": (("1.2.156.10260.4.1.1", True, b"\x04\x01x"),)}),
         Problem.UNHANDLED_CRITICAL_EXTENSION),
    Case("name constraints in a leaf", "RFC 5280 4.2.1.10: in a CA only",
         _line(leaf={"permit": ("dns:host.example",)}), Problem.UNSUPPORTED_CONSTRAINT),
    Case("name constraints in a leaf, not critical", "RFC 5280 4.2.1.10: in a CA only",
         _line(leaf={"permit": ("dns:host.example",), "critical": ("-NameConstraints",)}),
         Problem.UNSUPPORTED_CONSTRAINT),
    # versions and serial numbers
    Case("leaf of version 1", _VERSION, _line(leaf={"version": 1})),
    Case("intermediate of version 1", _VERSION, _line(a={"version": 1}), Problem.INVALID_CA),
    Case("root of version 1", _VERSION, _line(root={"version": 1}), Problem.INVALID_CA),
    Case("a serial number of 20 bytes", "RFC 5280 4.1.2.2", _line(leaf={"serial": 2**158})),
    Case("a serial number of 30 bytes", "RFC 5280 4.1.2.2 has 20; nothing hangs on it",
         _line(leaf={"serial": 2**238})),
    Case("two certificates of one serial number", "RFC 5280 4.1.2.2; nothing hangs on it",
         _line(leaf={"serial": 7}, a={"serial": 7})),
)  # fmt: skip
