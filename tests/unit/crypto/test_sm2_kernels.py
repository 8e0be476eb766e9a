"""The C kernels of SM2 against big integers, at the edges of carries, digits and exceptions.

Spec: GB/T 32918.1 to .4
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.paths import AVAILABLE, forced
from tlcp._native import ffi, lib
from tlcp.crypto.sm3 import sm3
from unit.crypto import sm2_reference as reference
from unit.crypto.sm2_reference import G, N, P, Point, mul, xy

# Scalars at which recodings carry, sums meet their own terms, or reductions are at a border.
EDGES = sorted(
    {
        *range(1, 70),
        *(N - i for i in range(1, 70)),
        *(1 << i for i in range(6, 256, 7)),
        *((1 << i) - 1 for i in range(8, 256, 9)),
        *(N - (1 << i) for i in range(10, 256, 11)),
        *(int(digit * 64, 16) % N for digit in "123456789abcdef"),
        int("fc0" * 21, 16),
        int("07c1f" * 12, 16),
        (15 << 252) + (1 << 251),  # the comb's top digit becomes 16
        (1 << 255) + (1 << 127),
        N // 2,
        N // 2 + 1,
    }
)
scalars = st.one_of(st.integers(1, N - 1), st.sampled_from(EDGES))
limb_like = st.lists(st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]), min_size=4).map(
    lambda limbs: sum(limb << 64 * i for i, limb in enumerate(limbs[:4]))
)
Q = mul(0x1B2C3D4E5F60718293A4B5C6D7E8F90123456789ABCDEF0FEDCBA9876543211, G)


def n32(value: int) -> bytes:
    return value.to_bytes(32)


def from_bytes(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:])


def dirty(size: int) -> Any:
    """An output buffer with something in it."""
    return ffi.new("uint8_t[]", [0xAA] * size)


def call(function: str, size: int, *arguments: bytes | int) -> bytes | None:
    out = dirty(size)
    ok = getattr(lib, function)(out, *arguments)
    result = bytes(ffi.buffer(out))
    if not ok:
        assert result == bytes(size), "a refusal must leave zeros"
        return None
    return result


def sign(e: int, d: int, k: int) -> bytes | None:
    u = call("tlcp_sm2_signing_key", 32, n32(d))
    assert u is not None
    return call("tlcp_sm2_sign", 64, n32(e), u, n32(k))


def encrypt(m: bytes, q: bytes, k: bytes) -> tuple[bytes, bytes, bytes] | None:
    c1, c3, c2 = (ffi.new("uint8_t[]", size) for size in (64, 32, len(m)))
    if not lib.tlcp_sm2_encrypt(c1, c3, c2, m, len(m), q, k):
        assert not any(any(ffi.buffer(part)[:]) for part in (c1, c3, c2))
        return None
    return bytes(ffi.buffer(c1)), bytes(ffi.buffer(c3)), bytes(ffi.buffer(c2))


@pytest.fixture(scope="module", params=sorted({0, AVAILABLE[-1]}), autouse=True)
def _path(request: pytest.FixtureRequest) -> Iterator[None]:
    """All tests here run on the code for every processor and on that with MULX."""
    with forced(request.param):
        yield


@pytest.mark.parametrize("k", EDGES)
def test_edge_scalars_on_generator_and_on_a_point(k: int) -> None:
    if k <= N - 2:
        assert call("tlcp_sm2_public_key", 64, n32(k)) == xy(mul(k, G))
    assert encrypt(b"\0" * 32, xy(Q), n32(k)) == reference.encrypt(b"\0" * 32, Q, k)


@settings(max_examples=60, deadline=None)
@given(k=scalars, d=scalars, m=st.binary(min_size=4, max_size=70))
def test_random_scalars(k: int, d: int, m: bytes) -> None:
    q = mul(d, G)
    assert encrypt(m, xy(q), n32(k)) == reference.encrypt(m, q, k)


@pytest.mark.parametrize("d", [0, N - 1, N, N + 1, 2**256 - 1])
def test_private_keys_out_of_range(d: int) -> None:
    c1, c3, c2 = reference.encrypt(b"message", mul(d, G) or Q, 77)
    q, zero = xy(Q), bytes(32)
    assert call("tlcp_sm2_public_key", 64, n32(d)) is None
    assert call("tlcp_sm2_signing_key", 32, n32(d)) is None
    for u in (0, N, N + 1, 2**256 - 1):
        assert call("tlcp_sm2_sign", 64, zero, n32(u), n32(5)) is None
    out = dirty(7)
    assert lib.tlcp_sm2_decrypt(out, 7, c1, c3, c2, n32(d)) == 0
    assert bytes(ffi.buffer(out)) == bytes(7)
    key = dirty(48)
    assert lib.tlcp_sm2_exchange(key, 48, n32(d), n32(1), xy(G), q, q, zero, zero) == 0
    assert bytes(ffi.buffer(key)) == bytes(48)


@pytest.mark.parametrize("d", [1, 2, N - 6, N - 3, N - 2])
def test_private_keys_at_the_border_decrypt(d: int) -> None:
    c1, c3, c2 = reference.encrypt(b"message", mul(d, G), 77)
    out = ffi.new("uint8_t[7]")
    assert lib.tlcp_sm2_decrypt(out, 7, c1, c3, c2, n32(d)) == 1
    assert bytes(ffi.buffer(out)) == b"message"


@pytest.mark.parametrize("k", [0, N, N + 5, 2**256 - 1])
def test_nonces_out_of_range(k: int) -> None:
    assert sign(0, 3, k) is None
    assert encrypt(b"x" * 32, xy(Q), n32(k)) is None


@settings(max_examples=60, deadline=None)
@given(e=st.one_of(st.integers(0, 2**256 - 1), limb_like), d=scalars, k=scalars)
def test_signing(e: int, d: int, k: int) -> None:
    d = min(d, N - 2)
    signature = sign(e, d, k)
    assert signature == reference.sign(e, d, k)
    if signature is not None:
        r, s = from_bytes(signature)
        assert verify(r, s, e, mul(d, G)) == 1


def test_signatures_with_r_s_or_r_plus_k_zero_are_not_made() -> None:
    k, d = 12345, 67890
    point = mul(k, G)
    assert point is not None
    for r in (0, N - k, k * pow(d, -1, N) % N):  # the third makes s = 0
        e = (r - point[0]) % N
        assert reference.sign(e, d, k) is None
        assert sign(e, d, k) is None


def verify(r: int, s: int, e: int, q: Point) -> int:
    """With and without a table of the key's multiples: both must agree."""
    rs, digest, point = n32(r) + n32(s), n32(e), xy(q)
    result: int = lib.tlcp_sm2_verify(rs, digest, point)
    table = ffi.new("tlcp_sm2_table *")
    assert lib.tlcp_sm2_make_table(table, point) == 1
    assert lib.tlcp_sm2_verify_with_table(rs, digest, table) == result
    return result


