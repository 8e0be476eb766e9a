from __future__ import annotations

from pathlib import Path

import pytest

from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.certificate import Certificate
from tlcp.x509.trust import TrustStore
from unit.x509.minting import key, mint_ca


def test_store_lists_each_name_once(tmp_path: Path) -> None:
    one, twin, two = mint_ca("Root"), mint_ca("Root", key_name="twin"), mint_ca("Two")
    path = tmp_path / "cas.pem"
    path.write_bytes(certificate_pem(one.der, twin.der, two.der, one.der))
    store = TrustStore.from_pem_file(path)
    assert store.anchors == (one.cert, twin.cert, two.cert)
    assert store.subjects_der == (one.cert.subject_der, two.cert.subject_der)
    assert store.named(one.cert.subject_der) == (one.cert, twin.cert)
    assert len(store) == 3
    assert two.cert in store
    assert mint_ca("Three").cert not in store
    assert "Root" not in store


def test_store_refuses_what_can_verify_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing.pem: No such file"):
        TrustStore.from_pem_file(tmp_path / "missing.pem")
    (tmp_path / "bad.pem").write_bytes(b"no certificate")
    with pytest.raises(ConfigError, match=r"CA file .*bad.pem: expected a certificate"):
        TrustStore.from_pem_file(tmp_path / "bad.pem")
    off_curve = bytearray(mint_ca("Root").der)
    at = off_curve.index(key("Root").public_point) + 40
    off_curve[at] ^= 1
    with pytest.raises(ConfigError, match="cannot trust CN=Root"):
        TrustStore([Certificate.from_der(bytes(off_curve))])
