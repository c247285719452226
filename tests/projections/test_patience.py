"""Views that another process carries are left to it, and carried here once it no longer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.bootstrap import Kaoji
from api.rules.rules import rulebook_at
from projections.driver import Driver
from projections.rulebook import RulebookProjection
from tests.reference.given import act
from tests.support.product import arrival, product, record

SECONDS = 0.5


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Kaoji]:
    """The process that records, and carries the views."""
    with product(tmp_path) as kaoji:
        yield kaoji


@pytest.fixture
def serving(tmp_path: Path, recording: Kaoji) -> Iterator[Kaoji]:
    """Another process on the same store."""
    del recording  # opened first: it makes the store
    with product(tmp_path) as kaoji:
        yield kaoji


class Moments:
    """A clock that goes on only while somebody sleeps; meanwhile others may do something."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        assert self.seconds < 60, "nobody waits for ever"
        self.meanwhile()


def patient(kaoji: Kaoji, moments: Moments, *, seconds: float = SECONDS) -> tuple[Driver, list[int]]:
    """A driver that leaves views to others, and how many events each of its own batches had."""
    driver = Driver(
        kaoji.ledger,
        kaoji.views,
        list(kaoji.driver.projections.values()),
        monotonic=moments.now,
        sleep=moments.sleep,
    )
    carried: list[int] = []
    driver.watch = lambda _times, _builds, events: carried.append(events)
    driver.patience_seconds = seconds
    return driver, carried


def more(kaoji: Kaoji, first: int, count: int = 3) -> None:
    """Recorded, and in no view yet."""
    kaoji.ledger.append(
        [arrival(act("staff.joined", f"s{number}", "03-05", unit="U")) for number in range(first, first + count)]
    )


def test_what_another_process_carries_is_left_to_it(recording: Kaoji, serving: Kaoji) -> None:
    # Given a driver that has seen another process move the views
    moments = Moments()
    driver, carried = patient(serving, moments)
    assert driver.catch_up() == 0
    more(recording, 0)
    recording.driver.catch_up()
    driver.catch_up()
    # When more is recorded, and the other one takes a moment for it
    more(recording, 3)
    moments.meanwhile = recording.driver.catch_up
    # Then the views are waited for, and nothing is worked out twice
    assert driver.catch_up() == 6
    assert carried == []
    assert {lag.position for lag in driver.lags()} == {6}


def test_what_nobody_carries_any_more_is_carried_after_a_while(recording: Kaoji, serving: Kaoji) -> None:
    # Given another process that has moved the views, and has ended since
    moments = Moments()
    driver, carried = patient(serving, moments)
    driver.catch_up()
    more(recording, 0)
    recording.driver.catch_up()
    driver.catch_up()
    more(recording, 3)
    # When they are to be up with the ledger
    assert driver.catch_up() == 6
    # Then they are carried here once it has moved nothing for so long, and at once from then on
    assert carried == [3]
    assert SECONDS <= moments.seconds < 2 * SECONDS
    waited = moments.seconds
    more(recording, 6)
    assert driver.catch_up() == 9
    assert carried == [3, 3]
    assert moments.seconds == waited


def test_what_only_this_process_carries_is_waited_for_by_nobody(serving: Kaoji) -> None:
    moments = Moments()
    driver, carried = patient(serving, moments)
    for first in range(0, 9, 3):
        more(serving, first)
        driver.catch_up()
    assert carried == [3, 3, 3]
    assert moments.seconds == 0


def test_without_patience_views_are_carried_at_once(recording: Kaoji, serving: Kaoji) -> None:
    moments = Moments()
    driver, carried = patient(serving, moments, seconds=0.0)
    driver.catch_up()
    more(recording, 0)
    recording.driver.catch_up()
    more(recording, 3)
    assert driver.catch_up() == 6
    assert carried == [3]
    assert moments.seconds == 0


def test_views_that_reach_far_enough_are_not_carried_on(serving: Kaoji) -> None:
    # Given views at 3, and a ledger that has gone on since
    record(serving, [act("staff.joined", f"s{number}", "03-05", unit="U") for number in range(3)])
    more(serving, 3)
    # When no more than 3 is needed, of all of them or of one
    assert serving.driver.catch_up(upto=3) == 3
    assert serving.driver.catch_up(only=RulebookProjection.name, upto=2) == 2
    assert rulebook_at(serving, upto=3).upto == 3
    assert serving.history(upto=3).position == 3
    # Then none has moved: views that part company read the ledger each for itself
    assert {lag.position for lag in serving.driver.lags()} == {3}
