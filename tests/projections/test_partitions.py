"""Cut by cases and folded apart, the sum is the same bits: in any number of partitions, orders and engines."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.measuring.populations import EVERYTHING
from domain.measuring.tally import Tally
from domain.rules.calendars import load_calendar
from projections.tallies.partitions import PartitionFold, partitions, some_cases, tally_of
from projections.tallies.tallies import Counted, count
from tests.drafted_actions import LIMITS, Event
from tests.strategies import histories, random_history
from tests.support.product import context, product, record


@contextmanager
def counted_from(events: list[Event], precision: str = "day") -> Iterator[Counted]:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events)
        yield count(kaoji.history(), context(LIMITS, load_calendar("weekdays"), precision=precision))


def folded_apart(counted: Counted, number: int, seed: int = 0) -> Tally:
    """Each partition sent to a process as bytes and back, and the answers in any order."""
    fold: PartitionFold = pickle.loads(pickle.dumps(PartitionFold(counted.rules, EVERYTHING)))
    batches = list(partitions(counted.files, number))
    Random(seed).shuffle(batches)
    found = pa.Table.from_batches(fold(batches))
    rows = np.random.default_rng(seed).permutation(found.num_rows)
    words = counted.history.words_of
    return tally_of(found.take(rows), staff=words("staff"), units=words("unit"), procedures=words("procedure"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=histories(max_size=60), precision=st.sampled_from(["day", "instant"]), seed=st.integers(0, 9))
def test_any_number_of_partitions_adds_up_to_the_same_bits(events: list[Event], precision: str, seed: int) -> None:
    with counted_from(events, precision) as counted:
        whole = counted.tally().to_bytes()
        for number in (1, 2, 7):
            assert folded_apart(counted, number, seed).to_bytes() == whole


def test_each_case_lies_in_one_partition_with_what_it_rests_on() -> None:
    with counted_from(random_history(3, 400)) as counted:
        batches = list(partitions(counted.files, 5))
        sizes = [len(batch.column("actions")[0].as_buffer()) for batch in batches]
        assert sum(sizes) == counted.files.cases.actions.nbytes
        assert all(sizes)
        assert (
            sum(len(each.column("extras")[0].as_buffer()) for each in batches) == counted.files.cases.extras.nbytes
        )


def test_no_case_is_a_partition_too() -> None:
    with counted_from(random_history(3, 40)) as counted:
        none = some_cases(counted.files.cases, counted.files.subject[:0].astype("int64"))
        assert (none.starts.tolist(), none.actions.size, none.extras.size, none.shares.size) == ([0], 0, 0, 0)
        assert folded_apart(counted, 1_000).to_bytes() == counted.tally().to_bytes()


@pytest.mark.parametrize("parts", [1, 3])
def test_tallies_of_separate_machines_add_up(parts: int) -> None:
    # Given machines with other dictionaries, for each knows some cases only
    with counted_from(random_history(8, 300)) as counted:
        found = Tally.empty()
        for part in reversed(range(parts)):
            subjects = [int(code) for code in counted.files.subject if code % parts == part]
            mine = count(counted.history, counted.context, subjects=subjects).tally()
            found = found + Tally.from_bytes(mine.to_bytes())
        assert found.to_bytes() == counted.tally().to_bytes()
