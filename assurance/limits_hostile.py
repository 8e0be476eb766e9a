"""A crowd of hostile clients that is always complete, in a process of its own.

When the server ends one of its connections, or one has left, the next of that kind comes at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import time
from multiprocessing.connection import Connection as Pipe
from typing import Final, NamedTuple

from assurance.limits_enemy import Enemy
from assurance.limits_insiders import INSIDERS
from assurance.limits_outsiders import OUTSIDERS
from tlcp.config import Config

__all__ = ["KINDS", "Crowd", "attack"]

_COUNT_S: Final = 0.1
_ADDRESSES: Final = 200  # that they come from, or the ports of one would run out

#: What they do, in equal parts.
KINDS: Final[tuple[type[Enemy], ...]] = (*OUTSIDERS, *INSIDERS)


class Crowd(NamedTuple):
    """What the attackers saw since they were last asked.

    Attributes:
        connections: that came about.
        failed: attempts that came to nothing.
        least_tried: at any moment: connections and attempts at one.
        least_open, median_open: at any moment: connections.
        longest_s: that one of them has lasted, or lasts.
    """

    connections: int
    failed: int
    least_tried: int
    least_open: int
    median_open: int
    longest_s: float


def attack(pipe: Pipe, port: int, count: int, config: Config) -> None:
    """Attack until the pipe ends; say "there" when all have been, then answer with a ``Crowd``."""
    asyncio.run(_Attack(pipe, port, count, config).run())


class _Attack:
    def __init__(self, pipe: Pipe, port: int, count: int, config: Config) -> None:
        self._pipe, self._port, self._count, self._config = pipe, port, count, config
        self._over, self._there = asyncio.Event(), 0
        self._tried, self._begun = 0, dict[int, float]()  # when, by number
        self._forget()

    def _forget(self) -> None:
        self._connections, self._failed, self._longest_s = 0, 0, 0.0
        self._seen = list[tuple[int, int]]()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe.fileno(), self._answer)
        tasks = [asyncio.create_task(self._one(number)) for number in range(self._count)]
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _COUNT_S)
            self._seen.append((self._tried, len(self._begun)))
        for task in tasks:
            task.cancel()

    def _answer(self) -> None:
        try:
            self._pipe.recv()
        except EOFError:
            self._over.set()
            return
        tried = [one for one, _ in self._seen] or [self._tried]
        opened = [one for _, one in self._seen] or [len(self._begun)]
        now = time.monotonic()
        longest_s = max([self._longest_s, *(now - begin for begin in self._begun.values())])
        median = round(statistics.median(opened))
        self._pipe.send(
            Crowd(self._connections, self._failed, min(tried), min(opened), median, longest_s)
        )
        self._forget()

    async def _one(self, number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        first = True
        self._tried += 1
        try:
            while not self._over.is_set():
                try:
                    enemy = await self._connect(kind, number)
                except OSError:
                    self._failed += 1
                    await asyncio.sleep(_COUNT_S)
                    continue
                self._connections += 1
                if first:
                    first, self._there = False, self._there + 1
                    if self._there == self._count:
                        self._pipe.send("there")
                self._begun[number] = time.monotonic()
                await enemy.gone
                self._longest_s = max(self._longest_s, time.monotonic() - self._begun.pop(number))
        finally:
            self._tried -= 1

    async def _connect(self, kind: type[Enemy], number: int) -> Enemy:
        sock = socket.socket()
        try:
            sock.setblocking(False)
            if kind.WINDOW_BYTES:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kind.WINDOW_BYTES)
            sock.bind((f"127.0.1.{1 + number % _ADDRESSES}", 0))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", self._port))
            _, enemy = await loop.create_connection(lambda: kind(self._config), sock=sock)
        except BaseException:
            sock.close()
            raise
        return enemy
