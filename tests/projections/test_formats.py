"""A view in an older form is built anew by itself; one in a newer form is left alone."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.bootstrap import Kaoji
from projections.driver import NewerViewError
from projections.history.columns import differences
from projections.history.writer import HistoryProjection
from tests.strategies import random_history
from tests.support.product import product, record


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        record(opened, random_history(9, 80))
        yield opened


def change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "kaoji.db") as connection:
        connection.executescript(statement)
    connection.close()


def test_a_view_in_an_older_format_is_built_anew(
    kaoji: Kaoji, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = kaoji.history()
    # Given parts that an earlier release wrote, in a table that knew no formats
    change(
        tmp_path,
        "ALTER TABLE kaoji_view_builds DROP COLUMN format; UPDATE kaoji_history_parts SET content = x'00'",
    )
    # When the store is opened and caught up
    with caplog.at_level(logging.WARNING), product(tmp_path) as opened:
        after = opened.history()
        # Then the history is in today's form, once, and it is said
        assert after.build == before.build + 1
        assert differences(after, opened.history()) == []
        with opened.views.reading() as connection:
            builds = opened.views.builds(connection)
        assert [each.format for each in builds if each.projection == "history"] == [HistoryProjection.format]
        assert len(builds) == len(opened.driver.projections)
    assert caplog.messages == ["The view history is in an older format: it is built anew."]


def test_a_view_in_a_newer_format_is_left_alone(kaoji: Kaoji, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE kaoji_view_builds SET format = 99 WHERE projection = 'directory'")
    with pytest.raises(NewerViewError, match="directory is in format 99"):
        kaoji.driver.catch_up()
