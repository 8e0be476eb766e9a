"""The circuit breaker."""

from __future__ import annotations

from tlcp.sessions.breaker import Breaker


def test_one_attempt_per_pause_while_it_is_open() -> None:
    now = [0.0]
    breaker = Breaker(5, lambda: now[0])
    assert all(breaker.admit() for _ in range(10))
    assert breaker.failed()
    assert not breaker.failed(), "an outage begins once"
    attempts = 0
    for _ in range(200):
        now[0] += 0.1
        attempts += breaker.admit()
    assert attempts in {3, 4}


def test_an_attempt_that_never_reports_blocks_nobody_for_ever() -> None:
    now = [0.0]
    breaker = Breaker(5, lambda: now[0])
    breaker.failed()
    now[0] = 5
    assert breaker.admit()
    assert not breaker.admit()
    now[0] = 10
    assert breaker.admit()


def test_a_success_closes_it_and_is_told_once() -> None:
    breaker = Breaker(5, lambda: 0.0)
    breaker.failed()
    assert not breaker.admit()
    assert breaker.succeeded()
    assert not breaker.succeeded()
    assert breaker.admit()
