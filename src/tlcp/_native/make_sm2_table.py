"""Print sm2_table.h: multiples of the SM2 base point for fixed-base multiplication.

Run ``python src/tlcp/_native/make_sm2_table.py > src/tlcp/_native/sm2_table.h`` to regenerate it;
a test compares the two. Entry [i][j] is (j + 1) * 2^(12 i) * G as x, y in Montgomery form.
"""

from __future__ import annotations

from collections.abc import Iterator

P = 2**256 - 2**224 - 2**96 + 2**64 - 1
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
TABLES, ENTRIES, SHIFT = 22, 32, 12

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Sum of two points that are not each other's negative."""
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def element(value: int) -> str:
    """A field element in Montgomery form as a C initializer."""
    value = (value << 256) % P
    return "{{" + ", ".join(f"0x{value >> 64 * i & 2**64 - 1:x}" for i in range(4)) + "}}"


def lines() -> Iterator[str]:
    """The header, line by line."""
    yield "/* Made by make_sm2_table.py; do not edit. Entry [i][j] is (j + 1) * 2^(12 i) * G. */"
    yield f"static const affine SM2_TABLE[{TABLES}][{ENTRIES}] = {{"
    base = G
    for _ in range(TABLES):
        yield "{"
        entry = base
        for _ in range(ENTRIES):
            yield "{" + element(entry[0]) + ","
            yield " " + element(entry[1]) + "},"
            entry = add(entry, base)
        yield "},"
        for _ in range(SHIFT):
            base = add(base, base)
    yield "};"


if __name__ == "__main__":
    print("\n".join(lines()))
