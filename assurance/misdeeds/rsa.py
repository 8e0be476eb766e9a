"""RSA suites: ciphertexts as Bleichenbacher sends them, and signatures of other forms.

Every ciphertext that is not right ends alike, at Finished, whatever is wrong inside.

Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8, 6.4.5.9; RFC 5246 7.4.7.1; RFC 8017 7.2.2, 8.2.2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from assurance.adversary_peer import Offender
from assurance.misdeed import BAD_MAC, DECODE, DECRYPT, Act, Misdeed, Role, edited
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.suites import RSA_SUITES
from tlcp.wire.messages import Certificate

_SUITES: Final = tuple(RSA_SUITES)
_SIZE: Final = 256  # bytes of the keys
_SECRET: Final = b"\1\1" + bytes(range(46))


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    yield from _paddings()
    yield from _ciphertexts()
    yield from _signatures()


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _victims_key(peer: Offender) -> rsa.RSAPublicNumbers:
    """The key of the server's encryption certificate, as it has come."""
    der = peer.heard.one(Certificate).certificates[1]
    key = x509.load_der_x509_certificate(der).public_key()
    return cast("rsa.RSAPublicKey", key).public_numbers()


def _raw(peer: Offender, block: bytes) -> bytes:
    """A block encrypted as it is."""
    numbers = _victims_key(peer)
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(_SIZE, "big")


def _row(name: str, make: Callable[[Offender, bytes], bytes]) -> Misdeed:
    act = edited("ClientKeyExchange", lambda peer, body: _sized(make(peer, body[2:])))
    return Misdeed(f"client/rsa/{name}", "6.4.5.8", "client", act, BAD_MAC, _SUITES)


def _filled(start: bytes, secret: bytes, *, filler: bytes = b"\xaa", zero: bytes = b"\0") -> bytes:
    count = _SIZE - len(start) - len(zero) - len(secret)
    return start + filler * count + zero + secret


def _paddings() -> Iterator[Misdeed]:
    """Blocks that are not as RFC 8017 7.2 has them, and secrets of other kinds in good ones."""
    good = _filled(b"\0\2", _SECRET)
    blocks = {
        "padding-type-1": _filled(b"\0\1", _SECRET, filler=b"\xff"),
        "padding-type-0": _filled(b"\0\0", _SECRET),
        "padding-first-byte-1": b"\1" + good[1:],
        "padding-type-255": _filled(b"\0\xff", _SECRET),
        "padding-without-zero": _filled(b"\0\2", _SECRET, zero=b"\xaa").replace(b"\0", b"\xaa"),
        "padding-of-7-bytes": b"\0\2" + b"\xaa" * 7 + b"\0" + b"\xbb" * (_SIZE - 10),
        "padding-of-0-bytes": b"\0\2\0" + b"\xbb" * (_SIZE - 3),
        "padding-zero-in-its-first-byte": b"\0\2\0" + good[3:],
        "padding-zero-in-its-eighth-byte": good[:9] + b"\0" + good[10:],
        "padding-zero-a-byte-early": _filled(b"\0\2", b"\0" + _SECRET),
        "padding-zero-a-byte-late": _filled(b"\0\2", _SECRET[1:]),
        "padding-zero-at-the-end": _filled(b"\0\2", b""),
        "secret-of-1-byte": _filled(b"\0\2", b"\1"),
        "secret-of-47-bytes": _filled(b"\0\2", _SECRET[:-1]),
        "secret-of-49-bytes": _filled(b"\0\2", _SECRET + b"\0"),
        "secret-of-245-bytes": _filled(b"\0\2", _SECRET + b"x" * 197),
        "secret-of-version-0303": _filled(b"\0\2", b"\3\3" + _SECRET[2:]),
        "secret-of-version-0100": _filled(b"\0\2", b"\1\0" + _SECRET[2:]),
        "secret-of-version-0000": _filled(b"\0\2", bytes(48)),
    }
    for name, block in blocks.items():
        yield _row(name, lambda peer, _, block=block: _raw(peer, block))  # type: ignore[misc]


