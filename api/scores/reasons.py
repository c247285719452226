"""Say in one sentence why something was counted on its side, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api.as_of import day_text
from domain.measuring.evidence import (
    CaseColumns,
    Clock,
    clock_of,
    due_stated,
    is_penal,
    limit_at,
    starts_later,
    version_at,
)
from domain.measuring.limits import NEVER, UNKNOWN, Rules
from domain.measuring.populations import ATTRIBUTES, NO_VALUE, STOCKS, Population, pattern_of
from domain.measuring.stated import due_day_of

_TEXTS = {
    "en": {
        "target-met": "due {limit}, completed by then",
        "target-missed": "due {limit}, not completed by then",
        "rated": "rated {value} of 5 on {day}",
        "in-time": "{done} {day}, limit {limit}",
        "late": "{done} {day}, after the limit {limit}",
        "late-by-hours": "{done} {day}, after the time of day of its limit {limit}",
        "no-limit": "{done} {day}, no limit stated",
        "stopped": "{done} {day}, while the clock stood still",
        "no-start": "{done} {day}; the limit cannot be computed: its start was never recorded",
        "late-start": "{done} {day}; the limit cannot be computed: what starts it came only afterwards",
        "error": "{done} {day}, with a confirmed error",
        "no-error": "{done} {day}, no confirmed error",
        "rating": "{done} {day}, rated",
        "no-rating": "{done} {day}, not rated",
        "conforming": "{done} {day}, every required step taken",
        "not-conforming": "{done} {day}, required and not done: {steps}",
        "done": "{done} {day}",
        "duration": "{done} {day}, {value} days after the start",
        "no-duration": "{done} {day}; no start was recorded by then, so it has no days to count",
        "deemed": "{why}; not accepted in time, so accepted by law on receipt, {start}",
        "overdue-licence": "undecided, limit {limit} has passed",
        "open-licence": "undecided, limit {limit}",
        "overdue-enforcement": "not closed, limit {limit} has passed",
        "open-enforcement": "not closed, limit {limit}",
        "overturned": "decided {day}, revoked or altered on review",
        "upheld": "decided {day}, stands",
        "acted": "done {day}",
        "complete": "done {day}, states all that is asked for",
        "incomplete": "done {day}, does not state: {missing}",
        "warning": "warning {day}, limit {limit}",
        "yellow": "yellow card {day}, limit {limit}",
        "red": "red card {day}, limit {limit}",
        "decided": "decided",
        "closed": "closed",
        "none": "none",
        "standing": "none while the clock stands still",
        "and": "; ",
        "certain": "{limit}",
        "provisional": "{limit} (provisional)",
    },
    "zh": {
        "target-met": "应于{limit}完成，已按期完成",
        "target-missed": "应于{limit}完成，未按期完成",
        "rated": "{day}评价{value}分（满分5分）",
        "in-time": "{day}{done}，期限{limit}",
        "late": "{day}{done}，超过期限{limit}",
        "late-by-hours": "{day}{done}，超过期限{limit}当日所定时刻",
        "no-limit": "{day}{done}，未规定期限",
        "stopped": "{day}{done}，其时期限停止计算",
        "no-start": "{day}{done}；未记录起算日，期限无法计算",
        "late-start": "{day}{done}；起算在此之后，期限无法计算",
        "error": "{day}{done}，有已确认的差错",
        "no-error": "{day}{done}，无已确认的差错",
        "rating": "{day}{done}，已评价",
        "no-rating": "{day}{done}，未评价",
        "conforming": "{day}{done}，必经步骤齐全",
        "not-conforming": "{day}{done}，缺少必经步骤：{steps}",
        "done": "{day}{done}",
        "duration": "{day}{done}，历时{value}天",
        "no-duration": "{day}{done}；至此未记录起算日，无时长可计",
        "deemed": "{why}；逾期未受理，自收件之日{start}起视为受理",
        "overdue-licence": "未办结，期限{limit}已过",
        "open-licence": "未办结，期限{limit}",
        "overdue-enforcement": "未结案，期限{limit}已过",
        "open-enforcement": "未结案，期限{limit}",
        "overturned": "{day}作出的决定，经复议或诉讼被撤销或变更",
        "upheld": "{day}作出的决定，未被撤销或变更",
        "acted": "{day}办理",
        "complete": "{day}办理，要素齐全",
        "incomplete": "{day}办理，缺少：{missing}",
        "warning": "{day}预警，期限{limit}",
        "yellow": "{day}黄牌，期限{limit}",
        "red": "{day}红牌，期限{limit}",
        "decided": "办结",
        "closed": "结案",
        "none": "未规定",
        "standing": "停止计算",
        "and": "；",
        "certain": "{limit}",
        "provisional": "{limit}（暂定）",
    },
}
_EVERYS = {
    "en": dict(zip(ATTRIBUTES[Population.ACTION], ATTRIBUTES[Population.ACTION], strict=True)),
    "zh": {
        "responsible": "责任人",
        "basis": "依据",
        "evidence": "证据",
        "supervisor": "监督人",
        "result": "结果",
    },
}
_BOTH = {
    "faulty": ("error", "no-error"),
    "rated": ("rating", "no-rating"),
    "conforming": ("conforming", "not-conforming"),
}


class Member(NamedTuple):
    """One counted member: which population, with which attributes, decided where and when, worth how much."""

    case: int
    row: int
    population: Population
    pattern: int
    day: int
    value: int

    def has(self, attribute: str) -> bool:
        """Whether it has that attribute."""
        return bool(self.pattern & pattern_of(self.population, [attribute]))

    def lacks_value(self, about: Sequence[str]) -> bool:
        """Whether its value is asked for and it has none, so that it is left out."""
        return "value" in about and self.value == NO_VALUE


def reason_text(
    cases: CaseColumns, rules: Rules, member: Member, about: Sequence[str], language: str,
    *, limit: int, is_provisional: bool = False, steps: Sequence[str] = (),
) -> str:  # fmt: skip
    """Why a member counts as it does, in respect of the attributes asked for (none: that it is one).

    `limit` is that of `limit_told`; `steps` are the required ones that its case did not take.
    """
    clock = _clock(cases, rules, member, about)
    texts, comma = _TEXTS[language], "、" if language == "zh" else ", "
    is_stopped = limit == NEVER and _stands_still(cases, rules, member, about)
    words = {
        "day": day_text(member.day),
        "limit": texts["standing" if is_stopped else "none"]
        if limit in (NEVER, UNKNOWN)
        else texts["provisional" if is_provisional else "certain"].format(limit=day_text(limit)),
        "value": member.value,
        "done": texts["closed" if member.population == Population.CLOSED else "decided"],
        "missing": comma.join(_EVERYS[language][name] for name in about if not member.has(name))
        if member.population == Population.ACTION
        else "",
        "steps": comma.join(steps),
    }
    keys = dict.fromkeys(_keys(member, about, limit))
    if "no-start" in keys and starts_later(
        cases, member.case, member.row, penal=member.population == Population.CLOSED
    ):
        keys = dict.fromkeys("late-start" if key == "no-start" else key for key in keys)
    if is_stopped:
        keys = dict.fromkeys("stopped" if key == "no-limit" else key for key in keys)
    opening, *more = (texts[key].format(**words) for key in keys)
    said = texts["done"].format(**words)
    # Each says first what was done; once is enough.
    why = texts["and"].join([opening, *(each.removeprefix(said).lstrip(",; ，；") for each in more)])
    if clock is None or not clock.is_deemed:
        return why
    return texts["deemed"].format(why=why, start=day_text(int(cases.day[clock.start])))


def _keys(member: Member, about: Sequence[str], limit: int) -> list[str]:
    if member.population in (Population.DECIDED, Population.CLOSED):
        return [_deciding_key(member, each, limit) for each in about] or ["done"]
    return [_key(member, about)]


def _key(member: Member, about: Sequence[str]) -> str:
    population = member.population
    if population == Population.ACTION:
        if not about:
            return "acted"
        return "complete" if all(member.has(name) for name in about) else "incomplete"
    if population == Population.OPEN_LICENCE:
        return "overdue-licence" if member.has("overdue") else "open-licence"
    if population == Population.OPEN_ENFORCEMENT:
        return "overdue-enforcement" if member.has("overdue") else "open-enforcement"
    if population == Population.CARD:
        return next(name for name in ATTRIBUTES[population] if member.has(name))
    if population == Population.TARGET:
        return "target-met" if member.has("completed") else "target-missed"
    if population == Population.DECISION:
        return "overturned" if member.has("overturned") else "upheld"
    return "rated"


def _deciding_key(member: Member, about: str, limit: int) -> str:
    if about in ("in-time", "limit-unknown"):
        if limit == UNKNOWN:
            return "no-start"
        if limit == NEVER:
            return "no-limit"
        if member.has("in-time"):
            return "in-time"
        # On its very day only a policy that counts dues to the instant finds it late.
        return "late" if member.day > limit else "late-by-hours"
    if about in _BOTH:
        return _BOTH[about][not member.has(about)]
    return "no-duration" if member.lacks_value([about]) else "duration"


def _clock(cases: CaseColumns, rules: Rules, member: Member, about: Sequence[str]) -> Clock | None:
    """The clock of a licence case, where days of it are counted or its limit matters."""
    population, case = member.population, member.case
    if population == Population.DECIDED:
        asked = not {"in-time", "limit-unknown", "value"}.isdisjoint(about)
    else:
        asked = population in (Population.OPEN_LICENCE, Population.CARD)
    if not asked or is_penal(cases, int(cases.starts[case]), member.row, population):
        return None
    if "value" not in about and due_stated(cases, int(cases.starts[case]), member.row) >= 0:
        return None
    return clock_of(cases, rules, case, member.row, penal=False)


def limit_told(cases: CaseColumns, rules: Rules, member: Member, about: Sequence[str]) -> int:
    """The limit that a member is judged by; NEVER where there is none to judge it by, UNKNOWN as in limits."""
    population, row = member.population, member.row
    if population == Population.TARGET:
        return int(due_day_of(cases.actions, cases.extras, row))
    if not _has_limit(population, about):
        return NEVER
    penal = is_penal(cases, int(cases.starts[member.case]), row, population)
    return limit_at(cases, rules, member.case, row, penal=penal)


def _has_limit(population: Population, about: Sequence[str]) -> bool:
    """Whether members are judged by the limit of their case."""
    if population in (Population.DECIDED, Population.CLOSED):
        return not {"in-time", "limit-unknown"}.isdisjoint(about)
    return population in STOCKS or population == Population.CARD


def _stands_still(cases: CaseColumns, rules: Rules, member: Member, about: Sequence[str]) -> bool:
    """Whether a member has no limit because its clock stands still, and not because nothing sets one."""
    population, case, row = member.population, member.case, member.row
    first = int(cases.starts[case])
    if not _has_limit(population, about) or due_stated(cases, first, row) >= 0:
        return False
    version = version_at(cases, rules, case, row, penal=is_penal(cases, first, row, population))
    return version.row >= 0 and int(rules.versions[version.row].days) > 0
