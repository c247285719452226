"""Explain a score: for each indicator the very actions that make its numerator and its denominator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.scores.reasons import Member, limit_told, reason_text
from api.scores.scorecards import Basis
from domain.errors import UnknownNameError, WrongInputError
from domain.measuring.contributions import CONTRIBUTION_RECORD, Contributions
from domain.measuring.evidence import (
    attributes_asked,
    due_stated,
    evidence_rows,
    is_penal,
    missing_steps,
    version_at,
)
from domain.measuring.fold import fold_in_chunks
from domain.measuring.limits import NEVER, UNKNOWN
from domain.measuring.populations import STOCKS, Population, asked_for, cells_with
from domain.measuring.populations import kind_of as kind_of_cell
from domain.measuring.rollup import UNKNOWN_PROCESS, WHOLE_SUBJECT, By, trees_of
from domain.measuring.tally import WHOLE
from domain.numbers import plain
from domain.policies.measures import CompiledMeasure
from domain.policies.policy_file import Adjustment, Indicator
from domain.rules.procedures import ProcedureVersion


@dataclass(frozen=True, slots=True)
class CountedThing:
    """One case, decision, rating, target or action that was counted, with the subject's share of it."""

    case: str
    met: bool
    share: Fraction
    why: str
    actions: tuple[int, ...]
    flags: tuple[str, ...]
    """`incomplete`: the limit could not be computed; `no-duration`: its days are asked for, but no start is known,
    so it is left out, with a share of 0; `provisional`: the limit may still move, as holidays are not published;
    `self-recorded-correction`: by somebody credited here."""
    member: tuple[Population, int, int, int]
    """What it is: population, pattern, code of the case, and position of the deciding action."""
    value: int | None
    """Days or rating, where these are added up."""

    @property
    def numerator(self) -> Fraction:
        """What it adds there: its share, or its share of the value."""
        return self.share * (int(self.met) if self.value is None else self.value)

    def to_json(self) -> dict[str, Any]:
        """`met` stands in the numerator and the denominator, `missed` in the denominator only."""
        shown = {
            "case": self.case,
            "side": "met" if self.met else "missed",
            "share": plain(self.share),
            "why": self.why,
            "actions": list(self.actions),
            "flags": list(self.flags),
        }
        return shown if self.value is None else {**shown, "value": self.value}


def kind_of(found: Basis, subject: str) -> By:
    """Whether a subject is the whole, a unit, a process or a person. Raises UnknownNameError."""
    if subject == WHOLE_SUBJECT:
        return "all"
    processes = {*found.context.register.processes, UNKNOWN_PROCESS}
    known: dict[By, set[str]] = {
        "unit": {*found.history.words_of("unit"), *found.directory.units(found.from_day, found.to_day)},
        "staff": {*found.history.words_of("staff"), *found.directory.staff(found.from_day, found.to_day)},
        "process": processes,
    }
    kinds = [kind for kind, names in known.items() if subject in names]
    if not kinds:
        raise UnknownNameError("subject", subject, known["staff"] | known["unit"], see="kaoji score")
    if len(kinds) > 1:
        raise WrongInputError(f"{subject!r} is {' and '.join(kinds)}. Say which with --by.")
    return kinds[0]


def explanation(
    found: Basis, subject: str, *, by: By | None = None, indicator: str | None = None, language: str = "en"
) -> dict[str, Any]:
    """What `kaoji explain` prints. Raises UnknownNameError for a subject or indicator that is none."""
    policy = found.policy
    parts: dict[str, Sequence[Indicator | Adjustment]] = {
        "indicators": policy.indicators,
        "bonuses": policy.bonuses,
        "deductions": policy.deductions,
    }
    known = {each.code: each for part in parts.values() for each in part}
    if indicator is not None and indicator not in known:
        raise UnknownNameError("indicator", indicator, known, see=f"kaoji policy show {policy.name}")
    by = by or kind_of(found, subject)
    cards = found.scorecards(by)
    asked = cards.of(subject)
    if asked is None:
        raise UnknownNameError("subject", subject, cards.names, see="kaoji score")
    scores = found.to_json(asked)
    (card,) = scores.pop("subjects")
    explained = {
        part: [
            _explained(found, card, by, known[each["code"]], each, language)
            for each in card[part]
            if indicator in (None, each["code"])
        ]
        for part in parts
        if part in card
    }
    return {**scores, **card, **explained}


