"""Revocation in handshakes: of servers by staples in their three forms, of clients by lists.

Spec: GB/T 38636-2020 6.4.4 certificate_revoked; GM/T 0024-2023 A; RFC 6066 8
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from support import ends
from support.ends import NOW, world
from tlcp.alerts import AlertDescription as A
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, CertificateProblem, CertificateVerifyError
from tlcp.handshake.server import ServerEndpoint
from tlcp.pki.crl import Revocation, build_crl
from tlcp.pki.ocsp import OcspAnswer, build_ocsp_response
from tlcp.registry import ExtensionType
from tlcp.sessions.store import MemoryStore
from tlcp.wire.extensions import StapledStatus
from tlcp.wire.messages import Extension
from tlcp.x509.crl import RevocationList
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp import OcspCertId
from tlcp.x509.revocation import RevocationPolicy

DAY = timedelta(days=1)
REVOKED, UNKNOWN = CertificateProblem.REVOKED, CertificateProblem.REVOCATION_UNKNOWN


def numbers(identity: Identity) -> list[int]:
    assert identity.enc_cert is not None
    return [identity.sign_cert.serial_number, identity.enc_cert.serial_number]


def lists(*serials: int) -> RevocationPolicy:
    ca = world().ca
    der = build_crl(
        issuer=ca.certificate.subject,
        signer=ca.key,
        this_update=NOW - DAY,
        next_update=NOW + DAY,
        revoked=[Revocation(serial, NOW - DAY) for serial in serials],
    )
    return RevocationPolicy(crls=[RevocationList.from_der(der)])


def staple(*statuses: Any) -> bytes:
    """About the server's certificates, the signing one first."""
    ca = world().ca
    answers = [
        OcspAnswer(
            OcspCertId.of(number, ca.certificate),
            status,
            NOW - DAY,
            NOW + DAY,
            revoked_at=NOW - DAY if status == "revoked" else None,
        )
        for number, status in zip(numbers(world().server), statuses, strict=False)
    ]
    return build_ocsp_response(
        responder=ca.certificate, signer=ca.key, answers=answers, produced_at=NOW
    )


def in_hello(response: bytes) -> tuple[Extension, ...]:
    return (Extension(ExtensionType.STATUS_REQUEST, StapledStatus(1, response).to_bytes()),)


@pytest.mark.parametrize("form", ["message", "hello"])
@pytest.mark.parametrize(
    ("statuses", "problem"),
    [
        (("good", "good"), None),
        (("revoked", "good"), REVOKED),
        (("good", "revoked"), REVOKED),
        (("good",), UNKNOWN),
        (("good", "unknown"), UNKNOWN),
    ],
)
def test_a_staple_decides_about_both_certificates(
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    statuses: tuple[str, ...],
    problem: CertificateProblem | None,
) -> None:
    response = staple(*statuses)
    server = ends.server(ocsp_response=response if form == "message" else b"")
    if form == "hello":
        monkeypatch.setattr(ServerEndpoint, "_answers", lambda *_, **__: in_hello(response))
    near, far = ends.run(ends.client(request_ocsp=True, revocation=RevocationPolicy()), server)
    if problem is None:
        assert near.completed is not None
        assert near.completed.peer is not None
        assert near.completed.peer.verified
        return
    assert isinstance(near.error, CertificateVerifyError)
    assert near.error.problem is problem
    assert isinstance(far.error, AlertReceived)
    wanted = A.CERTIFICATE_REVOKED if problem is REVOKED else A.CERTIFICATE_UNKNOWN
    assert far.error.description == wanted


def test_a_server_that_does_not_staple_is_refused_under_hard_fail_alone() -> None:
    near, _ = ends.run(ends.client(request_ocsp=True, revocation=RevocationPolicy()), ends.server())
    assert isinstance(near.error, CertificateVerifyError)
    assert near.error.problem is UNKNOWN
    told = list[CertificateVerifyError]()
    soft = RevocationPolicy(mode="soft-fail", on_unknown=told.append)
    near, _ = ends.run(ends.client(request_ocsp=True, revocation=soft), ends.server())
    assert near.completed is not None
    assert [error.which for error in told] == ["signing certificate", "encryption certificate"]


@pytest.mark.parametrize("index", [0, 1, None])
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_list_refuses_either_end_for_either_certificate(role: str, index: int | None) -> None:
    who = world().client if role == "client" else world().server
    policy = lists(*([] if index is None else [numbers(who)[index]]))
    checks: dict[str, Any] = {"revocation": policy}
    one = ends.client(**checks) if role == "server" else ends.client()
    other = ends.server(**checks) if role == "client" else ends.server()
    near, far = ends.run(one, other)
    refuser, refused = (near, far) if role == "server" else (far, near)
    if index is None:
        assert refuser.completed is not None
        return
    assert isinstance(refuser.error, CertificateVerifyError)
    assert refuser.error.problem is REVOKED
    assert isinstance(refused.error, AlertReceived)
    assert refused.error.description == A.CERTIFICATE_REVOKED


def test_a_session_does_not_outlive_a_revocation() -> None:
    """The client's certificates are asked about again when it resumes."""
    store = MemoryStore()
    good, bad = lists(), lists(*numbers(world().client))
    near, _ = ends.run(ends.client(), ends.server(session_store=store, revocation=good))
    assert near.completed is not None
    session = near.completed.session
    assert session is not None

    def again(policy: RevocationPolicy) -> Any:
        client = Connection.client(ends.config("client"), server_name=ends.HOST, session=session)
        return ends.run(client, ends.server(session_store=store, revocation=policy))

    near, _ = again(good)
    assert near.completed is not None
    assert near.completed.resumed
    near, far = again(bad)
    assert isinstance(far.error, CertificateVerifyError)
    assert far.error.problem is REVOKED
