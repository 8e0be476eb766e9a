"""Everything about one connection as plain data, with a stable form for JSON.

``examine`` does all the work: dissects, decrypts, verifies, finds and explains. The form of
``as_dict`` is published in ``report.schema.json``; secrets are in it only when asked for.

Spec: GB/T 38636-2020 6
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlcp.alerts import Text
from tlcp.events import TracedMessage
from tlcp.explain.narrator import Narrator
from tlcp.explain.told import Told
from tlcp.inspect.certs import read_certificate
from tlcp.inspect.decrypt import Decryptor
from tlcp.inspect.dissect import Dissector
from tlcp.inspect.fields import Field
from tlcp.inspect.findings import Finding, findings
from tlcp.inspect.model import (
    SENDERS,
    Dissection,
    Ending,
    KeepLimits,
    Message,
    Notice,
    Piece,
    Record,
    Sender,
)
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.stacks import likely, quirks_of
from tlcp.inspect.steps import Step, explain, step_of
from tlcp.inspect.verify import Check, verify
from tlcp.inspect.view import HandshakeView
from tlcp.quirks import Quirk
from tlcp.wire.messages import Certificate as CertificateMessage
from tlcp.x509.trust import TrustStore

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "ConnectionReport",
    "Examiner",
    "MessageReport",
    "PeerReport",
    "examine",
    "schema",
]

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("report.schema.json")


def schema() -> dict[str, Any]:
    """The JSON schema of ``ConnectionReport.as_dict``."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class MessageReport:
    """One message with all that is known about it, worked out when it is asked for."""

    message: Message
    view: HandshakeView

    @property
    def step(self) -> Step:
        """Which of the fifteen steps it is."""
        return step_of(self.message)

    @property
    def sentences(self) -> tuple[Text, Text]:
        """What such a message is for, and what this one says."""
        return explain(self.message, self.view)

    @property
    def fields(self) -> list[Field]:
        """Every field with its range and value."""
        return self.message.fields()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        message, step = self.message, self.step
        purpose, says = self.sentences
        return {
            "number": message.number,
            "sender": message.sender,
            "time_s": message.time_s,
            "name": message.name,
            "content_type": message.content_type,
            "protected": message.protected,
            "decrypted": message.opened,
            "length": message.size,
            "data": message.data.hex(),
            "parts": [
                {"record": part.record, "start": part.start, "end": part.end}
                for part in message.parts
            ],
            "problem": _text(message.problem),
            "step": step.number,
            "section": step.section,
            "title": _text(step.title),
            "purpose": _text(purpose),
            "says": _text(says),
            "fields": [
                {
                    "path": f.path,
                    "start": f.start,
                    "end": f.end,
                    "value": f.value,
                    "label": f.label,
                }
                for f in self.fields
            ],
            "certificates": [_certificate(der) for der in _ders(message)],
        }


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What one side looks like."""

    quirks: tuple[Quirk, ...]
    stacks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stacks": list(self.stacks),
            "quirks": [
                {"name": q.name.lower(), "text": {"en": q.en, "zh": q.zh}} for q in self.quirks
            ],
        }


@dataclass(slots=True)
class ConnectionReport:
    """One connection.

    Attributes:
        name: what it is called, such as "1".
        addresses: of client and server, as the capture names them; "" where unknown.
        dissection: records and notices.
        view: the handshake.
        messages: in the order they came.
        checks: what was verified.
        findings: worst first.
        peers: what each side looks like.
    """

    name: str
    addresses: dict[Sender, str]
    dissection: Dissection
    view: HandshakeView
    messages: list[MessageReport] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    peers: dict[Sender, PeerReport] = field(default_factory=dict)

    def told(self) -> dict[int, Told]:
        """The narrator's explanation of every message that could be read, by its number."""
        clock, told = [0.0], dict[int, Told]()
        narrator = Narrator(lambda: datetime.datetime.fromtimestamp(clock[0], datetime.UTC))
        for message in self.dissection.messages:
            clock[0] = message.time_s
            if message.opened:
                kind, data, closed = message.content_type, message.data, message.protected
                traced = TracedMessage(message.sender, kind, data, closed)
                told[message.number] = narrator.tell(traced)
        return told

    @property
    def decrypted(self) -> bool:
        """Whether the keys were found."""
        return self.view.keys is not None

    def as_dict(self, *, dangerous_secrets: bool = False) -> dict[str, Any]:
        """For JSON.

        Args:
            dangerous_secrets: put the secrets in, too: who has them can read the connection.
        """
        found, decryptor = self.dissection, self.view.decryptor
        suite = self.view.suite
        number = self.view.answer.cipher_suite if self.view.answer is not None else None
        report: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "name": self.name,
            "protocol": found.protocol,
            "client": {"address": self.addresses["client"], **self._peer("client")},
            "server": {"address": self.addresses["server"], **self._peer("server")},
            "suite": {"id": number, "name": suite.name if suite is not None else None},
            "resumed": self.view.resumed,
            "resumes": decryptor.resumes or None,
            "handshake_complete": self.view.finished,
            "encrypt_then_mac": decryptor.encrypt_then_mac,
            "decryption": {
                "possible": self.decrypted,
                "source": _text(decryptor.source),
                "why_not": None if self.decrypted else _text(decryptor.why_not()),
            },
            "records": [_record(record) for record in found.records],
            "records_left_out": found.records_left_out,
            "notices": [_notice(notice) for notice in found.notices],
            "messages": [message.as_dict() for message in self.messages],
            "checks": [_check(check) for check in self.checks],
            "findings": [_finding(finding) for finding in self.findings],
        }
        if dangerous_secrets:
            report["secrets"] = self.dangerous_secrets()
        return report

    def dangerous_secrets(self) -> dict[str, Any] | None:
        """The key schedule in hex, None without keys: never for logs."""
        keys, decryptor = self.view.keys, self.view.decryptor
        if keys is None:
            return None
        names = ("mac_key", "key", "iv")
        pre = decryptor.pre_master
        return {
            "pre_master": pre.hex() if pre is not None else None,
            "master": keys.dangerous_master().hex(),
            "key_log_line": keys.dangerous_key_log_line(),
            **{
                sender: {
                    name: part.hex()
                    for name, part in zip(names, keys.dangerous_keys(sender), strict=True)
                }
                for sender in SENDERS
            },
        }

    def _peer(self, sender: Sender) -> dict[str, Any]:
        found = self.dissection
        return {
            **self.peers[sender].as_dict(),
            "ended": found.ended[sender],
            "records": found.records_total[sender],
            "records_opened": found.records_opened[sender],
            "records_failed": found.records_failed[sender],
            "data_bytes": found.data_bytes[sender],
        }


