"""Certificate policies: RFC 5280 6.1.3 (d) to (f), 6.1.4 (a) to (j), 6.1.5; RFC 9618."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chains.case import Case, Problem
from chains.making import Cert, ca, leaf, root

_OPTIONAL = "RFC 5280 6.1.1 (e): without a demand policies refuse nothing"
_DEMAND = "RFC 5280 4.2.1.11, requireExplicitPolicy"
_MATCH = "RFC 5280 6.1.3 (d)(1)"
_ANY = "RFC 5280 4.2.1.14, 6.1.3 (d)(2)"
_MAPS = "RFC 5280 4.2.1.5, 6.1.4 (a) and (b)"
_WANTED = "RFC 5280 6.1.1 (c), 6.1.5 (g)"
_NONE = Problem.NO_EXPLICIT_POLICY


def _line(*policies: str, **more: Mapping[str, Any]) -> list[Cert]:
    """Root, A, B and a leaf; for each of the three its policies, "1 2" or "" for none."""
    a, b, end = (tuple(text.split()) for text in policies)
    return [
        root(**more.get("root", {})),
        ca("A", policies=a, **more.get("a", {})),
        ca("B", "A", policies=b, **more.get("b", {})),
        leaf("B", policies=end, **more.get("leaf", {})),
    ]


_DEMANDED: Mapping[str, Any] = {"demand": 0}

CASES = (
    # without a demand
    Case("no policies at all", _OPTIONAL, _line("", "", "")),
    Case("policies that do not fit", _OPTIONAL, _line("1", "2", "3")),
    Case("only the leaf has some", _OPTIONAL, _line("", "", "1")),
    Case("inhibitAnyPolicy alone", _OPTIONAL, _line("any", "any", "1", a={"no_any": 0})),
    Case("inhibitPolicyMapping alone", _OPTIONAL, _line("1", "1", "2", a={"no_mapping": 0})),
    # demanded
    Case("demanded and there", _DEMAND, _line("1", "1", "1", a=_DEMANDED)),
    Case("demanded and the leaf has none", _DEMAND, _line("1", "1", "", a=_DEMANDED), _NONE,
         text="is not issued under a policy that holds from its CA down"),
    Case("demanded and the middle has none", _DEMAND, _line("1", "", "1", a=_DEMANDED), _NONE),
    Case("demanded and the upper has none", _DEMAND, _line("", "1", "1", a=_DEMANDED), _NONE),
    Case("demanded by the middle", _DEMAND, _line("1", "1", "2", b=_DEMANDED), _NONE),
    Case("demanded by the leaf itself", _DEMAND, _line("1", "1", "2", leaf=_DEMANDED), _NONE),
    Case("demanded by the leaf itself and there", _DEMAND, _line("1", "1", "1", leaf=_DEMANDED)),
    Case("demanded by the leaf, but later", "RFC 5280 6.1.5 (b): only zero counts",
         _line("1", "1", "2", leaf={"demand": 1})),
    Case("demanded by the anchor", "RFC 5280 6.1: the anchor's policies are not looked at",
         _line("1", "1", "2", root=_DEMANDED)),
    Case("demanded of the next but one", _DEMAND, _line("1", "1", "2", a={"demand": 1}), _NONE),
    Case("demanded of nobody in this path", _DEMAND, _line("1", "1", "2", a={"demand": 3})),
    Case("demanded just beyond the leaf", _DEMAND, _line("1", "1", "2", b={"demand": 2})),
    Case("demanded right at the leaf", _DEMAND, _line("1", "1", "2", b={"demand": 1}), _NONE),
    Case("a lower demand cannot loosen", _DEMAND,
         _line("1", "1", "2", a=_DEMANDED, b={"demand": 9}), _NONE),
    Case("a self-issued CA does not count down", "RFC 5280 6.1.4 (h)",
         [root(), ca("A", policies=("1",), demand=2),
          ca("A2", "A", dn="CN=A", key="A2", policies=("1",)),
          leaf("", issuer_dn="CN=A", signer="A2", policies=("2",))]),
    Case("demanded in a path of one", _DEMAND, [root(), leaf(demand=0)], _NONE),
    Case("demanded in a path of one and there", _DEMAND, [root(), leaf(demand=0, policies=("1",))]),
    # which fit
    Case("no common policy", _MATCH, _line("1", "2", "1", a=_DEMANDED), _NONE),
    Case("one of several", _MATCH, _line("1 2", "2 3", "2", a=_DEMANDED)),
    Case("others drop out on the way", _MATCH, _line("1 2 3", "2 3", "3 4", a=_DEMANDED)),
    Case("it comes back too late", _MATCH, _line("1 2", "2", "1", a=_DEMANDED), _NONE),
    # anyPolicy
    Case("any above", _ANY, _line("any", "any", "1", a=_DEMANDED)),
    Case("any below", _ANY, _line("1", "1", "any", a=_DEMANDED)),
    Case("any all the way", _ANY, _line("any", "any", "any", a=_DEMANDED)),
    Case("any in the middle", _ANY, _line("1", "any", "1", a=_DEMANDED)),
    Case("any in the middle changes nothing", _ANY, _line("1", "any", "2", a=_DEMANDED), _NONE),
    Case("any is forbidden at once", _ANY,
         _line("any", "any", "1", a={"demand": 0, "no_any": 0}), _NONE),
    Case("any is forbidden, a named one is there", _ANY,
         _line("1", "1 any", "1", a={"demand": 0, "no_any": 0})),
    Case("any is forbidden later", _ANY,
         _line("any", "any", "any", a={"demand": 0, "no_any": 1}), _NONE),
    Case("any is forbidden later, and the leaf names one", _ANY,
         _line("any", "any", "1", a={"demand": 0, "no_any": 1})),
    Case("any is forbidden after this path", _ANY,
         _line("any", "any", "any", a={"demand": 0, "no_any": 2})),
    Case("a lower one cannot allow any again", _ANY,
         _line("1", "1", "any", a={"demand": 0, "no_any": 0}, b={"no_any": 9}), _NONE),
    Case("any in a self-issued CA is not forbidden", "RFC 5280 6.1.3 (d)(2)",
         [root(), ca("A", policies=("1",), demand=0, no_any=0),
          ca("A2", "A", dn="CN=A", key="A2", policies=("any",)),
          leaf("", issuer_dn="CN=A", signer="A2", policies=("1",))]),
    Case("any in a self-issued leaf is forbidden", "RFC 5280 6.1.3 (d)(2): i < n",
         [root(), ca("A", policies=("1",), demand=0, no_any=0),
          leaf("A", dn="CN=A", policies=("any",))], _NONE),
    # mappings
    Case("mapped", _MAPS, _line("1", "2", "2", a={"demand": 0, "maps": ("1>2",)})),
    Case("not mapped back", _MAPS, _line("1", "2", "1", a={"demand": 0, "maps": ("1>2",)}), _NONE),
    Case("mapped, and the old one used", _MAPS,
         _line("1", "1", "1", a={"demand": 0, "maps": ("1>2",)}), _NONE),
    Case("mapped to two", _MAPS, _line("1", "3", "3", a={"demand": 0, "maps": ("1>2", "1>3")})),
    Case("two mapped to one", _MAPS,
         _line("1 2", "3", "3", a={"demand": 0, "maps": ("1>3", "2>3")})),
    Case("mapped twice over", _MAPS,
         _line("1", "2", "3", a={"demand": 0, "maps": ("1>2",)}, b={"maps": ("2>3",)})),
    Case("a mapping of what is not there", _MAPS,
         _line("1", "2", "2", a={"demand": 0, "maps": ("9>2",)}), _NONE),
    Case("a mapping out of any", "RFC 5280 6.1.4 (b)(1)",
         _line("any", "2", "2", a={"demand": 0, "maps": ("1>2",)})),
    Case("mappings are forbidden", "RFC 5280 6.1.4 (b)(2)",
         _line("1", "2", "3", a={"demand": 0, "no_mapping": 0}, b={"maps": ("1>3",)}), _NONE),
    Case("forbidden mappings delete what they map", "RFC 5280 6.1.4 (b)(2)",
         _line("1", "1", "1", a={"demand": 0, "no_mapping": 0}, b={"maps": ("1>1",)}), _NONE),
    Case("forbidden mappings leave the others", "RFC 5280 6.1.4 (b)(2)",
         _line("1 2", "1 2", "2", a={"demand": 0, "no_mapping": 0}, b={"maps": ("1>3",)})),
    Case("mappings are forbidden later", "RFC 5280 6.1.4 (h)(2)",
         _line("1", "2", "3", a={"demand": 0, "no_mapping": 1, "maps": ("1>2",)},
               b={"maps": ("2>3",)})),
    Case("mapping to any", "RFC 5280 6.1.4 (a)", _line("1", "1", "1", a={"maps": ("1>any",)}),
         Problem.INVALID_POLICY, text="maps anyPolicy"),
    Case("mapping of any", "RFC 5280 6.1.4 (a)", _line("1", "1", "1", b={"maps": ("any>1",)}),
         Problem.INVALID_POLICY),
    Case("mappings that cannot be read", _MAPS,
         _line("1", "1", "1", a={"raw": (("2.5.29.33", True, b"\x30\x02\x30\x00"),)}),
         Problem.INVALID_POLICY, text="cannot be read"),
    Case("mapping where no policy is left", _MAPS,
         _line("", "1", "1", a={"demand": 9}, b={"maps": ("1>2",)})),
    Case("a policy twice, where they matter", "RFC 5280 4.2.1.4",
         _line("1 1", "1", "1", a=_DEMANDED), Problem.INVALID_POLICY, text="names a policy twice"),
    # asked for
    Case("asked for and there", _WANTED, _line("1", "1", "1"), policies=("1",)),
    Case("asked for and not there", _WANTED, _line("1", "1", "1"), _NONE, policies=("2",),
         text="2.999.2"),
    Case("asked for any", _WANTED, _line("1", "1", "1"), policies=("any",)),
    Case("asked for any and there is none", _WANTED, _line("", "", ""), _NONE, policies=("any",)),
    Case("one of two that are asked for", _WANTED, _line("1", "1", "1"), policies=("1", "2")),
    Case("asked for, and any all the way", _WANTED, _line("any", "any", "any"), policies=("1",)),
    Case("asked for, any above", _WANTED, _line("any", "any", "1"), policies=("1",)),
    Case("asked for another, any above", _WANTED, _line("any", "any", "1"), _NONE,
         policies=("2",)),
    Case("asked for by the name that the upper CA has for it", _WANTED,
         _line("1", "2", "2", a={"maps": ("1>2",)}), policies=("1",)),
    Case("asked for by the name that it is mapped to", _WANTED,
         _line("1", "2", "2", a={"maps": ("1>2",)}), _NONE, policies=("2",)),
    Case("asked for, and the leaf alone is trusted", _WANTED,
         [leaf("", anchor=True, policies=("1",))], policies=("any",)),
)  # fmt: skip
