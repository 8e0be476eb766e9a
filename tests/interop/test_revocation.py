"""Whether a certificate is revoked, by what Tongsuo, GmSSL and OpenSSL sign for our CA."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import pytest

from interop.test_pki import run_gmssl
from peers import tongsuo_x509
from peers.files import PASSWORD, key_for_gmssl
from support.openssl import openssl
from tlcp.crypto.pem import split_pem
from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.pki.build import certificate_pem
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.pki.crl import Revocation, build_crl
from tlcp.x509.crl import RevocationList
from tlcp.x509.pair import verify_pair
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class World:
    """A CA in files, a pair that it keeps and one that it takes back."""

    authority: CertificateAuthority
    good: IssuedPair
    bad: IssuedPair
    folder: Path

    def verify(
        self, pair: IssuedPair, *, crl: bytes | None = None, stapled: bytes | None = None
    ) -> None:
        """As a client does, which refuses what nothing is known of."""
        policy = RevocationPolicy(crls=[RevocationList.from_der(crl)] if crl else [])
        verify_pair(
            list(pair.identity.certificate_list()),
            role="server",
            trust=TrustStore([self.authority.certificate]),
            now=datetime.datetime.now(datetime.UTC),
            host="localhost",
            need_enc=True,
            revocation=policy.checker(stapled),
        )

    def refuses(self, pair: IssuedPair, **shown: bytes) -> CertificateProblem:
        with pytest.raises(CertificateVerifyError) as caught:
            self.verify(pair, **shown)
        return caught.value.problem


@pytest.fixture
def world(tmp_path: Path) -> World:
    authority = CertificateAuthority.create("Revoking root")
    authority.save(tmp_path)
    good, bad = (authority.issue_pair("server", ["localhost"]) for _ in range(2))
    good.save(tmp_path, "good")
    bad.save(tmp_path, "bad")
    return World(authority, good, bad, tmp_path)


def judged(world: World, **shown: bytes) -> None:
    """What was shown keeps the one pair and takes the other back."""
    world.verify(world.good, **shown)
    assert world.refuses(world.bad, **shown) is CertificateProblem.REVOKED
    assert world.refuses(world.good) is not CertificateProblem.REVOKED  # nothing was shown


def test_a_crl_that_tongsuo_signed(world: World) -> None:
    serials = [one.serial_number for one in (world.bad.sign_cert, world.bad.enc_cert)]
    ours = build_crl(
        issuer=world.authority.certificate.subject,
        signer=world.authority.key,
        this_update=NOW - DAY,
        next_update=NOW + DAY,
        revoked=[Revocation(serial, NOW - DAY) for serial in serials],
        crl_number=1,
    )
    (key,) = split_pem((world.folder / "ca.key").read_bytes())
    theirs = tongsuo_x509.sign_again(ours, key.der, "X509_CRL")
    assert theirs != ours
    judged(world, crl=theirs)
    broken = bytearray(theirs)
    broken[-1] ^= 1
    assert world.refuses(world.good, crl=bytes(broken)) is not CertificateProblem.REVOKED


def test_a_crl_that_gmssl_made(world: World) -> None:
    folder = world.folder
    key_for_gmssl(folder / "ca.key", folder / "ca.crt", folder / "cakey.pem")
    entries = b""
    for use in ("sign", "enc"):
        (folder / "one.pem").write_bytes((folder / f"bad.{use}.crt").read_bytes())
        run_gmssl(
            folder,
            *("certrevoke", "-in", "one.pem", "-reason", "keyCompromise", "-out", "one.der"),
        )
        entries += (folder / "one.der").read_bytes()
    (folder / "revoked.der").write_bytes(entries)
    until = f"{NOW + DAY:%Y%m%d%H%M%SZ}"
    run_gmssl(
        folder,
        *("crlgen", "-in", "revoked.der", "-cacert", "ca.crt", "-key", "cakey.pem"),
        *("-pass", PASSWORD, "-next_update", until, "-gen_authority_key_id", "-crl_num", "1"),
        *("-out", "crl.der"),
    )
    judged(world, crl=(folder / "crl.der").read_bytes())


def index_of(world: World) -> str:
    """OpenSSL's list of what a CA has issued."""
    lines = []
    for pair, status in ((world.good, "V"), (world.bad, "R")):
        for certificate in (pair.sign_cert, pair.enc_cert):
            since = f"{NOW - DAY:%y%m%d%H%M%SZ},keyCompromise" if status == "R" else ""
            serial = f"{certificate.serial_number:X}"
            serial = serial if len(serial) % 2 == 0 else f"0{serial}"
            until = f"{certificate.not_after:%y%m%d%H%M%SZ}"
            lines.append(f"{status}\t{until}\t{since}\t{serial}\tunknown\t/CN={serial}\n")
    return "".join(lines)


def test_a_crl_that_openssl_made(world: World) -> None:
    folder = world.folder
    (folder / "index").write_text(index_of(world))
    (folder / "number").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = one\n[one]\ndatabase = {folder}/index\n"
        f"crlnumber = {folder}/number\ndefault_md = sm3\ndefault_crl_days = 2\n"
    )
    openssl(
        *("ca", "-gencrl", "-config", folder / "ca.cnf", "-cert", folder / "ca.crt"),
        *("-keyfile", folder / "ca.key", "-sigopt", "distid:1234567812345678"),
        *("-out", folder / "theirs.pem"),
    )
    (block,) = split_pem((folder / "theirs.pem").read_bytes())
    judged(world, crl=block.der)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sm3"])
def test_an_ocsp_response_that_openssl_signed(world: World, hash_name: str) -> None:
    folder = world.folder
    (folder / "index").write_text(index_of(world))
    ca = folder / "issuer.pem"
    ca.write_bytes(certificate_pem(world.authority.certificate.der))
    for name, pair in (("good", world.good), ("bad", world.bad)):
        numbers = [f"0x{one.serial_number:x}" for one in (pair.sign_cert, pair.enc_cert)]
        openssl(
            *("ocsp", "-index", folder / "index", "-CA", ca, "-rsigner", ca),
            *("-rkey", folder / "ca.key", "-rsigopt", "distid:1234567812345678", "-rmd", "sm3"),
            *("-issuer", ca, f"-{hash_name}", "-serial", numbers[0], "-serial", numbers[1]),
            *("-ndays", "2", "-noverify", "-respout", folder / f"{name}.ocsp"),
        )
    world.verify(world.good, stapled=(folder / "good.ocsp").read_bytes())
    shown = (folder / "bad.ocsp").read_bytes()
    assert world.refuses(world.bad, stapled=shown) is CertificateProblem.REVOKED
    # The answer for one pair says nothing of another.
    other = (folder / "good.ocsp").read_bytes()
    assert world.refuses(world.bad, stapled=other) is not CertificateProblem.REVOKED
