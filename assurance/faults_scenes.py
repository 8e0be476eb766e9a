"""The handshakes over whose wires faults come: suites, and sessions begun and continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from assurance.faults_wire import Contexts
from support.kinds import Kind, settings_of
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.sessions.client import ClientSessions, Place
from tlcp.sessions.session import Session
from tlcp.suites import (
    ECC_SM4_CBC_SM3,
    ECC_SM4_GCM_SM3,
    ECDHE_SM4_GCM_SM3,
    RSA_SM4_CBC_SHA256,
)

__all__ = ["Scene", "scenes"]


class Scene(NamedTuple):
    """Two contexts, and how their ends meet.

    Attributes:
        name: for people.
        contexts: the client's and the server's.
        resumes: whether a session is continued.
    """

    name: str
    contexts: Contexts
    resumes: bool


_KINDS: Final = (
    Kind(ECC_SM4_GCM_SM3, "mutual"),
    Kind(ECC_SM4_CBC_SM3, "one-way"),
    Kind(ECDHE_SM4_GCM_SM3, "mutual"),
    Kind(RSA_SM4_CBC_SHA256, "mutual"),
    Kind(ECC_SM4_CBC_SM3, "by id"),
    Kind(ECC_SM4_GCM_SM3, "by ticket"),
)


def scenes() -> Sequence[Scene]:
    """All of them; the first is the one whose every byte meets every fault."""
    found = [_scene(kind, str(kind), first=False) for kind in _KINDS]
    ticket = Kind(ECC_SM4_GCM_SM3, "by ticket")
    return [*found, _scene(ticket, f"{ticket.suite.name} that gives a ticket", first=True)]


def _scene(kind: Kind, name: str, *, first: bool) -> Scene:
    client, server, session = settings_of(kind)
    near = TLCPContext(PROTOCOL_TLCP_CLIENT, client)
    near.client_sessions = _Always(None if first else session)
    far = TLCPContext(PROTOCOL_TLCP_SERVER, server)
    return Scene(name, (near, far), kind.resumes and not first)


class _Always(ClientSessions):
    """One session, or none, for every place and whatever has become of it."""

    def __init__(self, session: Session | None) -> None:
        super().__init__()
        self._one = session

    def find(self, place: Place) -> Session | None:
        """The one."""
        return self._one

    def keep(self, place: Place, session: Session) -> None:
        """Nothing is kept."""

    def drop(self, place: Place) -> None:
        """Nothing is forgotten."""
