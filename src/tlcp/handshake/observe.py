"""What single messages tell of the stack that sent them; both ends and ``tlcp.inspect`` look here.

Spec: GB/T 38636-2020 6.4.5; where stacks depart from it is said in ``tlcp.quirks``
"""

from __future__ import annotations

from collections.abc import Iterator

from tlcp.handshake.offer import RENEGOTIATION_SCSV
from tlcp.quirks import Quirk
from tlcp.registry import ExtensionType
from tlcp.suites import DEFAULT_SUITES, ECC_SM4_CBC_SM3
from tlcp.wire.bodies import CURVE_SM2
from tlcp.wire.extensions import find_extension
from tlcp.wire.messages import CertificateRequest, ClientHello, ServerHello

__all__ = ["client_hello_quirks", "curve_quirks", "request_quirks", "server_hello_quirks"]

_DOWNGRADE_SENTINELS = (b"DOWNGRD\x00", b"DOWNGRD\x01")  # RFC 8446 4.1.3
_PLAIN = tuple(tuple(suite.id for suite in DEFAULT_SUITES[:count]) for count in (2, 4))
_CBC_ALONE = (ECC_SM4_CBC_SM3.id,)
_GROUPS_AND_ALGORITHMS = {ExtensionType.SUPPORTED_GROUPS, ExtensionType.SIGNATURE_ALGORITHMS}
_TYPES = {b"\x01\x40": Quirk.TYPES_RSA_FIRST, b"\x40\x40": Quirk.TYPES_REPEATED}


def client_hello_quirks(hello: ClientHello) -> Iterator[Quirk]:
    """Of a ClientHello, but for its signature algorithms."""
    if not hello.extensions:
        yield Quirk.NO_EXTENSIONS
    if RENEGOTIATION_SCSV in hello.cipher_suites:
        yield Quirk.SCSV
    ticket = find_extension(hello.extensions, ExtensionType.SESSION_TICKET) is not None
    if ticket:
        yield Quirk.ASKS_TICKET
    if hello.cipher_suites == _CBC_ALONE:
        yield Quirk.CBC_ALONE
    kinds = {extension.type for extension in hello.extensions or ()}
    if hello.cipher_suites in _PLAIN and not kinds & _GROUPS_AND_ALGORITHMS:
        yield Quirk.OFFER_WITH_TICKET if ticket else Quirk.PLAIN_OFFER


def server_hello_quirks(hello: ServerHello) -> Iterator[Quirk]:
    """Of a ServerHello."""
    kinds = {extension.type: extension for extension in hello.extensions or ()}
    ticket = ExtensionType.SESSION_TICKET in kinds
    if not hello.session_id and not ticket:
        yield Quirk.NO_SESSION_ID
    if ExtensionType.RENEGOTIATION_INFO in kinds:
        yield Quirk.RENEGOTIATION_INFO
    if ticket:
        yield Quirk.TICKET
    if ExtensionType.SERVER_NAME in kinds:
        yield Quirk.SERVER_NAME_ANSWERED
    if hello.random.endswith(_DOWNGRADE_SENTINELS):
        yield Quirk.DOWNGRADE_SENTINEL
    status = kinds.get(ExtensionType.STATUS_REQUEST)
    if status is not None and status.data:
        yield Quirk.STAPLE_IN_HELLO


def request_quirks(request: CertificateRequest) -> Iterator[Quirk]:
    """Of a CertificateRequest."""
    if quirk := _TYPES.get(request.certificate_types):
        yield quirk
    if not request.certificate_authorities:
        yield Quirk.NO_CA_NAMES


def curve_quirks(named_curve: int) -> Iterator[Quirk]:
    """Of the curve's number in ECDHE parameters."""
    if named_curve != CURVE_SM2:
        yield Quirk.CURVE_OTHER if named_curve else Quirk.CURVE_ZERO
