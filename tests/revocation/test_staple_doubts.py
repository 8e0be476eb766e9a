"""What a server says of a staple that does not help with its own certificates."""

from __future__ import annotations

from chains.making import DAY, NOW
from revocation.making import answer, certificate
from tlcp.x509.ocsp_response import OcspResponse

OURS = [("signing", certificate("leaf", "sm2"))]


def test_a_good_one_leaves_none() -> None:
    assert list(OcspResponse.from_der(answer("sm2")).doubts(OURS, NOW)) == []
    assert list(OcspResponse.from_der(answer("sm2", end=None)).doubts(OURS, NOW)) == []


def test_revoked_foreign_and_expired_ones() -> None:
    for response, moment, words in (
        (answer("sm2", "revoked"), NOW, "says of our signing certificate: revoked"),
        (answer("sm2", about="Responder"), NOW, "says nothing of our signing certificate CN=leaf"),
        (answer("sm2"), NOW + 2 * DAY, "about our signing certificate expired 2026-11-24 12:00"),
    ):
        (told,) = OcspResponse.from_der(response).doubts(OURS, moment)
        assert words in told
