"""Work that is shared among threads is all done, once, and over when it is said to be."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.threads import at_once, dealt, in_parts

WAIT_SECONDS = 10


@given(size=st.integers(0, 500), hands=st.integers(1, 7))
def test_every_item_is_dealt_to_one_hand(size: int, hands: int) -> None:
    parts = dealt(np.arange(size), hands)

    assert len(parts) == hands
    assert sorted(np.concatenate(parts).tolist()) == list(range(size))


@given(size=st.integers(100, 5_000), hands=st.integers(2, 5))
def test_no_hand_gets_all_that_lies_near_the_beginning(size: int, hands: int) -> None:
    for part in dealt(np.arange(size), hands):
        assert abs(np.count_nonzero(part < size / 2) - part.size / 2) <= size / 2 / hands / 4 + 1


def test_results_come_in_the_order_of_the_items() -> None:
    assert at_once(lambda number: number * number, [3, 1, 2]) == [9, 1, 4]


def test_items_are_worked_on_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=WAIT_SECONDS)

    at_once(lambda _: both.wait(), [1, 2])


def test_work_within_work_is_done_though_all_threads_are_taken() -> None:
    def inner(number: int) -> int:
        return sum(at_once(lambda each: each, [number] * 4))

    assert at_once(inner, [1, 2, 3, 4]) == [4, 8, 12, 16]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_is_told_when_nobody_is_at_work_any_more(failing: int) -> None:
    both = threading.Barrier(2, timeout=WAIT_SECONDS)
    ended = []

    def work(number: int) -> None:
        both.wait()
        if number == failing:
            raise ValueError(f"number {number}")
        threading.Event().wait(0.2)
        ended.append(number)

    with pytest.raises(ValueError, match=f"number {failing}"):
        at_once(work, [0, 1])

    assert ended == [1 - failing]


@pytest.mark.parametrize("size", [0, 1, 99_999, 1_000_001])
def test_parts_are_together_the_whole(size: int) -> None:
    done = np.zeros(size, np.int64)

    def add(begin: int, end: int, by: int) -> None:
        done[begin:end] += by

    in_parts(size, add, 3)

    assert (done == 3).all()
