"""The plainest way to turn actions into rows of the history: one by one, word by word."""

from __future__ import annotations

from collections.abc import Sequence

from domain.actions.stored_facts import Facts, due_value
from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import NOBODY
from projections.history.rows import ROW_COLUMNS, VOCABULARIES, subject_word

WordLists = dict[str, list[str]]


class Coder:
    """Gives each word the next code of its vocabulary when it first meets it."""

    def __init__(self) -> None:
        self.words: WordLists = {name: [] for name in VOCABULARIES}

    def code(self, vocabulary: str, word: str | None) -> int:
        if word is None:
            return NOBODY
        if word not in self.words[vocabulary]:
            self.words[vocabulary].append(word)
        return self.words[vocabulary].index(word)

    def row(self, facts: Facts) -> dict[str, int]:
        data, family = facts.data, ACTION_TYPES[facts.type].family
        due_kind, due = due_value(data.due)
        of_case = data.of.case if data.of is not None else None
        stated = (data.owner, data.basis, data.evidence, data.supervisor, data.outcome)
        row = {
            "type": ACTION_TYPES[facts.type].code,
            "subject": self.code("subject", subject_word(family, facts.subject)),
            "of_case": self.code("subject", of_case and subject_word("licensing", of_case)),
            "source": self.code("source", facts.source),
            "time": facts.occurred_at,
            "unit": self.code("unit", (family == "staff" and data.to_unit) or data.unit),
            "owner": self.code("staff", data.owner),
            "actor": self.code("staff", data.actor),
            "supervisor": self.code("staff", data.supervisor),
            "recorder": self.code("staff", data.recorded_by),
            "procedure": self.code("procedure", data.procedure),
            "reason": self.code("reason", data.reason),
            "outcome": self.code("outcome", data.outcome),
            "step": self.code("step", data.step if facts.type.endswith(".step-done") else None),
            "due_kind": due_kind,
            "due": due,
            "rating": int(data.rating or 0),
            "present": sum(bool(each) << bit for bit, each in enumerate(stated)),
        }
        return {name: row[name] for name in ROW_COLUMNS}

    def shares(self, facts: Facts) -> list[tuple[int, int]]:
        return [(self.code("staff", each.staff), each.millionths) for each in facts.data.participants or ()]


def rows_of(facts: Sequence[Facts]) -> tuple[list[dict[str, int]], list[tuple[int, int, int]], WordLists]:
    """(rows, shares as (row, staff, part), words)."""
    coder, rows, shares = Coder(), [], []
    for number, each in enumerate(facts):
        rows.append(coder.row(each))
        shares += [(number, *share) for share in coder.shares(each)]
    return rows, shares, coder.words
