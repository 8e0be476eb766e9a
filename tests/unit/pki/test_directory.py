"""A CA in a directory: what it remembers, revokes and says."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from tlcp.errors import ConfigError
from tlcp.pki.build import build_name
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.crl import REASONS
from tlcp.pki.csr import build_csr, read_csr
from tlcp.pki.directory import CADirectory, is_kept, kept_as
from tlcp.pki.state import changing
from tlcp.x509.certificate import load_pem_certificates
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp import OcspCertId
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def ca(tmp_path: Path) -> CADirectory:
    return CADirectory.create(tmp_path / "ca", CertificateAuthority.create(now=NOW))


def load(ca: CADirectory, name: str) -> Identity:
    parts = ("sign.crt", "sign.key", "enc.crt", "enc.key")
    return Identity.load(*(ca.path / f"{name}.{part}" for part in parts))  # type: ignore[arg-type]


def test_it_remembers_what_it_issues(ca: CADirectory) -> None:
    pair, paths = ca.issue_pair("server", ["localhost"], common_name="A server", now=NOW)
    assert [path.name for path in paths] == [
        "server.sign.crt", "server.sign.key", "server.enc.crt", "server.enc.key"
    ]  # fmt: skip
    sign, enc = CADirectory.open(ca.path).issued
    assert (sign.serial_number, sign.name, sign.use) == (
        pair.sign_cert.serial_number, "server", "sign"
    )  # fmt: skip
    assert enc.use == "enc"
    assert sign.subject == "CN=A server,O=TLCP,C=CN"
    assert sign.not_after == pair.sign_cert.not_after
    assert sign.fingerprint_sm3 == pair.sign_cert.fingerprint_sm3.hex()
    assert sign.status(NOW) == "valid"
    assert sign.status(NOW + 400 * DAY) == "expired"


def test_nothing_is_replaced_without_force(ca: CADirectory) -> None:
    ca.issue_pair("server", now=NOW)
    before = {path.name: path.read_bytes() for path in ca.path.iterdir()}
    with pytest.raises(ConfigError, match="exists already"):
        ca.issue_pair("server", now=NOW)
    with pytest.raises(ConfigError, match="exists already"):
        CADirectory.create(ca.path, CertificateAuthority.create(now=NOW))
    with pytest.raises(ConfigError, match="the CA's own"):
        ca.issue_pair("CA", now=NOW)
    with pytest.raises(ConfigError, match="file name"):
        ca.issue_pair("../up", now=NOW)
    assert {path.name: path.read_bytes() for path in ca.path.iterdir()} == before
    ca.issue_pair("server", now=NOW, force=True)
    assert len(ca.issued) == 4  # the replaced ones are still out in the world
    CADirectory.create(ca.path, CertificateAuthority.create(now=NOW), force=True)
    assert not ca.issued


def test_a_ca_made_before_there_was_an_index_is_adopted(tmp_path: Path) -> None:
    authority = CertificateAuthority.create(now=NOW)
    authority.save(tmp_path)
    pair = authority.issue_pair("server", now=NOW)
    pair.save(tmp_path, "server")
    CertificateAuthority.create("Another", now=NOW).issue_pair("x", now=NOW).save(tmp_path, "x")
    (tmp_path / "junk.sign.crt").write_bytes(b"junk")
    ca = CADirectory.open(tmp_path)
    assert {(entry.serial_number, entry.use) for entry in ca.issued} == {
        (pair.sign_cert.serial_number, "sign"),
        (pair.enc_cert.serial_number, "enc"),
    }
    assert (tmp_path / "ca.json").exists()


def test_renewal_keeps_subject_and_names_and_makes_new_keys(ca: CADirectory) -> None:
    old, _ = ca.issue_pair("server", ["localhost", "::1"], common_name="S", now=NOW)
    later = NOW + 300 * DAY
    new, _ = ca.renew("server", now=later)
    for before, after in ((old.sign_cert, new.sign_cert), (old.enc_cert, new.enc_cert)):
        assert after.subject_der == before.subject_der
        assert after.dns_names == before.dns_names
        assert after.ip_addresses == before.ip_addresses
        assert after.key_usage == before.key_usage
        assert after.public_point != before.public_point
        assert after.not_after == later + 397 * DAY
    assert load(ca, "server").sign_cert == new.sign_cert
    kept, _ = ca.renew("server", keep_keys=True, now=later)
    assert kept.sign_cert.public_point == new.sign_cert.public_point
    assert kept.enc_cert.public_point == new.enc_cert.public_point
    assert kept.sign_cert.serial_number != new.sign_cert.serial_number
    assert len(ca.issued) == 6
    with pytest.raises(ConfigError, match=r"nobody\.sign\.crt"):
        ca.renew("nobody")


def test_a_renewed_pair_stays_beside_the_new_one_with_its_keys(ca: CADirectory) -> None:
    old, paths = ca.issue_pair("server", ["localhost"], now=NOW)
    before = [path.read_bytes() for path in paths]
    _, after = ca.renew("server", now=NOW)
    assert after[:4] == paths
    assert [path.read_bytes() for path in after[4:]] == before
    name = kept_as("server", old.sign_cert)
    assert is_kept(name)
    assert not is_kept("server")
    assert load(ca, name).fingerprint == old.identity.fingerprint  # whole: it can be used
    ciphertext = old.enc_key.public_key.encrypt(b"x" * 48)
    assert load(ca, name).enc_key.decrypt(ciphertext) == b"x" * 48  # type: ignore[union-attr]
    ca.renew("server", now=NOW)
    assert len(list(ca.path.glob("old-server-*.enc.key"))) == 2
    assert {entry.name for entry in ca.issued} == {"server"}


def test_what_a_renewal_kept_is_neither_renewed_nor_issued_over(ca: CADirectory) -> None:
    old, _ = ca.issue_pair("server", now=NOW)
    ca.renew("server", now=NOW)
    name = kept_as("server", old.sign_cert)
    before = sorted(ca.path.glob("old-*"))
    with pytest.raises(ConfigError, match="is a pair that was renewed before"):
        ca.renew(name, now=NOW)
    for taken in (name, "old-other-1f"):
        with pytest.raises(ConfigError, match="a name of pairs that were renewed"):
            ca.issue_pair(taken, now=NOW)
    assert sorted(ca.path.glob("old-*")) == before
    ca.issue_pair("old-friend", now=NOW)


def test_renewal_with_the_same_keys_leaves_the_key_files_alone(ca: CADirectory) -> None:
    _, paths = ca.issue_pair("server", now=NOW)
    for path in paths[1::2]:
        path.write_bytes(b"a line before the key\n" + path.read_bytes())
    before = [path.read_bytes() for path in paths]
    _, after = ca.renew("server", keep_keys=True, now=NOW)
    assert after == paths
    changed = [path.read_bytes() != data for path, data in zip(paths, before, strict=True)]
    assert changed == [True, False, True, False]
    assert not list(ca.path.glob("old-*"))
    load(ca, "server")


def test_revoking_by_name_and_by_serial(ca: CADirectory) -> None:
    server, _ = ca.issue_pair("server", now=NOW)
    client, _ = ca.issue_pair("client", now=NOW)
    fresh = ca.revoke("server", "keyCompromise", now=NOW)
    assert {entry.serial_number for entry in fresh} == {
        server.sign_cert.serial_number,
        server.enc_cert.serial_number,
    }
    assert ca.revoke("server", "superseded", now=NOW + DAY) == ()  # the first reason stays
    text = f"{client.enc_cert.serial_number:X}"
    colons = ":".join(text[at : at + 2] for at in range(0, len(text), 2))
    (one,) = ca.revoke(colons, now=NOW)
    assert one.serial_number == client.enc_cert.serial_number
    statuses = [(entry.name, entry.use, entry.status(NOW), entry.reason) for entry in ca.issued]
    assert statuses == [
        ("server", "sign", "revoked", "keyCompromise"),
        ("server", "enc", "revoked", "keyCompromise"),
        ("client", "sign", "valid", None),
        ("client", "enc", "revoked", None),
    ]
    with pytest.raises(ConfigError, match="nothing of the name or serial number"):
        ca.revoke("nobody")
    with pytest.raises(ConfigError, match="is no reason; use one of"):
        ca.revoke("client", "because")


def test_crls_count_up_and_drop_what_has_expired(ca: CADirectory) -> None:
    pair, _ = ca.issue_pair("server", now=NOW)
    empty = x509.load_der_x509_crl(ca.make_crl(now=NOW)[0])
    assert len(empty) == 0
    ca.revoke("server", "superseded", now=NOW)
    der, path = ca.make_crl(now=NOW, lifetime_days=3)
    crl = x509.load_pem_x509_crl(path.read_bytes())
    assert crl == x509.load_der_x509_crl(der)
    assert crl.issuer == ca.authority.certificate.subject
    assert {entry.serial_number for entry in crl} == {
        pair.sign_cert.serial_number,
        pair.enc_cert.serial_number,
    }
    assert crl.next_update_utc == NOW + 3 * DAY
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number == 2
    key_id = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert key_id.key_identifier == ca.authority.certificate.subject_key_id
    ca.authority.key.public_key.verify(crl.signature, crl.tbs_certlist_bytes)
    later, _ = ca.make_crl(now=NOW + 500 * DAY)
    assert len(x509.load_der_x509_crl(later)) == 0


def test_ocsp_says_good_revoked_and_unknown(ca: CADirectory) -> None:
    ca.issue_pair("server", now=NOW)
    ca.issue_pair("client", now=NOW)
    ca.revoke("client", "cessationOfOperation", now=NOW)
    own = ca.authority.certificate
    other = CertificateAuthority.create(now=NOW).certificate
    ids = [
        *ca.ocsp_ids("server", now=NOW),
        *ca.ocsp_ids("client", "sm3", now=NOW),
        OcspCertId.of(5, own),
        OcspCertId.of(ca.issued[0].serial_number, other),  # our serial, another CA's
    ]
    der = ca.answer_ocsp(ids, nonce=b"n" * 16, now=NOW)
    response = ocsp.load_der_ocsp_response(der)
    ca.authority.key.public_key.verify(response.signature, response.tbs_response_bytes)
    names = [one.certificate_status.name for one in response.responses]
    assert names == ["GOOD", "GOOD", "REVOKED", "REVOKED", "UNKNOWN", "UNKNOWN"]
    reasons = [one.revocation_reason for one in response.responses]
    assert reasons[2] is REASONS["cessationOfOperation"]


def test_an_intermediate_has_a_directory_and_an_index_of_its_own(
    ca: CADirectory, tmp_path: Path
) -> None:
    sub = ca.issue_intermediate(tmp_path / "sub", "Sub CA", now=NOW, crl_url="http://x/ca.crl")
    assert [(entry.use, entry.name) for entry in ca.issued] == [("ca", "sub")]
    pair, _ = sub.issue_pair("server", ["localhost"], now=NOW)
    chain = load_pem_certificates((sub.path / "server.sign.crt").read_bytes())
    assert chain == (pair.sign_cert, sub.authority.certificate)
    points = pair.enc_cert.extension(x509.CRLDistributionPoints)
    assert points is not None
    verify_pair(
        [one.der for one in (pair.sign_cert, pair.enc_cert, *pair.chain)],
        role="server",
        trust=TrustStore([ca.authority.certificate]),
        now=NOW,
        host="localhost",
        need_enc=True,
    )
    with pytest.raises(ConfigError, match="own directory"):
        ca.issue_intermediate(ca.path, "Again", now=NOW)
    with pytest.raises(ConfigError, match="exists already"):
        ca.issue_intermediate(tmp_path / "sub", "Again", now=NOW)
    assert len(ca.issued) == 1


def test_a_key_under_a_password_is_asked_for_by_what_signs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CADirectory.create(tmp_path, CertificateAuthority.create(now=NOW), password=b"secret")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "ca.key").read_bytes()
    assert "secret" not in repr(made)
    made.issue_pair("server", ["localhost"], now=NOW)  # who made it has the password
    pair, _ = CADirectory.open(tmp_path, b"secret").issue_pair("client", now=NOW)
    pair.sign_cert.verify_signed_by(made.certificate)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    signs: list[Callable[[CADirectory], object]] = [
        lambda ca: ca.issue_pair("x", now=NOW),
        lambda ca: ca.renew("server", now=NOW),
        lambda ca: ca.make_crl(now=NOW),
        lambda ca: ca.issue_intermediate(tmp_path / "sub", "Sub", now=NOW),
        lambda ca: ca.answer_ocsp(ca.ocsp_ids("server", now=NOW), now=NOW),
        lambda ca: ca.authority,
    ]
    for directory, why in (
        (CADirectory.open(tmp_path), "ca.key: the private key is encrypted, and no password"),
        (CADirectory.open(tmp_path, b"other"), "ca.key: the private key .*the password is wrong"),
    ):
        for sign in signs:
            with pytest.raises(ConfigError, match=why):
                sign(directory)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.setattr(CertificateAuthority, "load", None)  # the rest does not look at the key
    without = CADirectory.open(tmp_path)
    assert len(without.issued) == 4
    assert len(without.revoke("client", now=NOW)) == 2
    assert without.certificate == made.certificate


def test_an_intermediate_has_a_password_of_its_own(tmp_path: Path) -> None:
    root = CADirectory.create(
        tmp_path / "root", CertificateAuthority.create(now=NOW), password=b"above"
    )
    sub = root.issue_intermediate(tmp_path / "sub", "Sub", now=NOW, password=b"below")
    sub.issue_pair("server", now=NOW)
    with pytest.raises(ConfigError, match="the password is wrong"):
        CADirectory.open(sub.path, b"above").make_crl(now=NOW)


def test_no_serial_is_given_twice_in_one_change(ca: CADirectory) -> None:
    with changing(ca.path) as change:
        assert change.authority.claim(5)
        assert not change.authority.claim(5)


def test_urls_are_remembered_and_written(tmp_path: Path) -> None:
    authority = CertificateAuthority.create(now=NOW, crl_url="http://c/ca.crl", ocsp_url="http://o")
    CADirectory.create(tmp_path, authority)
    pair, _ = CADirectory.open(tmp_path).issue_pair("x", now=NOW)
    for certificate in (pair.sign_cert, pair.enc_cert):
        points = certificate.extension(x509.CRLDistributionPoints)
        access = certificate.extension(x509.AuthorityInformationAccess)
        assert points is not None
        assert access is not None
        names = points[0].full_name
        assert names is not None
        assert names[0].value == "http://c/ca.crl"
        assert access[0].access_location.value == "http://o"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2}',
        b"\xff",
        b'{"format": 1, "issued": [{}]}',
        b"[" * 9999,
        b'{"format": 1, "ca": "", "issued": [], "crl_number": 1e999}',
    ],
)
def test_a_damaged_index_is_said_and_not_overwritten(ca: CADirectory, damage: bytes) -> None:
    (ca.path / "ca.json").write_bytes(damage)
    with pytest.raises(ConfigError, match=r"ca\.json.*damaged"):
        ca.issue_pair("server", now=NOW)
    assert (ca.path / "ca.json").read_bytes() == damage


def test_looking_does_not_write_and_other_layouts_are_read(ca: CADirectory) -> None:
    """An index of an earlier version, or one that was put in order by hand."""
    ca.issue_pair("server", now=NOW)
    ca.issue_pair("client", common_name='a}, {"b', now=NOW)  # looks like the end of an entry
    ca.revoke("client", "superseded", now=NOW)
    path = ca.path / "ca.json"
    data = path.read_bytes()
    assert len(data.splitlines()) == len(ca.issued) + 2  # a line for each
    issued, value = ca.issued, json.loads(data)
    for layout in (json.dumps(value, indent=1).encode() + b"\n", json.dumps(value).encode()):
        path.write_bytes(layout)
        assert CADirectory.open(ca.path).issued == issued
        assert ca.revoke("client", now=NOW) == ()
        assert path.read_bytes() == layout
    ca.revoke("server", now=NOW)
    assert json.loads(path.read_bytes())["issued"][2:] == value["issued"][2:]


def test_an_index_of_nothing_is_json(ca: CADirectory) -> None:
    assert json.loads((ca.path / "ca.json").read_bytes())["issued"] == []


def test_an_index_of_another_ca_is_not_taken(ca: CADirectory) -> None:
    ca.issue_pair("server", now=NOW)
    CertificateAuthority.create(now=NOW).save(ca.path, force=True)
    with pytest.raises(ConfigError, match=r"ca\.json is of another CA"):
        ca.issue_pair("other", now=NOW)
    (ca.path / "ca.json").unlink()
    ca.issue_pair("other", now=NOW)
    # The new CA has the name of the old one, so what lies there may be its own: it is kept.
    assert {entry.name for entry in ca.issued} == {"server", "other"}


def test_a_pair_for_a_request_is_not_renewed_without_its_key(ca: CADirectory) -> None:
    key = CertificateAuthority.create(now=NOW).key
    request = build_csr(subject=build_name("x"), public_point=key.public_point, signer=key)
    ca.sign_request(read_csr(request), "x", now=NOW)
    with pytest.raises(ConfigError, match=r"tlcp pki sign DIR CSR --name x --force"):
        ca.renew("x", now=NOW)
    assert len(ca.issued) == 2


def test_where_there_is_no_ca(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no CA in"):
        CADirectory.open(tmp_path / "no")
    with pytest.raises(ConfigError, match="no CA in"):
        CADirectory.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_serial_number_is_not_hidden_by_a_name(ca: CADirectory) -> None:
    """A request's file may be called like the serial number of a stolen pair."""
    stolen, _ = ca.issue_pair("server", now=NOW)
    serial = stolen.sign_cert.serial_number
    ca.issue_pair(f"{serial:x}", now=NOW)
    (one,) = ca.revoke(f"{serial:x}", "keyCompromise", now=NOW)
    assert one.serial_number == serial


def test_a_pair_of_another_ca_is_not_renewed(ca: CADirectory, tmp_path: Path) -> None:
    """Both CAs have the same name; what lies there must not be certified by ours."""
    other = CADirectory.create(tmp_path / "other", CertificateAuthority.create(now=NOW))
    _, paths = other.issue_pair("server", ["bank.example"], now=NOW)
    for path in paths:
        (ca.path / path.name).write_bytes(path.read_bytes())
    for keep_keys in (False, True):
        with pytest.raises(ConfigError, match="issued by another CA"):
            ca.renew("server", keep_keys=keep_keys, now=NOW)
    assert ca.issued == ()
