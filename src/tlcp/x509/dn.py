"""Distinguished names, compared as people read them.

Two encodings of one name are one name: letters of either case, runs of spaces and the kind of
string do not count. Chains compare the bytes first; this is for the CA that wrote its name in one
way as a subject and in another as an issuer, and for name constraints.

Spec: RFC 5280 7.1; RFC 4518 2
"""

from __future__ import annotations

import unicodedata

from cryptography import x509

__all__ = ["CanonicalName", "canonical_name", "is_readable"]

#: The relative distinguished names in order, each a set of (type, value).
CanonicalName = tuple[frozenset[tuple[str, str | bytes]], ...]

_EMPTY = b"\x30\x00"
_REPLACED = "\N{REPLACEMENT CHARACTER}"


def canonical_name(name: x509.Name) -> CanonicalName:
    """The form in which equal names are equal."""
    return tuple(
        frozenset((one.oid.dotted_string, _canonical(one.value)) for one in rdn)
        for rdn in name.rdns
    )


def is_readable(name: x509.Name, name_der: bytes | None = None) -> bool:
    """No letter of it was lost in reading, so that it can be compared.

    Args:
        name: as read; without any part if it could not be read at all.
        name_der: as encoded, where that is known.
    """
    if not name.rdns and name_der not in (None, _EMPTY):
        return False
    return all(_REPLACED not in str(one.value) for rdn in name.rdns for one in rdn)


def _canonical(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
