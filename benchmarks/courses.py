"""The courses that made-up cases take: which actions may follow, how likely, after how many days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from projections.history.links import LinkKind


class Slot(NamedTuple):
    """One action that a case may have. Slots follow each other in time; `days` is the mean wait before one."""

    types: Mapping[str, float]
    chance: float = 1.0
    days: float = 2.0
    needs: int | None = None
    """Only in cases that have that slot."""
    unless: int | None = None
    """Only in cases that lack that slot."""
    link: tuple[LinkKind, int] | None = None
    """What it does to the action of which slot."""


def _one(name: str, chance: float = 1.0, days: float = 2.0, **more: object) -> Slot:
    return Slot({name: 1.0}, chance, days, **more)  # type: ignore[arg-type]  # the fields of Slot by name


LICENCE: Final[Sequence[Slot]] = (
    _one("licensing.received", 0.985, 0),
    _one("licensing.correction-requested", 0.12),
    _one("licensing.corrected", 0.95, 6, needs=1),
    _one("licensing.accepted", 0.9, 1.5),
    _one("licensing.step-done", 0.9),
    _one("service.error-found", 0.01),
    _one("licensing.suspended", 0.16),
    _one("licensing.resumed", 0.92, 8, needs=6),
    _one("licensing.step-done", 0.9, 3),
    _one("licensing.suspended", 0.05),
    _one("licensing.suspended", 0.15, needs=9),
    _one("licensing.resumed", 0.9, 6, needs=9),
    _one("licensing.extended", 0.07),
    _one("licensing.step-done", 0.8),
    _one("service.rated", 0.01),
    _one("licensing.granted", 0.01),
    _one("record.voided", 1.0, 1, needs=15, link=(LinkKind.VOIDED, 15)),
    _one("licensing.withdrawn", 0.03),
    Slot({"licensing.granted": 0.9, "licensing.refused": 0.1}, 0.97, 3, unless=17),
    _one("licensing.granted", 0.08, 2, needs=17),
    _one("licensing.delivered", 0.9, needs=18),
    _one("service.rated", 0.3, 3),
    _one("service.rated", 0.06, 20, needs=21),
    _one("service.error-found", 0.05, 15),
    _one("service.error-cleared", 0.3, 10, needs=23, link=(LinkKind.CLEARED, 23)),
    _one("record.corrected", 0.03, 5, needs=3, link=(LinkKind.CORRECTED, 3)),
    _one("review.applied", 0.03, 30, needs=18, link=(LinkKind.ABOUT, 18)),
    _one("review.decided", 0.8, 40, needs=26, link=(LinkKind.OVERTURNED, 18)),
    _one("record.voided", 0.06, 20, needs=27, link=(LinkKind.VOIDED, 27)),
    _one("review.decided", 0.012, 20, needs=18),
    _one("licensing.granted", 0.3, 10, needs=29),
    _one("review.decided", 0.05, 40, needs=30),
)
ENFORCEMENT: Final[Sequence[Slot]] = (
    _one("enforcement.opened", 0.985, 0),
    _one("enforcement.inspected", 0.85, 3),
    _one("enforcement.evidence-preserved", 0.35),
    _one("enforcement.step-done", 0.8, 10),
    _one("enforcement.suspended", 0.12, 3),
    _one("enforcement.resumed", 0.85, 15, needs=4),
    _one("enforcement.hearing-held", 0.12, 6),
    _one("enforcement.step-done", 0.9, 10),
    _one("enforcement.extended", 0.08, 5),
    _one("enforcement.step-done", 0.8, 8),
    Slot({"enforcement.penalised": 0.85, "enforcement.dismissed": 0.1, "enforcement.transferred": 0.05}, 0.95, 12),
    _one("enforcement.closed", 0.92, 15, needs=10),
    _one("service.rated", 0.06, 5),
    _one("record.corrected", 0.03, 5, needs=1, link=(LinkKind.CORRECTED, 1)),
    _one("review.applied", 0.08, 30, needs=10, link=(LinkKind.ABOUT, 10)),
    _one("review.decided", 0.8, 50, needs=14, link=(LinkKind.OVERTURNED, 10)),
    _one("record.voided", 0.06, 20, needs=15, link=(LinkKind.VOIDED, 15)),
    _one("review.decided", 0.02, 30, needs=10),
)
INSPECTION: Final[Sequence[Slot]] = (
    _one("inspection.planned", 0.9, 0),
    _one("inspection.performed", 1.0, 10),
    _one("inspection.performed", 0.9, 20),
    _one("inspection.performed", 0.6, 20),
    _one("service.rated", 0.02, 5),
)
COMPLAINT: Final[Sequence[Slot]] = (
    _one("complaint.received", 1.0, 0),
    _one("complaint.accepted", 0.95, 3),
    Slot({"complaint.mediated": 0.5, "complaint.verified": 0.5}, 0.9, 12),
    Slot({"complaint.mediated": 0.5, "complaint.verified": 0.5}, 0.7, 8),
    _one("complaint.answered", 0.92, 6),
    _one("service.rated", 0.35, 4),
    _one("service.rated", 0.1, 9, needs=5),
)
TARGET: Final[Sequence[Slot]] = (
    _one("plan.target-set", 1.0, 0),
    _one("plan.target-set", 0.25, 60),
    _one("plan.target-cancelled", 0.06, 30),
    _one("plan.target-completed", 0.8, 90),
    _one("plan.target-set", 0.05, 90),
)

COURSES: Final = (LICENCE, ENFORCEMENT, INSPECTION, COMPLAINT, TARGET)
COURSE_WEIGHTS: Final = (0.60, 0.20, 0.08, 0.10, 0.02)
SLOTS: Final = max(len(course) for course in COURSES)

PROCEDURES: Final = (32, 16, 5, 5, 2)
"""How many procedures each course has in the register: 60 together."""

ALLOWED_REASONS: Final = ("hearing", "test", "inspection", "expert-review")
OTHER_REASONS: Final = ("applicant-asked", "holiday", "moved-house")
REASONS: Final = (*ALLOWED_REASONS, *OTHER_REASONS)
REVIEW_OUTCOMES: Final = (
    "upheld", "upheld", "rejected", "revoked", "partly-revoked", "altered", "found-illegal", "found-void",
    "ordered-to-perform", "upheld",
)  # fmt: skip
OTHER_OUTCOMES: Final = ("pass", "fail", "done")
STEPS: Final = ("examination", "site-visit", "legal-review", "prior-notice")
"""Named by `step-done`; the first two are required of most procedures."""


def register_toml() -> str:
    """A procedure register of 60 procedures: limits in working and in calendar days, none, and two versions."""
    lines = [
        'name = "synthetic"',
        "version = 1",
        'title = { zh = "基准", en = "Made up for benchmarks" }',
        *("[[process]]", 'code = "administration"', 'title = { zh = "行政", en = "Administration" }'),
        *("[[process]]", 'code = "enforcement"', 'title = { zh = "执法", en = "Enforcement" }'),
        *("[[process]]", 'code = "management"', 'title = { zh = "管理", en = "Management" }'),
    ]
    for number, code in enumerate(procedure_codes()):
        family = code.rpartition("-")[0]
        process = {"enforcement": "enforcement", "plan": "management"}.get(family, "administration")
        days = (5, 10, 20, 45, 0)[number % 5] if family != "enforcement" else (60, 90, 90, 0)[number % 4]
        kind = "working" if family != "enforcement" or number % 8 == 0 else "calendar"
        versions = [(days, "")]
        if number % 3 == 0:
            versions = [(days, "valid_to = 2021-12-31"), (days and days + 5, "valid_from = 2022-01-01")]
        for length, validity in versions:
            lines += ["[[procedure]]", f'code = "{code}"', f'process = "{process}"', f'family = "{family}"']
            lines += [f'title = {{ zh = "{code}", en = "{code}" }}', 'legal_basis = "none"', validity]
            required = ((STEPS[0], True), (STEPS[1], number % 2 == 0), (STEPS[2], False))
            if family in ("licensing", "enforcement"):
                steps = [
                    f'{{ code = "{step}", title = {{ zh = "{step}", en = "{step}" }}, '
                    f"required = {str(must).lower()} }}"
                    for step, must in required
                ]
                lines.append(f"steps = [{', '.join(steps)}]")
            if length:
                lines.append(f'limit = {{ days = {length}, kind = "{kind}" }}')
                stops = ALLOWED_REASONS[: 2 + number % 3]
                lines.append(f"stop_reasons = [{', '.join(repr(each) for each in stops)}]")
    return "\n".join(lines) + "\n"


def procedure_codes() -> list[str]:
    """Codes of all procedures, course by course."""
    families = ("licensing", "enforcement", "inspection", "complaint", "plan")
    return [
        f"{family}-{number:02}"
        for family, count in zip(families, PROCEDURES, strict=True)
        for number in range(count)
    ]
