"""Batches are written one at a time, and a store that hangs does not keep a member from ending."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

import pytest

from consumers import writing
from consumers.stopping import Stop
from consumers.writing import STOP_SECONDS_MAX, AbandonedBatchError, BatchWriter, answered


@pytest.fixture
def hanging() -> Iterator[Event]:
    """A store that answers once this is set."""
    answers = Event()
    yield answers
    answers.set()


def test_a_batch_is_settled_once_it_is_written() -> None:
    written: list[int] = []
    writer = BatchWriter(written.append, stop=Stop())

    writer.begin(1)
    assert writer.busy
    assert writer.settle() == 1
    assert (writer.busy, writer.settle(), written) == (False, None, [1])
    writer.close()


def test_what_a_store_raises_is_raised_where_its_batch_is_settled() -> None:
    def write(_: int) -> None:
        raise TimeoutError("of the store")

    writer = BatchWriter(write, stop=Stop())
    writer.begin(1)
    with pytest.raises(TimeoutError, match="of the store"):
        writer.settle()
    assert not writer.busy
    writer.close()


def test_nothing_is_begun_behind_a_batch_that_is_not_settled() -> None:
    writer = BatchWriter[int](lambda _: None, stop=Stop())
    writer.begin(1)
    with pytest.raises(AssertionError, match="one batch at a time"):
        writer.begin(2)
    writer.close()


def test_a_store_that_hangs_is_told_of_each_time_that_twice_as_long_has_gone_by(
    hanging: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SILENT_SECONDS", 0.25)
    told: list[float] = []

    def silent(seconds: float) -> None:
        told.append(seconds)
        if len(told) == 3:
            hanging.set()

    writer = BatchWriter[int](lambda _: _wait(hanging), stop=Stop(), silent=silent)
    writer.begin(1)
    assert writer.settle() == 1
    writer.begin(2)
    assert writer.settle() == 2, "which takes no time now"
    assert told == [0.25, 0.5, 1.0]
    writer.close()


def _wait(event: Event) -> None:
    event.wait()


def test_a_store_that_hangs_is_not_waited_for_once_told_to_stop(hanging: Event) -> None:
    def write(_: int) -> None:
        hanging.wait()

    stop = Stop()
    writer = BatchWriter(write, stop=stop)
    writer.begin(1)
    stop.set()

    begun = time.monotonic()
    with pytest.raises(AbandonedBatchError):
        writer.settle()
    writer.close()

    assert STOP_SECONDS_MAX <= time.monotonic() - begun < STOP_SECONDS_MAX + 2


def test_a_question_is_answered_by_the_store_or_raises_what_the_store_raises() -> None:
    def length(name: str) -> int:
        if not name:
            raise TimeoutError("of the store")
        return len(name)

    ask = answered(length, stop=Stop())
    assert ask("four") == 4
    with pytest.raises(TimeoutError, match="of the store"):
        ask("")


def test_an_answer_that_does_not_come_is_not_waited_for_once_told_to_stop(hanging: Event) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(AbandonedBatchError):
        answered(lambda _: hanging.wait(), stop=stop)("an offset")
