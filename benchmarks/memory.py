"""What an idle connection costs, and whether closed ones cost anything.

Server and clients run in two processes, so that the figures are the server's alone: resident
memory as the kernel counts it, and what Python's allocator holds (tracemalloc, in a run of its
own, because tracing costs memory itself). The standard library's ``ssl`` (TLS 1.3) with a P-256
certificate runs the same way beside ours; both verify their clients. Tongsuo's bare C objects,
which no Python program could use as they are, stand beside our objects alone.

Other processes of this module: ``serve KIND FOLDER TRACED`` and ``alone KIND FOLDER COUNT``.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import json
import resource
import ssl
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tlcp
from benchmarks.libraries import SSL, TONGSUO, missing
from benchmarks.measure import OURS, Case, Measured, Room
from benchmarks.parties import HOST, Parties, make_parties
from benchmarks.tongsuo import TongsuoPair
from peers.files import PartyFiles
from tlcp.suites import ECC_SM4_GCM_SM3

__all__ = ["cases", "resident_bytes"]

GROUP = "memory"
KINDS = {"tlcp": OURS, "ssl": SSL, "tongsuo": TONGSUO}
ROOT = Path(__file__).resolve().parents[1]
WARM_UP = 50
AT_ONCE = 20
STEPS = 5


def resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


# ---- certificates and contexts ------------------------------------------------------------


def make_tls(folder: Path) -> None:
    """A CA, and a certificate of it for each side."""
    now = datetime.datetime.now(datetime.UTC)
    start, end = now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")])
    for number, name in enumerate(("ca", "server", "client"), 1):
        ca = name == "ca"
        key = ca_key if ca else ec.generate_private_key(ec.SECP256R1())
        subject = ca_name if ca else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(ca_name, subject, key.public_key(), number, start, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
        names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
        made = builder.add_extension(names, False).sign(ca_key, hashes.SHA256())
        pem = made.public_bytes(serialization.Encoding.PEM)
        (folder / f"tls.{name}.crt").write_bytes(pem)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / f"tls.{name}.pem").write_bytes(pem + secret)


def context(kind: str, side: str, folder: Path) -> ssl.SSLContext:
    purpose = ssl.Purpose.SERVER_AUTH if side == "client" else ssl.Purpose.CLIENT_AUTH
    made: ssl.SSLContext
    if kind == "ssl":
        made = ssl.create_default_context(purpose, cafile=folder / "tls.ca.crt")
        made.load_cert_chain(folder / f"tls.{side}.pem")
    else:
        ours = tlcp.create_default_context(purpose, cafile=folder / "ca.crt")
        ours.load_cert_chain(
            sign=(folder / f"{side}.sign.crt", folder / f"{side}.sign.key"),
            enc=(folder / f"{side}.enc.crt", folder / f"{side}.enc.key"),
        )
        made = ours
    made.verify_mode = ssl.CERT_REQUIRED
    return made


# ---- the server's process: it measures itself when told to --------------------------------


class Echo(asyncio.Protocol):
    """The least that a server can be."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def serve(kind: str, folder: Path, traced: bool) -> None:
    """Commands on stdin: "measure" prints figures, "end" ends."""
    if traced:
        tracemalloc.start()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        Echo, "127.0.0.1", 0, ssl=context(kind, "server", folder), backlog=1024
    )
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        while (await loop.run_in_executor(None, sys.stdin.readline)).strip() == "measure":
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] if traced else 0
            figures = {
                "resident": resident_bytes(),
                "traced": held,
                "objects": len(gc.get_objects()),
            }
            print(json.dumps(figures), flush=True)


