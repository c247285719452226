"""Turn stored actions into rows of the history: columns of integers, and codes for the words they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

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


class Coder(Protocol):
    """Gives the words of one vocabulary their codes: 0, 1, 2 …"""

    def __len__(self) -> int:
        """How many words have one."""

    def find_all(self, words: Column) -> NDArray[np.int32]:
        """Code of each word; NOBODY for those that are unknown."""

    def learn(self, words: Column) -> None:
        """Give the next codes to words that are unknown, none of which stands twice."""


@dataclass
class Words:
    """The words of one vocabulary with their texts: code -> word, and back."""

    words: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.words)

    def find(self, word: str) -> int:
        """Code of a word that may be unknown; NOBODY then."""
        return self.codes.get(word, NOBODY)

    def find_all(self, words: Column) -> NDArray[np.int32]:
        """Code of each word; NOBODY for those that are unknown."""
        return np.array([self.codes.get(word, NOBODY) for word in words.to_pylist()], np.int32)

    def learn(self, words: Column) -> None:
        """Give the next codes to words that are unknown, none of which stands twice."""
        self.extend(words.to_pylist())

    def extend(self, words: Iterable[str]) -> None:
        """The same for words at hand. Those that have a code keep it."""
        for word in words:
            if word not in self.codes:
                self.codes[word] = len(self.words)
                self.words.append(word)


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
_PARTICIPANT = "participant"
"""Those who share an action are named behind them."""


class Coded(NamedTuple):
    """Some actions as columns: `columns` by ROW_COLUMNS; share i is of action `share_row[i]` (from 0)."""

    columns: Mapping[str, NDArray[Any]]
    share_row: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int32]
    new_words: Mapping[str, Column]
    """The words of each vocabulary that got a code, in the order of these."""


def code_facts(facts: Sequence[Facts], coders: Mapping[str, Coder]) -> Coded:
    """Actions as columns. New words get the next codes."""
    return code_told(told_of(facts), coders)


def code_told(told: Told, coders: Mapping[str, Coder], *, order: NDArray[np.int64] | None = None) -> Coded:
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
    new_words: dict[str, Column] = {}
    named = {
        "subject": {"subject": subject, "of_case": of_case},
        "unit": {"unit": pc.if_else(goes, told["to_unit"], told["unit"])},
        "staff": {name: told[source] for name, source in _ROLES.items()},
        "step": {"step": step},
    }
    for vocabulary in VOCABULARIES:
        stated = dict(named.get(vocabulary) or {vocabulary: told[vocabulary]})
        orders = [order] * len(stated)
        if vocabulary == "staff":
            stated[_PARTICIPANT], orders = share_staff, [*orders, order[share_row]]
        coded, new_words[vocabulary] = _code(coders[vocabulary], list(stated.values()), np.concatenate(orders))
        columns |= dict(zip(stated, coded, strict=True))
    columns["due_kind"], columns["due"] = _dues(told["due"])
    columns["rating"] = pc.fill_null(told["rating"], 0).to_numpy().astype(np.uint8)
    columns["present"] = _present(columns, told)
    rows = {name: columns[name] for name in ROW_COLUMNS}
    return Coded(rows, share_row, columns[_PARTICIPANT], share_part, new_words)


def _distinct(column: Column) -> tuple[NDArray[np.int32], list[str]]:
    """(index of each text, NOBODY for none; the texts)."""
    encoded = column.dictionary_encode()
    return pc.fill_null(encoded.indices, NOBODY).to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _code(
    coder: Coder, stated: Sequence[Column], order: NDArray[np.int64]
) -> tuple[list[NDArray[np.int32]], Column]:
    """(codes of some columns of one vocabulary, the words that were new).

    `order` is that of their rows, one column after the other; of equal ones the earlier row is seen first.
    """
    encoded = pa.concat_arrays(stated).dictionary_encode()
    index = pc.fill_null(encoded.indices, NOBODY).to_numpy(zero_copy_only=False)
    # What is not stated has index -1: the last entry.
    codes = np.append(coder.find_all(encoded.dictionary), NOBODY)
    new = _new(codes, index, order)
    codes[new] = np.arange(len(coder), len(coder) + new.size)
    new_words = encoded.dictionary.take(pa.array(new))
    if new.size:
        coder.learn(new_words)
    return np.split(codes[index], np.cumsum([len(each) for each in stated])[:-1]), new_words


def _new(codes: NDArray[np.int32], index: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int32]:
    """Which words have no code yet, in the order in which they are first seen."""
    is_new = codes == NOBODY
    is_new[-1] = False
    if not is_new.any():
        return np.empty(0, np.int32)
    rows = np.flatnonzero(is_new[index])
    rows = rows[np.argsort(order[rows], kind="stable")]
    _, first = np.unique(index[rows], return_index=True)
    return index[rows][np.sort(first)]


def _shares(participants: Column) -> tuple[NDArray[np.int64], Column, NDArray[np.int32]]:
    """(row, staff, millionths) of each participant."""
    many = lengths(participants)
    staff, share = participants.flatten().flatten()
    part = np.rint(share.to_numpy(zero_copy_only=False) * 1_000_000).astype(np.int32)
    return np.repeat(np.arange(many.size), many), staff, part


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
