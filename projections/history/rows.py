"""Turn stored actions into rows of the history: columns of integers, and codes for the words they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.actions.instants import parse_encoded, parse_instants
from domain.actions.stored_facts import DAY_LENGTH, DUE_INSTANT, Facts, due_value
from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import NOBODY
from projections.history.told import Column, Told, lengths, texts_at, told_of

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
_ROLES = {"owner": "owner", "actor": "actor", "supervisor": "supervisor", "recorder": "recorded_by"}
"""Columns that hold staff, in the order in which a row names them, and the fields they come from."""


class Coded(NamedTuple):
    """Some actions as columns: `columns` by ROW_COLUMNS; share i is of action `share_row[i]` (from 0)."""

    columns: Mapping[str, NDArray[Any]]
    share_row: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int32]


def code_facts(facts: Sequence[Facts], words: Vocabulary) -> Coded:
    """Actions as columns. New words get the next codes."""
    return code_told(told_of(facts), words)


def code_told(told: Told, words: Vocabulary, *, order: NDArray[np.int64] | None = None) -> Coded:
    """What actions say as columns. New words get the codes that they would get action by action.

    `order` says after which others each action is to be seen, where that is not the order they stand in.
    """
    many = len(told["type"])
    order = np.arange(many) if order is None else order
    type_row, types = _distinct(told["type"])
    columns: dict[str, NDArray[Any]] = {
        "type": np.array([_CODE[name] for name in types], np.uint8)[type_row],
        "time": parse_encoded(*texts_at(told["time"])),
    }

    def of_type(test: Sequence[bool]) -> Column:
        return pa.array(np.array(test, np.bool_)[type_row])

    starts: Column = pa.array([_SUBJECT_START[name] for name in types], pa.string())
    starts = starts.take(pa.array(type_row))
    subject = pc.binary_join_element_wise(starts, told["subject"], "")
    of_case = pc.binary_join_element_wise(pa.scalar(subject_word("licensing", "")), told["of_case"], "")
    # A person's action counts where they go to, every other where it says.
    goes = pc.and_(of_type([ACTION_TYPES[name].family == "staff" for name in types]), pc.is_valid(told["to_unit"]))
    step = pc.if_else(
        of_type([name.endswith(".step-done") for name in types]), told["step"], pa.scalar(None, pa.string())
    )
    share_row, share_staff, share_part = _shares(told["participants"])
    named = {
        "subject": {"subject": subject, "of_case": of_case},
        "unit": {"unit": pc.if_else(goes, told["to_unit"], told["unit"])},
        "staff": {name: told[source] for name, source in _ROLES.items()},
        "step": {"step": step},
    }
    for vocabulary in VOCABULARIES:
        told_so = named.get(vocabulary) or {vocabulary: told[vocabulary]}
        last = share_staff if vocabulary == "staff" else None
        columns |= _code(words[vocabulary], order, told_so, last, share_row)
    codes = words["staff"].codes
    columns["due_kind"], columns["due"] = _dues(told["due"])
    columns["rating"] = pc.fill_null(told["rating"], 0).to_numpy().astype(np.uint8)
    columns["present"] = _present(columns, told)
    staff = np.array([codes[each] for each in share_staff], np.int32)
    return Coded({name: columns[name] for name in ROW_COLUMNS}, share_row, staff, share_part)


def _distinct(column: Column) -> tuple[NDArray[np.int32], list[str]]:
    """(index of each text, NOBODY for none; the texts)."""
    encoded = column.dictionary_encode()
    return pc.fill_null(encoded.indices, NOBODY).to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _code(
    words: Words,
    order: NDArray[np.int64],
    told: Mapping[str, Column],
    last: Sequence[str] | None,
    last_row: NDArray[np.int64],
) -> dict[str, NDArray[np.int32]]:
    """Code columns of one vocabulary; `last` are words that stand behind all columns of their rows."""
    known, distinct = words.codes, {name: _distinct(column) for name, column in told.items()}
    new: list[tuple[int, int, str]] = []
    for place, (index, texts) in enumerate(distinct.values()):
        unknown = [number for number, text in enumerate(texts) if text not in known]
        if unknown:
            first = _first_seen(index, len(texts), order)
            new += [(int(first[number]), place, texts[number]) for number in unknown]
    for place, (row, text) in enumerate(zip(last_row.tolist(), last or (), strict=False), len(told)):
        if text not in known:
            new.append((int(order[row]), place, text))
    for _, _, text in sorted(new):
        words.code(text)
    return {
        # What is not stated has index -1: the last entry.
        name: np.array([*(known[text] for text in texts), NOBODY], np.int32)[index]
        for name, (index, texts) in distinct.items()
    }


def _first_seen(index: NDArray[np.int32], many: int, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each distinct text the order of the first action that states it."""
    backwards = np.argsort(order, kind="stable")[::-1]
    first = np.zeros(many + 1, np.int64)
    first[index[backwards]] = order[backwards]  # of equal places the last one written stays
    return first


def _shares(participants: Column) -> tuple[NDArray[np.int64], list[str], NDArray[np.int32]]:
    """(row, staff, millionths) of each participant."""
    many = lengths(participants)
    staff, share = participants.flatten().flatten()
    part = np.rint(share.to_numpy(zero_copy_only=False) * 1_000_000).astype(np.int32)
    return np.repeat(np.arange(many.size), many), staff.to_pylist(), part


def _dues(due: Column) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`domain.actions.stored_facts.due_value` of each."""
    index, texts = _distinct(due)
    kinds, values = np.zeros(len(texts) + 1, np.uint8), np.zeros(len(texts) + 1, np.int64)
    instants = [number for number, text in enumerate(texts) if len(text) != DAY_LENGTH]
    kinds[instants], values[instants] = DUE_INSTANT, parse_instants([texts[number] for number in instants])
    for number, text in enumerate(texts):
        if len(text) == DAY_LENGTH:
            kinds[number], values[number] = due_value(text)
    return kinds[index], values[index]


def _present(columns: Mapping[str, NDArray[Any]], told: Told) -> NDArray[np.uint8]:
    """Which of the five everys are stated, one bit each."""
    stated = (
        (columns["owner"] != NOBODY, HAS_OWNER),
        (told["basis"].to_numpy(zero_copy_only=False), HAS_BASIS),
        (told["evidence"].to_numpy(zero_copy_only=False), HAS_EVIDENCE),
        (columns["supervisor"] != NOBODY, HAS_SUPERVISOR),
        (columns["outcome"] != NOBODY, HAS_OUTCOME),
    )
    present = np.zeros(len(told["type"]), np.uint8)
    for is_stated, bit in stated:
        present |= is_stated.astype(np.uint8) * np.uint8(bit)
    return present
