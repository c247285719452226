"""Tallies form a commutative group, and equal ones are equal bytes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.tally import TALLY_RECORD, Tally, TallyFormatError, TallyRow

NAMES = st.sampled_from([None, "b", "a", "é", "𝄞", ""])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(0, 3),
        NAMES,
        NAMES,
        NAMES,
        st.integers(-3, 3),
        st.integers(-1, 1),
        st.integers(-2, 2),
    ),
    max_size=30,
)
FAR = st.sampled_from([-(2**31), 2**31 - 1, 0])


def sums_of(rows: list[TallyRow]) -> dict[tuple[object, ...], int]:
    """What rows say, by the plainest means."""
    sums: Counter[tuple[object, ...]] = Counter()
    for *key, part in rows:
        sums[tuple(key)] += part
    return {key: part for key, part in sums.items() if part}


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_sum_says_what_all_rows_together_say(some: list[TallyRow], others: list[TallyRow]) -> None:
    total = Tally.of(some) + Tally.of(others)

    assert sums_of(total.listed()) == sums_of(some + others)


@settings(deadline=None)
@given(ROWS)
def test_the_canonical_form_keeps_the_meaning_and_repeats_no_key(rows: list[TallyRow]) -> None:
    canonical = Tally.of(rows).canonical()

    assert sums_of(canonical.listed()) == sums_of(rows)
    assert len(canonical) == len(sums_of(rows))
    for texts in (canonical.staff, canonical.units, canonical.procedures):
        assert list(texts) == sorted(set(texts))


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_bytes(rows: list[TallyRow], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis types its random as object

    assert Tally.of(shuffled).to_bytes() == Tally.of(rows).to_bytes()


@settings(deadline=None)
@given(ROWS, ROWS, ROWS)
def test_tallies_are_a_commutative_group(one: list[TallyRow], two: list[TallyRow], three: list[TallyRow]) -> None:
    a, b, c = Tally.of(one), Tally.of(two), Tally.of(three)

    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a - a == Tally.empty()
    assert a + b - b == a


@settings(deadline=None)
@given(ROWS)
def test_bytes_are_read_back_as_the_same_tally(rows: list[TallyRow]) -> None:
    tally = Tally.of(rows)

    assert Tally.from_bytes(tally.to_bytes()) == tally


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), NAMES, FAR, st.integers(1, 2)), max_size=12))
def test_keys_too_far_apart_to_pack_are_summed_alike(short: list[tuple[int, str | None, int, int]]) -> None:
    rows: list[TallyRow] = [(kind, 0, name, None, None, day, 0, part) for kind, name, day, part in short]
    tally = Tally.of(rows)
    # Codes as far apart as they go leave no room to pack a key into one integer.
    wide = tally.rows.copy()
    wide["unit"] = np.where(np.arange(len(rows)) % 2, 2**31 - 1, -1)

    summed = replace(tally, rows=wide).merged().rows

    keys = {
        (kind, name, unit, day) for (kind, name, day, _), unit in zip(short, wide["unit"].tolist(), strict=True)
    }
    found = zip(
        (summed["kind"] >> 8).tolist(),
        [tally.staff[person] if person >= 0 else None for person in summed["person"].tolist()],
        summed["unit"].tolist(),
        summed["day"].tolist(),
        strict=True,
    )
    assert len(summed) == len(keys)
    assert set(found) == keys
    assert int(summed["part"].sum()) == sum(row[-1] for row in rows)


def test_keys_that_would_overlap_in_64_bits_stay_apart() -> None:
    # In one integer of 64 bits, a unit of person 0 and the same of person 2 would be one key here.
    ends = 2**31 - 1
    rows = np.zeros(4, TALLY_RECORD)
    rows["person"], rows["unit"], rows["day"] = [0, 2, 0, 0], [0, 0, -ends - 1, ends], [0, 0, 0, ends]
    rows["part"] = 1

    assert len(Tally(rows, [], [], []).merged()) == len(rows)


def test_dictionaries_may_grow_while_a_tally_uses_them() -> None:
    tally = Tally.of([(0, 0, "a", "u", "p", 1, 0, 1)])
    before = tally.to_bytes()

    assert isinstance(tally.staff, list)
    tally.staff.append("b")

    assert tally.to_bytes() == before


def test_a_text_held_twice_is_one_key() -> None:
    tally = Tally.of([(0, 0, "a", None, None, 1, 0, 1), (0, 0, "b", None, None, 1, 0, 1)])

    assert replace(tally, staff=["a", "a"]) == Tally.of([(0, 0, "a", None, None, 1, 0, 2)])


def test_other_bytes_are_refused() -> None:
    whole = Tally.of([(0, 0, "a", "u", "p", 1, 0, 1)]).to_bytes()

    for broken in (b"", b"PK", whole[:-1], whole[:20], whole.replace(b'"rows"', b'"r0ws"')):
        with pytest.raises(TallyFormatError):
            Tally.from_bytes(broken)


def test_sums_beyond_what_a_float_holds_stay_exact() -> None:
    huge = 2**53 + 1
    total = Tally.of([(0, 0, "a", None, None, 1, 0, huge), (0, 0, "a", None, None, 1, 0, 2)]).canonical()

    assert total.listed() == [(0, 0, "a", None, None, 1, 0, huge + 2)]
