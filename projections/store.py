"""Keep views in SQL: checkpoints, parts of the history, directory actions, integrity blocks, adopted rules.

Every row belongs to a *build* of its projection. A rebuild fills a new build beside the live one; making it
live and dropping the old one is a single transaction. With its tables and orders, the only room that knows
SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import KaojiError, UnreachableError
from domain.ledger.errors import NoWritesError, cannot_be_opened, is_locked, is_read_only, lacks_room
from projections.view_orders import Pause, Skip, Unskip, ViewOrders
from projections.view_tables import (
    BLOCKS,
    BUILDS,
    DIRECTORY,
    PARTS,
    REBUILDS,
    RULES,
    VIEWS,
    Checkpoint,
    of_build,
)

__all__ = [
    "BLOCKS",
    "DATABASE_ERRORS",
    "DIRECTORY",
    "PARTS",
    "RULES",
    "Checkpoint",
    "Connection",
    "Pause",
    "Skip",
    "Table",
    "Unskip",
    "ViewMovedError",
    "ViewStore",
    "open_views",
]

_BEGINNINGS_LOCK = 0x4B414F4A_56494557
DATABASE_ERRORS = (OperationalError, PoolTimeoutError)
"""What the database reports when it is away or busy; `transaction` and `reading` say it in our words."""

# Every question to a server begins with this: putting a statement together costs as much as running it.
_SELECT_BUILDS = select(BUILDS).order_by(BUILDS.c.projection, BUILDS.c.live.desc(), BUILDS.c.build)


class ViewMovedError(KaojiError):
    """Another process carried the view on, or replaced it, in the meantime: read the checkpoint again."""


class DamagedStoreError(KaojiError):
    """A file of which SQLite says that it is not whole."""


class ViewStore(ViewOrders):
    """The tables of the views in the ledger's database. Thread-safe; connections come from a pool."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._closed = False
        if not _are_made(engine):
            self._make()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: commits at the end of the block, rolls back on any error."""
        with _told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look at all views; writes nothing and holds up no writer."""
        # The engine would open a connection again, which nobody closes: a history is read when it is asked.
        assert not self._closed, "a view is read after its store was closed"
        with _told(), self.engine.connect() as connection:
            connection.execution_options(reading=True)
            if self.engine.dialect.name == "postgresql":
                # Otherwise each statement would see what was committed by then.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()

    def close(self) -> None:
        """Give back all connections."""
        self._closed = True
        self.engine.dispose()

    def _make(self) -> None:
        """Make the tables, or what a store of an earlier release lacks. Who comes second finds them made."""
        with self.engine.begin() as connection:
            self.begin_alone(connection)
            VIEWS.create_all(connection)
            if not _builds_have_a_format(connection):
                added = text(f"ALTER TABLE {BUILDS.name} ADD COLUMN format INTEGER DEFAULT 1 NOT NULL")
                connection.execute(added)

    # --- builds and their checkpoints

    def builds(self, connection: Connection) -> list[Checkpoint]:
        """All builds, the live one of each projection first."""
        return [Checkpoint(*row) for row in connection.execute(_SELECT_BUILDS)]

    def find_live(self, connection: Connection, projection: str) -> Checkpoint | None:
        """The live build's checkpoint; None before anything was built."""
        found = connection.execute(
            select(BUILDS).where(and_(BUILDS.c.projection == projection, BUILDS.c.live))
        ).first()
        return None if found is None else Checkpoint(*found)

    def live(self, connection: Connection, projection: str, *, format: int = 1) -> Checkpoint:
        """The live build's checkpoint; the first build is made at position 0, in this format."""
        found = self.find_live(connection, projection)
        if found is None:
            self.begin_alone(connection)
            found = self.find_live(connection, projection)
        return found if found is not None else self.new_build(connection, projection, live=True, format=format)

    def begin_alone(self, connection: Connection) -> None:
        """Wait for others that make tables or begin builds; what they made is seen from here on.

        SQLite has one writer at a time. In PostgreSQL two would find the same thing missing, and make it twice.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_BEGINNINGS_LOCK)))

    def new_build(
        self, connection: Connection, projection: str, *, live: bool = False, format: int = 1
    ) -> Checkpoint:
        """Begin an empty build beside the others."""
        last = connection.execute(
            select(func.max(BUILDS.c.build)).where(BUILDS.c.projection == projection)
        ).scalar()
        checkpoint = Checkpoint(projection, (last or 0) + 1, 0, live, format)
        # Rows of a build that nobody knows can only be there if somebody took away its checkpoint.
        self._drop_rows(connection, checkpoint)
        try:
            connection.execute(
                insert(BUILDS).values(
                    projection=projection, build=checkpoint.build, position=0, live=live, format=format
                )
            )
        except IntegrityError as error:
            raise ViewMovedError(f"Another process has just begun a build of {projection}.") from error
        return checkpoint

    def advance(self, connection: Connection, checkpoint: Checkpoint, position: int) -> Checkpoint:
        """Move the checkpoint. Raises ViewMovedError if it no longer stands where `checkpoint` says."""
        moved = connection.execute(
            update(BUILDS)
            .where(
                and_(
                    BUILDS.c.projection == checkpoint.projection,
                    BUILDS.c.build == checkpoint.build,
                    BUILDS.c.position == checkpoint.position,
                )
            )
            .values(position=position)
        )
        if moved.rowcount != 1:
            raise ViewMovedError(f"Another process carried the view {checkpoint.projection} on.")
        return replace(checkpoint, position=position)

    def make_live(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """Swap: this build is live from the end of the transaction on, all others of it are gone."""
        for other in self.builds(connection):
            if other.projection == checkpoint.projection and other.build != checkpoint.build:
                self.drop_build(connection, other)
        connection.execute(
            update(BUILDS)
            .where(and_(BUILDS.c.projection == checkpoint.projection, BUILDS.c.build == checkpoint.build))
            .values(live=True)
        )
        connection.execute(delete(REBUILDS).where(of_build(REBUILDS, checkpoint)))
        self.end_skips(connection, checkpoint)

    def drop_build(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """Delete a build with everything in it."""
        # Whoever is just writing to it comes first: its rows would else be left over.
        self._lock(connection, checkpoint)
        self._drop_rows(connection, checkpoint)
        connection.execute(delete(REBUILDS).where(of_build(REBUILDS, checkpoint)))
        self.forget_unskips(connection, checkpoint)
        connection.execute(delete(BUILDS).where(of_build(BUILDS, checkpoint)))

    def _drop_rows(self, connection: Connection, checkpoint: Checkpoint) -> None:
        for table in (PARTS, DIRECTORY, BLOCKS, RULES):
            connection.execute(delete(table).where(of_build(table, checkpoint)))

    # --- rebuilds

    def rebuild_under_way(self, connection: Connection, projection: str) -> Checkpoint | None:
        """The build that a rebuild fills, or filled until it was given up; None if there is none."""
        same_build = and_(BUILDS.c.projection == REBUILDS.c.projection, BUILDS.c.build == REBUILDS.c.build)
        found = connection.execute(
            select(BUILDS).join(REBUILDS, same_build).where(BUILDS.c.projection == projection)
        ).first()
        return None if found is None else Checkpoint(*found)

    def begin_rebuild(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """Remember that this build is to become the live one, so that it is gone on with."""
        connection.execute(insert(REBUILDS).values(projection=checkpoint.projection, build=checkpoint.build))

    def hold(self, connection: Connection, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint as it stands, which nobody moves before the end of the transaction."""
        self._lock(connection, checkpoint)
        found = connection.execute(select(BUILDS).where(of_build(BUILDS, checkpoint))).first()
        if found is None:
            raise ViewMovedError(f"Another process has replaced the view {checkpoint.projection}. Try again.")
        return Checkpoint(*found)

    def _lock(self, connection: Connection, checkpoint: Checkpoint) -> None:
        connection.execute(update(BUILDS).where(of_build(BUILDS, checkpoint)).values(live=BUILDS.c.live))

    # --- rows of one build

    def add(
        self, connection: Connection, table: Table, build: Checkpoint, rows: Sequence[dict[str, object]]
    ) -> None:
        """Insert rows (without projection and build) into a build's view."""
        if rows:
            named = {"projection": build.projection, "build": build.build}
            connection.execute(insert(table), [named | row for row in rows])

    def remove(self, connection: Connection, table: Table, build: Checkpoint, **equal: object) -> None:
        """Delete a build's rows in which the named columns have these values."""
        where = [table.c[name] == value for name, value in equal.items()]
        connection.execute(delete(table).where(and_(of_build(table, build), *where)))

    def rows(
        self,
        connection: Connection,
        table: Table,
        build: Checkpoint,
        *columns: str,
        order: str,
        upto: tuple[str, int] | None = None,
        after: tuple[str, int] | None = None,
        among: tuple[str, Sequence[object]] | None = None,
    ) -> list[tuple[Any, ...]]:
        """A build's rows in the order of one column: up to a value, after one, or among some."""
        query = select(*(table.c[name] for name in columns)).where(of_build(table, build))
        if upto is not None:
            query = query.where(table.c[upto[0]] <= upto[1])
        if after is not None:
            query = query.where(table.c[after[0]] > after[1])
        if among is not None:
            query = query.where(table.c[among[0]].in_(among[1]))
        return [tuple(row) for row in connection.execute(query.order_by(table.c[order])).all()]


