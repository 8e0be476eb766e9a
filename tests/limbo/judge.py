"""What our verifier says of a test case."""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import Purpose, verify_chain
from tlcp.x509.crl import read_crls
from tlcp.x509.names import match_host
from tlcp.x509.revocation import Checker, RevocationPolicy
from tlcp.x509.trust import TrustStore

from .suite import PeerName, TestCase

__all__ = ["Verdict", "judge"]

_DEPTH: Final = 8  # CA certificates, where the case has no limit
_PURPOSES: Final = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timeStamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "OCSPSigning": ExtendedKeyUsageOID.OCSP_SIGNING,
    "anyExtendedKeyUsage": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
_USAGES: Final = {  # the names of the standard are ours
    "contentCommitment": "nonRepudiation",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}


class Verdict(NamedTuple):
    """What came of a case.

    Attributes:
        valid: accepted; None = not judged.
        why: the refusal, or why it was not judged.
        broke: by a bug of ours, which agrees with nothing.
    """

    valid: bool | None
    why: str = ""
    broke: bool = False


def judge(case: TestCase) -> Verdict:
    """Verify the peer of a case."""
    if case.signature_algorithms:
        return Verdict(None, "chooses signature algorithms, which the verifier has fixed")
    try:
        _verify(case)
    except (CertificateVerifyError, ConfigError, _NotMet) as error:
        return Verdict(valid=False, why=str(error))
    except Exception as bug:  # one must not hide what comes of the others
        return Verdict(None, f"the verifier broke: {type(bug).__name__} {bug}", broke=True)
    return Verdict(valid=True)


class _NotMet(Exception):
    """The peer's certificate is good, but not what the case asks for."""


def _verify(case: TestCase) -> None:
    peer = Certificate.from_pem(case.peer)
    trust = TrustStore(map(Certificate.from_pem, case.trusted))
    purpose: Purpose = "server" if case.peer_is_server else "client"
    verify_chain(
        peer,
        [Certificate.from_pem(one) for one in case.intermediates],
        trust,
        now=case.moment or datetime.datetime.now(datetime.UTC),
        purpose=purpose,
        which="certificate",
        max_depth=_DEPTH if case.depth is None else case.depth + 1,
        mixed=True,
        revocation=_revocation(case),
    )
    _check_usages(case, peer)
    for name in case.names:
        _check_name(peer, name)


def _revocation(case: TestCase) -> Checker | None:
    """Where a case has CRLs, one of them must tell of the peer."""
    if not case.crls:
        return None
    crls = [crl for text in case.crls for crl in read_crls(text.encode(), "the case")]
    return RevocationPolicy(crls=crls, mode="hard-fail", scope="leaf").checker()


def _check_usages(case: TestCase, peer: Certificate) -> None:
    wanted = {_USAGES.get(one, one) for one in case.key_usage}
    if peer.key_usage is not None and not wanted <= peer.key_usage:
        raise _NotMet(f"its keyUsage lacks {', '.join(sorted(wanted - peer.key_usage))}")
    purposes = {_PURPOSES.get(one) or x509.ObjectIdentifier(one) for one in case.extended_key_usage}
    found = peer.extended_key_usage
    if found is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in found:
        return
    if not purposes <= found:
        lacking = sorted(one.dotted_string for one in purposes - found)
        raise _NotMet(f"its extendedKeyUsage lacks {', '.join(lacking)}")


def _check_name(peer: Certificate, name: PeerName) -> None:
    if name.kind != "RFC822":
        match_host(peer, name.value)
        return
    names = peer.extension(x509.SubjectAlternativeName)
    local, _, host = name.value.rpartition("@")
    for entry in names.get_values_for_type(x509.RFC822Name) if names else ():
        entry_local, _, entry_host = entry.rpartition("@")
        if (entry_local, entry_host.lower()) == (local, host.lower()):
            return
    raise _NotMet(f"it has no e-mail address {name.value}")
