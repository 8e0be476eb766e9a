"""A TLCP server in a process of its own, that shares its sessions with others like it.

``SessionServer`` starts and stops one; the rest of this file is what runs there::

    python session_server.py SETTINGS        (JSON, see ``Settings``)

It says its port on the first line. Each client is told, in one line of JSON, what the server knows
about its connection (``Told``). When its stdin ends it stops and says how it went (``Summary``).
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from tlcp.context import PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.sessions.redis_store import RedisStore
from tlcp.sessions.ticket_keys import FileTicketKeys, RedisTicketKeys
from tlcp.socket import TLCPSocket

__all__ = ["SessionServer", "Settings", "Summary", "Told"]

LIMIT_S = 120.0
#: Shorter than the 5 seconds of a real server, so that a test need not wait for them.
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with.

    Attributes:
        name: what it calls itself.
        certificates: prefix of its files, up to ``.sign.crt``.
        ca: file with the root that it trusts.
        redis: URL of the shared Redis.
        secret: seals what lies there.
        tickets: where ticket keys are shared: "redis", or the path of a file.
    """

    name: str
    certificates: str
    ca: str
    redis: str
    secret: str
    tickets: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a server knows about one connection.

    Attributes:
        server: its name.
        reused: whether it continued a session.
        subject: common name of the client.
        serial: serial number of the client's signing certificate, in hex.
    """

    server: str
    reused: bool
    subject: str
    serial: str


@dataclass(slots=True)
class Summary:
    """How it went, when the server has stopped.

    Attributes:
        failures: errors of connections, as text.
        accepted, resumed: numbers of handshakes.
    """

    failures: list[str] = field(default_factory=list)
    accepted: int = 0
    resumed: int = 0


# ---- in the test's process -----------------------------------------------------------------


class SessionServer:
    """A server process, listening when the constructor returns.

    Attributes:
        address: where it listens.
    """

    def __init__(self, settings: Settings) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(asdict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.__exit__(None, None, None)
            raise RuntimeError(f"the server {settings.name} did not start: see its stderr")
        self.address = ("127.0.0.1", int(line))

    def stop(self) -> Summary:
        """Let it end its connections and stop."""
        rest, _ = self._process.communicate(timeout=LIMIT_S)
        assert self._process.returncode == 0
        return Summary(**json.loads(rest))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(LIMIT_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


# ---- in the server's process ---------------------------------------------------------------


def _context(settings: Settings) -> tuple[TLCPContext, Callable[[], None]]:
    """The server's settings, and what closes its links to Redis."""
    context = TLCPContext(PROTOCOL_TLCP_SERVER)
    context.load_cert_chain(
        sign=(f"{settings.certificates}.sign.crt", f"{settings.certificates}.sign.key"),
        enc=(f"{settings.certificates}.enc.crt", f"{settings.certificates}.enc.key"),
    )
    context.load_verify_locations(settings.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    store = RedisStore(settings.redis, secret=settings.secret, pause_s=PAUSE_S)
    context.session_store = store
    if settings.tickets != "redis":
        context.ticket_keys = FileTicketKeys(settings.tickets)
        return context, store.close
    keys = RedisTicketKeys(settings.redis, secret=settings.secret, pause_s=PAUSE_S)
    context.ticket_keys = keys

    def close() -> None:
        store.close()
        keys.close()

    return context, close


class _Farm:
    """Accepts and serves clients, each in a thread."""

    def __init__(self, settings: Settings, context: TLCPContext, listener: socket.socket) -> None:
        self._name, self._context, self._listener = settings.name, context, listener
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self.summary = Summary()

    def accept(self) -> None:
        """Serve until the listener is shut down."""
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._work, args=(sock,), daemon=True)
                with self._lock:
                    self._threads.add(thread)
                thread.start()

    def _work(self, sock: socket.socket) -> None:
        try:
            sock.settimeout(LIMIT_S)
            with self._context.wrap_socket(sock, server_side=True) as stream:
                told = self._tell(stream)
                stream.sendall(json.dumps(asdict(told)).encode() + b"\n")
                while stream.recv(1024):
                    pass
        except Exception as error:
            with self._lock:
                self.summary.failures.append(f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _tell(self, stream: TLCPSocket) -> Told:
        with self._lock:
            self.summary.accepted += 1
            self.summary.resumed += bool(stream.session_reused)
        peer: Any = stream.getpeercert()
        subject = {name: value for part in peer["subject"] for name, value in part}
        return Told(
            server=self._name,
            reused=bool(stream.session_reused),
            subject=subject["commonName"],
            serial=str(peer["serialNumber"]),
        )

    def join(self) -> None:
        """Wait for the clients that are still here."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(LIMIT_S)


def _main(settings: Settings) -> None:
    context, close = _context(settings)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        farm = _Farm(settings, context, listener)
        accepting = threading.Thread(target=farm.accept, daemon=True)
        accepting.start()
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(LIMIT_S)
    farm.join()
    close()
    print(json.dumps(asdict(farm.summary)))


if __name__ == "__main__":
    _main(Settings(**json.loads(sys.argv[1])))
