"""Columns made field by field hold what rows made action by action do, and give words the same codes."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions.stored_facts import Facts, read_all_facts, read_facts
from projections.history.rows import ROW_COLUMNS, VOCABULARIES, Coded, Coder, Words, code_facts, code_told
from projections.history.told import TOLD, read_told, told_of
from projections.history.word_codes import WordCodes
from tests.drafted_actions import Event
from tests.reference.rows import rows_of
from tests.strategies import histories


def facts_of(events: list[Event]) -> list[Facts]:
    return [read_facts(json.dumps(event).encode()) for event in events]


def coders(kind: type[Coder]) -> dict[str, Coder]:
    return {name: kind() for name in VOCABULARIES}


def new_words(*coded: Coded) -> dict[str, list[str]]:
    return {name: [word for each in coded for word in each.new_words[name].to_pylist()] for name in VOCABULARIES}


@pytest.mark.parametrize("kind", [Words, WordCodes])
@given(events=histories(), cut=st.integers(0, 40))
def test_columns_are_those_of_the_plain_way(kind: type[Coder], events: list[Event], cut: int) -> None:
    # Given actions that are coded in two batches
    facts, known = facts_of(events), coders(kind)
    batches = [(begin, code_facts(facts[begin:end], known)) for begin, end in ((0, cut), (cut, len(facts)))]
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
    assert new_words(*(each for _, each in batches)) == lists


@pytest.mark.parametrize("kind", [Words, WordCodes])
@given(events=histories(), order=st.randoms(use_true_random=False))
def test_words_are_coded_in_the_order_that_is_said(kind: type[Coder], events: list[Event], order: object) -> None:
    # Given actions that stand in another order than they are to be seen in
    facts = facts_of(events)
    places = list(range(len(facts)))
    order.shuffle(places)  # type: ignore[attr-defined]  # a random.Random
    told = told_of([facts[place] for place in places])
    coded = code_told(told, coders(kind), order=np.array(places, np.int64))
    # Then the words have the codes of the order in which they are seen
    assert new_words(coded) == rows_of(facts)[2]


@given(histories())
def test_facts_read_at_once_are_those_read_one_by_one(events: list[Event]) -> None:
    stored = [json.dumps(event).encode() for event in events]
    assert read_all_facts(stored) == [read_facts(each) for each in stored]


@given(events=histories(), spaces=st.sampled_from([None, 0, 1, 3]), ascii_only=st.booleans())
def test_what_is_read_at_once_is_what_is_read_one_by_one(
    events: list[Event], spaces: int | None, ascii_only: bool
) -> None:
    # Given stored actions, written by senders with their own habits
    stored = [json.dumps(event, indent=spaces, ensure_ascii=ascii_only).encode() for event in events]
    at_once, one_by_one = read_told(stored), told_of([read_facts(each) for each in stored])
    for name, kind in TOLD.items():
        assert at_once[name].type == kind
        assert at_once[name].to_pylist() == one_by_one[name].to_pylist(), name


ENVELOPE = {"id": "1", "source": "/s", "type": "service.rated", "subject": "c", "time": "2024-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "stored",
    [
        ENVELOPE,
        ENVELOPE | {"sequence": None, "data": {}},
        ENVELOPE | {"data": {"rating": 5.0, "participants": [], "basis": [], "evidence": []}},
        ENVELOPE | {"data": {"evidence": [{"ref": "a", "sha256": "b", "more": {"x": [1]}}], "basis": ["x"]}},
        ENVELOPE | {"data": {"of": {"case": "X"}, "changes": {"deep": [[{"a": 1e300, "b": [None, True]}]]}}},
        ENVELOPE | {"data": {"participants": [{"staff": "a", "share": 0.333333}, {"staff": "b", "share": 1e-06}]}},
        ENVELOPE | {"subject": '\U0001f4dc \u4e2d\n"\\\u2028', "more": {"data": {"owner": "nobody"}}},
    ],
)
def test_every_form_of_a_field_is_read_at_once(stored: dict[str, object]) -> None:
    without_data = {name: value for name, value in ENVELOPE.items() if name != "data"}
    texts = [
        json.dumps(each, ensure_ascii=ascii).encode() for each in (stored, without_data) for ascii in (True, False)
    ]
    at_once, one_by_one = read_told(texts), told_of([read_facts(each) for each in texts])
    assert {name: at_once[name].to_pylist() for name in TOLD} == {
        name: one_by_one[name].to_pylist() for name in TOLD
    }


def test_what_arrow_does_not_take_is_read_one_by_one() -> None:
    # Given a number of evidence where a list of objects belongs, which only the careful reader knows how to take
    odd = json.dumps(ENVELOPE | {"data": {"evidence": ["text", 1]}}).encode()
    assert read_told([odd])["evidence"].to_pylist() == [True]
    # And two texts in one, of which the numbers happen to agree
    with pytest.raises(msgspec.MsgspecError):
        read_told([json.dumps(ENVELOPE).encode(), b"{"])


def test_pieces_are_read_at_the_same_time_and_put_together_in_order() -> None:
    stored = [json.dumps(ENVELOPE | {"id": str(number)}).encode() for number in range(9_001)]
    assert read_told(stored)["id"].to_pylist() == [str(number) for number in range(9_001)]
