"""Limits, clock stops, who and the tree of units, counted by hand."""

from fractions import Fraction
from typing import Any

import pytest

from tests.reference.given import Event, act, scored

RECEIVED = act("licensing.received", "L1", "03-04", owner="s1", unit="u1", procedure="W5")


def granted(time: str, **data: Any) -> Event:
    return act("licensing.granted", "L1", time, **data)


@pytest.mark.parametrize(("day", "met"), [("03-11", 1), ("03-12", 0)])
def test_day_one_is_the_first_working_day_after_receipt(day: str, met: int) -> None:
    # 5, 6, 7, 8 and (after the weekend) 11 March.
    assert scored([RECEIVED, granted(day)], "timeliness") == (met, 1)


@pytest.mark.parametrize(("day", "met"), [("03-14", 1), ("03-15", 0)])
def test_calendar_days_count_weekends(day: str, met: int) -> None:
    received = act("licensing.received", "L1", "03-04", procedure="C10")
    assert scored([received, granted(day)], "timeliness") == (met, 1)


def test_acceptance_starts_the_clock_anew() -> None:
    accepted = act("licensing.accepted", "L1", "03-07")
    assert scored([RECEIVED, accepted, granted("03-14")], "timeliness") == (1, 1)
    assert scored([RECEIVED, accepted, granted("03-15")], "timeliness") == (0, 1)


@pytest.mark.parametrize(("day", "met"), [("03-13", 1), ("03-14", 0)])
def test_days_of_an_allowed_suspension_are_not_counted(day: str, met: int) -> None:
    # Counted: 5, 6 (suspended), then not 7 and 8 (resumed), then 11, 12, 13.
    stop = act("licensing.suspended", "L1", "03-06", reason="hearing")
    go = act("licensing.resumed", "L1", "03-08")
    assert scored([RECEIVED, stop, go, granted(day)], "timeliness") == (met, 1)


def test_suspension_for_another_reason_stops_nothing() -> None:
    stop = act("licensing.suspended", "L1", "03-06", reason="holiday")
    go = act("licensing.resumed", "L1", "03-08")
    assert scored([RECEIVED, stop, go, granted("03-12")], "timeliness") == (0, 1)


def test_second_suspension_while_suspended_changes_nothing() -> None:
    first = act("licensing.suspended", "L1", "03-06", reason="hearing")
    second = act("licensing.suspended", "L1", "03-07", reason="hearing")
    go = act("licensing.resumed", "L1", "03-08")
    history = [RECEIVED, first, second, go]
    assert scored([*history, granted("03-13")], "timeliness") == (1, 1)
    assert scored([*history, granted("03-14")], "timeliness") == (0, 1)


def test_limit_never_runs_out_while_the_clock_is_stopped() -> None:
    stop = act("licensing.suspended", "L1", "03-08", reason="hearing")
    assert scored([RECEIVED, stop], "timeliness") == (0, 0)
    assert scored([RECEIVED, stop, granted("03-29")], "timeliness") == (1, 1)


def test_limit_that_ran_out_before_the_stop_stays_passed() -> None:
    stop = act("licensing.suspended", "L1", "03-11", reason="hearing")
    assert scored([RECEIVED, stop], "timeliness") == (0, 1)
    assert scored([RECEIVED, stop, granted("03-12")], "timeliness") == (0, 1)


def test_stated_due_is_not_moved_by_clock_stops() -> None:
    due = act("licensing.extended", "L1", "03-05", due="2024-03-12")
    stop = act("licensing.suspended", "L1", "03-06", reason="hearing")
    go = act("licensing.resumed", "L1", "03-08")
    assert scored([RECEIVED, due, stop, go, granted("03-12")], "timeliness") == (1, 1)
    assert scored([RECEIVED, due, stop, go, granted("03-13")], "timeliness") == (0, 1)


