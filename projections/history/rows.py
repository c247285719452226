"""Turn a stored action into one row of the history: integers, and codes for the words it uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.action_types import ACTION_TYPES
from domain.cases import NOBODY
from domain.facts import Facts, due_value

VOCABULARIES = ("subject", "source", "unit", "staff", "procedure", "reason", "outcome")
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
    "of_case",
    "due_kind",
    "due",
    "rating",
    "present",
)

NO_ACTION = (0, NOBODY, NOBODY, 0) + (NOBODY,) * 9 + (0, 0, 0, 0)
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
    kind = _KIND_OF_FAMILY.get(family, "case")
    return f"{kind}:{subject}"


_KIND_OF_FAMILY = {
    "plan": "target",
    "staff": "staff",
    "unit": "unit",
    "quality": "quality",
    "training": "quality",
}


def row_of(facts: Facts, words: Vocabulary) -> tuple[int, ...]:
    """The row of an action, in the order of ROW_COLUMNS. Codes new words in a fixed order."""
    data, kind = facts.data, ACTION_TYPES[facts.type]
    staff = words["staff"]
    due_kind, due = due_value(data.due)
    present = (
        (data.owner is not None) * HAS_OWNER
        + bool(data.basis) * HAS_BASIS
        + bool(data.evidence) * HAS_EVIDENCE
        + (data.supervisor is not None) * HAS_SUPERVISOR
        + (data.outcome is not None) * HAS_OUTCOME
    )
    of_case = data.of.case if data.of is not None else None
    return (
        kind.code,
        words["subject"].code(subject_word(kind.family, facts.subject)),
        words["source"].code(facts.source),
        facts.occurred_at,
        words["unit"].code((kind.family == "staff" and data.to_unit) or data.unit),
        staff.code(data.owner),
        staff.code(data.actor),
        staff.code(data.supervisor),
        staff.code(data.recorded_by),
        words["procedure"].code(data.procedure),
        words["reason"].code(data.reason),
        words["outcome"].code(data.outcome),
        words["subject"].code(None if of_case is None else subject_word("licensing", of_case)),
        due_kind,
        due,
        int(data.rating or 0),
        present,
    )


def shares_of(facts: Facts, words: Vocabulary) -> list[tuple[int, int]]:
    """(staff code, millionths) of the participants."""
    staff = words["staff"]
    return [(staff.code(each.staff), each.millionths) for each in facts.data.participants or ()]
