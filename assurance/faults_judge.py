"""What must be true of a connection over a wire that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assurance.faults_wire import MESSAGES, MOST_S, End, Run
from tlcp.errors import InternalError, TLCPError

__all__ = ["is_harmless", "judged"]

_BREAKS: Final = ("cut", "reset", "half-close")  # the ends see that nothing more will come
_WELL: Final = ("none", "delay")
_FIRST_VERSION: Final = (1, 2)  # in the header of the very first record, which is in no transcript


def is_harmless(run: Run) -> bool:
    """Both ends ended well, although the wire did something."""
    return run.client.error is None and run.server.error is None


def judged(run: Run, *, loops: bool) -> list[str]:
    """What is wrong, one text each; none if all is as it must be.

    Args:
        run: the connection.
        loops: both ends were asyncio's, which does not tell an end from a truncation.
    """
    where = f"{run.fault.kind} at byte {run.fault.offset} of the {run.fault.sender}"
    found = [*_common(run), *(() if loops else _of_sockets(run))]
    return [f"{where}: {what}" for what in found]


def _common(run: Run) -> Iterator[str]:
    if not run.ended:
        yield "an end hangs"
        return
    for role, end in (("client", run.client), ("server", run.server)):
        if end.seconds > MOST_S:
            yield f"the {role} took {end.seconds:.1f} s"
        if end.error is not None and not _is_right(end.error):
            yield f"the {role} failed with {end.error!r}, because of {end.error.__cause__!r}"
        elif isinstance(end.error, TLCPError) and not end.error.what:
            yield f"the {role}'s {type(end.error).__name__} says nothing"
    kept, acknowledged = run.server.data, run.client.data
    if kept != list(MESSAGES[: len(kept)]):
        yield "the server has other data than was sent"
    if acknowledged != [n.to_bytes(4, "big") for n in range(1, len(acknowledged) + 1)]:
        yield "the client has acknowledgements that were not sent"
    if len(acknowledged) > len(kept):
        yield "acknowledged data has not arrived"
    if run.fault.kind in _WELL and not (is_harmless(run) and len(acknowledged) == len(MESSAGES)):
        errors = run.client.error, run.server.error
        yield f"nothing was lost, and it failed: {errors}"


def _of_sockets(run: Run) -> Iterator[str]:
    for role, end in (("client", run.client), ("server", run.server)):
        if end.closed and len(end.data) != run.client.sent:
            yield f"the {role} took a truncation for an end"
        if end.error is None and not end.closed:
            yield f"the {role} ended well without close_notify"
        if run.fault.kind in _BREAKS and isinstance(end.error, TimeoutError):
            yield f"the {role} waited although the end was to be seen"
    reached = run.fault.offset < run.sent[run.fault.sender]
    noticed = not is_harmless(run) or run.fault.offset in _FIRST_VERSION
    if run.fault.kind == "corrupt" and reached and not noticed:
        yield "a changed byte was not noticed"
    if run.fault.kind == "silence" and reached and not _waited(run.client, run.server):
        yield "silence, and nobody's time was over"


def _waited(*ends: End) -> bool:
    """A timeout, or an end that had all it wanted before."""
    return any(isinstance(end.error, TimeoutError) or end.error is None for end in ends)


def _is_right(error: BaseException) -> bool:
    if isinstance(error, InternalError):
        return False
    return isinstance(error, TLCPError | ConnectionError | TimeoutError)
