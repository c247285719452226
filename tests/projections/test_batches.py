"""What views share: one reading of the ledger and of what its actions say; columns written without a ledger."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from api.bootstrap import Kaoji
from domain.garbage import without_collections
from domain.ledger.records import ACTION_TOPIC, Recorded
from domain.measuring.cases import NOBODY
from projections.batch import Actions, Batch
from projections.changes import write_changes
from projections.damage import UnreadableEventError
from projections.driver import Driver
from projections.history.columns import History, differences, load_history
from projections.history.parts import SEGMENT_ROWS_MAX, appended
from projections.history.rows import ROW_COLUMNS
from projections.history.writer import HistoryProjection
from projections.store import DIRECTORY, Checkpoint
from tests.drafted_actions import Event
from tests.strategies import random_history
from tests.support.product import arrival, product, record


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


def stored(number: int, facts: bytes | None = None, topic: str = ACTION_TOPIC) -> Recorded:
    event = {
        "id": str(number),
        "source": "/s",
        "type": "staff.joined",
        "subject": "p",
        "time": "2024-01-01T00:00:00Z",
    }
    return Recorded(number, 0, topic, json.dumps(event).encode() if facts is None else facts, None)


def watched_reads(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    read, reads = driver.ledger.read, []

    def watched(*, after: int, limit: int) -> list[Recorded]:
        reads.append(after)
        return read(after=after, limit=limit)

    monkeypatch.setattr(driver.ledger, "read", watched)
    return reads


def test_views_that_stand_together_read_the_ledger_together(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    kaoji.ledger.append([arrival(event) for event in random_history(1, 60)])
    reads = watched_reads(kaoji.driver, monkeypatch)
    head = kaoji.driver.catch_up(batch_max=20)
    assert reads == list(range(0, head, 20))


def test_a_view_that_is_behind_catches_up_with_the_others_first(
    kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one view that is ahead of the others
    kaoji.ledger.append([arrival(event) for event in random_history(1, 60)])
    ahead = kaoji.driver.catch_up(only="directory")
    kaoji.ledger.append([arrival(event) for event in random_history(2, 60) if not record_of(kaoji, event)])
    reads = watched_reads(kaoji.driver, monkeypatch)
    # When all catch up
    head = kaoji.driver.catch_up()
    # Then the others come to where it stands, and from there they go on together
    assert reads == [0, ahead]
    assert {each.position for each in kaoji.driver.lags()} == {head}


def record_of(kaoji: Kaoji, event: Event) -> bool:
    return any(event["id"].encode() in each.facts for each in kaoji.ledger.read(after=0, limit=1_000))


@pytest.mark.parametrize("many", [3, 5_000])
def test_an_event_that_cannot_be_read_is_named(many: int) -> None:
    events = [stored(number) for number in range(1, many + 1)]
    events[1] = stored(2, b'{"id": 7}')
    for actions in (Batch(events).actions, Actions(events)):
        with pytest.raises(UnreadableEventError, match="position 2 "):
            actions.told()


def test_only_actions_are_read() -> None:
    events = [stored(1), stored(2, b"no JSON at all", "kaoji.Something.v1"), stored(3)]
    for actions in (Batch(events).actions, Actions(events)):
        assert actions.positions.tolist() == [1, 3]
        assert actions.told()["id"].to_pylist() == ["1", "3"]
    assert Batch([]).actions.told()["id"].to_pylist() == []


def test_the_directory_takes_what_is_its_own_though_another_event_cannot_be_read(kaoji: Kaoji) -> None:
    directory = kaoji.driver.projections["directory"]
    with kaoji.views.transaction() as connection:
        build = kaoji.views.new_build(connection, "directory")
        found = directory.apply(kaoji.views, connection, build, [stored(1), stored(2, b"{"), stored(3)])
        write_changes(kaoji.views, connection, build, found.changes)
        rows = kaoji.views.rows(connection, DIRECTORY, build, "position", order="position")
    assert rows == [(1,), (3,)]


def test_garbage_is_collected_again_after_a_batch() -> None:
    assert gc.isenabled()
    with suppress(OSError), without_collections():
        assert not gc.isenabled()
        raise OSError("torn")
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled(), "who had switched it off keeps it off"
    finally:
        gc.enable()


def test_garbage_is_left_until_the_last_of_several_threads_is_done() -> None:
    first, second = without_collections(), without_collections()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled(), "another one is still at work"
    second.__exit__(None, None, None)
    assert gc.isenabled()


# --- columns without a ledger


def new_build(kaoji: Kaoji) -> Checkpoint:
    with kaoji.views.transaction() as connection:
        wanted = kaoji.driver.projections[HistoryProjection.name]
        return kaoji.views.live(connection, wanted.name, format=wanted.format)


def written(kaoji: Kaoji) -> History:
    with kaoji.views.reading() as connection:
        return load_history(kaoji.views, connection, kaoji.views.live(connection, HistoryProjection.name))


def test_columns_that_are_left_out_state_nothing(kaoji: Kaoji) -> None:
    build = new_build(kaoji)
    with kaoji.views.transaction() as connection:
        subjects = {"code": [0], "word": ["case:A"]}
        parts = {"rows": {"type": np.array([1, 2], np.int64), "subject": [0, 0]}, "subjects": subjects}
        write_changes(kaoji.views, connection, build, appended(kaoji.views, connection, build, parts, rows=2))
        build = kaoji.views.advance(connection, build, 2)
        more = {"ids": {"id": pa.array(["x"])}}
        write_changes(kaoji.views, connection, build, appended(kaoji.views, connection, build, more, rows=1))
        kaoji.views.advance(connection, build, 3)
    history = written(kaoji)
    assert history.rows["type"].tolist() == [1, 2, 0]
    assert history.rows["subject"].tolist() == [0, 0, NOBODY]
    assert history.rows["owner"].tolist() == [NOBODY] * 3
    assert history.rows["due"].tolist() == history.rows["rating"].tolist() == [0, 0, 0]
    assert history.ids.take([0, 2]).to_pylist() == [{"id": "", "sequence": None}, {"id": "x", "sequence": None}]
    assert list(history.words_of("subject")) == ["case:A"]
    assert all(history.shares[name].size == 0 for name in history.shares)


def test_columns_written_anew_make_the_same_history(kaoji: Kaoji, tmp_path: Path) -> None:
    # Given a history that was written from a ledger
    record(kaoji, random_history(5, 300), batches=[170])
    history = kaoji.history()
    # When its columns are written into another store, all at once
    (tmp_path / "other").mkdir()
    with product(tmp_path / "other") as other:
        build = new_build(other)
        words = [
            (vocabulary, code, word)
            for vocabulary in history.words
            if vocabulary != "subject"
            for code, word in enumerate(history.words_of(vocabulary))
        ]
        many = len(history.references["position"])
        with other.views.transaction() as connection:
            changes = appended(
                other.views,
                connection,
                build,
                {
                    "rows": history.rows,
                    "ids": history.ids.take(range(history.position)),
                    "shares": history.shares,
                    "links": history.links,
                    "amended": history.amended,
                    "amended_shares": history.amended_shares,
                    "references": {**history.references, "source": [""] * many, "id": [""] * many},
                    "words": dict(zip(("vocabulary", "code", "word"), zip(*words, strict=True), strict=True)),
                    "subjects": {
                        "code": range(len(history.words_of("subject"))),
                        "word": history.words_of("subject"),
                    },
                },
                rows=history.position,
            )
            write_changes(other.views, connection, build, changes)
            other.views.advance(connection, build, history.position)
        # Then it is the same
        assert differences(history, written(other)) == []


def test_a_segment_has_a_row_and_an_id_for_each_position(kaoji: Kaoji) -> None:
    build = new_build(kaoji)
    with kaoji.views.transaction() as connection:
        for rows in (0, SEGMENT_ROWS_MAX + 1):
            with pytest.raises(ValueError, match="1 to 262,144 rows"):
                appended(kaoji.views, connection, build, {}, rows=rows)
        every = {name: np.zeros(3, np.int64) for name in ROW_COLUMNS}
        with pytest.raises(ValueError, match="one for each position"):
            appended(kaoji.views, connection, build, {"rows": every}, rows=2)


@pytest.mark.postgres
def test_on_postgres_it_reads_on_and_old_formats_are_built_anew(tmp_path: Path, postgres_url: str) -> None:
    with product(tmp_path, store=postgres_url) as kaoji:
        events = random_history(6, 240)
        record(kaoji, events[:150], batches=[60, 60])
        early = kaoji.history()
        assert early.rows["type"].size == early.position
        record(kaoji, events[150:])
        assert differences(kaoji.history(), written(kaoji)) == []
        assert differences(early, written(kaoji).upto(early.position)) == []
        subjects = early.rows["subject"].tolist()
        with kaoji.views.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE kaoji_view_builds DROP COLUMN format")
    with product(tmp_path, store=postgres_url) as kaoji:
        after = kaoji.history()
        assert after.build != early.build
        assert after.rows["subject"][: early.position].tolist() == subjects
