"""Key exchanges and signatures: points, numbers and encodings that are none.

The offender signs what it sends, so that nothing but the one fault can be found.

Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8, 6.4.5.9; GB/T 32918
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from assurance.adversary_peer import Offender
from assurance.misdeed import (
    BAD_MAC,
    DECODE,
    DECRYPT,
    ECC,
    ECDHE,
    FINE,
    ILLEGAL,
    Act,
    Expected,
    Misdeed,
    edited,
)
from support.ends import world
from tlcp.crypto.der import decode_ciphertext, decode_signature, encode_element
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.crypto.sm3 import sm3
from tlcp.errors import AlertReceived

N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
#: The offender finds out first, for its own keys are others: then the victim hears its alert.
_FOUND_BY_THE_OFFENDER: Final = Expected(AlertReceived)


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for table in (_signatures, _signed, _points, _ciphertexts, _secrets):
        yield from table()


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


# ---- signatures -----------------------------------------------------------------------------


def _number(value: int, *, extra: bytes = b"") -> bytes:
    size = max(1, (value.bit_length() + 8) // 8)
    return encode_element(2, extra + value.to_bytes(size, "big", signed=value < 0))


def _pair(r: int, s: int) -> bytes:
    return encode_element(0x30, _number(r) + _number(s))


def _long_length(element: bytes, form: bytes) -> bytes:
    """The same element with its length written otherwise."""
    return element[:1] + form + element[2:]


#: What is made of a good signature (r, s): no one may take any of these for one.
_FORGERIES: Final[dict[str, Callable[[int, int], bytes]]] = {
    "r-0": lambda _, s: _pair(0, s),
    "s-0": lambda r, _: _pair(r, 0),
    "r-and-s-0": lambda *_: _pair(0, 0),
    "r-1": lambda _, s: _pair(1, s),
    "s-1": lambda r, _: _pair(r, 1),
    "r-n": lambda _, s: _pair(N, s),
    "s-n": lambda r, _: _pair(r, N),
    "r-n-minus-1": lambda _, s: _pair(N - 1, s),
    "s-n-minus-1": lambda r, _: _pair(r, N - 1),
    "r-plus-n": lambda r, s: _pair(r + N, s),
    "s-plus-n": lambda r, s: _pair(r, s + N),
    "r-negative": lambda r, s: _pair(-r, s),
    "s-negative": lambda r, s: _pair(r, -s),
    "n-minus-r": lambda r, s: _pair(N - r, s),
    "n-minus-s": lambda r, s: _pair(r, N - s),
    "r-plus-s-n": lambda r, _: _pair(r, N - r),  # t = r + s = 0
    "2-to-256-minus-1": lambda *_: _pair(2**256 - 1, 2**256 - 1),
    "of-40-bytes-each": lambda *_: _pair(2**319, 2**319),
    "swapped": lambda r, s: _pair(s, r),
    "der-empty": lambda *_: b"",
    "der-one-byte": lambda *_: b"\x30",
    "der-no-numbers": lambda *_: b"\x30\0",
    "der-one-number": lambda r, _: encode_element(0x30, _number(r)),
    "der-three-numbers": lambda r, s: encode_element(0x30, _number(r) + _number(s) + _number(1)),
    "der-empty-numbers": lambda *_: b"\x30\4\2\0\2\0",
    "der-trailing-byte": lambda r, s: _pair(r, s) + b"\0",
    "der-trailing-byte-inside": lambda r, s: encode_element(
        0x30, _number(r) + _number(s) + b"\0"),
    "der-last-byte-missing": lambda r, s: _pair(r, s)[:-1],
    "der-length-too-long": lambda r, s: _long_length(
        _pair(r, s), bytes((len(_pair(r, s)) - 1,))),
    "der-length-too-short": lambda r, s: _long_length(
        _pair(r, s), bytes((len(_pair(r, s)) - 3,))),
    "der-length-of-length-0": lambda r, s: _long_length(_pair(r, s), b"\x80"),
    "der-indefinite": lambda r, s: _long_length(_pair(r, s), b"\x80") + b"\0\0",
    "der-non-minimal-length": lambda r, s: _long_length(
        _pair(r, s), b"\x81" + _pair(r, s)[1:2]),
    "der-non-minimal-length-of-3": lambda r, s: _long_length(
        _pair(r, s), b"\x83\0\0" + _pair(r, s)[1:2]),
    "der-length-of-127-bytes": lambda r, s: _long_length(_pair(r, s), b"\xff"),
    "der-huge-length": lambda r, s: _long_length(_pair(r, s), b"\x84\xff\xff\xff\xff"),
    "der-non-minimal-r": lambda r, s: encode_element(
        0x30, _number(r, extra=b"\0") + _number(s)),
    "der-non-minimal-s": lambda r, s: encode_element(
        0x30, _number(r) + _number(s, extra=b"\0")),
    "der-s-with-long-length": lambda r, s: encode_element(
        0x30, _number(r) + _long_length(_number(s), b"\x81" + _number(s)[1:2])),
    "der-a-set": lambda r, s: b"\x31" + _pair(r, s)[1:],
    "der-octet-strings": lambda r, s: encode_element(
        0x30, b"\4" + _number(r)[1:] + b"\4" + _number(s)[1:]),
    "der-constructed-number": lambda r, s: encode_element(
        0x30, b"\x22" + _number(r)[1:] + _number(s)),
    "der-nested": lambda r, s: encode_element(0x30, _pair(r, s)),
    "raw-64-bytes": lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    "zeros": lambda *_: bytes(70),
    "ones": lambda *_: b"\xff" * 70,
    "of-60000-bytes": lambda *_: b"\x30\x82\xea\x5c" + bytes(16000),
}  # fmt: skip


def _rs(der: bytes) -> tuple[int, int]:
    rs = decode_signature(der)
    return int.from_bytes(rs[:32], "big"), int.from_bytes(rs[32:], "big")


def _split_exchange(body: bytes) -> tuple[bytes, bytes]:
    """Parameters (none in ECC suites) and signature of a ServerKeyExchange."""
    params = body[: 4 + body[3]] if body[0] == 3 else b""
    return params, body[len(params) + 2 :]


def _signature_of(role: str, change: Callable[[Offender, bytes], bytes]) -> Act:
    """Change the one signature that each role gives."""
    if role == "client":
        return edited("CertificateVerify", lambda peer, body: _sized(change(peer, body[2:])))

    def edit(peer: Offender, body: bytes) -> bytes:
        params, signature = _split_exchange(body)
        return params + _sized(change(peer, signature))

    return edited("ServerKeyExchange", edit)


def _signatures() -> Iterator[Misdeed]:
    for role, where, section in (
        ("client", "CertificateVerify", "6.4.5.9"),
        ("server", "ServerKeyExchange", "6.4.5.4"),
    ):
        for name, forge in _FORGERIES.items():

            def change(
                _: Offender, good: bytes, forge: Callable[[int, int], bytes] = forge
            ) -> bytes:
                return forge(*_rs(good))

            yield Misdeed(
                f"{role}/signature/{where}-{name}", section, cast("Any", role),
                _signature_of(role, change), DECRYPT,
            )  # fmt: skip
        for at in (4, 10, 36, 39, 50, 69):  # of 70 to 72 bytes, within r and s

            def flip(_: Offender, good: bytes, at: int = at) -> bytes:
                return good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]

            yield Misdeed(
                f"{role}/signature/{where}-bit-of-byte-{at}", section, cast("Any", role),
                _signature_of(role, flip), DECRYPT,
            )  # fmt: skip


def _signed() -> Iterator[Misdeed]:
    """Good signatures, of other keys or over other things."""

    def sign(key: Any, make: Callable[[Offender], bytes]) -> Callable[[Offender, bytes], bytes]:
        return lambda peer, _: key.sign(make(peer))

    w = world()
    sign_key, enc_key = cast("SM2PrivateKey", w.client.sign_key), w.client.enc_key
    rows: dict[str, tuple[Callable[[Offender, bytes], bytes], Expected]] = {
        "by-the-encryption-key": (sign(enc_key, lambda p: sm3(p.transcript)), DECRYPT),
        "by-the-server-s-key": (sign(w.server.sign_key, lambda p: sm3(p.transcript)), DECRYPT),
        "over-nothing": (sign(sign_key, lambda _: b""), DECRYPT),
        "over-another-hash": (sign(sign_key, lambda _: bytes(32)), DECRYPT),
        "over-the-hash-of-the-hash": (sign(sign_key, lambda p: sm3(sm3(p.transcript))), DECRYPT),
        "over-part-of-the-messages": (sign(sign_key, lambda p: sm3(p.transcript[:-1])), DECRYPT),
        "under-another-id": (
            lambda p, _: sign_key.sign(sm3(p.transcript), user_id=b"mallory"), DECRYPT),
        # GmSSL from 3.2 on: it holds as much
        "over-the-messages": (sign(sign_key, lambda p: p.transcript), FINE),
    }  # fmt: skip
    for name, (change, end) in rows.items():
        yield Misdeed(
            f"client/signature/CertificateVerify-{name}", "6.4.5.9", "client",
            _signature_of("client", change), end,
        )  # fmt: skip
    sign_key, enc = cast("SM2PrivateKey", w.server.sign_key), w.server.enc_cert
    if enc is None:
        raise AssertionError("the server has a pair")
    named = len(enc.der).to_bytes(3, "big") + enc.der
    other = w.client.enc_cert.der if w.client.enc_cert is not None else b""
    servers: dict[str, Callable[[Offender, bytes], bytes]] = {
        "by-the-encryption-key": sign(w.server.enc_key, lambda p: p.randoms + named),
        "by-the-client-s-key": sign(w.client.sign_key, lambda p: p.randoms + named),
        "over-other-randoms": sign(sign_key, lambda _: bytes(64) + named),
        "over-swapped-randoms": sign(
            sign_key, lambda p: p.randoms[32:] + p.randoms[:32] + named),
        "over-the-client-s-random-alone": sign(sign_key, lambda p: p.randoms[:32] + named),
        "without-the-length": sign(sign_key, lambda p: p.randoms + enc.der),
        "over-another-certificate": sign(
            sign_key, lambda p: p.randoms + len(other).to_bytes(3, "big") + other),
        "over-the-hash": sign(sign_key, lambda p: sm3(p.randoms + named)),
        "under-another-id": lambda p, _: sign_key.sign(p.randoms + named, user_id=b"mallory"),
    }  # fmt: skip
    for name, change in servers.items():
        yield Misdeed(
            f"server/signature/ServerKeyExchange-{name}", "6.4.5.4", "server",
            _signature_of("server", change), DECRYPT, tuple(ECC),
        )  # fmt: skip


# ---- points of ECDHE suites -------------------------------------------------------------------


def _negated(point: bytes) -> bytes:
    y = P - int.from_bytes(point[33:], "big")
    return point[:33] + y.to_bytes(32, "big")


def _moved(point: bytes) -> bytes:
    return point[:-1] + bytes((point[-1] ^ 1,))


_COORDINATE: Final = 32
_ANOTHER: Final = SM2PrivateKey(b"\1" * 32).public_point
_POINTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "infinity": lambda _: b"\0",
    "infinity-of-65-bytes": lambda _: bytes(65),
    "zeros": lambda _: b"\4" + bytes(64),
    "ones": lambda _: b"\4" + b"\xff" * 64,
    "off-the-curve": _moved,
    "x-and-0": lambda own: own[:33] + bytes(32),
    "0-and-y": lambda own: b"\4" + bytes(32) + own[33:],
    "swapped-x-and-y": lambda own: b"\4" + own[33:] + own[1:33],
    "x-p": lambda own: b"\4" + P.to_bytes(32, "big") + own[33:],
    "y-p": lambda own: own[:33] + P.to_bytes(32, "big"),
    "p-and-p": lambda _: b"\4" + P.to_bytes(32, "big") * 2,
    "compressed-even": lambda own: b"\2" + own[1:33],
    "compressed-odd": lambda own: b"\3" + own[1:33],
    "hybrid-even": lambda own: b"\6" + own[1:],
    "hybrid-odd": lambda own: b"\7" + own[1:],
    "form-0": lambda own: b"\0" + own[1:],
    "form-5": lambda own: b"\5" + own[1:],
    "without-form": lambda own: own[1:],
    "one-byte": lambda own: own[:1],
    "a-byte-short": lambda own: own[:-1],
    "a-byte-long": lambda own: own + b"\0",
    "of-255-bytes": lambda own: own + bytes(190),
    "of-p-256": lambda _: bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
}  # fmt: skip
#: Points as good as any, but not those that the offender knows the key of.
_OTHER_POINTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "negated": _negated,
    "another": lambda _: _ANOTHER,
}


def _params(edit: Callable[[bytes], bytes]) -> Callable[[Offender, bytes], bytes]:
    """Change the parameters of an ECDHE exchange; a server signs what it sends."""

    def change(peer: Offender, body: bytes) -> bytes:
        if peer.role == "client":
            return edit(body)
        params = edit(_split_exchange(body)[0])
        identity = peer.identity
        if identity is None:
            raise AssertionError("a server has an identity")
        return params + _sized(identity.sign_key.sign(peer.randoms + params))

    return change


def _points() -> Iterator[Misdeed]:
    for role, message, section in (
        ("client", "ClientKeyExchange", "6.4.5.8"),
        ("server", "ServerKeyExchange", "6.4.5.4"),
    ):
        rows: dict[str, tuple[Callable[[bytes], bytes], Expected]] = {}
        for name, make in _POINTS.items():
            rows[f"point-{name}"] = _with_point(make), ILLEGAL
        own_mistake = BAD_MAC if role == "client" else _FOUND_BY_THE_OFFENDER
        for name, make in _OTHER_POINTS.items():
            rows[f"point-{name}"] = _with_point(make), own_mistake
        rows["point-of-0-bytes"] = _with_point(lambda _: b""), DECODE
        for number in (0, 1, 23, 30, 31, 40, 42, 249, 0xFFFF):
            rows[f"curve-{number}"] = _with_curve(number), FINE
        for kind in (1, 2, 4, 255):
            # a client's exchange must begin with 0 (a length) or 3, or cannot be read at all
            end = DECODE if role == "client" else ILLEGAL
            rows[f"curve-type-{kind}"] = _with_curve_type(kind), end
        if role == "client":
            rows["with-length"] = (lambda params: _sized(params)), FINE
            rows["with-length-too-short"] = (lambda params: b"\0\x44" + params), DECODE
            rows["with-length-too-long"] = (lambda params: b"\0\x46" + params), DECODE
            rows["with-length-of-0"] = (lambda _: b"\0\0"), DECODE
            rows["empty"] = (lambda _: b""), DECODE
        for name, (edit, end) in rows.items():
            yield Misdeed(
                f"{role}/ecdhe/{name}", section, cast("Any", role),
                edited(message, _params(edit)), end, tuple(ECDHE),
            )  # fmt: skip


def _with_curve(number: int) -> Callable[[bytes], bytes]:
    return lambda params: params[:1] + number.to_bytes(2, "big") + params[3:]


def _with_curve_type(kind: int) -> Callable[[bytes], bytes]:
    return lambda params: bytes((kind,)) + params[1:]


def _with_point(make: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def edit(params: bytes) -> bytes:
        point = make(params[4:])
        return params[:3] + bytes((len(point),)) + point

    return edit


# ---- ciphertexts of ECC suites ----------------------------------------------------------------


def _ciphertext(x: bytes, y: bytes, c3: bytes, c2: bytes) -> bytes:
    numbers = _number(int.from_bytes(x, "big")) + _number(int.from_bytes(y, "big"))
    return encode_element(0x30, numbers + encode_element(4, c3) + encode_element(4, c2))


_Z: Final = bytes(_COORDINATE)


def _flip(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


#: Ciphertexts that do not decrypt, for whatever reason.
_UNDECRYPTABLE: Final[dict[str, Callable[[bytes, bytes, bytes, bytes], bytes]]] = {
    "x-off-the-curve": lambda x, y, h, c: _ciphertext(_flip(x), y, h, c),
    "y-off-the-curve": lambda x, y, h, c: _ciphertext(x, _flip(y), h, c),
    "x-0": lambda _, y, h, c: _ciphertext(_Z, y, h, c),
    "y-0": lambda x, _, h, c: _ciphertext(x, _Z, h, c),
    "infinity": lambda _, __, h, c: _ciphertext(_Z, _Z, h, c),
    "x-p": lambda _, y, h, c: _ciphertext(P.to_bytes(32, "big"), y, h, c),
    "x-plus-p": lambda x, y, h, c: _ciphertext(
        (int.from_bytes(x, "big") + P).to_bytes(33, "big"), y, h, c),
    "x-of-40-bytes": lambda _, y, h, c: _ciphertext(b"\1" + bytes(39), y, h, c),
    "negated": lambda x, y, h, c: _ciphertext(
        x, (P - int.from_bytes(y, "big")).to_bytes(32, "big"), h, c),
    "another-point": lambda _, __, h, c: _ciphertext(_ANOTHER[1:33], _ANOTHER[33:], h, c),
    "c3-first-bit": lambda x, y, h, c: _ciphertext(x, y, _flip(h, 0), c),
    "c3-last-bit": lambda x, y, h, c: _ciphertext(x, y, _flip(h), c),
    "c3-zeros": lambda x, y, _, c: _ciphertext(x, y, bytes(32), c),
    "c3-empty": lambda x, y, _, c: _ciphertext(x, y, b"", c),
    "c3-short": lambda x, y, h, c: _ciphertext(x, y, h[:-1], c),
    "c3-long": lambda x, y, h, c: _ciphertext(x, y, h + b"\0", c),
    "c2-first-bit": lambda x, y, h, c: _ciphertext(x, y, h, _flip(c, 0)),
    "c2-last-bit": lambda x, y, h, c: _ciphertext(x, y, h, _flip(c)),
    "c2-empty": lambda x, y, h, _: _ciphertext(x, y, h, b""),
    "c2-short": lambda x, y, h, c: _ciphertext(x, y, h, c[:-1]),
    "c2-long": lambda x, y, h, c: _ciphertext(x, y, h, c + b"\0"),
    "c2-of-16000-bytes": lambda x, y, h, _: _ciphertext(x, y, h, bytes(16000)),
    "c2-before-c3": lambda x, y, h, c: _ciphertext(x, y, c, h),
    "der-a-set": lambda *p: b"\x31" + _ciphertext(*p)[1:],
    "der-empty-sequence": lambda *_: b"\x30\0",
    "der-garbage": lambda *_: b"no DER at all",
    "der-zeros": lambda *_: bytes(155),
    "der-cut": lambda *p: _ciphertext(*p)[:-1],
    "der-half": lambda *p: _ciphertext(*p)[:70],
    "der-indefinite": lambda *p: b"\x30\x80" + _ciphertext(*p)[3:] + b"\0\0",
    "der-length-too-long": lambda *p: b"\x30\x81\xff" + _ciphertext(*p)[3:],
    "der-length-too-short": lambda *p: b"\x30\x20" + _ciphertext(*p)[3:],
    "der-huge-length": lambda *p: b"\x30\x84\xff\xff\xff\xff" + _ciphertext(*p)[3:],
    "der-negative-x": lambda x, y, h, c: encode_element(
        0x30, encode_element(2, b"\xff" + x) + _ciphertext(x, y, h, c)[3 + 2 + _size(x) :]),
    "raw-c1-c3-c2": lambda x, y, h, c: b"\4" + x + y + h + c,
    "one-byte": lambda *_: b"\0",
}  # fmt: skip


def _size(x: bytes) -> int:
    return _number(int.from_bytes(x, "big"))[1]


#: Loose encodings that deployed clients send: what they hold is authentic all the same.
_LOOSE: Final[dict[str, Callable[[bytes, bytes, bytes, bytes], bytes]]] = {
    "x-with-leading-zeros": lambda x, y, h, c: encode_element(
        0x30, encode_element(2, b"\0\0" + x) + _number(int.from_bytes(y, "big"))
        + encode_element(4, h) + encode_element(4, c)),
    "trailing-bytes": lambda *p: _ciphertext(*p) + bytes(4),
}  # fmt: skip


def _ciphertexts() -> Iterator[Misdeed]:
    """Whatever is wrong, the handshake goes on and fails at Finished, always alike."""

    def act(make: Callable[[bytes, bytes, bytes, bytes], bytes]) -> Act:
        def edit(_: Offender, body: bytes) -> bytes:
            c1, c3, c2 = decode_ciphertext(body[2:])
            return _sized(make(c1[:32], c1[32:], c3, c2))

        return edited("ClientKeyExchange", edit)

    for name, make in _UNDECRYPTABLE.items():
        yield Misdeed(
            f"client/ecc/ciphertext-{name}", "6.4.5.8", "client", act(make), BAD_MAC, tuple(ECC)
        )
    for name, make in _LOOSE.items():
        yield Misdeed(
            f"client/ecc/ciphertext-{name}", "6.4.5.8", "client", act(make), FINE, tuple(ECC)
        )
    bodies = {
        "empty": b"\0\0",
        "without-length": b"",
        "half-a-length": b"\0",
        "past-the-end": b"\xff\xff\x30\0",
        "trailing": b"\0\2\x30\0!",
    }
    for name, body in bodies.items():
        yield Misdeed(
            f"client/ecc/body-{name}", "6.4.5.8", "client",
            edited("ClientKeyExchange", lambda _, __, body=body: body), DECODE, tuple(ECC),  # type: ignore[misc]
        )  # fmt: skip


def _secrets() -> Iterator[Misdeed]:
    """Secrets of another version or length.  Spec: GB/T 38636-2020 6.4.5.8"""
    enc = world().server.enc_cert
    if enc is None:
        raise AssertionError("the server has a pair")
    key: Any = enc.public_key
    for name, secret in {
        "version-0000": bytes(48),
        "version-0100": b"\1\0" + bytes(46),
        "version-0102": b"\1\2" + bytes(46),
        "version-0303": b"\3\3" + bytes(46),
        "of-1-byte": b"\1",
        "of-2-bytes": b"\1\1",
        "of-47-bytes": b"\1\1" + bytes(45),
        "of-49-bytes": b"\1\1" + bytes(47),
        "of-96-bytes": b"\1\1" + bytes(94),
    }.items():
        yield Misdeed(
            f"client/ecc/secret-{name}", "6.4.5.8", "client",
            edited(
                "ClientKeyExchange",
                lambda _, __, secret=secret: _sized(key.encrypt(secret)),  # type: ignore[misc]
            ),
            BAD_MAC, tuple(ECC),
        )  # fmt: skip
