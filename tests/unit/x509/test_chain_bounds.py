"""What a peer can do to the search for a chain: make it long, wide or ambiguous."""

from __future__ import annotations

import pytest

from tlcp.errors import CertificateProblem
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import MAX_SIGNATURE_CHECKS
from unit.x509.minting import DAY, NOW, Party, mint_ca, mint_leaf
from unit.x509.searching import refused, verify

Problem = CertificateProblem


def chain_of(count: int) -> list[Party]:
    """A leaf and ``count`` CAs above it, root last."""
    above = [mint_ca("CA 0")]
    for number in range(1, count):
        above.append(mint_ca(f"CA {number}", above[-1]))
    return [mint_leaf("x", above[-1]), *reversed(above)]


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_counts_the_cas_above_the_leaf(depth: int) -> None:
    leaf, *above = chain_of(depth)
    assert len(verify(leaf, above, above[-1:], max_depth=depth)) == depth + 1
    longer, *above = chain_of(depth + 1)
    error = refused(longer, above, above[-1:], max_depth=depth)
    assert error.problem is Problem.CHAIN_TOO_LONG


def test_many_namesakes_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0
    real = Certificate.verify_signed_by

    def counted(self: Certificate, issuer: Certificate) -> None:
        nonlocal checks
        checks += 1
        real(self, issuer)

    namesakes = [mint_ca("Root", key_name=f"namesake {number}", key_ids=False)
                 for number in range(MAX_SIGNATURE_CHECKS + 1)]  # fmt: skip
    leaf = mint_leaf("x", mint_ca("Root"))
    monkeypatch.setattr(Certificate, "verify_signed_by", counted)
    error = refused(leaf, namesakes, [mint_ca("Other")])
    assert error.problem is Problem.CHAIN_TOO_LONG
    # One more for asking whether a certificate is a root would be no harm; a flood would.
    assert checks <= MAX_SIGNATURE_CHECKS + 1


def test_mesh_of_cas_does_not_explode() -> None:
    # Every CA has signed every other: the number of paths is factorial.
    names = [f"Mesh {number}" for number in range(8)]
    selves = [mint_ca(name) for name in names]
    mesh = [mint_ca(name, other, key_name=name) for name in names for other in selves
            if other.cert.common_name != name]  # fmt: skip
    error = refused(mint_leaf("x", selves[0]), mesh, [mint_ca("Other")], max_depth=20)
    assert error.problem is Problem.CHAIN_TOO_LONG


def test_more_telling_error_wins_over_a_namesake() -> None:
    expired = mint_ca("Root", not_before=NOW - 3 * DAY, not_after=NOW - DAY, key_ids=False)
    namesake = mint_ca("Root", key_name="namesake", key_ids=False)
    for anchors in ([expired, namesake], [namesake, expired]):
        assert refused(mint_leaf("x", expired), [], anchors).problem is Problem.EXPIRED
