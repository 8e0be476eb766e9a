"""``--capture`` of ``connect`` and ``serve``: the recording, and what is written beside it."""

from __future__ import annotations

from pathlib import Path

from tlcp.cli.language import language
from tlcp.cli.output import Printer
from tlcp.cli.results import write_results
from tlcp.errors import ConfigError
from tlcp.inspect.captures import CaptureError
from tlcp.inspect.recording import Recording
from tlcp.inspect.wireshark import command
from tlcp.x509.trust import TrustStore

__all__ = ["CAPTURE_HELP", "finish", "record"]

CAPTURE_HELP = (
    "Record the connections, with their keys, for Wireshark and `tlcp inspect`, and write beside "
    "it what they show: FILE.txt, FILE.json, FILE.html. Needs no root."
)


def record(path: Path | None, printer: Printer) -> Recording | None:
    """Begin the recording of ``--capture``, with a warning.

    Raises:
        ConfigError: it cannot be written.
    """
    if path is None:
        return None
    recording = Recording(path)
    printer.say(f"recording into {path}, with the keys: whoever has that file can read everything")
    return recording


def finish(
    recording: Recording | None,
    printer: Printer,
    *,
    trust: TrustStore | None,
    host: str | None,
    port: int,
) -> None:
    """End the recording, write the results, and say where all is; raises nothing.

    Args:
        recording: what ``record`` gave.
        printer: for talk.
        trust: the CAs of the connections.
        host: the name that the server had to have.
        port: of the server.
    """
    if recording is None:
        return
    recording.close()
    path = Path(recording.path)
    if recording.problem:
        printer.say(
            f"WARNING: the recording is not whole: {recording.problem}", style="bold yellow"
        )
    try:
        files = write_results(path, trust, host, language())
    except (ConfigError, CaptureError, OSError) as error:
        printer.say(f"WARNING: no report of the recording: {error}", style="bold yellow")
        return
    beside = ", ".join(map(str, files))
    count = recording.connections
    what = f"{count} connection" if count == 1 else f"{count} connections"
    printer.say(
        f"recorded {what}; {path} has the keys inside: keep it secret",
        f"  what happened: {beside}",
        f"  to look inside: {command(str(path), [port])}",
    )
