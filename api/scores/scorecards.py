"""Scores as a caller asks for them: a policy, a period, a state of knowledge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from api.as_of import day_text, period, position_as_of
from api.bootstrap import Kaoji
from api.rules.rules import meant_from, policy_in, registers_in, rulebook_at
from domain.compiled import SLOW_BECAUSE
from domain.directory import Directory
from domain.ledger.ledger import Ledger
from domain.log_events import CORE_SLOW
from domain.measuring.evidence import CaseColumns, columns_of
from domain.measuring.populations import Population, asked_for, cells_with
from domain.measuring.rollup import By
from domain.measuring.sums import Sums
from domain.policies.policy import Policy
from domain.rules.context import Context
from domain.scoring.scoring import Scorecards, score
from domain.zones import Zone
from projections.corrections import CorrectionReport, report_corrections
from projections.directory import DirectoryProjection, directory_as_known
from projections.driver import Progress, no_progress
from projections.history.columns import History
from projections.tallies.case_files import CaseFiles
from projections.tallies.standing import Standing
from projections.tallies.tallies import Counted, count


@dataclass(frozen=True)
class Counting:
    """Case files that are made when they are first asked for: not every answer needs them."""

    history: History
    context: Context
    subjects: tuple[int, ...] | None = None
    """Codes of the subjects whose cases are meant; None for all."""

    @cached_property
    def counted(self) -> Counted:
        """The case files, ready to be counted."""
        return count(self.history, self.context, subjects=self.subjects)


@dataclass(frozen=True)
class Basis:
    """All that a score follows from."""

    policy: Policy
    context: Context
    from_day: int
    to_day: int
    history: History
    directory: Directory
    counting: Counting
    ledger: Ledger
    today: int
    standing: Standing | None = None
    """Sums that a server keeps up with the ledger; only for a history that is the ledger's own."""
    meant_from: str | None = None
    """The first day that the policy is meant for, by its adoption; what counts does not depend on it."""

    @property
    def counted(self) -> Counted:
        """The case files, ready to be counted."""
        return self.counting.counted

    @cached_property
    def files(self) -> CaseFiles:
        """The files of the cases that may count in the period."""
        return self.counted.reaching(self.from_day, self.to_day)

    @cached_property
    def columns(self) -> CaseColumns:
        """The same files, to be looked at row by row."""
        return columns_of(self.files.cases)

    @cached_property
    def said_of(self) -> Mapping[int, Sequence[int]]:
        """By the position of an action those that say something of it later."""
        links, said = self.history.links, defaultdict(list)
        for target, position in zip(links["target"].tolist(), links["position"].tolist(), strict=True):
            said[target].append(position)
        return said

    @cached_property
    def corrections(self) -> CorrectionReport:
        """Corrections without effect, and those to flag."""
        return report_corrections(self.history, self.ledger)

    @property
    def forecast(self) -> bool:
        """Whether the period reaches beyond today: then the score says what would be, if nothing more happened."""
        return self.to_day > self.today

    @property
    def is_early(self) -> bool:
        """Whether the period begins before the first day that the policy is meant for."""
        return self.meant_from is not None and day_text(self.from_day) < self.meant_from

    def scorecards(self, by: By) -> Scorecards:
        """The scores of all subjects of a kind."""
        sums = self.sums(by, asked=asked_by(self.policy), with_values=bool(self.policy.values_needed))
        return self.scored(sums, by)

    def scored(self, sums: Sums, by: By) -> Scorecards:
        """The scores that follow from sums, wherever these were added up."""
        return score(
            sums,
            self.policy,
            self.directory,
            self.context.register,
            from_day=self.from_day,
            to_day=self.to_day,
            by=by,
        )

    def sums(self, by: By, *, asked: int, with_values: bool) -> Sums:
        """What was counted in the period for every subject of a kind."""
        first, last = self.from_day, self.to_day
        if self.standing is not None:
            return self.standing.sums(
                self.history, self.context, self.directory, from_day=first, to_day=last, by=by, asked=asked
            )
        return self.counted.sums(
            self.directory, from_day=first, to_day=last, by=by, asked=asked, with_values=with_values
        )

    def head_json(self, cards: Scorecards) -> dict[str, Any]:
        """What scores follow from, as `kaoji score` prints it."""
        meant = {} if self.meant_from is None else {"policy_valid_from": self.meant_from}
        return cards.head_json(
            as_of=self.history.position, context=self.context.describe(), forecast=self.forecast, **meant
        )

    def to_json(self, cards: Scorecards) -> dict[str, Any]:
        """What `kaoji score` prints and `GET /scores` answers: the scores, and what they follow from."""
        return self.head_json(cards) | {"subjects": cards.rows_json()}


