"""Connections inspected by several processes, with the results in the order of one.

The reader of the capture hands segments to workers in batches; each connection has one worker,
which ``Router`` chooses. Results come back in the order in which connections ended, whoever was
quicker. What waits is bounded on both ways: pipes that are full hold up whoever writes.

Workers are forked, so that keys and trusted CAs need not pass through any pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol

from tlcp.inspect.routing import Router, Segments

__all__ = ["Farm", "FarmError", "Work"]

_BATCH_BYTES: Final = 1 << 17
_ENTRY_BYTES: Final = 256  # what one costs beside its data
_PIPE_BYTES: Final = 1 << 20  # some batches, so that nobody waits for the other at each of them
_MOST_WAITING: Final = 1024  # connections that are over and whose results are not there yet
_MOST_WAITING_BYTES: Final = 1 << 26  # and how much came for them: results are longer than that
_COUNTED_BYTES: Final = 1 << 20  # of one connection: no more is kept of it
_RESULT_BYTES: Final = 1 << 20  # that go into the pipe at once
_MARSHAL: Final = 2  # the version that does not look for what occurs twice
_BEGIN, _END, _LEARN = -1, -2, -3  # what begins an entry; numbers of connections begin data
_FAILED: Final = "failed"  # instead of a result: whatever ``end`` returns must not begin so

Conflicts = list[tuple[int, float, int, int]]


class FarmError(RuntimeError):
    """A worker failed or died; not the capture's fault."""


class Work(Protocol):
    """What inspects connections, one after the other or several at a time."""

    def begin(self, number: int, client: str, server: str) -> None:
        """A connection begins."""

    def feed(self, number: int, sender: int, time_s: float, data: bytes, lost: int) -> None:
        """Its next segment."""

    def end(self, number: int, ending: str, conflicts: Conflicts) -> Any:
        """It is over: what to hand to ``emit``, of the types that ``marshal`` knows."""

    def learn(self, key_log: str) -> None:
        """Take a key log for what follows."""


class _Worker:
    """The parent's side of one process."""

    def __init__(self, process: Any, tasks: Connection, results: Connection) -> None:
        self.process, self.tasks, self.results = process, tasks, results
        _widen(tasks)
        self.batch: list[tuple[Any, ...]] = []
        self.batch_bytes = 0
        self.done: deque[bytes] = deque()  # results, still packed
        self.thread: threading.Thread | None = None
        self.over = False


class _Line:
    """A connection that is not over: how much came, and its worker once nobody looks at it here."""

    __slots__ = ("size", "worker")

    def __init__(self) -> None:
        self.size = 0
        self.worker: _Worker | None = None


