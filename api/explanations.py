"""Explain a score: for each indicator the very actions that make its numerator and its denominator."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.reasons import reason_text
from api.scorecards import Basis
from domain.errors import UnknownNameError, WrongInputError
from domain.evidence import evidence_rows
from domain.numbers import plain
from domain.policy_file import Indicator
from domain.rollup import UNKNOWN_PROCESS, WHOLE_SUBJECT, By
from domain.tally import STOCK_MEASURES, WHOLE, Measure


@dataclass(frozen=True, slots=True)
class CountedThing:
    """One case, decision, rating or target that was counted, with the subject's share of it."""

    case: str
    measure: Measure
    numerator: Fraction
    share: Fraction
    why: str
    actions: tuple[int, ...]
    flags: tuple[str, ...]
    """`incomplete`: the limit could not be computed; `self-recorded-correction`: by somebody credited here."""

    def to_json(self) -> dict[str, Any]:
        """`met` stands in the numerator and the denominator, `missed` in the denominator only."""
        return {
            "case": self.case,
            "side": "met" if self.numerator else "missed",
            "share": plain(self.share),
            "why": self.why,
            "actions": list(self.actions),
            "flags": list(self.flags),
        }


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
    known = {each.code: each for each in found.policy.indicators}
    if indicator is not None and indicator not in known:
        raise UnknownNameError("indicator", indicator, known, see=f"kaoji policy show {found.policy.name}")
    by = by or kind_of(found, subject)
    cards = found.scorecards(by)
    asked = [each for each in cards.subjects if each.subject == subject]
    if not asked:
        raise UnknownNameError("subject", subject, [each.subject for each in cards.subjects], see="kaoji score")
    scores = found.to_json(replace(cards, subjects=asked))
    (card,) = scores.pop("subjects")
    shown = [each for each in card["indicators"] if indicator in (None, each["code"])]
    return {
        **scores,
        **card,
        "indicators": [_explained(found, card, by, known[each["code"]], each, language) for each in shown],
    }


def _explained(
    found: Basis, card: dict[str, Any], by: By, indicator: Indicator, result: dict[str, Any], language: str
) -> dict[str, Any]:
    things = counted_things(found, card["subject"], by, indicator, language)
    sums = [plain(sum(each, Fraction(0))) for each in zip(*((t.numerator, t.share) for t in things), strict=True)]
    assert [result["numerator"], result["denominator"]] == (sums or ["0", "0"]), "an explanation adds up"
    return {
        **result,
        "rule": getattr(indicator.rule, language),
        "clause": indicator.clause,
        "counted": [each.to_json() for each in things],
    }


def counted_things(found: Basis, subject: str, by: By, indicator: Indicator, language: str) -> list[CountedThing]:
    """Everything that counts for a subject in one indicator, by case."""
    rows = found.counted.contributions
    measures = [each for each in (indicator.ratio.flow, indicator.ratio.stock) if each is not None]
    mask = np.isin(rows.measure, measures) & (rows.day <= found.to_day)
    stock = np.isin(rows.measure, sorted(STOCK_MEASURES))
    mask &= stock | (rows.day >= found.from_day)
    chosen = np.flatnonzero(mask)
    chosen = chosen[_of_subject(found, subject, by, chosen, stock)]
    sums: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0])
    for index in chosen.tolist():
        key = (int(rows.case[index]), int(rows.row[index]), int(rows.measure[index]))
        sums[key][0] += int(rows.numerator[index])
        sums[key][1] += int(rows.denominator[index])
    things = [
        _counted_thing(found, case, row, Measure(kind), numerator, share, language)
        for (case, row, kind), (numerator, share) in sorted(sums.items())
        if share
    ]
    return sorted(things, key=lambda each: (each.case, each.actions))


def _of_subject(
    found: Basis, subject: str, by: By, chosen: NDArray[np.int64], stock: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    rows, history = found.counted.contributions, found.history
    if by == "all":
        return np.ones(chosen.size, np.bool_)
    if by == "staff":
        return np.asarray(rows.person[chosen] == history.words["staff"].find(subject))
    if by == "process":
        register, codes = found.context.register, history.words_of("procedure")
        processes = [register.process_of(code) or UNKNOWN_PROCESS for code in codes] + [UNKNOWN_PROCESS]
        of_process = np.array([process == subject for process in processes], np.bool_)
        return np.asarray(of_process[rows.procedure[chosen]])
    units = history.words_of("unit")
    below: dict[tuple[int, int], bool] = {}
    mask = np.zeros(chosen.size, np.bool_)
    for place, index in enumerate(chosen.tolist()):
        unit = int(rows.unit[index])
        if unit < 0:
            continue
        day = found.to_day if stock[index] else int(rows.day[index])
        if (unit, day) not in below:
            below[unit, day] = subject in found.directory.ancestors(units[unit], day)
        mask[place] = below[unit, day]
    return mask


def _counted_thing(
    found: Basis, case: int, row: int, measure: Measure, numerator: int, share: int, language: str
) -> CountedThing:
    files, history = found.counted.files, found.history
    evidence = evidence_rows(files.cases, case, measure, row)
    positions = {int(files.position[each]) for each in evidence}
    links = history.links
    about = np.isin(links["target"], sorted(positions))
    positions |= set(links["position"][about].tolist())
    subject = history.words_of("subject")[int(files.subject[case])]
    flags = ["incomplete"] if _is_incomplete(found, case, row, measure) else []
    if not positions.isdisjoint(found.corrections.self_recorded):
        flags.append("self-recorded-correction")
    return CountedThing(
        case=subject.partition(":")[2],
        measure=measure,
        numerator=Fraction(numerator, WHOLE),
        share=Fraction(share, WHOLE),
        why=reason_text(files.cases, found.counted.rules, case, row, measure, bool(numerator), language),
        actions=tuple(sorted(positions)),
        flags=tuple(flags),
    )


def _is_incomplete(found: Basis, case: int, row: int, measure: Measure) -> bool:
    """Whether the start of the limit was never recorded: the fold says so in a measure of its own."""
    if measure != Measure.TIMELINESS:
        return False
    rows = found.counted.contributions
    here = (rows.measure == Measure.INCOMPLETE) & (rows.case == case) & (rows.row == row)
    return bool(rows.numerator[here].any())