def basis(
    kaoji: Kaoji,
    *,
    policy: str,
    from_text: str,
    to_text: str,
    as_of: str | None = None,
    files: bool = True,
    progress: Progress = no_progress,
) -> Basis:
    """Gather what a score follows from, by the rules that were known at the position asked for. With `files`
    the policy may be one. Raises WrongInputError for a policy, date or position that is none."""
    _say_if_slow()
    first, last = period(from_text, to_text)
    position = position_as_of(kaoji, as_of, kaoji.driver.catch_up(progress=progress))
    rulebook = rulebook_at(kaoji, upto=position)
    chosen = policy_in(rulebook, policy, files=files)
    context = chosen.context(registers_in(rulebook))
    history = kaoji.history(upto=position, progress=progress).upto(position)
    return Basis(
        policy=chosen,
        context=context,
        from_day=first,
        to_day=last,
        history=history,
        directory=(directory_now if as_of is None else directory_of)(kaoji, history, context.zone),
        counting=Counting(history, context),
        ledger=kaoji.ledger,
        today=context.zone.day_of_instant(kaoji.clock()),
        standing=kaoji.standing,
        meant_from=meant_from(rulebook, chosen),
    )


@cache
def _say_if_slow() -> None:
    """Once in a process: whoever waits for it sees why, and that the answer is right all the same."""
    if SLOW_BECAUSE is not None:
        CORE_SLOW.log(reason=SLOW_BECAUSE)


@contextmanager
def basis_at_rest(
    kaoji: Kaoji, *, policy: str, from_text: str, to_text: str, as_of: str | None, files: bool = True
) -> Iterator[Basis]:
    """The same for a server that keeps sums up with the ledger: they wait until the end of the block.

    Where they have gone on since the question came, the basis has gone on with them: a score as of now need not
    be counted from case files because something was recorded meanwhile. Raises as `basis`.
    """
    found = basis(kaoji, policy=policy, from_text=from_text, to_text=to_text, as_of=as_of, files=files)
    if as_of is not None or kaoji.standing is None:
        yield found
        return
    with kaoji.standing.at_rest(found.history, found.context) as newest:
        came = newest.rows["type"][found.history.position :]
        # What is no action may be an adoption: then other rules may hold there.
        if came.size and came.all():
            yield replace(
                found,
                history=newest,
                directory=directory_now(kaoji, newest, found.context.zone),
                counting=Counting(newest, found.context),
            )
        else:
            yield found


def asked_by(policy: Policy) -> int:
    """What a fold must be asked for, so that everything in a policy can be counted."""
    cells: list[Sequence[int]] = [cells_with(Population.DECIDED, having=["limit-unknown"])]
    for measure in policy.measures:
        cells += [measure.numerator, measure.denominator]
        if measure.values is not None:
            cells.append(cells_with(measure.values))
        if measure.response is not None:
            cells += [measure.response.numerator, measure.response.denominator]
    return asked_for(cells)


def directory_now(kaoji: Kaoji, history: History, zone: Zone) -> Directory:
    """The directory as the newest history knows it, kept for the next who asks."""
    build = kaoji.driver.live_builds.get(DirectoryProjection.name)
    return kaoji.directory.at(history, zone, lambda: directory_of(kaoji, history, zone), build=build)


def directory_of(kaoji: Kaoji, history: History, zone: Zone) -> Directory:
    """The directory as the history knows it."""
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, DirectoryProjection.name)
        return directory_as_known(kaoji.views, connection, build, history, kaoji.ledger, zone)
