"""Views under orders: paused, rebuilt by stages, made to leave out an event; live always equals a rebuild."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from api.status import status
from api.verification import verification
from api.view_operations import ViewOrderError, pause_view, resume_view, skip_event, views_listed
from domain.errors import UnknownNameError
from domain.ledger.records import Recorded
from projections.damage import PoisonEventError
from projections.driver import Driver
from projections.history.columns import differences, load_history
from projections.store import DIRECTORY as ROWS
from projections.store import Checkpoint
from tests.reference.given import act
from tests.support.command_line import ROOT, CommandLine, surroundings
from tests.support.consuming import wait_for
from tests.support.product import arrival, product

HISTORY, DIRECTORY = "history", "directory"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kaoji]:
    store = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with product(tmp_path, store=store) as opened:
        yield opened


def events(first: int, count: int) -> list[dict[str, Any]]:
    """A case and a person, again and again."""
    return [
        act("licensing.received", f"L{number}", "03-05", procedure="W5")
        if number % 2
        else act("staff.joined", f"s{number}", "03-05", unit="U")
        for number in range(first, first + count)
    ]


def append(kaoji: Kaoji, first: int, count: int) -> None:
    kaoji.ledger.append([arrival(event) for event in events(first, count)])


def positions(kaoji: Kaoji) -> dict[str, int]:
    return {each["name"]: each["position"] for each in views_listed(kaoji)}


def holds(kaoji: Kaoji) -> bool:
    answer = verification(kaoji)
    assert answer["ok"], answer["faults"]
    return True


# --- pauses


def test_paused_view_stands_still_and_the_others_go_on(kaoji: Kaoji) -> None:
    append(kaoji, 0, 10)
    kaoji.driver.catch_up()
    pause_view(kaoji, HISTORY, reason="the disk is being moved")
    append(kaoji, 10, 5)
    assert kaoji.driver.catch_up() == 15
    assert positions(kaoji) == {"directory": 15, "history": 10, "integrity": 15, "rulebook": 15}
    assert [(lag.projection, lag.behind) for lag in kaoji.driver.lags() if lag.paused] == [(HISTORY, 5)]
    assert next(each for each in views_listed(kaoji) if each["name"] == HISTORY)["paused"]["reason"] == (
        "the disk is being moved"
    )
    assert holds(kaoji)
    # A rebuild is no way around the pause.
    assert kaoji.driver.rebuild(HISTORY, batch_max=3) == 10
    resume_view(kaoji, HISTORY)
    kaoji.driver.catch_up()
    assert set(positions(kaoji).values()) == {15}
    assert holds(kaoji)


def test_pause_holds_for_every_process(tmp_path: Path) -> None:
    with product(tmp_path) as one, product(tmp_path) as other:
        append(one, 0, 4)
        one.driver.catch_up()
        pause_view(one, DIRECTORY, reason="why not")
        append(other, 4, 4)
        other.driver.catch_up()
        assert positions(other)[DIRECTORY] == 4


def test_orders_that_cannot_be_are_told(kaoji: Kaoji) -> None:
    append(kaoji, 0, 3)
    kaoji.driver.catch_up()
    with pytest.raises(UnknownNameError, match="Did you mean 'history'"):
        pause_view(kaoji, "histroy", reason="x")
    with pytest.raises(ViewOrderError, match="is not paused"):
        resume_view(kaoji, HISTORY)
    with pytest.raises(ViewOrderError, match="proves the ledger"):
        pause_view(kaoji, "integrity", reason="x")
    with pytest.raises(ViewOrderError, match="leaves out none"):
        skip_event(kaoji, "integrity", 3, reason="x")
    with pytest.raises(ViewOrderError, match="the ledger ends at 3"):
        skip_event(kaoji, HISTORY, 4, reason="x")
    with pytest.raises(ViewOrderError, match="in the view history already, which stands at 3"):
        skip_event(kaoji, HISTORY, 2, reason="x")
    with pytest.raises(ViewOrderError, match="Give a reason"):
        pause_view(kaoji, HISTORY, reason="  ")


# --- poison


class Stumbling:
    """A projection that cannot take in some positions."""

    def __init__(self, inner: Any, poison: set[int]) -> None:
        self.inner, self.poison, self.name, self.format = inner, poison, inner.name, inner.format

    def apply(self, store: Any, connection: Any, build: Any, batch: Sequence[Recorded]) -> Any:
        for event in batch:
            if event.position in self.poison and event.topic == "kaoji.Action.v1":
                raise KeyError(event.position)
        return self.inner.apply(store, connection, build, batch)


def poisoned(kaoji: Kaoji, *at: int, view: str = DIRECTORY) -> None:
    """Have a view stumble over these positions."""
    kaoji.driver.projections[view] = Stumbling(kaoji.driver.projections[view], set(at))


def test_view_stands_still_right_before_what_it_cannot_take_in_and_keeps_no_other(kaoji: Kaoji) -> None:
    append(kaoji, 0, 20)
    poisoned(kaoji, 13)
    with pytest.raises(PoisonEventError, match=r"directory cannot take in position 13 \(KeyError: 13\)") as error:
        kaoji.driver.catch_up()
    assert "kaoji projection skip directory 13" in str(error.value)
    assert positions(kaoji) == {"directory": 12, "history": 20, "integrity": 20, "rulebook": 20}
    answer = verification(kaoji)
    assert not answer["ok"]
    assert [fault for fault in answer["faults"] if "cannot take in position 13" in fault]


@pytest.mark.parametrize("view", [HISTORY, DIRECTORY])
def test_status_tells_all_there_is_while_a_view_cannot_go_on(view: str, tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        append(kaoji, 0, 20)
        poisoned(kaoji, 13, view=view)
        found = status(kaoji)
        assert f"{view} cannot take in position 13" in found["fault"]
        append(kaoji, 20, 5)
        again = status(kaoji)
    assert {each["name"]: each["position"] for each in again["projections"]} == {
        name: 12 if name == view else 20 for name in ("directory", "history", "integrity", "rulebook")
    }
    assert (again["events"], again["fault"]) == (25, found["fault"])
    with product(tmp_path) as kaoji:
        assert status(kaoji)["fault"] is None


def test_event_left_out_is_left_out_by_every_rebuild_and_told(kaoji: Kaoji) -> None:
    append(kaoji, 0, 20)
    poisoned(kaoji, 13, 15)
    for position in (13, 15):
        with pytest.raises(PoisonEventError):
            kaoji.driver.catch_up()
        skip_event(kaoji, DIRECTORY, position, reason=f"a bug, ticket {position}")
    assert kaoji.driver.catch_up() == 20
    assert positions(kaoji)[DIRECTORY] == 20
    answer = verification(kaoji)
    assert answer["ok"]
    assert [(each["view"], each["position"], each["reason"]) for each in answer["skipped"]] == [
        (DIRECTORY, 13, "a bug, ticket 13"),
        (DIRECTORY, 15, "a bug, ticket 15"),
    ]
    assert kaoji.driver.rebuild(DIRECTORY, batch_max=4) == 20
    assert holds(kaoji)
    # Once it is mended, a rebuild still leaves them out: what was decided stays as it was, until it is taken back.
    kaoji.driver.projections[DIRECTORY] = kaoji.driver.projections[DIRECTORY].inner  # type: ignore[attr-defined]
    assert holds(kaoji)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    skips=st.sets(st.integers(1, 30), max_size=5),
    batches=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    rebuild_batch=st.integers(1, 12),
)
def test_history_with_events_left_out_equals_a_rebuild_for_any_batching(
    tmp_path_factory: pytest.TempPathFactory, skips: set[int], batches: list[int], rebuild_batch: int
) -> None:
    with product(tmp_path_factory.mktemp("skips")) as kaoji:
        append(kaoji, 0, 30)
        for position in skips:
            skip_event(kaoji, HISTORY, position, reason="drawn")
        for batch in batches:
            kaoji.driver.catch_up(batch_max=batch)
        kaoji.driver.catch_up()
        with kaoji.views.reading() as connection:
            before = load_history(kaoji.views, connection, kaoji.views.live(connection, HISTORY))
        kaoji.driver.rebuild(HISTORY, batch_max=rebuild_batch)
        with kaoji.views.reading() as connection:
            after = load_history(kaoji.views, connection, kaoji.views.live(connection, HISTORY))
        assert differences(before, after) == []


# --- worked out beside others, written at once


class Meanwhile:
    """A projection beside which something is done once its changes are worked out, before they are written."""

    def __init__(self, inner: Any, deed: Callable[[], object]) -> None:
        self.inner, self.name, self.format = inner, inner.name, inner.format
        self.deed: Callable[[], object] | None = deed

    def apply(self, store: Any, connection: Any, build: Any, batch: Sequence[Recorded]) -> Any:
        found = self.inner.apply(store, connection, build, batch)
        deed, self.deed = self.deed, None
        if deed is not None:
            deed()
        return found


def meanwhile(kaoji: Kaoji, view: str, deed: Callable[[], object]) -> None:
    kaoji.driver.projections[view] = Meanwhile(kaoji.driver.projections[view], deed)


@contextmanager
def beside(kaoji: Kaoji) -> Iterator[Kaoji]:
    """Another process at the same store."""
    with product(Path(str(kaoji.settings.keys)).parent, store=kaoji.settings.store) as other:
        yield other


def test_a_skip_that_comes_while_a_batch_is_worked_out_is_heeded(kaoji: Kaoji) -> None:
    append(kaoji, 0, 10)
    meanwhile(kaoji, HISTORY, lambda: skip_event(kaoji, HISTORY, 5, reason="a bug"))
    assert kaoji.driver.catch_up() == 10
    assert set(positions(kaoji).values()) == {10}
    # Also in what the history remembers from batch to batch.
    append(kaoji, 10, 10)
    kaoji.driver.catch_up()
    assert holds(kaoji)


def test_what_another_process_wrote_meanwhile_is_not_written_again(kaoji: Kaoji) -> None:
    append(kaoji, 0, 10)
    with beside(kaoji) as other:
        meanwhile(kaoji, DIRECTORY, other.driver.catch_up)
        assert kaoji.driver.catch_up() == 10
        append(kaoji, 10, 10)
        # With a skip, so that what both have worked out is not the same.
        meanwhile(
            kaoji,
            HISTORY,
            lambda: (skip_event(other, HISTORY, 15, reason="a bug"), other.driver.catch_up()),
        )
        assert kaoji.driver.catch_up() == 20
        append(kaoji, 20, 10)
        assert kaoji.driver.catch_up() == 30
    assert holds(kaoji)


def test_a_view_that_was_replaced_before_its_batch_is_worked_out_is_no_poison(kaoji: Kaoji) -> None:
    append(kaoji, 0, 10)
    kaoji.driver.catch_up()
    append(kaoji, 10, 10)
    read = kaoji.ledger.read
    rebuilt: list[bool] = []

    def reading(**options: Any) -> Any:
        if not rebuilt:
            rebuilt.append(True)
            with beside(kaoji) as other:
                other.driver.rebuild("integrity")
        return read(**options)

    kaoji.ledger.read = reading  # type: ignore[method-assign]
    assert kaoji.driver.catch_up() == 20
    assert holds(kaoji)


# --- rebuilds


class GivenUp(BaseException):
    """What Ctrl-C raises, without its being pytest's own."""


