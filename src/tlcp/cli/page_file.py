"""The page of ``tlcp inspect --html``: collected while connections are shown, then written."""

from __future__ import annotations

from pathlib import Path

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.output import Printer
from tlcp.errors import ConfigError
from tlcp.inspect.page import Page
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.steps import Lang
from tlcp.inspect.writing import replacing
from tlcp.reasons import reason_of

__all__ = ["PageFile"]

_SECRET, _READABLE = 0o600, 0o644


class PageFile:
    """A page that is to be written.

    Args:
        path: where to.
        source: what the connections come from.
        lang: the page's first language; None = the browser's.
        keys: whether keys go in where they are known.

    Raises:
        Failure: nothing can be written there.
    """

    def __init__(self, path: Path, source: str, *, lang: Lang | None, keys: bool) -> None:
        self._path = path
        self._page = Page(source, lang=lang, keys=keys)
        if not path.parent.is_dir():  # said before a long capture is read
            raise self._failure(
                Text(f"there is no directory {path.parent}", f"没有目录 {path.parent}")
            )

    def show(self, report: ConnectionReport) -> None:
        """Take a connection."""
        self._page.add(report)

    def finish(self, talk: Printer, lang: Lang) -> None:
        """Write the page, whole or not at all, and say what is in it.

        Raises:
            Failure: it cannot be written.
        """
        try:
            self._write(self._page.render())
        except ConfigError:  # an OSError, too, as ssl's errors are
            raise
        except OSError as error:
            raise self._failure(reason_of(error)) from error
        for text, style in self._words():
            talk.say(text.zh if lang == "zh" else text.en, style=style)

    def _write(self, text: str) -> None:
        def mode() -> int:
            return _SECRET if self._page.with_keys else _READABLE

        if self._path.exists() and not self._path.is_file():  # a device or a pipe
            self._path.write_text(text, "utf-8")
            return
        with replacing(self._path, mode) as file:
            file.write(text.encode())

    def _words(self) -> list[tuple[Text, str]]:
        page, warn = self._page, "bold yellow"
        said = [(Text(f"the page is {self._path}", f"页面已写入 {self._path}"), "")]
        if page.with_keys:
            whose = "one connection" if page.with_keys == 1 else f"{page.with_keys} connections"
            text = Text(
                f"WARNING: the page holds the keys of {whose}: whoever has it can read all of it; "
                "--no-keys leaves them out",
                f"警告：页面含有 {page.with_keys} 个连接的密钥，得到页面的人即可解密；"
                "使用 --no-keys 可不写入密钥",
            )
            said.append((text, warn))
        if page.left_out:
            text = Text(
                f"{page.left_out} connections are not in the page: it takes "
                f"{page.limits.connections} connections and {page.limits.page_bytes >> 20} MiB",
                f"另有 {page.left_out} 个连接未写入页面：最多 {page.limits.connections} 个连接、"
                f"{page.limits.page_bytes >> 20} MiB",
            )
            said.append((text, warn))
        return said

    def _failure(self, why: Text) -> Failure:
        hint = Text(
            "give --html the path of a file that can be written",
            "请为 --html 给出可以写入的文件路径",
        )
        what = Text(f"cannot write {self._path}: {why.en}", f"无法写入 {self._path}：{why.zh}")
        return Failure(ExitCode.USAGE, what, hint=hint)
