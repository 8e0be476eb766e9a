"""What is remembered of certificates: bounded, exact, and never instead of a check."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from support.ends import NOW, world
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey
from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509 import pair, signatures
from tlcp.x509.pair import VerifiedPair, verify_pair
from tlcp.x509.recent import Recent
from tlcp.x509.trust import TrustStore


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    pair.forget()
    yield
    pair.forget()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The signed bytes of every verification that was really computed."""
    made = list[bytes]()
    verify = SM2PublicKey.verify

    def counted(self: SM2PublicKey, signature: bytes, message: bytes, **options: Any) -> None:
        made.append(message)
        verify(self, signature, message, **options)

    monkeypatch.setattr(SM2PublicKey, "verify", counted)
    return made


def verified(**changes: Any) -> VerifiedPair:
    settings: dict[str, Any] = {
        "role": "client",
        "trust": world().trust,
        "now": NOW,
        "host": None,
        "need_enc": True,
    }
    return verify_pair(world().client.certificate_list(), **(settings | changes))


def test_the_one_not_used_for_longest_goes() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
    recent.put("a", 4)
    assert (recent.get("a"), len(recent)) == (4, 2)
    recent.clear()
    assert recent.get("a") is None


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Threads take turns a thousand times more often than usual, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switching")
def test_threads_never_break_it_nor_its_bound() -> None:
    recent: Recent[int, int] = Recent(8)
    wrong, start = list[object](), threading.Barrier(4)

    def work(seed: int) -> None:
        start.wait()
        try:
            for i in range(3000):
                key = (i * 7 + seed) % 20
                recent.put(key, key)
                found = recent.get((key + seed) % 20)
                if found not in (None, (key + seed) % 20) or len(recent) > 8:
                    wrong.append(found)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_each_signature_is_verified_once(checks: list[bytes]) -> None:
    first = verified()
    assert len(checks) == 2
    assert verified().sign is first.sign
    assert len(checks) == 2
    pair.forget()
    verified()
    assert len(checks) == 4


def test_a_wrong_signature_is_wrong_every_time(checks: list[bytes]) -> None:
    key = SM2PrivateKey.generate()
    signature = key.sign(b"this")
    for _ in range(3):
        with pytest.raises(InvalidSignature):
            signatures.verify_signature(key.public_key, signature, b"that")
    assert len(checks) == 3
    signatures.verify_signature(key.public_key, signature, b"this")
    with pytest.raises(InvalidSignature):
        signatures.verify_signature(SM2PrivateKey.generate().public_key, signature, b"this")


def test_nothing_large_is_kept(checks: list[bytes]) -> None:
    key, signed = SM2PrivateKey.generate(), bytes(5000)
    signature = key.sign(signed)
    for _ in range(2):
        signatures.verify_signature(key.public_key, signature, signed)
    assert len(checks) == 2


def test_many_signatures_stay_within_the_bound() -> None:
    key = SM2PrivateKey.generate()
    for number in range(signatures.MAX_REMEMBERED + 10):
        signed = number.to_bytes(4, "big")
        signatures.verify_signature(key.public_key, key.sign(signed), signed)
    assert len(signatures._facts) == signatures.MAX_REMEMBERED


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"now": NOW + timedelta(days=10_000)}, CertificateProblem.EXPIRED),
        ({"now": NOW - timedelta(days=10_000)}, CertificateProblem.NOT_YET_VALID),
        ({"host": "server.example"}, CertificateProblem.HOSTNAME_MISMATCH),
        (
            {"trust": TrustStore([world().stranger.certificate])},
            CertificateProblem.UNKNOWN_CA,
        ),
    ],
)
def test_what_was_seen_is_checked_again(
    changes: dict[str, Any], problem: CertificateProblem
) -> None:
    verified()
    with pytest.raises(CertificateVerifyError) as caught:
        verified(**changes)
    assert caught.value.problem is problem


def test_one_changed_byte_is_another_certificate() -> None:
    verified()
    sign, enc, *rest = world().client.certificate_list()
    changed = sign[:-1] + bytes((sign[-1] ^ 1,))
    with pytest.raises(CertificateVerifyError) as caught:
        verify_pair(
            [changed, enc, *rest],
            role="client",
            trust=world().trust,
            now=NOW,
            host=None,
            need_enc=True,
        )
    assert caught.value.problem is CertificateProblem.BAD_SIGNATURE


def test_only_what_was_proven_is_kept() -> None:
    with pytest.raises(CertificateVerifyError):
        verified(trust=TrustStore([world().stranger.certificate]))
    assert len(pair._proven) == 0
    verified()
    assert len(pair._proven) == 2  # signing, encryption
