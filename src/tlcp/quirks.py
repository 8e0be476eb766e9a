"""What can be seen of a peer's stack in a handshake, and which stack that points to.

Spec: GB/T 38636-2020 6.4.5; where stacks depart from it is said at each quirk
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tlcp.alerts import Text

__all__ = ["MOST_NAMED", "STACK_NAMES", "Quirk", "QuirkText", "likely_stacks", "stacks_text"]

#: stacks; where more are possible, that tells nothing
MOST_NAMED: Final = 3

#: the stacks, as people name them
STACK_NAMES: Final = {
    "boc": "Bank of China's gateway",
    "gmssl": "GmSSL",
    "gmssl-2": "GmSSL 2",
    "gmssl-3.1": "GmSSL 3.1",
    "gmssl-3.3": "GmSSL 3.2 or later",
    "gotlcp": "gotlcp",
    "kona": "Tencent Kona",
    "old-gateway": "an old gateway",
    "old-tassl": "an old TASSL",
    "openhitls": "openHiTLS",
    "tassl": "TASSL",
    "tlcp": "tlcp, this library",
    "tongsuo": "Tongsuo",
}


class QuirkText(NamedTuple):
    """What was seen, in English and Chinese, and the stacks that are known for it.

    Attributes:
        absence: whether something was *not* seen, which other settings can bring about in any
            stack: alone it names none.
    """

    en: str
    zh: str
    stacks: frozenset[str]
    absence: bool = False


def _text(en: str, zh: str, stacks: str, *, absence: bool = False) -> QuirkText:
    return QuirkText(en, zh, frozenset(stacks.split()), absence)


class Quirk(enum.Enum):
    """One thing in which stacks differ, as it was met."""

    # of servers
    NO_SESSION_ID = _text(
        "names no session id",
        "不给会话标识",
        "",  # whoever resumes nothing
    )
    TICKET = _text(
        "gives a session ticket (RFC 5077)",
        "发放会话票据（RFC 5077）",
        "tongsuo tassl kona openhitls tlcp",
    )
    RENEGOTIATION_INFO = _text(
        "answers renegotiation_info", "应答 renegotiation_info", "tassl openhitls boc"
    )
    DOWNGRADE_SENTINEL = _text(
        "its random ends in TLS's downgrade sentinel", "随机数末尾有 TLS 的降级标记", "tongsuo"
    )
    CURVE_ZERO = _text("numbers the SM2 curve 0", "SM2 曲线编号为 0", "tassl")
    CURVE_OTHER = _text(
        "numbers the SM2 curve neither 41 nor 0", "SM2 曲线编号既非 41 也非 0", "old-gateway"
    )
    NO_CA_NAMES = _text(
        "asks for a client certificate and names no CA",
        "请求客户端证书但不列 CA 名称",
        "openhitls",
        absence=True,
    )
    TYPES_RSA_FIRST = _text(
        "certificate types 1 and 64", "证书类型为 1 和 64", "tongsuo tassl gotlcp"
    )
    TYPES_REPEATED = _text("certificate types 64 and 64", "证书类型为 64 和 64", "openhitls")
    STAPLE_IN_HELLO = _text(
        "staples OCSP inside its ServerHello", "OCSP 响应放在 ServerHello 扩展中", "gotlcp"
    )
    STAPLE_IN_MESSAGE = _text(
        "staples OCSP in a CertificateStatus",
        "OCSP 响应放在 CertificateStatus 消息中",
        "tongsuo tlcp",
    )
    SERVER_NAME_ANSWERED = _text("answers server_name", "应答 server_name", "gmssl gotlcp")
    # of clients
    NO_EXTENSIONS = _text(
        "sends no extension",
        "不发任何扩展",
        "gmssl-3.1 gmssl-3.3 gmssl-2 old-gateway tongsuo tlcp",
        absence=True,
    )
    CBC_ALONE = _text(
        "offers ECC_SM4_CBC_SM3 alone",
        "只提供 ECC_SM4_CBC_SM3",
        "gmssl-3.1 old-gateway tlcp",
        absence=True,
    )
    PLAIN_OFFER = _text(
        "offers ECC before ECDHE and GCM before CBC, without 00FF, signature algorithms or ticket",
        "套件先 ECC 后 ECDHE、先 GCM 后 CBC，不含 00FF，不列签名算法，不请求票据",
        "tlcp",  # gotlcp, of the same order, lists algorithms; Kona asks for a ticket
    )
    OFFER_WITH_TICKET = _text(
        "offers ECC before ECDHE and GCM before CBC, without 00FF or signature algorithms",
        "套件先 ECC 后 ECDHE、先 GCM 后 CBC，不含 00FF，不列签名算法",
        "tlcp kona",
    )
    SCSV = _text(
        "sends 00FF among its suites", "套件列表含 00FF", "tongsuo tassl openhitls gmssl-2"
    )
    SIGNATURE_0704 = _text("calls SM2 with SM3 0704", "SM2-SM3 签名算法编号 0704", "gotlcp")
    SIGNATURE_0708 = _text("calls SM2 with SM3 0708", "SM2-SM3 签名算法编号 0708", "gmssl-3.3 kona")
    ASKS_TICKET = _text(
        "asks for a session ticket", "请求会话票据", "tongsuo tassl kona openhitls tlcp"
    )
    POINT_VECTOR = _text(
        "puts a length before its ECDHE point (71 bytes)",
        "ECDHE 公钥前有长度（71 字节）",
        "gmssl-3.3",
    )
    RAW_SIGNATURE = _text(
        "signs the handshake messages and not their hash",
        "对握手消息原文而非其杂凑值签名",
        "gmssl-3.3",
    )
    SINGLE_CERTIFICATE = _text(
        "sends one certificate instead of a pair",
        "只发一张证书而非一对",
        "gmssl-3.3 gmssl-3.1",
        absence=True,
    )
    # of either
    ENC_LAST = _text("sends its encryption certificate last", "加密证书放在最后", "old-tassl")
    ROOT_SENT = _text("sends the root too", "连根证书一并发送", "tongsuo tassl")

    def __repr__(self) -> str:
        return f"Quirk.{self.name}"

    @property
    def en(self) -> str:
        """What was seen, after "the peer"."""
        return self.value.en

    @property
    def zh(self) -> str:
        """The same in Chinese."""
        return self.value.zh


def likely_stacks(quirks: Iterable[Quirk]) -> tuple[str, ...]:
    """The stacks that most of these quirks point to; empty if none does, or one absence alone."""
    votes: dict[str, int] = {}
    told: dict[str, int] = {}  # what was seen counts twice here, what was not seen once
    for quirk in quirks:
        for stack in quirk.value.stacks:
            votes[stack] = votes.get(stack, 0) + 1
            told[stack] = told.get(stack, 0) + (1 if quirk.value.absence else 2)
    most = max(votes.values(), default=0)
    return tuple(sorted(s for s, count in votes.items() if count == most and told[s] > 1))


def stacks_text(stacks: Sequence[str]) -> Text | None:
    """What is said of likely stacks, after "the peer"; None where they are too many or none.

    Args:
        stacks: as ``likely_stacks`` gives them.
    """
    if not 0 < len(stacks) <= MOST_NAMED:
        return None
    names = [STACK_NAMES.get(stack, stack) for stack in stacks]
    if len(names) == 1:
        return Text(f"looks like {names[0]}", f"像是 {names[0]}")
    return Text(f"could be any of: {', '.join(names)}", f"可能是以下之一：{'、'.join(names)}")
