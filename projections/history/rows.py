"""Turn stored actions into rows of the history: columns of integers, and codes for the words they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.action_types import ACTION_TYPES
from domain.cases import NOBODY
from domain.facts import DAY_LENGTH, DUE_DAY, DUE_INSTANT, Facts, FactsData, due_value
from domain.instants import parse_instants

VOCABULARIES = ("subject", "source", "unit", "staff", "procedure", "reason", "outcome", "step")
"""Each has codes of its own, given in the order in which the words first stand in the ledger."""

HAS_OWNER, HAS_BASIS, HAS_EVIDENCE, HAS_SUPERVISOR, HAS_OUTCOME = 1, 2, 4, 8, 16
"""The five everys, as bits of a row's `present`."""

ROW_COLUMNS = (
    "type",
    "subject",
    "source",
    "time",
    "unit",
    "owner",
    "actor",
    "supervisor",
    "recorder",
    "procedure",
    "reason",
    "outcome",
    "step",
    "of_case",
    "due_kind",
    "due",
    "rating",
    "present",
)

NO_ACTION = (0, NOBODY, NOBODY, 0) + (NOBODY,) * 10 + (0, 0, 0, 0)
"""Row of a ledger event that is no action of the office: it keeps its place, and counts nowhere."""


@dataclass
class Words:
    """The words of one vocabulary: code -> word, and back. New ones get the next code."""

    words: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def code(self, word: str | None) -> int:
        """Code of a word, NOBODY for none."""
        if word is None:
            return NOBODY
        found = self.codes.get(word)
        if found is None:
            found = self.codes[word] = len(self.words)
            self.words.append(word)
        return found

    def find(self, word: str) -> int:
        """Code of a word that may be unknown; NOBODY then."""
        return self.codes.get(word, NOBODY)

    def extend(self, words: Iterable[str]) -> None:
        """Take over words that were coded before, in their order."""
        for word in words:
            self.code(word)


Vocabulary = dict[str, Words]


def new_vocabulary() -> Vocabulary:
    """Empty words for every vocabulary."""
    return {name: Words() for name in VOCABULARIES}


def subject_word(family: str, subject: str) -> str:
    """Subjects of different kinds may bear the same text: a case, a plan target, a person, a unit, a finding."""
    return f"{_KIND_OF_FAMILY.get(family, 'case')}:{subject}"


_KIND_OF_FAMILY = {
    "plan": "target",
    "staff": "staff",
    "unit": "unit",
    "quality": "quality",
    "training": "quality",
}
_CODE = {name: kind.code for name, kind in ACTION_TYPES.items()}
_SUBJECT_START = {name: subject_word(kind.family, "") for name, kind in ACTION_TYPES.items()}
_NAMES_STEP = frozenset(name for name in ACTION_TYPES if name.endswith(".step-done"))
_OF_STAFF = frozenset(name for name, kind in ACTION_TYPES.items() if kind.family == "staff")

Told = Sequence[str | None]
"""What each of some actions says in one field."""


class Coded(NamedTuple):
    """Some actions as columns: `columns` by ROW_COLUMNS; share i is of action `share_row[i]` (from 0)."""

    columns: Mapping[str, NDArray[Any]]
    share_row: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int32]


