"""``tlcp connect --capture`` and ``tlcp demo --out``: what is left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from cli.tools import run, serving


def beside(file: Path) -> list[Path]:
    return [file, *(file.with_name(file.name + end) for end in (".txt", ".json", ".html"))]


def test_a_connection_and_a_resumed_one(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.pcapng"
    with serving("--pki", folder, "--name", "server", "--connections", "2") as server:
        done = run(
            *("connect", server.address, "--server-name", "localhost", "--linger", "0"),
            *("--pki", folder, "--name", "client", "--resume", "1", "--capture", file),
            data=b"hello",
            LC_ALL="C.UTF-8",
        )
    assert done.returncode == 0, done.stderr
    assert b"whoever has that file can read everything" in done.stderr
    assert b"recorded 2 connections" in done.stderr
    for one in beside(file):
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
        assert str(one).encode() in done.stderr
    first, second = json.loads(file.with_name("own.pcapng.json").read_bytes())
    assert (first["resumed"], second["resumed"]) == (False, True)
    assert first["decryption"]["possible"]
    assert second["decryption"]["possible"]
    assert first["server"]["address"] == server.address
    results = {check["rule"]: check["result"] for check in first["checks"]}
    assert results["server-chain"] == "holds"
    assert "secrets" not in first
    page = file.with_name("own.pcapng.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert first["messages"][0]["data"] in page
    text = file.with_name("own.pcapng.txt").read_text()
    assert "Connection 1: " in text
    assert "Connection 2: " in text
    again = run("inspect", file, "--ca", folder / "ca.crt")
    assert again.returncode == 0, again.stdout
    assert b"hello" in again.stdout


def test_a_handshake_that_fails_is_explained(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.pcapng"
    assert run("pki", "init", tmp_path / "other").returncode == 0
    with serving("--pki", folder, "--name", "server", "--connections", "1") as server:
        done = run(
            *("connect", server.address, "--server-name", "localhost"),
            *("--ca", tmp_path / "other" / "ca.crt", "--capture", file),
        )
    assert done.returncode == 1
    assert b"recorded 1 connection;" in done.stderr
    (report,) = json.loads(file.with_name("bad.pcapng.json").read_bytes())
    assert not report["handshake_complete"]
    rules = {finding["rule"] for finding in report["findings"] if finding["severity"] == "error"}
    assert {"server-chain", "alert"} <= rules


def test_without_a_connection_it_says_so(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "none.pcapng"
    words = ("--pki", folder, "--name", "client", "--capture", file)
    done = run("connect", "127.0.0.1:1", *words, LC_ALL="C.UTF-8")
    assert done.returncode == 3
    assert b"recorded 0 connections" in done.stderr
    assert file.with_name("none.pcapng.json").read_text() == "[]\n"
    assert file.with_name("none.pcapng.txt").read_text().startswith("No byte of TLCP")


def test_a_file_that_cannot_be_written_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    words = ("--pki", folder, "--name", "client", "--capture")
    done = run("connect", "127.0.0.1:1", *words, tmp_path / "no" / "file")
    assert done.returncode == 2
    assert b"cannot write" in done.stderr
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    done = run("connect", "127.0.0.1:1", *words, link)
    assert done.returncode == 2
    assert b"symbolic link" in done.stderr
    assert not (tmp_path / "target").exists()


def test_reports_that_cannot_be_written_change_nothing(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.pcapng"
    file.with_name("own.pcapng.json").mkdir()
    with serving("--pki", folder, "--name", "server", "--connections", "1") as server:
        done = run(
            *("connect", server.address, "--server-name", "localhost", "--linger", "0"),
            *("--pki", folder, "--name", "client", "--capture", file),
            data=b"hello",
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"hello"
    assert b"WARNING: no report of the recording: cannot write" in done.stderr


def test_a_server_records_all_that_come_until_a_signal(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "server.pcapng"
    with serving("--pki", folder, "--name", "server", "--capture", file) as server:
        words = ("--server-name", "localhost", "--pki", folder, "--linger", "0")
        assert run("connect", server.address, *words, "--name", "client").returncode == 0
        assert run("connect", server.address, *words).returncode == 1  # it shows no certificate
        server.line()
        while "refused" not in server.line():
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 143
        assert "recorded 2 connections" in server.log
    shown = json.loads(file.with_name("server.pcapng.json").read_bytes())
    good, bad = sorted(shown, key=lambda one: int(one["name"]))
    assert (good["handshake_complete"], bad["handshake_complete"]) == (True, False)
    assert good["decryption"]["possible"]
    rules = {finding["rule"] for finding in bad["findings"] if finding["severity"] == "error"}
    assert "alert" in rules


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_demonstration_leaves_its_recording(more: list[str], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "demo"
    done = run("demo", "--out", out, *more)
    assert done.returncode == 0, done.stderr
    made = set(os.listdir(out))
    assert made == {"ca.crt", *(f"demo.pcapng{end}" for end in ("", ".txt", ".json", ".html"))}
    told = (done.stderr if more else done.stdout).decode().splitlines()
    assert told[-1].strip() == str(out / "demo.pcapng.html")
    if more:
        assert json.loads(done.stdout)["ok"]
    shown = run("inspect", out / "demo.pcapng", "--ca", out / "ca.crt", "--host", "localhost")
    assert shown.returncode == 0, shown.stdout
    assert b"Hello over TLCP!" in shown.stdout
