"""Answer a thousand audits from the index, beside PostgreSQL with covering B-trees, and through a server."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.audit_peer import CHUNK, Peer, peer_of
from benchmarks.audit_queries import PAGE, ZONE, Query, made_directory, made_queries
from benchmarks.audit_server import Server, server_of
from benchmarks.audit_store import write_audit_store
from benchmarks.measuring import Figures
from benchmarks.synthetic_history import made_history
from domain.directory import Directory
from projections.audit.trail import AuditTrail
from projections.history.columns import History
from tests.reference.plain_scan import plain_scan

ROUNDS: Final = 3
BATCH: Final = 10_000
BATCHES: Final = 20
"""The last 200,000 actions come after all questions: what does it cost to take them up?"""
SCANNED: Final = 40
"""So many of the answers are compared with a plain scan of all columns."""
PEER_ACTIONS_MAX: Final = 10_000_000
SMALLER: Final = 10
"""Beside a history another one is asked that is so many times smaller: how does the cost grow?"""
SMALLER_ACTIONS_MIN: Final = 10_000

Page = Callable[[Query], list[int]]
Clock = Callable[[], float]


def audit_trail(actions: int) -> Figures:
    """Pages of 100 of audits of each kind, also in a tenth of the actions: positions from index and peer, whole
    pages through `kaoji serve`. Setting up is no part of any figure."""
    smaller = actions // SMALLER
    if smaller < SMALLER_ACTIONS_MIN:
        return _measured(actions)
    few, many = _measured(smaller), _measured(actions)
    return (
        {f"{smaller:,}: {name}": value for name, value in few.items()}
        | {f"{actions:,}: {name}": value for name, value in many.items()}
        | {
            f"growth: {name}": float(value) / float(few[name])
            for name, value in many.items()
            if name.endswith(" ms") and float(few.get(name, 0)) > 0
        }
    )


def _measured(actions: int) -> Figures:
    """All of it in one history."""
    whole = made_history(actions)
    directory = made_directory(whole)
    first = max(actions // 2, actions - BATCH * BATCHES)
    figures: Figures = {}
    trail, history = AuditTrail(), whole.upto(first)
    started = time.process_time()
    index = trail.index(history)
    figures["index: actions a second"] = round(first / (time.process_time() - started))
    figures["index: bytes an action"] = index.nbytes / first
    queries = made_queries(history)

    def ours(query: Query) -> list[int]:
        found = trail.find(index, query.wanted, zone=ZONE, directory=lambda: directory, limit=PAGE)
        return [position for some in found for position in some.tolist()]

    _check_scan(history, queries, directory, ours)
    _timed(figures, "index", queries, ours, {"ms": time.perf_counter})
    with tempfile.TemporaryDirectory() as folder:
        write_audit_store(Path(folder), history)
        _told(f"a store of {first:,} actions is written")
        with server_of(Path(folder)) as server:
            _through(figures, server, queries, ours)
    if actions <= PEER_ACTIONS_MAX:
        with peer_of(whole, directory, ZONE) as peer:
            _beside(figures, peer, queries, ours, first)
    _upkeep(figures, trail, whole, first)
    return figures


def _told(what: str) -> None:
    """A long run says how far it has come."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _check_scan(history: History, queries: Sequence[Query], directory: Directory, ours: Page) -> None:
    for query in queries[:: max(1, len(queries) // SCANNED)]:
        expected = plain_scan(history, query.wanted, zone=ZONE, directory=directory)[:PAGE].tolist()
        assert ours(query) == expected, query


def _through(figures: Figures, server: Server, queries: Sequence[Query], ours: Page) -> None:
    for query in queries:
        assert server.positions(query.wanted) == ours(query), query
    clocks = {"ms": time.perf_counter, "server's processor ms": server.processor_seconds}
    _timed(figures, "server", queries, lambda query: server.get(query.wanted), clocks)
    _told("pages are measured")


def _beside(figures: Figures, peer: Peer, queries: Sequence[Query], ours: Page, first: int) -> None:
    seconds = 0.0
    for begin in range(0, first, CHUNK):
        seconds += _loaded(peer, begin, min(begin + CHUNK, first))
    started = time.perf_counter()
    peer.finish()
    figures["PostgreSQL: actions a second, first load"] = round(first / (seconds + time.perf_counter() - started))
    _told("PostgreSQL is loaded")
    tables, indexes = peer.size()
    figures["PostgreSQL: bytes an action, tables"] = tables / first
    figures["PostgreSQL: bytes an action, indexes"] = indexes / first
    # It would have to keep all columns twice for what stands after corrections.
    comparable = [query for query in queries if not query.wanted.effective]

    def theirs(query: Query) -> list[int]:
        return peer.page(query.wanted, PAGE)

    for query in comparable:
        assert ours(query) == theirs(query), query
    _timed(figures, "PostgreSQL", comparable, theirs, {"ms": time.perf_counter})
    more = [
        _loaded(peer, begin, min(begin + BATCH, peer.history.position))
        for begin in range(first, peer.history.position, BATCH)
    ]
    figures["PostgreSQL: ms for 10,000 more, mean"] = 1_000 * float(np.mean(more))
    _told("PostgreSQL is measured")


def _loaded(peer: Peer, begin: int, stop: int) -> float:
    """Seconds that the peer takes for some rows."""
    rows = peer.prepared(begin, stop)
    started = time.perf_counter()
    peer.load(rows)
    return time.perf_counter() - started


def _upkeep(figures: Figures, trail: AuditTrail, whole: History, first: int) -> None:
    states = [whole.upto(min(begin + BATCH, whole.position)) for begin in range(first, whole.position, BATCH)]
    seconds = []
    for state in states:
        started = time.perf_counter()
        trail.index(state)
        seconds.append(time.perf_counter() - started)
    figures["index: ms for 10,000 more, mean"] = 1_000 * float(np.mean(seconds))
    figures["index: ms for 10,000 more, most"] = 1_000 * max(seconds)


def _timed(
    figures: Figures,
    name: str,
    queries: Sequence[Query],
    page: Callable[[Query], object],
    clocks: Mapping[str, Clock],
) -> None:
    """Percentiles over the queries: of all that were asked in three rounds, as it went; and by kind, of each query
    the least of the three, since the machine may be shared."""
    taken: dict[str, list[list[float]]] = {clock: [[] for _ in queries] for clock in clocks}
    for _ in range(ROUNDS):
        for number, query in enumerate(queries):
            begun = {clock: read() for clock, read in clocks.items()}
            page(query)
            for clock, read in clocks.items():
                taken[clock][number].append(read() - begun[clock])
    for clock, seconds in taken.items():
        by_kind = {"as it went": [each for rounds in seconds for each in rounds]}
        for number, query in enumerate(queries):
            for kind in ("all", query.kind):
                by_kind.setdefault(kind, []).append(min(seconds[number]))
        for kind, some in by_kind.items():
            for share in (50, 99):
                figures[f"{name}: {kind}: p{share} {clock}"] = round(1_000 * float(np.percentile(some, share)), 3)
