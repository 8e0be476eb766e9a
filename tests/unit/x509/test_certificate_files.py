from __future__ import annotations

import pytest

from tlcp.crypto.pem import to_pem
from tlcp.errors import ConfigError
from tlcp.x509.certificate import Certificate, load_pem_certificates
from unit.x509.minting import CAPTURED_PKI, captured


def test_pem_files() -> None:
    one, two = captured("ca"), captured("server-enc")
    pem = to_pem("CERTIFICATE", one.der) + to_pem("PRIVATE KEY", b"x") + b"note\n"
    pem += to_pem("CERTIFICATE", two.der)
    assert load_pem_certificates(pem) == (one, two)
    assert Certificate.from_pem(pem) == one


@pytest.mark.parametrize(
    ("pem", "text"),
    [
        (b"", "the file is empty"),
        (b"hello", "holds no PEM block"),
        (captured("ca").der, "looks like DER"),
        (to_pem("PRIVATE KEY", b"x"), "the file holds PRIVATE KEY"),
        (to_pem("CERTIFICATE", b"x"), "certificate 1 of 1 in the file"),
        (to_pem("CERTIFICATE", captured("ca").der)[:-30], "no END line"),
    ],
)
def test_files_that_are_no_certificates(pem: bytes, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load_pem_certificates(pem)


def test_second_certificate_of_a_file_is_named() -> None:
    pem = (CAPTURED_PKI / "ca.crt").read_bytes() + to_pem("CERTIFICATE", b"0")
    with pytest.raises(ConfigError, match="certificate 2 of 2"):
        load_pem_certificates(pem)
