"""The six indicators, counted by hand."""

import pytest

from tests.reference.given import APRIL, act, of, scored, voided

# Plan completion


def test_target_completed_on_its_due_date_is_met_and_the_day_after_is_not() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15", owner="s1", unit="u1")
    assert scored([target], "plan-completion") == (0, 1)
    assert scored([target, act("plan.target-completed", "T1", "03-15T23:59")], "plan-completion") == (1, 1)
    assert scored([target, act("plan.target-completed", "T1", "03-16T00:00")], "plan-completion") == (0, 1)
    assert scored([target], "plan-completion", **APRIL) == (0, 0)


def test_target_set_again_by_the_due_date_moves_it_and_too_late_does_not() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15", owner="s1")
    in_time = act("plan.target-set", "T1", "03-15T23:00", due="2024-04-15", owner="s2", unit="u2")
    assert scored([target, in_time], "plan-completion") == (0, 0)
    assert scored([target, in_time], "plan-completion", by="unit", subject="u2", **APRIL) == (0, 1)
    late = act("plan.target-set", "T1", "03-16T00:00", due="2024-04-15", owner="s2")
    assert scored([target, late], "plan-completion", by="staff", subject="s1") == (0, 1)
    assert scored([target, late], "plan-completion", **APRIL) == (0, 0)


def test_target_belongs_to_owner_and_unit_of_that_very_target_set() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15", owner="s1", unit="u1")
    again = act(
        "plan.target-set",
        "T1",
        "02-10",
        due="2024-03-20",
        owner="s2",
        participants=[{"staff": "s3", "share": 0.5}],
    )
    assert scored([target, again], "plan-completion", by="staff", subject="s2") == (0, 1)
    assert scored([target, again], "plan-completion", by="staff", subject="s3") == (0, 0)
    assert scored([target, again], "plan-completion", by="unit", subject="u1") == (0, 0)


def test_target_cancelled_with_a_reason_by_the_final_due_date_is_excluded() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15")
    assert scored([target, act("plan.target-cancelled", "T1", "03-15", reason="merged")], "plan-completion") == (
        0,
        0,
    )
    assert scored([target, act("plan.target-cancelled", "T1", "03-16", reason="merged")], "plan-completion") == (
        0,
        1,
    )
    assert scored([target, act("plan.target-cancelled", "T1", "03-15")], "plan-completion") == (0, 1)
    moved = act("plan.target-set", "T1", "03-01", due="2024-03-25")
    late = act("plan.target-cancelled", "T1", "03-20", reason="merged")
    assert scored([target, moved, late], "plan-completion") == (0, 0)


def test_target_rolls_up_by_the_tree_of_its_due_date() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15", unit="u1")
    moved = act("unit.moved", "u1", "03-15", parent="head")
    after = act("unit.moved", "u1", "03-16", parent="other")
    history = [target, moved, after, act("plan.target-completed", "T1", "02-01")]
    assert scored(history, "plan-completion", by="unit", subject="head") == (1, 1)
    assert scored(history, "plan-completion", by="unit", subject="other") == (0, 0)


# Satisfaction

GRANT = act("licensing.granted", "L1", "03-08", owner="s1", unit="u1", procedure="W5")


@pytest.mark.parametrize(("rating", "met"), [(3, 0), (4, 1), (5, 1)])
def test_ratings_of_four_and_five_are_satisfied(rating: int, met: int) -> None:
    assert scored([GRANT, act("service.rated", "L1", "03-10", rating=rating)], "satisfaction") == (met, 1)


def test_only_the_first_rating_of_a_case_that_is_not_voided_counts() -> None:
    first = act("service.rated", "L1", "03-10", rating=1)
    second = act("service.rated", "L1", "04-10", rating=5)
    assert scored([GRANT, second, first], "satisfaction") == (0, 1)
    assert scored([GRANT, second, first], "satisfaction", **APRIL) == (0, 0)
    assert scored([GRANT, second, first, voided(first)], "satisfaction", **APRIL) == (1, 1)


def test_rating_is_filled_up_from_the_decision_whenever_that_happened() -> None:
    received = act("licensing.received", "L1", "02-01", owner="s0", unit="u0")
    rating = act("service.rated", "L1", "03-01", rating=5)
    delivered = act("licensing.delivered", "L1", "03-20", owner="s2", unit="u2")
    history = [received, rating, GRANT, delivered]
    assert scored(history, "satisfaction", by="staff", subject="s1") == (1, 1)
    assert scored(history, "satisfaction", by="unit", subject="u1") == (1, 1)
    assert scored(history, "satisfaction", by="process", subject="administration") == (1, 1)


