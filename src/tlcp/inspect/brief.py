"""A connection in one line, for captures with many; verified and judged like any other.

Spec: GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

import datetime

from tlcp.explain.values import safe_text
from tlcp.inspect.model import SENDERS
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.steps import Lang
from tlcp.inspect.verify import Result
from tlcp.suites import suite_label

__all__ = ["brief_line"]

_RULES_NAMED = 3


def brief_line(report: ConnectionReport, lang: Lang) -> str:
    """Number, time, ends, suite, and what became of it; nothing that a terminal obeys."""
    records, view = report.dissection.records, report.view
    parts = [f"{report.name:>7}", _moment(records[0].time_s) if records else "-" * 23]
    parts.append(" -> ".join(report.addresses[sender] or sender for sender in SENDERS))
    words = [suite_label(view.answer.cipher_suite)] if view.answer is not None else []
    if view.resumed:
        words.append(_pick("resumed", "恢复", lang))
    words.append(_pick("decrypted", "已解密", lang) if report.decrypted else _closed(report, lang))
    words.append(_verdict(report, lang))
    worst = report.worst
    if worst is not None and worst.severity != "error":  # errors are in the verdict
        kind = _pick(worst.severity, "警告" if worst.severity == "warning" else "提示", lang)
        words.append(f"{kind} {worst.rule}")
    return safe_text("  ".join((*parts, ", ".join(words))))


def _pick(en: str, zh: str, lang: Lang) -> str:
    return zh if lang == "zh" else en


def _moment(time_s: float) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(time_s, datetime.UTC)
    except (ValueError, OverflowError, OSError):  # a damaged capture has any time
        return f"{time_s:.3f}"
    return moment.isoformat(" ", "milliseconds")[:23]  # without +00:00


def _closed(report: ConnectionReport, lang: Lang) -> str:
    protected = any(report.view.protected.values())
    return _pick("not decrypted", "未解密", lang) if protected else _pick("clear", "明文", lang)


def _verdict(report: ConnectionReport, lang: Lang) -> str:
    fails, holds = Result.FAILS, Result.HOLDS
    failing = [check.rule for check in report.checks if check.result is fails]
    failing += [one.rule for one in report.found if one.severity == "error"]
    if failing := list(dict.fromkeys(failing)):
        more = ", ..." if len(failing) > _RULES_NAMED else ""
        named = ", ".join(failing[:_RULES_NAMED]) + more
        return _pick(f"FAILED ({named})", f"失败（{named}）", lang)
    if not report.view.finished:
        return _pick("handshake incomplete", "握手未完成", lang)
    if not [None for check in report.checks if check.result is not holds]:
        return _pick("verified", "校验通过", lang)
    unknown = [check.rule for check in report.checks if check.result is Result.UNKNOWN]
    return (
        _pick("not all checked", "部分未能校验", lang) + f" ({', '.join(unknown[:_RULES_NAMED])})"
    )
