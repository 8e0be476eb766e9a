"""Every example runs as its first line says, on files that ``tlcp pki`` has made."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import tlcp
from libraries.contexts import tls_pair
from tlcp.cli import main

LIMIT_S = 30.0
EXAMPLES = Path(__file__).parents[2] / "examples"
GREETING = "hello CN=client,O=TLCP,C=CN"

CLIENTS = [
    "requests_client",
    "httpx_sync",
    "httpx_async",
    "aiohttp_client",
    "urllib3_client",
    "urllib_request",
    "raw_socket",
]
SERVERS = {
    "http_server": GREETING,
    "aiohttp_server": GREETING,
    "uvicorn_starlette": GREETING,
    "gunicorn_app": GREETING,
    "hypercorn_server": "hello",
    "both_protocols": "you speak TLCPv1.1",
}
ALONE = {
    "asyncio_streams": "CN=client,O=TLCP,C=CN: hello",
    "websockets_both": "CN=client,O=TLCP,C=CN: hello",
    "resume_session": "\n".join(
        f"CN=client,O=TLCP,C=CN: {how}, next time by {kept}"
        for kept in ("id", "ticket")
        for how in ("full handshake", "resumed", "resumed")
    ),
    "shared_sessions": "first server: full handshake with CN=client,O=TLCP,C=CN\n"
    "second server: resumed with CN=client,O=TLCP,C=CN",
    "remote_key": "ECC_SM4_GCM_SM3: hello CN=client,O=TLCP,C=CN\n"
    "ECDHE_SM4_GCM_SM3: hello CN=client,O=TLCP,C=CN",
    "sans_io": "server: ECC_SM4_GCM_SM3\nclient: ECC_SM4_GCM_SM3\nhello",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What three commands of ``tlcp pki`` make, and a pair for TLS."""
    path = tmp_path_factory.mktemp("examples") / "pki"
    hosts = ("--host", "localhost", "--host", "127.0.0.1")
    for command in (("init",), ("issue", "server", *hosts), ("issue", "client")):
        assert main(["pki", command[0], str(path), *command[1:]]) == 0
    _, both = tls_pair(path)
    for name in ("tls.crt", "tls.key"):
        (path / name).write_bytes(both.read_bytes())
    return path


def command_of(name: str, *arguments: object) -> list[str]:
    path = EXAMPLES / f"{name}.py"
    return [sys.executable, "-W", "error", str(path), *map(str, arguments)]


def run(name: str, *arguments: object) -> str:
    """Output of an example that ends by itself."""
    process = subprocess.run(
        command_of(name, *arguments), capture_output=True, text=True, timeout=LIMIT_S
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@contextlib.contextmanager
def serving(name: str, directory: Path, *options: str) -> Iterator[int]:
    """The port of an example that serves."""
    command, environment = command_of(name, directory, 0), dict(os.environ)
    if name == "gunicorn_app":
        gunicorn = [sys.executable, "-m", "gunicorn", "--worker-tmp-dir", str(directory)]
        command = [*gunicorn, "--chdir", str(EXAMPLES), "-c", f"{name}.py", *options]
        command.append(f"{name}:app")
        environment |= {"TLCP_PKI": str(directory), "BIND": "127.0.0.1:0"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=EXAMPLES if name == "gunicorn_app" else directory,
    )
    try:
        with _killed_if_it_hangs(process):
            port = _port_in_log(process)
        yield port
    finally:
        with _killed_if_it_hangs(process):
            process.send_signal(signal.SIGTERM)
            process.communicate()


@contextlib.contextmanager
def _killed_if_it_hangs(process: subprocess.Popen[str]) -> Iterator[None]:
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _port_in_log(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    log = ""
    while line := process.stdout.readline():
        log += line
        if found := re.search(r"https://[\w.]+:(\d+)", line):
            return int(found[1])
    raise AssertionError(log)


@pytest.fixture(scope="module")
def port(directory: Path) -> Iterator[int]:
    with serving("http_server", directory) as port:
        yield port


@pytest.mark.parametrize("arguments", [(), ("pki", "redis://localhost/0")])
def test_shared_sessions_says_how_to_run_it(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SESSION_SECRET", raising=False)
    process = subprocess.run(
        command_of("shared_sessions", *arguments), capture_output=True, text=True, timeout=LIMIT_S
    )
    assert process.returncode != 0
    assert process.stderr.startswith("usage: python examples/shared_sessions.py pki\n")


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client(name: str, port: int, directory: Path) -> None:
    if name == "raw_socket":
        output = run(name, directory, "localhost", port)
        assert output.startswith("TLCPv1.1 ECC_SM4_GCM_SM3 with CN=server,O=TLCP,C=CN\nHTTP/1.1")
    else:
        output = run(name, directory, f"https://localhost:{port}/")
    assert GREETING in output


def client_context(directory: Path) -> tlcp.TLCPContext:
    context = tlcp.create_default_context(cafile=directory / "ca.crt")
    context.load_cert_chain(
        sign=(directory / "client.sign.crt", directory / "client.sign.key"),
        enc=(directory / "client.enc.crt", directory / "client.enc.key"),
    )
    return context


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(name: str, directory: Path) -> None:
    with serving(name, directory) as port:
        url = f"https://localhost:{port}/"
        answer = httpx.get(url, verify=client_context(directory), timeout=LIMIT_S)
        assert (answer.status_code, answer.text.strip()) == (200, SERVERS[name])
        if name == "both_protocols":
            standard = ssl.create_default_context(cafile=directory / "tls.crt")
            assert httpx.get(url, verify=standard, timeout=LIMIT_S).text == "you speak TLSv1.3\n"
        else:
            with pytest.raises(httpx.TransportError):  # no certificate, no page
                httpx.get(
                    url,
                    verify=tlcp.create_default_context(cafile=directory / "ca.crt"),
                    timeout=LIMIT_S,
                )


def test_gunicorn_with_workers_that_have_no_threads(directory: Path) -> None:
    with serving("gunicorn_app", directory, "--worker-class", "sync") as port:
        url = f"https://localhost:{port}/"
        assert GREETING in httpx.get(url, verify=client_context(directory), timeout=LIMIT_S).text


@pytest.mark.parametrize("name", ALONE)
def test_both_ends(name: str, directory: Path) -> None:
    assert run(name, directory) == ALONE[name]


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*CLIENTS, *SERVERS, *ALONE}
