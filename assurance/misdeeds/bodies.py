"""Every message's body, cut short by every length and with bytes behind it.

The message's own header tells the length that is really there; the fields inside do not fit.

Spec: GB/T 38636-2020 6.2, 6.4.5
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assurance.adversary_peer import CCS_NAME, Offender
from assurance.misdeed import DECODE, FINE, Misdeed, edited
from assurance.misdeeds.order import FLIGHTS, setting
from support.ends import HOST

_SHORT: Final = (1, 2, 3, 4, 8, 12)
_LONGEST: Final = {"Certificate": 1050, "ServerHelloDone": 0, "Finished": 12}
#: Without its extensions, which are server_name alone, a ClientHello is a good one.
_EXTENSIONS: Final = 2 + 4 + 5 + len(HOST)


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for (role, kind), flights in FLIGHTS.items():
        for name in (n for flight in flights for n in flight if n != CCS_NAME):
            for cut in range(1, _LONGEST.get(name, 80) + 1):
                if kind != "full" and cut not in _SHORT:
                    continue

                def shorter(_: Offender, body: bytes, cut: int = cut) -> bytes:
                    return body[: max(0, len(body) - cut)]

                whole = name == "ClientHello" and cut == _EXTENSIONS
                yield Misdeed(
                    f"{role}/{kind}/body/{name}-cut-by-{cut:04}", "6.4.5", role,
                    edited(name, shorter), FINE if whole else DECODE,
                    long=cut not in (*_SHORT, _EXTENSIONS), **setting(role, kind),
                )  # fmt: skip
            for more in (1, 2, 3, 100, 16000):

                def longer(_: Offender, body: bytes, more: int = more) -> bytes:
                    return body + b"\xff" * more

                yield Misdeed(
                    f"{role}/{kind}/body/{name}-and-{more}-bytes", "6.4.5", role,
                    edited(name, longer), DECODE, **setting(role, kind),
                )  # fmt: skip
