"""The judge sees what it is there for, and the mutators keep to the forms that they know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from assurance.fuzzing.der_mutator import encode, mutate_der, parse
from assurance.fuzzing.judge import Broken, Target, judge
from assurance.fuzzing.scenes import CLIENTS, SERVERS, Scene, scenes, talk
from assurance.fuzzing.wire_mutator import join_records, mutate_records, split_records

from support.samples import SAMPLES
from tlcp.errors import BadRecordMAC, DecodeError
from tlcp.wire.messages import ClientHello, Extension, decode_handshake
from unit.x509.minting import mint_world


def _target(run: Callable[[bytes], object]) -> Target:
    return Target("a test", lambda: [b""], lambda data: (run(data), None)[1], (DecodeError,))


def _raise(error: BaseException) -> None:
    raise error


def test_what_is_refused_in_the_documented_way_is_no_find() -> None:
    assert judge(_target(lambda _: _raise(DecodeError("cut off"))), b"") is None


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), Broken("order: of events")])
def test_other_errors_are_finds_with_their_place(error: Exception) -> None:
    find = judge(_target(lambda _: _raise(error)), b"")
    assert find is not None
    assert find.kind == "error"
    assert find.place.startswith(f"{type(error).__name__} test_judge.py:_raise")
    assert "Traceback" in find.text


def test_an_error_behind_an_error_is_the_place() -> None:
    def run(_: bytes) -> None:
        try:
            _raise(IndexError("x"))
        except IndexError as error:
            raise RuntimeError("in the engine") from error

    find = judge(_target(run), b"")
    assert find is not None
    assert find.place.startswith("IndexError")


def test_much_memory_is_a_find() -> None:
    find = judge(_target(lambda _: bytes(60 << 20)), b"", measure=True)
    assert find is not None
    assert find.kind == "memory"


def _plain(draw: Random) -> Callable[[bytes, int], bytes]:
    return lambda data, most: (data + bytes((draw.randrange(256),)))[:most]


def test_der_is_read_and_written_back() -> None:
    world = mint_world()
    for party in (world.root, world.sub, world.sign):
        roots = parse(party.der)
        assert roots is not None
        assert b"".join(map(encode, roots)) == party.der


def test_most_mutants_of_der_are_der() -> None:
    draw, der = Random("der"), mint_world().sign.der  # noqa: S311
    mutants = [mutate_der(der, 1 << 14, draw, _plain(draw)) for _ in range(300)]
    assert sum(parse(mutant) is not None for mutant in mutants) > 200
    assert len(set(mutants)) > 200


def test_most_mutants_of_records_have_messages_that_can_be_read() -> None:
    draw = Random("records")  # noqa: S311
    stream = b"\0" + join_records([(22, message.encode()) for message in SAMPLES])
    good = bad = 0
    for _ in range(200):
        records, _ = split_records(mutate_records(stream, 1 << 14, draw, _plain(draw))[1:])
        for kind, payload in records:
            if kind == 22:
                try:
                    decode_handshake(payload)
                    good += 1
                except Exception:
                    bad += 1
    assert good > bad > 0


@pytest.mark.parametrize("role", [CLIENTS, SERVERS])
def test_what_honest_peers_say_completes_each_scene(role: str) -> None:
    for scene in scenes(role):
        side = talk(scene, scene.told)
        assert side.completed is not None
        assert side.closed
        assert side.data.startswith(b"data of the ")


def test_a_hello_that_was_changed_can_still_be_completed() -> None:
    """An unknown extension that is not in what the peer signs: keys and Finished are made anew."""
    scene = scenes(SERVERS)[0]
    records, _ = split_records(scene.told)
    message = decode_handshake(records[0][1])
    assert isinstance(message, ClientHello)
    unknown = Extension(0x7F7F, b"")
    raw = replace(message, extensions=(*(message.extensions or ()), unknown)).encode()
    side = talk(scene, join_records([(22, raw), *records[1:]]))
    assert side.completed is not None


def test_a_record_in_clear_fails_behind_the_change() -> None:
    scene: Scene = scenes(CLIENTS)[0]
    records, _ = split_records(scene.told)
    records = [(kind | 0x80 if kind == 23 else kind, payload) for kind, payload in records]
    records = [(k, p + bytes(32)) if k & 0x80 else (k, p) for k, p in records]
    assert isinstance(talk(scene, join_records(records)).error, BadRecordMAC)
