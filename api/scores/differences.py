"""Explain what came between two states of knowledge: each counted thing that appeared, vanished or changed.

The way from the one state to the other is walked in steps: first the actions that were recorded, then the tree of
units, then the rules. So it is known of each change what made it, and the steps add up exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from api.as_of import day_text, position_as_of
from api.bootstrap import Kaoji
from api.rules.rules import rulebook_at
from api.scores.explanations import CountedThing, counted_things, kind_of
from api.scores.scorecards import Basis, Counting, basis
from api.scores.unit_actions import UnitActions
from domain.errors import UnknownNameError, WrongInputError
from domain.measuring.populations import Population
from domain.measuring.rollup import By
from domain.numbers import plain
from domain.policies.policy import Policy
from domain.policies.policy_file import Adjustment, Indicator
from domain.rules.adoption import Adopted
from domain.scoring.exact_scoring import AdjustmentResult, IndicatorResult, Scorecard
from domain.scoring.scoring import Scorecards, ScoredSubjects
from projections.driver import Progress, no_progress
from projections.tallies.excerpt import CaseRows, subjects_of

Because = Literal["actions", "units", "rules"]
Part = Literal["indicators", "bonuses", "deductions"]
Key = tuple[int, ...]

PARTS: Final[tuple[Part, ...]] = ("indicators", "bonuses", "deductions")

_ONE_BY_ONE: Final = frozenset({Population.DECISION, Population.ACTION})
_SAME_CASE: Final = {
    Population.OPEN_LICENCE: Population.DECIDED,
    Population.OPEN_ENFORCEMENT: Population.CLOSED,
}
"""A case is open or decided, never both: that it was decided is one change and not two."""


class BetweenError(WrongInputError):
    """Two states that nothing can lie between."""


class _Step(NamedTuple):
    """One step on the way: from one basis to the next, and the actions that may stand behind a change in it."""

    because: Because
    before: Basis
    after: Basis
    behind: Callable[[int], Sequence[int]]


@dataclass(frozen=True)
class _Change:
    """One counted thing before and after a step."""

    because: Because
    before: CountedThing | None
    after: CountedThing | None
    actions: Sequence[int]

    @property
    def numerator(self) -> Fraction:
        """How much more stands in the numerator."""
        return _amount(self.after, "numerator") - _amount(self.before, "numerator")

    @property
    def denominator(self) -> Fraction:
        """How much more stands in the denominator."""
        return _amount(self.after, "share") - _amount(self.before, "share")

    def to_json(self) -> dict[str, Any]:
        """Numbers are differences; `actions` are positions between the two states."""
        known = self.after or self.before
        assert known is not None, "a change is of something"
        kinds = {(False, True): "appeared", (True, False): "vanished"}
        return {
            "case": known.case,
            "change": kinds.get((self.before is not None, self.after is not None), "changed"),
            "because": self.because,
            "before": _thing_json(self.before),
            "after": _thing_json(self.after),
            "numerator": plain(self.numerator),
            "denominator": plain(self.denominator),
            "actions": list(self.actions),
        }


def check_alone(as_of: str | None) -> None:
    """Raises BetweenError where one state is asked for beside two."""
    if as_of is not None:
        raise BetweenError("--as-of asks for one state, --between for two. Leave one of them out.")


def two_states(between: str, as_of: str | None = None) -> tuple[str, str]:
    """A..B apart. Raises BetweenError."""
    check_alone(as_of)
    first, dots, last = between.partition("..")
    if not (first and dots and last) or ".." in last:
        raise BetweenError(
            f"between is {between!r}. Write two positions or times with two dots between them: 120000..130000."
        )
    return first, last


def states_between(kaoji: Kaoji, between: tuple[str, str], progress: Progress = no_progress) -> tuple[int, int]:
    """The positions of two states, each given as a position or a time of recording.

    Raises PositionError, AsOfError, or BetweenError when the first is the later one.
    """
    head = kaoji.driver.catch_up(progress=progress)
    first, last = (position_as_of(kaoji, text, head, name="between") for text in between)
    if first > last:
        one, other = (
            f"position {position}" if text == str(position) else f"{text} (position {position})"
            for text, position in zip(between, (first, last), strict=True)
        )
        raise BetweenError(f"--between: {one} is later than {other}. Swap the two.")
    return first, last


def difference(
    kaoji: Kaoji,
    subject: str,
    *,
    between: tuple[str, str],
    policy: str,
    from_text: str,
    to_text: str,
    by: By | None = None,
    indicator: str | None = None,
    language: str = "en",
    files: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """What `kaoji explain --between` prints: the subject's score in both states, and every change between them.

    Each state is told by the rules that were known in it. Raises WrongInputError.
    """
    positions = states_between(kaoji, between, progress)
    before, after = (
        basis(
            kaoji, policy=policy, from_text=from_text, to_text=to_text, as_of=str(position),
            files=files, progress=progress,
        )
        for position in positions
    )  # fmt: skip
    by = by or _kind_in_either(before, after, subject)
    adopted = rulebook_at(kaoji, upto=positions[1]).adopted
    return Differences(before, after, by, adopted).of(subject, indicator=indicator, language=language)


class _About(NamedTuple):
    """What is asked."""

    subject: str
    by: By
    language: str


class Differences:
    """What lies between two states of knowledge, for every subject of a kind. `adopted` are the rules adopted."""

    def __init__(self, before: Basis, after: Basis, by: By, adopted: Sequence[Adopted] = ()) -> None:
        self.states, self.by = (before, after), by
        self.first, self.last = before.history.position, after.history.position
        self.rules_differ = (before.policy.hash, before.context.hash) != (after.policy.hash, after.context.hash)
        named = {
            ("policy", after.policy.name),
            ("register", before.policy.register),
            ("register", after.policy.register),
        }
        self.adoptions = [
            each for each in adopted
            if self.rules_differ and each.position > self.first and (each.event.kind, each.event.name) in named
        ]  # fmt: skip
        self._cases = CaseRows()
        self._cases.grow(after.history)
        self._behind: dict[int, Sequence[int]] = {}

    def of(self, subject: str, *, indicator: str | None = None, language: str = "en") -> dict[str, Any]:
        """Both scores of a subject and every change between them. Raises UnknownNameError."""
        before, after = self.states
        codes = [
            one.code for state in (after, before) for part in PARTS for one in _declared(state.policy, part)
        ]  # fmt: skip
        if indicator not in (None, *codes):
            see = f"kaoji policy show {after.policy.name}"
            raise UnknownNameError("indicator", str(indicator), set(codes), see=see)
        cards = [_card(each, subject) for each in self._cards]
        if cards == [None, None]:
            known = {name for each in self._cards for name in _names(each)}
            raise UnknownNameError("subject", subject, known, see="kaoji score")
        about = _About(subject, self.by, language)
        parts = [part for part in PARTS if any(_declared(state.policy, part) for state in self.states)]
        return {
            "subject": subject,
            "by": self.by,
            "policy": after.policy.name,
            "period": {"from": day_text(after.from_day), "to": day_text(after.to_day)},
            "between": [self.first, self.last],
            "forecast": after.forecast,
            "before": _state_json(before, cards[0]),
            "after": _state_json(after, cards[1]),
            "rules_differ": self.rules_differ,
            "adopted": [_adoption_json(each) for each in self.adoptions],
            **{part: list(self._tables(part, cards, about, indicator)) for part in parts},
        }

    @cached_property
    def _cards(self) -> tuple[Scorecards, Scorecards]:
        before, after = self.states
        return before.scorecards(self.by), after.scorecards(self.by)

    def _tables(
        self, part: Part, cards: Sequence[Scorecard | None], about: _About, indicator: str | None
    ) -> Iterator[dict[str, Any]]:
        """Each indicator, bonus or deduction of either policy, with its changes."""
        known = [{one.code: one for one in _declared(state.policy, part)} for state in self.states]
        for code in dict.fromkeys([*known[1], *known[0]]):
            if indicator not in (None, code):
                continue
            declared = known[1].get(code) or known[0][code]
            results = [None if card is None else _results(card, part).get(code) for card in cards]
            changes = [change for step in self._steps for change in _changes(step, part, code, about)]
            for name in ("numerator", "denominator"):
                counted = [Fraction(0) if each is None else getattr(each, name) for each in results]
                added = sum((getattr(each, name) for each in changes), Fraction(0))
                assert counted[0] + added == counted[1], f"the changes of {code} add up"
            yield {
                "code": code,
                "before": _result_json(results[0]),
                "after": _result_json(results[1]),
                "rule": getattr(declared.rule, about.language),
                "clause": declared.clause,
                "better": declared.counts.better,
                "changes": [each.to_json() for each in changes],
            }

    @cached_property
    def _steps(self) -> list[_Step]:
        """The steps on the way; each begins where the one before ended."""
        before, after = self.states
        # Only the cases that new actions touch can count differently by the same tree and rules.
        new = np.arange(self.first, self.last)
        rows = np.union1d(new, self._cases.linked(new))
        touched = tuple(subjects_of(after.history, rows).tolist())
        known = replace(before, counting=Counting(before.history, before.context, touched))
        told = replace(
            after, policy=before.policy, context=before.context, directory=before.directory,
            counting=Counting(after.history, before.context, touched),
        )  # fmt: skip
        steps = [_Step("actions", known, told, self._behind_case)]
        unit_actions = UnitActions(self._cases, (before.directory, after.directory), first=self.first)
        units_moved = self.by == "unit" and unit_actions.any()
        if units_moved or self.rules_differ:
            told = replace(told, counting=Counting(after.history, before.context))
        if units_moved:
            moved = replace(told, directory=after.directory)
            steps.append(_Step("units", told, moved, unit_actions.behind))
            told = moved
        if self.rules_differ:
            positions = [each.position for each in self.adoptions]
            steps.append(_Step("rules", told, after, lambda _: positions))
        return steps

    def _behind_case(self, case: int) -> Sequence[int]:
        """Positions of what was recorded between the states about a case, directly or by a link."""
        if case not in self._behind:
            rows = self._cases.rows_of(np.array([case], np.int32))
            self._behind[case] = (rows[(rows >= self.first) & (rows < self.last)] + 1).tolist()
        return self._behind[case]


def _changes(step: _Step, part: Part, code: str, about: _About) -> Iterator[_Change]:
    """What one step changed in one table, by case."""
    sides = [_things(state, part, code, about) for state in (step.before, step.after)]
    for key in sorted({*sides[0], *sides[1]}, key=lambda key: _order(sides[1].get(key) or sides[0][key])):
        before, after = (side.get(key) for side in sides)
        if before is None or after is None or _said(before) != _said(after):
            known = after or sides[0][key]
            yield _Change(step.because, before, after, step.behind(known.member[2]))


def _things(state: Basis, part: Part, code: str, about: _About) -> dict[Key, CountedThing]:
    """What counts for the subject in one table of a state's policy, by what it is."""
    measure = next((one.counts for one in _declared(state.policy, part) if one.code == code), None)
    if measure is None:
        return {}
    things = counted_things(state, about.subject, about.by, measure, about.language)
    found = {_key(each): each for each in things}
    assert len(found) == len(things), "nothing counts twice"
    return found


