"""Mutated messages before tshark: who reads them, and whether both read the same.

All mutants of a run go into one capture, each into a connection of its own behind honest hellos,
and tshark is asked once.  What it is asked of is listed in ``_FIELDS``.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from assurance.figures import Tell
from assurance.fuzzing.differences import Compared

__all__ = ["compare", "plain_changes"]

_PORT: Final = 4433
_TIMEOUT_S: Final = 300
_FIELDS: Final = (
    "tls.handshake.type",
    "tls.handshake.session_id",
    "tls.handshake.ciphersuite",
    "tls.handshake.comp_method",
    "tls.handshake.extension.type",
    "tls.handshake.extension.len",
    "tls.handshake.certificate_length",
    "tls.handshake.cert_type",
    "tls.handshake.dname_len",
    "tls.handshake.session_ticket_lifetime_hint",
    "tls.handshake.session_ticket_length",
    "tls.handshake.verify_data",
)
_COMPLAINTS: Final = ("_ws.malformed", "_ws.expert.message")
#: Kinds whose bodies the messages declare here, too: the others are bytes until the suite is known.
_KINDS: Final = (1, 2, 4, 11, 13, 20)
#: Nothing of the message's: object identifiers that it has no name for.
_IGNORANT: Final = "Dissector for OID not implemented"
#: A hello of another version is refused when it is acted upon; tshark reads it by that version.
_VERSION: Final = 0x0101
#: What our refusals say -> what tshark, which shows what it can, makes of it.
_LENIENT: Final = (
    (r"left over at the end", "bytes behind the last field are passed over"),
    (r"an extension is repeated", "a repeated extension is shown twice"),
)
#: What it says of a distinguished name, and of the body of an extension.
_OF_NAMES: Final = re.compile(r"BER Error|Malformed Packet|Trailing stray characters")
_OF_BODIES: Final = re.compile(
    r"trailing bytes were unprocessed|Vector length \d+ is|Malformed Packet|stray characters"
)


def compare(cases: int, tell: Tell) -> Compared:
    """Ask about so many mutants."""
    from assurance.fuzzing.targets_bytes import seen_messages
    from assurance.fuzzing.wire_mutator import mutate_message

    compared = Compared("tshark")
    program = shutil.which("tshark")
    if program is None:
        compared.absent = "not installed: no differential cases"
        return compared
    seeds = [message for message in seen_messages() if message[0] in _KINDS]
    draw, mutants = Random("tshark"), list[bytes]()  # noqa: S311  (no secret)
    plain = plain_changes(draw)
    while len(mutants) < cases:
        seed = draw.choice(seeds)
        body = mutate_message(seed, 4000, draw, plain)[4:]
        if body:  # of its own kind and length: what frames messages is not the question here
            mutants.append(seed[:1] + len(body).to_bytes(3, "big") + body)
    for mutant, (complaint, values) in zip(mutants, _asked(program, mutants, seeds), strict=True):
        _note(compared, mutant, complaint, values)
    tell(f"tshark: {compared.cases:,} cases, {compared.reasons.total()} explained disagreements")
    return compared


def plain_changes(draw: Random) -> Callable[[bytes, int], bytes]:
    """A few bytes changed, gone or doubled."""

    def change(data: bytes, most: int) -> bytes:
        out = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 4))):
            at, way = draw.randrange(len(out) + 1), draw.random()
            if way < 0.6 and at < len(out):
                out[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            elif way < 0.8:
                del out[at : at + draw.randrange(1, 8)]
            else:
                out[at:at] = out[at : at + 4] or b"\0"
        return bytes(out[:most])

    return change


def _asked(program: str, mutants: list[bytes], seeds: list[bytes]) -> list[tuple[str, list[str]]]:
    """For each mutant what tshark complains of, and the values of ``_FIELDS``."""
    from support.capturing import Talk, ip_of, pcap

    hello, answer = (next(s for s in seeds if s[0] == kind) for kind in (1, 2))
    packets, time_s = [], 1_795_454_400.0
    for number, mutant in enumerate(mutants):
        flow = bytes([192, 0, 2, 1 + number // 50000, 192, 0, 2, 200])
        flow += (10_000 + number % 50_000).to_bytes(2, "big") + _PORT.to_bytes(2, "big")
        talk = Talk(flow=flow, time_s=time_s).shake()
        before = {1: [], 2: [(0, hello)]}.get(mutant[0], [(0, hello), (1, answer)])
        for sender, message in before:
            talk.send(sender, _record(message))
        talk.send(0 if mutant[0] in (1, 20) else 1, _record(mutant))
        packets += [(packet.time_s, ip_of(packet)) for packet in talk.packets]
        time_s = talk.time_s
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "mutants.pcap")
        file.write_bytes(pcap(packets, link=101))
        return _printed(program, file, len(mutants))


def _record(message: bytes) -> bytes:
    return b"\x16\x01\x01" + len(message).to_bytes(2, "big") + message


def _printed(program: str, file: Path, count: int) -> list[tuple[str, list[str]]]:
    wanted = ("tcp.stream", *_FIELDS, *_COMPLAINTS)
    command = [
        *(program, "-n", "-r", str(file), "-d", f"tcp.port=={_PORT},tls", "-Y", "tcp.len > 0"),
        *("-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"),
        *(word for name in wanted for word in ("-e", name)),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, errors="replace"
    )
    found: list[tuple[str, list[str]]] = [("", [])] * count
    for line in done.stdout.splitlines():
        stream, *rest = line.split("\t")
        values, complaints = rest[: len(_FIELDS)], rest[len(_FIELDS) :]
        # the last packet of a connection is the mutant's
        told = [one for one in complaints if one and _IGNORANT not in one]
        found[int(stream)] = "; ".join(told), values
    return found


def _note(compared: Compared, mutant: bytes, complaint: str, values: list[str]) -> None:
    from tlcp.errors import PeerError
    from tlcp.wire.messages import decode_handshake

    words = f"{mutant.hex()[:400]}: tshark: {complaint or 'no complaint'}"
    try:
        message = decode_handshake(mutant)
    except PeerError as error:
        reason = "" if complaint else _reason(error.what)
        compared.note(False, not complaint, reason, f"{words}; ours: {error.what}")
        return
    if complaint:
        refused = _inside(message)
        reason = "" if refused else _unread(message, complaint)
        compared.note(not refused, False, reason, f"{words}; ours: accepted")
        return
    mine = _values(message)
    theirs = dict(zip(_FIELDS, values, strict=True))
    differing = [
        f"{name}: ours {value}, tshark's {theirs[name]}"
        for name, value in mine.items()
        if theirs[name] != value
    ]
    compared.note(True, not differing, "", f"{words}; {'; '.join(differing)}")


def _inside(message: object) -> bool:
    """Whether we refuse what lies in it, once that is read: tshark reads it at once."""
    from assurance.fuzzing.targets_bytes import EXTENSIONS
    from tlcp.errors import PeerError
    from tlcp.wire.extensions import decode_extension
    from tlcp.wire.messages import Certificate, ClientHello
    from tlcp.x509.certificate import Certificate as X509Certificate

    try:
        if isinstance(message, Certificate):
            for der in message.certificates:
                X509Certificate.from_der(der)
        elif getattr(message, "version", _VERSION) != _VERSION:
            return True
        elif isinstance(message, ClientHello):
            for one in message.extensions or ():
                if one.type in EXTENSIONS:
                    body = decode_extension(one, EXTENSIONS[one.type])
                    getattr(body, "host_name", None)
    except PeerError:
        return True
    return False


def _unread(message: object, complaint: str) -> str:
    """What tshark looks into and we do not."""
    from assurance.fuzzing.targets_bytes import EXTENSIONS
    from tlcp.wire.messages import CertificateRequest, ClientHello, ServerHello

    if isinstance(message, CertificateRequest) and _OF_NAMES.search(complaint):
        return "complains of a CA's name, which we compare as bytes"
    if not _OF_BODIES.search(complaint):
        return ""
    if isinstance(message, ServerHello) and message.extensions:
        return "complains of an extension of ServerHello whose body is not read here"
    if isinstance(message, ClientHello):
        if any(one.type not in EXTENSIONS for one in message.extensions or ()):
            return "complains of an extension that is not read here"
        if "stray characters" in complaint:
            return "complains of a server name of another type than host_name, which we pass over"
    return ""


def _reason(what: str) -> str:
    for pattern, reason in _LENIENT:
        if re.search(pattern, what):
            return f"shows what we refuse: {reason}"
    return ""


def _values(message: object) -> dict[str, str]:
    """What tshark is to print of a message that is read."""
    from tlcp.wire.messages import (
        Certificate,
        CertificateRequest,
        ClientHello,
        Finished,
        NewSessionTicket,
        ServerHello,
    )

    found: dict[str, str] = {}
    if isinstance(message, ClientHello | ServerHello):
        suites: tuple[int, ...] = (
            message.cipher_suites if isinstance(message, ClientHello) else (message.cipher_suite,)
        )
        methods = (
            message.compression_methods
            if isinstance(message, ClientHello)
            else bytes((message.compression_method,))
        )
        extensions = message.extensions or ()
        found["session_id"] = message.session_id.hex()
        found["ciphersuite"] = ",".join(f"0x{suite:04x}" for suite in suites)
        found["comp_method"] = ",".join(map(str, methods))
        found["extension.type"] = ",".join(str(one.type) for one in extensions)
        found["extension.len"] = ",".join(str(len(one.data)) for one in extensions)
    elif isinstance(message, Certificate):
        found["certificate_length"] = ",".join(str(len(one)) for one in message.certificates)
    elif isinstance(message, CertificateRequest):
        found["cert_type"] = ",".join(map(str, message.certificate_types))
        found["dname_len"] = ",".join(str(len(one)) for one in message.certificate_authorities)
    elif isinstance(message, NewSessionTicket):
        found["session_ticket_lifetime_hint"] = str(message.lifetime_s)
        found["session_ticket_length"] = str(len(message.ticket))
    elif isinstance(message, Finished):
        found["verify_data"] = message.verify_data.hex()
    return {f"tls.handshake.{name}": value for name, value in found.items()}
