"""Whatever a key file holds, it is read, or refused with a ConfigError, and soon."""

from __future__ import annotations

import random

import pytest

from tlcp.crypto.envelope import open_envelope, seal_envelope
from tlcp.crypto.keyfile import dump_private_key, encode_private_key, load_private_keys
from tlcp.crypto.pbes2 import FOR_GMSSL, Protection
from tlcp.crypto.pem import split_pem
from tlcp.crypto.pkcs12 import Entry, describe_pkcs12, dump_pkcs12, load_pkcs12
from tlcp.errors import ConfigError
from tlcp.x509.contents import read_parts
from unit.crypto.test_pkcs12 import as_ber
from unit.x509.minting import mint_world

WORLD = mint_world()
KEY = WORLD.sign.key
FAST = Protection(iterations=2)
P12 = dump_pkcs12([Entry(KEY, WORLD.sign.der)], b"x", protection=FAST)
SEEDS = {
    "PKCS#8": encode_private_key(KEY)[1],
    "SEC1": encode_private_key(KEY, "sec1")[1],
    "encrypted PKCS#8": split_pem(dump_private_key(KEY, password=b"x", protection=FAST))[0].der,
    "PEM": dump_private_key(KEY, password=b"x", protection=FOR_GMSSL) + dump_private_key(KEY),
    "envelope": seal_envelope(WORLD.enc.key, KEY.public_key),
    "PKCS#12": P12,
    "PKCS#12 in BER": as_ber(P12),
    "certificate": WORLD.sign.der,
}
TAGS = (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0x7F, 0x80, 0xA0, 0xFF)


def mutants(data: bytes, draw: random.Random) -> bytes:
    """A few bytes changed, gone or new; DER's own bytes more often than others."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        at, way = draw.randrange(len(changed)), draw.random()
        if way < 0.6:
            changed[at] = draw.choice((*TAGS, draw.randrange(256)))
        elif way < 0.75:
            del changed[at : at + draw.randrange(1, 4)]
        elif way < 0.9:
            changed[at:at] = draw.randbytes(draw.randrange(1, 4))
        else:
            del changed[at + 1 :]
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", SEEDS)
def test_mutants(name: str) -> None:
    draw = random.Random(name)  # noqa: S311  (the same in every run)
    readers = (
        lambda data: read_parts(data, b"x"),
        lambda data: load_private_keys(data, b"x"),
        lambda data: open_envelope(data, KEY),
        lambda data: load_pkcs12(data, b"x"),
        describe_pkcs12,
    )
    read, said = 0, list[str]()
    for _ in range(500):
        data = mutants(SEEDS[name], draw)
        for reader in readers:
            try:
                reader(data)
            except ConfigError as error:
                said.append(str(error))
            else:
                read += 1
    assert all(said)
    assert KEY.dangerous_scalar().hex() not in "".join(said)
    assert read  # some changes do no harm: not every mutant ends at the first byte
