"""Records in sorted runs are found as in lists by key, in whatever portions they came."""

from __future__ import annotations

from collections import defaultdict
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain import sorted_runs
from domain.sorted_runs import SortedRuns

keys = st.sampled_from([0, 1, 2, 7, 1 << 40, (1 << 63) + 1, (1 << 64) - 1])


@patch.object(sorted_runs, "_RUN_MIN", 1)
@given(portions=st.lists(st.lists(keys, max_size=9), max_size=15), asked=st.lists(keys, unique=True))
def test_records_are_found_as_they_were_added(portions: list[list[int]], asked: list[int]) -> None:
    # Given records in portions, beside lists of them by key; short runs are not merged for being short
    runs, lists, number = SortedRuns("<i4"), defaultdict(list), 0
    for portion in portions:
        runs.add(np.array(portion, np.uint64), np.arange(number, number + len(portion)))
        for key in portion:
            lists[key].append(number)
            number += 1
    # Then those under each key are found
    index, found = runs.find(np.array(asked, np.uint64))
    assert found.dtype == np.int32
    for at, key in enumerate(asked):
        assert found[index == at].tolist() == lists[key]
    assert len(found) == sum(len(lists[key]) for key in asked)
