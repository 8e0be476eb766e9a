"""Records and their ciphers against Tongsuo's C library: ``python -m benchmarks.bulk [--quick]``.

All run in one process and take turns, so that a busy machine hurts all. Tongsuo's records go from
SSL_write to SSL_read through a memory BIO that both ends share, without its empty records: its
best case. Ours go through ``tlcp.record.layer``, Python included. Below that, the ciphers alone:
Tongsuo through EVP, keys set before, and ``cryptography`` as a program would use it.
"""

from __future__ import annotations

import argparse
import ctypes as c
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from peers import libtongsuo as lt
from peers.pki import make_pki
from peers.tongsuo import ECC_CBC, ECC_GCM, TongsuoContext, TongsuoPeer, run_handshake
from tlcp._native import ffi, lib
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import CBCProtection, GCMProtection, Protection

Call = Callable[[], object]
KIB, MIB = 1 << 10, 1 << 20
LEVELS = ("portable C", "AVX2", "AVX2 and GFNI", "AVX-512")
FLAGS = ("avx2", "aes", "pclmulqdq", "bmi2", "gfni", "avx512f", "avx512bw", "vpclmulqdq")
TARGETS = {"GCM 1 MiB": 6.0, "CBC 1 MiB": 4.0, "SM4-CBC 16 x 16 KiB": 6.0, "HMAC 16 x 16 KiB": 3.0}
KEY, MAC_KEY = bytes(range(16)), bytes(range(32))


# ---- records ---------------------------------------------------------------------------------


def our_records(gcm: bool, data: bytes) -> Call:
    """Seal, take in and open one write."""

    def protection() -> Protection:
        if gcm:
            return GCMProtection(key=KEY, fixed_iv=bytes(4))
        return CBCProtection(mac_key=MAC_KEY, key=KEY, random=os.urandom)

    sender, receiver = RecordLayer(max_empty_records=3), RecordLayer(max_empty_records=3)
    sender.protect_writes(protection())
    receiver.protect_reads(protection())
    receiver.version_agreed()

    def call() -> int:
        receiver.receive(sender.seal(23, data))
        size = 0
        while (record := receiver.next_record()) is not None:
            size += len(record[1])
        return size

    if call() != len(data):
        raise SystemExit("our records lost data")
    return call


def their_records(suite: str, data: bytes, directory: Path) -> Call:
    """SSL_write of one end, SSL_read of the other, with nothing between them."""
    pki = make_pki(directory)
    contexts = [
        TongsuoContext(role, files, ciphers=[suite], empty_records=False)  # type: ignore[arg-type]
        for role, files in (("client", pki.client_files), ("server", pki.server_files))
    ]
    client, server = (TongsuoPeer(context) for context in contexts)
    run_handshake(client, server)
    server.read_all()
    client.feed(server.take())
    client.read_all()
    library = client.lib
    library.BIO_up_ref(client._outgoing)
    library.SSL_set0_rbio(server._live, client._outgoing)
    buffer, keep = c.create_string_buffer(len(data)), (client, server, contexts)

    def call() -> int:
        library.SSL_write(keep[0]._live, data, len(data))
        size = 0
        while size < len(data):
            got = library.SSL_read(server._live, buffer, len(data))
            if got <= 0:
                raise SystemExit("Tongsuo lost data")
            size += got
        return size

    call()
    return call


# ---- ciphers alone ---------------------------------------------------------------------------


