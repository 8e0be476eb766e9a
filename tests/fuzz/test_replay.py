"""Inputs are run again without the fuzzer, and what they do wrong is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from assurance.fuzzing import replay
from assurance.fuzzing.judge import Target
from assurance.fuzzing.targets import target


def test_files_and_seeds_are_run_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").write_bytes(b"\1\0\0\0")
    seeds = len(target("message").seeds())
    assert replay.main("message", 0, tmp_path) == 0
    assert int(capsys.readouterr().out) == seeds + 1


def test_what_goes_wrong_is_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(data: bytes) -> None:
        if data == b"bad":
            raise KeyError(data)

    broken = Target("broken", lambda: [b"good"], run, ())
    monkeypatch.setattr(replay, "target", lambda _: broken)
    (tmp_path / "bad").write_bytes(b"bad")
    assert replay.main("broken", 0, tmp_path) == 1
    assert "KeyError" in capsys.readouterr().err
