"""One case: a few certificates, the rule that they are about, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chains.making import DAY, NOW, Cert, Kind, build, policy
from tlcp.errors import CertificateProblem
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import Purpose, verify_chain
from tlcp.x509.names import match_host
from tlcp.x509.trust import TrustStore

Problem = CertificateProblem


@dataclass(frozen=True)
class Case:
    """A chain and what is to come of it.

    Attributes:
        id: of the case.
        rule: the section that it is about.
        certs: of the case; the one named "leaf" is verified, those of ``anchor`` are trusted, the
            others are sent in this order.
        wanted: the problem of the refusal; None = accepted.
        path: the names of the path, the leaf's first; () = whatever it is.
        text: stands in the refusal.
        host: is matched after the chain, if there is one.
        purpose, depth, mixed: as in ``verify_chain``.
        days: the moment, from now.
        policies: asked for.
        strict: the form is asked for.
        code: OpenSSL's number of the refusal, where that is not its problem's; 0 = it is.
    """

    id: str
    rule: str
    certs: Sequence[Cert]
    wanted: Problem | None = None
    path: tuple[str, ...] = ()
    text: str = ""
    host: str = ""
    purpose: Purpose = "server"
    depth: int = 8
    mixed: bool = False
    days: float = 0
    policies: tuple[str, ...] | None = None
    strict: bool = False
    code: int = 0

    def make(self, kind: Kind) -> dict[str, Certificate]:
        """The certificates by their names."""
        by_name = {cert.name: cert for cert in self.certs}
        if len(by_name) != len(self.certs):
            raise ValueError("two certificates of one name")
        return {cert.name: build(cert, by_name, kind) for cert in self.certs}

    def run(self, kind: Kind) -> tuple[str, ...]:
        """Verify; gives the names of the path.

        Raises:
            CertificateVerifyError: it is refused.
        """
        made = self.make(kind)
        path = verify_chain(
            made["leaf"],
            [made[one.name] for one in self.certs if not one.anchor and one.name != "leaf"],
            TrustStore(made[one.name] for one in self.certs if one.anchor),
            now=NOW + self.days * DAY,
            purpose=self.purpose,
            which="signing certificate",
            max_depth=self.depth,
            mixed=self.mixed,
            policies=None if self.policies is None else [policy(one) for one in self.policies],
            strict=self.strict,
        )
        if self.host:
            match_host(made["leaf"], self.host, which="signing certificate")
        names = {certificate: name for name, certificate in made.items()}
        return tuple(names[one] for one in path)
