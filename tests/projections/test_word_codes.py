"""Words known by their hashes get the codes that they get where the words themselves are kept."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import sorted_runs
from projections.history import word_codes
from projections.history.rows import Words
from projections.history.word_codes import WordCodes

few_words = st.sampled_from(["", "case:桂-1", "case:桂-2", "staff:桂-1", *(f"case:{each}" for each in range(40))])


def meets(batches: list[list[str]]) -> None:
    """Both meet these batches one after the other, and agree on every word before and after."""
    with_texts, without = Words(), WordCodes()
    for batch in batches:
        words = pa.array(batch, pa.string())
        codes = with_texts.find_all(words)
        assert without.find_all(words).tolist() == codes.tolist()
        new = pa.array(
            dict.fromkeys(word for word, code in zip(batch, codes, strict=True) if code < 0), pa.string()
        )
        with_texts.learn(new)
        without.learn(new)
        assert len(with_texts) == len(without)
        everything = pa.array(with_texts.words, pa.string())
        assert without.find_all(everything).tolist() == list(range(len(without)))


@patch.object(sorted_runs, "_RUN_MIN", 1)
@given(batches=st.lists(st.lists(few_words, max_size=12), max_size=20))
def test_words_have_the_same_codes_without_their_texts(batches: list[list[str]]) -> None:
    meets(batches)


def test_the_second_half_of_a_hash_tells_words_apart_that_share_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(word: bytes) -> SimpleNamespace:
        return SimpleNamespace(digest=lambda: bytes(8) + hashlib.sha256(word).digest()[8:])

    monkeypatch.setattr(word_codes, "sha256", half)
    meets([[f"case:{each}" for each in range(begin, begin + 7)] for begin in (0, 5, 3, 30, 40)])


def test_words_are_looked_up_where_they_stand_in_a_longer_column() -> None:
    known = WordCodes()
    known.learn(pa.array(["a", "bb", "ccc", "dddd"])[1:3])
    assert known.find_all(pa.array(["ccc", "a", "bb"])[0:3]).tolist() == [1, -1, 0]
