"""What a parser's error is in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509

from tlcp.crypto.pem import split_pem
from tlcp.x509.parsers import in_words
from unit.x509.minting import CAPTURED_PKI

(DER,) = (block.der for block in split_pem(sorted(CAPTURED_PKI.glob("*.crt"))[0].read_bytes()))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda der: der[:-1], "it is cut off"),
        (lambda der: der + b"\0", "something follows where it should end"),
        (lambda der: b"\x31" + der[1:], "an element is of another kind than is expected there"),
        (lambda _: b"", "it is cut off"),
    ],
    ids=["cut", "more", "kind", "nothing"],
)
def test_the_words_of_a_library_are_not_shown(damage: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(ValueError, match="ParseError") as caught:
        x509.load_der_x509_certificate(damage(DER))
    told = in_words(caught.value)
    assert told.startswith(words)
    assert "ParseError" not in told
    assert "{" not in told


def test_the_place_is_told_where_it_is_known() -> None:
    with pytest.raises(ValueError, match="location") as caught:
        x509.load_der_x509_csr(DER)
    assert in_words(caught.value).endswith("(in csr_info > version)")


def test_other_errors_are_told_in_their_first_line() -> None:
    assert in_words(ValueError("first\nsecond")) == "first"
    assert in_words(KeyError()) == "KeyError"
