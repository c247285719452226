"""What would be: another policy, other weights or targets, some procedure or source left out; for everybody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

import numpy as np

from api.bootstrap import Kaoji
from api.rules.rules import policy_in, registers_in, rulebook_at
from api.scores.scorecards import Basis, Counting, asked_by, basis, directory_of
from domain.errors import UnknownNameError, WrongInputError
from domain.measuring.counting import Period, count_tally
from domain.measuring.fold import fold_in_chunks
from domain.measuring.rollup import By, roll_up, sizes_for, trees_of
from domain.measuring.sums import Sums
from domain.policies.policy import Policy
from domain.scoring.comparison import Comparison
from domain.scoring.scoring import ScoredSubjects, score
from projections.driver import Progress, no_progress
from projections.history.without import without_sources

_EXAMPLES: Final = {"weight": "timeliness=30", "target": "timeliness=0.9"}


class NothingOtherwiseError(WrongInputError):
    """A question what would be, without anything that would be otherwise."""


@dataclass(frozen=True)
class Variation:
    """What would be otherwise."""

    against: str | None = None
    """Another policy."""
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    targets: Mapping[str, Decimal] = field(default_factory=dict)
    without_procedures: tuple[str, ...] = ()
    without_sources: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises NothingOtherwiseError."""
        if not (self.against or self.weights or self.targets or self.without_procedures or self.without_sources):
            raise NothingOtherwiseError(
                "Say what would be otherwise: another policy (--against), another weight or target (--weight "
                "CODE=30, --target CODE=0.9), or what is left out (--without-procedure, --without-source)."
            )

    def to_json(self, policy: Policy) -> dict[str, Any]:
        """As printed, with the policy that comes of it; its hash is None where no file says it."""
        return {
            "policy": policy.name,
            "policy_version": policy.version,
            "policy_hash": policy.hash or None,
            "weights": {code: f"{weight:f}" for code, weight in self.weights.items()},
            "targets": {code: f"{target:f}" for code, target in self.targets.items()},
            "without_procedures": list(self.without_procedures),
            "without_sources": list(self.without_sources),
        }


def numbers_by_code(texts: Sequence[str], option: Literal["weight", "target"]) -> dict[str, Decimal]:
    """CODE=NUMBER, each code once. Raises WrongInputError, naming the option."""
    found: dict[str, Decimal] = {}
    for text in texts:
        code, is_there, number = text.partition("=")
        try:
            if not (code and is_there) or not number.isascii():
                raise InvalidOperation
            value = Decimal(number)
        except InvalidOperation:
            raise WrongInputError(
                f"--{option} {text!r} is no CODE=NUMBER. Write for one {_EXAMPLES[option]}."
            ) from None
        if code in found:
            raise WrongInputError(f"--{option} names {code!r} twice. Name it once.")
        found[code] = value
    return found


