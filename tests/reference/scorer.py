"""The reference scorer: the six core indicators straight from DOMAIN.md's words, slow and plain.

It shares nothing with the product, so that the product can be held to it. Where DOMAIN.md allows two
readings, AMBIGUITIES says which one is taken here.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from tests.reference.cases import (
    ReferenceLimit,
    Rules,
    Who,
    cases_of,
    closing_of,
    decision_of,
    happened_by,
    is_case_action,
    is_met,
    is_open_licence_case,
    is_opened,
    is_passed,
    limit_of,
    line_of,
    parents_on,
    up_to,
    who_of,
    who_rated,
)
from tests.reference.recorded import Fact, Key, effective_facts, meant_key

By = Literal["staff", "unit", "process", "all"]
Sums = dict[str, tuple[Fraction, Fraction]]

INDICATORS = ("plan-completion", "satisfaction", "timeliness", "error-rate", "closure", "revocation")
DECISIONS = ("licensing.granted", "licensing.refused", "enforcement.penalised", "enforcement.dismissed")
ADVERSE_OUTCOMES = ("revoked", "partly-revoked", "altered", "found-illegal", "found-void")

# (where, the reading taken here, the other reading)
AMBIGUITIES: tuple[tuple[str, str, str], ...] = (
    (
        "Limit: which actions give the start, the procedure and the stops of a decided case",
        "like its due: those up to and including the decision; a receipt after it is no start (not met)",
        "'never recorded' means nowhere in the whole history, so a later receipt is a start",
    ),
    (
        "Limit: several accepted (received, opened)",
        "the first of them is the start",
        "the last of them up to the decision restarts the clock",
    ),
    (
        "Limit: a suspension with an allowed reason while one with a reason not allowed stands",
        "it stops the clock from its own day (days between an allowed suspended and the next resumed)",
        "the case was already suspended, so it changes nothing",
    ),
    (
        "Limit: the reason of a stop is judged by which procedure",
        "by the one whose limit is counted (the procedure at the decision or at the end of P)",
        "by the procedure in force at the suspension",
    ),
    (
        "Plan: due_precision = instant",
        "does not touch targets, they have a due *date*: the day of completion is compared with the day due",
        "completed by the due instant",
    ),
    (
        "Plan: completed or cancelled before the (first) target-set, or set again after the cancellation",
        "still completed, still cancelled: only the day is compared with the due date finally in force",
        "only after a target-set; a later target-set revives a cancelled target",
    ),
    (
        "Plan: procedure (for --by process)",
        "that named in the very target-set that gave owner and unit",
        "looked up in earlier ones",
    ),
    (
        "Rating: the case's decision where the case was withdrawn before the grant",
        "such a case is not decided: filled up from its last action",
        "filled up from the grant",
    ),
    (
        "Rating, error-found with `of` {source, id}",
        "it takes effect in the case of the action meant, whatever its own subject; waits for that action",
        "its subject is its case; its `of` means nothing",
    ),
    (
        "Rating that names owner and unit, with an `of` whose action is not there",
        "waits and is no case's rating yet: its case is not known",
        "counts at once, as the rating of its subject",
    ),
    (
        "Rating of an enforcement case closed but never opened",
        "filled up from its closing action",
        "not closed, so filled up from its last action",
    ),
    (
        "Rating: who is filled up from the decision",
        "owner and unit looked up in the actions up to and including the decision, separately",
        "only from the decision action itself",
    ),
    (
        "Correction: `time` more than 24 h after its own",
        "only where the changes name `time`",
        "also where the action's unchanged time lies so late",
    ),
    (
        "Correction to an empty list of participants without an owner",
        "invalid: participants, even none, need an owner",
        "no participants, so no owner is needed",
    ),
    (
        "Correction of rating to 5.0",
        "valid, as 5 and 5.0 are the same JSON value",
        "invalid, as it is not a whole number as written",
    ),
    (
        "Correction to an empty text",
        "valid: the field is named, by the empty text",
        "invalid, or as if not named",
    ),
    (
        "Units: known parent",
        "the parent that an opened or moved names, whether or not that parent was itself opened or is closed",
        "only a parent opened and not yet closed is known",
    ),
    (
        "Units: opened again without parent; opened with a parent that closes a circle",
        "the parent known before stays; like a move that closes a circle, without effect on the tree",
        "opened without parent puts the unit on top",
    ),
    (
        "Case: one number with actions of two families",
        "one case: owner, unit, due looked up in all of them (the strategies do not make such histories)",
        "two cases",
    ),
    (
        "Error found: cleared by an action whose time is before the finding",
        "cleared: whenever",
        "only a later one clears",
    ),
    (
        "audit --effective: are record.corrected and record.voided themselves in the trail",
        "yes, unless voided",
        "no, only what they leave of other actions",
    ),
)


@dataclass(frozen=True)
class Counted:
    """One thing counted: 1 on the denominator's side, and `numerator` 0 or 1, for `who`, by the tree of
    `day`.
    """

    indicator: str
    numerator: int
    who: Who
    day: date


class Credited(Protocol):
    """What counts for somebody, by the tree of a day."""

    @property
    def who(self) -> Who:
        """For whom."""

    @property
    def day(self) -> date:
        """On which day."""


def reference_scores(
    events: Sequence[Mapping[str, Any]],
    *,
    from_day: date,
    to_day: date,
    by: By,
    zone: str = "Asia/Shanghai",
    due_precision: Literal["day", "instant"] = "day",
    limits: Mapping[str, ReferenceLimit],
    working_day: Callable[[date], bool],
) -> dict[str, Sums]:
    """Subject -> indicator code -> (numerator, denominator), exact. Events are in order of arrival.

    Subjects without anything counted are left out; the subject of `by="all"` is "all".
    """
    rules = Rules(ZoneInfo(zone), due_precision, limits, working_day)
    facts, _ = effective_facts(events)
    unit_facts = [fact for fact in facts if fact.type.startswith("unit.")]
    scores: dict[str, dict[str, list[Fraction]]] = {}
    for counted in everything_counted(facts, from_day, to_day, rules):
        for subject, share in subjects_of(counted, by, unit_facts, rules):
            sums = scores.setdefault(subject, {code: [Fraction(0), Fraction(0)] for code in INDICATORS})
            sums[counted.indicator][0] += share * counted.numerator
            sums[counted.indicator][1] += share
    return {
        subject: {code: (numerator, denominator) for code, (numerator, denominator) in scores[subject].items()}
        for subject in sorted(scores)
    }


def reference_effective(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The recorded events after corrections, without the voided, in order of recording."""
    facts, _ = effective_facts(events)
    return [copy.deepcopy(fact.event) for fact in facts]


