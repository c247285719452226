"""Write a made-up history into a store with its whole ledger, as a server finds it: an action in each position."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from api.bootstrap import opened
from benchmarks.audit_queries import RECORDED, organisation
from benchmarks.made_store import settings_in, write_views
from domain.actions.types import ACTION_TYPES
from domain.ledger.records import ACTION_TOPIC
from projections.audit.index import STAFF_ROLES
from projections.history.columns import History

_CHUNK: Final = 100_000
_EPOCH: Final = 1_546_300_800_000_000
_SECOND: Final = 1_000_000


def write_audit_store(folder: Path, history: History) -> None:
    """The views as projections would fill them, and the ledger's rows written straight into the file: the way in
    is measured elsewhere."""
    with opened(settings_in(folder)) as kaoji:
        kaoji.driver.catch_up()
        write_views(kaoji, history, organisation(history), after=0)
    _fill(folder / "kaoji.db", history)


def recorded_at(position: int) -> int:
    """When the action in that position was recorded."""
    return _EPOCH + (position - 1) // RECORDED * _SECOND


def _fill(path: Path, history: History) -> None:
    connection = sqlite3.connect(path)
    # Nobody else is there, and whoever opens it next sees to a journal again.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    for begin in range(0, history.position, _CHUNK):
        stop = min(begin + _CHUNK, history.position)
        rows = (
            (position, position.to_bytes(16, "big"), 1, ACTION_TOPIC, facts)
            for position, facts in enumerate(_facts(history, begin, stop), begin + 1)
        )
        connection.executemany("INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)", rows)
        batches = [
            (first + 1, min(first + RECORDED, stop), recorded_at(first + 1))
            for first in range(begin, stop, RECORDED)
        ]
        connection.executemany("INSERT INTO ledger_batches VALUES (?, ?, ?)", batches)
        connection.commit()
    connection.close()


def _facts(history: History, begin: int, stop: int) -> Iterator[bytes]:
    """The facts of some actions, with the fields that an audit looks at."""
    names = {kind.code: name for name, kind in ACTION_TYPES.items()}
    words = {name: [*history.words_of(name), None] for name in ("unit", "staff", "outcome", "procedure")}
    subjects = history.words_of("subject")
    columns = {name: history.rows[name][begin:stop].tolist() for name in ("type", "subject", "source")}
    times = np.datetime_as_string(history.rows["time"][begin:stop].view("datetime64[us]"))
    fields = [
        [words[vocabulary][code] for code in history.rows[column][begin:stop].tolist()]
        for vocabulary, column in [("unit", "unit"), *(("staff", role) for role in STAFF_ROLES),
                                   ("outcome", "outcome"), ("procedure", "procedure")]
    ]  # fmt: skip
    said = ("unit", "owner", "actor", "supervisor", "recorded_by", "outcome", "procedure")
    corrected = ACTION_TYPES["record.corrected"].code
    for row in range(stop - begin):
        data = [f'"{name}":"{field[row]}"' for name, field in zip(said, fields, strict=True) if field[row]]
        if columns["type"][row] == corrected:
            data += ['"changes":{"note":null}', '"reason":"typing error"']
        yield (
            f'{{"specversion":"1.0","id":"{begin + row}","source":"/made-up/{columns["source"][row]}",'
            f'"type":"{names[columns["type"][row]]}","subject":"{subjects[columns["subject"][row]].partition(":")[2]}",'
            f'"time":"{times[row]}Z","data":{{{",".join(data)}}}}}'
        ).encode()
