"""Sources of what is shipped: an article of a law was read in its text, or is marked as coming from memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.policies import policy
from domain.rules import procedures
from domain.rules.toml_files import parse_toml

READ = {
    "产品质量法": {15, 18},
    "公务员法": {95, 96},
    "市场监督管理投诉举报处理暂行办法": {14, 21, 31},
    "特种设备安全法": {33},
    "行政处罚法": {51, *range(54, 62)},
    "行政处罚法 (2021)": {51, 60},
    "行政复议法 (1999)": {9, 31},
    "行政强制法": {25},
    "行政许可法": {26, 32, 34, 42, 44, 45, 82},
}
"""Law -> articles whose text was read and says what they are cited for. Add to it when you have read one."""

SHIPPED = sorted([*policy.SHIPPED.glob("*.toml"), *procedures.SHIPPED.glob("*.toml")])


def sources(value: Any) -> Iterator[str]:
    """What stands under `legal_basis` and `clause`, anywhere in a file."""
    if isinstance(value, Mapping):
        for key, inside in value.items():
            if key in ("legal_basis", "clause"):
                yield inside
            else:
                yield from sources(inside)
    elif isinstance(value, list):
        for each in value:
            yield from sources(each)


def unread(source: str) -> list[str]:
    """Articles that are cited without a mark, and were not read."""
    found = []
    for part in source.split("; "):
        law = part.partition(" §")[0]
        for first, last, mark in re.findall(r"§(\d+)(?:–§(\d+))?(†?)", part):
            if not mark and not {*range(int(first), int(last or first) + 1)} <= READ.get(law, set()):
                found.append(f"{law} §{first}")
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_articles_that_nobody_read_are_marked(path: Path) -> None:
    values = parse_toml(path.read_text(encoding="utf-8"), place=path.name).values
    assert [each for source in sources(values) for each in unread(source)] == []


def test_a_source_that_was_not_read_is_found() -> None:
    assert unread("食品安全法 §35; 行政许可法 §42, §43") == ["食品安全法 §35", "行政许可法 §43"]
    assert unread("食品安全法 §35†; 行政许可法 §42, §45; ISO 9001:2015 8.5.1") == []
    assert unread("行政处罚法 §54–§63") == ["行政处罚法 §54"]