def _key(thing: CountedThing) -> Key:
    """What stays the same of a thing while it changes: which case, and of several in it, which one."""
    population, pattern, case, position = thing.member
    if population == Population.CARD:
        return population, case, pattern
    return _SAME_CASE.get(population, population), case, position if population in _ONE_BY_ONE else 0


def _order(thing: CountedThing) -> tuple[Any, ...]:
    return thing.case, thing.actions, thing.member


def _said(thing: CountedThing) -> tuple[Any, ...]:
    return thing.met, thing.share, thing.value, thing.why


def _amount(thing: CountedThing | None, name: Literal["numerator", "share"]) -> Fraction:
    return Fraction(0) if thing is None else getattr(thing, name)


def _declared(policy: Policy, part: Part) -> Sequence[Indicator | Adjustment]:
    found: dict[Part, Sequence[Indicator | Adjustment]] = {
        "indicators": policy.indicators,
        "bonuses": policy.bonuses,
        "deductions": policy.deductions,
    }
    return found[part]


def _results(card: Scorecard, part: Part) -> dict[str, IndicatorResult | AdjustmentResult]:
    results: Sequence[IndicatorResult | AdjustmentResult] = getattr(card, part)
    return {each.code: each for each in results}


def _kind_in_either(before: Basis, after: Basis, subject: str) -> By:
    try:
        return kind_of(after, subject)
    except UnknownNameError:
        return kind_of(before, subject)


