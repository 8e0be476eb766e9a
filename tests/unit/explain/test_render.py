"""How told messages look as text."""

from __future__ import annotations

from tlcp.explain import Field, Told
from tlcp.explain.render import render, to_text
from tlcp.explain.values import safe_text, short_hex, text_or_hex

TOLD = Told(
    number=7,
    direction="C->S",
    name="CertificateVerify",
    length_bytes=78,
    protected=True,
    fields=(
        Field("signature", "30450220", "one two three four five six seven eight nine ten eleven"),
        Field("plain", "value"),
    ),
)


def text(width: int | None = None, told: Told = TOLD) -> list[str]:
    return [to_text(line) for line in render(told, width)]


def test_each_field_is_one_line() -> None:
    assert text() == [
        "  7  C->S CertificateVerify  (78 bytes, encrypted)",
        "          signature           30450220 - one two three four five six seven eight nine ten "
        "eleven",
        "          plain               value",
    ]


def test_a_terminal_gets_wrapped_lines_with_a_hanging_indent() -> None:
    lines = text(70)
    assert max(map(len, lines)) <= 70
    assert lines[1].endswith("- one two three four five six")
    assert lines[2] == " " * 30 + "seven eight nine ten eleven"


def test_a_very_narrow_terminal_wraps_by_itself() -> None:
    assert text(20) == text()


def test_a_word_longer_than_the_line_stays_whole() -> None:
    told = Told(1, "S->C", "x", 1, False, (Field("f", "a" * 100, "m"),))
    assert [line.strip() for line in text(60, told)][1:] == [f"{'f':<19} {'a' * 100}", "- m"]


def test_what_a_peer_chose_cannot_reach_the_terminal_as_an_escape() -> None:
    evil = "\x1b]0;owned\x07\nCN=\u202eevil"
    told = Told(1, "S->C", evil, 1, False, (Field(evil, evil, evil),))
    for line in text(None, told):
        assert line.isprintable()
    assert safe_text("\x1b") == "\\x1b"


def test_roles_tell_value_and_meaning_apart() -> None:
    heading, signature, plain = render(TOLD)
    assert [role for role, _ in heading if role != "space"] == [
        "number",
        "direction",
        "message",
        "note",
    ]
    assert [part for role, part in signature if role == "value"] == ["30450220"]
    assert [role for role, _ in plain if role == "meaning"] == []


def test_hex_is_shortened_only_where_it_is_long() -> None:
    assert short_hex(b"") == "(empty)"
    assert short_hex(bytes(range(16))) == "000102030405060708090a0b0c0d0e0f"
    assert short_hex(bytes(range(17))) == "0001020304050607...0d0e0f10"


def test_data_is_text_only_if_all_of_it_is() -> None:
    assert text_or_hex("中文\r\n".encode()) == '"中文\\r\\n"'
    assert text_or_hex(b"a\x00b") == "610062"
    assert text_or_hex(b"\xff") == "ff"
    assert text_or_hex(b"x" * 61) == '"' + "x" * 60 + '..."'
