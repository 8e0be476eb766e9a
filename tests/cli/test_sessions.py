"""``tlcp connect --resume`` and what ``tlcp serve`` keeps for it."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis as RawRedis

from cli.tools import Words, run, serving
from peers.pki import PKI
from peers.tongsuo import TongsuoContext
from peers.tongsuo_tcp import TongsuoEchoServer
from support.redis_server import RedisServer

SECRET = "sixteen bytes and more"
RESUMED = re.compile(
    r"resume \d: resumed by (id|ticket), session [0-9a-f]{8}\.\.\., \d+ ms, (a|no) new ticket"
)


def client(folder: Path, address: str, *more: Words, count: int = 2) -> list[str]:
    """The lines of a client that comes back so many times."""
    words = ("connect", address, "--pki", folder, "--name", "client", "--server-name", "localhost")
    done = run(*words, "--linger", "0", "--resume", str(count), *more, data=b"hi\n")
    assert (done.returncode, done.stdout) == (0, b"hi\n"), done.stderr.decode()
    return [line for line in done.stderr.decode().splitlines() if line.startswith("resume ")]


def by(lines: list[str]) -> list[str]:
    """What each connection was resumed by, "" if it was not."""
    return [found[1] if (found := RESUMED.fullmatch(line)) else "" for line in lines]


def test_a_session_is_resumed_by_its_id(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        lines = client(folder, server.address)
        assert by(lines) == ["id", "id"]
        assert all(line.endswith("no new ticket") for line in lines)
        assert ", resumed" not in server.line()
        for _ in range(2):
            line = server.line()
            assert "ECC_SM4_GCM_SM3, resumed (id), client CN=a client" in line


def test_a_trace_has_a_heading_for_each_resumption(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", "--linger", "0")
        done = run(*words, "--resume", "2", "--trace", data=b"x")
    lines = done.stderr.decode().splitlines()
    places = [lines.index(f"Resumption {number}") for number in (1, 2)]
    ends = [i for i, line in enumerate(lines) if line.startswith("resume ")]
    assert places[0] < ends[0] < places[1] < ends[1] == len(lines) - 1
    for begin, end in zip(places, ends, strict=True):
        messages = [line.split()[2] for line in lines[begin:end] if line[:4].strip().isdigit()]
        assert (messages[0], messages[-1]) == ("ClientHello", "Alert")


def test_a_session_is_resumed_by_its_ticket(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--tickets", "--no-sessions") as server:
        assert by(client(folder, server.address, "--tickets")) == ["ticket", "ticket"]
        server.line()
        assert "resumed (ticket)" in server.line()
        server.line()
        # A client that asks for no ticket gets none, and there is no id to come back by
        lines = client(folder, server.address, count=1)
        assert lines[0].startswith("resume 1: not resumed, a full handshake, ")


def test_json_tells_of_each_connection(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--tickets") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", "--linger", "0")
        done = run(*words, "--tickets", "--resume", "1", "--json", data=b"x")
    facts = json.loads(done.stdout)
    assert done.stderr == b""
    assert (facts["resumed"], facts["resumed_by"]) == (False, None)
    assert facts["session"]["ticket_bytes"] > 100
    assert facts["session"]["ticket_lifetime_s"] == 7200
    (again,) = facts["resumptions"]
    assert (again["resumed"], again["resumed_by"], again["new_ticket"]) == (True, "ticket", False)
    assert again["session"]["id_begins"] == facts["session"]["id_begins"]


def test_without_sessions_every_handshake_is_a_full_one(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--no-sessions") as server:
        lines = client(folder, server.address)
        assert by(lines) == ["", ""]
        assert "session" not in "".join(lines)  # there is none to name


def test_ticket_keys_in_a_file_serve_two_servers(folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    words = ("--pki", folder, "--name", "server", "--no-sessions", "--ticket-keys", keys)
    with serving(*words, "--connections", "1") as first:
        words_of_client = ("connect", first.address, "--pki", folder, "--name", "client")
        assert run(*words_of_client, "--tickets", "--linger", "0", data=b"x").returncode == 0
        assert first.wait() == 0
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    before = keys.read_bytes()
    with serving(*words) as second:
        assert by(client(folder, second.address, "--tickets", count=1)) == ["ticket"]
    assert keys.read_bytes() == before  # the same keys


def test_a_damaged_file_of_ticket_keys_is_said(folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text('{"format": 0, "keys": []}')
    keys.chmod(0o600)
    words = ("serve", "127.0.0.1:0", "--pki", folder, "--name", "server")
    done = run(*words, "--ticket-keys", keys)
    assert done.returncode == 2
    assert str(keys) in done.stderr.decode()


def test_a_private_key_is_no_file_of_ticket_keys(folder: Path, tmp_path: Path) -> None:
    words = ("serve", "127.0.0.1:0", "--pki", folder, "--name", "server")
    key = tmp_path / "other.key"
    key.write_bytes((folder / "server.sign.key").read_bytes())
    done = run(*words, "--ticket-keys", key)
    assert done.returncode == 2
    assert "is no file of ticket keys (it looks like PEM" in done.stderr.decode()
    assert "elete" not in done.stderr.decode()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def test_sessions_in_redis(folder: Path, redis: RedisServer) -> None:
    with serving("--pki", folder, "--name", "server", "--redis", redis.url) as server:
        assert by(client(folder, server.address)) == ["id", "id"]
        assert "WARNING: sessions lie in Redis in clear" in server.line()
        assert "set TLCP_REDIS_SECRET" in server.log


def test_sealed_sessions_in_redis_need_no_warning(
    folder: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLCP_REDIS_SECRET", SECRET)
    with serving("--pki", folder, "--name", "server", "--redis", redis.url) as server:
        assert by(client(folder, server.address)) == ["id", "id"]
        assert "CN=a client" in server.line()


def test_a_redis_that_is_down_costs_full_handshakes(folder: Path) -> None:
    url = "redis://:hush@127.0.0.1:1/0"
    with serving("--pki", folder, "--name", "server", "--redis", url) as server:
        said = server.line()
        assert said.startswith(
            "WARNING: Redis at 127.0.0.1:1 cannot be used: Connection refused; until it answers"
        )
        assert by(client(folder, server.address)) == ["", ""]
        server.process.terminate()
        server.wait()
        assert "hush" not in server.log


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("unix://:hush@{}", "it does not take the user name and the password"),
        ("unix://{}?db=99", "it has no database 99"),
        ("redis://:hush@127.0.0.1/foo", "the number of a database"),
    ],
)
def test_a_redis_that_will_never_do_ends_the_server(
    folder: Path, redis: RedisServer, url: str, why: str
) -> None:
    place = redis.url.removeprefix("unix://").partition("?")[0]
    words = ("serve", "127.0.0.1:0", "--pki", folder, "--name", "server")
    done = run(*words, "--redis", url.format(place))
    assert done.returncode == 2
    said = done.stderr.decode()
    assert why in said
    assert "hush" not in said
    if url.startswith("unix"):
        assert f"Redis at {place} cannot be used" in said


def test_ticket_keys_in_redis_serve_two_servers(
    folder: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLCP_REDIS_SECRET", SECRET)
    words = ("--pki", folder, "--name", "server", "--redis", redis.url, "--tickets")
    with serving(*words) as first:
        assert by(client(folder, first.address, "--tickets", count=1)) == ["ticket"]
    with RawRedis.from_url(redis.url) as raw:
        kept = raw.keys("tlcp:ticket-key:*")
    assert kept
    with serving(*words) as second:
        assert by(client(folder, second.address, "--tickets", count=1)) == ["ticket"]
    with RawRedis.from_url(redis.url) as raw:
        assert raw.keys("tlcp:ticket-key:*") == kept, "the same keys"


def test_what_redis_lacks_is_said(folder: Path, tmp_path: Path) -> None:
    """Neither a wrong URL nor a missing package is a traceback."""
    words = ("serve", "127.0.0.1:0", "--pki", folder, "--name", "server", "--redis")
    done = run(*words, "http://user:hush@localhost/")
    assert done.returncode == 2
    assert "not a URL of a Redis" in done.stderr.decode()
    assert "hush" not in done.stderr.decode()
    done = run(*words, "redis://localhost/", "--no-sessions")
    assert done.returncode == 2
    assert "either --no-sessions or --redis" in done.stderr.decode()
    (tmp_path / "redis.py").write_text("raise ImportError('not here')\n")
    done = run(*words, "redis://localhost/", PYTHONPATH=f"{tmp_path}:{source()}")
    assert done.returncode == 2
    assert "pip install 'tlcp[redis]'" in done.stderr.decode()


def source() -> Path:
    import tlcp

    return Path(tlcp.__file__).parents[1]


def test_so_many_connections_and_then_the_end(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--connections", "3") as server:
        client(folder, server.address)
        assert server.wait() == 0
        assert server.log.count("CN=a client") == 3


@pytest.mark.parametrize("kind", ["ticket", "id"])
def test_a_session_with_tongsuo_is_resumed(kind: str, pki: PKI, folder: Path) -> None:
    tickets = kind == "ticket"
    with (
        TongsuoContext("server", pki.server_files, tickets=tickets) as context,
        TongsuoEchoServer(context) as server,
    ):
        words = ("--tickets",) if tickets else ()
        assert by(client(folder, f"127.0.0.1:{server.port}", *words)) == [kind, kind]
