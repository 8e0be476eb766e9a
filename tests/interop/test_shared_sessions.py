"""Two server processes that share sessions and ticket keys, and clients that go to and fro.

Spec: GB/T 38636-2020 6.4.5.1 (resumed handshake); RFC 5077
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from peers.pki import PKI
from support.redis_server import RedisServer
from support.session_server import LIMIT_S, SessionServer, Settings, Summary, Told
from support.sockets import dial
from tlcp.context import PROTOCOL_TLCP_CLIENT, TLCPContext
from tlcp.pki.ca import IssuedPair
from tlcp.sessions.client import TLCPSession

SECRET = "a secret that all servers share"
CLIENTS = 20

How = Literal["id", "ticket"]
Keys = Literal["redis", "file"]


@dataclass
class Site:
    """Servers with a Redis, and what starts more of them."""

    pki: PKI
    redis: RedisServer
    folder: Path
    keys: Keys
    stack: ExitStack = field(repr=False)
    servers: list[SessionServer] = field(default_factory=list)

    def add(self, name: str) -> SessionServer:
        """Start one more server."""
        settings = Settings(
            name=name,
            certificates=str(self.pki.server_files.ca.parent / "server"),
            ca=str(self.pki.client_files.ca),
            redis=self.redis.url,
            secret=SECRET,
            tickets="redis" if self.keys == "redis" else str(self.folder / "ticket-keys"),
        )
        server = self.stack.enter_context(SessionServer(settings))
        self.servers.append(server)
        return server

    def stop(self) -> list[Summary]:
        """Stop all; none of them may have seen an error."""
        found = [server.stop() for server in self.servers]
        assert [one.failures for one in found] == [[]] * len(found)
        return found


@pytest.fixture
def keys() -> Keys:
    """Where ticket keys are shared; a test may say otherwise."""
    return "redis"


@pytest.fixture
def site(pki: PKI, tmp_path: Path, keys: Keys) -> Iterator[Site]:
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        yield Site(pki, redis, tmp_path, keys, stack)


class Client:
    """A client that remembers its last session only, whichever server it is of."""

    def __init__(self, pki: PKI, name: str, pair: IssuedPair, how: How) -> None:
        self._name, self._serial = name, pair.sign_cert.serial_number
        self._context = TLCPContext(PROTOCOL_TLCP_CLIENT)
        self._context.identity = pair.identity
        self._context.load_verify_locations(pki.server_files.ca)
        self._context.session_tickets = how == "ticket"
        self.session: TLCPSession | None = None

    def visit(self, server: SessionServer) -> Told:
        """Connect, continue the session if there is one, and hear what the server knows."""
        self._context.client_sessions.clear()
        with dial(server.address, self._context, session=self.session) as stream:
            told = Told(**json.loads(stream.recv(4096)))
            assert told.reused == stream.session_reused
            self.session = stream.session
        assert (told.subject, int(told.serial, 16)) == (self._name, self._serial)
        return told

    def anew(self, server: SessionServer) -> Told:
        """The same, with no session to continue."""
        self.session = None
        return self.visit(server)


def until(happens: Callable[[], bool]) -> None:
    """Try again and again, for a server asks a Redis that was down only now and then."""
    end = time.monotonic() + LIMIT_S
    while not happens():
        assert time.monotonic() < end, "it does not happen"


def crosses(client: Client, one: SessionServer, other: SessionServer) -> bool:
    """Whether the other server continues a new session of one."""
    assert not client.anew(one).reused
    return client.visit(other).reused


@pytest.mark.parametrize(
    ("how", "keys"), [("id", "redis"), ("ticket", "redis"), ("ticket", "file")]
)
def test_each_server_continues_the_sessions_of_the_other(site: Site, how: How) -> None:
    one, two = site.add("one"), site.add("two")
    client = Client(site.pki, "a client", site.pki.client, how)
    for first, second in ((one, two), (two, one)):
        assert not client.anew(first).reused
        assert client.session is not None
        assert client.session.has_ticket is (how == "ticket")
        seen = [client.visit(server) for server in (second, first, second, second)]
        assert [told.reused for told in seen] == [True] * 4
        assert {told.server for told in seen} == {"one", "two"}
    assert [(s.accepted, s.resumed) for s in site.stop()] == [(5, 4), (5, 4)]


def test_sessions_without_redis_are_full_handshakes_until_it_is_back(site: Site) -> None:
    one, two = site.add("one"), site.add("two")
    client = Client(site.pki, "a client", site.pki.client, "id")
    assert crosses(client, one, two)
    site.redis.kill()
    for _ in range(3):
        assert not client.visit(one).reused
        assert not client.visit(two).reused
    site.redis.start()
    until(lambda: crosses(client, one, two))
    assert crosses(client, two, one)
    site.stop()


@pytest.mark.parametrize("keys", ["redis", "file"])
def test_tickets_outlive_redis(site: Site) -> None:
    """Servers go on with the keys that they know; one that knows none does without tickets."""
    one, two = site.add("one"), site.add("two")
    client = Client(site.pki, "a client", site.pki.client, "ticket")
    assert crosses(client, one, two)
    assert crosses(client, two, one)
    site.redis.kill()
    for _ in range(3):
        assert client.visit(one).reused
        assert client.visit(two).reused
        assert crosses(client, one, two)
    late = site.add("late")
    from_file = site.keys == "file"
    assert client.visit(late).reused is from_file
    assert (client.session is not None and client.session.has_ticket) is from_file
    site.redis.start()
    # A key of the late one reaches the others with its first ticket, so these come first
    until(lambda: crosses(client, late, one) and crosses(client, one, late))
    until(lambda: crosses(client, late, two) and crosses(client, two, late))
    assert client.session is not None
    assert client.session.has_ticket
    site.stop()


# ---- many at a time --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """One handshake of the crowd, begun and ended in one phase."""

    phase: str
    client: int
    server: str
    reused: bool


class Crowd:
    """Clients in threads that visit the servers by turns, each its own session in hand.

    Every other one uses tickets. What they meet is noted with the phase of the test.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._changed = threading.Condition()
        self._phase = "up"
        self.visits: list[Visit] = []
        self.wrong: list[str] = []
        self._over = False
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def has_ticket(client: int) -> bool:
        """Whether a client uses tickets."""
        return client % 2 == 1

    def _work(self, number: int) -> None:
        try:
            name = f"client {number}"
            pair = self._site.pki.authority.issue_pair(name)
            how: How = "ticket" if self.has_ticket(number) else "id"
            client = Client(self._site.pki, name, pair, how)
            turn = number
            while not self._over:
                turn += 1
                phase = self._phase
                told = client.visit(self._site.servers[turn % 2])
                self._note(phase, number, told)
        except Exception as error:
            with self._changed:
                self.wrong.append(f"client {number}: {type(error).__name__}: {error}")
                self._changed.notify_all()

    def _note(self, phase: str, client: int, told: Told) -> None:
        with self._changed:
            if phase == self._phase:
                self.visits.append(Visit(phase, client, told.server, told.reused))
                self._changed.notify_all()

    def enter(self, phase: str) -> None:
        """Visits that begin from now on belong to another phase."""
        with self._changed:
            self._phase = phase

    def wait(self, enough: Callable[[Visit], bool], times: int) -> None:
        """Until every client has had so many visits of a kind with each server, in this phase."""

        def done() -> bool:
            seen = Counter(
                (visit.client, visit.server)
                for visit in self.visits
                if visit.phase == self._phase and enough(visit)
            )
            return len(seen) == 2 * CLIENTS and min(seen.values()) >= times

        with self._changed:
            reached = self._changed.wait_for(lambda: bool(self.wrong) or done(), LIMIT_S)
            assert not self.wrong
            assert reached, f"phase {self._phase}: not everybody got there in {LIMIT_S} s"

    def end(self) -> None:
        """Let everybody finish."""
        self._over = True
        for thread in self._threads:
            thread.join(LIMIT_S)


def test_many_clients_notice_nothing_when_redis_comes_and_goes(site: Site) -> None:
    site.add("one")
    site.add("two")
    crowd = Crowd(site)
    try:
        crowd.wait(lambda visit: visit.reused, 2)
        crowd.enter("between")
        site.redis.kill()
        crowd.enter("down")
        crowd.wait(lambda _: True, 2)
        crowd.enter("between")
        site.redis.start()
        crowd.enter("again")
        crowd.wait(lambda visit: visit.reused, 2)
    finally:
        crowd.end()
    assert not crowd.wrong
    full = Counter(
        visit.client for visit in crowd.visits if not visit.reused and visit.phase == "up"
    )
    assert full == dict.fromkeys(range(CLIENTS), 1), "the first visit and no other"
    for visit in crowd.visits:
        if visit.phase == "down":
            assert visit.reused is crowd.has_ticket(visit.client), visit
    site.stop()
