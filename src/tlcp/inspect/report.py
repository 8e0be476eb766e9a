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
from tlcp.inspect.application import ApplicationData, application_data
from tlcp.inspect.certificates_json import certificates_list
from tlcp.inspect.decrypt import Decryptor
from tlcp.inspect.dissect import Dissector
from tlcp.inspect.fields import Field
from tlcp.inspect.findings import Finding, findings, stack_findings
from tlcp.inspect.model import (
    SENDERS,
    Dissection,
    Ending,
    KeepLimits,
    Message,
    Piece,
    Record,
    Room,
    Sender,
)
from tlcp.inspect.report_json import (
    check_dict,
    field_dict,
    finding_dict,
    key_schedule_dict,
    notice_dict,
    record_dict,
    text_dict,
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
            "problem": text_dict(message.problem),
            "step": step.number,
            "section": step.section,
            "title": text_dict(step.title),
            "purpose": text_dict(purpose),
            "says": text_dict(says),
            "fields": [field_dict(one) for one in self.fields],
            "certificates": certificates_list(_ders(message)),
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
        checks: what was verified.
        found: all findings but those on stacks, worst first.
    """

    name: str
    addresses: dict[Sender, str]
    dissection: Dissection
    view: HandshakeView
    checks: list[Check] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    _peers: dict[Sender, PeerReport] | None = field(default=None, repr=False)

    @property
    def peers(self) -> dict[Sender, PeerReport]:
        """What each side looks like; worked out when it is asked for."""
        if self._peers is None:
            self._peers = {sender: self._seen(sender) for sender in SENDERS}
        return self._peers

    def _seen(self, sender: Sender) -> PeerReport:
        tlcp = self.dissection.is_tlcp
        quirks = quirks_of(self.view, self.checks, sender) if tlcp else ()
        return PeerReport(quirks, likely(quirks))

    @property
    def findings(self) -> list[Finding]:
        """All findings, worst first."""
        quirks = {sender: peer.quirks for sender, peer in self.peers.items()}
        return [*self.found, *stack_findings(quirks)]

    @property
    def worst(self) -> Finding | None:
        """The first of all findings; those on stacks are looked for only if there is no other."""
        return next(iter(self.found or self.findings), None)

    @property
    def messages(self) -> list[MessageReport]:
        """In the order they came; none of what is no TLCP."""
        found = self.view.messages if self.dissection.is_tlcp else ()
        return [MessageReport(message, self.view) for message in found]

    def application(self) -> ApplicationData:
        """What both sides said once protected: HTTP, and what is none."""
        return application_data(self.dissection)

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

    def as_dict(
        self, *, dangerous_secrets: bool = False, fragments: bool = False
    ) -> dict[str, Any]:
        """For JSON.

        Args:
            dangerous_secrets: put the secrets in, too: who has them can read the connection.
            fragments: put the bytes of encrypted records in, too.
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
                "source": text_dict(decryptor.source),
                "why_not": None if self.decrypted else text_dict(decryptor.why_not()),
            },
            "key_schedule": key_schedule_dict(self.view),
            "records": [record_dict(record, fragment=fragments) for record in found.records],
            "records_left_out": found.records_left_out,
            "messages_left_out": found.messages_left_out,
            "notices_left_out": found.notices_left_out,
            "notices": [notice_dict(notice) for notice in found.notices],
            "messages": [message.as_dict() for message in self.messages],
            "checks": [check_dict(check) for check in self.checks],
            "findings": [finding_dict(finding) for finding in self.findings],
            "application": self.application().as_dict(),
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
        room: what all connections together may keep; None = this one has one of its own.
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
        room: Room | None = None,
    ) -> None:
        self._name = name
        self._addresses: dict[Sender, str] = {"client": client, "server": server}
        self._decryptor = Decryptor(secrets, name)
        self._dissector = Dissector(self._decryptor, limits, on_data, room)
        #: takes the next piece as (sender, time_s, data, lost): ``feed`` for many
        self.take = self._dissector.take

    def feed(self, piece: Piece) -> None:
        """Take the next piece of either direction."""
        self._dissector.feed(piece)

    @property
    def records(self) -> list[Record]:
        """The records so far, as far as they are kept."""
        return self._dissector.found.records

    @property
    def is_tlcp(self) -> bool:
        """Whether a record of TLCP has come."""
        return self._dissector.found.is_tlcp

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
        if dissection.is_tlcp:
            report.checks = verify(view, trust, host=host, now=now)
            report.found = findings(view, report.checks)
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


def _ders(message: Message) -> tuple[bytes, ...]:
    parsed = message.parsed
    return parsed.certificates if isinstance(parsed, CertificateMessage) else ()
