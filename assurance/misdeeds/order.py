"""The order of messages: dropped, repeated, swapped, early, late, and foreign ones everywhere.

What is due is written down here once more, beside the flows: ``verdict`` reads a sequence of
names as the standard's figure does.

Spec: GB/T 38636-2020 6.4.3, 6.4.5.1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from assurance.adversary_peer import CCS_NAME, ChangeCipher, Item, Offender, Raw, Said, Ways
from assurance.misdeed import (
    BAD_MAC,
    DECODE,
    ECC,
    ECDHE,
    FINE,
    ILLEGAL,
    ROLES,
    TRUNCATED,
    UNEXPECTED,
    Act,
    Expected,
    Misdeed,
    Role,
    before,
    instead,
)
from support.samples import SAMPLES
from tlcp.config import ClientAuth
from tlcp.registry import ContentType
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.wire.messages import Handshake

#: Who sends what, flight by flight, in the handshakes that there are.
FLIGHTS: Final[dict[tuple[Role, str], tuple[tuple[str, ...], ...]]] = {
    ("client", "full"): (
        ("ClientHello",),
        ("Certificate", "ClientKeyExchange", "CertificateVerify", CCS_NAME, "Finished"),
    ),
    ("client", "optional"): (
        ("ClientHello",),
        ("Certificate", "ClientKeyExchange", "CertificateVerify", CCS_NAME, "Finished"),
    ),
    ("client", "one-way"): (("ClientHello",), ("ClientKeyExchange", CCS_NAME, "Finished")),
    ("client", "nobody"): (
        ("ClientHello",),
        ("Certificate", "ClientKeyExchange", CCS_NAME, "Finished"),
    ),
    ("client", "resumed"): (("ClientHello",), (CCS_NAME, "Finished")),
    ("client", "ticket"): (("ClientHello",), (CCS_NAME, "Finished")),
    ("server", "full"): (
        (
            "ServerHello",
            "Certificate",
            "ServerKeyExchange",
            "CertificateRequest",
            "ServerHelloDone",
        ),
        (CCS_NAME, "Finished"),
    ),
    ("server", "one-way"): (
        ("ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone"),
        (CCS_NAME, "Finished"),
    ),
    ("server", "new-ticket"): (
        (
            "ServerHello",
            "Certificate",
            "ServerKeyExchange",
            "CertificateRequest",
            "ServerHelloDone",
        ),
        ("NewSessionTicket", CCS_NAME, "Finished"),
    ),
    ("server", "resumed"): (("ServerHello", CCS_NAME, "Finished"),),
    ("server", "ticket"): (("ServerHello", CCS_NAME, "Finished"),),
    ("server", "renewed"): (("ServerHello", "NewSessionTicket", CCS_NAME, "Finished"),),
}
#: Every place in them.
PLACES: Final = [
    (role, kind, name)
    for (role, kind), flights in FLIGHTS.items()
    for flight in flights
    for name in flight
]
#: A server's keys for tickets; the same ones in all connections.
TICKET_KEYS: Final = RotatingTicketKeys()
_SAMPLES: Final[dict[str, Handshake]] = {type(m).__name__: m for m in SAMPLES}
FOREIGN: Final = (*_SAMPLES, CCS_NAME)


def setting(role: Role, kind: str) -> dict[str, Any]:
    """What a misdeed needs for one kind of handshake.

    They are: full, one-way (the server asks for no certificates), optional (the client need not
    have any), nobody (and it has none), resumed (by id), ticket (resumed by one), renewed (and
    gets another) and new-ticket (full, and gets one).
    """
    asks = {"victim": {"tickets": True}}
    kinds: dict[tuple[Role, str], dict[str, Any]] = {
        # without client authentication: ECDHE suites cannot
        ("client", "one-way"): {
            "suites": tuple(ECC), "victim": {"client_auth": ClientAuth.NONE}},
        ("client", "optional"): {"victim": {"client_auth": ClientAuth.OPTIONAL}},
        ("client", "nobody"): {
            "suites": tuple(ECC), "victim": {"client_auth": ClientAuth.OPTIONAL},
            "offender": {"identity": None}},
        ("client", "ticket"): {
            "resumed": True, "victim": {"ticket_keys": TICKET_KEYS}, "offender": {"tickets": True}},
        ("server", "one-way"): {"suites": tuple(ECC), "offender": {"mutual": False}},
        ("server", "new-ticket"): {**asks, "offender": {"tickets": True}},
        ("server", "ticket"): {"resumed": True, **asks, "offender": {"tickets": True}},
        ("server", "renewed"): {
            "resumed": True, **asks, "offender": {"tickets": True, "renews": True}},
    }  # fmt: skip
    return kinds.get((role, kind), {"resumed": True} if kind == "resumed" else {})


def verdict(flights: Sequence[Sequence[str]], sent: Sequence[str]) -> Expected:
    """How one ends who is sent these names where those flights are due."""
    due = [name for flight in flights for name in flight]
    at = 0
    for name in sent:
        if at == len(due):
            return UNEXPECTED
        if name == "ServerHelloDone" and due[at] == "CertificateRequest":
            at += 1  # a server need not ask
        if name != due[at]:
            return UNEXPECTED
        at += 1
    return FINE if at == len(due) else TRUNCATED


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for (role, kind), flights in FLIGHTS.items():
        for table in (_dropped, _repeated, _moved, _exchanged, _foreign):
            yield from table(role, kind, flights)
    yield Misdeed(
        "server/full/drop/CertificateRequest-in-ecdhe", "6.4.5.5", "server",
        instead("CertificateRequest", _nothing), UNEXPECTED, tuple(ECDHE),
    )  # fmt: skip
    yield from _ciphers_changed()


# ---- dropped, repeated -------------------------------------------------------------------------


def _dropped(role: Role, kind: str, flights: Sequence[Sequence[str]]) -> Iterator[Misdeed]:
    for flight in flights:
        for name in flight:
            if name == "CertificateRequest":
                continue  # that is an honest handshake of another kind
            rest = [n for n in flight if n != name]
            before_it = [n for f in flights[: flights.index(flight)] for n in f]
            yield Misdeed(
                f"{role}/{kind}/drop/{name}", "6.4.5.1", role, instead(name, _nothing),
                verdict(flights, [*before_it, *rest]), **setting(role, kind),
            )  # fmt: skip


def _nothing(_: Offender, __: Item) -> Iterable[Item]:
    return ()


def _twice(_: Offender, item: Item) -> Iterable[Item]:
    return (item, item)


def _repeated(role: Role, kind: str, flights: Sequence[Sequence[str]]) -> Iterator[Misdeed]:
    for name in (n for flight in flights for n in flight):
        yield Misdeed(
            f"{role}/{kind}/repeat/{name}", "6.4.5.1", role, instead(name, _twice), UNEXPECTED,
            late=name == "Finished", data=b"", **setting(role, kind),
        )  # fmt: skip


# ---- early and late ----------------------------------------------------------------------------


def _moved(role: Role, kind: str, flights: Sequence[Sequence[str]]) -> Iterator[Misdeed]:
    for number, flight in enumerate(flights):
        done = [n for f in flights[:number] for n in f]
        for i, first in enumerate(flight):
            for j in range(i + 1, len(flight)):
                last = flight[j]
                behind = [*flight[:i], *flight[i + 1 : j + 1], first, *flight[j + 1 :]]
                yield Misdeed(
                    f"{role}/{kind}/late/{first}-behind-{last}", "6.4.5.1", role,
                    _late(first, last), verdict(flights, [*done, *behind]),
                    **setting(role, kind),
                )  # fmt: skip
                if j > i + 1:  # next to each other both are the same
                    front = [*flight[:i], last, *flight[i:j], *flight[j + 1 :]]
                    yield Misdeed(
                        f"{role}/{kind}/early/{last}-before-{first}", "6.4.5.1", role,
                        _early(last, first), verdict(flights, [*done, *front]),
                        **setting(role, kind),
                    )  # fmt: skip


def _late(name: str, behind: str) -> Act:
    def make() -> Ways:
        held = list[Item]()

        def say(_: Offender, said: str, item: Item) -> Iterable[Item]:
            if said == name:
                held.append(item)
                return ()
            return (item, *held) if said == behind else (item,)

        return Ways(say)

    return make


def _early(name: str, front: str) -> Act:
    def make() -> Ways:
        held, holding = list[Item](), [False]

        def say(_: Offender, said: str, item: Item) -> Iterable[Item]:
            if said == name:
                holding[0] = False
                return (item, *held)
            if said == front or holding[0]:
                holding[0] = True
                held.append(item)
                return ()
            return (item,)

        return Ways(say)

    return make


def _exchanged(role: Role, kind: str, flights: Sequence[Sequence[str]]) -> Iterator[Misdeed]:
    """Two that are not neighbours, each in the other's place."""
    for number, flight in enumerate(flights):
        done = [n for f in flights[:number] for n in f]
        for i, first in enumerate(flight):
            for j in range(i + 2, len(flight)):
                last, between = flight[j], flight[i + 1 : j]
                sent = [*flight[:i], last, *between, first, *flight[j + 1 :]]
                yield Misdeed(
                    f"{role}/{kind}/exchanged/{first}-and-{last}", "6.4.5.1", role,
                    _exchange(first, last), verdict(flights, [*done, *sent]),
                    **setting(role, kind),
                )  # fmt: skip


