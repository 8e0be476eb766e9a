"""Protected records: paddings, MACs, tags, nonces and sequence numbers.

Whatever is wrong inside a record, the answer is the same: one alert, bad_record_mac.

Spec: GB/T 38636-2020 6.3.3.4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from assurance.adversary_peer import Forger, Item, Offender, Raw, Said, Ways, Wire
from assurance.misdeed import (
    BAD_MAC,
    CBC,
    FINE,
    GCM,
    ROLES,
    Act,
    Expected,
    Misdeed,
    Role,
    later,
)
from peers.scripted.records import as_record
from tlcp.alerts import AlertDescription as A
from tlcp.errors import InternalError
from tlcp.record.protect import LAST_SEQUENCE
from tlcp.registry import ContentType as T
from tlcp.suites import CipherSuite

_TEXT: Final = b"forged"
_MAC_BYTES: Final = 32
_BLOCK: Final = 16
_TAG_BYTES: Final = 16
_NONCE_BYTES: Final = 8

Seal = Callable[[Forger], bytes]


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for role in ROLES:
        yield from _paddings(role)
        yield from _all_padding(role)
        yield from _macs(role)
        yield from _blocks(role)
        yield from _tags(role)
        yield from _nonces(role)
        yield from _sequence(role)
        yield from _finished(role)


def _record(seal: Seal, kind: int = T.APPLICATION_DATA) -> Callable[[Offender], None]:
    """Send one record of data, sealed like this."""
    return lambda peer: peer.emit(Wire(as_record(kind, seal(peer.writes))))


def _row(
    role: Role,
    name: str,
    seal: Seal,
    end: Expected,
    suites: tuple[CipherSuite, ...],
    *,
    data: bytes | None = None,
    section: str = "6.3.3.4.2",
    long: bool = False,
) -> Misdeed:
    act = later(_record(seal))
    return Misdeed(
        f"{role}/{name}", section, role, act, end, suites, late=True, data=data, long=long
    )


# ---- CBC: padding -----------------------------------------------------------------------------


def _flip(at: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return change


def _text_for(padding: int) -> bytes:
    """The shortest text that is padded to whole blocks by so many bytes, and one byte at least."""
    size = (-(_MAC_BYTES + padding + 1)) % _BLOCK
    return b"x" * (size or _BLOCK)


def _paddings(role: Role) -> Iterator[Misdeed]:
    """Every length is allowed, and every byte of it is checked."""
    for padding in range(256):
        text = _text_for(padding)

        def good(forger: Forger, text: bytes = text, padding: int = padding) -> bytes:
            return forger.cbc(T.APPLICATION_DATA, text, padding=padding)

        if padding >= _BLOCK:  # with less it is as everybody sends it
            yield _row(role, f"cbc/padding/{padding:03}-good", good, FINE, CBC, data=text)
        places = {"first": -padding - 1, "last": -2, "middle": -1 - (padding + 1) // 2}
        for where, at in places.items():
            if padding == 0 or (padding < 3 and where != "first"):
                continue

            def bad(
                forger: Forger, text: bytes = text, padding: int = padding, at: int = at
            ) -> bytes:
                return forger.cbc(T.APPLICATION_DATA, text, padding=padding, spoil=_flip(at))

            yield _row(role, f"cbc/padding/{padding:03}-bad-{where}", bad, BAD_MAC, CBC)
        if padding % _BLOCK != 15 - (len(_TEXT) + _MAC_BYTES) % _BLOCK:

            def claimed(forger: Forger, padding: int = padding) -> bytes:
                """The last byte says so, and the record is not padded like that."""
                spoil = lambda body: body[:-1] + bytes((padding,))  # noqa: E731
                return forger.cbc(T.APPLICATION_DATA, _TEXT, spoil=spoil)

            yield _row(role, f"cbc/padding/{padding:03}-claimed", claimed, BAD_MAC, CBC)


def _all_padding(role: Role) -> Iterator[Misdeed]:
    """Paddings that leave no room for a MAC, or reach into it."""
    for blocks in range(3, 18):
        # nothing but padding: no room for a MAC
        all_padding = bytes((_BLOCK * blocks - 1 & 0xFF,)) * (_BLOCK * blocks)
        yield _row(
            role, f"cbc/padding/nothing-else-in-{blocks}-blocks",
            lambda forger, padded=all_padding: forger.encrypt(padded), BAD_MAC, CBC,  # type: ignore[misc]
        )  # fmt: skip
    for over in (1, 16, 32, 33, 200):
        # the padding reaches into the MAC, or past the beginning

        def reaching(forger: Forger, over: int = over) -> bytes:
            size = len(_TEXT) + _MAC_BYTES
            value = 15 - size % _BLOCK + over
            return forger.cbc(
                T.APPLICATION_DATA, _TEXT,
                spoil=lambda body: body[: max(0, size - over)]
                + bytes((value,)) * (len(body) - max(0, size - over)),
            )  # fmt: skip

        yield _row(role, f"cbc/padding/{over}-bytes-into-the-mac", reaching, BAD_MAC, CBC)


# ---- CBC: MAC, blocks ---------------------------------------------------------------------------


def _macs(role: Role) -> Iterator[Misdeed]:
    """One bit of the MAC, the MAC over other things, another MAC."""
    for at in range(_MAC_BYTES):

        def flipped(forger: Forger, at: int = at) -> bytes:
            return forger.cbc(T.APPLICATION_DATA, _TEXT, mac=_flip(at))

        yield _row(role, f"cbc/mac/bit-of-byte-{at:02}", flipped, BAD_MAC, CBC)
    others: dict[str, Callable[[bytes], bytes]] = {
        "zeros": lambda mac: bytes(len(mac)),
        "reversed": lambda mac: mac[::-1],
        "a-byte-short": lambda mac: mac[:-1],
        "half": lambda mac: mac[:16],
        "none": lambda _: b"",
        "a-byte-long": lambda mac: mac + b"\0",
        "twice": lambda mac: mac + mac,
    }
    for name, mac in others.items():

        def other(forger: Forger, mac: Callable[[bytes], bytes] = mac) -> bytes:
            return forger.cbc(T.APPLICATION_DATA, _TEXT, mac=mac)

        yield _row(role, f"cbc/mac/{name}", other, BAD_MAC, CBC)
    for size in (0, len(_TEXT) - 1, len(_TEXT) + 1, 0xFFFF):

        def sized(forger: Forger, size: int = size) -> bytes:
            return forger.cbc(T.APPLICATION_DATA, _TEXT, size=size)

        yield _row(role, f"cbc/mac/over-the-length-{size}", sized, BAD_MAC, CBC)


def _blocks(role: Role) -> Iterator[Misdeed]:
    """Fragments of any length that is none of whole blocks, and too short ones."""
    for size in range(0, 16 + 64):
        if size % _BLOCK == 0 and size >= _BLOCK + 48:
            continue
        yield _row(
            role, f"cbc/length/{size:02}", lambda _, size=size: bytes(size), BAD_MAC, CBC,  # type: ignore[misc]
        )  # fmt: skip
    cuts = {"last-byte": -1, "last-block": -_BLOCK, "last-two-blocks": -2 * _BLOCK}
    for name, cut in cuts.items():

        def shortened(forger: Forger, cut: int = cut) -> bytes:
            return forger.cbc(T.APPLICATION_DATA, _TEXT)[:cut]

        yield _row(role, f"cbc/cut/{name}", shortened, BAD_MAC, CBC)

    def blocks_swapped(forger: Forger) -> bytes:
        sealed = forger.cbc(T.APPLICATION_DATA, _TEXT)
        return sealed[:16] + sealed[32:48] + sealed[16:32] + sealed[48:]

    yield _row(role, "cbc/cut/blocks-swapped", blocks_swapped, BAD_MAC, CBC)
    for at in range(_BLOCK):

        def iv(forger: Forger, at: int = at) -> bytes:
            return _flip(at)(forger.cbc(T.APPLICATION_DATA, _TEXT + bytes(10)))

        yield _row(role, f"cbc/iv/bit-of-byte-{at:02}", iv, BAD_MAC, CBC)


# ---- GCM ----------------------------------------------------------------------------------


def _gcm(forger: Forger, text: bytes = _TEXT) -> bytes:
    return forger.gcm(T.APPLICATION_DATA, text, nonce=b"nonce..!")


def _tags(role: Role) -> Iterator[Misdeed]:
    """One bit of the tag, the nonce, the text; truncated tags; lengths without room for one."""
    section = "6.3.3.4.3"
    parts = {
        "nonce": range(_NONCE_BYTES),
        "text": range(_NONCE_BYTES, _NONCE_BYTES + len(_TEXT)),
        "tag": range(_NONCE_BYTES + len(_TEXT), _NONCE_BYTES + len(_TEXT) + _TAG_BYTES),
    }
    for part, places in parts.items():
        for at in places:
            yield _row(
                role, f"gcm/{part}/bit-of-byte-{at:02}",
                lambda forger, at=at: _flip(at)(_gcm(forger)), BAD_MAC, GCM,  # type: ignore[misc]
                section=section,
            )  # fmt: skip
    for cut in range(1, _TAG_BYTES + 1):
        yield _row(
            role, f"gcm/tag/{cut:02}-bytes-short",
            lambda forger, cut=cut: _gcm(forger)[:-cut], BAD_MAC, GCM, section=section,  # type: ignore[misc]
        )  # fmt: skip
    yield _row(
        role, "gcm/tag/a-byte-long", lambda forger: _gcm(forger) + b"\0", BAD_MAC, GCM,
        section=section,
    )  # fmt: skip
    for size in range(25):
        yield _row(
            role, f"gcm/length/{size:02}", lambda _, size=size: bytes(size), BAD_MAC, GCM,  # type: ignore[misc]
            section=section,
        )  # fmt: skip
    for size in (0, len(_TEXT) - 1, len(_TEXT) + 1, len(_TEXT) + 24, 0xFFFF):

        def sized(forger: Forger, size: int = size) -> bytes:
            return forger.gcm(T.APPLICATION_DATA, _TEXT, nonce=bytes(8), size=size)

        yield _row(role, f"gcm/aad/length-{size}", sized, BAD_MAC, GCM, section=section)


def _nonces(role: Role) -> Iterator[Misdeed]:
    """The explicit nonce is the sender's affair: it harms itself alone by using one again."""
    for name, nonce in (("zeros", bytes(8)), ("ones", b"\xff" * 8)):

        def again(peer: Offender, nonce: bytes = nonce) -> None:
            for _ in range(3):
                _record(lambda f: f.gcm(T.APPLICATION_DATA, b"!", nonce=nonce))(peer)

        yield Misdeed(
            f"{role}/gcm/nonce/{name}-three-times", "6.3.3.4.3", role, later(again), FINE, GCM,
            late=True, data=b"!!!",
        )  # fmt: skip


