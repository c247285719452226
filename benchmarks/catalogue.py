"""All benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.append import append
from benchmarks.audit_trail import audit_trail
from benchmarks.calendars import calendars
from benchmarks.decode import decode
from benchmarks.live import live
from benchmarks.measuring import Figures
from benchmarks.project import project
from benchmarks.score_pass import score_pass

BENCHMARKS: Mapping[str, Callable[[int], Figures]] = {
    "append": append,
    "audit-trail": audit_trail,
    "calendars": calendars,
    "decode": decode,
    "live": live,
    "project": project,
    "score-pass": score_pass,
}
