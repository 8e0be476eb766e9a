"""From captured packets to TCP: the link layers, VLAN tags, IPv4 and IPv6, fragments.

Checksums are not looked at: the ones of a computer's own packets are often filled in by its card,
after they were captured.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from tlcp.inspect.captures import Packet
from tlcp.inspect.fragments import Fragments

__all__ = ["Decoder", "Endpoint", "TCPPacket", "endpoints"]

_NULL, _ETHERNET, _BSD_RAW, _OPENBSD_RAW, _RAW, _LOOP = 0, 1, 12, 14, 101, 108
_COOKED, _IPV4, _IPV6, _COOKED_2 = 113, 228, 229, 276
# where the EtherType and the network layer lie; an EtherType at -1: the IP version tells
_LINKS = {
    _ETHERNET: (12, 14),
    _COOKED: (14, 16),
    _COOKED_2: (0, 20),
    _NULL: (-1, 4),
    _LOOP: (-1, 4),
    _RAW: (-1, 0),
    _BSD_RAW: (-1, 0),
    _OPENBSD_RAW: (-1, 0),
    _IPV4: (-1, 0),
    _IPV6: (-1, 0),
}
_IP_TYPES = (0x0800, 0x86DD)
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100, 0x9200)
_TCP = 6
_FRAGMENT_HEADER, _AUTHENTICATION_HEADER = 44, 51
_EXTENSION_HEADERS = (0, 43, 60, 135, 139, 140)
_MAX_EXTENSION_HEADERS = 16
_MAX_REASONS = 64  # a damaged file can name any link type
_MORE_OR_OFFSET = 0x3FFF  # of an IPv4 packet that is a fragment

_U16 = struct.Struct("!H").unpack_from
_IPV4_HEADER = struct.Struct("!xxHHHxB").unpack_from  # length, identification, fragment, protocol
_IPV6_HEADER = struct.Struct("!4xHB").unpack_from  # payload length, next header
_TCP_HEADER = struct.Struct("!IIBB").unpack_from  # from the sequence number on

# Ethernet, IPv4 without options, TCP: from the length on
_MOST, _MOST_BYTES = b"\x08\x00\x45", 54
_MOST_HEADERS = struct.Struct("!HxxHxB14xIIBB").unpack_from


class Endpoint(NamedTuple):
    """One end of a TCP connection."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self[0]}:{self[1]}"


class TCPPacket(NamedTuple):
    """The TCP part of one packet.

    Attributes:
        time_s: when it was captured, seconds since 1970.
        flow: addresses and ports, those of the source first; ``endpoints`` reads them.
        sequence: the number of its first byte, or of its SYN or FIN.
        acknowledgement: the byte that its sender waits for, where the flags have ACK.
        flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
        data: the payload.
        missing: payload behind ``data`` that was not captured.
    """

    time_s: float
    flow: bytes
    sequence: int
    acknowledgement: int
    flags: int
    data: bytes
    missing: int


def endpoints(flow: bytes) -> tuple[Endpoint, Endpoint]:
    """Return source and destination of a flow."""
    size = (len(flow) - 4) // 2
    source, destination = flow[:size], flow[size : 2 * size]
    return (
        Endpoint(_address(source), _U16(flow, 2 * size)[0]),
        Endpoint(_address(destination), _U16(flow, 2 * size + 2)[0]),
    )


@lru_cache(maxsize=4096)
def _address(packed: bytes) -> str:
    if len(packed) == 4:
        return ".".join(map(str, packed))
    return str(ipaddress.ip_address(packed))


