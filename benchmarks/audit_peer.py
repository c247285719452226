"""The audit trail in PostgreSQL, as its own experts would keep it: covering B-trees for each way of asking.

Beside the actions stand three side tables, kept in the order in which they are asked for: what belongs to a case
(later facts included), who has a role, and which units stood above on the day. So every filter is a range of a
B-tree that is in the order of positions and holds type and time as well: pages are read from indexes alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from domain.zones import Zone
from projections.audit.conditions import UnitTree
from projections.audit.index import STAFF_ROLES
from projections.audit.trail import AuditFilter, subjects_of_case
from projections.history.columns import History

Columns = Mapping[str, NDArray[Any]]
Prepared = list[tuple[str, memoryview]]
"""Table, and its rows as text."""
CHUNK: Final = 1_000_000

_KEPT: Final = "position integer NOT NULL, type smallint NOT NULL, family smallint NOT NULL, time bigint NOT NULL"
_TABLES: Final = (
    f"CREATE TABLE actions ({_KEPT})",
    f"CREATE TABLE of_case (subject integer NOT NULL, {_KEPT})",
    f"CREATE TABLE of_staff (staff integer NOT NULL, {_KEPT})",
    f"CREATE TABLE of_unit (unit integer NOT NULL, {_KEPT})",
)
_INDEXES: Final = (
    "CREATE UNIQUE INDEX ON actions (position) INCLUDE (type, family, time)",
    "CREATE INDEX ON actions (type, position) INCLUDE (time)",
    "CREATE INDEX ON actions (family, position) INCLUDE (time)",
    "CREATE INDEX ON actions (time, position) INCLUDE (type, family)",
    "CREATE UNIQUE INDEX ON of_case (subject, position) INCLUDE (type, family, time)",
    "CREATE UNIQUE INDEX ON of_staff (staff, position) INCLUDE (type, family, time)",
    "CREATE UNIQUE INDEX ON of_unit (unit, position) INCLUDE (type, family, time)",
    "CREATE INDEX ON of_unit (unit, time, position) INCLUDE (type, family)",
    "CREATE INDEX ON of_unit (unit, type, position) INCLUDE (time)",
)
_SETTINGS: Final = (
    # Checkpoints every gigabyte would write whole pages again and again.
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "ALTER SYSTEM SET checkpoint_timeout = '15min'",
    "SELECT pg_reload_conf()",
    "SET maintenance_work_mem = '1GB'",
    "SET work_mem = '64MB'",
    "SET jit = off",
    "SET random_page_cost = 1.1",
    "SET effective_cache_size = '8GB'",
    "SET max_parallel_workers_per_gather = 0",
)
_FAMILIES: Final = {name: code for code, name in enumerate(sorted({k.family for k in ACTION_TYPES.values()}), 1)}
_FAMILY_OF: Final = np.zeros(256, np.int16)
for _kind in ACTION_TYPES.values():
    _FAMILY_OF[_kind.code] = _FAMILIES[_kind.family]


class Peer:
    """A PostgreSQL of its own that holds what an audit asks for."""

    def __init__(self, url: str, history: History, directory: Directory, zone: Zone) -> None:
        self.history = history
        self._tree = UnitTree.of(history, directory, zone)
        self._zone = zone
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        for statement in (*_SETTINGS, *_TABLES):
            self.connection.execute(statement)
        self._cases = _cases(history)

    def prepared(self, begin: int, stop: int) -> Prepared:
        """Rows `begin` to `stop - 1` as COPY takes them: what it costs to make that is no cost of the peer's."""
        return [(name, _text(columns)) for name, columns in self._rows(begin, stop)]

    def load(self, rows: Prepared) -> None:
        """COPY them, in one transaction."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for table, content in rows:
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
                    copy.write(content)

    def finish(self) -> None:
        """Build the indexes, as one does after a first load, and let the planner learn."""
        for statement in (*_INDEXES, "VACUUM ANALYZE"):
            self.connection.execute(statement)

    def size(self) -> tuple[int, int]:
        """Bytes of the tables, bytes of the indexes."""
        row = self.connection.execute(
            "SELECT sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint FROM pg_class c "
            "WHERE c.relname IN ('actions', 'of_case', 'of_staff', 'of_unit')"
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def page(self, wanted: AuditFilter, limit: int) -> list[int]:
        """The first positions that match."""
        tables, where = [], []
        for table, column, code in self._asked(wanted):
            tables.append(table)
            where.append(f"{table}.{column} = {code}")
        tables = tables or ["actions"]
        first = tables[0]
        if wanted.type is not None and wanted.type.endswith(".*"):
            where.append(f"{first}.family = {_FAMILIES[wanted.type[:-2]]}")
        elif wanted.type is not None and wanted.type != "*":
            where.append(f"{first}.type = {ACTION_TYPES[wanted.type].code}")
        bounds = [
            ("time >=", wanted.from_time),
            ("time <", wanted.to_time),
            ("position >=", wanted.first_position if wanted.first_position > 1 else None),
            ("position <=", wanted.last_position),
        ]
        where += [f"{first}.{column} {bound}" for column, bound in bounds if bound is not None]
        joined = first + "".join(f" JOIN {table} USING (position)" for table in tables[1:])
        condition = f"WHERE {' AND '.join(where)} " if where else ""
        rows = self.connection.execute(f"SELECT position FROM {joined} {condition}ORDER BY position LIMIT {limit}")
        return [row[0] for row in rows]

    def _asked(self, wanted: AuditFilter) -> Iterator[tuple[str, str, int]]:
        if wanted.case is not None:
            codes = subjects_of_case(wanted.case, self.history)
            yield "of_case", "subject", next(iter(codes.values()), -1)
        if wanted.staff is not None:
            yield "of_staff", "staff", self.history.words["staff"].find(wanted.staff)
        if wanted.unit is not None:
            yield "of_unit", "unit", self._tree.names.get(wanted.unit, -1)

    def _rows(self, begin: int, stop: int) -> Iterator[tuple[str, Columns]]:
        """The rows of each table for some actions."""
        names = ("type", "subject", "time", "unit", *STAFF_ROLES)
        columns = {name: self.history.rows[name][begin:stop] for name in names}
        position = np.arange(begin + 1, stop + 1)
        kept = {"type": columns["type"], "family": _FAMILY_OF[columns["type"]], "time": columns["time"]}
        yield "actions", {"position": position, **kept}
        subject, of = self._cases
        first, behind = np.searchsorted(of, [begin + 1, stop + 1])
        yield "of_case", _side("subject", subject[first:behind], of[first:behind] - 1 - begin, position, kept)
        yield "of_staff", _side("staff", *self._staff(begin, stop, columns), position, kept)
        yield "of_unit", _side("unit", *self._units(columns), position, kept)

    def _staff(self, begin: int, stop: int, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
        shares = self.history.shares
        first, behind = np.searchsorted(shares["position"], [begin + 1, stop + 1])
        people = [shares["staff"][first:behind], *(columns[role] for role in STAFF_ROLES)]
        rows = [shares["position"][first:behind] - 1 - begin, *(np.arange(stop - begin) for _ in STAFF_ROLES)]
        rows.append(np.flatnonzero(_FAMILY_OF[columns["type"]] == _FAMILIES["staff"]))
        subjects, staff = self.history.words_of("subject"), self.history.words["staff"]
        codes = columns["subject"][rows[-1]].tolist()
        people.append(np.array([staff.find(subjects[code].partition(":")[2]) for code in codes], np.int64))
        return _pairs(np.concatenate(people), np.concatenate(rows))

    def _units(self, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
        """The unit and all above it on the day."""
        tree, day = self._tree, self._zone.day_of(columns["time"])
        epoch = np.searchsorted(tree.epochs, day, "right")
        about = np.flatnonzero(_FAMILY_OF[columns["type"]] == _FAMILIES["unit"])
        named = np.flatnonzero(columns["unit"] >= 0)
        itself = tree.subject_units[np.searchsorted(tree.subjects, columns["subject"][about])]
        unit, row = np.concatenate([columns["unit"][named], itself]), np.concatenate([named, about])
        units, rows = [unit], [row]
        while unit.size:
            above = tree.parents[epoch[row], unit]
            there = above < tree.parents.shape[1] - 1
            unit, row = above[there], row[there]
            units.append(unit)
            rows.append(row)
        return _pairs(np.concatenate(units), np.concatenate(rows))


@contextmanager
def peer_of(history: History, directory: Directory, zone: Zone) -> Iterator[Peer]:
    """A peer in a PostgreSQL of its own, empty, that is gone afterwards."""
    from tests.support.postgres import private_server

    with private_server() as url:
        peer = Peer(url, history, directory, zone)
        try:
            yield peer
        finally:
            peer.connection.close()


def _text(columns: Columns) -> memoryview:
    sink = io.BytesIO()
    pa_csv.write_csv(
        pa.table({name: pa.array(column) for name, column in columns.items()}),
        sink,
        pa_csv.WriteOptions(include_header=False),
    )
    return sink.getbuffer()


def _pairs(codes: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each pair once, without those that name nobody."""
    pairs = np.unique((codes[codes >= 0].astype(np.int64) << 32) + rows[codes >= 0])
    return pairs >> 32, pairs & 0xFFFF_FFFF


