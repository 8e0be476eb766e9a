from __future__ import annotations

import contextlib
import ipaddress

import pytest

from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.names import _matches, match_host, parse_host, unmatchable
from unit.x509.minting import mint_leaf


def outcome(hosts: list[str], host: str, *, name: str = "cn.example") -> str:
    """Match, and give "ok" or the problem's name."""
    try:
        match_host(mint_leaf(name, None, hosts=hosts).cert, host)
    except CertificateVerifyError as error:
        return error.problem.name
    return "ok"


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("example.com", "example.com"),
        ("example.com", "EXAMPLE.com"),
        ("Example.COM", "example.com"),
        ("example.com", "example.com."),
        ("localhost", "localhost"),
        ("*.example.com", "www.example.com"),
        ("*.example.com", "WWW.EXAMPLE.COM"),
        ("*.example.com", "xn--fiqs8s.example.com"),
        ("*.EXAMPLE.com", "www.example.com"),
        ("a_b.example.com", "a_b.example.com"),
        ("xn--fiqs8s.cn", "中国.cn"),
        ("xn--fiqs8s.cn", "xn--fiqs8s.cn"),
    ],
)
def test_matching_names(pattern: str, host: str) -> None:
    assert outcome(["other.example", pattern], host) == "ok"


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("example.com", "www.example.com"),
        ("www.example.com", "example.com"),
        ("*.example.com", "example.com"),
        ("*.example.com", "a.b.example.com"),
        ("*.com", "example.com"),
        ("*", "localhost"),
        ("*", "example"),
        ("*.", "example."),
        ("w*.example.com", "www.example.com"),
        ("*w.example.com", "www.example.com"),
        ("www.*.com", "www.example.com"),
        ("*.*.com", "www.example.com"),
        ("**.example.com", "www.example.com"),
        ("xn--*.example.com", "xn--fiqs8s.example.com"),
        ("example.com", "example.com.evil.net"),
        ("example.com", "badexample.com"),
    ],
)
def test_names_that_do_not_match(pattern: str, host: str) -> None:
    assert outcome([pattern], host) == "HOSTNAME_MISMATCH"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("localhost", None),
        ("example.com", None),
        ("*.example.com", None),
        ("EXAMPLE.com", None),
        ("1.example", None),
        ("a" * 63 + ".example", None),
        ("*", "bare"),
        ("*.com", "wide"),
        ("w*.example.com", "partial"),
        ("www.*.com", "partial"),
        ("*.*.com", "partial"),
        ("256.1.1.1", "number"),
        ("127.0.0.1", "number"),
        ("*.1.1.1", "number"),
        ("a.0X7f", "number"),
        ("", "characters"),
        ("*.", "characters"),
        ("example.com.", "characters"),
        ("a b", "characters"),
        ("a..b", "characters"),
        ("a" * 64 + ".example", "characters"),
        ("a." * 127, "characters"),
        ("\u212a.example", "characters"),
    ],
)
def test_names_to_which_no_host_matches_are_told(name: str, why: str | None) -> None:
    """Also by matching: hosts made of the name itself match if, and only if, nothing is wrong."""
    assert unmatchable(name) == why
    matched = False
    for host in (name, name.rstrip("."), name.replace("*", "x"), name.lower()):
        with contextlib.suppress(ConfigError):
            wanted = parse_host(host)
            matched |= isinstance(wanted, str) and _matches(name, wanted)
    assert matched == (why is None)


@pytest.mark.parametrize(
    ("entry", "host", "wanted"),
    [
        ("127.0.0.1", "127.0.0.1", "ok"),
        ("::1", "::1", "ok"),
        ("::1", "[::1]", "ok"),
        ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", "ok"),
        ("fe80::1", "fe80::1%eth0", "ok"),
        ("127.0.0.1", "127.0.0.2", "IP_ADDRESS_MISMATCH"),
        ("::1", "::2", "IP_ADDRESS_MISMATCH"),
        ("127.0.0.1", "::ffff:127.0.0.1", "IP_ADDRESS_MISMATCH"),
        ("example.com", "127.0.0.1", "IP_ADDRESS_MISMATCH"),
        ("127.0.0.1", "localhost", "HOSTNAME_MISMATCH"),
    ],
)
def test_addresses(entry: str, host: str, wanted: str) -> None:
    assert outcome([entry], host) == wanted


