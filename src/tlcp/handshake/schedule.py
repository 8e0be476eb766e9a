"""From the pre-master secret to the keys of both directions and the Finished values.

Spec: GB/T 38636-2020 6.5; 6.4.5.10 for Finished
"""

from __future__ import annotations

from collections.abc import Callable

from tlcp.crypto.prf import prf
from tlcp.record.cbc_sha256 import CBCSha256Protection
from tlcp.record.protect import CBCProtection, GCMProtection, Protection
from tlcp.suites import BulkCipher, CipherSuite

__all__ = ["KeySchedule", "master_secret"]

MASTER_SECRET_BYTES = 48
VERIFY_DATA_BYTES = 12


def master_secret(
    pre_master: bytes, client_random: bytes, server_random: bytes, hash_name: str = "sm3"
) -> bytes:
    """The 48-byte master secret, with the hash of the suite.  Spec: GB/T 38636-2020 6.5.1."""
    seed = client_random + server_random
    return prf(hash_name, pre_master, b"master secret", seed, MASTER_SECRET_BYTES)


class KeySchedule:
    """Keys of one connection; its repr shows none.

    Args:
        suite: the suite agreed on.
        master: 48-byte master secret.
        client_random: 32 bytes of ClientHello.
        server_random: 32 bytes of ServerHello.

    Spec: GB/T 38636-2020 6.5.2
    """

    __slots__ = ("_keys", "_master", "_suite", "client_random")

    def __init__(
        self, suite: CipherSuite, master: bytes, *, client_random: bytes, server_random: bytes
    ) -> None:
        self._suite, self._master, self.client_random = suite, master, client_random
        seed = server_random + client_random
        block = prf(suite.hash, master, b"key expansion", seed, suite.key_block_bytes)
        sizes = (suite.mac_key_bytes, suite.key_bytes, suite.iv_bytes)
        parts, at = [], 0
        for size in sizes:
            parts.append((block[at : at + size], block[at + size : at + 2 * size]))
            at += 2 * size
        self._keys = {
            "client": tuple(client for client, _ in parts),
            "server": tuple(server for _, server in parts),
        }

    def __repr__(self) -> str:
        return f"<KeySchedule {self._suite.name}>"

    def protection(self, sender: str, random: Callable[[int], bytes]) -> Protection:
        """Fresh protection for what ``sender`` ("client" or "server") writes."""
        mac_key, key, iv = self._keys[sender]
        if self._suite.cipher is BulkCipher.SM4_GCM:
            return GCMProtection(key=key, fixed_iv=iv)
        if self._suite.hash == "sha256":
            return CBCSha256Protection(mac_key=mac_key, key=key, random=random)
        return CBCProtection(mac_key=mac_key, key=key, random=random)

    def verify_data(self, sender: str, transcript_hash: bytes) -> bytes:
        """The 12 bytes of ``sender``'s Finished.  Spec: GB/T 38636-2020 6.4.5.10."""
        label = b"client finished" if sender == "client" else b"server finished"
        return prf(self._suite.hash, self._master, label, transcript_hash, VERIFY_DATA_BYTES)

    def dangerous_master(self) -> bytes:
        """The 48-byte master secret itself: for sessions, never for logs."""
        return self._master

    def dangerous_keys(self, sender: str) -> tuple[bytes, bytes, bytes]:
        """MAC key, key and IV of what ``sender`` writes: for dissectors, never for logs."""
        mac_key, key, iv = self._keys[sender]
        return mac_key, key, iv

    def dangerous_key_log_line(self) -> str:
        """``CLIENT_RANDOM random master``: enough to decrypt the connection."""
        return f"CLIENT_RANDOM {self.client_random.hex()} {self._master.hex()}"
