"""Finding a path: RFC 5280 6.1 needs one, RFC 4158 tells how hard it can be."""

from __future__ import annotations

from chains.case import Case, Problem
from chains.making import Cert, ca, leaf, root

_A, _B = ca("A"), ca("B", "A")
_LEAF_OF_B = leaf("B")
_CROSS = "RFC 4158 3.2, cross-certified CAs"
_KEY_IDS = "RFC 5280 4.2.1.1, 4.2.1.2: key identifiers help to find, and prove nothing"
_BUILD = "RFC 5280 6.1: the subject of each is the issuer of the next"
_UNKNOWN = "RFC 5280 6.1.1 (d): a path ends at an anchor"
_NAMES = "RFC 5280 7.1: how names are compared"
_DEPTH = "the caller's limit of CA certificates above the end certificate"


def _numbered(count: int) -> list[Cert]:
    """A root and CAs below it, each issued by the one before."""
    line = [root()]
    for number in range(count):
        line.append(ca(f"CA {number}", line[-1].name))
    return line


def _look_alikes(count: int, **more: object) -> list[Cert]:
    """CAs of one name and of other keys."""
    return [ca(f"alike {number}", "Root", dn="CN=A", **more) for number in range(count)]


CASES = (
    Case("leaf below root", _BUILD, [root(), leaf()], path=("leaf", "Root")),
    Case("one intermediate", _BUILD, [root(), _A, leaf("A")], path=("leaf", "A", "Root")),
    Case("two in order", _BUILD, [root(), _B, _A, _LEAF_OF_B], path=("leaf", "B", "A", "Root")),
    Case("two out of order", _BUILD, [root(), _A, _B, _LEAF_OF_B], path=("leaf", "B", "A", "Root")),
    Case("the root is sent, too", _BUILD, [root(), root("Root copy", dn="CN=Root", key="Root",
         anchor=False), _A, leaf("A")], path=("leaf", "A", "Root")),
    Case("unrelated certificates are passed over", _BUILD, [root(), ca("X", "Y", issuer_dn="CN=Y",
         signer="Y"), _A, ca("Z"), leaf("A")], path=("leaf", "A", "Root")),
    Case("the leaf is sent twice", _BUILD, [root(), _A, leaf("A"), Cert("twin", "A", dn="CN=leaf",
         key="leaf", san=("dns:host.example",))], path=("leaf", "A", "Root")),
    Case("eight CAs", _BUILD, [*_numbered(7), leaf("CA 6")]),
    Case("two roots, one of them fits", _BUILD, [root(), root("Root 2"), leaf("Root 2")],
         path=("leaf", "Root 2")),
    Case("two roots of one name", _BUILD, [root("Root 2", dn="CN=Root"), root(), leaf()],
         path=("leaf", "Root")),
    Case("two roots of one name without key identifiers", _BUILD,
         [root("Root 2", dn="CN=Root", ski=None), root(ski=None), leaf(aki=None)],
         path=("leaf", "Root")),
    # anchors
    Case("an intermediate is the anchor", _UNKNOWN, [ca("A", issuer_dn="CN=Root", signer="Root",
         anchor=True), leaf("A")], path=("leaf", "A")),
    Case("a path ends at the first anchor", _UNKNOWN, [root(), ca("A", anchor=True), leaf("A")],
         path=("leaf", "A")),
    Case("the leaf is the anchor", _UNKNOWN, [leaf("", anchor=True)], path=("leaf",)),
    Case("a leaf of a CA is the anchor", _UNKNOWN, [root(anchor=False), leaf("Root", anchor=True)],
         path=("leaf",)),
    Case("nothing is trusted", _UNKNOWN, [root(anchor=False), leaf()], Problem.UNKNOWN_CA,
         text="none is loaded"),
    Case("another root is trusted", _UNKNOWN, [root("Other"), root(anchor=False), leaf()],
         Problem.UNKNOWN_CA, text="its root CN=Root is not among the trusted CAs (CN=Other)"),
    Case("the intermediate is missing", _UNKNOWN, [root(), leaf("A", issuer_dn="CN=A", signer="A")],
         Problem.UNKNOWN_CA, text="the issuer of CN=leaf, CN=A, is neither sent nor"),
    Case("the upper intermediate is missing", _UNKNOWN,
         [root(), ca("B", "A", issuer_dn="CN=A", signer="A"), _LEAF_OF_B], Problem.UNKNOWN_CA,
         text="the issuer of CN=B, CN=A, is neither"),
    Case("self-signed leaf", _UNKNOWN, [root(), leaf("")], Problem.SELF_SIGNED),
    Case("self-signed leaf of the root's name", _UNKNOWN, [root(), leaf("", dn="CN=Root")],
         Problem.BAD_SIGNATURE),
    Case("the root's twin of another key is not the root", _UNKNOWN,
         [root("Root 2", dn="CN=Root"), root(anchor=False), leaf()], Problem.BAD_SIGNATURE),
    Case("a pinned leaf does not vouch for its successor", _UNKNOWN,
         [Cert("old", dn="CN=leaf", key="leaf", san=("dns:host.example",), anchor=True), leaf("")],
         Problem.INVALID_CA),
    # signatures
    Case("leaf signed by a stranger", "RFC 5280 6.1.3 (a)(1)", [root(), leaf(signer="thief")],
         Problem.BAD_SIGNATURE, text="CN=leaf is not by the key of CN=Root"),
    Case("intermediate signed by a stranger", "RFC 5280 6.1.3 (a)(1)",
         [root(), ca("A", signer="thief"), leaf("A")], Problem.BAD_SIGNATURE,
         text="CN=A is not by"),
    Case("root signed by a stranger", "RFC 5280 6.1: the anchor's signature is not looked at",
         [root(signer="thief"), leaf()], path=("leaf", "Root")),
    Case("leaf signed by the upper CA in the name of the lower", "RFC 5280 6.1.3 (a)(1)",
         [root(), _A, leaf("A", signer="Root")], Problem.BAD_SIGNATURE),
    # key identifiers
    Case("wrong authority key identifier", _KEY_IDS, [root(), leaf(aki=b"\1" * 20)]),
    Case("wrong subject key identifier", _KEY_IDS, [root(ski=b"\1" * 20), leaf()]),
    Case("no key identifiers", _KEY_IDS, [root(ski=None, aki=None), leaf(ski=None, aki=None)]),
    Case("the CA has none", _KEY_IDS, [root(ski=None), _A, leaf("A")]),
    Case("the leaf has none", _KEY_IDS, [root(), _A, leaf("A", aki=None)]),
    Case("16 bytes", _KEY_IDS, [root(ski=b"k" * 16), leaf(aki=b"k" * 16)]),
    Case("the identifier of the wrong one", _KEY_IDS,
         [root(), ca("A", ski=b"1"), ca("A2", dn="CN=A", ski=b"2"), leaf("A", aki=b"2")],
         path=("leaf", "A", "Root")),
    Case("one identifier for all", _KEY_IDS,
         [root(), *_look_alikes(3, ski=b"1"), ca("A", ski=b"1"), leaf("A", aki=b"1")],
         path=("leaf", "A", "Root")),
    Case("the identifier tells one among many", _KEY_IDS,
         [root(), *_look_alikes(70), ca("A"), leaf("A")], path=("leaf", "A", "Root")),
    # cross-certified and renewed CAs
    *(Case(f"cross-certified: by {name}", _CROSS, [
        root("Root 1", anchor=name == "Root 1"), root("Root 2", anchor=name == "Root 2"),
        ca("A1", "Root 1", dn="CN=A", key="A"), ca("A2", "Root 2", dn="CN=A", key="A"),
        leaf("A1")], path=("leaf", f"A{name[-1]}", name)) for name in ("Root 1", "Root 2")),
    Case("cross-certified root, new one trusted", _CROSS,
         [root("Root 1", anchor=False), root("Root 2"), ca("R2", "Root 1", dn="CN=Root 2",
          key="Root 2"), leaf("Root 2")], path=("leaf", "Root 2")),
    Case("cross-certified root, old one trusted", _CROSS,
         [root("Root 1"), ca("R2", "Root 1", dn="CN=Root 2", key="Root 2"),
          leaf("Root 2", issuer_dn="CN=Root 2", signer="R2")], path=("leaf", "R2", "Root 1")),
    Case("the cross-certificate expired", _CROSS,
         [root("Root 1"), root("Root 2"), ca("A1", "Root 1", dn="CN=A", key="A", begin=-9, end=-2),
          ca("A2", "Root 2", dn="CN=A", key="A"), leaf("A1")], path=("leaf", "A2", "Root 2")),
    Case("the old root expired", _CROSS,
         [root("Root 1", begin=-9, end=-2), root("Root 2"),
          ca("A1", "Root 1", dn="CN=A", key="A"), ca("A2", "Root 2", dn="CN=A", key="A"),
          leaf("A1")], path=("leaf", "A2", "Root 2")),
    Case("a renewed intermediate", _CROSS,
         [root(), ca("A old", dn="CN=A", key="A", begin=-9, end=-2),
          ca("A new", dn="CN=A", key="A"), leaf("A old")], path=("leaf", "A new", "Root")),
    Case("seventy expired alternatives", _CROSS,
         [root(), *(ca(f"A{n}", dn="CN=A", key="A", begin=-9, end=-2, serial=n + 1)
                    for n in range(70)), ca("A", key="A"), leaf("A")], path=("leaf", "A", "Root")),
    Case("a renewed root of the same key", _CROSS,
         [root("Root old", dn="CN=Root", key="Root", begin=-9, end=-2), root(), leaf()],
         path=("leaf", "Root")),
    Case("a root with a new key, by the old one", "RFC 4210 4.4, root CA key update",
         [root(), ca("new with old", "Root", dn="CN=Root", key="Root 2"),
          leaf("", issuer_dn="CN=Root", signer="new with old")],
         path=("leaf", "new with old", "Root")),
    Case("one alternative has the wrong constraint", _CROSS,
         [root("Root 1"), root("Root 2"),
          ca("A1", "Root 1", dn="CN=A", key="A", permit=("dns:other.example",)),
          ca("A2", "Root 2", dn="CN=A", key="A"), leaf("A1")], path=("leaf", "A2", "Root 2")),
    Case("one alternative is no CA", _CROSS,
         [root(), ca("A1", dn="CN=A", key="A", ca=False), ca("A2", dn="CN=A", key="A"), leaf("A1")],
         path=("leaf", "A2", "Root")),
    Case("one alternative leads nowhere", _CROSS,
         [root(), ca("A1", "X", issuer_dn="CN=X", signer="X", dn="CN=A", key="A"),
          ca("A2", dn="CN=A", key="A"), leaf("A1")], path=("leaf", "A2", "Root")),
    Case("one alternative is too long below", "RFC 5280 6.1.4 (l)",
         [root("Root 1", path_length=0), root("Root 2"), ca("A1", "Root 1", dn="CN=A", key="A"),
          ca("A2", "Root 2", dn="CN=A", key="A"), leaf("A1")], path=("leaf", "A2", "Root 2")),
    Case("the alternative is two levels up", _CROSS,
         [root("Root 1"), ca("B1", "X", issuer_dn="CN=X", signer="X", dn="CN=B", key="B"),
          ca("B2", "Root 1", dn="CN=B", key="B"), ca("A", "B1"), leaf("A")],
         path=("leaf", "A", "B2", "Root 1")),
    Case("all alternatives are refused: the first is told", _CROSS,
         [root(), ca("A1", dn="CN=A", key="A", begin=-9, end=-2),
          ca("A2", dn="CN=A", key="A", ca=False), leaf("A1")], Problem.EXPIRED),
    # loops
    Case("two CAs issue each other", "RFC 4158 2.4.2, loops",
         [root(), ca("A", "B"), ca("B", "A"), leaf("A")], Problem.UNKNOWN_CA),
    Case("two CAs issue each other, and the root one of them", "RFC 4158 2.4.2, loops",
         [root(), ca("A1", "B", dn="CN=A", key="A"), ca("B", "A1"), ca("A2", dn="CN=A", key="A"),
          leaf("B")], path=("leaf", "B", "A2", "Root")),
    Case("a ring of three", "RFC 4158 2.4.2, loops",
         [root(), ca("A", "C"), ca("B", "A"), ca("C", "B"), leaf("C")], Problem.UNKNOWN_CA),
    Case("a CA that issues itself again and again", "RFC 4158 2.4.2, loops",
         [root(), *(ca(f"A{n}", "", dn="CN=A", key="A", serial=n + 1) for n in range(9)),
          leaf("A0")], Problem.UNKNOWN_CA),
    # the budget
    Case("more look-alikes than signatures are checked", "the bound of the search",
         [root(), *_look_alikes(70, ski=None), ca("A", ski=None), leaf("A", aki=None)],
         Problem.CHAIN_TOO_LONG, text="more than 64 signature checks"),
    Case("just as many as are checked", "the bound of the search",
         [root(), *_look_alikes(62, ski=None), ca("A", ski=None), leaf("A", aki=None)],
         path=("leaf", "A", "Root")),
    # names
    Case("PrintableString and UTF8String", _NAMES, [root(strings=19), leaf(issuer_dn="CN=Root")]),
    Case("BMPString and UTF8String", _NAMES, [root(strings=30), leaf(issuer_dn="CN=Root")]),
    Case("case of the letters", _NAMES, [root(), leaf(issuer_dn="CN=rOOt")]),
    Case("runs of spaces", _NAMES, [root("Root", dn="CN=A  Root"), leaf(issuer_dn="CN= A Root ")]),
    Case("an intermediate's name in other letters", _NAMES,
         [root(), _A, leaf("A", issuer_dn="CN=a")], path=("leaf", "A", "Root")),
    Case("a look-alike has the very bytes, the issuer other letters", _NAMES,
         [root(), ca("fake", dn="CN=a", key="fake"), _A, leaf("A", issuer_dn="CN=a")],
         path=("leaf", "A", "Root")),
    Case("Chinese names", _NAMES, [root(dn="C=CN,O=国密,CN=根"), leaf()]),
    Case("Chinese names, differently encoded", _NAMES,
         [root(dn="O=国密,CN=根", strings=30), leaf(issuer_dn="O=国密,CN=根")]),
    Case("another order of the parts is another name", _NAMES,
         [root(dn="O=Acme,CN=Root"), leaf(issuer_dn="CN=Root,O=Acme")], Problem.UNKNOWN_CA),
    Case("a part more is another name", _NAMES,
         [root(dn="O=Acme,CN=Root"), leaf(issuer_dn="O=Acme,OU=x,CN=Root")], Problem.UNKNOWN_CA),
    Case("another attribute is another name", _NAMES,
         [root(dn="O=Root"), leaf(issuer_dn="CN=Root")], Problem.UNKNOWN_CA),
    Case("the root has no name", "RFC 5280 4.1.2.4: the issuer is not empty",
         [root(dn="-"), leaf()], Problem.INVALID_CA, text="has no name"),
    # depth
    Case("as deep as allowed", _DEPTH, [*_numbered(2), leaf("CA 1")], depth=3),
    Case("one deeper than allowed", _DEPTH, [*_numbered(3), leaf("CA 2")], Problem.CHAIN_TOO_LONG,
         depth=3, text="more than 3 CA certificates"),
    Case("no CA is allowed", _DEPTH, [root(), leaf()], Problem.CHAIN_TOO_LONG, depth=0),
    Case("no CA is needed", _DEPTH, [leaf("", anchor=True)], depth=0),
    Case("self-issued CAs count for the depth", _DEPTH,
         [root(), ca("R2", "Root", dn="CN=Root", key="R2"), leaf("", issuer_dn="CN=Root",
          signer="R2")], Problem.CHAIN_TOO_LONG, depth=1),
    Case("the shorter of two ways fits", _DEPTH,
         [root(), ca("A1", "B", dn="CN=A", key="A"), ca("B"), ca("A2", dn="CN=A", key="A"),
          leaf("A1")], depth=2, path=("leaf", "A2", "Root")),
)  # fmt: skip
