"""Print a table of multiples of the SM2 base point as x, y in Montgomery form.

``make_sm2_table.py secret > sm2_table.h`` for secret scalars: all multiples up to 32 of every
2^(12 i) * G; ``make_sm2_table.py public > sm2_public_table.h`` for public ones: the odd multiples
up to 127 of every 2^(32 i) * G. A test compares what it prints with the files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

P = 2**256 - 2**224 - 2**96 + 2**64 - 1
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

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


@dataclass(frozen=True)
class Table:
    """What the entries [i][j] are: (1 + step * j) * 2^(shift * i) * G."""

    name: str
    formula: str
    tables: int
    entries: int
    step: int
    shift: int

    def lines(self) -> Iterator[str]:
        """The header, line by line."""
        yield f"/* Made by make_sm2_table.py; do not edit. Entry [i][j] is {self.formula}. */"
        yield f"const affine {self.name}[{self.tables}][{self.entries}] = {{"
        base = G
        for _ in range(self.tables):
            yield "{"
            entry, step = base, base if self.step == 1 else add(base, base)
            for _ in range(self.entries):
                yield "{" + element(entry[0]) + ","
                yield " " + element(entry[1]) + "},"
                entry = add(entry, step)
            yield "},"
            for _ in range(self.shift):
                base = add(base, base)
        yield "};"


TABLES = {
    "secret": Table("SM2_TABLE", "(j + 1) * 2^(12 i) * G", 22, 32, 1, 12),
    "public": Table("SM2_PUBLIC_TABLE", "(2 j + 1) * 2^(32 i) * G", 8, 64, 2, 32),
}

if __name__ == "__main__":
    print("\n".join(TABLES[sys.argv[1]].lines()))
