"""Name every step of the product's work, and have a process die or fall asleep at one of them.

The product knows nothing of this: a member of the campaign puts these hooks around functions and statements after
it was forked.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Each entry names what the hook is put around: module, function or method, and how the step is called.
FUNCTIONS = (
    ("consumers.kafka_member", "Member.poll", "poll"),
    ("consumers.kafka", "to_arrivals", "check"),
    ("consumers.kafka_member", "Member.recorded", "advice"),
    ("domain.ledger.ledger", "Ledger.append", "append"),
    ("domain.ledger.ledger", "Ledger._look_up", "look-up"),
    ("domain.ledger.sealing", "Sealer.seal", "seal"),
    ("domain.ledger.ledger", "Ledger.read", "read"),
    ("projections.driver", "Driver.catch_up", "catch-up"),
    ("projections.history.writer", "HistoryProjection.apply", "view history"),
    ("projections.directory", "DirectoryProjection.apply", "view directory"),
    ("projections.integrity", "IntegrityProjection.apply", "view integrity"),
    ("projections.rulebook", "RulebookProjection.apply", "view rulebook"),
)
REQUIRED = (
    *(f"{moment} {name}" for _, _, name in FUNCTIONS for moment in ("before", "after")),
    *(f"{moment} commit of {room}" for room in ("ledger", "views", "keys") for moment in ("before", "after")),
    *(
        f"{moment} insert {table}"
        for moment in ("before", "after")
        for table in (
            "stored_events",
            "TRACKING",
            "ledger_batches",
            "ledger_sealed",
            "ledger_quarantine",
            "ledger_receipts",
            "kaoji_history_parts",
            "kaoji_directory_actions",
            "kaoji_integrity_blocks",
            "kaoji_adopted_rules",
        )
    ),
    "before update kaoji_view_builds",
    "after update kaoji_view_builds",
    "before delete kaoji_view_rebuilds",
    "after delete kaoji_view_rebuilds",
)
"""Steps that a campaign must know: the way from poll to commit, the inside of each view, the swap of a rebuild."""

OUTSIDE = ("after poll", "after check", "before append", "before seal", "after seal", "before advice")
"""Steps at which a member may fall asleep without holding a lock of the store."""

_WRITE = re.compile(r"\b(INSERT\s+INTO|COPY|UPDATE|DELETE\s+FROM)\s+([\w.\"]+)", re.IGNORECASE)
_TRACKING = ("tracking", "notification_tracking")


@dataclass(frozen=True)
class Plan:
    """Where a member meets its end (SIGKILL) or falls asleep (SIGSTOP): the `nth` time it comes to a step."""

    step: str
    nth: int
    number: signal.Signals = signal.SIGKILL


class Steps:
    """Counts the steps of one process, and sends it the signal when it has come to the planned one."""

    def __init__(self, tell: Callable[[str], object], plan: Plan | None) -> None:
        self._tell, self._plan = tell, plan
        self.passed: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        self.passed[name] += 1
        plan = self._plan
        if plan is not None and name == plan.step and self.passed[name] == plan.nth:
            self._tell(name)
            os.kill(os.getpid(), plan.number)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """The step before, and the one after if nothing was raised."""
        self(f"before {name}")
        yield
        self(f"after {name}")


def install(steps: Steps) -> None:
    """Put the hooks in place, in this process, for good."""
    for module, path, name in FUNCTIONS:
        _wrap(module, path, name, steps)
    _hook_sqlite(steps)
    _hook_postgres(steps)


def _wrap(module: str, path: str, name: str, steps: Steps) -> None:
    owner: Any = importlib.import_module(module)
    *outer, last = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    wrapped = getattr(owner, last)

    @functools.wraps(wrapped)
    def hooked(*arguments: Any, **options: Any) -> Any:
        with steps.around(name):
            return wrapped(*arguments, **options)

    setattr(owner, last, hooked)


class _Transaction:
    """What a connection has written since it began, by which its commit is named."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._rooms: set[str] = set()

    @contextmanager
    def statement(self, text: str) -> Iterator[None]:
        word = text.strip().upper()
        if word.startswith(("COMMIT", "ROLLBACK", "BEGIN")):
            name = f"commit of {min(self._rooms)}" if self._rooms and word.startswith("COMMIT") else None
            self._rooms.clear()
        else:
            name = self._write(text)
        if name is None:
            yield
        else:
            with self._steps.around(name):
                yield

    def _write(self, text: str) -> str | None:
        found = _WRITE.search(text)
        if found is None:
            return None
        table = found[2].replace('"', "").rpartition(".")[2].lower()
        verb = "insert" if found[1].upper() == "COPY" else found[1].split()[0].lower()
        self._rooms.add(_room(table))
        return f"{verb} {'TRACKING' if table in _TRACKING else table}"


def _room(table: str) -> str:
    if table.startswith("kaoji_"):
        return "views"
    return "keys" if table == "keys" else "ledger"


def _hook_sqlite(steps: Steps) -> None:
    class Cursor(sqlite3.Cursor):
        def execute(self, text: str, *rest: Any) -> Any:
            with self.connection.transaction.statement(text):  # type: ignore[attr-defined]
                return super().execute(text, *rest)

        def executemany(self, text: str, *rest: Any) -> Any:
            with self.connection.transaction.statement(text):  # type: ignore[attr-defined]
                return super().executemany(text, *rest)

    class Connection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.transaction = _Transaction(steps)

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, text: str, *rest: Any) -> Any:
            return self.cursor().execute(text, *rest)

        def executemany(self, text: str, *rest: Any) -> Any:
            return self.cursor().executemany(text, *rest)

        def commit(self) -> None:
            with self.transaction.statement("COMMIT"):
                super().commit()

        def rollback(self) -> None:
            with self.transaction.statement("ROLLBACK"):
                super().rollback()

    connect = functools.partial(sqlite3.connect, factory=Connection)
    sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[assignment]


def _hook_postgres(steps: Steps) -> None:
    import psycopg

    def transaction(connection: Any) -> _Transaction:
        found: _Transaction = connection.__dict__.setdefault("_campaign", _Transaction(steps))
        return found

    def text_of(query: Any) -> str:
        if isinstance(query, bytes):
            return query.decode()
        return query if isinstance(query, str) else str(query.as_string())

    execute, executemany, copy = psycopg.Cursor.execute, psycopg.Cursor.executemany, psycopg.Cursor.copy
    command = psycopg.Connection._exec_command

    def hooked_execute(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        with transaction(self.connection).statement(text_of(query)):
            return execute(self, query, *rest, **options)

    def hooked_executemany(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        with transaction(self.connection).statement(text_of(query)):
            return executemany(self, query, *rest, **options)

    @contextmanager
    def hooked_copy(self: Any, query: Any, *rest: Any, **options: Any) -> Iterator[Any]:
        with transaction(self.connection).statement(text_of(query)), copy(self, query, *rest, **options) as opened:
            yield opened

    def hooked_command(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        with transaction(self).statement(text_of(query)):
            return (yield from command(self, query, *rest, **options))

    psycopg.Cursor.execute, psycopg.Cursor.executemany = hooked_execute, hooked_executemany  # type: ignore[method-assign]
    psycopg.Cursor.copy = hooked_copy  # type: ignore[assignment,method-assign]
    psycopg.Connection._exec_command = hooked_command  # type: ignore[assignment,method-assign]
