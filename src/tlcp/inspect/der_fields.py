"""What lies inside fields that hold ASN.1: certificates, names, SM2 signatures and ciphertexts.

Whatever a peer sends is taken as far as it can be read; behind that there are no fields.

Spec: RFC 5280 4.1; GB/T 35276-2017 7.2, 7.3
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

from cryptography import x509

from tlcp.crypto.der import contents_at, encode_element
from tlcp.inspect.field import Field
from tlcp.x509.algorithms import SIGNATURE_SCHEMES

__all__ = ["inside_der", "name_text"]

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID = 0x02, 0x03, 0x04, 0x06
_SEQUENCE, _SET = 0x30, 0x31
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_UNIQUE_IDS = {0x81: "issuer_id", 0x82: "subject_id"}
_TYPES = {
    0x01: "BOOLEAN", _INTEGER: "INTEGER", _BIT_STRING: "BIT STRING", _OCTET_STRING: "OCTET STRING",
    0x05: "NULL", _OID: "OBJECT IDENTIFIER", 0x17: "UTCTime", 0x18: "GeneralizedTime",
    _SEQUENCE: "SEQUENCE", _SET: "SET",
}  # fmt: skip
_TIME = re.compile(rb"(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")
_MOST = 64  # parts of one name, extensions of one certificate
_MOST_ITEMS = 32  # certificates, and names, of one message
_POINT_BYTES, _COORDINATE_BYTES = 65, 32
#: what the standard library of names does not know
_OIDS = {
    "1.2.156.10197.1.301": "SM2",
    "1.2.156.10197.1.501": "SM2 with SM3",
    "1.2.840.10045.2.1": "EC public key",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.2.840.113549.1.1.1": "RSA",
}


def inside_der(path: str, content: bytes, start: int) -> list[Field]:
    """The fields inside a field, none if nothing is known of it or it cannot be read.

    Args:
        path: of the field.
        content: what follows its length.
        start: where the content begins in the message.
    """
    for pattern, take_apart in _KNOWN:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if found.lastindex and int(found[found.lastindex]) >= _MOST_ITEMS:
            return []
        inside = take_apart(content)
        return [
            Field(path + one.path, one.start + start, one.end + start, one.value, one.label)
            for one in inside
        ]
    return []


class _Walk:
    """Collects fields of elements; their paths begin with "." or "["."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.found: list[Field] = []

    def add(self, path: str, start: int, end: int, value: int | str | None, label: str) -> None:
        self.found.append(Field(path, start, end, value, label))

    def enter(self, path: str, at: int, *wrapped: int) -> tuple[int, int]:
        """The header of an element, and of those in ``wrapped`` that it is made of alone.

        Returns:
            Where the contents of the innermost begin, and end.
        """
        begin, end = contents_at(self.data, at)
        kinds = [self.data[at]]
        for tag in wrapped:
            if begin >= end or self.data[begin] != tag:
                raise ValueError(path)
            kinds.append(tag)
            begin, end = contents_at(self.data[:end], begin)
        said = " > ".join(_TYPES.get(kind, f"[{kind & 0x1F}]") for kind in kinds)
        self.add(f"{path}.header", at, begin, self.data[at:begin].hex(), f"{said} ({end - begin})")
        return begin, end

    def whole(self, path: str, at: int, tag: int, label: str = "") -> tuple[int, int]:
        """An element that is made of others."""
        self._expect(path, at, tag)
        _, end = contents_at(self.data, at)
        self.add(path, at, end, None, label)
        return self.enter(path, at)

    def leaf(self, path: str, at: int, tag: int | None = None, label: str = "") -> int:
        """An element with a value, the header not told apart; where it ends."""
        if tag is not None:
            self._expect(path, at, tag)
        begin, end = contents_at(self.data, at)
        self.add(path, at, end, self.data[begin:end].hex(), label)
        return end

    def number(self, path: str, at: int, tag: int) -> int:
        """A leaf with a header of its own."""
        end = self.leaf(path, at, tag)
        self.enter(path, at)
        return end

    def _expect(self, path: str, at: int, tag: int) -> None:
        if at >= len(self.data) or self.data[at] != tag:
            raise ValueError(path)


def _reads(walk: Callable[[_Walk], None]) -> Callable[[bytes], list[Field]]:
    """A function that walks over bytes, up to where they cannot be read."""

    def read(content: bytes) -> list[Field]:
        steps = _Walk(content)
        with contextlib.suppress(ValueError):
            walk(steps)
        return steps.found

    return read


# ---- SM2 -----------------------------------------------------------------------------------


def _ciphertext(walk: _Walk) -> None:
    """Spec: GB/T 35276-2017 7.2"""
    at, _ = walk.enter("", 0)
    at = walk.number(".x", at, _INTEGER)
    at = walk.number(".y", at, _INTEGER)
    at = walk.number(".c3", at, _OCTET_STRING)
    walk.number(".c2", at, _OCTET_STRING)


