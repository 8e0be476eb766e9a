"""The parts of a report as plain data for JSON: ``report.schema.json`` describes them.

No secret is here; ``ConnectionReport.dangerous_secrets`` has them.

Spec: GB/T 38636-2020 6
"""

from __future__ import annotations

from typing import Any

from tlcp.alerts import Text
from tlcp.inspect.fields import Field
from tlcp.inspect.findings import Finding
from tlcp.inspect.model import SENDERS, Message, Notice, Record, Sender
from tlcp.inspect.verify import Check
from tlcp.inspect.view import HandshakeView
from tlcp.wire.messages import Finished

__all__ = [
    "check_dict",
    "field_dict",
    "finding_dict",
    "key_schedule_dict",
    "notice_dict",
    "record_dict",
    "text_dict",
]


def text_dict(text: Text | None) -> dict[str, str] | None:
    """Both languages."""
    return {"en": text.en, "zh": text.zh} if text is not None else None


def field_dict(field: Field) -> dict[str, Any]:
    """A field of a message."""
    return {
        "path": field.path,
        "start": field.start,
        "end": field.end,
        "value": field.value,
        "label": field.label,
    }


def record_dict(record: Record, *, fragment: bool = False) -> dict[str, Any]:
    """A record.

    Args:
        record: which.
        fragment: the bytes behind its header, too, if it went encrypted and they were kept.
    """
    told: dict[str, Any] = {
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
        "problem": text_dict(record.problem),
        "messages": [message.number for message in record.messages],
    }
    if fragment and record.protected:
        told["fragment"] = record.fragment.hex()
    return told


def notice_dict(notice: Notice) -> dict[str, Any]:
    """A notice."""
    return {
        "number": notice.number,
        "sender": notice.sender,
        "time_s": notice.time_s,
        "rule": notice.rule,
        "text": text_dict(notice.text),
    }


def check_dict(check: Check) -> dict[str, Any]:
    """A check."""
    return {
        "rule": check.rule,
        "result": check.result.value,
        "section": check.section,
        "text": text_dict(check.text),
        "message": check.message or None,
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    """A finding."""
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "section": finding.section,
        "text": text_dict(finding.text),
        "message": finding.message or None,
        "side": finding.side,
    }


def key_schedule_dict(view: HandshakeView) -> dict[str, Any] | None:
    """How the keys are derived, without the secrets; None if the suite or a hello is unknown.

    Spec: GB/T 38636-2020 6.5
    """
    suite, hello, answer = view.suite, view.hello, view.answer
    if suite is None or hello is None or answer is None or not suite.implemented:
        return None
    return {
        "begins_with": "master" if view.resumed else "pre_master",
        "key_exchange": suite.key_exchange.value,
        "cipher": suite.cipher.value,
        "hash": suite.hash,
        "extended_master": view.decryptor.extended_master,
        "client_random": hello.random.hex(),
        "server_random": answer.random.hex(),
        "mac_key_bytes": suite.mac_key_bytes,
        "key_bytes": suite.key_bytes,
        "iv_bytes": suite.iv_bytes,
        "finished": {sender: _finished(view, sender) for sender in SENDERS},
    }


def _finished(view: HandshakeView, sender: Sender) -> dict[str, Any] | None:
    message: Message | None = view.find(Finished, sender)
    if message is None or not isinstance(message.parsed, Finished):
        return None
    # behind a gap the hash over what is there would be a wrong one
    known = view.transcript_before(message).digest() if view.whole else None
    return {
        "message": message.number,
        "handshake_hash": known.hex() if known is not None else None,
        "verify_data": message.parsed.verify_data.hex(),
    }
