"""Sessions and ticket keys in a real Redis, which is killed, frozen and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from support.ends import HOST, config, handshake
from support.redis_server import RedisServer
from tlcp.connection import Connection
from tlcp.sessions.redis_store import RedisStore
from tlcp.sessions.session import Session
from tlcp.sessions.ticket import open_ticket, seal_ticket
from tlcp.sessions.ticket_keys import RedisTicketKeys

LIMIT_S = 60
ID = b"\xa5" * 32
SECRET = "机密:a secret that nobody guesses"
FAILS = redis.RedisError, ConnectionError


class Clock:
    """Time that goes when told."""

    def __init__(self) -> None:
        self.now = 1_795_435_200.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def store(server: RedisServer, clock: Clock) -> Iterator[RedisStore]:
    store = RedisStore(server.url, secret=SECRET, pause_s=5, clock=clock)
    yield store
    store.close()


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


def commands(client: redis.Redis) -> int:
    """How many commands Redis has been asked so far, this one included."""
    count = client.info("stats")["total_commands_processed"]
    assert isinstance(count, int)
    return count


def test_sessions_live_in_redis_and_expire_there(store: RedisStore, client: redis.Redis) -> None:
    state = os.urandom(5000)
    assert store.get(ID) is None
    store.put(ID, state, 7200)
    assert store.get(ID) == state
    name = "tlcp:session:" + ID.hex()
    assert client.keys("*") == [name.encode()]
    assert 7000 < client.ttl(name) <= 7200
    kept = client.get(name)
    assert isinstance(kept, bytes)
    assert state[:16] not in kept
    store.remove(ID)
    store.remove(ID)
    assert store.get(ID) is None


def test_another_secret_and_a_damaged_value_are_none(
    server: RedisServer, store: RedisStore, client: redis.Redis
) -> None:
    store.put(ID, b"state", 100)
    other = RedisStore(server.url, secret=b"another secret.....")
    assert other.get(ID) is None
    other.close()
    client.append("tlcp:session:" + ID.hex(), b"\0")
    assert store.get(ID) is None


def test_a_given_client_is_used_and_not_closed(client: redis.Redis) -> None:
    store = RedisStore(client, "mine:")
    store.put(ID, b"in clear", 100)
    assert client.get("mine:" + ID.hex()) == b"in clear"
    store.close()
    assert store.get(ID) == b"in clear"


def test_a_value_of_another_type_is_refused_and_harms_no_other(
    store: RedisStore, client: redis.Redis
) -> None:
    client.lpush("tlcp:session:" + ID.hex(), "a list")
    with pytest.raises(redis.ResponseError):
        store.get(ID)
    assert store.get(b"another") is None


def test_killed_in_mid_run_and_started_again(
    server: RedisServer, store: RedisStore, clock: Clock
) -> None:
    store.put(ID, b"state", 100)
    server.kill()
    for _ in range(200):
        with pytest.raises(FAILS):
            store.get(ID)
    server.start()
    with pytest.raises(ConnectionError, match="asked again"):
        store.get(ID)  # the pause is not over
    clock.now += 5
    assert store.get(ID) is None, "it came back empty"
    store.put(ID, b"state", 100)
    assert store.get(ID) == b"state"


def test_a_restart_between_two_calls_goes_unnoticed(server: RedisServer, store: RedisStore) -> None:
    store.put(ID, b"state", 100)
    server.kill()
    server.start()
    assert store.get(ID) is None
    store.put(ID, b"state", 100)
    assert store.get(ID) == b"state"


def test_a_frozen_redis_is_asked_once_per_pause(
    server: RedisServer, store: RedisStore, clock: Clock, client: redis.Redis
) -> None:
    store.put(ID, b"state", 100)
    hasty = RedisStore(server.url.partition("?")[0], secret=SECRET, pause_s=5, clock=clock)
    before = commands(client)
    server.freeze()
    for _ in range(2):
        for _ in range(100):
            with pytest.raises(FAILS):
                hasty.get(ID)
        clock.now += 5
    server.thaw()
    hasty.close()
    # What came while it was frozen is counted now; each new connection brings a few of its own
    assert commands(client) - before < 20
    assert store.get(ID) == b"state"


def test_many_threads_share_a_store(store: RedisStore) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        name = bytes((number,)) * 32
        try:
            for step in range(50):
                store.put(name, b"%d %d" % (number, step), 100)
                if store.get(name) != b"%d %d" % (number, step):
                    wrong.append((number, step))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not wrong


def test_ticket_keys_in_redis(server: RedisServer, clock: Clock, client: redis.Redis) -> None:
    one, two = (
        RedisTicketKeys(
            server.url, secret=SECRET, lifetime_s=1000, clock=clock, monotonic=clock, pause_s=5
        )
        for _ in range(2)
    )
    ticket = seal_ticket(one.newest(), b"state", os.urandom)
    assert open_ticket(two, ticket) == (b"state", True)
    (name,) = client.keys("*")
    assert 3000 < client.ttl(name) <= 4000
    clock.now += 1000
    assert open_ticket(two, ticket) == (b"state", False)
    server.kill()
    clock.now += 1500
    assert open_ticket(two, ticket) == (b"state", False), "the cached keys serve on"
    newest = two.newest()
    server.start()
    clock.now += 100
    assert two.newest() != newest
    assert one.newest() == two.newest()
    for keys in (one, two):
        keys.close()


def shake_hands(session: Session | None = None, **settings: Any) -> tuple[bool, Session | None]:
    """A handshake that must succeed: whether it resumed a session, and the client's session."""
    server = Connection.server(config("server", **settings))
    tickets = "ticket_keys" in settings
    client_config = config("client", tickets=tickets)
    client = Connection.client(client_config, server_name=HOST, session=session)
    completed = handshake(client, server)[0].completed
    assert completed is not None
    return completed.resumed, completed.session


