"""Skips that are taken back: the view then is as if it had left out nothing, or just as it was before."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from api.follower import Follower
from api.scores.scorecards import basis
from api.status import status
from api.verification import verification
from api.view_operations import (
    StillSkippedError,
    ViewOrderError,
    pause_view,
    resume_view,
    skip_event,
    unskip_events,
    views_listed,
)
from domain.errors import UnknownNameError
from domain.ledger.records import Recorded
from domain.log_events import FIELDS_ATTRIBUTE
from projections.directory import DirectoryProjection
from projections.driver import SKIPPED_TOPIC
from projections.history.columns import History, differences, load_history
from projections.store import DIRECTORY as ROWS
from projections.store import Checkpoint
from projections.tallies.standing import Standing
from tests.drafted_actions import UNITS
from tests.projections.test_view_operations import (
    DIRECTORY,
    HISTORY,
    GivenUp,
    append,
    beside,
    given_up_at,
    holds,
    poisoned,
    positions,
)
from tests.reference.given import act
from tests.strategies import random_history
from tests.support.command_line import CommandLine
from tests.support.consuming import wait_for
from tests.support.product import arrival, product

LEFT_OUT = (13, 15)
MENDED = "mended in 0.2"
SOME = range(2, 60, 2)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kaoji]:
    store = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with product(tmp_path, store=store) as opened:
        yield opened


def with_skips(kaoji: Kaoji, view: str, *at: int, events: int = 60) -> None:
    """A view that leaves out some of the events recorded."""
    append(kaoji, 0, events)
    for position in at:
        skip_event(kaoji, view, position, reason=f"ticket {position}")
    kaoji.driver.catch_up()


def live(kaoji: Kaoji, view: str) -> Checkpoint:
    with kaoji.views.reading() as connection:
        return kaoji.views.live(connection, view)


def history(kaoji: Kaoji) -> History:
    with kaoji.views.reading() as connection:
        return load_history(kaoji.views, connection, kaoji.views.live(connection, HISTORY))


def directory_rows(kaoji: Kaoji) -> list[tuple[Any, ...]]:
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, DIRECTORY)
        return kaoji.views.rows(connection, ROWS, build, "position", "facts", order="position")


def listed(kaoji: Kaoji, view: str) -> dict[str, Any]:
    return next(each for each in views_listed(kaoji) if each["name"] == view)


def left_out(kaoji: Kaoji, view: str) -> list[int]:
    return [each["position"] for each in listed(kaoji, view)["skipped"]]


def is_as_it_was(kaoji: Kaoji, view: str, before: Checkpoint) -> bool:
    """The live view is the one it was, leaves out what it left out, and equals a rebuild."""
    assert live(kaoji, view).build == before.build
    assert left_out(kaoji, view) == list(LEFT_OUT)
    assert listed(kaoji, view)["unskipped"] == []
    return holds(kaoji)


# --- taken in again


def test_view_is_as_if_nothing_had_been_left_out(kaoji: Kaoji, tmp_path: Path) -> None:
    # Given a view that leaves out two events, and the rows of one that leaves out none
    with_skips(kaoji, DIRECTORY, *LEFT_OUT)
    (tmp_path / "whole").mkdir()
    with product(tmp_path / "whole") as whole:
        with_skips(whole, DIRECTORY)
        wanted = directory_rows(whole)
    assert [row[0] for row in wanted if row not in directory_rows(kaoji)] == list(LEFT_OUT)
    # When one skip is taken back, then only that event is there again
    unskip_events(kaoji, DIRECTORY, [13], reason=MENDED)
    assert left_out(kaoji, DIRECTORY) == [15]
    assert [row[0] for row in wanted if row not in directory_rows(kaoji)] == [15]
    assert [each["position"] for each in status(kaoji)["skipped"]] == [15]
    assert holds(kaoji)
    # When the other is, too, then all is there
    unskip_events(kaoji, DIRECTORY, [15], reason=MENDED)
    assert directory_rows(kaoji) == wanted
    assert verification(kaoji)["skipped"] == []
    assert status(kaoji)["skipped"] == []
    # And stays there in later rebuilds, and what comes on goes in
    kaoji.driver.rebuild(DIRECTORY, batch_max=7)
    assert directory_rows(kaoji) == wanted
    append(kaoji, 60, 10)
    kaoji.driver.catch_up()
    assert holds(kaoji)


@pytest.mark.parametrize("view", [HISTORY, DIRECTORY])
def test_record_says_what_was_left_out_and_why_it_is_back(
    kaoji: Kaoji, view: str, caplog: pytest.LogCaptureFixture
) -> None:
    with_skips(kaoji, view, *LEFT_OUT)
    caplog.set_level("INFO", "kaoji")
    told = unskip_events(kaoji, view, [15, 13, 15], reason=MENDED, batch_max=10)
    assert [(each["position"], each["reason"], each["skip_reason"]) for each in told] == [
        (13, MENDED, "ticket 13"),
        (15, MENDED, "ticket 15"),
    ]
    assert listed(kaoji, view)["unskipped"] == told
    assert [
        getattr(each, FIELDS_ATTRIBUTE)["position"] for each in caplog.records if "again" in each.getMessage()
    ] == [13, 15]
    # Also after a later rebuild.
    kaoji.driver.rebuild(view)
    assert listed(kaoji, view)["unskipped"] == told
    assert holds(kaoji)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    skips=st.sets(st.integers(1, 30), min_size=1, max_size=5),
    back=st.sets(st.integers(0, 4), min_size=1),
    batch=st.integers(1, 12),
)
def test_history_is_the_same_as_if_only_the_rest_had_been_left_out(
    tmp_path_factory: pytest.TempPathFactory, skips: set[int], back: set[int], batch: int
) -> None:
    taken_back = {position for index, position in enumerate(sorted(skips)) if index in back}
    if not taken_back:
        return
    with product(tmp_path_factory.mktemp("some")) as kaoji, product(tmp_path_factory.mktemp("rest")) as rest:
        with_skips(kaoji, HISTORY, *skips, events=30)
        with_skips(rest, HISTORY, *skips - taken_back, events=30)
        unskip_events(kaoji, HISTORY, sorted(taken_back), reason=MENDED, batch_max=batch)
        assert differences(history(kaoji), history(rest)) == []
        assert holds(kaoji)


# --- not taken in


@pytest.mark.parametrize("batch", [7, 10_000])
@pytest.mark.parametrize("view", [HISTORY, DIRECTORY])
def test_what_still_cannot_be_taken_in_is_told_and_stays_left_out(kaoji: Kaoji, view: str, batch: int) -> None:
    with_skips(kaoji, view, *LEFT_OUT)
    before = live(kaoji, view)
    poisoned(kaoji, 15, view=view)
    with pytest.raises(StillSkippedError) as error:
        unskip_events(kaoji, view, [13, 15], reason=MENDED, batch_max=batch)
    assert str(error.value) == (
        f"Position 15 cannot be taken in (KeyError: 15). The view {view} is as it was: it still leaves out 13, 15."
    )
    assert listed(kaoji, view)["rebuild"] is None
    assert is_as_it_was(kaoji, view, before)
    # The other one can be.
    unskip_events(kaoji, view, [13], reason=MENDED, batch_max=batch)
    assert left_out(kaoji, view) == [15]
    assert holds(kaoji)


def test_orders_that_cannot_be_are_told(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, 13)
    before = live(kaoji, HISTORY)
    with pytest.raises(UnknownNameError, match="Did you mean 'history'"):
        unskip_events(kaoji, "histroy", [13], reason=MENDED)
    with pytest.raises(ViewOrderError, match="Position 14 is not left out of the view history"):
        unskip_events(kaoji, HISTORY, [13, 14], reason=MENDED)
    with pytest.raises(ViewOrderError, match="Position 13 is not left out of the view directory"):
        unskip_events(kaoji, DIRECTORY, [13], reason=MENDED)
    with pytest.raises(ViewOrderError, match="Give a reason"):
        unskip_events(kaoji, HISTORY, [13], reason=" ")
    assert (live(kaoji, HISTORY), left_out(kaoji, HISTORY)) == (before, [13])


def test_paused_view_is_built_up_to_where_it_stands_and_tried_no_farther(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, 13)
    pause_view(kaoji, HISTORY, reason="the disk is being moved")
    append(kaoji, 60, 20)
    skip_event(kaoji, HISTORY, 70, reason="a bug")
    with pytest.raises(ViewOrderError, match="is paused at 60, before position 70"):
        unskip_events(kaoji, HISTORY, [13, 70], reason=MENDED)
    unskip_events(kaoji, HISTORY, [13], reason=MENDED)
    assert (positions(kaoji)[HISTORY], left_out(kaoji, HISTORY)) == (60, [70])
    assert holds(kaoji)
    resume_view(kaoji, HISTORY)
    unskip_events(kaoji, HISTORY, [70], reason=MENDED)
    assert (positions(kaoji)[HISTORY], left_out(kaoji, HISTORY)) == (80, [])
    assert holds(kaoji)


def test_view_that_is_paused_meanwhile_leaves_out_what_it_did_not_come_to(
    kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_skips(kaoji, HISTORY, 13)
    append(kaoji, 60, 20)
    skip_event(kaoji, HISTORY, 70, reason="a bug")
    rebuild = kaoji.driver.rebuild

    def paused_just_before(name: str, **options: Any) -> int:
        pause_view(kaoji, name, reason="now")
        return rebuild(name, **options)

    monkeypatch.setattr(kaoji.driver, "rebuild", paused_just_before)
    with pytest.raises(StillSkippedError, match=r"came in between.* still leaves out 70\."):
        unskip_events(kaoji, HISTORY, [13, 70], reason=MENDED)
    assert left_out(kaoji, HISTORY) == [70]
    assert [each["position"] for each in listed(kaoji, HISTORY)["unskipped"]] == [13]
    assert holds(kaoji)


# --- given up


def test_given_up_leaves_all_as_it_was_and_is_gone_on_with(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, *LEFT_OUT)
    before = live(kaoji, HISTORY)
    with pytest.raises(GivenUp):
        unskip_events(kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10, progress=given_up_at(30))
    assert listed(kaoji, HISTORY)["rebuild"] == {"position": 30}
    assert is_as_it_was(kaoji, HISTORY, before)

    seen: list[int] = []
    unskip_events(
        kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10, progress=lambda _n, at, _a: seen.append(at)
    )
    assert seen[0] == 40
    assert left_out(kaoji, HISTORY) == []
    assert holds(kaoji)


def test_rebuild_does_not_end_what_was_given_up_nor_the_other_way_round(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, *LEFT_OUT)
    with pytest.raises(GivenUp):
        unskip_events(kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10, progress=given_up_at(30))
    # A rebuild is no order to take anything in again.
    kaoji.driver.rebuild(HISTORY, batch_max=10)
    assert is_as_it_was(kaoji, HISTORY, live(kaoji, HISTORY))
    # Nor does a rebuild that left it out have it.
    with pytest.raises(GivenUp):
        kaoji.driver.rebuild(HISTORY, batch_max=10, progress=given_up_at(30))
    unskip_events(kaoji, HISTORY, [13], reason=MENDED, batch_max=10)
    assert left_out(kaoji, HISTORY) == [15]
    assert holds(kaoji)


def test_failure_within_the_swap_leaves_all_as_it_was(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> None:
    with_skips(kaoji, DIRECTORY, *LEFT_OUT)
    before = live(kaoji, DIRECTORY)
    swap = kaoji.views.make_live

    def swapped_and_given_up(connection: Any, build: Checkpoint) -> None:
        swap(connection, build)
        raise GivenUp

    monkeypatch.setattr(kaoji.views, "make_live", swapped_and_given_up)
    with pytest.raises(GivenUp):
        unskip_events(kaoji, DIRECTORY, LEFT_OUT, reason=MENDED)
    monkeypatch.undo()
    assert is_as_it_was(kaoji, DIRECTORY, before)
    unskip_events(kaoji, DIRECTORY, LEFT_OUT, reason=MENDED)
    assert left_out(kaoji, DIRECTORY) == []
    assert holds(kaoji)


def test_two_at_the_same_end_in_one_view(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, *LEFT_OUT)
    begun: list[int] = []
    with beside(kaoji) as other:

        def join_in(_name: str, position: int, _aim: int) -> None:
            if not begun:
                begun.append(position)
                unskip_events(other, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10)

        unskip_events(kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10, progress=join_in)
    assert left_out(kaoji, HISTORY) == []
    assert holds(kaoji)


def test_rebuild_that_is_begun_anew_beside_it_is_not_mixed_with_it(kaoji: Kaoji) -> None:
    with_skips(kaoji, HISTORY, *LEFT_OUT)
    before = history(kaoji)
    begun: list[int] = []
    with beside(kaoji) as other:

        def begin_anew(_name: str, position: int, _aim: int) -> None:
            # Where the other one gives up, it stands at the very position.
            if position == 20 and not begun:
                begun.append(position)
                with pytest.raises(GivenUp):
                    other.driver.rebuild(HISTORY, batch_max=20, anew=True, progress=given_up_at(20))

        with pytest.raises(StillSkippedError, match=r"came in between.* still leaves out 13, 15\."):
            unskip_events(kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=20, progress=begin_anew)
    assert begun
    assert differences(history(kaoji), before) == []
    assert is_as_it_was(kaoji, HISTORY, live(kaoji, HISTORY))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_command_that_is_stopped_leaves_the_live_view_and_the_same_one_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    command_line = CommandLine(tmp_path / "kaoji.db")
    with product(tmp_path) as kaoji:
        with_skips(kaoji, HISTORY, *LEFT_OUT, events=300)
        before = live(kaoji, HISTORY)
    order = ("projection", "unskip", HISTORY, "13", "15", "--reason", MENDED)
    with command_line.started(*order, "--rate", "40", "--batch", "10") as process:
        wait_for(lambda: _rebuild_reaches(command_line, 20))
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    if number is signal.SIGINT:
        assert process.returncode == 1
        assert "Given up; the live view is as it was. The same command goes on from here." in said
    with product(tmp_path) as kaoji:
        assert is_as_it_was(kaoji, HISTORY, before)

    rows = command_line(*order, "--format", "json").json
    assert [row["position"] for row in rows] == list(LEFT_OUT)
    verified = command_line("verify", "--format", "json").json
    assert verified["ok"]
    assert verified["skipped"] == []


def _rebuild_reaches(command_line: CommandLine, position: int) -> bool:
    views = command_line("projection", "list", "--format", "json").json
    under_way = next(each["rebuild"] for each in views if each["name"] == HISTORY)
    return under_way is not None and under_way["position"] >= position


def test_command_exits_with_1_where_the_event_still_cannot_be_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line = CommandLine(tmp_path / "kaoji.db")
    with product(tmp_path) as kaoji:
        with_skips(kaoji, DIRECTORY, *LEFT_OUT)
    apply = DirectoryProjection.apply

    def stumbling(self: Any, store: Any, connection: Any, build: Any, batch: Sequence[Recorded]) -> Any:
        if any(event.position == 15 and event.topic != SKIPPED_TOPIC for event in batch):
            raise KeyError(15)
        return apply(self, store, connection, build, batch)

    monkeypatch.setattr(DirectoryProjection, "apply", stumbling)
    order = ("projection", "unskip", DIRECTORY, "13", "15", "--reason", MENDED)
    assert "Position 15 cannot be taken in (KeyError: 15). The view directory is as it was" in (
        command_line.ends(1, *order).err
    )
    assert "位置 15 无法纳入（KeyError：15）。视图 directory 保持原样，仍略去 13, 15。" in (
        command_line.ends(1, *order, "--lang", "zh").err
    )
    assert command_line("verify", "--format", "json").json["ok"]


def test_commands_say_it_in_both_languages(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path / "kaoji.db")
    with product(tmp_path) as kaoji:
        with_skips(kaoji, DIRECTORY, *LEFT_OUT)
    order = ("projection", "unskip", DIRECTORY, "--reason", MENDED)
    assert "13, 15" in command_line("projection", "list").out
    assert "left out of directory" in command_line("status").out
    ended = command_line.ends(2, *order, "14")
    assert "Position 14 is not left out of the view directory." in ended.err
    ended = command_line.ends(2, *order, "14", "--lang", "zh")
    assert "视图 directory 并未略去位置 14。" in ended.err
    assert (
        "No view 'dirctory'" in command_line.ends(2, "projection", "unskip", "dirctory", "13", "--reason", "x").err
    )
    command_line.ends(2, "projection", "unskip", DIRECTORY, "13")
    assert MENDED in command_line(*order, "13", "15").out
    assert "13, 15" not in command_line("projection", "list").out
    assert "left out of directory" not in command_line("status").out
    assert "directory 并未略去位置 13" in command_line.ends(2, *order, "13", "--lang", "zh").err


# --- beside others


def test_what_follows_and_records_beside_it_goes_on(kaoji: Kaoji) -> None:
    # Given a process that records, and another one that follows
    with_skips(kaoji, HISTORY, *LEFT_OUT)
    with beside(kaoji) as other:
        other.standing = Standing()
        scores(other)
        follower = Follower(other)
        recorded = 60

        def record_more(_name: str, _position: int, _aim: int) -> None:
            nonlocal recorded
            append(other, recorded, 5)
            recorded += 5
            follower.wake()

        # When skips are taken back beside them
        follower.start()
        try:
            unskip_events(kaoji, HISTORY, LEFT_OUT, reason=MENDED, batch_max=10, progress=record_more)
            record_more("", 0, 0)
            wait_for(lambda: set(positions(kaoji).values()) == {recorded})
            assert follower.fault() is None
            # Then the one that follows answers as one that was started since
            with beside(kaoji) as fresh:
                assert scores(other) == scores(fresh)
        finally:
            follower.stop(seconds_max=60)
    assert recorded > 80
    assert left_out(kaoji, HISTORY) == []
    assert holds(kaoji)


@pytest.mark.parametrize("view", [HISTORY, DIRECTORY])
def test_server_answers_anew_though_nothing_was_recorded_since(kaoji: Kaoji, view: str) -> None:
    # Given a server that keeps sums and directory, of a view that leaves out much of what is named first
    opened = [
        act("unit.opened", unit, "01-01", **({} if unit == "TOP" else {"parent": "TOP"}))
        for unit in ("TOP", *UNITS)
    ]
    kaoji.ledger.append([arrival(event) for event in [*opened, *random_history(11, 200)]])
    for position in SOME:
        skip_event(kaoji, view, position, reason="a bug")
    kaoji.driver.catch_up()
    with beside(kaoji) as server:
        server.standing = Standing()
        for as_of in (None, "120"):
            before = scores(server, as_of), scores(kaoji, as_of)
            assert before[0] == before[1]
        # When the skips are taken back by another process
        unskip_events(kaoji, view, SOME, reason=MENDED)
        # Then the server says what a process says that was started since
        for as_of in (None, "120"):
            with beside(kaoji) as fresh:
                wanted = scores(fresh, as_of)
            assert scores(server, as_of) == wanted
        assert wanted != before[1]
        # Also in what comes on.
        server.ledger.append([arrival(event) for event in random_history(12, 250)])
        with beside(kaoji) as fresh:
            assert scores(server) == scores(fresh)
    assert holds(kaoji)


def scores(kaoji: Kaoji, as_of: str | None = None) -> str:
    """What is answered for people and units."""
    found = basis(kaoji, policy="gx-2012", from_text="2023-01-01", to_text="2025-12-31", as_of=as_of)
    return json.dumps([found.to_json(found.scorecards(by)) for by in ("staff", "unit")])
