"""What Wireshark has to be told to see TLCP on a port.

It looks for TLS on every port of its own accord, but not on one that it takes for something else.
Some of its decoders notice that they are wrong; the option does no harm there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

__all__ = ["command", "taken"]

#: the TCP ports that tshark 4.0 decodes as something other than TLS (tshark -G decodes)
_TAKEN = (
    "0 7 13 19-23 25 37 42-43 49 53 70 79-80 88 102 104 110-111 119 123 139 143 161-162 179 199 "
    "210 323 389 427 445 464 473 500 502 512-515 524 547-548 554 564 587 631 639 646-647 674 705 "
    "829 854 862 873 925 988 1080 1090 1099 1102 1153 1194 1213 1344 1433 1521 1533 1547 1723 1755 "
    "1861 1863 1883 1900 1935 1978-1979 1998 2000-2001 2065 2099 2123 2126 2152 2190 2234 2240 "
    "2269 2321-2322 2345 2401 2404 2424 2427 2433 2501-2502 2571 2575 2600 2710 2727 2812 2855 "
    "2869 2944-2945 3002-3003 3006 3014 3016-3019 3050 3128 3132 3205 3245-3248 3268 3288 3306 "
    "3333-3334 3357 3369 3386 3389 3452 3478 3567 3632 3671 3689 3724 3804 3860 3863 3868 3918 "
    "4002 4058 4155 4189 4222-4224 4249-4250 4321 4342 4369 4420 4551 4555-4556 4661-4663 4712 "
    "4730 4737 4739 4788 4840 4880 5000 5010 5060 5066 5084 5094 5190 5222 5253 5353 5432 5445 "
    "5500-5501 5534 5555 5672 5683 5701 5721 5900-5901 5985 5997 6000-6063 6068 6075 6084 6121 "
    "6160 6346 6379 6417 6653 6666-6668 6881-6889 7000 7075 7171-7172 7236 7275-7276 7871 7890 "
    "7900 7911 7930 8004 8009-8010 8023 8074 8080 8085 8088 8554 8567 9000 9009 9042 9092 9168 "
    "9300 9418 9600 9955-9956 9999-10000 10288 11210-11211 11371 13400 13819 14001 15740 17500 "
    "17755-17756 19006 19042-19043 19506 19543 20000 20256 21064 22222 24800 29418 30000-30200 "
    "34980 44321-44322 44818 48049 48898 57000"
)
_MOST_NAMED = 8  # ports; who needs more than that uses the preference


def _ports() -> frozenset[int]:
    found = set[int]()
    for one in _TAKEN.split():
        first, _, last = one.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


taken = _ports()


def command(file: str, ports: Iterable[int]) -> str:
    """How to open a capture: ``wireshark FILE`` with the options that it needs.

    Args:
        file: the name of the capture.
        ports: of the TLCP connections, at both ends.
    """
    odd = sorted({port for port in ports if port in taken})
    if len(odd) > _MOST_NAMED:
        options = ["-o tcp.try_heuristic_first:TRUE"]
    else:
        options = [f"-d tcp.port=={port},tls" for port in odd]
    # a name that begins with "-" would be an option
    return " ".join(("wireshark", *options, shlex.quote(f"./{file}" if file[:1] == "-" else file)))