def test_a_session_is_resumed_through_redis_and_in_full_without_it(
    server: RedisServer, store: RedisStore, clock: Clock
) -> None:
    resumed, session = shake_hands(session_store=store)
    assert not resumed
    assert shake_hands(session, session_store=store)[0]
    server.kill()
    for _ in range(3):
        assert not shake_hands(session, session_store=store)[0]
    server.start()
    clock.now += 5
    _, session = shake_hands(session_store=store)
    assert shake_hands(session, session_store=store)[0]


def test_a_ticket_of_one_server_is_taken_by_another(server: RedisServer, clock: Clock) -> None:
    one, two = (
        RedisTicketKeys(server.url, secret=SECRET, clock=clock, monotonic=clock) for _ in range(2)
    )
    resumed, session = shake_hands(ticket_keys=one)
    assert not resumed
    assert shake_hands(session, ticket_keys=two)[0]
    server.kill()
    assert shake_hands(session, ticket_keys=two)[0], "the cached keys serve on"
    late = RedisTicketKeys(server.url, secret=SECRET, clock=clock, monotonic=clock)
    assert not shake_hands(session, ticket_keys=late)[0]
    for keys in (one, two, late):
        keys.close()


_RACER = """
import sys
from tlcp.sessions.ticket_keys import RedisTicketKeys
keys = RedisTicketKeys(sys.argv[1], secret=sys.argv[2] * 16)
print("ready", flush=True)
sys.stdin.readline()
print(keys.newest().name.hex())
keys.close()
"""


def test_processes_racing_on_redis_agree(server: RedisServer) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, server.url, "s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        names = [racer.communicate(timeout=LIMIT_S)[0] for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait(LIMIT_S)
            for pipe in (racer.stdin, racer.stdout):
                assert pipe is not None
                pipe.close()
    assert len(names[0]) == 33
    assert len(set(names)) == 1
