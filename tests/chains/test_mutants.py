"""Certificates changed by a byte or two and signed again: believed or refused, no traceback."""

from __future__ import annotations

import random

import pytest

from chains.making import NOW, Cert, build, ca, leaf, policy, root
from tlcp.errors import CertificateVerifyError
from tlcp.x509.chain import verify_chain
from tlcp.x509.names import match_host
from tlcp.x509.trust import TrustStore

CERTS = [
    root(permit=("dns:example", "email:example", "dn:O=Acme", "ip:192.0.2.0/24")),
    ca("A", dn="O=Acme,CN=A", policies=("1", "2"), maps=("1>3", "2>4"), demand=0, no_any=1,
       exclude=("dns:no.example", "uri:no.example", "ip:198.51.100.0/24"), path_length=1),
    leaf("A", dn="O=Acme,E=x@example,CN=leaf", policies=("3", "any"),
         san=("dns:host.example", "ip:192.0.2.1", "email:y@example", "dn:O=Acme")),
]  # fmt: skip
BY_NAME = {cert.name: cert for cert in CERTS}
GOOD = {cert.name: build(cert, BY_NAME, "sm2") for cert in CERTS}


def verify(changed: Cert, dice: random.Random) -> str:
    """What comes of the chain with one certificate changed."""

    def change(tbs: bytes) -> bytes:
        data = bytearray(tbs)
        for _ in range(dice.randint(1, 2)):
            at = dice.randrange(4, len(data))
            data[at] = dice.choice((data[at] ^ 1 << dice.randrange(8), dice.randrange(256)))
        return bytes(data)

    try:
        made = GOOD | {changed.name: build(changed, BY_NAME, "sm2", change)}
        verify_chain(
            made["leaf"],
            [made["A"]],
            TrustStore([made["Root"]]),
            now=NOW,
            purpose="server",
            policies=[policy("1")],
        )
        match_host(made["leaf"], "host.example")
    except CertificateVerifyError as error:
        return error.problem.name if str(error) else "no text"
    return "ok"


@pytest.mark.parametrize("name", ["A", "leaf"])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_changed_is_believed_or_refused(name: str, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    outcomes = {verify(BY_NAME[name], dice) for _ in range(400)}
    assert {"MALFORMED", "ok"} < outcomes
    assert "no text" not in outcomes
    assert len(outcomes) >= 5, "the changes reach many rules"
