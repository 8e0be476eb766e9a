"""Dialects: every field does what it says, every preset meets every other.

One test per field of ``Dialect``, marked with the field's name; a new field without one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

import pytest

from peers.scripted.client import ScriptedClient
from peers.scripted.manners import Habits, Stack
from peers.scripted.meeting import meet
from peers.scripted.peer import ScriptedPeer
from peers.scripted.server import ScriptedServer
from support import ends
from support.ends import HOST, NOW, Recorder, Side, world
from tlcp.connection import Connection
from tlcp.dialects import (
    AUTO,
    DIALECTS,
    MAX_PLAINTEXT_OLD_GMSSL,
    Dialect,
    dialect_named,
    without_extensions,
)
from tlcp.errors import AlertReceived, ConfigError, DecryptError, TLCPError
from tlcp.registry import ExtensionType as X
from tlcp.sessions.store import MemoryStore
from tlcp.suites import ECC_SM4_CBC_SM3, ECDHE_SM4_CBC_SM3, CipherSuite
from tlcp.wire.bodies import EcdheServerKeyExchange, decode_ecdhe_client_key_exchange
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    ClientHello,
    ClientKeyExchange,
    Handshake,
    ServerHello,
    ServerKeyExchange,
    decode_handshake,
)
from tlcp.x509.certificate import Certificate as X509
from tlcp.x509.identity import Identity

M = TypeVar("M", bound=Handshake)
Test = Callable[[], None]
BOTH = (ECC_SM4_CBC_SM3, ECDHE_SM4_CBC_SM3)
_TESTED: dict[str, Test] = {}


def of_field(name: str) -> Callable[[Test], Test]:
    """Mark the test of one field."""

    def mark(test: Test) -> Test:
        assert name not in _TESTED
        _TESTED[name] = test
        return test

    return mark


def test_every_field_has_its_test() -> None:
    assert set(_TESTED) == {field.name for field in fields(Dialect)}


# ---- what goes over the wire under a dialect -----------------------------------------------------


class Talk:
    """A handshake of ours with ours, and its messages.

    Args:
        client, server: fields to change in the dialect of each.
        suite: the only one.
        settings: of both.
    """

    def __init__(
        self,
        *,
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        suite: CipherSuite = ECC_SM4_CBC_SM3,
        **settings: Any,
    ) -> None:
        recorder, both = Recorder(), {"suites": (suite,)} | settings
        client_only = {key: both.pop(key) for key in ("tickets", "client_id") if key in both}
        store = both.pop("session_store", None)
        near = ends.client(
            dialect=replace(AUTO, **client or {}), trace=recorder, **both, **client_only
        )
        far = ends.server(dialect=replace(AUTO, **server or {}), session_store=store, **both)
        self.near, self.far = ends.run(near, far)
        raw = [m.data for m in recorder.messages if m.content_type == 22]
        self._messages = [decode_handshake(message) for message in raw]

    def one(self, kind: type[M], at: int = 0) -> M:
        return [m for m in self._messages if isinstance(m, kind)][at]

    def works(self) -> Talk:
        assert self.near.error is None, self.near.error
        assert self.far.error is None, self.far.error
        return self


def types(hello: ClientHello | ServerHello) -> list[int]:
    return [e.type for e in hello.extensions or ()]


def body(hello: ClientHello, kind: int) -> bytes | None:
    return next((e.data for e in hello.extensions or () if e.type == kind), None)


def chained(name: str) -> Identity:
    """A pair below an intermediate CA: three certificates are sent."""
    authority = world().ca.issue_intermediate("Sub CA", now=NOW)
    return authority.issue_pair(name, [HOST], now=NOW).identity


@of_field("name")
def test_name() -> None:
    """Users write it, and an error names it."""
    for name, dialect in DIALECTS.items():
        assert dialect.name == name == str(dialect)
        assert dialect_named(name) is dialect is dialect_named(name.upper())
    assert refused_hello().dialect == DIALECTS["gmssl-3.1"].name


@of_field("peers")
def test_peers() -> None:
    """An error says whom the dialect is for."""
    assert "GmSSL up to 3.1, GmSSL 2, old VPN gateways" in str(refused_hello())
    assert all(dialect.peers for dialect in DIALECTS.values())


def refused_hello() -> TLCPError:
    """What our client says of a server that answers its extensions with alert 10."""
    near, side = ends.client(), Side()
    near.receive_data(b"\x15\x01\x01\x00\x02\x02\x0a")
    ends.drain(near, side)
    assert isinstance(side.error, AlertReceived)
    return side.error


@of_field("extensions")
def test_extensions() -> None:
    asked: dict[str, Any] = {"tickets": True, "client_id": b"me", "alpn_protocols": ("h2",)}
    all_three = types(Talk(**asked).works().one(ClientHello))
    assert all_three == [X.SERVER_NAME, X.ALPN, X.SESSION_TICKET, X.CLIENT_ID]
    few = frozenset({X.ALPN})
    assert types(Talk(client={"extensions": few}, **asked).works().one(ClientHello)) == [X.ALPN]
    none = Talk(client={"extensions": frozenset()}, **asked).works().one(ClientHello)
    assert none.extensions is None
    assert without_extensions(AUTO).extensions == frozenset()


@of_field("signature_algorithms")
def test_signature_algorithms() -> None:
    assert body(Talk().one(ClientHello), X.SIGNATURE_ALGORITHMS) is None
    talk = Talk(client={"signature_algorithms": (0x0708, 0x0704)}).works()
    assert body(talk.one(ClientHello), X.SIGNATURE_ALGORITHMS) == b"\0\4\7\x08\7\4"


@of_field("supported_groups")
def test_supported_groups() -> None:
    assert body(Talk().one(ClientHello), X.SUPPORTED_GROUPS) is None
    talk = Talk(client={"supported_groups": (41, 249)}).works()
    assert body(talk.one(ClientHello), X.SUPPORTED_GROUPS) == b"\0\4\0\x29\0\xf9"


@of_field("renegotiation_scsv")
def test_renegotiation_scsv() -> None:
    assert 0x00FF not in Talk().one(ClientHello).cipher_suites
    talk = Talk(client={"renegotiation_scsv": True}).works()
    assert talk.one(ClientHello).cipher_suites[-1] == 0x00FF


@of_field("answers_scsv")
def test_answers_scsv() -> None:
    asks: dict[str, Any] = {"renegotiation_scsv": True}
    answer = Talk(client=asks).works().one(ServerHello)
    assert types(answer) == [X.RENEGOTIATION_INFO]
    silent = Talk(client=asks, server={"answers_scsv": False}).works().one(ServerHello)
    assert silent.extensions is None
    # a hello without extensions may be GmSSL 2's, which takes none: only told so do we answer
    bare = asks | {"extensions": frozenset()}
    assert Talk(client=bare).works().one(ServerHello).extensions is None
    told = Talk(client=bare, server=asks).works().one(ServerHello)
    assert types(told) == [X.RENEGOTIATION_INFO]


@of_field("point_vector")
def test_point_vector() -> None:
    for vector, size in ((False, 69), (True, 71)):
        talk = Talk(client={"point_vector": vector}, suite=ECDHE_SM4_CBC_SM3).works()
        assert len(talk.one(ClientKeyExchange).body) == size


@of_field("curve")
def test_curve() -> None:
    """In the parameters of either side; each signs and takes what it is."""
    talk = Talk(client={"curve": 249}, server={"curve": 0}, suite=ECDHE_SM4_CBC_SM3).works()
    assert (
        EcdheServerKeyExchange.from_bytes(talk.one(ServerKeyExchange).body).params.named_curve == 0
    )
    share = decode_ecdhe_client_key_exchange(talk.one(ClientKeyExchange).body)
    assert share.params.named_curve == 249


@of_field("single_client_certificate")
def test_single_client_certificate() -> None:
    """In ECC suites the encryption certificate stays at home, the CAs above it do not."""
    mine = chained("client")
    sign, enc = mine.sign_cert.der, mine.enc_cert.der if mine.enc_cert else b""
    above = tuple(certificate.der for certificate in mine.chain)
    for suite in BOTH:
        for single in (False, True):
            changed = {"single_client_certificate": single}
            near = Talk(client=changed, suite=suite, identity=mine).works()
            with_enc = not single or suite is ECDHE_SM4_CBC_SM3
            wanted = (sign, enc, *above) if with_enc else (sign, *above)
            assert near.one(Certificate, at=1).certificates == wanted
            assert len(near.one(Certificate).certificates) == 3  # a server always sends both


@of_field("raw_certificate_verify")
def test_raw_certificate_verify() -> None:
    """A server that takes no such signature refuses it."""
    hashed_only = {"takes_raw_certificate_verify": False}
    Talk(server=hashed_only).works()
    talk = Talk(client={"raw_certificate_verify": True}, server=hashed_only)
    assert isinstance(talk.far.error, DecryptError)
    assert "GmSSL" in str(talk.far.error)


@of_field("takes_raw_certificate_verify")
def test_takes_raw_certificate_verify() -> None:
    for suite in BOTH:
        raw: dict[str, Any] = {"client": {"raw_certificate_verify": True}, "suite": suite}
        Talk(**raw).works()
        talk = Talk(server={"takes_raw_certificate_verify": False}, **raw)
        assert isinstance(talk.far.error, DecryptError)


@of_field("client_is_initiator")
def test_client_is_initiator() -> None:
    """With a peer that hashes the client's Z first, and with one that does not."""
    for theirs_first in (False, True):
        stack = Stack(name="gateway", preset="", habits=Habits(client_first=theirs_first))
        for ours_first in (False, True):
            dialect = replace(AUTO, client_is_initiator=ours_first)
            for side, peer in gateway(stack, dialect):
                assert (side.completed is not None) == (ours_first == theirs_first)
                assert peer.done == (ours_first == theirs_first)


