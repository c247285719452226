"""The product as tests use it: a store in a folder, a clock that stands, events in, counts out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from api.bootstrap import Kaoji, opened
from api.settings import Settings
from domain.actions.actions import check_action
from domain.ledger.records import Arrival, Verdict
from domain.rules.calendars import Calendar, to_day
from domain.rules.context import Context
from domain.rules.procedures import (
    DeemedAcceptance,
    Extension,
    Limit,
    ProcedureVersion,
    Register,
    Step,
    Supervision,
    Title,
)
from domain.zones import load_zone
from tests.reference.cases import ReferenceLimit

NOW = 1_772_000_000_000_000
"""A day in 2026, in microseconds."""

Event = Mapping[str, Any]
TITLE = Title(zh="程序", en="Procedure")


@contextmanager
def product(folder: Path, *, store: str | None = None, clock: Callable[[], int] = lambda: NOW) -> Iterator[Kaoji]:
    """An opened ledger with its views in a folder (or in the store given)."""
    settings = Settings(
        store=store or f"sqlite:///{folder / 'kaoji.db'}",
        keys=folder / "keys.db",
        language="en",
        zone="Asia/Shanghai",
        token=None,
    )
    with opened(settings, clock=clock) as kaoji:
        yield kaoji


def arrival(event: Event | bytes, place: str = "test:1") -> Arrival:
    """An event as it arrives."""
    received = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
    return Arrival(place, received, check_action(received, now=NOW), None)


def record(kaoji: Kaoji, events: Iterable[Event], *, batches: Sequence[int] = ()) -> list[Verdict]:
    """Append events, in batches of the sizes given and the rest at once; the views catch up after each."""
    waiting, verdicts = list(events), []
    for size in (*batches, len(waiting)):
        batch, waiting = waiting[:size], waiting[size:]
        if batch:
            verdicts += kaoji.ledger.append([arrival(event) for event in batch])
            kaoji.driver.catch_up(batch_max=max(1, len(batch) // 2))
    return verdicts


def register(limits: Mapping[str, ReferenceLimit]) -> Register:
    """The reference's limits as a register."""
    procedures = {
        code: tuple(
            sorted(map(partial(version, code), (limit, *limit.others)), key=lambda one: one.valid_from or 0)
        )
        for code, limit in limits.items()
    }
    return Register(name="test", title=TITLE, processes={}, procedures=procedures, hash="test")


def version(code: str, limit: ReferenceLimit) -> ProcedureVersion:
    """One version of a procedure of the reference."""
    deemed, more, watched = limit.deemed, limit.extension, limit.supervision
    return ProcedureVersion(
        code=code,
        process=limit.process or "none",
        title=TITLE,
        legal_basis="-",
        limit=None if limit.days is None else Limit(days=limit.days, kind=limit.kind),
        stop_reasons=limit.stop_reasons,
        valid_from=None if limit.valid_from == date.min else to_day(limit.valid_from),
        valid_to=None if limit.valid_to == date.max else to_day(limit.valid_to),
        steps=tuple(Step(code=step, title=TITLE, required=required) for step, required in limit.steps),
        deemed_acceptance=None if deemed is None else DeemedAcceptance(days=deemed[0], kind=deemed[1]),
        extension=None if more is None else Extension(days=more[0], times=more[1], kind=limit.kind),
        supervision=None if watched is None else Supervision(warning=watched[0], red=watched[1], kind=watched[2]),
    )


def context(
    limits: Mapping[str, ReferenceLimit],
    calendar: Calendar,
    *,
    zone: str = "Asia/Shanghai",
    precision: Any = "day",
) -> Context:
    """A context over the reference's limits."""
    return Context(load_zone(zone), precision, register(limits), calendar)