def tongsuo_evp() -> Any:
    library = lt.library()
    pointer, integer, size = c.c_void_p, c.c_int, c.c_size_t
    for name, result, *arguments in (
        ("BIO_up_ref", integer, pointer),
        ("SSL_set0_rbio", None, pointer, pointer),
        ("EVP_CIPHER_CTX_new", pointer),
        ("EVP_sm4_cbc", pointer),
        ("EVP_sm4_gcm", pointer),
        ("EVP_sm3", pointer),
        ("EVP_EncryptInit_ex", integer, pointer, pointer, pointer, c.c_char_p, c.c_char_p),
        ("EVP_EncryptUpdate", integer, pointer, c.c_char_p, pointer, c.c_char_p, integer),
        ("EVP_EncryptFinal_ex", integer, pointer, c.c_char_p, pointer),
        ("EVP_Digest", integer, c.c_char_p, size, c.c_char_p, pointer, pointer, pointer),
        ("HMAC", pointer, pointer, c.c_char_p, integer, c.c_char_p, size, c.c_char_p, pointer),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def their_cipher(mode: str, texts: list[bytes]) -> Call:
    library = tongsuo_evp()
    context = library.EVP_CIPHER_CTX_new()
    library.EVP_EncryptInit_ex(context, getattr(library, f"EVP_sm4_{mode}")(), None, KEY, None)
    out, length = c.create_string_buffer(len(texts[0]) + 32), c.c_int()

    def call() -> None:
        for text in texts:
            library.EVP_EncryptInit_ex(context, None, None, None, bytes(16))
            library.EVP_EncryptUpdate(context, out, c.byref(length), text, len(text))
            library.EVP_EncryptFinal_ex(context, out, c.byref(length))

    return call


def python_cipher(make: Callable[[bytes], modes.CBC | modes.GCM], texts: list[bytes]) -> Call:
    key = algorithms.SM4(KEY)

    def call() -> None:
        for text in texts:
            context = Cipher(key, make(bytes(16))).encryptor()
            context.update(text)
            context.finalize()

    return call


def our_cipher(texts: list[bytes], *, gcm: bool = False) -> Call:
    key, count, size = ffi.new("tlcp_sm4_key *"), len(texts), len(texts[0])
    lib.tlcp_sm4_start(key, KEY)
    if gcm:
        out, tag = ffi.new("uint8_t[]", size), ffi.new("uint8_t[16]")
        return lambda: lib.tlcp_sm4_gcm_seal(key, out, tag, bytes(12), b"", 0, texts[0], size)
    data = ffi.new("uint8_t[]", count * (size + 16))
    return lambda: lib.tlcp_sm4_cbc_encrypt(key, data, size + 16, count)


def hmac_calls(texts: list[bytes]) -> tuple[Call, Call, Call]:
    library, data = tongsuo_evp(), b"".join(texts)
    out, sm3 = c.create_string_buffer(64), library.EVP_sm3()
    ours = ffi.new("uint8_t[]", 32 * len(texts))

    def theirs() -> None:
        for text in texts:
            library.HMAC(sm3, MAC_KEY, 32, text, len(text), out, None)

    def python() -> None:
        for text in texts:
            h = hmac.HMAC(MAC_KEY, hashes.SM3())
            h.update(text)
            h.finalize()

    size, count = len(texts[0]), len(texts)
    return lambda: lib.tlcp_hmac_sm3(ours, MAC_KEY, 32, data, size, count), theirs, python


def sm3_calls(text: bytes) -> tuple[Call, Call, Call]:
    library = tongsuo_evp()
    out, sm3, ours = c.create_string_buffer(64), library.EVP_sm3(), ffi.new("uint8_t[32]")

    def python() -> None:
        h = hashes.Hash(hashes.SM3())
        h.update(text)
        h.finalize()

    size = len(text)
    return (
        lambda: lib.tlcp_sm3(ours, text, size),
        lambda: library.EVP_Digest(text, size, out, None, sm3, None),
        python,
    )


# ---- measuring -------------------------------------------------------------------------------


def timed(call: Call, calls: int) -> float:
    """Microseconds for one call, over one turn."""
    start = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - start) / calls / 1000


def spread(times: list[float]) -> float:
    """Half the distance between the quartiles, in percent of the median."""
    low, middle, high = statistics.quantiles(times, n=4)
    return float(50 * (high - low) / middle)


