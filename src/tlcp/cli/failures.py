"""From an exception to what the user reads and the exit code that a script sees.

| code | meaning |
|---|---|
| 0 | all went well |
| 1 | the handshake or the verification failed: the finding |
| 2 | wrong usage or configuration |
| 3 | no connection: refused, no such host, no answer in time |
| 4 | a bug of tlcp |
| 130, 143 | ended by Ctrl-C, by SIGTERM |
| 141 | whoever read our stdout has left |
"""

from __future__ import annotations

import enum
import errno
import socket
from collections.abc import Iterator

from tlcp.alerts import AlertDescription, Text
from tlcp.errors import ConfigError, HandshakeTimeout, InternalError, MisuseError, TLCPError
from tlcp.inspect.steps import Lang

__all__ = ["ExitCode", "Failure", "ReaderGone", "as_failure"]


class ExitCode(enum.IntEnum):
    """What the process returns."""

    OK = 0
    FINDING = 1
    USAGE = 2
    CONNECTIVITY = 3
    BUG = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class Failure(Exception):
    """Something that ends the command, ready to be shown.

    Attributes:
        code: the exit code.
        what: what happened.
        expected: what would have been right, or "".
        hint: what the user can do, or "".
        text, advice: what happened and what to do in both languages, as far as there is Chinese.
        noticed: who noticed it when, or "".
        alert: the alert that the peer was sent, or "".
        kind: the name of the error's class.
    """

    def __init__(
        self,
        code: ExitCode,
        what: str | Text,
        *,
        expected: str = "",
        hint: str | Text = "",
        noticed: str = "",
        alert: str = "",
        kind: str = "",
    ) -> None:
        self.text, self.advice = (
            one if isinstance(one, Text) else Text(one, one) for one in (what, hint)
        )
        super().__init__(self.text.en)
        self.code, self.what, self.expected, self.hint = (
            code,
            self.text.en,
            expected,
            self.advice.en,
        )
        self.noticed, self.alert, self.kind = noticed, alert, kind or code.name.title()

    def lines(self, lang: Lang = "en") -> Iterator[str]:
        """The text for a person: what happened, then details, indented."""
        zh = lang == "zh"
        yield f"tlcp: {self.text.zh if zh else self.what}"
        if self.expected:
            yield f"  {'应为：' if zh else 'expected: '}{self.expected}"
        if self.hint:
            yield f"  {f'建议：{self.advice.zh}' if zh else f'hint: {self.hint}'}"
        if self.noticed:
            yield f"  {'发现者：' if zh else 'noticed by '}{self.noticed}"
        if self.alert:
            yield f"  {'已告知对端：' if zh else 'the peer was told: '}{self.alert}"

    def one_line(self) -> str:
        """The text for a log."""
        told = f"; alert {self.alert} sent" if self.alert else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.what}{hint}{told}"

    def as_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "ok": False,
            "error": {
                "kind": self.kind,
                "what": self.what,
                "expected": self.expected,
                "hint": self.hint,
                "noticed_by": self.noticed,
                "alert_sent": self.alert,
                "exit_code": int(self.code),
            },
        }


class ReaderGone(Exception):
    """Whoever read our stdout has left; unlike BrokenPipeError it cannot mean the network."""


def as_failure(error: BaseException) -> Failure:
    """Sort any exception into one of the exit codes."""
    kind = type(error).__name__
    if isinstance(error, Failure):
        return error
    if isinstance(error, ConfigError):
        return Failure(ExitCode.USAGE, error.text, kind=kind)
    if isinstance(error, HandshakeTimeout):
        return Failure(ExitCode.CONNECTIVITY, error.what, hint=error.hint, kind=kind)
    if isinstance(error, TLCPError) and not isinstance(error, InternalError):
        return _protocol(error, kind)
    if isinstance(error, OSError) and not isinstance(error, TLCPError):
        return _transport(error, kind)
    what = f"a bug of tlcp: {kind}: {error}"
    if isinstance(error, InternalError | MisuseError):
        what = f"a bug of tlcp: {error}"
    hint = "please report it; `tlcp --debug ...` shows where it happened"
    return Failure(ExitCode.BUG, what, hint=hint, kind=kind)


def _protocol(error: TLCPError, kind: str) -> Failure:
    noticed = f"the {error.side}, {error.during}" if error.during else error.side
    owed = error.alert_to_send
    return Failure(
        ExitCode.FINDING,
        error.what,
        expected=error.expected,
        hint=error.hint,
        noticed=noticed,
        alert=AlertDescription.label(owed) if owed is not None else "",
        kind=kind,
    )


def _transport(error: OSError, kind: str) -> Failure:
    reason = error.strerror or str(error) or kind
    if isinstance(error, socket.gaierror):
        what, hint = f"cannot find the host: {reason}", "check its spelling and the DNS"
        return Failure(ExitCode.CONNECTIVITY, what, hint=hint, kind=kind)
    if isinstance(error, TimeoutError):
        return Failure(ExitCode.CONNECTIVITY, "the peer did not answer in time", kind=kind)
    if isinstance(error, ConnectionRefusedError):
        hint = "is the server running on this port?"
        return Failure(ExitCode.CONNECTIVITY, "the connection was refused", hint=hint, kind=kind)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        what = "the peer broke the connection off without close_notify: data may be missing"
        return Failure(ExitCode.FINDING, what, kind=kind)
    if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES) or error.filename:
        where = f"{error.filename}: " if error.filename else ""
        busy = error.errno == errno.EADDRINUSE
        reason = "another process has this port" if busy else reason
        hint = "port 0 picks a free one" if busy else ""
        return Failure(ExitCode.USAGE, f"{where}{reason}", hint=hint, kind=kind)
    return Failure(ExitCode.CONNECTIVITY, reason, kind=kind)