class Server:
    """The other process."""

    def __init__(self, kind: str, folder: Path, *, traced: bool) -> None:
        words = [sys.executable, "-m", "benchmarks.memory", "serve", kind, str(folder)]
        self._process = subprocess.Popen(
            [*words, str(int(traced))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.port = int(self._line())

    def _line(self) -> str:
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise SystemExit("the server's process has died")
        return line

    def tell(self, word: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()

    def measure(self) -> dict[str, int]:
        self.tell("measure")
        figures: dict[str, int] = json.loads(self._line())
        return figures

    def end(self) -> None:
        self._process.communicate("end\n")


# ---- the clients' process -----------------------------------------------------------------


async def connect(port: int, secret: ssl.SSLContext) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=secret, server_hostname=HOST
    )
    writer.write(b"x")
    await reader.readexactly(1)
    return writer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def many(port: int, secret: ssl.SSLContext, count: int) -> list[asyncio.StreamWriter]:
    found: list[asyncio.StreamWriter] = []
    while len(found) < count:
        some = min(AT_ONCE, count - len(found))
        found += await asyncio.gather(*(connect(port, secret) for _ in range(some)))
    return found


async def idle(kind: str, folder: Path, count: int, *, traced: bool) -> dict[str, float]:
    """Bytes of the server for each of ``count`` open connections."""
    server, secret = Server(kind, folder, traced=traced), context(kind, "client", folder)
    open_ones = await many(server.port, secret, WARM_UP)
    before = server.measure()
    open_ones += await many(server.port, secret, count)
    after = server.measure()
    for writer in open_ones:
        await hang_up(writer)
    server.end()
    return {name: (after[name] - before[name]) / count for name in after}


async def churn(kind: str, folder: Path, count: int) -> list[dict[str, int]]:
    """The server's figures after a warm-up and after each fifth of ``count`` short connections."""
    server, secret = Server(kind, folder, traced=False), context(kind, "client", folder)

    async def some(number: int) -> None:
        for writer in await many(server.port, secret, number):
            await hang_up(writer)

    step = count // STEPS
    for _ in range(5):  # arenas and caches reach the size that 20 at once need
        await some(max(WARM_UP, step // 10))
    found = [server.measure()]
    for _ in range(STEPS):
        for begin in range(0, step, AT_ONCE):
            await some(min(AT_ONCE, step - begin))
        found.append(server.measure())
    server.end()
    return found


def alone(kind: str, folder: Path, count: int) -> dict[str, float]:
    """The same for the server's object between two BIOs, without asyncio; in its own process."""
    connect = makers(kind, folder)
    kept = [connect() for _ in range(WARM_UP)]
    gc.collect()
    before = resident_bytes()
    kept += [connect() for _ in range(count)]
    gc.collect()
    resident = resident_bytes() - before
    tracemalloc.start()
    kept += [connect() for _ in range(count)]
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {"resident": resident / count, "traced": traced / count}


def makers(kind: str, folder: Path) -> Callable[[], Any]:
    """What makes a server's connected object."""
    if kind == "tongsuo":
        files = Parties(PartyFiles.named(folder, "client"), PartyFiles.named(folder, "server"))
        pair = TongsuoPair(files.client, files.server, ECC_SM4_GCM_SM3.openssl_name, HOST)
        return pair.connect_and_keep_server
    near, far = context(kind, "client", folder), context(kind, "server", folder)
    return lambda: through_handshake(near, far)


def through_handshake(near: ssl.SSLContext, far: ssl.SSLContext) -> Any:
    """A server's object whose client has gone."""
    bios = [ssl.MemoryBIO() for _ in range(4)]
    client = near.wrap_bio(bios[0], bios[1], server_hostname=HOST)
    server = far.wrap_bio(bios[2], bios[3], server_side=True)
    while not server.version():
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            bios[2].write(bios[1].read())
            bios[0].write(bios[3].read())
    with contextlib.suppress(ssl.SSLWantReadError):
        server.read(1)
    return server


# ---- cases ---------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """Idle connections alone and under asyncio, in the kernel's count and Python's; then churn."""
    for which, words in (("resident", "resident"), ("traced", "Python's share")):
        peers = (TONGSUO, SSL) if which == "resident" else (SSL,)
        run = _idle_case(_alone, which, ("tlcp", "tongsuo", "ssl"))
        name = f"idle connection, object alone, {words}"
        yield Case(GROUP, name, "KiB", run, peers, has_ratio=which == "resident")
    for which, words in (("resident", "resident"), ("traced", "Python's share")):
        run = _idle_case(_under_asyncio, which, ("tlcp", "ssl"))
        yield Case(GROUP, f"idle connection under asyncio, {words}", "KiB", run, (SSL,))
    yield Case(GROUP, "growth per 1,000 closed connections", "KiB", _growth, (SSL,), False)


Source = Callable[[str, Room], dict[str, float]]


def _idle_case(source: Source, which: str, kinds: tuple[str, ...]) -> Callable[[Room], Measured]:
    def run(room: Room) -> Measured:
        return {
            KINDS[kind]: [room.once((source, kind), lambda: source(kind, room))[which] / 1024]  # noqa: B023
            for kind in kinds
            if not missing(KINDS[kind]) and (which == "resident" or kind != "tongsuo")
        }

    return run


def _folder(room: Room) -> Path:
    def make() -> Path:
        folder = Path(room.folder, "memory")
        folder.mkdir()
        make_parties(folder)
        make_tls(folder)
        return folder

    return room.once("memory", make)


def _alone(kind: str, room: Room) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.memory", "alone", kind, str(_folder(room))]
    count = room.pace.pick(300, 40)
    said: dict[str, float] = json.loads(subprocess.check_output([*words, str(count)], cwd=ROOT))
    return said


def _under_asyncio(kind: str, room: Room) -> dict[str, float]:
    folder, count = _folder(room), room.pace.pick(300, 40)
    found = asyncio.run(idle(kind, folder, count, traced=False))
    found["traced"] = asyncio.run(idle(kind, folder, count, traced=True))["traced"]
    return found


def _growth(room: Room) -> Measured:
    """From the first fifth of the connections to the last one."""
    count, found = room.pace.pick(2500, 200), {}
    for kind in ("tlcp", "ssl"):
        steps = asyncio.run(churn(kind, _folder(room), count))
        grown = steps[-1]["resident"] - steps[1]["resident"]
        found[KINDS[kind]] = [grown / 1024 / (count * (STEPS - 1) / STEPS) * 1000]
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "1"))
    elif sys.argv[1:2] == ["alone"]:
        print(json.dumps(alone(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        raise SystemExit("python -m benchmarks --only memory")
