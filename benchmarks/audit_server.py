"""A warm server over a made-up history: a ledger with all its actions in a file, asked over a socket."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
import uvicorn

from api.bootstrap import Kaoji, opened, system_clock
from api.http.app import create_app
from api.http.server import listen
from api.settings import read_settings
from benchmarks.audit_queries import PAGE, RECORDED, ZONE
from domain.action_types import ACTION_TYPES
from domain.directory import Directory
from domain.ledger.records import ACTION_TOPIC
from projections.audit_index import STAFF_ROLES
from projections.audit_trail import AuditFilter
from projections.driver import Progress, no_progress
from projections.history.columns import History
from projections.history.writer import HistoryProjection

_CHUNK: Final = 100_000
_EPOCH: Final = 1_546_300_800_000_000
_SECOND: Final = 1_000_000


@dataclass
class MadeUpKaoji(Kaoji):
    """One whose history is given; all else it does as ever."""

    made_up: History | None = None

    def history(self, *, progress: Progress = no_progress) -> History:
        """Catches up, and looks where the view stands, as every question does."""
        self.driver.catch_up(progress=progress)
        with self.views.reading() as connection:
            assert self.views.find_live(connection, HistoryProjection.name) is not None
        assert self.made_up is not None
        return self.made_up


class Server:
    """A connection to it that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)

    def get(self, wanted: AuditFilter) -> bytes:
        """The page of `GET /actions`."""
        self._connection.request("GET", f"/actions?{urlencode(_parameters(wanted))}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def positions(self, wanted: AuditFilter) -> list[int]:
        """The positions on it."""
        return [each["position"] for each in json.loads(self.get(wanted))["actions"]]


@contextmanager
def server_of(history: History, directory: Directory) -> Iterator[Server]:
    """A server over a ledger in SQLite with one action for each row of the history."""
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings({"KAOJI_STORE": f"sqlite:///{folder}/kaoji.db", "KAOJI_ZONE": ZONE.name})
        with opened(settings) as plain:
            _fill(Path(folder) / "kaoji.db", history)
            kaoji = MadeUpKaoji(settings, plain.ledger, plain.views, plain.driver, system_clock, made_up=history)
            with kaoji.views.transaction() as connection:
                for name, projection in kaoji.driver.projections.items():
                    build = kaoji.views.live(connection, name, format=projection.format)
                    kaoji.views.advance(connection, build, history.position)
            kaoji.audit_trail.directory.at(history, ZONE, lambda: directory)
            with listen("127.0.0.1", 0, open_to_others=False) as listening:
                config = uvicorn.Config(create_app(kaoji), log_config=None, access_log=False, lifespan="on")
                server = uvicorn.Server(config)
                thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
                thread.start()
                while not server.started:
                    time.sleep(0.01)
                asking = Server(listening.getsockname()[1])
                try:
                    yield asking
                finally:
                    asking.close()
                    server.should_exit = True
                    thread.join()


def _parameters(wanted: AuditFilter) -> dict[str, str]:
    found: dict[str, Any] = {
        "case": wanted.case,
        "staff": wanted.staff,
        "unit": wanted.unit,
        "type": wanted.type,
        "from": None if wanted.from_time is None else _instant(wanted.from_time),
        "to": None if wanted.to_time is None else _instant(wanted.to_time - 1),
        "recorded-to": None if wanted.last_position is None else _instant(_recorded_at(wanted.last_position)),
        "after": wanted.first_position - 1 or None,
        "limit": PAGE,
        "effective": "true" if wanted.effective else None,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _recorded_at(position: int) -> int:
    return _EPOCH + (position - 1) // RECORDED * _SECOND


def _instant(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us')}Z"


def _fill(path: Path, history: History) -> None:
    """Write the ledger's rows straight into the file: the way in is measured elsewhere."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for begin in range(0, history.position, _CHUNK):
        stop = min(begin + _CHUNK, history.position)
        rows = (
            (position, position.to_bytes(16, "big"), 1, ACTION_TOPIC, facts)
            for position, facts in enumerate(_facts(history, begin, stop), begin + 1)
        )
        connection.executemany("INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)", rows)
        batches = [
            (first + 1, min(first + RECORDED, stop), _recorded_at(first + 1))
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
