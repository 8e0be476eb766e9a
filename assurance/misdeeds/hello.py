"""The fields of both hellos and of CertificateRequest, at their bounds and past them.

Spec: GB/T 38636-2020 6.4.5.2, 6.4.5.5; GM/T 0024-2023 A
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from assurance.adversary_peer import Offender
from assurance.misdeed import (
    BAD_MAC,
    DECODE,
    ECC,
    ECDHE,
    EXTENSION,
    FINE,
    ILLEGAL,
    OVERFLOW,
    VERSION,
    Act,
    Expected,
    Misdeed,
    edited,
)
from tlcp.alerts import AlertDescription as A
from tlcp.errors import NegotiationError
from tlcp.registry import ExtensionType as X
from tlcp.suites import ALL_SUITES, DEFAULT_SUITES, RSA_SUITES, CipherSuite

__all__ = ["changed_client_hello", "changed_server_hello", "extension", "misdeeds"]

_REFUSED: Final = Expected(NegotiationError, A.HANDSHAKE_FAILURE)
_OURS: Final = (*DEFAULT_SUITES, *RSA_SUITES)
_OTHER_VERSIONS: Final = (0x0000, 0x0001, 0x0100, 0x0200, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304,
                          0x7F1C, 0xFEFD, 0xFEFF, 0xFFFF)  # fmt: skip


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for table in (_client_hello, _client_extensions, _server_hello, _server_extensions, _request):
        yield from table()


def extension(kind: int, data: bytes) -> bytes:
    """A block of one extension, its length in front."""
    return _block(_one(kind, data))


def _one(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def _block(extensions: bytes) -> bytes:
    return len(extensions).to_bytes(2, "big") + extensions


def changed_client_hello(**parts: bytes) -> Act:
    """A ClientHello with other parts, lengths in front: version, session_id, suites,
    compression, extensions.
    """

    def edit(_: Offender, body: bytes) -> bytes:
        at = {"version": 2, "random": 32}
        at["session_id"] = 1 + body[34]
        sid_end = 34 + at["session_id"]
        at["suites"] = 2 + int.from_bytes(body[sid_end : sid_end + 2], "big")
        suites_end = sid_end + at["suites"]
        at["compression"] = 1 + body[suites_end]
        at["extensions"] = len(body) - suites_end - at["compression"]
        return _replaced(body, at, parts)

    return edited("ClientHello", edit)


def changed_server_hello(**parts: bytes) -> Act:
    """A ServerHello with other parts: version, session_id, suite, compression, extensions."""

    def edit(_: Offender, body: bytes) -> bytes:
        at = {"version": 2, "random": 32, "session_id": 1 + body[34], "suite": 2, "compression": 1}
        at["extensions"] = len(body) - sum(at.values())
        return _replaced(body, at, parts)

    return edited("ServerHello", edit)


def _replaced(body: bytes, sizes: dict[str, int], parts: dict[str, bytes]) -> bytes:
    out, begin = b"", 0
    for name, size in sizes.items():
        out += parts.get(name, body[begin : begin + size])
        begin += size
    return out


def _row(role: Any, name: str, act: Act, end: Expected, **more: Any) -> Misdeed:
    section = more.pop("section", "6.4.5.2.1" if role == "client" else "6.4.5.2.2")
    return Misdeed(f"{role}/hello/{name}", section, role, act, end, **more)


def _any_but(suite: CipherSuite) -> dict[str, Any]:
    """Every suite of ours but this."""
    return {"suites": tuple(s for s in _OURS if s is not suite), "only_these": True}


# ---- ClientHello ------------------------------------------------------------------------------


def _client_hello() -> Iterator[Misdeed]:
    for version in _OTHER_VERSIONS:
        act = changed_client_hello(version=version.to_bytes(2, "big"))
        yield _row("client", f"version/{version:04x}", act, VERSION)
    for version in (0x0102, 0x01FF):
        # it gets our 0101; the secret of ECC suites says which version the hello had, and this
        # one says 0101: a rollback, which is found out without a word of why
        act = changed_client_hello(version=version.to_bytes(2, "big"))
        yield _row("client", f"version/{version:04x}-in-ecdhe", act, FINE, suites=tuple(ECDHE))
        yield _row("client", f"version/{version:04x}-rolled-back", act, BAD_MAC, suites=tuple(ECC))
    for size, end in ((1, FINE), (31, FINE), (32, FINE), (33, DECODE), (255, DECODE)):
        sid = bytes((size,)) + bytes(size)
        yield _row("client", f"session-id/{size}", changed_client_hello(session_id=sid), end)
    for said, given in ((32, 0), (32, 31), (255, 32)):
        sid = bytes((said,)) + bytes(given)
        act = changed_client_hello(session_id=sid)
        yield _row("client", f"session-id/{said}-of-{given}", act, DECODE)
    ours = b"".join(s.id.to_bytes(2, "big") for s in _OURS)
    foreign = b"".join(i.to_bytes(2, "big") for i, s in ALL_SUITES.items() if s not in _OURS)
    suites: dict[str, tuple[bytes, Expected]] = {
        "none": (b"\0\0", DECODE),
        "half-a-suite": (b"\0\1\xe0", DECODE),
        "one-and-a-half": (b"\0\3\xe0\x53\xe0", DECODE),
        "length-past-the-end": (b"\xff\xfe" + ours, DECODE),
        "odd-length-past-the-end": (b"\xff\xff" + ours, DECODE),
        "foreign-only": (_block(foreign), _REFUSED),
        "tls-only": (_block(b"\x13\x01\x13\x02\x00\x2f\xc0\x2f"), _REFUSED),
        "signalling-only": (_block(b"\x00\xff\x56\x00"), _REFUSED),
        "null-null": (_block(b"\0\0"), _REFUSED),
        "grease-only": (_block(b"\x0a\x0a\x1a\x1a"), _REFUSED),
        "ours-behind-grease": (_block(b"\x0a\x0a\x00\xff" + ours), FINE),
        "ours-behind-foreign": (_block(foreign + ours), FINE),
        "ours-twice": (_block(ours + ours), FINE),
        "ours-behind-7000-others": (_block(b"\x13\x01" * 7000 + ours), FINE),
    }
    for name, (part, end) in suites.items():
        yield _row("client", f"suites/{name}", changed_client_hello(suites=part), end)
    for suite in ALL_SUITES.values():
        act = changed_client_hello(suites=_block(suite.id.to_bytes(2, "big")))
        yield _row("client", f"suites/{suite.name}-only", act, _REFUSED, **_any_but(suite))
    compression: dict[str, tuple[bytes, Expected]] = {
        "none": (b"\0", DECODE),
        "deflate": (b"\1\1", ILLEGAL),
        "deflate-and-null": (b"\2\1\0", FINE),
        "all": (b"\xff" + bytes(range(255)), FINE),
        "all-but-null": (b"\xff" + bytes(range(1, 256)), ILLEGAL),
        "length-past-the-end": (b"\xff\0", DECODE),
    }
    for name, (part, end) in compression.items():
        act = changed_client_hello(compression=part, extensions=b"")
        yield _row("client", f"compression/{name}", act, end)


_NAME: Final = b"server.example"
#: Bodies of a ClientHello's extensions, and what becomes of them.
_BODIES: Final[dict[str, tuple[int, bytes, Expected]]] = {
    "server_name-empty": (X.SERVER_NAME, b"", DECODE),
    "server_name-no-names": (X.SERVER_NAME, b"\0\0", DECODE),
    "server_name-empty-name": (X.SERVER_NAME, b"\0\3\0\0\0", DECODE),
    "server_name-list-too-long": (X.SERVER_NAME, b"\0\x40\0\0\1x", DECODE),
    "server_name-list-too-short": (X.SERVER_NAME, b"\0\3\0\0\1x", DECODE),
    "server_name-trailing": (X.SERVER_NAME, b"\0\4\0\0\1x!", DECODE),
    "server_name-nul": (X.SERVER_NAME, b"\0\6\0\0\3a\0b", DECODE),
    "server_name-not-ascii": (X.SERVER_NAME, b"\0\5\0\0\2\xc3\xa9", DECODE),
    "server_name-of-256": (X.SERVER_NAME, b"\1\3\0\1\0" + b"a" * 256, DECODE),
    "server_name-of-255": (X.SERVER_NAME, b"\1\2\0\0\xff" + b"a" * 255, FINE),
    "server_name-twice": (X.SERVER_NAME, b"\0\x08\0\0\1x\0\0\1y", DECODE),
    "server_name-other-type": (X.SERVER_NAME, b"\0\4\7\0\1x", FINE),
    "server_name-address": (X.SERVER_NAME, b"\0\x0c\0\0\x09127.0.0.1", FINE),
    "alpn-empty": (X.ALPN, b"", DECODE),
    "alpn-no-names": (X.ALPN, b"\0\0", DECODE),
    "alpn-empty-name": (X.ALPN, b"\0\1\0", DECODE),
    "alpn-empty-name-behind": (X.ALPN, b"\0\4\2h2\0", DECODE),
    "alpn-too-long": (X.ALPN, b"\0\3\3h2", DECODE),
    "alpn-trailing": (X.ALPN, b"\0\3\2h2!", DECODE),
    "alpn-nothing-common": (X.ALPN, b"\0\3\2h9", FINE),
    "alpn-bytes": (X.ALPN, b"\0\3\2\xff\0", FINE),
    "status_request-empty": (X.STATUS_REQUEST, b"", DECODE),
    "status_request-cut": (X.STATUS_REQUEST, b"\1\0", DECODE),
    "status_request-trailing": (X.STATUS_REQUEST, b"\1\0\0\0\0!", DECODE),
    "status_request-other-type": (X.STATUS_REQUEST, b"\2\0\0\0\0", FINE),
    "trusted_ca_keys-cut": (X.TRUSTED_CA_KEYS, b"\0", DECODE),
    "trusted_ca_keys-unknown-kind": (X.TRUSTED_CA_KEYS, b"\0\1\x63", DECODE),
    "trusted_ca_keys-short-hash": (X.TRUSTED_CA_KEYS, b"\0\3\4\0\0", DECODE),
    "trusted_ca_keys-trailing": (X.TRUSTED_CA_KEYS, b"\0\0!", DECODE),
    "renegotiation_info-empty": (X.RENEGOTIATION_INFO, b"", DECODE),
    "renegotiation_info-cut": (X.RENEGOTIATION_INFO, b"\5ab", DECODE),
    "renegotiation_info-trailing": (X.RENEGOTIATION_INFO, b"\0!", DECODE),
    "renegotiation_info-of-1": (X.RENEGOTIATION_INFO, b"\1x", _REFUSED),
    "signature_algorithms-empty": (X.SIGNATURE_ALGORITHMS, b"", DECODE),
    "signature_algorithms-none": (X.SIGNATURE_ALGORITHMS, b"\0\0", DECODE),
    "signature_algorithms-odd": (X.SIGNATURE_ALGORITHMS, b"\0\1\7", DECODE),
    "signature_algorithms-unknown": (X.SIGNATURE_ALGORITHMS, b"\0\2\4\3", FINE),
    "client_id-empty": (X.CLIENT_ID, b"", DECODE),
    "client_id-of-0": (X.CLIENT_ID, b"\0\0", DECODE),
    "client_id-cut": (X.CLIENT_ID, b"\0\5abc", DECODE),
    "client_id-of-9000": (X.CLIENT_ID, b"\x23\x28" + bytes(9000), FINE),
    "extended_master_secret": (X.EXTENDED_MASTER_SECRET, b"", FINE),
    "encrypt_then_mac": (X.ENCRYPT_THEN_MAC, b"", FINE),
    "max_fragment_length": (1, b"\1", FINE),
    "heartbeat": (15, b"\1", FINE),
    "supported_versions": (43, b"\2\3\4", FINE),
    "grease": (0x0A0A, b"\0", FINE),
    "unknown": (0xFFFF, bytes(300), FINE),
}  # fmt: skip


def _client_extensions() -> Iterator[Misdeed]:
    section = "GM/T 0024-2023 A"
    victim = {"alpn_protocols": ("h2", "http/1.1"), "ocsp_response": b"0\3\n\1\6"}
    for name, (kind, data, end) in _BODIES.items():
        act = changed_client_hello(extensions=extension(kind, data))
        yield _row("client", f"extension/{name}", act, end, section=section, victim=victim)
    one = _one(0x1234, b"x")
    blocks: dict[str, tuple[bytes, Expected]] = {
        "absent": (b"", FINE),
        "empty": (b"\0\0", FINE),
        "half-a-length": (b"\0", DECODE),
        "too-long": (b"\0\7" + one, DECODE),
        "too-short": (b"\0\4" + one, DECODE),
        "trailing": (_block(one) + b"!", DECODE),
        "half-an-extension": (_block(one[:3]), DECODE),
        "body-too-long": (_block(b"\x12\x34\0\2x"), DECODE),
        "repeated": (_block(one + one), DECODE),
        "repeated-server_name": (_block(_one(0, b"\0\4\0\0\1x") * 2), DECODE),
        "of-1000": (_block(b"".join(_one(0x2000 + i, b"") for i in range(1000))), FINE),
    }
    for name, (block, end) in blocks.items():
        act = changed_client_hello(extensions=block)
        yield _row("client", f"extensions/{name}", act, end, section=section)
    for size, end in ((65000, FINE), (65500, OVERFLOW)):
        act = changed_client_hello(extensions=_block(_one(0x1234, bytes(size))))
        yield _row("client", f"extensions/of-{size}-bytes", act, end, section=section)


# ---- ServerHello ------------------------------------------------------------------------------


def _server_hello() -> Iterator[Misdeed]:
    for version in (*_OTHER_VERSIONS, 0x0102, 0x01FF):
        act = changed_server_hello(version=version.to_bytes(2, "big"))
        yield _row("server", f"version/{version:04x}", act, VERSION)
    for size, end in ((0, FINE), (1, FINE), (31, FINE), (32, FINE), (33, DECODE), (255, DECODE)):
        sid = bytes((size,)) + bytes(size)
        yield _row("server", f"session-id/{size}", changed_server_hello(session_id=sid), end)
    for suite in ALL_SUITES.values():
        act = changed_server_hello(suite=suite.id.to_bytes(2, "big"))
        yield _row("server", f"suite/{suite.name}-not-offered", act, ILLEGAL, **_any_but(suite))
    for number in (0x0000, 0x00FF, 0x1301, 0x5600, 0xE052, 0xFFFF):
        act = changed_server_hello(suite=number.to_bytes(2, "big"))
        yield _row("server", f"suite/{number:04x}", act, ILLEGAL)
    for number in (1, 64, 255):
        act = changed_server_hello(compression=bytes((number,)))
        yield _row("server", f"compression/{number}", act, ILLEGAL)


def _server_extensions() -> Iterator[Misdeed]:
    section = "GM/T 0024-2023 A"
    asked = {"alpn_protocols": ("h2", "http/1.1"), "request_ocsp": True}
    for kind in (1, 3, 5, 10, 11, 13, 14, 15, 16, 18, 21, 22, 23, 35, 43, 51, 66, 0x0A0A, 0xFFFF):
        act = changed_server_hello(extensions=extension(kind, b""))
        yield _row("server", f"extension/{kind}-unasked", act, EXTENSION, section=section)
    rows: dict[str, tuple[bytes, Expected]] = {
        "empty": (b"\0\0", FINE),
        "half-a-length": (b"\0", DECODE),
        "too-long": (b"\0\7\0\0\0\0", DECODE),
        "trailing": (b"\0\4\0\0\0\0!", DECODE),
        "repeated": (_block(_one(0, b"") * 2), DECODE),
        "server_name": (extension(X.SERVER_NAME, b""), FINE),
        "server_name-with-a-body": (extension(X.SERVER_NAME, b"\0\4\0\0\1x"), DECODE),
        "renegotiation_info-unasked": (extension(X.RENEGOTIATION_INFO, b"\0"), FINE),
        "renegotiation_info-of-1": (extension(X.RENEGOTIATION_INFO, b"\1x"), _REFUSED),
        "alpn": (extension(X.ALPN, b"\0\3\2h2"), FINE),
        "alpn-not-offered": (extension(X.ALPN, b"\0\3\2h9"), ILLEGAL),
        "alpn-two": (extension(X.ALPN, b"\0\x0c\2h2\x08http/1.1"), ILLEGAL),
        "alpn-none": (extension(X.ALPN, b"\0\0"), DECODE),
        "alpn-empty": (extension(X.ALPN, b""), DECODE),
        "alpn-empty-name": (extension(X.ALPN, b"\0\1\0"), DECODE),
        "alpn-trailing": (extension(X.ALPN, b"\0\3\2h2!"), DECODE),
        "status_request": (extension(X.STATUS_REQUEST, b""), FINE),
        "status_request-cut": (extension(X.STATUS_REQUEST, b"\1\0\0"), DECODE),
        "status_request-empty-response": (extension(X.STATUS_REQUEST, b"\1\0\0\0"), DECODE),
        "status_request-trailing": (extension(X.STATUS_REQUEST, b"\1\0\0\1xy"), DECODE),
    }  # fmt: skip
    for name, (block, end) in rows.items():
        act = changed_server_hello(extensions=block)
        yield _row("server", f"extensions/{name}", act, end, section=section, victim=asked)


# ---- CertificateRequest ---------------------------------------------------------------------


def _request() -> Iterator[Misdeed]:
    types, none = b"\1\x40", b"\0\0"
    rows: dict[str, tuple[bytes, Expected]] = {
        "no-types": (b"\0" + none, DECODE),
        "types-past-the-end": (b"\xff\x40" + none, DECODE),
        "all-types": (b"\xff" + bytes(range(255)) + none, FINE),
        "rsa-only": (b"\1\1" + none, FINE),
        "unknown-type": (b"\1\xff" + none, FINE),
        "no-authorities-field": (types, DECODE),
        "empty-name": (types + b"\0\2\0\0", DECODE),
        "garbage-as-name": (types + b"\0\6\0\4junk", FINE),
        "names-past-the-end": (types + b"\0\7\0\4junk", DECODE),
        "name-past-the-list": (types + b"\0\6\0\5junk", DECODE),
        "trailing": (types + none + b"!", DECODE),
        "1000-names": (types + b"\x0b\xb8" + b"\0\1x" * 1000, FINE),
    }
    for name, (body, end) in rows.items():
        act = edited("CertificateRequest", lambda _, __, body=body: body)  # type: ignore[misc]
        yield Misdeed(f"server/request/{name}", "6.4.5.5", "server", act, end)
