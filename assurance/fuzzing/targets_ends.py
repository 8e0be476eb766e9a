"""Targets of whole connections: a client and a server that are told anything."""

from __future__ import annotations

from typing import Final

from assurance.fuzzing.judge import Target
from assurance.fuzzing.scenes import CLIENTS, SERVERS, scenes, talk
from assurance.fuzzing.wire_mutator import join_records, mutate_records, split_records

__all__ = ["CLIENT", "SERVER"]


def _run(role: str, data: bytes) -> None:
    if data:
        all_of_them = scenes(role)
        talk(all_of_them[data[0] % len(all_of_them)], data[1:])


def _client(data: bytes) -> None:
    _run(CLIENTS, data)


def _server(data: bytes) -> None:
    _run(SERVERS, data)


def _seeds(role: str) -> list[bytes]:
    """Each scene as it is, and as one record for each flight."""
    found = []
    for number, scene in enumerate(scenes(role)):
        head, (records, _) = bytes((number,)), split_records(scene.told)
        merged = list[tuple[int, bytes]]()
        for kind, payload in records:
            if merged and kind == merged[-1][0] == 22:
                merged[-1] = kind, merged[-1][1] + payload
            else:
                merged.append((kind, payload))
        found += [head + scene.told, head + join_records(merged)]
    return found


CLIENT: Final = Target("client", lambda: _seeds(CLIENTS), _client, (), mutate_records)
SERVER: Final = Target("server", lambda: _seeds(SERVERS), _server, (), mutate_records)
