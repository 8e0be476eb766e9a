"""What comes when the victim has closed its side: it reads on, and says nothing, whatever comes.

Everything that can be done when data flows is done again behind the victim's close_notify. It ends
in the same way, but no alert goes any more: neither a fatal one nor a warning.

Spec: GB/T 38636-2020 6.4.4.1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from assurance.adversary_peer import Raw
from assurance.misdeed import FINE, ROLES, Misdeed, later
from tlcp.registry import ContentType as T

#: Where it matters what the victim sends itself, or where the handshake is only just through.
_NOT_THESE = ("/sequence/last", "/repeat/Finished")
_IN_BULK = ("/cbc/", "/gcm/")
#: Of those, what is in the short form, too.
_SOME = ("-good", "/mac/zeros", "/tag/a-byte-long", "/cut/last-byte", "/nonce/")


def misdeeds(open_rows: Iterable[Misdeed]) -> Iterator[Misdeed]:
    """Those, behind the victim's close_notify, and data of every size.

    Args:
        open_rows: the misdeeds of all tables.
    """
    for row in open_rows:
        if row.late and not any(n in row.id for n in _NOT_THESE):
            many = any(part in row.id for part in _IN_BULK)
            yield replace(
                row, id=f"{row.by}/closed/{row.id.removeprefix(row.by + '/')}", closed=True,
                end=replace(row.end, alert=None, warnings=()),
                long=row.long or (many and not any(part in row.id for part in _SOME)),
            )  # fmt: skip
    for role in ROLES:
        for count in (2, 100):
            yield Misdeed(
                f"{role}/closed/data/{count}-records", "6.4.4.1", role,
                later(*[Raw(T.APPLICATION_DATA, b"read")] * count), FINE, late=True, closed=True,
                data=b"read" * count,
            )  # fmt: skip
