"""Processes that are killed while they change a CA or ticket keys."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import tempfile
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final

from assurance.children import Child
from assurance.figures import Result, Tell
from support.redis_server import RedisServer
from tlcp.crypto.keyfile import load_private_key
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.directory import CADirectory
from tlcp.sessions.ticket_keys import FileTicketKeys, RedisTicketKeys
from tlcp.x509.certificate import load_pem_certificates

__all__ = ["run"]

_MOST_S: Final = 0.06  # within which a process dies
_CA_MOST_S: Final = 0.3
_LIFETIME_S: Final = 60


def run(result: Result, tell: Tell, *, long: bool) -> None:
    """Kill at random moments; what a process had said to be done must be there."""
    times = 300 if long else 25
    chance = random.Random(38636)  # noqa: S311  # the moments, no secrets
    tell(f"{times} processes that change a CA are killed")
    result.add("processes killed while they changed a CA", times)
    done, lost = _kill_issuers(times, chance)
    result.add("changes of the CA acknowledged before", done, least=times)
    result.add("changes of the CA lost", len(lost), most=0)
    tell(f"{times} processes that change ticket keys are killed")
    kept, gone = _kill_rotators(times, chance)
    result.add("processes killed while they changed ticket keys in a file", times)
    result.add("ticket keys acknowledged before", kept, least=times)
    result.add("ticket keys lost, or left in files that nobody reads", len(gone), most=0)
    result.failures += [*lost[:5], *gone[:5]]
    if shutil.which("redis-server") is None:
        result.notes.append("no redis-server: ticket keys in Redis were not tried")
        return
    kept, gone = _kill_redis_users(times // 5, chance)
    result.add("processes killed while they used ticket keys in Redis", times // 5)
    result.add("ticket keys acknowledged before (Redis)", kept, least=1)
    result.add("ticket keys lost (Redis)", len(gone), most=0)
    result.failures += gone[:5]


# ---- a CA -------------------------------------------------------------------------------------


def _kill_issuers(times: int, chance: random.Random) -> tuple[int, list[str]]:
    """Changes that were acknowledged, and what is wrong after the deaths."""
    done, wrong = 0, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ca"
        CADirectory.create(path, CertificateAuthority.create())
        for number in range(times):
            said = _killed(_issue, chance, str(path), number, most_s=_CA_MOST_S)
            done += len(said)
            directory = CADirectory.open(path)
            known = {("issued", entry.name) for entry in directory.issued}
            known |= {("revoked", one.name) for one in directory.issued if one.revoked_at}
            wrong += [f"{name} was {what}, and the CA does not know" for what, name in said
                      if (what, name) not in known]  # fmt: skip
            names = {name for _, name in known}
            # a pair that was renewed is kept, whole, under its serial number
            names |= {f"old-{one.name}-{one.serial_number:x}" for one in directory.issued}
            wrong += [f"after death {number}: {text}" for text in _damage(path, names)]
    return done, wrong


def _issue(pipe: Pipe, path: str, number: int) -> None:
    directory = CADirectory.open(path)
    for count in itertools.count():
        name = f"n{number}-{count}"
        directory.issue_pair(name, [f"{name}.example"])
        pipe.send(("issued", name))
        if count % 2:
            directory.revoke(name, "superseded")
            pipe.send(("revoked", name))
        if count % 3 == 0:
            directory.renew(name)
            directory.make_crl()
            pipe.send(("issued", name))


def _damage(path: Path, known: set[str]) -> list[str]:
    """What cannot be of a directory that is whole."""
    wrong = [f"{left.name} is left behind" for left in path.glob(".tlcp.*")]
    names = {file.name.removesuffix(".sign.crt") for file in path.glob("*.sign.crt")}
    wrong += [f"{name} has files, and the index does not know it" for name in names - known]
    renewed = {name for name in names if name.startswith("old-")}
    # the others were looked at before
    for name in [*sorted(names - renewed)[-3:], *sorted(renewed)[-3:]]:
        for half in ("sign", "enc"):
            certificate = load_pem_certificates((path / f"{name}.{half}.crt").read_bytes())[0]
            key = load_private_key((path / f"{name}.{half}.key").read_bytes())
            if key.public_key != certificate.public_key:
                wrong.append(f"{name}.{half}: key and certificate do not belong together")
    return wrong


# ---- ticket keys --------------------------------------------------------------------------------


def _kill_rotators(times: int, chance: random.Random) -> tuple[int, list[str]]:
    kept, wrong = 0, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys"
        clock = 1e9
        for _ in range(times):
            said = _killed(_rotate, chance, str(path), clock)
            kept += len(said)
            name, key, clock = said[-1]
            known = _keys_at(path, clock).named(name)
            if known is None or known.key != key:
                wrong.append("a ticket key that was in use is lost")
            clock += _LIFETIME_S
            _keys_at(path, clock).newest()  # a rotation, which clears up
            left = [file for file in os.listdir(folder) if file not in ("keys", "keys.lock")]
            if left:
                wrong.append(f"files with keys are left behind: {left}")
    return kept, wrong


def _keys_at(path: Path, clock: float) -> FileTicketKeys:
    return FileTicketKeys(path, lifetime_s=_LIFETIME_S, clock=lambda: clock)


def _rotate(pipe: Pipe, path: str, clock: float) -> None:
    now = clock
    keys = FileTicketKeys(path, lifetime_s=_LIFETIME_S, clock=lambda: now)
    while True:
        newest = keys.newest()
        pipe.send((newest.name, newest.key, now))
        now += _LIFETIME_S


def _kill_redis_users(times: int, chance: random.Random) -> tuple[int, list[str]]:
    kept, wrong = 0, list[str]()
    with RedisServer() as redis:
        for _ in range(times):
            said = _killed(_use_redis, chance, redis.url)
            kept += len(said)
            keys = RedisTicketKeys(redis.url)
            for name, key in said[-1:]:
                known = keys.named(name)
                if known is None or known.key != key:
                    wrong.append("a ticket key that was in use is lost (Redis)")
    return kept, wrong


def _use_redis(pipe: Pipe, url: str) -> None:
    while True:
        newest = RedisTicketKeys(url).newest()
        pipe.send((newest.name, newest.key))


def _killed(
    work: Any, chance: random.Random, *arguments: Any, most_s: float = _MOST_S
) -> list[Any]:
    """Run it, kill it at some moment after its first word; all that it said."""
    with Child(work, *arguments) as child:
        said = [child.hear()]
        time.sleep(chance.uniform(0, most_s))
        child.kill()
        with contextlib.suppress(EOFError, OSError):
            while child.pipe.poll(0):
                said.append(child.pipe.recv())
    return said
