"""Write the reference pages that are made from the code: python docs/reference/generate.py.

Each page exists in English (``NAME.md``) and in Chinese (``NAME.zh.md``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tlcp import errors
from tlcp.alerts import OF_THE_STANDARD, AlertDescription, AlertLevel, Text
from tlcp.config import Limits
from tlcp.errors import CertificateProblem, TLCPError

Language = Literal["en", "zh"]

HERE = Path(__file__).parent
WARNINGS = Limits().warning_alerts
#: the two that no error owes
OF_THE_ENGINE = {
    AlertDescription.CLOSE_NOTIFY: "`Connection.close`",
    AlertDescription.NO_RENEGOTIATION: "`Connection`",
}
COLUMNS = {
    "en": ("number", "name", "level", "meaning: the sender says that", "when tlcp sends it",
           "when you receive it"),
    "zh": ("编号", "名称", "级别", "含义", "tlcp 何时发送", "收到后怎么办"),
}  # fmt: skip
LEVELS = {
    AlertLevel.WARNING: Text("warning", "警告"),
    AlertLevel.FATAL: Text("fatal", "致命"),
    None: Text("sender's choice", "由发送方决定"),
}
NEVER = Text("never by itself", "不主动发送")
TITLE = Text("Alerts", "报警")
OTHER = Text("[中文](alerts.zh.md)", "[English](alerts.md)")
MADE = Text(
    "This page is made from the code by `python docs/reference/generate.py`.",
    "本页由 `python docs/reference/generate.py` 从代码生成。",
)
INTRO = Text(
    f"""\
An end of a connection says with an alert why it closes it (GB/T 38636-2020 6.4.4). `tlcp` raises an
error for whatever the peer does wrong and sends the alert in the table, once, as fatal; only
close_notify and no_renegotiation go out as warnings. A callback of a server may refuse its client
with any alert (`RefusedByProgram`).

What is received:

- A fatal alert raises `AlertReceived`: its text has the name, the number and the meaning, and in
  the handshake a hint. It is not answered, and nothing more is read or sent.
- A warning lets the connection go on; more than {WARNINGS} of them (`Limits.warning_alerts`) are
  answered with unexpected_message.
- close_notify is an orderly end after the handshake. In the handshake it raises `AlertReceived`; if
  a warning came before, such as user_canceled, the hint tells it.
- A number that is not in the tables counts by its level like any other. A level other than 1 and 2
  is answered with illegal_parameter.
- A record may hold several alerts, and an alert may be cut over two records, as the record layer
  allows for every message. What follows a fatal alert or close_notify is dropped. Nothing but the
  rest may follow a half alert: otherwise half an alert in clear could be finished under new keys.
- An alert in clear on a protected connection is `TruncatedError`: anybody could have sent it.
""",
    f"""\
连接的一端用报警说明关闭连接的原因（GB/T 38636-2020 6.4.4）。对端有任何错误，`tlcp` 都会抛出异常，
并按下表发送一次报警，级别为致命；只有 close_notify 和 no_renegotiation 以警告级别发送。
服务端的回调函数可以用任意报警拒绝客户端（`RefusedByProgram`）。

收到报警时：

- 致命报警抛出 `AlertReceived`：文字中有名称、编号和含义，握手中还有提示。不作应答，也不再收发数据。
- 收到警告后连接继续；超过 {WARNINGS} 次（`Limits.warning_alerts`）则应答 unexpected_message。
- 握手完成后，close_notify 是正常结束。握手中收到则抛出 `AlertReceived`；如果之前有警告
  （例如 user_canceled），提示中会说明。
- 表中没有的编号按其级别处理。级别不是 1 或 2 时，应答 illegal_parameter。
- 一条记录可以含有多个报警，一个报警也可以分在两条记录中，与记录层对所有消息的规定一致。
  致命报警或 close_notify 之后的内容一律丢弃。报警只收到一半时，后面必须是其余部分：
  否则明文的半个报警可能在启用新密钥后被拼成完整的报警。
- 加密连接上的明文报警按 `TruncatedError` 处理：任何人都可能伪造。
""",
)
PARTS = (
    Text("The standard's", "标准规定的报警"),
    Text(
        "TLS's, which deployed stacks send, or names that `ssl` has",
        "TLS 的报警：已部署的实现会发送，或 `ssl` 中有其名称",
    ),
)


def senders(alert: AlertDescription, language: Language) -> str:
    """The error classes that owe an alert, and for certificates their problems."""
    found = [
        f"`{name}`"
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type)
        and issubclass(kind, TLCPError)
        and kind.alert is alert
    ]
    comma, brackets = {"en": (", ", " ({})"), "zh": ("、", "（{}）")}[language]
    problems = [f"`{p.name}`" for p in CertificateProblem if p.alert is alert]
    if problems:
        found.append("`CertificateVerifyError`" + brackets.format(comma.join(problems)))
    if alert in OF_THE_ENGINE:
        found.append(OF_THE_ENGINE[alert])
    return comma.join(found)


def row(alert: AlertDescription, language: Language) -> str:
    """One alert as a line of the table."""
    facts = alert.facts
    when = getattr(facts.sent, language)
    stop = {"en": ": ", "zh": "："}[language]
    by = senders(alert, language) or getattr(NEVER, language)
    cells = (
        str(int(alert)),
        alert.name.lower(),
        getattr(LEVELS[facts.level], language),
        getattr(facts.meaning, language),
        f"{by}{stop}{when}",
        getattr(facts.remedy, language),
    )
    return f"| {' | '.join(cells)} |\n"


def table(alerts: Iterable[AlertDescription], language: Language) -> str:
    """A table of alerts."""
    head = COLUMNS[language]
    lines = [f"| {' | '.join(head)} |\n", "|---" * len(head) + "|\n"]
    return "".join(lines + [row(alert, language) for alert in alerts])


def alerts_page(language: Language) -> str:
    """The page about alerts."""
    of_the_standard = [a for a in AlertDescription if a in OF_THE_STANDARD]
    others = [a for a in AlertDescription if a not in OF_THE_STANDARD]
    title, other, intro, made = (getattr(t, language) for t in (TITLE, OTHER, INTRO, MADE))
    text = f"# {title}\n\n{other}\n\n{intro}"
    for heading, alerts in zip(PARTS, (of_the_standard, others), strict=True):
        text += f"\n## {getattr(heading, language)}\n\n{table(alerts, language)}"
    return f"{text}\n{made}\n"


def pages() -> dict[str, str]:
    """Every page that is made here, by its file name."""
    return {"alerts.md": alerts_page("en"), "alerts.zh.md": alerts_page("zh")}


if __name__ == "__main__":
    for name, text in pages().items():
        path = HERE / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(path.name)
