"""A child process does not inherit locks that nobody will open."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.crypto.sm2_tables import KeyTables
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.x509.recent import Recent

recent, store, keys, tables = Recent(2), MemoryStore(), RotatingTicketKeys(), KeyTables()
owners = recent, store, keys, tables
for owner in owners:
    owner._lock.acquire()  # as a thread of the parent would hold it
if os.fork() == 0:
    signal.alarm(20)
    recent.put("a", 1)
    store.put(b"id", b"state", 60)
    keys.newest()
    tables.find(SM2PrivateKey.generate().public_point[1:])
    os._exit(7 if (recent.get("a"), store.get(b"id")) == (1, b"state") else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_child_does_not_wait_for_its_parents_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "7", done.stderr