def test_no_names_at_all() -> None:
    assert outcome([], "example.com") == "HOSTNAME_MISMATCH"
    assert outcome([], "127.0.0.1") == "IP_ADDRESS_MISMATCH"


def test_common_name_is_not_looked_at_and_the_hint_says_so() -> None:
    cert = mint_leaf("www.example.com", None, hosts=[]).cert
    with pytest.raises(CertificateVerifyError, match="common name would match") as caught:
        match_host(cert, "www.example.com", which="signing certificate")
    assert caught.value.which == "signing certificate"
    assert "no subjectAltName entry" in str(caught.value)
    with pytest.raises(CertificateVerifyError) as caught:
        match_host(cert, "other.example.com")
    assert "common name" not in str(caught.value)


def test_address_as_name_is_not_enough_and_the_hint_says_so() -> None:
    cert = mint_leaf("10.0.0.1", None, hosts=[]).cert
    with pytest.raises(CertificateVerifyError, match="stands there as a name") as caught:
        match_host(cert, "10.0.0.1")
    assert caught.value.problem is CertificateProblem.IP_ADDRESS_MISMATCH


def test_error_lists_the_names() -> None:
    cert = mint_leaf("x", None, hosts=["a.example", "b.example", "10.0.0.1"]).cert
    with pytest.raises(CertificateVerifyError, match=r"'a.example', 'b.example', '10.0.0.1'"):
        match_host(cert, "c.example")
    many = mint_leaf("x", None, hosts=[f"h{number}.example" for number in range(20)]).cert
    with pytest.raises(CertificateVerifyError, match=r"'h7.example' and 12 more"):
        match_host(many, "c.example")


NO_HOSTS = [
    "", ".", "a..b", "x" * 64 + ".com", "a." * 127 + "b", "*.example.com", "中" * 64,
    "example.com:443", "https://example.com", "a b", "a\0b", "example.com\n",
]  # fmt: skip


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host_is_the_callers_mistake(host: str) -> None:
    with pytest.raises(ConfigError, match="host name"):
        match_host(mint_leaf("x", None).cert, host)


def test_parse_host_gives_the_form_for_the_wire() -> None:
    """RFC 6066 3: A-labels, no trailing dot."""
    assert parse_host("WWW.Example.com.") == "www.example.com"
    assert parse_host("中国.cn") == "xn--fiqs8s.cn"
    assert parse_host("[::1]") == ipaddress.ip_address("::1")
    assert parse_host("127.0.0.1") == ipaddress.ip_address("127.0.0.1")
    with pytest.raises(ConfigError, match="host name"):
        parse_host("")


def test_a_name_that_lowers_into_ascii_is_not_ascii() -> None:
    """U+212A, the Kelvin sign, is a "k" to ``str.lower``; to a CA it is some other letter."""
    assert not _matches("ban\u212a.example", "bank.example")
    assert not _matches("*.ban\u212a.example", "www.bank.example")


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "0x", "1.2.3.4.5", "a.0x7F", "a.1"]
)
def test_numbers_that_systems_take_for_addresses_are_no_names(host: str) -> None:
    with pytest.raises(ConfigError, match="ends in a number"):
        parse_host(host)


def test_an_error_is_not_as_long_as_the_names() -> None:
    cert = mint_leaf("x", None, hosts=[".".join(["a" * 60] * 300), "b.example"]).cert
    with pytest.raises(CertificateVerifyError, match=r"a\.\.\.', 'b.example'") as caught:
        match_host(cert, "c.example")
    assert len(str(caught.value)) < 1000
