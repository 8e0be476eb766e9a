"""Name constraints: which names a CA may vouch for, and all CAs below it.

Checked of a certificate below: its subject (directoryName), the e-mail addresses in its subject
(rfc822Name), and every entry of its subjectAltName. A CA's permitted subtrees of one form bind the
names of that form alone; its excluded subtrees always win.

A wildcard is inside of a permitted subtree if all its names are, and inside of an excluded one if
any of its names is. ``.example.com`` as a DNS constraint means the names below and not the domain
itself, as other verifiers take it.

A URI is measured by its host alone. ``host.example.com`` as a constraint means that host,
``.example.com`` those below it. A URI without a host name (``urn:``, an IP address, one label)
cannot be measured, nor one in whose host programs might disagree; under such a constraint it is
refused.

Constraints of other forms (registered IDs, for one) are not evaluated: a certificate below that has
a name of such a form is refused, one without is not concerned.

Spec: RFC 5280 4.2.1.10, 6.1.3 (b) and (c), 6.1.4 (g)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtensionOID, NameOID

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate
from tlcp.x509.dn import CanonicalName, canonical_name, is_readable
from tlcp.x509.names import ends_in_number
from tlcp.x509.work import Work

__all__ = ["check_name_constraints"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")
# Local-part of RFC 5321 4.1.2: a dot-string or a quoted string
_LOCAL: Final = re.compile(r"""[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|"(?:[^"\\]|\\.)*\"""")
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_USERINFO: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%-]*")
_PORT: Final = re.compile(r"[0-9]*")
_BYTES: Final = 16  # that are read for the price of a comparison
_MAILBOX: Final = 320  # characters, RFC 5321 4.5.3.1
_SHOWN: Final = 100  # characters of a name in an error
_FORMS: Final[dict[type[x509.GeneralName], str]] = {
    x509.DNSName: "DNS name",
    x509.IPAddress: "IP address",
    x509.DirectoryName: "directory name",
    x509.RFC822Name: "e-mail address",
    x509.UniformResourceIdentifier: "URI",
    x509.OtherName: "otherName",
    x509.RegisteredID: "registered ID",
}


@asn1.sequence
class _Subtree:
    base: asn1.TLV
    minimum: Annotated[int, asn1.Implicit(0), asn1.Default(0)]
    maximum: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class _Subtrees:
    permitted: Annotated[list[_Subtree] | None, asn1.Implicit(0)]
    excluded: Annotated[list[_Subtree] | None, asn1.Implicit(1)]


def check_name_constraints(
    ca: Certificate, below: Sequence[Certificate], work: Work, where: str
) -> None:
    """Check the names of the certificates below a CA against its name constraints, if it has any.

    Args:
        ca: whose constraints.
        below: the path up to it, the end certificate first.
        work: is charged.
        where: ends the errors: "in the chain of ...".

    Raises:
        CertificateVerifyError: NAME_NOT_PERMITTED, NAME_EXCLUDED; UNSUPPORTED_CONSTRAINT when a
            constraint cannot be evaluated on a name that it is about, or makes no sense;
            TOO_MUCH_WORK.

    Spec: RFC 5280 6.1.3 (b) and (c)
    """
    constraints = ca.extension(x509.NameConstraints)
    if constraints is None:
        return
    check = _Check(ca, constraints, work, where)
    for place, certificate in enumerate(below):
        if place == 0 or not certificate.self_issued:
            check.certificate(certificate)


class _Check:
    """The constraints of one CA, at work."""

    def __init__(
        self, ca: Certificate, constraints: x509.NameConstraints, work: Work, where: str
    ) -> None:
        self.ca, self.work, self.where = ca, work, where
        raw = ca.extension_der(ExtensionOID.NAME_CONSTRAINTS) or b""
        work.compare_names(len(raw) // _BYTES)  # to read them is work as well
        self._check_limits(asn1.decode_der(_Subtrees, raw))  # which the parser has read already
        self.permitted = self._by_form(constraints.permitted_subtrees or ())
        self.excluded = self._by_form(constraints.excluded_subtrees or ())

    def certificate(self, certificate: Certificate) -> None:
        """Check every name of a certificate."""
        self._check_subject(certificate)
        for name in _names(certificate):
            form = type(name)
            permitted, excluded = self.permitted.get(form), self.excluded.get(form, [])
            self.work.compare_names(1)
            if permitted is None and not excluded:
                continue
            self.work.compare_names(_weight(name) * (len(permitted or ()) + len(excluded)))
            self._check_readable(certificate, name)
            value, overlaps, contains = _value(name), _overlaps(form), _COMPARED[form]
            if any(overlaps(base, one) for one in _stands_for(value) for base in excluded):
                raise self._refused(certificate, name, CertificateProblem.NAME_EXCLUDED)
            if permitted is not None and not any(contains(base, value) for base in permitted):
                raise self._refused(certificate, name, CertificateProblem.NAME_NOT_PERMITTED)

    def _check_limits(self, parsed: _Subtrees) -> None:
        for subtree in (*(parsed.permitted or ()), *(parsed.excluded or ())):
            if subtree.minimum != 0 or subtree.maximum is not None:
                raise self._unsupported("a minimum or maximum, which nobody defines")

    def _by_form(
        self, subtrees: Iterable[x509.GeneralName]
    ) -> dict[type[x509.GeneralName], list[Any]]:
        found: dict[type[x509.GeneralName], list[Any]] = {}
        for base in subtrees:
            if not _makes_sense(base):
                raise self._unsupported(f"the {_form(base)} {_text(base)}, which is none")
            found.setdefault(type(base), []).append(_value(base))
        return found

    def _check_subject(self, certificate: Certificate) -> None:
        """A subject that cannot be read could be any, and have any e-mail address."""
        bound = {*self.permitted, *self.excluded} & {x509.DirectoryName, x509.RFC822Name}
        self.work.compare_names(len(certificate.subject_der) // _BYTES if bound else 0)
        if bound and not is_readable(certificate.subject, certificate.subject_der):
            raise self._incomparable(certificate, x509.DirectoryName(certificate.subject))

    def _check_readable(self, certificate: Certificate, name: x509.GeneralName) -> None:
        if type(name) in _COMPARED and _can_compare(name):
            return
        raise self._incomparable(certificate, name)

    def _incomparable(
        self, certificate: Certificate, name: x509.GeneralName
    ) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.UNSUPPORTED_CONSTRAINT,
            f"the CA {self.ca} constrains {_form(name)}s, and that of {certificate} cannot be "
            f"compared: {_text(name)}, {self.where}",
            which="CA certificate",
            expected="DNS, IP, directory or e-mail names in their right form, or URIs with a host "
            "name (RFC 5280 4.2.1.10)",
            hint=f"Issue {certificate} without this name, or the CA without this constraint",
        )

    def _unsupported(self, what: str) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.UNSUPPORTED_CONSTRAINT,
            f"the name constraints of the CA {self.ca} have {what}, {self.where}",
            which="CA certificate",
            expected="nameConstraints as in RFC 5280 4.2.1.10",
            hint="Replace the CA certificate",
        )

    def _refused(
        self, certificate: Certificate, name: x509.GeneralName, problem: CertificateProblem
    ) -> CertificateVerifyError:
        excluded = problem is CertificateProblem.NAME_EXCLUDED
        verb = "excludes" if excluded else "does not permit"
        return CertificateVerifyError(
            problem,
            f"the CA {self.ca} {verb} the {_form(name)} {_text(name)} of {certificate}, "
            + self.where,
            which="CA certificate",
            expected="names within its name constraints (RFC 5280 4.2.1.10)",
            hint=f"Issue {certificate} for other names, or from a CA that may vouch for these",
        )


def _names(certificate: Certificate) -> Iterator[x509.GeneralName]:
    subject = certificate.subject
    if subject.rdns:
        yield x509.DirectoryName(subject)
    for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        yield _mailbox(str(attribute.value))
    yield from certificate.extension(x509.SubjectAlternativeName) or ()


def _mailbox(address: str) -> x509.RFC822Name:
    """The same as in a subjectAltName; what is no address at all becomes one that is none."""
    try:
        return x509.RFC822Name(address)
    except ValueError:
        return x509.RFC822Name("?")


# ---- one name, one subtree, both as _value gives them ------------------------------------------


def _weight(name: x509.GeneralName) -> int:
    """How many comparisons one with this name counts for: some may be long."""
    if isinstance(name, x509.UniformResourceIdentifier):
        return 1 + len(name.value) // _BYTES
    if not isinstance(name, x509.DirectoryName):
        return 1
    return 1 + sum(1 + len(one.value) // _BYTES for rdn in name.value.rdns for one in rdn)


def _value(name: x509.GeneralName) -> Any:
    """What is compared of a name or a constraint."""
    if isinstance(name, x509.DirectoryName):
        return canonical_name(name.value)
    if isinstance(name, x509.RFC822Name):
        local, _, host = name.value.rpartition("@")
        return local, host.lower()
    if isinstance(name, x509.UniformResourceIdentifier):
        return (_uri_host(name.value) or name.value).lower()  # a constraint is a host already
    return name.value.lower() if isinstance(name, x509.DNSName) else name.value


def _stands_for(value: Any) -> tuple[Any, ...]:
    """What a name leads to: whoever connects to ``::ffff:10.0.0.1`` is connected to 10.0.0.1."""
    mapped = value.ipv4_mapped if isinstance(value, ipaddress.IPv6Address) else None
    return (value,) if mapped is None else (value, mapped)


def _overlaps(form: type[x509.GeneralName]) -> Callable[[Any, Any], bool]:
    """Whether some of what a name stands for is inside of a subtree."""
    return _overlaps_host if form is x509.DNSName else _COMPARED[form]


def _overlaps_host(base: str, name: str) -> bool:
    # "*.example.com" is also "www.example.com"
    return _contains_host(base, name) or (
        name.startswith("*.") and base.partition(".")[2] == name[2:]
    )


def _contains_host(base: str, name: str) -> bool:
    if base.startswith("."):
        return name.endswith(base)
    return base in ("", name) or name.endswith("." + base)


def _contains_address(base: IPNetwork, name: IPAddress) -> bool:
    return name in base  # of another version: not in it


def _contains_directory(base: CanonicalName, name: CanonicalName) -> bool:
    return base == name[: len(base)]


def _contains_mailbox(base: tuple[str, str], name: tuple[str, str]) -> bool:
    if base[0]:
        return name == base
    return name[1].endswith(base[1]) if base[1].startswith(".") else name[1] == base[1]


def _contains_uri_host(base: str, name: str) -> bool:
    return name.endswith(base) if base.startswith(".") else name == base


#: Whether all of what a name stands for is inside of a subtree.
_COMPARED: Final[dict[type[x509.GeneralName], Callable[[Any, Any], bool]]] = {
    x509.DNSName: _contains_host,
    x509.IPAddress: _contains_address,
    x509.DirectoryName: _contains_directory,
    x509.RFC822Name: _contains_mailbox,
    x509.UniformResourceIdentifier: _contains_uri_host,
}


def _can_compare(name: x509.GeneralName) -> bool:
    """Is a certificate's name in its right form?"""
    if isinstance(name, x509.DNSName):
        return _is_host(name.value.removeprefix("*."))
    if isinstance(name, x509.RFC822Name):
        return _is_mailbox(name.value)
    if isinstance(name, x509.UniformResourceIdentifier):
        return _uri_host(name.value) is not None
    if isinstance(name, x509.DirectoryName):
        return is_readable(name.value)
    return isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address)


