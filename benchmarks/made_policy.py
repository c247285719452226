"""The policy under which made-up histories are scored: the six indicators and each of the five everys."""

from __future__ import annotations

from typing import Final

_INDICATORS: Final = (
    ("plan-completion", 15, "[[0.0, 0], [0.6, 60], [0.99, 100]]"),
    ("satisfaction", 10, "[[0.5, 0], [0.85, 60], [0.98, 100]]"),
    ("timeliness", 15, "[[0.3, 0], [0.7, 60], [0.95, 100]]"),
    ("error-rate", 10, "[[0.001, 100], [0.05, 60], [0.2, 0]]"),
    ("closure", 15, "[[0.2, 0], [0.6, 60], [0.95, 100]]"),
    ("revocation", 10, "[[0, 100], [0.05, 60], [0.2, 0]]"),
    *((f"every-{name}", 5, "[[0.3, 0], [0.8, 60], [1.0, 100]]") for name in
      ("responsible", "basis", "evidence", "supervisor", "result")),
)  # fmt: skip
INDICATORS: Final = tuple(code for code, _, _ in _INDICATORS)
_GRADES: Final = (("excellent", 90), ("competent", 75), ("basically-competent", 60), ("incompetent", 0))


def policy_toml() -> str:
    """The policy as a file says it."""
    lines = [
        'name = "synthetic"',
        "version = 1",
        'title = { zh = "基准", en = "Made up for benchmarks" }',
        'zone = "Asia/Shanghai"',
        'due_precision = "day"',
        'calendar = "china"',
        'register = "synthetic"',
        "decimals = 2",
        'when_not_ratable = "spread"',
    ]
    for code, weight, points in _INDICATORS:
        lines += ["[[indicator]]", f'code = "{code}"', f'measure = "{code}"', f"weight = {weight}"]
        lines += [f'title = {{ zh = "{code}", en = "{code}" }}', f'rule = {{ zh = "{code}", en = "{code}" }}']
        lines += ['clause = "none"', "target = 0", f'curve = {{ kind = "linear", points = {points} }}']
    for code, lowest in _GRADES:
        lines += [
            "[[grade]]",
            f'code = "{code}"',
            f'title = {{ zh = "{code}", en = "{code}" }}',
            f"from = {lowest}",
        ]
    return "\n".join(lines) + "\n"
