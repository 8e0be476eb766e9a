"""Keys that live elsewhere, and devices that do not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.ends import ECC, ECDHE, client, handshake, run, server, world
from tlcp.alerts import AlertDescription
from tlcp.crypto.keys import KeyAgreement, PrivateKey
from tlcp.errors import ConfigError, KeyUnavailable
from tlcp.suites import CipherSuite
from tlcp.x509.identity import Identity


class Agreement:
    """Fails at its end, if told to."""

    def __init__(self, inner: KeyAgreement, fails: bool) -> None:
        self._inner, self._fails = inner, fails
        self.ephemeral_point = inner.ephemeral_point

    def derive(self, *, peer_point: bytes, peer_ephemeral_point: bytes, initiator: bool) -> bytes:
        if self._fails:
            raise TimeoutError("no answer")
        return self._inner.derive(
            peer_point=peer_point, peer_ephemeral_point=peer_ephemeral_point, initiator=initiator
        )


class Device:
    """A key whose device goes away at a step."""

    def __init__(self, inner: object, gone_at: str = "") -> None:
        assert isinstance(inner, PrivateKey)
        self._inner, self._gone_at = inner, gone_at
        self.steps: list[str] = []

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name == self._gone_at:
            raise ConnectionRefusedError(111, "Connection refused")

    @property
    def public_point(self) -> bytes:
        return self._inner.public_point

    def sign(self, message: bytes) -> bytes:
        self._step("sign")
        return self._inner.sign(message)

    def decrypt(self, ciphertext: bytes) -> bytes:
        self._step("decrypt")
        return self._inner.decrypt(ciphertext)

    def begin_key_exchange(self) -> Agreement:
        self._step("begin")
        return Agreement(self._inner.begin_key_exchange(), self._gone_at == "derive")


def elsewhere(identity: Identity, gone_at: str = "") -> Identity:
    sign, enc = Device(identity.sign_key, gone_at), Device(identity.enc_key, gone_at)
    return replace(identity, sign_key=sign, enc_key=enc)


@pytest.mark.parametrize("suite", [*ECC, *ECDHE], ids=lambda s: s.name)
def test_a_handshake_with_keys_elsewhere_at_both_ends(suite: CipherSuite) -> None:
    w = world()
    ours, theirs = elsewhere(w.client), elsewhere(w.server)
    handshake(client(identity=ours, suites=(suite,)), server(identity=theirs, suites=(suite,)))
    steps = [key.steps for key in (ours.sign_key, theirs.sign_key) if isinstance(key, Device)]
    assert steps == [["sign"], ["sign"]]
    assert isinstance(theirs.enc_key, Device)
    assert theirs.enc_key.steps == ["decrypt" if suite in ECC else "begin"]


@pytest.mark.parametrize(
    ("role", "suite", "gone_at", "which"),
    [
        ("client", ECC[0], "sign", "signing"),
        ("server", ECC[0], "sign", "signing"),
        ("server", ECC[0], "decrypt", "encryption"),
        ("client", ECDHE[0], "sign", "signing"),
        ("client", ECDHE[0], "begin", "encryption"),
        ("client", ECDHE[0], "derive", "encryption"),
        ("server", ECDHE[0], "begin", "encryption"),
        ("server", ECDHE[0], "derive", "encryption"),
    ],
)
def test_a_device_that_is_gone(role: str, suite: CipherSuite, gone_at: str, which: str) -> None:
    """Our side learns which key and why, the peer gets internal_error, and nobody hangs."""
    w = world()
    identities = {"client": w.client, "server": w.server}
    identities[role] = elsewhere(identities[role], gone_at)
    one = client(identity=identities["client"], suites=(suite,))
    other = server(identity=identities["server"], suites=(suite,))
    sides = dict(zip(("client", "server"), run(one, other), strict=True))
    error = sides[role].error
    assert isinstance(error, KeyUnavailable)
    cause = "TimeoutError, no answer" if gone_at == "derive" else "ConnectionRefusedError, Conn"
    assert f"our {which} key does not answer: {cause}" in str(error)
    assert isinstance(error.__cause__, OSError)
    assert not isinstance(error, ConfigError)
    other_role = "server" if role == "client" else "client"
    assert sides[other_role].alert == AlertDescription.INTERNAL_ERROR