def _ciphertexts() -> Iterator[Misdeed]:
    """Numbers that are no ciphertexts, or not as long as the key."""

    def number(make: Callable[[int], int]) -> Callable[[Offender, bytes], bytes]:
        return lambda peer, _: make(_victims_key(peer).n).to_bytes(_SIZE, "big")

    rows: dict[str, Callable[[Offender, bytes], bytes]] = {
        "ciphertext-0": number(lambda _: 0),
        "ciphertext-1": number(lambda _: 1),
        "ciphertext-n-minus-1": number(lambda n: n - 1),
        "ciphertext-n": number(lambda n: n),
        "ciphertext-n-plus-1": number(lambda n: n + 1),
        "ciphertext-of-all-ones": number(lambda _: 2 ** (8 * _SIZE) - 1),
        "ciphertext-a-byte-short": lambda _, own: own[:-1],
        "ciphertext-a-byte-long": lambda _, own: own + b"\0",
        "ciphertext-a-zero-in-front": lambda _, own: b"\0" + own,
        "ciphertext-half": lambda _, own: own[: _SIZE // 2],
        "ciphertext-twice": lambda _, own: own * 2,
        "ciphertext-of-1-byte": lambda *_: b"\1",
        "ciphertext-times-2-to-the-e": lambda peer, own: _multiplied(peer, own, 2),
    }
    for name, make in rows.items():
        yield _row(name, make)
    for at in (0, 1, 127, 254, 255):
        yield _row(
            f"ciphertext-bit-of-byte-{at:03}",
            lambda _, own, at=at: own[:at] + bytes((own[at] ^ 1,)) + own[at + 1 :],  # type: ignore[misc]
        )
    for name, body in {"empty": b"\0\0", "without-length": b"", "past-the-end": b"\1\1x"}.items():
        yield Misdeed(
            f"client/rsa/body-{name}", "6.4.5.8", "client",
            edited("ClientKeyExchange", lambda _, __, body=body: body), DECODE, _SUITES,  # type: ignore[misc]
        )  # fmt: skip


def _multiplied(peer: Offender, own: bytes, factor: int) -> bytes:
    """Bleichenbacher's step: another plaintext, made without knowing the first."""
    numbers = _victims_key(peer)
    moved = int.from_bytes(own, "big") * pow(factor, numbers.e, numbers.n) % numbers.n
    return moved.to_bytes(_SIZE, "big")


# ---- signatures -----------------------------------------------------------------------------


def _signatures() -> Iterator[Misdeed]:
    """What is signed is right; how it is signed is not."""
    rows: dict[str, Callable[[Offender, bytes], bytes]] = {
        "empty": lambda *_: b"",
        "zeros": lambda _, own: bytes(len(own)),
        "ones": lambda _, own: b"\xff" * len(own),
        "one": lambda _, own: bytes(len(own) - 1) + b"\1",
        "cut": lambda _, own: own[:-1],
        "a-byte-long": lambda _, own: own + b"\0",
        "a-zero-in-front": lambda _, own: b"\0" + own,
        "first-bit": lambda _, own: bytes((own[0] ^ 1,)) + own[1:],
        "last-bit": lambda _, own: own[:-1] + bytes((own[-1] ^ 1,)),
        "over-nothing": lambda peer, _: _signed(peer, hashes.SHA256(), b""),
        "of-sm2-form": lambda *_: b"\x30\6\2\1\1\2\1\1",
    }
    roles: tuple[tuple[Role, str, str], ...] = (
        ("client", "CertificateVerify", "6.4.5.9"),
        ("server", "ServerKeyExchange", "6.4.5.4"),
    )
    for role, message, section in roles:
        for name, change in rows.items():
            yield Misdeed(
                f"{role}/rsa/{message}-{name}", section, role, _with_signature(message, change),
                DECRYPT, _SUITES,
            )  # fmt: skip
    forms: dict[str, Callable[[Offender, bytes], bytes]] = {
        "sha384": lambda peer, text: _signed(peer, hashes.SHA384(), text),
        "sha1": lambda peer, text: _signed(peer, hashes.SHA1(), text),  # noqa: S303
        "pss": lambda peer, text: _key(peer).sign(
            text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
        ),
    }
    for name, form in forms.items():
        yield Misdeed(
            f"server/rsa/ServerKeyExchange-of-{name}", "6.4.5.4", "server",
            _with_signature("ServerKeyExchange", lambda p, _, form=form: form(p, _due(p))),  # type: ignore[misc]
            DECRYPT, _SUITES,
        )  # fmt: skip


def _with_signature(message: str, change: Callable[[Offender, bytes], bytes]) -> Act:
    return edited(message, lambda peer, body: _sized(change(peer, body[2:])))


def _due(peer: Offender) -> bytes:
    """What a server has to sign."""
    if peer.identity is None or peer.identity.enc_cert is None:
        raise AssertionError("a server has a pair")
    enc = peer.identity.enc_cert.der
    return peer.randoms + len(enc).to_bytes(3, "big") + enc


def _key(peer: Offender) -> rsa.RSAPrivateKey:
    own = peer.identity.sign_key if peer.identity is not None else None
    if not isinstance(own, RSAPrivateKey):
        raise AssertionError("this is about RSA keys")
    made = serialization.load_der_private_key(own.dangerous_pkcs8(), None)
    return cast("rsa.RSAPrivateKey", made)


def _signed(peer: Offender, kind: hashes.HashAlgorithm, text: bytes) -> bytes:
    return _key(peer).sign(text, padding.PKCS1v15(), kind)
