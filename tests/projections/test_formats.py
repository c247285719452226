"""A view in an older form is built anew by itself; one in a newer form is left alone."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.bootstrap import Kaoji
from api.verification import verification
from domain.actions import upcasts
from projections.driver import NewerViewError
from projections.history.columns import differences
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
        wanted = opened.driver.projections["history"].format
        assert [each.format for each in builds if each.projection == "history"] == [wanted]
        assert len(builds) == len(opened.driver.projections)
    assert caplog.messages == ["The view history is in an older format: it is built anew."]


def test_a_view_in_a_newer_format_is_left_alone(kaoji: Kaoji, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE kaoji_view_builds SET format = 99 WHERE projection = 'directory'")
    with pytest.raises(NewerViewError, match="directory is in format 99"):
        kaoji.driver.catch_up()


# A new version of the contract

OLD_UNIT = {
    "specversion": "1.0", "id": "1", "source": "/gx/units", "type": "unit.opened", "subject": "GX-NN",
    "time": "2024-01-01T00:00:00Z",
}  # fmt: skip
OLD_CASE = OLD_UNIT | {"id": "2", "type": "licensing.received", "subject": "C-1", "data": {"unit": "GX-NN"}}
NEW_CASE = OLD_CASE | {"id": "3", "data": {"unit": "GX/NN"}, "dataschema": "urn:kaoji:action:2"}


def units_with_slashes(event: upcasts.Event) -> upcasts.Event:
    """A made-up upcast: from version 2 on, the codes of units are written with slashes."""
    return json.loads(json.dumps(event).replace("GX-NN", "GX/NN"))  # type: ignore[no-any-return]


def test_views_in_the_words_of_an_older_contract_are_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Given views that were made when the contract had one version
    with product(tmp_path) as opened:
        record(opened, [OLD_UNIT, OLD_CASE])
    # When Kaoji is updated to a second one
    monkeypatch.setitem(upcasts.UPCASTS, 1, units_with_slashes)
    with caplog.at_level(logging.WARNING), product(tmp_path) as opened:
        record(opened, [NEW_CASE])
        history = opened.history()
        # Then old and new actions are of one unit, in every view
        assert {history.words_of("unit")[code] for code in history.rows["unit"] if code >= 0} == {"GX/NN"}
        assert verification(opened)["faults"] == []
    assert sorted(caplog.messages) == [
        f"The view {name} is in an older format: it is built anew." for name in ("directory", "history")
    ]
    # And a program that does not know these words leaves the views alone
    monkeypatch.delitem(upcasts.UPCASTS, 1)
    with product(tmp_path) as opened, pytest.raises(NewerViewError, match=r"format 100[13], this release knows"):
        opened.driver.catch_up()
