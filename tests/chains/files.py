"""A root, a CA below it and a pair for "localhost", as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from chains.case import Case
from chains.making import Cert, ca, leaf, private_key
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.build import certificate_pem

__all__ = ["LONG", "write_pki"]

LONG: Final[dict[str, Any]] = {"end": 10_000}  # by the clock of the machine, too
_SIGN = leaf("Sub", san=("dns:localhost",), policies=("1",), **LONG)
_ENC = Cert("enc", "Sub", dn="CN=leaf", uses=("keyEncipherment",), san=_SIGN.san, policies=("1",),
            **LONG)  # fmt: skip
_SUB = ca("Sub", "Root", policies=("1",), type="sm2", **LONG)


def write_pki(folder: Path, anchor: Cert) -> Path:
    """Write ca.crt, and leaf and enc (.crt, .key); the certificates of the pair with their CA."""
    made = Case("", "", [anchor, _SUB, _SIGN, _ENC]).make("sm2")
    (folder / "ca.crt").write_bytes(certificate_pem(made["Root"].der))
    for name in ("leaf", "enc"):
        key = private_key(name, "sm2")
        assert isinstance(key, SM2PrivateKey)
        (folder / f"{name}.crt").write_bytes(certificate_pem(made[name].der, made["Sub"].der))
        (folder / f"{name}.key").write_bytes(dump_private_key(key))
    return folder
