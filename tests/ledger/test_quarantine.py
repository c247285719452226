"""The quarantine: what was refused is kept once with its raw bytes, can be retried and given up."""

from __future__ import annotations

import hashlib

import pytest

from domain.actions.refusals import RefusedError
from domain.ledger import sql
from domain.ledger.errors import EntryMovedError, UnknownEntryError
from domain.ledger.ledger import Ledger
from domain.ledger.quarantine import ANY, OPEN, EntryFilter, Group
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW, LedgerMaker, arrival, arrivals, record


def test_an_entry_says_where_why_and_what(ledger: Ledger) -> None:
    raw = record("A-1", source="/gx/other", subject="case-3", rating=9)

    (verdict,) = ledger.append([arrival(raw, "actions.ndjson:12")])

    (entry,) = ledger.quarantine.list(raw=True)
    assert (verdict.kind, verdict.code, verdict.remedy) == ("quarantined", "bad-value", entry.remedy)
    assert (entry.place, entry.raw, entry.sha256) == ("actions.ndjson:12", raw, hashlib.sha256(raw).digest())
    assert (entry.source, entry.action_id, entry.type) == ("/gx/other", "A-1", "licensing.received")
    assert (entry.subject, entry.code, entry.state, entry.times_seen) == ("case-3", "bad-value", "open", 1)
    assert (entry.refused_at, entry.resolved_at) == (NOW, None)
    assert ledger.quarantine.get(entry.entry_id) == entry


def test_the_same_refused_record_at_the_same_place_is_one_entry_but_counts_each_time(
    make_ledger: LedgerMaker,
) -> None:
    ledger = make_ledger()
    batch = [arrival(b"{", "a:1"), arrival(b"{", "a:1"), arrival(b"{", "a:2"), arrival(b"[", "a:1")]
    assert [verdict.kind for verdict in ledger.append(batch)] == ["quarantined"] * 4
    make_ledger.clock.now += 5

    assert [verdict.kind for verdict in ledger.append(batch)] == ["quarantined"] * 4

    entries = ledger.quarantine.list(raw=True)
    assert [(entry.place, entry.raw, entry.times_seen) for entry in entries] == [
        ("a:1", b"{", 4), ("a:2", b"{", 2), ("a:1", b"[", 2),
    ]  # fmt: skip
    assert {(entry.refused_at, entry.seen_at) for entry in entries} == {(NOW, NOW + 5)}
    assert sum(ledger.counts()["quarantined"].values()) == 3


def test_entries_are_filtered_by_code_source_time_and_state(make_ledger: LedgerMaker) -> None:
    ledger = make_ledger()
    ledger.append(arrivals(b"{", record(1, source="/a", rating=9)))
    make_ledger.clock.now += 10
    ledger.append([arrival(record(2, source="/b", rating=9), "late:1")])
    listed = ledger.quarantine.list
    first, second, third = (entry.entry_id for entry in listed())
    ledger.quarantine.drop(first)

    def numbers(wanted: EntryFilter = OPEN, **part: int) -> list[int]:
        found = [entry.entry_id for entry in listed(wanted, **part)]  # type: ignore[arg-type]
        assert found == [entry.entry_id for entry in ledger.quarantine.each(wanted, **part)]
        return found

    assert numbers() == [second, third]
    assert numbers(EntryFilter(code="bad-value", source="/a")) == [second]
    assert numbers(EntryFilter(case="case-1")) == [second, third]
    assert numbers(EntryFilter(case="case-2")) == []
    assert numbers(EntryFilter(place="late:1")) == [third]
    assert numbers(EntryFilter(place="late")) == []
    assert numbers(EntryFilter(place="la*")) == [third]
    assert numbers(EntryFilter(place="*")) == [second, third]
    assert numbers(EntryFilter(place="l%*")) == []
    assert numbers(EntryFilter(since=NOW + 1)) == [third]
    assert numbers(EntryFilter(until=NOW)) == [second]
    assert numbers(ANY) == [first, second, third]
    assert numbers(EntryFilter(state="dropped")) == [first]
    assert numbers(limit=1) == [second]
    assert numbers(limit=0) == []
    assert numbers(after=second) == [third]
    assert ledger.counts()["quarantined"] == {"bad-value": 2}


