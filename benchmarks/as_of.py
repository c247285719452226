"""Score everybody as it was known half-way, beside scoring all that is known."""

from __future__ import annotations

import tempfile
from pathlib import Path

from api.bootstrap import opened
from benchmarks.made_cases import Made
from benchmarks.made_store import settings_in, write_store
from benchmarks.measuring import Figures, by_turns
from benchmarks.ours import ours
from benchmarks.peer_tables import Answer
from benchmarks.synthetic import context, world
from benchmarks.synthetic_history import made_history
from projections.history.columns import History
from projections.tallies.tallies import count


def as_of(actions: int) -> Figures:
    """From a loaded history: files of all cases, then all measures; with `--as-of` in the middle, and without."""
    made = made_history(actions)
    middle = made.position // 2
    expected = _scored(made.upto(middle), actions)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_store(folder, made)
        before = made.position
        del made
        with opened(settings_in(folder), create=False) as kaoji:
            history = kaoji.history()
            adopted = history.position - before
            assert _scored(history.upto(middle + adopted), actions) == expected, "equal answers first"
            figures = by_turns(
                {
                    "as known now": lambda: _scored(history, actions),
                    "as of the middle": lambda: _scored(history.upto(middle + adopted), actions),
                },
                items=history.position,
                rounds=3,
            )
    return figures | {
        "as of the middle, times a normal pass": float(figures["as of the middle: seconds"])
        / float(figures["as known now: seconds"])
    }


def _scored(history: History, actions: int) -> Answer:
    counted = count(history, context())
    size = world(actions)
    procedures = len(history.words_of("procedure"))
    return ours(Made(counted.files.cases, counted.files.spans, counted.rules, size.staff, procedures))
