"""Operations on SM3, SM4 and records, for ``symmetric.c`` and for the installed library."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tlcp._native import ffi, lib

TYPE = 23
MAX_PLAIN = 1 << 14
_RANDOM = random.Random(38636)  # noqa: S311


class Command(NamedTuple):
    """An operation, the bytes of its output, its arguments."""

    name: str
    size: int
    arguments: tuple[bytes, ...]

    def written(self) -> bytes:
        """As ``symmetric.c`` reads it."""
        lengths = (len(argument) for argument in self.arguments)
        line = " ".join(map(str, (self.name, self.size, len(self.arguments), *lengths)))
        return line.encode() + b"\n" + b"".join(self.arguments)

    def answer(self) -> tuple[int, bytes]:
        """What the installed library answers."""
        out = ffi.new("uint8_t[]", self.size + 1)
        result = _RUN[self.name](out, self.size, *self.arguments)
        return int(result), bytes(ffi.buffer(out))[: self.size]

    def printed(self) -> str:
        """The same as ``symmetric.c`` prints it."""
        result, out = self.answer()
        return f"{result} {out.hex()}"


def _number(value: int) -> bytes:
    return value.to_bytes(8)


def _lengths(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(4) for value in values)


def _unpacked(lengths: bytes) -> list[int]:
    return [int.from_bytes(lengths[i : i + 4]) for i in range(0, len(lengths), 4)]


# ---- the installed library; out has one byte more than size ----


def _sm3_in_pieces(out: Any, _: int, data: bytes, piece: bytes) -> Any:
    state, step = ffi.new("tlcp_sm3_state *"), int.from_bytes(piece)
    lib.tlcp_sm3_start(state)
    for at in range(0, len(data), step):
        part = data[at : at + step]
        lib.tlcp_sm3_update(state, part, len(part))
    return lib.tlcp_sm3_finish(state, out)


def _hmac(out: Any, size: int, key: bytes, data: bytes) -> Any:
    count = size // 32
    return lib.tlcp_hmac_sm3(out, key, len(key), data, len(data) // count, count)


def _prf(out: Any, size: int, secret: bytes, seed: bytes) -> Any:
    return lib.tlcp_prf_sm3(out, size, secret, len(secret), seed, len(seed))


def _sm4(key: bytes) -> Any:
    started = ffi.new("tlcp_sm4_key *")
    lib.tlcp_sm4_start(started, key)
    return started


def _cbc(function: Any, out: Any, key: bytes, data: bytes, count: bytes) -> Any:
    ffi.memmove(out, data, len(data))
    return function(_sm4(key), out, len(data) // int.from_bytes(count), int.from_bytes(count))


def _gcm_seal(out: Any, _: int, key: bytes, nonce: bytes, aad: bytes, data: bytes) -> Any:
    tag = out + len(data)
    return lib.tlcp_sm4_gcm_seal(_sm4(key), out, tag, nonce, aad, len(aad), data, len(data))


def _gcm_open(
    out: Any, _: int, key: bytes, nonce: bytes, aad: bytes, data: bytes, tag: bytes
) -> Any:
    return lib.tlcp_sm4_gcm_open(_sm4(key), out, tag, nonce, aad, len(aad), data, len(data))


def _gcm_keys(key: bytes, fixed_iv: bytes) -> Any:
    keys = ffi.new("tlcp_gcm *")
    lib.tlcp_gcm_start(keys, key, fixed_iv)
    return keys


def _cbc_keys(mac_key: bytes, key: bytes) -> Any:
    keys = ffi.new("tlcp_cbc *")
    lib.tlcp_cbc_start(keys, mac_key, key)
    return keys


def _gcm_records_seal(out: Any, size: int, key: bytes, fixed_iv: bytes, *rest: bytes) -> Any:
    kind, sequence, lengths, data = rest
    keys, cut = _gcm_keys(key, fixed_iv), ffi.new("uint32_t[]", _unpacked(lengths))
    numbers = (int.from_bytes(kind), int.from_bytes(sequence))
    return lib.tlcp_gcm_seal(keys, out, size, *numbers, data, len(data), cut, len(cut))


def _gcm_records_open(out: Any, size: int, key: bytes, fixed_iv: bytes, *rest: bytes) -> Any:
    kind, sequence, lengths, data, gap = rest
    keys, cut = _gcm_keys(key, fixed_iv), ffi.new("uint32_t[]", _unpacked(lengths))
    head, plain = len(lengths), ffi.new("uint32_t[]", len(cut))
    numbers = (int.from_bytes(kind), int.from_bytes(sequence))
    where = (data, len(data), int.from_bytes(gap), cut, len(cut))
    good = lib.tlcp_gcm_open(keys, out + head, size - head, plain, *numbers, *where)
    ffi.memmove(out, _lengths(list(plain)[:good]), 4 * good)
    return good


def _cbc_records_seal(out: Any, size: int, mac_key: bytes, key: bytes, *rest: bytes) -> Any:
    kind, sequence, lengths, data, ivs = rest
    keys, cut = _cbc_keys(mac_key, key), ffi.new("uint32_t[]", _unpacked(lengths))
    numbers = (int.from_bytes(kind), int.from_bytes(sequence))
    return lib.tlcp_cbc_seal(keys, out, size, *numbers, ivs, data, len(data), cut, len(cut))


def _cbc_records_open(out: Any, _: int, mac_key: bytes, key: bytes, *rest: bytes) -> Any:
    kind, sequence, lengths, data, gap = rest
    keys, cut = _cbc_keys(mac_key, key), ffi.new("uint32_t[]", _unpacked(lengths))
    plain, copy = ffi.new("uint32_t[]", len(cut)), ffi.new("uint8_t[]", data)
    numbers = (int.from_bytes(kind), int.from_bytes(sequence))
    step = int.from_bytes(gap)
    good = lib.tlcp_cbc_open(keys, plain, *numbers, copy, len(data), step, cut, len(cut))
    ffi.memmove(out, _lengths(list(plain)[:good]), 4 * good)
    lib.tlcp_cbc_take(out + len(lengths), plain, copy, step, cut, good)
    return good


def _sealed_size(mode: str, lengths: bytes) -> Any:
    cut = ffi.new("uint32_t[]", _unpacked(lengths))
    return getattr(lib, f"tlcp_{mode}_sealed_size")(cut, len(cut))


def _record_run(out: Any, _: int, data: bytes, kind: bytes, most: bytes) -> Any:
    lengths = ffi.new("uint32_t[]", int.from_bytes(most))
    args = (int.from_bytes(kind), lengths, len(lengths))
    count = lib.tlcp_record_run(data, len(data), *args)
    ffi.memmove(out, _lengths(list(lengths)[:count]), 4 * count)
    return count


_RUN: dict[str, Any] = {
    "sm3": lambda out, _, data: lib.tlcp_sm3(out, data, len(data)),
    "sm3_in_pieces": _sm3_in_pieces,
    "hmac": _hmac,
    "prf": _prf,
    "cbc_encrypt": lambda out, _, *a: _cbc(lib.tlcp_sm4_cbc_encrypt, out, *a),
    "cbc_decrypt": lambda out, _, *a: _cbc(lib.tlcp_sm4_cbc_decrypt, out, *a),
    "gcm_seal": _gcm_seal,
    "gcm_open": _gcm_open,
    "gcm_records_seal": _gcm_records_seal,
    "gcm_records_open": _gcm_records_open,
    "cbc_records_seal": _cbc_records_seal,
    "cbc_records_open": _cbc_records_open,
    "gcm_sealed_size": lambda _, __, lengths: _sealed_size("gcm", lengths),
    "cbc_sealed_size": lambda _, __, lengths: _sealed_size("cbc", lengths),
    "record_run": _record_run,
}


# ---- inputs ----


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def hashes() -> Iterator[Command]:
    """SM3, HMAC and the PRF on every length around the borders of blocks, and a long text."""
    for n in (*range(260), MAX_PLAIN - 1, MAX_PLAIN, 100_003):
        data = _RANDOM.randbytes(n)
        yield Command("sm3", 32, (data,))
        yield Command("sm3_in_pieces", 32, (data, _number(_RANDOM.randrange(1, 200))))
    for n in range(0, 150, 3):
        for count in (1, 2, 7, 8, 9, 16, 17, 35):
            key = _RANDOM.randbytes(_RANDOM.choice((0, 1, 31, 32, 33, 63, 64, 65, 128, 200)))
            yield Command("hmac", 32 * count, (key, _RANDOM.randbytes(n * count)))
    for n in (1, 12, 31, 32, 33, 48, 64, 128, 1000):
        for secret in (0, 32, 48, 64, 65, 200):
            seed = _RANDOM.randbytes(_RANDOM.randrange(150))
            yield Command("prf", n, (_RANDOM.randbytes(secret), seed))


def ciphers() -> Iterator[Command]:
    """SM4 in both modes, with what was sealed opened again, also altered."""
    for count in (1, 2, 15, 16, 17, 31, 32, 33, 50):
        for blocks in (*range(1, 6), 15, 16, 17, 18, 33):
            key, data = _RANDOM.randbytes(16), _RANDOM.randbytes(16 * count * blocks)
            yield Command("cbc_encrypt", len(data), (key, data, _number(count)))
            yield Command("cbc_decrypt", len(data), (key, data, _number(count)))
    for n in (*range(300), *range(500, 530), MAX_PLAIN - 1, MAX_PLAIN, 300_007):
        key, nonce, aad = (_RANDOM.randbytes(m) for m in (16, 12, _RANDOM.randrange(50)))
        seal = Command("gcm_seal", n + 16, (key, nonce, aad, _RANDOM.randbytes(n)))
        yield seal
        sealed = seal.answer()[1]
        text, tag = sealed[:n], sealed[n:]
        yield Command("gcm_open", n, (key, nonce, aad, text, tag))
        yield Command("gcm_open", n, (key, nonce, aad, text, _flipped(tag, n % 16)))


def _room(mode: str, fragments: list[int]) -> int:
    """The bytes of output that opening fragments of these lengths needs."""
    overhead = 24 if mode == "gcm" else 0
    return 4 * len(fragments) + sum(max(n - overhead, 0) for n in fragments)


def _batches() -> Iterator[list[int]]:
    """Lengths of plaintexts; some do not fit a record, or fit one and are too long for the peer."""
    yield from ([n] for n in range(100))
    yield from ([n] for n in range(225, 260))
    yield from ([n] for n in (16383, 16384, 16385, 18384, 18385, 18408, 18409, 18433))
    for count in (*range(2, 20), 31, 32, 33, 70):
        yield [300] * count
        yield [_RANDOM.randrange(400) for _ in range(count)]
        yield [_RANDOM.choice((0, 1, 54, 55, 56, 63, 64, 65, 1400)) for _ in range(count)]
    yield [MAX_PLAIN] * 2 + [77]
    yield [100, MAX_PLAIN + 1, 100]
    yield [0] * 40


def _stream(mode: str, kind: int, sequence: int, lengths: list[int]) -> Iterator[Command]:
    """Seal a batch, and open it: as it is, altered, with another number, with a wrong length."""
    keys = [_RANDOM.randbytes(n) for n in ((16, 4) if mode == "gcm" else (32, 16))]
    head, cut = (*keys, _number(kind), _number(sequence)), _lengths(lengths)
    sizing = Command(f"{mode}_sealed_size", 0, (cut,))
    yield sizing
    size = sizing.answer()[0]
    if not size:
        return
    ivs = () if mode == "gcm" else (_RANDOM.randbytes(16 * len(lengths)),)
    data = _RANDOM.randbytes(sum(lengths))
    seal = Command(f"{mode}_records_seal", size, (*head, cut, data, *ivs))
    yield seal
    yield Command(f"{mode}_records_seal", size + 1, seal.arguments)
    stream = seal.answer()[1]
    count = Command("record_run", 4 * len(lengths), (stream, _number(kind), _number(99)))
    yield count
    fragments = count.answer()[1]
    name, room = f"{mode}_records_open", _room(mode, _unpacked(fragments))
    gap, altered = _number(5), _flipped(stream, _RANDOM.randrange(len(stream)))
    yield Command(name, room, (*head, fragments, stream, gap))
    yield Command(name, room, (*head, fragments, altered, gap))
    if sum(lengths) > MAX_PLAIN:  # the emulator takes its time
        return
    yield Command(name, room, (*keys, _number(kind ^ 1), head[3], fragments, stream, gap))
    yield Command(name, room, (*head[:3], _number(sequence ^ 1), fragments, stream, gap))
    yield Command(name, room, (*head, fragments, stream[:-1], gap))


def _records_of_any_length() -> Iterator[Command]:
    """Fragments of random bytes, of lengths that no record has too, alone or with others."""
    alone = [[n] for n in range(120)]
    together = [[_RANDOM.randrange(200), *_RANDOM.choices(range(30), k=n)] for n in range(1, 70)]
    for lengths in alone + together:
        data = _RANDOM.randbytes(sum(lengths))
        for mode, keys in (("gcm", (16, 4)), ("cbc", (32, 16))):
            head = (*map(_RANDOM.randbytes, keys), _number(TYPE), _number(len(data)))
            arguments = (*head, _lengths(lengths), data, _number(0))
            yield Command(f"{mode}_records_open", _room(mode, lengths), arguments)


def _paddings() -> Iterator[Command]:
    """CBC records with a padding of each length, right or wrong in its first byte."""
    for padding in range(256):
        length = (-padding - 33) % 16 + 16 * _RANDOM.randrange(8)
        mac_key, key, iv, text = map(_RANDOM.randbytes, (32, 16, 16, length))
        header = _number(padding) + bytes([TYPE, 1, 1]) + length.to_bytes(2)
        mac = Command("hmac", 32, (mac_key, header + text)).answer()[1]
        good = text + mac + bytes([padding]) * (padding + 1)
        for body in (good, _flipped(good, length + 32)):
            whole = Command("cbc_encrypt", 16 + len(body), (key, iv + body, _number(1))).answer()[1]
            head = (mac_key, key, _number(TYPE), _number(padding), _lengths([len(whole)]))
            yield Command("cbc_records_open", 4 + len(whole), (*head, whole, _number(0)))


def records() -> Iterator[Command]:
    """Batches of records of both modes."""
    for lengths in _batches():
        for mode in ("gcm", "cbc"):
            sequence = _RANDOM.choice((0, 7, 2**32 - 3, 2**64 - 100))
            yield from _stream(mode, _RANDOM.randrange(20, 24), sequence, lengths)
    yield from _records_of_any_length()
    yield from _paddings()
