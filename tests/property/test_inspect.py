"""Properties of ``tlcp inspect``: whatever happens to a capture, the same or a stated gap.

Spec: GB/T 38636-2020 6.3; RFC 9293 3.4
"""

from __future__ import annotations

import itertools
import json
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.captured import CAPTURES, captures, connections
from support.capturing import Talk, ip_of, pcap, pcapng
from tlcp.cli.app import program
from tlcp.inspect.packets import TCPPacket

NAME = st.sampled_from(captures())
FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(FEW, max_examples=150)
CA = CAPTURES / "pki" / "ca.crt"
FORMS = ("--json", "--details", "--brief", "--html")
MOST_BYTES = 48 << 20  # of memory, for a capture of a few kilobytes


def inspect(data: bytes, name: str, *words: str, keys: bool = True) -> Result:
    """Run ``tlcp inspect`` with what opens this capture, if wanted."""
    log = CAPTURES / f"{name}.keys"
    known = ("--keylog", str(log)) if log.exists() and keys else ()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.pcap")
        file.write_bytes(data)
        if "--html" in words:
            words = (*words, str(Path(folder, "a.html")))
        return CliRunner().invoke(
            program,
            ["inspect", *known, "--ca", str(CA), *words, str(file)],
            env={"LC_ALL": "C.UTF-8"},
        )


def told(data: bytes, name: str, *, keys: bool = True) -> list[dict[str, Any]]:
    """The JSON of it, without the times."""
    result = inspect(data, name, "--json", keys=keys)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    found: list[dict[str, Any]] = json.loads(result.stdout, object_hook=_timeless)
    return found


def _timeless(value: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in value.items() if key != "time_s"}


def written(packets: list[TCPPacket]) -> bytes:
    return pcap([(packet.time_s, ip_of(packet)) for packet in packets], link=101)


def talks(name: str, draw: st.DataObject | None = None) -> list[Talk]:
    """The connections of a capture as new packets, one for each side's turn, or cut as drawn."""
    made, time_s = [], 1_795_454_400.0
    for number, pieces in enumerate(connections(name)):
        flow = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack("!HH", 40000 + number, 443)
        talk = Talk(flow=flow, time_s=time_s).shake()
        for sender, group in itertools.groupby(pieces, lambda piece: piece.sender):
            data = b"".join(piece.data for piece in group)
            cuts = {0, len(data)}
            if draw is not None:
                cuts |= draw.draw(st.sets(st.integers(0, len(data)), max_size=12))
            for start, stop in itertools.pairwise(sorted(cuts)):
                talk.send(sender, data[start:stop])
        talk.bye()
        time_s = talk.time_s + 1
        made.append(talk)
    return made


def disordered(talk: Talk, draw: st.DataObject) -> list[TCPPacket]:
    """Packets that overtake each other and come again, behind the SYNs."""
    head, rest = talk.packets[:2], list(talk.packets[2:])
    for place in draw.draw(st.lists(st.integers(0, len(rest) - 1), max_size=6)):
        rest.insert(draw.draw(st.integers(0, len(rest))), rest[place])
    for _ in range(draw.draw(st.integers(0, 6))):
        packet = rest.pop(draw.draw(st.integers(0, len(rest) - 1)))
        rest.insert(draw.draw(st.integers(0, len(rest))), packet)
    again = [*head, *rest]
    times = sorted(packet.time_s for packet in again)
    return [packet._replace(time_s=time_s) for packet, time_s in zip(again, times, strict=True)]


@FEW
@given(name=NAME, data=st.data())
def test_any_cut_order_and_copies_give_the_same(name: str, data: st.DataObject) -> None:
    plain = written([packet for talk in talks(name) for packet in talk.packets])
    other = written([packet for talk in talks(name, data) for packet in disordered(talk, data)])
    assert told(other, name) == told(plain, name)


def _stated(one: dict[str, Any]) -> bool:
    """Whether a report says that something is missing."""
    return (
        any(record["missing"] for record in one["records"])
        or any(notice["rule"] == "gap" for notice in one["notices"])
        or "unknown" in (one["client"]["ended"], one["server"]["ended"])
        or one["decryption"]["why_not"] is not None  # the connection that it resumes has a gap
    )


def _ends(one: dict[str, Any]) -> tuple[str, ...]:
    """The addresses; who is the client cannot be told of some packets."""
    return tuple(sorted(one[side]["address"] for side in ("client", "server")))


def _contents(one: dict[str, Any]) -> list[str]:
    """The messages and the data that it shows."""
    return [json.dumps([m["sender"], m["name"], m["data"]]) for m in one["messages"]]


#: what a gap makes true; all else that is found must be found in the whole capture, too
OF_A_GAP = {
    "gap",
    "passed-over",
    "mid-stream",
    "handshake-incomplete",
    "incomplete-record",
    "incomplete-message",
    "end-not-seen",
}
SWAPPED = {"client": "server", "server": "client"}
Shown = tuple[Any, ...]


