"""What a peer's stack looks like and how a connection was resumed, in words and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tlcp.dialects import Dialect
from tlcp.events import HandshakeCompleted
from tlcp.quirks import STACK_NAMES, Quirk, likely_stacks, stacks_text

__all__ = [
    "dialect_line",
    "how_resumed",
    "looks_like",
    "peer_line",
    "quirk_facts",
    "quirk_rows",
    "session_facts",
    "session_line",
    "short_id",
]

_ID_BYTES = 4  # enough to tell sessions apart


def looks_like(quirks: Iterable[Quirk]) -> tuple[str, ...]:
    """The stacks that the quirks point to, by the names that people use."""
    return tuple(STACK_NAMES.get(stack, stack) for stack in likely_stacks(quirks))


def peer_line(quirks: tuple[Quirk, ...]) -> str:
    """For a log: the likely stacks and the quirks, in one line."""
    stacks = stacks_text(likely_stacks(quirks))
    seen = f"quirks: {'; '.join(one.en for one in quirks) or 'none seen'}"
    return seen if stacks is None else f"{stacks.en}; {seen}"


def quirk_rows(quirks: tuple[Quirk, ...]) -> Iterator[tuple[str, str]]:
    """Names and values for a person: the likely stacks, then each quirk on a line."""
    if (stacks := stacks_text(likely_stacks(quirks))) is not None:
        label = "looks like" if len(looks_like(quirks)) == 1 else "could be"
        yield label, stacks.en.removeprefix(label).lstrip()
    for place, quirk in enumerate(quirks):
        yield "" if place else "quirks", quirk.en
    if not quirks:
        yield "quirks", "none seen"


def quirk_facts(quirks: tuple[Quirk, ...]) -> dict[str, object]:
    """The same for JSON, in both languages."""
    return {
        "looks_like": list(looks_like(quirks)),
        "quirks": [{"name": one.name, "en": one.en, "zh": one.zh} for one in quirks],
    }


def dialect_line(dialect: Dialect, *, found: bool) -> str:
    """A dialect for a person; ``found`` if it was not the first that was tried."""
    how = "; found by trying" if found else ""
    return f"{dialect.name} ({dialect.peers}{how})"


def how_resumed(done: HandshakeCompleted) -> str | None:
    """By "ticket" or by "id"; None if no session was continued."""
    if not done.resumed:
        return None
    return "ticket" if done.by_ticket else "id"


def short_id(session_id: bytes) -> str:
    """The first bytes of a session id; it is no secret, only long."""
    more = "..." if len(session_id) > _ID_BYTES else ""
    return session_id[:_ID_BYTES].hex() + more


def session_line(done: HandshakeCompleted) -> str:
    """For a client: what a later connection can resume by."""
    session = done.session
    if session is None:
        return "none: the server gave nothing to resume by"
    if not session.ticket:
        return f"id {short_id(session.id)}"
    hint = session.ticket_lifetime_s
    lifetime = f", good for {hint} s" if hint else ""
    return f"a ticket of {len(session.ticket)} bytes{lifetime}"


def session_facts(done: HandshakeCompleted) -> dict[str, object] | None:
    """The same for JSON; None if there is nothing to resume by."""
    session = done.session
    if session is None:
        return None
    return {
        "id_begins": session.id[:_ID_BYTES].hex(),
        "ticket_bytes": len(session.ticket),
        "ticket_lifetime_s": session.ticket_lifetime_s,
    }
