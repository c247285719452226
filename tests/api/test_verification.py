"""`verify` compares what is live with a rebuild of it, also while somebody else rebuilds the same view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api import verification as room
from api.bootstrap import Kaoji
from api.verification import verification
from projections.directory import DirectoryProjection
from projections.history.writer import HistoryProjection
from projections.rulebook import RulebookProjection
from projections.store import Checkpoint
from tests.strategies import random_history
from tests.support.product import product, record

VIEWS = (HistoryProjection.name, DirectoryProjection.name, RulebookProjection.name)


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        record(opened, random_history(8, 60))
        yield opened


@pytest.fixture
def rebuild_once(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Has another process rebuild a view, the first time it is called."""
    with product(tmp_path) as other:
        waiting = [other]

        def rebuild(name: str) -> None:
            if waiting:
                waiting.pop().driver.rebuild(name)

        yield rebuild


def builds_of(kaoji: Kaoji, name: str) -> list[int]:
    with kaoji.views.reading() as connection:
        return [each.build for each in kaoji.views.builds(connection) if each.projection == name]


@pytest.mark.parametrize("name", VIEWS)
def test_view_that_is_replaced_while_its_rebuild_is_filled_is_compared_once_more(
    kaoji: Kaoji, rebuild_once: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Given that another process ends a rebuild of the view when the fresh build has begun
    begin = kaoji.views.new_build

    def begun(connection: object, projection: str, **how: object) -> object:
        build = begin(connection, projection, **how)  # type: ignore[arg-type]  # as the driver gives them
        beside.append(projection)
        return build

    beside: list[str] = []
    read = kaoji.ledger.read

    def reading(*, after: int, limit: int) -> object:
        if name in beside:
            rebuild_once(name)
        return read(after=after, limit=limit)

    monkeypatch.setattr(kaoji.views, "new_build", begun)
    monkeypatch.setattr(kaoji.ledger, "read", reading)
    # When it is verified
    found = verification(kaoji)
    # Then the new one was compared, and nothing is left
    assert (found["ok"], found["faults"]) == (True, [])
    assert beside.count(name) == 2
    assert len(builds_of(kaoji, name)) == 1


@pytest.mark.parametrize("name", VIEWS)
def test_view_that_is_replaced_before_it_is_compared_is_compared_once_more(
    kaoji: Kaoji, rebuild_once: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Given that another process ends a rebuild of the view when the fresh build is full
    build_beside = kaoji.driver.build_beside
    filled: list[Checkpoint] = []

    def built(projection: str, *, upto: int) -> Checkpoint:
        build = build_beside(projection, upto=upto)
        if projection == name:
            filled.append(build)
            rebuild_once(name)
        return build

    monkeypatch.setattr(kaoji.driver, "build_beside", built)
    # When it is verified, then the new one was compared, and nothing is left
    found = verification(kaoji)
    assert (found["ok"], found["faults"]) == (True, [])
    assert len(filled) == 2
    assert len(builds_of(kaoji, name)) == 1


def test_build_that_took_the_number_of_a_dropped_one_is_left_alone(
    kaoji: Kaoji, rebuild_once: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a rebuild under way, which ends while a view is compared, and another that begins right then
    name = DirectoryProjection.name
    under_way = kaoji.driver._begun_rebuild(name, anew=False)
    compare = room._row_faults
    begun: list[Checkpoint] = []

    def compared(*about: object) -> list[str]:
        if not begun and about[-1].projection == name:  # type: ignore[attr-defined]  # a checkpoint
            rebuild_once(name)
            begun.append(kaoji.driver._begun_rebuild(name, anew=False))
        return compare(*about)  # type: ignore[arg-type]  # as they are given

    monkeypatch.setattr(room, "_row_faults", compared)
    # When it is verified
    assert verification(kaoji)["ok"]
    # Then that one is still there
    assert begun[0].build == under_way.build + 1
    assert begun[0].build in builds_of(kaoji, name)
