"""Measures as data: what each shipped one takes, what a file may declare, and what is refused and why."""

from random import Random

import pytest

from domain.measuring.populations import ATTRIBUTES, CELLS, FIRST_CELL, Population, cell, cells_with
from domain.policies.curves import Direction
from domain.policies.measures import (
    POPULATIONS,
    CompiledMeasure,
    PenaltyRewardError,
    PolicyError,
    described_measures,
    population_of,
    standard_measures,
)
from tests.domain.given_sums import RISING, adjustment, competence, indicator, policy_of

MEASURE = """
[[measure]]
code = "mine"
title = {{ zh = "测", en = "Mine" }}
meaning = {{ zh = "测", en = "Mine" }}
{keys}
"""


def measured(keys: str) -> CompiledMeasure:
    """The measure `mine` of a policy that declares it, and uses it as an exposure at least."""
    text = MEASURE.format(keys=keys) + indicator("plan", "plan-completion", curve=RISING)
    policy = policy_of(text + adjustment("deduction", "d", "mine", 'curve = { kind = "step", points = [[1, 5]] }'))
    return policy.deductions[0].counts


def refused(keys: str, words: str, kind: type[PolicyError] = PolicyError) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        measured(keys)
    assert (type(caught.value) is PenaltyRewardError) == (kind is PenaltyRewardError)
    assert str(caught.value).startswith("test.toml:")


def attributes(of: int) -> list[set[str]]:
    """The attributes of each cell of a population."""
    population = Population(of)
    names = ATTRIBUTES[population]
    return [{name for bit, name in enumerate(names) if pattern >> bit & 1} for pattern in range(1 << len(names))]


def test_the_six_core_measures_take_the_members_that_their_rules_name() -> None:
    expected = {
        "plan-completion": ("targets", {"completed"}, None),
        "satisfaction": ("ratings", {"good"}, None),
        "timeliness": ("decided-cases", {"in-time"}, "open-licences"),
        "error-rate": ("decided-cases", {"faulty"}, None),
        "closure": ("closed-cases", set(), "open-enforcement"),
        "revocation": ("decisions", {"overturned"}, None),
    }
    for code, (of, met, stock) in expected.items():
        found, population = standard_measures()[code], POPULATIONS[of]
        first, stop = int(FIRST_CELL[population]), int(FIRST_CELL[population + 1])
        overdue = cells_with(POPULATIONS[stock], having=["overdue"]) if stock else []
        assert set(found.denominator) == {*range(first, stop), *overdue}, code
        assert set(found.numerator) == {
            cell(population, pattern) for pattern, has in enumerate(attributes(population)) if met <= has
        }, code
    response = standard_measures()["satisfaction"].response
    assert response is standard_measures()["response-rate"]


def test_completeness_asks_for_all_five_and_each_of_the_five_alone() -> None:
    assert len(standard_measures()["five-everys"].numerator) == 1
    everys = [code for code in standard_measures() if code.startswith("every-")]
    assert len(everys) == 5
    numerators = [set(standard_measures()[code].numerator) for code in everys]
    assert set.intersection(*numerators) == set(standard_measures()["five-everys"].numerator)


def test_every_shipped_measure_is_described_in_both_languages_and_none_is_two_things() -> None:
    described = described_measures()

    assert [one.code for one in described] == list(standard_measures())
    assert all(one.title.zh and one.title.en and one.meaning.zh and one.meaning.en for one in described)
    said = [
        (one.kind, one.numerator, one.denominator, one.values, one.quantile)
        for one in standard_measures().values()
    ]
    assert len(set(said)) == len(said)


def test_a_policy_declares_measures_of_its_own() -> None:
    found = measured(
        'kind = "ratio"\nof = "decisions"\nlacking = ["penalty"]\nmet = ["overturned"]\nbetter = "lower"'
    )

    assert set(found.denominator) == set(cells_with(Population.DECISION, lacking=["penalty"]))
    assert set(found.numerator) == set(cells_with(Population.DECISION, having=["overturned"], lacking=["penalty"]))
    assert found.values is None


