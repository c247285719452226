"""Caps, bonuses, deductions, bounds and competence grades: every fault answered with line, key and remedy; exactly
the grades that can be reached are allowed."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnknownNameError
from domain.policies.checks import reachable_scores
from domain.policies.measures import PolicyError
from domain.policies.policy import Policy, VariationError, load_policy, shipped_policies
from domain.policies.policy_file import Adjustment, Indicator, PolicyFile
from domain.rules.toml_files import parse_toml
from tests.domain.given_sums import (
    RISING,
    Row,
    adjustment,
    card_of,
    competence,
    grade,
    indicator,
    members,
    policy_of,
)

PLAN = indicator("plan", "plan-completion", curve=RISING, weight="60")
BOTH = PLAN + indicator("satisfaction", "satisfaction", curve=RISING, weight="40")
EACH = "points_each = 5\nceiling = 20"


def refused(text: str, words: str, head: str = "") -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        policy_of(text, head)
    assert str(caught.value).startswith("test.toml:")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (adjustment("bonus", "b", "five-everys", ""), r"bonus\[1\]: Say how many points: either `points_each` or"),
        (
            adjustment("deduction", "d", "red-cards", EACH + "\ncurve = " + RISING),
            "either `points_each` or a `curve`",
        ),
        (adjustment("deduction", "d", "red-cards", "points_each = 5"), "Without a ceiling there is no end"),
        (adjustment("bonus", "b", "five-everys", EACH), "A ratio is no number of things. Use a `curve`"),
        (
            adjustment("bonus", "b", "red-cards", EACH),
            "'red-cards' lower is better, but this bonus says the opposite",
        ),
        (
            adjustment("deduction", "d", "timeliness", f"curve = {RISING}"),
            "'timeliness' higher is better, but this deduction says the opposite",
        ),
        (adjustment("deduction", "d", "red-card", EACH), r"No measure 'red-card'\. Did you mean 'red-cards'"),
        (adjustment("deduction", "d", "red-cards", EACH) * 2, r"Deduction 'd' is already there"),
        (
            adjustment("bonus", "d", "five-everys", f"curve = {RISING}")
            + adjustment("deduction", "d", "red-cards", EACH),
            "An indicator or a bonus is called 'd' already",
        ),
        (adjustment("deduction", "plan", "red-cards", EACH), "An indicator or a bonus is called 'plan' already"),
        (adjustment("deduction", "d", "red-cards", EACH + "\nminimum_exposure = 3"), "Name a measure that does"),
        (
            adjustment("deduction", "d", "red-cards", EACH + "\nexposure = 'timeliness'"),
            "exposure: How much there was",
        ),
        (adjustment("deduction", "d", "red-cards", "points_eech = 5"), "Did you mean 'points_each'"),
        (competence("c", "101"), r"competence\[1\]\.from: .*less than or equal to 100"),
        (competence("c", "10", "requires = { plam = 5 }"), r"requires: No indicator 'plam'\. Did you mean 'plan'"),
        (competence("c", "10", "requires = { plan = 101 }"), r"requires\.plan: .*less than or equal to 100"),
        (competence("c", "10", "exposure = [{ measure = 'timeliness', at_least = 1 }]"), "How much there was"),
        (competence("c", "10", "exposure = [{ measure = 'red-cards', at_least = 0 }]"), "greater than 0"),
        (competence("c", "10") * 2, "Competence 'c' is already there"),
        (competence("c", "10") + competence("d", "10"), "'d' stands above 'c' and asks for the same"),
        (
            competence("d", "20") + competence("c", "10", "requires = { plan = 50 }"),
            r"'d' stands above 'c' and asks for less: requires\.plan",
        ),
        (competence("c", "10", "reqires = { plan = 50 }"), "Did you mean 'requires'"),
    ],
)
def test_a_fault_is_answered_with_key_and_remedy(text: str, words: str) -> None:
    refused(BOTH + text, words)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("rounding = 'up'", "rounding: Unknown value 'up'"),
        ("score_min = 100", "score_min: No score lies between 100 and 100"),
        ("score_max = 0", "score_max: .*greater than 0"),
        ("bonus_ceiling = 5", r"bonus_ceiling: There is no \[\[bonus\]\] to limit"),
        ("deduction_ceiling = 5", r"deduction_ceiling: There is no \[\[deduction\]\] to limit"),
    ],
)
def test_a_fault_in_the_head_is_answered_too(head: str, words: str) -> None:
    refused(BOTH, words, head)


def test_counts_and_what_is_neither_better_cannot_be_judged_alone() -> None:
    falling = '{ kind = "step", points = [[0, 100], [3, 50]] }'
    refused(
        indicator("o", "overdue-stock", target="0", curve=falling), "Name a measure that does, for one exposure"
    )
    refused(indicator("w", "workload", curve=falling), "'workload' neither more nor less is better")
    assert policy_of(indicator("o", "overdue-stock", target="0", curve=falling, more="exposure = 'workload'"))


def test_a_rate_above_one_is_refused_and_a_number_of_days_is_not() -> None:
    curve = '{ kind = "linear", points = [[10, 100], [30, 0]] }'
    refused(
        indicator("t", "error-rate", target="0", curve=curve), "curve: A rate is less than or equal to 1; it is 30"
    )
    assert policy_of(indicator("t", "decision-days-90", target="10", curve=curve))


def parsed(policy: Policy) -> PolicyFile:
    return parse_toml(policy.text, place="again").parse(PolicyFile)


@pytest.mark.parametrize(
    ("text", "head", "lowest", "highest"),
    [
        (BOTH, "", "0", "100"),
        (
            BOTH + adjustment("bonus", "b", "five-everys", f"curve = {RISING}\nceiling = 7"),
            "score_max = 120",
            "0",
            "107",
        ),
        (
            BOTH + adjustment("bonus", "b", "five-everys", f"curve = {RISING}\nceiling = 7"),
            "score_max = 120\nbonus_ceiling = 3",
            "0",
            "103",
        ),
        (BOTH + adjustment("bonus", "b", "five-everys", f"curve = {RISING}\nceiling = 7"), "", "0", "100"),
        (BOTH, "score_min = 20", "20", "100"),
        # Alone the plan gives 100, of which 30 count; with the other it gives 30 and the other 40.
        (BOTH.replace("weight = 60", "weight = 60\ncap = 30"), "", "0", "100"),
        (
            BOTH.replace("weight = 60", "weight = 60\ncap = 30").replace("weight = 40", "weight = 40\ncap = 35"),
            "",
            "0",
            "65",
        ),
    ],
)
def test_the_scores_that_can_be_reached(text: str, head: str, lowest: str, highest: str) -> None:
    assert reachable_scores(parsed(policy_of(text, head))) == (Decimal(lowest), Decimal(highest))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(61, 100), st.sampled_from([None, 10, 35, 80]),
                       st.sampled_from(["spread", "zero", "full"])), min_size=2, max_size=3),
)  # fmt: skip
def test_reachable_scores_are_those_of_the_best_and_worst_data(
    given_: list[tuple[int, int, int | None, str]],
) -> None:
    """Held to trying every combination of best, worst and no data."""
    kinds = [("plan-completion", "targets", "completed"), ("satisfaction", "ratings", "good"),
             ("every-basis", "actions", "basis")]  # fmt: skip
    weights = {2: ("30", "70"), 3: ("30", "25", "45")}[len(given_)]
    text, choices = "", []
    for (low, high, cap, rule), weight, (code, of, met) in zip(given_, weights, kinds, strict=False):
        more = f'when_not_ratable = "{rule}"' + ("" if cap is None else f"\ncap = {cap}")
        curve = f'{{ kind = "linear", points = [[0, {low}], [1, {high}]] }}'
        text += indicator(code, code, curve=curve, weight=weight, more=more)
        choices.append([{}, members(of), members(of, met)])
    policy = policy_of(text)

    scores = []
    for rows in product(*choices):
        card = card_of(*(row for row in rows), policy=policy)
        if card.score is not None:
            scores.append(card.score)

    lowest, highest = reachable_scores(parsed(policy))
    # Without any data there is no score, though the rules for missing data would give one.
    assert lowest <= min(scores)
    assert highest >= max(scores)
    if all(rule == "spread" for _, _, _, rule in given_):
        assert (lowest, highest) == (min(scores), max(scores))


def test_grades_out_of_reach_are_refused_with_what_can_be_reached() -> None:
    capped = BOTH.replace("weight = 60", "weight = 60\ncap = 30").replace("weight = 40", "weight = 40\ncap = 35")
    refused(capped + grade("high", "66") + grade("low", "0"), "'high': the curves and weights give 0 to 65")
    assert policy_of(capped + grade("high", "65") + grade("low", "0"))
    refused(BOTH + grade("a", "20") + grade("b", "0"), "'b'", "score_min = 20")
    assert policy_of(BOTH + grade("a", "30") + grade("b", "20"), "score_min = 20").grades[-1].code == "b"
    most = '{ kind = "linear", points = [[0, 0], [1, 89.996]] }'
    assert policy_of(indicator("plan", "plan-completion", curve=most) + grade("a", "90") + grade("b", "0")), (
        "89.996 is printed as 90.00"
    )
    refused(
        indicator("plan", "plan-completion", curve=most) + grade("a", "90") + grade("b", "0"),
        "'a'",
        "rounding = 'down'",
    )


def test_other_weights_and_targets_make_another_policy_without_a_hash() -> None:
    policy = load_policy("gx-2012")

    other = policy.varied(weights={"closure": Decimal(40)}, targets={"timeliness": Decimal("0.9")})

    assert other.hash == ""
    timeliness, before = other.indicators[2], policy.indicators[2]
    assert [x for x, _ in timeliness.curve.points] == [Decimal("0.505"), Decimal("0.805"), Decimal("0.9")]
    assert [y for _, y in timeliness.curve.points] == [y for _, y in before.curve.points]
    # 8 of 10 cost 20 of the 100 where the weights add up to 120: 40 / 120 of the score.
    rows: list[Row] = [members("closed-cases", count=4), members("open-enforcement", "overdue")]
    assert card_of(*rows, members("targets", "completed"), policy=other).score == Decimal("73.33")
    assert policy.indicators[4].weight == 20, "the policy itself stays"


@pytest.mark.parametrize(
    ("weights", "targets", "words"),
    [
        ({"closure": Decimal(-1)}, {}, "weight of 'closure' cannot be -1"),
        ({"closure": Decimal("nan")}, {}, "cannot be NaN"),
        ({}, {"closure": Decimal("1.01")}, "target of 'closure' cannot be 1.01. Write a number from 0 to 1"),
        (
            dict.fromkeys((one.code for one in load_policy("gx-2012").indicators), Decimal(0)),
            {},
            "All weights are 0",
        ),
    ],
)
def test_a_weight_or_target_that_cannot_be_is_refused(
    weights: dict[str, Decimal], targets: dict[str, Decimal], words: str
) -> None:
    with pytest.raises(VariationError, match=words):
        load_policy("gx-2012").varied(weights=weights, targets=targets)


def test_another_weight_of_an_unknown_indicator_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'closure'"):
        load_policy("gx-2012").varied(weights={"closur": Decimal(1)}, targets={})


@pytest.mark.parametrize("name", shipped_policies())
def test_shipped_policies_say_where_their_rules_stand(name: str) -> None:
    policy = load_policy(name)

    tables: list[Indicator | Adjustment] = [*policy.indicators, *policy.bonuses, *policy.deductions]
    for one in tables:
        assert one.clause
        assert one.rule.zh
        assert one.rule.en
    assert [each.lower for each in policy.competences] == sorted(
        (one.lower for one in policy.competences), reverse=True
    )


def test_the_policy_of_2024_uses_what_the_six_indicators_do_not_know() -> None:
    policy = load_policy("market-supervision-2024")

    assert {one.measure for one in policy.indicators} >= {"five-everys", "conformance-decided", "decision-days-90"}
    assert {one.measure: one.points_each for one in policy.deductions if one.points_each} == {
        "yellow-cards": Decimal(5),
        "red-cards": Decimal(10),
    }
    assert len(policy.competences) == 4
    processes = {name for name in shipped_policies() if name.startswith("process-")}
    assert processes == {
        f"process-{each}" for each in ("management", "administration", "enforcement", "improvement")
    }