def test_a_dropped_entry_loses_its_raw_bytes_and_keeps_its_hash_even_when_seen_again(ledger: Ledger) -> None:
    ledger.append([arrival(b"{ private", "a:1")])
    (entry,) = ledger.quarantine.list()

    dropped = ledger.quarantine.drop(entry.entry_id, reason="sent by mistake")
    ledger.append([arrival(b"{ private", "a:1")])

    assert (dropped.state, dropped.raw, dropped.resolved_at) == ("dropped", None, NOW)
    assert (dropped.place, dropped.sha256, dropped.code) == (entry.place, entry.sha256, entry.code)
    assert (dropped.reason, dropped.size_bytes) == ("sent by mistake", None)
    again = ledger.quarantine.get(entry.entry_id)
    assert (again.state, again.raw, again.times_seen) == ("dropped", None, 2)
    assert ledger.quarantine.list() == []


def test_a_retried_entry_is_resolved_with_the_append_that_records_it(ledger: Ledger) -> None:
    # What was unknown to an older version is known to this one.
    raw = record(1)
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival("a:1", raw, None, refusal), Arrival("a:2", b"{", None, refusal)])
    entries = ledger.quarantine.list(raw=True)

    verdicts = ledger.append(
        [arrival(entry.raw or b"", entry.place) for entry in entries],
        retried=[entry.entry_id for entry in entries],
    )

    assert [verdict.kind for verdict in verdicts] == ["recorded", "quarantined"]
    recorded, refused = (ledger.quarantine.get(entry.entry_id) for entry in entries)
    assert (recorded.state, recorded.raw, recorded.resolved_at) == ("retried", raw, NOW)
    assert (refused.state, refused.code, refused.times_seen) == ("open", "malformed-json", 2)
    assert ledger.counts() == {"events": 1, "quarantined": {"malformed-json": 1}}


def test_a_retry_that_finds_its_action_recorded_meanwhile_is_resolved_too(ledger: Ledger) -> None:
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival("a:1", record(1), None, refusal)])
    ledger.append([arrival(record(1), "b:1")])
    (entry,) = ledger.quarantine.list()

    (verdict,) = ledger.append([arrival(record(1), "a:1")], retried=[entry.entry_id])

    assert verdict.kind == "duplicate"
    assert ledger.quarantine.get(entry.entry_id).state == "retried"


def test_text_that_no_database_takes_does_not_stop_the_quarantine(ledger: Ledger) -> None:
    raw = b'{"specversion":"1.0","id":"a\\u0000b","source":"/a","type":"x","subject":7}'

    ledger.append([arrival(raw, "nul\0in\ud800place:1" + "x" * 5000)])

    (entry,) = ledger.quarantine.list(raw=True)
    assert (entry.raw, entry.action_id, entry.subject) == (raw, "a\ufffdb", None)
    assert len(entry.place) == 500


def test_many_refused_records_at_once(ledger: Ledger) -> None:
    ledger.append([arrival(b"{%d" % number, f"a:{number}") for number in range(3000)])

    assert ledger.counts()["quarantined"] == {"malformed-json": 3000}


def test_an_unknown_entry_is_told(ledger: Ledger) -> None:
    with pytest.raises(UnknownEntryError, match="kaoji quarantine list"):
        ledger.quarantine.get(99)
    with pytest.raises(UnknownEntryError):
        ledger.quarantine.drop(99)


def test_listing_reads_no_bytes_but_says_how_many_there_are(ledger: Ledger) -> None:
    ledger.append([arrival(b"{" * 100, "a:1")])

    (entry,) = ledger.quarantine.list()

    assert (entry.raw, entry.size_bytes) == (None, 100)
    assert ledger.quarantine.get(entry.entry_id).raw == b"{" * 100


def test_retry_that_is_refused_changes_its_entry_and_makes_no_other(ledger: Ledger) -> None:
    # Given an entry that was put aside in a form of its own
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival("a:1", b"as it was put aside", None, refusal, form="mapped")])
    (entry,) = ledger.quarantine.list()
    ledger.append(arrivals(record(1, unit="a")))
    # When a mended mapping makes an action of it that conflicts with another
    (verdict,) = ledger.append([arrival(record(1, unit="b"), "a:1")], retried=[entry.entry_id])
    # Then it is the same entry, with today's code
    assert (verdict.kind, verdict.code) == ("quarantined", "conflict")
    (after,) = ledger.quarantine.list(raw=True)
    assert (after.entry_id, after.code, after.raw) == (entry.entry_id, "conflict", b"as it was put aside")
    assert (after.form, after.times_seen) == ("mapped", 2)