def gateway(stack: Stack, dialect: Dialect) -> Iterator[tuple[Side, ScriptedPeer]]:
    """Ours as the client, then as the server."""
    more: dict[str, Any] = {"suites": (ECDHE_SM4_CBC_SM3,), "dialect": dialect}
    ca = world().ca.certificate
    server = ScriptedServer(stack, world().server, ca)
    yield meet(ends.client(**more), server), server
    client = ScriptedClient(stack, world().client, ca, suites=more["suites"])
    yield meet(ends.server(**more), client), client


@of_field("certificate_types")
def test_certificate_types() -> None:
    assert Talk().one(CertificateRequest).certificate_types == b"\x40"
    talk = Talk(server={"certificate_types": (64, 1, 64)}).works()
    assert talk.one(CertificateRequest).certificate_types == b"\x40\x01\x40"


@of_field("enc_certificate_last")
def test_enc_certificate_last() -> None:
    """Of both sides' certificates."""
    for last, order in ((False, [False, False, True]), (True, [False, True, False])):
        changed = {"enc_certificate_last": last}
        for at in (0, 1):
            talk = Talk(client=changed, server=changed, identity=chained("both")).works()
            ders = talk.one(Certificate, at=at).certificates
            assert [X509.from_der(der).is_ca for der in ders] == order


