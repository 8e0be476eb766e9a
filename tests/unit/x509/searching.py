"""Verify a chain of minted certificates, or collect its refusal."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from tlcp.errors import CertificateVerifyError
from tlcp.x509.chain import Purpose, verify_chain
from tlcp.x509.trust import TrustStore
from unit.x509.minting import NOW, Party


def verify(
    leaf: Party,
    others: Sequence[Party] = (),
    anchors: Sequence[Party] = (),
    *,
    now: datetime.datetime = NOW,
    purpose: Purpose = "server",
    max_depth: int = 8,
) -> list[str]:
    """Verify, and give the common names of the path."""
    path = verify_chain(
        leaf.cert,
        [party.cert for party in others],
        TrustStore(party.cert for party in anchors),
        now=now,
        purpose=purpose,
        which="signing certificate",
        max_depth=max_depth,
    )
    return [cert.common_name for cert in path]


def refused(
    leaf: Party,
    others: Sequence[Party] = (),
    anchors: Sequence[Party] = (),
    *,
    now: datetime.datetime = NOW,
    purpose: Purpose = "server",
    max_depth: int = 8,
) -> CertificateVerifyError:
    with pytest.raises(CertificateVerifyError) as caught:
        verify(leaf, others, anchors, now=now, purpose=purpose, max_depth=max_depth)
    assert str(caught.value)
    return caught.value
