"""How much of a stream of records a reader takes."""

from __future__ import annotations

import pytest

from support.mutants import record
from tlcp.record.counter import RecordCounter
from tlcp.registry import ContentType

SIZE = 10_005  # of one record, header included
STREAM = record(ContentType.APPLICATION_DATA, bytes(10_000)) * 6


@pytest.mark.parametrize(
    ("room", "records"), [(0, 1), (1, 1), (10_000, 1), (20_010, 2), (25_000, 2), (65_536, 6)]
)
def test_records_are_taken_as_far_as_the_reader_has_room(room: int, records: int) -> None:
    assert RecordCounter().whole(STREAM, room=room) == records * SIZE


def test_a_record_that_was_begun_is_taken_alone() -> None:
    """What it holds is more than the bytes that are still to come."""
    counter = RecordCounter()
    counter.feed(STREAM[:9000])
    assert not counter.at_border
    assert counter.whole(STREAM[9000:], room=65_536) == SIZE - 9000
    counter.feed(STREAM[9000:SIZE])
    assert counter.at_border
    assert counter.whole(STREAM[SIZE:], room=20_010) == 2 * SIZE


def test_an_alert_is_not_taken_with_the_data_before_it() -> None:
    stream = STREAM + record(ContentType.ALERT, bytes(2))
    assert RecordCounter().whole(stream, room=1 << 20) == 6 * SIZE


@pytest.mark.parametrize("size", [1, 4, 5, 6, SIZE - 1])
def test_the_beginning_of_a_record_is_taken_as_it_is(size: int) -> None:
    assert RecordCounter().whole(STREAM[:size], room=0) == size
