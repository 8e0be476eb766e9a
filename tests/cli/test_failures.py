"""Which exception gives which exit code."""

from __future__ import annotations

import errno
import socket

import pytest

from tlcp.cli.failures import ExitCode, Failure, as_failure
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    ConfigError,
    InternalError,
    MisuseError,
    TruncatedError,
)


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
