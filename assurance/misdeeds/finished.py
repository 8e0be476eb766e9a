"""Finished with other values and lengths.

Spec: GB/T 38636-2020 6.4.5.10
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assurance.adversary_peer import Offender
from assurance.misdeed import DECODE, DECRYPT, ROLES, Expected, Misdeed, edited
from assurance.misdeeds.order import FLIGHTS, setting


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for role in ROLES:
        rows: dict[str, tuple[Callable[[Offender, bytes], bytes], Expected]] = {
            "zeros": (lambda _, __: bytes(12), DECRYPT),
            "ones": (lambda _, __: b"\xff" * 12, DECRYPT),
            "reversed": (lambda _, own: own[::-1], DECRYPT),
            "of-the-other-side": (lambda p, _: p.verify_data(p.other), DECRYPT),
            "of-too-many-messages": (lambda p, own: _over(p, own), DECRYPT),
            "empty": (lambda _, __: b"", DECODE),
            "of-11-bytes": (lambda _, own: own[:-1], DECODE),
            "of-13-bytes": (lambda _, own: own + b"\0", DECODE),
            "of-36-bytes": (lambda _, own: own * 3, DECODE),
        }
        for at in range(12):
            rows[f"bit-of-byte-{at:02}"] = _with_flipped(at), DECRYPT
        for kind in (kind for by, kind in FLIGHTS if by == role):
            more = setting(role, kind)
            for name, (edit, end) in rows.items():
                yield Misdeed(
                    f"{role}/{kind}/finished/{name}", "6.4.5.10", role,
                    edited("Finished", edit), end, **more,
                )  # fmt: skip
            yield Misdeed(
                f"{role}/{kind}/finished/reflected", "6.4.5.10", role,
                edited("Finished", _reflected), DECRYPT, **more,
            )  # fmt: skip


def _with_flipped(at: int) -> Callable[[Offender, bytes], bytes]:
    return lambda _, own: own[:at] + bytes((own[at] ^ 1,)) + own[at + 1 :]


def _over(peer: Offender, own: bytes) -> bytes:
    """The right value of a transcript with one message more."""
    return peer._verify_data(peer.role, peer.transcript + b"\x14\0\0\x0c" + own)


def _reflected(peer: Offender, own: bytes) -> bytes:
    """What the victim's own Finished said, if it has come; else the value it is going to have."""
    for raw in peer.heard.messages:
        if raw[0] == 0x14:
            return raw[4:]
    return peer.verify_data(peer.other)
