"""``tlcp serve`` as a program, to be attacked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tlcp.context import TLCPContext
from tlcp.defaults import create_default_context
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.directory import CADirectory

__all__ = ["CLIENTS", "Serve"]

#: That it takes at a time.
CLIENTS: Final = 400


class Serve:
    """The program, with certificates of its own and room for fewer clients than will come.

    Args:
        handshake_s: that it gives to a handshake.
        idle_s: that a client may be silent.

    Attributes:
        context: for honest clients.
    """

    def __init__(self, handshake_s: float, idle_s: float) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name)
        directory = CADirectory.create(path, CertificateAuthority.create())
        directory.issue_pair("server", ["localhost", "127.0.0.1"])
        directory.issue_pair("client")
        self.context: TLCPContext = create_default_context(cafile=path / "ca.crt")
        self.context.load_cert_chain(
            sign=(path / "client.sign.crt", path / "client.sign.key"),
            enc=(path / "client.enc.crt", path / "client.enc.key"),
        )
        command = [sys.executable, "-m", "tlcp", "serve", "127.0.0.1:0", "--pki", str(path)]
        command += ["--name", "server", "--max-clients", str(CLIENTS)]
        command += ["--timeout", str(handshake_s), "--idle-timeout", str(idle_s)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def hear(self) -> int:
        """The port."""
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        return int(self._process.stdout.readline().rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()