def test_rating_of_an_enforcement_case_is_filled_up_from_its_closing_action() -> None:
    penalty = act("enforcement.penalised", "E1", "03-02", owner="s1", unit="u1")
    closed = act("enforcement.closed", "E1", "03-05", owner="s2")
    later = act("enforcement.inspected", "E1", "03-06", owner="s3", unit="u3")
    history = [penalty, closed, later, act("service.rated", "E1", "03-10", rating=4)]
    assert scored(history, "satisfaction", by="staff", subject="s2") == (1, 1)
    assert scored(history, "satisfaction", by="unit", subject="u1") == (1, 1)


def test_rating_of_an_undecided_case_is_filled_up_from_its_last_action() -> None:
    first = act("complaint.received", "C1", "03-02", owner="s1", unit="u1")
    last = act("complaint.answered", "C1", "05-05", owner="s2")
    history = [first, last, act("service.rated", "C1", "03-10", rating=4)]
    assert scored(history, "satisfaction", by="staff", subject="s2") == (1, 1)
    assert scored(history, "satisfaction", by="unit", subject="u1") == (1, 1)


def test_rating_of_a_case_withdrawn_before_the_grant_is_filled_up_from_its_last_action() -> None:
    withdrawn = act("licensing.withdrawn", "L1", "03-01")
    delivered = act("licensing.delivered", "L1", "03-20", owner="s2")
    history = [withdrawn, GRANT, delivered, act("service.rated", "L1", "03-10", rating=4)]
    assert scored(history, "satisfaction", by="staff", subject="s2") == (1, 1)


def test_rating_names_its_own_owner_with_participants() -> None:
    names = [{"staff": "s8", "share": 0.25}]
    rating = act("service.rated", "L1", "03-10", rating=5, owner="s9", participants=names)
    assert scored([GRANT, rating], "satisfaction", by="staff", subject="s9") == (0.75, 0.75)
    assert scored([GRANT, rating], "satisfaction", by="staff", subject="s1") == (0, 0)
    assert scored([GRANT, rating], "satisfaction", by="unit", subject="u1") == (1, 1)


def test_rating_waits_until_its_case_has_an_action_of_its_own() -> None:
    rating = act("service.rated", "L1", "03-10", rating=5, owner="s9")
    second = act("service.rated", "L1", "03-11", rating=1, owner="s9", unit="u9")
    error = act("service.error-found", "L1", "03-10", owner="s9", unit="u9")
    assert scored([rating, error], "satisfaction") == (0, 0)
    assert scored([rating, second], "satisfaction") == (0, 0)
    assert scored([rating, second, GRANT], "satisfaction") == (1, 1)
    assert scored([rating, act("licensing.delivered", "L1", "12-01")], "satisfaction") == (1, 1)
    both = act("service.rated", "L2", "03-10", rating=5, owner="s9", unit="u9")
    assert scored([both], "satisfaction", by="staff", subject="s9") == (1, 1)


def test_rating_of_an_action_takes_effect_in_the_case_of_that_action() -> None:
    rating = act("service.rated", "L7", "03-10", rating=5, of=of(GRANT))
    assert scored([rating], "satisfaction") == (0, 0)
    assert scored([rating, GRANT], "satisfaction", by="staff", subject="s1") == (1, 1)


# Timeliness

RECEIVED = act("licensing.received", "L1", "02-20", due="2024-03-10", owner="s1", unit="u1")


def test_open_case_counts_against_from_the_day_its_limit_is_reached() -> None:
    assert scored([RECEIVED], "timeliness", to_day="2024-03-09") == (0, 0)
    assert scored([RECEIVED], "timeliness", to_day="2024-03-10") == (0, 1)
    assert scored([RECEIVED], "timeliness", **APRIL) == (0, 1)


def test_case_decided_after_the_period_was_open_at_its_end() -> None:
    late = act("licensing.refused", "L1", "04-05")
    assert scored([RECEIVED, late], "timeliness") == (0, 1)
    assert scored([RECEIVED, late], "timeliness", **APRIL) == (0, 1)
    assert scored([RECEIVED, late], "timeliness", from_day="2024-05-01", to_day="2024-05-31") == (0, 0)


def test_open_case_is_seen_as_its_actions_up_to_the_end_of_the_period_left_it() -> None:
    extended = act("licensing.extended", "L1", "04-01", due="2024-05-01", owner="s2")
    assert scored([RECEIVED, extended], "timeliness", by="staff", subject="s1") == (0, 1)
    assert scored([RECEIVED, extended], "timeliness", **APRIL) == (0, 0)


