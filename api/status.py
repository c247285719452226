"""Say how things stand: the ledger's head, how far views are behind, what waits, what was refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from api.bootstrap import Kaoji
from api.gaps import missing_by_source
from api.view_operations import pause_json, skip_json
from api.watching.observation import Observation, Observer
from domain.compiled import COMPILED
from projections.corrections import report_corrections
from projections.damage import PoisonEventError
from projections.history.columns import History
from projections.recorded_actions import instant_text
from projections.tallies.case_files import waiting_actions


def status(kaoji: Kaoji, *, observer: Observer | None = None) -> dict[str, Any]:
    """What `kaoji status` prints and `GET /status` answers. The lag is that before this command caught up.

    A view that cannot take in an event is the `fault`; the rest is told all the same.
    """
    seen = (observer or Observer(kaoji)).look()
    history, fault = _history_and_fault(kaoji, seen)
    corrections = report_corrections(history, kaoji.ledger)
    with kaoji.views.reading() as connection:
        skipped = [skip_json(each) for each in kaoji.views.skips(connection)]
    return {
        **observed(seen),
        "fault": fault,
        "skipped": skipped,
        "waiting": int(waiting_actions(history).size),
        "without_effect": list(corrections.without_effect),
        "self_recorded": list(corrections.self_recorded),
        "gaps": missing_by_source(kaoji, history),
        "quarantined": kaoji.ledger.counts()["quarantined"],
        "kept_files": None if kaoji.kept_files is None else [path.name for path in kaoji.kept_files.paths()],
        "core": "compiled" if COMPILED else "plain Python (slow): install numba to compile it",
    }


def _history_and_fault(kaoji: Kaoji, seen: Observation) -> tuple[History, str | None]:
    """The history as far as it comes, and which event keeps a view from coming farther."""
    try:
        return kaoji.history(), None
    except PoisonEventError as error:
        # No view is carried on for a position that all of them have reached.
        return kaoji.history(upto=min(view.position for view in seen.views)), str(error)


def observed(seen: Observation) -> dict[str, Any]:
    """The part of it that only looks, and carries no view on."""
    head = seen.head
    return {
        "events": head.position,
        "recorded_at": None if head.position == 0 else instant_text(head.recorded_at),
        "projections": [
            {
                "name": view.name,
                "position": view.position,
                "lag": view.lag,
                "lag_seconds": round(view.lag_seconds, 3),
                "paused": None if view.paused is None else pause_json(view.paused),
            }
            for view in seen.views
        ],
    }


class Watched:
    """What `kaoji status --watch` shows each time: a look, and what has come since the last one."""

    def __init__(
        self, kaoji: Kaoji, observer: Observer, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._kaoji, self._observer, self._monotonic = kaoji, observer, monotonic
        self._before: tuple[int, float] | None = None

    def look(self) -> dict[str, Any]:
        """How things stand now. Raises UnreachableError."""
        seen, now = self._observer.look(), self._monotonic()
        rate = None
        if self._before is not None and now > self._before[1]:
            rate = round((seen.head.position - self._before[0]) / (now - self._before[1]), 1)
        self._before = (seen.head.position, now)
        found = observed(seen)
        for view, stands in zip(found["projections"], seen.views, strict=True):
            view["stall_seconds"] = round(stands.stall_seconds, 3)
        return {
            "at": self._at(),
            "error": None,
            **found,
            "events_per_second": rate,
            "quarantined": self._kaoji.ledger.quarantine.counts(),
        }

    def nothing(self, error: str) -> dict[str, Any]:
        """What is shown where there is no answer."""
        self._before = None
        empty: dict[str, Any] = {"projections": [], "events_per_second": None, "quarantined": {}}
        return {"at": self._at(), "error": error, "events": None, "recorded_at": None, **empty}

    def _at(self) -> str:
        return instant_text(self._kaoji.clock())
