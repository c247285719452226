"""Given, for tests of scores: sums said in the words of measures, and the scores of March 2024 under a policy."""

from collections.abc import Mapping
from functools import lru_cache

from domain.directory import Directory, DirectoryAction
from domain.measuring.populations import Population, pattern_of
from domain.measuring.rollup import By
from domain.measuring.sums import Sums
from domain.policies.measures import POPULATIONS
from domain.policies.policy import Policy, load_policy, parse_policy
from domain.rules.procedures import load_register
from domain.scoring.exact_scoring import WHOLE, Scorecard
from domain.scoring.scoring import Scorecards, score
from tests.domain.scored_march import FROM, SHANGHAI, TO

Row = dict[tuple[Population, int], int]


def members(of: str, *attributes: str, count: float = 1) -> Row:
    """So many members of a population that have just these attributes."""
    population = POPULATIONS[of]
    return {(population, pattern_of(population, attributes)): round(count * WHOLE)}


def together(*rows: Row) -> Row:
    found: Row = {}
    for row in rows:
        for key, part in row.items():
            found[key] = found.get(key, 0) + part
    return found


def scored(
    rows: Mapping[str, Row],
    *actions: DirectoryAction,
    policy: Policy | None = None,
    values: Mapping[str, Mapping[Population, Mapping[int, int]]] | None = None,
    by: By = "staff",
) -> Scorecards:
    chosen = policy or load_policy("gx-2012")
    directory, register = Directory.fold(actions, SHANGHAI), load_register(chosen.register)
    return score(Sums.of(rows, values), chosen, directory, register, from_day=FROM, to_day=TO, by=by)


def card_of(
    *rows: Row, policy: Policy | None = None, values: Mapping[str, Mapping[int, int]] | None = None
) -> Scorecard:
    """The card of one person."""
    told = {POPULATIONS[of]: histogram for of, histogram in (values or {}).items()}
    (card,) = scored({"p": together(*rows)}, policy=policy, values={"p": told}).subjects
    return card


INDICATOR = """
[[indicator]]
code = "{code}"
measure = "{measure}"
title = {{ zh = "指标", en = "Indicator" }}
rule = {{ zh = "规则", en = "Rule" }}
clause = "ISO 9001"
target = {target}
curve = {curve}
weight = {weight}
"""

ADJUSTMENT = """
[[{kind}]]
code = "{code}"
measure = "{measure}"
title = {{ zh = "加减分", en = "Adjustment" }}
rule = {{ zh = "规则", en = "Rule" }}
clause = "Clause"
"""


@lru_cache(maxsize=200)
def policy_of(text: str, head: str = "") -> Policy:
    """A policy of these tables."""
    return parse_policy(
        'name = "test"\nversion = 1\ntitle = { zh = "测试", en = "Test" }\nzone = "Asia/Shanghai"\n'
        f'calendar = "china"\nregister = "gx-2012"\n{head}\n{text}',
        place="test.toml",
    )


def indicator(
    code: str, measure: str, *, target: str = "1", curve: str, weight: str = "100", more: str = ""
) -> str:
    text = INDICATOR.format(code=code, measure=measure, target=target, curve=curve, weight=weight)
    return f"{text}{more}\n"


def adjustment(kind: str, code: str, measure: str, more: str) -> str:
    return ADJUSTMENT.format(kind=kind, code=code, measure=measure) + f"{more}\n"


def grade(code: str, lower: str) -> str:
    return f'\n[[grade]]\ncode = "{code}"\ntitle = {{ zh = "等", en = "Grade" }}\nfrom = {lower}\n'


def competence(code: str, lower: str, more: str = "") -> str:
    return f'\n[[competence]]\ncode = "{code}"\ntitle = {{ zh = "级", en = "Level" }}\nfrom = {lower}\n{more}\n'


RISING = '{ kind = "linear", points = [[0, 0], [1, 100]] }'
