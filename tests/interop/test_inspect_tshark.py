"""``tlcp inspect --json`` beside tshark: every field that it prints, and the decrypted data.

The captures are those of other stacks, and connections of our own ends in every suite. tshark gets
a key log for all of them; for GmSSL's it holds what ``--key`` derived.
"""

from __future__ import annotations

import functools
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from peers.tshark_fields import Item, Leaf, Printed, printed
from support import own_connections
from support.captured import CAPTURES, SERVER_ENC_KEY, captures
from support.pcap import read_streams
from tlcp.cli.app import program
from tlcp.crypto.keyfile import dump_private_key
from tlcp.inspect.model import SENDERS
from tlcp.suites import CipherSuite

EXTENSION = r"extensions\[\d+\]\.data"
#: its name -> our path, and which part of our range it is
WHOLE, LENGTH, CONTENT = "whole", "length", "content"
FIELDS = {
    "tls.handshake.type": (r"type", WHOLE),
    "tls.handshake.length": (r"length", WHOLE),
    "tls.handshake.version": (r"version", WHOLE),
    "tls.handshake.random": (r"random", WHOLE),
    "tls.handshake.session_id_length": (r"session_id", LENGTH),
    "tls.handshake.session_id": (r"session_id", CONTENT),
    "tls.handshake.cipher_suites_length": (r"cipher_suites", LENGTH),
    "tls.handshake.ciphersuites": (r"cipher_suites", CONTENT),
    "tls.handshake.ciphersuite": (r"cipher_suites\[\d+\]|cipher_suite", WHOLE),
    "tls.handshake.comp_methods_length": (r"compression_methods", LENGTH),
    "tls.handshake.comp_methods": (r"compression_methods", CONTENT),
    "tls.handshake.extensions_length": (r"extensions", LENGTH),
    "tls.handshake.extension.type": (r"extensions\[\d+\]\.type", WHOLE),
    "tls.handshake.extension.len": (r"extensions\[\d+\]\.data", LENGTH),
    "tls.handshake.extension.data": (r"extensions\[\d+\]\.data", CONTENT),
    "tls.handshake.extensions_server_name_list_len": (rf"{EXTENSION}\.names", LENGTH),
    "tls.handshake.extensions_server_name_type": (
        rf"{EXTENSION}\.names\[\d+\]\.\w*type",
        WHOLE,
    ),
    "tls.handshake.extensions_server_name_len": (
        rf"{EXTENSION}\.names\[\d+\]\.name",
        LENGTH,
    ),
    "tls.handshake.extensions_server_name": (
        rf"{EXTENSION}\.names\[\d+\]\.name",
        CONTENT,
    ),
    "tls.handshake.extensions_alpn_len": (rf"{EXTENSION}\.protocols", LENGTH),
    "tls.handshake.extensions_alpn_list": (rf"{EXTENSION}\.protocols", CONTENT),
    "tls.handshake.extensions_alpn_str_len": (
        rf"{EXTENSION}\.protocols\[\d+\]",
        LENGTH,
    ),
    "tls.handshake.extensions_alpn_str": (
        rf"{EXTENSION}\.protocols\[\d+\]",
        CONTENT,
    ),
    "tls.handshake.extensions_status_request_type": (rf"({EXTENSION}\.)?status_type", WHOLE),
    "tls.handshake.extensions_status_request_responder_ids_len": (
        rf"{EXTENSION}\.responder_ids",
        LENGTH,
    ),
    "tls.handshake.extensions_status_request_exts_len": (
        rf"{EXTENSION}\.request_extensions",
        LENGTH,
    ),
    "tls.handshake.extensions_supported_groups_length": (rf"{EXTENSION}\.groups", LENGTH),
    "tls.handshake.extensions_supported_groups": (rf"{EXTENSION}\.groups", CONTENT),
    "tls.handshake.extensions_supported_group": (rf"{EXTENSION}\.groups\[\d+\]", WHOLE),
    "tls.handshake.sig_hash_alg_len": (rf"{EXTENSION}\.algorithms", LENGTH),
    "tls.handshake.sig_hash_algs": (rf"{EXTENSION}\.algorithms", CONTENT),
    "tls.handshake.sig_hash_alg": (rf"{EXTENSION}\.algorithms\[\d+\]", WHOLE),
    "tls.handshake.ocsp_response_len": (r"response", LENGTH),
    "tls.handshake.certificates_length": (r"certificates", LENGTH),
    "tls.handshake.certificates": (r"certificates", CONTENT),
    "tls.handshake.certificate_length": (r"certificates\[\d+\]", LENGTH),
    "tls.handshake.certificate": (r"certificates\[\d+\]", CONTENT),
    "tls.handshake.cert_types_count": (r"certificate_types", LENGTH),
    "tls.handshake.cert_types": (r"certificate_types", CONTENT),
    "tls.handshake.dnames_len": (r"certificate_authorities", LENGTH),
    "tls.handshake.dnames": (r"certificate_authorities", CONTENT),
    "tls.handshake.dname_len": (r"certificate_authorities\[\d+\]", LENGTH),
    "tls.handshake.session_ticket_lifetime_hint": (r"lifetime_s", WHOLE),
    "tls.handshake.session_ticket_length": (r"ticket", LENGTH),
    "tls.handshake.session_ticket": (r"ticket", CONTENT),
    "tls.handshake.client_cert_vrfy.sig_len": (r"signature", LENGTH),
    "tls.handshake.client_cert_vrfy.sig": (r"signature", CONTENT),
    "tls.handshake.verify_data": (r"verify_data", WHOLE),
    "tls.alert_message.level": (r"level", WHOLE),
    "tls.alert_message.desc": (r"description", WHOLE),
}
#: parts of a field of ours: a byte of a list of bytes, the time in a random, the SEQUENCE inside
#: a name without its header
WITHIN = {
    "tls.handshake.random_time": r"random",
    "tls.handshake.random_bytes": r"random",
    "tls.handshake.comp_method": r"compression_methods?",
    "tls.handshake.cert_type": r"certificate_types",
    "tls.handshake.sig_hash_hash": rf"{EXTENSION}\.algorithms\[\d+\]",
    "tls.handshake.sig_hash_sig": rf"{EXTENSION}\.algorithms\[\d+\]",
    "tls.handshake.dname": r"certificate_authorities\[\d+\]",
    "tls.handshake.extensions.reneg_info_len": EXTENSION,
    "tls.handshake.extensions_reneg_info_len": EXTENSION,
}
#: what it knows inside certificates and names: there it reads on, we show DER
INSIDE_DER = ("x509af.", "x509ce.", "x509if.", "x509sat.", "ber.", "pkcs1.", "ocsp.")
DER = rf"certificates\[\d+\]|certificate_authorities\[\d+\]|response|{EXTENSION}"
NOT_ON_THE_WIRE = {f"tls.handshake.{name}" for name in ("ja3", "ja3_full", "ja3s", "ja3s_full")}
PREFIXES = {
    "response": 3,
    "session_id": 1,
    "compression_methods": 1,
    "certificate_types": 1,
    "certificates": 3,
}
#: suites that tshark 4.0 cannot decrypt
NOT_DECRYPTED_BY_TSHARK: frozenset[CipherSuite] = frozenset()