def what_if(
    kaoji: Kaoji,
    *,
    policy: str,
    variation: Variation,
    from_text: str,
    to_text: str,
    by: By = "staff",
    as_of: str | None = None,
    everybody: bool = False,
    files: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Who would have another grade (with `everybody`, another score), and why.

    Raises WrongInputError for a policy, indicator, number, procedure, source, date or position that is none.
    """
    variation.check()
    found = basis(
        kaoji, policy=policy, from_text=from_text, to_text=to_text, as_of=as_of, files=files, progress=progress
    )
    after = varied(kaoji, found, variation, files=files)
    comparison = compared(found, after, by)
    changed = comparison.scored_otherwise if everybody else comparison.graded_otherwise
    rows = np.flatnonzero(changed)
    units = [_unit_of(found, comparison.subjects[row], by) for row in rows.tolist()]
    return {
        "policy": found.policy.name,
        "policy_version": found.policy.version,
        "policy_hash": found.policy.hash,
        "what_if": variation.to_json(after.policy),
        "period": {"from": from_text, "to": to_text},
        "as_of": found.history.position,
        "by": by,
        "context": found.context.describe(),
        "what_if_context": after.context.describe(),
        "forecast": found.forecast,
        "summary": comparison.summary(),
        "subjects": comparison.rows_json(rows, units),
    }


def varied(kaoji: Kaoji, found: Basis, variation: Variation, *, files: bool = True) -> Basis:
    """What a score would follow from. What was counted is taken over where nothing else would be counted."""
    policy, context = found.policy, found.context
    if variation.against is not None:
        rulebook = rulebook_at(kaoji, upto=found.history.position)
        policy = policy_in(rulebook, variation.against, files=files)
        context = policy.context(registers_in(rulebook))
    policy = policy.varied(weights=variation.weights, targets=variation.targets)
    after = replace(found, policy=policy)
    if context != found.context:
        after = replace(
            after,
            context=context,
            counting=Counting(found.history, context),
            directory=directory_of(kaoji, found.history, context.zone),
        )
    return recount(
        kaoji,
        after,
        without_procedures=variation.without_procedures,
        without_sources=variation.without_sources,
    )


def recount(
    kaoji: Kaoji, found: Basis, *, without_procedures: Collection[str] = (), without_sources: Collection[str] = ()
) -> Basis:
    """The same without what counts for some procedures, and as if some sources had never sent anything.

    Raises UnknownNameError for a procedure or source that the history does not know.
    """
    _check_known(found, "procedure", without_procedures)
    _check_known(found, "source", without_sources)
    if without_sources:
        found = _without_sources(kaoji, found, without_sources)
    if without_procedures:
        found = WithoutProcedures(
            **{name: getattr(found, name) for name in Basis.__dataclass_fields__},
            without_procedures=frozenset(without_procedures),
        )
    return found


def _without_sources(kaoji: Kaoji, found: Basis, sources: Collection[str]) -> Basis:
    history = without_sources(found.history, sources, found.ledger)
    return replace(
        found,
        history=history,
        counting=Counting(history, found.context),
        standing=None,
        directory=directory_of(kaoji, history, found.context.zone),
    )


@dataclass(frozen=True)
class WithoutProcedures(Basis):
    """A basis in which what counts for some procedures is left out."""

    without_procedures: frozenset[str] = frozenset()

    def sums(self, by: By, *, asked: int, with_values: bool) -> Sums:
        """Sums over the period, from contributions one by one, so that each can be left out."""
        words = self.history.words_of
        codes = [code for code, word in enumerate(words("procedure")) if word in self.without_procedures]
        period = Period(self.from_day, self.to_day, trees_of(self.directory, self.from_day, self.to_day))
        sizes = sizes_for(by, words("staff"), words("unit"), words("procedure"))
        counts = sizes.counts(period.trees)
        for chunk in fold_in_chunks(self.files.cases, self.counted.rules, asked=asked):
            kept = chunk[~np.isin(chunk.procedure, codes)]
            counts.add(count_tally(kept, period, sizes, with_values=with_values))
        return roll_up(
            counts, period, self.directory, self.context.register, by=by,
            staff=words("staff"), units=words("unit"), procedures=words("procedure"),
        )  # fmt: skip


def compared(before: Basis, after: Basis, by: By) -> Comparison:
    """Both scored, from the same sums where they were counted alike."""
    shared = (
        type(after) is type(before) and before.counting is after.counting and before.directory is after.directory
    )
    asked = asked_by(before.policy) | asked_by(after.policy)
    with_values = bool(before.policy.values_needed | after.policy.values_needed)
    sums = before.sums(by, asked=asked, with_values=with_values)
    other = sums if shared else after.sums(by, asked=asked, with_values=with_values)
    return Comparison.of(_scored(before, sums, by), _scored(after, other, by))


def _scored(found: Basis, sums: Sums, by: By) -> Any:
    cards = score(
        sums, found.policy, found.directory, found.context.register,
        from_day=found.from_day, to_day=found.to_day, by=by,
    )  # fmt: skip
    assert isinstance(cards.subjects, ScoredSubjects), "scores come in columns"
    return cards.subjects.columns


def _check_known(found: Basis, kind: str, names: Collection[str]) -> None:
    used = found.history.rows[kind]
    words = found.history.words_of(kind)
    known = {words[code] for code in np.unique(used[used >= 0]).tolist()}
    for name in sorted(names):
        if name not in known:
            raise UnknownNameError(kind, name, known)


def _unit_of(found: Basis, subject: str, by: By) -> str | None:
    if by == "staff":
        return found.directory.unit_of(subject, found.to_day)
    return subject if by == "unit" else None