def _are_made(engine: Engine) -> bool:
    return set(VIEWS.tables) <= set(inspect(engine).get_table_names()) and _builds_have_a_format(engine)


def _builds_have_a_format(place: Engine | Connection) -> bool:
    """A store of before builds had one lacks the column."""
    return any(column["name"] == "format" for column in inspect(place).get_columns(BUILDS.name))


@contextmanager
def _told() -> Iterator[None]:
    """A database that went away, or is busy for too long, said in our words."""
    try:
        yield
    except DATABASE_ERRORS as error:
        raise UnreachableError(_why_not(getattr(error, "orig", None) or error)) from error
    except DatabaseError as error:
        if is_read_only(error.orig):
            raise NoWritesError("The store", str(error.orig)) from error
        # SQLite's words for a file with torn pages.
        if "malformed" not in str(error.orig) and "not a database" not in str(error.orig):
            raise
        raise DamagedStoreError(
            f"The store is damaged: {error.orig}. `kaoji verify` says where; put a backup in place with "
            "`kaoji restore`."
        ) from error


def _why_not(error: BaseException) -> str:
    """Why the store cannot be used just now, and what to do."""
    reason = " ".join(str(error).split()).rstrip(".")
    if is_locked(error):
        return f"Another process keeps the store locked ({reason}). Wait for it or stop it, then try again."
    if lacks_room(error):
        return f"The store has no room: {reason}. Make some on its disk, then try again."
    if cannot_be_opened(error):
        return f"The store cannot be opened: {reason}. Check that it and its folder can be written."
    return f"The store does not answer: {reason}. Start it, then try again."


def open_views(url: str) -> ViewStore:
    """The view store in the database of a ledger that was opened before. Raises UnreachableError."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    try:
        with _told():
            return ViewStore(engine)
    except UnreachableError:
        engine.dispose()
        raise


def _set_up_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # One that reads first and writes later would fail with "database is locked": take the lock at once.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
