"""SM3, HMAC-SM3 and SM4 alone: our kernels against the C functions of the others.

All are called through cffi, so the price of a call is the same, with keys set before and room for
the result made before. ``cryptography`` (OpenSSL) runs as a Python program would use it. A batch is
one call of ours, which may work on its texts side by side, and one call per text of the others,
which have no other way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks import gmssl, tongsuo
from benchmarks.libraries import CRYPTOGRAPHY, GMSSL, TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed
from tlcp._native import ffi, lib

__all__ = ["cases"]

KEY, MAC_KEY, IV = bytes(range(16)), bytes(range(32)), bytes(range(16))
_16K, _BATCH = 16 << 10, 16
_PEERS = (TONGSUO, GMSSL, CRYPTOGRAPHY)


@dataclass(frozen=True, slots=True)
class Worker:
    """What is timed, and what it made of its input when it ran the last time."""

    run: Callable[[], object]
    output: Callable[[], bytes]


Workers = Mapping[str, Worker]


def cases() -> Iterator[Case]:
    """Hashes of three sizes, both modes and directions, and batches."""
    for words, size in (("64 B", 64), ("1 KiB", 1 << 10), ("16 KiB", _16K)):
        yield _case("hashes", f"SM3 {words}", size, lambda texts: sm3_workers(texts[0]))
    yield _case("hashes", "HMAC-SM3 16 x 16 KiB", _16K, hmac_workers, _BATCH)
    for gcm in (False, True):
        for encrypt in (True, False):
            for count in (1,) if gcm else (1, _BATCH):
                mode, verb = "GCM" if gcm else "CBC", "encrypt" if encrypt else "decrypt"
                name = f"SM4-{mode} {verb} {'' if count == 1 else '16 x '}16 KiB"
                yield _case("ciphers", name, _16K, _cipher_workers(gcm, encrypt), count)


def _case(
    group: str, name: str, size: int, make: Callable[[list[bytes]], Workers], count: int = 1
) -> Case:
    def calls(_: Room) -> Mapping[str, Call]:
        workers = make([os.urandom(size) for _ in range(count)])
        first: bytes | None = None
        for who, worker in workers.items():
            worker.run()
            made = worker.output()
            if first is not None and made != first:
                raise RuntimeError(f"{name}: {who} disagrees with {OURS}")
            first = made
        return {who: Call(worker.run) for who, worker in workers.items()}

    return Case(group, name, "MB/s", timed(calls, size * count), _PEERS)


# ---- SM3 -------------------------------------------------------------------------------------


def sm3_workers(text: bytes) -> Workers:
    """A digest."""
    size, ours = len(text), ffi.new("uint8_t[32]")
    kernel = lib.tlcp_sm3
    found = {OURS: Worker(lambda: kernel(ours, text, size), lambda: bytes(ffi.buffer(ours)))}
    if not missing(TONGSUO):
        their_ffi, library = tongsuo.library()
        out, algorithm, null = their_ffi.new("char[32]"), library.EVP_sm3(), their_ffi.NULL
        digest = library.EVP_Digest
        found[TONGSUO] = Worker(
            lambda: digest(text, size, out, null, algorithm, null),
            lambda: bytes(their_ffi.buffer(out)),
        )
    if not missing(GMSSL):
        gm_ffi, library = gmssl.library()
        gm_out, gm_digest = gm_ffi.new("char[32]"), library.sm3_digest
        found[GMSSL] = Worker(
            lambda: gm_digest(text, size, gm_out), lambda: bytes(gm_ffi.buffer(gm_out))
        )

    def python() -> bytes:
        digest = hashes.Hash(hashes.SM3())
        digest.update(text)
        return digest.finalize()

    found[CRYPTOGRAPHY] = Worker(python, python)
    return found


def hmac_workers(texts: list[bytes]) -> Workers:
    """An HMAC of each text."""
    data, size, count = b"".join(texts), len(texts[0]), len(texts)
    ours = ffi.new("uint8_t[]", 32 * count)
    found = {
        OURS: Worker(
            lambda: lib.tlcp_hmac_sm3(ours, MAC_KEY, 32, data, size, count),
            lambda: bytes(ffi.buffer(ours)),
        )
    }
    if not missing(TONGSUO):
        their_ffi, library = tongsuo.library()
        out, algorithm, null = (
            their_ffi.new("char[]", 32 * count),
            library.EVP_sm3(),
            their_ffi.NULL,
        )
        rooms = [out + 32 * number for number in range(count)]

        def theirs() -> None:
            for text, room in zip(texts, rooms, strict=True):
                library.HMAC(algorithm, MAC_KEY, 32, text, size, room, null)

        found[TONGSUO] = Worker(theirs, lambda: bytes(their_ffi.buffer(out)))
    if not missing(GMSSL):
        gm_ffi, gm = gmssl.library()
        gm_out = gm_ffi.new("char[]", 32 * count)
        gm_rooms = [gm_out + 32 * number for number in range(count)]

        def gmssls() -> None:
            for text, room in zip(texts, gm_rooms, strict=True):
                gm.sm3_hmac(MAC_KEY, 32, text, size, room)

        found[GMSSL] = Worker(gmssls, lambda: bytes(gm_ffi.buffer(gm_out)))

    def python() -> bytes:
        out = []
        for text in texts:
            mac = hmac.HMAC(MAC_KEY, hashes.SM3())
            mac.update(text)
            out.append(mac.finalize())
        return b"".join(out)

    found[CRYPTOGRAPHY] = Worker(python, python)
    return found


# ---- SM4 -------------------------------------------------------------------------------------


def _cipher_workers(gcm: bool, encrypt: bool) -> Callable[[list[bytes]], Workers]:
    def make(texts: list[bytes]) -> Workers:
        tags = [b""] * len(texts)
        if gcm and not encrypt:
            sealed = [_seal(text) for text in texts]
            texts, tags = [one[:-16] for one in sealed], [one[-16:] for one in sealed]
        worker = _our_gcm(texts[0], tags[0], encrypt) if gcm else _our_cbc(texts, encrypt)
        found = {OURS: worker}
        iv, size = IV[:12] if gcm else IV, len(texts[0])
        if not missing(TONGSUO):
            theirs = tongsuo.TongsuoCipher(KEY, gcm=gcm, encrypt=encrypt, size=size)
            found[TONGSUO] = _one_by_one(theirs, iv, texts, tags)
        if not missing(GMSSL):
            gm = gmssl.GmSSLCipher(KEY, gcm=gcm, encrypt=encrypt, size=size)
            found[GMSSL] = _one_by_one(gm, iv, texts, tags)
        found[CRYPTOGRAPHY] = _python(iv, texts, tags, gcm=gcm, encrypt=encrypt)
        return found

    return make


def _seal(text: bytes) -> bytes:
    context = Cipher(algorithms.SM4(KEY), modes.GCM(IV[:12])).encryptor()
    return context.update(text) + context.finalize() + context.tag


def _our_key() -> object:
    key = ffi.new("tlcp_sm4_key *")
    lib.tlcp_sm4_start(key, KEY)
    return key


def _our_cbc(texts: Sequence[bytes], encrypt: bool) -> Worker:
    """In place: later runs work on what earlier ones left, which takes as long."""
    key, size, count = _our_key(), len(texts[0]) + 16, len(texts)
    data = ffi.from_buffer("uint8_t[]", bytearray(b"".join(IV + text for text in texts)))
    kernel = lib.tlcp_sm4_cbc_encrypt if encrypt else lib.tlcp_sm4_cbc_decrypt

    def output() -> bytes:
        whole = bytes(ffi.buffer(data))
        return whole[16:size]  # of the first text, as of the others

    return Worker(lambda: kernel(key, data, size, count), output)


def _our_gcm(text: bytes, tag: bytes, encrypt: bool) -> Worker:
    key, size, nonce = _our_key(), len(text), IV[:12]
    out, made = ffi.new("uint8_t[]", size), ffi.new("uint8_t[16]")
    if encrypt:
        return Worker(
            lambda: lib.tlcp_sm4_gcm_seal(key, out, made, nonce, b"", 0, text, size),
            lambda: bytes(ffi.buffer(out)) + bytes(ffi.buffer(made)),
        )
    return Worker(
        lambda: lib.tlcp_sm4_gcm_open(key, out, tag, nonce, b"", 0, text, size),
        lambda: bytes(ffi.buffer(out)),
    )


def _one_by_one(
    cipher: tongsuo.TongsuoCipher | gmssl.GmSSLCipher,
    iv: bytes,
    texts: Sequence[bytes],
    tags: Sequence[bytes],
) -> Worker:
    pairs = list(zip(texts, tags, strict=True))

    def run() -> None:
        for text, tag in pairs:
            if cipher.run(iv, text, tag) != 1:
                raise RuntimeError("a good tag was refused")

    def output() -> bytes:
        cipher.run(iv, *pairs[0])
        return cipher.output()

    return Worker(run, output)


def _python(
    iv: bytes, texts: Sequence[bytes], tags: Sequence[bytes], *, gcm: bool, encrypt: bool
) -> Worker:
    key, pairs = algorithms.SM4(KEY), list(zip(texts, tags, strict=True))

    def one(text: bytes, tag: bytes) -> bytes:
        if encrypt and gcm:
            return _seal(text)
        if encrypt:
            sealer = Cipher(key, modes.CBC(iv)).encryptor()
            return sealer.update(text) + sealer.finalize()
        opener = Cipher(key, modes.GCM(iv, tag) if gcm else modes.CBC(iv)).decryptor()
        return opener.update(text) + opener.finalize()

    def run() -> None:
        for text, tag in pairs:
            one(text, tag)

    return Worker(run, lambda: one(*pairs[0]))
