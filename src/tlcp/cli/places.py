"""Where commands read and write: no output takes the place of an input, or of another thing.

Every parameter that is a path says so by its type: ``Reads``, ``Writes`` or one of their folders.
``Command`` compares them all before the command begins.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure

__all__ = [
    "CAPTURE",
    "JSON",
    "KEY_LOG",
    "PAGE",
    "RESULTS",
    "TEXT",
    "TRACE",
    "Command",
    "Kind",
    "Reads",
    "ReadsFolder",
    "Writes",
    "WritesFolder",
    "ca_files",
    "overwrite_option",
    "pair_files",
    "refuse_inputs",
]

_DASH = "-"
_FORCE = "tlcp.cli.places.force"
_HEAD_BYTES = 1 << 16
_STREAMS = {
    0: Text("standard input", "标准输入"),
    1: Text("standard output", "标准输出"),
    2: Text("standard error", "标准错误输出"),
}
_PEM = re.compile(rb"^-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-----", re.MULTILINE)

Params = Mapping[str, Any]


# ---- kinds of files --------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of file that we write, and how it is known by its first bytes."""

    name: Text
    fits: Callable[[bytes], object]


def _begins(en: str, zh: str, pattern: bytes) -> Kind:
    return Kind(Text(en, zh), re.compile(pattern).match)


CAPTURE = _begins(
    "capture",
    "抓包文件",
    rb"\x0a\x0d\x0d\x0a|\xa1\xb2[\xc3\x3c][\xd4\x4d]|[\xd4\x4d][\xc3\x3c]\xb2\xa1",
)
PAGE = _begins("page", "页面", rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype )?html\b")
JSON = _begins("report in JSON", "JSON 报告", rb"\s*\[\s*(\]|\{)")
TEXT = _begins("report", "报告", rb"Connection |No byte of TLCP|" + "连接 |没有收发".encode())
TRACE = _begins("trace", "消息记录", rb'\{"event":')
KEY_LOG = _begins("key log", "密钥日志", rb"\s*([A-Z][A-Z0-9_]{2,40} [0-9A-Fa-f]{8}|#)")

#: what stands beside a recording, by the end of its name
RESULTS = {".txt": TEXT, ".json": JSON, ".html": PAGE}
_KNOWN = (CAPTURE, PAGE, KEY_LOG, TRACE, JSON, TEXT)


def _looks(head: bytes) -> Text:
    """What a file is, by how it begins, in words that name nothing of its contents."""
    if (pem := _PEM.search(head)) is not None:
        label = pem[1].decode("ascii")
        return Text(f"it holds a {label}", f"其中有 {label}")
    if head[:1] == b"\x30":
        what = "it looks like a certificate or a key in DER"
        return Text(what, "看起来是 DER 形式的证书或密钥")
    kind = next((kind for kind in _KNOWN if kind.fits(head)), None)
    if kind is None:
        return Text("it holds something else", "内容是别的东西")
    return Text(f"it looks like a {kind.name.en}", f"看起来是{kind.name.zh}")


# ---- what parameters say ---------------------------------------------------------------------


class Reads(click.Path):
    """A file that a command reads.

    Args:
        dash: whether ``-`` is standard input.
        dir_okay: whether the command itself says that a folder is none.
    """

    def __init__(self, *, dash: bool = False, dir_okay: bool = False) -> None:
        super().__init__(dir_okay=dir_okay, allow_dash=dash, path_type=Path)


class ReadsFolder(click.Path):
    """A folder, or a file, of which a command reads.

    Args:
        files: which files of it, by the values of the command's parameters; None = all.
        exists: whether it must be there.
        file_okay: whether it may be a file, which is read then.
    """

    def __init__(
        self,
        files: Callable[[Path, Params], Iterable[Path]] | None = None,
        *,
        exists: bool = False,
        file_okay: bool = False,
    ) -> None:
        super().__init__(exists=exists, file_okay=file_okay, path_type=Path)
        self._files = files

    def files(self, path: Path, params: Params) -> Iterator[Path]:
        """Those that are read."""
        if self._files is not None:
            yield from self._files(path, params)
        elif path.is_dir():
            with contextlib.suppress(OSError):  # whoever reads it tells
                yield from path.iterdir()
        else:
            yield path


