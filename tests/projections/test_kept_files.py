"""Files kept beside the store make commands faster and never change an answer."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji, stamp
from api.view_operations import skip_event
from domain.directory import Directory
from domain.measuring.sums import Sums
from domain.rules.calendars import load_calendar
from domain.rules.context import Context
from projections.history.columns import History, differences, load_history
from projections.history.kept_arrays import KeptArrays
from projections.tallies.kept_files import KeptFiles
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.reference.given import act
from tests.strategies import batches, histories, random_history
from tests.support.product import arrival, context, product, record

EVERYWHERE = (0.0, math.inf)


@contextmanager
def process(
    folder: Path, *, store: str | None = None, within: tuple[float, float] = EVERYWHERE
) -> Iterator[Kaoji]:
    """A process of its own, which keeps files of any history."""
    with product(folder, store=store) as kaoji:
        kept = KeptFiles(
            folder / "kept", stamp=partial(stamp, kaoji.ledger, kaoji.views), rows_min=0, within=within
        )
        kaoji.kept_files = kept
        yield kaoji


def derived(kaoji: Kaoji) -> History:
    """The history as the store alone tells it."""
    with kaoji.views.reading() as connection:
        return load_history(kaoji.views, connection, kaoji.views.live(connection, "history"))


def sums(history: History, rules: Context) -> Sums:
    return count(history, rules).sums(Directory(), from_day=19_740, to_day=19_800, by="staff")


def assert_same(ours: History, theirs: History, rules: Context) -> None:
    """Sums over a period, in which kept files may hold more than they count, and all contributions by day."""
    assert (ours.position, theirs.resident is not None) == (theirs.position, True)
    found, expected = sums(ours, rules), sums(theirs, rules)
    assert found.subjects == expected.subjects
    assert np.array_equal(found.cells, expected.cells)
    assert found.values.keys() == expected.values.keys()
    for population, values in expected.values.items():
        for name in values._fields:
            assert np.array_equal(getattr(found.values[population], name), getattr(values, name))
    assert count(ours, rules).tally() == count(theirs, rules).tally()
    files, expected_files = count(ours, rules).files, count(theirs, rules).files
    assert np.array_equal(files.subject, expected_files.subject)
    assert np.array_equal(files.cases.starts, expected_files.cases.starts)
    assert np.array_equal(files.cases.actions, expected_files.cases.actions)
    assert np.array_equal(files.spans, expected_files.spans)


def assert_kept_equals_derived(
    events: list[Event], sizes: list[int], parts: list[float], rules: Context, *, store: str | None = None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, waiting = Path(name), events
        for size in (*sizes, len(events)):
            batch, waiting = waiting[:size], waiting[size:]
            with process(folder, store=store) as kaoji:
                record(kaoji, batch)
                history, plain = kaoji.history(), derived(kaoji)
                if history.position == 0:
                    continue
                assert_same(history, plain, rules)
                for part in parts:
                    position = int(part * history.position)
                    assert_same(history.upto(position), plain.upto(position), rules)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    events=histories(max_size=60),
    sizes=batches(40).map(lambda sizes: sizes[:3]),
    part=st.floats(0, 1),
    precision=st.sampled_from(["day", "instant"]),
    zone=st.sampled_from(["Asia/Shanghai", "America/New_York"]),
)
def test_what_is_kept_counts_as_what_is_derived(
    events: list[Event], sizes: list[int], part: float, precision: str, zone: str
) -> None:
    rules = context(LIMITS, load_calendar("weekdays"), precision=precision, zone=zone)
    assert_kept_equals_derived(events, sizes, [part], rules)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.mark.parametrize("seed", range(2))
def test_crowded_histories_grow_and_are_looked_back_on(seed: int, store: str | None) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    assert_kept_equals_derived(random_history(seed, 300), [100, 1, 60], [0.1, 0.5, 0.9], rules, store=store)


def test_a_rating_is_taken_out_of_the_case_where_it_took_effect(tmp_path: Path) -> None:
    # Given a rating that stands under a subject of its own, and counts in the case of the action it means
    rules = context(LIMITS, load_calendar("weekdays"))
    granted = {"source": "/a", "id": "granted"}
    with process(tmp_path) as kaoji:
        record(
            kaoji,
            [
                act("licensing.received", "L1", "03-04", unit="U", owner="p"),
                act("licensing.granted", "L1", "03-05", unit="U", owner="p", identity="granted"),
                act("service.rated", "talk", "03-06", rating=2, of=granted, identity="rating"),
            ],
        )
        before = sums(kaoji.history(), rules)

    # When it is voided after the files were kept
    voided = act("record.voided", "-", "03-07", of={"source": "/a", "id": "rating"}, reason="no", recorded_by="q")
    with process(tmp_path) as kaoji:
        record(kaoji, [voided])
        history = kaoji.history()

        # Then it counts no more, and did as of before
        assert not np.array_equal(sums(history, rules).cells, before.cells)
        assert_same(history, derived(kaoji), rules)
        assert_same(history.upto(3), derived(kaoji).upto(3), rules)
        assert np.array_equal(sums(history.upto(3), rules).cells, before.cells)


def test_a_case_that_goes_on_keeps_the_review_that_means_it(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    reviewed = [
        act("licensing.received", "L1", "03-04", unit="U", owner="p"),
        act("licensing.granted", "L1", "03-05", unit="U", owner="p"),
        act("review.decided", "R1", "03-06", of={"case": "L1"}, outcome="revoked"),
    ]
    with process(tmp_path) as kaoji:
        record(kaoji, reviewed)
        count(kaoji.history(), rules)
    with process(tmp_path) as kaoji:
        record(kaoji, [act("licensing.delivered", "L1", "03-07")])
        assert_same(kaoji.history(), derived(kaoji), rules)


def test_zones_and_precisions_have_files_of_their_own(tmp_path: Path) -> None:
    contexts = [
        context(LIMITS, load_calendar("weekdays"), zone=zone, precision=precision)
        for zone in ("Asia/Shanghai", "America/New_York")
        for precision in ("day", "instant")
    ]
    with process(tmp_path) as kaoji:
        record(kaoji, random_history(6, 120))
        for rules in contexts:
            count(kaoji.history(), rules)
        assert len(kaoji.kept_files.paths() if kaoji.kept_files else ()) == 1 + len(contexts)
    with process(tmp_path) as kaoji:
        for rules in contexts:
            assert_same(kaoji.history(), derived(kaoji), rules)


def test_a_process_goes_on_from_kept_columns_again_and_again(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    events = random_history(3, 300)
    with process(tmp_path) as kaoji:
        record(kaoji, events[:100])
        count(kaoji.history(), rules)
    with process(tmp_path) as kaoji:
        for begin in range(100, 300, 50):
            record(kaoji, events[begin : begin + 50])
            assert differences(kaoji.history(), derived(kaoji)) == []
            assert_same(kaoji.history(), derived(kaoji), rules)


def test_files_are_written_anew_when_the_history_has_grown_too_far(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    events, positions = random_history(4, 240), []
    for begin in range(0, 240, 30):
        with process(tmp_path, within=(0.5, 1.5)) as kaoji:
            record(kaoji, events[begin : begin + 30])
            assert_same(kaoji.history(), derived(kaoji), rules)
            told = {path.stem: KeptArrays(path).told["position"] for path in (tmp_path / "kept").glob("*.kept")}
            assert len(told) == 2
            assert len(set(told.values())) == 1, "both are of one state"
            positions.append((kaoji.history().position, *set(told.values())))
    assert all(kept <= head <= 1.5 * kept for head, kept in positions)
    assert 2 < len({kept for _head, kept in positions}) < len(positions), "not at each growth"


def test_files_of_a_copy_that_left_out_other_events_are_not_believed(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    # Given a copy of a store, beside which events are left out and files kept
    with process(tmp_path) as kaoji:
        kaoji.ledger.append([arrival(event) for event in random_history(9, 200)])
    copy = (tmp_path / "kaoji.db").read_bytes()
    with process(tmp_path) as kaoji:
        for position in range(1, 60, 2):
            skip_event(kaoji, "history", position, reason="a bug")
        count(kaoji.history(), rules)
        without = count(kaoji.history(), rules).tally()
        assert kaoji.kept_files is not None
        assert kaoji.kept_files.paths()
    # When it is put back, and the view takes all in, as a build of the same number and position
    (tmp_path / "kaoji.db").write_bytes(copy)
    with process(tmp_path) as kaoji:
        # Then what counts is what the store tells
        assert_same(kaoji.history(), derived(kaoji), rules)
        assert count(kaoji.history(), rules).tally() != without


def test_of_a_short_history_nothing_is_kept(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        kaoji.kept_files = KeptFiles(tmp_path / "kept", stamp=partial(stamp, kaoji.ledger, kaoji.views))
        record(kaoji, random_history(1, 50))
        count(kaoji.history(), context(LIMITS, load_calendar("weekdays")))
        assert kaoji.kept_files.paths() == []
