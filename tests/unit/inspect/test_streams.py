"""TCP reassembly: whatever happens to the packets, the same bytes or a stated gap."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.capturing import ACK, FIN, PSH, RST, SYN, Talk
from tlcp.inspect import Assembler, Conversation, Limits, Segment, TCPPacket, conversations


def run(packets: Iterable[TCPPacket], limits: Limits | None = None) -> list[Conversation]:
    return sorted(conversations(packets, limits), key=lambda conversation: conversation.number)


def one(packets: Iterable[TCPPacket], limits: Limits | None = None) -> Conversation:
    (conversation,) = run(packets, limits)
    return conversation


def bytes_of(conversation: Conversation, sender: int) -> bytes:
    """Return the bytes of one side; a gap is one '?' for each byte."""
    return b"".join(b"?" * s.lost + s.data for s in conversation if s.sender == sender)


def story(conversation: Conversation) -> list[tuple[int, bytes, int]]:
    return [(s.sender, s.data, s.lost) for s in conversation]


def agrees(seen: bytes, sent: bytes) -> bool:
    """Say whether what is seen is what was sent, but for stated gaps."""
    return len(seen) <= len(sent) and all(
        mine in (ord("?"), true) for mine, true in zip(seen, sent, strict=False)
    )


def letters(count: int, first: int = 65) -> bytes:
    return bytes(first + i % 26 for i in range(count))


def talk(isn: tuple[int, int] = (1000, 5000)) -> Talk:
    """Shake hands, ask and answer three times, end."""
    made = Talk(isn).shake()
    for i in range(3):
        made.send(0, b"question %d;" % i)
        made.send(0, b"more %d;" % i)
        made.send(1, b"answer %d;" % i)
    return made.bye()


QUESTIONS = b"".join(b"question %d;more %d;" % (i, i) for i in range(3))
ANSWERS = b"".join(b"answer %d;" % i for i in range(3))


def test_a_conversation_in_order() -> None:
    made = talk()
    got = one(made.packets)
    assert bytes_of(got, 0) == QUESTIONS
    assert bytes_of(got, 1) == ANSWERS
    assert [s.sender for s in got] == [0, 0, 1] * 3
    assert got.whole
    assert got.ending == "closed"
    assert got.endpoints == (("192.0.2.1", 40000), ("192.0.2.2", 443))
    assert (got.start_s, got.last_s) == (made.packets[0].time_s, made.packets[-2].time_s)
    assert "192.0.2.1:40000 > 192.0.2.2:443 closed" in repr(got)
    assert got.lost == [0, 0]


@pytest.mark.parametrize("isn", [(0xFFFFFFFF, 0), (0xFFFFFFF0, 0xFFFFFFE0), (0, 0x7FFFFFFF)])
def test_sequence_numbers_wrap(isn: tuple[int, int]) -> None:
    packets = talk(isn).packets
    random.Random(3).shuffle(packets)  # noqa: S311
    got = one(packets)
    assert (bytes_of(got, 0), bytes_of(got, 1)) == (QUESTIONS, ANSWERS)


def test_more_than_4_gib_in_one_direction() -> None:
    made = Talk().shake()
    piece = bytes(1 << 25)
    total = 0
    lost = 0

    def count(_: Conversation, segment: Segment) -> None:
        nonlocal total, lost
        total += len(segment.data)
        lost += segment.lost

    assembler = Assembler(lambda _: None, count, lambda _: None)
    for packet in made.packets:
        assembler.feed(packet)
    for i in range(260):
        packet = made.send(0, piece)
        if i != 200:  # a hole behind 4 GiB
            assembler.feed(packet)
        made.packets.clear()
    assembler.finish()
    assert total == 259 << 25
    assert lost == 1 << 25


def test_the_side_that_opens_is_told_by_its_syn() -> None:
    made = talk()
    for order in ([1, 0], [3, 0, 1], [5, 1, 0], [5, 0], [2, 5, 1]):
        rest = [p for i, p in enumerate(made.packets) if i not in order]
        got = one([*(made.packets[i] for i in order), *rest])
        assert got.endpoints[0].port == 40000
        assert bytes_of(got, 0) == QUESTIONS


def test_without_a_syn_who_speaks_first_is_0_and_nothing_is_lost() -> None:
    packets = talk().packets[5:]  # the server's first answer comes first
    got = one(packets)
    assert not got.whole
    assert got.endpoints[0].port == 443
    assert bytes_of(got, 0) == ANSWERS
    assert bytes_of(got, 1) == QUESTIONS[len(b"question 0;more 0;") :]
    assert got.lost == [0, 0]
    packets[0], packets[2] = packets[2], packets[0]
    assert sorted(map(len, (bytes_of(one(packets), i) for i in (0, 1)))) == sorted(
        map(len, (bytes_of(got, i) for i in (0, 1)))
    )


def test_one_direction_alone() -> None:
    got = one([p for p in talk().packets if p.flow[-4:-2] == (443).to_bytes(2, "big")])
    assert bytes_of(got, 1) == ANSWERS
    assert bytes_of(got, 0) in (b"", b"?" * len(QUESTIONS))


def test_an_answer_waits_for_its_question() -> None:
    packets = talk().packets
    packets[4], packets[5] = packets[5], packets[4]
    packets[3], packets[4] = packets[4], packets[3]  # answer, question, more
    assert story(one(packets)) == story(one(talk().packets))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_cut_order_copies_and_overlaps_give_the_same_bytes(data: st.DataObject) -> None:
    sent = (letters(data.draw(st.integers(1, 400))), letters(data.draw(st.integers(1, 400)), 97))
    isn = (data.draw(st.sampled_from([7, 0xFFFFFF80])), data.draw(st.sampled_from([9, 1 << 31])))
    made = Talk(isn).shake()
    for sender in (0, 1):
        at = 0
        while at < len(sent[sender]):
            size = data.draw(st.integers(1, 120))
            back = data.draw(st.integers(0, min(at, 60)))  # an overlap with what came before
            piece = sent[sender][at - back : at + size]
            made.raw(sender, 1 + at - back, ACK, piece)
            made.sent[sender] = max(made.sent[sender], 1 + at - back + len(piece))
            at += size
    made.bye()
    copies = data.draw(st.lists(st.sampled_from(made.packets), max_size=10))
    window = data.draw(st.integers(0, 40))
    keyed = [
        (i + data.draw(st.integers(0, window)), i, packet)
        for i, packet in enumerate([*made.packets, *copies])
    ]
    got = run(packet for _, _, packet in sorted(keyed, key=lambda item: item[:2]))
    assert len(got) == 1
    assert (bytes_of(got[0], 0), bytes_of(got[0], 1)) == sent
    assert got[0].conflicts == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_dropped_packets_give_the_same_or_a_stated_gap(data: st.DataObject) -> None:
    made = Talk().shake()
    sent = [b"", b""]
    for _ in range(data.draw(st.integers(1, 30))):
        sender = data.draw(st.integers(0, 1))
        piece = letters(data.draw(st.integers(1, 50)), 97)
        made.send(sender, piece)
        sent[sender] += piece
    made.bye()
    dropped = data.draw(st.sets(st.integers(3, len(made.packets) - 1)))
    got = run(p for i, p in enumerate(made.packets) if i not in dropped)
    for sender in (0, 1):
        seen = bytes_of(got[0], sender)
        # where neither FIN was captured, an acknowledged one looks like a lost byte
        assert agrees(
            seen.removesuffix(b"?") if len(seen) > len(sent[sender]) else seen, sent[sender]
        )
        assert got[0].lost[sender] == seen.count(b"?")
        kept = b"".join(
            p.data
            for i, p in enumerate(made.packets)
            if i not in dropped and (p.flow != made.flow) is bool(sender)
        )
        assert seen.replace(b"?", b"") == kept
    assert len(got) == 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            TCPPacket,
            st.floats(0, 1e4),
            st.sampled_from([Talk().flow, Talk().reverse()]),
            st.one_of(st.integers(0, 600), st.integers(0, (1 << 32) - 1)),
            st.one_of(st.integers(0, 600), st.integers(0, (1 << 32) - 1)),
            st.integers(0, 63),
            st.binary(max_size=40),
            st.integers(0, 30),
        ),
        max_size=60,
    )
)
def test_random_segments_never_raise_and_leave_nothing_behind(packets: list[TCPPacket]) -> None:
    opened: list[int] = []
    closed: list[int] = []
    states: list[int] = []
    assembler = Assembler(
        lambda c: opened.append(c.number),
        lambda c, _: states.append(c.number in opened and c.number not in closed),
        lambda c: closed.append(c.number),
        Limits(conversation_bytes=4096, closed=2, open=2, pieces=16),
    )
    for packet in packets:
        assembler.feed(packet)
        assert assembler._held_bytes <= 2 * (4096 + 1024)
    assembler.finish()
    assert all(states)
    assert sorted(opened) == sorted(closed)
    assert assembler._held_bytes == 0
    assert not assembler._holding


def test_a_hole_is_stated_where_it_is() -> None:
    made = talk()
    got = one(p for p in made.packets if p.data != b"more 1;")
    assert bytes_of(got, 0) == QUESTIONS.replace(b"more 1;", b"???????")
    assert [s.lost for s in got if s.lost] == [7]
    assert got.lost == [7, 0]
    # the answer to what is missing still comes before the next question
    assert b"".join(s.data for s in got) == b"".join(
        p.data for p in made.packets if p.data != b"more 1;"
    )


def test_a_hole_at_the_end_is_stated() -> None:
    made = Talk().shake()
    made.send(0, b"begin")
    made.send(0, b"lost")
    made.send(1)
    got = one(p for p in made.packets if p.data != b"lost")
    assert story(got) == [(0, b"begin", 0), (0, b"", 4)]


def test_data_that_was_not_captured_whole_is_a_gap_at_once() -> None:
    seen: list[Segment] = []
    made = Talk().shake()
    first = made.send(0, b"abcdefgh")
    made.send(0, b"ijk")
    packets = [p._replace(data=b"abc", missing=5) if p is first else p for p in made.packets]
    assembler = Assembler(lambda _: None, lambda _, s: seen.append(s), lambda _: None)
    for packet in packets:
        assembler.feed(packet)
    assert [(s.data, s.lost) for s in seen] == [(b"abc", 0), (b"ijk", 5)]


def test_a_hole_is_given_up_after_a_time() -> None:
    seen: list[bytes] = []
    made = Talk().shake()
    lost = made.send(0, b"lost")
    made.send(0, b"next")
    made.time_s += 30
    other = made.raw(1, 1, ACK, b"B", acked=1)
    assembler = Assembler(lambda _: None, lambda _, s: seen.append(s.data), lambda _: None)
    for packet in made.packets:
        if packet is not lost:
            assembler.feed(packet)
    assert seen == [b"B"]
    assembler.tick(other.time_s + 31)
    assert seen == [b"B", b"next"]


def test_bytes_that_the_other_side_has_are_not_waited_for_long() -> None:
    seen: list[tuple[bytes, int]] = []
    made = Talk().shake()
    lost = made.send(0, b"lost")
    made.send(0, b"next")
    last = made.send(1, b"answer to both")
    assembler = Assembler(
        lambda _: None, lambda _, s: seen.append((s.data, s.lost)), lambda _: None
    )
    for packet in made.packets:
        if packet is not lost:
            assembler.feed(packet)
    assert seen == []
    assembler.tick(last.time_s + 1.1)
    assert seen == [(b"next", 4), (b"answer to both", 0)]


def test_what_is_held_is_bounded_for_one_and_for_all() -> None:
    assembler = Assembler(
        lambda _: None,
        lambda _, __: None,
        lambda _: None,
        Limits(conversation_bytes=100_000, total_bytes=1_000_000),
    )
    peak = 0
    for port in range(50):
        made = Talk(flow=Talk().flow[:-2] + port.to_bytes(2, "big")).shake()
        made.sent[0] += 10  # never seen
        for _ in range(200 if port < 2 else 60):
            made.send(0, bytes(1000))
        for packet in made.packets:
            assembler.feed(packet)
            peak = max(peak, assembler._held_bytes)
        if port == 1:
            assert 90_000 < peak <= 100_000 + 2000
    assert 900_000 < peak <= 1_000_000 + 2000


def test_open_and_closed_conversations_are_bounded() -> None:
    limits = Limits(open=100, closed=50)
    ended: list[str] = []
    assembler = Assembler(
        lambda _: None, lambda _, __: None, lambda c: ended.append(c.ending), limits
    )
    for number in range(2000):
        made = Talk(flow=Talk().flow[:-4] + number.to_bytes(4, "big"))
        made.time_s += number
        made.send(0, flags=SYN)
        assembler.feed(made.packets[0])
        assert len(assembler._flows) <= 2 * (100 + 50)
    assembler.finish()
    assert len(ended) == 2000
    assert set(ended) == {"silent", "end of capture"}


def test_the_first_copy_counts_and_a_different_one_is_reported() -> None:
    made = Talk().shake()
    made.send(0, b"truth")
    made.raw(0, 1, ACK, b"LIEs!")
    made.raw(0, 3, ACK, b"uth and more")
    made.sent[0] = 15
    got = one(made.bye().packets)
    assert bytes_of(got, 0) == b"truth and more"
    assert [(c.sender, c.position, c.length) for c in got.conflicts] == [(0, 0, 5)]


def test_the_first_copy_counts_while_it_is_held_too() -> None:
    made = Talk().shake()
    made.raw(0, 6, ACK, b"cd")
    made.raw(0, 10, ACK, b"gh")
    made.raw(0, 4, ACK, b"abCDefGHij")
    made.raw(0, 1, ACK, b"123")
    made.sent[0] = 14
    got = one(made.bye().packets)
    assert bytes_of(got, 0) == b"123abcdefghij"
    assert [(c.position, c.length) for c in got.conflicts] == [(5, 2), (9, 2)]


def test_conflicts_told_are_bounded() -> None:
    made = Talk().shake()
    made.send(0, b"a")
    made.send(0, b"bc")
    for _ in range(100):
        made.raw(0, 2, ACK, b"XY")
    assert len(one(made.packets).conflicts) == 16


def test_time_that_stands_still_keeps_nothing_of_what_is_over() -> None:
    assembler = Assembler(
        lambda _: None, lambda _, __: None, lambda _: None, Limits(open=16, closed=16)
    )
    for number in range(5000):
        made = Talk(flow=Talk().flow[:-4] + number.to_bytes(4, "big"), step_s=0.0)
        made.send(0, b"middle")
        assembler.feed(made.packets[0])
    assert len(assembler._agenda) <= 1024 + 2 * 16 + 1


def test_packets_captured_twice_are_no_conflict() -> None:
    got = one(packet for packet in talk().packets for _ in range(2))
    assert bytes_of(got, 0) == QUESTIONS
    assert got.conflicts == []


@pytest.mark.parametrize("byte", [b"", b"\0"])
def test_keep_alives_are_no_data_and_no_conflict(byte: bytes) -> None:
    made = Talk().shake()
    made.send(0, b"data")
    for _ in range(5):
        made.raw(0, made.sent[0] - 1, ACK, byte)
        made.raw(1, made.sent[1], ACK)
    made.send(0, b"more")
    got = one(made.bye().packets)
    assert bytes_of(got, 0) == b"datamore"
    assert got.conflicts == []


def test_one_side_may_end_and_the_other_goes_on() -> None:
    made = Talk().shake()
    made.send(0, b"all I ask", FIN | PSH | ACK)
    for i in range(20):
        made.send(1, b"%02d" % i)
        made.send(0)
    made.send(1, b"", FIN | ACK)
    made.send(0)
    got = one(made.packets)
    assert got.ending == "closed"
    assert bytes_of(got, 0) == b"all I ask"
    assert len(bytes_of(got, 1)) == 40


def test_a_reset_ends_it_after_what_came_late() -> None:
    made = Talk().shake()
    made.send(0, b"question")
    late = made.send(1, b"answer")
    made.raw(0, made.sent[0], RST | ACK)
    packets = [p for p in made.packets if p is not late] + [late]
    seen = one(packets)
    assert seen.ending == "reset"
    assert bytes_of(seen, 1) == b"answer"
    made.time_s += 5
    closed: list[str] = []
    assembler = Assembler(lambda _: None, lambda _, __: None, lambda c: closed.append(c.ending))
    for packet in packets:
        assembler.feed(packet)
    assembler.tick(made.time_s)
    assert closed == ["reset"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_new_syn_with_the_same_ports_is_a_new_conversation(ended: bool) -> None:
    first = talk()
    packets = first.packets if ended else first.packets[:-3]
    second = Talk((77777, 88888), time_s=first.time_s + 1).shake()
    second.send(0, b"again")
    got = run([*packets, *second.bye().packets])
    assert [c.number for c in got] == [0, 1]
    assert got[0].ending == ("closed" if ended else "replaced")
    assert bytes_of(got[0], 0) == QUESTIONS
    assert bytes_of(got[1], 0) == b"again"


def test_late_copies_after_the_end_open_nothing() -> None:
    packets = talk().packets
    assert len(run([*packets, *packets])) == 1


def test_packets_without_data_open_nothing() -> None:
    made = talk()
    assert run(p for p in made.packets if not p.data and not p.flags & SYN) == []


def test_a_stray_segment_does_no_harm_but_many_are_believed() -> None:
    made = Talk().shake()
    made.send(0, b"before;")
    made.raw(0, 1 << 30, ACK, b"from elsewhere")
    made.send(0, b"after;")
    assert bytes_of(one(made.packets), 0) == b"before;after;"
    far = 1 << 30  # most of the capture is missing
    for i in range(12):
        made.raw(0, far + i * 3, ACK, b"%02d;" % i)
    got = one(made.packets)
    assert got.lost[0] > 1 << 29
    assert b"".join(s.data for s in got if s.sender == 0).endswith(b"09;10;11;")


def test_urgent_and_push_flags_and_data_in_a_syn() -> None:
    made = Talk()
    made.send(0, b"early;", SYN)
    made.send(1, flags=SYN | ACK)
    made.send(0, b"urgent;", ACK | PSH | 32)
    assert bytes_of(one(made.bye().packets), 0) == b"early;urgent;"


def test_ipv6_and_many_at_once_keep_apart() -> None:
    talks = []
    for i in range(40):
        flow = bytes(15) + b"\1" + bytes(15) + b"\2" + (1000 + i).to_bytes(2, "big") + b"\1\xbb"
        made = Talk((i * 999, i), flow).shake()
        made.send(0, b"client %d" % i)
        made.send(1, b"server %d" % i)
        talks.append(made.bye())
    mixed = sorted((p for t in talks for p in t.packets), key=lambda p: p.time_s)
    for i, got in enumerate(run(mixed)):
        assert str(got.endpoints[0]) == f"[::1]:{1000 + i}"
        assert story(got) == [(0, b"client %d" % i, 0), (1, b"server %d" % i, 0)]


def test_what_is_kept_for_the_caller_is_bounded() -> None:
    made = Talk().shake()
    for _ in range(100):
        made.send(0, bytes(1000))
    (got,) = conversations(made.packets, keep_bytes=50_000)
    assert sum(len(s.data) for s in got) + got.left_out == 100_000
    assert 40_000 > got.left_out > 0 or got.left_out > 50_000