def test_open_needs_received_and_decided_does_not() -> None:
    accepted = act("licensing.accepted", "L1", "02-20", due="2024-03-10")
    assert scored([accepted], "timeliness") == (0, 0)
    assert scored([accepted, act("licensing.granted", "L1", "03-10")], "timeliness") == (1, 1)


def test_decided_is_the_first_grant_or_refusal_that_is_not_voided() -> None:
    first = act("licensing.refused", "L1", "03-11")
    second = act("licensing.granted", "L1", "04-05")
    assert scored([RECEIVED, first, second], "timeliness", **APRIL) == (0, 0)
    assert scored([RECEIVED, first, second, voided(first)], "timeliness", **APRIL) == (0, 1)


def test_case_withdrawn_before_a_decision_is_neither_decided_nor_open() -> None:
    withdrawn = act("licensing.withdrawn", "L1", "03-20")
    grant = act("licensing.granted", "L1", "03-21")
    assert scored([RECEIVED, withdrawn], "timeliness") == (0, 0)
    assert scored([RECEIVED, withdrawn], "timeliness", to_day="2024-03-19") == (0, 1)
    assert scored([RECEIVED, withdrawn, grant], "timeliness") == (0, 0)
    assert scored([RECEIVED, withdrawn, grant], "error-rate") == (0, 0)
    assert scored([RECEIVED, withdrawn, grant], "revocation") == (0, 1)


def test_case_withdrawn_after_the_decision_stays_decided() -> None:
    history = [RECEIVED, act("licensing.granted", "L1", "03-09"), act("licensing.withdrawn", "L1", "03-10")]
    assert scored(history, "timeliness") == (1, 1)


def test_case_is_its_number_whatever_the_source() -> None:
    grant = act("licensing.granted", "L1", "03-09", source="/elsewhere")
    assert scored([RECEIVED, grant], "timeliness", by="staff", subject="s1") == (1, 1)


# Error rate


def test_decided_case_with_a_confirmed_error_counts_for_the_decider_whenever_found() -> None:
    error = act("service.error-found", "L1", "12-01", owner="s9")
    other = act("licensing.granted", "L2", "03-08", owner="s1")
    history = [GRANT, other, error, act("service.error-found", "L1", "12-02")]
    assert scored(history, "error-rate") == (1, 2)
    assert scored(history, "error-rate", by="staff", subject="s1") == (1, 2)
    assert scored(history, "error-rate", by="staff", subject="s9") == (0, 0)


def test_cleared_error_counts_no_more_until_the_clearing_is_voided() -> None:
    error = act("service.error-found", "L1", "03-09")
    cleared = act("service.error-cleared", "other", "03-10", of=of(error))
    assert scored([GRANT, error], "error-rate") == (1, 1)
    assert scored([cleared, GRANT, error], "error-rate") == (0, 1)
    assert scored([cleared, GRANT, error, voided(cleared)], "error-rate") == (1, 1)


def test_clearing_what_is_no_error_is_without_effect() -> None:
    error = act("service.error-found", "L1", "03-09")
    cleared = act("service.error-cleared", "L1", "03-10", of=of(GRANT))
    assert scored([GRANT, error, cleared], "error-rate") == (1, 1)


# Closure

OPENED = act("enforcement.opened", "E1", "02-20", due="2024-03-10", owner="s1", unit="u1")


@pytest.mark.parametrize("ending", ["closed", "dismissed", "transferred"])
def test_closed_is_the_first_of_closed_dismissed_transferred(ending: str) -> None:
    end = act(f"enforcement.{ending}", "E1", "03-20", owner="s2")
    again = act("enforcement.closed", "E1", "04-20", owner="s3")
    assert scored([OPENED, end, again], "closure", by="staff", subject="s2") == (1, 1)
    assert scored([OPENED, end, again], "closure", **APRIL) == (0, 0)


def test_open_enforcement_case_counts_against_once_its_limit_has_passed() -> None:
    penalty = act("enforcement.penalised", "E1", "03-01")
    assert scored([OPENED, penalty], "closure", to_day="2024-03-09") == (0, 0)
    assert scored([OPENED, penalty], "closure") == (0, 1)
    assert scored([OPENED, act("enforcement.closed", "E1", "04-01")], "closure") == (0, 1)
    assert scored([OPENED, act("enforcement.closed", "E1", "04-01")], "closure", **APRIL) == (1, 1)


