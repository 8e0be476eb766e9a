"""SM2 here against Tongsuo's C library: ``python -m benchmarks.sm2 [--rounds N]``.

Both run in one process and take turns, so that a busy machine hurts both. Tongsuo is called
below its EVP layer, through ctypes, on digests that are already computed: its best case. Ours is
the public Python API, hashing and DER included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from tlcp.crypto.sm2 import SM2KeyAgreement, SM2PrivateKey
from tlcp.crypto.sm3 import sm3
from unit.crypto.tongsuo_sm2 import LIBRARY, TongsuoKey

CALLS = 20  # per turn

Call = Callable[[], object]


def operations() -> dict[str, tuple[Call, Call]]:
    key, ephemeral, peer, peer_r = (SM2PrivateKey.generate() for _ in range(4))
    theirs = TongsuoKey(key.public_point, key.dangerous_scalar())
    their_r = TongsuoKey(ephemeral.public_point, ephemeral.dangerous_scalar())
    their_peer, their_peer_r = TongsuoKey(peer.public_point), TongsuoKey(peer_r.public_point)
    message, plaintext = bytes(32), bytes(48)
    digest = sm3(key.public_key.z() + message)
    signature, ciphertext = key.sign(message), key.public_key.encrypt(plaintext)

    def exchange() -> bytes:
        return SM2KeyAgreement(key, ephemeral.dangerous_scalar()).derive(
            peer_point=peer.public_point,
            peer_ephemeral_point=peer_r.public_point,
            initiator=True,
        )

    def their_exchange() -> bytes:
        return theirs.exchange(their_r, their_peer, their_peer_r, initiator=True)

    if exchange() != their_exchange():
        raise SystemExit("the two libraries disagree on the key exchange")
    return {
        "sign": (lambda: key.sign(message), lambda: theirs.sign(digest)),
        "verify": (
            lambda: key.public_key.verify(signature, message),
            lambda: theirs.verify(digest, signature),
        ),
        "encrypt": (
            lambda: key.public_key.encrypt(plaintext),
            lambda: theirs.encrypt(plaintext),
        ),
        "decrypt": (lambda: key.decrypt(ciphertext), lambda: theirs.decrypt(ciphertext)),
        "key exchange": (exchange, their_exchange),
    }


def timed(call: Call) -> float:
    """Microseconds for one call, over one turn."""
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - start) / CALLS / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description="SM2: tlcp against Tongsuo")
    parser.add_argument("--rounds", type=int, default=101, help="turns of each library")
    rounds: int = parser.parse_args().rounds
    if LIBRARY is None:
        raise SystemExit("needs Tongsuo's library: pip install tongsuopy")
    slower = []
    print(f"{'median of ' + str(rounds) + ' turns':22}{'tlcp':>10}{'Tongsuo':>12}{'ratio':>8}")
    for name, (ours, theirs) in operations().items():
        turns = [(timed(ours), timed(theirs)) for _ in range(rounds)]
        mine, other = (statistics.median(side) for side in zip(*turns, strict=True))
        print(f"{name:22}{mine:8.1f} us{other:9.1f} us{other / mine:7.1f}x")
        if mine > other:
            slower.append(name)
    if slower:
        print(f"slower than Tongsuo: {', '.join(slower)}", file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
