"""Appending: each action once, at gapless positions, with everything that belongs to it in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from eventsourcing.persistence import Tracking

from domain.actions.actions import action_key
from domain.ledger.errors import StaleTrackingError
from domain.ledger.ledger import Ledger
from domain.ledger.quarantine import EntryFilter
from domain.ledger.records import Arrival, Verdict
from tests.support.ledgers import NOW, LedgerMaker, arrival, arrivals, record


def kinds(verdicts: list[Verdict]) -> list[str]:
    return [verdict.kind for verdict in verdicts]


def test_empty_ledger_has_no_head_and_says_so(ledger: Ledger) -> None:
    assert (ledger.head().position, ledger.position_at(NOW), ledger.read(after=0, limit=9)) == (0, 0, [])
    assert ledger.counts() == {"events": 0, "quarantined": {}}


def test_new_actions_are_recorded_at_gapless_positions_in_the_order_of_arrival(ledger: Ledger) -> None:
    first = ledger.append(arrivals(record(7), record(3)))
    second = ledger.append(arrivals(record(5)))

    assert [verdict.position for verdict in first + second] == [1, 2, 3]
    assert [event.facts for event in ledger.read(after=0, limit=10)] == [record(7), record(3), record(5)]
    assert {event.topic for event in ledger.read(after=0, limit=10)} == {"kaoji.Action.v1"}


def test_a_batch_of_any_size_is_recorded_whole_and_in_order(ledger: Ledger) -> None:
    # Rows go in by pieces of fixed sizes: some of each, and two of the largest.
    sizes = [2 * 4_096 + 3 * 512 + 2 * 64 + 8 + 5, 64, 9, 1]
    number = 0
    for size in sizes:
        verdicts = ledger.append(arrivals(*(record(each) for each in range(number, number + size))))
        assert [verdict.position for verdict in verdicts] == list(range(number + 1, number + size + 1))
        number += size

    recorded = ledger.read(after=0, limit=number + 1)
    assert [event.position for event in recorded] == list(range(1, number + 1))
    assert [event.facts for event in recorded] == [record(each) for each in range(number)]
    assert ledger.head().position == number


def test_reading_pages_by_position_across_batches(ledger: Ledger) -> None:
    for start in range(1, 10, 3):
        ledger.append(arrivals(*(record(number) for number in range(start, start + 3))))

    assert [event.position for event in ledger.read(after=1, limit=4)] == [2, 3, 4, 5]
    assert [event.position for event in ledger.read(after=8, limit=4)] == [9]
    assert [event.position for event in ledger.read_positions([9, 2, 4, 77, 2])] == [2, 4, 9]
    assert ledger.read_positions([4]) == ledger.read(after=3, limit=1)


def test_the_same_action_again_is_a_duplicate_at_the_first_position(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1), record(2)))

    verdicts = ledger.append(arrivals(record(2), record(3), record(1)))

    assert verdicts == [
        Verdict("duplicate", 2, None, None),
        Verdict("recorded", 3, None, None),
        Verdict("duplicate", 1, None, None),
    ]
    assert ledger.head().position == 3


def test_equal_as_json_values_is_equal(ledger: Ledger) -> None:
    shares: dict[str, Any] = {"owner": "p1", "participants": [{"staff": "p2", "share": 1}]}
    same: dict[str, Any] = {"participants": [{"share": 1.0, "staff": "p2"}], "owner": "p1"}
    ledger.append(arrivals(record(1, **shares)))

    assert kinds(ledger.append(arrivals(record(1, **same)))) == ["duplicate"]
    assert kinds(ledger.append(arrivals(record(1, time="2023-05-04T01:00:00Z", **same)))) == ["duplicate"]


@pytest.mark.parametrize(
    "other",
    [
        record(1, unit="b"),
        record(1, unit="a", subject="case-2"),
        record(1, unit="a", type="licensing.accepted"),
        record(1, unit="a", time="2023-05-04T09:00:01+08:00"),
        record(1, unit="a", note="free text"),
        record(1, unit="a", unknown=1),
    ],
)
def test_other_content_under_the_same_id_is_a_conflict(ledger: Ledger, other: bytes) -> None:
    ledger.append(arrivals(record(1, unit="a")))

    (verdict,) = ledger.append(arrivals(other))

    assert (verdict.kind, verdict.position, verdict.code) == ("quarantined", None, "conflict")
    assert verdict.remedy
    assert [entry.raw for entry in ledger.quarantine.list(EntryFilter(code="conflict"), raw=True)] == [other]
    assert ledger.counts() == {"events": 1, "quarantined": {"conflict": 1}}


def test_within_a_batch_the_first_of_several_equal_keys_wins(ledger: Ledger) -> None:
    batch = arrivals(record(1), record(1), record(1, unit="b"), record(2))

    assert ledger.append(batch) == [
        Verdict("recorded", 1, None, None),
        Verdict("duplicate", 1, None, None),
        ledger.classify(arrivals(record(1, unit="b")))[0],
        Verdict("recorded", 2, None, None),
    ]
    assert kinds(ledger.append(batch)) == ["duplicate", "duplicate", "quarantined", "duplicate"]


def test_the_conflict_with_what_is_recorded_counts_not_the_first_of_the_batch(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1)))

    verdicts = ledger.append(arrivals(record(1, unit="b"), record(1, unit="b"), record(1)))

    assert kinds(verdicts) == ["quarantined", "quarantined", "duplicate"]


def test_sealed_parts_are_compared_and_can_be_unsealed(ledger: Ledger) -> None:
    noted = record(1, note="very private")

    ledger.append(arrivals(noted))

    assert ledger.unseal(1) == noted
    (event,) = ledger.read(after=0, limit=1)
    assert b"very private" not in event.facts
    assert event.commitment is not None
    assert len(event.commitment) == 32
    assert kinds(ledger.append(arrivals(noted, record(1, note="other"), record(1)))) == [
        "duplicate", "quarantined", "quarantined",
    ]  # fmt: skip


def test_after_erasure_the_facts_alone_decide(ledger: Ledger) -> None:
    ledger.append(
        arrivals(record(1, subject="case-9", note="very private"), record(2, subject="case-8", note="x"))
    )
    (key_id,) = ledger.keys.ids_of("subject/case-9")

    assert ledger.keys.destroy(key_id)

    assert (ledger.unseal(1), ledger.unseal(2)) == (None, record(2, subject="case-8", note="x"))
    again = arrivals(record(1, subject="case-9", note="other"), record(1, subject="case-9", unit="b", note="x"))
    assert kinds(ledger.append(again)) == ["duplicate", "quarantined"]


def test_a_person_has_one_key_and_a_case_another(ledger: Ledger) -> None:
    ledger.append(
        arrivals(
            record(1, subject="p1", type="staff.joined", note="a"),
            record(2, subject="p1", type="staff.left", note="b"),
            record(3, subject="p1", note="c"),
        )
    )

    assert (len(ledger.keys.ids_of("person/p1")), len(ledger.keys.ids_of("subject/p1"))) == (1, 1)


def test_time_of_recording_never_falls(make_ledger: LedgerMaker) -> None:
    ledger, clock = make_ledger(), make_ledger.clock
    for number, now in enumerate([100, 90, 200]):
        clock.now = now
        ledger.append(arrivals(record(number)))

    assert [event.recorded_at for event in ledger.read(after=0, limit=9)] == [100, 100, 200]
    assert [ledger.position_at(instant) for instant in (99, 100, 199, 200, 999)] == [0, 2, 2, 3, 3]
    assert (ledger.head().position, ledger.head().recorded_at) == (3, 200)


def test_all_trackings_are_recorded_with_the_batch(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1)), tracking=[Tracking("t-0", 0), Tracking("t-1", 41)])

    assert [ledger.max_tracking_id(name) for name in ("t-0", "t-1", "t-2")] == [0, 41, None]


def test_a_tracking_that_does_not_rise_stops_the_whole_batch(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1)), tracking=[Tracking("t-0", 7)])

    for stale in (7, 6):
        batch = arrivals(record(2, note="n"), b"not json")
        with pytest.raises(StaleTrackingError, match="another writer"):
            ledger.append(batch, tracking=[Tracking("t-1", 1), Tracking("t-0", stale)])

    assert ledger.counts() == {"events": 1, "quarantined": {}}
    assert (ledger.max_tracking_id("t-0"), ledger.max_tracking_id("t-1")) == (7, None)
    assert ledger.append(arrivals(record(2)))[0].position == 2


def test_a_batch_that_begins_before_the_tracking_and_ends_behind_it_is_stopped_whole(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1)), tracking=[Tracking("t-0", 7)])

    with pytest.raises(StaleTrackingError, match="another writer"):
        ledger.append(arrivals(record(2), b"not json"), tracking=[Tracking("t-0", 7), Tracking("t-0", 9)])

    assert ledger.counts() == {"events": 1, "quarantined": {}}
    assert ledger.max_tracking_id("t-0") == 7
    ledger.append(arrivals(record(2)), tracking=[Tracking("t-0", 8), Tracking("t-0", 9)])
    assert ledger.max_tracking_id("t-0") == 9


def test_a_batch_of_duplicates_and_refused_only_still_moves_the_tracking(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1)))

    ledger.append(arrivals(record(1), b"[]"), tracking=[Tracking("t-0", 7)])
    ledger.append([], tracking=[Tracking("t-0", 8)])

    assert (ledger.max_tracking_id("t-0"), ledger.head().position) == (8, 1)


def test_classify_says_what_append_would_do_and_writes_nothing(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1), record(2, note="n")))
    batch = arrivals(record(3), record(1), record(2, note="n"), record(2), b"{", record(3), record(4, note="m"))

    foretold = ledger.classify(batch)

    assert ledger.counts() == {"events": 2, "quarantined": {}}
    assert foretold == ledger.append(batch)


def test_after_a_batch_with_duplicates_the_next_one_is_looked_up_before_it_is_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    store = ledger._store
    for name in ("find", "write"):
        monkeypatch.setattr(store, name, watched(name, getattr(store, name), done))

    def steps(*records: bytes) -> list[str]:
        done.clear()
        ledger.append(arrivals(*records))
        return list(done)

    assert steps(record(1), record(2)) == ["write"]
    assert steps(record(2), record(3)) == ["write", "find", "write"]
    assert steps(record(3), record(4)) == ["find", "write"]
    assert steps(record(5)) == ["find", "write"]
    assert steps(record(6)) == ["write"]


def watched(name: str, method: Callable[..., Any], done: list[str]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        done.append(name)
        return method(*arguments)

    return call


def test_positions_are_found_by_key(ledger: Ledger) -> None:
    ledger.append(arrivals(*(record(number) for number in range(1200))))
    keys = [action_key("/gx/licensing", str(number)) for number in (1199, 0, 5000, 600)]

    assert ledger.positions_of(keys) == {keys[0]: 1200, keys[1]: 1, keys[3]: 601}


def test_large_batches_of_duplicates_are_told_apart(ledger: Ledger) -> None:
    records = [record(number) for number in range(2500)]
    ledger.append(arrivals(*records[:2000]))

    verdicts = ledger.append(arrivals(*records))

    assert kinds(verdicts) == ["duplicate"] * 2000 + ["recorded"] * 500
    assert [verdict.position for verdict in verdicts] == list(range(1, 2501))


def test_a_ledger_opened_again_goes_on_where_it_was(make_ledger: LedgerMaker) -> None:
    first = make_ledger()
    first.append(arrivals(record(1, note="kept")), tracking=[Tracking("t", 3)])
    ledger_id = first.ledger_id
    make_ledger.close()

    again = make_ledger(create=False)

    assert (again.ledger_id, again.head().position, again.max_tracking_id("t")) == (ledger_id, 1, 3)
    assert again.unseal(1) == record(1, note="kept")


def test_two_writers_at_once_record_everything_once_without_gaps(make_ledger: LedgerMaker) -> None:
    def write(ledger: Ledger, numbers: range) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for start in range(numbers.start, numbers.stop, 20):
            batch = (record(number, note="n" * (number % 2)) for number in range(start, start + 20))
            verdicts += ledger.append(arrivals(*batch))
        return verdicts

    # The two ranges overlap in 200 actions, which both writers bring.
    with ThreadPoolExecutor() as pool:
        halves = [pool.submit(write, make_ledger(), numbers) for numbers in (range(600), range(400, 1000))]
        verdicts = [verdict for half in halves for verdict in half.result()]

    events = make_ledger().read(after=0, limit=2000)
    assert [event.position for event in events] == list(range(1, 1001))
    assert sorted(v.position for v in verdicts if v.kind == "recorded" and v.position) == list(range(1, 1001))
    assert kinds(verdicts).count("duplicate") == 200


def test_of_two_writers_on_one_partition_the_second_is_fenced_off(make_ledger: LedgerMaker) -> None:
    old, new = make_ledger(), make_ledger()
    old.append(arrivals(record(1)), tracking=[Tracking("topic-0", 10)])
    new.append(arrivals(record(2)), tracking=[Tracking("topic-0", 20)])

    with pytest.raises(StaleTrackingError):
        old.append(arrivals(record(3)), tracking=[Tracking("topic-0", 15)])

    assert make_ledger().head().position == 2


def test_events_of_the_library_and_actions_share_one_sequence_of_positions(ledger: Ledger) -> None:
    from uuid import uuid4

    from eventsourcing.persistence import StoredEvent

    ledger.append(arrivals(record(1)))
    stream = uuid4()
    event = StoredEvent(stream, 1, "kaoji.CycleOpened.v1", b"{}")

    assert ledger.recorder.insert_events([event], tracking=Tracking("t", 1)) == [2]

    ledger.append(arrivals(record(2)))
    assert [event.topic for event in ledger.read(after=0, limit=9)] == [
        "kaoji.Action.v1", "kaoji.CycleOpened.v1", "kaoji.Action.v1",
    ]  # fmt: skip
    assert ledger.recorder.select_events(stream) == [event]


def test_a_refused_record_leaves_its_id_free(ledger: Ledger) -> None:
    wrong, mended = record(1, rating=9), record(1, rating=5)

    assert kinds(ledger.append([arrival(wrong)])) == ["quarantined"]
    assert kinds(ledger.append([arrival(mended)])) == ["recorded"]


def test_arrivals_hold_their_raw_bytes(ledger: Ledger) -> None:
    given: Arrival = arrival(b"\x00\xff not json", "topic-0@15")

    ledger.append([given])

    (entry,) = ledger.quarantine.list(raw=True)
    assert (entry.place, entry.raw, entry.code) == ("topic-0@15", given.received, "malformed-json")
