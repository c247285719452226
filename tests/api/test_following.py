"""Views follow the ledger on a thread of their own: no recording waits for them, and the end waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as threads
from typing import Any

import pytest

from api.bootstrap import Kaoji
from api.follower import Follower
from consumers.stopping import SECONDS_MAX, Stop
from consumers.writing import AbandonedBatchError, BatchWriter
from domain.errors import UnreachableError
from domain.ledger.records import Recorded
from projections.damage import PoisonEventError
from projections.store import Checkpoint
from tests.reference.given import act
from tests.support.consuming import wait_for
from tests.support.product import arrival, product

HELD = "directory"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kaoji]:
    store = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with product(tmp_path, store=store) as opened:
        yield opened


@pytest.fixture
def follower(kaoji: Kaoji) -> Iterator[Follower]:
    one = Follower(kaoji)
    yield one
    one.stop()


class Held:
    """A projection that is at work on its first batch until it is let go."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.name, self.format = inner, inner.name, inner.format
        self.at_work, self.let_go = Event(), Event()

    def apply(self, store: Any, connection: Any, build: Checkpoint, batch: Sequence[Recorded]) -> Any:
        self.at_work.set()
        assert self.let_go.wait(60)
        return self.inner.apply(store, connection, build, batch)


@pytest.fixture
def held(kaoji: Kaoji) -> Iterator[Held]:
    one = Held(kaoji.driver.projections[HELD])
    kaoji.driver.projections[HELD] = one
    yield one
    one.let_go.set()


class Stumbling:
    """A projection that cannot take in anything."""

    def __init__(self, inner: Any) -> None:
        self.name, self.format = inner.name, inner.format

    def apply(self, *_: Any) -> Any:
        raise KeyError("planted")


class Away:
    """A projection whose store was closed."""

    def apply(self, *_: Any) -> Any:
        raise UnreachableError("The pool is closed.")


def append(kaoji: Kaoji, first: int, count: int) -> None:
    kaoji.ledger.append(
        [arrival(act("staff.joined", f"s{number}", "03-05", unit="U")) for number in range(first, first + count)]
    )


def positions(kaoji: Kaoji) -> set[int]:
    return {lag.position for lag in kaoji.driver.lags()}


def test_what_is_recorded_while_a_view_is_at_work_does_not_wait_for_it(
    kaoji: Kaoji, follower: Follower, held: Held
) -> None:
    append(kaoji, 0, 5)
    follower.start()
    assert held.at_work.wait(20)
    recording = Thread(target=append, args=(kaoji, 5, 5), daemon=True)
    recording.start()
    # SQLite has one writer: had the view begun to write, recording would wait until it is let go.
    recording.join(20)
    assert not recording.is_alive()
    assert kaoji.ledger.head().position == 10
    held.let_go.set()
    follower.finish(stop=Stop())
    assert positions(kaoji) == {10}


def test_projections_are_at_work_for_one_thread_at_a_time(kaoji: Kaoji, follower: Follower, held: Held) -> None:
    """They remember things from batch to batch. A server's requests catch up beside its follower."""
    append(kaoji, 0, 5)
    follower.start()
    assert held.at_work.wait(20)
    held.at_work.clear()
    request = Thread(target=kaoji.driver.catch_up, daemon=True)
    request.start()
    assert not held.at_work.wait(0.5)
    held.let_go.set()
    request.join(20)
    follower.finish(stop=Stop())
    assert positions(kaoji) == {5}
    assert not held.at_work.is_set(), "what the one has done is not done again"


def test_the_end_waits_for_the_views(kaoji: Kaoji, follower: Follower) -> None:
    follower.start()
    for first in range(0, 300, 100):
        append(kaoji, first, 100)
        follower.wake()
    follower.finish(stop=Stop())
    assert positions(kaoji) == {300}


