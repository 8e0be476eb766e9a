"""Change several files of a directory as one: all of them or none, whenever the process may die.

Under the directory's lock, each new content goes to the disk in a file of its own,
``.tlcp.new.*``.  Then a journal, ``.tlcp.journal``, appears by one rename; it says which of these
files becomes which.  From that moment on the change is made: the files are renamed and the journal
deleted, now, or by the next process that takes the lock.  What dies before the journal has changed
nothing, and its new files are deleted by the next.

Readers that take no lock see each file whole, old or new.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tlcp.errors import ConfigError
from tlcp.locking import lock_file

__all__ = ["CERTIFICATE_MODE", "KEY_MODE", "commit", "locked", "mode_of"]

KEY_MODE: Final = 0o600
CERTIFICATE_MODE: Final = 0o644

_JOURNAL: Final = ".tlcp.journal"
_NEW: Final = ".tlcp.new."
_LOCK_SECONDS: Final = 60.0  # a change takes milliseconds; a queue of them, seconds


def mode_of(name: str) -> int:
    """The mode of a file by its name: certificates are for all, whatever else for its owner."""
    public = name.endswith((".crt", ".crl", ".csr"))
    return CERTIFICATE_MODE if public else KEY_MODE


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes and threads out of a directory, and finish what a dead one began.

    The lock is on the directory itself; the system lets go of it when its process ends, however it
    ends.

    Raises:
        ConfigError: another process has kept it for a minute, or the directory cannot be used.
    """
    try:
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"cannot lock {directory}: {error.strerror}") from error
    try:
        try:
            if not lock_file(file, _LOCK_SECONDS):
                raise ConfigError(
                    f"another process has kept the lock of {directory} for {_LOCK_SECONDS:.0f} s; "
                    f"find it with `fuser {directory}`"
                )
            _finish(directory)
        except OSError as error:
            raise ConfigError(f"cannot write into {directory}: {error.strerror}") from error
        yield
    finally:
        os.close(file)  # and with it the lock


def commit(directory: Path, contents: Mapping[str, bytes], *, public: bool = False) -> None:
    """Write files, all or none; the caller has the lock.

    Args:
        directory: which exists.
        contents: plain file name -> bytes; ``mode_of`` says who may read it.
        public: everyone may read all of them.

    Raises:
        ConfigError: the system refuses; nothing was changed, or the next process finishes it.
    """
    try:
        moves = {
            _write_new(directory, data, CERTIFICATE_MODE if public else mode_of(name)): name
            for name, data in contents.items()
        }
        journal = _write_new(directory, json.dumps(moves).encode(), KEY_MODE)
        _sync(directory)
        os.replace(directory / journal, directory / _JOURNAL)
        _sync(directory)
        _finish(directory)
    except OSError as error:
        with contextlib.suppress(OSError, ConfigError):
            _finish(directory)  # nothing, or all of it; what is in the way stays for the next one
        raise ConfigError(f"cannot write into {directory}: {error.strerror}") from error


def _finish(directory: Path) -> None:
    """Do what the journal says, if there is one, and delete what nobody will need."""
    journal = directory / _JOURNAL
    moves = _read_journal(journal)
    for new, name in moves.items():
        with contextlib.suppress(FileNotFoundError):  # renamed before the other one died
            os.replace(directory / new, directory / name)
    if moves:
        _sync(directory)
        os.unlink(journal)
    for left in directory.glob(f"{_NEW}*"):
        os.unlink(left)


def _read_journal(journal: Path) -> dict[str, str]:
    """Which new file becomes which; a directory from elsewhere may bring a journal of its own.

    Raises:
        ConfigError: no journal of ours: it would touch files that no change of ours touches.
    """
    try:
        moves = json.loads(journal.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        moves = None
    if isinstance(moves, dict) and all(
        new.startswith(_NEW) and _is_plain(new) and _is_plain(name) for new, name in moves.items()
    ):
        return moves
    raise ConfigError(
        f"{journal} is not a journal of tlcp, and nothing was done: who wrote it? Delete it if the "
        "directory is to be trusted all the same"
    )


def _is_plain(name: object) -> bool:
    """Names a file of the directory itself, and not the journal."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..", _JOURNAL)
        and not {"/", "\0"} & set(name)
    )


def _write_new(directory: Path, data: bytes, mode: int) -> str:
    # mkstemp makes the file with mode 0600: a key is never readable by others, not for a moment.
    handle, path = tempfile.mkstemp(prefix=_NEW, dir=directory)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)
    return os.path.basename(path)


def _sync(directory: Path) -> None:
    """Bring the names to the disk, not only the contents."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
