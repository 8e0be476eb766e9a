"""Print sm4_table.h: the SM4 S-box and its parts in the fields that the kernels compute in.

Run ``python src/tlcp/_native/make_sm4_table.py > src/tlcp/_native/sm4_table.h`` to regenerate it;
a test compares the two.

The S-box is S(x) = A inv(A x + c) + c in GF(2)[x] modulo SM4's polynomial. An isomorphism carries
the inversion into the field of AES, which processors compute in. The round's linear map on words,
L(s) = s + rol2(s) + rol10(s) + rol18(s) + rol24(s), is written with maps on single bytes:
L(s) = P + rol8(Q) + rol16(Q) + rol24(P + Q), where P = s + (s << 2) and Q is s rotated by 2 in its
byte. So the kernels may hold the whole state multiplied by M, the map in front of the inversion,
which then costs nothing: round keys become M k + m, and P and Q come with M in front.

Spec: GB/T 32907-2016 6.2, 7
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

SM4_POLYNOMIAL, AES_POLYNOMIAL = 0x1F5, 0x11B
NU = 9  # GF(256) as GF(16)[z] / (z^2 + z + NU), GF(16) modulo x^4 + x + 1

Map = Callable[[int], int]


def multiply(a: int, b: int, polynomial: int) -> int:
    """Product in GF(2)[x] modulo a polynomial of degree 8 or 4."""
    degree, product = polynomial.bit_length() - 1, 0
    for i in range(degree):
        product ^= (b >> i & 1) * a << i
    for i in range(2 * degree - 2, degree - 1, -1):
        product ^= (product >> i & 1) * polynomial << i - degree
    return product


def tower_multiply(a: int, b: int) -> int:
    """Product in GF(16)[z] / (z^2 + z + NU); the high half is the coefficient of z."""
    ah, al, bh, bl = a >> 4, a & 15, b >> 4, b & 15
    high, low = multiply(ah, bh, 0x13), multiply(al, bl, 0x13)
    cross = multiply(ah ^ al, bh ^ bl, 0x13)
    return (cross ^ low) << 4 | low ^ multiply(high, NU, 0x13)


def rotate(x: int, n: int) -> int:
    """A byte rotated to the left."""
    return (x << n | x >> 8 - n) & 0xFF


def circulant(x: int) -> int:
    """The matrix A of the S-box: row i is 0xA7 rotated."""
    return sum((bin(rotate(0xA7, i) & x).count("1") & 1) << i for i in range(8))


C = 0xD3
INVERSES = {a: b for a in range(256) for b in range(256) if multiply(a, b, SM4_POLYNOMIAL) == 1}
SBOX = [circulant(INVERSES.get(circulant(x) ^ C, 0)) ^ C for x in range(256)]
AES_INVERSES = {a: b for a in range(256) for b in range(256) if multiply(a, b, AES_POLYNOMIAL) == 1}


def isomorphism(product: Callable[[int, int], int]) -> list[int]:
    """A map from SM4's field to another one of 256 elements, as a table."""
    for root in range(2, 256):
        powers = [1]
        for _ in range(8):
            powers.append(product(powers[-1], root))
        table = [0] * 256
        for x in range(256):
            for i in range(8):
                table[x] ^= (x >> i & 1) * powers[i]
        value = powers[8] ^ table[SM4_POLYNOMIAL & 0xFF]
        if value == 0 and len(set(table)) == 256:
            return table
    raise ValueError("no isomorphism")


def inverse(table: list[int]) -> list[int]:
    """The inverse of a permutation."""
    return sorted(range(256), key=table.__getitem__)


PHI = isomorphism(lambda a, b: multiply(a, b, AES_POLYNOMIAL))
M = [PHI[circulant(x)] for x in range(256)]
M_CONSTANT = PHI[C]
M_BACK = inverse(M)


def p_of(s: int) -> int:
    """The byte map P."""
    return s ^ (s << 2) & 0xFF


def post(byte_map: Map) -> list[int]:
    """What follows the inversion in AES's field: the rest of S, a byte map, and M."""
    back = inverse(PHI)
    return [M[byte_map(circulant(back[x]) ^ C)] for x in range(256)]


