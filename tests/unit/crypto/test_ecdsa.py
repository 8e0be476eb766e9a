"""ECDSA keys of CAs: the two curves that are taken, and no other.

Spec: FIPS 186-5 6.4.2; RFC 5480 2.1.1
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tlcp.crypto.ecdsa import ECDSAPublicKey


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_the_curves_that_are_taken(curve: ec.EllipticCurve) -> None:
    one, other = (ec.generate_private_key(curve).public_key() for _ in range(2))
    assert ECDSAPublicKey(one) == ECDSAPublicKey(one)
    assert ECDSAPublicKey(one) != ECDSAPublicKey(other)


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1(), ec.BrainpoolP256R1()])
def test_other_curves_are_refused(curve: ec.EllipticCurve) -> None:
    with pytest.raises(ValueError, match="want P-256 or P-384"):
        ECDSAPublicKey(ec.generate_private_key(curve).public_key())
