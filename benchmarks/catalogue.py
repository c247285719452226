"""All benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.append import append
from benchmarks.calendars import calendars
from benchmarks.decode import decode
from benchmarks.measuring import Figures
from benchmarks.project import project
from benchmarks.score_pass import score_pass

BENCHMARKS: Mapping[str, Callable[[int], Figures]] = {
    "append": append,
    "calendars": calendars,
    "decode": decode,
    "project": project,
    "score-pass": score_pass,
}
