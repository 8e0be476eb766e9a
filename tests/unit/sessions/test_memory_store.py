"""Sessions in memory: bounded, mortal, and safe among threads."""

from __future__ import annotations

import random
import threading

import pytest

from tlcp.errors import ConfigError
from tlcp.sessions.store import MemoryStore

LIMIT_S = 30


class Clock:
    """Time that goes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_put_is_got_until_removed() -> None:
    store = MemoryStore()
    assert store.get(b"a") is None
    store.put(b"a", b"state", 10)
    assert store.get(b"a") == b"state"
    assert store.get(b"a") == b"state"
    store.put(b"a", b"newer", 10)
    assert store.get(b"a") == b"newer"
    store.remove(b"a")
    store.remove(b"a")
    assert store.get(b"a") is None


def test_a_session_dies_when_its_own_time_is_over() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.put(b"long", b"1", 100)
    store.put(b"short", b"2", 10)
    clock.now += 9.5
    assert store.get(b"short") == b"2"
    clock.now += 0.5
    assert store.get(b"short") is None
    assert store.get(b"long") == b"1"
    clock.now += 90
    assert len(store) == 0


def test_expired_secrets_do_not_stay_in_memory() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(100):
        store.put(bytes((number,)), b"master secret", 10)
    clock.now += 10
    store.get(b"any")
    assert not store._entries
    assert not store._ends


def test_being_put_again_prolongs_a_session() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.put(b"a", b"1", 10)
    clock.now += 5
    store.put(b"a", b"2", 10)
    clock.now += 9
    assert store.get(b"a") == b"2"
    clock.now += 1
    assert store.get(b"a") is None


def test_a_lifetime_of_nothing_keeps_nothing_not_even_what_was_there() -> None:
    store = MemoryStore()
    store.put(b"a", b"1", 10)
    store.put(b"a", b"2", 0)
    assert store.get(b"a") is None


def test_beyond_its_bound_the_least_recently_used_goes() -> None:
    store = MemoryStore(3)
    for name in (b"a", b"b", b"c"):
        store.put(name, name, 10)
    store.get(b"a")
    store.put(b"d", b"d", 10)
    assert [store.get(name) for name in (b"a", b"b", b"c", b"d")] == [b"a", None, b"c", b"d"]
    assert len(store) == 3


def test_what_it_remembers_of_the_gone_is_bounded() -> None:
    store = MemoryStore(10)
    for number in range(1000):
        store.put(number.to_bytes(2, "big"), b"state", 7200)
        store.remove(number.to_bytes(2, "big"))
    assert len(store._ends) <= 20


def test_a_model_agrees_with_a_long_random_life() -> None:
    rng = random.Random(38636)  # noqa: S311  (a repeatable life)
    clock = Clock()
    store, model = MemoryStore(1 << 20, clock=clock), dict[bytes, tuple[float, bytes]]()
    for step in range(5000):
        key = bytes((rng.randrange(60),))
        act = rng.randrange(10)
        if act < 4:
            lifetime = rng.randrange(0, 40)
            store.put(key, b"%d" % step, lifetime)
            model[key] = clock.now + lifetime, b"%d" % step
        elif act < 5:
            store.remove(key)
            model.pop(key, None)
        elif act < 6:
            clock.now += rng.randrange(5)
        else:
            end, state = model.get(key, (0.0, b""))
            assert store.get(key) == (state if end > clock.now else None)
    assert len(store) == sum(end > clock.now for end, _ in model.values())


def test_clear_forgets_everything() -> None:
    store = MemoryStore()
    store.put(b"a", b"1", 10)
    store.clear()
    assert len(store) == 0
    assert store.get(b"a") is None


def test_threads_do_not_break_it() -> None:
    store = MemoryStore(50)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311
        try:
            for _ in range(2000):
                key = bytes((rng.randrange(100),))
                store.put(key, key * 3, 1 + rng.randrange(3))
                found = store.get(key)
                assert found is None or found == key * 3
                store.remove(bytes((rng.randrange(100),)))
                assert len(store) <= 50
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not failures


def test_a_store_for_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        MemoryStore(0)
