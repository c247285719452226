"""Compare two scorings of the same people: whose score or grade differs, and what moved it by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.numbers import units_of
from domain.policies.policy import Policy
from domain.scoring.counted_columns import Flags, Floats, units_up
from domain.scoring.exact_scoring import Adjusted
from domain.scoring.score_columns import NO_SCORE, ScoreColumns, Units, round_units
from domain.scoring.scorecard_json import POINTS_PLACES
from domain.scoring.scorecard_rows import decimal_text, plain_text

_PLACES: Final = 6
"""Scores of policies with different decimals are compared in these units."""


class Part(NamedTuple):
    """What one part of the score gives, in units of 10**-6 points, by row, and where it was counted at all."""

    given: Units
    counted: Flags


class Moved(NamedTuple):
    """What one part of the score gave before and after; 0 where it is not."""

    kind: str
    code: str | None
    before: Part
    after: Part

    @property
    def differs(self) -> Flags:
        """Where it gave something else, or is counted on one side only, and be it with no points at all."""
        given = self.before.given != self.after.given
        return np.asarray(given | (self.before.counted != self.after.counted))


class MovedGrade(NamedTuple):
    """So many went from one grade to another."""

    before: str | None
    after: str | None
    subjects: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two scorings, row by row. `rows_before` and `rows_after` say where each subject stands, -1 for nowhere."""

    before: ScoreColumns
    after: ScoreColumns
    subjects: Sequence[str]
    rows_before: NDArray[np.intp]
    rows_after: NDArray[np.intp]

    @staticmethod
    def of(before: ScoreColumns, after: ScoreColumns) -> Comparison:
        """Of all subjects of either, in order of code points."""
        mine, theirs = before.sums.subjects, after.sums.subjects
        if mine is theirs or list(mine) == list(theirs):
            rows = np.arange(len(mine))
            return Comparison(before, after, mine, rows, rows)
        subjects = sorted({*mine, *theirs})
        return Comparison(before, after, subjects, _places(subjects, mine), _places(subjects, theirs))

    @cached_property
    def scores(self) -> tuple[Units, Units]:
        """Scores before and after, in units of 10**-6; NO_SCORE for none."""
        return _scores(self.before, self.rows_before), _scores(self.after, self.rows_after)

    @cached_property
    def grades(self) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Codes of the grades before and after."""
        return _grades(self.before, self.rows_before), _grades(self.after, self.rows_after)

    @cached_property
    def graded_otherwise(self) -> Flags:
        """Who has another grade."""
        before, after = self.grades
        return np.asarray(before != after, np.bool_)

    @cached_property
    def scored_otherwise(self) -> Flags:
        """Who has another score or grade."""
        before, after = self.scores
        return np.asarray((before != after) | self.graded_otherwise)

    def moved_grades(self) -> list[MovedGrade]:
        """How many went from which grade to which, most first."""
        rows = np.flatnonzero(self.graded_otherwise)
        before, after = (each[rows].tolist() for each in self.grades)
        found = Counter(zip(before, after, strict=True))
        ordered = sorted(found.items(), key=lambda pair: (-pair[1], str(pair[0])))
        return [MovedGrade(old, new, count) for (old, new), count in ordered]

    def summary(self) -> dict[str, Any]:
        """How many there are, and how many rise and fall."""
        before, after = self.scores
        both = (before != NO_SCORE) & (after != NO_SCORE)
        return {
            "subjects": len(self.subjects),
            "scores_higher": int(np.count_nonzero(both & (after > before))),
            "scores_lower": int(np.count_nonzero(both & (after < before))),
            "scores_gained": int(np.count_nonzero((before == NO_SCORE) & (after != NO_SCORE))),
            "scores_lost": int(np.count_nonzero((before != NO_SCORE) & (after == NO_SCORE))),
            "grades_changed": int(np.count_nonzero(self.graded_otherwise)),
            "grades": [each._asdict() for each in self.moved_grades()],
        }

    def moved(self, rows: NDArray[np.intp]) -> list[Moved]:
        """What each part of the score gave, of some rows: indicators, bonuses, deductions, and what the bounds of
        the score added or took. The parts of a score add up to it, but for the last digit of each."""
        mine = _parts(self.before, self.rows_before[rows])
        theirs = _parts(self.after, self.rows_after[rows])
        nothing = Part(np.zeros(rows.size, np.int64), np.zeros(rows.size, np.bool_))
        keys = [*mine, *(key for key in theirs if key not in mine)]
        return [Moved(*key, mine.get(key, nothing), theirs.get(key, nothing)) for key in keys]

    def _regraded(self, rows: NDArray[np.intp]) -> Flags:
        """Whose grade is another because the grades are: by the ones before, the new score would earn another."""
        earned = _graded(self.before.policy, self.scores[1][rows])
        return np.asarray(self.graded_otherwise[rows] & (earned != self.grades[1][rows]))

    def rows_json(self, rows: NDArray[np.intp], units: Sequence[str | None]) -> list[dict[str, Any]]:
        """Some rows as printed: score and grade before and after, and why, the largest part first."""
        scores = [
            _texts(each[rows], columns.policy.decimals)
            for each, columns in zip(self.scores, (self.before, self.after), strict=True)
        ]
        grades = [each[rows].tolist() for each in self.grades]
        whys = _whys(self.moved(rows), self.scored_otherwise[rows], self._regraded(rows))
        return [
            {
                "subject": self.subjects[row],
                "unit": unit,
                "score": {"before": score_before, "after": score_after},
                "grade": {"before": grade_before, "after": grade_after},
                "why": why,
            }
            for row, unit, score_before, score_after, grade_before, grade_after, why in zip(
                rows.tolist(), units, *scores, *grades, whys, strict=True
            )
        ]


def _places(subjects: Sequence[str], known: Sequence[str]) -> NDArray[np.intp]:
    place = {subject: row for row, subject in enumerate(known)}
    return np.array([place.get(subject, -1) for subject in subjects], np.intp)


def _scores(columns: ScoreColumns, rows: NDArray[np.intp]) -> Units:
    scale = 10 ** (_PLACES - columns.policy.decimals)
    scores = np.append(columns.scores, NO_SCORE)[rows]
    return np.where(scores == NO_SCORE, NO_SCORE, scores * scale)


def _grades(columns: ScoreColumns, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    codes = np.array([*(grade.code for grade in columns.policy.grades), None], object)
    graded: NDArray[np.object_] = codes[np.append(columns.grades, len(codes) - 1)[rows]]
    return graded


def _graded(policy: Policy, scores: Units) -> NDArray[np.object_]:
    """Codes of the grades that a policy gives for scores in units of 10**-6."""
    rising = [*reversed(policy.grades)]
    bounds = np.array([units_up(grade.lower, _PLACES) for grade in rising], np.int64)
    codes = np.array([None, *(grade.code for grade in rising)], object)
    reached = np.searchsorted(bounds, scores, side="right")
    graded: NDArray[np.object_] = codes[np.where(scores == NO_SCORE, 0, reached)]
    return graded


def _parts(columns: ScoreColumns, rows: NDArray[np.intp]) -> dict[tuple[str, str | None], Part]:
    """What makes up the score of some rows, -1 for no row; all 0 where there is no score."""
    policy = columns.policy
    scored = np.append(columns.scores, NO_SCORE)[rows] != NO_SCORE
    found: dict[tuple[str, str | None], Part] = {}

    def part(
        kind: str, code: str | None, values: Floats, error: float, exact: Callable[[int], Fraction], sign: int,
        there: Flags | None = None,
    ) -> None:  # fmt: skip
        taken = np.where(scored, np.append(values, 0.0)[rows], 0.0)
        units, unsure = round_units(taken, error, POINTS_PLACES, "half-even")
        unsure |= np.append(columns.too_large, False)[rows]
        for place in np.flatnonzero(unsure & scored).tolist():
            units[place] = units_of(exact(int(rows[place])), POINTS_PLACES)
        counted = units != 0 if there is None else np.append(there, False)[rows] & scored
        found[kind, code] = Part(sign * units, counted)

    def adjusted(row: int) -> Adjusted:
        card = columns.exact_row(row)
        assert card.adjusted is not None, "asked for rows with a score"
        return card.adjusted

    for number, one in enumerate(policy.indicators):
        exact = partial(columns.exact_contribution, number)
        given, there = columns.contributions[number], columns.indicators[number].there
        part("indicator", one.code, given, columns.contributions_error, exact, 1, there)
    if policy.bonuses:
        part("bonus", None, columns.added, columns.added_error, lambda row: adjusted(row).bonus, 1)
    if policy.deductions:
        part("deduction", None, columns.taken, columns.taken_error, lambda row: adjusted(row).deduction, -1)
    if policy.bonuses or policy.deductions:
        over, under = columns.beyond
        part("score_max", None, over, columns.error, lambda row: max(_beyond(adjusted(row)), Fraction(0)), -1)
        part("score_min", None, under, columns.error, lambda row: max(-_beyond(adjusted(row)), Fraction(0)), 1)
    return found


def _beyond(found: Adjusted) -> Fraction:
    """By how much the score would lie above its bounds; below 0 where it would lie below them."""
    return found.mean + found.bonus - found.deduction - found.exact


def _texts(units: Units, decimals: int) -> list[str | None]:
    scale = 10 ** (_PLACES - decimals)
    return [None if each == NO_SCORE else decimal_text(each // scale, decimals) for each in units.tolist()]


def _whys(moved: Iterable[Moved], otherwise: Flags, regraded: Flags) -> Iterator[list[dict[str, Any]]]:
    """Of each row the parts that differ, those that moved it most first; then the grades, where it is they. Where
    nothing of this differs, and yet the score or grade does, it is the rounding."""
    changed = [
        (one.kind, one.code, one.before.given.tolist(), one.after.given.tolist(), differs.tolist())
        for one in moved
        if bool((differs := one.differs).any())
    ]
    for row, (is_other, by_grades) in enumerate(zip(otherwise.tolist(), regraded.tolist(), strict=True)):
        parts = [
            (abs(after[row] - before[row]), kind, code, before[row], after[row])
            for kind, code, before, after, differs in changed
            if differs[row]
        ]
        parts.sort(key=lambda each: (-each[0], each[1], each[2] or ""))
        if by_grades:
            parts.append((0, "grades", None, 0, 0))
        elif is_other and not parts:
            parts.append((0, "rounding", None, 0, 0))
        yield [
            {
                "what": kind,
                "code": code,
                "before": plain_text(before, POINTS_PLACES),
                "after": plain_text(after, POINTS_PLACES),
                "moved": plain_text(after - before, POINTS_PLACES),
            }
            for _, kind, code, before, after in parts
        ]
