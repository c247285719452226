"""Every shipped policy scores, prints and explains a year of an administration."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from domain.policies.policy import load_policy, shipped_policies
from tests.support.command_line import CommandLine

YEAR = ("--from", "2011-01-01", "--to", "2011-12-31")


def explained(kaoji: CommandLine, subject: str, policy: str, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = kaoji("explain", subject, "--policy", policy, *YEAR, *more, "--format", "json").json
    return found


@pytest.mark.parametrize("policy", shipped_policies())
@pytest.mark.parametrize("subject", ["all", "gx"])
def test_every_number_is_explained_by_what_was_counted(simulated: CommandLine, policy: str, subject: str) -> None:
    answer = explained(simulated, subject, policy)

    parts = [*answer["indicators"], *answer.get("bonuses", ()), *answer.get("deductions", ())]
    known = load_policy(policy)
    assert [each["code"] for each in parts] == [
        one.code for tables in (known.indicators, known.bonuses, known.deductions) for one in tables
    ]
    for each in parts:
        assert each["rule"]
        assert each["clause"]
        shares = sum((Fraction(one["share"]) for one in each["counted"]), Fraction(0))
        assert shares == Fraction(each["denominator"])


def test_scores_of_the_policy_of_2024_tell_what_was_added_and_taken_and_what_the_next_grade_asks_for(
    simulated: CommandLine,
) -> None:
    answer = simulated(
        "score", "--policy", "market-supervision-2024", *YEAR, "--by", "staff", "--format", "json"
    ).json

    scored = [card for card in answer["subjects"] if card["score"] is not None]
    assert scored
    for card in scored:
        adjusted = {name: Fraction(value) for name, value in card["adjusted"].items()}
        expected = min(
            max(adjusted["mean"] + adjusted["bonus"] - adjusted["deduction"], Fraction(0)), Fraction(100)
        )
        assert abs(Fraction(card["score"]) - expected) <= Fraction(1, 190)
        assert card["competence"]["lacking"] or card["competence"]["code"] == "level-4"
    assert {card["competence"]["code"] for card in scored} >= {None, "level-1"}


def test_a_table_shows_all_that_makes_the_score_and_the_competence_grade(simulated: CommandLine) -> None:
    asked = ("score", "--policy", "market-supervision-2024", *YEAR, "--by", "staff", "--format")
    cards = simulated(*asked, "json").json["subjects"]

    rows = simulated(*asked, "csv").rows

    for row, card in zip(rows, cards, strict=True):
        adjusted = card["adjusted"] or {"bonus": "", "deduction": ""}
        assert (row["bonus"], row["deduction"]) == (adjusted["bonus"], adjusted["deduction"])
        assert row["competence"] == (card["competence"]["code"] or "")
    assert {"0", "5"} <= {row["deduction"] for row in rows}
    units = simulated(*asked[:-2], "unit", "--format", "csv").rows
    assert "competence" not in units[0]


def test_an_explanation_says_how_the_score_came_about_and_what_the_next_competence_grade_asks_for(
    simulated: CommandLine,
) -> None:
    asked = ("--policy", "market-supervision-2024", *YEAR)
    cards = simulated("score", *asked, "--by", "staff", "--format", "json").json["subjects"]
    able = next(card for card in cards if card["competence"]["code"] == "level-1")
    fined = next(card for card in cards if card["adjusted"] and card["adjusted"]["deduction"] != "0")

    told = simulated("explain", able["subject"], *asked).err

    assert "Competence grade: level-1.\nlevel-2 also asks for " in told
    for one in able["competence"]["lacking"]:
        now = "there are none" if one["reached"] is None else f"now {one['reached']}"
        part = "a score of 75" if one["what"] == "score" else f"{one['needed']} points for {one['code']}"
        assert f"{part} ({now})" in told
    # Who asks about one indicator is told about that.
    assert "Competence" not in simulated("explain", able["subject"], *asked, "--indicator", "timeliness").err
    mean, deduction = fined["adjusted"]["mean"], fined["adjusted"]["deduction"]
    told = simulated("explain", fined["subject"], *asked).err
    assert f"The weighted mean is {mean}; bonuses add 0, deductions take {deduction}." in told


def test_one_deduction_is_explained_alone(simulated: CommandLine) -> None:
    answer = explained(simulated, "all", "market-supervision-2024", "--indicator", "yellow-cards")

    assert (answer["indicators"], answer["bonuses"]) == ([], [])
    (cards,) = answer["deductions"]
    assert cards["counted"]
    assert all(one["why"].startswith("yellow card") for one in cards["counted"])