def given_up_at(position: int) -> Any:
    def look(_name: str, reached: int, _aim: int) -> None:
        if reached >= position:
            raise GivenUp

    return look


def test_rebuild_that_was_given_up_leaves_the_live_view_and_is_gone_on_with(kaoji: Kaoji) -> None:
    append(kaoji, 0, 60)
    kaoji.driver.catch_up()
    with kaoji.views.reading() as connection:
        before = kaoji.views.live(connection, HISTORY)
    with pytest.raises(GivenUp):
        kaoji.driver.rebuild(HISTORY, batch_max=10, progress=given_up_at(30))
    with kaoji.views.reading() as connection:
        assert kaoji.views.live(connection, HISTORY) == before
    assert next(each["rebuild"] for each in views_listed(kaoji) if each["name"] == HISTORY) == {"position": 30}

    append(kaoji, 60, 5)
    read: list[int] = []
    inner = kaoji.ledger.read

    def watched(*, after: int, limit: int) -> list[Recorded]:
        read.append(after)
        return inner(after=after, limit=limit)

    kaoji.ledger.read = watched  # type: ignore[method-assign]  # to see from where it reads
    assert kaoji.driver.rebuild(HISTORY, batch_max=10) == 65
    assert min(read) == 30
    assert next(each["rebuild"] for each in views_listed(kaoji) if each["name"] == HISTORY) is None
    assert holds(kaoji)


