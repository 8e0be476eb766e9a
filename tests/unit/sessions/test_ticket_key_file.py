"""Ticket keys in a file: shared, private, and never lost in a race."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tlcp.errors import ConfigError
from tlcp.sessions import key_file
from tlcp.sessions.ticket_keys import FileTicketKeys

LIMIT_S = 60
HEX = "ab" * 16
START = 1_795_435_200.0


class Clock:
    """Time that goes when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ticket-keys"


def opened(path: Path, clock: Clock, keep: int = 2) -> FileTicketKeys:
    return FileTicketKeys(path, lifetime_s=100, keep=keep, clock=clock, monotonic=clock)


def test_a_missing_file_is_made_and_private(path: Path, clock: Clock) -> None:
    before = os.umask(0)
    try:
        key = opened(path, clock).newest()
    finally:
        os.umask(before)
    assert json.loads(path.read_text()) == {
        "format": 1,
        "keys": [{"name": key.name.hex(), "key": key.key.hex(), "created": int(START)}],
    }
    for name in (path, path.with_name("ticket-keys.lock")):
        assert stat.S_IMODE(name.stat().st_mode) == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == ["ticket-keys", "ticket-keys.lock"]


def test_a_file_written_by_hand_is_read(path: Path, clock: Clock) -> None:
    entries = [
        {"name": "aa" * 16, "key": "01" * 16, "created": int(START) - 150},
        {"name": "bb" * 16, "key": "02" * 16, "created": int(START) - 50},
    ]
    path.write_text(json.dumps({"format": 1, "keys": entries}))
    path.chmod(0o600)
    keys = opened(path, clock)
    assert keys.newest().name == b"\xbb" * 16
    old = keys.named(b"\xaa" * 16)
    assert old is not None
    assert old.key == b"\x01" * 16


def test_what_one_rotates_the_other_sees(path: Path, clock: Clock) -> None:
    one, two = opened(path, clock), opened(path, clock)
    first = one.newest()
    assert two.newest() == first
    clock.now += 100
    second = two.newest()
    assert second != first
    assert one.named(second.name) == second
    assert one.newest() == second
    assert one.named(first.name) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    clock.now += 200
    assert one.named(first.name) is None
    two.newest()
    assert first.key.hex() not in path.read_text(), "a dead key leaves the file"


def test_a_restart_goes_on_with_the_keys(path: Path, clock: Clock) -> None:
    first = opened(path, clock).newest()
    clock.now += 150
    again = opened(path, clock)
    assert again.named(first.name) == first
    assert again.newest() != first


