"""The fifteen steps of a mutual handshake, two sentences each: what for, and what this one says.

A resumed handshake skips most of them; NewSessionTicket and CertificateStatus, which the standard
does not have, are explained without a number.

Spec: GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from tlcp.alerts import AlertDescription, Text
from tlcp.errors import TLCPError
from tlcp.explain.values import safe_text, short_hex
from tlcp.inspect.certs import split
from tlcp.inspect.model import Message
from tlcp.inspect.verify import ZH_SIDES
from tlcp.inspect.view import HandshakeView
from tlcp.registry import ContentType, ExtensionType, number_label
from tlcp.suites import KeyExchangeKind, suite_label
from tlcp.wire import messages as wire
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EcdheClientKeyExchangeVector,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.codec import Structure

__all__ = ["STEPS", "Lang", "Step", "explain", "step_of"]

Lang = Literal["en", "zh"]
_SHOWN = 6


class Step(NamedTuple):
    """One step: its number (0 = outside the fifteen), section, title and purpose."""

    number: int
    section: str
    title: Text
    purpose: Text


def _step(number: int, section: str, title: str, zh_title: str, en: str, zh: str) -> Step:
    return Step(number, section, Text(title, zh_title), Text(en, zh))


STEPS: tuple[Step, ...] = (
    _step(
        1, "6.4.5.2.1", "ClientHello", "客户端问候",
        "The client opens the handshake: it says which suites it can do and brings fresh random "
        "bytes, so that the keys will be new.",
        "客户端发起握手：说明支持的密码套件，并给出随机数，使密钥每次不同。",
    ),
    _step(
        2, "6.4.5.2.2", "ServerHello", "服务端问候",
        "The server chooses one of the suites and brings its own random bytes.",
        "服务端选定一个套件，并给出自己的随机数。",
    ),
    _step(
        3, "6.4.5.3", "server Certificate", "服务端证书",
        "The server shows who it is, with two certificates: one to sign with, one to encrypt to.",
        "服务端出示身份：签名证书用于签名，加密证书用于密钥交换。",
    ),
    _step(
        4, "6.4.5.4", "ServerKeyExchange", "服务端密钥交换",
        "The server signs its part of the key exchange with its signing key, which ties it to "
        "this connection.",
        "服务端用签名私钥对密钥交换参数签名，将其与本次连接绑定。",
    ),
    _step(
        5, "6.4.5.5", "CertificateRequest", "证书请求",
        "The server asks the client to show certificates, too.",
        "服务端要求客户端也出示证书。",
    ),
    _step(
        6, "6.4.5.6", "ServerHelloDone", "服务端问候结束",
        "The server has said what it has to say and waits for the client.",
        "服务端本轮消息发送完毕，等待客户端。",
    ),
    _step(
        7, "6.4.5.7", "client Certificate", "客户端证书",
        "The client shows who it is.",
        "客户端出示身份证书。",
    ),
    _step(
        8, "6.4.5.8", "ClientKeyExchange", "客户端密钥交换",
        "The client gives its part of the key exchange: from here on both can compute the "
        "pre-master secret, and from it the master secret and all keys.",
        "客户端给出密钥交换参数：此后双方均可算出预主密钥，进而导出主密钥与工作密钥。",
    ),
    _step(
        9, "6.4.5.9", "CertificateVerify", "证书校验",
        "The client proves that it holds the key of its signing certificate, by signing the "
        "handshake so far.",
        "客户端对此前的握手签名，证明持有签名证书对应的私钥。",
    ),
    _step(
        10, "6.4.3", "client ChangeCipherSpec", "客户端密码规格变更",
        "The client announces that all its further records are encrypted.",
        "客户端宣布此后的记录均加密发送。",
    ),
    _step(
        11, "6.4.5.10", "client Finished", "客户端握手结束",
        "The first encrypted message: a value over the whole handshake, which shows that the "
        "client has the keys and that nobody changed a message.",
        "第一条加密消息：对整个握手的校验值，证明客户端拥有密钥且消息未被改动。",
    ),
    _step(
        12, "6.4.3", "server ChangeCipherSpec", "服务端密码规格变更",
        "The server announces that all its further records are encrypted.",
        "服务端宣布此后的记录均加密发送。",
    ),
    _step(
        13, "6.4.5.10", "server Finished", "服务端握手结束",
        "The server shows the same from its side; the handshake is complete.",
        "服务端给出同样的证明，握手完成。",
    ),
    _step(
        14, "6.3.3.4", "ApplicationData", "应用数据",
        "What the connection is for: the data of the application, encrypted and protected "
        "against change.",
        "连接的目的：应用数据，已加密并受完整性保护。",
    ),
    _step(
        15, "6.4.4", "close_notify", "关闭通知",
        "An orderly end: the other side can tell that nothing was cut off.",
        "正常结束：对方由此知道数据没有被截断。",
    ),
)  # fmt: skip

_TICKET = _step(
    0, "RFC 5077", "NewSessionTicket", "会话票据",
    "The server hands the client a sealed copy of the session to bring back later; TLCP itself "
    "has no tickets.",
    "服务端把封装好的会话交给客户端，供日后恢复；TLCP 标准本身没有票据。",
)  # fmt: skip
_STATUS = _step(
    0, "RFC 6066 8", "CertificateStatus", "证书状态",
    "The server staples an OCSP response about its certificate.",
    "服务端附上证书的 OCSP 响应。",
)  # fmt: skip
_ALERT = _step(
    0, "6.4.4", "Alert", "报警",
    "One side tells the other that something is wrong, or that it gives up.",
    "一方告知另一方出现了问题，或放弃连接。",
)  # fmt: skip
_HELLO_REQUEST = _step(
    0, "6.4.5.1", "HelloRequest", "问候请求",
    "The server asks for a new handshake on the same connection.",
    "服务端要求在同一连接上重新握手。",
)  # fmt: skip
_CLOSED = _step(
    0, "6.3.3.4", "encrypted record", "加密记录",
    "An encrypted record, of which only type and length can be seen.",
    "加密的记录，只能看到类型与长度。",
)  # fmt: skip
_OTHER = _step(
    0, "6.3.3", "unknown", "未知消息",
    "A message that is not of this protocol, or cannot be read.",
    "不属于本协议或无法解析的消息。",
)  # fmt: skip

_BY_TYPE: dict[type[Structure], Step] = {
    wire.ClientHello: STEPS[0],
    wire.ServerHello: STEPS[1],
    wire.ServerKeyExchange: STEPS[3],
    wire.CertificateRequest: STEPS[4],
    wire.ServerHelloDone: STEPS[5],
    wire.ClientKeyExchange: STEPS[7],
    wire.CertificateVerify: STEPS[8],
    wire.NewSessionTicket: _TICKET,
    wire.CertificateStatus: _STATUS,
    wire.HelloRequest: _HELLO_REQUEST,
}
_BY_SIDE: dict[tuple[type[Structure], str], Step] = {
    (wire.Certificate, "server"): STEPS[2],
    (wire.Certificate, "client"): STEPS[6],
    (wire.ChangeCipherSpec, "client"): STEPS[9],
    (wire.Finished, "client"): STEPS[10],
    (wire.ChangeCipherSpec, "server"): STEPS[11],
    (wire.Finished, "server"): STEPS[12],
}


def step_of(message: Message) -> Step:
    """Which step a message is."""
    if not message.opened:
        return _CLOSED
    if message.content_type == ContentType.APPLICATION_DATA:
        return STEPS[13]
    parsed = message.parsed
    if isinstance(parsed, wire.Alert):
        closes = parsed.description == AlertDescription.CLOSE_NOTIFY
        return STEPS[14] if closes else _ALERT
    if parsed is None:
        return _OTHER
    return _BY_SIDE.get((type(parsed), message.sender)) or _BY_TYPE.get(type(parsed), _OTHER)


def explain(message: Message, view: HandshakeView) -> tuple[Text, Text]:
    """Two sentences: what such a message is for, and what this one says."""
    if message.problem is not None:
        why = message.problem
        says = Text(f"{_capital(why.en)}.", f"{why.zh}。")
    else:
        says = _says(message, view)
    return step_of(message).purpose, says


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _says(message: Message, view: HandshakeView) -> Text:
    parsed = message.parsed
    if message.content_type == ContentType.APPLICATION_DATA:
        return _data(message)
    teller = _SAYS.get(type(parsed)) if parsed is not None else None
    if teller is None:
        return Text("It carries nothing else.", "没有其他内容。")
    return teller(parsed, message, view)


def _data(message: Message) -> Text:
    if not message.size:
        return Text(
            "It is empty, as some stacks send one before their data; it ends nothing.",
            "内容为空：有的实现在数据前先发一条空记录，并不表示结束。",
        )
    return Text(f"It holds {message.size} bytes.", f"共 {message.size} 字节。")


def _client_hello(hello: wire.ClientHello, message: Message, view: HandshakeView) -> Text:
    suites = [suite_label(n) for n in hello.cipher_suites]
    some = ", ".join(suites[:_SHOWN]) + (", ..." if len(suites) > _SHOWN else "")
    extensions, zh_extensions = _extension_names(hello.extensions)
    session, zh_session = "", ""
    if hello.session_id:
        session = f", asks to resume the session {short_hex(hello.session_id)}"
        zh_session = f"，请求恢复会话 {short_hex(hello.session_id)}"
    return Text(
        f"It offers {some}{session}, and {extensions}.",
        f"提供套件 {some}{zh_session}；{zh_extensions}。",
    )


def _extension_names(extensions: tuple[wire.Extension, ...] | None) -> tuple[str, str]:
    if not extensions:
        return "sends no extension", "不带扩展"
    names = ", ".join(number_label(ExtensionType, e.type) for e in extensions[:_SHOWN])
    return f"sends the extensions {names}", f"扩展 {names}"


_EXCHANGES = {
    KeyExchangeKind.ECC: Text(
        "the client will encrypt the secret to the server's encryption certificate",
        "客户端将用服务端加密证书加密预主密钥",
    ),
    KeyExchangeKind.ECDHE: Text(
        "both will agree on the secret by the SM2 key exchange, with ephemeral keys",
        "双方将以 SM2 密钥交换协商预主密钥，使用临时密钥",
    ),
    KeyExchangeKind.RSA: Text(
        "the client will encrypt the secret to the server's RSA certificate",
        "客户端将用服务端 RSA 证书加密预主密钥",
    ),
}


def _server_hello(hello: wire.ServerHello, message: Message, view: HandshakeView) -> Text:
    chosen = suite_label(hello.cipher_suite)
    if view.resumed:
        return Text(
            f"It goes on with the session that the client asked for ({chosen}): no certificates "
            "and no key exchange, but new keys from the old master secret.",
            f"继续客户端请求的会话（{chosen}）：不再交换证书与密钥，由原主密钥导出新密钥。",
        )
    how = _EXCHANGES.get(view.suite.key_exchange) if view.suite is not None else None
    en, zh = (f": {how.en}", f"：{how.zh}") if how is not None else ("", "")
    session = "names the session for resuming it later" if hello.session_id else "names no session"
    zh_session = "给出会话标识" if hello.session_id else "不给会话标识"
    return Text(f"It chooses {chosen}{en}; it {session}.", f"选定 {chosen}{zh}；{zh_session}。")


def _certificate(body: wire.Certificate, message: Message, view: HandshakeView) -> Text:
    if not body.certificates:
        return Text(
            "It is empty: this side has none and is not authenticated.", "为空：不出示证书。"
        )
    try:
        sign, enc, rest = split(body.certificates)
    except TLCPError:
        count = len(body.certificates)
        return Text(
            f"It holds {count} certificates, not all of which can be read.",
            f"共 {count} 张证书，其中有无法解析的。",
        )
    who = safe_text(sign.subject_text or "(no subject)")
    paired = enc is not None and enc is not sign
    both = "signing and encryption certificate" if paired else "signing certificate only"
    zh_both = "签名、加密证书各一张" if paired else "只有签名证书"
    more = f", and {len(rest)} of CAs" if rest else ""
    zh_more = f"，另有 {len(rest)} 张 CA 证书" if rest else ""
    return Text(f"It is {who}: {both}{more}.", f"主体为 {who}：{zh_both}{zh_more}。")


def _server_exchange(body: wire.ServerKeyExchange, message: Message, view: HandshakeView) -> Text:
    if view.suite is not None and view.suite.key_exchange is KeyExchangeKind.ECDHE:
        return Text(
            "It brings an ephemeral point, signed together with both randoms.",
            "给出临时公钥，与双方随机数一起签名。",
        )
    return Text(
        "The signature is over both randoms and the encryption certificate.",
        "签名覆盖双方随机数与加密证书。",
    )


def _request(body: wire.CertificateRequest, message: Message, view: HandshakeView) -> Text:
    count = len(body.certificate_authorities)
    if not count:
        return Text("It names no CA: any will do.", "未列出 CA：任何 CA 均可。")
    cas = "one CA" if count == 1 else f"{count} CAs"
    return Text(f"It names {cas} that it accepts.", f"列出 {count} 个可接受的 CA。")


def _client_exchange(body: wire.ClientKeyExchange, message: Message, view: HandshakeView) -> Text:
    try:
        if view.suite is None or view.suite.key_exchange is not KeyExchangeKind.ECDHE:
            size = len(EccClientKeyExchange.from_bytes(body.body).ciphertext)
            return Text(
                f"It holds the pre-master secret, encrypted to the server ({size} bytes): "
                "only the server's encryption key opens it.",
                f"含加密后的预主密钥（{size} 字节）：只有服务端加密私钥能打开。",
            )
        vector = isinstance(
            decode_ecdhe_client_key_exchange(body.body), EcdheClientKeyExchangeVector
        )
    except TLCPError:
        return Text("Its body cannot be read.", "消息体无法解析。")
    form, zh = (
        ("with a length before it, the letter of the standard", "前有长度，符合标准原文")
        if vector
        else ("without a length before it, as most stacks have it", "前无长度，多数实现如此")
    )
    return Text(f"It brings an ephemeral point, {form}.", f"给出临时公钥，{zh}。")


def _certificate_verify(
    body: wire.CertificateVerify, message: Message, view: HandshakeView
) -> Text:
    return Text(
        f"It is a signature of {len(body.signature)} bytes.",
        f"签名共 {len(body.signature)} 字节。",
    )


def _finished(body: wire.Finished, message: Message, view: HandshakeView) -> Text:
    value = body.verify_data.hex()
    return Text(f"The value is {value}.", f"校验值为 {value}。")


def _changed(body: wire.ChangeCipherSpec, message: Message, view: HandshakeView) -> Text:
    return Text(
        f"The next record of the {message.sender} is the first under the new keys.",
        f"{ZH_SIDES[message.sender]}的下一条记录起使用新密钥。",
    )


def _ticket(body: wire.NewSessionTicket, message: Message, view: HandshakeView) -> Text:
    return Text(
        f"It may be used for {body.lifetime_s} s and has {len(body.ticket)} bytes.",
        f"有效期 {body.lifetime_s} 秒，共 {len(body.ticket)} 字节。",
    )


def _alert(body: wire.Alert, message: Message, view: HandshakeView) -> Text:
    label, meaning = (
        AlertDescription.label(body.description),
        AlertDescription.meaning(body.description),
    )
    return Text(
        f"The {message.sender} says {label}: {meaning.en}.",
        f"{ZH_SIDES[message.sender]}发出 {label}：{meaning.zh}。",
    )


def _done(body: Structure, message: Message, view: HandshakeView) -> Text:
    return Text("It has no content.", "没有内容。")


_SAYS: dict[type[Structure], Callable[..., Text]] = {
    wire.ClientHello: _client_hello,
    wire.ServerHello: _server_hello,
    wire.Certificate: _certificate,
    wire.ServerKeyExchange: _server_exchange,
    wire.CertificateRequest: _request,
    wire.ServerHelloDone: _done,
    wire.HelloRequest: _done,
    wire.ClientKeyExchange: _client_exchange,
    wire.CertificateVerify: _certificate_verify,
    wire.Finished: _finished,
    wire.ChangeCipherSpec: _changed,
    wire.NewSessionTicket: _ticket,
    wire.Alert: _alert,
}
