"""Histories for property tests: valid CloudEvents in order of arrival, from Hypothesis or from a printed
seed.
"""

import copy
import itertools
from datetime import date, timedelta
from random import Random

from hypothesis import strategies as st

from tests.drafted_actions import (
    DAYS,
    FIRST_DAY,
    HOT_DAYS,
    MAKERS,
    Draft,
    Event,
    conflicting,
    envelope,
    repeated,
)

KINDS = (
    *("case",) * 30,
    *("plan",) * 5,
    *("rating",) * 3,
    *("error-found",) * 2,
    "error-cleared",
    *("review",) * 4,
    *("unit",) * 4,
    *("corrected",) * 6,
    *("voided",) * 2,
    *("repeated",) * 2,
    "conflicting",
    "staff",
    "plain",
)


def drafts() -> st.SearchStrategy[Draft]:
    """One action to be."""
    days = st.one_of(st.sampled_from(HOT_DAYS), st.integers(0, DAYS - 1))
    return st.builds(Draft, st.sampled_from(KINDS), st.integers(0, 6), days, st.integers(0, 2**20))


@st.composite
def histories(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 40) -> list[Event]:
    """Valid CloudEvents in an order of arrival that has nothing to do with their times."""
    crowded = max(min_size, max_size // 3)  # Hypothesis alone makes lists of about five, too few to collide.
    drafted = draw(
        st.one_of(
            st.lists(drafts(), min_size=min_size, max_size=max_size),
            st.lists(drafts(), min_size=crowded, max_size=max_size),
            st.lists(drafts(), min_size=crowded, max_size=max_size),
        )
    )
    return shuffled(made_from(drafted), draw(st.integers(0, 2**20)))


def random_history(seed: int, actions: int) -> list[Event]:
    """The same from a printed seed, quickly; about one case for every sixteen actions."""
    random = Random(seed)
    subjects = max(6, actions // 16)
    made = [
        Draft(
            random.choice(KINDS),
            random.randrange(subjects),
            random.choice(HOT_DAYS) if random.random() < 0.5 else random.randrange(DAYS),
            random.randrange(2**48),
        )
        for _ in range(actions)
    ]
    return shuffled(made_from(made), random.randrange(1, 2**48))


def periods() -> st.SearchStrategy[tuple[date, date]]:
    """(from, to), both inclusive: single days, weeks, the whole; borders on the hot days more often than
    not.
    """
    borders = st.one_of(st.sampled_from(HOT_DAYS), st.integers(-3, DAYS + 20))
    return st.tuples(borders, borders).map(
        lambda pair: (FIRST_DAY + timedelta(days=min(pair)), FIRST_DAY + timedelta(days=max(pair)))
    )


@st.composite
def batches(draw: st.DrawFn, n: int) -> list[int]:
    """Sizes, each at least 1, that add up to n."""
    cuts = sorted(draw(st.sets(st.integers(1, n - 1), max_size=6))) if n > 1 else []
    borders = [0, *cuts, n]
    return [after - before for before, after in itertools.pairwise(borders) if after > before]


def working_weekday(day: date) -> bool:
    """Monday to Friday: the working days where a test needs no holidays."""
    return day.weekday() < 5


def shuffled(events: list[Event], seed: int) -> list[Event]:
    """Another order of arrival; seed 0 leaves it as it is, so that small examples stay readable."""
    if seed:
        Random(seed).shuffle(events)
    return events


def made_from(drafted: list[Draft]) -> list[Event]:
    """The actions of these drafts; a later one may refer to an earlier one."""
    events: list[Event] = []
    for number, draft in enumerate(drafted):
        random = Random(draft.seed)
        if draft.kind in ("repeated", "conflicting"):
            if events:
                earlier = copy.deepcopy(random.choice(events))
                events.append(
                    repeated(earlier, random) if draft.kind == "repeated" else conflicting(earlier, random)
                )
            continue
        event = envelope(number, draft, random)
        MAKERS[draft.kind](event, draft, random, events)
        events.append(event)
    return events
