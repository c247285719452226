"""The intake: batches, totals, dry runs that say what a real run does, and interruptions."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.persistence import Tracking
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.byte_streams import UnreadableInputError
from consumers.pipeline import Intake, Totals
from consumers.seen_actions import SeenActions, entries
from domain.actions.actions import check_action, same_action
from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.records import Arrival, Head, Verdict
from tests.support.ledgers import NOW, arrival, arrivals, record


def ledger_in(folder: Path) -> Ledger:
    return open_ledger(f"sqlite:///{folder / 'ledger.db'}", keys=folder / "keys.db", clock=lambda: NOW)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = ledger_in(tmp_path)
    yield opened
    opened.close()


def feed(intake: Intake, *records: bytes) -> Totals:
    for _ in intake.feed(arrivals(*records)):
        pass
    return intake.totals


def counts(totals: Totals) -> tuple[int, ...]:
    return (totals.read, totals.recorded, totals.duplicates, totals.quarantined, totals.position)


RECORDS = [record(1), record(1), record(1, subject="other"), b"{", record(2), record(3)]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("batch_max", [1, 2, 5000])
def test_totals_say_what_became_of_each_record(ledger: Ledger, dry_run: bool, batch_max: int) -> None:
    intake = Intake(ledger, dry_run=dry_run, batch_max=batch_max)
    assert counts(feed(intake, *RECORDS)) == (6, 3, 1, 2, 3)
    assert ledger.head().position == (0 if dry_run else 3)
    assert list(intake.totals.to_json()) == [
        "read", "recorded", "duplicates", "quarantined", "position", "seconds",
    ]  # fmt: skip


def test_repeating_a_file_records_nothing_twice(ledger: Ledger) -> None:
    feed(Intake(ledger), *RECORDS)
    assert counts(feed(Intake(ledger), *RECORDS)) == (6, 0, 4, 2, 3)


def test_dry_run_writes_nothing_not_even_to_the_quarantine(ledger: Ledger) -> None:
    feed(Intake(ledger, dry_run=True), *RECORDS)
    assert ledger.counts() == {"events": 0, "quarantined": {}}


@pytest.mark.parametrize("dry_run", [False, True])
def test_each_quarantined_record_is_told_with_its_remedy(ledger: Ledger, dry_run: bool) -> None:
    told: list[tuple[str, str | None]] = []
    intake = Intake(
        ledger, dry_run=dry_run, batch_max=1, refused=lambda one, verdict: told.append((one.place, verdict.code))
    )
    feed(intake, *RECORDS)
    assert told == [("actions.ndjson:3", "conflict"), ("actions.ndjson:4", "malformed-json")]


KEYS = st.sampled_from(["1", "2", "3"])
CONTENTS = st.sampled_from([1, 1.0, True, "1", 2, None, [1.0], {"a": 1}, 2**70, 2.0**70, 0.5, "1.0", [2**70, 1.0]])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(KEYS, CONTENTS), max_size=4),
    st.lists(st.tuples(KEYS, CONTENTS), max_size=14),
    st.integers(1, 5),
)
@example(before=[], then=[("1", 1), ("2", 1), ("1", 2), ("1", 1)], batch_max=2)
def test_dry_run_says_exactly_what_the_real_run_then_does(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, object]],
    then: list[tuple[str, object]],
    batch_max: int,
) -> None:
    ledger = ledger_in(tmp_path_factory.mktemp("ledger"))
    feed(Intake(ledger), *(record(key, extra=content) for key, content in before))
    records = [record(key, extra=content) for key, content in then]
    said, done = list[Verdict](), list[Verdict]()
    for dry_run, verdicts in ((True, said), (False, done)):
        intake = Intake(ledger, dry_run=dry_run, batch_max=batch_max)
        for start in range(0, len(records), batch_max):
            verdicts += intake.take(arrivals(*records)[start : start + batch_max])
    ledger.close()
    assert [(one.kind, one.code, one.remedy) for one in said] == [(one.kind, one.code, one.remedy) for one in done]
    positions = [[one.position for one in verdicts if one.kind == "recorded"] for verdicts in (said, done)]
    assert positions[0] == positions[1]


@given(CONTENTS, CONTENTS)
def test_dry_run_compares_content_as_the_contract_does(one: object, other: object) -> None:
    first, second = (check_action(record(1, extra=content), now=NOW) for content in (one, other))
    seen = SeenActions()
    assert seen.compare(entries([(first.key, first)])) == ["new"]
    seen.remember(entries([(first.key, first)]))
    assert seen.compare(entries([(second.key, second)])) == ["equal" if same_action(first, second) else "other"]


def test_dry_run_takes_a_sequence_of_any_length() -> None:
    text = record(1).replace(b'"id"', b'"sequence": "' + b"9" * 5000 + b'", "id"')
    action = check_action(text, now=NOW)
    seen = SeenActions()
    seen.remember(entries([(action.key, action)]))
    assert seen.compare(entries([(action.key, action)])) == ["equal"]


def test_seen_actions_are_found_in_every_run_at_24_bytes_each() -> None:
    found = (check_action(record(number), now=NOW) for number in range(1000))
    actions = [(action.key, action) for action in found]
    seen = SeenActions()
    for start in range(0, 1000, 7):
        seen.remember(entries(actions[start : start + 7]))
    assert set(seen.compare(entries(actions))) == {"equal"}
    assert sum(run.keys.nbytes + run.records.nbytes for run in seen._known._runs) == 24_000


def test_actions_whose_keys_begin_alike_are_told_apart() -> None:
    action = check_action(record(1), now=NOW)
    keys = [UUID(int=action.key.int ^ other) for other in (0, 1, 1 << 63)]
    seen = SeenActions()
    seen.remember(entries([(key, action) for key in keys[:2]]))
    assert seen.compare(entries([(key, action) for key in keys])) == ["equal", "equal", "new"]


def test_batches_keep_within_records_and_bytes() -> None:
    ledger = FakeLedger()
    for _ in Intake(ledger, batch_max=3).feed(arrivals(*map(record, range(7)))):
        pass
    assert ledger.batches == [3, 3, 1]
    ledger = FakeLedger()
    size = len(record(0))
    for _ in Intake(ledger, batch_bytes_max=2 * size).feed(arrivals(*map(record, range(5)))):
        pass
    assert ledger.batches == [2, 2, 1]


def test_what_was_read_before_an_input_breaks_off_is_kept_and_counted(ledger: Ledger) -> None:
    def broken() -> Iterator[Arrival]:
        yield from arrivals(record(1), record(2), record(3))
        raise UnreadableInputError("actions.ndjson.gz: breaks off.")

    intake = Intake(ledger, batch_max=2)
    with pytest.raises(UnreadableInputError):
        list(intake.feed(broken()))
    assert counts(intake.totals) == (3, 3, 0, 0, 3)
    assert ledger.head().position == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_while_a_batch_is_written_comes_after_it(number: signal.Signals) -> None:
    class Interrupted(FakeLedger):
        def append(self, batch: Sequence[Arrival], *, tracking: Sequence[Tracking] = ()) -> list[Verdict]:
            signal.raise_signal(number)
            return super().append(batch, tracking=tracking)

    ledger = Interrupted()
    intake = Intake(ledger, batch_max=2)
    with pytest.raises(KeyboardInterrupt):
        list(intake.feed(arrivals(*map(record, range(4)))))
    assert ledger.batches == [2]
    assert intake.totals.read == 2


def test_interruption_between_batches_leaves_the_next_one_unbegun() -> None:
    def interrupting() -> Iterator[Arrival]:
        yield from arrivals(record(1), record(2), record(3))
        signal.raise_signal(signal.SIGTERM)
        yield arrival(record(4))

    ledger = FakeLedger()
    intake = Intake(ledger, batch_max=2)
    with pytest.raises(KeyboardInterrupt):
        list(intake.feed(interrupting()))
    assert ledger.batches == [2]
    assert intake.totals.read == 2


def test_signal_handlers_and_collector_are_as_before_afterwards() -> None:
    before = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), gc.isenabled())
    progress = Intake(FakeLedger()).feed(arrivals(record(1)))
    next(progress)
    assert not gc.isenabled()
    assert list(progress) == []
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), gc.isenabled()) == before
    assert gc.get_freeze_count() == 0


class FakeLedger:
    """Takes everything as new and notes the sizes of batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def append(self, batch: Sequence[Arrival], *, tracking: Sequence[Tracking] = ()) -> list[Verdict]:
        assert not tracking
        before = sum(self.batches)
        self.batches.append(len(batch))
        return [Verdict("recorded", before + number, None, None) for number in range(1, len(batch) + 1)]

    def classify(self, batch: Sequence[Arrival]) -> list[Verdict]:
        raise NotImplementedError

    def head(self) -> Head:
        return Head(sum(self.batches), 0)
