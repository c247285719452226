"""Policies: what is shipped, what a hash covers, and every fault answered with line, key and remedy."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from domain.errors import UnknownNameError, WrongInputError
from domain.policies.measures import PenaltyRewardError, PolicyError
from domain.policies.policy import load_policy, parse_policy, shipped_policies
from domain.rules.calendars import to_day
from domain.rules.procedures import parse_register

POLICY = """
name = "test"
version = 1
title = { zh = "测试", en = "Test" }
zone = "Asia/Shanghai"
calendar = "china"
register = "gx-2012"

[[indicator]]
code = "timeliness"
measure = "timeliness"
title = { zh = "及时率", en = "Timeliness" }
rule = { zh = "规则", en = "Rule" }
clause = "ISO 9001:2008 8.2.3"
target = 0.9
curve = { kind = "linear", points = [[0.5, 0], [0.9, 100]] }
weight = 60

[[indicator]]
code = "errors"
measure = "error-rate"
title = { zh = "差错率", en = "Errors" }
rule = { zh = "规则", en = "Rule" }
clause = "ISO 9001:2008 8.3"
target = 0.0
curve = { kind = "threshold", points = [[0.01, 80]] }
weight = 40

[[grade]]
code = "good"
title = { zh = "好", en = "Good" }
from = 75