def test_each_kind_reads_cells_or_values() -> None:
    count = measured('kind = "count"\nof = "decided-cases"\nplus = [{ of = "targets" }]\nbetter = "none"')
    ninth = measured('kind = "quantile"\nquantile = 0.9\nof = "closed-cases"\nbetter = "lower"')

    assert {population_of(each) for each in count.denominator} == {Population.DECIDED, Population.TARGET}
    assert count.numerator == count.denominator
    assert (ninth.values, ninth.denominator, ninth.values_needed) == (
        Population.CLOSED,
        (),
        1 << Population.CLOSED,
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            'kind = "ratio"\nof = "decidedcases"\nbetter = "lower"',
            r"measure\[1\]\.of: .*Did you mean 'decided-cases'",
        ),
        ('kind = "rate"\nof = "actions"\nbetter = "lower"', r"kind: Unknown value 'rate'\. Did you mean 'ratio'"),
        ('kind = "count"\nof = "cards"\nhaving = ["yelow"]\nbetter = "lower"', r"having: .*Did you mean 'yellow'"),
        ('kind = "count"\nof = "cards"\nmet = ["red"]\nbetter = "lower"', r"met: A count takes no `met`"),
        ('kind = "ratio"\nof = "targets"\nbetter = "higher"', r"met: The numerator is always none or all"),
        (
            'kind = "ratio"\nof = "targets"\nhaving = ["completed"]\nnot_met = ["completed"]\nbetter = "lower"',
            "none",
        ),
        ('kind = "stock"\nof = "cards"\nbetter = "lower"', r"kind: A stock is of open-licences, open-enforcement"),
        ('kind = "count"\nof = "open-licences"\nbetter = "lower"', r"kind: A stock is of"),
        ('kind = "mean"\nof = "targets"\nbetter = "lower"', r"of: Only decided-cases, closed-cases, ratings have"),
        (
            'kind = "mean"\nof = "ratings"\nhaving = ["good"]\nbetter = "lower"',
            r"having: A mean takes no `having`",
        ),
        ('kind = "quantile"\nof = "ratings"\nbetter = "lower"', r"kind: Which quantile\? Add `quantile = 0\.5`"),
        (
            'kind = "quantile"\nquantile = 1.5\nof = "ratings"\nbetter = "lower"',
            r"quantile: .*less than or equal to 1",
        ),
        (
            'kind = "quantile"\nquantile = 0.9999\nof = "ratings"\nbetter = "lower"',
            r"quantile: .*3 decimal places",
        ),
        ('kind = "count"\nof = "cards"\nplus = [{ of = "cards" }]\nbetter = "lower"', r"plus: .*counted already"),
        (
            'kind = "ratio"\nof = "ratings"\nmet = ["good"]\nplus = [{ of = "targets" }]\nbetter = "lower"',
            r"plus\[1\]\.of: To a ratio only what stands open",
        ),
        (
            'kind = "count"\nof = "cards"\nplus = [{ of = "open-licences" }]\nbetter = "lower"',
            r"only what happened",
        ),
        (
            'kind = "ratio"\nof = "ratings"\nmet = ["good"]\nresponse = "workload"\nbetter = "lower"',
            r"response: A response",
        ),
        (
            'kind = "ratio"\nof = "ratings"\nmet = ["good"]\nresponse = "x"\nbetter = "lower"',
            r"response: No measure 'x'",
        ),
        (
            'kind = "count"\nof = "cards"\nhaving = ["red"]\nlacking = ["red"]\nbetter = "lower"',
            r"both have and lack",
        ),
        ('kind = "count"\nof = "cards"\nbetter = "worse"', r"better: Unknown value 'worse'"),
        ('kind = "count"\nof = "cards"\nbetter = "lower"\nsum = 1', r"sum: Unknown key\."),
    ],
)
def test_a_fault_in_a_measure_is_answered_with_line_key_and_remedy(keys: str, words: str) -> None:
    refused(keys, words)


@pytest.mark.parametrize("code", ["timeliness", "red-cards"])
def test_a_measure_cannot_take_the_name_of_a_shipped_one(code: str) -> None:
    keys = 'kind = "count"\nof = "cards"\nbetter = "lower"'
    with pytest.raises(PolicyError, match=f"'{code}' is already there"):
        policy_of(
            MEASURE.format(keys=keys).replace('"mine"', f'"{code}"')
            + indicator("plan", "plan-completion", curve=RISING)
        )