def test_rebuild_begins_anew_where_that_is_asked_for_and_where_it_holds_what_is_left_out(kaoji: Kaoji) -> None:
    append(kaoji, 0, 40)
    pause_view(kaoji, HISTORY, reason="before anything")
    with kaoji.views.reading() as connection:
        assert kaoji.views.live(connection, HISTORY).position == 0
    resume_view(kaoji, HISTORY)
    with pytest.raises(GivenUp):
        kaoji.driver.rebuild(HISTORY, batch_max=10, progress=given_up_at(20))
    skip_event(kaoji, HISTORY, 7, reason="it is in the rebuild already")
    assert next(each["rebuild"] for each in views_listed(kaoji) if each["name"] == HISTORY) is None
    kaoji.driver.catch_up()
    assert holds(kaoji)

    with pytest.raises(GivenUp):
        kaoji.driver.rebuild(HISTORY, batch_max=10, progress=given_up_at(20))
    seen: list[int] = []
    kaoji.driver.rebuild(HISTORY, batch_max=10, anew=True, progress=lambda _n, at, _a: seen.append(at))
    assert seen[0] == 10
    assert holds(kaoji)


def test_two_at_the_same_rebuild_end_in_one_view(tmp_path: Path) -> None:
    with product(tmp_path) as one, product(tmp_path) as other:
        append(one, 0, 50)
        one.driver.catch_up()
        begun: list[int] = []

        def join_in(_name: str, position: int, _aim: int) -> None:
            if not begun:
                begun.append(position)
                assert other.driver.rebuild(HISTORY, batch_max=10) == 50

        assert one.driver.rebuild(HISTORY, batch_max=10, progress=join_in) == 50
        assert holds(one)
        with one.views.reading() as connection:
            builds = [each for each in one.views.builds(connection) if each.projection == HISTORY]
        assert [each.live for each in builds] == [True]


