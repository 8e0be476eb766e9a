"""What must be true of a connection over a wire that failed.

What refuses it is told by ``faults_expected``; here is how the two ends belong together: whoever
refuses has told the other, whoever waited has waited, and only a break is seen as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assurance.faults_expected import Expected, expect
from assurance.faults_wire import MESSAGES, MOST_S, End, Run
from tlcp.errors import AlertReceived, PeerError, TLCPError, TruncatedError

__all__ = ["is_harmless", "judged"]

_BREAKS: Final = ("cut", "reset", "half-close")  # the ends see that nothing more will come
_DAMAGES: Final = ("reorder", "drop", "repeat", "corrupt")
_WELL: Final = ("none", "delay")
#: The transport has gone without close_notify, as the engine or the system says it.
_GONE: Final = (TruncatedError, ConnectionResetError, BrokenPipeError)
#: asyncio says so, too; ``ConnectionError`` itself is ours, for an end that came too early.
_GONE_IN_LOOP: Final = (*_GONE, ConnectionAbortedError)


def is_harmless(run: Run) -> bool:
    """Both ends ended well, although the wire did something."""
    return run.client.error is None and run.server.error is None


def judged(run: Run, *, loops: bool, resumes: bool = False) -> list[str]:
    """What is wrong, one text each; none if all is as it must be.

    Args:
        run: the connection.
        loops: both ends were asyncio's, which does not tell an end from a truncation, nor sends
            alerts.
        resumes: a session was to be continued.
    """
    expected = _expected(run)
    where = f"{run.fault.kind} at byte {run.fault.offset} of the {run.fault.sender}"
    if not run.ended:
        return [f"{where}: an end hangs"]
    ends = _in_loops if loops else _on_sockets
    found = [*_data(run, expected), *_time(run), *ends(run, expected)]
    if is_harmless(run) and run.client.resumed not in (None, resumes):
        found.append("a session was " + ("not " if resumes else "") + "continued")
    return [f"{where}, {expected.place}: {what}" for what in found]


def _expected(run: Run) -> Expected:
    """What comes late may complete a record that was already given up, and need not."""
    sent, given = run.sent[run.fault.sender], run.given[run.fault.sender]
    whole = expect(sent, given)
    if run.prompt < len(given) and not whole.harmless:
        soon = expect(sent, given[: run.prompt])
        whole.waits = whole.waits or soon.waits
    return whole


def _time(run: Run) -> Iterator[str]:
    for role, end in _roles(run):
        if end.seconds > MOST_S:
            yield f"the {role} took {end.seconds:.1f} s"
        if isinstance(end.error, TLCPError) and not end.error.what:
            yield f"the {role}'s {type(end.error).__name__} says nothing"


def _data(run: Run, expected: Expected) -> Iterator[str]:
    kept, acknowledged = run.server.data, run.client.data
    if kept != list(MESSAGES[: len(kept)]):
        yield "the server has other data than was sent"
    if acknowledged != [n.to_bytes(4, "big") for n in range(1, len(acknowledged) + 1)]:
        yield "the client has acknowledgements that were not sent"
    if len(acknowledged) > len(kept):
        yield "acknowledged data has not arrived"
    if run.client.error is None and len(acknowledged) < len(MESSAGES):
        yield "the client ended well without all acknowledgements"
    if (run.fault.kind in _WELL or expected.harmless) and not (
        is_harmless(run) and len(acknowledged) == len(MESSAGES)
    ):
        yield f"nothing was lost, and it failed: {_errors(run)}"


def _on_sockets(run: Run, expected: Expected) -> Iterator[str]:
    for role, end in _roles(run):
        if end.closed and len(end.data) != run.client.sent:
            yield f"the {role} took a truncation for an end"
        if end.error is None and not end.closed:
            yield f"the {role} ended well without close_notify"
    if expected.harmless:
        return
    if run.fault.kind in _BREAKS:
        yield from _broken(run)
    elif run.fault.kind in _DAMAGES and not _refused(run, expected):
        yield f"{_names(expected)} was to come, and it was {_errors(run)}"
    elif run.fault.kind == "silence" and not (_waited(run) or _left(_hearer(run), _speaker(run))):
        yield f"silence, and nobody's time was over: {_errors(run)}"


def _broken(run: Run) -> Iterator[str]:
    """Nothing more comes: the engine calls that a truncation, the system a reset."""
    if _hearer(run).error is None:
        yield "the end of the transport was not noticed"
    for role, end in _roles(run):
        half = run.fault.kind == "half-close" and end is _hearer(run)
        allowed = (TruncatedError,) if half else _GONE
        if not (end.error is None or isinstance(end.error, allowed)):
            yield f"the connection was broken, and the {role} says {end.error!r}"


def _refused(run: Run, expected: Expected) -> bool:
    hears, speaks = _hearer(run), _speaker(run)
    if _told(hears, speaks, expected):
        return True
    return expected.waits and (_waited(run) or _left(hears, speaks))


def _told(hears: End, speaks: End, expected: Expected) -> bool:
    """Whether one has refused the other by what is right, and that one has heard it."""
    for refuses, other, allowed in (
        (hears, speaks, expected.errors),
        (speaks, hears, expected.far),
    ):
        error, heard = refuses.error, other.error
        if isinstance(error, PeerError) and type(error) in allowed:
            if isinstance(heard, AlertReceived):
                return heard.description == error.alert_to_send
            # who has both close_notifies, its own and the other's, listens no more
            if heard is None:
                return other.closed and expected.in_last
            # what was waited for came when the other's time was over: it said goodbye
            return expected.waits and isinstance(heard, TimeoutError)
    return False


def _left(hears: End, speaks: End) -> bool:
    """One waits for the rest of the other's close_notify, and the other has gone, content."""
    return isinstance(hears.error, _GONE) and speaks.error is None and speaks.closed


