"""Tallies form a commutative group, and equal ones are equal bytes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.tally import Tally, TallyFormatError, TallyRow

NAMES = st.sampled_from([None, "b", "a", "é", "𝄞", ""])
ROWS = st.lists(
    st.tuples(st.integers(0, 9), NAMES, NAMES, NAMES, st.integers(-3, 3), st.integers(-2, 2), st.integers(-2, 2)),
    max_size=30,
)
FAR = st.sampled_from([-(2**31), 2**31 - 1, 0])


def sums_of(rows: list[TallyRow]) -> dict[tuple[object, ...], tuple[int, int]]:
    """What rows say, by the plainest means."""
    numerators: Counter[tuple[object, ...]] = Counter()
    denominators: Counter[tuple[object, ...]] = Counter()
    for *key, numerator, denominator in rows:
        numerators[tuple(key)] += numerator
        denominators[tuple(key)] += denominator
    return {
        key: (numerators[key], denominators[key]) for key in numerators if numerators[key] or denominators[key]
    }


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_sum_says_what_all_rows_together_say(some: list[TallyRow], others: list[TallyRow]) -> None:
    total = Tally.from_rows(some) + Tally.from_rows(others)

    assert sums_of(total.rows()) == sums_of(some + others)


@settings(deadline=None)
@given(ROWS)
def test_the_canonical_form_keeps_the_meaning_and_repeats_no_key(rows: list[TallyRow]) -> None:
    canonical = Tally.from_rows(rows).canonical()

    assert sums_of(canonical.rows()) == sums_of(rows)
    assert len(canonical) == len(sums_of(rows))
    for texts in (canonical.staff, canonical.units, canonical.procedures):
        assert list(texts) == sorted(set(texts))


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_bytes(rows: list[TallyRow], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis types its random as object

    assert Tally.from_rows(shuffled).to_bytes() == Tally.from_rows(rows).to_bytes()


@settings(deadline=None)
@given(ROWS, ROWS, ROWS)
def test_tallies_are_a_commutative_group(one: list[TallyRow], two: list[TallyRow], three: list[TallyRow]) -> None:
    a, b, c = Tally.from_rows(one), Tally.from_rows(two), Tally.from_rows(three)

    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a - a == Tally.empty()
    assert a + b - b == a


@settings(deadline=None)
@given(ROWS)
def test_bytes_are_read_back_as_the_same_tally(rows: list[TallyRow]) -> None:
    tally = Tally.from_rows(rows)

    assert Tally.from_bytes(tally.to_bytes()) == tally


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), NAMES, FAR, st.integers(1, 2)), max_size=12))
def test_keys_too_far_apart_to_pack_are_summed_alike(short: list[tuple[int, str | None, int, int]]) -> None:
    rows: list[TallyRow] = [(m, name, None, None, day, n, n) for m, name, day, n in short]
    tally = Tally.from_rows(rows)
    # Codes as far apart as they go leave no room to pack a key into one integer.
    wide = replace(tally, unit=np.where(np.arange(len(rows)) % 2, 2**31 - 1, -1).astype(np.int32))

    summed = wide.merged()

    keys = [(*key[:2], unit, *key[3:5]) for key, unit in zip(rows, wide.unit.tolist(), strict=True)]
    found = zip(summed.measure.tolist(), summed.unit.tolist(), summed.day.tolist(), strict=True)
    assert len(summed) == len(set(keys))
    assert set(found) == {(key[0], key[2], key[4]) for key in keys}
    assert int(summed.numerator.sum()) == sum(row[5] for row in rows)


def test_keys_that_would_overlap_in_64_bits_stay_apart() -> None:
    # In one integer of 64 bits, a unit of person 0 and the same of person 2 would be one key here.
    ends = 2**31 - 1
    rows = [(0, 0, 0), (2, 0, 0), (0, 0, -ends - 1), (0, ends, ends)]
    zeros = np.zeros(len(rows), np.int32)
    person, unit, day = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows), np.int64)
    tally = Tally(zeros.astype(np.int8), person, unit, zeros, day, ones, ones, [], [], [])

    assert len(tally.merged()) == len(rows)


def test_dictionaries_may_grow_while_a_tally_uses_them() -> None:
    tally = Tally.from_rows([(0, "a", "u", "p", 1, 1, 1)])
    before = tally.to_bytes()

    assert isinstance(tally.staff, list)
    tally.staff.append("b")

    assert tally.to_bytes() == before


def test_a_text_held_twice_is_one_key() -> None:
    tally = Tally.from_rows([(0, "a", None, None, 1, 1, 1), (0, "b", None, None, 1, 1, 1)])

    assert replace(tally, staff=["a", "a"]) == Tally.from_rows([(0, "a", None, None, 1, 2, 2)])


def test_other_bytes_are_refused() -> None:
    whole = Tally.from_rows([(0, "a", "u", "p", 1, 1, 1)]).to_bytes()

    for broken in (b"", b"PK", whole[:-1], whole[:20], whole.replace(b'"rows"', b'"r0ws"')):
        with pytest.raises(TallyFormatError):
            Tally.from_bytes(broken)


def test_sums_beyond_what_a_float_holds_stay_exact() -> None:
    huge = 2**53 + 1
    total = Tally.from_rows([(0, "a", None, None, 1, huge, 0), (0, "a", None, None, 1, 2, 0)]).canonical()

    assert total.rows() == [(0, "a", None, None, 1, huge + 2, 0)]
