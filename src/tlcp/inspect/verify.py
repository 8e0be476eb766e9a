"""What a passive observer can prove of a connection: signatures, Finished, certificates, records.

Each check has one of three results: it holds, it fails, or it cannot be told, with the reason.

Spec: GB/T 38636-2020 6.3.3.4, 6.4.5.3, 6.4.5.4, 6.4.5.9, 6.4.5.10
"""

from __future__ import annotations

import datetime
import enum
import hmac
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from tlcp.alerts import Text
from tlcp.errors import CertificateVerifyError, DecodeError, TLCPError
from tlcp.handshake.kx import HelloContext
from tlcp.handshake.kx_ecc import signed_bytes
from tlcp.inspect.certs import KEPT, is_long, split, verified_chains
from tlcp.inspect.model import SENDERS, Integrity, Message, Record, Sender
from tlcp.inspect.view import HandshakeView
from tlcp.suites import CipherSuite, KeyExchangeKind, KeyKind
from tlcp.wire.bodies import EccServerKeyExchange, EcdheServerKeyExchange
from tlcp.wire.messages import (
    Certificate,
    CertificateVerify,
    Finished,
    ServerKeyExchange,
)
from tlcp.x509 import certificate as x509
from tlcp.x509.pair import VerifiedPair, accept_unverified_pair
from tlcp.x509.trust import TrustStore
from tlcp.x509.usage import check_usages

__all__ = ["ZH_SIDES", "Check", "Result", "verify"]

ZH_SIDES = {"client": "客户端", "server": "服务端"}
_FAILED_RECORDS_NAMED = 5


