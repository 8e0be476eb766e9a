"""Whether to believe the peer's certificates, under the settings of this connection.

The same question is asked of certificates that have just come and of those that a session
remembers: what was believed yesterday may have expired today.

Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.7
"""

from __future__ import annotations

from collections.abc import Sequence

from tlcp.config import ClientAuth, Config
from tlcp.errors import CertificateProblem, CertificateVerifyError, InternalError
from tlcp.suites import KeyKind
from tlcp.x509.chain import Revocation
from tlcp.x509.pair import VerifiedPair, accept_unverified_pair, verify_pair

__all__ = ["believe_client", "believe_server"]


def believe_server(
    config: Config,
    server_name: str | None,
    certificates: Sequence[bytes],
    kind: KeyKind,
    stapled: bytes | None = None,
) -> VerifiedPair:
    """Both certificates, their chains, their usages and the host name.

    Args:
        config: settings of the client.
        server_name: the host name or address that the program asked for.
        certificates: DER, in the order of the Certificate message; not empty.
        kind: of the keys that the suite uses.
        stapled: DER of the OCSP response that came along; None if none did.

    Raises:
        CertificateVerifyError: they are not to be believed.

    Spec: GB/T 38636-2020 6.4.5.3
    """
    _count(certificates, "server", config)
    if config.dangerous_skip_verification:
        return accept_unverified_pair(certificates, role="server", need_enc=True, kind=kind)
    if config.trust is None:
        raise InternalError("a server is to be verified without trust anchors")
    host = None if config.dangerous_skip_host_check else server_name
    now = config.now()
    return verify_pair(
        certificates,
        role="server",
        trust=config.trust,
        now=now,
        host=host,
        need_enc=True,
        kind=kind,
        chain_policy=config.chain_policy,
        revocation=_asked(config, stapled),
    )


def believe_client(
    config: Config, certificates: Sequence[bytes], *, need_enc: bool, kind: KeyKind
) -> VerifiedPair:
    """The client's certificates, by the configured policy.

    Args:
        config: settings of the server.
        certificates: DER, in the order of the Certificate message; not empty.
        need_enc: the suite uses the client's encryption certificate.
        kind: of the keys that the suite uses.

    Raises:
        CertificateVerifyError: they are not to be believed.

    Spec: GB/T 38636-2020 6.4.5.7
    """
    _count(certificates, "client", config)
    if config.client_auth is ClientAuth.NONE or config.dangerous_skip_verification:
        return accept_unverified_pair(certificates, role="client", need_enc=need_enc, kind=kind)
    if config.trust is None:
        raise InternalError("a client is to be verified without trust anchors")
    return verify_pair(
        certificates,
        role="client",
        trust=config.trust,
        now=config.now(),
        host=None,
        need_enc=need_enc,
        kind=kind,
        chain_policy=config.chain_policy,
        revocation=_asked(config),
    )


def _count(certificates: Sequence[bytes], role: str, config: Config) -> None:
    """Refuse a list that is too long before anything of it is read.

    Raises:
        CertificateVerifyError: CHAIN_TOO_LONG.
    """
    most = config.limits.certificates
    if len(certificates) > most:
        raise CertificateVerifyError(
            CertificateProblem.CHAIN_TOO_LONG,
            f"the {role} sent {len(certificates)} certificates",
            which="chain",
            expected=f"at most {most} (Limits.certificates)",
            hint="Send only the pair and the CA certificates between it and the root",
        )


def _asked(config: Config, stapled: bytes | None = None) -> Revocation | None:
    """What knows about revocation in this handshake."""
    return None if config.revocation is None else config.revocation.checker(stapled)