def aes_sbox() -> list[int]:
    """The S-box of AES, which its instruction computes."""
    out = []
    for x in range(256):
        y = AES_INVERSES.get(x, 0)
        out.append(y ^ rotate(y, 1) ^ rotate(y, 2) ^ rotate(y, 3) ^ rotate(y, 4) ^ 0x63)
    return out


POST = {
    "P": post(p_of),
    "Q": post(lambda s: rotate(s, 2)),
    "R": post(lambda s: p_of(s) ^ rotate(s, 2)),
}


def matrix(table: list[int]) -> str:
    """The linear part of an affine map as GF2P8AFFINEQB takes it."""
    out = 0
    for row in range(8):
        bits = sum((table[1 << i] ^ table[0]) >> row & 1 and 1 << i for i in range(8))
        out |= bits << 8 * (7 - row)
    return f"0x{out:016x}"


def nibbles(table: list[int]) -> tuple[str, str]:
    """An affine map as two tables of 16 bytes for PSHUFB, low and high half."""
    low = [table[x] for x in range(16)]
    high = [table[x << 4] ^ table[0] for x in range(16)]
    return row(low), row(high)


def row(values: list[int]) -> str:
    """A C initializer."""
    return "{" + ", ".join(f"0x{v:02x}" for v in values) + "}"


def circuit(name: str, table: list[int]) -> Iterator[str]:
    """An affine map on eight bit planes as C statements, common pairs computed once."""
    rows = [{f"x{i}" for i in range(8) if (table[1 << i] ^ table[0]) >> r & 1} for r in range(8)]
    yield f"#define {name}(T, y, x) do {{ \\"
    yield "    T " + ", ".join(f"x{i} = x[{i}]" for i in range(8)) + "; \\"
    fresh = 0
    while True:
        pairs: dict[tuple[str, str], int] = {}
        for terms in rows:
            names = sorted(terms)
            for i, a in enumerate(names):
                for b in names[i + 1 :]:
                    pairs[a, b] = pairs.get((a, b), 0) + 1
        (a, b), count = max(
            pairs.items(), key=lambda item: (item[1], item[0]), default=(("", ""), 0)
        )
        if count < 2:
            break
        yield f"    T t{fresh} = {a} ^ {b}; \\"
        for terms in rows:
            if a in terms and b in terms:
                terms -= {a, b}
                terms.add(f"t{fresh}")
        fresh += 1
    for r, terms in enumerate(rows):
        value = " ^ ".join(sorted(terms))
        yield f"    y[{r}] = {'~(' + value + ')' if table[0] >> r & 1 else value}; \\"
    yield "} while (0)"


def lines() -> Iterator[str]:
    """The header, line by line."""
    yield "/* Made by make_sm4_table.py, which explains it; do not edit. */"
    yield f"#define SM4_M {matrix(M)}ULL"
    yield f"#define SM4_M_CONSTANT 0x{M_CONSTANT:02x}"
    yield f"#define SM4_M_BACK {matrix(M_BACK)}ULL"
    from_aes = inverse(aes_sbox())
    for name, table in POST.items():
        yield f"#define SM4_{name} {matrix(table)}ULL"
        yield f"#define SM4_{name}_CONSTANT 0x{table[0]:02x}"
        after_aes = [table[AES_INVERSES.get(from_aes[x], 0)] for x in range(256)]
        low, high = nibbles(after_aes)
        yield f"#define SM4_{name}_LOW {low}"
        yield f"#define SM4_{name}_HIGH {high}"
    for name, table in (("M", M), ("M_BACK", M_BACK)):
        low, high = nibbles(table)
        yield f"#define SM4_{name}_LOW {low}"
        yield f"#define SM4_{name}_HIGH {high}"
    tower = isomorphism(tower_multiply)
    back = inverse(tower)
    yield f"#define SM4_TOWER_NU {NU}"
    yield from circuit("SM4_TO_TOWER", [tower[circulant(x) ^ C] for x in range(256)])
    yield from circuit("SM4_FROM_TOWER", [circulant(back[x]) ^ C for x in range(256)])


if __name__ == "__main__":
    print("\n".join(lines()))
