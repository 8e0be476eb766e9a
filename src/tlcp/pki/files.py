"""Write certificate and key files: all or nothing for each, and never by accident over another.

The order matters to whoever reads while we write: a file appears complete or not at all.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tlcp.errors import ConfigError

__all__ = ["write_files"]

_PLAIN: Final = re.compile(r"^[\w*][\w .@*+=-]*$")
_KEY_MODE: Final = 0o600
_CERTIFICATE_MODE: Final = 0o644


def write_files(
    directory: str | Path, contents: Mapping[str, bytes], *, force: bool = False
) -> tuple[Path, ...]:
    """Write files into a directory, made if needed; ``*.key`` gets mode 0600.

    Args:
        directory: where.
        contents: plain file name -> bytes.
        force: replace files that exist.

    Returns:
        The paths, in the order of ``contents``.

    Raises:
        ConfigError: a name is not a plain file name, a file exists and ``force`` is not given,
            or the system refuses.
    """
    folder = Path(directory)
    for name in contents:
        if not _PLAIN.match(name):
            raise ConfigError(
                f"{name!r} cannot be a file name here: use letters, digits, spaces, . _ - @"
            )
    paths = tuple(folder / name for name in contents)
    present = [str(path) for path in paths if path.exists()]
    if present and not force:
        raise ConfigError(f"{', '.join(present)} exists already; nothing was written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in zip(paths, contents.values(), strict=True):
            _write(path, data, _KEY_MODE if path.suffix == ".key" else _CERTIFICATE_MODE)
    except OSError as error:
        raise ConfigError(f"cannot write into {folder}: {error.strerror}") from error
    return paths


def _write(path: Path, data: bytes, mode: int) -> None:
    # mkstemp makes the file with mode 0600: a key is never readable by others, not for a moment.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
