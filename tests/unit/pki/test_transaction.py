"""Several files changed as one, whoever dies when."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tlcp
from tlcp.errors import ConfigError
from tlcp.pki import transaction
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.directory import CADirectory
from tlcp.pki.files import write_files
from tlcp.pki.transaction import commit, locked
from tlcp.x509.certificate import load_pem_certificates
from tlcp.x509.identity import Identity

SOURCE = str(Path(tlcp.__file__).parents[1])
LIMIT_S = 120.0

# Forks a child for each step of a change; the child kills itself there, before or after the call.
KILLER = """
import os, shutil, signal, sys
from tlcp.pki.directory import CADirectory

base, work, what = sys.argv[1:]
step = 0

def counted(function):
    def wrapped(*arguments, **options):
        die_at_step()
        result = function(*arguments, **options)
        die_at_step()
        return result
    return wrapped

def die_at_step():
    global step
    step += 1
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)

last = 0
while True:
    last += 1
    copy = f"{work}/{last}"
    shutil.copytree(base, copy)
    child = os.fork()
    if child == 0:
        for name in ("open", "replace", "fsync", "fchmod", "unlink"):
            setattr(os, name, counted(getattr(os, name)))
        directory = CADirectory(__import__("pathlib").Path(copy))
        if what == "renew":
            directory.renew("server")
        else:
            directory.revoke("server", "superseded")
            directory.make_crl()
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(last)
"""


def run(code: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pair_of(folder: Path, name: str) -> Identity:
    parts = ("sign.crt", "sign.key", "enc.crt", "enc.key")
    return Identity.load(*(folder / f"{name}.{part}" for part in parts))  # type: ignore[arg-type]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    directory = CADirectory.create(tmp_path / "base", CertificateAuthority.create())
    directory.issue_pair("server", ["localhost"])
    return directory.path


def test_a_renewal_killed_anywhere_is_done_or_not_done(base: Path, tmp_path: Path) -> None:
    before = pair_of(base, "server").fingerprint
    keys = {path.read_bytes() for path in base.glob("server.*.key")}
    work = tmp_path / "work"
    work.mkdir()
    last = int(run(KILLER, base, work, "renew"))
    assert last > 30  # that many places to die
    done = []
    for step in range(1, last + 1):
        folder = work / str(step)
        directory = CADirectory.open(folder)  # heals
        pair = pair_of(folder, "server")  # both halves, with their keys
        serials = {entry.serial_number for entry in directory.issued}
        assert pair.sign_cert.serial_number in serials
        assert pair.enc_cert is not None
        assert pair.enc_cert.serial_number in serials
        done.append(pair.fingerprint != before)
        assert len(serials) == (4 if done[-1] else 2)
        there = {path.read_bytes() for path in folder.glob("*.key")}
        assert keys <= there  # under one name or the other, no key is ever lost
        assert len(list(folder.glob("old-server-*"))) == (4 if done[-1] else 0)
        assert not list(folder.glob(".tlcp.*"))
        for path in folder.iterdir():
            public = path.suffix == ".crt"
            assert stat.S_IMODE(path.stat().st_mode) == (0o644 if public else 0o600), path
        directory.issue_pair("next")
        assert len(directory.issued) == len(serials) + 2
    # At first nothing was changed, and from one step on all of it.
    assert done == sorted(done)
    assert (done[0], done[-1]) == (False, True)


def test_a_revocation_killed_anywhere_is_done_or_not_done(base: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    last = int(run(KILLER, base, work, "revoke"))
    states = []
    for step in range(1, last + 1):
        directory = CADirectory.open(work / str(step))
        revoked = {entry.revoked_at is not None for entry in directory.issued}
        assert len(revoked) == 1  # both certificates, or none
        states.append((revoked.pop(), (directory.path / "ca.crl").exists()))
        if states[-1][1]:
            assert states[-1][0]
    assert states == sorted(states)
    assert {(False, False), (True, False), (True, True)} == set(states)


ISSUER = """
import itertools, sys
from tlcp.pki import ca
from tlcp.pki.directory import CADirectory

numbers = itertools.count(1)
ca._serial = lambda random: next(numbers)  # every process tries the same numbers
directory = CADirectory.open(sys.argv[1])
sys.stdin.read(1)  # all begin at once
for number in range(6):
    directory.issue_pair(f"{sys.argv[2]}-{number}")
"""


def test_processes_that_issue_at_once_lose_and_repeat_no_serial(tmp_path: Path) -> None:
    directory = CADirectory.create(tmp_path / "ca", CertificateAuthority.create())
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ISSUER, str(directory.path), str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": SOURCE},
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"x")
        worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate(timeout=LIMIT_S)
        assert worker.returncode == 0, errors.decode()
    issued = directory.issued
    assert len(issued) == 48
    assert {entry.serial_number for entry in issued} == set(range(1, 49))
    on_disk = {
        load_pem_certificates(path.read_bytes())[0].serial_number
        for path in directory.path.glob("*-*.crt")
    }
    assert on_disk == set(range(1, 49))
    for entry in issued:
        pair_of(directory.path, entry.name)


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    directory = CADirectory.create(tmp_path, CertificateAuthority.create())
    threads = [
        threading.Thread(target=directory.issue_pair, args=(f"n{number}",)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len({entry.serial_number for entry in directory.issued}) == 16


def test_a_lock_that_is_kept_is_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_LOCK_SECONDS", 0.0)
    with (
        locked(tmp_path),
        pytest.raises(ConfigError, match="another process has kept the lock"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):  # free again
        pass


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"a.crt": b"old", "b.key": b"old"})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        write_files(tmp_path, {"a.crt": b"new", "b.key": b"new"}, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.crt": b"old",
        "b.key": b"old",
    }


@pytest.mark.parametrize(
    "journal",
    [
        b"not json",
        b"[]",
        b"[" * 100_000,
        b'{".tlcp.new.1": 1}',
        b'{".tlcp.new.1": "../victim"}',
        b'{".tlcp.new.1": "/victim"}',
        b'{".tlcp.new.1": ".."}',
        b'{"../victim": "ca.crt"}',
        b'{".tlcp.new./../../victim": "ca.crt"}',
        b'{"ca.key": "ca.crt"}',
        b'{".tlcp.new.1": ".tlcp.journal"}',
    ],
)
def test_a_journal_of_others_is_not_obeyed(journal: bytes, tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "unpacked"
    folder.mkdir()
    journal = journal.replace(b'"/victim', b'"' + str(victim).encode())
    contents = {"ca.key": b"key", "ca.crt": b"crt", ".tlcp.new.1": b"new", ".tlcp.journal": journal}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    victim.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="not a journal of tlcp"), locked(folder):
        pass
    assert victim.read_bytes() == b"mine"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents


def test_a_directory_that_is_missing_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot lock"), locked(tmp_path / "no"):
        pass


def test_commit_alone_writes_with_the_right_modes(tmp_path: Path) -> None:
    with locked(tmp_path):
        commit(tmp_path, {"x.crt": b"1", "x.key": b"2", "ca.json": b"3", "x.csr": b"4"})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"x.crt": 0o644, "x.key": 0o600, "ca.json": 0o600, "x.csr": 0o644}
