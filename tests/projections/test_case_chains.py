"""Cases gathered along their chains are the case files of the history, whatever the batches were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.measuring.cases import ACTION_RECORD, EXTRA_RECORD, LONE, Cases
from domain.zones import load_zone
from projections.history.columns import History
from projections.tallies.case_chains import CaseChains
from projections.tallies.case_files import case_files
from projections.tallies.case_gathering import ROLES, gather_case
from projections.tallies.excerpt import CaseRows
from tests.strategies import random_history
from tests.support.product import product, record

ZONE = load_zone("Asia/Shanghai")
Case = list[tuple[Any, ...]]


@pytest.mark.parametrize("to_instant", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_gathered_cases_are_the_case_files(seed: int, to_instant: bool, tmp_path: Path) -> None:
    # Given a crowded history, with links, corrections, and actions of one instant
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(100 + seed, 500))
        history = kaoji.history()
        chains, known = CaseChains(), CaseRows()
        for position in (60, 61, 65, 200, 330, history.position):
            # When it is followed
            until = history.upto(position)
            known.grow(until)
            chains.take(until, chains.news(until, known))
            # Then the cases of all subjects are those that are made from the whole history
            subjects = np.arange(len(until.words_of("subject")), dtype=np.int32)
            found = listed(gathered(chains, until, subjects, to_instant=to_instant))
            assert found == listed([case_files(until, ZONE, to_instant=to_instant).cases])


def test_case_without_room_is_left_for_more_room(tmp_path: Path) -> None:
    # Given a long case, and room for one action less than it has
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(7, 300))
        history = kaoji.history()
        chains = followed(history)
        subjects = np.arange(len(history.words_of("subject")), dtype=np.int32)
        sizes = [len(case) for case in listed(gathered(chains, history, subjects, to_instant=False))]
        longest = next(subject for subject in subjects if size_of(chains, history, int(subject), 1) == max(sizes))
        # When it is gathered, then it is said how much room it takes, and with that it is whole
        assert size_of(chains, history, int(longest), max(sizes) - 1) == max(sizes)
        assert size_of(chains, history, int(longest), max(sizes)) == max(sizes)


def test_subjects_that_are_touched_are_those_whose_files_change(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(8, 500))
        history = kaoji.history()
        chains, known = CaseChains(), CaseRows()
        before: dict[int, Case] = {}
        for position in range(25, history.position + 1, 25):
            until = history.upto(position)
            known.grow(until)
            news = chains.news(until, known)
            touched = set(chains.take(until, news).tolist())
            files = case_files(until, ZONE)
            now = dict(zip(files.subject.tolist(), listed([files.cases]), strict=True))
            changed = {each for each in {*before, *now} if before.get(each) != now.get(each)}
            begin = position - 25
            only_longer = {
                each
                for each in changed
                if [row for row in now.get(each, []) if row[0] <= begin] == before.get(each, [])
            }
            assert changed <= touched
            assert changed - only_longer <= set(news.changed.tolist()) <= touched
            before = now


def followed(history: History) -> CaseChains:
    chains, known = CaseChains(), CaseRows()
    known.grow(history)
    chains.take(history, chains.news(history, known))
    return chains


def gathered(
    chains: CaseChains, history: History, subjects: NDArray[np.int32], *, to_instant: bool, room: int = 512
) -> Iterator[Cases]:
    """The cases of these subjects, those without rows left out."""
    rows = history.rows
    chain, kept, shares = (each.view(np.recarray) for each in (chains.chain, chains.kept, chains.shares))
    for subject in subjects.tolist():
        records = np.zeros(room, ACTION_RECORD).view(np.recarray)
        extras = np.zeros(room, EXTRA_RECORD).view(np.recarray)
        size, many = gather_case(
            subject, chain, chains.last, rows["reason"], rows["step"], rows["rating"], rows["due"], kept,
            chains.share_row, ROLES, ZONE.transitions, ZONE.offsets, to_instant,
            np.empty(room, np.int32), records, extras,
        )  # fmt: skip
        if size:
            found = records[:size].view(np.recarray), extras[:many].view(np.recarray)
            yield Cases(np.array([0, size]), *found, shares)


def size_of(chains: CaseChains, history: History, subject: int, room: int) -> int:
    """Of a subject's case, as it is said where there is room for so many actions."""
    subjects = np.array([subject], np.int32)
    return sum(int(case.starts[-1]) for case in gathered(chains, history, subjects, to_instant=False, room=room))


def listed(parts: Iterable[Cases]) -> list[Case]:
    """Every case as the actions in it, position first, each with all that it states."""
    return [
        [stated(cases, row) for row in range(cases.starts[case], cases.starts[case + 1])]
        for cases in parts
        for case in range(cases.starts.size - 1)
    ]


def stated(cases: Cases, row: int) -> tuple[Any, ...]:
    action = cases.actions[row]
    told = (action.position, action.day, action.owner, action.unit, action.procedure, action.role, action.kind)
    marks = (action.states, action.marks)
    if action.extra < 0:
        return (*told, *marks, action.extra if action.extra <= LONE else None)
    extra = cases.extras[action.extra]
    shares = cases.shares[extra.share_start : extra.share_stop]
    names = ("time", "due_time", "due_day", "reason", "step", "due_kind", "rating")
    return (*told, *marks, *(extra[name] for name in names), shares.tolist())
