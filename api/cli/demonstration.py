"""The command that shows it all: a simulated year of a whole administration, scored."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import Output, OutputFormat, print_json, print_table, progress_bars

if TYPE_CHECKING:
    from api.demo.run import Demonstration

SHOWN_STAFF = 7
TEXTS = {
    "en": {
        "simulate": "Simulating a year of the administration …",
        "start-kafka": "Starting a Kafka node of our own …",
        "publish": "Six systems send their actions to Kafka …",
        "consume": "Consuming them into the ledger …",
        "read-file": "Reading the actions from a file …",
        "scoring": "Scoring …",
        "way": "{lines:,} records came through {way}.",
        "no-kafka": "Not through Kafka: {reason}",
        "totals": "{recorded:,} actions recorded, {duplicates:,} duplicates ignored, {quarantined:,} quarantined.",
        "units": "Appraisal of units, {period}, policy {policy}",
        "staff": "Best and worst rated of the {count:,} staff with at least {exposure} counted cases",
        "explained": "Why closure of {subject} is {numerator}/{denominator} (the first of {count} cases counted)",
        "quarantined": "Quarantined, and why",
        "unit": "unit", "title": "name", "person": "staff", "score": "score", "grade": "grade",
        "case": "case", "side": "side", "why": "why", "actions": "ledger positions",
        "code": "code", "count": "records", "remedy": "what to mend (the first one)",
        "further": "Look further (the store is kept in {folder}):",
        "seconds": "Done in {seconds:.0f} s.",
        "plan-completion": "plan", "satisfaction": "satisfied", "timeliness": "timely", "error-rate": "errors",
        "closure": "closed", "revocation": "revoked",
    },
    "zh": {
        "simulate": "正在模拟全系统一年的行政行为……",
        "start-kafka": "正在启动本机 Kafka 节点……",
        "publish": "六个业务系统正在向 Kafka 发送行政行为……",
        "consume": "正在从 Kafka 写入台账……",
        "read-file": "正在从文件读取行政行为……",
        "scoring": "正在计分……",
        "way": "共 {lines:,} 条记录，来自 {way}。",
        "no-kafka": "未经 Kafka：{reason}",
        "totals": "入账 {recorded:,} 条，重复 {duplicates:,} 条（不计），隔离 {quarantined:,} 条。",
        "units": "单位考核表，{period}，办法 {policy}",
        "staff": "计入不少于 {exposure} 件的 {count:,} 名人员中得分最高与最低者",
        "explained": "{subject} 结案率为何是 {numerator}/{denominator}（计入的 {count} 件中的前几件）",
        "quarantined": "隔离的记录及原因",
        "unit": "单位", "title": "名称", "person": "人员", "score": "得分", "grade": "等次",
        "case": "案件", "side": "归入", "why": "原因", "actions": "台账位置",
        "code": "代码", "count": "条数", "remedy": "应如何改正（第一条）",
        "further": "继续查看（数据保存在 {folder}）：",
        "seconds": "用时 {seconds:.0f} 秒。",
        "plan-completion": "计划完成", "satisfaction": "满意", "timeliness": "及时", "error-rate": "差错",
        "closure": "结案", "revocation": "撤销变更",
    },
}  # fmt: skip


def add_commands(app: typer.Typer) -> None:
    """Add it to the application."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where to keep it; an earlier demo there is replaced.")] = Path(
        "kaoji-demo"
    ),
    bootstrap: Annotated[str | None, typer.Option(help="HOST:PORT of a Kafka to go through.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another year.")] = 2011,
    staff: Annotated[int, typer.Option(help="How many people work there.")] = 1_200,
    actions: Annotated[int, typer.Option(help="About how many records are sent.")] = 200_000,
) -> None:
    """Simulate a year of a whole administration, record it, and print its appraisal."""
    from api.demo.run import demonstrate
    from api.demo.simulation import Simulation

    output: Output = context.obj
    texts = TEXTS[output.language]
    simulation = Simulation(seed=seed, staff=staff, actions=actions)
    with progress_bars() as progress:
        shown = demonstrate(
            output.settings,
            folder,
            simulation=simulation,
            bootstrap=bootstrap,
            environment=os.environ,
            progress=progress,
            tell=lambda step: output.note(texts[step]),
        )
    if output.format == OutputFormat.json:
        print_json(_as_json(shown))
        return
    _print(shown, simulation, folder, output)


