"""The score pass in DuckDB, as one who knows it well would write it.

What made it fast, after several ways were tried on 10 M actions:
- A window with PARTITION BY sorts everything and takes ten times as long as one without: over a table that is
  sorted by case, `lag`, `lead` and `last_value(... IGNORE NULLS)` with ROWS UNBOUNDED PRECEDING stream. The first
  action of each case puts -1 where it names nobody, which stops the fill.
- One statement with materialised common table expressions: a temporary table of the same rows takes five times as
  long to write. The steps that end or begin nothing are left out once, for all that reads the rest.
- First-of-case and last-of-case compare with the neighbour, never a group-by. Landmarks filled down like the owner
  were tried: every window more costs more than a join with the few cases that matter to the period.
- The joined side is filtered first by a semi-join where the planner would build its table on the larger side.
- Codes instead of texts, holders instead of lists of participants; shares are multiplied in after the group-by.
"""

from __future__ import annotations

import duckdb

from benchmarks.peer_tables import MEASURES, Answer, PeerTables, answer_of
from domain.measuring.cases import Role


def resident(tables: PeerTables, *, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A database in memory that holds the tables in its own format."""
    connection = duckdb.connect(config={"threads": threads})
    for name in ("actions", "holders", "versions", "calendar"):
        connection.register("given", getattr(tables, name))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        connection.unregister("given")
    _set_up(connection)
    connection.execute("CREATE VIEW numbered AS SELECT rowid AS row, * FROM actions")
    return connection


def scanned(folder: str, *, threads: int = 2, memory_max: str = "4GB") -> duckdb.DuckDBPyConnection:
    """A database that reads Parquet files whenever it is asked."""
    connection = duckdb.connect(config={"threads": threads, "memory_limit": memory_max})
    _set_up(connection)
    for name in ("holders", "versions", "calendar"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/{name}.parquet')")
    connection.execute(
        "CREATE VIEW numbered AS SELECT file_row_number AS row, * "
        f"FROM read_parquet('{folder}/actions.parquet', file_row_number = true)"
    )
    return connection


def _set_up(connection: duckdb.DuckDBPyConnection) -> None:
    # What all readers of a common table filter by, or-ed and pushed into it, costs more than it saves here.
    connection.execute("SET disabled_optimizers = 'cte_filter_pusher'")


def score(
    connection: duckdb.DuckDBPyConnection, *, staff: int, procedures: int, from_day: int, to_day: int
) -> Answer:
    """All six indicators and the five everys, for all staff and procedures (0: staff only), over one period."""
    query = _BY_STAFF if procedures == 0 else f"{_BY_STAFF} UNION ALL {_answers('procedure', True)}"
    middle = connection.execute('SELECT max("case") // 2 FROM numbered').fetchone()
    assert middle is not None, "an aggregate has a row"
    found = connection.execute(query, {"from_day": from_day, "to_day": to_day, "middle": middle[0]}).fetchnumpy()
    holders = connection.execute("SELECT holder, staff, part FROM holders").fetchnumpy()
    return answer_of(
        is_procedure=found["is_procedure"],
        code=found["code"],
        measure=found["measure"],
        counts=[found[name] for name in ("many", "n1", "n2", "n3", "n4", "n5")],
        holders=(holders["holder"], holders["staff"], holders["part"]),
        staff=staff,
        procedures=procedures,
    )


_R = {role.name: int(role) for role in Role}
_M = {name: number for number, name in enumerate(MEASURES)}
_DECISIONS = f"({_R['GRANTED']}, {_R['REFUSED']}, {_R['PENALISED']}, {_R['DISMISSED']})"
_LICENCE_ENDINGS = f"BETWEEN {_R['GRANTED']} AND {_R['WITHDRAWN']}"
_CLOSINGS = f"BETWEEN {_R['DISMISSED']} AND {_R['CLOSED']}"
_STREAM = "OVER (ROWS UNBOUNDED PRECEDING)"


def _filled(name: str) -> str:
    """The last one named in the case up to here, -1 for none."""
    return (
        f"last_value(CASE WHEN first AND {name} IS NULL THEN -1 ELSE {name} END IGNORE NULLS) {_STREAM} AS {name}"
    )


def _counted(day: str) -> str:
    """Counted days up to and including a day, by the calendar joined as `c`, or every day."""
    return f"CASE WHEN working THEN c.worked ELSE {day} END"


def _own(half: str) -> str:
    """Actions of the cases themselves, with who held the case by then, for half of the cases."""
    return f"""
    SELECT row, "case", role, day, reason, present, overturned, last, next_day,
        {_filled("holder")}, {_filled("procedure")}, {_filled("due_day")}
    FROM (
        SELECT *, "case" IS DISTINCT FROM lag("case") OVER () AS first,
            "case" IS DISTINCT FROM lead("case") OVER () AS last, lead(day) OVER () AS next_day
        FROM numbered WHERE role BETWEEN {_R["STEP"]} AND {_R["CLOSED"]} AND {half}
    )"""


# A streaming window runs on one thread: two halves keep two busy, and the order stays.
_OWN = f"""
own AS MATERIALIZED ({_own('"case" <= $middle')} UNION ALL {_own('"case" > $middle')}),
marks AS MATERIALIZED (
    SELECT row, "case", role, day, reason, overturned, holder, procedure, due_day
    FROM own WHERE role > {_R["STEP"]}
),
about AS MATERIALIZED (SELECT * FROM numbered WHERE role > {_R["CLOSED"]}),
licences AS MATERIALIZED (
    SELECT row, "case", role, day, holder, procedure, due_day FROM marks WHERE role {_LICENCE_ENDINGS}
    QUALIFY "case" IS DISTINCT FROM lag("case") OVER ()
),
closings AS MATERIALIZED (
    SELECT "case", day, holder, procedure FROM marks WHERE role {_CLOSINGS}
    QUALIFY "case" IS DISTINCT FROM lag("case") OVER ()
),
decided AS MATERIALIZED (
    SELECT * FROM licences WHERE role <> {_R["WITHDRAWN"]} AND day BETWEEN $from_day AND $to_day
)"""

_OPEN = f"""
endings AS (SELECT "case" FROM marks WHERE (role {_LICENCE_ENDINGS} OR role {_CLOSINGS}) AND day <= $to_day),
openings AS (
    SELECT "case", role = {_R["OPENED"]} AS penal
    FROM marks WHERE role IN ({_R["RECEIVED"]}, {_R["OPENED"]}) AND day <= $to_day
    QUALIFY "case" IS DISTINCT FROM lag("case") OVER ()
),
open_cases AS MATERIALIZED (SELECT "case", penal FROM openings ANTI JOIN endings USING ("case")),
begun AS MATERIALIZED (
    SELECT row, "case", day, holder, procedure, due_day, false AS penal, false AS standing, day - 1 AS last_day
    FROM decided
    UNION ALL
    SELECT row, "case", day, holder, procedure, due_day, penal, true, $to_day
    FROM own JOIN open_cases USING ("case") WHERE day <= $to_day AND (last OR next_day > $to_day)
)"""

_JUDGED = f"""
counted AS MATERIALIZED (SELECT * FROM begun WHERE due_day < 0),
starts AS (
    SELECT "case", coalesce(
            arg_min(o.day, o.row) FILTER (o.role = {_R["ACCEPTED"]}), arg_min(o.day, o.row)) AS start
    FROM (SELECT "case", row AS last_row FROM counted) c
    JOIN (
        SELECT row, "case", role, day FROM marks
        WHERE role IN ({_R["RECEIVED"]}, {_R["ACCEPTED"]}, {_R["OPENED"]}) AND day <= $to_day
    ) o USING ("case")
    WHERE o.row <= last_row GROUP BY "case"
),
limited AS MATERIALIZED (
    SELECT k.*, s.start, v.days, v.working, v.stops
    FROM counted k LEFT JOIN starts s USING ("case")
    JOIN versions v ON v.procedure = k.procedure AND v.days > 0
        AND coalesce(s.start, k.day) BETWEEN v.valid_from AND v.valid_to
),
timed AS MATERIALIZED (
    SELECT t.*, {_counted("t.start")} + t.days AS needed, {_counted("t.last_day").replace("c.", "e.")} AS have
    FROM limited t JOIN calendar c ON c.day = t.start JOIN calendar e ON e.day = t.last_day
),
stop_rows AS (
    SELECT o.row, t."case", o.role, o.day, t.start, t.needed, t.working
    FROM (
        SELECT row, "case", role, day, reason FROM marks
        WHERE role IN ({_R["SUSPENDED"]}, {_R["RESUMED"]}) AND day <= $to_day
    ) o JOIN (SELECT "case", row AS last_row, start, needed, working, stops FROM timed) t USING ("case")
    WHERE o.row <= last_row
        AND (o.role = {_R["RESUMED"]} OR coalesce((t.stops >> o.reason) & 1, 0) = 1)
),
turns AS (
    SELECT * FROM stop_rows
    QUALIFY (lag(role) OVER (PARTITION BY "case" ORDER BY row) IS NOT DISTINCT FROM {_R["SUSPENDED"]})
        = (role = {_R["RESUMED"]})
),
stop_spans AS (
    SELECT * FROM (
        SELECT row, "case", role, needed, working, greatest(day, start) AS stop_day,
            lead(day) OVER (PARTITION BY "case" ORDER BY row) AS resumed
        FROM turns
    ) WHERE role = {_R["SUSPENDED"]}
),
lengths AS (
    SELECT s.row, s."case", s.needed, s.resumed, {_counted("s.stop_day")} AS begins,
        {_counted("greatest(coalesce(s.resumed, s.stop_day), s.stop_day)").replace("c.", "e.")}
            - {_counted("s.stop_day")} AS length
    FROM stop_spans s JOIN calendar c ON c.day = s.stop_day
    JOIN calendar e ON e.day = greatest(coalesce(s.resumed, s.stop_day), s.stop_day)
),
running AS (
    SELECT *, bool_and(runs) OVER (PARTITION BY "case" ORDER BY row) AS runs_still
    FROM (
        SELECT *, needed + coalesce(sum(length) OVER (
            PARTITION BY "case" ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) > begins AS runs
        FROM lengths
    )
),
stopped AS (
    SELECT "case", sum(length) AS length, bool_or(resumed IS NULL) AS stands
    FROM running WHERE runs_still GROUP BY "case"
),
judged AS MATERIALIZED (
    SELECT holder, procedure, penal, standing, due_day <= last_day AS passed FROM begun WHERE due_day >= 0
    UNION ALL
    SELECT holder, procedure, penal, standing, false FROM counted ANTI JOIN limited USING ("case")
    UNION ALL
    SELECT holder, procedure, penal, standing, true FROM limited WHERE start IS NULL
    UNION ALL
    SELECT holder, procedure, penal, standing,
        have >= needed + coalesce(length, 0) AND NOT coalesce(stands, false)
    FROM timed LEFT JOIN stopped USING ("case")
)"""

_REVIEWED = f"""
made AS MATERIALIZED (SELECT row, holder, procedure, overturned FROM marks
    WHERE role IN {_DECISIONS} AND day BETWEEN $from_day AND $to_day),
reviews AS MATERIALIZED (SELECT row, "case" FROM about WHERE role = {_R["ADVERSE_REVIEW"]}),
meant AS (
    SELECT max(d.row) AS row
    FROM (SELECT row, "case" FROM marks SEMI JOIN reviews USING ("case") WHERE role IN {_DECISIONS}) d
    JOIN reviews r USING ("case") WHERE d.row < r.row GROUP BY r.row
)"""

_RATED = f"""
rated AS MATERIALIZED (
    SELECT * FROM (
        SELECT "case", day, holder, procedure, has_unit, rating FROM about WHERE role = {_R["RATED"]}
        QUALIFY "case" IS DISTINCT FROM lag("case") OVER ()
    ) WHERE day BETWEEN $from_day AND $to_day
),
ratings AS MATERIALIZED (
    SELECT coalesce(r.holder, d.holder, c.holder, l.holder) AS holder,
        coalesce(r.procedure, d.procedure, c.procedure, l.procedure) AS procedure, r.rating
    FROM rated r
    LEFT JOIN (SELECT * FROM licences WHERE role <> {_R["WITHDRAWN"]}) d USING ("case")
    LEFT JOIN closings c USING ("case")
    LEFT JOIN (SELECT "case", holder, procedure FROM own SEMI JOIN rated USING ("case") WHERE last) l
        USING ("case")
    WHERE l."case" IS NOT NULL OR (r.holder IS NOT NULL AND r.has_unit)
)"""

_TARGETS = f"""
plans AS MATERIALIZED (SELECT * FROM about WHERE role >= {_R["TARGET_SET"]}),
sets AS MATERIALIZED (
    SELECT "case", row, day, due_day, holder, procedure, count(*) OVER (PARTITION BY "case") AS many
    FROM plans WHERE role = {_R["TARGET_SET"]}
),
due AS MATERIALIZED (
    SELECT "case", due_day, holder, procedure FROM (
        SELECT "case", due_day, holder, procedure FROM sets WHERE many = 1
        UNION ALL
        SELECT "case", s.due_day, s.holder, s.procedure FROM (
            SELECT "case", list_reduce(
                list({{'day': day, 'due_day': due_day, 'holder': holder, 'procedure': procedure}} ORDER BY row),
                lambda a, b: CASE WHEN b.day <= a.due_day THEN b ELSE a END) AS s
            FROM sets WHERE many > 1 GROUP BY "case"
        )
    ) WHERE due_day BETWEEN $from_day AND $to_day
),
targets AS MATERIALIZED (
    SELECT d.*, EXISTS (FROM plans p WHERE p."case" = d."case" AND p.role = {_R["TARGET_COMPLETED"]}
        AND p.day <= d.due_day) AS completed
    FROM due d WHERE NOT EXISTS (FROM plans p WHERE p."case" = d."case" AND p.role = {_R["TARGET_CANCELLED"]}
        AND p.reason IS NOT NULL AND p.day <= d.due_day)
)"""


def _members(source: str, measure: str, where: str = "true") -> str:
    return f"SELECT holder, procedure, {_M[measure]} AS measure FROM {source} WHERE {where}"


_MEMBERS = "members AS MATERIALIZED (\n" + "\n UNION ALL ".join([
    _members("decided", "decided"),
    _members("judged", "in-time", "NOT standing AND NOT passed"),
    _members("decided", "faulty",
             f'"case" IN (SELECT "case" FROM about WHERE role = {_R["ERROR_FOUND"]} AND NOT overturned)'),
    _members("judged", "overdue-licences", "standing AND passed AND NOT penal"),
    _members("judged", "overdue-enforcement", "standing AND passed AND penal"),
    _members("closings", "closed", 'day BETWEEN $from_day AND $to_day AND "case" IN '
             f'(SELECT "case" FROM marks WHERE role = {_R["OPENED"]})'),
    _members("made", "decisions"),
    _members("made", "overturned", "overturned OR row IN (SELECT row FROM meant)"),
    _members("ratings", "ratings"),
    _members("ratings", "good-ratings", "rating >= 4"),
    _members("targets", "targets"),
    _members("targets", "targets-completed", "completed"),
]) + "\n)"  # fmt: skip


def _answers(key: str, is_procedure: bool) -> str:
    bits = ", ".join(f"sum((present >> {bit}) & 1) AS n{bit + 1}" for bit in range(5))
    return f"""
    SELECT {is_procedure} AS is_procedure, {key} AS code, {_M["actions"]} AS measure, count(*) AS many, {bits}
    FROM own WHERE day BETWEEN $from_day AND $to_day AND {key} >= 0 GROUP BY {key}
    UNION ALL
    SELECT {is_procedure}, {key}, measure, count(*), 0, 0, 0, 0, 0
    FROM members WHERE {key} >= 0 GROUP BY {key}, measure"""


_BY_STAFF = (
    "WITH " + ",\n".join([_OWN, _OPEN, _JUDGED, _REVIEWED, _RATED, _TARGETS, _MEMBERS]) + _answers("holder", False)
)