def _signature(walk: _Walk) -> None:
    """Spec: GB/T 35276-2017 7.3"""
    at, _ = walk.enter("", 0)
    at = walk.number(".r", at, _INTEGER)
    walk.number(".s", at, _INTEGER)


def _whole_or_nothing(
    read: Callable[[bytes], list[Field]], last: str
) -> Callable[[bytes], list[Field]]:
    """For fields that hold other things, too: RSA's ciphertexts and signatures are no ASN.1."""

    def checked(content: bytes) -> list[Field]:
        found = read(content) if content[:1] == b"\x30" else []
        return found if any(one.path == last for one in found) else []

    return checked


def _point(content: bytes) -> list[Field]:
    """An uncompressed point of a curve with 256 bits."""
    if len(content) != _POINT_BYTES or content[0] != 4:
        return []
    middle = 1 + _COORDINATE_BYTES
    return [
        Field(".form", 0, 1, content[0]),
        Field(".x", 1, middle, content[1:middle].hex()),
        Field(".y", middle, _POINT_BYTES, content[middle:].hex()),
    ]


# ---- certificates --------------------------------------------------------------------------


def _certificate(walk: _Walk) -> None:
    """Spec: RFC 5280 4.1"""
    at, _ = walk.enter("", 0)
    _, tbs_end = contents_at(walk.data, at)
    with contextlib.suppress(ValueError):  # the signature can be read all the same
        _tbs(walk, at)
    at = _algorithm(walk, ".signature_algorithm", tbs_end)
    _bits(walk, ".signature", at, _signed)


def _tbs(walk: _Walk, at: int) -> None:
    at, end = walk.whole(".tbs", at, _SEQUENCE)
    if walk.data[at] == _VERSION:
        at = _version(walk, ".tbs.version", at)
    at = walk.leaf(".tbs.serial", at, _INTEGER)
    at = _algorithm(walk, ".tbs.signature_algorithm", at)
    at = _name(walk, ".tbs.issuer", at)
    at = _validity(walk, ".tbs.validity", at)
    at = _name(walk, ".tbs.subject", at)
    at = _key(walk, ".tbs.public_key", at)
    while at < end and walk.data[at] in _UNIQUE_IDS:
        at = walk.leaf(f".tbs.{_UNIQUE_IDS[walk.data[at]]}", at)
    if at < end and walk.data[at] == _EXTENSIONS:
        _extensions(walk, ".tbs.extensions", at)


def _version(walk: _Walk, path: str, at: int) -> int:
    begin, end = contents_at(walk.data, at)
    begin, _ = contents_at(walk.data[:end], begin)
    number = int.from_bytes(walk.data[begin:end], "big")
    walk.add(path, at, end, number, f"v{number + 1}")
    return end


def _algorithm(walk: _Walk, path: str, at: int) -> int:
    """AlgorithmIdentifier: what it is, and parameters that depend on it."""
    begin, end = contents_at(walk.data, at)
    walk.whole(path, at, _SEQUENCE, _oid_name(walk.data, begin))
    at = walk.leaf(f"{path}.oid", begin, _OID, _oid_text(walk.data, begin))
    if at < end:
        curve = _oid_name(walk.data, at) if walk.data[at] == _OID else ""
        walk.leaf(f"{path}.parameters", at, None, curve)
    return end


def _name(walk: _Walk, path: str, at: int) -> int:
    _, end = contents_at(walk.data, at)
    at, _ = walk.whole(path, at, _SEQUENCE, name_text(walk.data[at:end]))
    _parts(walk, path, at, end)
    return end


def _parts(walk: _Walk, path: str, at: int, end: int) -> None:
    for number in range(_MOST):
        if at >= end:
            break
        begin, stop = contents_at(walk.data[:end], at)
        if walk.data[at] != _SET:
            raise ValueError(path)
        label = name_text(encode_element(_SEQUENCE, walk.data[at:stop]))
        walk.add(f"{path}[{number}]", at, stop, _last_value(walk.data, begin, stop), label)
        at = stop


def _last_value(data: bytes, begin: int, end: int) -> str:
    """The text of a part of a name, which ends it; all of it if it has several."""
    with contextlib.suppress(ValueError):
        inner, stop = contents_at(data, begin)
        _, value_at = contents_at(data, inner)
        value, _ = contents_at(data, value_at)
        if stop == end:
            return data[value:end].hex()
    return data[begin:end].hex()


def _authority(walk: _Walk) -> None:
    at, end = walk.enter("", 0)
    _parts(walk, "", at, end)


