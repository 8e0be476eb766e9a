"""Lists of certificates: empty, huge, cyclic, cut, and of certificates that are not to be believed.

Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.7; GB/T 20518-2018; RFC 5280 6.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import rsa

from assurance.misdeed import (
    CERTIFICATE,
    DECODE,
    ECC,
    ECDHE,
    FINE,
    OVERFLOW,
    ROLES,
    Act,
    Expected,
    Misdeed,
    Role,
    edited,
    honest,
)
from chains.making import Cert, build, ca, private_key, root
from support.ends import HOST, world
from support.mutants import forged_identity
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.errors import CertificateProblem as P
from tlcp.errors import CertificateRequired
from tlcp.suites import RSA_SUITES, CipherSuite, KeyKind
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

_REQUIRED: Final = Expected(CertificateRequired, A.HANDSHAKE_FAILURE)
_SIGN_USES: Final = ("digitalSignature", "nonRepudiation")
_ENC_USES: Final = ("keyEncipherment", "dataEncipherment", "keyAgreement")


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for role in ROLES:
        yield from _lists(role)
        yield from _damaged(role)
        yield from _unbelievable(role)
        yield from _many(role)


def _entry(der: bytes) -> bytes:
    return len(der).to_bytes(3, "big") + der


def _listed(ders: Sequence[bytes]) -> bytes:
    return _entry(b"".join(map(_entry, ders)))


def _split(body: bytes) -> list[bytes]:
    """The certificates of a body."""
    found, at = [], 3
    while at < len(body):
        size = int.from_bytes(body[at : at + 3], "big")
        found.append(body[at + 3 : at + 3 + size])
        at += 3 + size
    return found


def _with_list(edit: Callable[[list[bytes]], Sequence[bytes]]) -> Act:
    return edited("Certificate", lambda _, body: _listed(edit(_split(body))))


def _row(role: Role, name: str, act: Act, end: Expected, **more: Any) -> Misdeed:
    section = "6.4.5.7" if role == "client" else "6.4.5.3"
    return Misdeed(f"{role}/certificate/{name}", section, role, act, end, **more)


# ---- the list ----------------------------------------------------------------------------------


def _lists(role: Role) -> Iterator[Misdeed]:
    """Its lengths, and who is in it."""
    bodies: dict[str, tuple[Callable[[bytes], bytes], Expected]] = {
        "body-empty": (lambda _: b"", DECODE),
        "list-length-cut": (lambda _: b"\0\0", DECODE),
        "list-too-long": (lambda b: (len(b) - 2).to_bytes(3, "big") + b[3:], DECODE),
        "list-too-short": (lambda b: (len(b) - 4).to_bytes(3, "big") + b[3:], DECODE),
        "list-of-all-ones": (lambda b: b"\xff\xff\xff" + b[3:], DECODE),
        "first-entry-too-long": (lambda b: b[:3] + b"\xff\xff\xff" + b[6:], DECODE),
        "first-entry-of-one-more": (
            lambda b: b[:3] + (int.from_bytes(b[3:6], "big") + 1).to_bytes(3, "big") + b[6:],
            DECODE),
        "empty-entry": (lambda _: _listed([b""]), DECODE),
        "empty-entry-behind": (lambda b: _listed([*_split(b), b""]), DECODE),
        "trailing-byte": (lambda b: b + b"\0", DECODE),
        "trailing-byte-in-the-list": (lambda b: _entry(b[3:] + b"\0"), DECODE),
    }  # fmt: skip
    for name, (change, end) in bodies.items():
        act = edited("Certificate", lambda _, body, change=change: change(body))  # type: ignore[misc]
        yield _row(role, f"list/{name}", act, end)
    nobody = _with_list(lambda _: [])
    if role == "client":
        yield _row(role, "list/empty", nobody, _REQUIRED)
        yield _row(role, "list/empty-where-it-need-not-be-in-ecdhe", nobody, _REQUIRED,
                   suites=tuple(ECDHE), victim={"client_auth": ClientAuth.NONE})  # fmt: skip
    else:
        yield _row(role, "list/empty", nobody, CERTIFICATE(P.NOT_A_PAIR))
    one = _with_list(lambda found: found[:1])
    needs_two = tuple(ECDHE) if role == "client" else (*ECC, *ECDHE)
    yield _row(role, "list/signing-alone", one, CERTIFICATE(P.NOT_A_PAIR), suites=needs_two)
    if role == "client":
        yield _row(role, "list/signing-alone-in-ecc", one, FINE, suites=tuple(ECC))
    other = _with_list(lambda found: found[1:])
    yield _row(role, "list/encryption-alone", other, CERTIFICATE(P.NOT_A_PAIR), suites=needs_two)
    if role == "client":
        yield _row(role, "list/encryption-alone-in-ecc", other, CERTIFICATE(P.WRONG_USAGE),
                   suites=tuple(ECC))  # fmt: skip
    rows: dict[str, tuple[Callable[[list[bytes]], list[bytes]], Expected]] = {
        "swapped": (lambda found: found[::-1], CERTIFICATE(P.WRONG_USAGE)),
        "signing-twice": (lambda found: [found[0], found[0]], CERTIFICATE(P.WRONG_USAGE)),
        "encryption-twice": (lambda found: [found[1], found[1]], CERTIFICATE(P.WRONG_USAGE)),
        "garbage-behind": (lambda found: [*found, b"garbage"], CERTIFICATE(P.MALFORMED)),
        "the-root-behind": (lambda found: [*found, world().ca.certificate.der], FINE),
        "the-pair-twice": (lambda found: found * 2, FINE),
        "a-stranger-behind": (lambda found: [*found, world().stranger.certificate.der], FINE),
        "one-of-70000-bytes": (lambda found: [*found, bytes(70000)], OVERFLOW),
        "one-of-60000-bytes": (
            lambda found: [*found, b"\x30\x82\xea\x60" + bytes(60000)], CERTIFICATE(P.MALFORMED)),
        "20000-of-1-byte": (lambda _: [b"x"] * 20000, OVERFLOW),
        "32-in-all": (lambda found: [*found, *[world().ca.certificate.der] * 30], FINE),
        "33-in-all": (
            lambda found: [*found, *[world().ca.certificate.der] * 31],
            CERTIFICATE(P.CHAIN_TOO_LONG),
        ),
        "16000-of-1-byte": (lambda _: [b"x"] * 16000, CERTIFICATE(P.CHAIN_TOO_LONG)),
    }  # fmt: skip
    for name, (edit, end) in rows.items():
        yield _row(role, f"list/{name}", _with_list(edit), end)


# ---- damaged certificates --------------------------------------------------------------------


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda der: der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :]


_DAMAGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "garbage": lambda _: b"garbage",
    "one-byte": lambda _: b"\x30",
    "empty-sequence": lambda _: b"\x30\0",
    "zeros": lambda der: bytes(len(der)),
    "cut-by-a-byte": lambda der: der[:-1],
    "cut-in-half": lambda der: der[: len(der) // 2],
    "trailing-byte": lambda der: der + b"\0",
    "trailing-byte-inside": lambda der: _relength(der, der[4:] + b"\0"),
    "indefinite": lambda der: b"\x30\x80" + der[4:] + b"\0\0",
    "non-minimal-length": lambda der: b"\x30\x83\0" + der[2:],
    "length-too-long": lambda der: b"\x30\x82\xff\xff" + der[4:],
    "length-of-4-gib": lambda der: b"\x30\x84\xff\xff\xff\xff" + der[4:],
    "length-of-2-to-the-1000": lambda der: b"\x30\xfe" + b"\xff" * 126 + der[4:],
    "inner-length-too-long": lambda der: der[:6] + b"\xff\xff" + der[8:],
    "a-set": lambda der: b"\x31" + der[1:],
    "nested-5000-deep": lambda _: b"\x30\x82\x13\x88" * 5000,
}


def _relength(_: bytes, contents: bytes) -> bytes:
    return b"\x30\x82" + len(contents).to_bytes(2, "big") + contents


def _damaged(role: Role) -> Iterator[Misdeed]:
    for which, at in (("signing", 0), ("encryption", 1)):
        for name, damage in _DAMAGES.items():

            def edit(
                found: list[bytes], at: int = at, damage: Callable[[bytes], bytes] = damage
            ) -> list[bytes]:
                return [*found[:at], damage(found[at]), *found[at + 1 :]]

            yield _row(role, f"der/{which}-{name}", _with_list(edit), CERTIFICATE(P.MALFORMED))
        for place in (-1, -30):  # in s of the signature

            def forged(found: list[bytes], at: int = at, place: int = place) -> list[bytes]:
                changed = bytearray(found[at])
                changed[place] ^= 1
                return [*found[:at], bytes(changed), *found[at + 1 :]]

            yield _row(
                role, f"der/{which}-signature-changed-at-{-place}", _with_list(forged),
                CERTIFICATE(P.BAD_SIGNATURE),
            )  # fmt: skip


# ---- certificates that are not to be believed ---------------------------------------------------


@dataclass(frozen=True)
class _Chain:
    """A pair and what is sent above it; ``ends`` are changes of both, of one, or of the other."""

    end: Expected
    both: dict[str, Any]
    sign: dict[str, Any]
    enc: dict[str, Any]
    above: tuple[Cert, ...] = ()
    anchors: tuple[Cert, ...] = (root(),)
    roles: tuple[Role, ...] = ROLES
    unsent: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    made: dict[KeyKind, dict[str, Certificate]] = field(default_factory=dict)

    def make(self, kind: KeyKind) -> dict[str, Certificate]:
        """Every certificate by its name, of keys of that kind where nothing else is said."""
        if kind not in self.made:
            base = Cert("x", "Root", dn="CN=leaf", eku=("server", "client"), san=(f"dns:{HOST}",))
            pair = {
                "sign": replace(
                    base, name="sign", **({"uses": _SIGN_USES} | self.both | self.sign)
                ),
                "enc": replace(base, name="enc", **({"uses": _ENC_USES} | self.both | self.enc)),
            }
            certs = pair | {cert.name: cert for cert in (*self.above, *self.anchors)}
            certs = {name: _of_kind(cert, kind) for name, cert in certs.items()}
            names = {cert.signer for cert in certs.values()} - {"", *certs}
            signers = certs | {name: _of_kind(Cert(name), kind) for name in names}
            self.made[kind] = {name: build(cert, signers, "sm2") for name, cert in certs.items()}
        return self.made[kind]

    def who(self, suite: CipherSuite) -> tuple[TrustStore, Identity]:
        """The anchors; and the pair with its keys, and what is sent above it."""
        made = self.make(suite.key_kind)
        sent = [cert for cert in self.above if cert.name not in self.unsent]
        return TrustStore(made[cert.name] for cert in self.anchors), forged_identity(
            world().server,
            sign_cert=made["sign"],
            sign_key=_key("sign", suite.key_kind),
            enc_cert=made["enc"],
            enc_key=_key("enc", suite.key_kind),
            chain=tuple(made[cert.name] for cert in sent),
        )


def _of_kind(cert: Cert, kind: KeyKind) -> Cert:
    return replace(cert, type=cert.type or ("rsa" if kind is KeyKind.RSA else "sm2"))


def _key(name: str, kind: KeyKind) -> Any:
    if kind is KeyKind.RSA:
        return RSAPrivateKey(cast("rsa.RSAPrivateKey", private_key(name, "rsa")))
    return private_key(name, "sm2")


def _chain(
    end: Expected | P,
    *above: Cert,
    both: dict[str, Any] | None = None,
    sign: dict[str, Any] | None = None,
    enc: dict[str, Any] | None = None,
    **more: Any,
) -> _Chain:
    wanted = CERTIFICATE(end) if isinstance(end, P) else end
    return _Chain(wanted, both or {}, sign or {}, enc or {}, above, **more)


_BY_SUB: Final = {"issuer": "Sub"}
_SERVERS: Final[tuple[Role, ...]] = ("server",)
_CHAINS: Final[dict[str, _Chain]] = {
    "fine": _chain(FINE),
    "fine-below-an-intermediate": _chain(FINE, ca(), both=_BY_SUB),
    "intermediate-not-sent": _chain(P.UNKNOWN_CA, ca(), both=_BY_SUB, unsent=("Sub",)),
    "unknown-root": _chain(P.UNKNOWN_CA, root("Other"), both={"issuer": "Other"}),
    "unknown-root-of-the-right-name": _chain(
        P.BAD_SIGNATURE, root("Other", dn="CN=Root"), both={"issuer": "Other"}),
    "self-signed": _chain(P.SELF_SIGNED, sign={"issuer": "", "issuer_dn": "CN=leaf"}),
    "signed-by-a-stranger": _chain(P.BAD_SIGNATURE, both={"signer": "Mallory"}),
    "encryption-signed-by-a-stranger": _chain(P.BAD_SIGNATURE, enc={"signer": "Mallory"}),
    "intermediate-signed-by-a-stranger": _chain(
        P.BAD_SIGNATURE, ca(signer="Mallory"), both=_BY_SUB),
    "signing-expired": _chain(P.EXPIRED, sign={"begin": -9, "end": -1}),
    "encryption-expired": _chain(P.EXPIRED, enc={"begin": -9, "end": -1}),
    "intermediate-expired": _chain(P.EXPIRED, ca(begin=-9, end=-1), both=_BY_SUB),
    "signing-not-yet-valid": _chain(P.NOT_YET_VALID, sign={"begin": 1, "end": 9}),
    "encryption-not-yet-valid": _chain(P.NOT_YET_VALID, enc={"begin": 1, "end": 9}),
    "other-host": _chain(
        P.HOSTNAME_MISMATCH, both={"san": ("dns:other.example",)}, roles=_SERVERS),
    "other-host-in-encryption": _chain(
        P.HOSTNAME_MISMATCH, enc={"san": ("dns:other.example",)}, roles=_SERVERS),
    "host-with-nul": _chain(
        P.HOSTNAME_MISMATCH, both={"san": (f"dns:{HOST}\0.mallory.example",)}, roles=_SERVERS),
    "host-in-cn-alone": _chain(
        P.HOSTNAME_MISMATCH, both={"san": (), "dn": f"CN={HOST}"}, roles=_SERVERS),
    "wildcard-of-everything": _chain(
        P.HOSTNAME_MISMATCH, both={"san": ("dns:*",)}, roles=_SERVERS),
    "wildcard-of-a-top-level-domain": _chain(
        P.HOSTNAME_MISMATCH, both={"san": ("dns:*.example",)}, roles=_SERVERS),
    "encryption-of-someone-else": _chain(P.NOT_A_PAIR, enc={"dn": "CN=other"}),
    "signing-without-digitalSignature": _chain(P.WRONG_USAGE, sign={"uses": ("cRLSign",)}),
    "encryption-for-signatures": _chain(P.WRONG_USAGE, enc={"uses": _SIGN_USES}),
    "signing-for-encryption": _chain(P.WRONG_USAGE, sign={"uses": _ENC_USES}),
    "for-code-alone": _chain(P.WRONG_USAGE, both={"eku": ("code",)}),
    "a-client-s-as-a-server": _chain(P.WRONG_USAGE, both={"eku": ("client",)}, roles=_SERVERS),
    "a-server-s-as-a-client": _chain(P.WRONG_USAGE, both={"eku": ("server",)}, roles=("client",)),
    "intermediate-that-is-no-ca": _chain(P.INVALID_CA, ca(ca=False), both=_BY_SUB),
    "intermediate-without-constraints": _chain(P.INVALID_CA, ca(ca=None), both=_BY_SUB),
    "intermediate-without-keyCertSign": _chain(P.INVALID_CA, ca(uses=("cRLSign",)), both=_BY_SUB),
    "intermediate-of-version-1": _chain(
        P.INVALID_CA, ca(version=1, ca=None, uses=None), both=_BY_SUB),
    "issued-by-an-end": _chain(
        P.INVALID_CA, Cert("End", "Root", uses=_SIGN_USES), both={"issuer": "End"}),
    "path-too-long": _chain(
        P.PATH_LENGTH_EXCEEDED, ca("Sub", "Top"), ca("Top", path_length=0), both=_BY_SUB),
    "cyclic": _chain(P.UNKNOWN_CA, ca("Sub", "Top"), ca("Top", "Sub"), both=_BY_SUB),
    "cyclic-of-three": _chain(
        P.UNKNOWN_CA, ca("Sub", "B"), ca("B", "C"), ca("C", "Sub"), both=_BY_SUB),
    "its-own-issuer": _chain(
        P.UNKNOWN_CA, ca("Sub", "Sub"), both=_BY_SUB),
    "name-not-permitted": _chain(
        P.NAME_NOT_PERMITTED, ca(permit=("dns:mallory.example",)), both=_BY_SUB),
    "name-excluded": _chain(P.NAME_EXCLUDED, ca(exclude=("dns:example",)), both=_BY_SUB),
    "unknown-critical-extension": _chain(
        P.UNHANDLED_CRITICAL_EXTENSION, both={"raw": (("1.2.3.4.5", True, b"\5\0"),)}),
    "unknown-critical-extension-of-a-ca": _chain(
        P.UNHANDLED_CRITICAL_EXTENSION, ca(raw=(("1.2.3.4.5", True, b"\5\0"),)), both=_BY_SUB),
    "unknown-extension": _chain(FINE, both={"raw": (("1.2.3.4.5", False, b"\5\0"),)}),
    "key-of-another-curve": _chain(P.UNSUPPORTED_KEY, sign={"type": "p256"}),
    "key-of-rsa": _chain(P.UNSUPPORTED_KEY, enc={"type": "rsa"}, more={"only_these": True}),
    "key-of-sm2": _chain(
        P.UNSUPPORTED_KEY, enc={"type": "sm2"}, more={"suites": tuple(RSA_SUITES)}),
}  # fmt: skip


def _unbelievable(role: Role) -> Iterator[Misdeed]:
    for name, chain in _CHAINS.items():
        if role in chain.roles:
            yield _row(role, f"chain/{name}", honest, chain.end, who=chain.who, **chain.more)


# ---- lists that cost --------------------------------------------------------------------------


def _many(role: Role) -> Iterator[Misdeed]:
    """Long chains, and many that look alike: bounded work, and no answer but a refusal."""
    deep = [ca(f"L{i}", f"L{i + 1}", key=f"Sub{i % 4}") for i in range(25)] + [ca("L25")]
    alike = [ca(f"Sub{i}", "Gone", dn="CN=Sub", key=f"Sub{i % 4}") for i in range(30)]
    rows = {
        "26-intermediates": _chain(P.CHAIN_TOO_LONG, *deep, both={"issuer": "L0"}),
        "30-look-alikes": _chain(P.BAD_SIGNATURE, *alike, both={"issuer": "Sub0"}),
        "4-that-issue-each-other": _chain(
            P.UNKNOWN_CA,
            *(ca(f"{a}{b}", dn=f"CN={a}", key=a, issuer_dn=f"CN={b}", signer=b)
              for a in "ABCD" for b in "ABCD" if a != b),
            both={"issuer": "AB"},
        ),
    }  # fmt: skip
    for name, chain in rows.items():
        yield _row(role, f"many/{name}", honest, chain.end, who=chain.who)
