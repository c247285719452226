"""Policies and registers for tests: small, valid, and changed by a word."""

from __future__ import annotations

from pathlib import Path

POLICY = """# A comment that says nothing.
name = "north"
version = 1
title = { zh = "北方", en = "North" }
zone = "Asia/Shanghai"
calendar = "china"
register = "gx-2012"

[[indicator]]
code = "timeliness"
measure = "timeliness"
title = { zh = "及时率", en = "Timeliness" }
rule = { zh = "规则", en = "Rule" }
clause = "-"
target = 0.9
curve = { kind = "linear", points = [[0.5, 0], [0.9, 100]] }
weight = 60

[[indicator]]
code = "errors"
measure = "error-rate"
title = { zh = "差错率", en = "Errors" }
rule = { zh = "规则", en = "Rule" }
clause = "-"
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

REGISTER = """name = "office"
version = 1
title = { zh = "办公室", en = "Office" }

[[process]]
code = "administration"
title = { zh = "行政管理", en = "Administration" }

[[procedure]]
code = "licence"
process = "administration"
family = "licensing"
title = { zh = "许可", en = "Licence" }
legal_basis = "-"
limit = { days = 5, kind = "calendar" }
"""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with each old part, which it must hold, replaced by the new one."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def version(number: int) -> tuple[str, str]:
    """The change that makes version 1 this one."""
    return "version = 1", f"version = {number}"


def written(folder: Path, text: str, *changes: tuple[str, str]) -> str:
    """A new file with the changed text; its path."""
    path = folder / f"rule-{len(list(folder.glob('rule-*.toml')))}.toml"
    path.write_text(changed(text, *changes), encoding="utf-8")
    return str(path)
