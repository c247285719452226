"""Every event that is logged: its stable name, its level, its typed fields, and the sentence for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Level = Literal["debug", "info", "warning", "error"]
Value = str | int | float

LOGGER: Final = logging.getLogger("kaoji")
EVENT_ATTRIBUTE: Final = "kaoji_event"
"""The attribute of a logging.LogRecord that holds the LogEvent; `FIELDS_ATTRIBUTE` holds its values."""
FIELDS_ATTRIBUTE: Final = "kaoji_fields"
RESERVED_FIELDS: Final = ("at", "level", "event", "message", "pid", "logger", "exception")
"""What every line has, or may have, beside the fields of its event."""
LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
)

_declared: dict[str, LogEvent] = {}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a log event: what its values are, and what they say."""

    kind: type[str] | type[int] | type[float]
    meaning: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Something worth a line: `sentence` has its fields in braces, `meaning` says when it comes and what to do."""

    name: str
    level: Level
    sentence: str
    meaning: str
    fields: Mapping[str, Field]

    def log(self, **values: Value) -> None:
        """Write the line, where somebody listens at this level; `values` are just the fields declared."""
        if not LOGGER.isEnabledFor(LEVELS[self.level]):
            return
        assert values.keys() == self.fields.keys(), f"{self.name} has the fields {', '.join(self.fields)}"
        for name, field in self.fields.items():
            known = (int, float) if field.kind is float else field.kind
            assert isinstance(values[name], known), f"{name} of {self.name} is a {field.kind.__name__}"
        told = {EVENT_ATTRIBUTE: self, FIELDS_ATTRIBUTE: values}
        LOGGER.log(LEVELS[self.level], self.sentence.format_map(values), extra=told)


def _event(name: str, level: Level, sentence: str, meaning: str, **fields: tuple[type, str]) -> LogEvent:
    assert name not in _declared, f"{name} is declared twice"
    assert not set(fields) & set(RESERVED_FIELDS), f"{name}: a field has a name that every line has"
    event = LogEvent(name, level, sentence, meaning, {key: Field(*value) for key, value in fields.items()})
    _declared[name] = event
    return event


_REASON = (str, "What is away or wrong, in a sentence.")
_PLACE = (str, "Topic and partition.")
_SECONDS = (float, "How long until the next try.")
_VIEW = (str, "Name of the view.")
_POSITION = (int, "Position in the ledger.")

# --- taking in from Kafka

CONSUMER_STARTED = _event(
    "consumer-started", "info", "Consuming {topic} from {bootstrap} as a member of {group}.",
    "`kaoji consume` has found Kafka and the topic, and joins its group.",
    topic=(str, "The topic."), bootstrap=(str, "Kafka's addresses."), group=(str, "The consumer group."),
)  # fmt: skip
CONSUMER_STOPPED = _event(
    "consumer-stopped", "info", "Stopped after {read} records: {recorded} recorded, {quarantined} quarantined.",
    "`kaoji consume` ends in good order: told to stop, or idle.",
    read=(int, "Records read since the start."), recorded=(int, "Of these, new actions."),
    duplicates=(int, "Of these, known already."), quarantined=(int, "Of these, refused."),
)  # fmt: skip
PARTITION_PLACED = _event(
    "partition-placed", "info", "Reading {place} from offset {offset}",
    "A partition was assigned, and is read from where the ledger stands.",
    place=_PLACE, offset=(int, "First offset that is read."),
)  # fmt: skip
PARTITION_BEGINS_LATE = _event(
    "partition-begins-late", "warning",
    "{place} begins at offset {offset}: earlier records are no longer in Kafka.",
    "A partition that was never read does not begin at 0. Whether anything was lost, its senders know.",
    place=_PLACE, offset=(int, "First offset that Kafka has."),
)  # fmt: skip
GAP_ACCEPTED = _event(
    "gap-accepted", "warning", "{reason} Going on at offset {offset}, as told by --accept-gap.",
    "Records were deleted unread, and are gone on without. Have them sent again.",
    reason=(str, "Which offsets of which partition are missing."), offset=(int, "Where reading goes on."),
)  # fmt: skip
TOPIC_RECREATED = _event(
    "topic-recreated", "warning", "The topic {topic} was created anew (id {id_now}, was {id_before}).",
    "The topic was deleted and made anew; the new one is read from its beginning.",
    topic=(str, "The topic."), id_now=(str, "Kafka's id of the new one."), id_before=(str, "And of the old one."),
)  # fmt: skip
BATCH_RECORDED = _event(
    "batch-recorded", "debug", "Recorded {recorded} of {read} records, up to position {position}.",
    "One batch is in the ledger.",
    read=(int, "Records in the batch."), recorded=(int, "Of these, new actions."),
    duplicates=(int, "Of these, known already."), quarantined=(int, "Of these, refused."),
    position=(int, "Last position in the ledger."),
)  # fmt: skip
RECORDS_QUARANTINED = _event(
    "records-quarantined", "info", "Quarantined {count} of {read} records: {codes}.",
    "A batch held records that were refused. `kaoji quarantine list` shows them with what to mend.",
    count=(int, "Refused records of the batch."), read=(int, "Records in the batch."),
    codes=(str, "Quarantine codes with their numbers, such as `unknown-type 3`."),
    first_place=(str, "Where the first of them stands in Kafka."),
)  # fmt: skip
BATCH_DROPPED = _event(
    "batch-dropped", "warning", "Dropped a batch that is in the ledger already, reading on from there: {reason}",
    "Another member has written these records: this one was fenced off. Nothing is lost. Often: members lose "
    "their partitions while they live, see `session_timeout_ms`.",
    reason=(str, "Which offset had been recorded."),
)  # fmt: skip
BATCH_ABANDONED = _event(
    "batch-abandoned", "warning", "Stopped while a batch was on its way into the store; {reason}",
    "Told to stop while the store did not answer. Nothing is lost: what is not in the ledger is read again.",
    reason=(str, "What the store said, or that it said nothing."),
)  # fmt: skip
CONSUMER_WAITING = _event(
    "consumer-waiting", "warning", "{reason} Waiting {seconds:.0f} s before the next try.",
    "Kafka or the store is away. Waits grow; it goes on by itself.",
    reason=_REASON, seconds=_SECONDS,
)  # fmt: skip
STORE_SILENT = _event(
    "store-silent", "warning", "The store has not answered for {seconds:.0f} s, and is waited for.",
    "A batch is on its way into a store that hangs, or that others keep locked. Said again each time that twice "
    "as long has gone by. Nothing more is read from Kafka meanwhile.",
    seconds=(float, "How long by now."),
)  # fmt: skip
CONSUMER_GOING_ON = _event(
    "consumer-going-on", "warning", "Going on.", "What was waited for is back.",
)  # fmt: skip
COMMIT_REFUSED = _event(
    "commit-refused", "debug", "Kafka did not take the commit: {reason}",
    "Kafka's own offsets lag behind for a moment. They are advice only; the ledger's are the truth.",
    reason=_REASON,
)  # fmt: skip
CLIENT_CLOSED_BADLY = _event(
    "client-closed-badly", "debug", "Closing the Kafka client: {reason}",
    "The group could not be left in good order; the others take over when the session times out.",
    reason=_REASON,
)  # fmt: skip
BROKER_SILENT = _event(
    "broker-silent", "debug", "{address}: {reason}", "One of Kafka's addresses accepts no connection.",
    address=(str, "HOST:PORT."), reason=_REASON,
)  # fmt: skip

# --- dead letters

LETTER_TOO_LARGE = _event(
    "letter-too-large", "warning", "{topic} takes no record with the headers of entry {entry}.",
    "A dead letter is too large for its topic even without its value, and is left out. See max.message.bytes.",
    topic=(str, "The dead-letter topic."), entry=(str, "Number of the quarantined record."),
)  # fmt: skip
LETTERS_KNOWN = _event(
    "letters-known", "debug", "Letters up to {entry} were published by another member too.",
    "Two members held the first partition for a moment; letters are published at least once.",
    entry=(int, "Number of the last quarantined record."),
)  # fmt: skip
LETTERS_WAITING = _event(
    "letters-waiting", "warning", "{reason} Refused records are kept; waiting {seconds:.0f} s to publish them.",
    "Dead letters cannot be published just now; they go out when they can.",
    reason=_REASON, seconds=_SECONDS,
)  # fmt: skip

# --- views

VIEW_OUTDATED = _event(
    "view-outdated", "warning", "The view {view} is in an older format: it is built anew.",
    "The first start after an upgrade. Answers wait for it.", view=_VIEW,
)  # fmt: skip
REBUILD_RESUMED = _event(
    "rebuild-resumed", "info", "The rebuild of {view} goes on from position {position}.",
    "An earlier rebuild was given up on the way.", view=_VIEW, position=_POSITION,
)  # fmt: skip
EVENT_SKIPPED = _event(
    "event-skipped", "warning", "The view {view} leaves out position {position}: {reason}",
    "By order (`kaoji projection skip`), until that is taken back. `kaoji verify` lists what is left out.",
    view=_VIEW, position=_POSITION, reason=(str, "Why, as it was said."),
)  # fmt: skip
EVENT_UNSKIPPED = _event(
    "event-unskipped", "warning", "The view {view} holds position {position} again: {reason}",
    "By order (`kaoji projection unskip`) the view was built anew with it, and swapped in.",
    view=_VIEW, position=_POSITION, reason=(str, "Why, as it was said."),
)  # fmt: skip
VERIFY_BEGAN_ANEW = _event(
    "verify-began-anew", "info", "{view} was replaced while it was verified: it is compared once more.",
    "A rebuild of the view ended meanwhile, so what was compared by then says nothing about the one that is live.",
    view=_VIEW,
)  # fmt: skip
VIEWS_NOT_FOLLOWING = _event(
    "views-not-following", "error", "{reason}",
    "The views are not kept up with the ledger: the store is away, or one cannot take in an event.",
    reason=_REASON,
)  # fmt: skip
VIEWS_FOLLOWING = _event(
    "views-following", "warning", "The views follow the ledger again.", "What kept them is over.",
)  # fmt: skip

# --- files kept beside the store

KEPT_FILE_UNFIT = _event(
    "kept-file-unfit", "warning", "A kept file is not as it was written ({reason}): it is made anew.",
    "Case files or columns that were kept for the next command are damaged. The answer is right all the same: it "
    "is derived from the ledger's views, and the file is written again. Often: look at the disk.",
    reason=_REASON,
)  # fmt: skip
FILES_NOT_KEPT = _event(
    "files-not-kept", "warning", "Case files cannot be kept for the next command: {reason}",
    "The folder cannot be written, or is full. Answers are right, and each command takes as long as the first. "
    "Name another folder in KAOJI_CACHE, or `none`. Said once by each process.",
    reason=_REASON,
)  # fmt: skip
FILES_KEPT = _event(
    "files-kept", "info", "Kept the case files up to position {position} in {folder}.",
    "Later commands count from them.", position=_POSITION, folder=(str, "Where."),
)  # fmt: skip

# --- the scoring core

CORE_SLOW = _event(
    "core-slow", "warning", "The scoring core is slow, and exact all the same. {reason}",
    "Counting takes far longer than it need: the scoring core runs uncompiled, or is compiled by every process "
    "anew. Answers are the same to the last bit. Said once by each process.",
    reason=_REASON,
)  # fmt: skip

# --- processes

SERVER_STARTED = _event(
    "server-started", "info", "Serving on {url}.", "`kaoji serve` answers.", url=(str, "Where."),
)  # fmt: skip
SERVER_STOPPED = _event("server-stopped", "info", "Stopped serving.", "`kaoji serve` ends in good order.")
METRICS_SERVED = _event(
    "metrics-served", "info", "Metrics and health at {url}.", "`--metrics` listens.", url=(str, "Where."),
)  # fmt: skip
NOT_READY = _event(
    "not-ready", "warning", "Not ready: {reasons}",
    "The answer of /health/ready has turned red. It is said once, until it changes.",
    reasons=(str, "Codes of the reasons, as in the answer."), detail=(str, "The same in sentences."),
)  # fmt: skip
READY_AGAIN = _event("ready-again", "warning", "Ready again.", "The answer of /health/ready has turned green.")
CONNECTION_CLOSED = _event(
    "connection-closed", "debug", "No complete request from {client} in {seconds:.0f} s: closed.",
    "Somebody connected over HTTP and did not finish a request.",
    client=(str, "Address and port."), seconds=(float, "How long it was waited for."),
)  # fmt: skip
COMMAND_FAILED = _event(
    "command-failed", "error", "{reason}",
    "A command ends with an error (in JSON logs only; else the sentence is printed).",
    reason=_REASON, error=(str, "Class of the error."), exit_code=(int, "How the process ends."),
)  # fmt: skip
LIBRARY = _event(
    "library", "warning", "{text}",
    "Something that a library says (`logger` is its name); the level is its own.",
    text=(str, "What it says."),
)  # fmt: skip

LOG_EVENTS: Final[Mapping[str, LogEvent]] = MappingProxyType(_declared)
"""Every event by its name, in the order of the reference page."""
