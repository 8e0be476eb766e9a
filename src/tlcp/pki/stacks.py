"""What deployed stacks ask of the certificates of a pair, as far as they enforce it.

GmSSL stands for its strictest version, 3.3; 3.1 compares the two subjects and no more.  A
certificate without keyUsage may do anything, everywhere.

Spec: GB/T 38636-2020 6.4.5.3 (what the certificates are for); the rest is the stacks' own
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tlcp.x509.certificate import Certificate
from tlcp.x509.names import Unmatchable, unmatchable

__all__ = ["STACKS", "Stack", "stack_names"]

_CA_USES: Final = frozenset({"keyCertSign", "cRLSign"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack.

    Attributes:
        name: as users write it.
        title: as people write it.
        sign_uses: the signing certificate needs one of these; empty = nothing is asked.
        enc_uses: likewise the encryption certificate.
        no_ca_uses: neither may have keyCertSign or cRLSign.
        single: takes one certificate in both places.
        enc_last: finds the encryption certificate behind those of the CAs.
        one_subject, one_names, one_issuer: both certificates must have the same.
        names_in_both: a server's host name must be in both.
        purposes: looks at extendedKeyUsage.
        root_in_list: takes a list with the root in it.
        empty_constraints: takes an end certificate with basicConstraints that say nothing.
        needs_ca_names: its clients want their CA named in CertificateRequest.
        pair_as_client: its servers take both certificates from a client in the ECC suites.
        checks_host: its clients look for the server's host in the certificate.
        odd_names: the kinds of DNS names, of ``names.Unmatchable``, to which its clients match a
            host all the same.
        single_depth: whether its usual configurations stop at a chain without intermediates.
    """

    name: str
    title: str
    sign_uses: frozenset[str] = frozenset()
    enc_uses: frozenset[str] = frozenset()
    no_ca_uses: bool = False
    single: bool = False
    enc_last: bool = False
    one_subject: bool = False
    one_names: bool = False
    one_issuer: bool = False
    names_in_both: bool = False
    purposes: bool = False
    root_in_list: bool = True
    empty_constraints: bool = True
    needs_ca_names: bool = False
    pair_as_client: bool = True
    single_depth: bool = False
    checks_host: bool = True
    odd_names: frozenset[Unmatchable] = frozenset()

    def may_sign(self, certificate: Certificate) -> bool:
        """Whether it takes this as a signing certificate, by keyUsage."""
        return self._allows(certificate, self.sign_uses)

    def may_encrypt(self, certificate: Certificate) -> bool:
        """Whether it takes this as an encryption certificate, by keyUsage."""
        return self._allows(certificate, self.enc_uses)

    def may_find(self, name: str) -> bool:
        """Whether its clients match any host to a DNS name of a certificate."""
        why = unmatchable(name)
        return why is None or why in self.odd_names or not self.checks_host

    def _allows(self, certificate: Certificate, uses: frozenset[str]) -> bool:
        usage = certificate.key_usage
        if usage is None:
            return True
        if self.no_ca_uses and usage & _CA_USES:
            return False
        return not uses or bool(usage & uses)


STACKS: Final = (
    Stack(
        name="tongsuo",
        odd_names=frozenset({"partial"}),
        title="Tongsuo",
        sign_uses=frozenset({"digitalSignature", "keyCertSign", "cRLSign"}),
        enc_uses=frozenset({"keyEncipherment", "dataEncipherment"}),
        purposes=True,
        single_depth=True,
    ),
    Stack(
        name="tassl",
        odd_names=frozenset({"partial"}),
        title="TASSL",
        sign_uses=frozenset({"digitalSignature", "nonRepudiation"}),
        enc_uses=frozenset({"keyEncipherment", "dataEncipherment", "encipherOnly", "decipherOnly"}),
        enc_last=True,
        purposes=True,
        single_depth=True,
    ),
    Stack(
        name="gmssl",
        checks_host=False,
        title="GmSSL",
        sign_uses=frozenset({"digitalSignature"}),
        enc_uses=frozenset({"keyEncipherment"}),
        no_ca_uses=True,
        one_subject=True,
        one_names=True,
        one_issuer=True,
        root_in_list=False,
        empty_constraints=False,
        needs_ca_names=True,
        pair_as_client=False,
    ),
    Stack(
        name="gotlcp",
        title="gotlcp",
        odd_names=frozenset({"bare", "wide"}),
        names_in_both=True,
        purposes=True,
    ),
    Stack(
        name="kona",
        odd_names=frozenset({"wide", "partial"}),
        title="Kona",
        sign_uses=frozenset({"digitalSignature"}),
        enc_uses=frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"}),
        single=True,
        enc_last=True,
        purposes=True,
    ),
    Stack(
        name="tlcp",
        title="tlcp",
        sign_uses=frozenset({"digitalSignature", "nonRepudiation"}),
        enc_uses=frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"}),
        enc_last=True,
        one_subject=True,
        names_in_both=True,
        purposes=True,
    ),
)


def stack_names() -> tuple[str, ...]:
    """All of them, as users write them."""
    return tuple(stack.name for stack in STACKS)