def forge(s: int, t: int, q: Point) -> tuple[int, int] | None:
    """(r, e) such that (r, s) verifies under q, for any s and t = r + s with sG + tq finite."""
    point = reference.add(mul(s, G), mul(t, q))
    return None if point is None else ((t - s) % N, (t - s - point[0]) % N)


@pytest.mark.parametrize("s", EDGES[::25])
def test_verification_at_edge_scalars(s: int) -> None:
    for t in (1, 2, 3, s, N - s, N - 1, EDGES[-7], EDGES[200]):
        for q in (Q, G, mul(N - 1, G), mul(2, G), mul(31, G)):
            forged = forge(s, t, q)
            if forged is None or forged[0] == 0:
                continue
            r, e = forged
            assert reference.verify(r, s, e, q)
            assert verify(r, s, e, q) == 1
            assert verify(r, s, (e + 1) % N, q) == 0


@pytest.mark.parametrize("chunk", range(3))
def test_signing_keys_are_inverses(chunk: int) -> None:
    generator = random.Random(chunk)  # noqa: S311
    for d in (*EDGES[chunk::3], *(generator.randrange(1, N - 1) for _ in range(300))):
        if d <= N - 2:
            assert call("tlcp_sm2_signing_key", 32, n32(d)) == n32(pow(1 + d, -1, N))


def test_verification_where_multiples_of_key_and_generator_meet() -> None:
    """Keys that are small multiples of G: sums equal the entry to add, or its negative."""
    generator = random.Random(3)  # noqa: S311
    numbers = (1, 2, 3, 15, 31, 63, 127, 1 << 32, 1 << 224, (1 << 224) + 1, N - 1, N - 31)
    for d in (1, 2, N - 1, N - 2, 33, 1 << 32, N - (1 << 64), pow(2, -1, N)):
        q = mul(d, G)
        for s in numbers:
            for t in (s, N - s, generator.choice(numbers), s * pow(d, -1, N) % N):
                forged = forge(s, t, q)
                if forged is None or forged[0] == 0:
                    continue
                r, e = forged
                assert verify(r, s, e, q) == 1
                assert verify(r, s, (e + 1) % N, q) == 0


