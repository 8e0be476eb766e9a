"""The parts of the key exchange messages whose form depends on the cipher suite.

Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tlcp.errors import DecodeError
from tlcp.wire.codec import U8, U16, Nested, Opaque, Sized, Structure, structure
from tlcp.wire.reader import Notes

__all__ = [
    "CURVE_SM2",
    "NAMED_CURVE",
    "EccClientKeyExchange",
    "EccServerKeyExchange",
    "EcdheClientKeyExchange",
    "EcdheClientKeyExchangeVector",
    "EcdheParams",
    "EcdheServerKeyExchange",
    "decode_ecdhe_client_key_exchange",
]

NAMED_CURVE = 3
CURVE_SM2 = 41  # what most stacks send; TASSL 0, others 249, 30, 31: never checked


@structure
@dataclass(frozen=True, slots=True)
class EcdheParams(Structure):
    """An ephemeral point with its curve.

    The standard says that the curve of SM2 is not checked, and stacks disagree on its number:
    any is accepted, and what is signed is what was received.

    Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8
    """

    curve_type: Annotated[int, U8]
    named_curve: Annotated[int, U16]
    point: Annotated[bytes, Opaque(U8, 1, 2**8 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class EccServerKeyExchange(Structure):
    """ECC suites: a signature (DER) over both randoms and the encryption certificate.

    Spec: GB/T 38636-2020 6.4.5.4
    """

    signature: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class EcdheServerKeyExchange(Structure):
    """ECDHE suites: the ephemeral point, and a signature (DER) over both randoms and it.

    Spec: GB/T 38636-2020 6.4.5.4
    """

    params: Annotated[EcdheParams, Nested(EcdheParams)]
    signature: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class EccClientKeyExchange(Structure):
    """ECC suites: the pre-master secret as an SM2 ciphertext (DER).

    Spec: GB/T 38636-2020 6.4.5.8
    """

    ciphertext: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class EcdheClientKeyExchange(Structure):
    """ECDHE suites, 69 bytes: the form of Tongsuo, TASSL, Kona, openHiTLS and gotlcp.

    Spec: GB/T 38636-2020 6.4.5.8
    """

    params: Annotated[EcdheParams, Nested(EcdheParams)]


@structure
@dataclass(frozen=True, slots=True)
class EcdheClientKeyExchangeVector(Structure):
    """ECDHE suites, 71 bytes: the letter of the standard, and GmSSL >= 3.2.

    Spec: GB/T 38636-2020 6.4.5.8
    """

    params: Annotated[EcdheParams, Sized(Nested(EcdheParams), Opaque(U16, 1, 2**16 - 1))]


def decode_ecdhe_client_key_exchange(
    body: bytes, notes: Notes | None = None
) -> EcdheClientKeyExchange | EcdheClientKeyExchangeVector:
    """Read either form: the length prefix begins with 0, the bare form with curve type 3.

    Raises:
        DecodeError: it is neither.
    """
    if body[:1] == b"\x00":
        return EcdheClientKeyExchangeVector.from_bytes(body, notes)
    if body[:1] == b"\x03":
        return EcdheClientKeyExchange.from_bytes(body, notes)
    raise DecodeError("it starts neither with a named curve (3) nor with a length")
