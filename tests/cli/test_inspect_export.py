"""``tlcp inspect --export-data``: all that was decrypted, in files that harm nobody."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from cli.test_inspect import inspect
from support.captured import CAPTURES
from support.own_connections import Heard, capture, configs, heard
from tlcp.inspect.exporting import DataExport
from tlcp.suites import ECC_SM4_GCM_SM3, ECDHE_SM4_CBC_SM3

ECC = CAPTURES / "tongsuo-ecc-gcm.pcap"
GET = b"GET /../../etc/passwd HTTP/1.1\r\nHost: ..\r\n\r\n"


def written(tmp_path: Path, *said: tuple[bytes, bytes]) -> tuple[list[Heard], Path, Path]:
    """Connections in which this was said, as a capture with its key log."""
    lines: list[str] = []
    settings = configs(ECC_SM4_GCM_SM3, mutual=False, log=lines.append)
    made = [heard("one", settings, request=ask, reply=answer) for ask, answer in said]
    path, keys = tmp_path / "own.pcap", tmp_path / "own.keys"
    path.write_bytes(capture(made))
    keys.write_text("\n".join(lines))
    return made, path, keys


def test_all_data_of_each_side_is_written_with_safe_names(tmp_path: Path) -> None:
    body = gzip.compress(b"the body")
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    _, path, keys = written(tmp_path, (GET, reply + body), (b"ping", b"pong" * 9000))
    out = tmp_path / "new" / "out"
    result = inspect(path, "--keylog", keys, "--export-data", out)
    assert result.exit_code == 0, result.output
    found = {one.name: one.read_bytes() for one in out.iterdir()}
    assert found == {
        "conn-1.client.bin": GET,
        "conn-1.server.bin": reply + body,
        "conn-1.http-1.response.body": b"the body",
        "conn-2.client.bin": b"ping",
        "conn-2.server.bin": b"pong" * 9000,
    }
    assert {one.stat().st_mode & 0o777 for one in out.iterdir()} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700
    assert "2 connections, and 1 HTTP bodies" in result.stderr


def test_more_than_the_report_keeps(tmp_path: Path) -> None:
    big = bytes(range(256)) * 10_000  # the report keeps a MiB
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(big) + big
    _, path, keys = written(tmp_path, (GET, reply))
    out = tmp_path / "out"
    result = inspect(path, "--keylog", keys, "--export-data", out)
    assert result.exit_code == 0, result.output
    assert (out / "conn-1.server.bin").read_bytes() == reply
    assert (out / "conn-1.http-1.response.body").read_bytes() == big


def test_bodies_that_cannot_be_decoded_stay_as_they_are(tmp_path: Path) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"
    _, path, keys = written(tmp_path, (GET, reply))
    out = tmp_path / "out"
    result = inspect(path, "--keylog", keys, "--export-data", out)
    assert (out / "conn-1.http-1.response.encoded-body").read_bytes() == b"abc"
    assert "as it was sent, not decoded" in result.stderr


def test_bombs_fill_no_disk(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(900_000))
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    _, path, keys = written(tmp_path, (GET * 300, (answer + bomb) * 300))
    out = tmp_path / "out"
    assert inspect(path, "--keylog", keys, "--export-data", out).exit_code == 0
    assert sum(one.stat().st_size for one in out.iterdir()) < 100 << 20


def test_what_was_not_decrypted_is_said(tmp_path: Path) -> None:
    result = inspect(ECC, "--export-data", tmp_path / "out")
    assert "connection 1: nothing was decrypted: no key log" in result.stderr
    assert not list((tmp_path / "out").iterdir())
    chinese = inspect(ECC, "--export-data", tmp_path / "other", "--lang", "zh")
    assert "连接 1：未能解密" in chinese.stderr


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    made, path, keys = written(tmp_path, (b"ping", b"pong"))
    sender, data = made[0].chunks[-4]
    made[0].chunks[-4] = (sender, data[:-1] + bytes([data[-1] ^ 1]))
    path.write_bytes(capture(made))
    result = inspect(path, "--keylog", keys, "--export-data", tmp_path / "out")
    assert "fail their integrity check and were not decrypted" in result.stderr


@pytest.mark.parametrize("kind", ["full", "file", "link"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        target = tmp_path / "target"
        if kind == "link":
            (out / "conn-1.client.bin").symlink_to(target)
        else:
            (out / "conn-1.client.bin").write_text("mine")
    result = inspect(ECC, "--keylog", ECC.with_suffix(".keys"), "--export-data", out)
    assert result.exit_code == 2
    assert not (tmp_path / "target").exists()
    if kind == "full":
        assert "nothing is overwritten" in result.stderr
        assert (out / "conn-1.client.bin").read_text() == "mine"


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    export = DataExport(tmp_path / "out")
    write = export.writer("1")
    (tmp_path / "out" / "conn-1.client.bin").write_text("came meanwhile")
    with pytest.raises(OSError, match=r"cannot write .*conn-1\.client\.bin"):
        write("client", b"data")
    with pytest.raises(ValueError, match="numbers"):
        export.writer("../x")


def test_many_connections_at_once_need_few_files_open(tmp_path: Path) -> None:
    export = DataExport(tmp_path / "out")
    writers = [export.writer(str(number)) for number in range(400)]
    for part in (b"one", b"two"):
        for write in writers:
            write("server", part)
    export.close()
    found = sorted((tmp_path / "out").iterdir())
    assert len(found) == 400
    assert {one.read_bytes() for one in found} == {b"onetwo"}


def test_resumed_connections_export_too(tmp_path: Path) -> None:
    lines: list[str] = []
    client, server = configs(ECDHE_SM4_CBC_SM3, mutual=True, log=lines.append)
    first = heard("first", (replace(client, tickets=True), server))
    path, keys = tmp_path / "own.pcap", tmp_path / "own.keys"
    path.write_bytes(capture([first]))
    keys.write_text("\n".join(lines))
    out = tmp_path / "out"
    assert inspect(path, "--keylog", keys, "--export-data", out).exit_code == 0
    assert (out / "conn-1.client.bin").read_bytes() == first.data[0]