def _print(shown: Demonstration, simulation: Any, folder: Path, output: Output) -> None:
    from api.demo.run import EXPOSURE_MIN

    language = output.language
    texts = TEXTS[language]
    print(texts["way"].format(lines=shown.lines, way=shown.way))
    if shown.reason is not None:
        print(texts["no-kafka"].format(reason=shown.reason))
    print(texts["totals"].format(**shown.totals.to_json()), "\n")
    codes = [each.code for each in shown.found.policy.indicators]
    grades = {each.code: getattr(each.title, language) for each in shown.found.policy.grades}
    titles = {unit.code: unit.zh if language == "zh" else unit.en for unit in simulation.units}
    first, last = simulation.period
    heads = [texts["score"], texts["grade"], *(texts.get(code, code) for code in codes)]
    print_table(
        [texts["unit"], texts["title"], *heads],
        [[each["subject"], titles[each["subject"]], *_cells(each, grades)] for each in _by_score(shown.units)],
        texts["units"].format(period=f"{first} – {last}", policy=shown.found.policy.name),
        shorten=texts["title"],
    )
    few = [*shown.staff[:SHOWN_STAFF], *shown.staff[max(SHOWN_STAFF, len(shown.staff) - SHOWN_STAFF) :]]
    print()
    print_table(
        [texts["person"], texts["unit"], *heads],
        [[each["subject"], each["unit"], *_cells(each, grades)] for each in few],
        texts["staff"].format(count=len(shown.staff), exposure=EXPOSURE_MIN),
    )
    print()
    _print_explained(shown, texts)
    print()
    _print_quarantined(shown, texts, output)
    print()
    print(texts["further"].format(folder=folder))
    for line in _commands(shown, simulation, language):
        print("  " + line)
    print(texts["seconds"].format(seconds=shown.seconds))


def _by_score(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cards, key=lambda each: (-float(each["score"] or -1), each["subject"]))


def _cells(card: dict[str, Any], grades: dict[str, str]) -> list[str | None]:
    """Score, grade, and each indicator's rate in per cent."""
    rates = [None if each["rate"] is None else f"{float(each['rate']) * 100:.2f}" for each in card["indicators"]]
    return [card["score"], grades.get(card["grade"]), *rates]


def _print_explained(shown: Demonstration, texts: dict[str, str]) -> None:
    indicator = shown.explained["indicators"][0]
    missed = [each for each in indicator["counted"] if each["side"] == "missed"]
    met = [each for each in indicator["counted"] if each["side"] == "met"]
    print_table(
        [texts["case"], texts["side"], texts["why"], texts["actions"]],
        [
            [each["case"], each["side"], each["why"], " ".join(map(str, each["actions"]))]
            for each in [*missed[:4], *met[:4]]
        ],
        texts["explained"].format(
            subject=shown.explained["subject"], count=len(indicator["counted"]),
            numerator=indicator["numerator"], denominator=indicator["denominator"],
        ),
    )  # fmt: skip


def _print_quarantined(shown: Demonstration, texts: dict[str, str], output: Output) -> None:
    counts = Counter(each["code"] for each in shown.quarantined)
    first = {each["code"]: each["remedy"] for each in reversed(shown.quarantined)}
    print_table(
        [texts["code"], texts["count"], texts["remedy"]],
        [[code, count, output.said(first[code])] for code, count in sorted(counts.items())],
        texts["quarantined"],
    )


def _commands(shown: Demonstration, simulation: Any, language: str) -> list[str]:
    first, last = simulation.period
    period = f"--policy {simulation.policy} --from {first} --to {last}"
    store = f"--store {shown.store}" + (" --lang zh" if language == "zh" else "")
    person = shown.staff[-1]["subject"] if shown.staff else "all"
    return [
        f"kaoji {store} score {period} --by staff",
        f"kaoji {store} explain {person} {period}",
        f"kaoji {store} audit --staff {person} --limit 5",
        f"kaoji {store} quarantine list",
        f"kaoji {store} verify --from-scratch",
        f"kaoji {store} serve",
    ]


def _as_json(shown: Demonstration) -> dict[str, Any]:
    return {
        "store": shown.store,
        "way": shown.way,
        "totals": shown.totals.to_json(),
        "units": shown.units,
        "staff": shown.staff,
        "explained": shown.explained,
        "quarantined": shown.quarantined,
    }
