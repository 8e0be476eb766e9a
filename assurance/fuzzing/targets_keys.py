"""Targets of key files: keys, PKCS#12, envelopes.

Spec: RFC 5958; RFC 7292; GB/T 35276-2017 7.4
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from assurance.fuzzing.der_mutator import mutate_der
from assurance.fuzzing.judge import Broken, Target
from support.ends import NOW, seeded
from tlcp.crypto import pbe, pbes2, pkcs12
from tlcp.crypto.envelope import envelope_form, open_envelope, seal_envelope
from tlcp.crypto.keyfile import dump_private_key, encode_private_key, load_private_keys
from tlcp.crypto.pbes2 import FOR_GMSSL, Protection
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.pkcs12 import Entry, describe_pkcs12, dump_pkcs12, load_pkcs12
from tlcp.crypto.pkcs12_mac import make_mac
from tlcp.errors import ConfigError
from tlcp.pki.describe import describe
from tlcp.x509.contents import read_parts
from unit.crypto.test_pkcs12 import as_ber
from unit.x509.minting import World, mint_world

__all__ = ["ENVELOPE", "KEY", "PKCS12"]

_PASSWORD: Final = b"x"
_FAST: Final = Protection(iterations=2)
_MAC_AGAIN: Final = 1
#: What a file may ask for is bounded, and the bound tested; here it would only cost time.
_MOST_ITERATIONS: Final = 3000


@functools.cache
def _world() -> World:
    pbes2.MAX_ITERATIONS = pbe.MAX_KDF_ITERATIONS = _MOST_ITERATIONS  # type: ignore[misc]
    pkcs12._MAC_ITERATIONS = 2  # type: ignore[misc]
    return mint_world()


def _refused(read: Callable[[], Any]) -> Any:
    """What came of it; None if it was refused in words that give no secret away."""
    world = _world()
    try:
        return read()
    except ConfigError as error:
        text = str(error)
        if not text:
            raise Broken("text: a refusal without words") from error
        if any(p.key.dangerous_scalar().hex() in text for p in (world.sign, world.enc)):
            raise Broken("secret: a key in the words of a refusal") from error
        return None


def _readers(data: bytes) -> None:
    _refused(lambda: read_parts(data, _PASSWORD))
    _refused(lambda: read_parts(data))
    for thing in _refused(lambda: describe(data, _PASSWORD, NOW)) or ():
        list(thing.rows("en"))


def _key(data: bytes) -> None:
    _readers(data)
    for key in _refused(lambda: load_private_keys(data, _PASSWORD)) or ():
        (again,) = load_private_keys(encode_private_key(key)[1])
        if again.public_key != key.public_key:
            raise Broken("key: another one when it is written and read again")


def _key_seeds() -> list[bytes]:
    world = _world()
    key = world.sign.key
    pem = dump_private_key(key, password=_PASSWORD, protection=_FAST)
    return [
        encode_private_key(key)[1],
        encode_private_key(key, "sec1")[1],
        split_pem(pem)[0].der,
        pem + dump_private_key(key),
        dump_private_key(key, password=_PASSWORD, protection=replace(FOR_GMSSL, iterations=2)),
        to_pem("CERTIFICATE", world.sign.der) + to_pem(*encode_private_key(key)),
    ]


KEY: Final = Target("key", _key_seeds, _key, (), mutate_der)


# ---- PKCS#12 -----------------------------------------------------------------------------------


def _pkcs12(data: bytes) -> None:
    """The first byte says whether this is a file, or what lies behind a MAC that holds."""
    _world()
    file = data[1:]
    if data[:1] == bytes((_MAC_AGAIN,)):
        file = pkcs12._pfx(file, make_mac(file, _PASSWORD, "sha256", 2, seeded("salt")))
    _readers(file)
    _refused(lambda: describe_pkcs12(file))
    _refused(lambda: load_pkcs12(file, _PASSWORD))
    _refused(lambda: load_pkcs12(file))


def _safe_of(file: bytes) -> bytes:
    """AuthenticatedSafe."""
    pfx, _ = pkcs12._open(file)
    return pkcs12._octets(pfx.auth_safe.content)


def _pkcs12_seeds() -> list[bytes]:
    world = _world()
    entries = [Entry(world.sign.key, world.sign.der, "s"), Entry(world.enc.key, world.enc.der)]
    files = [
        dump_pkcs12(entries[:1], _PASSWORD, protection=_FAST),
        dump_pkcs12(entries, _PASSWORD, cas=[world.sub.der], protection=_FAST, mac="sm3"),
    ]
    return [
        *(b"\0" + file for file in files),
        b"\0" + as_ber(files[0]),
        *(b"\1" + _safe_of(file) for file in files),
    ]


def _mutate_pkcs12(
    data: bytes, most: int, draw: Random, plain: Callable[[bytes, int], bytes]
) -> bytes:
    return data[:1] + mutate_der(data[1:], most - 1, draw, plain)


PKCS12: Final = Target("pkcs12", _pkcs12_seeds, _pkcs12, (), _mutate_pkcs12)


# ---- envelopes ---------------------------------------------------------------------------------


def _envelope(data: bytes) -> None:
    world = _world()
    _readers(data)
    with contextlib.suppress(ConfigError):
        envelope_form(data)
    opened = _refused(lambda: open_envelope(data, world.sign.key))
    if opened is not None and not encode_private_key(opened):
        raise Broken("envelope: no key")


def _envelope_seeds() -> list[bytes]:
    world = _world()
    sealed = seal_envelope(world.enc.key, world.sign.key.public_key)
    return [sealed, *(block.der for block in split_pem(sealed))] if sealed[:1] == b"-" else [sealed]


ENVELOPE: Final = Target("envelope", _envelope_seeds, _envelope, (), mutate_der)