def test_enforcement_limit_starts_on_the_day_of_opening() -> None:
    opened = act("enforcement.opened", "E1", "03-05", procedure="C10")
    assert scored([opened], "closure", to_day="2024-03-14") == (0, 0)
    assert scored([opened], "closure", to_day="2024-03-15") == (0, 1)


def test_case_without_opened_is_not_counted_in_closure() -> None:
    closed = act("enforcement.closed", "E1", "03-01", due="2024-03-01")
    assert scored([closed], "closure") == (0, 0)
    late_opened = act("enforcement.opened", "E1", "04-20", due="2024-04-20")
    assert scored([closed, late_opened], "closure") == (1, 1)
    assert scored([closed, late_opened], "closure", **APRIL) == (0, 0)


def test_case_opened_after_the_period_is_not_in_its_stock() -> None:
    inspected = act("enforcement.inspected", "E1", "03-01", due="2024-03-05")
    assert scored([inspected, act("enforcement.opened", "E1", "04-02")], "closure") == (0, 0)


# Revocation


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        ("upheld", 0),
        ("revoked", 1),
        ("partly-revoked", 1),
        ("altered", 1),
        ("found-illegal", 1),
        ("ordered-to-perform", 0),
        ("found-void", 1),
        ("rejected", 0),
    ],
)
def test_adverse_outcome_counts_in_the_period_of_the_decision(outcome: str, counted: int) -> None:
    review = act("review.decided", "R1", "12-01", of=of(GRANT), outcome=outcome, owner="judge")
    assert scored([review, GRANT], "revocation", by="staff", subject="s1") == (counted, 1)
    assert scored([review, GRANT], "revocation", from_day="2024-12-01", to_day="2024-12-31") == (0, 0)


def test_decisions_of_one_case_count_one_by_one() -> None:
    penalty = act("enforcement.penalised", "E1", "03-05", owner="s1")
    dismissed = act("enforcement.dismissed", "E1", "03-15", owner="s2")
    review = act("review.decided", "E1", "06-01", of=of(penalty), outcome="revoked")
    history = [penalty, dismissed, review, act("enforcement.closed", "E1", "03-16")]
    assert scored(history, "revocation") == (1, 2)
    assert scored(history, "revocation", by="staff", subject="s1") == (1, 1)
    assert scored(history, "revocation", by="staff", subject="s2") == (0, 1)


def test_review_of_a_case_means_its_last_decision_before_the_review() -> None:
    first = act("licensing.refused", "L1", "03-05", owner="s1")
    second = act("licensing.granted", "L1", "03-15", owner="s2")
    review = act("review.decided", "R1", "03-10", of={"case": "L1"}, outcome="altered")
    assert scored([first, second, review], "revocation", by="staff", subject="s1") == (1, 1)
    assert scored([first, second, review], "revocation", by="staff", subject="s2") == (0, 1)
    late = act("review.decided", "R1", "03-16", of={"case": "L1"}, outcome="altered")
    assert scored([first, second, late], "revocation", by="staff", subject="s2") == (1, 1)
    assert scored([first, second, late], "revocation", by="staff", subject="s1") == (0, 1)
    early = act("review.decided", "R1", "03-01", of={"case": "L1"}, outcome="altered")
    assert scored([first, second, early], "revocation") == (0, 2)


def test_review_of_an_action_that_is_no_decision_is_without_effect() -> None:
    delivered = act("licensing.delivered", "L1", "03-09")
    review = act("review.decided", "R1", "03-20", of=of(delivered), outcome="revoked")
    assert scored([GRANT, delivered, review], "revocation") == (0, 1)


def test_overturned_outcome_is_voided_and_a_milder_one_beside_it_changes_nothing() -> None:
    adverse = act("review.decided", "R1", "05-01", of=of(GRANT), outcome="revoked")
    mild = act("review.decided", "R2", "06-01", of=of(GRANT), outcome="upheld")
    assert scored([GRANT, adverse, mild], "revocation") == (1, 1)
    assert scored([GRANT, adverse, mild, voided(adverse)], "revocation") == (0, 1)


def test_period_includes_both_its_days() -> None:
    assert scored([GRANT], "revocation", from_day="2024-03-08", to_day="2024-03-08") == (0, 1)
    assert scored([GRANT], "revocation", from_day="2024-03-09", to_day="2024-03-31") == (0, 0)
    assert scored([GRANT], "revocation", from_day="2024-03-01", to_day="2024-03-07") == (0, 0)
