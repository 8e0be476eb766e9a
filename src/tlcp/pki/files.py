"""Write certificate and key files: all or nothing, and never by accident over another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tlcp.errors import ConfigError
from tlcp.pki.transaction import commit, locked

__all__ = ["check_names", "make_directory", "refuse_present", "write_files"]

_PLAIN: Final = re.compile(r"[\w*][\w .@*+=-]*")


def write_files(
    directory: str | Path,
    contents: Mapping[str, bytes],
    *,
    force: bool = False,
    public: bool = False,
) -> tuple[Path, ...]:
    """Write files into a directory, made if needed, as one change; keys get mode 0600.

    Args:
        directory: where.
        contents: plain file name -> bytes.
        force: replace files that exist.
        public: none of them is secret, whatever their names: mode 0644.

    Returns:
        The paths, in the order of ``contents``.

    Raises:
        ConfigError: a name is not a plain file name, a file exists and ``force`` is not given,
            or the system refuses.
    """
    folder = Path(directory)
    check_names(contents)
    if not force:
        refuse_present(folder, contents)  # before the directory is made or locked
    make_directory(folder)
    with locked(folder):
        if not force:
            refuse_present(folder, contents)
        commit(folder, contents, public=public)
    return tuple(folder / name for name in contents)


def check_names(names: Iterable[str]) -> None:
    """Refuse what is no plain file name.

    Raises:
        ConfigError: one is not.
    """
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot be a file name here: use letters, digits, spaces, . _ - @"
            )


def refuse_present(directory: Path, names: Iterable[str]) -> None:
    """Refuse to write over files.

    Raises:
        ConfigError: some are there.
    """
    present = [str(directory / name) for name in names if (directory / name).exists()]
    if present:
        raise ConfigError(f"{', '.join(present)} exists already; nothing was written")


def make_directory(directory: Path) -> None:
    """Make a directory, and those above it, where they are missing.

    Raises:
        ConfigError: the system refuses.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write into {directory}: {error.strerror}") from error
