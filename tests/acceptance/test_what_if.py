"""What would be: the answers are those of scoring once under the one rule and once under the other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from domain.policies.policy import load_policy
from tests.support.command_line import CommandLine
from tests.support.simulated import SIMULATED_YEAR

POLICY, *YEAR = SIMULATED_YEAR[1:]


def asked(kaoji: CommandLine, *options: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = kaoji("policy", "what-if", POLICY, *YEAR, *options, "--format", "json").json
    return found


def scores(kaoji: CommandLine, policy: str | Path, *options: str) -> dict[str, Any]:
    printed = kaoji("score", "--policy", policy, *YEAR, *options, "--format", "json").json
    return {card["subject"]: card for card in printed["subjects"]}


def assert_is_what_scoring_says(answer: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Everybody whose score or grade differs is listed with both, and with reasons that add up."""
    differ = {
        subject
        for subject in {*before, *after}
        for one, other in [(before.get(subject, {}), after.get(subject, {}))]
        if (one.get("score"), one.get("grade")) != (other.get("score"), other.get("grade"))
    }
    assert [each["subject"] for each in answer["subjects"]] == sorted(differ)
    for each in answer["subjects"]:
        for side, cards in (("before", before), ("after", after)):
            card = cards.get(each["subject"], {})
            assert each["score"][side] == card.get("score")
            assert each["grade"][side] == card.get("grade")
        gained = Fraction(each["score"]["after"] or 0) - Fraction(each["score"]["before"] or 0)
        moved = sum((Fraction(one["moved"]) for one in each["why"]), Fraction(0))
        assert abs(moved - gained) <= Fraction(1, 90), each
        assert each["why"], each


def varied_file(folder: Path, old: str, new: str) -> Path:
    text = load_policy(POLICY).text
    assert old in text
    path = folder / "other.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("by", ["staff", "unit", "all"])
def test_another_policy_gives_what_scoring_under_it_gives(simulated: CommandLine, by: str) -> None:
    answer = asked(simulated, "--against", "process-enforcement", "--all", "--by", by)

    before, after = scores(simulated, POLICY, "--by", by), scores(simulated, "process-enforcement", "--by", by)
    assert_is_what_scoring_says(answer, before, after)
    assert answer["what_if"]["policy"] == "process-enforcement"
    # The other policy counts by another register, so that was counted anew.
    assert answer["what_if_context"]["hash"] != answer["context"]["hash"]


def test_another_weight_gives_what_a_file_with_that_weight_gives(simulated: CommandLine, tmp_path: Path) -> None:
    # 40 of 120 is a third: in a file the others give way.
    answer = asked(
        simulated, "--weight", "timeliness=20", "--weight", "closure=0", "--weight", "revocation=30", "--all"
    )

    text = load_policy(POLICY).text.replace("weight = 10\n", "weight = 30\n")
    head, _, tail = text.partition('code = "closure"')
    other = tmp_path / "other.toml"
    other.write_text(
        head + 'code = "closure"' + tail.replace("weight = 20\n", "weight = 0\n", 1), encoding="utf-8"
    )
    assert_is_what_scoring_says(
        answer, scores(simulated, POLICY, "--by", "staff"), scores(simulated, other, "--by", "staff")
    )
    assert answer["what_if"]["policy_hash"] is None
    assert answer["what_if"]["weights"] == {"timeliness": "20", "closure": "0", "revocation": "30"}
    assert answer["context"] == answer["what_if_context"]


def test_another_target_moves_the_curve_along(simulated: CommandLine, tmp_path: Path) -> None:
    answer = asked(simulated, "--target", "closure=0.99", "--all", "--by", "unit")

    moved = "[[0.54, 0], [0.84, 60], [0.99, 100]]"
    other = varied_file(tmp_path, "[[0.5, 0], [0.8, 60], [0.95, 100]]", moved)
    assert answer["subjects"]
    assert_is_what_scoring_says(
        answer, scores(simulated, POLICY, "--by", "unit"), scores(simulated, other, "--by", "unit")
    )