OWN = "own"
CONNECTIONS = [
    *(
        (name, number)
        for name in captures()
        for number in range(len(read_streams(CAPTURES / f"{name}.pcap")))
    ),
    *((OWN, number) for number in range(len(own_connections.names()))),
]
IDS = [
    f"{name}-{number}" if name != OWN else own_connections.names()[number]
    for name, number in CONNECTIONS
]
EVERY = pytest.mark.parametrize(("name", "number"), CONNECTIONS, ids=IDS)


@functools.cache
def directory() -> Path:
    made = tempfile.TemporaryDirectory(prefix="tlcp-tshark-")
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def files(name: str) -> tuple[Path, list[str], Path]:
    """A capture, what opens it for us, and the key log for tshark."""
    capture, keys = CAPTURES / f"{name}.pcap", CAPTURES / f"{name}.keys"
    if name == OWN:
        found, log = own_connections.everything()
        assert [one.name for one in found] == own_connections.names()
        capture, keys = directory() / "own.pcap", directory() / "own.keys"
        capture.write_bytes(own_connections.capture(found))
        keys.write_text(log)
    if keys.exists():
        return capture, ["--keylog", str(keys)], keys
    # GmSSL wrote no key log: the server's key serves us, and what comes out of it tshark
    key = directory() / "server.enc.key"
    key.write_bytes(dump_private_key(SERVER_ENC_KEY))
    words = ["--key", str(key)]
    lines = [one["secrets"]["key_log_line"] for one in json_of(capture, *words) if one["secrets"]]
    log_file = directory() / f"{name}.keys"
    log_file.write_text("\n".join(lines) + "\n")
    return capture, words, log_file


def json_of(capture: Path, *words: str) -> list[dict[str, Any]]:
    command = ["inspect", str(capture), *words, "--json", "--dangerous-secrets"]
    result = CliRunner().invoke(program, command)
    assert result.exit_code in (0, 1), result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@functools.cache
