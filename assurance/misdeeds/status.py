"""Stapled OCSP responses: announced or not, in their place or not, and of other forms.

Spec: RFC 6066 8 (not in the standard; three stacks answer in three ways); GM/T 0024-2023 A
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from assurance.adversary_peer import CCS_NAME, Item, Offender, Said, Ways
from assurance.misdeed import DECODE, FINE, ILLEGAL, UNEXPECTED, Act, Expected, Misdeed, before
from assurance.misdeeds.hello import changed_server_hello, extension
from tlcp.registry import ExtensionType
from tlcp.wire.messages import CertificateStatus

_KIND: Final = ExtensionType.STATUS_REQUEST
_GOOD: Final = CertificateStatus(1, b"0\3\n\1\6").encode()
_ASKED: Final[dict[str, Any]] = {"request_ocsp": True}


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    announced = changed_server_hello(extensions=extension(_KIND, b""))
    rows: list[tuple[str, Act, Expected]] = [
        ("announced-and-sent", _also(announced, "ServerKeyExchange", _GOOD), FINE),
        ("announced-and-not-sent", announced, FINE),
        ("not-announced", before("ServerKeyExchange", Said((_GOOD,))), UNEXPECTED),
        ("twice", _also(announced, "ServerKeyExchange", _GOOD, _GOOD), UNEXPECTED),
        ("in-the-hello-and-sent", _also(
            changed_server_hello(extensions=extension(_KIND, _GOOD[4:])),
            "ServerKeyExchange", _GOOD), UNEXPECTED),
        ("of-ocsp_multi", _also(announced, "ServerKeyExchange", _message(b"\2\0\0\1x")), ILLEGAL),
        ("in-the-hello-of-type-2", changed_server_hello(
            extensions=extension(_KIND, b"\2\0\0\1x")), ILLEGAL),
        ("of-type-0", _also(announced, "ServerKeyExchange", _message(b"\0\0\0\1x")), ILLEGAL),
        ("empty", _also(announced, "ServerKeyExchange", _message(b"")), DECODE),
        ("without-a-response", _also(
            announced, "ServerKeyExchange", _message(b"\1\0\0\0")), DECODE),
        ("cut", _also(announced, "ServerKeyExchange", _message(b"\1\0\0\5abc")), DECODE),
        ("trailing", _also(announced, "ServerKeyExchange", _message(_GOOD[4:] + b"!")), DECODE),
        ("of-60000-bytes", _also(
            announced, "ServerKeyExchange", CertificateStatus(1, bytes(60000)).encode()), FINE),
    ]  # fmt: skip
    for place in ("Certificate", "CertificateRequest", "ServerHelloDone", CCS_NAME, "Finished"):
        rows.append((f"before-{place}", _also(announced, place, _GOOD), UNEXPECTED))
    for name, act, end in rows:
        yield Misdeed(f"server/full/status/{name}", "RFC 6066 8", "server", act, end, victim=_ASKED)


def _message(body: bytes) -> bytes:
    return b"\x16" + len(body).to_bytes(3, "big") + body


def _also(first: Act, place: str, *messages: bytes) -> Act:
    """Do that, and send these in front of one message."""
    then = before(place, *(Said((raw,)) for raw in messages))

    def make() -> Ways:
        one, other = first().say, then().say

        def say(peer: Offender, name: str, item: Item) -> Iterable[Item]:
            return other(peer, name, item) if name == place else one(peer, name, item)

        return Ways(say)

    return make
