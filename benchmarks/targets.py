"""What must be reached: how many times faster than Tongsuo.

``python -m benchmarks`` ends with status 1 if a target among the cases that it ran is missed, or
could not be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """The least ratio that is accepted, and what is hoped for (0: nothing more)."""

    least: float
    aim: float = 0.0

    def __str__(self) -> str:
        return f"{self.least:g}x" + (f" (aim {self.aim:g}x)" if self.aim else "")


#: Case name -> target.
TARGETS: dict[str, Target] = {
    "handshake ECC_SM4_GCM_SM3 mutual, cold": Target(4, 6),
    "handshake ECDHE_SM4_CBC_SM3 mutual, cold": Target(4, 6),
    "records SM4-GCM 1 MiB": Target(6, 12),
    "records SM4-CBC 1 MiB": Target(4, 10),
    "SM4-CBC encrypt 16 x 16 KiB": Target(6, 12),
    "HMAC-SM3 16 x 16 KiB": Target(3, 6),
    "SM2 sign": Target(10),
    "SM2 verify": Target(4),
    "SM2 decrypt": Target(4),
    "SM2 key exchange": Target(4),
}
