"""Alert rules and dashboard: they parse, and speak only of metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser
import pytest
import yaml

from api.cli.monitoring import shipped
from api.watching.metric_names import METRICS, Metric
from domain.actions.refusals import QUARANTINE_CODES
from tests.docs.pages import ROOT
from tests.docs.test_links import anchors_of
from tests.support.command_line import CommandLine

SCRAPED = {"instance", "job"}
"""Labels that Prometheus adds."""
OF_OTHERS = {"process_resident_memory_bytes", "process_open_fds", "up"}
"""Of the client's own figures and those of Prometheus itself, the ones that are used."""
GRAFANA = {"$__rate_interval": "5m", "$__range": "1h"}
SAMPLES = {sample: metric for metric in METRICS.values() for sample in metric.samples}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(shipped("alerts.yml"))["groups"] for rule in group["rules"]]


@cache
def dashboard() -> Any:
    return json.loads(shipped("dashboard.json"))


def targets() -> list[tuple[str, str, str]]:
    """Title, expression and legend of each."""
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


def parsed(expression: str) -> Any:
    for name, text in GRAFANA.items():
        expression = expression.replace(name, text)
    return promql_parser.parse(expression)


def parts_of(node: Any) -> Iterator[Any]:
    yield node
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from parts_of(child)
    for child in getattr(node, "args", ()):
        yield from parts_of(child)


def selectors_of(expression: str) -> list[Any]:
    return [each for each in parts_of(parsed(expression)) if isinstance(each, promql_parser.VectorSelector)]


def labels_of(metric: Metric, sample: str) -> set[str]:
    return {*metric.labels, *SCRAPED} | ({"le"} if sample.endswith("_bucket") else set())


def check(expression: str, legend: str) -> None:
    known: set[str] = set()
    for selector in selectors_of(expression):
        if selector.name in OF_OTHERS:
            known |= SCRAPED
            continue
        metric = SAMPLES.get(selector.name)
        assert metric is not None, f"{selector.name} is no metric of ours"
        allowed = labels_of(metric, selector.name)
        for matcher in selector.matchers.matchers:
            assert matcher.name in allowed, f"{selector.name} has no label {matcher.name}"
            if matcher.name == "code":
                assert matcher.value in QUARANTINE_CODES
        known |= allowed
    grouped = [each for each in parts_of(parsed(expression)) if isinstance(each, promql_parser.AggregateExpr)]
    for aggregate in grouped:
        within = {label for selector in selectors_of(aggregate.expr.prettify()) for label in _labels(selector)}
        wanted = set(aggregate.modifier.labels) if aggregate.modifier is not None else set()
        assert wanted <= within, f"{expression}: nothing bears {wanted - within}"
    shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", legend)) - {"value"}
    assert shown <= known, f"{legend!r} names a label that nothing bears"
    if grouped:
        kept = {label for each in grouped if each.modifier is not None for label in each.modifier.labels}
        assert shown <= kept, f"{legend!r} names a label that was summed away"


def _labels(selector: Any) -> set[str]:
    metric = SAMPLES.get(selector.name)
    return SCRAPED if metric is None else labels_of(metric, selector.name)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_speaks_of_what_there_is_and_tells_what_to_do(rule: dict[str, Any]) -> None:
    check(rule["expr"], rule["annotations"]["summary"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    assert anchor in anchors_of(ROOT / page)


def test_alerts_have_names_of_their_own_and_every_runbook_an_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    runbooks = (ROOT / "docs/how-to/watch.md").read_text(encoding="utf-8").partition("## Runbooks")[2]
    assert re.findall(r"^### (\w+)$", runbooks, re.MULTILINE) == names


@pytest.mark.parametrize(("title", "expression", "legend"), targets())
def test_panel_speaks_of_what_there_is(title: str, expression: str, legend: str) -> None:
    assert title
    check(expression, legend)


def test_dashboard_can_be_imported() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken), "panels lie on one another"
    assert max(x for x, _ in taken) < 24
    variables = {each["name"] for each in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(dashboard())))
    assert used == variables


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    said = [rule["expr"] for rule in rules()] + [expression for _, expression, _ in targets()]
    used = {SAMPLES[each.name].name for text in said for each in selectors_of(text) if each.name in SAMPLES}
    # When something was recorded last is said by the lag; the offset is for those who look into Kafka.
    assert set(METRICS) - used == {"kaoji_ledger_recorded_timestamp_seconds", "kaoji_consumer_offset"}


def test_process_that_is_gone_is_missed_under_the_name_that_the_page_gives_the_job() -> None:
    (expression,) = (rule["expr"] for rule in rules() if rule["alert"] == "KaojiDown")
    (named,) = re.findall(r'job="(.*?)"', expression)
    page = (ROOT / "docs/how-to/watch.md").read_text(encoding="utf-8")
    assert f"job_name: {named}\n" in page


def test_thresholds_are_those_of_readiness() -> None:
    from api import settings

    text = shipped("alerts.yml")
    assert f"kaoji_consumer_stall_seconds > {settings.READY_STALL_SECONDS}\n" in text
    assert f"(kaoji_projection_stall_seconds) > {settings.READY_STALL_SECONDS}\n" in text
    assert f"(kaoji_consumer_lag_actions) > {settings.READY_LAG_ACTIONS} or" in text
    assert text.count(f"> {settings.READY_LAG_SECONDS}\n") == 2


def test_commands_print_the_files_as_they_are() -> None:
    kaoji = CommandLine("sqlite:///nowhere.db")
    assert kaoji("monitoring", "alerts").out == shipped("alerts.yml")
    assert kaoji("monitoring", "dashboard").out == shipped("dashboard.json")


@pytest.mark.parametrize(
    ("expression", "legend"),
    [
        ("kaoji_projection_lag > 1", ""),
        ('kaoji_refused_records_total{source="a"}', ""),
        ('kaoji_refused_records_total{code="unknown"}', ""),
        ("sum by (partition) (kaoji_projection_lag_actions)", ""),
        ("sum by (code) (kaoji_refused_records_total)", "{{way}}"),
        ("kaoji_store_up", "{{ $labels.projection }}"),
    ],
)
def test_expression_about_what_there_is_not_is_found(expression: str, legend: str) -> None:
    with pytest.raises(AssertionError):
        check(expression, legend)
