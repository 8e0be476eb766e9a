"""Several processes give what one gives; a connection goes to whoever knows its session."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from typing import Any

import pytest

from support.captured import CAPTURES, captures
from support.pcap import read_streams
from tlcp.inspect.captures import open_capture
from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.farm import Conflicts, Farm, FarmError
from tlcp.inspect.packets import Decoder
from tlcp.inspect.routing import Router
from tlcp.inspect.streams import Assembler


class Counting:
    """Work that tells which process did it and what it got."""

    def __init__(self) -> None:
        self.bytes = dict[int, int]()
        self.logs = list[str]()

    def begin(self, number: int, client: str, server: str) -> None:
        self.bytes[number] = 0

    def feed(self, number: int, sender: int, time_s: float, data: bytes, lost: int) -> None:
        if data == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if data == b"fail":
            raise ValueError("this one cannot be inspected")
        self.bytes[number] += len(data)

    def end(self, number: int, ending: str, conflicts: Conflicts) -> Any:
        return (number, os.getpid(), self.bytes.pop(number), list(self.logs))

    def learn(self, key_log: str) -> None:
        self.logs.append(key_log)


def test_results_come_in_the_order_in_which_connections_ended() -> None:
    got = list[Any]()
    farm = Farm(3, Counting(), got.append)
    farm.learn("first")
    rng = random.Random(1)  # noqa: S311
    sizes = {n: [rng.randint(1, 5000) for _ in range(rng.randint(0, 9))] for n in range(4000)}
    for number, pieces in sizes.items():
        farm.begin(number, "c", "s")
        for size in pieces:
            farm.feed(number, 0, 0.0, bytes(size), 0)
        farm.end(number, "closed", [])
    farm.finish()
    assert [one[0] for one in got] == list(sizes)
    assert [one[2] for one in got] == [sum(pieces) for pieces in sizes.values()]
    assert len({one[1] for one in got}) == 3
    assert all(one[3] == ["first"] for one in got)
    assert os.getpid() not in {one[1] for one in got}


def test_long_results_are_not_waited_for_in_great_numbers() -> None:
    """All connections end with the capture, and the first one's worker is the slowest."""

    class Slow(Counting):
        def end(self, number: int, ending: str, conflicts: Conflicts) -> Any:
            if number == 0:
                release.recv_bytes()
            return super().end(number, ending, conflicts)

    release, go = multiprocessing.Pipe(duplex=False)
    got = list[Any]()
    farm = Farm(2, Slow(), got.append)
    timer = threading.Timer(0.5, go.send_bytes, (b"go",))
    timer.start()
    for number in range(200):
        farm.begin(number, "c", "s")
        for _ in range(4):
            farm.feed(number, 0, 0.0, bytes(1 << 18), 0)
        farm.end(number, "end of capture", [])
        assert number + 1 - len(got) <= 64
    farm.finish()
    timer.join()
    assert [one[0] for one in got] == list(range(200))


@pytest.mark.parametrize(("last", "words"), [(b"die", "signal 9"), (b"fail", "cannot be inspect")])
def test_a_worker_that_fails_is_told_and_nothing_hangs(last: bytes, words: str) -> None:
    farm = Farm(2, Counting(), lambda _: None)

    def work() -> None:
        for number in range(3000):
            farm.begin(number, "c", "s")
            farm.feed(number, 0, 0.0, last if number == 40 else bytes(300), 0)
            farm.end(number, "closed", [])
        farm.finish()

    with pytest.raises(FarmError, match=words):
        work()
    farm.close()


def test_breaking_off_ends_the_processes() -> None:
    farm = Farm(2, Counting(), lambda _: None)
    farm.begin(0, "c", "s")
    farm.feed(0, 0, 0.0, bytes(300), 0)
    farm.close()
    assert not any(worker.process.is_alive() for worker in farm._workers)


class Places:
    """Which worker got which connection, and in what order its bytes."""

    def __init__(self, workers: int) -> None:
        self.segments = dict[int, list[tuple[int, float, bytes, int]]]()
        self.workers = dict[int, set[int]]()
        self.router = Router(workers, self.take)

    def take(self, worker: int, number: int, segments: list[tuple[int, float, bytes, int]]) -> None:
        self.workers.setdefault(number, set()).add(worker)
        self.segments.setdefault(number, []).extend(segments)


@pytest.mark.parametrize("name", [name for name in captures() if "resume" in name])
@pytest.mark.parametrize("step", [1, 7, 600, 1 << 20])
def test_a_resumed_connection_goes_to_the_worker_of_its_session(name: str, step: int) -> None:
    """Whether it is resumed by id or by ticket, and however TCP cut it."""
    places, others = Places(5), 0
    streams = read_streams(CAPTURES / f"{name}.pcap")
    assert len(streams) == 2
    for number, stream in enumerate(streams):
        places.router.begin(number)
        # the client's hello, then everything of the server, then the rest
        sent = list[tuple[int, float, bytes, int]]()
        for sender, data in ((0, stream.client), (1, stream.server)):
            sent += [(sender, 0.0, bytes(data[i : i + step]), 0) for i in range(0, len(data), step)]
        for segment in sent:
            places.router.feed(number, segment)
        worker = places.router.end(number)
        assert places.workers[number] == {worker}
        assert places.segments[number] == sent
        for _ in range(3):  # others in between, which go round
            others += 1
            places.router.begin(100 + others)
            places.router.end(100 + others)
    assert places.workers[0] == places.workers[1]


def test_whatever_comes_is_handed_on_whole_and_to_one_worker() -> None:
    rng = random.Random(2)  # noqa: S311
    for _ in range(300):
        places = Places(3)
        places.router.begin(0)
        sent = list[tuple[int, float, bytes, int]]()
        for _ in range(rng.randint(0, 12)):
            head = rng.choice([b"", b"\x16\x01\x01", b"\x16\x01\x01\x00\x30\x01", b"GET"])
            data = head + rng.randbytes(rng.randint(0, 90))
            sent.append((rng.randint(0, 1), 0.0, data, rng.choice([0, 0, 0, 5])))
            places.router.feed(0, sent[-1])
        worker = places.router.end(0)
        assert places.segments.get(0, []) == sent
        assert places.workers.get(0, {worker}) == {worker}


def test_connections_of_a_capture_are_handed_on_as_they_are() -> None:
    """The same segments as without a router, for every capture."""
    for name in captures():
        places, plain = Places(2), dict[int, list[tuple[int, float, bytes, int]]]()

        def begin(one: Conversation, places: Places = places) -> None:
            places.router.begin(one.number)

        def feed(
            one: Conversation,
            segment: Segment,
            places: Places = places,
            plain: dict[int, list[tuple[int, float, bytes, int]]] = plain,
        ) -> None:
            plain.setdefault(one.number, []).append(tuple(segment))  # type: ignore[arg-type]
            places.router.feed(one.number, tuple(segment))  # type: ignore[arg-type]

        def end(one: Conversation, places: Places = places) -> None:
            places.router.end(one.number)

        assembler, decoder = Assembler(begin, feed, end), Decoder()
        with open_capture(CAPTURES / f"{name}.pcap") as capture:
            for packet in capture:
                if (segment := decoder.decode(packet)) is not None:
                    assembler.feed(segment)
        assembler.finish()
        assert places.segments == plain
