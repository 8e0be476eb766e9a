"""The key log file."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from tlcp.errors import ConfigError
from tlcp.keylog import KeyLogFile

LIMIT_S = 30


def test_key_log_lines_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with KeyLogFile(path) as log:

        def write(number: int) -> None:
            for _ in range(50):
                log(str(number) * 200)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
    lines = path.read_text().splitlines()
    assert len(lines) == 400
    assert all(len(set(line)) == 1 and len(line) == 200 for line in lines)


def test_a_key_log_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for line in ("one", "two"):
        with KeyLogFile(path) as log:
            log(line)
        log.close()
        log("after the end")
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_log_that_cannot_be_written_is_our_users_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="key log"):
        KeyLogFile(tmp_path / "no" / "keys")
