"""Ticket keys in memory: when they seal and when they open."""

from __future__ import annotations

import threading

import pytest

from tlcp.errors import ConfigError
from tlcp.sessions.ticket_keys import RotatingTicketKeys

LIMIT_S = 30


class Clock:
    """Time that goes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_seals_for_its_lifetime_and_opens_for_two_more() -> None:
    clock = Clock()
    keys = RotatingTicketKeys(100, keep=2, clock=clock)
    first = keys.newest()
    assert (len(first.name), len(first.key)) == (16, 16)
    clock.now += 99
    assert keys.newest() == first
    clock.now += 1
    second = keys.newest()
    assert second.name != first.name
    assert second.key != first.key
    assert keys.named(first.name) == first
    clock.now += 100
    assert len({first.name, second.name, keys.newest().name}) == 3
    clock.now += 99
    assert keys.named(first.name) == first
    clock.now += 1
    assert keys.named(first.name) is None
    assert keys.named(second.name) == second


def test_an_idle_server_does_not_prolong_its_keys() -> None:
    clock = Clock()
    keys = RotatingTicketKeys(100, keep=1, clock=clock)
    first = keys.newest()
    clock.now += 200
    assert keys.named(first.name) is None
    keys.newest()
    assert len(keys._ring) == 1, "dead keys leave the memory"


def test_keep_nothing_means_that_a_key_dies_with_its_lifetime() -> None:
    clock = Clock()
    keys = RotatingTicketKeys(100, keep=0, clock=clock)
    first = keys.newest()
    clock.now += 99
    assert keys.named(first.name) == first
    clock.now += 1
    assert keys.named(first.name) is None


def test_strange_names_are_none() -> None:
    keys = RotatingTicketKeys()
    keys.newest()
    assert keys.named(bytes(16)) is None
    assert keys.named(b"") is None


def test_threads_agree_on_each_key() -> None:
    clock = Clock()
    keys = RotatingTicketKeys(100, clock=clock)
    for _ in range(20):
        seen: list[bytes] = []

        def work(seen: list[bytes] = seen) -> None:
            seen.append(keys.newest().name)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
        assert len(seen) == 8
        assert len(set(seen)) == 1
        clock.now += 100


@pytest.mark.parametrize(("lifetime_s", "keep"), [(0, 1), (-5, 1), (10, -1)])
def test_a_schedule_that_cannot_work_is_refused(lifetime_s: int, keep: int) -> None:
    with pytest.raises(ConfigError, match="lifetime"):
        RotatingTicketKeys(lifetime_s, keep)


def test_its_repr_shows_no_key() -> None:
    keys = RotatingTicketKeys(random=lambda size: b"K" * size)
    keys.newest()
    assert "KKKK" not in f"{keys!r} {keys._ring!r}"
    assert (b"K" * 16).hex() not in repr(keys)
