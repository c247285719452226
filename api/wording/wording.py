"""Say a sentence in Chinese that the code says in English: an error, a remedy, a finding, a remark.

Those of answers (`api.scores.reasons`, the demonstration) are chosen by language where they are made. An error is
raised where nobody knows who will read it, and a remedy is kept in the ledger's quarantine for whoever looks
later, in whichever language. So these are made once, in English, and told from each other by their form when they
are shown. Tests hold every one of them to have its Chinese form here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

from api.wording.errors import ERRORS
from api.wording.faults import FAULTS
from api.wording.findings import FINDINGS
from api.wording.notes import NOTES
from api.wording.remedies import REMEDIES

CHINESE: Final[Mapping[str, str]] = {**REMEDIES, **FINDINGS, **NOTES, **FAULTS, **ERRORS}
"""By the English form, with words in braces: the first that fits is meant, so what is more special comes first."""
_SENTENCES: Final = frozenset(
    {"fault", "found", "kind", "least", "meant", "more", "now", "remedy", "rest", "slips", "wanted", "what", "why"}
)
"""Words in braces that are ours, to be said in Chinese too; all others are what somebody wrote."""
_WORD: Final = re.compile(r"\{(\w+)\}")


class _Form(NamedTuple):
    """How an English sentence is known, and what says the same."""

    english: re.Pattern[str]
    chinese: str


def said_in(language: str, sentence: str) -> str:
    """The sentence in a language, zh or en; as it is where it has no other form."""
    if language == "en":
        return sentence
    for form in _forms():
        if found := form.english.fullmatch(sentence):
            words = {
                name: said_in(language, word) if name in _SENTENCES else word
                for name, word in found.groupdict().items()
            }
            return form.chinese.format(**words)
    # A fault of a file is said behind its place: line, then key.
    place, colon, fault = sentence.partition(": ")
    return f"{place}{colon}{said_in(language, fault)}" if colon else sentence


@cache
def _forms() -> tuple[_Form, ...]:
    return tuple(_Form(re.compile("".join(_pattern(form)), re.DOTALL), told) for form, told in CHINESE.items())


def _pattern(form: str) -> Iterator[str]:
    for index, part in enumerate(_WORD.split(form)):
        yield f"(?P<{part}>.*?)" if index % 2 else re.escape(part)