@pytest.mark.postgres
def test_swap_waits_for_who_is_writing_to_the_view_that_it_replaces(postgres_url: str, tmp_path: Path) -> None:
    with product(tmp_path, store=postgres_url) as kaoji, beside(kaoji) as other:
        append(kaoji, 0, 40)
        kaoji.driver.catch_up()
        append(kaoji, 40, 5)
        with kaoji.views.reading() as connection:
            live = kaoji.views.live(connection, DIRECTORY)
        with_a_writer_of(kaoji, live, lambda: other.driver.rebuild(DIRECTORY))
        assert builds_of(kaoji, DIRECTORY) == [replace(live, build=live.build + 1, position=45)]
        assert holds(kaoji)


@pytest.mark.postgres
def test_build_that_is_dropped_takes_along_what_is_just_written_to_it(postgres_url: str, tmp_path: Path) -> None:
    with product(tmp_path, store=postgres_url) as kaoji, beside(kaoji) as other:
        append(kaoji, 0, 40)
        kaoji.driver.catch_up()
        fresh = kaoji.driver.build_beside(DIRECTORY, upto=20)

        def drop() -> None:
            with other.views.transaction() as connection:
                other.views.drop_build(connection, fresh)

        with_a_writer_of(kaoji, fresh, drop)
        assert [each.live for each in builds_of(kaoji, DIRECTORY)] == [True]


def with_a_writer_of(kaoji: Kaoji, build: Checkpoint, deed: Callable[[], object]) -> None:
    """Do something while somebody has carried a build on, and commits only once that is waited for."""
    doing = Thread(target=deed, daemon=True)
    with kaoji.views.transaction() as connection:
        advanced = kaoji.views.advance(connection, build, build.position + 1)
        row = {
            "position": advanced.position,
            "type": "staff.joined",
            "subject": "s",
            "occurred_at": 0,
            "facts": b"",
        }
        kaoji.views.add(connection, ROWS, advanced, [row])
        doing.start()
        wait_for(lambda: _waits_for_a_lock(kaoji))
    doing.join(60)
    assert not doing.is_alive()


def builds_of(kaoji: Kaoji, view: str) -> list[Checkpoint]:
    with kaoji.views.reading() as connection:
        return [each for each in kaoji.views.builds(connection) if each.projection == view]


def _waits_for_a_lock(kaoji: Kaoji) -> bool:
    with kaoji.views.reading() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar())


def test_rate_bounds_how_fast_a_rebuild_reads(tmp_path: Path) -> None:
    slept: list[float] = []
    with product(tmp_path) as kaoji:
        append(kaoji, 0, 40)
        driver = Driver(
            kaoji.ledger,
            kaoji.views,
            list(kaoji.driver.projections.values()),
            monotonic=lambda: 0.0,
            sleep=slept.append,
        )
        driver.rebuild(HISTORY, batch_max=10, rate=5)
    assert slept == [2.0, 2.0, 2.0, 2.0]


def test_ctrl_c_gives_a_rebuild_up_and_another_goes_on(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path / "kaoji.db")
    with product(tmp_path) as kaoji:
        append(kaoji, 0, 300)
        kaoji.driver.catch_up()
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "projection", "rebuild", HISTORY, "--rate", "40", "--batch", "10"],
        cwd=ROOT,
        env=surroundings(command_line.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        listed = command_line("projection", "list", "--format", "json").json
        if next(each["rebuild"] for each in listed if each["name"] == HISTORY):
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1, said
    assert "the live view is as it was" in said
    assert "Traceback" not in said

    rebuilt = command_line("projection", "rebuild", HISTORY, "--format", "json").json
    assert rebuilt == {"rebuilt": HISTORY, "position": 300}
    assert command_line("verify", "--format", "json").json["ok"]


def test_commands_pause_resume_and_list(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path / "kaoji.db")
    with product(tmp_path) as kaoji:
        append(kaoji, 0, 5)
        kaoji.driver.catch_up()
    command_line("projection", "pause", DIRECTORY, "--reason", "maintenance")
    assert "maintenance" in command_line("projection", "list").out
    assert command_line("projection", "resume", DIRECTORY, "--format", "json").json == {
        "resumed": DIRECTORY,
        "position": 5,
    }
    ended = command_line.ends(2, "projection", "skip", DIRECTORY, "3", "--reason", "x")
    assert "already, which stands at 5" in ended.err
