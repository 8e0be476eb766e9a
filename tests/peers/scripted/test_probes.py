"""The scripted servers answer ClientHellos as the real ones did.

``probes.txt`` is what the real servers answered, probe by probe.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from peers.scripted.server import ScriptedServer
from peers.scripted.stacks import GMSSL, GMSSL_31, GOTLCP, OPENHITLS, TASSL, TONGSUO
from support.ends import world
from tlcp.registry import ExtensionType as X
from tlcp.wire.extensions import alpn_extension, host_name_extension
from tlcp.wire.messages import Alert, ClientHello, Extension, ServerHello, decode_handshake

STACKS = {"tongsuo": TONGSUO, "tassl": TASSL, "gotlcp": GOTLCP, "gmssl": GMSSL,
          "gmssl311": GMSSL_31, "openhitls": OPENHITLS}  # fmt: skip
GROUPS = Extension(X.SUPPORTED_GROUPS, b"\0\x02\0\x29")
SA4 = Extension(X.SIGNATURE_ALGORITHMS, b"\0\x02\x07\x04")
SNI, ALPN = host_name_extension("localhost"), alpn_extension(["http/1.1"])
CBC, GCM = 0xE013, 0xE053
#: extensions of a probe; None = no block at all
EXTENSIONS: dict[str, tuple[Extension, ...] | None] = {
    "no ext block": None,
    "empty ext block": (),
    "SNI localhost": (SNI,),
    "SNI unknown.example": (host_name_extension("unknown.example"),),
    "supported_groups 41": (GROUPS,),
    "sig_algs 0704": (SA4,),
    "sig_algs 0708": (Extension(X.SIGNATURE_ALGORITHMS, b"\0\x02\x07\x08"),),
    "sig_algs 0708,0704": (Extension(X.SIGNATURE_ALGORITHMS, b"\0\x04\x07\x08\x07\x04"),),
    "session_ticket": (Extension(X.SESSION_TICKET, b""),),
    "renegotiation_info": (Extension(X.RENEGOTIATION_INFO, b"\0"),),
    "EMS": (Extension(X.EXTENDED_MASTER_SECRET, b""),),
    "ETM (cbc)": (Extension(X.ENCRYPT_THEN_MAC, b""),),
    "ec_point_formats": (Extension(X.EC_POINT_FORMATS, b"\x01\0"),),
    "ALPN http/1.1": (ALPN,),
    "unknown ext 0xabcd": (Extension(0xABCD, b""),),
    "client_id 66": (Extension(X.CLIENT_ID, b"\x05\0"),),
    "trusted_ca_keys": (Extension(X.TRUSTED_CA_KEYS, b"\0\x01\0"),),
    "all: SNI,GR,SA4,ALPN": (SNI, GROUPS, SA4, ALPN),
}
SUITES: dict[str, tuple[int, ...]] = {
    "SCSV 00ff": (CBC, 0x00FF),
    "ETM (cbc)": (CBC,),
    "unknown suite first": (0xE0FF, GCM),
    "only unknown suite": (0xE0FF,),
    "only RSA suite e019": (0xE019,),
    "ECDHE e011": (0xE011,),
    "order e053,e013": (GCM, CBC),
    "order e013,e053,e011,e051": (CBC, GCM, 0xE011, 0xE051),
}
COMPRESSION = {"compression 01,00": b"\x01\0", "compression only 01": b"\x01"}
LINE = re.compile(r"(.{34}) (ServerHello|ALERT|nothing)(.*)")


def probes() -> list[tuple[str, str, str]]:
    """(stack, probe, what the real server answered)."""
    found, stack = [], ""
    for line in (Path(__file__).parent / "probes.txt").read_text().splitlines():
        if line.startswith("##### "):
            stack = line[6:]
        elif (match := LINE.match(line)) and stack in STACKS and match[1].strip() != "garbage":
            found.append((stack, match[1].strip(), match[2] + match[3].rstrip()))
    return found


def probe(name: str) -> bytes:
    """The records of a probe."""
    hello = ClientHello(
        int(name[-4:], 16) if name.startswith("hello ver") else 0x0101,
        bytes(32),
        bytes(range(32)) if name == "sid 32 unknown" else b"",
        SUITES.get(name, (CBC, GCM)),
        COMPRESSION.get(name, b"\0"),
        EXTENSIONS.get(name),
    )
    body = hello.to_bytes() + (b"junk" if name == "trailing junk" else b"")
    raw = b"\x01" + len(body).to_bytes(3, "big") + body
    version = bytes.fromhex(name[-4:]) if name.startswith("record ver") else b"\1\1"
    cuts = (raw[:20], raw[20:]) if name == "split over 2 records" else (raw,)
    return b"".join(b"\x16" + version + len(cut).to_bytes(2, "big") + cut for cut in cuts)


def told(answer: bytes) -> str:
    """An answer in the words of the file."""
    if not answer:
        return "nothing EOF"
    fragment = answer[5 : 5 + int.from_bytes(answer[3:5], "big")]
    if answer[0] == 21:
        alert = Alert.from_bytes(fragment)
        return f"ALERT {alert.level:02x}{alert.description:02x}"
    hello = decode_handshake(fragment)
    assert isinstance(hello, ServerHello)
    block = fragment[38 + 1 + len(hello.session_id) + 3 :].hex() or "none"
    return (
        f"ServerHello ver={hello.version:04x} suite={hello.cipher_suite:04x} "
        f"sid={len(hello.session_id)} exts={block}"
    )


@pytest.mark.parametrize(("stack", "name", "answer"), probes())
def test_as_the_real_one(stack: str, name: str, answer: str) -> None:
    peer = ScriptedServer(
        STACKS[stack], world().server, world().ca.certificate, names=("localhost",)
    )
    peer.feed(probe(name))
    segments = peer.take()
    # the version of an alert's record is not played: nobody reads it
    wanted = re.sub(r"ALERT ver=\w+ ", "ALERT ", answer)
    assert told(segments[0] if segments else b"") == wanted
    assert peer.hung_up == (not wanted.startswith("ServerHello"))
