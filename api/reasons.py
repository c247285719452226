"""Say in one sentence why something was counted on its side, in English or Chinese."""

from __future__ import annotations

from api.as_of import day_text
from domain.cases import FIRST_OWN, LAST_OWN, Cases
from domain.limits import NEVER, UNKNOWN, Rules, limit_day
from domain.tally import Measure

_TEXTS = {
    "en": {
        "plan-met": "due {limit}, completed by then",
        "plan-missed": "due {limit}, not completed by then",
        "rated": "rated {rating} of 5 on {day}",
        "in-time": "decided {day}, limit {limit}",
        "late": "decided {day}, after the limit {limit}",
        "no-limit": "decided {day}, no limit stated",
        "no-start": "decided {day}; the limit cannot be computed: neither receipt nor acceptance was recorded",
        "overdue": "undecided, limit {limit} has passed",
        "error": "decided {day}, with a confirmed error",
        "no-error": "decided {day}, no confirmed error",
        "closed": "closed {day}",
        "open": "not closed, limit {limit} has passed",
        "revoked": "decided {day}, revoked or altered on review",
        "upheld": "decided {day}, stands",
    },
    "zh": {
        "plan-met": "应于{limit}完成，已按期完成",
        "plan-missed": "应于{limit}完成，未按期完成",
        "rated": "{day}评价{rating}分（满分5分）",
        "in-time": "{day}办结，期限{limit}",
        "late": "{day}办结，超过期限{limit}",
        "no-limit": "{day}办结，未规定期限",
        "no-start": "{day}办结；未记录收件或受理，期限无法计算",
        "overdue": "未办结，期限{limit}已过",
        "error": "{day}办结，有已确认的差错",
        "no-error": "{day}办结，无已确认的差错",
        "closed": "{day}结案",
        "open": "未结案，期限{limit}已过",
        "revoked": "{day}作出的决定，经复议或诉讼被撤销或变更",
        "upheld": "{day}作出的决定，未被撤销或变更",
    },
}


def reason_text(
    cases: Cases, rules: Rules, case: int, row: int, measure: Measure, hit: bool, language: str
) -> str:
    """Why the thing that is decided at `row` counts as it does."""
    limit = _limit(cases, rules, case, row, measure)
    key = _key(measure, hit, limit)
    shown = day_text(limit) if limit not in (NEVER, UNKNOWN) else ""
    return _TEXTS[language][key].format(
        day=day_text(int(cases.actions.day[row])), limit=shown, rating=int(cases.actions.rating[row])
    )


def _key(measure: Measure, hit: bool, limit: int) -> str:
    if measure == Measure.TIMELINESS:
        if limit == UNKNOWN:
            return "no-start"
        if limit == NEVER:
            return "no-limit"
        return "in-time" if hit else "late"
    both = {
        Measure.PLAN: ("plan-met", "plan-missed"),
        Measure.SATISFACTION: ("rated", "rated"),
        Measure.TIMELINESS_OVERDUE: ("overdue", "overdue"),
        Measure.ERROR: ("error", "no-error"),
        Measure.CLOSURE: ("closed", "closed"),
        Measure.CLOSURE_OVERDUE: ("open", "open"),
        Measure.REVOCATION: ("revoked", "upheld"),
    }[measure]
    return both[0] if hit else both[1]


def _limit(cases: Cases, rules: Rules, case: int, row: int, measure: Measure) -> int:
    if measure == Measure.PLAN:
        return int(cases.actions.due_day[row])
    if measure not in (Measure.TIMELINESS, Measure.TIMELINESS_OVERDUE, Measure.CLOSURE_OVERDUE):
        return NEVER
    first, due, procedure = int(cases.starts[case]), -1, -1
    for each in range(first, row + 1):
        if FIRST_OWN <= cases.actions.role[each] <= LAST_OWN:
            due = each if cases.actions.due_kind[each] else due
            procedure = int(cases.actions.procedure[each]) if cases.actions.procedure[each] >= 0 else procedure
    penal = measure == Measure.CLOSURE_OVERDUE
    return int(limit_day(cases.actions, rules, first, row, due, procedure, penal))
