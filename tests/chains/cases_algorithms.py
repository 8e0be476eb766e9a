"""Keys and signatures, each of its own kind, and the mixtures of them."""

from __future__ import annotations

from chains import der
from chains.case import Case, Problem
from chains.making import KeyType, ca, leaf, root

_KEYS = "GB/T 38636-2020 6.4.5.3; RFC 5280 6.1.3 (a)(1): keys and algorithms that are taken"
_SHORT = "RSA of 2048 bits and more, ECDSA on P-256 and P-384"
_HASH = "SHA-256 and better, SM3"
_PARAMETERS = "RFC 5758 3.2, RFC 4055 5; SM2 as in the field"
_MIXED = "an SM2 certificate stands under SM2 alone, unless mixed chains are asked for"

_NO = Problem.UNSUPPORTED_KEY
_GOOD: tuple[KeyType, ...] = ("sm2", "p256", "p384", "rsa")

_EC, _P256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7"


def _spki(parameters: bytes, algorithm: str, point: bytes) -> bytes:
    return der.sequence(der.sequence(der.oid(algorithm), parameters), der.bits(point))


#: keys that cannot be used, whose certificate can be read
_BROKEN = {
    "RSA without a key": (_spki(b"\5\0", "1.2.840.113549.1.1.1", b""), Problem.MALFORMED),
    "RSA with something else": (
        _spki(b"\5\0", "1.2.840.113549.1.1.1", b"\x30\3\2\1\1"),
        Problem.MALFORMED,
    ),
    "P-256 off the curve": (
        _spki(der.oid(_P256), _EC, b"\4" + b"\1" * 64),
        Problem.MALFORMED,
    ),
    "P-256 compressed": (_spki(der.oid(_P256), _EC, b"\2" + b"\1" * 32), _NO),
    "a named curve of nobody": (_spki(der.oid("1.2.3"), _EC, b"\4" + b"\1" * 64), _NO),
    "Ed25519": (_spki(b"", "1.3.101.112", b"\1" * 32), _NO),
    "SM2 off the curve": (
        _spki(der.oid("1.2.156.10197.1.301"), _EC, b"\4" + b"\1" * 64),
        Problem.MALFORMED,
    ),
    "SM2 under an identifier of its own": (
        _spki(der.oid("1.2.156.10197.1.301"), "1.2.156.10197.1.301.3", b"\4" + b"\1" * 64),
        _NO,
    ),
}

CASES = (
    *(Case(f"{end} below {above}", _KEYS, [root(type=above), leaf(type=end)],
           mixed=True) for end in _GOOD for above in _GOOD),
    *(Case(f"SM2 below {above}", _MIXED, [root(type=above), leaf(type="sm2")], _NO,
           text="SM2 with SM3 (1.2.156.10197.1.501) all the way") for above in _GOOD[1:]),
    *(Case(f"{end} below SM2, no mixture asked for", _MIXED, [root(type="sm2"), leaf(type=end)])
      for end in _GOOD[1:]),
    *(Case(f"SM2 below SM2 below {above}", _MIXED,
           [root(type=above), ca("A", type="sm2"), leaf("A", type="sm2")], _NO)
      for above in _GOOD[1:]),
    Case("SM2 below SM2, RSA root of the same name", _MIXED,
         [root("Root rsa", dn="CN=Root", type="rsa"), root(type="sm2"), leaf(type="sm2")],
         path=("leaf", "Root")),
    Case("a chain of all kinds", _KEYS,
         [root(type="rsa"), ca("A", type="p384"), ca("B", "A", type="sm2"),
          ca("C", "B", type="p256"), leaf("C", type="rsa")], path=("leaf", "C", "B", "A", "Root")),
    # hashes
    *(Case(f"leaf signed with {name}", _HASH,
           [root(type="rsa" if name.startswith("rsa") else "p256"),
            leaf(type="p256", algorithm=name)], None if fine else _NO,
           text="" if fine else "is signed with")
      for name, fine in (("ecdsa-sha1", False), ("ecdsa-sha224", False), ("ecdsa-sha256", True),
                         ("ecdsa-sha384", True), ("ecdsa-sha512", True), ("rsa-sha1", False),
                         ("rsa-sha256", True), ("rsa-sha384", True), ("rsa-sha512", True))),
    Case("intermediate signed with SHA-1", _HASH,
         [root(type="rsa"), ca("A", type="p256", algorithm="rsa-sha1"), leaf("A", type="p256")],
         _NO, text="CN=A is signed with sha1WithRSAEncryption"),
    Case("root signed with SHA-1", "RFC 5280 6.1: the anchor's signature is not looked at",
         [root(type="rsa", algorithm="rsa-sha1"), leaf(type="p256")]),
    Case("SHA-1 alternative beside a good one", _HASH,
         [root(type="rsa"), ca("A1", dn="CN=A", key="A", type="p256", algorithm="rsa-sha1"),
          ca("A2", dn="CN=A", key="A", type="p256"), leaf("A2", type="p256")],
         path=("leaf", "A2", "Root")),
    # keys
    Case("leaf with RSA of 1024 bits", _SHORT, [root(type="rsa"), leaf(type="rsa1024")], _NO,
         text="1024 bits; want 2048"),
    Case("intermediate with RSA of 1024 bits", _SHORT,
         [root(type="rsa"), ca("A", type="rsa1024"), leaf("A", type="rsa")], _NO),
    Case("leaf on P-521", _SHORT, [root(type="p256"), leaf(type="p521")], _NO),
    Case("intermediate on P-521", _SHORT,
         [root(type="p256"), ca("A", type="p521"), leaf("A", type="p256")], _NO),
    *(Case(f"leaf with {name}", _KEYS, [root(type="p256"), leaf(type="p256", key_info=info)],
           wanted) for name, (info, wanted) in _BROKEN.items()),
    *(Case(f"intermediate with {name}", _KEYS,
           [root(type="p256"), ca("A", type="p256", key_info=info), leaf("A", type="p256")],
           wanted) for name, (info, wanted) in _BROKEN.items()),
    *(Case(f"an alternative with {name}", _KEYS,
           [root(type="p256"), ca("A1", dn="CN=A", key="A", type="p256", key_info=info),
            ca("A2", dn="CN=A", key="A", type="p256"), leaf("A2", type="p256")],
           path=("leaf", "A2", "Root")) for name, (info, _) in _BROKEN.items()),
    # parameters
    Case("SM2 with NULL", _PARAMETERS,
         [root(type="sm2"), leaf(type="sm2", algorithm="sm2-sm3-null")]),
    Case("signed with the right hash of the wrong key", _KEYS,
         [root(type="p256"), leaf(type="p256", signer="another")], Problem.BAD_SIGNATURE),
)  # fmt: skip