def _validity(walk: _Walk, path: str, at: int) -> int:
    at, end = walk.whole(path, at, _SEQUENCE)
    for one in ("not_before", "not_after"):
        begin, stop = contents_at(walk.data, at)
        at = walk.leaf(f"{path}.{one}", at, None, _time_text(walk.data[begin:stop]))
    return end


def _key(walk: _Walk, path: str, at: int) -> int:
    """SubjectPublicKeyInfo.  Spec: RFC 5280 4.1.2.7"""
    at, end = walk.whole(path, at, _SEQUENCE)
    at = _algorithm(walk, f"{path}.algorithm", at)
    _bits(walk, f"{path}.point", at, _point)
    return end


def _bits(walk: _Walk, path: str, at: int, inner: Callable[[bytes], list[Field]]) -> None:
    """A BIT STRING of whole bytes, the count of unused bits with its header."""
    if walk.data[at : at + 1] != bytes((_BIT_STRING,)):
        raise ValueError(path)
    begin, end = contents_at(walk.data, at)
    content = walk.data[begin + 1 : end]
    walk.add(path, at, end, content.hex(), "")
    header = walk.data[at : begin + 1].hex()
    walk.add(f"{path}.header", at, begin + 1, header, f"BIT STRING ({end - begin})")
    for one in inner(content):
        name = one.path if one.path != ".header" else ".inner_header"
        shift = begin + 1
        walk.add(path + name, one.start + shift, one.end + shift, one.value, one.label)


def _extensions(walk: _Walk, path: str, at: int) -> None:
    """Spec: RFC 5280 4.2"""
    _, end = contents_at(walk.data, at)
    walk.add(path, at, end, None, "")
    at, end = walk.enter(path, at, _SEQUENCE)
    for number in range(_MOST):
        if at >= end:
            break
        at = _extension(walk, f"{path}[{number}]", at)


def _extension(walk: _Walk, path: str, at: int) -> int:
    begin, end = contents_at(walk.data, at)
    walk.whole(path, at, _SEQUENCE, _oid_name(walk.data, begin))
    at = walk.leaf(f"{path}.oid", begin, _OID, _oid_text(walk.data, begin))
    if at < end and walk.data[at] == 0x01:
        inner, stop = contents_at(walk.data, at)
        number = int.from_bytes(walk.data[inner:stop], "big")
        walk.add(f"{path}.critical", at, stop, number, "TRUE" if number else "FALSE")
        at = stop
    walk.leaf(f"{path}.value", at, _OCTET_STRING)
    return end


# ---- as text -------------------------------------------------------------------------------


def _oid(data: bytes, at: int) -> x509.ObjectIdentifier | None:
    """Spec: X.690 8.19"""
    begin, end = contents_at(data, at)
    numbers, number = list[int](), 0
    for byte in data[begin:end][:_MOST]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return None
    top = min(numbers[0] // 40, 2)
    with contextlib.suppress(ValueError):
        return x509.ObjectIdentifier(".".join(map(str, (top, numbers[0] - 40 * top, *numbers[1:]))))
    return None


def _oid_name(data: bytes, at: int) -> str:
    """What it is called, "" if that is not known."""
    oid = _oid(data, at)
    if oid is None:
        return ""
    if oid.dotted_string in _OIDS:
        return _OIDS[oid.dotted_string]
    if scheme := SIGNATURE_SCHEMES.get(oid):
        return f"{scheme.family} with {scheme.hash_name.upper()}"
    name = oid._name
    return "" if name == "Unknown OID" else name


def _oid_text(data: bytes, at: int) -> str:
    oid = _oid(data, at)
    return oid.dotted_string if oid is not None else ""


def name_text(der: bytes) -> str:
    """A distinguished name in words; "" if it is none."""
    try:
        return x509.Name.from_bytes(der).rfc4514_string()
    except (ValueError, TypeError):
        return ""


def _time_text(content: bytes) -> str:
    """Spec: RFC 5280 4.1.2.5"""
    found = _TIME.fullmatch(content)
    if found is None:
        return ""
    century, year, month, day, hour, minute, second = (
        part.decode() if part is not None else "" for part in found.groups()
    )
    if not century:
        century = "20" if int(year) < 50 else "19"
    return f"{century}{year}-{month}-{day} {hour}:{minute}:{second} UTC"


def _patterns() -> Iterator[tuple[re.Pattern[str], Callable[[bytes], list[Field]]]]:
    yield re.compile(r"certificates\[(\d+)\]"), _reads(_certificate)
    yield re.compile(r"certificate_authorities\[(\d+)\]"), _reads(_authority)
    yield re.compile(r"body\.ciphertext"), _whole_or_nothing(_reads(_ciphertext), ".c2")
    yield re.compile(r"(?:body\.)?signature"), _signed
    yield re.compile(r"body\.params\.point"), _point


_signed = _whole_or_nothing(_reads(_signature), ".s")
_KNOWN = tuple(_patterns())