def test_due_is_that_of_the_last_action_up_to_and_including_the_decision() -> None:
    first = act("licensing.received", "L1", "03-04", due="2024-03-05")
    second = act("licensing.extended", "L1", "03-05", due="2024-03-10")
    late = act("licensing.delivered", "L1", "03-12", due="2024-03-20")
    assert scored([first, second, late, granted("03-11")], "timeliness") == (0, 1)
    assert scored([first, second, granted("03-11", due="2024-03-11")], "timeliness") == (1, 1)


def test_without_due_and_limit_a_case_is_on_time_and_never_overdue() -> None:
    received = act("licensing.received", "L1", "03-04", procedure="FREE")
    assert scored([received, granted("12-01")], "timeliness", to_day="2024-12-31") == (1, 1)
    assert scored([received], "timeliness", to_day="2034-12-31") == (0, 0)
    unknown = act("licensing.received", "L1", "03-04", procedure="not-in-the-register")
    assert scored([unknown, granted("12-01")], "timeliness", to_day="2024-12-31") == (1, 1)


def test_limit_without_a_recorded_start_counts_as_not_met() -> None:
    assert scored([granted("03-05", procedure="W5")], "timeliness") == (0, 1)
    assert scored([granted("03-05", procedure="W5", due="2024-03-05")], "timeliness") == (1, 1)


def test_due_with_a_time_counts_by_its_day_unless_the_policy_says_instant() -> None:
    received = act("licensing.received", "L1", "03-04", due="2024-03-05T16:00:00Z")  # Midnight to 6 March.
    assert scored([received, granted("03-06T10:00")], "timeliness") == (1, 1)
    assert scored([received, granted("03-06T10:00")], "timeliness", due_precision="instant") == (0, 1)
    assert scored([received, granted("03-06T00:00")], "timeliness", due_precision="instant") == (1, 1)


def test_due_without_a_time_is_met_on_its_whole_day() -> None:
    received = act("licensing.received", "L1", "03-04", due="2024-03-06")
    assert scored([received, granted("03-06T23:59")], "timeliness", due_precision="instant") == (1, 1)


def test_procedure_is_that_of_the_last_action_naming_it_up_to_the_decision() -> None:
    other = act("licensing.accepted", "L1", "03-04T10:00", procedure="C10")
    later = act("licensing.delivered", "L1", "03-20", procedure="W5")
    history = [RECEIVED, other, granted("03-14"), later]
    assert scored(history, "timeliness", by="process", subject="enforcement") == (1, 1)
    assert scored(history, "timeliness", by="process", subject="administration") == (0, 0)


def test_day_is_the_date_in_the_zone_of_the_policy() -> None:
    grant = granted("2024-02-29T16:00:00Z")
    assert scored([grant], "revocation") == (0, 1)
    assert scored([grant], "revocation", zone="Europe/Berlin") == (0, 0)


def test_owner_and_unit_are_looked_up_separately() -> None:
    named = act("licensing.accepted", "L1", "03-05", owner="s2")
    history = [RECEIVED, named, granted("03-06", actor="s3")]
    assert scored(history, "timeliness", by="staff", subject="s2") == (1, 1)
    assert scored(history, "timeliness", by="staff", subject="s1") == (0, 0)
    assert scored(history, "timeliness", by="staff", subject="s3") == (0, 0)
    assert scored(history, "timeliness", by="unit", subject="u1") == (1, 1)


def test_who_comes_after_the_decision_does_not_get_the_case() -> None:
    later = act("licensing.delivered", "L1", "03-07", owner="s2", unit="u2")
    history = [RECEIVED, granted("03-06"), later]
    assert scored(history, "timeliness", by="staff", subject="s1") == (1, 1)
    assert scored(history, "timeliness", by="unit", subject="u2") == (0, 0)


def test_services_reviews_and_records_never_give_a_case_its_owner_unit_or_limit() -> None:
    error = act("service.error-found", "L1", "03-05", owner="s8", unit="u8", due="2024-03-05")
    review = act("review.applied", "L1", "03-05T10:00", owner="s9", unit="u9", due="2024-03-05", of={"case": "L1"})
    history = [RECEIVED, error, review, granted("03-06")]
    assert scored(history, "timeliness", by="staff", subject="s1") == (1, 1)
    assert scored(history, "timeliness", by="unit", subject="u1") == (1, 1)