@pytest.mark.parametrize("raw", [record(1), b"{"])
def test_entry_that_somebody_else_has_dealt_with_meanwhile_is_not_written(ledger: Ledger, raw: bytes) -> None:
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival(f"a:{number}", record(number), None, refusal) for number in (1, 2)])
    first, second = (entry.entry_id for entry in ledger.quarantine.list())
    ledger.quarantine.drop(first)

    with pytest.raises(EntryMovedError, match="meanwhile"):
        ledger.append([arrival(raw), arrival(record(2))], retried=[first, second])

    assert ledger.head().position == 0
    assert [entry.entry_id for entry in ledger.quarantine.list()] == [second]


def test_entries_come_in_chunks_of_bounded_size_in_the_order_in_which_they_came(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.ledger.quarantine._CHUNK_ENTRIES_MAX", 3)
    monkeypatch.setattr("domain.ledger.quarantine._CHUNK_BYTES_MAX", 100)
    monkeypatch.setattr("domain.ledger.quarantine._PAGE", 2)
    sizes = [10, 10, 10, 10, 150, 10, 60, 60, 10]
    ledger.append([arrival(b"%d" % at + b"{" * (size - 1), f"a:{at}") for at, size in enumerate(sizes)])

    chunks = list(ledger.quarantine.chunks())

    assert [[entry.size_bytes for entry in chunk] for chunk in chunks] == [[10] * 3, [10, 150], [10, 60, 60], [10]]
    assert all(len(entry.raw or b"") == entry.size_bytes for chunk in chunks for entry in chunk)
    assert [entry.place for chunk in chunks for entry in chunk] == [f"a:{at}" for at in range(9)]
    assert [entry.place for entry in ledger.quarantine.each()] == [f"a:{at}" for at in range(9)]
    limited = ledger.quarantine.chunks(after=chunks[0][0].entry_id, limit=4)
    assert [entry.place for chunk in limited for entry in chunk] == ["a:1", "a:2", "a:3", "a:4"]


def test_entries_are_summed_up_by_code_and_source(make_ledger: LedgerMaker) -> None:
    ledger = make_ledger()
    ledger.append(arrivals(b"{", record(1, source="/b", rating=9), record(2, source="/a", rating=9)))
    make_ledger.clock.now += 5
    ledger.append([arrival(record(3, source="/b", rating=9), "later")])
    ledger.quarantine.drop(ledger.quarantine.list(EntryFilter(source="/a"))[0].entry_id)

    assert ledger.quarantine.groups() == [
        Group("bad-value", "/b", 2, NOW, NOW + 5),
        Group("malformed-json", None, 1, NOW, NOW),
    ]


FORMAT_1 = """
CREATE TABLE ledger_quarantine (
    entry_id {entry_id}, place text NOT NULL, sha256 {blob} NOT NULL, raw {blob}, code text NOT NULL,
    remedy text NOT NULL, source text, action_id text, type text, subject text, times_seen {integer} NOT NULL,
    refused_at {integer} NOT NULL, seen_at {integer} NOT NULL, state text NOT NULL DEFAULT 'open',
    resolved_at {integer}, UNIQUE (place, sha256)
)
"""
INSERT_1 = (
    "INSERT INTO ledger_quarantine (place, sha256, raw, code, remedy, times_seen, refused_at, seen_at) "
    "VALUES ('a:1', '', '', 'unknown-type', 'r', 1, 7, 7)"
)


def test_ledger_of_the_first_format_is_brought_up_to_date_when_it_is_opened(make_ledger: LedgerMaker) -> None:
    # Given a ledger as it was first made, with an entry
    ledger = make_ledger()
    ledger.append(arrivals(record(1)))
    store, words = ledger._store, sql.SQLITE if make_ledger.url.startswith("sqlite") else sql.POSTGRES
    for statement in (
        "DROP TABLE ledger_quarantine", "DROP TABLE ledger_receipts", FORMAT_1.format(**words._asdict()),
        INSERT_1,
        "UPDATE ledger_about SET value = '1' WHERE name = 'format'",
    ):  # fmt: skip
        store.execute(statement)
    make_ledger.close()
    # When it is opened, twice
    for _ in range(2):
        ledger = make_ledger()
        # Then the entry is there, and everything can be done with it
        (entry,) = ledger.quarantine.list(ANY)
        assert (entry.place, entry.form, entry.key, entry.reason) == ("a:1", None, None, None)
    ledger.append(arrivals(record(1), b"{"))
    ledger.append(arrivals(record(2)), retried=[entry.entry_id])
    assert ledger.quarantine.get(entry.entry_id).state == "retried"
    assert ledger.head().position == 2
    assert ledger._store.about()["format"] == "2"