@pytest.mark.parametrize(
    "keys",
    [
        'kind = "count"\nof = "decisions"\nhaving = ["penalty"]\nbetter = "higher"',
        'kind = "count"\nof = "decisions"\nbetter = "higher"',
        'kind = "count"\nof = "closed-cases"\nbetter = "higher"',
        'kind = "count"\nof = "targets"\nplus = [{ of = "actions" }]\nbetter = "higher"',
        'kind = "sum"\nof = "closed-cases"\nbetter = "higher"',
        'kind = "ratio"\nof = "decisions"\nmet = ["penalty"]\nbetter = "higher"',
        'kind = "ratio"\nof = "decisions"\nmet = ["penalty", "overturned"]\nbetter = "higher"',
        'kind = "ratio"\nof = "decisions"\nnot_met = ["penalty"]\nbetter = "lower"',
        # Fewer decisions that are none: each one turned into a penalty helps.
        'kind = "count"\nof = "decisions"\nlacking = ["penalty"]\nbetter = "lower"',
        'kind = "count"\nof = "penalties"\nbetter = "lower"',
    ],
)
def test_a_measure_that_would_reward_penalties_is_refused_by_what_it_counts(keys: str) -> None:
    refused(
        keys,
        r"'(mine|penalties)' would reward the number or amount of penalties.*行政处罚法 §74",
        PenaltyRewardError,
    )


@pytest.mark.parametrize(
    "keys",
    [
        'kind = "ratio"\nof = "decisions"\nhaving = ["penalty"]\nmet = ["overturned"]\nbetter = "lower"',
        'kind = "ratio"\nof = "decisions"\nmet = ["overturned"]\nbetter = "lower"',
        'kind = "count"\nof = "decisions"\nhaving = ["overturned"]\nbetter = "lower"',
        'kind = "quantile"\nquantile = 0.5\nof = "closed-cases"\nbetter = "lower"',
    ],
)
def test_how_penalties_are_handled_may_be_measured(keys: str) -> None:
    assert measured(keys).code == "mine"


def test_no_bonus_deduction_or_competence_rewards_penalties_either() -> None:
    plan = indicator("plan", "plan-completion", curve=RISING)
    penalties = MEASURE.format(keys='kind = "count"\nof = "decisions"\nhaving = ["penalty"]\nbetter = "none"')
    others = MEASURE.format(keys='kind = "count"\nof = "decisions"\nlacking = ["penalty"]\nbetter = "none"')
    each = "points_each = 1\nceiling = 5"
    for text in (
        penalties + plan + adjustment("bonus", "b", "mine", each),
        plan + adjustment("bonus", "b", "workload-enforcement", each),
        plan + adjustment("bonus", "b", "workload-actions", 'curve = { kind = "step", points = [[10, 5]] }'),
        # Points taken for decisions that are no penalties, or given for few of them.
        others + plan + adjustment("deduction", "d", "mine", each),
        others + plan + adjustment("bonus", "b", "mine", 'curve = { kind = "step", points = [[0, 5], [3, 1]] }'),
        penalties + plan + competence("c", "10", 'exposure = [{ measure = "mine", at_least = 3 }]'),
        plan + competence("c", "10", 'exposure = [{ measure = "workload", at_least = 3 }]'),
    ):
        with pytest.raises(PenaltyRewardError, match="§74"):
            policy_of(text)
    # Taking points for penalties rewards nobody for them.
    assert policy_of(penalties + plan + adjustment("deduction", "d", "mine", each))