class Decoder:
    """Takes packets apart; remembers only fragments.

    Attributes:
        passed_over: how many packets were passed over, by reason.
    """

    def __init__(self) -> None:
        self.passed_over: Counter[str] = Counter()
        self._fragments = Fragments()

    def finish(self) -> None:
        """Count the fragments that wait for others in vain."""
        self._fragments.finish()
        self._count_lost()

    def decode(self, packet: Packet) -> TCPPacket | None:
        """Return the TCP part, None if there is none; never raises."""
        time_s, link, data, missing = packet
        if link == _ETHERNET and data[12:15] == _MOST and len(data) >= _MOST_BYTES:
            # the way of most packets; whatever is unusual about one goes the long way below
            length, fragment, protocol, sequence, acknowledgement, words, flags = _MOST_HEADERS(
                data, 16
            )
            start, stop = 34 + (words >> 4 << 2), 14 + length
            if (
                protocol == _TCP
                and not fragment & _MORE_OR_OFFSET
                and _MOST_BYTES <= start <= stop <= len(data)
            ):
                return tuple.__new__(
                    TCPPacket,
                    (
                        time_s,
                        data[26:38],
                        sequence,
                        acknowledgement,
                        flags,
                        data[start:stop],
                        0,
                    ),
                )
        try:
            kind_at, at = _LINKS[link]
        except KeyError:
            return self._pass_over(f"link type {link}")
        if kind_at >= 0:
            at = _behind_vlans(data, kind_at, at)
            if at < 0:
                return self._pass_over("not IP")
        if len(data) <= at:
            return self._pass_over("cut short in its headers")
        version = data[at] >> 4
        if version == 4:
            return self._ipv4(time_s, data, at, missing)
        if version == 6:
            return self._ipv6(time_s, data, at, missing)
        return self._pass_over("not IP")

    def _ipv4(self, time_s: float, data: bytes, at: int, missing: int) -> TCPPacket | None:
        size = len(data)
        if size < at + 20:
            return self._pass_over("cut short in its headers")
        length, number, fragment, protocol = _IPV4_HEADER(data, at)
        header = (data[at] & 15) << 2
        if data[at] >> 4 != 4 or header < 20:
            return self._pass_over("damaged IPv4 header")
        # a length of 0: the card would have cut it up; it is as long as the packet
        stop = at + length if length else size + missing
        if protocol != _TCP:
            return self._pass_over("not TCP")
        if fragment & _MORE_OR_OFFSET:
            key = data[at + 12 : at + 20] + number.to_bytes(2, "big")
            body = data[at + header : stop]
            return self._fragment(time_s, key, 8, fragment, body, stop > size)
        return self._tcp(time_s, data[at + 12 : at + 20], data, at + header, stop)

    def _ipv6(self, time_s: float, data: bytes, at: int, missing: int) -> TCPPacket | None:
        size = len(data)
        if size < at + 40:
            return self._pass_over("cut short in its headers")
        length, header = _IPV6_HEADER(data, at)
        addresses = data[at + 8 : at + 40]
        at += 40
        # a length of 0: a jumbo packet, or one that the card would have cut up
        stop = at + length if length else size + missing
        for _ in range(_MAX_EXTENSION_HEADERS):
            if header == _TCP:
                return self._tcp(time_s, addresses, data, at, stop)
            if size < at + 8:
                break
            if header == _FRAGMENT_HEADER:
                header, word = data[at], _U16(data, at + 2)[0]
                if word & 0xFFF9:
                    if header != _TCP and word & 0xFFF8 == 0:
                        return self._pass_over("IPv6 fragments with more than TCP inside")
                    key = addresses + data[at + 4 : at + 8]
                    # as in IPv4: units of eight bytes, and a flag that more follow
                    fragment = word >> 3 | (word & 1) << 13
                    return self._fragment(
                        time_s, key, 32, fragment, data[at + 8 : stop], stop > size
                    )
                at += 8
            elif header == _AUTHENTICATION_HEADER:
                header, at = data[at], at + (data[at + 1] + 2) * 4
            elif header in _EXTENSION_HEADERS:
                header, at = data[at], at + (data[at + 1] + 1) * 8
            else:
                return self._pass_over("not TCP")
        return self._pass_over("cut short in its headers")

    def _tcp(
        self, time_s: float, addresses: bytes, data: bytes, at: int, stop: int
    ) -> TCPPacket | None:
        size = len(data)
        if size < at + 20 or stop < at + 20:
            return self._pass_over("cut short in its headers")
        sequence, acknowledgement, words, flags = _TCP_HEADER(data, at + 4)
        start = at + (words >> 4 << 2)
        if start < at + 20 or start > stop:
            return self._pass_over("damaged TCP header")
        return tuple.__new__(
            TCPPacket,
            (
                time_s,
                addresses + data[at : at + 4],
                sequence,
                acknowledgement,
                flags,
                data[start:stop],
                0 if stop <= size else stop - max(size, start),
            ),
        )

    def _fragment(
        self, time_s: float, key: bytes, addresses: int, fragment: int, body: bytes, cut: bool
    ) -> TCPPacket | None:
        if cut:
            return self._pass_over("fragment that was not captured whole")
        offset, more = (fragment & 0x1FFF) << 3, bool(fragment & 0x2000)
        whole = self._fragments.add(key, offset, more, body)
        self._count_lost()
        if whole is None:
            return None
        return self._tcp(time_s, key[:addresses], whole, 0, len(whole))

    def _count_lost(self) -> None:
        if self._fragments.lost:
            self.passed_over["fragment whose others are missing"] += self._fragments.lost
            self._fragments.lost = 0

    def _pass_over(self, why: str) -> TCPPacket | None:
        if len(self.passed_over) < _MAX_REASONS or why in self.passed_over:
            self.passed_over[why] += 1
        return None


def _behind_vlans(data: bytes, kind_at: int, at: int) -> int:
    """Return where the IP header begins; -1 if none does."""
    while len(data) >= kind_at + 2:
        kind = _U16(data, kind_at)[0]
        if kind in _IP_TYPES:
            return at
        if kind not in _VLAN_TYPES:
            break
        # a tag: two bytes of it, then the next EtherType; a cooked header has that in its payload
        kind_at, at = at + 2, at + 4
    return -1
