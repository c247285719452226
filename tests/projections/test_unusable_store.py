"""A store that cannot be used just now says why, and what to do: it is not always away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from domain.errors import UnreachableError
from domain.ledger.copies_sqlite import damage_in
from domain.ledger.errors import WrongStoreError
from projections.store import open_views


def _locked(folder: Path) -> None:
    with (
        closing(sqlite3.connect(folder / "a.db")) as one,
        closing(sqlite3.connect(folder / "a.db", timeout=0)) as two,
    ):
        one.execute("BEGIN IMMEDIATE")
        two.execute("BEGIN IMMEDIATE")


def _full(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a.db")) as one:
        one.execute("PRAGMA max_page_count = 1")
        one.execute("CREATE TABLE a (b)")
        one.execute("CREATE TABLE c (d)")


def _not_to_be_opened(folder: Path) -> None:
    with closing(sqlite3.connect(f"file:{folder}/none.db?mode=ro", uri=True)) as one:
        one.execute("SELECT 1")


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (_locked, "Another process keeps the store locked"),
        (_full, "has no room: database or disk is full. Make some"),
        (_not_to_be_opened, "cannot be opened: unable to open database file. Check that it and its folder"),
    ],
)
def test_store_says_why_it_cannot_be_used(fails: Callable[[Path], None], told: str, tmp_path: Path) -> None:
    views = open_views(f"sqlite:///{tmp_path / 'views.db'}")
    with pytest.raises(sqlite3.OperationalError) as said:
        fails(tmp_path)
    with pytest.raises(UnreachableError, match=told), views.reading():
        raise OperationalError("SELECT 1", {}, said.value)
    views.close()


def test_file_that_cannot_be_looked_into_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(WrongStoreError, match="its folder can be written"):
        damage_in(tmp_path / "none.db")
