"""What was agreed on, as JSON and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlcp.cli.peers import (
    dialect_line,
    how_resumed,
    quirk_facts,
    quirk_rows,
    session_facts,
    session_line,
    short_id,
)
from tlcp.dialects import Dialect
from tlcp.events import HandshakeCompleted
from tlcp.x509.certificate import Certificate
from tlcp.x509.pair import VerifiedPair
from tlcp.x509.revocation import RevocationPolicy

__all__ = ["Outcome", "Resumption", "certificate_facts", "certificate_line"]


def certificate_facts(certificate: Certificate) -> dict[str, object]:
    """One certificate, for JSON."""
    usage = certificate.key_usage
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer_text,
        "serial_hex": f"{certificate.serial_number:x}",
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "key_usage": None if usage is None else sorted(usage),
        "hosts": [*certificate.dns_names, *map(str, certificate.ip_addresses)],
        "fingerprint_sm3": certificate.fingerprint_sm3.hex(),
    }


def certificate_line(certificate: Certificate) -> str:
    """One certificate, for a person who has read its subject already."""
    names = [*certificate.dns_names, *map(str, certificate.ip_addresses)]
    hosts = f", for {', '.join(names)}" if names else ""
    return (
        f"serial {certificate.serial_number:x}, until {certificate.not_after:%Y-%m-%d}"
        f"{hosts}, by {certificate.issuer_text}"
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A completed handshake as one side sees it.

    Attributes:
        role: "client" or "server": our side.
        done: what the engine reported.
        address: the peer's, as HOST:PORT.
        client_auth: "done", "not asked for", or why it was not done.
        handshake_ms: how long it took.
        dialect: the one spoken.
        failed: the dialects that were tried before it, each with what came of it.
        revocation: how it was asked whether the peer's certificates are revoked; None = not at all.
    """

    role: str
    done: HandshakeCompleted
    address: str
    client_auth: str
    handshake_ms: float
    dialect: Dialect
    failed: tuple[tuple[str, str], ...] = ()
    revocation: RevocationPolicy | None = None

    def as_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        suite, peer = self.done.suite, self.done.peer
        return {
            "ok": True,
            "role": self.role,
            "address": self.address,
            "suite": {"name": suite.name, "id": f"{suite.id:04X}", "openssl": suite.openssl_name},
            "server_name": self.done.server_name,
            "peer": None if peer is None else _pair_facts(peer),
            "revocation": self._policy.mode if self._policy is not None else None,
            "client_auth": self.client_auth,
            "resumed": self.done.resumed,
            "resumed_by": how_resumed(self.done),
            "session": session_facts(self.done),
            "handshake_ms": round(self.handshake_ms, 1),
            "dialect": self.dialect.name,
            "dialects_failed": [{"dialect": name, "what": what} for name, what in self.failed],
            **quirk_facts(self.done.quirks),
        }

    def rows(self) -> Iterator[tuple[str, str]]:
        """The same as names and values, the client's view."""
        yield "suite", str(self.done.suite)
        if (peer := self.done.peer) is not None:
            yield "server", peer.sign.subject.rfc4514_string() or "(no subject)"
            yield "  signing", certificate_line(peer.sign)
            if peer.enc is not None:
                yield "  encryption", certificate_line(peer.enc)
            yield "verified", self._verified(peer)
            if peer.verified:
                yield "revocation", self._revocation()
        yield "dialect", dialect_line(self.dialect, found=bool(self.failed))
        yield "session", session_line(self.done)
        yield from quirk_rows(self.done.quirks)
        yield "client auth", self.client_auth

    def _verified(self, peer: VerifiedPair) -> str:
        if not peer.verified:
            return "NO: verification is turned off"
        name = f", as {self.done.server_name}" if self.done.server_name else ""
        return f"by {_anchor(peer.sign_chain)}{name}"

    @property
    def _policy(self) -> RevocationPolicy | None:
        peer = self.done.peer
        return self.revocation if peer is not None and peer.verified else None

    def _revocation(self) -> str:
        if (policy := self._policy) is None:
            return "not asked about: --crl or --ocsp does"
        known = "is revoked" if policy.mode == "hard-fail" else "is known to be revoked (soft-fail)"
        of = "" if policy.scope == "leaf" else ", nor of the CAs between,"
        return f"none of its certificates{of} {known}"


@dataclass(frozen=True, slots=True)
class Resumption:
    """A connection of ``--resume``.

    Attributes:
        number: 1 for the first after the one that carried data.
        done: what the engine reported.
        handshake_ms: how long it took, connecting included.
        new_ticket: whether the server gave one.
    """

    number: int
    done: HandshakeCompleted
    handshake_ms: float
    new_ticket: bool

    def as_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {
            "resumed": self.done.resumed,
            "resumed_by": how_resumed(self.done),
            "session": session_facts(self.done),
            "new_ticket": self.new_ticket,
            "handshake_ms": round(self.handshake_ms, 1),
        }

    def line(self) -> str:
        """The same for a person."""
        by, session = how_resumed(self.done), self.done.session
        parts = [f"resumed by {by}" if by else "not resumed, a full handshake"]
        if session is not None:
            parts.append(f"session {short_id(session.id)}")
        parts.append(f"{self.handshake_ms:.0f} ms")
        parts.append("a new ticket" if self.new_ticket else "no new ticket")
        return f"resume {self.number}: {', '.join(parts)}"


def _anchor(chain: Sequence[Certificate]) -> str:
    return chain[-1].subject.rfc4514_string() if chain else ""


def _pair_facts(peer: VerifiedPair) -> dict[str, object]:
    return {
        "subject": peer.sign.subject.rfc4514_string(),
        "verified": peer.verified,
        "verified_by": _anchor(peer.sign_chain) or None,
        "sign": certificate_facts(peer.sign),
        "enc": None if peer.enc is None else certificate_facts(peer.enc),
    }