def test_only_those_who_change_grade_are_listed_unless_all_are_asked_for(simulated: CommandLine) -> None:
    everybody, graded = (asked(simulated, "--weight", "timeliness=90", *more) for more in (("--all",), ()))

    changed = [each for each in everybody["subjects"] if each["grade"]["before"] != each["grade"]["after"]]
    assert graded["subjects"] == changed
    assert len(everybody["subjects"]) > len(changed) > 0
    assert graded["summary"] == everybody["summary"]
    assert graded["summary"]["grades_changed"] == len(changed)
    assert sum(each["subjects"] for each in graded["summary"]["grades"]) == len(changed)


def test_without_a_procedure_only_its_cases_are_missing(simulated: CommandLine) -> None:
    answer = asked(simulated, "--without-procedure", "penalty-ordinary", "--all", "--by", "all")

    (whole,) = answer["subjects"]
    # Every enforcement case is of this procedure: nothing is left to close.
    assert {one["code"]: one["after"] for one in whole["why"]}["closure"] == "0"
    # All others keep what they gave: their weight only grows.
    assert all(Fraction(one["moved"]) > 0 for one in whole["why"] if one["code"] not in ("closure", "revocation"))


def test_without_a_source_counts_as_if_it_had_never_sent(
    simulated: CommandLine, simulated_lines: list[bytes], tmp_path: Path
) -> None:
    answer = asked(simulated, "--without-source", "/enforcement", "--all")

    alone = CommandLine(tmp_path / "alone.db")
    alone("ingest", "-", stdin=b"\n".join(line for line in simulated_lines if b'"/enforcement"' not in line))
    assert_is_what_scoring_says(
        answer, scores(simulated, POLICY, "--by", "staff"), scores(alone, POLICY, "--by", "staff")
    )


def test_a_table_tells_who_changes_and_why(simulated: CommandLine) -> None:
    printed = simulated("policy", "what-if", POLICY, *YEAR, "--weight", "timeliness=90").out

    assert "change grade" in printed
    assert "timeliness +" in printed
    rows = simulated("policy", "what-if", POLICY, *YEAR, "--weight", "timeliness=90", "--format", "csv").rows
    assert set(rows[0]) == {"subject", "score", "score what-if", "grade", "grade what-if", "why"}


def test_what_made_the_difference_is_told_in_chinese(simulated: CommandLine, tmp_path: Path) -> None:
    other = varied_file(tmp_path, "from = 90", "from = 80")
    for language, words in (("en", "other grades"), ("zh", "等次界限不同")):
        printed = simulated("policy", "what-if", POLICY, *YEAR, "--against", other, "--lang", language).out
        assert words in printed
    told = simulated(
        "policy", "what-if", POLICY, *YEAR, "--against", "market-supervision-2024", "--lang", "zh"
    ).out
    assert "扣分项 -" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Say what would be otherwise"),
        (("--weight", "timeliness"), "no CODE=NUMBER. Write for one timeliness=30."),
        (("--target", "timeliness=90%"), "no CODE=NUMBER. Write for one timeliness=0.9."),
        (("--weight", "timeliness=ten"), "no CODE=NUMBER"),
        (("--weight", "timeliness=1", "--weight", "timeliness=2"), "names 'timeliness' twice"),
        (("--weight", "timelyness=1"), "Did you mean 'timeliness'"),
        (("--target", "timeliness=1.5"), "cannot be 1.5"),
        (("--without-procedure", "nothing"), "No procedure 'nothing'"),
        (("--without-source", "/enforcment"), "Did you mean '/enforcement'"),
        (("--against", "gx-2013"), "No policy 'gx-2013'"),
    ],
)
def test_wrong_questions_are_answered_with_what_to_do(
    simulated: CommandLine, options: tuple[str, ...], words: str
) -> None:
    assert words in simulated.ends(2, "policy", "what-if", POLICY, *YEAR, *options).err