def _waited(run: Run) -> bool:
    """A time was over at one end; the other one's, too, or it saw the first one go."""
    errors = [run.client.error, run.server.error]
    if not any(isinstance(error, TimeoutError) for error in errors):
        return False
    seen = (TimeoutError, *_GONE)
    return all(error is None or isinstance(error, seen) or _ended_early(error) for error in errors)


def _ended_early(error: BaseException | None) -> bool:
    """The other end has closed, as one does whose time is over."""
    return type(error) is ConnectionError or (
        isinstance(error, AlertReceived) and error.description == 0
    )


def _in_loops(run: Run, expected: Expected) -> Iterator[str]:
    if run.server.error is None and len(run.server.data) < len(MESSAGES):
        yield "the server ended well without all data"
    if expected.harmless:
        return
    hears, speaks = _hearer(run), _speaker(run)
    if run.fault.kind in _DAMAGES:
        sees = (*_GONE_IN_LOOP, TimeoutError)
        for refuses, other, allowed in (
            (hears, speaks, expected.errors),
            (speaks, hears, expected.far),
        ):
            if isinstance(refuses.error, PeerError):
                if type(refuses.error) not in allowed:
                    yield f"{_names(expected)} was to come, and it was {refuses.error!r}"
                # who has had all data is content: asyncio does not tell it how that ended
                content = other.error is None or type(other.error) is ConnectionError
                if not (content or isinstance(other.error, sees)):
                    yield f"one end has refused, and the other says {other.error!r}"
                return
        if not (expected.waits and _gone_in_loops(run)):
            yield f"{_names(expected)} was to come, and it was {_errors(run)}"
    elif not _gone_in_loops(run):
        yield f"the connection went silent or broke, and it was {_errors(run)}"


def _gone_in_loops(run: Run) -> bool:
    """Each end had all it wanted, or saw an end, or its time was over."""
    seen = (TimeoutError, *_GONE_IN_LOOP)
    return all(
        error is None or isinstance(error, seen) or type(error) is ConnectionError
        for error in (run.client.error, run.server.error)
    )


def _names(expected: Expected) -> str:
    names = sorted(kind.__name__ for kind in expected.errors)
    words = " or ".join(names) or "nothing but waiting"
    return words + (", or waiting," if expected.waits and names else "")


def _errors(run: Run) -> str:
    return f"{run.client.error!r} at the client, {run.server.error!r} at the server"


def _roles(run: Run) -> tuple[tuple[str, End], tuple[str, End]]:
    return ("client", run.client), ("server", run.server)


def _hearer(run: Run) -> End:
    return run.server if run.fault.sender == "client" else run.client


def _speaker(run: Run) -> End:
    return run.client if run.fault.sender == "client" else run.server
