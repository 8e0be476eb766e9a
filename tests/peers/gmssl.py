"""GmSSL 3.1.1's command line as a peer: ``gmssl tlcp_server`` and ``gmssl tlcp_client``.

It knows one suite, ECC_SM4_CBC_SM3. The server echoes; it serves one connection after the other
and leaves for good when a handshake fails. The client sends each line of its standard input and
writes what comes back to its standard output.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import pytest

from peers.files import PASSWORD, PartyFiles, key_for_gmssl

TIMEOUT = 30.0  # seconds; a bound for what would hang, never a wait
_INSTALLED = Path("~/.gmssl_3.1.1_install/bin/gmssl")  # where easy_gmssl's build puts it


def find_gmssl() -> tuple[Path, dict[str, str]]:
    """Path and environment of a working GmSSL 3.1.1; skip the test where there is none."""
    named = [os.environ.get("TLCP_GMSSL"), str(_INSTALLED.expanduser()), shutil.which("gmssl")]
    for candidate in (Path(name) for name in named if name):
        # the program is built without an rpath: it needs to be told where libgmssl.so.3 is
        libraries = str(candidate.parent.parent / "lib")
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
        if candidate.is_file() and b"GmSSL 3.1.1" in _run(candidate, environment):
            return candidate, environment
    pytest.skip("needs GmSSL 3.1.1: apt-get install cmake, then make test")


def _run(program: Path, environment: dict[str, str]) -> bytes:
    command = [str(program), "version"]
    return subprocess.run(
        command, env=environment, capture_output=True, timeout=TIMEOUT, check=False
    ).stdout


class GmSSLProcess:
    """A running ``gmssl``; its trace (standard error) goes to a file."""

    def __init__(self, arguments: Sequence[str], *, stdin: bool) -> None:
        program, environment = find_gmssl()
        self._trace: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self.process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stderr=self._trace,
            env=environment,
            bufsize=0,
        )

    @property
    def trace(self) -> str:
        """What it has printed about its handshake and errors so far."""
        # not seek and read: the program shares the position and would write over the beginning
        descriptor = self._trace.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")

    def wait_until_listening(self) -> bool:
        """True once it listens, False if it ended. A probing connection would make it leave."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            if _listens(self.process.pid):
                return True
            try:
                self.process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
            return False
        raise TimeoutError(f"gmssl does not listen:\n{self.trace}")

    def close(self) -> None:
        """Stop it if it still runs, and close its pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        for pipe in (self.process.stdin, self.process.stdout, self._trace):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class GmSSLServer(GmSSLProcess):
    """``gmssl tlcp_server`` on a free port, listening when the constructor returns.

    Args:
        files: certificates and keys of the server.
        workdir: an empty directory for the files in GmSSL's form.
        client_auth: ask clients for certificates that chain to ``files.ca``.

    Attributes:
        port: the port it listens on.
    """

    def __init__(self, files: PartyFiles, workdir: Path, *, client_auth: bool) -> None:
        chain = workdir / "chain.pem"
        chain.write_text(files.sign_cert.read_text() + files.enc_cert.read_text())
        sign = key_for_gmssl(files.sign_key, files.sign_cert, workdir / "sign.pem")
        enc = key_for_gmssl(files.enc_key, files.enc_cert, workdir / "enc.pem")
        arguments = ["-cert", str(chain), "-key", str(sign), "-pass", PASSWORD]
        arguments += ["-ex_key", str(enc), "-ex_pass", PASSWORD]
        if client_auth:
            arguments += ["-cacert", str(files.ca)]
        for _ in range(5):
            self.port = free_port()
            super().__init__(["tlcp_server", "-port", str(self.port), *arguments], stdin=False)
            if self.wait_until_listening():
                return
            text = self.trace
            self.close()
            if "socket bind error" not in text:  # which would mean that the port was just taken
                break
        raise RuntimeError(f"gmssl tlcp_server did not start:\n{text}")


class GmSSLClient(GmSSLProcess):
    """``gmssl tlcp_client``, connecting to a port of 127.0.0.1.

    Args:
        files: certificates and key of the client; ``files.ca`` is the root that it trusts.
        workdir: an empty directory for the files in GmSSL's form.
        port: where to connect.
        certificates: what to send if asked: the pair, the signing certificate only, or nothing
            (it then ends with alert 80 when asked).
        verify: check the server's certificates.
    """

    def __init__(
        self,
        files: PartyFiles,
        workdir: Path,
        port: int,
        *,
        certificates: Literal["pair", "sign", "none"] = "pair",
        verify: bool = True,
    ) -> None:
        arguments = ["tlcp_client", "-host", "127.0.0.1", "-port", str(port)]
        if verify:
            arguments += ["-cacert", str(files.ca)]
        if certificates != "none":
            chain = workdir / "chain.pem"
            enc = files.enc_cert.read_text() if certificates == "pair" else ""
            chain.write_text(files.sign_cert.read_text() + enc)
            key = key_for_gmssl(files.sign_key, files.sign_cert, workdir / "sign.pem")
            arguments += ["-cert", str(chain), "-key", str(key), "-pass", PASSWORD]
        super().__init__(arguments, stdin=True)

    def send_line(self, line: bytes) -> None:
        """Send one line of at most 1022 bytes; it is read after the handshake.

        The client then waits for a reply: send no second line before it has come.
        """
        pipe = self.process.stdin
        if pipe is None or b"\n" in line or not 0 < len(line) < 1023:
            raise ValueError("one line of 1 to 1022 bytes, without its end")
        pipe.write(line + b"\n")

    def receive(self, size: int) -> bytes:
        """Wait for ``size`` bytes of application data, fewer if the client ends."""
        pipe = self.process.stdout
        out = b""
        while pipe is not None and len(out) < size and (data := pipe.read(size - len(out))):
            out += data
        return out

    def finish(self) -> int:
        """End its input: it sends close_notify, waits for one record and leaves."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return self.process.wait(TIMEOUT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _listens(pid: int) -> bool:
    """Whether a process has a listening TCP socket, from /proc: nothing is sent to it."""
    try:
        targets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # it has just ended
        return False
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and f"socket:[{row[9]}]" in targets for row in rows)