# ---- both ------------------------------------------------------------------------------------


def _sequence(role: Role) -> Iterator[Misdeed]:
    """Records again, left out, in another order, of another type, or of the other direction."""

    def again(peer: Offender) -> None:
        record = as_record(T.APPLICATION_DATA, peer.writes.seal(T.APPLICATION_DATA, b"!"))
        peer.emit(Wire(record))
        peer.emit(Wire(record))

    def left_out(peer: Offender) -> None:
        peer.writes.skip()
        peer.emit(Raw(T.APPLICATION_DATA, _TEXT))

    def backwards(peer: Offender) -> None:
        peer.writes.skip(-1)
        peer.emit(Raw(T.APPLICATION_DATA, _TEXT))

    def other_order(peer: Offender) -> None:
        records = [
            as_record(T.APPLICATION_DATA, peer.writes.seal(T.APPLICATION_DATA, text))
            for text in (b"one", b"two")
        ]
        for record in reversed(records):
            peer.emit(Wire(record))

    def reflected(peer: Offender) -> None:
        """What the victim could have sent: sealed with the keys of the other direction."""
        forger = peer.keys[peer.other]
        peer.emit(Wire(as_record(T.APPLICATION_DATA, forger.seal(T.APPLICATION_DATA, _TEXT))))

    rows: dict[str, tuple[Callable[[Offender], None], bytes]] = {
        "again": (again, b"before!"),
        "left-out": (left_out, b"before"),
        "backwards": (backwards, b"before"),
        "in-another-order": (other_order, b"before"),
        "reflected": (reflected, b"before"),
    }
    for name, (what, data) in rows.items():
        yield Misdeed(
            f"{role}/sequence/{name}", "6.3.3.4", role, later(what), BAD_MAC, late=True, data=data
        )
    for sealed, sent in (
        (T.APPLICATION_DATA, T.ALERT),
        (T.ALERT, T.APPLICATION_DATA),
        (T.HANDSHAKE, T.APPLICATION_DATA),
        (T.APPLICATION_DATA, T.HANDSHAKE),
        (T.APPLICATION_DATA, T.CHANGE_CIPHER_SPEC),
    ):

        def mistyped(forger: Forger, sealed: int = sealed) -> bytes:
            return forger.seal(sealed, b"\1\0")

        yield Misdeed(
            f"{role}/type/{sealed.name}-sent-as-{sent.name}", "6.3.3.4", role,
            later(_record(mistyped, sent)), BAD_MAC, late=True,
        )  # fmt: skip
    yield from _wrap(role)


