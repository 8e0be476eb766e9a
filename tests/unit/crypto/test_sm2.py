"""The Python face of SM2: known answers, agreement with Tongsuo, refusals.

Spec: GB/T 32918.1 to .5; GB/T 38636-2020 6.4.5.4, 6.4.5.8, 6.4.5.9
"""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from tlcp.crypto.der import BAD_CIPHERTEXT, decode_ciphertext, encode_ciphertext, encode_signature
from tlcp.crypto.keys import PrivateKey
from tlcp.crypto.sm2 import DEFAULT_ID, Random, SM2KeyAgreement, SM2PrivateKey, SM2PublicKey
from tlcp.crypto.sm3 import sm3
from tlcp.errors import MisuseError
from unit.crypto.sm2_reference import N, P
from unit.crypto.tongsuo_sm2 import LIBRARY, TongsuoKey

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sm2.json").read_text())
SIGN = {name: bytes.fromhex(value) for name, value in VECTORS["sign"].items()}
ENCRYPT = {name: bytes.fromhex(value) for name, value in VECTORS["encrypt"].items()}
EXCHANGE = {name: bytes.fromhex(value) for name, value in VECTORS["exchange"].items()}
VERIFY = {name: bytes.fromhex(value) for name, value in VECTORS["certificate_verify"].items()}
KEY = SM2PrivateKey(SIGN["scalar"])
OTHER = SM2PrivateKey(EXCHANGE["scalar_a"])

needs_tongsuo = pytest.mark.skipif(LIBRARY is None, reason="needs tongsuopy: pip install tongsuopy")


def fixed(*values: bytes) -> Random:
    """A random source that gives these values, then fails."""
    rest: Iterator[bytes] = iter(values)
    return lambda count: next(rest)


def number(value: int) -> bytes:
    return value.to_bytes(32)


def test_signature_known_answer() -> None:
    key = SM2PrivateKey(SIGN["scalar"], fixed(SIGN["nonce"]))
    assert key.public_point == SIGN["point"]
    assert key.public_key.z() == SIGN["z"]
    assert sm3(SIGN["z"] + SIGN["message"]) == SIGN["e"]
    signature = key.sign(SIGN["message"])
    assert signature == encode_signature(SIGN["r"] + SIGN["s"])
    SM2PublicKey(SIGN["point"]).verify(signature, SIGN["message"])


def test_certificate_verify_known_answer() -> None:
    key = SM2PrivateKey(SIGN["scalar"], fixed(SIGN["nonce"]))
    assert key.sign(sm3(VERIFY["transcript"])) == VERIFY["signature_der"]


def test_encryption_known_answer() -> None:
    expected = encode_ciphertext(ENCRYPT["c1"], ENCRYPT["c3"], ENCRYPT["c2"])
    assert KEY.public_key.encrypt(ENCRYPT["message"], random=fixed(SIGN["nonce"])) == expected
    assert KEY.decrypt(expected) == ENCRYPT["message"]


def agreements() -> tuple[SM2PrivateKey, SM2KeyAgreement, SM2PrivateKey, SM2KeyAgreement]:
    a, b = SM2PrivateKey(EXCHANGE["scalar_a"]), SM2PrivateKey(EXCHANGE["scalar_b"])
    run_a = SM2KeyAgreement(a, EXCHANGE["ephemeral_a"])
    return a, run_a, b, SM2KeyAgreement(b, EXCHANGE["ephemeral_b"])


def test_key_agreement_known_answer_with_ids() -> None:
    a, run_a, b, run_b = agreements()
    key_a = run_a.derive(
        peer_point=b.public_point,
        peer_ephemeral_point=run_b.ephemeral_point,
        initiator=True,
        own_id=b"Alice",
        peer_id=b"Bob",
    )
    key_b = run_b.derive(
        peer_point=a.public_point,
        peer_ephemeral_point=run_a.ephemeral_point,
        initiator=False,
        own_id=b"Bob",
        peer_id=b"Alice",
    )
    assert key_a == key_b == EXCHANGE["key_alice_bob"]


def test_pre_master_known_answer_server_is_initiator() -> None:
    server, run_s, client, run_c = agreements()
    assert server.public_key.z(DEFAULT_ID) == EXCHANGE["z_server"]
    assert client.public_key.z() == EXCHANGE["z_client"]
    of_server = run_s.derive(
        peer_point=client.public_point, peer_ephemeral_point=run_c.ephemeral_point, initiator=True
    )
    of_client = run_c.derive(
        peer_point=server.public_point, peer_ephemeral_point=run_s.ephemeral_point, initiator=False
    )
    assert of_server == of_client == EXCHANGE["pre_master"]