def code_facts(facts: Sequence[Facts], words: Vocabulary, *, order: Sequence[int] | None = None) -> Coded:
    """Actions as columns, field by field. New words get the codes that they would get action by action.

    `order` says after which others each action is to be seen, where that is not the order they stand in.
    """
    order = range(len(facts)) if order is None else order
    data = [each.data for each in facts]
    types = [each.type for each in facts]
    columns: dict[str, NDArray[Any]] = {
        "type": np.array([_CODE[name] for name in types], np.uint8),
        "time": parse_instants([each.time for each in facts]),
    }
    subject: Told = [_SUBJECT_START[each.type] + each.subject for each in facts]
    _code(columns, words["subject"], order, {"subject": subject, "of_case": _cases_meant(data)})
    _code(columns, words["source"], order, {"source": [each.source for each in facts]})
    _code(columns, words["unit"], order, {"unit": _units(types, data)})
    roles: dict[str, Told] = {
        "owner": [each.owner for each in data],
        "actor": [each.actor for each in data],
        "supervisor": [each.supervisor for each in data],
        "recorder": [each.recorded_by for each in data],
    }
    shares = [
        (row, each.staff, each.millionths)
        for row in [row for row, each in enumerate(data) if each.participants]
        for each in data[row].participants or ()
    ]
    last = [(order[row], len(roles) + index, staff) for index, (row, staff, _) in enumerate(shares)]
    _code(columns, words["staff"], order, roles, last)
    _code(columns, words["procedure"], order, {"procedure": [each.procedure for each in data]})
    _code(columns, words["reason"], order, {"reason": [each.reason for each in data]})
    _code(columns, words["outcome"], order, {"outcome": [each.outcome for each in data]})
    step = [each.step if name in _NAMES_STEP else None for name, each in zip(types, data, strict=True)]
    _code(columns, words["step"], order, {"step": step})
    columns["due_kind"], columns["due"] = _dues([each.due for each in data])
    columns["rating"] = np.array([int(each.rating or 0) for each in data], np.uint8)
    columns["present"] = _present(columns, data)
    return Coded(
        columns,
        np.array([row for row, _, _ in shares], np.int64),
        np.array([words["staff"].codes[staff] for _, staff, _ in shares], np.int32),
        np.array([part for _, _, part in shares], np.int32),
    )


def _code(
    columns: dict[str, NDArray[Any]],
    words: Words,
    order: Sequence[int],
    told: Mapping[str, Told],
    last: Iterable[tuple[int, int, str]] = (),
) -> None:
    """Code columns of one vocabulary; `last` are further words, as (order of the action, place in it, word)."""
    codes = words.codes
    new = [each for each in last if each[2] not in codes]
    coded = _looked_up(codes, told)
    if coded is None:
        new += [
            (order[row], place, word)
            for place, each in enumerate(told.values())
            for row, word in enumerate(each)
            if word is not None and word not in codes
        ]
    for _, _, word in sorted(new):
        words.code(word)
    columns.update(coded or _looked_up(codes, told) or {})


def _looked_up(codes: Mapping[str, int], told: Mapping[str, Told]) -> dict[str, NDArray[np.int32]] | None:
    """Columns of codes; None where a word has none yet."""
    try:
        return {
            name: np.array([NOBODY if word is None else codes[word] for word in each], np.int32)
            for name, each in told.items()
        }
    except KeyError:
        return None


def _cases_meant(data: Sequence[FactsData]) -> Told:
    return [
        None if each.of is None or each.of.case is None else subject_word("licensing", each.of.case)
        for each in data
    ]


def _units(types: Sequence[str], data: Sequence[FactsData]) -> Told:
    """A person's action counts where they go to, every other where it says."""
    units = [each.unit for each in data]
    for row in [row for row, each in enumerate(data) if each.to_unit and types[row] in _OF_STAFF]:
        units[row] = data[row].to_unit
    return units


def _dues(told: Told) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`domain.facts.due_value` of each."""
    kind, value = np.zeros(len(told), np.uint8), np.zeros(len(told), np.int64)
    days = [(row, due) for row, due in enumerate(told) if due is not None and len(due) == DAY_LENGTH]
    if days:
        number = {due: due_value(due)[1] for due in {due for _, due in days}}
        rows = [row for row, _ in days]
        kind[rows], value[rows] = DUE_DAY, [number[due] for _, due in days]
    instants = [(row, due) for row, due in enumerate(told) if due is not None and len(due) != DAY_LENGTH]
    if instants:
        rows = [row for row, _ in instants]
        kind[rows], value[rows] = DUE_INSTANT, parse_instants([due for _, due in instants])
    return kind, value


def _present(columns: Mapping[str, NDArray[Any]], data: Sequence[FactsData]) -> NDArray[np.uint8]:
    """Which of the five everys are stated, one bit each."""
    stated = (
        ((columns["owner"] != NOBODY), HAS_OWNER),
        (np.array([bool(each.basis) for each in data], np.bool_), HAS_BASIS),
        (np.array([bool(each.evidence) for each in data], np.bool_), HAS_EVIDENCE),
        ((columns["supervisor"] != NOBODY), HAS_SUPERVISOR),
        ((columns["outcome"] != NOBODY), HAS_OUTCOME),
    )
    present = np.zeros(len(data), np.uint8)
    for is_stated, bit in stated:
        present |= is_stated.astype(np.uint8) * np.uint8(bit)
    return present