def _wrap(role: Role) -> Iterator[Misdeed]:
    """The last sequence number is never used; the connection ends before numbers come again."""

    def one(peer: Offender) -> None:
        peer.emit(Raw(T.APPLICATION_DATA, b"!"))

    rows = {
        # "!" and "after" take the last two; what closes the connection has no number any more
        "last-but-two": (LAST_SEQUENCE - 2, Expected(InternalError), b"before!after"),
        "last": (LAST_SEQUENCE, Expected(InternalError, A.INTERNAL_ERROR), b"before"),
    }
    for name, (number, end, data) in rows.items():
        yield Misdeed(
            f"{role}/sequence/{name}", "6.3.3.4", role,
            lambda number=number: Ways(then=one, jump=number), end, late=True, data=data,  # type: ignore[misc]
        )  # fmt: skip


def _finished(role: Role) -> Iterator[Misdeed]:
    """The first protected record: the same things before anything is believed."""

    def act(suites: tuple[CipherSuite, ...], seal: Callable[[Forger, bytes], bytes]) -> Act:
        gcm = suites is GCM

        def say(peer: Offender, name: str, item: Item) -> Iterable[Item]:
            if name != "Finished" or not isinstance(item, Said):
                return (item,)
            if peer.writes.is_gcm is not gcm:
                raise AssertionError("a misdeed of another suite")
            return (Wire(as_record(T.HANDSHAKE, seal(peer.writes, item.messages[0]))),)

        return lambda: Ways(say)

    def cbc(**how: Callable[[bytes], bytes]) -> Callable[[Forger, bytes], bytes]:
        return lambda forger, text: forger.cbc(T.HANDSHAKE, text, **how)  # type: ignore[arg-type]

    def gcm(change: Callable[[bytes], bytes]) -> Callable[[Forger, bytes], bytes]:
        return lambda forger, text: change(forger.gcm(T.HANDSHAKE, text, nonce=bytes(8)))

    rows: list[tuple[str, tuple[CipherSuite, ...], Callable[[Forger, bytes], bytes]]] = [
        ("cbc/finished/bad-mac", CBC, cbc(mac=_flip(0))),
        ("cbc/finished/bad-padding", CBC, cbc(spoil=_flip(-2))),
        ("cbc/finished/short-mac", CBC, cbc(mac=lambda mac: mac[:-1])),
        ("cbc/finished/garbage", CBC, lambda forger, _: forger.encrypt(bytes(64))),
        ("gcm/finished/bad-tag", GCM, gcm(_flip(-1))),
        ("gcm/finished/bad-text", GCM, gcm(_flip(8))),
        ("gcm/finished/short-tag", GCM, gcm(lambda sealed: sealed[:-1])),
        ("gcm/finished/garbage", GCM, gcm(lambda sealed: bytes(len(sealed)))),
    ]
    for resumed in (False, True):
        kind = "resumed" if resumed else "full"
        for name, suites, seal in rows:
            yield Misdeed(
                f"{role}/{kind}/{name}", "6.3.3.4", role, act(suites, seal), BAD_MAC, suites,
                resumed=resumed,
            )  # fmt: skip
