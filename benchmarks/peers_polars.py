"""The score pass in Polars, as one who knows it well would write it.

What made it fast, after several ways were tried on 10 M actions:
- `.over("case")` costs ten times a plain `forward_fill`. The table is sorted by case, so who holds a case is
  filled down the whole column; the first action of each case puts -1 where it names nobody: that stops the fill.
- First-of-case and last-of-case are comparisons with the neighbour (`shift`), never a group-by or a window.
- What stands open is found by running counts of openings and endings, read at the last action of each case.
- Cases that do not reach into the period are left out before anything else is done: a quarter less.
- Only the cases that matter to the period are joined with anything, and the joined side is filtered first.
- Codes instead of texts, holders instead of lists of participants, one group-by for the staff and one for the
  procedures at the end; shares are multiplied in after the group-by, on a few hundred thousand rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import polars as pl

from benchmarks.peer_tables import MEASURES, Answer, PeerTables
from domain.measuring.cases import Role

Engine = Literal["in-memory", "streaming"]
Way = Callable[[], Answer]

_EVERYS = MEASURES[-5:]
_DECISIONS = [int(role) for role in (Role.GRANTED, Role.REFUSED, Role.PENALISED, Role.DISMISSED)]


def lazy(tables: PeerTables) -> tuple[pl.LazyFrame, ...]:
    """The tables as frames in memory, told that they are sorted."""
    names = ("actions", "holders", "versions", "calendar")
    return tuple(pl.DataFrame(pl.from_arrow(getattr(tables, name))).rechunk().lazy() for name in names)


def scanned(folder: str) -> tuple[pl.LazyFrame, ...]:
    """The tables from Parquet files, nothing read yet."""
    return tuple(
        pl.scan_parquet(f"{folder}/{name}.parquet") for name in ("actions", "holders", "versions", "calendar")
    )


def score(
    frames: tuple[pl.LazyFrame, ...], *, staff: int, procedures: int, from_day: int, to_day: int, engine: Engine
) -> Answer:
    """All six indicators and the five everys, for all staff and procedures (0: staff only), over one period."""
    actions, holders, versions, calendar = frames
    in_period = pl.col("day").is_between(from_day, to_day)
    own, dues, about = pl.collect_all(_once_over(_reaching(actions, from_day, engine)), engine=engine)
    everys = own.lazy().filter(in_period)
    by = ["holder", "procedure"] if procedures else ["holder"]
    found = pl.collect_all(
        [
            own.lazy().filter(pl.col("role") > Role.STEP).drop("present"),
            own.lazy().filter((pl.col("day") <= to_day) & (_last | (pl.col("day").shift(-1) > to_day))),
            holders,
            versions,
            calendar,
            *(_sums(everys, key) for key in by),
        ],
        engine=engine,
    )
    marks, last_by_then, shares, limits, days, *sums = found
    role = pl.col("role")
    licences = marks.filter(role.is_between(Role.GRANTED, Role.WITHDRAWN)).filter(_first)
    closings = marks.filter(role.is_between(Role.DISMISSED, Role.CLOSED)).filter(_first)
    decided = licences.filter(in_period & (role != Role.WITHDRAWN))
    open_cases = _open_cases(marks, last_by_then, to_day)
    begun = pl.concat([decided.with_columns(last_day=pl.col("day") - 1), open_cases], how="diagonal").sort("row")
    judged = _judged(_by_then(begun, dues, "due_day", "stated_in"), marks, limits, days)
    overdue = judged.filter(pl.col("started") & pl.col("passed"))
    wrong = about.filter((role == Role.ERROR_FOUND) & ~pl.col("overturned"))
    opened = marks.filter(role == Role.OPENED)
    members = [
        _members(decided, "decided"),
        _members(judged.filter(~pl.col("started") & ~pl.col("passed")), "in-time"),
        _members(decided.join(wrong, on="case", how="semi"), "faulty"),
        _members(overdue.filter(~pl.col("penal")), "overdue-licences"),
        _members(overdue.filter(pl.col("penal")), "overdue-enforcement"),
        _members(closings.filter(in_period).join(opened, on="case", how="semi"), "closed"),
        *_decisions(about, marks.filter(role.is_in(_DECISIONS)), in_period),
        *_ratings(about, own, licences, closings, in_period),
        *_targets(about, from_day, to_day),
    ]
    counted = pl.concat(members)
    dense = [_dense(each, _counts(counted, key), key) for each, key in zip(sums, by, strict=True)]
    return Answer(
        _by_staff(dense[0], shares, staff),
        _padded(*dense[1], procedures) * 1_000_000 if procedures else np.zeros((0, len(MEASURES)), np.int64),
    )


def _reaching(actions: pl.LazyFrame, from_day: int, engine: Engine) -> pl.LazyFrame:
    """Only actions of cases that can count on a day from this one on: those with an action then, those that are
    open, and targets. A mask by case code, for a semi-join with so many cases costs more than it saves."""
    role = pl.col("role")
    late, begun, ended, last = (
        each["case"].to_numpy()
        for each in pl.collect_all(
            [
                actions.filter((pl.col("day") >= from_day) | (role >= Role.TARGET_SET)).select("case"),
                actions.filter(role.is_in(_OPENINGS)).select("case"),
                actions.filter(role.is_in(_ENDINGS)).select("case"),
                actions.select(pl.col("case").max()),
            ],
            engine=engine,
        )
    )
    reaching = np.zeros(int(last[0]) + 1, np.bool_)
    reaching[begun] = True
    reaching[ended] = False
    reaching[late] = True
    return actions.filter(pl.lit(pl.Series(reaching)).gather(pl.col("case")))


def _once_over(actions: pl.LazyFrame) -> list[pl.LazyFrame]:
    """(actions of the cases themselves, with who held the case by then; those that state a due; what speaks about
    cases, and targets)."""
    actions = actions.with_row_index("row")
    own = actions.filter(pl.col("role").is_between(Role.STEP, Role.CLOSED))
    own = own.select(
        "row", "case", "role", "day", "reason", "present", "overturned",
        _filled("holder"), _filled("procedure"),
    )  # fmt: skip
    dues = actions.filter(pl.col("role").is_between(Role.STEP, Role.CLOSED) & pl.col("due_day").is_not_null())
    return [
        own,
        dues.select("row", "due_day", stated_in="case"),
        actions.filter(pl.col("role") > Role.CLOSED),
    ]


_OPENINGS = [int(Role.RECEIVED), int(Role.OPENED)]
_ENDINGS = [int(each) for each in (Role.GRANTED, Role.REFUSED, Role.WITHDRAWN)]
_ENDINGS += [int(each) for each in (Role.DISMISSED, Role.TRANSFERRED, Role.CLOSED)]
_first = (pl.col("case") != pl.col("case").shift(1)).fill_null(True)
_last = (pl.col("case") != pl.col("case").shift(-1)).fill_null(True)


def _filled(name: str) -> pl.Expr:
    """The last one named in the case up to here, -1 for none."""
    return pl.when(pl.col(name).is_null() & _first).then(-1).otherwise(pl.col(name)).forward_fill().alias(name)


def _open_cases(marks: pl.DataFrame, last_by_then: pl.DataFrame, to_day: int) -> pl.DataFrame:
    """Cases received or opened, and neither decided, withdrawn nor closed at the end of the period.

    Each with its last action; `last_day` is the day by whose end the limit must have passed.
    """
    by_then = pl.col("day") <= to_day
    ended = marks.filter(pl.col("role").is_in(_ENDINGS) & by_then)
    begun = marks.filter(pl.col("role").is_in(_OPENINGS) & by_then).filter(_first)
    open_cases = (
        _looked_up(begun, ended.select("case", ended=pl.lit(True)))
        .filter(pl.col("ended").is_null())
        .select("case", penal=pl.col("role") == Role.OPENED)
    )
    standing = _looked_up(open_cases, last_by_then).filter(pl.col("row").is_not_null())
    return standing.with_columns(last_day=pl.lit(to_day, pl.Int16), started=pl.lit(True))


def _looked_up(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """What `right` says of the cases of `left`, null where nothing: both are sorted by case.

    A merge of sorted keys, which `join` does not do; where a case is more than once in `right`, the last counts.
    """
    return left.join_asof(right, on="case", tolerance=0, check_sortedness=False)


def _by_then(cases: pl.DataFrame, rows: pl.DataFrame, name: str, case: str) -> pl.DataFrame:
    """What the last of `rows` up to each row says, null where that is of another case; both are sorted by row."""
    found = cases.join_asof(rows, on="row", check_sortedness=False)
    return found.with_columns(pl.when(pl.col("case") == pl.col(case)).then(name).alias(name)).drop(case)


def _judged(
    cases: pl.DataFrame, marks: pl.DataFrame, versions: pl.DataFrame, calendar: pl.DataFrame
) -> pl.DataFrame:
    """`passed`: whether the limit of each case lies on or before its `last_day`.

    A decision is in time when the limit had not passed the day before; a stated due decides alone.
    """
    cases = cases.with_columns(pl.col("started", "penal").fill_null(False))
    stated = cases.filter(pl.col("due_day").is_not_null()).with_columns(
        passed=pl.col("due_day") <= pl.col("last_day")
    )
    counted = cases.filter(pl.col("due_day").is_null())
    for name, roles in (("accepted", [Role.ACCEPTED]), ("received", [Role.RECEIVED, Role.OPENED])):
        beginnings = marks.filter(pl.col("role").is_in(roles)).filter(_first)
        beginnings = beginnings.select("row", pl.col("day").alias(name), pl.col("case").alias(f"{name}_in"))
        counted = _by_then(counted, beginnings, name, f"{name}_in")
    limited = (
        counted.with_columns(start=pl.coalesce("accepted", "received"))
        .with_columns(from_day=pl.coalesce("start", "day"))
        .join(versions.filter(pl.col("days") > 0), on="procedure")
        .filter(pl.col("from_day").is_between("valid_from", "valid_to"))
    )
    never = counted.join(limited, on="case", how="anti").with_columns(passed=False)
    unknown = limited.filter(pl.col("start").is_null()).with_columns(passed=True)
    timed = limited.filter(pl.col("start").is_not_null())
    timed = _worked(_worked(timed, calendar, "start", "needed"), calendar, "last_day", "have").with_columns(
        needed=pl.col("needed") + pl.col("days")
    )
    timed = timed.join(_stopped(timed, marks, calendar), on="case", how="left").with_columns(
        passed=(pl.col("have") >= pl.col("needed") + pl.col("stopped").fill_null(0))
        & ~pl.col("standing").fill_null(False)
    )
    columns = ["case", "holder", "procedure", "started", "penal", "passed"]
    return pl.concat([each.select(columns) for each in (stated, never, unknown, timed)])


def _worked(frame: pl.DataFrame, calendar: pl.DataFrame, day: str, name: str) -> pl.DataFrame:
    """Counted days up to and including a day: working days by the calendar, or every day."""
    return (
        frame.join(calendar.select(pl.col("day").alias(day), "worked"), on=day)
        .with_columns(pl.when("working").then("worked").otherwise(pl.col(day).cast(pl.Int32)).alias(name))
        .drop("worked")
    )


def _stopped(timed: pl.DataFrame, marks: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """How many counted days each case's clock stood still, and whether it still does.

    A stop begins with an allowed suspension while the clock runs, and ends with the next resumption. One that
    begins when the limit has passed changes nothing, nor does any after it.
    """
    same = pl.col("case") == pl.col("case").shift(1)
    was = pl.col("role").shift(1).fill_null(0)
    suspended = pl.col("role") == Role.SUSPENDED
    stops = (
        marks.filter(pl.col("role").is_in([Role.SUSPENDED, Role.RESUMED]))
        .select("row", "case", "role", "day", "reason")
        .join(
            timed.select("case", "start", "needed", "working", "stops", last_row="row"),
            on="case",
            maintain_order="left",
        )
        .filter(pl.col("row") <= pl.col("last_row"))
        .filter(
            ~suspended
            | (pl.col("stops").cast(pl.Int16) // pl.lit(2, pl.Int16).pow(pl.col("reason").fill_null(14)) % 2 == 1)
        )
        .filter(
            pl.when(suspended)
            .then(~(same & (was == Role.SUSPENDED)).fill_null(False))
            .otherwise((same & (was == Role.SUSPENDED)).fill_null(False))
        )
        .with_columns(resumed=pl.when(pl.col("case").shift(-1) == pl.col("case")).then(pl.col("day").shift(-1)))
        .filter(suspended)
        .with_columns(pl.max_horizontal("day", "start").alias("day"))
        .with_columns(until=pl.max_horizontal(pl.coalesce("resumed", "day"), "day"))
    )
    stops = _worked(_worked(stops, calendar, "day", "from"), calendar, "until", "to")
    return (
        stops.sort("row")
        .with_columns(length=pl.col("to") - pl.col("from"))
        .with_columns(before=(pl.col("length").cum_sum() - pl.col("length")).over("case"))
        .with_columns(runs=(pl.col("needed") + pl.col("before") > pl.col("from")).cum_min().over("case"))
        .group_by("case")
        .agg(
            stopped=pl.col("length").filter("runs").sum(),
            standing=(pl.col("runs") & pl.col("resumed").is_null()).any(),
        )
    )


def _decisions(about: pl.DataFrame, decisions: pl.DataFrame, in_period: pl.Expr) -> list[pl.DataFrame]:
    """Every decision, and those overturned: by id (a flag), or as the last one before a review of the case."""
    made = decisions.filter(in_period)
    reviews = about.filter(pl.col("role") == Role.ADVERSE_REVIEW).select("row", "case")
    meant = (
        reviews.join_asof(
            decisions.select("row", of_case="case", decision="row"), on="row", check_sortedness=False
        )
        .filter(pl.col("case") == pl.col("of_case"))
        .select(row="decision")
    )
    by_case = made.filter(~pl.col("overturned")).join(meant, on="row", how="semi")
    return [
        _members(made, "decisions"),
        _members(made.filter("overturned"), "overturned"),
        _members(by_case, "overturned"),
    ]


def _ratings(
    about: pl.DataFrame, own: pl.DataFrame, licences: pl.DataFrame, closings: pl.DataFrame, in_period: pl.Expr
) -> list[pl.DataFrame]:
    """The first rating of each case, filled up from the decision, the closing, or the last action."""
    first = about.filter(pl.col("role") == Role.RATED).filter(_first).filter(in_period)
    anchors = [licences.filter(pl.col("role") != Role.WITHDRAWN), closings, own.lazy().filter(_last).collect()]
    for number, anchor in enumerate(anchors):
        first = _looked_up(first, anchor.select("case", pl.col("holder", "procedure").name.suffix(f"_{number}")))
    # -1 says that the anchor was there and named nobody: no other anchor is asked then.
    filled = first.filter(
        pl.col("holder_2").is_not_null() | (pl.col("holder").is_not_null() & pl.col("has_unit"))
    ).select(
        pl.coalesce("holder", "holder_0", "holder_1", "holder_2").alias("holder"),
        pl.coalesce("procedure", "procedure_0", "procedure_1", "procedure_2").alias("procedure"),
        "rating",
    )
    return [_members(filled, "ratings"), _members(filled.filter(pl.col("rating") >= 4), "good-ratings")]


def _targets(about: pl.DataFrame, from_day: int, to_day: int) -> list[pl.DataFrame]:
    """Targets due in the period: due as last moved in time, completed by then, not cancelled with a reason.

    Whether a target-set takes effect hangs on the one before it, so they are taken one after the other: first
    all first ones, then all second ones, and so on; few targets are set more than twice.
    """
    of_targets = about.filter(pl.col("role") >= Role.TARGET_SET)
    sets = of_targets.filter(pl.col("role") == Role.TARGET_SET)
    place = pl.int_range(pl.len())
    sets = sets.with_columns(number=place - pl.when(_first).then(place).forward_fill())
    standing = sets.filter(pl.col("number") == 0).select("case", "due_day", "holder", "procedure")
    for number in range(1, int(sets["number"].max() or 0) + 1):  # type: ignore[arg-type]  # a whole number
        later = sets.filter(pl.col("number") == number)
        moved = later.join(standing.select("case", in_force="due_day"), on="case").filter(
            pl.col("day") <= pl.col("in_force")
        )
        standing = standing.update(moved.select(standing.columns), on="case", how="left", include_nulls=True)
    standing = standing.filter(pl.col("due_day").is_between(from_day, to_day))
    by_due = of_targets.join(standing.select("case", due="due_day"), on="case").filter(
        pl.col("day") <= pl.col("due")
    )
    cancelled = by_due.filter((pl.col("role") == Role.TARGET_CANCELLED) & pl.col("reason").is_not_null())
    completed = by_due.filter(pl.col("role") == Role.TARGET_COMPLETED)
    due = standing.join(cancelled, on="case", how="anti")
    return [_members(due, "targets"), _members(due.join(completed, on="case", how="semi"), "targets-completed")]


def _members(frame: pl.DataFrame, measure: str) -> pl.DataFrame:
    """What counts once in a measure."""
    return frame.select(
        pl.col("holder").cast(pl.Int32).fill_null(-1),
        pl.col("procedure").cast(pl.Int8).fill_null(-1),
        measure=pl.lit(MEASURES.index(measure), pl.UInt8),
    )


def _counts(members: pl.DataFrame, key: str) -> pl.DataFrame:
    return members.filter(pl.col(key) >= 0).group_by(key, "measure").agg(many=pl.len())


def _sums(everys: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Actions, and those that have each of the five."""
    bits = [
        (pl.col("present").cast(pl.UInt32) & (1 << bit) != 0).sum().alias(name) for bit, name in enumerate(_EVERYS)
    ]
    return everys.filter(pl.col(key) >= 0).group_by(key).agg(pl.len().alias("actions"), *bits)