class Result(enum.Enum):
    """What came out of a check."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Check(NamedTuple):
    """One check.

    Attributes:
        rule: a stable name, such as "server-signature".
        result: whether it holds.
        section: of the standard.
        text: what was found.
        message: the number of the message that it is about, 0 for none.
        raw_transcript: for CertificateVerify: what was signed are the messages, not their hash.
    """

    rule: str
    result: Result
    section: str
    text: Text
    message: int = 0
    raw_transcript: bool = False


def verify(
    view: HandshakeView,
    trust: TrustStore | None = None,
    *,
    host: str | None = None,
    now: datetime.datetime | None = None,
) -> list[Check]:
    """Check what can be checked.

    Args:
        view: the handshake.
        trust: the CAs; None = chains are not checked.
        host: the name that the server's certificates must have; None = not checked.
        now: the moment at which certificates must be valid; None = when they were sent.
    """
    checks: list[Check] = []
    for sender in SENDERS[::-1]:
        checks += _certificates(view, sender, trust, host if sender == "server" else None, now)
    checks += _server_signature(view)
    checks += _client_signature(view)
    for sender in SENDERS:
        checks += _finished(view, sender)
    for sender in SENDERS:
        checks += _records(view, sender)
    return checks


# ---- certificates ------------------------------------------------------------------------


def _certificates(
    view: HandshakeView,
    sender: Sender,
    trust: TrustStore | None,
    host: str | None,
    now: datetime.datetime | None,
) -> Iterator[Check]:
    message, ders = view.find(Certificate, sender), view.ders(sender)
    if message is None or not ders:
        return
    suite = view.suite
    kind = suite.key_kind if suite is not None else KeyKind.SM2
    need_enc = sender == "server" or _is_ecdhe(suite)
    section = "6.4.5.3" if sender == "server" else "6.4.5.7"
    number, zh = message.number, ZH_SIDES[sender]
    judge = _pair if is_long(ders) else _known_pair
    result, text = judge(ders, sender, kind, need_enc)
    yield Check(f"{sender}-pair", result, section, text, number)
    rule = f"{sender}-chain"
    if trust is None:
        text = Text(
            f"the {sender}'s chains were not checked: no CA was given",
            f"未提供 CA，没有校验{zh}证书链",
        )
        yield Check(rule, Result.UNKNOWN, section, text, number)
        return
    when = now or datetime.datetime.fromtimestamp(message.time_s, datetime.UTC)
    try:
        anchor = verified_chains(
            ders, sender, kind, need_enc=need_enc, trust=trust, now=when, host=host
        )
    except TLCPError as error:
        text = Text(_sentence(error), f"{zh}证书链校验失败：{_what(error)}")
        yield Check(rule, Result.FAILS, section, text, number)
    else:
        yield Check(rule, Result.HOLDS, section, _anchor_text(anchor, sender), number)


@lru_cache(KEPT)
def _anchor_text(anchor: x509.Certificate, sender: Sender) -> Text:
    return Text(
        f"the {sender}'s certificates lead to {anchor}",
        f"{ZH_SIDES[sender]}证书链通向可信 CA {anchor}",
    )


def _pair(
    ders: tuple[bytes, ...], sender: Sender, kind: KeyKind, need_enc: bool
) -> tuple[Result, Text]:
    """Whether the pair is fit for its uses, whoever issued it."""
    try:
        pair = accept_unverified_pair(ders, role=sender, need_enc=need_enc, kind=kind)
        check_usages(pair.sign, pair.enc, f"{sender}'s")
    except CertificateVerifyError as error:
        return Result.FAILS, Text(_sentence(error), f"{ZH_SIDES[sender]}证书对不合格：{error.what}")
    return Result.HOLDS, _pair_text(pair, sender)


_known_pair = lru_cache(KEPT)(_pair)


def _pair_text(pair: VerifiedPair, sender: Sender) -> Text:
    who, zh = pair.sign.subject_text or "(no subject)", ZH_SIDES[sender]
    if pair.enc is None:
        return Text(
            f"the {sender} {who} sent a signing certificate and no encryption certificate",
            f"{zh} {who} 只有签名证书，没有加密证书",
        )
    return Text(
        f"the {sender} {who} has a signing and an encryption certificate, each fit for its use",
        f"{zh} {who} 的签名证书与加密证书用途正确",
    )


# ---- signatures --------------------------------------------------------------------------


def _server_signature(view: HandshakeView) -> Iterator[Check]:
    message = view.find(ServerKeyExchange)
    if message is None:
        return
    rule, section = "server-signature", "6.4.5.4"
    body = message.parsed
    if not isinstance(body, ServerKeyExchange):
        return
    hellos, ders, suite = view.hellos, view.ders("server"), view.suite
    if hellos is None or not ders or suite is None:
        yield _untold(rule, section, message)
        return
    try:
        sign, enc, _ = split(ders)
        signature, signed = _server_signed(body.body, suite, hellos, enc.der if enc else b"")
        sign.public_key.verify(signature, signed)
    except (InvalidSignature, DecodeError, CertificateVerifyError) as error:
        text = Text(
            f"the signature in ServerKeyExchange does not hold{_reason(error)}; the server may "
            "have its two keys swapped",
            f"ServerKeyExchange 的签名校验失败{_reason(error)}；服务端的两个私钥可能放反",
        )
        yield Check(rule, Result.FAILS, section, text, message.number)
        return
    text = _SIGNED_POINT if _is_ecdhe(suite) else _SIGNED_CERTIFICATE
    yield Check(rule, Result.HOLDS, section, text, message.number)


def _server_signed(
    body: bytes, suite: CipherSuite, hellos: HelloContext, enc_der: bytes
) -> tuple[bytes, bytes]:
    """The signature of a ServerKeyExchange, and what it is over."""
    if suite.key_exchange is KeyExchangeKind.ECDHE:
        ecdhe = EcdheServerKeyExchange.from_bytes(body)
        return ecdhe.signature, hellos.randoms + ecdhe.params.to_bytes()
    return EccServerKeyExchange.from_bytes(body).signature, signed_bytes(hellos, enc_der)


def _client_signature(view: HandshakeView) -> Iterator[Check]:
    message, body = view.find(CertificateVerify), view.first(CertificateVerify)
    if message is None or body is None:
        return
    rule, section = "client-signature", "6.4.5.9"
    ders = view.ders("client")
    if not view.whole or not ders or view.suite is None:
        yield _untold(rule, section, message)
        return
    transcript = view.transcript_before(message)
    try:
        key = split(ders)[0].public_key
    except CertificateVerifyError as error:
        text = Text(_sentence(error), f"客户端签名证书不可用：{error.what}")
        yield Check(rule, Result.FAILS, section, text, message.number)
        return
    for raw in (False, True):
        try:
            key.verify(body.signature, transcript.raw if raw else transcript.signed_digest())
        except InvalidSignature:
            continue
        text = _SIGNED_MESSAGES if raw else _SIGNED_HASH
        yield Check(rule, Result.HOLDS, section, text, message.number, raw_transcript=raw)
        return
    text = Text(
        "the signature in CertificateVerify does not hold, neither over the hash of the "
        "handshake nor over its messages; the client may have its two keys swapped",
        "CertificateVerify 的签名校验失败（杂凑值与原文两种形式均不符）；客户端的两个私钥可能放反",
    )
    yield Check(rule, Result.FAILS, section, text, message.number)


# ---- Finished and records ----------------------------------------------------------------


def _finished(view: HandshakeView, sender: Sender) -> Iterator[Check]:
    rule, section, zh = f"{sender}-finished", "6.4.5.10", ZH_SIDES[sender]
    message, body = view.find(Finished, sender), view.first(Finished, sender)
    if message is None or body is None:
        if view.finished:
            why = view.decryptor.why_not() if view.keys is None else _NOT_OPENED
            text = Text(
                f"the {sender}'s Finished was not decrypted: {why.en}",
                f"{zh}的 Finished 未能解密：{why.zh}",
            )
            yield Check(rule, Result.UNKNOWN, section, text)
        return
    if not view.whole or view.keys is None:
        yield _untold(rule, section, message)
        return
    expected = view.keys.verify_data(sender, view.transcript_before(message).digest())
    if hmac.compare_digest(expected, body.verify_data):
        yield Check(rule, Result.HOLDS, section, _FINISHED_HOLDS[sender], message.number)
    else:
        text = Text(
            f"the {sender}'s Finished is not that of the messages seen: a message was changed on "
            "the way, or is not in the capture",
            f"{zh}的 Finished 与抓到的消息不符：消息在途中被改动，或抓包不全",
        )
        yield Check(rule, Result.FAILS, section, text, message.number)


def _unknown(protected: list[Record]) -> int:
    """How many records were not checked, though all of them is there."""
    unknown = Integrity.UNKNOWN
    return len([None for r in protected if r.integrity is unknown and not r.missing])


def _records(view: HandshakeView, sender: Sender) -> Iterator[Check]:
    found, zh = view.dissection, ZH_SIDES[sender]
    protected = view.protected[sender]
    if not protected:
        return
    rule, section = f"{sender}-records", "6.3.3.4"
    holds, fails = found.records_opened[sender], found.records_failed[sender]
    if view.keys is None:
        why = view.decryptor.why_not()
        text = Text(
            f"the {sender}'s protected records, {len(protected)}, were not opened: {why.en}",
            f"{zh}的 {len(protected)} 条加密记录未打开：{why.zh}",
        )
        yield Check(rule, Result.UNKNOWN, section, text)
    elif fails:
        bad = [r.number for r in protected if r.integrity is Integrity.FAILS]
        named = ", ".join(map(str, bad[:_FAILED_RECORDS_NAMED]))
        more = "" if len(bad) <= _FAILED_RECORDS_NAMED else ", ..."
        text = Text(
            f"{fails} of the {sender}'s records fail their integrity check (records {named}{more})",
            f"{zh}有 {fails} 条记录完整性校验失败（记录 {named}{more}）",
        )
        yield Check(rule, Result.FAILS, section, text)
    elif unknown := 0 if holds == len(protected) else _unknown(protected):
        text = Text(
            f"{unknown} of the {sender}'s protected records were not checked; {holds} hold",
            f"{zh}有 {unknown} 条加密记录未校验，{holds} 条校验通过",
        )
        yield Check(rule, Result.UNKNOWN, section, text)
    else:
        yield Check(rule, Result.HOLDS, section, _records_hold(sender, holds))


@lru_cache(KEPT)
def _records_hold(sender: Sender, count: int) -> Text:
    return Text(
        f"the {sender}'s protected records that are there, {count}, all hold, in sequence",
        f"{ZH_SIDES[sender]}的 {count} 条加密记录全部通过完整性校验，序列号连续",
    )


# ---- words -------------------------------------------------------------------------------

_SIGNED_POINT = Text(
    "the server signed both randoms and its point with its signing key",
    "服务端用签名私钥对双方随机数和临时公钥签名，校验通过",
)
_SIGNED_CERTIFICATE = Text(
    "the server signed both randoms and its certificate with its signing key",
    "服务端用签名私钥对双方随机数和加密证书签名，校验通过",
)
_SIGNED_HASH = Text(
    "the client signed the hash of the handshake with its signing key",
    "客户端用签名私钥对握手消息的杂凑值签名，校验通过",
)
_SIGNED_MESSAGES = Text(
    "the client signed the handshake messages with its signing key",
    "客户端用签名私钥对握手消息原文签名，校验通过",
)
_FINISHED_HOLDS = {
    sender: Text(
        f"the {sender}'s Finished is that of this handshake, unchanged",
        f"{ZH_SIDES[sender]}的 Finished 与本次握手一致，握手未被改动",
    )
    for sender in SENDERS
}
_NOT_OPENED = Text("its record fails its integrity check", "其记录完整性校验失败")


def _untold(rule: str, section: str, message: Message) -> Check:
    text = Text(
        "cannot be told: messages that it depends on are not in the capture, or the suite is not "
        "known",
        "无法判断：所依赖的消息不在抓包中，或套件未知",
    )
    return Check(rule, Result.UNKNOWN, section, text, message.number)


def _is_ecdhe(suite: CipherSuite | None) -> bool:
    return suite is not None and suite.key_exchange is KeyExchangeKind.ECDHE


def _what(error: Exception) -> str:
    return str(getattr(error, "what", "")) or str(error)


def _reason(error: Exception) -> str:
    return "" if isinstance(error, InvalidSignature) else f" ({_what(error)})"


def _sentence(error: Exception) -> str:
    expected = getattr(error, "expected", "")
    return _what(error) + (f" (expected: {expected})" if expected else "")
