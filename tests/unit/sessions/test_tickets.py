"""Tickets: sealed, opened, and nothing else taken for one."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tlcp.sessions.session import TicketKey
from tlcp.sessions.ticket import LONGEST_TICKET, open_ticket, seal_ticket

OLD = TicketKey(b"old key's name 1", bytes(range(16)))
NEW = TicketKey(b"new key's name 2", bytes(range(16, 32)))
STATE = b"a state with a master secret"


class Keys:
    """Two keys, the second one the newest."""

    def newest(self) -> TicketKey:
        return NEW

    def named(self, name: bytes) -> TicketKey | None:
        return {OLD.name: OLD, NEW.name: NEW}.get(name)


def test_a_ticket_is_what_another_implementation_of_sm4_gcm_makes_of_it() -> None:
    nonce = b"twelve bytes"
    other = Cipher(algorithms.SM4(NEW.key), modes.GCM(nonce)).encryptor()
    other.authenticate_additional_data(NEW.name)
    sealed = other.update(STATE) + other.finalize() + other.tag
    assert seal_ticket(NEW, STATE, lambda size: nonce[:size]) == NEW.name + nonce + sealed


def test_a_ticket_opens_and_tells_whether_its_key_is_the_newest() -> None:
    assert open_ticket(Keys(), seal_ticket(NEW, STATE, os.urandom)) == (STATE, True)
    assert open_ticket(Keys(), seal_ticket(OLD, STATE, os.urandom)) == (STATE, False)
    assert open_ticket(Keys(), seal_ticket(NEW, b"", os.urandom)) == (b"", True)


def test_no_two_tickets_of_a_state_are_alike() -> None:
    assert seal_ticket(NEW, STATE, os.urandom) != seal_ticket(NEW, STATE, os.urandom)


def test_a_ticket_with_any_bit_flipped_is_none() -> None:
    ticket = seal_ticket(NEW, STATE, os.urandom)
    for place in range(len(ticket)):
        for bit in range(8):
            bad = bytearray(ticket)
            bad[place] ^= 1 << bit
            assert open_ticket(Keys(), bytes(bad)) is None, (place, bit)


def test_a_ticket_cut_or_lengthened_is_none() -> None:
    ticket = seal_ticket(NEW, STATE, os.urandom)
    for length in range(len(ticket)):
        assert open_ticket(Keys(), ticket[:length]) is None, length
    assert open_ticket(Keys(), ticket + b"\0") is None


def test_a_ticket_under_the_name_of_another_key_is_none() -> None:
    ticket = seal_ticket(OLD, STATE, os.urandom)
    assert open_ticket(Keys(), NEW.name + ticket[16:]) is None
    same_key = TicketKey(b"another name xyz", NEW.key)
    renamed = NEW.name + seal_ticket(same_key, STATE, os.urandom)[16:]
    assert open_ticket(Keys(), renamed) is None, "the name is authenticated"


def test_a_ticket_of_a_stranger_is_none() -> None:
    assert open_ticket(Keys(), os.urandom(200)) is None


def test_the_longest_ticket_and_one_more_byte() -> None:
    most = LONGEST_TICKET - 16 - 12 - 16
    ticket = seal_ticket(NEW, bytes(most), os.urandom)
    assert len(ticket) == LONGEST_TICKET
    assert open_ticket(Keys(), ticket) == (bytes(most), True)
    with pytest.raises(ValueError, match="room for"):
        seal_ticket(NEW, bytes(most + 1), os.urandom)


def test_a_key_of_a_wrong_size_seals_nothing() -> None:
    with pytest.raises(ValueError, match="15 bytes"):
        seal_ticket(TicketKey(bytes(15), bytes(16)), STATE, os.urandom)
    with pytest.raises(ValueError, match="32 bytes"):
        seal_ticket(TicketKey(bytes(16), bytes(32)), STATE, os.urandom)
