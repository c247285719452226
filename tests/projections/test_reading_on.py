"""A history that was read on as it grew is the one that is loaded afresh, at every position and in every build."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from projections.damage import DamagedViewError
from projections.history.columns import History, differences, load_history
from projections.history.parts import read_parts, segments_of
from projections.history.resident import KEYS, NAMES
from projections.history.rows import VOCABULARIES
from projections.history.source import Snapshot, Source
from projections.history.writer import HistoryProjection
from projections.store import PARTS
from tests.drafted_actions import Event
from tests.strategies import histories, random_history
from tests.support.product import arrival, product, record


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


def loaded(kaoji: Kaoji) -> History:
    with kaoji.views.reading() as connection:
        return load_history(kaoji.views, connection, kaoji.views.live(connection, HistoryProjection.name))


def touch(history: History, which: int) -> None:
    """Read some of it: what is read now must be read on later."""
    parts = [(part, name) for part in NAMES for name in NAMES[part]]
    for bit, (part, name) in enumerate(parts):
        if which >> bit & 1:
            assert getattr(history, part)[name] is not None
    for bit, vocabulary in enumerate(VOCABULARIES):
        if which >> bit & 1:
            history.words[vocabulary].find("nothing of the kind")
        if which >> bit & 2:
            assert history.words_of(vocabulary) is not None


@settings(max_examples=10, deadline=None)
@given(events=histories(min_size=4), cuts=st.lists(st.integers(1, 9), max_size=6), which=st.integers(0, 2**60))
def test_read_on_equals_loaded_afresh(events: list[Event], cuts: list[int], which: int) -> None:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        rest, seen = events, []
        # Given a history that grows while somebody reads more and more of it
        for turn, cut in enumerate([*cuts, len(events)]):
            record(kaoji, rest[:cut])
            rest = rest[cut:]
            seen.append(kaoji.history())
            touch(seen[-1], which >> 7 * turn)
            # Then it is at every position the one that is loaded afresh
            assert differences(seen[-1], loaded(kaoji)) == []
        # And what was handed out before stands as it was
        for early in seen:
            assert differences(early, loaded(kaoji).upto(early.position)) == []
            assert differences(early, seen[-1].upto(early.position)) == []


def test_only_segments_beyond_what_is_known_are_read(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a history that was read, with a large segment and small ones after it
    record(kaoji, random_history(1, 400), batches=[300])
    history = kaoji.history()
    assert history.rows["type"].size == history.position
    record(kaoji, random_history(2, 20))
    read: list[tuple[int, int]] = []
    parts = read_parts

    def watched(*arguments: object) -> object:
        read.append(arguments[-2:])  # type: ignore[arg-type]  # first and last position
        return parts(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("projections.history.source.read_parts", watched)
    # When it is read on
    later = kaoji.history()
    assert later.rows["type"].size == later.position > history.position
    # Then nothing was read of what lies wholly before
    assert read
    assert all(last > history.position for _, last in read)


def test_one_look_at_the_store_reads_on_all_that_was_wanted(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a history of which everything was read but who acted
    record(kaoji, random_history(1, 200))
    wanted = [
        (part, name) for part in NAMES for name in NAMES[part] if name not in ("actor", "supervisor", "recorder")
    ]
    history = kaoji.history()
    for part, name in wanted:
        assert getattr(history, part)[name] is not None
    for vocabulary in VOCABULARIES:
        assert history.words_of(vocabulary)
    record(kaoji, random_history(2, 50))
    later = kaoji.history()
    looks: list[int] = []
    reading = Source.reading

    def watched(source: Source, position: int) -> AbstractContextManager[Snapshot]:
        looks.append(position)
        return reading(source, position)

    monkeypatch.setattr(Source, "reading", watched)
    # When all of it is read on, then at once
    for part, name in wanted:
        assert getattr(later, part)[name] is not None
    for vocabulary in VOCABULARIES:
        assert later.words_of(vocabulary)
    assert looks == [later.position]
    # And what nobody wanted was left alone until somebody does
    assert later.rows["actor"].size == later.position
    assert looks == [later.position] * 2
    assert differences(later, loaded(kaoji)) == []


def test_what_was_handed_out_cannot_be_changed(kaoji: Kaoji) -> None:
    record(kaoji, random_history(3, 60))
    history = kaoji.history()
    for part, names in NAMES.items():
        for name in names:
            with pytest.raises(ValueError, match="read-only"):
                getattr(history, part)[name][:] = 0


def test_a_new_build_is_loaded_anew(kaoji: Kaoji) -> None:
    record(kaoji, random_history(3, 60))
    before = kaoji.history()
    early = before.rows["subject"].copy()
    kaoji.driver.rebuild(HistoryProjection.name, batch_max=13)
    after = kaoji.history()
    assert (after.build, after.resident) != (before.build, before.resident)
    assert differences(after, loaded(kaoji)) == []
    assert np.array_equal(before.rows["subject"], early)


def test_a_history_whose_build_was_replaced_is_read_from_its_successor(kaoji: Kaoji) -> None:
    # Given a history of which nothing was read when its build was replaced, and more was recorded
    record(kaoji, random_history(4, 60))
    before = kaoji.history()
    kaoji.driver.rebuild(HistoryProjection.name)
    record(kaoji, random_history(5, 60))
    # Then it still reads as it would have
    assert differences(before, loaded(kaoji).upto(before.position)) == []
    assert before.rows["type"].size == before.position


def test_a_history_is_read_by_many_threads_at_once(kaoji: Kaoji) -> None:
    record(kaoji, random_history(6, 300), batches=[50] * 5)
    history = kaoji.history()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: touch(history, seed * 0x9E3779B97F4A7C15), range(32)))
    assert len(found) == 32
    assert differences(history, loaded(kaoji)) == []


@pytest.mark.parametrize("part", ["rows", "ids", "words", "subjects", *KEYS])
def test_a_part_that_is_not_what_was_written_is_told(kaoji: Kaoji, part: str) -> None:
    record(kaoji, random_history(7, 300))
    with kaoji.views.transaction() as connection:
        build = kaoji.views.live(connection, HistoryProjection.name)
        rows = kaoji.views.rows(
            connection, PARTS, build, "first_position", "last_position", "content", "sha256",
            order="first_position", among=("part", [part]),
        )  # fmt: skip
        first, last, content, sha256 = rows[0]
        kept = [
            row
            for name in ("rows", "ids", "words", "subjects", *KEYS)
            if name != part
            for row in kaoji.views.rows(
                connection, PARTS, build, "first_position", "part", "last_position", "sha256", "content",
                order="part", among=("part", [name]),
            )
            if row[0] == first
        ]  # fmt: skip
        kaoji.views.remove(connection, PARTS, build, first_position=first)
        columns = ("first_position", "part", "last_position", "sha256", "content")
        turned = bytes(content[:-9]) + bytes([content[-9] ^ 1]) + bytes(content[-8:])
        kept.append((first, part, last, sha256, turned))
        kaoji.views.add(connection, PARTS, build, [dict(zip(columns, row, strict=True)) for row in kept])
    history = loaded(kaoji)
    with pytest.raises(DamagedViewError, match=f"its {part} are not what was written"):
        differences(history, history)


def test_ids_are_taken_in_the_order_asked_for(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.history.segments.IDS_GROUP_ROWS", 7)
    monkeypatch.setattr("projections.history.texts.IDS_GROUP_ROWS", 7)
    record(kaoji, random_history(8, 200), batches=[90, 40, 5])
    history = kaoji.history()
    every = history.ids.take(range(history.position)).to_pylist()
    stored = kaoji.ledger.read(after=0, limit=history.position)
    assert all(f'"{each["id"]}"'.encode() in event.facts for each, event in zip(every, stored, strict=True))
    for rows in ([5, 3, 3, 150], [history.position - 1, 0], [6, 7, 8, 13, 14], []):
        assert history.ids.take(rows).to_pylist() == [every[row] for row in rows]


def test_subjects_are_found_before_and_after_they_are_listed(kaoji: Kaoji) -> None:
    record(kaoji, random_history(9, 100), batches=[30, 30])
    words = [kaoji.history().words["subject"].find(word) for word in loaded(kaoji).words_of("subject")]
    assert words == list(range(len(words)))
    record(kaoji, random_history(10, 100))
    history = loaded(kaoji)
    for code in (0, len(words) - 1, len(words), len(history.words_of("subject")) - 1):
        fresh = loaded(kaoji)
        assert fresh.words["subject"].find(history.words_of("subject")[code]) == code
        assert fresh.words["subject"].find("case:none of them") == -1


def test_subjects_that_came_later_are_found_without_listing_any(kaoji: Kaoji) -> None:
    # Given a history in which a subject was looked for, and nothing else of the words
    record(kaoji, random_history(9, 100))
    early = kaoji.history()
    assert early.words["subject"].find("case:none of them") == -1
    # When more came, in a segment that takes in the one before
    record(kaoji, [{**event, "subject": f"late-{event['subject']}"} for event in random_history(10, 80)])
    words = loaded(kaoji).words_of("subject")
    known = int(early.rows["subject"].max()) + 1
    # Then they are found under their own codes
    later = kaoji.history()
    for code in (known - 1, len(words) - 1):
        assert later.words["subject"].find(words[code]) == code


def test_a_segment_that_is_missing_is_told(kaoji: Kaoji) -> None:
    # Given segments that were not merged, and one in the middle that is gone
    for seed, many in enumerate((300, 90, 20)):
        kaoji.ledger.append([arrival(event) for event in random_history(seed, many)])
        kaoji.driver.catch_up()
    with kaoji.views.transaction() as connection:
        build = kaoji.views.live(connection, HistoryProjection.name)
        firsts = [first for first, _ in segments_of(kaoji.views, connection, build, "rows")]
        assert len(firsts) == 3
        kaoji.views.remove(connection, PARTS, build, first_position=firsts[1], part="rows")
    with pytest.raises(DamagedViewError, match="does not hold each of its"):
        loaded(kaoji)
