"""Extension bodies."""

from __future__ import annotations

import pytest

from tlcp.errors import DecodeError
from tlcp.wire.codec import Structure
from tlcp.wire.extensions import (
    ProtocolNameList,
    ServerNameList,
    SignatureAlgorithms,
    SupportedGroups,
    decode_extension,
    find_extension,
    host_name_extension,
)
from tlcp.wire.messages import Extension

BODIES: list[Structure] = [
    ServerNameList.from_bytes(host_name_extension("a.example").data),
    SupportedGroups((41,)),
    SignatureAlgorithms((0x0708, 0x0704)),
    ProtocolNameList((b"h2", b"http/1.1")),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
def test_round_trip_truncation_and_trailing(body: Structure) -> None:
    raw = body.to_bytes()
    assert type(body).from_bytes(raw) == body
    for bad in [*(raw[:n] for n in range(len(raw))), raw + b"\0"]:
        with pytest.raises(DecodeError):
            type(body).from_bytes(bad)


def test_host_name_bytes() -> None:
    """RFC 6066 3."""
    assert host_name_extension("ab").data == b"\0\5\0\0\2ab"


def test_host_name_of_a_list() -> None:
    names = ServerNameList.from_bytes(b"\0\x0a\7\0\2zz\0\0\2ab")
    assert names.host_name == "ab"
    assert ServerNameList.from_bytes(b"\0\5\7\0\2zz").host_name is None


@pytest.mark.parametrize("name", ["ä".encode(), b"a\0b"])
def test_host_name_must_be_plain(name: bytes) -> None:
    names = ServerNameList.from_bytes(
        (len(name) + 3).to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big") + name
    )
    with pytest.raises(DecodeError, match="ASCII"):
        _ = names.host_name


def test_error_names_the_extension() -> None:
    with pytest.raises(DecodeError, match=r"extension server_name\(0\): names"):
        decode_extension(Extension(0, b"\0\1\0"), ServerNameList)
    with pytest.raises(DecodeError, match=r"unknown\(4660\)"):
        decode_extension(Extension(0x1234, b""), ServerNameList)


def test_find() -> None:
    wanted = Extension(10, b"x")
    assert find_extension((Extension(0, b""), wanted), 10) is wanted
    assert find_extension(None, 10) is None
