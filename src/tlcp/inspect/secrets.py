"""What may decrypt connections: key logs, servers' encryption keys, and sessions seen before.

Nothing here shows a secret in its repr or in an error.

Spec: GB/T 38636-2020 6.4.5.8, 6.5
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tlcp.alerts import Text
from tlcp.crypto.keyfile import SoftwareKey, load_private_keys
from tlcp.crypto.pkcs12 import is_pkcs12, load_pkcs12
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError, TLCPError
from tlcp.reasons import reason_of
from tlcp.x509.certificate import Certificate

__all__ = ["KnownSession", "Secrets"]

_LINE = re.compile(r"(CLIENT_RANDOM|PMS_CLIENT_RANDOM)\s+([0-9a-fA-F]{64})\s+([0-9a-fA-F]{96})\s*")
_MOST_SESSIONS = 100_000
_SPARE_BYTES = 1 << 28  # a second or two
_PRE_MASTER_BYTES = 48

PrivateKey = SM2PrivateKey | RSAPrivateKey


class KnownSession(NamedTuple):
    """A session's master secret, and the connection that began it."""

    master: bytes
    began_in: str

    def __repr__(self) -> str:
        return f"KnownSession(<secret>, began_in={self.began_in!r})"


class Secrets:
    """Everything that the user knows, and what is learnt on the way.

    One object serves all connections of a capture, in the order in which they began: resumed
    connections are decrypted through the session that they resume.

    Attributes:
        lines_not_understood: how many lines of key logs were of other kinds.
        growing: whether more may be learnt during a connection; what is encrypted waits for it.
        spare_bytes: how much may be decrypted in vain, in search of sequence numbers behind gaps:
            whoever makes a capture of gaps, with its keys, shall not keep us busy.
    """

    def __init__(self) -> None:
        self._masters: dict[bytes, bytes] = {}
        self._pre_masters: dict[bytes, bytes] = {}
        self._keys: list[PrivateKey] = []
        self._sessions: dict[tuple[str, bytes], KnownSession] = {}
        self.lines_not_understood = 0
        self.growing = False
        self.spare_bytes = _SPARE_BYTES

    def __repr__(self) -> str:
        return (
            f"<Secrets: {len(self._masters) + len(self._pre_masters)} log lines, "
            f"{len(self._keys)} keys, {len(self._sessions)} sessions>"
        )

    def __bool__(self) -> bool:
        """Whether anything is known that may open a connection."""
        known = self._masters or self._pre_masters or self._keys or self._sessions
        return self.growing or bool(known)

    @property
    def has_key_log(self) -> bool:
        """Whether a key log was given."""
        return bool(self._masters or self._pre_masters)

    @property
    def has_keys(self) -> bool:
        """Whether a private key was given."""
        return bool(self._keys)

    def add_key_log(self, text: str) -> int:
        """Take the lines of a key log (``CLIENT_RANDOM random master``).

        Lines of other kinds are counted in ``lines_not_understood`` and otherwise ignored.

        Returns:
            How many lines were taken.
        """
        taken = 0
        for line in text.splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if found := _LINE.fullmatch(line):
                log = self._masters if found[1] == "CLIENT_RANDOM" else self._pre_masters
                log[bytes.fromhex(found[2])] = bytes.fromhex(found[3])
                taken += 1
            else:
                self.lines_not_understood += 1
        return taken

    def add_key_log_file(self, path: str | Path) -> int:
        """Take a key log file.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return self.add_key_log(Path(path).read_bytes().decode("latin-1"))
        except OSError as error:
            why = reason_of(error)
            raise ConfigError.told(
                Text(
                    f"cannot read the key log {path}: {why.en}",
                    f"无法读取密钥日志 {path}：{why.zh}",
                )
            ) from error

    def add_key(self, key: PrivateKey) -> None:
        """Take a server's encryption private key."""
        self._keys.append(key)

    def add_key_file(self, path: str | Path, password: bytes | None = None) -> None:
        """Take the keys of a file: PEM, DER or PKCS#12; one, or those of a pair.

        Raises:
            ConfigError: it cannot be read, or holds none.
        """
        try:
            for key in _keys_in(Path(path).read_bytes(), password):
                self.add_key(key)
        except TLCPError as error:  # an OSError, too, as ssl's errors are
            raise ConfigError.told(
                Text(
                    f"key file {path}: {error}",
                    f"私钥文件 {path} 不能使用：需要 PEM、DER 或 PKCS#12 格式的 SM2 或 RSA 私钥，"
                    f"加密的还需要 --key-password-file；原因：{error}",
                )
            ) from error
        except OSError as error:
            why = reason_of(error)
            raise ConfigError.told(
                Text(
                    f"cannot read the key file {path}: {why.en}",
                    f"无法读取私钥文件 {path}：{why.zh}",
                )
            ) from error

    def logged_master(self, client_random: bytes) -> bytes | None:
        """The master secret that the key log has for this ClientHello."""
        return self._masters.get(client_random)

    def logged_pre_master(self, client_random: bytes) -> bytes | None:
        """The pre-master secret that the key log has for this ClientHello."""
        return self._pre_masters.get(client_random)

    def fits(self, certificate: Certificate) -> bool:
        """Whether a private key was given that belongs to this certificate."""
        try:
            public = certificate.public_key
        except TLCPError:
            return False
        return any(key.public_key == public for key in self._keys)

    def decrypt(self, ciphertext: bytes, certificate: Certificate | None) -> bytes | None:
        """Decrypt a pre-master secret with the key of this certificate, or any if it is unknown.

        RSA keys answer a wrong ciphertext with random bytes; what they say is taken only if it
        begins with a version, and the first record will tell.
        """
        for key in self._candidates(certificate):
            try:
                secret = key.decrypt(ciphertext)
            except ValueError:
                continue
            if len(secret) == _PRE_MASTER_BYTES:
                return secret
        return None

    def _candidates(self, certificate: Certificate | None) -> Iterable[PrivateKey]:
        if certificate is None:
            return self._keys
        try:
            public = certificate.public_key
        except TLCPError:
            return self._keys
        return [key for key in self._keys if key.public_key == public]

    def remember(self, kind: str, name: bytes, session: KnownSession) -> None:
        """Keep a session.

        Args:
            kind: "session_id" or "ticket": what ``name`` is.
            name: under which a client brings it back.
            session: its secret.
        """
        if name:
            self._sessions[kind, name] = session
            if len(self._sessions) > _MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))

    def recall(self, kind: str, name: bytes) -> KnownSession | None:
        """The session of that name."""
        return self._sessions.get((kind, name)) if name else None


def _keys_in(data: bytes, password: bytes | None) -> tuple[SoftwareKey, ...]:
    if not is_pkcs12(data):
        return load_private_keys(data, password)
    keys = load_pkcs12(data, password).keys
    if not keys:
        raise ConfigError("the PKCS#12 file holds no private key")
    return keys
