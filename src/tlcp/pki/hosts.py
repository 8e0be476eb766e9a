"""Names that a certificate may be issued for: those that a client can find in it.

What no client of ours matches is not issued, and ``lint`` tells it of certificates that others
have issued, with the same words.

Spec: RFC 9525 6; RFC 5280 4.2.1.6
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography import x509

from tlcp.errors import ConfigError
from tlcp.pki.build import Extension, subject_alternative_name
from tlcp.x509.names import Unmatchable, unmatchable

__all__ = ["REASONS", "names_of_hosts"]

_WILDCARD: Final = (
    "a wildcard stands for one label of a domain, and at least two labels must follow it, as in "
    "*.example.com",
    "通配符只代表域名中的一段，其后至少要有两段，例如 *.example.com",
)

#: Why no client of ours finds a host under such a name, in English and in Chinese.
REASONS: Final[dict[Unmatchable, tuple[str, str]]] = {
    "bare": _WILDCARD,
    "wide": _WILDCARD,
    "partial": (
        "a wildcard must be the whole first label and stand nowhere else, as in *.example.com",
        "通配符必须单独占据第一段，不能出现在别处，例如 *.example.com",
    ),
    "number": (
        "it ends in a number, so systems take it for an IP address; an address is written as four "
        "numbers up to 255, as in 192.0.2.1, and as iPAddress in the certificate",
        "它以数字结尾，系统会当作 IP 地址；地址要写成四个不超过 255 的数，例如 192.0.2.1，"
        "在证书中为 iPAddress",
    ),
    "characters": (
        "it is no DNS name: labels are 1 to 63 letters, digits, '-' or '_', and the whole is "
        "at most 253 characters, without a dot at its end",
        "它不是 DNS 名称：每段为 1 到 63 个字母、数字、“-”或“_”，总长不超过 253 个字符，末尾没有点",
    ),
}


def names_of_hosts(hosts: Iterable[str]) -> Extension | None:
    """Make a subjectAltName whose every name can be matched; None for none.

    Raises:
        ConfigError: a host is neither an IP address nor a DNS name, or no client would match it.

    Spec: RFC 9525 6.3
    """
    made = subject_alternative_name(hosts)
    if made is not None and isinstance(made[0], x509.SubjectAlternativeName):
        for name in made[0].get_values_for_type(x509.DNSName):
            if (why := unmatchable(name)) is not None:
                raise ConfigError(
                    f"no certificate is issued for the host {name!r}, because clients that check "
                    f"the host would not match it: {REASONS[why][0]}"
                )
    return made