def test_keys_that_a_killed_writer_left_are_deleted(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had written the new file, and had not yet put it in place."""
    opened(path, clock)
    clock.now += 150
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: sys.exit())  # dies here
        patch.setattr(os, "unlink", lambda *_: None)  # and does nothing more
        with pytest.raises(SystemExit):
            opened(path, clock)
    stray = path.with_name(f"{path.name}.new.backup")  # a user's
    stray.touch()
    assert len(list(path.parent.glob(".*"))) == 1
    opened(path, clock)
    assert not list(path.parent.glob(".*"))
    assert stray.exists()


def test_a_key_taken_out_is_dead_and_a_deleted_file_ends_all(path: Path, clock: Clock) -> None:
    keys = opened(path, clock)
    first = keys.newest()
    path.unlink()
    assert keys.named(first.name) is None
    second = keys.newest()
    assert second != first
    assert second.name.hex() in path.read_text()


def test_a_key_from_a_clock_far_ahead_does_not_seal_for_ever(path: Path, clock: Clock) -> None:
    clock.now += 10**9
    wrong = opened(path, clock).newest()
    clock.now = START
    keys = opened(path, clock)
    assert keys.newest() != wrong
    assert keys.named(wrong.name) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"format": 2, "keys": []}',
        '{"format": 1, "keys": [1]}',
        '{"format": 1, "keys": {"a": 1}}',
        '{"format": 1, "keys": [{"name": "aa", "key": "bb", "created": 1}]}',
        json.dumps({"format": 1, "keys": [{"name": HEX, "key": HEX, "created": "1"}]}),
        json.dumps({"format": 1, "keys": [{"name": HEX, "key": HEX, "created": True}]}),
        json.dumps({"format": 1, "keys": [{"name": HEX, "key": "z" * 32, "created": 1}]}),
        json.dumps({"format": 1, "keys": [{"name": HEX, "created": 1}]}),
        '{"format": 1, "keys": []}' + " " * (1 << 16),
    ],
)
def test_a_damaged_file_is_our_users_error_and_not_shown(
    path: Path, clock: Clock, text: str
) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"ticket-keys are damaged.*Delete the file") as caught:
        opened(path, clock)
    assert caught.value.__cause__ is None
    assert path.read_text() == text, "what may be of use to somebody is not overwritten"


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"-----BEGIN PRIVATE KEY-----\n00112233\n-----END PRIVATE KEY-----\n", "PEM"),
        (b"no JSON, but the secret 00112233445566778899aabbccddeeff", "text"),
        (b"[" * 50_000, "JSON"),
        (b"{}", "JSON"),
        (b'{"format": 1}', "JSON"),
        (b"17", "text"),
        (b"\xff\xfe\x00", "binary"),
    ],
)
def test_a_file_of_something_else_is_left_alone(
    path: Path, clock: Clock, data: bytes, looks: str, mode: int
) -> None:
    """To delete it would be bad advice: it may be a private key."""
    path.write_bytes(data)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=r"is no file of ticket keys.*another path") as caught:
        opened(path, clock)
    assert f"it looks like {looks}" in str(caught.value).replace("other JSON", "JSON")
    assert "elete" not in str(caught.value)
    assert "00112233" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert path.read_bytes() == data


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_a_new_one(path: Path, clock: Clock, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
    key = opened(path, clock).newest()
    assert key.name.hex() in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_keys_that_others_may_read_are_refused(path: Path, clock: Clock, mode: int) -> None:
    opened(path, clock)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        opened(path, clock)


def test_no_file_can_be_made(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(ConfigError, match="cannot keep ticket keys"):
        opened(tmp_path / "no" / "keys", clock)
    with pytest.raises(ConfigError, match="Is a directory"):
        opened(tmp_path, clock)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="not a regular file"):
        opened(pipe, clock)


def test_a_link_stays_a_link(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "keys")
    keys = opened(link, clock)
    clock.now += 100
    keys.newest()
    assert link.is_symlink()
    assert len(json.loads((tmp_path / "real" / "keys").read_text())["keys"]) == 2


def test_damage_in_mid_run_is_logged_once_and_the_known_keys_serve_on(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = opened(path, clock)
    first = keys.newest()
    path.write_text("damaged " + first.key.hex())
    with caplog.at_level(logging.DEBUG):
        for _ in range(20):
            assert keys.newest() == first
            assert keys.named(first.name) == first
        clock.now += 150  # it should be changed, but a damaged file is nobody's to overwrite
        for _ in range(20):
            assert keys.newest() == first
    assert len(caplog.records) == 2, caplog.text  # cannot be read; no new one can be written
    assert first.key.hex() not in caplog.text
    clock.now += 150
    with pytest.raises(ConfigError, match="no ticket keys"):
        keys.newest()
    assert keys.named(first.name) is None
    path.unlink()
    clock.now += 5
    assert keys.newest() != first, "all is well again"


def test_who_finds_another_at_it_goes_on_with_the_old_key(path: Path, clock: Clock) -> None:
    keys = opened(path, clock)
    first = keys.newest()
    clock.now += 100
    with keys._file.locked(wait=True) as mine:
        assert mine
        assert keys.newest() == first
    assert keys.newest() != first


def test_a_rotation_that_fails_leaves_the_file_as_it_was(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = opened(path, clock)
    first, before = keys.newest(), path.read_bytes()
    clock.now += 100

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert keys.newest() == first
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["ticket-keys", "ticket-keys.lock"]
    clock.now += 5
    assert keys.newest() != first


_RACER = """
import sys
from tlcp.sessions import key_file
from tlcp.sessions.ticket_keys import FileTicketKeys
path, now = sys.argv[1], float(sys.argv[2])
keys = FileTicketKeys(path, lifetime_s=10, keep=1000, clock=lambda: now, monotonic=lambda: now)
print("ready", flush=True)
for line in sys.stdin:
    now += float(line)
    print(keys.newest().name.hex(), flush=True)
"""


class Racer:
    """A process that asks for the newest key whenever it is told that time has gone on."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RACER, str(path), str(START)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.told, self.says = self.process.stdin, self.process.stdout

    def go(self, seconds: int) -> None:
        self.told.write(f"{seconds}\n")
        self.told.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.wait(LIMIT_S)
        self.told.close()
        self.says.close()


def test_processes_racing_on_the_file_lose_no_key(path: Path) -> None:
    rounds, used = 60, set()
    with contextlib.ExitStack() as stack:
        racers = [Racer(path) for _ in range(3)]  # they race for making the file, too
        for racer in racers:
            stack.callback(racer.close)
        assert [racer.says.readline() for racer in racers] == ["ready\n"] * 3
        for _ in range(rounds):  # in each round the newest key has become too old for all
            for racer in racers:
                racer.go(10)
            used |= {racer.says.readline().strip() for racer in racers}
    kept = [entry["name"] for entry in json.loads(path.read_text())["keys"]]
    assert len(set(kept)) == rounds + 1, "each rotation is done once"
    assert used <= set(kept), "every key that sealed can still open"


def test_a_file_of_another_user_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns it could put keys of his own there, or read ours."""
    path = tmp_path / "keys"
    FileTicketKeys(path)
    strangers = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: strangers)
    if path.stat().st_uid == 0:
        os.chown(path, strangers + 1, -1)
    with pytest.raises(ConfigError, match="belong to user"):
        FileTicketKeys(path)


def test_a_time_beyond_all_numbers_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    FileTicketKeys(path)
    text = json.loads(path.read_text())
    text["keys"][0]["created"] = 10**400
    path.write_text(json.dumps(text))
    with pytest.raises(ConfigError, match="damaged"):
        FileTicketKeys(path)


def test_a_lock_that_nobody_opens_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_LOCK_SECONDS", 0.05)
    path = tmp_path / "keys"
    with (tmp_path / "keys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match=r"lock .*keys\.lock"):
            FileTicketKeys(path)
    assert FileTicketKeys(path).newest()
