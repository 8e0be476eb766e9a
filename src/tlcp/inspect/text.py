"""A report as plain text, in English or Chinese.

Spec: GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

from collections.abc import Iterator

from tlcp.alerts import Text
from tlcp.explain.render import render, to_text
from tlcp.explain.told import Told
from tlcp.explain.values import safe_text, short_hex, text_or_hex
from tlcp.inspect.application_text import application_lines
from tlcp.inspect.model import SENDERS, Notice
from tlcp.inspect.report import ConnectionReport, MessageReport
from tlcp.inspect.steps import STEPS, Lang
from tlcp.inspect.verify import ZH_SIDES, Result
from tlcp.registry import ContentType
from tlcp.suites import suite_label

__all__ = ["lines"]

_SHOWN_FIELDS = 400
_MARKS = {Result.HOLDS: "+", Result.FAILS: "!", Result.UNKNOWN: "?"}
_SEVERITIES = {
    "error": Text("error", "错误"),
    "warning": Text("warning", "警告"),
    "note": Text("note", "提示"),
}


def lines(report: ConnectionReport, lang: Lang = "en", *, details: bool = False) -> Iterator[str]:
    """The report, line by line, without line ends; nothing that a terminal obeys.

    Args:
        report: what to show.
        lang: "en" or "zh".
        details: every field of every message, too.
    """
    for line in _all(report, lang, details):
        yield safe_text(line)


def _all(report: ConnectionReport, lang: Lang, details: bool) -> Iterator[str]:
    yield from _head(report, lang)
    if not report.dissection.is_tlcp:
        return
    yield ""
    yield from _flow(report, lang, details)
    yield from application_lines(report.application(), lang, details=details)
    if report.checks:
        yield ""
        yield _pick(Text("Verified", "校验"), lang)
        for check in report.checks:
            where = f" [{check.section}]"
            yield f"  {_MARKS[check.result]} {_pick(check.text, lang)}{where}"
    if found := report.findings:
        yield ""
        yield _pick(Text("Findings", "发现"), lang)
        for finding in found:
            severity = _pick(_SEVERITIES[finding.severity], lang)
            at = f" #{finding.message}" if finding.message else ""
            text = _pick(finding.text, lang)
            yield f"  {severity}{at}: {text} [{finding.rule}, {finding.section}]"


def _pick(text: Text, lang: Lang) -> str:
    return text.zh if lang == "zh" else text.en


def _head(report: ConnectionReport, lang: Lang) -> Iterator[str]:
    found, view = report.dissection, report.view
    ends = " -> ".join(report.addresses[s] or s for s in SENDERS)
    yield _pick(Text(f"Connection {report.name}: {ends}", f"连接 {report.name}：{ends}"), lang)
    if not found.is_tlcp:
        yield _pick(Text(f"  no TLCP ({found.protocol})", f"  不是 TLCP（{found.protocol}）"), lang)
        return
    if view.answer is not None:
        suite = suite_label(view.answer.cipher_suite)
        yield _pick(Text(f"  suite: {suite}", f"  套件：{suite}"), lang)
    if view.resumed:
        what = view.decryptor.resumes or _pick(Text("unknown", "未知"), lang)
        yield _pick(Text(f"  resumes the session of {what}", f"  恢复会话，始于 {what}"), lang)
    if view.decryptor.source is not None:
        source = view.decryptor.source
        yield _pick(Text(f"  decrypted by {source.en}", f"  已解密：{source.zh}"), lang)
    else:
        why = view.decryptor.why_not()
        yield _pick(Text(f"  not decrypted: {why.en}", f"  未解密：{why.zh}"), lang)


def _flow(report: ConnectionReport, lang: Lang, details: bool) -> Iterator[str]:
    """Messages and notices in the order they came."""
    notices = sorted(report.dissection.notices, key=lambda n: n.number)
    by_number = {m.message.number: m for m in report.messages}
    told = report.told() if details and lang == "en" else {}
    for record in report.dissection.records:
        while notices and notices[0].number < record.number:
            yield from _notice(notices.pop(0), lang)
        for message in record.messages:
            yield from _message(by_number[message.number], lang)
            if details:
                yield from _details(by_number[message.number], told.get(message.number))
    for notice in notices:
        yield from _notice(notice, lang)
    found = report.dissection
    counts = found.records_left_out, found.messages_left_out, found.notices_left_out
    if any(counts):
        records, messages, remarks = counts
        text = Text(
            f"too much to show: {records} more records, {messages} messages, {remarks} notices",
            f"内容过多，未显示的有：记录 {records} 条，消息 {messages} 条，提示 {remarks} 条",
        )
        yield f"  --- {_pick(text, lang)}"


def _notice(notice: Notice, lang: Lang) -> Iterator[str]:
    side = ZH_SIDES[notice.sender] if lang == "zh" else notice.sender
    yield f"  --- {side}: {_pick(notice.text, lang)}"


def _message(report: MessageReport, lang: Lang) -> Iterator[str]:
    message, step = report.message, report.step
    arrow = "-->" if message.sender == "client" else "<--"
    of = f"{step.number}/{len(STEPS)}"
    place = _pick(Text(f"step {of}", f"步骤 {of}"), lang) if step.number else "-"
    unit = _pick(Text("byte" if message.size == 1 else "bytes", "字节"), lang)
    closed = _pick(Text(", encrypted", "，加密"), lang) if message.protected else ""
    name = message.name if lang == "en" else f"{message.name} {step.title.zh}"
    yield (
        f"{f'#{message.number}':>4} {arrow} {name} ({message.size} {unit}{closed}) "
        f"[{place}, {step.section}]"
    )
    for sentence in report.sentences:
        yield f"         {_pick(sentence, lang)}"
    if message.content_type == ContentType.APPLICATION_DATA and message.data:
        yield f"         {text_or_hex(message.data)}"


def _details(report: MessageReport, told: Told | None) -> Iterator[str]:
    """In English the fields with their meaning; else as they lie in the message."""
    if told is not None:
        for line in list(render(told))[1:]:
            yield to_text(line)
        return
    fields = report.fields
    shown = fields[:_SHOWN_FIELDS]
    for one in shown:
        value = "" if one.value is None else str(one.value)
        if isinstance(one.value, str):
            value = short_hex(bytes.fromhex(one.value))
        label = f" {one.label}" if one.label else ""
        yield f"          {one.start:>5}-{one.end:<5} {one.path} {value}{label}".rstrip()
    if more := len(fields) - len(shown):
        yield f"          (+{more})"