def reference_without_effect(events: Sequence[Mapping[str, Any]]) -> set[Key]:
    """The (source, id) of every standing `record.*` whose target is there and which is without effect."""
    return effective_facts(events)[1]


def everything_counted(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """All six indicators over one period, both days inclusive."""
    yield from plan_completion(facts, from_day, to_day, rules)
    yield from satisfaction(facts, from_day, to_day, rules)
    yield from timeliness(facts, from_day, to_day, rules)
    yield from error_rate(facts, from_day, to_day, rules)
    yield from closure(facts, from_day, to_day, rules)
    yield from revocation(facts, from_day, to_day, rules)


def subjects_of(counted: Credited, by: By, unit_facts: Sequence[Fact], rules: Rules) -> list[tuple[str, Fraction]]:
    """DOMAIN: "A unit counts a case whole, by its `unit`. What names no owner counts in the whole and in
    its unit, and in no person's row." "`--by unit` rolls up to every unit above, by the tree at the end of
    the day".
    """
    if by == "staff":
        return list(counted.who.shares.items())
    if by == "unit":
        if counted.who.unit is None:
            return []
        parents = parents_on(counted.day, unit_facts, rules)
        return [(unit, Fraction(1)) for unit in line_of(counted.who.unit, parents)]
    if by == "process":
        limit = None if counted.who.procedure is None else rules.limits.get(counted.who.procedure)
        return [] if limit is None or limit.process is None else [(limit.process, Fraction(1))]
    return [("all", Fraction(1))]


def plan_completion(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "targets due in P and completed by their due date ÷ targets due in P. Cancelled on or before
    its due date with a reason: excluded. A later `plan.target-set` moves the due date if it happens on or
    before the due date then in force." "A target belongs to the owner and unit of its last `target-set`
    that took effect; its due date is the one finally in force; participants do not apply."
    """
    targets: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: fact.order):
        if fact.type.startswith("plan."):
            targets.setdefault(fact.subject, []).append(fact)
    for actions in targets.values():
        target_set: Fact | None = None
        due = date.max
        for action in actions:
            if action.type == "plan.target-set" and (target_set is None or rules.day(action) <= due):
                target_set = action
                due = rules.due(action.data["due"])[0]
        if target_set is None or not from_day <= due <= to_day:
            continue
        by_due = [action for action in actions if rules.day(action) <= due]
        if any(action.type == "plan.target-cancelled" and "reason" in action.data for action in by_due):
            continue
        completed = any(action.type == "plan.target-completed" for action in by_due)
        owner = target_set.data.get("owner")
        who = Who(
            {} if owner is None else {owner: Fraction(1)},
            target_set.data.get("unit"),
            target_set.data.get("procedure"),
        )
        yield Counted("plan-completion", int(completed), who, due)


def satisfaction(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "ratings of 4 or 5 ÷ ratings given in P. The first rating of a case that is not voided
    counts; later ones are kept and not counted."
    """
    cases = cases_of(facts)
    for case, rating in first_ratings(facts).items():
        who = who_rated(rating, cases.get(case, []))
        if who is not None and from_day <= rules.day(rating) <= to_day:
            yield Counted("satisfaction", int(rating.data["rating"] >= 4), who, rules.day(rating))


def first_ratings(facts: Sequence[Fact]) -> dict[str, Fact]:
    """By case, the first rating that is not voided."""
    by_key = {fact.key: fact for fact in facts}
    rated: dict[str, Fact] = {}
    for rating in sorted(facts, key=lambda fact: fact.order):
        case = case_spoken_of(rating, by_key) if rating.type == "service.rated" else None
        if case is not None:
            rated.setdefault(case, rating)
    return rated


def case_spoken_of(fact: Fact, by_key: Mapping[Key, Fact]) -> str | None:
    """The case of a `service.*` action; None while what its `of` means is not there.

    CONTRACT: "It takes effect in the case of the action meant, whatever its own `subject`."
    """
    seen: set[Key] = set()
    while not is_case_action(fact) and "of" in fact.data:
        meant = by_key.get(meant_key(fact))
        if meant is None or meant.key in seen:
            return None
        seen.add(meant.key)
        fact = meant
    return fact.subject if is_case_action(fact) or fact.type.startswith("service.") else None


def decided_in(
    facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules
) -> Iterator[tuple[str, list[Fact], Fact]]:
    """The licence cases decided in P: number, actions up to and including the decision, decision."""
    for number, actions in cases_of(facts).items():
        decision = decision_of(actions)
        if decision is not None and from_day <= rules.day(decision) <= to_day:
            yield number, up_to(actions, decision), decision


def timeliness(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "licence cases decided in P within their limit ÷ licence cases decided in P **plus** cases
    received by the end of P, then still undecided, whose limit had passed".
    """
    for _, history, decision in decided_in(facts, from_day, to_day, rules):
        met = is_met(decision, limit_of(history, rules), rules)
        yield Counted("timeliness", int(met), who_of(history), rules.day(decision))
    for actions in cases_of(facts).values():
        history = happened_by(actions, to_day, rules)
        if is_open_licence_case(history) and is_passed(limit_of(history, rules), to_day):
            yield Counted("timeliness", 0, who_of(history), to_day)


def error_rate(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "licence cases decided in P with at least one confirmed error (`service.error-found` not
    cleared), whenever found ÷ licence cases decided in P. Counted for the decider on both sides".
    """
    wrong = cases_with_errors(facts)
    for number, history, decision in decided_in(facts, from_day, to_day, rules):
        yield Counted("error-rate", int(number in wrong), who_of(history), rules.day(decision))


def cases_with_errors(facts: Sequence[Fact]) -> set[str | None]:
    """The cases with an error that was found and not cleared."""
    by_key = {fact.key: fact for fact in facts}
    cleared = {meant_key(fact) for fact in facts if fact.type == "service.error-cleared"}
    return {
        case_spoken_of(fact, by_key)
        for fact in facts
        if fact.type == "service.error-found" and fact.key not in cleared
    }


def closure(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "enforcement cases closed in P ÷ those of the cases open at the start of P or opened in P
    that were closed in P or whose limit had passed at the end of P." "a case without `opened` is not
    counted in closure".
    """
    for actions in cases_of(facts).values():
        if not is_opened(actions):
            continue
        closing = closing_of(actions)
        if closing is not None and from_day <= rules.day(closing) <= to_day:
            yield Counted("closure", 1, who_of(up_to(actions, closing)), rules.day(closing))
        history = happened_by(actions, to_day, rules)
        still_open = is_opened(history) and closing_of(history) is None
        if still_open and is_passed(limit_of(history, rules), to_day):
            yield Counted("closure", 0, who_of(history), to_day)


def revocation(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Counted]:
    """DOMAIN: "decisions made in P that a review later revoked, partly revoked, altered, or found illegal
    or void ÷ decisions made in P." "Several decisions in one case count one by one here." "Any standing
    adverse outcome counts, whatever its date".
    """
    adverse = adversely_reviewed(facts)
    for actions in cases_of(facts).values():
        for decision in actions:
            if decision.type in DECISIONS and from_day <= rules.day(decision) <= to_day:
                who = who_of(up_to(actions, decision))
                yield Counted("revocation", int(decision.key in adverse), who, rules.day(decision))


def adversely_reviewed(facts: Sequence[Fact]) -> set[Key]:
    """DOMAIN: "*Review* `of` {`source`, `id`} means that decision; `of` {`case`} the case's last decision
    before the review."
    """
    cases = cases_of(facts)
    adverse: set[Key] = set()
    for review in facts:
        if review.type != "review.decided" or review.data["outcome"] not in ADVERSE_OUTCOMES:
            continue
        if "case" in review.data["of"]:
            before = [
                action
                for action in cases.get(review.data["of"]["case"], [])
                if action.type in DECISIONS and action.order < review.order
            ]
            if before:
                adverse.add(before[-1].key)
        else:
            adverse.add(meant_key(review))
    return adverse