def ours_of(name: str) -> list[dict[str, Any]]:
    capture, words, _ = files(name)
    return json_of(capture, *words)


@functools.cache
def theirs_of(name: str) -> list[Printed]:
    capture, _, key_log = files(name)
    return printed(capture, key_log)


def both(name: str, number: int) -> tuple[dict[str, Any], Printed]:
    ours, theirs = ours_of(name), theirs_of(name)
    assert len(ours) == len(theirs)
    return ours[number], theirs[number]


def decryptable(ours: dict[str, Any], theirs: Printed) -> bool:
    """Whether tshark has keys, too: GmSSL's ECDHE capture has no key log and no use for a key."""
    if not ours["decryption"]["possible"]:
        assert not any(theirs.data.values())
        return False
    return True


def prefix_bytes(path: str) -> int:
    if path.startswith("certificates["):
        return 3
    if re.fullmatch(rf"{EXTENSION}\.protocols\[\d+\]", path):
        return 1
    return PREFIXES.get(path, 2)


def ranges(message: dict[str, Any], pattern: str, part: str) -> set[tuple[int, int]]:
    """Where we have such a field, or its length, or what follows the length."""
    found = set()
    for one in message["fields"]:
        if re.fullmatch(pattern, one["path"]):
            middle = one["start"] + prefix_bytes(one["path"])
            whole = {WHOLE: (one["start"], one["end"]), LENGTH: (one["start"], middle)}
            found.add(whole.get(part, (middle, one["end"])))
    return found


def check(leaf: Leaf, message: dict[str, Any]) -> None:
    if leaf.name in NOT_ON_THE_WIRE:
        return
    data = bytes.fromhex(message["data"])
    if leaf.value is not None and not leaf.name.startswith(INSIDE_DER):
        assert data[leaf.start : leaf.end] == leaf.value, leaf.name
    around = DER if leaf.name.startswith(INSIDE_DER) else WITHIN.get(leaf.name)
    if around is not None:
        found = ranges(message, around, WHOLE)
        assert any(a <= leaf.start and leaf.end <= b for a, b in found), leaf
        return
    assert leaf.name in FIELDS, f"tshark prints {leaf.name}, which is not known here"
    pattern, part = FIELDS[leaf.name]
    assert (leaf.start, leaf.end) in ranges(message, pattern, part), (leaf, message["name"])


def pairs(ours: dict[str, Any], theirs: Printed) -> Iterator[tuple[str, dict[str, Any], Item]]:
    """What either has, side by side in its order."""
    for side in SENDERS:
        mine = [m for m in ours["messages"] if m["sender"] == side]
        items = theirs.items[side]
        assert [m["content_type"] for m in mine] == [item.content_type for item in items]
        yield from ((side, m, item) for m, item in zip(mine, items, strict=True))


@EVERY
def test_every_field_that_tshark_prints(name: str, number: int) -> None:
    ours, theirs = both(name, number)
    compared, open_for_both = 0, decryptable(ours, theirs)
    for _, message, item in pairs(ours, theirs):
        if item.content_type in (21, 22) and not item.leaves:
            assert not open_for_both
            assert not message["decrypted"]
        for leaf in item.leaves:
            check(leaf, message)
            compared += 1
    assert compared > 20


@EVERY
def test_every_record_header(name: str, number: int) -> None:
    ours, theirs = both(name, number)
    for side in SENDERS:
        mine = [
            (r["content_type"], r["version"], r["length"])
            for r in ours["records"]
            if r["sender"] == side
        ]
        assert mine == theirs.records[side]


@EVERY
def test_the_decrypted_data(name: str, number: int) -> None:
    ours, theirs = both(name, number)
    if not decryptable(ours, theirs):
        return
    if ours["suite"]["name"] in {suite.name for suite in NOT_DECRYPTED_BY_TSHARK}:
        assert not any(theirs.data.values()), "tshark decrypts it: take it off the list"
        return
    for side in SENDERS:
        mine = "".join(
            m["data"] for m in ours["messages"] if m["sender"] == side and m["content_type"] == 23
        )
        assert bytes.fromhex(mine) == theirs.data[side]
    if name == OWN:
        said = own_connections.everything()[0][number].data
        assert [theirs.data[side] for side in SENDERS] == said


@EVERY
def test_what_is_resumed(name: str, number: int) -> None:
    ours, theirs = both(name, number)
    assert ours["resumed"] is theirs.resumed
