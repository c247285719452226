"""What must be in a ledger, from what lies in Kafka and nothing else; and whether it is, bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from api.bootstrap import Kaoji, opened
from api.scores.scorecards import basis
from api.settings import Settings
from api.verification import verification
from domain.ledger.quarantine import ANY
from domain.ledger.records import ACTION_TOPIC
from domain.ledger.sql import QUARTER_MICROSECONDS
from domain.measuring.rollup import By
from projections.driver import Driver
from projections.store import BLOCKS, DIRECTORY, RULES, Checkpoint
from tests.campaigns.traffic import Meaning

FAULTS_MAX = 20
_PAGE = 5_000
FOR_EVER = 10**9 * QUARTER_MICROSECONDS


@dataclass
class Expected:
    """What becomes of every record of a topic: the first of a source and id is recorded, whatever dies."""

    records: int = 0
    recorded: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """The line of each action by source and id."""
    quarantined: dict[str, bytes] = field(default_factory=dict)
    """The line of each refused record by its place."""
    duplicates: Counter[str] = field(default_factory=Counter)
    """Repeats by source."""
    last: dict[int, int] = field(default_factory=dict)
    """The last offset of each partition."""
    lines: set[bytes] = field(default_factory=set)


def expected_of(bootstrap: str, topic: str, meanings: Mapping[bytes, Meaning | None]) -> Expected:
    """Read the topic with a plain client, without a group and without the product."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        expected, contents = Expected(), dict[tuple[str, str], str]()
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for partition, records in consumer.poll(timeout_ms=500, max_records=5_000).items():
                for record in records:
                    place = f"{topic}-{partition.partition}@{record.offset}"
                    _judge(expected, contents, place, record.value, meanings[record.value])
                    expected.last[partition.partition] = record.offset
        return expected
    finally:
        consumer.close()


def _judge(
    expected: Expected, contents: dict[tuple[str, str], str], place: str, line: bytes, meaning: Meaning | None
) -> None:
    expected.records += 1
    expected.lines.add(line)
    if meaning is None:
        expected.quarantined[place] = line
        return
    identity = (meaning.source, meaning.id)
    if identity not in contents:
        # All of one source and id have one key, so one partition: which is the first is settled by offsets.
        contents[identity], expected.recorded[identity] = meaning.content, line
    elif contents[identity] == meaning.content:
        expected.duplicates[meaning.source] += 1
    else:
        expected.quarantined[place] = line


def ledger_faults(kaoji: Kaoji, expected: Expected, *, adoptions: int | None = None) -> list[str]:
    """What was lost, doubled or changed on the way from Kafka to the ledger. `adoptions`: how many there are."""
    faults = [*_action_faults(kaoji, expected, adoptions), *_quarantine_faults(kaoji, expected)]
    counts = kaoji.ledger.counted(since=0, until=FOR_EVER)
    found = {each.source: each.duplicates for each in counts if each.source and each.duplicates}
    if found != dict(expected.duplicates):
        faults.append(f"repeats counted: {found}, sent: {dict(expected.duplicates)}")
    refused = sum(each.refused for each in counts)
    if refused != len(expected.quarantined):
        faults.append(f"refusals counted: {refused}, sent: {len(expected.quarantined)}")
    return faults


def _action_faults(kaoji: Kaoji, expected: Expected, adoptions: int | None) -> list[str]:
    faults: list[str] = []
    seen: Counter[tuple[str, str]] = Counter()
    others = position = 0
    while batch := kaoji.ledger.read(after=position, limit=_PAGE):
        for event in batch:
            position += 1
            if event.position != position:
                return [*faults, f"after position {position - 1} comes {event.position}"]
            if event.topic != ACTION_TOPIC:
                others += 1
                continue
            facts = json.loads(event.facts)
            identity = (facts["source"], facts["id"])
            seen[identity] += 1
            line = expected.recorded.get(identity)
            received = event.facts if event.commitment is None else kaoji.ledger.unseal(position)
            if line is None:
                faults.append(f"position {position}: {identity} was never sent, or is to be refused")
            elif line != received:
                faults.append(f"position {position}: {identity} is not what was sent")
    faults += [f"lost: {each}" for each in expected.recorded if each not in seen]
    faults += [f"recorded {times} times: {each}" for each, times in seen.items() if times > 1]
    if adoptions is not None and others != adoptions:
        faults.append(f"{others} adoptions are recorded, {adoptions} were made")
    return faults


def _quarantine_faults(kaoji: Kaoji, expected: Expected) -> list[str]:
    faults, found = [], defaultdict[str, list[Any]](list)
    for chunk in kaoji.ledger.quarantine.chunks(ANY):
        for entry in chunk:
            found[entry.place].append(entry)
    for place, line in expected.quarantined.items():
        entries = found.pop(place, [])
        if len(entries) != 1 or entries[0].times_seen != 1:
            times = sum(entry.times_seen for entry in entries)
            faults.append(f"{place} is to be quarantined once, and is so {times} times")
        elif entries[0].raw != line or entries[0].sha256 != hashlib.sha256(line).digest():
            faults.append(f"{place} is quarantined with other bytes than were sent")
    return faults + [f"{place} is quarantined, and is to be recorded" for place in found]


def view_faults(kaoji: Kaoji) -> list[str]:
    """What `kaoji verify --from-scratch` finds, and rows of live views that differ from a build of today."""
    faults = [str(fault) for fault in verification(kaoji, from_scratch=True)["faults"]]
    head = kaoji.ledger.head().position
    with kaoji.views.reading() as connection:
        live = {each.projection: each for each in kaoji.views.builds(connection) if each.live}
    for name in sorted(kaoji.driver.projections):
        if name not in live or live[name].position != head:
            faults.append(f"the view {name} stands at {live.get(name)}, the ledger at {head}")
            continue
        fresh = kaoji.driver.build_beside(name, upto=head)
        try:
            if _rows(kaoji.driver, live[name]) != _rows(kaoji.driver, fresh):
                faults.append(f"the rows of the view {name} differ from those of a rebuild")
        finally:
            with kaoji.views.transaction() as connection:
                kaoji.views.drop_build(connection, fresh)
    return faults


def score_faults(settings: Settings, *, year: int) -> list[str]:
    """Whether scores from the live views are those from rebuilt ones, to the last digit of what is printed."""
    live = _scores(settings, year)
    with opened(settings) as kaoji:
        for name in sorted(kaoji.driver.projections):
            kaoji.driver.rebuild(name, anew=True)
    rebuilt = _scores(settings, year)
    return [f"scores by {by} differ after a rebuild" for by in live if live[by] != rebuilt[by]]


def _scores(settings: Settings, year: int) -> dict[By, str]:
    with opened(settings) as kaoji:
        asked = basis(kaoji, policy="gx-2012", from_text=f"{year}-01-01", to_text=f"{year}-12-31")
        return {by: json.dumps(asked.to_json(asked.scorecards(by))) for by in ("staff", "unit", "process", "all")}


def _rows(driver: Driver, build: Checkpoint) -> list[Any]:
    """Every row of the views that keep one for each thing; parts of the history are cut by batches (verify)."""
    store = driver.store
    columns = {
        DIRECTORY: ("position", ("position", "type", "subject", "occurred_at", "facts")),
        BLOCKS: ("block", ("block", "leaves")),
        RULES: ("position", ("position", "recorded_at", "topic", "state")),
    }
    with store.reading() as connection:
        return [
            store.rows(connection, table, build, *names, order=order) for table, (order, names) in columns.items()
        ]
