"""Records opened: by key log, by the server's key, through the resumed session, behind gaps."""

from __future__ import annotations

import pytest

from support.captured import (
    Piece,
    captures,
    connections,
    examine_all,
    examine_pieces,
    secrets_of,
)
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.inspect.model import Integrity
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.secrets import Secrets

LOGGED = [name for name in captures() if not name.startswith("gmssl")]
ECC = [name for name in captures() if "-ecc-" in name]


def rules(report: ConnectionReport) -> list[str]:
    return [finding.rule for finding in report.findings]


def all_open(report: ConnectionReport) -> bool:
    return all(r.integrity is not Integrity.UNKNOWN for r in report.dissection.records)


@pytest.mark.parametrize("name", LOGGED)
def test_by_key_log(name: str) -> None:
    for report in examine_all(name):
        assert all_open(report)
        source = report.view.decryptor.source
        assert source is not None
        assert source.en == "the key log"
        names = [m.name for m in report.dissection.messages]
        assert names.count("Finished") == 2
        assert names.count("Alert") >= 1
        if not report.view.resumed:
            data = report.dissection.data("client"), report.dissection.data("server")
            assert data[0] in (b"GET / HTTP/1.0\r\n\r\n", b"ping\n")
            assert data[1]


@pytest.mark.parametrize("name", ECC)
def test_by_the_servers_key_and_through_the_session(name: str) -> None:
    reports = examine_all(name, secrets_of(name, key=True))
    assert all(map(all_open, reports))
    first = reports[0].view.decryptor
    assert first.source is not None
    assert first.source.en == "the server's encryption key"
    assert first.pre_master_version == 0x0101
    for later in reports[1:]:
        assert later.view.resumed
        assert later.view.decryptor.resumes == "1"


@pytest.mark.parametrize("name", [name for name in LOGGED if "-ecdhe-" in name])
def test_for_ecdhe_a_static_key_is_not_enough_and_it_says_so(name: str) -> None:
    report = examine_all(name, secrets_of(name, key=True))[0]
    assert not report.decrypted
    assert "ephemeral" in report.view.decryptor.why_not().en
    closed = [m for m in report.dissection.messages if not m.opened]
    assert {m.name for m in closed} >= {"EncryptedHandshake", "EncryptedApplicationData"}
    assert all("ephemeral" in (m.problem.en if m.problem else "") for m in closed)


def test_resumed_by_ticket_through_the_first_connection() -> None:
    """The key log knows the first connection only."""
    name = "tassl-ecdhe-cbc-resume"
    first, second = connections(name)
    random = first[0].data[11:43].hex()
    secrets, whole = Secrets(), secrets_of(name)
    master = whole.logged_master(bytes.fromhex(random))
    assert master is not None
    secrets.add_key_log(f"# a comment\nCLIENT_RANDOM {random} {master.hex()}\nOTHER x y\n")
    assert secrets.lines_not_understood == 1
    assert examine_pieces(first, secrets, name="a").decrypted
    later = examine_pieces(second, secrets)
    assert later.view.decryptor.resumes == "a"
    assert all_open(later)


def test_a_resumed_connection_alone_is_said_to_lack_its_session() -> None:
    _, second = connections("tongsuo-ecc-gcm-resume-sid")
    report = examine_pieces(second, secrets_of("tongsuo-ecc-gcm-resume-sid", key=True))
    assert "resumes a session" in report.view.decryptor.why_not().en


def test_encrypt_then_mac_is_read() -> None:
    (report,) = examine_all("tassl-ecc-cbc")
    assert report.view.decryptor.encrypt_then_mac
    assert report.dissection.data("server").startswith(b"HTTP/1.0 200")
    assert "agreed-outside-the-standard" in rules(report)


@pytest.mark.parametrize("name", ["tassl-ecc-cbc", "tongsuo-ecc-cbc", "tongsuo-ecdhe-gcm"])
def test_a_changed_record_fails_and_the_next_ones_open(name: str) -> None:
    pieces = next(connections(name))
    place = max(i for i, p in enumerate(pieces) if p.sender == 0 and p.data[0] == 23)
    data = bytearray(pieces[place].data)
    data[-1] ^= 1
    pieces[place] = pieces[place]._replace(data=bytes(data))
    report = examine_pieces(pieces, secrets_of(name))
    bad = [r for r in report.dissection.records if r.integrity is Integrity.FAILS]
    assert len(bad) == 1
    assert bad[0].sender == "client"
    assert report.dissection.records_failed == {"client": 1, "server": 0}
    assert "close-notify" in rules(report)
    assert "client-records" in rules(report)


@pytest.mark.parametrize("name", ["tassl-ecc-cbc", "tongsuo-ecc-cbc", "tongsuo-ecdhe-gcm"])
def test_behind_lost_records_the_sequence_is_found_again(name: str) -> None:
    pieces = next(connections(name))
    first = next(i for i, p in enumerate(pieces) if p.sender == 0 and p.data[0] == 23)
    lost = len(pieces[first].data) + len(pieces[first + 1].data)
    pieces[first : first + 3] = [pieces[first + 2]._replace(lost=lost)]
    report = examine_pieces(pieces, secrets_of(name))
    last = [r for r in report.dissection.records if r.sender == "client"][-1]
    assert (last.sequence, last.integrity) == (3, Integrity.HOLDS)


