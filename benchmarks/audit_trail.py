"""Answer a thousand audits from the index, beside PostgreSQL with covering B-trees, and through the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from benchmarks.audit_peer import CHUNK, Peer, peer_of
from benchmarks.audit_queries import PAGE, ZONE, Query, made_directory, made_queries
from benchmarks.audit_server import Server, server_of
from benchmarks.measuring import Figures
from benchmarks.synthetic_history import made_history
from domain.directory import Directory
from projections.audit_trail import AuditTrail
from projections.history.columns import History
from tests.reference.plain_scan import plain_scan

ROUNDS: Final = 3
BATCH: Final = 10_000
BATCHES: Final = 20
"""The last 200,000 actions come after all questions: what does it cost to take them up?"""
SCANNED: Final = 40
"""So many of the answers are compared with a plain scan of all columns."""
PEER_ACTIONS_MAX: Final = 10_000_000

Page = Callable[[Query], list[int]]


def audit_trail(actions: int) -> Figures:
    """Pages of 100 of an audit of each kind: positions from index and peer, whole pages through the server."""
    whole = made_history(actions)
    directory = made_directory(whole)
    first = max(actions // 2, actions - BATCH * BATCHES)
    figures: Figures = {}
    trail, history = AuditTrail(), whole.upto(first)
    started = time.perf_counter()
    index = trail.index(history)
    figures["index: actions a second"] = round(first / (time.perf_counter() - started))
    figures["index: bytes an action"] = index.nbytes / first
    queries = made_queries(history)

    def ours(query: Query) -> list[int]:
        found = trail.find(index, query.wanted, zone=ZONE, directory=lambda: directory, limit=PAGE)
        return [position for some in found for position in some.tolist()]

    _check_scan(history, queries, directory, ours)
    _timed(figures, "index", queries, ours)
    if actions <= PEER_ACTIONS_MAX:
        with peer_of(whole, directory, ZONE) as peer:
            _beside(figures, peer, queries, ours, first)
    with server_of(history, directory) as server:
        _through(figures, server, queries, ours)
    _upkeep(figures, trail, whole, first)
    return figures


def _check_scan(history: History, queries: Sequence[Query], directory: Directory, ours: Page) -> None:
    for query in queries[:: max(1, len(queries) // SCANNED)]:
        expected = plain_scan(history, query.wanted, zone=ZONE, directory=directory)[:PAGE].tolist()
        assert ours(query) == expected, query


def _beside(figures: Figures, peer: Peer, queries: Sequence[Query], ours: Page, first: int) -> None:
    started = time.perf_counter()
    for begin in range(0, first, CHUNK):
        peer.load(begin, min(begin + CHUNK, first))
    peer.finish()
    figures["PostgreSQL: actions a second"] = round(first / (time.perf_counter() - started))
    tables, indexes = peer.size()
    figures["PostgreSQL: bytes an action, tables"] = tables / first
    figures["PostgreSQL: bytes an action, indexes"] = indexes / first
    # It would have to keep all columns twice for what stands after corrections.
    comparable = [query for query in queries if not query.wanted.effective]

    def theirs(query: Query) -> list[int]:
        return peer.page(query.wanted, PAGE)

    for query in comparable:
        assert ours(query) == theirs(query), query
    _timed(figures, "PostgreSQL", comparable, theirs, own=False)
    seconds = []
    for begin in range(first, peer.history.position, BATCH):
        started = time.perf_counter()
        peer.load(begin, min(begin + BATCH, peer.history.position))
        seconds.append(time.perf_counter() - started)
    figures["PostgreSQL: ms for 10,000 more, mean"] = 1_000 * float(np.mean(seconds))


def _through(figures: Figures, server: Server, queries: Sequence[Query], ours: Page) -> None:
    for query in queries:
        assert server.positions(query.wanted) == ours(query), query
    _timed(figures, "server", queries, lambda query: server.get(query.wanted))


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
    *,
    own: bool = True,
) -> None:
    """Of each query the least of three rounds: the machine may be shared. Then percentiles over the queries.

    "processor" is what this process computed (`own`: all of it happens here), without waiting for its turn.
    """
    clocks = {"ms": time.perf_counter} | ({"processor ms": time.process_time} if own else {})
    least = {clock: [float("inf")] * len(queries) for clock in clocks}
    for _ in range(ROUNDS):
        for number, query in enumerate(queries):
            begun = {clock: read() for clock, read in clocks.items()}
            page(query)
            for clock, read in clocks.items():
                least[clock][number] = min(least[clock][number], read() - begun[clock])
    for clock, seconds in least.items():
        by_kind: dict[str, list[float]] = {"all": seconds}
        for number, query in enumerate(queries):
            by_kind.setdefault(query.kind, []).append(seconds[number])
        for kind, some in by_kind.items():
            for share in (50, 99):
                figures[f"{name}: {kind}: p{share} {clock}"] = round(1_000 * float(np.percentile(some, share)), 3)
