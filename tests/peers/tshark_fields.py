"""Everything that tshark prints of the TLCP connections of a capture, at one run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

TIMEOUT = 120.0  # seconds; a bound for what would hang, never a wait


class Leaf(NamedTuple):
    """A field of a message.

    Attributes:
        name: tshark's.
        start, end: from the message's first byte.
        value: its bytes; None of notes, and of bits.
        show: its value in words: a number, a text, bytes with colons.
        says: the whole line.
    """

    name: str
    start: int
    end: int
    value: bytes | None
    show: str
    says: str


@dataclass
class Item:
    """A message, an alert, a ChangeCipherSpec or a record of application data.

    Attributes:
        content_type: of its record.
        leaves: its fields; none if tshark could not decrypt it.
    """

    content_type: int
    leaves: list[Leaf] = field(default_factory=list)


@dataclass
class Printed:
    """One TCP connection.

    Attributes:
        records: content type, version and length of each side's records.
        items: what is in them, per side.
        data: decrypted application data of each side.
        resumed: whether it says so.
    """

    records: dict[str, list[tuple[int, int, int]]]
    items: dict[str, list[Item]]
    data: dict[str, bytes]
    resumed: bool = False


def printed(capture: Path, key_log: Path) -> list[Printed]:
    """All connections of a capture, in their order."""
    syns = _run(
        capture, "-Y", "tcp.flags == 0x02", "-T", "fields", "-e", "tcp.dstport", "-e", "tcp.stream"
    )
    ports = {int(stream): port for port, stream in map(str.split, syns.splitlines())}
    options = ["-o", f"tls.keylog_file:{key_log}"]
    for port in sorted(set(ports.values())):
        options += ["-d", f"tcp.port=={port},tls"]
    found = [Printed({"client": [], "server": []}, {"client": [], "server": []}, {}) for _ in ports]
    document = _run(capture, *options, "-J", "tcp tls", "-Y", "tls", "-T", "pdml")
    for packet in ElementTree.fromstring(document).iter("packet"):  # noqa: S314 (of tshark)
        stream = _number(packet, "tcp.stream")
        side = "server" if _number(packet, "tcp.srcport") == int(ports[stream]) else "client"
        found[stream].resumed |= packet.find(".//field[@name='tls.resumed']") is not None
        for record in packet.iterfind("proto[@name='tls']/field[@name='tls.record']"):
            _read(record, side, found[stream])
    follow = [word for stream in ports for word in ("-z", f"follow,tls,raw,{stream}")]
    _follow(_run(capture, *options, "-q", *follow), ports, found)
    return found


def _run(capture: Path, *arguments: str) -> str:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("needs tshark: apt-get install tshark")
    command = [program, "-n", "-r", str(capture), *arguments]
    return subprocess.run(
        command, capture_output=True, timeout=TIMEOUT, check=True, text=True
    ).stdout


def _number(node: ElementTree.Element, name: str) -> int:
    found = node.find(f".//field[@name='{name}']")
    return int(found.get("show", "0"), 0) if found is not None else 0


def _read(record: ElementTree.Element, side: str, found: Printed) -> None:
    kind = _number(record, "tls.record.content_type") or 23  # opaque_type where it has no name
    header = kind, _number(record, "tls.record.version"), _number(record, "tls.record.length")
    found.records[side].append(header)
    if kind == 22:
        for message in record.iterfind("field[@name='tls.handshake']"):
            text = message.get("showname", "")
            if "fragment)" not in text:
                found.items[side].append(Item(kind, list(_leaves(message))))
    elif kind == 21:
        alert = record.find("field[@name='tls.alert_message']")
        found.items[side].append(Item(kind, [] if alert is None else list(_leaves(alert))))
    else:
        found.items[side].append(Item(kind))


def _leaves(message: ElementTree.Element) -> Iterator[Leaf]:
    first = next(iter(message), None)
    if first is None:
        return  # not decrypted
    base = int(first.get("pos", "0"))
    for one in message.iter("field"):
        name = one.get("name", "")
        if one is message or not name or name.startswith("_ws."):  # labels and remarks
            continue
        start, value = int(one.get("pos", "0")) - base, one.get("value")
        end = start + int(one.get("size", "0"))
        whole = value is not None and re.fullmatch(r"([0-9a-f]{2})+", value)  # others: bits, notes
        is_bits = one.get("unmaskedvalue") is not None
        found = bytes.fromhex(value or "") if not is_bits and (whole or start == end) else None
        yield Leaf(name, start, end, found, one.get("show", ""), one.get("showname", ""))


def _follow(text: str, ports: dict[int, str], found: list[Printed]) -> None:
    for part in text.split("Filter: tcp.stream eq ")[1:]:
        rows = part.splitlines()
        stream = int(rows[0])
        # node 0 is who sent data first; the lines of node 1 are indented
        turned = any(r.startswith("Node 0:") and r.endswith(f":{ports[stream]}") for r in rows)
        lines = [row for row in rows[1:] if re.fullmatch(r"\t?[0-9a-f]+", row)]
        for side, indented in (("client", turned), ("server", not turned)):
            mine = "".join(row.strip() for row in lines if row.startswith("\t") is indented)
            found[stream].data[side] = bytes.fromhex(mine)