def _makes_sense(base: x509.GeneralName) -> bool:
    """Is a constraint in its right form?"""
    if isinstance(base, x509.DNSName):
        return base.value == "" or _is_host(base.value.removeprefix("."))
    if isinstance(base, x509.RFC822Name):
        if "@" in base.value:
            return _is_mailbox(base.value)
        return _is_host(base.value.removeprefix("."))
    if isinstance(base, x509.UniformResourceIdentifier):
        return _is_host(base.value.removeprefix("."))
    if isinstance(base, x509.IPAddress):
        return isinstance(base.value, ipaddress.IPv4Network | ipaddress.IPv6Network)
    return not isinstance(base, x509.DirectoryName) or is_readable(base.value)


def _is_mailbox(text: str) -> bool:
    local, _, host = text.rpartition("@")
    return len(text) <= _MAILBOX and bool(_LOCAL.fullmatch(local)) and _is_host(host)


def _uri_host(uri: str) -> str | None:
    """The host of a URI if that is a fully qualified domain name.  Spec: RFC 3986 3.2"""
    found = _AUTHORITY.match(uri)
    userinfo, _, rest = found[1].rpartition("@") if found else ("", "", "")
    host, _, port = rest.partition(":")
    if not _USERINFO.fullmatch(userinfo) or not _PORT.fullmatch(port) or not _is_host(host):
        return None
    return host if "." in host and not ends_in_number(host) else None


def _is_host(text: str) -> bool:
    return len(text) <= 253 and bool(_HOST.fullmatch(text))


def _form(name: x509.GeneralName) -> str:
    return _FORMS.get(type(name), "name")


def _text(name: x509.GeneralName) -> str:
    value = name.value
    text = value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
    return repr(text[:_SHOWN] + ("..." if len(text) > _SHOWN else ""))
