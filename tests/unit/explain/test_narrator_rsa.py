"""What is told of a connection with an RSA suite."""

from __future__ import annotations

from support import ends
from support.rsa_pki import RsaCA
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.explain import Narrator
from tlcp.suites import RSA_SUITES


def test_signatures_and_secret_are_named_for_what_they_are() -> None:
    ca, recorder = RsaCA.create(), ends.Recorder()
    client, server = (
        Config(
            identity=ca.issue_party(name).identity,
            trust=ca.trust,
            suites=RSA_SUITES[:1],
            trace=recorder if name == "a client" else None,
        )
        for name in ("a client", "a server")
    )
    ends.handshake(Connection.client(client, server_name="localhost"), Connection.server(server))
    narrator, told = Narrator(), {}
    for message in recorder.messages:
        one = narrator.tell(message)
        told[one.name] = " ".join(str(field.meaning) for field in one.fields)
        assert "could not be explained" not in told[one.name]
    assert "RSA signature of" in told["ServerKeyExchange"]
    assert "RSA ciphertext, 256 bytes" in told["ClientKeyExchange"]
    assert "RSA signature of" in told["CertificateVerify"]
    assert "SHA-256 hash" in told["CertificateVerify"]
