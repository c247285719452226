"""Duplicates, conflicts, order, corrections and voids, counted by hand."""

from typing import Any

import pytest

from tests.reference.given import act, corrected, of, scored, voided
from tests.reference.recorded import instant_of, same_json, verdicts
from tests.reference.scorer import reference_effective, reference_without_effect

GRANT = act("licensing.granted", "L1", "03-08", owner="s1", unit="u1")


def test_repeated_action_counts_once() -> None:
    again = {**GRANT, "time": "2024-03-08T01:00:00.000000Z"}
    assert verdicts([GRANT, again]) == ["recorded", "duplicate"]
    assert scored([GRANT, again], "revocation") == (0, 1)


def test_of_two_conflicting_records_the_first_recorded_wins() -> None:
    other = act("licensing.granted", "L1", "03-08", owner="s2", unit="u1")
    assert verdicts([GRANT, other]) == ["recorded", "conflict"]
    assert scored([GRANT, other], "revocation", by="staff", subject="s1") == (0, 1)
    assert scored([other, GRANT], "revocation", by="staff", subject="s1") == (0, 0)


def test_one_and_one_point_nought_are_equal_but_true_is_not_one() -> None:
    assert same_json({"a": [1, "x"]}, {"a": [1.0, "x"]})
    assert not same_json({"a": True}, {"a": 1})
    assert not same_json({"a": 1}, {"a": 1, "b": None})


def test_same_instant_is_ordered_with_absent_sequence_first_then_by_number() -> None:
    ten = act("licensing.step-done", "L1", "03-05", identity="1", sequence="10", owner="s10")
    nine = act("licensing.step-done", "L1", "03-05", identity="2", sequence="9", owner="s9")
    none = act("licensing.step-done", "L1", "03-05", identity="3", owner="s0")
    grant = act("licensing.granted", "L1", "03-08")
    assert scored([ten, nine, none, grant], "revocation", by="staff", subject="s10") == (0, 1)
    assert scored([nine, none, grant], "revocation", by="staff", subject="s9") == (0, 1)


def test_same_instant_and_sequence_are_ordered_by_source_then_id() -> None:
    late_source = act("licensing.step-done", "L1", "03-05", identity="1", source="/b", owner="b")
    early_source = act("licensing.step-done", "L1", "03-05", identity="9", source="/a", owner="a")
    grant = act("licensing.granted", "L1", "03-08")
    assert scored([late_source, early_source, grant], "revocation", by="staff", subject="b") == (0, 1)
    late_source = act("licensing.step-done", "L3", "03-05", identity="1", source="/b", sequence="4", owner="b")
    early_source = act("licensing.step-done", "L3", "03-05", identity="9", source="/a", sequence="4", owner="a")
    grant = act("licensing.granted", "L3", "03-08")
    assert scored([late_source, early_source, grant], "revocation", by="staff", subject="b") == (0, 1)


def test_ids_are_compared_by_code_points() -> None:
    wide = act("licensing.step-done", "L2", "03-05", identity="\uff21", owner="wide")
    astral = act("licensing.step-done", "L2", "03-05", identity="\U00010400", owner="astral")
    grant = act("licensing.granted", "L2", "03-08")
    assert scored([astral, wide, grant], "revocation", by="staff", subject="astral") == (0, 1)


def test_instants_are_compared_across_offsets_and_digits_after_the_sixth_are_cut() -> None:
    assert instant_of("1970-01-01T08:00:00.0000019+08:00") == 1
    assert instant_of("1969-12-31T19:00:00-05:00") == 0
    for wrong in ("2024-02-30T00:00:00Z", "2024-02-01t00:00:00Z", "2024-02-01T00:00:60Z", "2024-02-01T00:00:00"):
        assert instant_of(wrong) is None


def test_correction_changes_a_field_as_if_it_had_been_sent_so() -> None:
    history = [corrected(GRANT, "05-01", owner="s2"), GRANT]
    assert scored(history, "revocation", by="staff", subject="s2") == (0, 1)
    assert scored(history, "revocation", by="staff", subject="s1") == (0, 0)


def test_later_correction_wins_field_by_field_whatever_the_order_of_arrival() -> None:
    later = corrected(GRANT, "05-02", owner="s3")
    earlier = corrected(GRANT, "05-01", owner="s2", unit="u2")
    history = [later, GRANT, earlier]
    assert scored(history, "revocation", by="staff", subject="s3") == (0, 1)
    assert scored(history, "revocation", by="unit", subject="u2") == (0, 1)


def test_null_removes_a_field() -> None:
    received = act("licensing.received", "L1", "03-01", owner="s9")
    history = [received, GRANT, corrected(GRANT, "05-01", owner=None)]
    assert scored(history, "revocation", by="staff", subject="s9") == (0, 1)


