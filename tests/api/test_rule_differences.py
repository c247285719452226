"""Two policies or registers are compared by what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from api.rules.differences import compared, differences
from domain.policies.policy import load_policy, parse_policy, shipped_policies
from domain.rules.procedures import load_register, parse_register, shipped_registers
from tests.support.rules import POLICY, REGISTER, changed, version

ERRORS = POLICY[POLICY.index('[[indicator]]\ncode = "errors"') : POLICY.index("[[grade]]")]
TIMELINESS = POLICY[POLICY.index("[[indicator]]") : POLICY.index(ERRORS)]


def found(after: str, before: str = POLICY) -> list[tuple[str, str, Any, Any]]:
    parsed = differences(parse_policy(before, place="a"), parse_policy(after, place="b"))
    return [(" ".join(each.path), each.change, each.before, each.after) for each in parsed]


@pytest.mark.parametrize(
    "after",
    [
        changed(POLICY, ("# A comment that says nothing.\n", "")),
        changed(POLICY, ("target = 0.9", "target = 0.900")),
        changed(POLICY, ('register = "gx-2012"', 'register = "gx-2012"\ndecimals = 2')),
        changed(POLICY, ('"north"', '"south"'), version(2)),
    ],
)
def test_layout_defaults_name_and_version_are_no_difference(after: str) -> None:
    assert found(after) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            changed(POLICY, ("weight = 60", "weight = 70"), ("weight = 40", "weight = 30")),
            [
                ("indicators timeliness weight", "changed", "60", "70"),
                ("indicators errors weight", "changed", "40", "30"),
            ],
        ),
        (
            changed(POLICY, ("target = 0.9", "target = 0.95")),
            [("indicators timeliness target", "changed", "0.9", "0.95")],
        ),
        (
            changed(POLICY, ("[[0.5, 0], [0.9, 100]]", "[[0.5, 0], [0.95, 100]]")),
            [
                (
                    "indicators timeliness curve points",
                    "changed",
                    [["0.5", "0"], ["0.9", "100"]],
                    [["0.5", "0"], ["0.95", "100"]],
                )
            ],
        ),
        (changed(POLICY, ("from = 75", "from = 60")), [("grades good from", "changed", "75", "60")]),
        (
            changed(POLICY, ('calendar = "china"', 'calendar = "weekdays"\ndecimals = 3')),
            [("calendar", "changed", "china", "weekdays"), ("decimals", "changed", 2, 3)],
        ),
        (
            changed(POLICY, (TIMELINESS + ERRORS, ERRORS + TIMELINESS)),
            [("indicators", "reordered", ["timeliness", "errors"], ["errors", "timeliness"])],
        ),
    ],
)
def test_difference_is_named_by_its_place(after: str, expected: list[tuple[str, str, Any, Any]]) -> None:
    assert found(after) == expected


def test_all_tables_of_a_kind_may_go_or_come() -> None:
    without = POLICY[: POLICY.index("[[grade]]")]
    assert [each[:2] for each in found(without)] == [("grades good", "removed"), ("grades poor", "removed")]
    assert [each[:2] for each in found(POLICY, without)] == [("grades good", "added"), ("grades poor", "added")]


def test_indicator_that_is_there_on_one_side_only_is_shown_whole() -> None:
    alone = changed(POLICY, (ERRORS, ""), ("weight = 60", "weight = 100"))
    (weight, removed) = found(alone)
    assert weight == ("indicators timeliness weight", "changed", "60", "100")
    assert removed[:2] == ("indicators errors", "removed")
    assert (removed[2]["weight"], removed[2]["measure"], removed[3]) == ("40", "error-rate", None)
    (_, added) = found(POLICY, alone)
    assert added == ("indicators errors", "added", None, removed[2])


def test_versions_of_a_procedure_are_told_apart_by_their_first_day() -> None:
    newer = REGISTER[REGISTER.index("[[procedure]]") :] + "valid_from = 2021-07-15\n"
    after = REGISTER + "valid_to = 2021-07-14\n" + changed(newer, ("days = 5", "days = 9"))
    said = compared(parse_register(REGISTER, place="a"), parse_register(after, place="b"))
    assert not said["same"]
    ends, added = said["differences"]
    assert ends == {
        "path": ["procedures", "licence", "from the beginning", "valid_to"],
        "change": "changed",
        "before": None,
        "after": "2021-07-14",
    }
    assert (added["path"], added["change"]) == (["procedures", "licence", "from 2021-07-15"], "added")
    assert added["after"]["limit"] == {"days": 9, "kind": "calendar"}


@pytest.mark.parametrize("name", shipped_policies())
def test_shipped_policy_says_the_same_as_itself_and_otherwise_than_another(name: str) -> None:
    policy = load_policy(name)
    again = parse_policy("\n\n" + policy.text, place="again")
    assert compared(policy, again) == {
        "before": {"name": name, "version": policy.version, "hash": policy.hash},
        "after": {"name": name, "version": policy.version, "hash": policy.hash},
        "same": True,
        "differences": [],
    }
    assert not compared(policy, parse_policy(POLICY, place="b"))["same"]


@pytest.mark.parametrize("name", shipped_registers())
def test_shipped_register_says_the_same_as_itself_and_otherwise_than_another(name: str) -> None:
    register = load_register(name)
    assert compared(register, parse_register("\n" + register.text, place="again"))["same"]
    assert not compared(register, parse_register(REGISTER, place="b"))["same"]


def test_plain_list_that_was_empty_is_shown_as_one() -> None:
    after = parse_register(REGISTER + 'stop_reasons = ["test", "hearing"]\n', place="b")
    (said,) = differences(parse_register(REGISTER, place="a"), after)
    assert (said.path[-1], said.before, said.after) == ("stop_reasons", [], ["hearing", "test"])
