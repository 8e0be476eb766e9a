"""What an identity knows of itself before a peer complains: ``Identity.doubts``."""

from __future__ import annotations

from datetime import timedelta

from support.ends import NOW, world
from tlcp.x509.identity import Identity

DAY = timedelta(days=1)


def test_a_sound_pair_has_none() -> None:
    assert list(world().server.doubts(NOW)) == []


def test_validity_of_both() -> None:
    identity = world().server
    early = list(identity.doubts(identity.sign_cert.not_before - DAY))
    late = list(identity.doubts(identity.sign_cert.not_after + DAY))
    for told, word in ((early, "is valid from"), (late, "expired on")):
        assert len(told) == 2
        assert "our signing certificate" in told[0]
        assert "our encryption certificate" in told[1]
        assert all(word in one for one in told)


def test_a_pair_of_two_subjects_and_a_single_certificate() -> None:
    server, client = world().server, world().client
    mixed = Identity(server.sign_cert, server.sign_key, client.enc_cert, client.enc_key)
    (told,) = mixed.doubts(NOW)
    assert "our signing certificate is for CN=server" in told
    assert "our encryption certificate for CN=client" in told
    assert list(Identity(server.sign_cert, server.sign_key).doubts(NOW)) == []