def test_client_first_order_of_z_gives_another_pre_master() -> None:
    _, run_s, client, run_c = agreements()
    key = run_s.derive(
        peer_point=client.public_point, peer_ephemeral_point=run_c.ephemeral_point, initiator=False
    )
    assert key.startswith(EXCHANGE["client_first_begins"])
    assert key.endswith(EXCHANGE["client_first_ends"])


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 200))
def test_agreed_keys_of_any_length_extend_each_other(length: int) -> None:
    _, run, client, run_c = agreements()
    key = run.derive(
        peer_point=client.public_point,
        peer_ephemeral_point=run_c.ephemeral_point,
        initiator=True,
        length=length,
    )
    assert len(key) == length
    assert key[:48] == EXCHANGE["pre_master"][:length]


@pytest.mark.parametrize("length", [0, -1])
def test_no_key_of_no_length(length: int) -> None:
    run = KEY.begin_key_exchange()
    with pytest.raises(ValueError, match="at least 1"):
        run.derive(
            peer_point=KEY.public_point,
            peer_ephemeral_point=OTHER.public_point,
            initiator=True,
            length=length,
        )


OFF_CURVE = b"\x04" + SIGN["point"][1:64] + bytes([SIGN["point"][64] ^ 1])


@pytest.mark.parametrize(("point", "ephemeral"), [(OFF_CURVE, None), (None, OFF_CURVE)])
def test_agreement_refuses_points_off_the_curve(
    point: bytes | None, ephemeral: bytes | None
) -> None:
    good = OTHER.public_point
    with pytest.raises(ValueError, match="not on the curve"):
        KEY.begin_key_exchange().derive(
            peer_point=point or good, peer_ephemeral_point=ephemeral or good, initiator=True
        )


def test_an_agreement_runs_once() -> None:
    run = KEY.begin_key_exchange()
    point = OTHER.public_point
    run.derive(peer_point=point, peer_ephemeral_point=point, initiator=True)
    with pytest.raises(MisuseError, match="used once"):
        run.derive(peer_point=point, peer_ephemeral_point=point, initiator=True)


def test_agreement_at_infinity_is_refused() -> None:
    """The peer's static point is chosen as -(x R), so that the shared point vanishes."""
    from unit.crypto.sm2_reference import from_xy, mul, xy

    r = from_xy(OTHER.public_point[1:])
    assert r is not None
    minus = mul(N - (2**127 + r[0] % 2**127), r)
    with pytest.raises(ValueError, match="infinity"):
        KEY.begin_key_exchange().derive(
            peer_point=b"\x04" + xy(minus),
            peer_ephemeral_point=OTHER.public_point,
            initiator=True,
        )


@given(message=st.binary(max_size=300), user_id=st.binary(max_size=40))
def test_signatures_bind_message_id_and_key(message: bytes, user_id: bytes) -> None:
    signature = KEY.sign(message, user_id=user_id)
    KEY.public_key.verify(signature, message, user_id=user_id)
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(signature, message + b"\0", user_id=user_id)
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(signature, message, user_id=user_id + b"\0")
    with pytest.raises(InvalidSignature):
        OTHER.public_key.verify(signature, message, user_id=user_id)


@given(plaintext=st.binary(min_size=1, max_size=300))
def test_encryption_round_trip(plaintext: bytes) -> None:
    ciphertext = KEY.public_key.encrypt(plaintext)
    assert KEY.decrypt(ciphertext) == plaintext
    with pytest.raises(ValueError, match=BAD_CIPHERTEXT):
        OTHER.decrypt(ciphertext)


def test_every_flipped_byte_of_a_ciphertext_is_noticed() -> None:
    c1, c3, c2 = decode_ciphertext(KEY.public_key.encrypt(b"a pre-master secret"))
    whole = c1 + c3 + c2
    for i in range(len(whole)):
        bad = bytearray(whole)
        bad[i] ^= 1 << i % 8
        with pytest.raises(ValueError, match=BAD_CIPHERTEXT):
            KEY.decrypt(encode_ciphertext(bytes(bad[:64]), bytes(bad[64:96]), bytes(bad[96:])))


def test_truncated_and_extended_c2_are_refused() -> None:
    c1, c3, c2 = decode_ciphertext(KEY.public_key.encrypt(b"a pre-master secret"))
    for bad in (c2[:-1], c2 + b"\0", c2[:1]):
        with pytest.raises(ValueError, match=BAD_CIPHERTEXT):
            KEY.decrypt(encode_ciphertext(c1, c3, bad))


def test_loose_ciphertext_decrypts() -> None:
    c1, c3, c2 = decode_ciphertext(KEY.public_key.encrypt(b"x" * 48))
    x, y = (b"\x02\x24" + bytes(4) + half for half in (c1[:32], c1[32:]))
    body = x + y + b"\x04\x20" + c3 + b"\x04\x30" + c2
    assert KEY.decrypt(b"\x30\x81" + bytes([len(body)]) + body + b"padding") == b"x" * 48


