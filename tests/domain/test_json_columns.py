"""What is written by column is what would be written of each value, however the rows are cut."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.numbers import plain
from domain.scoring import json_columns
from domain.scoring.json_columns import (
    NARROW,
    WIDE,
    Constant,
    Flags,
    Record,
    Several,
    Shape,
    Texts,
    is_plain,
    json_texts,
    values_of,
)
from domain.scoring.number_columns import decimal_column, plain_column, with_texts

SIZE = 5


def flags() -> st.SearchStrategy[Flags]:
    return st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array)


def columns(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[str | None]]:
    return st.lists(st.none() | texts, min_size=SIZE, max_size=SIZE)


ANY = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES: st.SearchStrategy[Shape] = st.one_of(
    columns(ANY).map(Texts.of),
    columns(st.sampled_from(["1", "0.25", "办"])).map(lambda texts: Texts(pa.array(texts, pa.string()))),
    st.sampled_from([None, "0.5", 'a "constant"', 7]).map(Constant),
)


def wider(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    there = st.none() | flags()
    several = st.lists(inner, max_size=3).flatmap(
        lambda elements: st.builds(
            Several,
            st.just(elements),
            there,
            st.none()
            if not elements
            else st.none() | st.lists(flags(), min_size=len(elements), max_size=len(elements)),
        )
    )
    return several | st.builds(Record, st.dictionaries(ANY, inner, min_size=1, max_size=3), there)


SHAPES = st.recursive(LEAVES, wider, max_leaves=8)


@pytest.mark.parametrize("rows_at_once", [1, 2, SIZE, 100])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(LEAVES, wider, max_leaves=8), st.dictionaries(st.integers(0, SIZE - 1), st.integers(), max_size=2)
)
def test_text_is_what_json_writes_of_the_values(
    monkeypatch: pytest.MonkeyPatch, rows_at_once: int, shape: Shape, instead: dict[int, Any]
) -> None:
    monkeypatch.setattr(json_columns, "_ROWS_AT_ONCE", rows_at_once)
    values = values_of(shape, SIZE)
    for row, value in instead.items():
        values[row] = value

    for spacing in (WIDE, NARROW):
        texts = json_texts(shape, SIZE, spacing, instead=instead)

        assert f"[{''.join(texts)}]" == json.dumps(values, ensure_ascii=False, separators=spacing)


def test_values_are_those_of_each_row() -> None:
    # Given objects with a list whose elements are not all in each, one of them null
    shape = Record(
        {
            "name": Texts.of(["a", None]),
            "list": Several([Constant(1), Texts.of(["x", "y"])], kept=[np.array([True, False]), np.ones(2, bool)]),
            "none": Record({"of": Constant("it")}, there=np.array([True, False])),
        }
    )

    assert values_of(shape, 2) == [
        {"name": "a", "list": [1, "x"], "none": {"of": "it"}},
        {"name": None, "list": ["y"], "none": None},
    ]


def test_no_rows_are_no_text() -> None:
    assert list(json_texts(Record({"a": Texts.of([])}), 0, WIDE)) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("0.5", True), ("科", True), (None, True), ('"', False), ("\n", False)]
)
def test_plain_texts_are_those_that_nothing_is_escaped_in(text: str | None, expected: bool) -> None:
    assert is_plain(text) is expected


@given(st.lists(st.integers(0, 2**53), min_size=1, max_size=6), st.integers(0, 10))
def test_numbers_are_printed_by_column_as_each_alone(units: list[int], places: int) -> None:
    there = np.arange(len(units)) % 3 != 1
    exact = [Fraction(each, 10**places) for each in units]

    assert decimal_column(np.array(units), places).to_pylist() == [
        f"{Decimal(each).scaleb(-places):f}" for each in units
    ]
    assert plain_column(np.array(units), places, there=there).to_pylist() == [
        plain(each, places) if is_there else None for each, is_there in zip(exact, there.tolist(), strict=True)
    ]


def test_some_rows_are_given_other_texts() -> None:
    assert with_texts(pa.array(["a", "b", None, "d"]), {2: "c", 0: "A"}).to_pylist() == ["A", "b", "c", "d"]