def test_every_flipped_bit_of_a_signature_or_digest_is_noticed() -> None:
    signature = reference.sign(7, 42, 4242)
    assert signature is not None
    r, s = from_bytes(signature)
    q = mul(42, G)
    assert verify(r, s, 7, q) == 1
    for bit in range(256):
        flip = 1 << bit
        assert verify(r ^ flip, s, 7, q) == 0
        assert verify(r, s ^ flip, 7, q) == 0
        assert verify(r, s, 7 ^ flip, q) == 0


def test_a_table_holds_the_multiples_that_it_says() -> None:
    table = ffi.new("tlcp_sm2_table *")
    assert lib.tlcp_sm2_make_table(table, xy(Q)) == 1
    words = [int.from_bytes(ffi.buffer(table)[i : i + 32], "little") for i in range(0, 8192, 32)]
    for i in range(8):
        for j in range(16):
            entry = words[2 * (16 * i + j)], words[2 * (16 * i + j) + 1]
            expected = mul((2 * j + 1) << 32 * i, Q)
            assert expected is not None
            assert entry == tuple((c << 256) % P for c in expected)


def test_no_table_of_what_is_no_point() -> None:
    table = ffi.new("tlcp_sm2_table *")
    ffi.buffer(table)[:] = b"\xaa" * ffi.sizeof("tlcp_sm2_table")
    assert lib.tlcp_sm2_make_table(table, n32(5) * 2) == 0
    assert not any(ffi.buffer(table)[:])


def test_verification_when_the_point_is_at_infinity() -> None:
    """sG + tQ = 0 for s = -td: every r would otherwise be open to an attacker."""
    d, t = 99, 1234567
    s = -t * d % N
    r = (t - s) % N
    assert not reference.verify(r, s, r, mul(d, G))
    assert verify(r, s, r, mul(d, G)) == 0
    assert verify(r, s, 0, mul(d, G)) == 0


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 1), (1, 0), (N, 1), (1, N), (N + 1, 1), (1, 2**256 - 1), (1, N - 1), (N - 5, 5)],
)
def test_numbers_of_a_signature_out_of_range(r: int, s: int) -> None:
    for e in (0, 1, N - 1):
        assert verify(r, s, e, Q) == 0


def test_r_and_s_that_add_up_to_n_are_refused() -> None:
    """t = 0 would leave the key out of the equation."""
    s, point = 5, mul(5, G)
    assert point is not None
    e = (N - s - point[0]) % N
    assert not reference.verify(N - s, s, e, Q)
    assert verify(N - s, s, e, Q) == 0


