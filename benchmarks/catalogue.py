"""All benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.append import append
from benchmarks.as_of import as_of
from benchmarks.audit_trail import audit_trail
from benchmarks.calendars import calendars
from benchmarks.consume import consume
from benchmarks.decode import decode
from benchmarks.freshness import freshness
from benchmarks.live import live
from benchmarks.measuring import Figures
from benchmarks.project import project
from benchmarks.score_cold import score_cold
from benchmarks.score_memory import score_memory
from benchmarks.score_pass import score_pass
from benchmarks.soak import soak
from benchmarks.what_if import what_if

BENCHMARKS: Mapping[str, Callable[..., Figures]] = {
    "append": append,
    "as-of": as_of,
    "audit-trail": audit_trail,
    "calendars": calendars,
    "consume": consume,
    "decode": decode,
    "freshness": freshness,
    "live": live,
    "project": project,
    "score-cold": score_cold,
    "score-memory": score_memory,
    "score-pass": score_pass,
    "soak": soak,
    "what-if": what_if,
}