def test_told_to_stop_the_end_does_not_wait_for_a_view_that_hangs(
    kaoji: Kaoji, follower: Follower, held: Held
) -> None:
    append(kaoji, 0, 5)
    follower.start()
    assert held.at_work.wait(20)
    stop = Stop()
    stop.set()
    ended = Thread(target=follower.finish, kwargs={"stop": stop}, daemon=True)
    ended.start()
    ended.join(20)
    assert not ended.is_alive()
    assert not held.let_go.is_set()
    # What was at work is as if never begun, or whole.
    held.let_go.set()
    wait_for(lambda: all(each.name != "kaoji-follower" for each in threads()))
    assert positions(kaoji) <= {0, 5}


def test_what_was_left_behind_says_nothing_of_a_store_that_was_closed_meanwhile(
    kaoji: Kaoji, follower: Follower, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    append(kaoji, 0, 5)
    follower.start()
    assert held.at_work.wait(20)
    held.inner = Away()
    stop = Stop()
    stop.set()
    follower.finish(stop=stop)
    held.let_go.set()
    wait_for(lambda: all(each.name != "kaoji-follower" for each in threads()))
    assert [message for message in caplog.messages if "closed" in message] == []


def test_what_hangs_at_once_is_waited_for_in_one_time(kaoji: Kaoji, follower: Follower, held: Held) -> None:
    # Given a view that hangs, and stores that hang under batches
    append(kaoji, 0, 5)
    follower.start()
    assert held.at_work.wait(20)
    stop = Stop()
    writers = [BatchWriter[int](lambda _: _wait_for(held.let_go), stop=stop) for _ in range(4)]
    for writer in writers:
        writer.begin(1)

    # When all are told to end
    begun = time.monotonic()
    stop.set()
    for writer in writers:
        with pytest.raises(AbandonedBatchError):
            writer.settle()
        writer.close()
    follower.finish(stop=stop)
    taken = time.monotonic() - begun
    held.let_go.set()
    wait_for(lambda: all(each.name != "kaoji-follower" for each in threads()))

    # Then their limits have not been added up: four times two seconds, and one
    assert taken < SECONDS_MAX + 3


def _wait_for(event: Event) -> None:
    event.wait()


def test_one_view_that_stumbles_is_told_and_holds_up_neither_recording_nor_the_others(
    kaoji: Kaoji, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    kaoji.driver.projections[HELD] = Stumbling(kaoji.driver.projections[HELD])
    append(kaoji, 0, 5)
    follower.start()
    wait_for(lambda: follower.fault() is not None)
    assert "directory cannot take in position 1 (KeyError: 'planted')" in str(follower.fault())
    append(kaoji, 5, 5)
    with pytest.raises(PoisonEventError, match="directory cannot take in position 1 "):
        follower.finish(stop=Stop())
    assert {lag.projection: lag.position for lag in kaoji.driver.lags()} == {
        "directory": 0, "history": 10, "integrity": 10, "rulebook": 10,
    }  # fmt: skip
    told = [message for message in caplog.messages if "directory cannot take in position 1 " in message]
    assert len(told) == 1, "said once, not with each try"


def test_told_to_stop_what_keeps_a_view_is_told_and_not_raised(
    kaoji: Kaoji, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    kaoji.driver.projections[HELD] = Stumbling(kaoji.driver.projections[HELD])
    append(kaoji, 0, 5)
    follower.start()
    stop = Stop()
    stop.set()
    follower.finish(stop=stop)
    told = [message for message in caplog.messages if "directory cannot take in position 1 " in message]
    assert len(told) == 1


def test_an_end_that_nobody_foresaw_is_raised_where_the_views_are_waited_for(
    kaoji: Kaoji, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> int:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("threading.excepthook", lambda _: None)
    monkeypatch.setattr(kaoji.driver, "catch_up", fails)
    follower.start()
    wait_for(lambda: "Nothing keeps the views up" in str(follower.fault()))
    with pytest.raises(ZeroDivisionError):
        follower.finish(stop=Stop())
