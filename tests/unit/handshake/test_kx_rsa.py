"""RSA suites: whatever is wrong with the encrypted secret looks the same; keys of one kind only."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support import ends
from support.rsa_pki import RsaCA, rsa_key
from tlcp.alerts import AlertDescription
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.crypto.rsa import RSAPrivateKey, RSAPublicKey
from tlcp.errors import (
    BadRecordMAC,
    CertificateProblem,
    CertificateVerifyError,
    ConfigError,
    DecodeError,
    DecryptError,
)
from tlcp.handshake.kx import HelloContext
from tlcp.handshake.kx_rsa import RsaServerSide
from tlcp.sessions.store import MemoryStore
from tlcp.suites import DEFAULT_SUITES, RSA_SUITES, CipherSuite
from tlcp.wire.bodies import EccClientKeyExchange
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

CA = RsaCA.create()
SERVER, CLIENT = CA.issue_party("a server").identity, CA.issue_party("a client").identity
HELLO = HelloContext(0x0101, bytes(32), bytes(range(32)))
SECRET = b"\1\1" + bytes(range(46))
SUBSTITUTE = bytes(48)
each_suite = pytest.mark.parametrize("suite", RSA_SUITES, ids=lambda suite: suite.name)


def key_of(server: Identity) -> rsa.RSAPrivateKey:
    assert isinstance(server.enc_key, RSAPrivateKey)
    return server.enc_key._key


def encrypted(plaintext: bytes) -> bytes:
    return key_of(SERVER).public_key().encrypt(plaintext, padding.PKCS1v15())


def raw(block: bytes) -> bytes:
    """A ciphertext of any padded block, right or wrong."""
    numbers = key_of(SERVER).public_key().public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(256, "big")


def padded(secret: bytes = SECRET, *, start: bytes = b"\0\2", end: bytes = b"\0") -> bytes:
    return start + b"\x55" * (256 - len(start + end + secret)) + end + secret


BAD: dict[str, Callable[[], bytes]] = {
    "another version": lambda: encrypted(b"\1\2" + SECRET[2:]),
    "TLS 1.2": lambda: encrypted(b"\3\3" + SECRET[2:]),
    "47 bytes": lambda: encrypted(SECRET[:-1]),
    "49 bytes": lambda: encrypted(SECRET + b"\0"),
    "nothing": lambda: encrypted(b""),
    "first byte": lambda: raw(padded(start=b"\1\2")),
    "block type 1": lambda: raw(padded(start=b"\0\1")),
    "no zero": lambda: raw(padded(end=b"\x55")),
    "a zero too early": lambda: raw(b"\0\2\x55\x55\0" + padded()[5:]),
    "zero": lambda: bytes(256),
    "more than the modulus": lambda: b"\xff" * 256,
    "random": lambda: b"\0" + os.urandom(255),
    "one byte": lambda: b"x",
    "one byte less": lambda: encrypted(SECRET)[1:],
    "one byte more": lambda: b"\0" + encrypted(SECRET),
}
each_bad = pytest.mark.parametrize("bad", BAD.values(), ids=BAD)


def side() -> RsaServerSide:
    return RsaServerSide(HELLO, SERVER, lambda size: SUBSTITUTE[:size])


def accept(ciphertext: bytes) -> bytes:
    return side().accept(EccClientKeyExchange(ciphertext).to_bytes(), None)


def config(identity: Identity | None, **changes: Any) -> Config:
    base: dict[str, Any] = {"identity": identity, "trust": CA.trust, "suites": RSA_SUITES}
    return Config(**(base | changes))


def client(**changes: Any) -> Connection:
    identity = changes.pop("identity", CLIENT)
    return Connection.client(config(identity, **changes), server_name="localhost")


def server(**changes: Any) -> Connection:
    return Connection.server(config(changes.pop("identity", SERVER), **changes))


def test_the_secret_is_decrypted() -> None:
    assert accept(encrypted(SECRET)) == SECRET
    assert accept(raw(padded())) == SECRET


@each_bad
def test_a_bad_ciphertext_gives_the_random_secret(bad: Callable[[], bytes]) -> None:
    assert accept(bad()) == SUBSTITUTE


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0", b"\0\2x", b"\0\1xy"])
def test_a_body_that_is_no_vector_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        side().accept(body, None)


def test_the_signature_is_over_the_encryption_certificate() -> None:
    assert SERVER.enc_cert is not None
    der = SERVER.enc_cert.der
    signed = HELLO.randoms + len(der).to_bytes(3, "big") + der
    body = side().offer()
    assert body[:2] == (256).to_bytes(2, "big")
    SERVER.sign_cert.public_key.verify(body[2:], signed)


@each_bad
@each_suite
def test_the_handshake_fails_at_finished_whatever_is_wrong(
    suite: CipherSuite, bad: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RSAPublicKey, "encrypt", lambda *_, **__: bad())
    at_client, at_server = ends.run(client(suites=(suite,)), server())
    assert type(at_server.error) is BadRecordMAC
    assert at_server.error.what == "record 0 failed its integrity check"
    assert at_client.alert is AlertDescription.BAD_RECORD_MAC
    assert at_client.completed is None
    assert at_server.completed is None


def test_a_wrong_signature_of_the_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RSAPrivateKey, "sign", lambda *_: bytes(256))
    at_client, at_server = ends.run(client(), server())
    assert isinstance(at_client.error, DecryptError)
    assert at_server.alert is AlertDescription.DECRYPT_ERROR


def test_a_wrong_signature_of_the_client_is_refused() -> None:
    class Forger(RSAPrivateKey):
        def sign(self, message: bytes) -> bytes:
            return super().sign(message + b"!")

    sign_key = Forger(rsa_key("a client sign"))
    forged = Identity(CLIENT.sign_cert, sign_key, CLIENT.enc_cert, CLIENT.enc_key)
    at_client, at_server = ends.run(client(identity=forged), server())
    assert isinstance(at_server.error, DecryptError)
    assert at_client.alert is AlertDescription.DECRYPT_ERROR


@each_suite
def test_a_session_is_resumed(suite: CipherSuite) -> None:
    store = MemoryStore()
    first, _ = ends.handshake(client(suites=(suite,)), server(session_store=store))
    assert first.completed is not None
    assert first.completed.session is not None
    again = Connection.client(
        config(CLIENT, suites=(suite,)),
        server_name="localhost",
        session=first.completed.session,
    )
    at_client, at_server = ends.handshake(again, server(session_store=store))
    for completed in (at_client.completed, at_server.completed):
        assert completed is not None
        assert completed.resumed
        assert completed.suite is suite


# ---- keys of the wrong kind --------------------------------------------------------------------


def both_cas() -> TrustStore:
    return TrustStore([CA.certificate, ends.world().ca.certificate])


def _with_list_of(identity: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Identity.certificate_list
    lists = {id(identity): other}

    def certificate_list(self: Identity, **arguments: bool) -> tuple[bytes, ...]:
        return real(lists.get(id(self), self), **arguments)

    monkeypatch.setattr(Identity, "certificate_list", certificate_list)


@pytest.mark.parametrize("skip", [False, True], ids=["verified", "unverified"])
@pytest.mark.parametrize("suite", [DEFAULT_SUITES[0], RSA_SUITES[0]], ids=["SM2 suite", "RSA"])
def test_a_server_of_the_wrong_kind_is_refused(
    suite: CipherSuite, skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sm2 = ends.world().server
    own, shown = (sm2, SERVER) if suite in DEFAULT_SUITES else (SERVER, sm2)
    _with_list_of(own, shown, monkeypatch)
    asks = Connection.client(
        Config(
            trust=both_cas(),
            suites=(suite,),
            dangerous_skip_verification=skip,
            dangerous_skip_host_check=True,
            now=lambda: ends.NOW,
        ),
        server_name=None,
    )
    answers = Connection.server(Config(identity=own, suites=(suite,), client_auth=ClientAuth.NONE))
    at_client, at_server = ends.run(asks, answers)
    _check_wrong_kind(at_client, at_server, suite)


@pytest.mark.parametrize("suite", [DEFAULT_SUITES[0], RSA_SUITES[0]], ids=["SM2 suite", "RSA"])
def test_a_client_of_the_wrong_kind_is_refused(
    suite: CipherSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    sm2, trust = ends.world(), both_cas()
    own, shown = (sm2.client, CLIENT) if suite in DEFAULT_SUITES else (CLIENT, sm2.client)
    serving = sm2.server if suite in DEFAULT_SUITES else SERVER
    _with_list_of(own, shown, monkeypatch)
    asks = Connection.client(
        Config(identity=own, suites=(suite,), dangerous_skip_verification=True),
        server_name=None,
    )
    answers = Connection.server(
        Config(identity=serving, suites=(suite,), trust=trust, now=lambda: ends.NOW)
    )
    at_client, at_server = ends.run(asks, answers)
    _check_wrong_kind(at_server, at_client, suite)


def _check_wrong_kind(refuser: ends.Side, other: ends.Side, suite: CipherSuite) -> None:
    error = refuser.error
    assert isinstance(error, CertificateVerifyError)
    assert error.problem is CertificateProblem.UNSUPPORTED_KEY
    has = "SM2" if suite in RSA_SUITES else "RSA"
    assert f"has an {has} key" in str(error)
    assert f"the cipher suite is for {suite.key_kind.value} keys" in str(error)
    assert error.which == "signing certificate"
    assert other.alert is AlertDescription.UNSUPPORTED_CERTIFICATE


# ---- settings ----------------------------------------------------------------------------------


def test_a_server_serves_the_suites_of_its_keys_only() -> None:
    every = (*DEFAULT_SUITES, *RSA_SUITES)
    assert config(SERVER, suites=every).fitting_suites == RSA_SUITES
    assert config(ends.world().server, suites=every).fitting_suites == DEFAULT_SUITES
    assert config(None, suites=every).fitting_suites == every
    at_client, _ = ends.handshake(client(), server(suites=every))
    assert at_client.completed is not None
    assert at_client.completed.suite is RSA_SUITES[0]


@pytest.mark.parametrize(
    ("identity", "suites", "text"),
    [
        (SERVER, DEFAULT_SUITES, r"have RSA keys.*ECC_SM4_GCM_SM3.*enable an RSA suite"),
        (ends.world().server, RSA_SUITES, r"have SM2 keys.*RSA_SM4_GCM_SM3.*enable an SM2 suite"),
    ],
)
def test_keys_without_a_suite_are_a_config_error(
    identity: Identity, suites: tuple[CipherSuite, ...], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        server(identity=identity, suites=suites)
    with pytest.raises(ConfigError, match=text):
        client(identity=identity, suites=suites)


def test_an_openssl_whose_time_tells_the_padding_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RSAPrivateKey, "rejects_implicitly", False)
    with pytest.raises(ConfigError, match=r"OpenSSL 3\.2"):
        server()
    client()