def test_participants_share_and_the_owner_has_the_rest() -> None:
    names = [{"staff": "s2", "share": 0.1}, {"staff": "s3", "share": 0.2}, {"staff": "s2", "share": 0.1}]
    grant = granted("03-06", owner="s1", unit="u1", participants=names)
    assert scored([grant], "timeliness", by="staff", subject="s1") == (Fraction(6, 10), Fraction(6, 10))
    assert scored([grant], "timeliness", by="staff", subject="s2") == (Fraction(2, 10), Fraction(2, 10))
    assert scored([grant], "timeliness", by="unit", subject="u1") == (1, 1)


def test_owner_among_the_participants_has_that_share_and_the_rest() -> None:
    names = [{"staff": "s1", "share": 0.3}, {"staff": "s2", "share": 0.2}]
    grant = granted("03-06", owner="s1", participants=names)
    assert scored([grant], "timeliness", by="staff", subject="s1") == (Fraction(8, 10), Fraction(8, 10))


def test_participants_are_those_of_the_action_that_gave_the_owner() -> None:
    early = act("licensing.received", "L1", "03-04", owner="s1", participants=[{"staff": "s2", "share": 0.5}])
    accepted = act("licensing.accepted", "L1", "03-05", owner="s1")
    assert scored([early, granted("03-06")], "timeliness", by="staff", subject="s2") == (0.5, 0.5)
    assert scored([early, accepted, granted("03-06")], "timeliness", by="staff", subject="s2") == (0, 0)


def test_owner_without_a_rest_has_no_row() -> None:
    grant = granted("03-06", owner="s1", participants=[{"staff": "s2", "share": 1}])
    assert scored([grant], "timeliness", by="staff", subject="s1") == (0, 0)


def test_case_without_owner_counts_in_the_whole_and_its_unit_only() -> None:
    grant = granted("03-06", unit="u1")
    assert scored([grant], "timeliness") == (1, 1)
    assert scored([grant], "timeliness", by="unit", subject="u1") == (1, 1)


def test_unit_rolls_up_by_the_tree_at_the_end_of_the_day() -> None:
    opened = act("unit.opened", "u1", "01-01", parent="bureau")
    above = act("unit.moved", "bureau", "01-02", parent="head")
    moved = act("unit.moved", "u1", "03-06T18:00", parent="other")
    history = [opened, above, moved, granted("03-06", unit="u1")]
    assert scored(history, "timeliness", by="unit", subject="other") == (1, 1)
    assert scored(history, "timeliness", by="unit", subject="head") == (0, 0)
    history = [opened, above, moved, granted("03-05", unit="u1")]
    assert scored(history, "timeliness", by="unit", subject="head") == (1, 1)


def test_overdue_case_rolls_up_by_the_tree_of_the_last_day() -> None:
    moved = act("unit.moved", "u1", "03-29", parent="other")
    assert scored([RECEIVED, moved], "timeliness", by="unit", subject="other") == (0, 1)
    assert scored([RECEIVED, moved], "timeliness", by="unit", subject="other", to_day="2024-03-28") == (0, 0)


def test_move_that_closes_a_circle_is_without_effect() -> None:
    history = [
        act("unit.moved", "u1", "01-01", parent="u2"),
        act("unit.moved", "u2", "01-02", parent="u1"),
        act("unit.moved", "u3", "01-03", parent="u3"),
        granted("03-06", unit="u1"),
    ]
    assert scored(history, "timeliness", by="unit", subject="u2") == (1, 1)
    assert scored([*history[:-1], granted("03-06", unit="u2")], "timeliness", by="unit", subject="u1") == (0, 0)
    assert scored([*history[:-1], granted("03-06", unit="u3")], "timeliness", by="unit", subject="u3") == (1, 1)
