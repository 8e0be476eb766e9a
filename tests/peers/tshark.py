"""Wireshark's command line as a judge of captures."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

TIMEOUT = 60.0  # seconds; a bound for what would hang, never a wait
_HANDSHAKE = {
    "0": "hello_request",
    "1": "client_hello",
    "2": "server_hello",
    "4": "new_session_ticket",
    "11": "certificate",
    "12": "server_key_exchange",
    "13": "certificate_request",
    "14": "server_hello_done",
    "15": "certificate_verify",
    "16": "client_key_exchange",
    "20": "finished",
    "22": "certificate_status",
}
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE_RECORD, _DATA = "20", "21", "22", "23"
_CHAT, _NOTE = 0x200000, 0x400000  # expert severities of what is normal


@dataclass
class Decoded:
    """What tshark makes of one TCP connection.

    Attributes:
        messages: (side, name) of each message in order; a side is "client" or "server". Names are
            the standard's, and "change_cipher_spec", "alert:LEVEL:CODE", "application_data".
            A handshake message that it cannot decrypt is "encrypted".
        suite: the suite chosen in ServerHello, e.g. 0xE053; 0 without one.
        protocol: as its protocol column names it: "GMTLSv1" is TLCP.
        data: decrypted application data of each side.
        complaints: expert infos above "note", and everything that it calls malformed.
    """

    messages: list[tuple[str, str]] = field(default_factory=list)
    suite: int = 0
    protocol: str = ""
    data: dict[str, bytes] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def decode(
    capture: Path, *, server_port: int, keylog: Path | None = None, stream: int = 0
) -> Decoded:
    """Let tshark decode one TCP connection of a capture; skip the test where it is absent."""
    options = ["-d", f"tcp.port=={server_port},tls"]
    if keylog is not None:
        options += ["-o", f"tls.keylog_file:{keylog}"]
    decoded = Decoded()
    # the PDML of tshark that this test just started, from a capture that it just wrote
    for packet in ElementTree.fromstring(  # noqa: S314
        _run(capture, *options, "-T", "pdml", "-Y", f"tcp.stream == {stream}")
    ):
        source = packet.find(".//field[@name='tcp.srcport']")
        server = source is not None and source.get("show") == str(server_port)
        _read_packet(packet, "server" if server else "client", decoded)
    rows = _run(capture, *options, "-q", "-z", f"follow,tls,raw,{stream}").splitlines()
    # node 0 is who sent data first; the lines of node 1 are indented
    first, second = ("client", "server")
    if any(row.startswith("Node 0:") and row.endswith(f":{server_port}") for row in rows):
        first, second = second, first
    lines = [row for row in rows if re.fullmatch(r"\t?[0-9a-f]+", row)]
    for side, indented in ((first, False), (second, True)):
        mine = "".join(row.strip() for row in lines if row.startswith("\t") is indented)
        decoded.data[side] = bytes.fromhex(mine)
    return decoded


def _run(capture: Path, *arguments: str) -> str:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("needs tshark: apt-get install tshark")
    command = [program, "-n", "-r", str(capture), *arguments]
    result = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"tshark failed: {result.stderr}")
    return result.stdout


def _read_packet(packet: ElementTree.Element, side: str, decoded: Decoded) -> None:
    for record in packet.iterfind("proto[@name='tls']/field[@name='tls.record']"):
        decoded.messages += [(side, name) for name in _names(record)]
        decoded.protocol = record.get("showname", "").partition(" ")[0]
        suite = record.find(".//field[@name='tls.handshake.ciphersuite']")
        if side == "server" and suite is not None:
            decoded.suite = int(suite.get("show", "0"), 0)
    for info in packet.iterfind(".//field[@name='_ws.expert']"):
        severity = info.find("field[@name='_ws.expert.severity']")
        if severity is None or int(severity.get("show", "0")) not in (_CHAT, _NOTE):
            decoded.complaints.append(info.get("showname", "expert info"))
    if packet.find(".//proto[@name='_ws.malformed']") is not None:
        decoded.complaints.append("malformed packet")


def _names(record: ElementTree.Element) -> Iterator[str]:
    content = _show(record, "tls.record.content_type")
    if content == _CHANGE_CIPHER_SPEC:
        yield "change_cipher_spec"
    elif content == _DATA:
        yield "application_data"
    elif content == _ALERT:
        level, code = _show(record, "tls.alert_message.level"), _show(record, _ALERT_CODE)
        yield f"alert:{level}:{code}" if level else "encrypted"
    elif content == _HANDSHAKE_RECORD:
        for message in record.iterfind("field[@name='tls.handshake']"):
            yield _HANDSHAKE.get(_show(message, "tls.handshake.type"), "encrypted")


_ALERT_CODE = "tls.alert_message.desc"


def _show(node: ElementTree.Element, name: str) -> str:
    found = node.find(f".//field[@name='{name}']")
    return "" if found is None else found.get("show", "")
