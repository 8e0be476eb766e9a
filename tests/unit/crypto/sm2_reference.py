"""SM2 in plain big integers, slow and short: what the C kernels are compared with."""

from __future__ import annotations

from tlcp.crypto.sm3 import sm3

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93

Point = tuple[int, int] | None  # None is the point at infinity

G: Point = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(k: int, point: Point) -> Point:
    result: Point = None
    for bit in bin(k)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def xy(point: Point) -> bytes:
    assert point is not None
    return point[0].to_bytes(32) + point[1].to_bytes(32)


def from_xy(data: bytes) -> Point:
    return int.from_bytes(data[:32]), int.from_bytes(data[32:])


def sign(e: int, d: int, k: int) -> bytes | None:
    point = mul(k, G)
    assert point is not None
    r = (e + point[0]) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    if r == 0 or r + k == N or s == 0:
        return None
    return r.to_bytes(32) + s.to_bytes(32)


def verify(r: int, s: int, e: int, q: Point) -> bool:
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    point = add(mul(s, G), mul(t, q))
    return point is not None and (e + point[0]) % N == r


def kdf(seed: bytes, length: int) -> bytes:
    blocks = (length + 31) // 32
    return b"".join(sm3(seed + i.to_bytes(4)) for i in range(1, blocks + 1))[:length]


def encrypt(m: bytes, q: Point, k: int) -> tuple[bytes, bytes, bytes]:
    shared = xy(mul(k, q))
    stream = kdf(shared, len(m))
    c2 = bytes(x ^ y for x, y in zip(m, stream, strict=True))
    return xy(mul(k, G)), sm3(shared[:32] + m + shared[32:]), c2


def exchange(length: int, d: int, r: int, peer_p: Point, peer_r: Point, zs: bytes) -> bytes | None:
    def half(point: Point) -> int:
        assert point is not None
        return 2**127 + (point[0] & (2**127 - 1))

    t = (d + half(mul(r, G)) * r) % N
    u = mul(t, add(peer_p, mul(half(peer_r), peer_r)))
    return None if u is None else kdf(xy(u) + zs, length)
