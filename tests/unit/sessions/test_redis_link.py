"""What a Redis that is down, refuses or is strange costs; without a Redis."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tlcp.errors import ConfigError
from tlcp.sessions.redis_store import RedisStore
from tlcp.sessions.ticket_keys import RedisTicketKeys

LIMIT_S = 30
ID = b"\xa5" * 32
SECRET = b"a secret that nobody guesses"


class Clock:
    """Time that goes when told."""

    def __init__(self) -> None:
        self.now = 1_795_435_200.0

    def __call__(self) -> float:
        return self.now


class FakeRedis:
    """A dict behind the calls that are used, which fails when told, and counts."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.fails: Exception | None = None
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if self.fails is not None:
            raise self.fails

    def get(self, name: str) -> bytes | None:
        self._ask()
        return self.kept.get(name)

    def set(self, name: str, value: bytes, *, ex: int, nx: bool = False) -> bool | None:
        self._ask()
        assert ex > 0
        if nx and name in self.kept:
            return None
        self.kept[name] = value
        return True

    def delete(self, name: str) -> int:
        self._ask()
        return int(self.kept.pop(name, None) is not None)

    def get_connection_kwargs(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def fake() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def store_over(fake: FakeRedis, clock: Clock, secret: bytes | None = None) -> RedisStore:
    return RedisStore(cast(redis.Redis, fake), secret=secret, pause_s=5, clock=clock)


def keys_over(fake: FakeRedis, clock: Clock, secret: bytes | None = SECRET) -> RedisTicketKeys:
    return RedisTicketKeys(
        cast(redis.Redis, fake), secret=secret, lifetime_s=100, clock=clock, monotonic=clock
    )


DOWN = redis.ConnectionError("Error 111 connecting"), redis.TimeoutError("Timeout reading")


@pytest.mark.parametrize(
    ("error", "why"),
    [(DOWN[0], "ConnectionError"), (DOWN[1], "no answer in time")],
    ids=("refuses", "is silent"),
)
def test_a_redis_that_is_down_is_asked_once_per_pause(
    fake: FakeRedis, clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception, why: str
) -> None:
    store = store_over(fake, clock)
    store.put(ID, b"state", 100)
    fake.fails, fake.asked = error, 0
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            with pytest.raises((redis.RedisError, ConnectionError)):
                store.get(ID)
        assert fake.asked == 1
        for _ in range(3):
            clock.now += 5
            for _ in range(100):
                with pytest.raises((redis.RedisError, ConnectionError)):
                    store.put(ID, b"state", 100)
        assert fake.asked == 4
        assert [r.getMessage() for r in caplog.records] == [
            f"Redis is down ({why}): going on without it"
        ]
        fake.fails = None
        clock.now += 5
        assert store.get(ID) == b"state"
        assert store.get(ID) == b"state"
    assert [r.getMessage() for r in caplog.records[1:]] == ["Redis answers again"]


def test_a_refused_command_stops_no_other_and_is_logged_without_its_text(
    fake: FakeRedis, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_over(fake, clock)
    fake.fails = redis.ResponseError(f"unknown command 'GET', with args beginning with {ID.hex()}")
    with caplog.at_level(logging.DEBUG):
        for _ in range(50):
            with pytest.raises(redis.ResponseError):
                store.get(ID)
    assert fake.asked == 50
    assert [r.getMessage() for r in caplog.records] == ["Redis refuses a command (ResponseError)"]
    assert ID.hex() not in caplog.text


def test_a_pool_with_all_connections_in_use_is_no_outage(fake: FakeRedis, clock: Clock) -> None:
    store = store_over(fake, clock)
    fake.fails = redis.exceptions.MaxConnectionsError("Too many connections")
    with pytest.raises(redis.ConnectionError):
        store.get(ID)
    fake.fails = None
    assert store.get(ID) is None


def test_with_a_secret_redis_never_sees_the_state(fake: FakeRedis, clock: Clock) -> None:
    store = store_over(fake, clock, SECRET)
    store.put(ID, b"the master secret", 100)
    assert list(fake.kept) == ["tlcp:session:" + ID.hex()]
    (kept,) = fake.kept.values()
    assert b"master" not in kept
    assert store.get(ID) == b"the master secret"
    assert store_over(fake, clock, b"another secret.....").get(ID) is None
    assert store_over(fake, clock).get(ID) != b"the master secret"
    fake.kept["tlcp:session:" + b"other".hex()] = kept
    assert store.get(b"other") is None, "a value is bound to its id"
    fake.kept["tlcp:session:" + ID.hex()] = b"the master secret"
    assert store.get(ID) is None, "what is not sealed is not believed"


def test_no_lifetime_keeps_nothing(fake: FakeRedis, clock: Clock) -> None:
    store = store_over(fake, clock)
    store.put(ID, b"1", 10)
    store.put(ID, b"2", 0)
    assert not fake.kept


def test_servers_share_ticket_keys(fake: FakeRedis, clock: Clock) -> None:
    one, two = keys_over(fake, clock), keys_over(fake, clock)
    first = one.newest()
    assert two.newest() == first
    clock.now += 100
    second = two.newest()
    assert second != first
    assert one.named(second.name) == second
    assert one.named(first.name) == first
    assert one.newest() == second
    late = keys_over(fake, clock)
    assert late.named(first.name) == first
    clock.now += 200
    assert late.named(first.name) is None
    assert one.named(first.name) is None
    assert not any(key.key in value for key in (first, second) for value in fake.kept.values())


def test_ticket_keys_are_cached_and_strangers_cost_little(fake: FakeRedis, clock: Clock) -> None:
    keys = keys_over(fake, clock)
    first = keys.newest()
    fake.asked = 0
    for _ in range(100):
        assert keys.newest() == first
        assert keys.named(first.name) == first
    assert fake.asked == 0
    clock.now += 1
    for number in range(100):
        assert keys.named(bytes((number,)) * 16) is None
    assert 0 < fake.asked <= 4


def test_a_server_whose_clock_is_ahead_is_understood(fake: FakeRedis, clock: Clock) -> None:
    ahead = Clock()
    ahead.now = clock.now + 100
    theirs = keys_over(fake, ahead).newest()
    keys = keys_over(fake, clock)
    ours = keys.newest()
    assert ours != theirs
    assert keys.named(theirs.name) == theirs
    assert keys.newest() == ours
    clock.now += 100
    assert keys.newest() == theirs


def test_cached_ticket_keys_outlive_redis_while_they_open(fake: FakeRedis, clock: Clock) -> None:
    keys = keys_over(fake, clock)
    first = keys.newest()
    fake.fails = DOWN[0]
    for _ in range(29):
        clock.now += 10
        assert keys.newest() == first
        assert keys.named(first.name) == first
        assert keys.named(bytes(16)) is None
    clock.now += 10
    with pytest.raises((redis.RedisError, ConnectionError)):
        keys.newest()
    with pytest.raises((redis.RedisError, ConnectionError)):
        keys.named(first.name)
    fake.fails = None
    clock.now += 10
    assert keys.newest() != first


def test_a_server_that_starts_while_redis_is_down_has_no_keys(
    fake: FakeRedis, clock: Clock
) -> None:
    fake.fails = DOWN[1]
    keys = keys_over(fake, clock)
    for _ in range(50):
        with pytest.raises((redis.RedisError, ConnectionError)):
            keys.newest()
    assert fake.asked == 1


def test_what_redis_forgot_is_written_again(fake: FakeRedis, clock: Clock) -> None:
    keys = keys_over(fake, clock)
    first = keys.newest()
    fake.kept.clear()
    clock.now += 10
    assert keys.newest() == first
    assert keys_over(fake, clock).newest() == first


def test_who_forgot_too_late_takes_the_others_key_and_opens_its_own(
    fake: FakeRedis, clock: Clock
) -> None:
    keys = keys_over(fake, clock)
    first = keys.newest()
    fake.kept.clear()
    theirs = keys_over(fake, clock).newest()
    clock.now += 10
    assert keys.newest() == theirs
    assert keys.named(first.name) == first


@pytest.mark.parametrize("other", [None, b"another secret....."], ids=["none", "another"])
def test_ticket_keys_of_another_secret_are_our_users_error(
    fake: FakeRedis, clock: Clock, caplog: pytest.LogCaptureFixture, other: bytes | None
) -> None:
    keys_over(fake, clock, other).newest()
    keys = keys_over(fake, clock)
    for _ in range(3):
        with pytest.raises(ConfigError, match="the same secret"):
            keys.newest()
    assert len(caplog.records) == 1


def test_threads_get_one_key(fake: FakeRedis, clock: Clock) -> None:
    servers = [keys_over(fake, clock) for _ in range(4)]
    seen: list[bytes] = []
    threads = [
        threading.Thread(target=lambda keys: seen.append(keys.newest().name), args=(keys,))
        for keys in servers * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len(seen) == 16
    assert len(set(seen)) == 1


@pytest.fixture
def hangs_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[int]]]:
    """A server that closes every connection at once: its URL, and how many there were."""
    seen: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                seen.append(1)
                sock.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0?socket_timeout=30", seen
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT_S)


