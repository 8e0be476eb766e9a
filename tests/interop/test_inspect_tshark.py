"""Our dissection beside tshark's: every handshake field that it prints, and decrypted data."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from peers import tshark
from support.captured import CAPTURES, captures, examine_all
from support.pcap import read_streams
from tlcp.inspect.model import SENDERS, Message
from tlcp.inspect.report import ConnectionReport

#: its name -> our path, and which part of our range it is
WHOLE, LENGTH, CONTENT = "whole", "length", "content"
FIELDS = {
    "type": (r"type", WHOLE),
    "length": (r"length", WHOLE),
    "version": (r"version", WHOLE),
    "random": (r"random", WHOLE),
    "session_id_length": (r"session_id", LENGTH),
    "session_id": (r"session_id", CONTENT),
    "cipher_suites_length": (r"cipher_suites", LENGTH),
    "ciphersuites": (r"cipher_suites", CONTENT),
    "ciphersuite": (r"cipher_suites\[\d+\]|cipher_suite", WHOLE),
    "comp_methods_length": (r"compression_methods", LENGTH),
    "comp_methods": (r"compression_methods", CONTENT),
    "extensions_length": (r"extensions", LENGTH),
    "extension.type": (r"extensions\[\d+\]\.type", WHOLE),
    "extension.len": (r"extensions\[\d+\]\.data", LENGTH),
    "extension.data": (r"extensions\[\d+\]\.data", CONTENT),
    "certificates_length": (r"certificates", LENGTH),
    "certificates": (r"certificates", CONTENT),
    "certificate_length": (r"certificates\[\d+\]", LENGTH),
    "certificate": (r"certificates\[\d+\]", CONTENT),
    "cert_types_count": (r"certificate_types", LENGTH),
    "cert_types": (r"certificate_types", CONTENT),
    "dnames_len": (r"certificate_authorities", LENGTH),
    "dnames": (r"certificate_authorities", CONTENT),
    "dname_len": (r"certificate_authorities\[\d+\]", LENGTH),
    "session_ticket_lifetime_hint": (r"lifetime_s", WHOLE),
    "session_ticket_length": (r"ticket", LENGTH),
    "session_ticket": (r"ticket", CONTENT),
    "client_cert_vrfy.sig_len": (r"signature", LENGTH),
    "client_cert_vrfy.sig": (r"signature", CONTENT),
    "verify_data": (r"verify_data", WHOLE),
}
#: parts of a field of ours: a byte of a list of bytes, the time in a random, the SEQUENCE inside
#: a name without its header
WITHIN = {
    "random_time": r"random",
    "random_bytes": r"random",
    "comp_method": r"compression_methods?",
    "cert_type": r"certificate_types",
    "dname": r"certificate_authorities\[\d+\]",
    "extensions_alpn_str": r"extensions\[\d+\]\.data",
    "extensions.reneg_info_len": r"extensions\[\d+\]\.data",
    "extensions_reneg_info_len": r"extensions\[\d+\]\.data",
}
NOT_ON_THE_WIRE = {"ja3", "ja3_full", "ja3s", "ja3s_full"}
PREFIXES = {"session_id": 1, "compression_methods": 1, "certificate_types": 1, "certificates": 3}

CONNECTIONS = [
    (name, number)
    for name in captures()
    for number in range(len(read_streams(CAPTURES / f"{name}.pcap")))
]
EVERY = pytest.mark.parametrize(("name", "number"), CONNECTIONS, ids=lambda v: str(v))


class Leaf(NamedTuple):
    """A field that tshark prints."""

    name: str
    start: int
    end: int
    value: bytes | None


@functools.cache
def server_port(name: str, number: int) -> int:
    """From the SYN of the connection."""
    shown = ask(name, "-Y", f"tcp.stream == {number}", "-T", "fields", "-e", "tcp.dstport")
    return int(shown.split()[0])


@functools.cache
def ask(name: str, *arguments: str) -> str:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("needs tshark: apt-get install tshark")
    command = [program, "-n", "-r", str(CAPTURES / f"{name}.pcap"), *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=True, text=True).stdout


def pdml(name: str, number: int) -> ElementTree.Element:
    port = server_port(name, number)
    options = ["-d", f"tcp.port=={port},tls", "-Y", f"tcp.stream == {number}", "-T", "pdml"]
    keys = CAPTURES / f"{name}.keys"
    if keys.exists():
        options += ["-o", f"tls.keylog_file:{keys}"]
    return ElementTree.fromstring(ask(name, *options))  # noqa: S314 (what tshark just wrote)


def records(name: str, number: int) -> Iterator[tuple[str, ElementTree.Element]]:
    """(side, record) in its order."""
    port = str(server_port(name, number))
    for packet in pdml(name, number).iter("packet"):
        source = packet.find(".//field[@name='tcp.srcport']")
        side = "server" if source is not None and source.get("show") == port else "client"
        for record in packet.iterfind("proto[@name='tls']/field[@name='tls.record']"):
            yield side, record


def leaves(handshake: ElementTree.Element) -> list[Leaf]:
    """What tshark prints of one message, placed from the message's first byte."""
    kind = handshake.find("field[@name='tls.handshake.type']")
    if kind is None:
        return []  # it could not decrypt it
    base, found = int(kind.get("pos", "0")), []
    for one in handshake.iter("field"):
        name = one.get("name", "")
        if not name.startswith("tls.handshake."):
            continue
        start, value = int(one.get("pos", "0")) - base, one.get("value")
        end = start + int(one.get("size", "0"))
        data = bytes.fromhex(value) if value and value != "unavailable" else None
        found.append(Leaf(name.removeprefix("tls.handshake."), start, end, data))
    return found