@of_field("session_id")
def test_session_id() -> None:
    for named, size in ((True, 32), (False, 0)):
        store = MemoryStore()
        talk = Talk(server={"session_id": named}, session_store=store).works()
        assert len(talk.one(ServerHello).session_id) == size
        assert len(store) == (1 if named else 0)


@of_field("max_plaintext_bytes")
def test_max_plaintext_bytes() -> None:
    ca, data = world().ca.certificate, bytes(40_000)
    # a hello without extensions may be GmSSL 3.1's, whose limit holds in any dialect
    named = Stack(name="any", preset="", habits=Habits(offers=(X.SERVER_NAME,)))
    for longest in (16_384, 16_363, 1_000):
        more: dict[str, Any] = {"dialect": replace(AUTO, max_plaintext_bytes=longest)}
        pairs: list[tuple[Connection, ScriptedPeer]] = [
            (ends.client(**more), ScriptedServer(named, world().server, ca)),
            (ends.server(**more), ScriptedClient(named, world().client, ca, name=HOST)),
        ]
        for ours, theirs in pairs:
            side = meet(ours, theirs)
            ours.send_data(data)
            meet(ours, theirs, side)
            assert theirs.heard.data == data
            assert max(theirs.heard.sizes) == longest


def test_a_hello_without_extensions_limits_the_plaintext() -> None:
    """Both ways: what GmSSL 3.1 can read at most."""
    stack = Stack(name="old", preset="", habits=Habits(names_sessions=False))
    ca = world().ca.certificate
    pairs: list[tuple[Connection, ScriptedPeer]] = [
        (ends.client(extensions=False), ScriptedServer(stack, world().server, ca)),
        (ends.server(), ScriptedClient(stack, world().client, ca)),
    ]
    for ours, theirs in pairs:
        side = meet(ours, theirs)
        ours.send_data(bytes(40_000))
        meet(ours, theirs, side)
        assert max(theirs.heard.sizes) == MAX_PLAINTEXT_OLD_GMSSL == 16_363


