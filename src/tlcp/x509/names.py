"""Does a certificate name the host that was asked for?

Only subjectAltName counts; the common name never does (RFC 9525 2).  A wildcard is the whole
left-most label and stands for exactly one label.  IP addresses match iPAddress entries alone.

A host with other letters than ASCII is turned into A-labels by IDNA 2008, mapped first as browsers
do (UTS 46, non-transitional); ``idna`` does it. Certificates have A-labels, and these are compared.

Spec: RFC 9525 6, RFC 5280 4.2.1.6; GB/T 38636-2020 6.4.5.3 leaves the matching to TLS practice
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final, Literal

from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.certificate import Certificate

__all__ = [
    "Unmatchable",
    "ends_in_number",
    "match_host",
    "parse_host",
    "to_a_labels",
    "unmatchable",
]

#: Why no host can match a dNSName: it is "*" alone, or "*" over a single label; it has a "*"
#: elsewhere; its last label is a number; it is no DNS name at all.
Unmatchable = Literal["bare", "wide", "partial", "number", "characters"]

_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LONGEST: Final = 253  # characters of a DNS name, RFC 1035 2.3.4 without the root
_SHOWN: Final = 8  # how many names an error lists
_SHOWN_CHARACTERS: Final = 253  # of each, which may be of any length


def match_host(certificate: Certificate, host: str, *, which: str = "") -> None:
    """Check that the certificate is for this host.

    Args:
        certificate: the peer's.
        host: a DNS name or an IP address as text (IPv6 also in brackets); no port.
        which: the role to name in the error, such as "signing certificate".

    Raises:
        CertificateVerifyError: HOSTNAME_MISMATCH or IP_ADDRESS_MISMATCH.
        ConfigError: the host is empty or cannot be a DNS name.

    Spec: RFC 9525 6
    """
    wanted = parse_host(host)
    if isinstance(wanted, str):
        if not any(_matches(pattern, wanted) for pattern in certificate.dns_names):
            raise _name_mismatch(certificate, wanted, which)
    elif wanted not in certificate.ip_addresses:
        raise _ip_mismatch(certificate, wanted, which)


@lru_cache(maxsize=256)
def parse_host(host: str) -> str | ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Give an address, or a DNS name in lower case and A-labels without the trailing dot.

    Args:
        host: as for ``match_host``.

    Raises:
        ConfigError: it is neither.

    Spec: RFC 9525 6.3, RFC 6066 3 (the form that server_name carries)
    """
    address = _as_address(host)
    if address is not None:
        return address
    name = _as_dns_name(host)
    return _as_number(host, name) if ends_in_number(name) else name


def ends_in_number(name: str) -> bool:
    """Whether the last label is a number: no top-level domain is, and systems see an IPv4 address.

    Spec: WHATWG URL 3.5
    """
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def unmatchable(name: str) -> Unmatchable | None:
    """Why ``match_host`` finds no host for a dNSName of a certificate; None = there are some.

    Spec: RFC 9525 6.3
    """
    if name == "*":
        return "bare"
    rest = name.removeprefix("*.")
    if "*" in rest:
        return "partial"
    if len(name) > _LONGEST or not all(map(_LABEL.fullmatch, rest.split("."))):
        return "characters"
    if ends_in_number(rest):
        return "number"
    return "wide" if rest != name and "." not in rest else None


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        # A scope ("fe80::1%eth0") is local to this machine and never part of a certificate.
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def to_a_labels(name: str) -> str:
    """Write a DNS name in ASCII: labels of other letters as "xn--..."; ASCII stays as it is.

    Raises:
        ValueError: a label has letters that no domain name can have.

    Spec: RFC 5891 4; UTS 46 4
    """
    if name.isascii():
        return name
    import idna  # its tables are large, and few hosts need them

    labels = idna.uts46_remap(name, std3_rules=False, transitional=False).split(".")
    return ".".join(one if one.isascii() else idna.alabel(one).decode() for one in labels)


def _as_dns_name(host: str) -> str:
    try:
        ascii_name = to_a_labels(host).removesuffix(".")
    except ValueError as error:
        raise ConfigError(f"the host name {host!r} cannot be written as a DNS name") from error
    if len(ascii_name) > _LONGEST or not all(map(_LABEL.fullmatch, ascii_name.split("."))):
        raise ConfigError(
            f"the host name {host!r} is not a DNS name: its labels are 1 to 63 letters, digits, "
            "'-' or '_'; give it without port, scheme or wildcard"
        )
    return ascii_name.lower()


def _as_number(host: str, name: str) -> ipaddress.IPv4Address:
    """An address in other digits than ASCII, or with a dot behind it; never a DNS name.

    Who has a certificate for the DNS name "127.1" must not be believed at 127.0.0.1.
    """
    try:
        return ipaddress.IPv4Address(name)
    except ValueError:
        raise ConfigError(
            f"the host name {host!r} ends in a number, and systems take it for an IP address: "
            "write that as four numbers, as in 127.0.0.1"
        ) from None


def _matches(pattern: str, name: str) -> bool:
    if not pattern.isascii():  # lower() turns the Kelvin sign into a "k"; DNS names are ASCII
        return False
    pattern = pattern.lower()
    if "*" not in pattern:
        return pattern == name
    head, _, rest = pattern.partition(".")
    # "*" alone as a label, nowhere else, and over at least two labels: "*.com" is refused.
    if head != "*" or "." not in rest or not all(rest.split(".")):
        return False
    return name.partition(".")[2] == rest


def _listed(certificate: Certificate) -> str:
    names = [*certificate.dns_names, *(str(address) for address in certificate.ip_addresses)]
    if not names:
        return "no subjectAltName entry"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(_short(name)) for name in names[:_SHOWN]) + more


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "..."


def _name_mismatch(certificate: Certificate, name: str, which: str) -> CertificateVerifyError:
    hint = "Connect by a name in the certificate, or issue it with this name in subjectAltName"
    if _matches(certificate.common_name, name):
        hint = (
            "The common name would match but is not looked at (RFC 9525): "
            "issue the certificate with this name in subjectAltName"
        )
    return CertificateVerifyError(
        CertificateProblem.HOSTNAME_MISMATCH,
        f"the {which or 'certificate'} {certificate} is not for the host {name!r}; "
        f"it has {_listed(certificate)}",
        which=which,
        hint=hint,
    )


def _ip_mismatch(
    certificate: Certificate,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    which: str,
) -> CertificateVerifyError:
    hint = "Issue the certificate with this address as iPAddress in subjectAltName"
    if str(address) in (*certificate.dns_names, certificate.common_name):
        hint = (
            "The address stands there as a name, which does not count: "
            "issue the certificate with it as iPAddress in subjectAltName"
        )
    return CertificateVerifyError(
        CertificateProblem.IP_ADDRESS_MISMATCH,
        f"the {which or 'certificate'} {certificate} is not for the IP address {address}; "
        f"it has {_listed(certificate)}",
        which=which,
        hint=hint,
    )
