"""Which stack each side of a connection looks like, by the quirks that a passive observer sees.

Spec: GB/T 38636-2020 6.4.5; where stacks depart from it is said in ``quirks``
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tlcp.errors import DecodeError
from tlcp.handshake.observe import (
    client_hello_quirks,
    curve_quirks,
    request_quirks,
    server_hello_quirks,
)
from tlcp.inspect.certs import KEPT, is_long, read_certificate
from tlcp.inspect.model import Sender
from tlcp.inspect.verify import Check
from tlcp.inspect.view import HandshakeView
from tlcp.quirks import Quirk, likely_stacks
from tlcp.registry import ExtensionType
from tlcp.suites import KeyExchangeKind
from tlcp.wire.bodies import (
    EcdheClientKeyExchangeVector,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.extensions import SignatureAlgorithms, decode_extension, find_extension
from tlcp.wire.messages import (
    CertificateRequest,
    CertificateStatus,
    ClientHello,
    ClientKeyExchange,
    ServerKeyExchange,
)
from tlcp.x509 import certificate as x509
from tlcp.x509.usage import is_authority

__all__ = ["likely", "quirks_of"]

_ALGORITHMS = {0x0704: Quirk.SIGNATURE_0704, 0x0708: Quirk.SIGNATURE_0708}


@lru_cache(KEPT)
def likely(quirks: tuple[Quirk, ...]) -> tuple[str, ...]:
    """The stacks that these point to; a root that was sent may only decide between them.

    Alone it says more of somebody's files than of a stack.
    """
    others = [quirk for quirk in quirks if quirk is not Quirk.ROOT_SENT]
    return likely_stacks(quirks) if likely_stacks(others) else ()


def quirks_of(view: HandshakeView, checks: list[Check], sender: Sender) -> tuple[Quirk, ...]:
    """What was seen of one side's stack, each quirk once."""
    if sender == "client":
        seen = [*_client(view), *_certificates(view, "client")]
        if any(check.raw_transcript for check in checks):
            seen.append(Quirk.RAW_SIGNATURE)
    else:
        seen = [*_server(view), *_certificates(view, "server")]
    return tuple(dict.fromkeys(seen))


def _client(view: HandshakeView) -> Iterator[Quirk]:
    hello = view.hello
    if hello is not None:
        yield from _client_hello(hello)
    exchange = view.first(ClientKeyExchange)
    suite = view.suite
    if exchange is None or suite is None or suite.key_exchange is not KeyExchangeKind.ECDHE:
        return
    try:
        share = decode_ecdhe_client_key_exchange(exchange.body)
    except DecodeError:
        return
    if isinstance(share, EcdheClientKeyExchangeVector):
        yield Quirk.POINT_VECTOR


def _client_hello(hello: ClientHello) -> Iterator[Quirk]:
    yield from client_hello_quirks(hello)
    algorithms = find_extension(hello.extensions, ExtensionType.SIGNATURE_ALGORITHMS)
    if algorithms is None:
        return
    try:
        named = decode_extension(algorithms, SignatureAlgorithms).algorithms
    except DecodeError:
        return
    for number in named[:1]:
        if number in _ALGORITHMS:
            yield _ALGORITHMS[number]


def _server(view: HandshakeView) -> Iterator[Quirk]:
    if view.answer is not None:
        yield from server_hello_quirks(view.answer)
    request = view.first(CertificateRequest)
    if request is not None:
        yield from request_quirks(request)
    if view.first(CertificateStatus) is not None:
        yield Quirk.STAPLE_IN_MESSAGE
    yield from _curve(view)


def _curve(view: HandshakeView) -> Iterator[Quirk]:
    exchange, suite = view.first(ServerKeyExchange), view.suite
    if exchange is None or suite is None or suite.key_exchange is not KeyExchangeKind.ECDHE:
        return
    try:
        curve = EcdheServerKeyExchange.from_bytes(exchange.body).params.named_curve
    except DecodeError:
        return
    yield from curve_quirks(curve)


def _certificates(view: HandshakeView, sender: Sender) -> tuple[Quirk, ...]:
    ders = view.ders(sender)
    return _seen_in(ders, sender) if is_long(ders) else _known(ders, sender)


def _seen_in(ders: tuple[bytes, ...], sender: Sender) -> tuple[Quirk, ...]:
    return tuple(_quirks_in([read_certificate(der) for der in ders], sender))


_known = lru_cache(KEPT)(_seen_in)


def _quirks_in(found: list[x509.Certificate | None], sender: Sender) -> Iterator[Quirk]:
    if not found:
        return
    authorities = [c is not None and is_authority(c) for c in found]
    if sender == "client" and all(authorities[1:]):
        yield Quirk.SINGLE_CERTIFICATE
    if len(found) > 2 and authorities[1] and not authorities[-1]:
        yield Quirk.ENC_LAST
    if any(c is not None and c.self_issued for c in found[1:]):
        yield Quirk.ROOT_SENT