def test_an_empty_plaintext_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        KEY.public_key.encrypt(b"")


@pytest.mark.parametrize(
    "point",
    [
        b"",
        SIGN["point"][:64],
        SIGN["point"] + b"\0",
        b"\x02" + SIGN["point"][1:33],
        b"\x06" + SIGN["point"][1:],
        b"\x00" * 65,
        b"\x04" + bytes(64),
        b"\x04" + number(P) * 2,
        b"\x04" + b"\xff" * 64,
        OFF_CURVE,
    ],
)
def test_bad_points_are_refused(point: bytes) -> None:
    with pytest.raises(ValueError, match="not an SM2 point"):
        SM2PublicKey(point)


@pytest.mark.parametrize(
    "scalar", [b"", bytes(31), bytes(33), number(0), number(N - 1), number(N), b"\xff" * 32]
)
def test_bad_scalars_are_refused_without_showing_them(scalar: bytes) -> None:
    with pytest.raises(ValueError, match="SM2 private key") as caught:
        SM2PrivateKey(scalar)
    assert len(scalar) < 32 or scalar.hex() not in str(caught.value)
    with pytest.raises(ValueError, match="SM2 private key"):
        SM2KeyAgreement(KEY, scalar)


@pytest.mark.parametrize("unusable", [number(0), number(N), b"\xff" * 32])
def test_unusable_random_numbers_are_drawn_again(unusable: bytes) -> None:
    key = SM2PrivateKey(SIGN["scalar"], fixed(unusable, SIGN["nonce"]))
    assert key.sign(SIGN["message"]) == encode_signature(SIGN["r"] + SIGN["s"])
    source = fixed(unusable, SIGN["nonce"])
    KEY.public_key.encrypt(b"x", random=source)
    assert SM2PrivateKey.generate(fixed(unusable, SIGN["scalar"])).public_key == KEY.public_key


@pytest.mark.parametrize("source", [bytes, lambda _: b"", lambda _: os.urandom(31)])
def test_a_broken_random_source_is_reported(source: Random) -> None:
    key = SM2PrivateKey(SIGN["scalar"], source)
    for call in (
        lambda: key.sign(b""),
        lambda: key.public_key.encrypt(b"x", random=source),
        key.begin_key_exchange,
        lambda: SM2PrivateKey.generate(source),
    ):
        with pytest.raises(RuntimeError, match="random source broken"):
            call()


def test_too_long_user_id() -> None:
    KEY.public_key.z(b"x" * 8191)
    with pytest.raises(ValueError, match="8191"):
        KEY.public_key.z(b"x" * 8192)


def test_secrets_do_not_show_or_travel() -> None:
    run = KEY.begin_key_exchange()
    assert SIGN["scalar"].hex() not in repr(KEY) + str(KEY) + repr(run)
    assert SIGN["point"].hex() in repr(KEY)
    for secret in (KEY, run):
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(secret)
        assert not hasattr(secret, "__dict__")
    assert copy.deepcopy(KEY) is copy.copy(KEY) is KEY
    assert KEY.dangerous_scalar() == SIGN["scalar"]


def test_public_keys_compare_and_hash_by_value() -> None:
    same = SM2PublicKey(SIGN["point"])
    assert same == KEY.public_key
    assert len({same, KEY.public_key, OTHER.public_key}) == 2
    assert same != SIGN["point"]
    assert SIGN["point"].hex() in repr(same)


def test_the_software_key_is_a_private_key() -> None:
    assert isinstance(KEY, PrivateKey)


@needs_tongsuo
@settings(max_examples=25, deadline=None)
@given(plaintext=st.binary(min_size=8, max_size=100))
def test_tongsuo_agrees(plaintext: bytes) -> None:
    key, peer, r, peer_r = (SM2PrivateKey.generate() for _ in range(4))
    theirs = TongsuoKey(key.public_point, key.dangerous_scalar())
    digest = sm3(key.public_key.z() + plaintext)
    assert theirs.verify(digest, key.sign(plaintext))
    key.public_key.verify(theirs.sign(digest), plaintext)
    assert theirs.decrypt(key.public_key.encrypt(plaintext)) == plaintext
    assert key.decrypt(theirs.encrypt(plaintext)) == plaintext
    for initiator in (True, False):
        run = SM2KeyAgreement(key, r.dangerous_scalar())
        assert run.derive(
            peer_point=peer.public_point,
            peer_ephemeral_point=peer_r.public_point,
            initiator=initiator,
        ) == theirs.exchange(
            TongsuoKey(r.public_point, r.dangerous_scalar()),
            TongsuoKey(peer.public_point),
            TongsuoKey(peer_r.public_point),
            initiator=initiator,
        )
