"""Targets of the wire: records, messages, session tickets.

Spec: GB/T 38636-2020 6.3, 6.4; RFC 5077 4
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from assurance.fuzzing.judge import Broken, Target
from assurance.fuzzing.wire_mutator import CLEAR, join_records, mutate_message, mutate_records
from assurance.fuzzing.wire_mutator import split_records as split
from support.continuing import FixedTicketKeys
from support.ends import NOW, config, seeded
from support.own_connections import everything
from support.samples import SAMPLES
from tlcp.errors import DecodeError, PeerError, TLCPError, TruncatedError
from tlcp.handshake.resumption import recall
from tlcp.record.cbc_sha256 import CBCSha256Protection
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import CBCProtection, GCMProtection, NullProtection, Protection
from tlcp.registry import ContentType, ExtensionType
from tlcp.sessions.session import State
from tlcp.sessions.ticket import open_ticket, seal_ticket
from tlcp.suites import ECC_SM4_GCM_SM3
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.codec import Structure
from tlcp.wire.extensions import (
    ClientIdentity,
    ProtocolNameList,
    RenegotiationInfo,
    ServerNameList,
    SignatureAlgorithms,
    StapledStatus,
    StatusRequest,
    SupportedGroups,
    TrustedCAKeys,
    decode_extension,
)
from tlcp.wire.messages import (
    MESSAGES,
    Alert,
    ChangeCipherSpec,
    ClientHello,
    ClientKeyExchange,
    Extension,
    Handshake,
    ServerHello,
    ServerKeyExchange,
    decode_handshake,
)
from tlcp.wire.reader import Notes

__all__ = ["MESSAGE", "RECORD", "TICKET", "seen_messages"]

_KEY, _MAC_KEY = bytes(range(16)), bytes(range(32))


# ---- records ---------------------------------------------------------------------------------


def _protections() -> tuple[Protection, ...]:
    zeros: Callable[[int], bytes] = bytes
    return (
        NullProtection(),
        GCMProtection(key=_KEY, fixed_iv=b"salt"),
        CBCProtection(mac_key=_MAC_KEY, key=_KEY, random=zeros),
        CBCSha256Protection(mac_key=_MAC_KEY, key=_KEY, random=zeros),
    )


def _sealed(data: bytes, protection: Protection) -> bytes:
    """The records of an input as their sender protects them."""
    records, rest = split(data)
    out = bytearray()
    for kind, payload in records:
        if kind & CLEAR or len(payload) > 1 << 14:
            out += join_records([(kind & ~CLEAR, payload)])
        else:
            out += protection.seal(kind, [payload])
    return bytes(out + rest)


def _opened(stream: bytes, protection: Protection, step: int) -> list[tuple[int, bytes]]:
    """What a layer gives of a stream that comes in pieces; the error is raised."""
    layer, found = RecordLayer(max_empty_records=32), list[tuple[int, bytes]]()
    if not protection.is_null:
        layer.version_agreed()
        layer.protect_reads(protection)
    for at in range(0, len(stream), step):
        layer.receive(stream[at : at + step])
        while (record := layer.next_record()) is not None:
            found.append(record)
            if len(record[1]) > (1 << 14) * 64:
                raise Broken("size: a record holds more than a batch")
    return found


def _record(data: bytes) -> None:
    if not data:
        return
    mode, step = data[0] & 3, 1 + (data[0] >> 2) * 37
    sender, receiver = _protections()[mode], _protections()[mode]
    stream = _sealed(data[1:], sender)
    clear = any(kind & CLEAR for kind, _ in split(data[1:])[0])
    found = _opened(stream, receiver, step)
    if mode and not clear and not split(data[1:])[1]:  # all whole: what was sealed came out
        sent = b"".join(payload for _, payload in split(data[1:])[0])
        if b"".join(payload for _, payload in found) != sent:
            raise Broken("plaintext: other bytes came out than went in")


def _record_seeds() -> list[bytes]:
    records = [(23, b"x" * 40), (22, b"\1\0\0\0"), (21, b"\1\0"), (20, b"\1"), (23, b"")]
    whole = [join_records(records), join_records([(23, b"y" * 100)] * 5)]
    return [
        bytes((mode | step << 2,)) + one for mode in range(4) for step in (0, 9) for one in whole
    ]


RECORD: Final = Target(
    "record", _record_seeds, _record, (PeerError, TruncatedError), mutate_records
)


# ---- messages --------------------------------------------------------------------------------


EXTENSIONS: Final[dict[int, type[Any]]] = {
    ExtensionType.SERVER_NAME: ServerNameList,
    ExtensionType.TRUSTED_CA_KEYS: TrustedCAKeys,
    ExtensionType.STATUS_REQUEST: StatusRequest,
    ExtensionType.SUPPORTED_GROUPS: SupportedGroups,
    ExtensionType.SIGNATURE_ALGORITHMS: SignatureAlgorithms,
    ExtensionType.ALPN: ProtocolNameList,
    ExtensionType.RENEGOTIATION_INFO: RenegotiationInfo,
    ExtensionType.CLIENT_ID: ClientIdentity,
}


def _same(kind: str, data: bytes, value: Structure) -> None:
    if value.to_bytes() != data:
        raise Broken(f"{kind}: encodes to other bytes")


def _message(data: bytes) -> None:
    """Header and body, with and without notes; what is in it by suite and extension."""
    notes = Notes()
    message = decode_handshake(data, notes)
    if message != decode_handshake(data) or message.encode() != data:
        raise Broken(f"{type(message).__name__}: encodes to other bytes")
    for note in notes.found:
        if not 0 <= note.start <= note.end <= len(data) - 4:
            raise Broken(f"notes: {note.path} lies outside")
    _inside(message)


def _inside(message: Handshake) -> None:
    if isinstance(message, ServerKeyExchange):
        _each(message.body, EccServerKeyExchange, EcdheServerKeyExchange)
    elif isinstance(message, ClientKeyExchange):
        _each(message.body, EccClientKeyExchange)
        _ignoring(lambda: decode_ecdhe_client_key_exchange(message.body))
    elif isinstance(message, ClientHello | ServerHello):
        for one in message.extensions or ():
            _extension(one)


def _each(body: bytes, *kinds: type[Structure]) -> None:
    for kind in kinds:
        _ignoring(lambda kind=kind: _same(kind.__name__, body, kind.from_bytes(body)))  # type: ignore[misc]


def _ignoring(work: Callable[[], object]) -> None:
    try:
        work()
    except DecodeError:
        return


def _extension(one: Extension) -> None:
    kind = EXTENSIONS.get(one.type)
    if kind is None:
        return
    try:
        body = decode_extension(one, kind, Notes())
        if isinstance(body, ServerNameList):
            body.host_name  # noqa: B018
        elif isinstance(body, ProtocolNameList):
            body.names  # noqa: B018
    except DecodeError:
        return
    _same(kind.__name__, one.data, body)


def seen_messages() -> list[bytes]:
    """The handshake messages of our own connections that go in clear."""
    found = dict[bytes, None]()
    for heard in everything()[0]:
        for _, chunk in heard.chunks:
            for kind, payload in split(chunk)[0]:
                size = int.from_bytes(payload[1:4], "big") + 4 if len(payload) >= 4 else 0
                if (
                    kind == ContentType.HANDSHAKE
                    and size == len(payload)
                    and payload[0] in MESSAGES
                ):
                    found[payload] = None
    return list(found)


def _message_seeds() -> list[bytes]:
    alone = [ChangeCipherSpec().to_bytes(), Alert(2, 40).to_bytes()]
    staple = StapledStatus(1, b"ocsp").to_bytes()
    hello = ClientHello(0x101, bytes(32), b"", (0xE053,), b"\0", (Extension(5, staple),))
    return [m.encode() for m in SAMPLES] + seen_messages() + [*alone, hello.encode()]


MESSAGE: Final = Target("message", _message_seeds, _message, (PeerError,), mutate_message)


# ---- session tickets -------------------------------------------------------------------------


_SERVER: Final = config("server", ticket_keys=FixedTicketKeys(), random=seeded("ticket"))


def _ticket(data: bytes) -> None:
    """The first byte says whether this is a ticket as it comes, or the state inside a good one."""
    body = data[1:]
    inside = data[:1] != b"\0" and len(body) < 1 << 15
    ticket = seal_ticket(FixedTicketKeys.key, body, bytes) if inside else body
    opened = open_ticket(FixedTicketKeys(), ticket)
    if inside and (opened is None or opened[0] != body):
        raise Broken("ticket: a good one is not opened")
    state = State.load(opened[0]) if opened is not None else None
    if opened is not None and state is not None and state.to_bytes() != opened[0]:
        raise Broken("state: encodes to other bytes")
    hello = ClientHello(
        *(0x0101, bytes(32), b"i" * 32, tuple(s.id for s in _SERVER.suites), b"\0"),
        (Extension(ExtensionType.SESSION_TICKET, ticket),),
    )
    found = recall(_SERVER, hello, None)
    if found is not None and (state is None or found.state != state):
        raise Broken("recall: another state than the ticket's")


def _state(**changes: Any) -> bytes:
    identity = config("client").identity
    certificates = () if identity is None else identity.certificate_list()
    kept: dict[str, Any] = {
        "suite": ECC_SM4_GCM_SM3.id,
        "master": bytes(48),
        "now": NOW,
        "lifetime_s": 7200,
        "binding": _SERVER.binding("server"),
        "server_name": None,
        "certificates": certificates,
    }
    return State.new(**(kept | changes)).to_bytes()


def _ticket_seeds() -> Sequence[bytes]:
    states = [_state(), _state(certificates=()), _state(server_name="server.example")]
    sealed = seal_ticket(FixedTicketKeys.key, states[0], bytes)
    return [b"\1" + state for state in states] + [b"\0" + sealed, b"\0", b"\1"]


def _mutate_ticket(
    data: bytes, most: int, draw: Random, plain: Callable[[bytes, int], bytes]
) -> bytes:
    """Most often one field of the state."""
    state = State.load(data[1:]) if data[:1] == b"\1" else None
    if state is None or draw.random() < 0.4:
        return plain(data, most)
    name = draw.choice([*State.spec])
    value = getattr(state, name)
    fields = {one: getattr(state, one) for one in State.spec}
    if isinstance(value, int):
        fields[name] = draw.choice((0, 1, value + 1, value - 1, 0xE011, 0xE051, 2**32 - 1))
    elif isinstance(value, bytes):
        fields[name] = plain(value or b"\0", max(64, len(value)))
    else:
        items = list(value) or [b"\0"]
        at = draw.randrange(len(items))
        items[at] = plain(items[at], 2 * len(items[at]) + 1)
        fields[name] = tuple(items if draw.random() < 0.7 else items[:at])
    try:
        return (data[:1] + State(**fields).to_bytes())[:most]
    except (TLCPError, ValueError):
        return plain(data, most)


TICKET: Final = Target("ticket", _ticket_seeds, _ticket, (), _mutate_ticket)