def _explained(
    found: Basis,
    card: dict[str, Any],
    by: By,
    indicator: Indicator | Adjustment,
    result: dict[str, Any],
    language: str,
) -> dict[str, Any]:
    things = counted_things(found, card["subject"], by, indicator.counts, language)
    sums = [
        plain(sum((thing.numerator for thing in things), Fraction(0))),
        plain(sum((thing.share for thing in things), Fraction(0))),
    ]
    assert [result["numerator"], result["denominator"]] == sums, "an explanation adds up"
    return {
        **result,
        **_exposure(found, card["subject"], by, indicator, things),
        "rule": getattr(indicator.rule, language),
        "clause": indicator.clause,
        "better": indicator.counts.better,
        "counted": [each.to_json() for each in things],
    }


def _exposure(
    found: Basis, subject: str, by: By, one: Indicator | Adjustment, things: Sequence[CountedThing]
) -> dict[str, Any]:
    """How much there was to judge by and how much is asked for, which may be why nothing is judged."""
    if one.exposure_counts is None and not one.minimum_exposure:
        return {}
    if one.exposure_counts is None:
        counted = sum((thing.share for thing in things), Fraction(0))
    else:
        cells = one.exposure_counts.denominator
        rows = _contributions(found, subject, by, {*cells}, asked=asked_for([cells]))
        counted = Fraction(int(rows["part"].sum()), WHOLE)
    told = {
        "measure": one.exposure or one.measure,
        "counted": plain(counted),
        "minimum": f"{one.minimum_exposure:f}",
    }
    return {"exposure": told}


def counted_things(
    found: Basis, subject: str, by: By, measure: CompiledMeasure, language: str
) -> list[CountedThing]:
    """Everything that counts for a subject in one measure, by case."""
    numerator, denominator = measure.numerator, measure.denominator
    if measure.values is not None:
        numerator = denominator = tuple(cells_with(measure.values))
    # Both sides say what to look at: which steps were taken shows in the numerator alone.
    rows = _contributions(found, subject, by, {*denominator}, asked=asked_for([numerator, denominator]))
    sums: dict[tuple[int, int, int, int], int] = defaultdict(int)
    for row, kind, day, value, part in zip(
        *(rows[name].tolist() for name in ("row", "kind", "day", "value", "part")), strict=True
    ):
        # What stands open has a row where it begins and one where it ends: only their sum says that it stands.
        at = 0 if kind >> 8 in STOCKS else day
        sums[row, kind, at, value] += part
    met = {kind_of_cell(cell) for cell in numerator}
    about = _abouts({*numerator}, {*denominator})
    if measure.values is not None:
        about = {int(measure.values): ("value",)}
    things = [
        _counted_thing(found, (row, kind, day, value), part, kind in met, about.get(kind >> 8, ()), language)
        for (row, kind, day, value), part in sorted(sums.items())
        if part
    ]
    return sorted(things, key=lambda each: (each.case, each.actions))


def _abouts(numerator: set[int], denominator: set[int]) -> dict[int, tuple[str, ...]]:
    """For each population the attributes that its numerator asks for."""
    patterns: dict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for side, cells in enumerate((numerator, denominator)):
        for kind in map(kind_of_cell, cells):
            patterns[kind >> 8][side].add(kind & 255)
    return {population: attributes_asked(Population(population), *both) for population, both in patterns.items()}


def _contributions(found: Basis, subject: str, by: By, cells: set[int], *, asked: int) -> NDArray[Any]:
    """The contributions to these cells that count for a subject in the period."""
    kinds = sorted(kind_of_cell(cell) for cell in cells)
    stocks = [kind for kind in kinds if kind >> 8 in STOCKS]
    chosen = []
    for chunk in fold_in_chunks(found.files.cases, found.counted.rules, asked=asked):
        stock = np.isin(chunk.kind, stocks)
        mask = np.isin(chunk.kind, kinds) & (chunk.day <= found.to_day) & (stock | (chunk.day >= found.from_day))
        rows = chunk[mask]
        chosen.append(rows[_of_subject(found, subject, by, rows, stock[mask])])
    return np.concatenate(chosen) if chosen else np.empty(0, CONTRIBUTION_RECORD)


