"""What the commands of ``tlcp pki`` share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tlcp.alerts import Text
from tlcp.cli.options import read_password
from tlcp.cli.output import Printer
from tlcp.cli.places import Reads, Writes, refuse_inputs
from tlcp.errors import ConfigError
from tlcp.pki.directory import CADirectory
from tlcp.reasons import reason_of
from tlcp.x509.contents import may_need_password

__all__ = [
    "DAYS",
    "DIRECTORY",
    "FILE",
    "OUT",
    "as_json_option",
    "ask_password",
    "ca_password_option",
    "encryption_options",
    "force_option",
    "keep",
    "new_password",
    "open_ca",
    "open_ca_to_sign",
    "quoted",
    "read_file",
    "report",
]

DIRECTORY = click.Path(file_okay=False, path_type=Path)
FILE = Reads()
OUT = Writes(None)  # ``keep`` sees to what is there
DAYS = click.IntRange(min=1, max=36500)

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
force_option = click.option("--force", is_flag=True, help="Replace files that are there already.")


#: For commands that sign with the CA's key.
ca_password_option = click.option(
    "--key-password-file",
    type=FILE,
    metavar="FILE",
    help="The first line of FILE opens the CA's key; without it the terminal is asked.",
)


def encryption_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: how the key of a new CA is written; see ``new_password``."""
    for option in (
        click.option(
            "--new-password-file",
            type=FILE,
            metavar="FILE",
            help="Encrypt the new CA's key under the first line of FILE.",
        ),
        click.option(
            "--encrypt", is_flag=True, help="Encrypt the new CA's key; asks for a password."
        ),
    ):
        function = option(function)
    return function


def new_password(encrypt: bool, file: Path | None) -> bytes | None:
    """The password to encrypt under: of a file, or asked for; None if neither is wanted.

    Raises:
        click.UsageError: there is no terminal to ask at.
        ConfigError: the file cannot be read.
    """
    if file is not None:
        return read_password(file)
    if not encrypt:
        return None
    if not sys.stdin.isatty():
        raise click.UsageError("--encrypt asks at a terminal; give --new-password-file here")
    return ask_password("new password", twice=True)


def ask_password(what: str, *, twice: bool = False) -> bytes:
    """What is typed at the terminal, unseen; ``twice``: again, until both are the same."""
    typed: str = click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
    return typed.encode()


def open_ca(directory: Path) -> CADirectory:
    """Open the CA in a directory, or say how to make one; its key is not needed."""
    if not (directory / "ca.crt").exists():
        raise ConfigError(
            f"there is no CA in {directory}; make one with `tlcp pki init {quoted(directory)}`"
        )
    return CADirectory.open(directory)


def open_ca_to_sign(directory: Path, password_file: Path | None) -> CADirectory:
    """Open the CA in a directory for what its key signs.

    An encrypted key is opened with the first line of the file, or with what is typed.

    Raises:
        ConfigError: there is no CA, or no password where one is needed.
    """
    authority = open_ca(directory)
    password = read_password(password_file)
    if password is None and may_need_password(read_file(directory / "ca.key")):
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfigError(
                f"{directory / 'ca.key'} is encrypted, and there is no terminal to ask for its "
                "password: give --key-password-file FILE"
            )
        password = ask_password(f"password of {directory / 'ca.key'}")
    return replace(authority, password=password)


def keep(
    directory: Path, names: Iterable[str], force: bool, inputs: Iterable[Path | None] = ()
) -> bool:
    """Whether files may be replaced: as ``--force`` says, or who sits at the terminal.

    Args:
        directory: where they are to go.
        names: of the files.
        force: what was said on the command line.
        inputs: what they are made of, which nobody may write over.

    Returns:
        True if those that are there may be replaced; False if none is there.

    Raises:
        Failure: one of them is an input.
        ConfigError: some are there, and nobody allows it.
    """
    names = tuple(names)
    refuse_inputs(directory, names, inputs)
    present = [str(directory / name) for name in names if (directory / name).exists()]
    if force or not present:
        return force
    if sys.stdin.isatty() and sys.stderr.isatty():
        more = f" and {len(present) - 1} more" if present[1:] else ""
        if click.confirm(f"{present[0]}{more} exists already; replace?", err=True):
            return True
    raise ConfigError(f"{present[0]} exists already; nothing was written. --force replaces it")


def read_file(path: Path) -> bytes:
    """The content of a file that the user named.

    Raises:
        ConfigError: it cannot be read, or is longer than any of ours.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LONGEST + 1)
    except OSError as error:
        why = reason_of(error)
        raise ConfigError.told(
            Text(f"cannot read {path}: {why.en}", f"无法读取 {path}：{why.zh}")
        ) from error
    if len(data) > _LONGEST:
        raise ConfigError.told(
            Text(
                f"{path} is longer than {_LONGEST >> 20} MiB: not a file for this command",
                f"{path} 超过 {_LONGEST >> 20} MiB：不是这个命令的文件",
            )
        )
    return data


_LONGEST = 64 << 20


def quoted(word: str | Path) -> str:
    """A word as a shell wants it."""
    return shlex.quote(str(word))


def report(
    paths: Iterable[Path],
    facts: Mapping[str, object],
    as_json: bool,
    *talk: str,
    following: str = "",
) -> None:
    """Print what was written: paths or JSON to stdout, talk to stderr."""
    if as_json:
        Printer(stderr=False).json(facts)
        return
    Printer(stderr=False).say(*map(str, paths))
    printer = Printer()
    printer.say(*talk)
    if following:
        printer.say(f"  {following}", style="bold")