def _side(name: str, codes: NDArray[Any], rows: NDArray[Any], position: NDArray[Any], kept: Columns) -> Columns:
    return {name: codes, "position": position[rows], **{column: values[rows] for column, values in kept.items()}}


def _cases(history: History) -> tuple[NDArray[Any], NDArray[Any]]:
    """(subject, position) by position: an expert has triggers write down what belongs to a case, link by link."""
    rows, links = history.rows, history.links
    everyone = np.arange(1, history.position + 1)
    by_case = np.flatnonzero(rows["of_case"] >= 0)
    subject = np.concatenate([rows["subject"], rows["of_case"][by_case]])
    position = np.concatenate([everyone, everyone[by_case]])
    known = fresh = np.unique((position.astype(np.int64) << 32) + subject)
    order = np.argsort(links["target"], kind="stable")
    target, later = links["target"][order], links["position"][order]
    while fresh.size:
        first, behind = (np.searchsorted(target, fresh >> 32, side) for side in ("left", "right"))
        many = behind - first
        at = np.arange(many.sum()) + np.repeat(first - (np.cumsum(many) - many), many)
        found = np.unique((later[at] << 32) + np.repeat(fresh & 0xFFFF_FFFF, many))
        fresh = np.setdiff1d(found, known, assume_unique=True)
        known = np.union1d(known, fresh)
    return known & 0xFFFF_FFFF, known >> 32