def test_a_url_is_tried_once_and_not_ten_times(
    hangs_up: tuple[str, list[int]], clock: Clock
) -> None:
    url, seen = hangs_up
    store = RedisStore(url, pause_s=5, clock=clock)
    for _ in range(2):
        for _ in range(20):
            with pytest.raises((redis.RedisError, ConnectionError)):
                store.get(ID)
        clock.now += 5
    store.close()
    assert len(seen) == 2


@pytest.mark.parametrize("make", [RedisStore, RedisTicketKeys])
def test_what_is_no_url_is_our_users_error(make: Callable[[str], object]) -> None:
    for url in (
        "http://user:hunter2@host",
        "redis://user:hunter2@host:port",
        "redis://:123/hunter2@host/0",
        "redis://user:hunter2@host/foo",
        "redis://user:hunter2@host/0/1",
        "redis://user:hunter2@host/-1",
        "redis://user:hunter2@host/0?hunter2=1",
        "nonsense",
    ):
        with pytest.raises(ConfigError, match="expected redis://") as caught:
            make(url)
        assert "hunter2" not in str(caught.value)


def test_a_client_that_decodes_is_refused() -> None:
    client = redis.Redis(decode_responses=True)
    with pytest.raises(ConfigError, match="decode_responses=False"):
        RedisStore(client)
    client.close()


