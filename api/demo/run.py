"""Run the demonstration: simulate a year, send it through Kafka or a file, and score it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.bootstrap import opened, system_clock
from api.demo.kafka_node import KafkaNode, cache_folder, why_not
from api.demo.simulation import Simulation
from api.quarantine import entry_json
from api.scores.explanations import explanation
from api.scores.scorecards import Basis, basis
from api.settings import Settings
from consumers.files import open_files
from consumers.kafka import consume
from consumers.kafka_topics import create_topic, publish
from consumers.pipeline import Intake, Totals
from consumers.stopping import Stop
from domain.errors import KaojiError, WrongInputError
from projections.driver import Progress

TOPIC = "administrative-actions"
PARTITIONS = 6
EXPOSURE_MIN = 60
"""Rates on few cases mislead: the table of best and worst leaves them out."""
MARK = "made-by-kaoji-demo"
STORE = "kaoji.db"
KEPT_FILES = f"{STORE}-cache"
_DATABASES = (STORE, f"{STORE}-keys.db", "keys.db")  # the last one was the place of keys in earlier versions
OWN_FILES = (
    *(f"{name}{suffix}" for name in _DATABASES for suffix in ("", "-wal", "-shm")),
    KEPT_FILES,
    "actions.ndjson",
    MARK,
)

Tell = Callable[[str], None]


class DemoFolderError(WrongInputError):
    """A folder that holds something other than an earlier demonstration."""


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration leaves for whoever prints it."""

    store: str
    way: str
    reason: str | None
    """Why not through Kafka, where it was a file."""
    lines: int
    totals: Totals
    seconds: float
    found: Basis
    units: list[dict[str, Any]]
    staff: list[dict[str, Any]]
    explained: dict[str, Any]
    quarantined: list[dict[str, Any]]


def demonstrate(
    settings: Settings,
    folder: Path,
    *,
    simulation: Simulation,
    bootstrap: str | None,
    environment: Mapping[str, str],
    progress: Progress,
    tell: Tell,
) -> Demonstration:
    """Make everything anew in `folder`. Raises DemoFolderError, and UnreachableError for a given `bootstrap`."""
    started = time.monotonic()
    topic = f"{TOPIC}-{system_clock()}"
    if bootstrap is not None:
        # Asked first: what cannot be reached must not cost an earlier demonstration.
        create_topic(bootstrap, topic, partitions=PARTITIONS)
    _empty(folder)
    tell("simulate")
    lines = list(simulation.lines())
    actions = folder / "actions.ndjson"
    with actions.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    own = settings.for_store(f"sqlite:///{folder / STORE}")
    with opened(own) as kaoji:
        with ExitStack() as stack:
            reason = None if bootstrap else why_not()
            if bootstrap is None and reason is None:
                tell("start-kafka")
                try:
                    bootstrap = stack.enter_context(KafkaNode(cache_folder(environment))).bootstrap
                except KaojiError as error:
                    reason = str(error)
            if bootstrap is not None:
                way = f"Kafka {bootstrap}"
                totals = _through_kafka(kaoji, bootstrap, topic, lines, progress, tell)
            else:
                way = str(actions)
                tell("read-file")
                intake = Intake(kaoji.ledger)
                for file_read in open_files([str(actions)], clock=system_clock):
                    for after in intake.feed(file_read):
                        progress("ingest", after.read, len(lines))
                totals = intake.totals
        tell("scoring")
        first, last = simulation.period
        found = basis(
            kaoji,
            policy=simulation.policy,
            from_text=first.isoformat(),
            to_text=last.isoformat(),
            progress=progress,
        )
        wanted = {unit.code for unit in simulation.units}
        by_unit = found.to_json(found.scorecards("unit"))["subjects"]
        return Demonstration(
            store=own.store,
            way=way,
            reason=reason,
            lines=len(lines),
            totals=totals,
            seconds=time.monotonic() - started,
            found=found,
            units=[each for each in by_unit if each["subject"] in wanted],
            staff=_rated(found.to_json(found.scorecards("staff"))["subjects"]),
            explained=explanation(
                found, simulation.guangxi, by="unit", indicator="closure", language=settings.language
            ),
            quarantined=[entry_json(each) for each in kaoji.ledger.quarantine.list()],
        )


def _rated(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Staff with enough counted to be worth a look, the best first; of equal scores the one with more cases."""
    rated = [each for each in cards if each["score"] is not None and _exposure(each) >= EXPOSURE_MIN]
    return sorted(rated, key=lambda each: (-Decimal(each["score"]), -_exposure(each), each["subject"]))


def _exposure(card: dict[str, Any]) -> Decimal:
    return sum((Decimal(each["denominator"]) for each in card["indicators"]), Decimal(0))


def _empty(folder: Path) -> None:
    """Remove an earlier demonstration, and nothing else."""
    if folder.exists() and not folder.is_dir():
        raise DemoFolderError(f"{folder} is no folder. Name another place with --folder.")
    if folder.exists():
        strange = sorted(each.name for each in folder.iterdir() if each.name not in OWN_FILES)
        if strange or not (any(folder.iterdir()) is False or (folder / MARK).exists()):
            raise DemoFolderError(f"{folder} holds something else. Name another place with --folder.")
        shutil.rmtree(folder / KEPT_FILES, ignore_errors=True)
        for name in OWN_FILES:
            (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("`kaoji demo` makes the files in this folder anew at each run.\n")


def _through_kafka(
    kaoji: Any, bootstrap: str, topic: str, lines: list[bytes], progress: Progress, tell: Tell
) -> Totals:
    """Publish all lines to a new topic and consume them back into the ledger."""
    create_topic(bootstrap, topic, partitions=PARTITIONS)
    tell("publish")
    publish(bootstrap, topic, _watched(lines, progress))
    tell("consume")
    return consume(
        kaoji.ledger,
        bootstrap=bootstrap,
        clock=system_clock,
        topic=topic,
        group=topic,
        until_idle=1.0,
        stop=Stop(),
        on_batch=lambda totals: progress("consume", totals.read, len(lines)),
    )


def _watched(lines: list[bytes], progress: Progress) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        if number % 5_000 == 0 or number == len(lines):
            progress("publish", number, len(lines))
        yield line
