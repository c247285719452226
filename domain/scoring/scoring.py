"""Score everybody under a policy: sums in, scorecards out; thousands at once, each exact."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np

from domain.directory import Directory
from domain.errors import WrongInputError
from domain.measuring.populations import CELLS
from domain.measuring.rollup import WHOLE_SUBJECT, By
from domain.measuring.sums import Sums, Values
from domain.policies.policy import Policy
from domain.rules.calendars import to_date
from domain.rules.procedures import Register
from domain.scoring.exact_scoring import Scorecard
from domain.scoring.json_columns import Spacing
from domain.scoring.score_columns import ScoreColumns, score_columns
from domain.scoring.scorecard_json import card_json
from domain.scoring.scorecard_rows import ScorecardRows, card_of


class PeriodError(WrongInputError):
    """A period that ends before it begins."""


@dataclass(frozen=True, eq=False)
class ScoredSubjects(Sequence[Scorecard]):
    """Scorecards in columns; one is made, exactly, when it is asked for."""

    columns: ScoreColumns
    directory: Directory
    by: By
    to_day: int

    def __len__(self) -> int:
        return len(self.columns.sums)

    @overload
    def __getitem__(self, index: int) -> Scorecard: ...
    @overload
    def __getitem__(self, index: slice) -> list[Scorecard]: ...
    def __getitem__(self, index: int | slice) -> Scorecard | list[Scorecard]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        return card_of(self.columns, row, self.names[row], self.unit_of(self.names[row]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to any sequence of the same cards

    @property
    def names(self) -> Sequence[str]:
        """The subjects, in order of code points."""
        return self.columns.sums.subjects

    def unit_of(self, subject: str) -> str | None:
        """A unit's own code, or where a person works at the end of the period."""
        if self.by == "unit":
            return subject
        return self.directory.unit_of(subject, self.to_day) if self.by == "staff" else None

    @cached_property
    def units(self) -> list[str | None]:
        """The unit of each subject."""
        return [self.unit_of(subject) for subject in self.names]

    @cached_property
    def rows(self) -> ScorecardRows:
        """All of them as printed."""
        return ScorecardRows(self.columns, self.names, self.units, competence=self.by == "staff")


@dataclass(frozen=True)
class Scorecards:
    """The scorecards of a period, by subject in order of code points."""

    policy: Policy
    by: By
    from_day: int
    to_day: int
    subjects: Sequence[Scorecard] = field(repr=False)

    @property
    def names(self) -> Sequence[str]:
        """The subjects, in order."""
        if isinstance(self.subjects, ScoredSubjects):
            return self.subjects.names
        return [card.subject for card in self.subjects]

    def of(self, subject: str) -> Scorecards | None:
        """The same of one subject alone; None where it is not among them."""
        names = self.names
        place = bisect_left(names, subject)
        if place == len(names) or names[place] != subject:
            return None
        return replace(self, subjects=[self.subjects[place]])

    def head_json(self, *, as_of: Any = None, **more: Any) -> dict[str, Any]:
        """What the scores follow from; `as_of` and `more` (context, forecast) come from whoever asked."""
        return {
            "policy": self.policy.name,
            "policy_version": self.policy.version,
            "policy_hash": self.policy.hash,
            "period": {"from": to_date(self.from_day).isoformat(), "to": to_date(self.to_day).isoformat()},
            "as_of": as_of,
            "by": self.by,
            **more,
        }

    def rows_json(self) -> list[dict[str, Any]]:
        """All scorecards as printed."""
        if isinstance(self.subjects, ScoredSubjects):
            return self.subjects.rows.values()
        return [card_json(card, self.policy, competence=self.by == "staff") for card in self.subjects]

    def summary_columns(self) -> list[str]:
        """What the columns of a table are called."""
        assert isinstance(self.subjects, ScoredSubjects), "tables show everybody"
        return self.subjects.rows.summary_columns(with_units=self.by == "staff")

    def summary(self) -> list[tuple[str | None, ...]]:
        """What a table shows of each: subject, unit of staff, score, grade, what each indicator counted, and what
        else the policy gives."""
        assert isinstance(self.subjects, ScoredSubjects), "tables show everybody"
        return self.subjects.rows.summary(with_units=self.by == "staff")

    def to_json(self, *, as_of: Any = None, **more: Any) -> dict[str, Any]:
        """What `kaoji score` prints."""
        return self.head_json(as_of=as_of, **more) | {"subjects": self.rows_json()}

    def json_texts(self, head: dict[str, Any], spacing: Spacing) -> Iterator[str]:
        """The text of the same, some thousands of scorecards at a time, without any of them being made."""
        yield f"{spacing.dumps(head)[:-1]}{spacing.between}{spacing.dumps('subjects')}{spacing.behind_keys}["
        if isinstance(self.subjects, ScoredSubjects):
            yield from self.subjects.rows.texts(spacing)
        else:
            yield spacing.dumps(self.rows_json())[1:-1]
        yield "]}"


def score(
    sums: Sums,
    policy: Policy,
    directory: Directory,
    register: Register,
    *,
    from_day: int,
    to_day: int,
    by: By,
) -> Scorecards:
    """Score every subject of the kind `by` over the days `from_day` to `to_day`, both inclusive.

    Subjects are all that anything was counted for, and also the units open and the staff in post on any day of
    the period, or the processes of the register. Raises PeriodError.
    """
    if to_day < from_day:
        begin, end = to_date(from_day), to_date(to_day)
        raise PeriodError(f"The period ends on {end}, before it begins on {begin}. Swap the two.")
    everybody = with_subjects(
        sums, expected_subjects(directory, register, from_day=from_day, to_day=to_day, by=by)
    )
    columns = score_columns(everybody, policy)
    return Scorecards(policy, by, from_day, to_day, ScoredSubjects(columns, directory, by, to_day))


def expected_subjects(
    directory: Directory, register: Register, *, from_day: int, to_day: int, by: By
) -> list[str]:
    """Subjects that are shown even where nothing was counted for them."""
    if by == "staff":
        return directory.staff(from_day, to_day)
    if by == "unit":
        return directory.units(from_day, to_day)
    return list(register.processes) if by == "process" else [WHOLE_SUBJECT]


def with_subjects(sums: Sums, expected: Sequence[str]) -> Sums:
    """The same sums with a row of zeros for each further subject."""
    known = set(sums.subjects)
    missing = [each for each in expected if each not in known]
    if not missing:
        return sums
    subjects = sorted([*sums.subjects, *missing])
    place = {subject: number for number, subject in enumerate(subjects)}
    moved = np.array([place[subject] for subject in sums.subjects], np.int32)
    cells = np.zeros((len(subjects), CELLS), np.int64)
    cells[moved] = sums.cells
    # Both orders are that of code points, so rows of values stay sorted.
    values = {
        population: Values(moved[each.subject], each.value, each.part) for population, each in sums.values.items()
    }
    return Sums(subjects, cells, values)