def compare(name: str, size: int, calls: tuple[Call, ...], rounds: int) -> float:
    """Print a line; returns how many times faster than Tongsuo we are."""
    counts = [max(1, int(3000 / timed(call, 3))) for call in calls]
    turns = [[timed(*pair) for pair in zip(calls, counts, strict=True)] for _ in range(rounds)]
    columns = [list(column) for column in zip(*turns, strict=True)]
    medians = [statistics.median(column) for column in columns]
    line = f"{name:22}"
    for median, column in zip(medians, columns, strict=True):
        line += f"{median:10.1f} us {size / median:7.0f} MB/s ±{spread(column):2.0f}%"
    line += "" if len(medians) == 3 else " " * 31
    ratios = [f"{other / medians[0]:6.1f}x" for other in medians[1:]]
    print(line + "".join(ratios), flush=True)
    return float(medians[1] / medians[0])


def benchmarks(directory: Path) -> dict[str, tuple[int, Callable[[], tuple[Call, ...]]]]:
    """For each name: bytes worked on by one call, and what makes the calls to compare."""
    found: dict[str, tuple[int, Callable[[], tuple[Call, ...]]]] = {}
    for gcm, suite in ((True, ECC_GCM), (False, ECC_CBC)):
        for size, words in ((MIB, "1 MiB"), (16 * KIB, "16 KiB"), (KIB, "1 KiB")):
            name = f"{'GCM' if gcm else 'CBC'} {words}"

            def records(
                gcm: bool = gcm, suite: str = suite, size: int = size, name: str = name
            ) -> tuple[Call, ...]:
                data, place = os.urandom(size), directory / name.replace(" ", "")
                place.mkdir()
                tongsuo_evp()
                return our_records(gcm, data), their_records(suite, data, place)

            found[name] = size, records
    texts = [os.urandom(16 * KIB) for _ in range(16)]
    one, both = texts[:1], sum(map(len, texts))

    def cbc(batch: list[bytes]) -> tuple[Call, ...]:
        return our_cipher(batch), their_cipher("cbc", batch), python_cipher(modes.CBC, batch)

    found["SM4-CBC 16 x 16 KiB"] = both, lambda: cbc(texts)
    found["SM4-CBC 16 KiB"] = 16 * KIB, lambda: cbc(one)
    found["SM4-GCM 16 KiB"] = (
        16 * KIB,
        lambda: (
            our_cipher(one, gcm=True),
            their_cipher("gcm", one),
            python_cipher(lambda iv: modes.GCM(iv[:12]), one),
        ),
    )
    found["HMAC 16 x 16 KiB"] = both, lambda: hmac_calls(texts)
    for size, words in ((64, "64 B"), (KIB, "1 KiB"), (16 * KIB, "16 KiB")):
        found[f"SM3 {words}"] = size, lambda size=size: sm3_calls(texts[0][:size])  # type: ignore[misc]
    return found


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.split("\t", 1) for line in lines if "\t" in line)
    words = {name: value.strip(" \t:") for name, value in fields.items()}
    flags = set(words.get("flags", "").split())
    shown = " ".join(flag if flag in flags else f"(no {flag})" for flag in FLAGS)
    return f"{words.get('model name', 'unknown processor')}: {shown}"


def main() -> int:
    parser = argparse.ArgumentParser(description="records: tlcp against Tongsuo")
    parser.add_argument("--quick", action="store_true", help="few turns of each")
    parser.add_argument("--only", default="", help="names that contain this")
    options = parser.parse_args()
    rounds: int = 9 if options.quick else 51
    print(cpu())
    print(f"our path: {LEVELS[lib.tlcp_cpu_level()]}; medians of {rounds} turns, one thread")
    print(f"{'':22}{'tlcp':>25}{'Tongsuo':>31}{'cryptography':>31}   faster than each")
    missed = []
    with tempfile.TemporaryDirectory() as directory:
        for name, (size, make) in benchmarks(Path(directory)).items():
            if options.only not in name:
                continue
            ratio = compare(name, size, make(), rounds)
            if ratio < TARGETS.get(name, 1.0):
                missed.append(f"{name}: {ratio:.1f}x, wanted {TARGETS.get(name, 1.0):.0f}x")
    print("\n".join(missed), file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
