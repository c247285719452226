"""Room for a fold is enough for the longest case and for all who share in one action."""

from __future__ import annotations

import numpy as np
import pytest

from domain.measuring.cases import ACTION_RECORD, EXTRA_RECORD, SHARE_RECORD, Cases, make_records
from domain.measuring.walk import room_to_walk


def cases(starts: list[int], participants: list[int]) -> Cases:
    stop = np.cumsum(participants, dtype=np.int64)
    extras = make_records(EXTRA_RECORD, stop.size, share_start=stop - participants, share_stop=stop)
    actions = make_records(ACTION_RECORD, starts[-1])
    return Cases(np.array(starts, np.int64), actions, extras, make_records(SHARE_RECORD, int(stop[-1:].sum())))


@pytest.mark.parametrize(
    ("starts", "longest"), [([0], 1), ([0, 1], 1), ([0, 5, 7], 5), ([0, 2, 9, 10], 7), ([0, 1, 4], 3)]
)
def test_room_to_walk_holds_the_longest_case(starts: list[int], longest: int) -> None:
    made = cases(starts, [])

    assert made.longest == longest
    assert room_to_walk(made.longest)[1].size == longest


@pytest.mark.parametrize(("participants", "most"), [([], 1), ([0], 1), ([2, 0, 1], 3), ([1, 4], 5)])
def test_the_owner_shares_with_the_most_participants_of_any_action(participants: list[int], most: int) -> None:
    assert cases([0, 1], participants).sharers == most