def test_corrected_time_moves_the_action_to_another_period() -> None:
    history = [GRANT, corrected(GRANT, "05-01", time="2024-04-02T09:00:00+08:00")]
    assert scored(history, "revocation") == (0, 0)
    assert scored(history, "revocation", from_day="2024-04-01", to_day="2024-04-30") == (0, 1)


def test_time_more_than_a_day_after_the_correction_is_without_effect_as_a_whole() -> None:
    late = corrected(GRANT, "03-20", time="2024-03-21T09:00:00.000001+08:00", owner="s2")
    assert scored([GRANT, late], "revocation", by="staff", subject="s1") == (0, 1)
    assert reference_without_effect([GRANT, late]) == {(late["source"], late["id"])}
    just = corrected(GRANT, "03-20", time="2024-03-21T09:00:00+08:00", owner="s2")
    assert scored([GRANT, just], "revocation", by="staff", subject="s2") == (0, 1)
    assert reference_without_effect([GRANT, just]) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "s2", "due": "2024-02-30"},
        {"owner": "s2", "rating": 6},
        {"owner": "s2", "rating": True},
        {"owner": "s2", "time": None},
        {"owner": "s2", "time": "2024-03-08"},
        {"owner": "s2", "participants": [{"staff": "s3", "share": 0.6}, {"staff": "s4", "share": 0.5}]},
        {"owner": "s2", "participants": [{"staff": "s3", "share": 0.1234567}]},
        {"owner": None, "participants": [{"staff": "s3", "share": 0.5}]},
        {"owner": "s2", "of": {"source": "/a", "id": "1"}},
        {"owner": "s2", "type": "licensing.refused"},
        {"owner": 7},
    ],
)
def test_correction_with_an_invalid_result_is_without_effect_as_a_whole(changes: dict[str, Any]) -> None:
    wrong = corrected(GRANT, "05-01", **changes)
    assert scored([GRANT, wrong], "revocation", by="staff", subject="s1") == (0, 1)
    assert reference_without_effect([GRANT, wrong]) == {(wrong["source"], wrong["id"])}


def test_required_field_cannot_be_corrected_away() -> None:
    rating = act("service.rated", "L1", "03-10", rating=5)
    history = [GRANT, rating, corrected(rating, "05-01", rating=None)]
    assert scored(history, "satisfaction") == (1, 1)


def test_correction_is_judged_on_the_state_left_by_earlier_effective_ones() -> None:
    names = [{"staff": "s3", "share": 0.5}]
    grant = act("licensing.granted", "L1", "03-08", owner="s1", participants=names)
    without_names = corrected(grant, "05-01", participants=None)
    without_owner = corrected(grant, "05-02", owner=None)
    assert scored([grant, without_owner], "revocation", by="staff", subject="s1") == (0, 0.5)
    assert scored([grant, without_owner, without_names], "revocation", by="staff", subject="s1") == (0, 0)


def test_voided_correction_is_as_if_never_sent() -> None:
    correction = corrected(GRANT, "05-01", owner="s2")
    history = [GRANT, correction, voided(correction)]
    assert scored(history, "revocation", by="staff", subject="s1") == (0, 1)


def test_records_and_reviews_cannot_be_corrected() -> None:
    review = act("review.decided", "R1", "04-01", of=of(GRANT), outcome="revoked")
    mild = corrected(review, "05-01", outcome="upheld")
    change = corrected(GRANT, "05-01", owner="s2")
    other = corrected(change, "05-02", reason="because")
    history = [GRANT, review, mild, change, other]
    assert scored(history, "revocation", by="staff", subject="s2") == (1, 1)
    assert reference_without_effect(history) == {("/a", mild["id"]), ("/a", other["id"])}


def test_void_of_a_void_is_without_effect() -> None:
    void = voided(GRANT)
    second = voided(void)
    assert scored([GRANT, void, second], "revocation") == (0, 0)
    assert reference_without_effect([GRANT, void, second]) == {("/a", second["id"])}


def test_void_may_come_before_what_it_means() -> None:
    assert scored([voided(GRANT), GRANT], "revocation") == (0, 0)


def test_effective_trail_shows_corrections_applied_and_leaves_out_the_voided() -> None:
    rating = act("service.rated", "L1", "03-10", rating=5)
    correction = corrected(GRANT, "05-01", owner="s2", unit=None, time="2024-03-07T09:00:00+08:00")
    void = voided(rating)
    trail = reference_effective([correction, GRANT, rating, void])
    assert [event["id"] for event in trail] == [correction["id"], GRANT["id"], void["id"]]
    assert trail[1] == {**GRANT, "time": "2024-03-07T09:00:00+08:00", "data": {"owner": "s2"}}
    assert GRANT["data"] == {"owner": "s1", "unit": "u1"}