def prefix_bytes(path: str, message: Message) -> int:
    if path.startswith("certificates["):
        return 3
    return PREFIXES.get(path, 2)


def ranges(message: Message, pattern: str, part: str) -> set[tuple[int, int]]:
    """Where we have such a field, or its length, or what follows the length."""
    found = set()
    for one in message.fields():
        if re.fullmatch(pattern, one.path):
            middle = one.start + prefix_bytes(one.path, message)
            whole = {WHOLE: (one.start, one.end), LENGTH: (one.start, middle)}
            found.add(whole.get(part, (middle, one.end)))
    return found


def check(leaf: Leaf, message: Message) -> None:
    if leaf.name in NOT_ON_THE_WIRE:
        return
    if leaf.value is not None:
        assert message.data[leaf.start : leaf.end] == leaf.value, leaf.name
    if leaf.name in WITHIN:
        around = ranges(message, WITHIN[leaf.name], WHOLE)
        assert any(a <= leaf.start and leaf.end <= b for a, b in around), leaf
        return
    pattern, part = FIELDS[leaf.name]
    assert (leaf.start, leaf.end) in ranges(message, pattern, part), (leaf, message.name)


def report_of(name: str, number: int) -> ConnectionReport:
    return examine_all(name)[number]


@EVERY
def test_every_field_that_tshark_prints(name: str, number: int) -> None:
    report = report_of(name, number)
    ours = {
        side: [m for m in report.dissection.messages if m.sender == side and m.data]
        for side in ("client", "server")
    }
    compared = 0
    for side, record in records(name, number):
        for handshake in record.iterfind("field[@name='tls.handshake']"):
            found = leaves(handshake)
            if not found:
                continue
            kind = next(leaf.value for leaf in found if leaf.name == "type")
            mine = next(m for m in ours[side] if m.content_type == 22 and m.data[:1] == kind)
            ours[side].remove(mine)
            for leaf in found:
                check(leaf, mine)
                compared += 1
    assert compared > 30
    keys = (CAPTURES / f"{name}.keys").exists()
    left = [m for side in ours.values() for m in side if m.content_type == 22]
    assert not left or (not keys and {m.name for m in left} == {"Finished"})


@EVERY
def test_every_record_header(name: str, number: int) -> None:
    report = report_of(name, number)
    theirs: dict[str, list[tuple[int, int, int]]] = {"client": [], "server": []}
    for side, record in records(name, number):
        shown = (
            record.find(f"field[@name='tls.record.{part}']")
            for part in ("content_type", "version", "length")
        )
        kind, version, length = (
            int(f.get("value", "0"), 16) if f is not None else 0 for f in shown
        )
        theirs[side].append((kind or 23, version, length))  # opaque_type where it has no name
    for side, found in theirs.items():
        mine = [
            (r.content_type, r.version, r.length)
            for r in report.dissection.records
            if r.sender == side
        ]
        assert mine == found


@EVERY
def test_the_decrypted_data_and_the_names(name: str, number: int) -> None:
    log = CAPTURES / f"{name}.keys"
    keys = log if log.exists() else None
    decoded = tshark.decode(
        CAPTURES / f"{name}.pcap",
        server_port=server_port(name, number),
        keylog=keys,
        stream=number,
    )
    report = report_of(name, number)
    if keys is not None:
        for side in SENDERS:
            assert report.dissection.data(side) == decoded.data[side]
    assert report.view.answer is not None
    assert decoded.suite == report.view.answer.cipher_suite
    for side in SENDERS:
        theirs = [called for who, called in decoded.messages if who == side]
        mine = [m for m in report.dissection.messages if m.sender == side]
        assert len(mine) == len(theirs)
        for message, called in zip(mine, theirs, strict=True):
            if called != "encrypted":
                word = called.partition(":")[0].replace("_", "")
                assert message.name.removeprefix("Encrypted").lower() == word