def _by_side(one: dict[str, Any], *, swap: bool) -> dict[str, list[tuple[int, Shown]]]:
    """Each side's messages: the place of the record in which they end, and all that is shown."""
    found: dict[str, list[tuple[int, Shown]]] = {"client": [], "server": []}
    ends = {number: record["number"] for record in one["records"] for number in record["messages"]}
    for m in one["messages"]:
        side = SWAPPED[m["sender"]] if swap else m["sender"]
        facts = [m[name] for name in _FACTS] + ([m["problem"]] if m["decrypted"] else [])
        found[side].append((ends[m["number"]], tuple(map(str, facts))))
    return found


#: of a message; how its fields are read may depend on another one that was lost
_FACTS = ("content_type", "name", "length", "data", "protected", "decrypted", "step")


def _is_part_in_order(shown: list[Shown], places: list[set[Shown]]) -> bool:
    """Whether each that is shown is at a place behind that of the one before."""
    at = 0
    for one in shown:
        while at < len(places) and one not in places[at]:
            at += 1
        if at == len(places):
            return False
        at += 1
    return True


def _right(one: dict[str, Any], full: dict[str, Any], closed: dict[str, Any]) -> None:
    """Assert that a part of a capture shows nothing that the whole does not.

    Args:
        one: of the part.
        full: of the whole.
        closed: of the whole, where nothing is decrypted: what cannot be opened behind a gap is
            shown so.
    """
    swap = one["client"]["address"] != full["client"]["address"]
    shown = _by_side(one, swap=swap)
    for side, opened in _by_side(full, swap=False).items():
        places = [{message} for _, message in opened]
        records = [record for record, _ in opened]
        for record, message in _by_side(closed, swap=False)[side]:
            if record in records:
                places[records.index(record)].add(message)
        assert _is_part_in_order([message for _, message in shown[side]], places)
    if swap:
        return  # who is who was guessed of a few packets
    assert one["suite"]["id"] in (None, full["suite"]["id"])
    verified = {(check["rule"], check["result"]) for check in full["checks"]}
    for check in one["checks"]:
        assert check["result"] == "unknown" or (check["rule"], check["result"]) in verified, check
    known = {(f["rule"], f["severity"], f["side"]) for f in full["findings"]}
    for finding in one["findings"]:
        is_known = (finding["rule"], finding["severity"], finding["side"]) in known
        assert is_known or finding["rule"] in OF_A_GAP, finding
    assert {record["integrity"] for record in one["records"]} <= {"holds", "clear", "unknown"}


@FEW
@given(name=NAME, data=st.data())
def test_lost_packets_and_a_cut_file_give_the_same_or_a_stated_gap(
    name: str, data: st.DataObject
) -> None:
    whole = written([packet for talk in talks(name) for packet in talk.packets])
    packets = [packet for talk in talks(name, data) for packet in disordered(talk, data)]
    lost = data.draw(st.sets(st.integers(0, len(packets) - 1), max_size=5))
    kept = [packet for number, packet in enumerate(packets) if number not in lost]
    kept = kept[: data.draw(st.integers(0, len(kept)))]
    before = {_ends(one): one for one in told(whole, name)}
    closed = {_ends(one): one for one in told(whole, name, keys=False)}
    for one in told(written(kept), name):
        full = before[_ends(one)]
        if _contents(one) != _contents(full):
            assert _stated(one)
        _right(one, full, closed[_ends(one)])


@MANY
@given(data=st.data())
def test_mutated_captures_are_told_and_take_little_memory(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(captures()))
    raw = bytearray(_file(name, data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                raw[place] ^= data.draw(st.integers(1, 255))
            case 1:
                raw[place : place + 4] = data.draw(
                    st.sampled_from(
                        [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"]
                    )
                )
            case 2:
                del raw[place : place + data.draw(st.integers(1, 40))]
            case _:
                raw[place:place] = raw[place : place + data.draw(st.integers(1, 400))]
    _survives(bytes(raw), name, data.draw(st.sampled_from(FORMS)))


@MANY
@given(data=st.binary(max_size=600), magic=st.sampled_from(["pcap", "pcapng", "gzip", "none"]))
def test_random_bytes_are_told(data: bytes, magic: str) -> None:
    begin = {
        "pcap": pcap([], link=101),
        "pcapng": pcapng([], link=101),
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        "none": b"",
    }[magic]
    _survives(begin + data, "tongsuo-ecc-gcm", "--json")


def _file(name: str, sections: bool) -> bytes:
    """A capture, or the same as pcapng with its keys inside."""
    if not sections:
        return (CAPTURES / f"{name}.pcap").read_bytes()
    packets = [packet for talk in talks(name) for packet in talk.packets]
    log = CAPTURES / f"{name}.keys"
    return pcapng(
        [(packet.time_s, ip_of(packet)) for packet in packets],
        link=101,
        key_log=log.read_bytes() if log.exists() else b"",
    )


def _survives(raw: bytes, name: str, form: str) -> None:
    tracemalloc.start()
    try:
        result = inspect(raw, name, form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in (0, 1, 2), result.output
    assert "Traceback" not in result.output
    assert peak < MOST_BYTES
    if result.exit_code == 2:
        assert result.stderr
    elif form == "--json":
        json.loads(result.stdout)
