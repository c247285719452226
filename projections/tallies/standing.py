"""Keep what is asked for often ready while a server runs: the tally of each context, up with the history."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, RLock

from domain.directory import Directory
from domain.measuring.counting import Period
from domain.measuring.rollup import By, counted_subjects, roll_up, sizes_for, trees_of
from domain.measuring.sums import Sums
from domain.rules.context import Context
from projections.history.columns import History
from projections.tallies.as_known import counts_as_known
from projections.tallies.live_tally import LiveTally
from projections.tallies.tallies import Counted, count

CONTEXTS_MAX = 4
"""Each context holds a tally of its own; the one that was asked for the longest time ago makes room."""


class Standing:
    """Answers for any period and position without counting all over again. Thread-safe.

    A context that is new is counted beside the others, which go on answering meanwhile.
    """

    def __init__(self, *, contexts_max: int = CONTEXTS_MAX) -> None:
        # A view that was built anew may hold what was left out, under other codes: each build has its own tallies.
        self._contexts: OrderedDict[tuple[str, int], _Context] = OrderedDict()
        self._contexts_max = contexts_max
        self._lock = Lock()

    def follow(self, history: History) -> None:
        """Count what was recorded since, for every context that was asked for."""
        with self._lock:
            for (context, build), each in list(self._contexts.items()):
                if build < history.build:
                    del self._contexts[context, build]
                    self._contexts.setdefault((context, history.build), _Context(each.context))
            known = [each for (_, build), each in self._contexts.items() if build == history.build]
        for each in known:
            each.follow(history)

    def sums(
        self, history: History, context: Context, directory: Directory,
        *, from_day: int, to_day: int, by: By, asked: int,
    ) -> Sums:  # fmt: skip
        """Sums over a period as known at the history's position, for every subject of a kind, rolled up."""
        kept = self._kept(context, history)
        return kept.sums(history, directory, from_day=from_day, to_day=to_day, by=by, asked=asked)

    @contextmanager
    def at_rest(self, history: History, context: Context) -> Iterator[History]:
        """The history as far as it is counted under a context: as far as this one, or farther.

        It stands still until the end of the block: others who would count on wait. So its sums are at hand, while
        those of any earlier position are counted from case files.
        """
        with self._kept(context, history).at_rest(history) as counted:
            yield counted

    def _kept(self, context: Context, history: History) -> _Context:
        key = context.hash, history.build
        with self._lock:
            kept = self._contexts.setdefault(key, _Context(context))
            self._contexts.move_to_end(key)
            while len(self._contexts) > self._contexts_max:
                self._contexts.popitem(last=False)
        return kept


class _Context:
    """One context in one build of the history: its tally as of now, and case files for earlier positions."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._live = LiveTally(context)
        self._counted: Counted | None = None
        # Whoever has it at rest asks for sums meanwhile.
        self._lock = RLock()

    def follow(self, history: History) -> None:
        with self._lock:
            # An empty history has nothing to count, but words to answer with.
            if history.position > self._live.position or self._live.position == 0:
                self._live.follow(history)

    @contextmanager
    def at_rest(self, history: History) -> Iterator[History]:
        with self._lock:
            self.follow(history)
            yield self._live.history

    def sums(
        self, history: History, directory: Directory, *, from_day: int, to_day: int, by: By, asked: int
    ) -> Sums:
        self.follow(history)
        with self._lock:
            if history.position == self._live.position:
                # Its tally holds everything; who is listed must not depend on where the answer comes from.
                everything = self._live.sums(directory, from_day=from_day, to_day=to_day, by=by)
                return counted_subjects(everything, asked=asked)
            if self._counted is None or self._counted.history.position < history.position:
                self._counted = count(self._live.history, self.context)
            words = history.words_of
            period = Period(from_day, to_day, trees_of(directory, from_day, to_day))
            counts = counts_as_known(
                self._counted, self._live.cases, history.position, period,
                sizes_for(by, words("staff"), words("unit"), words("procedure")), asked=asked, with_values=True,
            )  # fmt: skip
        return roll_up(
            counts, period, directory, self.context.register, by=by,
            staff=words("staff"), units=words("unit"), procedures=words("procedure"),
        )  # fmt: skip
