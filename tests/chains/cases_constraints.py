"""Which names a CA may vouch for: RFC 5280 4.2.1.10."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chains.case import Case, Problem
from chains.making import Cert, ca, leaf, root

_DNS = "RFC 5280 4.2.1.10, dNSName"
_IP = "RFC 5280 4.2.1.10, iPAddress"
_EMAIL = "RFC 5280 4.2.1.10, rfc822Name"
_DIRECTORY = "RFC 5280 4.2.1.10, directoryName; 7.1"
_URI = "RFC 5280 4.2.1.10, uniformResourceIdentifier"
_OTHER = "RFC 5280 4.2.1.10: a form that is not evaluated is refused where it is constrained"
_PATH = "RFC 5280 6.1.3 (b) and (c), 6.1.4 (g)"

_IN, _OUT, _BAD = None, Problem.NAME_NOT_PERMITTED, Problem.UNSUPPORTED_CONSTRAINT
_EXCLUDED = Problem.NAME_EXCLUDED

#: where the host begins and ends is not plain to all
SAME_HOSTS = (
    "uri:https://a.example?x",
    "uri:https://a.example#x",
    "uri:https://user:word@a.example/",
    "uri:https://user@a.example:443/",
)
_NO_HOSTS = (
    *("uri:urn:uuid:00000000-0000-0000-0000-000000000000", "uri:mailto:x@a.example", "uri:"),
    *("uri:https:a.example/", "uri:https:/a.example/", "uri://a.example/", "uri:a.example"),
    *("uri:https:///a.example/", "uri:https://", "uri:https://:443/"),
)
#: addresses, one label, and hosts on which programs may disagree
DOUBTFUL_URIS = (
    *("uri:https://192.0.2.1/", "uri:https://192.0.2.1:443/", "uri:https://[2001:db8::1]/"),
    *("uri:https://127.1/", "uri:https://0x7f000001/", "uri:https://a.0x7F/"),
    *("uri:https://localhost/", "uri:https://@/"),
    *("uri:https://b.example\\@a.example/", "uri:https://b.example\\.a.example/"),
    *("uri:https://x@b.example@a.example/", "uri:https://b.example\0.a.example/"),
    *("uri:https://a.example./", "uri:https://a%2eexample/", "uri:https://a..example/"),
    *("uri:https://.a.example/", "uri:https://a.ex\tample/", "uri:https://a.example /"),
    *("uri:https://*.a.example/", f"uri:https://{'a.' * 123}a.example/"),
)
DOUBTFUL_ENDS = ("uri:https://a.example:x/", "uri: https://a.example/")
NO_URI_CONSTRAINTS = (
    *("uri:https://a.example/", "uri:", "uri:.", "uri:a.example:443", "uri:*.a.example"),
)


def _below(constraint: Mapping[str, Any], end: Mapping[str, Any]) -> list[Cert]:
    return [root(), ca("A", **constraint), leaf("A", **end)]


def _table(
    rule: str, rows: tuple[tuple[str, str, Problem | None, Problem | None], ...]
) -> Iterator[Case]:
    """Each row: a subtree, a name, and what comes of it when permitted and when excluded."""
    for base, name, permitted, excluded in rows:
        end = {"san": (name,)}
        permit, exclude = _below({"permit": (base,)}, end), _below({"exclude": (base,)}, end)
        yield Case(f"permitted {base}, is {name}", rule, permit, permitted)
        yield Case(f"excluded {base}, is {name}", rule, exclude, excluded)


_TABLES = (
    *_table(_DNS, (
        ("dns:a.example", "dns:a.example", _IN, _EXCLUDED),
        ("dns:a.example", "dns:www.a.example", _IN, _EXCLUDED),
        ("dns:a.example", "dns:x.www.a.example", _IN, _EXCLUDED),
        ("dns:a.example", "dns:A.Example", _IN, _EXCLUDED),
        ("dns:A.EXAMPLE", "dns:www.a.example", _IN, _EXCLUDED),
        ("dns:a.example", "dns:ba.example", _OUT, _IN),
        ("dns:a.example", "dns:example", _OUT, _IN),
        ("dns:a.example", "dns:a.example.evil", _OUT, _IN),
        ("dns:a.example", "dns:b.example", _OUT, _IN),
        ("dns:.a.example", "dns:www.a.example", _IN, _EXCLUDED),
        ("dns:.a.example", "dns:a.example", _OUT, _IN),
        ("dns:.a.example", "dns:ba.example", _OUT, _IN),
        ("dns:", "dns:a.example", _IN, _EXCLUDED),
        ("dns:example", "dns:*.a.example", _IN, _EXCLUDED),
        ("dns:a.example", "dns:*.a.example", _IN, _EXCLUDED),
        ("dns:www.a.example", "dns:*.a.example", _OUT, _EXCLUDED),
        ("dns:x.www.a.example", "dns:*.a.example", _OUT, _IN),
        ("dns:.www.a.example", "dns:*.a.example", _OUT, _IN),
        ("dns:b.example", "dns:*.a.example", _OUT, _IN),
        ("dns:xn--fiqs8s.cn", "dns:www.xn--fiqs8s.cn", _IN, _EXCLUDED),
        ("dns:a.example", "ip:192.0.2.1", _IN, _IN),
        ("dns:a.example", "email:x@b.example", _IN, _IN),
        ("dns:a.example", f"dns:{'a.' * 122}a.example", _IN, _EXCLUDED),
        ("dns:a.example", f"dns:{'a.' * 123}a.example", _BAD, _BAD),
        ("dns:a.example", "dns:www..a.example", _BAD, _BAD),
        ("dns:a.example", "dns:.a.example", _BAD, _BAD),
        ("dns:a.example", "dns:a.example.", _BAD, _BAD),
        ("dns:a.example", "dns:w*.a.example", _BAD, _BAD),
        ("dns:a.example", "dns:b.example\0.a.example", _BAD, _BAD),
        ("dns:a..example", "dns:www.b.example", _BAD, _BAD),
        ("dns:a.example:443", "dns:www.b.example", _BAD, _BAD),
    )),
    *_table(_IP, (
        ("ip:192.0.2.0/24", "ip:192.0.2.1", _IN, _EXCLUDED),
        ("ip:192.0.2.0/24", "ip:192.0.2.0", _IN, _EXCLUDED),
        ("ip:192.0.2.0/24", "ip:192.0.2.255", _IN, _EXCLUDED),
        ("ip:192.0.2.0/24", "ip:192.0.3.0", _OUT, _IN),
        ("ip:192.0.2.1/32", "ip:192.0.2.1", _IN, _EXCLUDED),
        ("ip:192.0.2.1/32", "ip:192.0.2.2", _OUT, _IN),
        ("ip:0.0.0.0/0", "ip:192.0.2.1", _IN, _EXCLUDED),
        ("ip:0.0.0.0/0", "ip:2001:db8::1", _OUT, _IN),
        ("ip:2001:db8::/32", "ip:2001:db8:1::1", _IN, _EXCLUDED),
        ("ip:2001:db8::/32", "ip:2001:db9::1", _OUT, _IN),
        ("ip:2001:db8::/32", "ip:192.0.2.1", _OUT, _IN),
        ("ip:192.0.2.0/24", "ip:::ffff:192.0.2.1", _OUT, _EXCLUDED),
        ("ip:192.0.2.0/24", "ip:::ffff:192.0.3.1", _OUT, _IN),
        ("ip:::ffff:0:0/96", "ip:::ffff:192.0.2.1", _IN, _EXCLUDED),
        ("ip:::/0", "ip:::ffff:192.0.2.1", _IN, _EXCLUDED),
        ("ip:192.0.2.0/24", "dns:192.0.2.1", _IN, _IN),
    )),
    *_table(_EMAIL, (
        ("email:x@a.example", "email:x@a.example", _IN, _EXCLUDED),
        ("email:x@a.example", "email:x@A.EXAMPLE", _IN, _EXCLUDED),
        ("email:x@a.example", "email:X@a.example", _OUT, _IN),
        ("email:x@a.example", "email:y@a.example", _OUT, _IN),
        ("email:a.example", "email:x@a.example", _IN, _EXCLUDED),
        ("email:a.example", "email:x@www.a.example", _OUT, _IN),
        ("email:.a.example", "email:x@www.a.example", _IN, _EXCLUDED),
        ("email:.a.example", "email:x@a.example", _OUT, _IN),
        ("email:a.example", 'email:"x@b"@a.example', _IN, _EXCLUDED),
        ("email:a.example", f"email:{'x' * 310}@a.example", _IN, _EXCLUDED),
        ("email:a.example", f"email:{'x' * 311}@a.example", _BAD, _BAD),
        ("email:a.example", "email:x", _BAD, _BAD),
        ("email:a.example", "email:x@y@a.example", _BAD, _BAD),
        ("email:x@y@a.example", "email:x@a.example", _BAD, _BAD),
        ("email:a.example", "email:@a.example", _BAD, _BAD),
        ("email:@a.example", "email:x@a.example", _BAD, _BAD),
    )),
    *_table(_URI, (
        ("uri:a.example", "uri:https://a.example/", _IN, _EXCLUDED),
        ("uri:a.example", "uri:https://a.example", _IN, _EXCLUDED),
        ("uri:a.example", "uri:https://A.EXAMPLE/x", _IN, _EXCLUDED),
        ("uri:A.Example", "uri:ldap://a.example:389/x", _IN, _EXCLUDED),
        ("uri:a.example", "uri:https://a.example:/", _IN, _EXCLUDED),
        ("uri:a.example", "uri:https://www.a.example/", _OUT, _IN),
        ("uri:a.example", "uri:https://b.example/a.example", _OUT, _IN),
        ("uri:a.example", "uri:https://b.example/?x=//a.example/", _OUT, _IN),
        ("uri:a.example", "uri:https://a.example.evil/", _OUT, _IN),
        ("uri:a.example", "uri:https://ba.example/", _OUT, _IN),
        ("uri:.a.example", "uri:https://www.a.example/", _IN, _EXCLUDED),
        ("uri:.a.example", "uri:https://x.www.A.example/", _IN, _EXCLUDED),
        ("uri:.a.example", "uri:https://a.example/", _OUT, _IN),
        ("uri:.a.example", "uri:https://ba.example/", _OUT, _IN),
        ("uri:.example", "uri:https://a.example/", _IN, _EXCLUDED),
        ("uri:xn--fiqs8s.cn", "uri:https://xn--fiqs8s.cn/", _IN, _EXCLUDED),
        ("uri:a.example", "dns:b.example", _IN, _IN),
        ("uri:a.example", "email:x@b.example", _IN, _IN),
        ("dns:a.example", "uri:https://b.example/", _IN, _IN),
        *(("uri:a.example", name, _IN, _EXCLUDED) for name in SAME_HOSTS),
        ("uri:a.example", "uri:https://a.example@b.example/", _OUT, _IN),
        ("uri:a.example", "uri:https://a.example:443@b.example/", _OUT, _IN),
        ("uri:a.example", "uri:https://b.example#@a.example/", _OUT, _IN),
        *(("uri:a.example", name, _BAD, _BAD) for name in (*_NO_HOSTS, *DOUBTFUL_URIS)),
        *(("uri:a.example", name, _BAD, _BAD) for name in DOUBTFUL_ENDS),
        *((base, "uri:https://b.example/", _BAD, _BAD) for base in NO_URI_CONSTRAINTS),
    )),
    *_table(_DIRECTORY, (
        ("dn:O=Acme", "dn:O=Acme,CN=x", _OUT, _EXCLUDED),
        ("dn:O=Other", "dn:O=Acme,CN=x", _OUT, _IN),
    )),
)  # fmt: skip


def _subject(name: str, base: str, dn: str, wanted: Problem | None, *, exclude: bool = False,
             strings: int = 12) -> Case:  # fmt: skip
    """A constraint on the subject of the leaf."""
    kind = "exclude" if exclude else "permit"
    end: dict[str, object] = {"dn": dn, "strings": strings}
    return Case(name, _DIRECTORY, _below({kind: (base,)}, end), wanted)


CASES = (
    *_TABLES,
    # the subject
    _subject("the subject is in the subtree", "dn:O=Acme", "O=Acme,CN=x", _IN),
    _subject("the subject is the subtree", "dn:O=Acme,CN=x", "O=Acme,CN=x", _IN),
    _subject("the subject is above the subtree", "dn:O=Acme,CN=x", "O=Acme", _OUT),
    _subject("the subject is another", "dn:O=Acme", "O=Other,CN=x", _OUT),
    _subject("the subtree is not at the beginning", "dn:O=Acme", "C=CN,O=Acme", _OUT),
    _subject("the subject in other letters", "dn:O=ACME", "O=Acme,CN=x", _IN),
    _subject("the subject with more spaces", "dn:O=Acme Inc", "O=Acme  Inc,CN=x", _IN),
    _subject("the subject in another kind of string", "dn:O=Acme", "O=Acme,CN=x", _IN, strings=19),
    _subject("the subject is excluded", "dn:O=Acme", "O=Acme,CN=x", _EXCLUDED, exclude=True),
    _subject("the subject is excluded in other letters", "dn:O=ACME", "O=aCme,CN=x", _EXCLUDED,
             exclude=True),
    _subject("another subject is excluded", "dn:O=Acme", "O=Other", _IN, exclude=True),
    _subject("a part of the name begins alike", "dn:O=Acme", "O=Acme Inc,CN=x", _OUT),
    _subject("Chinese subject", "dn:O=国密", "O=国密,CN=x", _IN),
    _subject("a subject that cannot be read", "dn:O=Acme", "O=\udcb9\udcfa,CN=x", _BAD),
    _subject("a subject that cannot be read, excluded", "dn:O=Acme", "O=\udcb9\udcfa,CN=x", _BAD,
             exclude=True),
    _subject("a part of a subject cannot be read", "dn:O=Acme", "O=Acme,CN=\udcb9\udcfa", _BAD),
    _subject("an e-mail address in a subject that cannot be read", "email:a.example",
             "CN=\udcb9\udcfa", _BAD),
    _subject("a subject that cannot be read, and no constraint on it", "dns:a.example",
             "CN=\udcb9\udcfa", _OUT),
    _subject("a subject in characters that are none", "dn:O=Acme", "O=Acme,CN=abcd", _BAD,
             strings=28),
    _subject("no subject, no constraint on it", "dn:O=Acme", "-", _IN),
    Case("e-mail address in the subject, permitted", _EMAIL,
         _below({"permit": ("email:a.example",)}, {"dn": "CN=x,E=x@a.example"})),
    Case("e-mail address in the subject, not permitted", _EMAIL,
         _below({"permit": ("email:a.example",)}, {"dn": "CN=x,E=x@b.example"}), _OUT),
    Case("e-mail address in the subject, excluded", _EMAIL,
         _below({"exclude": ("email:a.example",)}, {"dn": "CN=x,E=x@a.example"}), _EXCLUDED),
    Case("what is no e-mail address in the subject", _EMAIL,
         _below({"permit": ("email:a.example",)}, {"dn": "CN=x,E=x"}), _BAD),
    Case("nothing that is an address in the subject", _EMAIL,
         _below({"permit": ("email:a.example",)}, {"dn": "CN=x,E=<>"}), _BAD),
    Case("the common name is no DNS name", "RFC 9525 2: it is not looked at",
         _below({"permit": ("dns:a.example",)}, {"dn": "CN=www.b.example", "san": ()})),
    # several names, several subtrees
    Case("one of two names is outside", _PATH,
         _below({"permit": ("dns:a.example",)}, {"san": ("dns:a.example", "dns:b.example")}), _OUT,
         text="does not permit the DNS name 'b.example'"),
    Case("one of two names is excluded", _PATH,
         _below({"exclude": ("dns:b.example",)}, {"san": ("dns:a.example", "dns:b.example")}),
         _EXCLUDED, text="excludes the DNS name 'b.example'"),
    Case("either of two subtrees will do", _PATH,
         _below({"permit": ("dns:a.example", "dns:b.example")},
                {"san": ("dns:www.a.example", "dns:b.example")})),
    Case("permitted and excluded: excluded", _PATH,
         _below({"permit": ("dns:a.example",), "exclude": ("dns:www.a.example",)},
                {"san": ("dns:www.a.example",)}), _EXCLUDED),
    Case("permitted beside an excluded one", _PATH,
         _below({"permit": ("dns:a.example",), "exclude": ("dns:www.a.example",)},
                {"san": ("dns:ftp.a.example",)})),
    Case("forms are constrained each by itself", _PATH,
         _below({"permit": ("dns:a.example", "ip:192.0.2.0/24")},
                {"san": ("dns:a.example", "ip:198.51.100.1")}), _OUT, text="the IP address"),
    Case("no name of the form", _PATH, _below({"permit": ("dns:a.example",)}, {"san": ()})),
    Case("everything of a form excluded", _PATH,
         _below({"exclude": ("ip:0.0.0.0/0", "ip:::/0")}, {"san": ("dns:a.example",)})),
    Case("everything of a form excluded, and there is one", _PATH,
         _below({"exclude": ("ip:0.0.0.0/0", "ip:::/0")}, {"san": ("ip:2001:db8::1",)}), _EXCLUDED),
    # forms that are not evaluated
    Case("a URI that is not permitted is named", _URI,
         _below({"permit": ("uri:a.example",)}, {"san": ("uri:https://b.example/x",)}), _OUT,
         text="does not permit the URI 'https://b.example/x'"),
    Case("a URI without a host is named", _URI,
         _below({"permit": ("uri:a.example",)}, {"san": ("uri:urn:x",)}), _BAD,
         text="constrains URIs, and that of CN=leaf cannot be compared: 'urn:x'"),
    Case("URIs of all hosts excluded", _URI,
         _below({"exclude": ("uri:.example", "uri:.cn")},
                {"san": ("uri:https://a.example/", "dns:host.example")}), _EXCLUDED),
    Case("one of two URIs is outside", _URI,
         _below({"permit": ("uri:a.example",)},
                {"san": ("uri:https://a.example/", "uri:https://b.example/")}), _OUT),
    Case("URIs in an intermediate are bound", _URI,
         [root(permit=("uri:a.example",)), ca("A", san=("uri:https://b.example/",)), leaf("A")],
         _OUT, text="of CN=A"),
    Case("registered ID constraint and name", _OTHER,
         _below({"permit": ("rid:1.2.3",)}, {"san": ("rid:1.2.3",)}), _BAD),
    Case("URI name without constraint", _OTHER,
         _below({"permit": ("dns:a.example",)}, {"san": ("uri:https://b.example/",)})),
    # where they stand and whom they bind
    Case("constraints of the root", "RFC 5937: an anchor's constraints bind",
         [root(permit=("dns:a.example",)), leaf()], _OUT, text="the CA CN=Root"),
    Case("constraints of the root over two levels", _PATH,
         [root(permit=("dns:a.example",)), ca("A"), ca("B", "A"), leaf("B")], _OUT),
    Case("constraints narrow downwards", _PATH,
         [root(permit=("dns:a.example",)), ca("A", permit=("dns:www.a.example",)),
          leaf("A", san=("dns:ftp.a.example",))], _OUT, text="the CA CN=A"),
    Case("constraints do not widen downwards", _PATH,
         [root(permit=("dns:www.a.example",)), ca("A", permit=("dns:a.example",)),
          leaf("A", san=("dns:ftp.a.example",))], _OUT, text="the CA CN=Root"),
    Case("inside of both", _PATH,
         [root(permit=("dns:a.example",)), ca("A", permit=("dns:www.a.example",)),
          leaf("A", san=("dns:x.www.a.example",))]),
    Case("subtrees of two CAs that share nothing", _PATH,
         [root(permit=("dns:a.example",)), ca("A", permit=("dns:b.example",)),
          leaf("A", san=("dns:a.example",))], _OUT),
    Case("exclusions add up", _PATH,
         [root(exclude=("dns:a.example",)), ca("A", exclude=("dns:b.example",)),
          leaf("A", san=("dns:a.example",))], _EXCLUDED),
    Case("an intermediate's name is outside", _PATH,
         [root(permit=("dn:O=Acme",)), ca("A", dn="O=Other,CN=A"), leaf("A", dn="O=Acme,CN=x")],
         _OUT, text="of CN=A"),
    Case("an intermediate's name is inside", _PATH,
         [root(permit=("dn:O=Acme",)), ca("A", dn="O=Acme,CN=A"), leaf("A", dn="O=Acme,CN=x")]),
    Case("a self-issued intermediate is not bound", "RFC 5280 6.1.3 (b)",
         [root(permit=("dn:O=Acme",)), ca("R2", "Root", dn="CN=Root", key="R2"),
          leaf("", issuer_dn="CN=Root", signer="R2", dn="O=Acme,CN=x")]),
    Case("what a self-issued intermediate issues is bound", "RFC 5280 6.1.3 (b)",
         [root(permit=("dn:O=Acme",)), ca("R2", "Root", dn="CN=Root", key="R2"),
          leaf("", issuer_dn="CN=Root", signer="R2", dn="O=Other,CN=x")], _OUT),
    Case("a self-issued leaf is bound", "RFC 5280 6.1.3 (b): unless it is the final one",
         [root(permit=("dn:O=Acme",)), leaf(dn="CN=Root")], _OUT),
    Case("a CA's constraints do not bind itself", _PATH,
         [root(), ca("A", dn="O=Other,CN=A", permit=("dn:O=Acme",)), leaf("A", dn="O=Acme,CN=x")]),
    Case("constraints of a sibling do not matter", _PATH,
         [root(), ca("A"), ca("B", permit=("dns:a.example",)), leaf("A")]),
    Case("not critical, and binding all the same", _PATH,
         _below({"permit": ("dns:a.example",), "critical": ("-NameConstraints",)}, {}), _OUT),
    Case("a SAN directory name is bound as well", _DIRECTORY,
         _below({"permit": ("dn:O=Acme",)}, {"dn": "O=Acme,CN=x", "san": ("dn:O=Other",)}), _OUT),
    # limits that nobody defines
    Case("a minimum", "RFC 5280 4.2.1.10: minimum is zero",
         _below({"raw": (("2.5.29.30", True, bytes.fromhex("300ea00c300a8205612e636f6d800101")),)},
                {}), _BAD, text="a minimum or maximum"),
    Case("a maximum", "RFC 5280 4.2.1.10: maximum is absent",
         _below({"raw": (("2.5.29.30", True, bytes.fromhex("300ea00c300a8205612e636f6d810101")),)},
                {}), _BAD, text="a minimum or maximum"),
)  # fmt: skip
