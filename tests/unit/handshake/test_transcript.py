"""The transcript: the hash follows the suite, and what is signed follows the keys."""

from __future__ import annotations

import hashlib

import pytest

from tlcp.crypto.sm3 import sm3
from tlcp.errors import InternalError
from tlcp.handshake.transcript import Transcript
from tlcp.suites import ALL_SUITES, DEFAULT_SUITES, RSA_SUITES, CipherSuite

BOTH = (*DEFAULT_SUITES, *RSA_SUITES)


@pytest.mark.parametrize("suite", BOTH, ids=lambda suite: suite.name)
def test_the_hash_follows_the_suite(suite: CipherSuite) -> None:
    transcript = Transcript()
    transcript.add(b"hello")
    transcript.follow(suite)
    transcript.add(b"answer")
    whole = b"helloanswer"
    sha256 = hashlib.sha256(whole).digest()
    assert transcript.raw == whole
    assert transcript.digest() == (sha256 if suite.hash == "sha256" else sm3(whole))
    assert transcript.signed_digest() == (sha256 if suite in RSA_SUITES else sm3(whole))
    transcript.drop_raw()
    transcript.add(b"!")
    more = whole + b"!"
    wanted = hashlib.sha256(more).digest() if suite.hash == "sha256" else sm3(more)
    assert transcript.digest() == wanted


def test_what_was_dropped_cannot_be_had() -> None:
    transcript = Transcript()
    transcript.drop_raw()
    with pytest.raises(InternalError, match="dropped"):
        _ = transcript.raw
    with pytest.raises(InternalError, match="dropped"):
        transcript.follow(ALL_SUITES[0xE05A])
