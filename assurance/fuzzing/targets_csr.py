"""The target of certificate requests, which a CA gets from anybody.

Spec: RFC 2986
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from random import Random
from typing import Final

from assurance.fuzzing.der_mutator import Node, encode, mutate_der, parse
from assurance.fuzzing.judge import Broken, Target
from support.ends import NOW, seeded
from tlcp.errors import ConfigError
from tlcp.pki.build import build_name
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.csr import build_csr, csr_pem, read_csr
from tlcp.pki.describe import describe
from unit.x509.minting import key

__all__ = ["REQUEST"]

_RESIGN: Final = 1


@functools.cache
def _ca() -> CertificateAuthority:
    return CertificateAuthority.create("Test CA", now=NOW, random=seeded("ca"))


def _request(data: bytes) -> None:
    """The first byte says whether the signature is made good."""
    der = data[1:]
    roots = parse(der)
    if data[:1] == bytes((_RESIGN,)) and roots and len(roots[0].parts) == 3:
        signed, algorithm, _ = roots[0].parts
        signature = key("request").sign(encode(signed))
        der = encode(Node(0x30, b"", [signed, algorithm, Node(0x03, b"\0" + signature)]))
    with contextlib.suppress(ConfigError):
        for thing in describe(der, now=NOW):
            list(thing.rows("en"))
    request = read_csr(der)
    if read_csr(csr_pem(der)) != request:
        raise Broken("PEM: another request than in DER")
    _ca().issue_for(request, now=NOW)


def _seeds() -> list[bytes]:
    subjects = [build_name("server"), build_name("服务器", organization="测试")]
    hosts = ["server.example", "127.0.0.1", "::1"]
    own = key("request")
    made = [
        build_csr(subject=subject, public_point=own.public_point, signer=own, hosts=asked)
        for subject in subjects
        for asked in ([], hosts)
    ]
    return [bytes((how,)) + der for how in (0, _RESIGN) for der in made]


def _mutate(data: bytes, most: int, draw: Random, plain: Callable[[bytes, int], bytes]) -> bytes:
    return data[:1] + mutate_der(data[1:], most - 1, draw, plain)


REQUEST: Final = Target("request", _seeds, _request, (ConfigError,), _mutate)