def test_x_coordinate_between_n_and_p() -> None:
    """r is x reduced mod n; x >= n is too rare to meet by chance, so pick such a point as Q."""
    x = N
    while True:
        square = (x**3 - 3 * x + reference.B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            break
        x += 1
    q: Point = (x, y)
    half = mul(pow(5, -1, N), reference.add(q, mul(N - 2, G)))  # 2G + 5 half = Q, r = 3
    e = (3 - x) % N
    assert reference.verify(3, 2, e, half)
    assert verify(3, 2, e, half) == 1
    assert verify(3, 2, (e + 1) % N, half) == 0


@settings(max_examples=60)
@given(e=limb_like)
def test_verification_reduces_e(e: int) -> None:
    signature = reference.sign(e % N, 42, 4242)
    assert signature is not None
    r, s = from_bytes(signature)
    assert verify(r, s, e, mul(42, G)) == 1


def test_point_validity() -> None:
    assert lib.tlcp_sm2_point_valid(xy(Q)) == 1
    assert Q is not None
    x, y = Q
    for bad in ((0, 0), (x, y ^ 1), (y, x), (x, 0), (0, y), (P, y), (x, P), (2**256 - 1, y)):
        assert lib.tlcp_sm2_point_valid(n32(bad[0]) + n32(bad[1])) == 0
    assert lib.tlcp_sm2_point_valid(n32(x) + n32(P - y)) == 1


def test_small_coordinates_plus_p_are_refused() -> None:
    x = 0
    while True:
        square = (x**3 - 3 * x + reference.B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            break
        x += 1
    assert lib.tlcp_sm2_point_valid(n32(x) + n32(y)) == 1
    assert lib.tlcp_sm2_point_valid(n32(x + P) + n32(y)) == 0
    x = 0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F  # a point with y = 1
    assert lib.tlcp_sm2_point_valid(n32(x) + n32(1)) == 1
    assert lib.tlcp_sm2_point_valid(n32(x) + n32(P + 1)) == 0


def test_points_of_the_twist_are_refused_everywhere() -> None:
    """x with no y on the curve; y is that of the same x on another curve of the same a."""
    x, (_, c3, c2) = 1, reference.encrypt(b"message", Q, 77)
    while pow(x**3 - 3 * x + reference.B, (P - 1) // 2, P) == 1:
        x += 1
    for y in (1, 5, P - 1):
        bad, good, zero = n32(x) + n32(y), xy(Q), bytes(32)
        assert lib.tlcp_sm2_point_valid(bad) == 0
        assert lib.tlcp_sm2_verify(n32(1) + n32(1), zero, bad) == 0
        assert encrypt(b"x", bad, n32(9)) is None
        out = dirty(7)
        assert lib.tlcp_sm2_decrypt(out, 7, bad, c3, c2, n32(9)) == 0
        assert bytes(ffi.buffer(out)) == bytes(7)
        key = ffi.new("uint8_t[48]")
        for points in ((bad, good, good), (good, bad, good), (good, good, bad)):
            assert lib.tlcp_sm2_exchange(key, 48, n32(2), n32(3), *points, zero, zero) == 0


@settings(max_examples=40, deadline=None)
@given(d=scalars, r=scalars, p=scalars, q=scalars, length=st.integers(1, 100))
def test_exchange(d: int, r: int, p: int, q: int, length: int) -> None:
    d, zs = min(d, N - 2), bytes(range(64))
    expected = reference.exchange(length, d, r, mul(p, G), mul(q, G), zs)
    points = (xy(mul(r, G)), xy(mul(p, G)), xy(mul(q, G)))
    key = ffi.new("uint8_t[]", length)
    ok = lib.tlcp_sm2_exchange(key, length, n32(d), n32(r), *points, zs[:32], zs[32:])
    assert (bytes(ffi.buffer(key)) if ok else None) == expected


def test_exchange_with_own_scalar_that_cancels() -> None:
    """t = d + x r = 0 mod n makes the shared point infinite whatever the peer sends."""
    r = 31337
    point = mul(r, G)
    assert point is not None
    d = -(2**127 + point[0] % 2**127) * r % N
    key, q = dirty(48), xy(Q)
    ok = lib.tlcp_sm2_exchange(key, 48, n32(d), n32(r), xy(point), q, q, bytes(32), bytes(32))
    assert ok == 0
    assert bytes(ffi.buffer(key)) == bytes(48)


def test_encryption_refuses_a_key_stream_of_zeros() -> None:
    """One byte of key stream is 0 for one nonce in 256; the standard wants another nonce."""
    refused = [k for k in range(1, 1200) if encrypt(b"m", xy(Q), n32(k)) is None]
    assert refused
    for k in refused:
        assert reference.kdf(xy(mul(k, Q)), 1) == b"\0"


def test_encryption_refuses_an_empty_plaintext() -> None:
    assert encrypt(b"", xy(Q), n32(7)) is None


def test_decryption_refuses_a_key_stream_of_zeros() -> None:
    k = next(k for k in range(1, 5000) if reference.kdf(xy(mul(k, mul(7, G))), 1) == b"\0")
    c1, c3, c2 = reference.encrypt(b"m", mul(7, G), k)
    out = ffi.new("uint8_t[1]")
    assert lib.tlcp_sm2_decrypt(out, 1, c1, c3, c2, n32(7)) == 0


def test_ciphertexts_of_many_blocks() -> None:
    generator = random.Random(1)  # noqa: S311
    for length in (31, 32, 33, 63, 64, 65, 1000, 70000):
        m = generator.randbytes(length)
        parts = encrypt(m, xy(Q), n32(length))
        assert parts == reference.encrypt(m, Q, length)


def test_user_id_lengths() -> None:
    q, head = xy(Q), n32(P - 3) + n32(reference.B) + xy(G)
    for length in (0, 1, 16, 31, 32, 8191):
        user_id = bytes(i & 0xFF for i in range(length))
        expected = sm3((8 * length).to_bytes(2) + user_id + head + q)
        assert call("tlcp_sm2_z", 32, user_id, length, q) == expected
    assert call("tlcp_sm2_z", 32, bytes(8192), 8192, q) is None
