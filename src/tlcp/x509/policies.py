"""Certificate policies along a path.

They can only refuse a path in which a certificate demands an explicit policy (policyConstraints),
or of which the program asks for certain policies. Else no more is looked at than whether mappings
make sense, and nothing without mappings.

The policies form a graph, one node for each policy and level with edges to all its parents, and
not the tree of RFC 5280, which grows exponentially. Its nodes and edges are counted all the same.
Qualifiers are not looked at. The anchor's own policies are not either, as the standard has it.

Spec: RFC 5280 6.1.2 to 6.1.5, in the form of RFC 9618 5
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import CertificatePoliciesOID, ExtensionOID

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate
from tlcp.x509.work import Work

__all__ = ["check_policies"]

OID = x509.ObjectIdentifier
_ANY: Final = CertificatePoliciesOID.ANY_POLICY
_MAPPING: Final = 12  # bytes of a short one
_SHOWN: Final = 3


def check_policies(
    path: Sequence[Certificate], wanted: Collection[OID] | None, work: Work, where: str
) -> None:
    """Check the policies of a path.

    Args:
        path: the end certificate first, the anchor last.
        wanted: the path must be valid for one of these policies; None = for any, or for none where
            no CA demands one.
        work: is charged.
        where: ends the errors: "in the chain of ...".

    Raises:
        CertificateVerifyError: NO_EXPLICIT_POLICY; INVALID_POLICY when an extension makes no sense;
            TOO_MUCH_WORK.

    Spec: RFC 5280 6.1.3 (d) to (f), 6.1.4 (a) to (j), 6.1.5 (a), (b) and (g)
    """
    levels = [_Level(certificate, work, where) for certificate in reversed(path[:-1])]
    if wanted is not None or any(level.demands is not None for level in levels):
        _Walk(len(levels), wanted, work, where).run(levels)


@asn1.sequence
class _PolicyMapping:
    issuer: OID
    subject: OID


@asn1.sequence
class _PolicyMappings:
    """SEQUENCE OF, in a SEQUENCE of its own: only fields can be declared as lists."""

    pairs: list[_PolicyMapping]


@asn1.sequence
class _Wrapped:
    inside: asn1.TLV


@dataclass(slots=True)
class _Node:
    """A policy at one level, and whom the next level may call so."""

    policy: OID
    parents: list[_Node]
    expected: set[OID]


class _Level:
    """The policy extensions of one certificate.

    Attributes:
        policies: None without the extension.
        demands: requireExplicitPolicy, None without it; no_mapping and no_any likewise.
        mappings: policy of the issuer -> policies of the subject.
    """

    def __init__(self, certificate: Certificate, work: Work, where: str) -> None:
        self.certificate, self.work, self.where = certificate, work, where
        self.policies = self._policies()
        self.mappings = self._mappings()
        self.demands: int | None = None
        self.no_mapping: int | None = None
        constraints = certificate.extension(x509.PolicyConstraints)
        if constraints is not None:
            self.demands = constraints.require_explicit_policy
            self.no_mapping = constraints.inhibit_policy_mapping
        inhibit = certificate.extension(x509.InhibitAnyPolicy)
        self.no_any = None if inhibit is None else inhibit.skip_certs

    def _policies(self) -> frozenset[OID] | None:
        extension = self.certificate.extension(x509.CertificatePolicies)
        if extension is None:
            return None
        self.work.step_policies(len(extension))
        found = [one.policy_identifier for one in extension]
        if len(set(found)) != len(found):
            raise self._senseless("names a policy twice", "RFC 5280 4.2.1.4")
        return frozenset(found)

    def _mappings(self) -> Mapping[OID, set[OID]]:
        found: dict[OID, set[OID]] = {}
        raw = self.certificate.extension_der(ExtensionOID.POLICY_MAPPINGS)
        if raw is None:
            return found
        self.work.step_policies(len(raw) // _MAPPING)
        try:
            inside = _Wrapped(inside=asn1.decode_der(asn1.TLV, raw))
            pairs = asn1.decode_der(_PolicyMappings, asn1.encode_der(inside)).pairs
        except ValueError as error:
            raise self._senseless("has policy mappings that cannot be read", "4.2.1.5") from error
        for pair in pairs:
            if _ANY in (pair.issuer, pair.subject):
                raise self._senseless("maps anyPolicy", "RFC 5280 6.1.4 (a)")
            found.setdefault(pair.issuer, set()).add(pair.subject)
        return found

    def _senseless(self, what: str, section: str) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.INVALID_POLICY,
            f"the certificate {self.certificate} {what}, {self.where}",
            which="chain",
            expected=f"policies as in {section}",
            hint="Replace the certificate",
        )


class _Walk:
    """From the anchor down to the end certificate.

    Attributes:
        graph: the nodes of the last level by their policy; None when no policy is left.
        explicit, mapping, any_policy: how many certificates may still follow before a policy is
            demanded, mappings are forbidden, and anyPolicy means nothing.
    """

    def __init__(self, count: int, wanted: Collection[OID] | None, work: Work, where: str) -> None:
        self.wanted, self.work, self.where = wanted, work, where
        self.graph: dict[OID, _Node] | None = {_ANY: _Node(_ANY, [], {_ANY})}
        self.mapping = self.any_policy = count + 1
        self.explicit = count + 1 if wanted is None else 0

    def run(self, levels: Sequence[_Level]) -> None:
        """Check all certificates below the anchor, the uppermost first."""
        for level in levels[:-1]:
            self._take(level, last=False)
            self._prepare(level)
        if levels:
            self._take(levels[-1], last=True)
            self.explicit = max(self.explicit - 1, 0)
            if levels[-1].demands == 0:
                self.explicit = 0
        if self.explicit == 0 and not self._satisfied():
            raise self._refused(levels[-1].certificate if levels else None)

    def _take(self, level: _Level, *, last: bool) -> None:
        """6.1.3 (d) to (f)."""
        policies, above = level.policies, self.graph
        if policies is None or above is None:
            self.graph = None
        else:
            through = self.any_policy > 0 or (not last and level.certificate.self_issued)
            self.graph = self._next(policies, above, through=through) or None
        if self.explicit == 0 and self.graph is None:
            raise self._refused(level.certificate)

    def _next(
        self, policies: frozenset[OID], above: dict[OID, _Node], *, through: bool
    ) -> dict[OID, _Node]:
        """The nodes of the next level.

        Args:
            policies: those of the certificate.
            above: the nodes of this level.
            through: its anyPolicy counts.
        """
        self.work.step_policies(len(policies) + len(above))
        expecting: dict[OID, list[_Node]] = {}
        for node in above.values():
            self.work.step_policies(len(node.expected))
            for policy in node.expected:
                expecting.setdefault(policy, []).append(node)
        any_above = above.get(_ANY)
        below: dict[OID, _Node] = {}
        for policy in policies - {_ANY}:
            parents = expecting.get(policy) or ([any_above] if any_above else [])
            if parents:
                below[policy] = _Node(policy, parents, {policy})
        if through and _ANY in policies:
            for policy, parents in expecting.items():
                if policy not in below:
                    below[policy] = _Node(policy, parents, {policy})
        return below

    def _prepare(self, level: _Level) -> None:
        """6.1.4 (b) to (j)."""
        if level.mappings and self.graph is not None:
            self._map(level.mappings, self.graph)
        if not level.certificate.self_issued:
            self.explicit = max(self.explicit - 1, 0)
            self.mapping = max(self.mapping - 1, 0)
            self.any_policy = max(self.any_policy - 1, 0)
        self.explicit = _least(self.explicit, level.demands)
        self.mapping = _least(self.mapping, level.no_mapping)
        self.any_policy = _least(self.any_policy, level.no_any)

    def _map(self, mappings: Mapping[OID, set[OID]], graph: dict[OID, _Node]) -> None:
        any_node = graph.get(_ANY)
        for issuer, subjects in mappings.items():
            self.work.step_policies(1 + len(subjects))
            if self.mapping == 0:
                graph.pop(issuer, None)
            elif issuer in graph:
                graph[issuer].expected = set(subjects)
            elif any_node is not None:
                graph[issuer] = _Node(issuer, any_node.parents, set(subjects))
        if not graph:
            self.graph = None

    def _satisfied(self) -> bool:
        """A policy is left, and one that is wanted.  Spec: RFC 5280 6.1.5 (g)"""
        if not self.graph:
            return False
        if self.wanted is None or _ANY in self.wanted or _ANY in self.graph:
            return True
        return bool(self._of_authority(list(self.graph.values())) & set(self.wanted))

    def _of_authority(self, nodes: list[_Node]) -> set[OID]:
        """The policies in the words of the CAs next to the anchor, before any mapping."""
        found, seen = set[OID](), set[int]()
        while nodes:
            node = nodes.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            self.work.step_policies(1 + len(node.parents))
            if any(parent.policy == _ANY for parent in node.parents):
                found.add(node.policy)
            nodes += (parent for parent in node.parents if parent.policy != _ANY)
        return found

    def _refused(self, certificate: Certificate | None) -> CertificateVerifyError:
        wanted = "a policy that a CA of the chain demands"
        if self.wanted is not None:
            named = sorted(one.dotted_string for one in self.wanted)[:_SHOWN]
            wanted = "one of the policies asked for: " + ", ".join(named)
        at = f"{certificate} is not issued" if certificate is not None else "it is not issued"
        return CertificateVerifyError(
            CertificateProblem.NO_EXPLICIT_POLICY,
            f"{at} under a policy that holds from its CA down, {self.where}",
            which="chain",
            expected=f"{wanted} (RFC 5280 4.2.1.4, 6.1.5)",
            hint="Issue all certificates of the chain with one policy in certificatePolicies, or "
            "the CA without requireExplicitPolicy",
        )


def _least(counter: int, limit: int | None) -> int:
    return counter if limit is None else min(counter, limit)
