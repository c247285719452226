"""Audits find what a plain look at every row finds, whatever the blocks of the index and however it grew."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from api.scores.scorecards import directory_of
from domain.actions.actions import facts_action
from domain.directory import Directory
from domain.zones import load_zone
from projections.audit.index import AuditIndex
from projections.audit.postings import Postings, Rows
from projections.audit.trail import AuditFilter, AuditTrail
from projections.corrections import effective_actions
from projections.history.columns import History
from tests.drafted_actions import DAYS, STAFF, UNITS, Event, case_number
from tests.reference.given import act, corrected, voided
from tests.reference.plain_scan import plain_scan
from tests.strategies import batches, histories, random_history
from tests.support.product import product, record

ZONE = load_zone("Asia/Shanghai")
DAY = 86_400_000_000
FIRST = 1_706_457_600_000_000  # 2024-01-29T00:00 in Shanghai, less eight hours
CASES = [*(case_number(about) for about in range(7)), "T-1", "finding-1", "s1", "u2", "none such"]
TYPES = ["licensing.*", "*", "record.corrected", "record.*", "staff.*", "unit.*", "s*", "licensing.granted"]


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


def some_filter(dice: Random, positions: int) -> AuditFilter:
    """Any number of conditions together; a time of day on the border as often as not."""
    times = sorted(FIRST + dice.randrange(-2, DAYS + 2) * DAY + dice.choice([0, 1, 57_600_000_000]) for _ in "12")

    def now_and_then(chance: float, value: Any) -> Any:
        return value if dice.random() < chance else None

    return AuditFilter(
        case=now_and_then(0.2, dice.choice(CASES)),
        staff=now_and_then(0.3, dice.choice([*STAFF, "nobody"])),
        unit=now_and_then(0.3, dice.choice([*UNITS, "head", "none such"])),
        type=now_and_then(0.3, dice.choice(TYPES)),
        from_time=now_and_then(0.3, times[0]),
        to_time=now_and_then(0.3, times[1]),
        first_position=now_and_then(0.3, dice.randint(1, positions + 2)) or 1,
        last_position=now_and_then(0.2, dice.randint(0, positions + 2)),
        effective=dice.random() < 0.5,
    )


def joined(found: Iterator[Rows]) -> list[int]:
    return [position for some in found for position in some.tolist()]


def paged(
    trail: AuditTrail, index: AuditIndex, wanted: AuditFilter, directory: Directory, limit: int
) -> list[int]:
    """All pages one after the other, each begun behind the last."""
    pages: list[int] = []
    while True:
        page = joined(trail.find(index, wanted, zone=ZONE, directory=lambda: directory, limit=limit))
        assert len(page) <= limit
        pages += page
        if len(page) < limit:
            return pages
        wanted = replace(wanted, first_position=page[-1] + 1)


def check(trail: AuditTrail, kaoji: Kaoji, dice: Random, *, times: int) -> AuditIndex:
    """Random audits: all at once, page by page, and without any postings."""
    history = kaoji.history()
    index, directory = trail.index(history), directory_of(kaoji, history, ZONE)
    bare = AuditIndex.without_rows(history, block_rows=index.block_rows)
    for _ in range(times):
        wanted = some_filter(dice, history.position)
        expected = plain_scan(history, wanted, zone=ZONE, directory=directory).tolist()
        assert joined(trail.find(index, wanted, zone=ZONE, directory=lambda: directory)) == expected, wanted
        assert joined(trail.find(bare, wanted, zone=ZONE, directory=lambda: directory)) == expected, wanted
        assert paged(trail, index, wanted, directory, dice.randint(1, 5)) == expected, wanted
    return index


@settings(max_examples=15, deadline=None)
@given(
    events=histories(max_size=60),
    sizes=batches(30),
    block_rows=st.sampled_from([1, 2, 3, 7, 65_536]),
    seed=st.integers(0, 2**20),
)
def test_audits_find_what_a_plain_scan_finds(
    events: list[Event], sizes: list[int], block_rows: int, seed: int
) -> None:
    dice, trail = Random(seed), AuditTrail(block_rows=block_rows)
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        # Given an index that grows with the history, batch by batch
        for size in (*sizes, len(events)):
            record(kaoji, events[:size])
            events = events[size:]
            # Then audits find what a plain scan finds at each state
            grown = check(trail, kaoji, dice, times=2 if events else 20)
        # And it is the index that is made at once
        assert described(grown) == described(AuditTrail(block_rows=block_rows).index(kaoji.history()))


@pytest.mark.parametrize(("seed", "block_rows"), [(1, 4), (2, 32)])
def test_audits_of_a_longer_history_find_what_a_plain_scan_finds(kaoji: Kaoji, seed: int, block_rows: int) -> None:
    # Given a history with events of other kinds in between, which an audit does not show
    events = random_history(seed, 500)
    for begin in range(0, len(events), 100):
        record(kaoji, events[begin : begin + 100])
        kaoji.ledger.recorder.insert_events([StoredEvent(uuid4(), 1, "another.v1", b"{}")])
    check(AuditTrail(block_rows=block_rows), kaoji, Random(seed), times=250)


def described(index: AuditIndex) -> list[Any]:
    """Everything in an index."""
    parts = (index.subject, index.staff, index.unit, index.type, index.day, index.later.postings)
    found: list[Any] = [index.amended.targets.tolist(), index.amended.rows.tolist(), index.voided.tolist()]
    for each in (*parts, index.amended.staff, index.amended.subject):
        found += [(block.codes.tolist(), block.starts.tolist(), block.rows.tolist()) for block in each.blocks]
        found += [(group.codes.tolist(), group.blocks.tolist()) for group in each.groups]
    return found


def test_a_person_is_found_in_a_corrected_action_about_that_person(kaoji: Kaoji) -> None:
    joined_on = act("staff.joined", "s9", "03-01", unit="u1")
    record(kaoji, [joined_on, corrected(joined_on, "03-02", unit="u2"), act("staff.joined", "s8", "03-03")])
    trail, history = AuditTrail(block_rows=1), kaoji.history()
    wanted = AuditFilter(staff="s9", effective=True)
    assert joined(trail.find(trail.index(history), wanted, zone=ZONE, directory=Directory)) == [1]


def test_a_unit_that_is_named_later_is_found_under_the_directory_that_is_kept(kaoji: Kaoji) -> None:
    trail, directory = AuditTrail(block_rows=1), Directory()
    for number, unit in enumerate(("u1", "u2"), 1):
        record(kaoji, [act("licensing.received", unit, "03-01", unit=unit)])
        index = trail.index(kaoji.history())
        found = trail.find(index, AuditFilter(unit=unit), zone=ZONE, directory=lambda: directory)
        assert joined(found) == [number]


def test_what_happened_before_1970_is_found_by_its_day(kaoji: Kaoji) -> None:
    record(kaoji, [act("licensing.received", f"c{year}", f"{year}-06-01T09:00:00+08:00") for year in (1949, 1999)])
    trail, history = AuditTrail(block_rows=1), kaoji.history()
    found = trail.find(trail.index(history), AuditFilter(to_time=-DAY), zone=ZONE, directory=Directory)
    assert joined(found) == [1]


def test_an_older_state_of_the_history_is_answered_from_the_later_one(kaoji: Kaoji) -> None:
    record(kaoji, random_history(1, 40))
    early = kaoji.history()
    record(kaoji, random_history(2, 40))
    late = kaoji.history()
    trail = AuditTrail(block_rows=8)
    assert trail.index(late).history is late
    assert trail.index(early).history is late


def test_a_new_build_of_the_history_gets_an_index_of_its_own(kaoji: Kaoji) -> None:
    record(kaoji, random_history(1, 40))
    trail, before = AuditTrail(block_rows=8), kaoji.history()
    trail.index(before)
    kaoji.driver.rebuild("history")
    rebuilt = kaoji.history()
    assert trail.index(rebuilt).history is rebuilt


@pytest.mark.parametrize("limit", [0, 1, 5, 17, None])
def test_no_more_is_found_than_asked_for(kaoji: Kaoji, limit: int | None) -> None:
    record(kaoji, random_history(1, 40))
    trail, history = AuditTrail(block_rows=4), kaoji.history()
    found = trail.find(trail.index(history), AuditFilter(), zone=ZONE, directory=Directory, limit=limit)
    assert joined(found) == list(range(1, history.position + 1))[:limit]


# --- what stands after corrections, for a page


@settings(max_examples=8, deadline=None)
@given(events=histories(max_size=60), seed=st.integers(0, 2**20))
def test_a_page_stands_as_the_whole_does(events: list[Event], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events)
        history, head = kaoji.history(), kaoji.ledger.head().position
        later = AuditTrail(block_rows=2).index(history).later
        stored = {each.position: facts_action(each.facts) for each in kaoji.ledger.read(after=0, limit=head or 1)}
        whole = effective_actions(stored, history, kaoji.ledger)
        some = Random(seed).sample(sorted(stored), min(5, len(stored)))
        page = effective_actions({each: stored[each] for each in some}, history, kaoji.ledger, later)
        assert page == {each: whole[each] for each in some if each in whole}


# --- the directory that is kept


def directory_at(kaoji: Kaoji, history: History, folded: list[int]) -> Directory:
    def fold() -> Directory:
        folded.append(history.position)
        return directory_of(kaoji, history, ZONE)

    return kaoji.directory.at(history, ZONE, fold)


@pytest.mark.parametrize("seed", [0])
def test_the_directory_that_is_kept_is_the_one_that_holds(kaoji: Kaoji, seed: int) -> None:
    events, folded = random_history(seed, 200), list[int]()
    for begin in range(0, len(events), 10):
        record(kaoji, events[begin : begin + 5])
        history = kaoji.history()
        kept, anew = directory_at(kaoji, history, folded), directory_of(kaoji, history, ZONE)
        days = [day for each in anew.epochs() for day in (each - 1, each)]
        assert kept.epochs() == anew.epochs()
        for unit in (*UNITS, "head"):
            assert [kept.ancestors(unit, day) for day in days] == [anew.ancestors(unit, day) for day in days]
    assert 1 < len(folded) < 20, "folded again where it had to be, and only there"


def test_the_directory_is_folded_again_when_a_correction_of_it_is_voided(kaoji: Kaoji) -> None:
    opened = act("unit.opened", "u1", "03-01", parent="head")
    correction = corrected(opened, "03-02", parent="other")
    folded: list[int] = []
    for events in ([opened, correction], [act("licensing.received", "c", "03-03")], [voided(correction, "03-04")]):
        record(kaoji, events)
        directory = directory_at(kaoji, kaoji.history(), folded)
    assert folded == [2, 4]
    assert directory.parent("u1", 20_000) == "head"


# --- postings


def test_postings_without_any_code_are_empty() -> None:
    none = np.empty(0, np.int64)
    postings = Postings(block_rows=4).with_block(none, none).with_block(np.array([5]), np.array([3]))
    assert postings.rows_of_each(np.array([4, 5, 6])).tolist() == [7]
    assert postings.rows_of_each(none).tolist() == []
