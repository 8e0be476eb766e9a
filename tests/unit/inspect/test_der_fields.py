"""Fields inside ASN.1 and vectors: against the decoders, cut at every byte, and bounded."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from support.captured import captures, examine_all
from tlcp.crypto.der import decode_ciphertext, decode_signature, encode_element
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.inspect import fields as fields_module
from tlcp.inspect.brief import brief_line
from tlcp.inspect.field import Field
from tlcp.inspect.fields import fields_of
from tlcp.inspect.report import MessageReport
from tlcp.registry import ContentType
from tlcp.wire import messages as wire
from tlcp.x509.certificate import Certificate

ECC = "tongsuo-ecc-gcm"
EVERY = pytest.mark.parametrize("name", captures())


def messages(name: str) -> Iterator[MessageReport]:
    for report in examine_all(name):
        yield from (one for one in report.messages if one.message.opened)


def by_path(report: MessageReport) -> dict[str, Field]:
    found = {one.path: one for one in report.fields}
    assert len(found) == len(report.fields)
    return found


def number(field: Field) -> bytes:
    """The contents of an INTEGER as 32 bytes."""
    assert isinstance(field.value, str)
    return int(field.value, 16).to_bytes(32)


@EVERY
def test_a_length_says_what_follows_it_in_its_field(name: str) -> None:
    seen = 0
    for report in messages(name):
        found = by_path(report)
        for path, one in found.items():
            vector = found.get(path.removesuffix(".length"))
            if vector is None or vector is one:
                continue
            seen += 1
            assert vector.start == one.start
            assert one.value == vector.end - one.end
            assert report.message.data[one.start : one.end] == one.value.to_bytes(
                one.end - one.start
            )
    assert seen > 10


@EVERY
def test_fields_lie_in_those_that_they_are_named_after(name: str) -> None:
    for report in messages(name):
        found = by_path(report)
        for path, one in found.items():
            assert 0 <= one.start <= one.end <= len(report.message.data)
            for other, outer in found.items():
                if path.startswith((f"{other}.", f"{other}[")):
                    assert outer.start <= one.start
                    assert one.end <= outer.end


@EVERY
def test_the_parts_of_a_ciphertext_are_those_that_are_decrypted(name: str) -> None:
    for report in messages(name):
        parsed = report.message.parsed
        if not isinstance(parsed, wire.ClientKeyExchange) or "ecdhe" in name:
            continue
        found = by_path(report)
        assert "body" not in found  # which would be the ciphertext again
        c1, c3, c2 = decode_ciphertext(parsed.body[2:])
        x, y = found["body.ciphertext.x"], found["body.ciphertext.y"]
        assert number(x) + number(y) == c1
        assert found["body.ciphertext.c3"].value == c3.hex()
        assert found["body.ciphertext.c2"].value == c2.hex()
        assert found["body.ciphertext.header"].label.startswith("SEQUENCE")
        size = found["body.ciphertext.length"].value
        for sentence in report.sentences[1]:
            assert re.findall(r"\d+", sentence) == [str(size)]


@EVERY
def test_signatures_are_r_and_s(name: str) -> None:
    seen = 0
    for report in messages(name):
        found = by_path(report)
        for path in ("signature", "body.signature"):
            if path not in found:
                continue
            seen += 1
            assert isinstance(found[path].value, str)
            rs = decode_signature(bytes.fromhex(str(found[path].value)))
            assert number(found[f"{path}.r"]) + number(found[f"{path}.s"]) == rs
    assert seen >= 1


@EVERY
def test_ephemeral_points_are_x_and_y(name: str) -> None:
    for report in messages(name):
        found = by_path(report)
        if "body.params.point" not in found:
            continue
        parts = [found[f"body.params.point.{part}"].value for part in ("x", "y")]
        assert f"04{parts[0]}{parts[1]}" == found["body.params.point"].value


@EVERY
def test_the_parts_of_certificates(name: str) -> None:
    seen = 0
    for report in messages(name):
        parsed = report.message.parsed
        if not isinstance(parsed, wire.Certificate):
            continue
        found, data = by_path(report), report.message.data
        for place, der in enumerate(parsed.certificates):
            seen += 1
            one, at = Certificate.from_der(der), f"certificates[{place}]"
            tbs = found[f"{at}.tbs"]
            assert data[tbs.start : tbs.end] == one.tbs_der
            assert int(str(found[f"{at}.tbs.serial"].value), 16) == one.serial_number
            assert found[f"{at}.tbs.version"].label == f"v{one.version}"
            for side, text, raw in (
                ("issuer", one.issuer_text, one.issuer_der),
                ("subject", one.subject_text, one.subject_der),
            ):
                field = found[f"{at}.tbs.{side}"]
                assert field.label == text
                assert data[field.start : field.end] == raw
                parts = [f.label for p, f in found.items() if p.startswith(f"{at}.tbs.{side}[")]
                assert ",".join(reversed(parts)) == text
            for end, moment in (("not_before", one.not_before), ("not_after", one.not_after)):
                label = found[f"{at}.tbs.validity.{end}"].label
                assert label == f"{moment:%Y-%m-%d %H:%M:%S} UTC"
            assert isinstance(one.public_key, SM2PublicKey)
            key = found[f"{at}.tbs.public_key"]
            assert data[key.start : key.end] == one.key_info
            assert found[f"{at}.tbs.public_key.point"].value == one.public_point.hex()
            assert found[f"{at}.signature_algorithm"].label == "SM2 with SM3"
            rs = decode_signature(bytes.fromhex(str(found[f"{at}.signature"].value)))
            assert number(found[f"{at}.signature.r"]) + number(found[f"{at}.signature.s"]) == rs
            names = [
                f.label
                for p, f in found.items()
                if re.fullmatch(rf"{re.escape(at)}\.tbs\.extensions\[\d+\]", p)
            ]
            assert ("keyUsage" in names) == (one.key_usage is not None)
            assert ("basicConstraints" in names) or not one.is_ca
    assert seen >= 2


def certificate_message() -> tuple[bytes, wire.Certificate]:
    report = next(r for r in messages(ECC) if isinstance(r.message.parsed, wire.Certificate))
    assert isinstance(report.message.parsed, wire.Certificate)
    return report.message.data, report.message.parsed


def checked(ders: tuple[bytes, ...]) -> list[Field]:
    """The fields of a message with these, all of which must lie inside of it."""
    message = wire.Certificate(ders)
    data = message.encode()
    found = fields_of(ContentType.HANDSHAKE, data, message, None)
    assert all(0 <= one.start <= one.end <= len(data) for one in found)
    return found


def test_a_certificate_cut_anywhere_has_fields_up_to_there() -> None:
    _, message = certificate_message()
    der, before = message.certificates[0], 0
    for size in range(1, len(der), 7):
        whole = encode_element(0x30, der[4:size]) if size > 4 else der[:size]
        count = len(checked((whole,)))
        assert count >= before or size < 8
        before = max(before, count if size >= 8 else 0)
    assert before > 30


def test_damaged_certificates_raise_nothing() -> None:
    _, message = certificate_message()
    rng = random.Random(1)  # noqa: S311
    for _ in range(300):
        der = bytearray(message.certificates[0])
        for _ in range(rng.randrange(1, 6)):
            der[rng.randrange(len(der))] = rng.randrange(256)
        checked((bytes(der), *message.certificates[1:]))


def test_a_crowd_in_one_message_is_bounded() -> None:
    _, message = certificate_message()
    der = message.certificates[0]
    alone, crowd = len(checked((der,))), len(checked((der,) * 200))
    assert crowd < 40 * alone + 3 * 200
    part = bytes.fromhex("310b3009060355040613026565")
    name = encode_element(0x30, part * 5000)
    request = wire.CertificateRequest(b"\x40", (name,))
    assert len(fields_of(ContentType.HANDSHAKE, request.encode(), request, None)) < 100


def test_what_is_no_asn1_has_no_fields_inside() -> None:
    for signature in (
        b"",
        b"\x30",
        b"\x30\x80" + bytes(20),
        bytes(256),
        b"\x30\x04\x02\x01\x01\x05",
    ):
        message = wire.CertificateVerify(signature)
        found = fields_of(ContentType.HANDSHAKE, message.encode(), message, None)
        assert [one.path for one in found] == ["type", "length", "signature", "signature.length"]


def test_one_line_for_each_connection_takes_no_message_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> list[Field]:
        raise AssertionError("fields that no report shows")

    monkeypatch.setattr(fields_module, "_handshake", never)
    monkeypatch.setattr(fields_module, "inside_der", never)
    for report in examine_all(ECC):
        assert "ECC_SM4_GCM_SM3" in brief_line(report, "en")