[[grade]]
code = "poor"
title = { zh = "差", en = "Poor" }
from = 0
"""


def test_a_policy_is_read_with_exact_numbers() -> None:
    policy = parse_policy(POLICY, place="test.toml")

    assert [indicator.weight for indicator in policy.indicators] == [60, 40]
    assert policy.indicators[0].curve.points[0] == (Decimal("0.5"), Decimal(0))
    assert (policy.decimals, policy.due_precision, policy.when_not_ratable) == (2, "day", "spread")
    assert [grade.code for grade in policy.grades] == ["good", "poor"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("weight = 60", "weight = 55", 9, r"add up to 95, not 100 \(timeliness 55, errors 40\)\. Add 5\."),
        ("weight = 60", "weight = 60.5", 9, r"add up to 100\.5, not 100 .*Take 0\.5 away\."),
        (
            "weight = 60",
            "wieght = 60",
            17,
            r"indicator\[1\]\.wieght: Unknown key\. Did you mean 'weight'\?.*1 more",
        ),
        ("weight = 60", "weight = -60", 17, r"weight: .*greater than or equal to 0"),
        ("weight = 60", "weight = '60'", 17, r"weight: A number is needed; it is '60' here"),
        ("weight = 60", "weight = true", 17, r"weight: A number is needed; it is True"),
        ("weight = 60", "weight = nan", 17, r"weight: A finite number is needed"),
        ("weight = 60", "weight = 1e300", 17, r"weight: .*out of all proportion"),
        ("weight = 60", "weight = 1e99999999999999999999", None, r"test\.toml"),
        ('code = "errors"', 'code = "timeliness"', 20, r"'timeliness' is already there"),
        (
            'measure = "timeliness"',
            'measure = "timelyness"',
            11,
            r"No measure 'timelyness'\. Did you mean 'timeliness'\?",
        ),
        (
            'measure = "timeliness"',
            'measure = "penalty-amount"',
            11,
            r"number or amount of penalties.*行政处罚法 §74.*'closure'",
        ),
        ("target = 0.9", "target = 90", 15, r"target: .*less than or equal to 1"),
        ("target = 0.9", "target = 0.9\ndirection = 'lower'", 16, r"'timeliness' higher is better"),
        ('kind = "linear"', 'kind = "liner"', 16, r"curve\.kind: Unknown value 'liner'\. Did you mean 'linear'\?"),
        (
            "[[0.5, 0], [0.9, 100]]",
            "[[0.5, 100], [0.9, 0]]",
            16,
            r"curve: Points fall from 100 to 0, but higher is better",
        ),
        ("[[0.5, 0], [0.9, 100]]", "[[0.9, 0], [0.5, 100]]", 16, r"curve: Rate 0\.5 comes after 0\.9"),
        ("[[0.5, 0], [0.9, 100]]", "[[0.5, 0], [0.5, 100]]", 16, r"curve: Rate 0\.5 comes after 0\.5"),
        ("[[0.5, 0], [0.9, 100]]", "[[0.5, 0], [0.9, 120]]", 16, r"curve\.points.*less than or equal to 100"),
        ("[[0.5, 0], [0.9, 100]]", "[[0.5, 0]]", 16, r"curve: A linear curve needs two points"),
        ("[[0.5, 0], [0.9, 100]]", "[[0.5, 7], [0.9, 7]]", 16, r"curve: Every rate gets 7 points"),
        ("[[0.5, 0], [0.9, 100]]", "[[0.5, 0, 1], [0.9, 100]]", 16, r"curve\.points"),
        ("[[0.01, 80]]", "[[0.01, 80], [0.02, 10]]", 26, r"curve: A threshold has one point"),
        ("from = 75", "from = 0", 37, r"Two grades begin at 0"),
        ("from = 0", "from = 10", 37, r"A score below 10 has no grade"),
        ("from = 75", "from = 101", 32, r"grade\[1\]\.from: .*less than or equal to 100"),
        ('code = "poor"', 'code = "good"', 35, r"'good' is already there"),
        (
            "Asia/Shanghai",
            "Asia/Shanhai",
            5,
            r"zone: No time zone 'Asia/Shanhai'\. Did you mean 'Asia/Shanghai'\?",
        ),
        ('"china"', '"chine"', 6, r"calendar: No calendar 'chine'\. Did you mean 'china'\?"),
        ('"gx-2012"', '"gx-2021"', 7, r"register: No register 'gx-2021'\. Did you mean 'gx-2012'\?"),
        ("version = 1", "version = 0", 3, r"version: .*greater than or equal to 1"),
        ("version = 1", "version = 1\ndecimals = 9", 4, r"decimals: .*less than or equal to 6"),
        ("version = 1", "version = 1\ndue_precision = 'hour'", 4, r"due_precision: Unknown value 'hour'"),
        ("version = 1", "version = 1\nwhen_not_ratable = 'ful'", 4, r"Did you mean 'full'\?"),
        ("version = 1", "verison = 1", 3, r"verison: Unknown key\. Did you mean 'version'\?"),
        ('name = "test"', 'name = "test"\nname = "test"', 3, r"not valid TOML"),
        ('rule = { zh = "规则", en = "Rule" }', 'rule = "Rule"', 13, r"rule: "),
        ("\n[[indicator]]", "\n[[indicators]]", 9, r"indicators: Unknown key\. Did you mean 'indicator'\?"),
        ("\n[[indicator]]", "\n[indicator]", None, r"not valid TOML|indicator: "),
    ],
)
def test_a_fault_is_answered_with_line_key_and_remedy(old: str, new: str, line: int | None, words: str) -> None:
    assert old in POLICY

    with pytest.raises(PolicyError, match=words) as caught:
        parse_policy(POLICY.replace(old, new, 1), place="test.toml")

    if line is not None:
        assert str(caught.value).startswith(f"test.toml:{line}: "), caught.value


@pytest.mark.parametrize(
    "measure", ["penalties", "fine-amount", "number-of-fines", "fines", "罚款金额", "confiscated-goods"]
)
def test_no_policy_rewards_penalties(measure: str) -> None:
    text = POLICY.replace('measure = "timeliness"', f'measure = "{measure}"')

    with pytest.raises(PenaltyRewardError, match="A score may never do that"):
        parse_policy(text, place="test.toml")


@pytest.mark.parametrize("measure", ["refined", "defined-work", "finesse"])
def test_a_measure_that_only_sounds_like_a_fine_is_just_unknown(measure: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.replace('measure = "timeliness"', f'measure = "{measure}"'), place="test.toml")

    assert not isinstance(caught.value, PenaltyRewardError)


@pytest.mark.parametrize("text", ["", "name = 1", "[", "\x00", "= 1", "a.b = 1\na = 2", "x = " + "[" * 3000])
def test_what_is_no_policy_at_all_is_answered_with_a_sentence(text: str) -> None:
    with pytest.raises(PolicyError, match=r"^test\.toml"):
        parse_policy(text, place="test.toml")


def test_a_grade_that_no_score_can_earn_is_refused() -> None:
    # Both at their best give 60 + 40 x 0.8 = 92, but errors may lack data, and then timeliness alone gives 100.
    always = POLICY.replace("weight = 60", 'weight = 60\nwhen_not_ratable = "zero"').replace(
        "weight = 40", 'weight = 40\nwhen_not_ratable = "full"'
    )

    assert parse_policy(POLICY.replace("from = 75", "from = 100"), place="test.toml")
    assert parse_policy(always.replace("from = 75", "from = 92"), place="test.toml")
    with pytest.raises(PolicyError, match=r"No score can earn the grade 'good': .* give 0 to 92"):
        parse_policy(always.replace("from = 75", "from = 93"), place="test.toml")


def test_a_lowest_grade_below_every_score_is_refused() -> None:
    generous = POLICY.replace("[[0.5, 0], [0.9, 100]]", "[[0.5, 50], [0.9, 100]]").replace(
        "weight = 60", "weight = 100"
    )
    generous = generous.replace("weight = 40", "weight = 0")

    with pytest.raises(PolicyError, match=r"grade 'poor': .* give 50 to 100"):
        parse_policy(generous.replace("from = 75", "from = 50"), place="test.toml")


def test_the_hash_covers_content_and_not_layout() -> None:
    policy = parse_policy(POLICY, place="test.toml")
    same = POLICY.replace("target = 0.9\n", "target = 0.90 # ninety\n").replace(
        "version = 1", "decimals = 2\nversion = 1"
    )

    assert parse_policy(same, place="elsewhere").hash == policy.hash
    for old, new in (("target = 0.9\n", "target = 0.8\n"), ("from = 75", "from = 76"), ("好", "良")):
        assert parse_policy(POLICY.replace(old, new), place="test.toml").hash != policy.hash


def test_a_policy_may_name_an_adopted_register() -> None:
    text = POLICY.replace('register = "gx-2012"', 'register = "mine"')
    register = parse_register(
        'name = "mine"\ntitle = { zh = "我", en = "Mine" }\n'
        '[[process]]\ncode = "p"\ntitle = { zh = "一", en = "P" }\n'
        '[[procedure]]\ncode = "a"\nprocess = "p"\ntitle = { zh = "甲", en = "A" }\nlegal_basis = "x"\n',
        place="mine.toml",
    )

    policy = parse_policy(text, place="test.toml", registers=["mine"])

    assert policy.context({"mine": register}).register is register
    with pytest.raises(UnknownNameError, match="No procedure register 'mine'"):
        policy.context()


def test_names_and_files_that_do_not_exist_are_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(POLICY, encoding="utf-8")

    assert load_policy(str(tmp_path / "p.toml")).name == "test"
    for name in ("gx-2013", "", str(tmp_path / "none.toml"), str(tmp_path) + "/"):
        with pytest.raises(WrongInputError):
            load_policy(name)


@pytest.mark.parametrize("name", shipped_policies())
def test_every_shipped_policy_has_a_context_and_says_how_it_counts(name: str) -> None:
    policy = load_policy(name)

    assert policy.name == name
    assert policy.context().describe()["zone"] == policy.zone
    for indicator in policy.indicators:
        assert indicator.rule.zh
        assert indicator.rule.en
        assert indicator.points_of(Fraction(indicator.target)) == 100


def test_the_guangxi_policy_has_the_six_core_indicators_and_the_four_grades() -> None:
    policy = load_policy("gx-2012")

    assert [indicator.code for indicator in policy.indicators] == [
        "plan-completion",
        "satisfaction",
        "timeliness",
        "error-rate",
        "closure",
        "revocation",
    ]
    assert [grade.title.zh for grade in policy.grades] == ["优秀", "称职", "基本称职", "不称职"]
    assert (policy.zone, policy.calendar) == ("Asia/Shanghai", "china")


def test_the_figures_published_for_guangxi_in_2011_earn_the_highest_grade() -> None:
    published = {
        "plan-completion": "0.9908",
        "satisfaction": "0.9947",
        "timeliness": "0.9984",
        "error-rate": "0.0003",
        "closure": "0.9571",
        "revocation": "0",
    }
    policy = load_policy("gx-2012")

    score = sum(
        (one.points_of(Fraction(published[one.code])) * Fraction(one.weight) for one in policy.indicators),
        Fraction(0),
    )

    grade = policy.grade_of(Decimal(score.numerator) / Decimal(score.denominator) / 100)
    assert grade is not None
    assert grade.code == "excellent"


def test_the_permit_log_is_scored_in_its_own_zone_without_a_limit_of_the_register() -> None:
    context = load_policy("receipt_wabo").context()
    version = context.register.version("wabo-receipt", to_day(date(2011, 1, 1)))

    assert (context.zone.name, context.calendar.name) == ("Europe/Amsterdam", "weekdays")
    assert version is not None
    assert version.limit is None
