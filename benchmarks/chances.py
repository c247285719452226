"""How likely made-up actions say what, as tables that arrays of random bytes look up."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.courses import (
    ALLOWED_REASONS,
    COURSES,
    OTHER_OUTCOMES,
    REASONS,
    REVIEW_OUTCOMES,
    SLOTS,
    STEPS,
)
from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import ADVERSE_OUTCOMES, DECISION_TYPES, NOBODY, Role, role_table

OUTCOMES: Final = tuple(dict.fromkeys((*REVIEW_OUTCOMES, *OTHER_OUTCOMES)))
CODE: Final = {name: kind.code for name, kind in ACTION_TYPES.items()}
TYPES: Final = max(CODE.values()) + 1


def _by_type(default: int, **chances: int) -> NDArray[np.uint16]:
    """A chance in 256 for each type; names are written with `_` for `.` and `-`."""
    table = np.full(TYPES, default, np.uint16)
    for name, code in CODE.items():
        table[code] = chances.get(name.replace(".", "_").replace("-", "_"), table[code])
    return table


def _alternatives() -> NDArray[np.uint8]:
    """Type by course, slot and a random byte."""
    table = np.zeros((len(COURSES), SLOTS, 256), np.uint8)
    for number, course in enumerate(COURSES):
        for place, slot in enumerate(course):
            edges = np.cumsum(list(slot.types.values())) * 256
            codes = np.array([CODE[name] for name in slot.types], np.uint8)
            table[number, place] = codes[np.searchsorted(edges[:-1], np.arange(256), side="right")]
    return table


def _outcomes() -> NDArray[np.int32]:
    """Outcome by type and a random byte: reviews always have one, other actions often."""
    table = np.full((TYPES, 256), NOBODY, np.int32)
    place = {name: code for code, name in enumerate(OUTCOMES)}
    for name, code in CODE.items():
        if name == "review.decided":
            table[code] = [place[REVIEW_OUTCOMES[byte % len(REVIEW_OUTCOMES)]] for byte in range(256)]
        elif name in DECISION_TYPES or name in ("inspection.performed", "complaint.answered"):
            table[code] = [place[OTHER_OUTCOMES[byte % 3]] if byte % 8 else NOBODY for byte in range(256)]
        else:
            table[code] = [place["done"] if byte % 2 else NOBODY for byte in range(256)]
    return table


TYPE_OF: Final = _alternatives()
OUTCOME_OF: Final = _outcomes()
ROLES: Final = role_table()
IS_OWN: Final = (ROLES >= Role.STEP) & (ROLES <= Role.CLOSED)
REVIEW, RATED = CODE["review.decided"], CODE["service.rated"]
IS_RECORD: Final = np.isin(np.arange(TYPES), [CODE["record.voided"], CODE["record.corrected"]])
IS_DECISION: Final = np.isin(np.arange(TYPES), [CODE[name] for name in DECISION_TYPES])
IS_ADVERSE: Final = np.array([outcome in ADVERSE_OUTCOMES for outcome in OUTCOMES] + [False])  # the last: none
LINK_TARGET: Final = np.full((len(COURSES), SLOTS), -1, np.int8)
LINK_KIND: Final = np.zeros((len(COURSES), SLOTS), np.uint8)
for _number, _course in enumerate(COURSES):
    for _place, _slot in enumerate(_course):
        if _slot.link is not None:
            LINK_KIND[_number, _place], LINK_TARGET[_number, _place] = _slot.link
LINKS: Final = LINK_TARGET >= 0
NAMES_OWNER: Final = _by_type(
    205, plan_target_set=250, service_rated=40, service_error_found=100, record_voided=0, record_corrected=0,
    service_error_cleared=0, review_applied=0, review_decided=60,
)  # fmt: skip
NAMES_UNIT: Final = _by_type(
    200, plan_target_set=250, service_rated=40, record_voided=0, record_corrected=0, review_decided=60,
)  # fmt: skip
NAMES_PROCEDURE: Final = _by_type(
    90, licensing_received=250, licensing_accepted=230, enforcement_opened=250, inspection_planned=250,
    complaint_received=250, plan_target_set=240, service_rated=20, record_voided=0, record_corrected=0,
    review_applied=0, review_decided=0,
)  # fmt: skip
NAMES_REASON: Final = _by_type(
    0, licensing_suspended=240, enforcement_suspended=240, plan_target_cancelled=200, licensing_withdrawn=128,
    record_voided=256, record_corrected=256, licensing_extended=256,
)  # fmt: skip
STATES_DUE: Final = _by_type(
    0, licensing_received=12, licensing_accepted=14, licensing_extended=230, enforcement_opened=10,
    enforcement_extended=230, plan_target_set=256, licensing_step_done=1, licensing_delivered=5,
    enforcement_step_done=1, enforcement_closed=4, complaint_received=60,
)  # fmt: skip
REASON_OF: Final = np.array(
    [byte % len(REASONS) if byte < 100 else byte % len(ALLOWED_REASONS) for byte in range(256)], np.int32
)
RATING_OF: Final = np.array([4 if byte < 150 else 3 if byte < 220 else byte % 3 for byte in range(256)], np.uint8)
STEP_OF: Final = np.array([byte % 2 if byte < 160 else byte % len(STEPS) for byte in range(256)], np.int32)
IS_STEP: Final = np.array(
    [any(CODE[name] == code for name in CODE if name.endswith(".step-done")) for code in range(TYPES)]
)
