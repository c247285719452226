"""The history is a function of the ledger: whatever the batches, whoever builds it, live or anew."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings

from api.bootstrap import Kaoji
from domain.ledger.records import Recorded
from projections.history.columns import History, differences, load_history
from projections.history.rows import NO_ACTION, ROW_COLUMNS
from projections.history.segments import SCHEMAS
from projections.history.writer import HistoryProjection
from projections.integrity import IntegrityProjection, leaf_of, leaves_upto
from projections.store import PARTS, Checkpoint, Connection, Table, ViewMovedError
from tests.drafted_actions import Event
from tests.strategies import batches, histories, random_history
from tests.support.product import arrival, product, record


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


def fresh(kaoji: Kaoji, *, batch_max: int) -> History:
    build = kaoji.driver.build_beside(
        HistoryProjection.name, upto=kaoji.ledger.head().position, batch_max=batch_max
    )
    with kaoji.views.reading() as connection:
        return load_history(kaoji.views, connection, build)


@settings(max_examples=40, deadline=None)
@given(events=histories(), sizes=batches(4))
def test_live_equals_a_rebuild_for_any_batching(events: list[Event], sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        # Given a history whose view followed in batches of all sizes
        record(kaoji, events, batches=sizes)
        # When it is built anew, at once and one by one
        # Then every column is the same
        assert differences(kaoji.history(), fresh(kaoji, batch_max=10_000)) == []
        assert differences(kaoji.history(), fresh(kaoji, batch_max=1)) == []


def test_a_cut_equals_a_history_that_ends_there(kaoji: Kaoji) -> None:
    events = random_history(3, 200)
    record(kaoji, events[:120])
    early = kaoji.history()
    record(kaoji, events[120:])
    late = kaoji.history().upto(early.position)
    words = {name: late.words_of(name)[: len(early.words_of(name))] for name in early.words}
    assert words == {name: early.words_of(name) for name in early.words}
    assert [fault for fault in differences(early, late) if "words" not in fault] == []


def test_segments_stay_few_when_actions_come_one_by_one(kaoji: Kaoji) -> None:
    for event in random_history(5, 130):
        kaoji.ledger.append([arrival(event)])
        kaoji.driver.catch_up()
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, HistoryProjection.name)
        rows = kaoji.views.rows(
            connection,
            PARTS,
            build,
            "first_position",
            "last_position",
            order="first_position",
            among=("part", ["rows"]),
        )
    # Each is at most about half of the one before it, so there are no more than the logarithm of their number.
    assert len(rows) <= 9
    assert [first for first, _ in rows[1:]] == [last + 1 for _, last in rows[:-1]]


def test_a_rebuild_serves_the_old_view_until_the_swap(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    record(kaoji, random_history(8, 60))
    before = kaoji.history()
    seen: list[tuple[int, bool]] = []
    swap = kaoji.views.make_live

    def watched(connection: object, checkpoint: Checkpoint) -> None:
        with kaoji.views.reading() as other:
            live = kaoji.views.live(other, HistoryProjection.name)
            seen.append((live.build, load_history(kaoji.views, other, live).position == before.position))
        swap(connection, checkpoint)  # type: ignore[arg-type]  # a connection, as the driver gives it

    monkeypatch.setattr(kaoji.views, "make_live", watched)
    position = kaoji.driver.rebuild(HistoryProjection.name, batch_max=7)
    assert seen == [(before.build, True)]
    assert position == before.position
    after = kaoji.history()
    assert after.build != before.build
    assert differences(before, after) == []


def test_a_rebuild_that_fails_leaves_the_live_view_and_nothing_else(
    kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(kaoji, random_history(8, 60))
    before = kaoji.history()
    read = kaoji.ledger.read

    def failing(*, after: int, limit: int) -> list[Recorded]:
        if after >= 20:
            raise OSError("the disk is gone")
        return read(after=after, limit=limit)

    monkeypatch.setattr(kaoji.ledger, "read", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        kaoji.driver.rebuild(HistoryProjection.name, batch_max=10)
    monkeypatch.undo()
    with kaoji.views.reading() as connection:
        builds = [each for each in kaoji.views.builds(connection) if each.projection == HistoryProjection.name]
    assert [each.build for each in builds] == [before.build]
    assert differences(before, kaoji.history()) == []


def test_a_failed_batch_is_applied_once_when_it_is_tried_again(
    kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a view whose transaction breaks off after its rows were written
    kaoji.ledger.append([arrival(event) for event in random_history(4, 80)])
    add, broken = kaoji.views.add, iter([True])

    def breaking(
        connection: Connection, table: Table, build: Checkpoint, rows: Sequence[dict[str, object]]
    ) -> None:
        add(connection, table, build, rows)
        if table is PARTS and next(broken, False):
            raise OSError("torn")

    monkeypatch.setattr(kaoji.views, "add", breaking)
    with pytest.raises(OSError, match="torn"):
        kaoji.driver.catch_up(batch_max=30)
    # When it goes on
    kaoji.driver.catch_up(batch_max=30)
    # Then it is as if nothing had happened
    assert differences(kaoji.history(), fresh(kaoji, batch_max=10_000)) == []


def test_two_drivers_at_once_make_one_view(tmp_path: Path) -> None:
    with product(tmp_path) as one, product(tmp_path) as other:
        one.ledger.append([arrival(event) for event in random_history(6, 300)])
        with ThreadPoolExecutor() as pool:
            reached = pool.map(lambda each: each.driver.catch_up(batch_max=11), (one, other))
            assert len(set(reached)) == 1
        assert differences(one.history(), fresh(one, batch_max=10_000)) == []


def test_a_checkpoint_that_moved_is_noticed(kaoji: Kaoji) -> None:
    record(kaoji, random_history(1, 20))
    with kaoji.views.reading() as connection:
        old = kaoji.views.live(connection, HistoryProjection.name)
    record(kaoji, random_history(2, 20))
    with pytest.raises(ViewMovedError), kaoji.views.transaction() as connection:
        kaoji.views.advance(connection, old, old.position + 1)


def test_integrity_leaves_are_those_of_the_recorded_events(kaoji: Kaoji) -> None:
    # Given more events than a block holds, in batches that do not fit it
    events: Sequence[Event] = random_history(12, 1_500)
    record(kaoji, events, batches=[700, 500, 1])
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, IntegrityProjection.name)
        kept = list(leaves_upto(kaoji.views, connection, build))
    head = kaoji.ledger.head().position
    assert head > 1_024
    assert kept == [leaf_of(event) for event in kaoji.ledger.read(after=0, limit=head)]


def test_every_part_of_a_segment_is_a_parquet_file_of_its_own(kaoji: Kaoji) -> None:
    record(kaoji, random_history(2, 120))
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, HistoryProjection.name)
        found = kaoji.views.rows(connection, PARTS, build, "part", "content", order="part")
    assert {row[0] for row in found} <= set(SCHEMAS)
    assert all(bytes(row[1]).startswith(b"PAR1") for row in found)


def test_what_is_no_action_keeps_its_place_and_states_nothing(kaoji: Kaoji) -> None:
    # Given an event of the ledger's own among actions
    events = random_history(7, 30)
    record(kaoji, events[:10])
    kaoji.ledger.recorder.insert_events([StoredEvent(uuid4(), 1, "kaoji.Something.v1", b"{}")])
    record(kaoji, events[10:], batches=[3])
    history = kaoji.history()
    place = next(
        each.position for each in kaoji.ledger.read(after=0, limit=100) if each.topic == "kaoji.Something.v1"
    )
    # Then it has a row without anything, and all others are where they belong
    assert [int(history.rows[name][place - 1]) for name in ROW_COLUMNS] == list(NO_ACTION)
    assert history.ids.take([place - 1]).to_pylist() == [{"id": "", "sequence": None}]
    assert (np.flatnonzero(history.rows["type"] == 0) + 1).tolist() == [place]
    assert differences(history, fresh(kaoji, batch_max=7)) == []