def _of_subject(
    found: Basis, subject: str, by: By, rows: Contributions, stock: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    history = found.history
    if by == "all":
        return np.ones(rows.size, np.bool_)
    if by == "staff":
        code = history.words["staff"].find(subject)
        # Nobody is -1 too: who is known from the directory alone does not count for what has no owner.
        return np.asarray((rows.person == code) & (code >= 0))
    if by == "process":
        register, codes = found.context.register, history.words_of("procedure")
        processes = [register.process_of(code) or UNKNOWN_PROCESS for code in codes] + [UNKNOWN_PROCESS]
        of_process = np.array([process == subject for process in processes], np.bool_)
        return np.asarray(of_process[rows.procedure])
    units = history.words_of("unit")
    trees = trees_of(found.directory, found.from_day, found.to_day)
    first_days = [found.from_day + int(np.searchsorted(trees, tree)) for tree in range(int(trees[-1]) + 1)]
    below = np.zeros((len(units) + 1, len(first_days)), np.bool_)  # the last row is for what names no unit
    for code, unit in enumerate(units):
        for tree, day in enumerate(first_days):
            below[code, tree] = subject in found.directory.ancestors(unit, day)
    on = np.where(stock, found.to_day, rows.day)
    return np.asarray(below[rows.unit, trees[on - found.from_day]])


def _counted_thing(
    found: Basis, member: tuple[int, int, int, int], part: int, met: bool, about: tuple[str, ...], language: str
) -> CountedThing:
    row, kind, day, value = member
    cases, rules, subjects = found.columns, found.counted.rules, found.files.subject
    case = int(np.searchsorted(cases.starts, row, side="right")) - 1
    population = Population(kind >> 8)
    evidence = evidence_rows(cases, rules, case, population, row, about)
    positions = {int(cases.position[each]) for each in evidence}
    positions.update(*(found.said_of[each] for each in positions if each in found.said_of))
    subject = found.history.words_of("subject")[int(subjects[case])]
    of = Member(case, row, population, kind & 255, day or int(cases.day[row]), value)
    limit = limit_told(cases, rules, of, about)
    is_provisional = _is_provisional(found, of, limit)
    is_left_out = of.lacks_value(about)
    flags = ["incomplete"] if "in-time" in about and of.has("limit-unknown") else []
    flags += ["no-duration"] if is_left_out else []
    flags += ["provisional"] if is_provisional else []
    if not positions.isdisjoint(found.corrections.self_recorded):
        flags.append("self-recorded-correction")
    return CountedThing(
        case=subject.partition(":")[2],
        met=met and not is_left_out,
        share=Fraction(0 if is_left_out else part, WHOLE),
        why=reason_text(
            cases,
            rules,
            of,
            about,
            language,
            limit=limit,
            is_provisional=is_provisional,
            steps=_steps_missing(found, of, about, language),
        ),
        actions=tuple(sorted(positions)),
        flags=tuple(flags),
        member=(population, kind & 255, int(subjects[case]), int(cases.position[row])),
        value=value if "value" in about and not is_left_out else None,
    )


def _version(found: Basis, of: Member) -> tuple[ProcedureVersion, int] | None:
    """The version of the procedure that a case is counted by, and its row in the rules."""
    cases, rules = found.columns, found.counted.rules
    start = int(cases.starts[of.case])
    penal = is_penal(cases, start, of.row, of.population)
    applied = version_at(cases, rules, of.case, of.row, penal=penal)
    if applied.row < 0:
        return None
    code = found.history.words_of("procedure")[applied.procedure]
    return found.context.register.procedures[code][applied.number], applied.row


def _steps_missing(found: Basis, of: Member, about: tuple[str, ...], language: str) -> list[str]:
    """Titles of the required steps that a case did not take, where it is judged by them."""
    if "conforming" not in about or of.has("conforming"):
        return []
    applied = _version(found, of)
    assert applied is not None, "what no version asks for is not missing"
    version, row = applied
    titles = {step.code: getattr(step.title, language) for step in version.steps}
    lacking = missing_steps(found.columns, found.counted.rules, of.case, of.row, row)
    return [str(titles[version.steps_due[number]]) for number in lacking]


def _is_provisional(found: Basis, of: Member, limit: int) -> bool:
    """Whether the limit of a case may still move, because holidays are not published yet."""
    calendar, start = found.context.calendar, int(found.columns.starts[of.case])
    if limit in (NEVER, UNKNOWN) or not calendar.is_provisional(limit):
        return False
    if due_stated(found.columns, start, of.row) >= 0:
        return False
    applied = _version(found, of)
    return applied is not None and applied[0].is_provisional(limit, calendar)
