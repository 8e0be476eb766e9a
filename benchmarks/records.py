"""Records of application data, sealed, carried over and opened: one write, and its reading.

Ours go through ``tlcp.record.layer``, Python included. Tongsuo's go from SSL_write to SSL_read
through a memory BIO that both ends share, without its empty records: its best case.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from benchmarks import tongsuo
from benchmarks.handshake import parties
from benchmarks.libraries import TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed
from benchmarks.parties import HOST
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import CBCProtection, GCMProtection, Protection
from tlcp.suites import ECC_SM4_CBC_SM3, ECC_SM4_GCM_SM3

__all__ = ["cases"]

GROUP = "records"
_SIZES = {"1 MiB": 1 << 20, "16 KiB": 16 << 10, "1 KiB": 1 << 10}
_APPLICATION_DATA = 23


def cases() -> Iterator[Case]:
    """Both ciphers of the suites, three sizes of writes."""
    for gcm in (True, False):
        for words, size in _SIZES.items():
            name = f"records SM4-{'GCM' if gcm else 'CBC'} {words}"
            yield Case(GROUP, name, "MB/s", timed(_contest(size, gcm=gcm), size), (TONGSUO,))


def _contest(size: int, *, gcm: bool) -> Callable[[Room], Mapping[str, Call]]:
    def make(room: Room) -> Mapping[str, Call]:
        data = os.urandom(size)
        calls = {OURS: Call(_ours(data, gcm=gcm))}
        if not missing(TONGSUO):
            calls[TONGSUO] = Call(_theirs(room, data, gcm=gcm))
        return calls

    return make


def _ours(data: bytes, *, gcm: bool) -> Callable[[], object]:
    key = os.urandom(16)
    mac_key = os.urandom(32)

    def protection() -> Protection:
        if gcm:
            return GCMProtection(key=key, fixed_iv=bytes(4))
        return CBCProtection(mac_key=mac_key, key=key, random=os.urandom)

    sender, receiver = RecordLayer(max_empty_records=3), RecordLayer(max_empty_records=3)
    sender.protect_writes(protection())
    receiver.protect_reads(protection())
    receiver.version_agreed()

    def run() -> int:
        receiver.receive(sender.seal(_APPLICATION_DATA, data))
        size = 0
        while (record := receiver.next_record()) is not None:
            size += len(record[1])
        return size

    if run() != len(data):
        raise RuntimeError("our records lost data")
    return run


def _theirs(room: Room, data: bytes, *, gcm: bool) -> Callable[[], object]:
    files = parties(room, 0)
    suite = ECC_SM4_GCM_SM3 if gcm else ECC_SM4_CBC_SM3
    pair = tongsuo.TongsuoPair(files.client, files.server, suite.openssl_name, HOST)
    near, far = pair.connect()
    room.stack.callback(pair.close, near, far)
    ffi, lib = tongsuo.library()
    buffer, total = ffi.new("char[]", len(data)), len(data)

    def run() -> int:
        lib.SSL_write(near, data, total)
        size = 0
        while size < total:
            got = lib.SSL_read(far, buffer + size, total - size)
            if got <= 0:
                raise RuntimeError("Tongsuo lost data")
            size += got
        return size

    run()
    if bytes(ffi.buffer(buffer)) != data:
        raise RuntimeError("Tongsuo lost data")
    return run