def _dense(everys: pl.DataFrame, counts: pl.DataFrame, key: str) -> tuple[np.ndarray, np.ndarray]:
    """(codes, counts by code and measure), codes rising."""
    codes, place = np.unique(np.concatenate([everys[key].to_numpy(), counts[key].to_numpy()]), return_inverse=True)
    found = np.zeros((codes.size, len(MEASURES)), np.int64)
    found[place[: len(everys)], -6:] = everys.select("actions", *_EVERYS).to_numpy()
    found[place[len(everys) :], counts["measure"].to_numpy()] += counts["many"].to_numpy()
    return codes, found


def _padded(codes: np.ndarray, found: np.ndarray, size: int) -> np.ndarray:
    whole = np.zeros((size, len(MEASURES)), np.int64)
    whole[codes] = found
    return whole


def _by_staff(dense: tuple[np.ndarray, np.ndarray], holders: pl.DataFrame, staff: int) -> np.ndarray:
    """Holders with participants resolved into shares."""
    codes, found = dense
    alone = codes < staff
    sums = _padded(codes[alone], found[alone], staff) * 1_000_000
    shares = holders.join(pl.DataFrame({"holder": codes[~alone], "at": np.flatnonzero(~alone)}), on="holder")
    np.add.at(
        sums, shares["staff"].to_numpy(), found[shares["at"].to_numpy()] * shares["part"].to_numpy()[:, None]
    )
    return sums
