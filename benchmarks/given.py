"""What benchmarks are given: a simulated year of any size, recorded or about to be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from api.bootstrap import Kaoji, opened, system_clock
from api.demo.simulation import Simulation, actions_min
from api.settings import Settings
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.ledger.records import Arrival

BATCH = 5_000


@lru_cache(maxsize=1)
def lines(actions: int) -> tuple[bytes, ...]:
    """Records of a simulated year, as many as asked for or a few more."""
    staff = min(1_200, max(200, actions // 160))
    size = max(actions, actions_min(staff, published=False))
    return tuple(Simulation(staff=staff, actions=size, published=False).lines())[:actions]


@lru_cache(maxsize=1)
def arrivals(actions: int) -> tuple[Arrival, ...]:
    """The same, checked; those that are broken on purpose are left out."""
    now, found = system_clock(), []
    for number, line in enumerate(lines(actions), 1):
        try:
            found.append(Arrival(f"benchmark:{number}", line, check_action(line, now=now), None))
        except RefusedError:
            continue
    return tuple(found)


def batches(actions: int) -> Iterator[tuple[Arrival, ...]]:
    """Arrivals in batches."""
    found = arrivals(actions)
    for begin in range(0, len(found), BATCH):
        yield found[begin : begin + BATCH]


@contextmanager
def recorded(actions: int) -> Iterator[Kaoji]:
    """A ledger in SQLite that holds them, with no view yet."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = Settings(f"sqlite:///{place / 'kaoji.db'}", place / "keys.db", "en", "Asia/Shanghai", None)
        with opened(settings) as kaoji:
            for batch in batches(actions):
                kaoji.ledger.append(batch)
            yield kaoji
