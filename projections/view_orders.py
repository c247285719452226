"""What operators have ordered of views: pauses, events to be left out, and those to be taken in again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, insert, select, update

from projections.view_tables import PAUSES, SKIPS, UNSKIPS, Checkpoint, of_build

# Every question to a server begins with this: putting a statement together costs as much as running it.
_SELECT_PAUSES = select(PAUSES)


class Pause(NamedTuple):
    """A view that is not to be carried on: why, and since when (microseconds)."""

    reason: str
    paused_at: int


class Skip(NamedTuple):
    """A position that a view leaves out: why, and since when (microseconds)."""

    projection: str
    position: int
    reason: str
    skipped_at: int
    taken_in_by: int | None = None
    """The build that takes it in again all the same, and ends the skip when it becomes live."""


class Unskip(NamedTuple):
    """A skip that is taken back: why, and since when (microseconds), and what was said of the skip."""

    projection: str
    position: int
    reason: str
    unskipped_at: int
    skip_reason: str
    skipped_at: int


class ViewOrders:
    """The tables of orders in the ledger's database."""

    def pauses(self, connection: Connection) -> dict[str, Pause]:
        """The views that are not to be carried on."""
        return {row[0]: Pause(*row[1:]) for row in connection.execute(_SELECT_PAUSES)}

    def pause(self, connection: Connection, projection: str, pause: Pause) -> None:
        """Have a view stand still, for whoever carries it; a second pause goes in the place of the first."""
        self.resume(connection, projection)
        connection.execute(insert(PAUSES).values(projection=projection, **pause._asdict()))

    def resume(self, connection: Connection, projection: str) -> None:
        """Let a view be carried on again."""
        connection.execute(delete(PAUSES).where(PAUSES.c.projection == projection))

    def skips(self, connection: Connection, *, after: int = 0, upto: int | None = None) -> list[Skip]:
        """The positions that views leave out, in their order."""
        same = and_(UNSKIPS.c.projection == SKIPS.c.projection, UNSKIPS.c.position == SKIPS.c.position)
        query = select(SKIPS, UNSKIPS.c.build).outerjoin_from(SKIPS, UNSKIPS, same)
        query = query.where(SKIPS.c.position > after).order_by(SKIPS.c.projection, SKIPS.c.position)
        if upto is not None:
            query = query.where(SKIPS.c.position <= upto)
        return [Skip(*row) for row in connection.execute(query)]

    def skip(self, connection: Connection, skip: Skip) -> None:
        """Have a view leave out a position, until that is taken back; known skips stay as they are."""
        known = and_(SKIPS.c.projection == skip.projection, SKIPS.c.position == skip.position)
        if connection.execute(select(SKIPS).where(known)).first() is None:
            said = {name: value for name, value in skip._asdict().items() if name in SKIPS.c}
            connection.execute(insert(SKIPS).values(said))

    def unskip(self, connection: Connection, build: Checkpoint, unskip: Unskip) -> None:
        """Have a build that is not live take in a position that others leave out: the skip ends in the swap."""
        same = and_(UNSKIPS.c.projection == unskip.projection, UNSKIPS.c.position == unskip.position)
        connection.execute(delete(UNSKIPS).where(same))
        connection.execute(insert(UNSKIPS).values(build=build.build, **unskip._asdict()))

    def unskips(self, connection: Connection) -> list[Unskip]:
        """The skips that were taken back, in their order."""
        columns = [UNSKIPS.c[name] for name in Unskip._fields]
        query = select(*columns).where(UNSKIPS.c.build.is_(None))
        return [Unskip(*row) for row in connection.execute(query.order_by(*columns[:2]))]

    def taken_in_again(self, connection: Connection, build: Checkpoint) -> list[int]:
        """The positions that a build takes in though its view leaves them out, in their order."""
        query = select(UNSKIPS.c.position).where(of_build(UNSKIPS, build)).order_by(UNSKIPS.c.position)
        return list(connection.execute(query).scalars())

    def end_skips(self, connection: Connection, build: Checkpoint) -> None:
        """Of what this build was to take in again, what it has come to is left out no more."""
        taken_in = and_(of_build(UNSKIPS, build), UNSKIPS.c.position <= build.position)
        ended = select(UNSKIPS.c.position).where(taken_in)
        connection.execute(
            delete(SKIPS).where(and_(SKIPS.c.projection == build.projection, SKIPS.c.position.in_(ended)))
        )
        connection.execute(update(UNSKIPS).where(taken_in).values(build=None))
        self.forget_unskips(connection, build)

    def forget_unskips(self, connection: Connection, build: Checkpoint) -> None:
        """Have a build take in nothing that others leave out."""
        connection.execute(delete(UNSKIPS).where(of_build(UNSKIPS, build)))
