"""SM2: signatures, encryption and key exchange.

Tongsuo and GmSSL are called below their EVP layers on digests that are computed already: their
best case. Ours is the public Python API, hashing and DER included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks import caches, gmssl
from benchmarks.libraries import GMSSL, TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed
from tlcp.crypto.sm2 import SM2KeyAgreement, SM2PrivateKey, SM2PublicKey
from tlcp.crypto.sm3 import sm3
from unit.crypto.tongsuo_sm2 import TongsuoKey

__all__ = ["cases"]

GROUP = "SM2"
_MESSAGE, _PLAINTEXT = bytes(32), bytes(48)


@dataclass(frozen=True)
class Keys:
    """One key in every library, and what was made with it."""

    ours: SM2PrivateKey
    digest: bytes
    signature: bytes
    ciphertext: bytes

    @classmethod
    def of(cls, room: Room) -> Keys:
        """Those of this run."""
        return room.once("SM2 keys", cls.make)

    @classmethod
    def make(cls) -> Keys:
        """New ones."""
        key = SM2PrivateKey.generate()
        digest = sm3(key.public_key.z() + _MESSAGE)
        return cls(key, digest, key.sign(_MESSAGE), key.public_key.encrypt(_PLAINTEXT))

    @property
    def tongsuo(self) -> TongsuoKey:
        return TongsuoKey(self.ours.public_point, self.ours.dangerous_scalar())

    @property
    def gmssl(self) -> gmssl.GmSSLKey:
        return gmssl.GmSSLKey(self.ours.public_point, self.ours.dangerous_scalar())


Make = Callable[[Room], Mapping[str, Call]]


def cases() -> Iterator[Case]:
    """The five operations; verifying also with a key that was met before."""
    both, one = (TONGSUO, GMSSL), (TONGSUO,)
    rows: list[tuple[str, Make, tuple[str, ...]]] = [
        ("sign", _sign, both),
        ("verify", lambda room: _verify(room, seen=False), both),
        ("verify, key seen before", lambda room: _verify(room, seen=True), both),
        ("encrypt", _encrypt, both),
        ("decrypt", _decrypt, both),
        ("key exchange", _exchange, one),
    ]
    for name, make, peers in rows:
        yield Case(GROUP, f"SM2 {name}", "us", timed(make), peers)


def _with_peers(
    ours: Call,
    keys: Keys,
    tongsuo: Callable[[TongsuoKey], object],
    theirs: Callable[[gmssl.GmSSLKey], object],
) -> Mapping[str, Call]:
    calls = {OURS: ours}
    if not missing(TONGSUO):
        key = keys.tongsuo
        calls[TONGSUO] = Call(lambda: tongsuo(key))
    if not missing(GMSSL):
        other = keys.gmssl
        calls[GMSSL] = Call(lambda: theirs(other))
    return calls


def _sign(room: Room) -> Mapping[str, Call]:
    keys = Keys.of(room)
    return _with_peers(
        Call(lambda: keys.ours.sign(_MESSAGE)),
        keys,
        lambda key: key.sign(keys.digest),
        lambda key: key.sign(keys.digest),
    )


def _verify(room: Room, *, seen: bool) -> Mapping[str, Call]:
    keys = Keys.of(room)
    point, signature = keys.ours.public_point, keys.signature
    public = SM2PublicKey(point)
    public.z()

    def good(verdict: bool) -> None:
        if not verdict:
            raise RuntimeError("a good signature was refused")

    caches.forget_tables()
    return _with_peers(
        Call(lambda: public.verify(signature, _MESSAGE), None if seen else caches.forget_tables),
        keys,
        lambda key: good(key.verify(keys.digest, signature)),
        lambda key: good(key.verify(keys.digest, signature)),
    )


def _encrypt(room: Room) -> Mapping[str, Call]:
    keys = Keys.of(room)
    caches.forget_tables()
    public = keys.ours.public_key
    return _with_peers(
        Call(lambda: public.encrypt(_PLAINTEXT), caches.forget_tables),
        keys,
        lambda key: key.encrypt(_PLAINTEXT),
        lambda key: key.encrypt(_PLAINTEXT),
    )


def _decrypt(room: Room) -> Mapping[str, Call]:
    keys = Keys.of(room)

    def good(plaintext: bytes) -> None:
        if plaintext != _PLAINTEXT:
            raise RuntimeError("a ciphertext was decrypted wrongly")

    return _with_peers(
        Call(lambda: good(keys.ours.decrypt(keys.ciphertext))),
        keys,
        lambda key: good(key.decrypt(keys.ciphertext)),
        lambda key: good(key.decrypt(keys.ciphertext)),
    )


def _exchange(room: Room) -> Mapping[str, Call]:
    """Our ephemeral key's public point is computed, too; Tongsuo's is there already."""
    key, ephemeral, peer, peer_r = (SM2PrivateKey.generate() for _ in range(4))

    def ours() -> bytes:
        return SM2KeyAgreement(key, ephemeral.dangerous_scalar()).derive(
            peer_point=peer.public_point,
            peer_ephemeral_point=peer_r.public_point,
            initiator=True,
        )

    calls = {OURS: Call(ours, caches.forget_tables)}
    if not missing(TONGSUO):
        mine, mine_r = (TongsuoKey(k.public_point, k.dangerous_scalar()) for k in (key, ephemeral))
        other, other_r = TongsuoKey(peer.public_point), TongsuoKey(peer_r.public_point)

        def theirs() -> bytes:
            return mine.exchange(mine_r, other, other_r, initiator=True)

        if ours() != theirs():
            raise RuntimeError("the two libraries disagree on the key exchange")
        calls[TONGSUO] = Call(theirs)
    return calls
