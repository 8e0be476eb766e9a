"""What one verification may cost.

The peer chooses the certificates, so it could choose many, or a few with very many names and
constraints. All work that grows faster than the bytes that came is counted here, and ends with an
error that says which count ran out.

Spec: RFC 5280 10 (the risk); RFC 9618 1 (that of policies)
"""

from __future__ import annotations

from typing import Final

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate

__all__ = [
    "MAX_CANDIDATES",
    "MAX_NAME_COMPARISONS",
    "MAX_POLICY_STEPS",
    "MAX_SIGNATURE_CHECKS",
    "Work",
]

MAX_SIGNATURE_CHECKS: Final = 64
MAX_CANDIDATES: Final = 1024
MAX_NAME_COMPARISONS: Final = 65_536
MAX_POLICY_STEPS: Final = 65_536


class Work:
    """What is left of each budget, for the chain of one certificate.

    Args:
        owner: whose chain it is, for the errors: "the server's signing certificate".
        leaf: the certificate.
    """

    def __init__(self, owner: str, leaf: Certificate) -> None:
        self._owner, self._leaf = owner, leaf  # to write a name costs more than a short search
        self.signatures, self.candidates = MAX_SIGNATURE_CHECKS, MAX_CANDIDATES
        self.names, self.policies = MAX_NAME_COMPARISONS, MAX_POLICY_STEPS

    @property
    def is_spent(self) -> bool:
        """A budget ran out: the search is over."""
        return min(self.signatures, self.candidates, self.names, self.policies) < 0

    def check_signature(self) -> None:
        """Count a signature to verify.

        Raises:
            CertificateVerifyError: CHAIN_TOO_LONG, as for ``look_at``.
        """
        self.signatures -= 1
        if self.signatures < 0:
            raise self._long(f"took more than {MAX_SIGNATURE_CHECKS} signature checks to search")

    def look_at(self) -> None:
        """Count a certificate that may have issued another."""
        self.candidates -= 1
        if self.candidates < 0:
            raise self._long(f"took more than {MAX_CANDIDATES} candidates to search")

    def compare_names(self, count: int) -> None:
        """Count comparisons of a name with a constraint.

        Raises:
            CertificateVerifyError: TOO_MUCH_WORK, as for ``step_policies``.
        """
        self.names -= count
        if self.names < 0:
            raise self._much(f"{MAX_NAME_COMPARISONS} comparisons of names with name constraints")

    def step_policies(self, count: int) -> None:
        """Count nodes and edges of the policy graph."""
        self.policies -= count
        if self.policies < 0:
            raise self._much(f"{MAX_POLICY_STEPS} steps through certificate policies")

    def _long(self, why: str) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.CHAIN_TOO_LONG,
            f"the chain of {self._owner} {self._leaf} {why}",
            which="chain",
            hint="Send only the certificates between this one and the root",
        )

    def _much(self, what: str) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.TOO_MUCH_WORK,
            f"the chain of {self._owner} {self._leaf} took more than {what}",
            which="chain",
            hint="Certificates of use have few of them; issue these with fewer",
        )