class Farm:
    """Processes that inspect.

    Args:
        jobs: how many.
        work: what each of them does; made before they are forked, used by the workers only.
        emit: gets each result, in order, in this process.
    """

    def __init__(self, jobs: int, work: Work, emit: Callable[[Any], None]) -> None:
        self._emit = emit
        self._workers: list[_Worker] = []
        self._order: deque[tuple[int, int]] = deque()  # (worker, bytes that came)
        self._waiting_bytes = 0
        self._lines: dict[int, _Line] = {}  # of those that are not over
        self._names: dict[int, tuple[str, str]] = {}  # until a worker is told of it
        self._news = threading.Condition()
        self._router = Router(jobs, self._forward)
        context = multiprocessing.get_context("fork")
        ours: list[Connection] = []
        for _ in range(jobs):
            their_tasks, tasks = context.Pipe(duplex=False)
            results, their_results = context.Pipe(duplex=False)
            ours += (tasks, results)
            arguments = (work, their_tasks, their_results, ours)
            process = context.Process(target=_run, args=arguments, daemon=True)
            process.start()
            their_tasks.close()
            their_results.close()
            self._workers.append(_Worker(process, tasks, results))
        for worker in self._workers:  # only now: threads and forks do not mix
            worker.thread = threading.Thread(target=self._collect, args=(worker,), daemon=True)
            worker.thread.start()

    # ---- what the reader says ---------------------------------------------------------------

    def begin(self, number: int, client: str, server: str) -> None:
        """A connection begins; its worker is chosen by its first segments."""
        self._router.begin(number)
        self._lines[number] = _Line()
        self._names[number] = (client, server)

    def feed(self, number: int, sender: int, time_s: float, data: bytes, lost: int) -> None:
        """Its next segment."""
        line, size = self._lines[number], len(data)
        line.size += size
        worker = line.worker
        if worker is None:
            self._router.feed(number, (sender, time_s, data, lost))
            if (known := self._router.settled(number)) >= 0:
                line.worker = self._workers[known]
            return
        worker.batch.append((number, sender, time_s, data, lost))
        worker.batch_bytes += size + _ENTRY_BYTES
        if worker.batch_bytes >= _BATCH_BYTES:
            self._flush(worker)

    def end(self, number: int, ending: str, conflicts: Conflicts) -> None:
        """It is over.

        Raises:
            FarmError: a worker failed or died.
        """
        worker = self._router.end(number)
        self._announce(worker, number)
        self._give(worker, (_END, number, ending, conflicts), 0)
        size = min(self._lines.pop(number).size, _COUNTED_BYTES)
        self._order.append((worker, size))
        self._waiting_bytes += size
        self._pump(_MOST_WAITING)

    def learn(self, key_log: str) -> None:
        """Give a key log to all workers, for what follows."""
        for worker in range(len(self._workers)):
            self._give(worker, (_LEARN, key_log), len(key_log))

    def finish(self) -> None:
        """Wait for all results.

        Raises:
            FarmError: a worker failed or died.
        """
        for worker in self._workers:
            self._flush(worker)
        self._pump(0)
        self.close()

    def close(self) -> None:
        """End the processes, whatever they do."""
        for worker in self._workers:
            worker.tasks.close()
        for worker in self._workers:
            if self._order:  # it was broken off
                worker.process.terminate()
            worker.process.join()
            if worker.thread is not None:
                worker.thread.join()
            worker.results.close()

    # ---- there and back ----------------------------------------------------------------------

    def _forward(self, worker: int, number: int, segments: Segments) -> None:
        self._announce(worker, number)
        for segment in segments:
            self._give(worker, (number, *segment), len(segment[2]))

    def _announce(self, worker: int, number: int) -> None:
        names = self._names.pop(number, None)
        if names is not None:
            self._give(worker, (_BEGIN, number, *names), 0)

    def _give(self, worker: int, entry: tuple[Any, ...], size: int) -> None:
        one = self._workers[worker]
        one.batch.append(entry)
        one.batch_bytes += size + _ENTRY_BYTES
        if one.batch_bytes >= _BATCH_BYTES:
            self._flush(one)

    def _flush(self, worker: _Worker) -> None:
        if not worker.batch:
            return
        batch, worker.batch, worker.batch_bytes = worker.batch, [], 0
        try:
            worker.tasks.send_bytes(marshal.dumps(batch, _MARSHAL))
        except OSError:
            raise self._lost(worker) from None

    def _collect(self, worker: _Worker) -> None:
        """In a thread of its own: take results as they come, so that no worker waits."""
        try:
            while True:
                results = marshal.loads(worker.results.recv_bytes())  # noqa: S302 (our own child)
                with self._news:
                    worker.done.extend(results)
                    self._news.notify()
        except (EOFError, OSError):
            with self._news:
                worker.over = True
                self._news.notify()

    def _pump(self, most: int) -> None:
        """Emit what is there in order, and wait until no more than so many are outstanding."""
        while self._order:
            worker, size = self._workers[self._order[0][0]], self._order[0][1]
            if not worker.done:
                if len(self._order) <= most and self._waiting_bytes <= _MOST_WAITING_BYTES:
                    return
                for one in self._workers:
                    self._flush(one)
                with self._news:
                    while not worker.done and not worker.over:
                        self._news.wait()
                if not worker.done:
                    raise self._lost(worker)
            result = marshal.loads(worker.done.popleft())  # noqa: S302 (our own child)
            if _is_failure(result):
                raise _failure(result)
            self._order.popleft()
            self._waiting_bytes -= size
            self._emit(result)

    def _lost(self, worker: _Worker) -> FarmError:
        worker.process.join(1)
        if worker.thread is not None:
            worker.thread.join(1)
        if worker.done:
            last = marshal.loads(worker.done[-1])  # noqa: S302 (our own child)
            if _is_failure(last):
                return _failure(last)
        code = worker.process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        return FarmError(
            f"a process that inspects connections ended {how}, so that the rest is missing; "
            "is there enough memory? --jobs 1 works without other processes"
        )


def _is_failure(result: Any) -> bool:
    return isinstance(result, tuple) and result[0] == _FAILED


def _failure(result: Any) -> FarmError:
    return FarmError(f"inspecting a connection failed: {result[1]}")


def _run(work: Work, tasks: Connection, results: Connection, others: list[Connection]) -> None:
    """A worker, until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    feed = work.feed
    try:
        while True:
            done: list[bytes] = []
            size = 0
            for entry in marshal.loads(tasks.recv_bytes()):  # noqa: S302 (our own parent)
                kind = entry[0]
                if kind >= 0:
                    feed(*entry)
                    continue
                if kind != _END:
                    (work.begin if kind == _BEGIN else work.learn)(*entry[1:])
                    continue
                done.append(marshal.dumps(work.end(*entry[1:])))
                size += len(done[-1])
                if size > _RESULT_BYTES:  # many long ones may end in one batch
                    results.send_bytes(marshal.dumps(done))
                    done, size = [], 0
            if done:
                results.send_bytes(marshal.dumps(done))
    except (EOFError, BrokenPipeError):
        pass
    except Exception as error:
        failure = marshal.dumps((_FAILED, f"{type(error).__name__}: {error}"))
        results.send_bytes(marshal.dumps([failure]))
    finally:
        results.close()
        os._exit(0)


def _widen(pipe: Connection) -> None:
    """Let more bytes wait in a pipe, where the system allows it."""
    with contextlib.suppress(AttributeError, OSError):  # other than Linux; over a user's share
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
