"""Whatever has to end shares one time for it: limits do not add up."""

from __future__ import annotations

import time

from consumers.stopping import SECONDS_MAX, Stop


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_before_the_word_everything_may_take_its_time() -> None:
    clock = Clock()
    stop = Stop(monotonic=clock)
    clock.seconds += 1_000
    assert not stop.is_set()
    assert stop.left(30.0) == 30.0


def test_after_the_word_nothing_may_take_longer_than_is_left_for_all() -> None:
    clock = Clock()
    stop = Stop(monotonic=clock)
    stop.set()
    assert stop.is_set()
    assert (stop.left(2.0), stop.left(60.0)) == (2.0, SECONDS_MAX)
    clock.seconds += SECONDS_MAX - 0.5
    assert stop.left(2.0) == 0.5
    stop.set()  # asked again, as by an impatient Ctrl-C
    assert stop.left(2.0) == 0.5, "asking again gives no more time"
    clock.seconds += 1_000
    assert stop.left(2.0) == 0.0


def test_a_wait_ends_with_its_time_or_with_the_word() -> None:
    stop = Stop()
    begun = time.monotonic()
    stop.wait(0.05)
    assert time.monotonic() - begun >= 0.05
    stop.set()
    stop.wait(1_000)
