"""RSA suites through a context: only where they are named, and with RSA certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from shells.bios import Bios
from support.rsa_pki import RsaCA, pem
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.errors import ConfigError
from tlcp.suites import RSA_SUITES

NAMES = [suite.openssl_name for suite in RSA_SUITES]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("rsa")
    ca = RsaCA.create()
    (directory / "ca.crt").write_bytes(pem(ca.certificate))
    party = ca.issue_party("a server")
    (directory / "server.pem").write_bytes(b"".join(party.files.values()))
    return directory


def contexts(files: Path, ciphers: str) -> tuple[TLCPContext, TLCPContext]:
    client, server = TLCPContext(PROTOCOL_TLCP_CLIENT), TLCPContext(PROTOCOL_TLCP_SERVER)
    for context in (client, server):
        context.set_ciphers(ciphers)
        context.load_verify_locations(files / "ca.crt")
    server.load_cert_chain(files / "server.pem")
    return client, server


@pytest.mark.parametrize("name", NAMES)
def test_a_suite_that_is_named_is_used(files: Path, name: str) -> None:
    both = Bios(*contexts(files, name), name="localhost").handshake()
    assert both.client.cipher()[0].replace("_", "-") == name
    both.client.write(b"hello")
    both.carry()
    assert both.server.read() == b"hello"


def test_rsa_keys_without_an_rsa_suite_are_a_config_error(files: Path) -> None:
    _, server = contexts(files, "DEFAULT")
    with pytest.raises(ConfigError, match="have RSA keys"):
        server.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)


def test_rsa_cas_wait_until_an_rsa_suite_is_named(files: Path) -> None:
    context = TLCPContext(PROTOCOL_TLCP_CLIENT)
    context.load_verify_locations(files / "ca.crt")
    assert context.cert_store_stats()["x509_ca"] == 0
    context.set_ciphers("ECC_SM4_GCM_SM3:RSA_SM4_GCM_SM3")
    assert context.cert_store_stats()["x509_ca"] == 1
    context.load_verify_locations(files / "ca.crt")
    assert context.cert_store_stats()["x509_ca"] == 1


def test_how_a_suite_is_described() -> None:
    context = TLCPContext(PROTOCOL_TLCP_CLIENT)
    context.set_ciphers("RSA_SM4_CBC_SHA256")
    (described,) = context.get_ciphers()
    assert described["kea"] == "kx-rsa"
    assert described["auth"] == "auth-rsa"
    assert described["digest"] == "sha256"
    assert "Au=RSA" in described["description"]
