"""Which exception gives which exit code."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure, as_failure
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    ConfigError,
    InternalError,
    MisuseError,
    TruncatedError,
)
from tlcp.reasons import reason_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadRecordMAC("changed on the way"), 1),
        (AlertReceived(2, 40), 1),
        (TruncatedError("gone"), 1),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 1),
        (ConfigError("no such file"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"), 2),
        (OSError(errno.EADDRINUSE, "Address already in use"), 2),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), 3),
        (TimeoutError(), 3),
        (socket.gaierror(-2, "Name or service not known"), 3),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), 3),
        (InternalError("ValueError in the engine"), 4),
        (MisuseError("called twice"), 4),
        (KeyError("x"), 4),
        (Failure(ExitCode.CONNECTIVITY, "as it is"), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_exit_codes(error: Exception, code: int) -> None:
    failure = as_failure(error)
    assert failure.code == code
    assert failure.what
    assert failure.as_dict()["ok"] is False


def test_what_the_system_says_is_said_in_both_languages() -> None:
    for number in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOSPC):
        english, chinese = reason_of(OSError(number, os.strerror(number)))
        assert english == os.strerror(number)
        assert not chinese.isascii()
    assert reason_of(OSError(errno.EXDEV, "odd")) == ("odd", "odd")
    assert reason_of(OSError("no number")) == ("no number", "no number")


def test_a_failure_speaks_the_language_that_it_has() -> None:
    told = Failure(ExitCode.USAGE, Text("no", "不行"), hint=Text("do", "做"), expected="x")
    assert list(told.lines()) == ["tlcp: no", "  expected: x", "  hint: do"]
    assert list(told.lines("zh")) == ["tlcp: 不行", "  应为：x", "  建议：做"]
    assert (told.what, told.hint, str(told)) == ("no", "do", "no")  # JSON and logs stay English
    only = as_failure(ConfigError("only English"))
    assert list(only.lines("zh")) == ["tlcp: only English"]


def test_all_that_an_error_knows_is_shown() -> None:
    error = BadRecordMAC("changed on the way", expected="the same bytes", hint="Try again")
    failure = as_failure(error.at("client", "waiting for Finished"))
    assert list(failure.lines()) == [
        "tlcp: changed on the way",
        "  expected: the same bytes",
        "  hint: Try again",
        "  noticed by the client, waiting for Finished",
        "  the peer was told: bad_record_mac(20)",
    ]
    assert failure.one_line() == "changed on the way (Try again); alert bad_record_mac(20) sent"