def _names(cards: Scorecards) -> Sequence[str]:
    assert isinstance(cards.subjects, ScoredSubjects), "scored from sums"
    return cards.subjects.names


def _card(cards: Scorecards, subject: str) -> Scorecard | None:
    names = _names(cards)
    at = bisect_left(names, subject)
    return cards.subjects[at] if at < len(names) and names[at] == subject else None


def _state_json(state: Basis, card: Scorecard | None) -> dict[str, Any]:
    return {
        "as_of": state.history.position,
        "policy_version": state.policy.version,
        "policy_hash": state.policy.hash,
        "context": state.context.describe(),
        "unit": None if card is None else card.unit,
        "score": None if card is None or card.score is None else f"{card.score:f}",
        "grade": None if card is None else card.grade,
    }


def _thing_json(thing: CountedThing | None) -> dict[str, Any] | None:
    if thing is None:
        return None
    return {name: value for name, value in thing.to_json().items() if name not in ("case", "actions")}


def _result_json(result: IndicatorResult | AdjustmentResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    value = result.rate if isinstance(result, IndicatorResult) else result.value
    shown = {
        "numerator": plain(result.numerator),
        "denominator": plain(result.denominator),
        "rate": None if value is None else plain(value),
        "points": None if result.points is None else f"{result.points:f}",
    }
    if isinstance(result, IndicatorResult):
        shown |= {"weight": plain(result.weight), "counted_weight": plain(result.counted_weight)}
    return shown


def _adoption_json(adopted: Adopted) -> dict[str, Any]:
    return {
        "position": adopted.position,
        "kind": adopted.event.kind,
        "name": adopted.event.name,
        "version": adopted.event.version,
        "adopted_by": adopted.event.adopted_by,
    }
