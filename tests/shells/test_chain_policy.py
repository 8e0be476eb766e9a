"""``chain_policy``: what a context asks of its peers' chains, in handshakes."""

from __future__ import annotations

import inspect
import ssl
from pathlib import Path

import pytest

import tlcp
from chains.files import LONG, write_pki
from chains.making import root
from shells.bios import Bios
from tlcp.alerts import AlertDescription
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.testing import LocalCA
from tlcp.x509.chain import ChainPolicy, verify_chain

STRICT = ssl.VerifyFlags.VERIFY_X509_STRICT


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pki(tmp_path_factory.mktemp("mixed"), root(type="p256", **LONG))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pki(tmp_path_factory.mktemp("plain"), root(type="sm2", **LONG))


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pki(tmp_path_factory.mktemp("careless"), root(type="sm2", ski=None, **LONG))


def load_pair(context: TLCPContext, folder: Path) -> None:
    sign, enc = ((folder / f"{name}.crt", folder / f"{name}.key") for name in ("leaf", "enc"))
    context.load_cert_chain(sign=sign, enc=enc)


def pair_of(folder: Path) -> tuple[TLCPContext, TLCPContext]:
    """A client that trusts the CA, and a server with the pair."""
    client, server = TLCPContext(PROTOCOL_TLCP_CLIENT), TLCPContext(PROTOCOL_TLCP_SERVER)
    load_pair(server, folder)
    client.load_verify_locations(folder / "ca.crt")
    return client, server


def handshake(folder: Path, policy: ChainPolicy, *, first: ChainPolicy | None = None) -> Bios:
    """With a policy that is set before the CA is loaded, or after it, as another one is first."""
    client, server = TLCPContext(PROTOCOL_TLCP_CLIENT), TLCPContext(PROTOCOL_TLCP_SERVER)
    load_pair(server, folder)
    client.chain_policy = first or policy
    client.load_verify_locations(folder / "ca.crt")
    client.chain_policy = policy
    assert client.chain_policy == policy
    return Bios(client, server, name="localhost").handshake()


@pytest.mark.parametrize("first", [None, ChainPolicy()], ids=["before", "after"])
def test_sm2_below_an_ecdsa_root_when_asked(mixed: Path, first: ChainPolicy | None) -> None:
    both = handshake(mixed, ChainPolicy(mixed=True), first=first)
    both.client.write(b"hello")
    both.carry()
    assert both.server.read() == b"hello"


def test_sm2_below_an_ecdsa_root_unasked(mixed: Path) -> None:
    with pytest.raises(CertificateVerifyError, match="all the way above") as caught:
        handshake(mixed, ChainPolicy(), first=ChainPolicy(mixed=True))
    assert caught.value.problem is CertificateProblem.UNSUPPORTED_KEY


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (ChainPolicy(max_depth=2), None),
        (ChainPolicy(max_depth=1), CertificateProblem.CHAIN_TOO_LONG),
        (ChainPolicy(policies=("2.999.1",)), None),
        (ChainPolicy(policies=("2.999.2", "2.999.1")), None),
        (ChainPolicy(policies=("2.999.2",)), CertificateProblem.NO_EXPLICIT_POLICY),
    ],
    ids=str,
)
def test_depth_and_policies(
    plain: Path, policy: ChainPolicy, problem: CertificateProblem | None
) -> None:
    if problem is None:
        handshake(plain, policy)
        return
    with pytest.raises(CertificateVerifyError) as caught:
        handshake(plain, policy)
    assert caught.value.problem is problem


def test_what_makes_no_sense_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="max_depth is -1"):
        ChainPolicy(max_depth=-1)
    with pytest.raises(ConfigError, match="no object identifier"):
        ChainPolicy(policies=("gold",))


def test_sessions_are_bound_to_it() -> None:
    context, bindings = TLCPContext(PROTOCOL_TLCP_CLIENT), set[bytes]()
    policies = [ChainPolicy(), ChainPolicy(max_depth=7), ChainPolicy(mixed=True),
                ChainPolicy(policies=("2.999.1",)), ChainPolicy(policies=("2.999.2",)),
                ChainPolicy(strict=True)]  # fmt: skip
    for policy in policies:
        context.chain_policy = policy
        bindings.add(context.config.binding("client"))
    assert len(bindings) == len(policies)
    assert (
        ChainPolicy(policies=("1.2", "1.3")).fingerprint
        == ChainPolicy(policies=("1.3", "1.2")).fingerprint
    )


def test_what_holds_unasked() -> None:
    assert ChainPolicy() == ChainPolicy(max_depth=8, mixed=False, policies=(), strict=False)
    assert TLCPContext(PROTOCOL_TLCP_CLIENT).chain_policy == ChainPolicy()
    defaults = inspect.signature(verify_chain).parameters
    assert defaults["max_depth"].default == ChainPolicy().max_depth
    assert defaults["mixed"].default == ChainPolicy().mixed
    assert defaults["policies"].default is ChainPolicy().oids is None
    assert defaults["strict"].default == ChainPolicy().strict
    for purpose in (ssl.Purpose.SERVER_AUTH, ssl.Purpose.CLIENT_AUTH):
        context = tlcp.create_default_context(purpose)
        assert not context.chain_policy.strict, "on every Python, whatever that of ssl does"
        assert not context.verify_flags & STRICT


def test_the_form_of_certificates(careless: Path, plain: Path) -> None:
    handshake(careless, ChainPolicy())
    handshake(plain, ChainPolicy(strict=True))
    with pytest.raises(CertificateVerifyError, match="CA without subjectKeyIdentifier") as caught:
        handshake(careless, ChainPolicy(strict=True))
    assert caught.value.problem is CertificateProblem.BREAKS_PROFILE
    assert caught.value.verify_code == 86
    assert caught.value.alert_to_send is AlertDescription.CERTIFICATE_UNKNOWN


def test_the_flag_is_the_policy(careless: Path) -> None:
    client, server = pair_of(careless)
    client.chain_policy = ChainPolicy(max_depth=3)
    before = client.verify_flags
    client.verify_flags |= STRICT
    assert client.chain_policy == ChainPolicy(max_depth=3, strict=True)
    with pytest.raises(CertificateVerifyError, match="CA without subjectKeyIdentifier"):
        Bios(client, server, name="localhost").handshake()
    client.verify_flags &= ~STRICT
    assert client.chain_policy == ChainPolicy(max_depth=3)
    assert client.verify_flags == before
    Bios(client, server, name="localhost").handshake()
    client.chain_policy = ChainPolicy(strict=True)
    assert client.verify_flags == before | STRICT


def test_what_our_own_ca_issues_has_the_form() -> None:
    ca = LocalCA()
    client, server = ca.client_context(), ca.server_context("localhost")
    client.verify_flags |= STRICT
    both = Bios(client, server, name="localhost").handshake()
    assert both.client.getpeercert()


def test_servers_ask_as_strictly(careless: Path) -> None:
    client, server = pair_of(careless)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(careless / "ca.crt")
    load_pair(client, careless)
    Bios(client, server, name="localhost").handshake()
    server.verify_flags |= STRICT
    with pytest.raises(CertificateVerifyError, match="CA without subjectKeyIdentifier"):
        Bios(client, server, name="localhost").handshake()