class Writes(click.Path):
    """A file that a command writes.

    Args:
        kind: what may be overwritten; None = the command itself sees to it.
        beside: what it writes beside it, by the end of the name.
        dash: whether ``-`` is standard output.
    """

    def __init__(
        self,
        kind: Kind | None,
        *,
        beside: Mapping[str, Kind | None] | None = None,
        dash: bool = False,
    ) -> None:
        super().__init__(dir_okay=False, allow_dash=dash, path_type=Path)
        self._ends = {"": kind, **(beside or {})}

    def files(self, path: Path) -> Iterator[tuple[Path, Kind | None]]:
        """All that it writes."""
        for end, kind in self._ends.items():
            yield path.with_name(path.name + end) if end else path, kind


class WritesFolder(click.Path):
    """A folder that a command writes into.

    Args:
        files: what it writes there; None = the folder is its own, and empty.
    """

    def __init__(self, files: Mapping[str, Kind | None] | None = None) -> None:
        super().__init__(file_okay=False, path_type=Path)
        self._names = files

    @property
    def is_its_own(self) -> bool:
        """Whether nothing else may write there."""
        return self._names is None

    def files(self, path: Path) -> Iterator[tuple[Path, Kind | None]]:
        """All that it writes."""
        for name, kind in (self._names or {}).items():
            yield path / name, kind


def ca_files(directory: Path, _: Params) -> list[Path]:
    """What a CA cannot do without."""
    return [directory / name for name in ("ca.crt", "ca.key", "ca.json")]


def pair_files(directory: Path, params: Params) -> list[Path]:
    """The files that ``--pki`` and ``--name`` stand for, and the CA's own."""
    name = params.get("name")
    parts = ("sign.crt", "sign.key", "enc.crt", "enc.key") if name else ()
    return [*ca_files(directory, params), *(directory / f"{name}.{part}" for part in parts)]


def _note_force(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_FORCE] = value


overwrite_option = click.option(
    "--force",
    is_flag=True,
    expose_value=False,
    callback=_note_force,
    help="Write over files of another kind, too; never over one that is read.",
)


# ---- the check -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that is read or written.

    Attributes:
        who: the option or argument that names it.
        path: as it was given.
        real: without symbolic links.
        found: what is there; None if nothing is.
        kind: of what is to be written.
    """

    who: Text
    path: Path
    real: str
    found: os.stat_result | None
    kind: Kind | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is or will be a file, and no device or pipe."""
        return self.found is None or stat.S_ISREG(self.found.st_mode)

    @property
    def is_pipe(self) -> bool:
        """Whether it is a pipe or a socket: what comes from two sides is mixed there."""
        return self.found is not None and (
            stat.S_ISFIFO(self.found.st_mode) or stat.S_ISSOCK(self.found.st_mode)
        )

    def is_same(self, other: _Place) -> bool:
        """Whether both are one file, by whatever names."""
        if self.found is not None and other.found is not None:
            return os.path.samestat(self.found, other.found)
        if self.found is not None or other.found is not None:
            return False
        if self.real == other.real:
            return True
        # neither is there: whether upper and lower case differ, the file system will decide
        (ours, our_name), (theirs, their_name) = map(os.path.split, (self.real, other.real))
        if our_name.casefold() != their_name.casefold():
            return False
        try:
            return os.path.samefile(ours, theirs)
        except OSError:
            return False


def _place(who: str, path: Path, kind: Kind | None = None) -> _Place:
    try:
        found = path.stat()
    except (OSError, ValueError):
        found = None
    return _Place(Text(who, who), path, os.path.realpath(path), found, kind)