@of_field("ca_names")
def test_ca_names() -> None:
    name = world().ca.certificate.subject_der
    assert Talk().one(CertificateRequest).certificate_authorities == (name,)
    talk = Talk(server={"ca_names": False}).works()
    assert talk.one(CertificateRequest).certificate_authorities == ()


# ---- names --------------------------------------------------------------------------------------


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigError) as caught:
        dialect_named("gmsl")
    assert "'gmsl'" in str(caught.value)
    assert all(name in str(caught.value) for name in DIALECTS)


def test_a_dialect_of_ones_own() -> None:
    own = replace(AUTO, name="gateway", client_is_initiator=True)
    assert dialect_named(own) is own


def test_the_presets() -> None:
    assert list(DIALECTS) == [
        "auto", "standard", "gmssl-3.1", "gmssl-3.3", "tassl", "tongsuo", "gotlcp", "kona",
        "openhitls",
    ]  # fmt: skip


# ---- every preset against every other -----------------------------------------------------------

#: (client's, server's) that cannot, with the reason
CANNOT = {
    ("gmssl-3.3", server): "its client signs the messages, which only two servers take"
    for server, dialect in DIALECTS.items()
    if server not in ("auto", "gmssl-3.3")
}


@pytest.mark.parametrize("suite", BOTH, ids=lambda s: s.name)
@pytest.mark.parametrize("theirs", DIALECTS)
@pytest.mark.parametrize("mine", DIALECTS)
def test_preset_against_preset(mine: str, theirs: str, suite: CipherSuite) -> None:
    near = ends.client(dialect=DIALECTS[mine], suites=(suite,))
    far = ends.server(dialect=DIALECTS[theirs], suites=(suite,), session_store=MemoryStore())
    there, back = ends.run(near, far)
    if (mine, theirs) in CANNOT:
        assert isinstance(back.error, DecryptError)
        assert isinstance(there.error, AlertReceived)
        return
    assert (there.error, back.error) == (None, None)
    assert there.completed is not None
    near.send_data(b"there" * 9000)
    far.send_data(b"back" * 9000)
    there, back = ends.run(near, far)
    assert (there.data, back.data) == (b"back" * 9000, b"there" * 9000)
