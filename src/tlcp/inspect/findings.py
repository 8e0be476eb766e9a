"""What a person should know about a connection: each with severity, rule and section.

Spec: GB/T 38636-2020 6; GM/T 0024-2023 A
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from tlcp.alerts import AlertDescription, AlertLevel, Text
from tlcp.inspect.certs import KEPT, is_long, read_certificate
from tlcp.inspect.model import SENDERS, Message, Sender
from tlcp.inspect.stacks import likely
from tlcp.inspect.verify import ZH_SIDES, Check, Result
from tlcp.inspect.view import INCOMPLETE, HandshakeView
from tlcp.quirks import Quirk, stacks_text
from tlcp.registry import TLCP_VERSION, ContentType, ExtensionType, number_label
from tlcp.suites import (
    ALL_SUITES,
    SIGNALLING_SUITES,
    BulkCipher,
    CipherSuite,
    KeyExchangeKind,
)
from tlcp.wire.messages import (
    Alert,
    Certificate,
    CertificateRequest,
    ClientHello,
    Handshake,
    ServerHello,
)
from tlcp.x509 import certificate as x509
from tlcp.x509.usage import can_encrypt, can_sign, is_authority, looks_swapped

__all__ = ["Finding", "Severity", "findings", "stack_findings"]

Severity = Literal["error", "warning", "note"]
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}

#: what GmSSL 3.2 and later takes in a ClientHello; on anything else it closes without a word
_GMSSL_TAKES = frozenset({0, 3, 5, 10, 13, 16, 66})
_ALERT, _CHANGE_CIPHER_SPEC = int(ContentType.ALERT), int(ContentType.CHANGE_CIPHER_SPEC)
_MOST_ALERTS, _MOST_UNDECODED = 100, 100  # each a finding
# how servers answer a client that shows no certificate where one is demanded
_OF_NO_CERTIFICATE = frozenset(
    {
        AlertDescription.HANDSHAKE_FAILURE,
        AlertDescription.NO_CERTIFICATE,
        AlertDescription.BAD_CERTIFICATE,
        AlertDescription.CERTIFICATE_UNKNOWN,
    }
)
_NAMED_SUITES = frozenset({*ALL_SUITES, *SIGNALLING_SUITES})
_EXTENSIONS_SENT = Text(
    "GmSSL up to 3.1 refuses a ClientHello with any extension",
    "GmSSL 3.1 及以前拒绝带任何扩展的 ClientHello",
)
_CLOSES = {
    sender: Text(f"the {sender} closes in order", f"{ZH_SIDES[sender]}正常关闭")
    for sender in SENDERS
}
_NOT_OF_TLCP = {
    ExtensionType.ENCRYPT_THEN_MAC: "RFC 7366",
    ExtensionType.EXTENDED_MASTER_SECRET: "RFC 7627",
}


class Finding(NamedTuple):
    """One finding.

    Attributes:
        severity: "error": the connection fails for it, or must not be trusted; "warning": it
            works here, but breaks with others or is weak; "note": worth knowing.
        rule: a stable name.
        section: of GB/T 38636-2020, or of another document that is named.
        text: what it is and what to do.
        message: the number of the message that it is about, 0 for none.
        side: whose it is, None for the connection's.
    """

    severity: Severity
    rule: str
    section: str
    text: Text
    message: int = 0
    side: Sender | None = None


def findings(view: HandshakeView, checks: list[Check]) -> list[Finding]:
    """All findings of a connection but those on stacks, worst first.

    Args:
        view: the handshake.
        checks: what was verified.
    """
    found: list[Finding] = []
    for check in checks:
        if check.result is Result.FAILS:
            found.append(Finding("error", check.rule, check.section, check.text, check.message))
        if check.raw_transcript:
            found.append(_raw_transcript(check))
    for rule in _RULES:
        found += rule(view)
    return sorted(found, key=_rank)


def _rank(finding: Finding) -> tuple[int, int]:
    return _ORDER[finding.severity], finding.message or 1 << 30


def _raw_transcript(check: Check) -> Finding:
    text = Text(
        "CertificateVerify signs the handshake messages themselves; the standard has their SM3 "
        "hash, and most stacks refuse this (GmSSL 3.2 and later does it)",
        "CertificateVerify 对握手消息原文签名；标准规定对其 SM3 杂凑值签名，多数实现会拒绝"
        "（GmSSL 3.2 及以后如此）",
    )
    return Finding("warning", "raw-certificate-verify", "6.4.5.9", text, check.message, "client")


# ---- hellos ------------------------------------------------------------------------------


def _suite(view: HandshakeView) -> Iterator[Finding]:
    message = view.find(ServerHello)
    if message is None or view.answer is None:
        return
    number, suite = view.answer.cipher_suite, view.suite
    if view.hello is not None and number not in view.hello.cipher_suites:
        text = Text(
            f"the server chose suite {number:04X}, which the client did not offer",
            f"服务端选择了客户端未提供的套件 {number:04X}",
        )
        yield Finding("error", "suite-not-offered", "6.4.5.2.2", text, message.number, "server")
    if suite is None:
        text = Text(
            f"suite {number:04X} has no name in any standard of TLCP",
            f"套件 {number:04X} 在 TLCP 各标准中均无定义",
        )
        yield Finding("warning", "suite-unnamed", "6.4.5.2.1", text, message.number)
        return
    for severity, rule, text in _weak(suite):
        yield Finding(severity, rule, "6.4.5.2.1", text, message.number)


def _weak(suite: CipherSuite) -> Iterator[tuple[Severity, str, Text]]:
    if suite.hash == "sha1":
        yield (
            "warning",
            "suite-weak",
            Text(f"{suite} rests on SHA-1: choose another", f"{suite} 使用 SHA-1，应更换套件"),
        )
    if suite.cipher is BulkCipher.SM1:
        yield (
            "warning",
            "suite-old",
            Text(
                f"{suite} is of GM/T 0024-2014 only; GB/T 38636-2020 has SM4 suites",
                f"{suite} 仅见于 GM/T 0024-2014；GB/T 38636-2020 使用 SM4 套件",
            ),
        )
    if suite.key_exchange is not KeyExchangeKind.ECDHE:
        yield (
            "note",
            "no-forward-secrecy",
            Text(
                f"{suite.name} has no forward secrecy: whoever gets the server's encryption key "
                "later can read this connection",
                f"{suite.name} 不具备前向安全性：日后获得服务端加密私钥者可解密本连接",
            ),
        )


def _number(view: HandshakeView, kind: type[Handshake]) -> int:
    """The number of the first message of a kind."""
    message = view.find(kind)
    return message.number if message is not None else 0


def _offer(view: HandshakeView) -> Iterator[Finding]:
    hello = view.hello
    if hello is None:
        return
    message = _number(view, ClientHello)
    strange = [n for n in hello.cipher_suites if n not in _NAMED_SUITES]
    if strange:
        listed = ", ".join(f"{n:04X}" for n in strange[:8])
        text = Text(
            f"the client offers {len(strange)} suites that are not of TLCP: {listed}",
            f"客户端提供了 {len(strange)} 个非 TLCP 套件：{listed}",
        )
        yield Finding("note", "suite-offered-unnamed", "6.4.5.2.1", text, message, "client")
    if hello.version != TLCP_VERSION:
        text = Text(
            f"ClientHello has version {hello.version:04x} where TLCP has 0101",
            f"ClientHello 的版本为 {hello.version:04x}，TLCP 应为 0101",
        )
        yield Finding("error", "version", "6.4.5.2.1", text, message, "client")
    inner = view.decryptor.pre_master_version
    if inner is not None and inner != hello.version:
        text = Text(
            f"the pre-master secret begins with {inner:04x} and not with ClientHello's version",
            f"预主密钥开头的版本为 {inner:04x}，与 ClientHello 不一致",
        )
        yield Finding("warning", "pre-master-version", "6.4.5.8", text, 0, "client")


def _extensions(view: HandshakeView) -> Iterator[Finding]:
    hello, answer = view.hello, view.answer
    offered = {e.type for e in (hello.extensions if hello else None) or ()}
    if hello is not None and hello.extensions is not None:
        number = _number(view, ClientHello)
        strange = sorted(offered - _GMSSL_TAKES)
        if strange:
            names = ", ".join(number_label(ExtensionType, kind) for kind in strange)
            text = Text(
                f"GmSSL 3.2 and later closes without an alert on {names}; GmSSL 3.1 refuses any "
                "extension",
                f"GmSSL 3.2 及以后遇到 {names} 会不发报警直接关闭；GmSSL 3.1 拒绝任何扩展",
            )
            yield Finding(
                "warning", "extension-breaks-stacks", "GM/T 0024-2023 A", text, number, "client"
            )
        else:
            section, text = "6.4.5.2.1", _EXTENSIONS_SENT
            yield Finding("note", "extensions-sent", section, text, number, "client")
    if answer is None or not answer.extensions:
        return
    number = _number(view, ServerHello)
    unasked = sorted(
        {e.type for e in answer.extensions} - offered - {ExtensionType.RENEGOTIATION_INFO}
    )
    if unasked and hello is not None:
        names = ", ".join(number_label(ExtensionType, kind) for kind in unasked)
        text = Text(
            f"the server answers {names}, which the client did not offer",
            f"服务端应答了客户端未提供的扩展 {names}",
        )
        yield Finding("error", "extension-not-offered", "RFC 5246 7.4.1.4", text, number, "server")
    for kind in sorted({e.type for e in answer.extensions}):
        if kind in _NOT_OF_TLCP:
            yield _not_of_tlcp(ExtensionType(kind), number)


def _not_of_tlcp(kind: ExtensionType, number: int) -> Finding:
    name, rfc = number_label(ExtensionType, kind), _NOT_OF_TLCP[kind]
    text = Text(
        f"both agreed on {name}, which is not part of TLCP ({rfc}): records or keys are not those "
        "of the standard",
        f"双方协商了不属于 TLCP 的 {name}（{rfc}）：记录或密钥与标准不同",
    )
    return Finding("warning", "agreed-outside-the-standard", rfc, text, number)


# ---- certificates ------------------------------------------------------------------------


def _certificates(view: HandshakeView) -> Iterator[Finding]:
    for sender in SENDERS:
        message = view.find(Certificate, sender)
        if message is not None:
            ders = view.ders(sender)
            rows = _rows(ders, sender) if is_long(ders) else _known_rows(ders, sender)
            for severity, rule, text in rows:
                section = "6.4.5.3" if sender == "server" else "6.4.5.7"
                yield Finding(severity, rule, section, text, message.number, sender)


_Row = tuple[Severity, str, Text]


def _rows(ders: tuple[bytes, ...], sender: Sender) -> tuple[_Row, ...]:
    return tuple(_certificate_rules([read_certificate(der) for der in ders], sender))


_known_rows = lru_cache(KEPT)(_rows)


def _certificate_rules(found: list[x509.Certificate | None], sender: Sender) -> Iterator[_Row]:
    zh = ZH_SIDES[sender]
    if not found:
        yield (
            "note",
            "no-certificate",
            Text(f"the {sender} has no certificate to show", f"{zh}没有证书"),
        )
        return
    if len(found) == 1 and sender == "server":
        yield (
            "error",
            "single-certificate",
            Text(
                "the server sent one certificate; TLCP needs two (signing, encryption)",
                "服务端只发送了一张证书；TLCP 需要签名、加密两张",
            ),
        )
    sign, rest = found[0], found[1:]
    if len(rest) > 1 and _authority(rest[0]) and not _authority(rest[-1]):
        yield (
            "warning",
            "certificate-order",
            Text(
                f"the {sender} sends its encryption certificate last; its place is the second",
                f"{zh}的加密证书排在最后，应排在第二位",
            ),
        )
    enc = next((c for c in rest if c is not None and not is_authority(c)), None)
    if sign is not None and enc is not None:
        yield from _pair_rules(sign, enc, sender)


def _authority(certificate: x509.Certificate | None) -> bool:
    return certificate is not None and is_authority(certificate)


def _pair_rules(sign: x509.Certificate, enc: x509.Certificate, sender: Sender) -> Iterator[_Row]:
    zh = ZH_SIDES[sender]
    if looks_swapped(sign, enc):
        yield (
            "error",
            "certificates-swapped",
            Text(
                f"the {sender}'s encryption certificate comes first: exchange the two, and their "
                "keys",
                f"{zh}的加密证书排在第一位：应交换两张证书及其私钥",
            ),
        )
    elif can_sign(enc) and not can_encrypt(enc):
        yield (
            "error",
            "signing-certificate-encrypts",
            Text(
                f"a signing certificate is in the place of the {sender}'s encryption certificate",
                f"{zh}加密证书的位置上是签名证书",
            ),
        )
    if sign == enc:
        yield (
            "warning",
            "one-certificate-twice",
            Text(
                f"the {sender} has one certificate for both uses; the standard has two",
                f"{zh}的签名与加密使用同一张证书；标准要求两张",
            ),
        )
    if sign.subject_der != enc.subject_der:
        yield (
            "warning",
            "two-subjects",
            Text(
                f"the {sender}'s two certificates have different subjects: {sign.subject_text} "
                f"and {enc.subject_text}; GmSSL refuses such a pair",
                f"{zh}两张证书的主体不同：{sign.subject_text} 与 {enc.subject_text}；GmSSL 会拒绝",
            ),
        )


def _client_authentication(view: HandshakeView) -> Iterator[Finding]:
    if view.resumed or view.suite is None or view.something_lost:
        return  # what was not seen may have been sent
    request, sent = view.find(CertificateRequest), view.ders("client")
    if view.suite.key_exchange is KeyExchangeKind.ECDHE and view.finished and not sent:
        text = Text(
            "an ECDHE suite needs the client's encryption certificate, and none was sent",
            "ECDHE 套件需要客户端加密证书，但没有收到",
        )
        yield Finding("error", "ecdhe-without-client", "6.4.5.8", text, 0, "client")
    if request is None and view.finished:
        text = Text(
            "the server did not ask for a client certificate: only the server is authenticated",
            "服务端没有要求客户端证书：仅单向认证",
        )
        yield Finding("note", "one-way", "6.4.5.5", text)


# ---- how it went on and ended ------------------------------------------------------------


def _alerts(view: HandshakeView) -> Iterator[Finding]:
    before: Message | None = None
    protected: set[Sender] = set()
    told = more = 0
    for message in view.messages:
        alert = message.parsed
        if type(alert) is Alert:
            told += 1
            if told > _MOST_ALERTS:
                more += 1
                continue
            yield _alert(view, message, alert, before)
            if not message.protected and message.sender in protected:
                yield _clear_alert(message)
        elif message.content_type == _CHANGE_CIPHER_SPEC:
            protected.add(message.sender)
        if message.content_type != _ALERT:
            before = message
    if more:
        text = Text(f"and {more} more alerts", f"另有 {more} 条报警")
        yield Finding("note", "more-alerts", "6.4.4", text)


def _remedy(view: HandshakeView, sender: Sender, code: int) -> Text:
    """What to do about an alert: what the handshake itself shows, else what is common."""
    unanswered = (
        view.find(CertificateRequest) is not None
        and view.find(Certificate, "client") is not None
        and not view.ders("client")
    )
    if sender == "server" and unanswered and code in _OF_NO_CERTIFICATE:
        return Text(
            "The server had asked for a client certificate and the client sent none: give the "
            "client its pair",
            "服务端要求客户端证书，而客户端没有出示：给客户端配置双证书",
        )
    known = AlertDescription.known(code)
    return known.facts.remedy if known is not None else Text("", "")


def _alert(view: HandshakeView, message: Message, alert: Alert, before: Message | None) -> Finding:
    code, side = alert.description, message.sender
    if code == AlertDescription.CLOSE_NOTIFY:
        return Finding("note", "close-notify", "6.4.4", _CLOSES[side], message.number, side)
    label, meaning = AlertDescription.label(code), AlertDescription.meaning(code)
    remedy, zh = _remedy(view, side, code), ZH_SIDES[side]
    after = zh_after = ""
    if before is not None:
        after = f" after the {before.sender}'s {before.name}"
        zh_after = f"（在{ZH_SIDES[before.sender]}的 {before.name} 之后）"
    text = Text(
        f"the {side} sent {label}{after}: {meaning.en}. {remedy.en}".rstrip(". "),
        f"{zh}发送 {label}{zh_after}：{meaning.zh}。{remedy.zh}".rstrip("。"),
    )
    severity: Severity = "warning" if alert.level == AlertLevel.WARNING else "error"
    return Finding(severity, "alert", "6.4.4", text, message.number, side)


def _clear_alert(message: Message) -> Finding:
    text = Text(
        f"the {message.sender}'s alert goes in clear on a protected connection: anyone could "
        "have sent it (GmSSL 3.1 does so)",
        f"{ZH_SIDES[message.sender]}在加密后以明文发送报警：任何人都可伪造（GmSSL 3.1 如此）",
    )
    return Finding("warning", "alert-in-clear", "6.3.3.4", text, message.number, message.sender)


def _ending(view: HandshakeView) -> Iterator[Finding]:
    found = view.dissection
    if not view.finished:
        yield _unfinished(view)
        return
    closed_unread = {
        m.sender for m in view.messages if m.content_type == _ALERT and (not m.opened or _closes(m))
    }
    for sender in SENDERS:
        if sender in closed_unread or (SENDERS[1 - SENDERS.index(sender)] in closed_unread):
            continue
        how = found.ended[sender]
        zh = ZH_SIDES[sender]
        if how == "unknown":
            text = Text(
                f"no close_notify of the {sender} is in the capture",
                f"抓包中没有{zh}的 close_notify",
            )
            yield Finding("note", "end-not-seen", "6.4.4", text, 0, sender)
        else:
            text = Text(
                f"the {sender} ended the TCP connection without close_notify: data may have been "
                "cut off",
                f"{zh}未发送 close_notify 就断开了 TCP：数据可能被截断",
            )
            yield Finding("warning", "truncation", "6.4.4", text, 0, sender)


def _closes(message: Message) -> bool:
    alert = message.parsed
    return isinstance(alert, Alert) and alert.description == AlertDescription.CLOSE_NOTIFY


def _unfinished(view: HandshakeView) -> Finding:
    messages = [m for m in view.messages if m.content_type != ContentType.ALERT]
    if not messages:
        text = Text("there is no message in it", "其中没有任何消息")
        return Finding("error", "handshake-incomplete", "6.4.5.1", text)
    last = messages[-1]
    other: Sender = "server" if last.sender == "client" else "client"
    hint, zh_hint = "", ""
    if last.parsed is view.hello and view.hello is not None:
        hint = "; stacks that dislike an extension or a suite close so, without a word"
        zh_hint = "；有的实现遇到不支持的扩展或套件时会直接关闭"
    text = Text(
        f"the handshake is not complete: the last message is the {last.sender}'s {last.name}, and "
        f"the {other} did not go on{hint}",
        f"握手未完成：最后一条消息是{ZH_SIDES[last.sender]}的 {last.name}，"
        f"{ZH_SIDES[other]}没有继续{zh_hint}",
    )
    severity: Severity = "warning" if _has_gaps(view) else "error"
    return Finding(severity, "handshake-incomplete", "6.4.5.1", text, last.number, other)


def _has_gaps(view: HandshakeView) -> bool:
    return any(n.rule in INCOMPLETE for n in view.dissection.notices)


def _notices(view: HandshakeView) -> Iterator[Finding]:
    for notice in view.dissection.notices:
        zh = ZH_SIDES[notice.sender]
        text = Text(f"{notice.sender}: {notice.text.en}", f"{zh}：{notice.text.zh}")
        yield Finding("warning", notice.rule, "6.3.3", text, 0, notice.sender)
    undecoded = (m for m in view.messages if m.opened and m.problem is not None)
    for message in islice(undecoded, _MOST_UNDECODED):
        if message.problem is not None:
            text = Text(
                f"{message.name} {message.problem.en}", f"{message.name} {message.problem.zh}"
            )
            yield Finding("error", "does-not-decode", "6.4.5", text, message.number, message.sender)


def _keys(view: HandshakeView) -> Iterator[Finding]:
    if view.decryptor.key_fits is False:
        text = Text(
            "the private key given does not belong to the server's encryption certificate",
            "所给私钥与服务端加密证书不配对",
        )
        yield Finding("warning", "key-does-not-fit", "6.4.5.8", text, 0, "server")


def _framing(view: HandshakeView) -> Iterator[Finding]:
    """GmSSL reads exactly one handshake message in each record."""
    for sender in SENDERS:
        if _shares_records([m for m in view.ordered if m.sender == sender]):
            text = Text(
                f"the {sender}'s handshake messages and records do not go one to one; GmSSL "
                "cannot read that",
                f"{ZH_SIDES[sender]}的握手消息与记录不是一一对应，GmSSL 无法读取",
            )
            yield Finding("note", "records-shared", "6.3.3.2", text, 0, sender)


def _shares_records(messages: list[Message]) -> bool:
    seen = set[int]()
    for message in messages:
        if len(message.parts) > 1:
            return True
        for part in message.parts:
            if part.record in seen:
                return True
            seen.add(part.record)
    return False


def stack_findings(seen_of: Mapping[Sender, tuple[Quirk, ...]]) -> Iterator[Finding]:
    """What is worth knowing of both stacks: notes on no message, which come last of all.

    Args:
        seen_of: the quirks of each side.
    """
    for sender in SENDERS:
        quirks = seen_of[sender]
        stacks = stacks_text(likely(quirks))
        if stacks is None:
            continue
        zh = ZH_SIDES[sender]
        seen, zh_seen = "; ".join(q.en for q in quirks), "；".join(q.zh for q in quirks)
        text = Text(
            f"the {sender} {stacks.en}: it {seen}",
            f"{zh}{stacks.zh}：{zh_seen}",
        )
        yield Finding("note", "stack", "6.4.5", text, 0, sender)
        if Quirk.DOWNGRADE_SENTINEL in quirks:
            sentinel = Text(
                "the server's random ends in TLS's downgrade sentinel, which means nothing here",
                "服务端随机数末尾为 TLS 降级标记，在 TLCP 中没有意义",
            )
            yield Finding("note", "downgrade-sentinel", "6.4.5.2.2", sentinel, 0, "server")


_RULES: tuple[Callable[[HandshakeView], Iterator[Finding]], ...] = (
    _suite,
    _offer,
    _extensions,
    _certificates,
    _client_authentication,
    _alerts,
    _ending,
    _notices,
    _keys,
    _framing,
)
