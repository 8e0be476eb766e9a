"""Alert levels and descriptions: every code of the standard, and what is to be known about it.

One table, ``_FACTS``, has for each alert the level it is sent at, what it means, what to do about
it, and when this library sends it, or why never; in English and Chinese. Errors, explanations and
``docs/reference/alerts.md`` are made of it. Which failure gets which code is decided in
``errors.py``; only ``connection.py`` sends one.

Levels are TLS's (RFC 5246 7.2, RFC 6066, RFC 7301); 200 to 205 have those of GM/T 0024-2014. Where
the choice is the sender's it is None, and we choose fatal.

Spec: GB/T 38636-2020 6.4.4 and its alert table; TLS codes seen from deployed stacks included.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

__all__ = ["OF_THE_STANDARD", "AlertDescription", "AlertFacts", "AlertLevel", "Text"]


class AlertLevel(enum.IntEnum):
    """First byte of an alert.  Spec: GB/T 38636-2020 6.4.4"""

    WARNING = 1
    FATAL = 2


class Text(NamedTuple):
    """The same in English and Chinese."""

    en: str
    zh: str


class AlertFacts(NamedTuple):
    """What is to be known about one alert.

    Attributes:
        level: that it is sent at; None where the sender may choose.
        meaning: of the alert's sender, in one clause.
        remedy: what to do when it is received.
        sent: when we send it; or why never.
        sent_by_us: whether we send it of our own accord.
    """

    level: AlertLevel | None
    meaning: Text
    remedy: Text
    sent: Text
    sent_by_us: bool


class AlertDescription(enum.IntEnum):
    """Second byte of an alert.  Spec: GB/T 38636-2020 6.4.4"""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    DECOMPRESSION_FAILURE = 30
    HANDSHAKE_FAILURE = 40
    NO_CERTIFICATE = 41
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    EXPORT_RESTRICTION = 60
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    CERTIFICATE_UNOBTAINABLE = 111
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    BAD_CERTIFICATE_HASH_VALUE = 114
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120
    UNSUPPORTED_SITE2SITE = 200
    NO_AREA = 201
    UNSUPPORTED_AREATYPE = 202
    BAD_IBCPARAM = 203
    UNSUPPORTED_IBCPARAM = 204
    IDENTITY_NEED = 205

    @property
    def facts(self) -> AlertFacts:
        """What is to be known about it."""
        return _FACTS[self]

    @classmethod
    def known(cls, code: int) -> AlertDescription | None:
        """The alert of this number, or None for one that nobody defined."""
        return cls(code) if code in cls._value2member_map_ else None

    @classmethod
    def label(cls, code: int) -> str:
        """``bad_record_mac(20)``, or ``unknown(123)`` for a code that nobody defined."""
        alert = cls.known(code)
        return f"{alert.name.lower() if alert is not None else 'unknown'}({code})"

    @classmethod
    def explain(cls, code: int) -> str:
        """What the sender of this alert means, in one English clause."""
        return cls.meaning(code).en

    @classmethod
    def meaning(cls, code: int) -> Text:
        """What the sender of this alert means, in one clause of each language."""
        alert = cls.known(code)
        return _UNDEFINED if alert is None else alert.facts.meaning

    @classmethod
    def remedy(cls, code: int) -> str:
        """What to do about it, or "" for a code that nobody defined."""
        alert = cls.known(code)
        return "" if alert is None else alert.facts.remedy.en


#: The codes of the standard's own table; the others are TLS's.
OF_THE_STANDARD: Final = frozenset(
    {0, 10, 20, 21, 22, 30, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 90, 100}
    | {200, 201, 202, 203, 204, 205}
)
_UNDEFINED = Text("a code that no TLCP standard defines", "标准未定义的报警")


def _sent(
    level: AlertLevel | None, meaning: Text, remedy: Text, when: tuple[str, str]
) -> AlertFacts:
    return AlertFacts(level, meaning, remedy, Text(*when), sent_by_us=True)


def _never(
    level: AlertLevel | None, meaning: Text, remedy: Text, why: tuple[str, str]
) -> AlertFacts:
    return AlertFacts(level, meaning, remedy, Text(*why), sent_by_us=False)


def _foreign(
    level: AlertLevel | None, en: str, zh: str, both: tuple[tuple[str, str], Text]
) -> AlertFacts:
    why, remedy = both
    return _never(level, Text(en, zh), remedy, why)


_A = AlertDescription
_WARNING, _FATAL = AlertLevel.WARNING, AlertLevel.FATAL
_BUG = Text(
    "One of the two ends has a bug, or something between them changes bytes: record the connection "
    "with `--trace` and show it to both vendors",
    "两端之一有缺陷，或中间设备改动了数据：用 `--trace` 记录通信过程，交给双方厂商排查",
)
# why they are never sent, and what to do about them
_GATEWAY = (
    ("the gateway-to-gateway mode is not spoken here", "不支持网关到网关模式"),
    Text(
        "This port serves VPN gateways: use the one for clients",
        "该端口供 VPN 网关互联使用：请改用面向客户端的端口",
    ),
)
_IBC = (
    ("IBC suites are not spoken here", "不支持 IBC 套件"),
    Text(
        "The peer wants an IBC (SM9) suite: enable an ECC or ECDHE suite on it",
        "对端要使用 IBC（SM9）套件：请在对端启用 ECC 或 ECDHE 套件",
    ),
)
_OF_TLS = (
    ("of TLS, without a use in TLCP", "属于 TLS，在 TLCP 中没有用处"),
    Text("See the peer's log", "查看对端日志"),
)

_FACTS: Final[dict[AlertDescription, AlertFacts]] = {
    _A.CLOSE_NOTIFY: _sent(
        _WARNING,
        Text("it has sent everything and closes the connection", "数据已发送完毕，正常关闭连接"),
        Text(
            "After the handshake nothing: all data has come. In the handshake the peer gave "
            "up: see its log",
            "握手完成后收到：数据已收齐，无须处理。握手中收到：对端放弃了连接，查看其日志",
        ),
        (
            "once; the peer's is answered when the program closes, too",
            "只发送一次；收到对端的 close_notify 后，程序关闭时应答",
        ),
    ),
    _A.UNEXPECTED_MESSAGE: _sent(
        _FATAL,
        Text(
            "a message came that does not belong at this point of the protocol",
            "收到了不符合上下文关系的消息",
        ),
        _BUG,
        (
            "a message, record type or warning that is out of place, or one too many",
            "消息、记录类型或警告不该在此处出现，或出现次数过多",
        ),
    ),
    _A.BAD_RECORD_MAC: _sent(
        _FATAL,
        Text(
            "a record failed its integrity check (changed on the way, or different keys)",
            "记录完整性校验失败（传输中被改动，或双方密钥不同）",
        ),
        Text(
            "The two sides have different keys: most often the server's encryption "
            "certificate and key do not belong together",
            "双方密钥不同：最常见的原因是服务端的加密证书与加密私钥不配对",
        ),
        (
            "a record whose MAC, tag, padding or length is wrong: one alert for all, so that "
            "none can be told from another",
            "记录的 MAC、认证标签、填充或长度有误：统一用此报警，使对方无法区分",
        ),
    ),
    _A.DECRYPTION_FAILED: _never(
        _FATAL,
        Text("a record could not be decrypted", "记录解密失败"),
        Text("As bad_record_mac", "同 bad_record_mac"),
        (
            "told apart from bad_record_mac it would be a padding oracle; 20 is sent instead",
            "与 bad_record_mac 区分会泄露填充是否正确，改发 20",
        ),
    ),
    _A.RECORD_OVERFLOW: _sent(
        _FATAL,
        Text("a record was longer than the protocol allows", "记录长度超出协议规定"),
        Text(
            "On a new connection: the port may speak another protocol. Later: the peer's "
            "record layer has a bug, or limits handshake messages",
            "刚建立连接时收到：该端口可能不是 TLCP。之后收到：记录层有缺陷，或对端限制了握手消"
            "息长度",
        ),
        (
            "a record over 2^14 bytes (protected: plus 2048), or a handshake message over "
            "Limits.handshake_bytes",
            "记录超过 2^14 字节（加密后另加 2048），或握手消息超过 Limits.handshake_bytes",
        ),
    ),
    _A.DECOMPRESSION_FAILURE: _never(
        _FATAL,
        Text("a record could not be decompressed", "解压缩失败"),
        Text(
            "Turn compression off on the peer; none is used here",
            "关闭对端的压缩功能；本库不使用压缩",
        ),
        ("no compression is ever agreed on", "从不协商压缩"),
    ),
    _A.HANDSHAKE_FAILURE: _sent(
        _FATAL,
        Text(
            "no acceptable set of parameters: cipher suites, certificates or policy do not meet",
            "协商失败：密码套件、证书或策略不一致",
        ),
        Text(
            "Compare the cipher suites of both ends, and whether the server demands a client "
            "certificate",
            "对照两端的密码套件，并确认服务端是否要求客户端证书",
        ),
        (
            "no suite in common, no client certificate where one is required, or the "
            "program's callback failed",
            "没有共同的套件；要求客户端证书而对方没有；或程序的回调函数出错",
        ),
    ),
    _A.NO_CERTIFICATE: _never(
        None,
        Text("it has no certificate to offer", "没有可提供的证书"),
        Text(
            "Give the client its pair, or let the server do without",
            "为客户端配置证书对，或让服务端不要求客户端证书",
        ),
        (
            "of SSL 3.0; in TLCP a client without one sends an empty Certificate",
            "属于 SSL 3.0；TLCP 客户端没有证书时发送空的 Certificate 消息",
        ),
    ),
    _A.BAD_CERTIFICATE: _sent(
        None,
        Text(
            "the certificate sent to it is broken or did not pass its checks",
            "收到的证书已损坏，或未通过检查",
        ),
        Text(
            "The peer refused our certificates: make sure that both are there and belong "
            "together, that a server's are for the host name that its client uses, and that "
            "the peer trusts the very CA that issued them",
            "对端拒绝了我方证书：确认签名、加密两张证书齐全且配对，服务端证书与客户端使用的主"
            "机名一致，对端信任的正是签发它们的 CA",
        ),
        (
            "a certificate that cannot be read, has a wrong signature, is not for this host, "
            "or does not pair",
            "证书无法解析、签名错误、与主机名不符，或两张证书不配对",
        ),
    ),
    _A.UNSUPPORTED_CERTIFICATE: _sent(
        None,
        Text(
            "the certificate sent to it is of a kind it does not support", "不支持收到的证书的类型"
        ),
        Text(
            "The peer refused our certificates: make sure that the signing and the encryption "
            "certificate are not in each other's place",
            "对端拒绝了我方证书：确认签名证书与加密证书没有放反",
        ),
        (
            "a key that is neither SM2 nor, in RSA suites, RSA, or a usage that does not fit its "
            "place",
            "密钥不是 SM2（RSA 套件中不是 RSA），或密钥用途与所在位置不符",
        ),
    ),
    _A.CERTIFICATE_REVOKED: _sent(
        None,
        Text("the certificate sent to it was revoked", "收到的证书已被吊销"),
        Text(
            "Our certificates were revoked: ask the CA for new ones",
            "我方证书已被吊销：向 CA 申请新证书",
        ),
        ("a certificate that its CA has revoked", "证书已被其 CA 吊销"),
    ),
    _A.CERTIFICATE_EXPIRED: _sent(
        None,
        Text(
            "the certificate sent to it has expired or is not valid yet",
            "收到的证书已过期或尚未生效",
        ),
        Text(
            "Look at the dates of our certificates, and at both clocks",
            "检查我方证书的有效期和两端的时钟",
        ),
        ("a certificate outside its dates", "证书不在有效期内"),
    ),
    _A.CERTIFICATE_UNKNOWN: _sent(
        None,
        Text(
            "some unspecified problem makes the certificate sent to it unacceptable",
            "收到的证书因未说明的原因不可接受",
        ),
        Text(
            "The peer refused our certificates; its log says why",
            "对端拒绝了我方证书，原因见其日志",
        ),
        (
            "a critical extension that is not understood, a name or policy that a CA does not "
            "allow, a form refused when strict, or no word on revocation where that is asked for",
            "证书含有无法识别的关键扩展，或含有上级 CA 不允许的名称或策略；"
            "或严格校验时格式不合要求；或要求查询吊销状态而没有结论",
        ),
    ),
    _A.ILLEGAL_PARAMETER: _sent(
        _FATAL,
        Text(
            "a field of a message was out of range or disagrees with other fields",
            "消息中的字段超出范围或与其他字段矛盾",
        ),
        _BUG,
        (
            "a value that was not offered or cannot be: suite, compression, ALPN, a point "
            "that is not on the curve, an alert level",
            "取值未曾提供或不可能成立：套件、压缩方法、ALPN、不在曲线上的点、报警级别",
        ),
    ),
    _A.UNKNOWN_CA: _sent(
        _FATAL,
        Text(
            "it does not know the CA that issued the certificate sent to it",
            "不认识签发所收证书的 CA",
        ),
        Text(
            "Make the peer trust the CA that issued our certificates, and send the "
            "intermediate CAs with them",
            "让对端信任签发我方证书的 CA，并随证书一并发送中间 CA 证书",
        ),
        (
            "no path to a trusted CA, or a CA on it that may not issue",
            "找不到通向可信 CA 的路径，或路径上的 CA 无权签发",
        ),
    ),
    _A.ACCESS_DENIED: _never(
        _FATAL,
        Text("the certificate is valid, but access control refuses it", "证书有效，但访问控制拒绝"),
        Text(
            "Ask the peer's operator to admit the subject of our certificate",
            "请对端管理员放行我方证书的主体",
        ),
        (
            "who may enter is the program's decision; its callback may choose this alert",
            "访问控制由程序决定，其回调函数可以选用此报警",
        ),
    ),
    _A.DECODE_ERROR: _sent(
        _FATAL,
        Text(
            "a message could not be decoded: a length or a value is wrong",
            "消息解码失败：长度或取值有误",
        ),
        _BUG,
        (
            "a message that is cut short, too long for what it holds, or not built as the "
            "standard says",
            "消息被截断、长度与内容不符，或不符合标准规定的结构",
        ),
    ),
    _A.DECRYPT_ERROR: _sent(
        _FATAL,
        Text(
            "a signature, a key exchange or the Finished value did not verify",
            "签名、密钥交换或 Finished 校验失败",
        ),
        Text(
            "Make sure that each key belongs to its certificate, and that the signing and the "
            "encryption pair are not swapped",
            "确认私钥与证书逐一配对，且签名与加密两套没有放反",
        ),
        (
            "a wrong signature in ServerKeyExchange or CertificateVerify, or a wrong Finished",
            "ServerKeyExchange 或 CertificateVerify 的签名错误，或 Finished 错误",
        ),
    ),
    _A.EXPORT_RESTRICTION: _foreign(
        _FATAL, "it holds to an export restriction of old TLS", "受旧版 TLS 出口限制约束", _OF_TLS
    ),
    _A.PROTOCOL_VERSION: _sent(
        _FATAL,
        Text("it does not speak the protocol version offered", "不支持所提供的协议版本"),
        Text(
            "The peer does not speak TLCP on this port: find the right port, or use TLS",
            "对端在该端口上不支持 TLCP：换用正确的端口，或使用 TLS",
        ),
        ("a version other than 0101, TLS among them", "版本不是 0101，例如 TLS"),
    ),
    _A.INSUFFICIENT_SECURITY: _never(
        _FATAL,
        Text("it demands stronger cipher suites than were offered", "要求使用更强的密码套件"),
        Text(
            "Enable more cipher suites: most often there is none in common",
            "启用更多密码套件：通常是没有共同的套件",
        ),
        (
            "where no suite is common, 40 is sent, whatever the reason",
            "没有共同的套件时，不论原因，一律发 40",
        ),
    ),
    _A.INTERNAL_ERROR: _sent(
        _FATAL,
        Text(
            "something went wrong inside the peer, not in what was sent to it",
            "对端内部出错，与收到的内容无关",
        ),
        Text(
            "See the peer's log. Tongsuo sends it where an ECDHE suite meets a client without "
            "certificates",
            "查看对端日志。铜锁在 ECDHE 套件遇到没有证书的客户端时也会发送",
        ),
        (
            "a bug of ours, a callback that answers nonsense, or a key that does not answer",
            "本库的缺陷、程序的回调函数返回值无意义，或设备中的私钥没有应答",
        ),
    ),
    _A.INAPPROPRIATE_FALLBACK: _foreign(
        _FATAL,
        "it knows a newer version than the one that the client fell back to",
        "客户端回退到了过低的版本",
        _OF_TLS,
    ),
    _A.USER_CANCELED: _never(
        _WARNING,
        Text("its user canceled the handshake", "用户取消了握手"),
        Text(
            "Nothing: try again when its user wants it; a close_notify follows",
            "无须处理：对方愿意时重试；随后会收到 close_notify",
        ),
        (
            "close() in a handshake sends close_notify alone, which every stack understands",
            "握手中调用 close() 只发 close_notify，各实现都能理解",
        ),
    ),
    _A.NO_RENEGOTIATION: _sent(
        _WARNING,
        Text("it refuses to renegotiate", "拒绝重新协商"),
        Text("Do not renegotiate: open a new connection", "不要重新协商：另建连接"),
        (
            "a HelloRequest or a ClientHello in mid-session; after Limits.renegotiations of "
            "them unexpected_message",
            "会话中收到 HelloRequest 或 ClientHello；超过 Limits.renegotiations 次后改发 unexp"
            "ected_message",
        ),
    ),
    _A.MISSING_EXTENSION: _foreign(
        _FATAL, "an extension that it needs was missing", "缺少必需的扩展", _OF_TLS
    ),
    _A.UNSUPPORTED_EXTENSION: _sent(
        _FATAL,
        Text("an extension came that was not asked for", "收到了未请求的扩展"),
        Text(
            "A server must not answer what its client did not offer; or an old peer refuses "
            "every extension: try `--no-extensions`",
            "服务端不得应答客户端未提供的扩展；旧的对端也可能拒绝一切扩展：试用 `--no-extensions`",
        ),
        ("an extension in ServerHello that was not offered", "ServerHello 中有未曾提供的扩展"),
    ),
    _A.CERTIFICATE_UNOBTAINABLE: _foreign(
        None,
        "it could not fetch the certificate from the URL given",
        "无法从给定网址取得证书",
        _OF_TLS,
    ),
    _A.UNRECOGNIZED_NAME: _sent(
        None,
        Text("it does not serve the server name asked for", "不提供所请求的服务器名"),
        Text(
            "Ask for a host name that the server has, or connect by its IP address, which "
            "sends none",
            "使用服务端具有的主机名，或用 IP 地址连接（不发送主机名）",
        ),
        (
            "the program knows no certificates for the name asked for",
            "程序没有与所请求主机名对应的证书",
        ),
    ),
    _A.BAD_CERTIFICATE_STATUS_RESPONSE: _never(
        _FATAL,
        Text("the stapled OCSP response was not acceptable", "附带的 OCSP 响应不可接受"),
        Text("Renew the server's OCSP response", "更新服务端的 OCSP 响应"),
        (
            "a stapled response that cannot be used counts as none; where one is needed, "
            "certificate_unknown is sent",
            "不可用的 OCSP 响应视同没有；需要响应时发送 certificate_unknown",
        ),
    ),
    _A.BAD_CERTIFICATE_HASH_VALUE: _foreign(
        _FATAL,
        "the certificate fetched has another hash than was said",
        "取得的证书杂凑值不符",
        _OF_TLS,
    ),
    _A.UNKNOWN_PSK_IDENTITY: _foreign(
        _FATAL, "it does not know the pre-shared key's name", "不认识预共享密钥的标识", _OF_TLS
    ),
    _A.CERTIFICATE_REQUIRED: _never(
        _FATAL,
        Text("it requires a client certificate and none was sent", "要求客户端证书，但没有收到"),
        Text("Give the client its pair", "为客户端配置证书对"),
        (
            "of TLS 1.3; the standard has handshake_failure for it",
            "属于 TLS 1.3；标准规定此时发 handshake_failure",
        ),
    ),
    _A.NO_APPLICATION_PROTOCOL: _never(
        _FATAL,
        Text(
            "it supports none of the application protocols (ALPN) offered",
            "不支持所提供的任何应用层协议（ALPN）",
        ),
        Text(
            "Offer a protocol that the server has, or no ALPN at all",
            "提供服务端支持的协议，或不使用 ALPN",
        ),
        (
            "a server without a common protocol goes on without ALPN, as ssl does",
            "没有共同协议时服务端不用 ALPN 继续，与 ssl 相同",
        ),
    ),
    _A.UNSUPPORTED_SITE2SITE: _foreign(
        _FATAL,
        "it does not support the gateway-to-gateway mode",
        "不支持网关到网关（site2site）模式",
        _GATEWAY,
    ),
    _A.NO_AREA: _foreign(None, "it has no such protected domain", "没有保护域", _GATEWAY),
    _A.UNSUPPORTED_AREATYPE: _foreign(
        None, "it does not support this type of protected domain", "不支持的保护域类型", _GATEWAY
    ),
    _A.BAD_IBCPARAM: _foreign(
        _FATAL, "the IBC public parameters are invalid", "IBC 公共参数无效", _IBC
    ),
    _A.UNSUPPORTED_IBCPARAM: _foreign(
        _FATAL,
        "the IBC public parameters hold information it does not support",
        "不支持 IBC 公共参数中的信息",
        _IBC,
    ),
    _A.IDENTITY_NEED: _foreign(
        _FATAL, "it needs the peer's IBC identity", "缺少对方的 IBC 标识", _IBC
    ),
}
