"""Columns made field by field hold what rows made action by action do, and give words the same codes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from domain.facts import Facts, read_all_facts, read_facts
from projections.history.rows import ROW_COLUMNS, code_facts, new_vocabulary
from tests.drafted_actions import Event
from tests.reference.rows import rows_of
from tests.strategies import histories


def facts_of(events: list[Event]) -> list[Facts]:
    return [read_facts(json.dumps(event).encode()) for event in events]


@given(events=histories(), cut=st.integers(0, 40))
def test_columns_are_those_of_the_plain_way(events: list[Event], cut: int) -> None:
    # Given actions that are coded in two batches
    facts, words = facts_of(events), new_vocabulary()
    batches = [(begin, code_facts(facts[begin:end], words)) for begin, end in ((0, cut), (cut, len(facts)))]
    # Then rows, shares and words are those of the plain way
    rows, shares, lists = rows_of(facts)
    for name in ROW_COLUMNS:
        found = [value for _, each in batches for value in each.columns[name].tolist()]
        assert found == [row[name] for row in rows], name
    assert [
        (begin + row, staff, part)
        for begin, each in batches
        for row, staff, part in zip(
            each.share_row.tolist(), each.share_staff.tolist(), each.share_part.tolist(), strict=True
        )
    ] == shares
    assert {name: each.words for name, each in words.items()} == lists


@given(events=histories(), order=st.randoms(use_true_random=False))
def test_words_are_coded_in_the_order_that_is_said(events: list[Event], order: object) -> None:
    # Given actions that stand in another order than they are to be seen in
    facts, words = facts_of(events), new_vocabulary()
    places = list(range(len(facts)))
    order.shuffle(places)  # type: ignore[attr-defined]  # a random.Random
    code_facts([facts[place] for place in places], words, order=places)
    # Then the words have the codes of the order in which they are seen
    assert {name: each.words for name, each in words.items()} == rows_of(facts)[2]


@given(histories())
def test_facts_read_at_once_are_those_read_one_by_one(events: list[Event]) -> None:
    stored = [json.dumps(event).encode() for event in events]
    assert read_all_facts(stored) == [read_facts(each) for each in stored]