def _stream(number: int) -> _Place | None:
    """A standard stream, where it is a file or a pipe."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    place = _Place(_STREAMS[number], Path(_DASH), "", found)
    return place if place.is_file or place.is_pipe else None


class Command(click.Command):
    """A command that does not begin before its paths were compared."""

    def invoke(self, ctx: click.Context) -> Any:
        """Compare, then run it."""
        _check(self, ctx)
        return super().invoke(ctx)


def _check(command: click.Command, ctx: click.Context) -> None:
    places = _Places()
    for parameter in command.get_params(ctx):
        for path in _paths(ctx.params.get(parameter.name or "")):
            places.take(parameter.type, _name_of(parameter), path, ctx.params)
    if not places.writes and not places.own:
        return
    places.compare()
    if not ctx.meta.get(_FORCE):
        for place in places.writes:
            _look_at(place, can_force=_FORCE in ctx.meta)


@dataclass(slots=True)
class _Places:
    """All that a command reads and writes.

    Attributes:
        reads, writes: files.
        own: folders in which nothing else may be written.
    """

    reads: list[_Place] = field(default_factory=list)
    writes: list[_Place] = field(default_factory=list)
    own: list[_Place] = field(default_factory=list)

    def take(self, kind: click.ParamType[Any], who: str, path: Path, params: Params) -> None:
        """Take what one parameter names."""
        match kind:
            case Reads():
                self.reads.append(_place(who, path))
            case ReadsFolder():
                self.reads += [_place(who, one) for one in kind.files(path, params)]
            case Writes() | WritesFolder():
                self.writes += [_place(who, one, what) for one, what in kind.files(path)]
                if isinstance(kind, WritesFolder) and kind.is_its_own:
                    self.own.append(_place(who, path))
            case _:
                pass

    def compare(self) -> None:
        """Refuse an output that is an input, or another output.

        Raises:
            Failure: one is.
        """
        inputs = [one for one in (*self.reads, _stream(0)) if one is not None and one.is_file]
        before = [one for one in map(_stream, (1, 2)) if one is not None]
        for place in self.writes:
            for folder in self.own:
                if Path(place.real).is_relative_to(folder.real):
                    raise _refusal(place, _INSIDE, folder)
            for other in inputs:
                if place.is_file and place.is_same(other):
                    raise _refusal(place, _READ, other)
            for other in before:
                if place.is_file and place.is_same(other):
                    raise _refusal(place, _WRITTEN, other)
                # key logs and traces are lines, which may stand among others
                whole = place.kind not in (None, KEY_LOG, TRACE)
                if place.is_pipe and whole and place.is_same(other):
                    raise _refusal(place, _MIXED, other)
            before.append(place)


def _name_of(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(click.Context(click.Command(""))).strip("[].").split("|")[0]


def _paths(value: object) -> Iterator[Path]:
    """The paths of a parameter's value; ``-`` is none."""
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, Path) and str(one) != _DASH:
            yield one


def _look_at(place: _Place, *, can_force: bool) -> None:
    """Refuse to write over what is of another kind."""
    if place.found is None or place.kind is None or not place.is_file or not place.found.st_size:
        return
    try:
        with open(place.path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return  # whoever writes it tells
    if place.kind.fits(head):
        return
    looks, kind = _looks(head), place.kind.name
    why = Text(f"is there and is no {kind.en}: {looks.en}", f"已存在，但不是{kind.zh}：{looks.zh}")
    away = Text(", or take that file away first", "，或先移走那个文件")
    raise _refusal(place, why, more=_OVER if can_force else away)


_INSIDE = Text(
    "is in the folder of {}, which must be its own", "位于 {} 的目录中，那里不能有别的文件"
)
_READ = Text("is what is read as {}, and would be lost", "就是 {} 要读取的文件，写入会毁掉它")
_WRITTEN = Text("is what {} writes, and only one would be left", "也是 {} 要写的文件，只会剩下一个")
_MIXED = Text("is what {} writes, too, and they would be mixed", "也是 {} 要写的，两者会混在一起")
_OVER = Text("; --force writes over it", "；--force 可强行覆盖")
_NO_MORE = Text("", "")


def _refusal(
    place: _Place, why: Text, other: _Place | None = None, more: Text = _NO_MORE
) -> Failure:
    if other is not None:
        why = Text(why.en.format(other.who.en), why.zh.format(other.who.zh))
    what = Text(
        f"{place.path} {why.en}; nothing was written", f"{place.path} {why.zh}；什么也没有写"
    )
    hint = Text(
        f"give {place.who.en} another name{more.en}", f"请给 {place.who.zh} 换一个文件名{more.zh}"
    )
    return Failure(ExitCode.USAGE, what, hint=hint)


def refuse_inputs(directory: Path, names: Iterable[str], inputs: Iterable[Path | None]) -> None:
    """Refuse to write files over what they are made of, where only the command knows their names.

    Raises:
        Failure: one is.
    """
    reads = [_place(str(path), path) for path in inputs if path is not None]
    for name in names:
        place = _place(name, directory / name)
        for other in reads:
            if place.is_file and place.is_same(other):
                raise _refusal(place, _READ, other)
