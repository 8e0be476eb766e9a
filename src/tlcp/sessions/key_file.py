"""The file that ticket keys are shared through, read and written as a whole.

JSON, times in Unix seconds, names and keys of 16 bytes in hex, the newest first::

    {"format": 1, "keys": [{"name": "…", "key": "…", "created": 1795435200}, …]}

Spec: none
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlcp.crypto.sm4 import KEY_BYTES
from tlcp.errors import ConfigError
from tlcp.locking import lock_file
from tlcp.sessions.key_ring import DatedKey, Ring
from tlcp.sessions.session import TicketKey
from tlcp.sessions.ticket import NAME_BYTES

__all__ = ["KeyFile", "Stamp"]

_FORMAT: Final = 1
_LONGEST: Final = 1 << 16
_LOCK_SECONDS: Final = 2.0  # writing takes a few milliseconds
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Stamp:
    """Tells one writing of a file from another: every writing makes a new file."""

    inode: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """From what ``stat`` says."""
        return cls(status.st_ino, status.st_mtime_ns, status.st_size)


class KeyFile:
    """A file of ticket keys.

    Args:
        path: where it is; a link is followed once, now.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.realpath(path))

    def stamp(self) -> Stamp | None:
        """What the file is now; None if there is none."""
        try:
            return Stamp.of(self.path.stat())
        except FileNotFoundError:
            return None

    def read(self) -> tuple[Ring, Stamp | None]:
        """The keys and the stamp of what was read; no keys and None if there is no file.

        An empty file has no keys.

        Raises:
            ConfigError: it is damaged or something else, or others may read it.
            OSError: it cannot be read.
        """
        try:
            # O_NONBLOCK: whoever put a pipe there shall see an error, not wait
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return (), None
        with open(file, "rb") as stream:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"the ticket keys {self.path} are not a regular file")
            data = stream.read(_LONGEST + 1)
            if not data.strip():  # as `touch` made it: there is nothing to lose or to hide
                return (), Stamp.of(status)
            ring = self._parse(data)  # first, for only our own file may be deleted
            self._check(status)
            return ring, Stamp.of(status)

    def write(self, ring: Ring) -> Stamp:
        """Replace the file at one stroke: a reader sees the old one or the new one.

        The caller has the lock. So what a writer that was killed has left is nobody's, and goes:
        it holds keys.

        Raises:
            OSError: it cannot be written; the old one is as it was.
        """
        text = json.dumps(
            {
                "format": _FORMAT,
                "keys": [
                    {
                        "name": dated.key.name.hex(),
                        "key": dated.key.key.hex(),
                        "created": int(dated.created_s),
                    }
                    for dated in ring
                ],
            },
            indent=1,
        )
        prefix = f".{self.path.name}.new."
        for left in self.path.parent.glob(f"{glob.escape(prefix)}*"):
            left.unlink(missing_ok=True)
        # mkstemp makes it 0600
        file, name = tempfile.mkstemp(prefix=prefix, dir=self.path.parent)
        try:
            with open(file, "wb") as stream:
                stream.write(text.encode() + b"\n")
                stream.flush()
                os.fsync(file)
                stamp = Stamp.of(os.fstat(file))
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise
        return stamp

    @contextlib.contextmanager
    def locked(self, *, wait: bool) -> Iterator[bool]:
        """Keep other writers out, by a lock on the file PATH.lock; it stays there, empty.

        Args:
            wait: up to two seconds for whoever has the lock; False gives up at once.

        Yields:
            Whether we have it.

        Raises:
            OSError: the lock file cannot be made.
        """
        name = self.path.with_name(f"{self.path.name}.lock")
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            yield lock_file(file, _LOCK_SECONDS if wait else 0.0)
        finally:
            os.close(file)  # and with it the lock

    def _check(self, status: os.stat_result) -> None:
        if status.st_uid not in (0, os.geteuid()):
            raise ConfigError(
                f"the ticket keys {self.path} belong to user {status.st_uid}, who knows them and "
                f"may change them; expected root or this process's user, {os.geteuid()}. Run the "
                f"servers that share the file as one user"
            )
        if status.st_mode & _OTHERS:
            raise ConfigError(
                f"the ticket keys {self.path} have mode {stat.S_IMODE(status.st_mode):04o}: others "
                f"may have read them. Delete the file, and new keys will be made; or chmod 600 it"
            )

    def _parse(self, data: bytes) -> Ring:
        try:
            if len(data) > _LONGEST:
                raise ValueError
            value = json.loads(data)
            if value["format"] != _FORMAT:
                raise ValueError
            ring = [_entry(entry) for entry in value["keys"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            # not chained: the error would show what was read
            raise ConfigError(self._problem(data)) from None
        return tuple(sorted(ring, key=lambda dated: dated.created_s, reverse=True))

    def _problem(self, data: bytes) -> str:
        """What to say of bytes that do not parse; to delete only what can be nobody else's."""
        if _ours(data):
            return (
                f"the ticket keys {self.path} are damaged, or of another version: expected JSON "
                f'with "format": 1. Delete the file, and new keys will be made'
            )
        return (
            f"{self.path} is no file of ticket keys ({_looks_like(data)}): expected JSON with "
            f'"format": 1. Give another path; a file that is missing will be made'
        )


def _ours(data: bytes) -> bool:
    """Whether this is JSON with the members that we write, whatever is wrong within."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"format", "keys"} <= value.keys()


def _looks_like(data: bytes) -> str:
    if b"-----BEGIN " in data:
        return "it looks like PEM: a key or a certificate"
    if data.lstrip()[:1] in (b"{", b"["):
        return "it looks like other JSON, or a part of some"
    return "it looks like text" if data.isascii() else "it looks like binary data"


def _entry(entry: dict[str, object]) -> DatedKey:
    name, key, created = entry["name"], entry["key"], entry["created"]
    if not (isinstance(name, str) and isinstance(key, str) and type(created) is int):
        raise ValueError
    ticket_key = TicketKey(bytes.fromhex(name), bytes.fromhex(key))
    if len(ticket_key.name) != NAME_BYTES or len(ticket_key.key) != KEY_BYTES:
        raise ValueError
    return DatedKey(ticket_key, float(created))
