"""The format: what of a test case is needed to judge it.

Format: version 1 of the limbo schema, https://github.com/C2SP/x509-limbo
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["NotASuite", "PeerName", "TestCase", "read_suite"]


class NotASuite(ValueError):
    """The file is not in the format; the text says where."""


@dataclass(frozen=True)
class PeerName:
    """Whom the peer is to be: ``kind`` is "DNS", "IP" or "RFC822"."""

    kind: str
    value: str


@dataclass(frozen=True)
class TestCase:
    """One chain and what is to come of it.

    Attributes:
        id, features, importance, description: as in the file; features may be empty.
        conflicts_with: ids of cases that no verifier can agree with beside this one.
        peer_is_server: validation_kind.
        peer, trusted, intermediates: certificates, PEM.
        moment: of validation; None = now.
        key_usage, extended_key_usage, signature_algorithms: what is asked for.
        valid: the expected result.
        names: whom the peer is to be, all of them.
        depth: the most intermediates between the peer and the anchor, self-issued ones not counted;
            None = as many as the verifier likes.
        crls: as in the file; with any, the whole path must be covered.
    """

    __test__ = False  # pytest, it is not one of yours

    id: str
    features: tuple[str, ...]
    importance: str
    conflicts_with: tuple[str, ...]
    description: str
    peer_is_server: bool
    peer: bytes
    trusted: Sequence[bytes]
    intermediates: Sequence[bytes]
    moment: datetime.datetime | None
    key_usage: frozenset[str]
    extended_key_usage: frozenset[str]
    signature_algorithms: frozenset[str]
    valid: bool
    names: tuple[PeerName, ...]
    depth: int | None
    crls: Sequence[str]


def read_suite(path: Path) -> list[TestCase]:
    """Read a file of test cases.

    Raises:
        NotASuite: it is not in the format.
        OSError: it cannot be read.
    """
    try:
        whole = json.loads(path.read_bytes())
    except ValueError as error:
        raise NotASuite(f"{path} is no JSON: {error}") from error
    if not isinstance(whole, dict) or whole.get("version") != 1 or "testcases" not in whole:
        raise NotASuite(f'{path} is no suite of version 1: expected {{"version": 1, "testcases"}}')
    return [_case(item, at) for at, item in enumerate(whole["testcases"])]


_Choice = Literal["CLIENT", "SERVER", "SUCCESS", "FAILURE"]


def _case(item: Mapping[str, Any], at: int) -> TestCase:
    try:
        names = [item.get("expected_peer_name"), *(item.get("expected_peer_names") or ())]
        moment = item.get("validation_time")
        return TestCase(
            id=item["id"],
            features=tuple(item.get("features") or ()),
            importance=item.get("importance") or "undetermined",
            conflicts_with=tuple(item.get("conflicts_with") or ()),
            description=item.get("description") or "",
            peer_is_server=_one_of(item["validation_kind"], "SERVER", "CLIENT"),
            peer=item["peer_certificate"].encode(),
            trusted=[one.encode() for one in item["trusted_certs"]],
            intermediates=[one.encode() for one in item["untrusted_intermediates"]],
            moment=datetime.datetime.fromisoformat(moment) if moment else None,
            key_usage=frozenset(item.get("key_usage") or ()),
            extended_key_usage=frozenset(item.get("extended_key_usage") or ()),
            signature_algorithms=frozenset(item.get("signature_algorithms") or ()),
            valid=_one_of(item["expected_result"], "SUCCESS", "FAILURE"),
            names=tuple(PeerName(one["kind"], one["value"]) for one in names if one),
            depth=item.get("max_chain_depth"),
            crls=item.get("crls") or (),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        name = item.get("id", "") if isinstance(item, dict) else ""
        raise NotASuite(f"test case {at} {name}: {type(error).__name__} {error}") from error


def _one_of(text: str, yes: _Choice, no: _Choice) -> bool:
    if text not in (yes, no):
        raise ValueError(f"{text!r} is neither {yes} nor {no}")
    return text == yes