def without(pieces: list[Piece], holes: dict[int, range]) -> list[Piece]:
    """Pieces of which these bytes did not come; what follows says how many are missing."""
    left, lost = list[Piece](), {0: 0, 1: 0}
    for place, piece in enumerate(pieces):
        hole = holes.get(place, range(len(piece.data), len(piece.data)))
        for data, missing in ((piece.data[: hole.start], len(hole)), (piece.data[hole.stop :], 0)):
            if data:
                left.append(piece._replace(data=data, lost=lost[piece.sender]))
                lost[piece.sender] = 0
            lost[piece.sender] += missing
    return left


@pytest.mark.parametrize("name", ["tassl-ecc-gcm", "tongsuo-ecc-cbc"])
def test_records_of_which_a_part_is_lost_count_as_lost(name: str) -> None:
    """Few bytes are missing, and yet two sequence numbers."""
    pieces = next(connections(name))
    places = [i for i, p in enumerate(pieces) if p.sender == 0 and p.data[0] == 23][:2]
    report = examine_pieces(without(pieces, {i: range(9, 12) for i in places}), secrets_of(name))
    last = [r for r in report.dissection.records if r.sender == "client"][-1]
    assert (last.sequence, last.integrity) == (3, Integrity.HOLDS)


@pytest.mark.parametrize("name", captures())
def test_what_is_lost_is_not_called_wrong(name: str) -> None:
    """Each record, whole or in part: nothing fails, and no absence is an error, for want of it."""
    for pieces in connections(name):
        whole = examine_pieces(pieces, secrets_of(name))
        for place, piece in enumerate(pieces):
            for hole in (range(len(piece.data)), range(7, len(piece.data) - 3)):
                report = examine_pieces(without(pieces, {place: hole}), secrets_of(name))
                checks = {check.rule: check.result.value for check in report.checks}
                assert "fails" not in checks.values(), (place, checks)
                # one that says that a message was not sent is true in the whole only
                found = {"one-way", "ecdhe-without-client"} & {*rules(report)}
                assert found <= {*rules(whole)}, place


@pytest.mark.parametrize("name", ["tongsuo-ecc-cbc", "tongsuo-ecdhe-gcm", "tassl-ecc-cbc"])
def test_a_capture_of_gaps_is_not_searched_without_end(name: str) -> None:
    """Each connection may be searched for a second, and there may be many."""
    pieces = next(connections(name))
    place = max(i for i, p in enumerate(pieces) if p.sender == 0 and p.data[0] == 23)
    junk = b"\x17\x01\x01\x40\x00" + bytes(1 << 14)
    hostile = [*pieces[:place], *[pieces[place]._replace(data=junk, lost=1 << 20)] * 3]
    secrets = secrets_of(name)
    secrets.spare_bytes = 1 << 20
    for _ in range(4):
        records = examine_pieces(hostile, secrets).dissection.records
        assert 0 <= secrets.spare_bytes < 1 << 20
        assert all(record.integrity is not Integrity.HOLDS for record in records[-3:])
    assert records[-1].problem is not None


def test_change_cipher_spec_lost_in_a_gap() -> None:
    pieces = next(connections("tongsuo-ecc-gcm"))
    place = next(i for i, p in enumerate(pieces) if p.sender == 0 and p.data[0] == 20)
    lost = len(pieces[place].data)
    pieces[place : place + 2] = [pieces[place + 1]._replace(lost=lost)]
    report = examine_pieces(pieces, secrets_of("tongsuo-ecc-gcm"))
    assert report.dissection.data("client").startswith(b"GET")


def test_wrong_keys() -> None:
    """A key of someone else, and a key log whose master secret is another one."""
    secrets = Secrets()
    secrets.add_key(SM2PrivateKey.generate())
    pieces = next(connections("tongsuo-ecc-gcm"))
    report = examine_pieces(pieces, secrets)
    assert not report.decrypted
    assert "key-does-not-fit" in rules(report)
    wrong = Secrets()
    wrong.add_key_log(f"CLIENT_RANDOM {pieces[0].data[11:43].hex()} {'00' * 48}")
    report = examine_pieces(pieces, wrong)
    assert report.dissection.records_opened == {"client": 0, "server": 0}
    assert {"client-records", "server-records"} <= set(rules(report))
    assert "00" * 20 not in repr(wrong)
    with pytest.raises(ConfigError, match="cannot read the key log"):
        wrong.add_key_log_file("/nonexistent")


def test_without_hellos_nothing_is_opened() -> None:
    pieces = next(connections("tongsuo-ecc-gcm"))[2:]
    report = examine_pieces(pieces, secrets_of("tongsuo-ecc-gcm"))
    assert "hellos are not in the capture" in report.view.decryptor.why_not().en


def test_a_late_key_opens_what_waited() -> None:
    """The client's encrypted records come before the server's first one."""
    pieces = next(connections("tongsuo-ecc-gcm"))
    turned = [p for p in pieces if p.sender == 0] + [p for p in pieces if p.sender == 1]
    for key in (False, True):
        assert all_open(examine_pieces(turned, secrets_of("tongsuo-ecc-gcm", key=key)))