class Examiner:
    """Examines one connection piece by piece.

    Args:
        secrets: what is known; one object for all connections of a capture, so that resumed
            ones are decrypted. None = nothing.
        name: of the connection.
        client: its address.
        server: its address.
        limits: how much is kept.
        on_data: gets all application data that is decrypted.
    """

    def __init__(
        self,
        secrets: Secrets | None = None,
        *,
        name: str = "1",
        client: str = "",
        server: str = "",
        limits: KeepLimits | None = None,
        on_data: Callable[[Sender, bytes], None] | None = None,
    ) -> None:
        self._name = name
        self._addresses: dict[Sender, str] = {"client": client, "server": server}
        self._decryptor = Decryptor(secrets, name)
        self._dissector = Dissector(self._decryptor, limits, on_data)

    def feed(self, piece: Piece) -> None:
        """Take the next piece of either direction."""
        self._dissector.feed(piece)

    def finish(
        self,
        *,
        trust: TrustStore | None = None,
        host: str | None = None,
        now: datetime.datetime | None = None,
        client_end: Ending = "unknown",
        server_end: Ending = "unknown",
    ) -> ConnectionReport:
        """Sum up.

        Args:
            trust: the CAs; None = chains are not checked.
            host: the name that the server's certificates must have.
            now: when certificates must be valid; None = when they were sent.
            client_end: how the client's TCP stream ended.
            server_end: likewise.
        """
        dissection = self._dissector.finish(client_end, server_end)
        view = HandshakeView(dissection, self._decryptor)
        report = ConnectionReport(self._name, self._addresses, dissection, view)
        empty = PeerReport((), ())
        report.peers = {"client": empty, "server": empty}
        if not dissection.is_tlcp:
            return report
        report.checks = verify(view, trust, host=host, now=now)
        report.findings = findings(view, report.checks)
        for sender in SENDERS:
            quirks = quirks_of(view, report.checks, sender)
            report.peers[sender] = PeerReport(quirks, likely(quirks))
        report.messages = [MessageReport(message, view) for message in dissection.messages]
        return report


def examine(
    pieces: Iterable[Piece],
    secrets: Secrets | None = None,
    *,
    trust: TrustStore | None = None,
    host: str | None = None,
    name: str = "1",
) -> ConnectionReport:
    """Examine a whole connection: ``Examiner`` for one call."""
    examiner = Examiner(secrets, name=name)
    for piece in pieces:
        examiner.feed(piece)
    return examiner.finish(trust=trust, host=host)


def _text(text: Text | None) -> dict[str, str] | None:
    return {"en": text.en, "zh": text.zh} if text is not None else None


def _record(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "sender": record.sender,
        "time_s": record.time_s,
        "content_type": record.content_type,
        "version": record.version,
        "length": record.length,
        "offset": record.offset,
        "missing": record.missing,
        "protected": record.protected,
        "sequence": record.sequence,
        "integrity": record.integrity.value,
        "problem": _text(record.problem),
        "messages": [message.number for message in record.messages],
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "number": notice.number,
        "sender": notice.sender,
        "time_s": notice.time_s,
        "rule": notice.rule,
        "text": _text(notice.text),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "rule": check.rule,
        "result": check.result.value,
        "section": check.section,
        "text": _text(check.text),
        "message": check.message or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "section": finding.section,
        "text": _text(finding.text),
        "message": finding.message or None,
        "side": finding.side,
    }


def _ders(message: Message) -> tuple[bytes, ...]:
    parsed = message.parsed
    return parsed.certificates if isinstance(parsed, CertificateMessage) else ()


def _certificate(der: bytes) -> dict[str, Any]:
    one = read_certificate(der)
    if one is None:
        return {"problem": "cannot be read", "sm3": None}
    return {
        "subject": one.subject_text,
        "issuer": one.issuer_text,
        "serial": f"{one.serial_number:x}",
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat(),
        "key_usage": sorted(one.key_usage) if one.key_usage is not None else None,
        "is_ca": one.is_ca,
        "names": [*one.dns_names, *map(str, one.ip_addresses)],
        "sm3": one.fingerprint_sm3.hex(),
        "problem": None,
    }
