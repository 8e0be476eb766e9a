"""``tlcp inspect --json`` beside tshark: every field that it prints, certificates, decrypted data.

The captures are those of other stacks, and connections of our own ends in every suite. tshark gets
a key log for all of them; for GmSSL's it holds what ``--key`` derived.
"""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from interop.beside_tshark import (
    IN_EXTENSIONS,
    LEFT_OUT,
    NOT_BY_TSHARK,
    RULES,
    alike,
    certificates_of,
    compare,
    facts_of,
    ours_as_facts,
    ranges,
)
from peers.tshark_fields import Item, Printed, printed
from support import own_connections
from support.captured import CAPTURES, SERVER_ENC_KEY, captures
from support.pcap import read_streams
from tlcp.cli.app import program
from tlcp.crypto.keyfile import dump_private_key
from tlcp.inspect.model import SENDERS
from tlcp.suites import CipherSuite

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


def pairs(ours: dict[str, Any], theirs: Printed) -> Iterator[tuple[str, dict[str, Any], Item]]:
    """What either has, side by side in its order."""
    for side in SENDERS:
        mine = [m for m in ours["messages"] if m["sender"] == side]
        items = theirs.items[side]
        assert [m["content_type"] for m in mine] == [item.content_type for item in items]
        yield from ((side, m, item) for m, item in zip(mine, items, strict=True))


#: of messages that are no handshake messages, or stayed closed
CONTENTS = {20: "ChangeCipherSpec", 21: "Alert", 23: "ApplicationData"}


def called(message: dict[str, Any], item: Item) -> bool:
    """Whether the message has the name that tshark gives it."""
    if not message["decrypted"]:
        return str(message["name"]).startswith("Encrypted")
    kind = next((one for one in item.leaves if one.name == "tls.handshake.type"), None)
    if kind is None:
        return bool(message["name"] == CONTENTS[item.content_type])
    return alike(message["name"], kind.says.partition(": ")[2].rpartition(" (")[0])


@EVERY
def test_every_field_that_tshark_prints(name: str, number: int) -> None:
    ours, theirs = both(name, number)
    compared, open_for_both = 0, decryptable(ours, theirs)
    for _, message, item in pairs(ours, theirs):
        if item.content_type in (21, 22) and not item.leaves:
            assert not open_for_both
            assert not message["decrypted"]
        elif open_for_both or item.content_type != 23:
            assert called(message, item), message["name"]
        for leaf in item.leaves:
            assert compare(leaf, message) == "", (message["name"], leaf)
            compared += 1
    assert compared > 20


@EVERY
def test_every_certificate(name: str, number: int) -> None:
    """What is said of certificates beside the fields: subject, usages, names, keys and others."""
    ours, theirs = both(name, number)
    for _, message, item in pairs(ours, theirs):
        found = certificates_of(item.leaves)
        assert len(message["certificates"]) == len(found)
        for certificate, leaves in zip(message["certificates"], found, strict=True):
            assert ours_as_facts(certificate) == facts_of(leaves)


def test_the_comparison_can_fail() -> None:
    """Each value and each label by itself: with a wrong one, what compares it says so."""
    ours, theirs = both(OWN, 0)
    by_rule: dict[str, set[str]] = {}
    for _, message, item in pairs(ours, theirs):
        for leaf in item.leaves:
            for part in ("value", "label"):
                fields = [{**one, part: "WRONG"} for one in message["fields"]]
                with contextlib.suppress(ValueError):
                    if not compare(leaf, {**message, "fields": fields}):
                        by_rule.setdefault(leaf.name, set()).add(part)
        if item.leaves:
            assert not called({**message, "name": "WRONG"}, item)
        found = certificates_of(item.leaves)
        for certificate, leaves in zip(message["certificates"], found, strict=True):
            for fact in set(certificate) - set(NOT_BY_TSHARK) - {"public_key"}:
                changed = {**certificate, fact: "99 (9.9)" if fact != "serial" else "99"}
                assert ours_as_facts(changed) != facts_of(leaves), fact
    # a value is compared, or else a name, but for what is left out and what holds other fields
    untouched = {name for name, parts in by_rule.items() if parts == {"value", "label"}}
    only_ranges = {name for name, rule in RULES.items() if rule.same is ranges}
    inside = {name for name in untouched if name.startswith(IN_EXTENSIONS)}
    assert untouched <= only_ranges | set(LEFT_OUT) | inside


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
