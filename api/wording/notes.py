"""Remarks beside an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOTES: Final[Mapping[str, str]] = {
    # Taking in.
    "quarantined {place}: {code}: {remedy}": "已隔离 {place}：{code}：{remedy}",
    "more were quarantined: see `kaoji quarantine list`": "另有记录被隔离：请看 `kaoji quarantine list`",
    "{count} more are not shown: say --format json or csv to see all of them":
        "另有 {count} 条未显示：用 --format json 或 csv 可看全部",
    "Given up; the live view is as it was. `kaoji projection rebuild {name}` goes on from here.":
        "已放弃；现用视图保持原样。`kaoji projection rebuild {name}` 可从此处继续。",
    "Given up; the live view is as it was. The same command goes on from here.":
        "已放弃；现用视图保持原样。同一命令可从此处继续。",
    "The view {view} was swapped already: see `kaoji projection list`.":
        "视图 {view} 已经换用：请看 `kaoji projection list`。",
    # Scores.
    "--to {to} lies ahead: this is a forecast of what is known today.":
        "--to {to} 尚未到来：这是依今日所知所作的预测。",
    "{policy} is meant for what happens from {day} on, and the period begins earlier. Name the version for that "
    "time as NAME@VERSION: see kaoji policy list.":
        "{policy} 适用于 {day} 起发生的事项，而期间开始得更早。请以 NAME@VERSION 指明当时的版本：见 kaoji policy "
        "list。",
    "{code} is not judged: the policy asks for {least} by the measure '{measure}', and there are {counted}.":
        "{code} 不予评价：考核办法要求度量 '{measure}' {least}，现为 {counted}。",
    "at least {minimum}": "至少 {minimum}",
    "more than 0": "大于 0",
    "The weighted mean is {mean}; bonuses add {bonus}, deductions take {deduction}.":
        "加权平均为 {mean}；加分 {bonus}，扣分 {deduction}。",
    "No competence grade yet.": "尚无能级。",
    "Competence grade: {code}.": "能级：{code}。",
    "{next} also asks for a score of {needed} ({now}).": "{next} 还要求得分 {needed}（{now}）。",
    "{next} also asks for {needed} points for {code} ({now}).": "{next} 还要求 {code} 得 {needed} 分（{now}）。",
    "{next} also asks for {needed} by the measure {code} ({now}).":
        "{next} 还要求度量 {code} 达到 {needed}（{now}）。",
    "there are none": "现无",
    "now {reached}": "现为 {reached}",
    "The rules differ: each state is told by its own. Adopted in between (position): {adopted}.":
        "两个状态适用的规则不同，各按其规则说明。其间采纳（台账位置）：{adopted}。",
    # Rules.
    "At its target {target}, '{code}' gets {points} points, and {best} at best: points come from the curve alone. "
    "Move the two together, unless that is meant.":
        "'{code}' 达到目标 {target} 时得 {points} 分，最高可得 {best} 分：得分只由曲线决定。若非有意，请使二者"
        "一致。",
    "No version of '{code}' is in force from {first} to {last}: cases that start then have no limit. Mend "
    "`valid_from` or `valid_to`, if that is not meant.":
        "'{code}' 自 {first} 至 {last} 无有效版本：其间开始的案件没有时限。若非有意，请修改 `valid_from` 或 "
        "`valid_to`。",
    "{one} and {other} say the same.": "{one} 与 {other} 内容相同。",
    "{rules} is already adopted at position {position}, by {person}.":
        "{rules} 已由 {person} 在台账位置 {position} 采纳。",
    "Version {newest} is newer and stays in force. To go back, adopt the old content under a higher version.":
        "版本 {newest} 更新，继续有效。如要恢复旧内容，请以更高的版本号采纳。",
    "No author was named, so nobody can check that another person wrote it: see --written-by.":
        "未写明起草人，无法核对起草与采纳是否为不同的人：见 --written-by。",
    # Audits that find nothing.
    "No action is about a case '{case}'. {meant}": "没有关于案件 '{case}' 的行为。{meant}",
    "No action is about a case '{case}'.": "没有关于案件 '{case}' 的行为。",
    "No action names a person '{person}'. {meant}": "没有行为提及人员 '{person}'。{meant}",
    "No action names a person '{person}'.": "没有行为提及人员 '{person}'。",
    "No action names a unit '{unit}'. {meant}": "没有行为提及单位 '{unit}'。{meant}",
    "No action names a unit '{unit}'.": "没有行为提及单位 '{unit}'。",
    "Did you mean '{near}'?": "是否应为 '{near}'？",
}  # fmt: skip