def _exchange(first: str, last: str) -> Act:
    def make() -> Ways:
        held = list[Item]()

        def say(_: Offender, said: str, item: Item) -> Iterable[Item]:
            if said == last:
                return (item, *held[1:], held[0])
            if said == first or held:
                held.append(item)
                return ()
            return (item,)

        return Ways(say)

    return make


# ---- messages that are not due ------------------------------------------------------------------


def _foreign(role: Role, kind: str, flights: Sequence[Sequence[str]]) -> Iterator[Misdeed]:
    """Every kind of message in front of every other one, and behind the last."""
    places = [n for flight in flights for n in flight]
    for place in places:
        for name in FOREIGN:
            asks = {place, name} == {"CertificateRequest", "ServerHelloDone"}
            if name == place or (asks and (place == "CertificateRequest" or kind == "one-way")):
                continue  # due there; with a content that is no good: other tables
            end = UNEXPECTED
            if (role, name) == ("server", "HelloRequest"):
                end = FINE  # ignored in a handshake, 6.4.5.2.3
            yield Misdeed(
                f"{role}/{kind}/foreign/{name}-before-{place}", "6.4.5.1", role,
                before(place, _sample(name)), end, **setting(role, kind),
            )  # fmt: skip


def _sample(name: str) -> Raw:
    if name == CCS_NAME:
        return Raw(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    return Raw(ContentType.HANDSHAKE, _SAMPLES[name].encode())


# ---- ChangeCipherSpec and the keys ------------------------------------------------------------


def _ciphers_changed() -> Iterator[Misdeed]:
    """The record and the keys out of step.  Spec: GB/T 38636-2020 6.4.3"""
    change = ContentType.CHANGE_CIPHER_SPEC
    for role in ROLES:
        for kind in [kind for by, kind in FLIGHTS if by == role]:
            rows: dict[str, tuple[Act, Expected]] = {
                # protected records where clear ones are due: read as an empty Finished
                "keys-without-ccs": (
                    instead(CCS_NAME, lambda *_: (ChangeCipher(told=False),)), UNEXPECTED),
                "ccs-without-keys": (
                    instead(CCS_NAME, lambda *_: (ChangeCipher(switches=False),)), BAD_MAC),
                "ccs-twice-in-clear": (
                    before("Finished", Raw(change, b"\1", clear=True)), BAD_MAC),
                "ccs-twice-in-one-record": (
                    instead(CCS_NAME, lambda *_: (Raw(change, b"\1\1"),)), DECODE),
                "ccs-of-two": (instead(CCS_NAME, lambda *_: (Raw(change, b"\2"),)), ILLEGAL),
                "ccs-of-zero": (instead(CCS_NAME, lambda *_: (Raw(change, b"\0"),)), ILLEGAL),
                "ccs-of-255": (instead(CCS_NAME, lambda *_: (Raw(change, b"\xff"),)), ILLEGAL),
                "ccs-empty": (instead(CCS_NAME, lambda *_: (Raw(change, b""),)), UNEXPECTED),
                "finished-in-clear": (
                    instead("Finished", lambda _, item: (_clear(item),)), BAD_MAC),
            }  # fmt: skip
            for name, (act, end) in rows.items():
                yield Misdeed(
                    f"{role}/{kind}/cipher/{name}", "6.4.3", role, act, end, **setting(role, kind),
                )  # fmt: skip


def _clear(item: Item) -> Raw:
    if not isinstance(item, Said):
        raise TypeError(item)
    return Raw(ContentType.HANDSHAKE, b"".join(item.messages), clear=True)