def test_timeouts_are_short_and_a_url_may_set_its_own() -> None:
    short = RedisStore("redis://h")
    longer = RedisStore("redis://h?socket_timeout=1.5")
    taken = [s._link._client.get_connection_kwargs()["socket_timeout"] for s in (short, longer)]
    assert taken == [0.2, 1.5]


_WITHOUT = """
import sys
sys.modules["redis"] = None
import tlcp.sessions.ticket_keys, tlcp.sessions.redis_store
try:
    tlcp.sessions.redis_store.RedisStore("redis://h")
except tlcp.errors.ConfigError as error:
    print(error)
"""


def test_without_redis_py_all_imports_work_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'tlcp[redis]'" in told.stdout


def test_no_repr_shows_a_secret(fake: FakeRedis, clock: Clock) -> None:
    keys = keys_over(fake, clock)
    key = keys.newest()
    store = RedisStore("redis://u:hunter2@h", secret=SECRET)
    for shown in (repr(keys), repr(store), repr(keys._ring), repr(store._sealer)):
        assert "hunter2" not in shown
        assert SECRET.decode() not in shown
        assert key.key.hex() not in shown
        assert repr(key.key) not in shown


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://:hunter2@h", "Redis at h:6379"),
        ("rediss://u:hunter2@h:1/3", "Redis at h:1"),
        ("redis://[::1]:7/", "Redis at [::1]:7"),
        ("redis:///0", "Redis at localhost:6379"),
        ("unix://:hunter2@/run/redis", "Redis at /run/redis"),
    ],
)
def test_messages_name_the_place_without_the_password(url: str, name: str) -> None:
    assert RedisStore(url)._link.name == name


def test_a_redis_that_is_down_at_the_start_may_come_back(
    fake: FakeRedis, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_over(fake, clock)
    for error in DOWN:
        fake.fails = error
        with pytest.raises(ConnectionError, match="Redis cannot be used"):
            store.check()
    fake.asked = 0
    with pytest.raises(ConnectionError):
        store.get(ID)
    assert (fake.asked, caplog.text) == (0, ""), "it is known to be down"
    fake.fails = None
    clock.now += 5
    assert store.get(ID) is None
    store.check()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (redis.AuthenticationError("WRONGPASS of hunter2"), "it wants a password"),
        (redis.exceptions.NoPermissionError("hunter2"), "the user has no permission"),
        (redis.ResponseError("DB index is out of range"), "it has no database"),
        (redis.ResponseError("ERR hunter2"), "ResponseError"),
    ],
)
def test_a_redis_that_lets_us_not_in_is_our_users_error(
    fake: FakeRedis, clock: Clock, error: Exception, why: str
) -> None:
    fake.fails = error
    with pytest.raises(ConfigError, match=why) as caught:
        store_over(fake, clock).check()
    assert "hunter2" not in str(caught.value)