def test_nobody_is_judged_or_spared_for_having_penalised() -> None:
    plan = indicator("plan", "plan-completion", curve=RISING)
    penalties = MEASURE.format(keys='kind = "count"\nof = "decisions"\nhaving = ["penalty"]\nbetter = "none"')
    others = MEASURE.format(keys='kind = "count"\nof = "decisions"\nlacking = ["penalty"]\nbetter = "none"')
    stood = MEASURE.format(
        keys='kind = "ratio"\nof = "decisions"\nhaving = ["penalty"]\nnot_met = ["overturned"]\nbetter = "higher"'
    )
    from_fifty = 'exposure = "mine"\nminimum_exposure = 50'
    steps = 'curve = { kind = "step", points = [[0.9, 5]] }'
    for text in (
        # Points for those who penalised fifty times, or for having penalised at all.
        penalties + plan + adjustment("bonus", "b", "timeliness", f"{steps}\n{from_fifty}"),
        penalties + plan + adjustment("bonus", "b", "timeliness", f'{steps}\nexposure = "mine"'),
        stood + plan + adjustment("bonus", "b", "mine", steps),
        plan + adjustment("bonus", "b", "timeliness", f'{steps}\nexposure = "workload-enforcement"'),
        # None where there were not fifty; judged or not by how many there were.
        penalties + indicator("p", "timeliness", curve=RISING, more=f'{from_fifty}\nwhen_not_ratable = "zero"'),
        penalties + indicator("p", "plan-completion", curve=RISING, more=from_fifty),
        stood + indicator("p", "mine", curve=RISING, more='when_not_ratable = "zero"'),
        # Points taken only from those who also decide otherwise.
        others + plan + adjustment("deduction", "d", "red-cards", f"points_each = 1\nceiling = 5\n{from_fifty}"),
        # A competence grade for nobody without penalties.
        stood + indicator("p", "mine", curve=RISING) + competence("c", "10", "requires = { p = 10 }"),
    ):
        with pytest.raises(PenaltyRewardError, match="§74"):
            policy_of(text)
    # How they are handled may be judged, where there are enough of them to tell.
    assert policy_of(stood + indicator("p", "mine", curve=RISING, more="minimum_exposure = 20"))
    assert policy_of(plan + adjustment("bonus", "b", "timeliness", f'{steps}\nexposure = "workload-licences"'))
    assert policy_of(plan + adjustment("bonus", "b", "closed-in-time", f"{steps}\nminimum_exposure = 20"))


def test_no_points_hang_on_so_many_decisions_that_one_more_penalty_reaches_them() -> None:
    plan = indicator("plan", "plan-completion", curve=RISING)
    decided = MEASURE.format(keys='kind = "count"\nof = "decisions"\nbetter = "none"')
    falling = '{ kind = "linear", points = [[0, 100], [0.1, 0]] }'
    steps = 'curve = { kind = "step", points = [[0, 5]] }'
    for asked in ("minimum_exposure = 20", 'minimum_exposure = 20\nexposure = "mine"'):
        for text in (
            decided + plan + adjustment("bonus", "b", "revocation", f"{steps}\n{asked}"),
            decided
            + indicator("r", "revocation", curve=falling, target="0", more=f'{asked}\nwhen_not_ratable = "zero"'),
            decided
            + indicator("r", "revocation", curve=falling, target="0", more=asked)
            + competence("c", "10", "requires = { r = 10 }"),
        ):
            with pytest.raises(PenaltyRewardError, match="§74"):
                policy_of(text)
        # Where to have fewer costs nothing, it may be asked for.
        assert policy_of(decided + indicator("r", "revocation", curve=falling, target="0", more=asked))
    licences = 'minimum_exposure = 20\nexposure = "workload-licences"'
    assert policy_of(plan + adjustment("bonus", "b", "revocation", f"{steps}\n{licences}"))
    assert policy_of(plan + adjustment("bonus", "b", "revocation", steps))


@pytest.mark.parametrize("more_is", ["higher", "lower"])
@pytest.mark.parametrize("code", standard_measures())
def test_where_a_measure_passes_no_decision_turned_into_a_penalty_improves_it(
    code: str, more_is: Direction
) -> None:
    measure = standard_measures()[code]
    if measure.values is not None or measure.rewards_penalties(more_is):
        return
    random, sign = Random(1), 1 if more_is == "higher" else -1
    penalties = cells_with(Population.DECISION, having=["penalty"])
    for _ in range(20):
        sums = [random.randrange(4) for _ in range(CELLS)]
        for before, after in zip(cells_with(Population.DECISION, lacking=["penalty"]), penalties, strict=True):
            turned = list(sums)
            turned[before], turned[after] = max(0, sums[before] - 1), sums[after] + min(1, sums[before])
            assert sign * _value(measure, turned) <= sign * _value(measure, sums)
        if measure.kind == "count":
            added = list(sums)
            added[random.choice(penalties)] += 1
            assert sign * _value(measure, added) <= sign * _value(measure, sums)


def _value(measure: CompiledMeasure, sums: list[int]) -> float:
    numerator = sum(sums[each] for each in measure.numerator)
    denominator = sum(sums[each] for each in measure.denominator)
    if measure.kind != "ratio":
        return denominator
    return numerator / denominator if denominator else 0
