"""Every point leads back to actions: explanations add up to the score, for every subject there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from numpy.typing import NDArray

from api.bootstrap import Kaoji, opened
from api.rules.adoption import adopt
from api.scores.explanations import explanation
from api.scores.scorecards import Basis, basis
from api.settings import read_settings
from domain.measuring.rollup import By
from domain.policies.policy import load_policy
from tests.reference.given import act
from tests.support.command_line import CommandLine
from tests.support.product import product, record
from tests.support.rules import REGISTER
from tests.support.simulated import SIMULATED_YEAR

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
KINDS: tuple[By, ...] = ("all", "staff", "unit", "process")
Events = Mapping[int, dict[str, Any]]


@pytest.fixture(scope="module")
def receipt_log(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    kaoji = CommandLine(tmp_path_factory.mktemp("explained") / "kaoji.db")
    kaoji("ingest", LOG, "--mapping", "receipt_wabo")
    return kaoji


@contextmanager
def opened_store(command_line: CommandLine) -> Iterator[Kaoji]:
    with opened(read_settings({}, store=command_line.store), create=False) as kaoji:
        yield kaoji


def by_position(command_line: CommandLine) -> Events:
    return {event["position"]: event for event in command_line("audit").lines}


def cases_spoken_of(event: dict[str, Any], by_key: Mapping[tuple[str, str], dict[str, Any]]) -> set[str]:
    """The case of an action, and those of the actions that it is about, directly or through others."""
    cases = {event["subject"]}
    of = event["data"].get("of", {})
    if "case" in of:
        cases.add(of["case"])
    meant = by_key.get((of.get("source", ""), of.get("id", "")))
    return cases if meant is None else cases | cases_spoken_of(meant, by_key)


class Watched(Mapping[str, NDArray[Any]]):
    """Columns that count how often they are read."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self.columns, self.reads = columns, 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        self.reads += 1
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def assert_all_explained(command_line: CommandLine, policy: str, from_day: str, to_day: str) -> int:
    """Explain every subject of every kind; returns how many things were counted in all."""
    events = by_position(command_line)
    by_key = {(event["source"], event["id"]): event for event in events.values()}
    things = 0
    with opened_store(command_line) as kaoji:
        found = basis(kaoji, policy=policy, from_text=from_day, to_text=to_day)
        for by in KINDS:
            cards = found.scorecards(by)
            for card in found.to_json(cards)["subjects"]:
                # Scored once for each kind: what is tested here are the explanations.
                with patch.object(Basis, "scorecards", return_value=cards):
                    explained = explanation(found, card["subject"], by=by)
                assert explained["score"] == card["score"]
                for indicator, scored in zip(explained["indicators"], card["indicators"], strict=True):
                    assert {name: indicator[name] for name in scored} == scored
                    assert indicator["rule"]
                    assert indicator["clause"]
                    assert_adds_up(indicator)
                    for counted in indicator["counted"]:
                        assert counted["why"]
                        assert counted["actions"] == sorted(set(counted["actions"]))
                        assert counted["actions"]
                        assert all(
                            counted["case"] in cases_spoken_of(events[position], by_key)
                            for position in counted["actions"]
                        ), counted
                        things += 1
    return things


def assert_adds_up(indicator: dict[str, Any]) -> None:
    shares = [(counted["side"], Fraction(counted["share"])) for counted in indicator["counted"]]
    assert {side for side, _ in shares} <= {"met", "missed"}
    assert sum(share for side, share in shares if side == "met") == Fraction(indicator["numerator"])
    assert sum(share for _, share in shares) == Fraction(indicator["denominator"])


def test_explanations_of_the_receipt_log_add_up_for_every_subject(receipt_log: CommandLine) -> None:
    assert assert_all_explained(receipt_log, "receipt_wabo", "2010-10-01", "2012-01-23") > 3 * 1368


def test_explanations_of_an_administration_add_up_for_every_subject(simulated: CommandLine) -> None:
    assert assert_all_explained(simulated, "gx-2012", "2011-01-01", "2011-12-31") > 1_000


@pytest.mark.parametrize(("from_day", "to_day"), [("2011-04-01", "2011-06-30"), ("2011-09-14", "2011-09-14")])
def test_explanations_of_a_shorter_period_add_up_too(simulated: CommandLine, from_day: str, to_day: str) -> None:
    assert assert_all_explained(simulated, "gx-2012", from_day, to_day) > 10


def test_every_measure_is_met_in_that_administration(simulated: CommandLine) -> None:
    # Given what is tested above, each of the six indicators had something to explain.
    explained = simulated("explain", "all", *SIMULATED_YEAR, "--format", "json").json
    assert all(indicator["counted"] for indicator in explained["indicators"])


def test_command_prints_what_was_known_then(receipt_log: CommandLine) -> None:
    # Given the position at which half of the log had been recorded
    asked = ("explain", "Resource11", "--policy", "receipt_wabo", "--from", "2010-10-01", "--to", "2012-01-23")
    printed = receipt_log(*asked, "--as-of", "5000", "--format", "json").json
    # Then nothing later is counted
    (indicator,) = printed["indicators"]
    assert printed["as_of"] == 5_000
    assert_adds_up(indicator)
    assert 0 < max(position for each in indicator["counted"] for position in each["actions"]) <= 5_000


def test_who_has_only_joined_does_not_answer_for_what_nobody_owns(tmp_path: Path) -> None:
    # Given somebody who joined and has no part in any case, and a case that names no owner
    actions = [
        act("staff.joined", "S1", "01-02", unit="hall"),
        act("licensing.received", "L1", "03-04", unit="hall", due="2024-03-12"),
        act("licensing.granted", "L1", "03-05", unit="hall"),
    ]
    with product(tmp_path) as kaoji:
        record(kaoji, actions)
        found = basis(kaoji, policy="gx-2012", from_text="2024-01-01", to_text="2024-12-31")
        # When scores are explained
        person, unit = (explanation(found, each, indicator="timeliness") for each in ("S1", "hall"))
    # Then the case counts for its unit, and not for that person
    assert [each["case"] for each in unit["indicators"][0]["counted"]] == ["L1"]
    assert person["indicators"][0]["counted"] == []


def test_one_indicator_is_shown_alone_and_in_chinese(simulated: CommandLine) -> None:
    printed = simulated(
        "explain", "all", *SIMULATED_YEAR, "--indicator", "closure", "--lang", "zh", "--format", "json"
    ).json
    (indicator,) = printed["indicators"]
    assert indicator["code"] == "closure"
    assert "执法案件" in indicator["rule"]
    assert {counted["why"][-2:] for counted in indicator["counted"]} == {"结案", "已过"}


def test_unknown_subject_among_many_is_answered_with_the_nearest(simulated: CommandLine) -> None:
    ran = simulated.ends(2, "explain", "gx-00001", *SIMULATED_YEAR)
    assert "such as gx-0001" in ran.err
    assert len(ran.err) < 200


def test_a_case_deemed_accepted_is_explained_by_its_receipt(tmp_path: Path) -> None:
    """L1 is accepted too late, L2 in time, L3 too, after a correction; of L4 nobody recorded when it came."""
    food = {"procedure": "food-production-licence", "owner": "s1", "unit": "u1"}
    actions = [
        act("licensing.received", "L1", "03-01", **food),
        act("licensing.accepted", "L1", "03-20", **food),
        act("licensing.granted", "L1", "04-10", **food),
        act("licensing.received", "L2", "03-01", **food),
        act("licensing.accepted", "L2", "03-05", **food),
        act("licensing.granted", "L2", "04-10", **food),
        act("licensing.received", "L3", "03-01", **food),
        act("licensing.correction-requested", "L3", "03-04", **food),
        act("licensing.accepted", "L3", "03-20", **food),
        act("licensing.granted", "L3", "04-10", **food),
        act("licensing.granted", "L4", "04-10", **food),
    ]
    with product(tmp_path) as kaoji:
        record(kaoji, actions)
        found = basis(kaoji, policy="market-supervision-2024", from_text="2024-01-01", to_text="2024-12-31")
        told = {each["code"]: each["counted"] for each in explanation(found, "s1")["indicators"]}

    deemed = "; not accepted in time, so accepted by law on receipt, 2024-03-01"
    assert [(each["why"], each["actions"]) for each in told["timeliness"]] == [
        (f"decided 2024-04-10, after the limit 2024-03-29{deemed}", [1, 2, 3]),
        ("decided 2024-04-10, after the limit 2024-04-02", [5, 6]),
        ("decided 2024-04-10, limit 2024-04-18", [8, 9, 10]),
        ("decided 2024-04-10; the limit cannot be computed: its start was never recorded", [11]),
    ]
    assert [(each["why"], each["actions"]) for each in told["decision-days"]] == [
        (f"decided 2024-04-10, 40 days after the start{deemed}", [1, 2, 3]),
        ("decided 2024-04-10, 36 days after the start", [5, 6]),
        ("decided 2024-04-10, 21 days after the start", [9, 10]),
        ("decided 2024-04-10; no start was recorded by then, so it has no days to count", [11]),
    ]
    *valued, left_out = told["decision-days"]
    assert [(each["share"], each["value"]) for each in valued] == [("1", 40), ("1", 36), ("1", 21)]
    assert (left_out["share"], left_out["side"], left_out["flags"]) == ("0", "missed", ["no-duration"])
    assert "value" not in left_out


@pytest.mark.parametrize(
    ("language", "never", "later"),
    [
        (
            "en",
            "{} 2024-04-10; the limit cannot be computed: its start was never recorded",
            "{} 2024-04-10; the limit cannot be computed: what starts it came only afterwards",
        ),
        ("zh", "2024-04-10{}；未记录起算日，期限无法计算", "2024-04-10{}；起算在此之后，期限无法计算"),
    ],
)
def test_a_start_that_comes_after_the_decision_is_told_from_one_that_never_came(
    tmp_path: Path, language: str, never: str, later: str
) -> None:
    # Given a case that was decided without a start, and cases whose start came only then
    food = {"procedure": "food-production-licence", "owner": "s1", "unit": "u1"}
    penalty = {"procedure": "penalty-ordinary", "owner": "s1", "unit": "u1"}
    actions = [
        act("licensing.granted", "L1", "04-10", **food),
        act("licensing.granted", "L2", "04-10", **food),
        act("licensing.received", "L2", "04-11"),
        act("licensing.granted", "L3", "04-10", **food),
        act("licensing.accepted", "L3", "04-11"),
        act("enforcement.closed", "E1", "04-10", **penalty),
        act("enforcement.opened", "E1", "04-11"),
    ]
    with product(tmp_path) as kaoji:
        record(kaoji, actions)
        found = basis(kaoji, policy="market-supervision-2024", from_text="2024-01-01", to_text="2024-12-31")
        explained = explanation(found, "s1", language=language)
    # When their limits are explained
    why = {
        counted["case"]: counted["why"]
        for each in explained["indicators"]
        if each["code"] in ("timeliness", "closed-in-time")
        for counted in each["counted"]
    }
    # Then each says what is the matter
    decided, closed = ("decided", "closed") if language == "en" else ("办结", "结案")
    assert why == {
        "L1": never.format(decided),
        "L2": later.format(decided),
        "L3": later.format(decided),
        "E1": later.format(closed),
    }


def test_an_enforcement_case_opened_after_its_closing_is_told_as_left_out(tmp_path: Path) -> None:
    """E1 was closed after six days; E2 was opened only after it was closed, so nobody knows how long it took."""
    owner = {"owner": "s1", "unit": "u1"}
    actions = [
        act("enforcement.opened", "E1", "03-04", **owner),
        act("enforcement.closed", "E1", "03-10", **owner),
        act("enforcement.closed", "E2", "03-10", **owner),
        act("enforcement.opened", "E2", "03-12", **owner),
    ]
    with product(tmp_path) as kaoji:
        record(kaoji, actions)
    year = ("--from", "2024-01-01", "--to", "2024-12-31")
    asked = ("explain", "s1", "--policy", "process-enforcement", "--indicator", "closing-days", *year)
    command_line = CommandLine(tmp_path / "kaoji.db")

    (told,) = command_line(*asked, "--format", "json").json["indicators"]
    (chinese,) = command_line(*asked, "--format", "json", "--lang", "zh").json["indicators"]

    assert (told["numerator"], told["denominator"]) == ("6", "1")
    assert [(each["case"], each["share"], each["why"], each["flags"]) for each in told["counted"]] == [
        ("E1", "1", "closed 2024-03-10, 6 days after the start", []),
        (
            "E2",
            "0",
            "closed 2024-03-10; no start was recorded by then, so it has no days to count",
            ["no-duration"],
        ),
    ]
    assert chinese["counted"][1]["why"] == "2024-03-10结案；至此未记录起算日，无时长可计"
    assert [row["side"] for row in command_line(*asked, "--format", "csv").rows] == ["counted", "left out"]


OWN = """
name = "own"
version = 1
title = { zh = "自定", en = "Own" }
zone = "Asia/Shanghai"
calendar = "china"
register = "market-supervision-2024"

[[measure]]
code = "clean"
title = { zh = "无瑕", en = "Clean" }
meaning = { zh = "按时且无差错", en = "decided in time and without error" }
kind = "ratio"
of = "decided-cases"
met = ["in-time"]
not_met = ["faulty"]
better = "higher"

[[indicator]]
code = "clean"
measure = "clean"
title = { zh = "无瑕", en = "Clean" }
rule = { zh = "规则", en = "Rule" }
clause = "-"
target = 1
curve = { kind = "linear", points = [[0, 0], [1, 100]] }
weight = 50

[[indicator]]
code = "conforming"
measure = "conformance-decided"
exposure = "workload-targets"
minimum_exposure = 1
title = { zh = "符合", en = "Conforming" }
rule = { zh = "规则", en = "Rule" }
clause = "-"
target = 1
curve = { kind = "linear", points = [[0, 0], [1, 100]] }
weight = 50
"""


def test_everything_that_an_own_measure_asks_for_is_told(tmp_path: Path) -> None:
    """L1 is late, L2 has an error, L3 neither; none was reviewed, and L3 not even accepted. No target was due."""
    food = {"procedure": "food-production-licence", "owner": "s1", "unit": "u1"}
    actions = [
        *(act("licensing.received", case, "03-01", **food) for case in ("L1", "L2", "L3")),
        *(act("licensing.accepted", case, "03-04", **food) for case in ("L1", "L2")),
        act("licensing.granted", "L1", "04-10", **food),
        act("licensing.granted", "L2", "03-20", **food),
        act("licensing.granted", "L3", "03-20", **food),
        act("service.error-found", "L2", "03-25", severity="minor"),
    ]
    policy = tmp_path / "own.toml"
    policy.write_text(OWN, "utf-8")
    with product(tmp_path) as kaoji:
        record(kaoji, actions)
        found = basis(kaoji, policy=str(policy), from_text="2024-01-01", to_text="2024-12-31")
        clean, conforming = explanation(found, "s1")["indicators"]
        (late,) = explanation(found, "s1", indicator="clean", language="zh")["indicators"][0]["counted"][:1]

    assert [(each["side"], each["why"], each["actions"]) for each in clean["counted"]] == [
        ("missed", "decided 2024-04-10, after the limit 2024-04-01; no confirmed error", [4, 6]),
        ("missed", "decided 2024-03-20, limit 2024-04-01; with a confirmed error", [5, 7, 9]),
        ("met", "decided 2024-03-20, limit 2024-03-29; no confirmed error", [3, 8]),
    ]
    assert late["why"] == "2024-04-10办结，超过期限2024-04-01；无已确认的差错"
    assert [each["why"] for each in conforming["counted"]] == [
        "decided 2024-04-10, required and not done: Review",
        "decided 2024-03-20, required and not done: Review",
        "decided 2024-03-20, required and not done: Acceptance, Review",
    ]
    # And nothing is judged by it, for a reason that is told
    assert conforming["rate"] is None
    assert conforming["exposure"] == {"measure": "workload-targets", "counted": "0", "minimum": "1"}
    ran = CommandLine(tmp_path / "kaoji.db")(
        "explain", "s1", "--policy", policy, "--from", "2024-01-01", "--to", "2024-12-31"
    )
    assert "conforming is not judged: the policy asks for at least 1 by the measure 'workload-targets'" in ran.err


def test_a_limit_that_holidays_may_move_is_told_as_provisional(tmp_path: Path) -> None:
    """Holidays are known up to 24 December 2026; L2 states its limit, and L3 counts every day."""
    counted = {"procedure": "licence", "owner": "s1", "unit": "u1"}
    actions = [
        act("licensing.received", "L0", "2026-01-20T09:00:00+08:00", **counted),
        act("licensing.received", "L1", "2026-01-21T09:00:00+08:00", **counted),
        act("licensing.received", "L2", "2026-01-21T09:00:00+08:00", due="2026-12-28", **counted),
        act("licensing.received", "L3", "2026-01-12T09:00:00+08:00", **counted | {"procedure": "calendar-days"}),
    ]
    working = REGISTER.replace('days = 5, kind = "calendar"', 'days = 230, kind = "working"')
    procedure = REGISTER[REGISTER.index("[[procedure]]") :].replace("days = 5,", "days = 350,")
    register = tmp_path / "office.toml"
    register.write_text(working + "\n" + procedure.replace('"licence"', '"calendar-days"'), "utf-8")
    policy = tmp_path / "own.toml"
    policy.write_text(
        OWN.replace("market-supervision-2024", "office").replace('measure = "clean"', 'measure = "timeliness"'),
        "utf-8",
    )
    with product(tmp_path) as kaoji:
        adopt(kaoji, "register", str(register), by="boss")
        record(kaoji, actions)
        found = basis(kaoji, policy=str(policy), from_text="2027-01-01", to_text="2027-01-31")
        told, late = (
            explanation(found, "s1", indicator="clean", language=language)["indicators"][0]["counted"]
            for language in ("en", "zh")
        )

    assert [(each["why"], each["flags"]) for each in told] == [
        ("undecided, limit 2026-12-24 has passed", []),
        ("undecided, limit 2026-12-25 (provisional) has passed", ["provisional"]),
        ("undecided, limit 2026-12-28 has passed", []),
        ("undecided, limit 2026-12-28 has passed", []),
    ]
    assert late[1]["why"] == "未办结，期限2026-12-25（暂定）已过"


def test_what_was_said_of_actions_later_is_named_and_looked_for_once(simulated: CommandLine) -> None:
    # Given a policy that counts every single action
    with opened_store(simulated) as kaoji:
        found = basis(kaoji, policy="market-supervision-2024", from_text="2011-01-01", to_text="2011-12-31")
        links = Watched(found.history.links)
        # When the whole is explained
        explained = explanation(replace(found, history=replace(found.history, links=links)), "all")
    things = [thing for indicator in explained["indicators"] for thing in indicator["counted"]]
    said = list(zip(links["target"].tolist(), links["position"].tolist(), strict=True))
    # Then nobody looks through what was said for each thing that counts
    assert len(things) > 1_000 > 100 > links.reads
    # And whoever said anything of an action stands beside it
    spoken_of = 0
    for thing in things:
        later = {position for target, position in said if target in thing["actions"]}
        assert later <= set(thing["actions"])
        spoken_of += bool(later)
    assert spoken_of > 20


def test_late_by_hours_is_told_apart_from_in_time_on_that_day(tmp_path: Path) -> None:
    # Given a due with a time, and a policy that counts to the instant
    by_instant = tmp_path / "by-instant.toml"
    text = load_policy("gx-2012").text
    assert 'due_precision = "day"' in text
    by_instant.write_text(text.replace('due_precision = "day"', 'due_precision = "instant"'), encoding="utf-8")
    kaoji = CommandLine(tmp_path / "kaoji.db")
    due = "2024-03-12T12:00:00+08:00"
    with product(tmp_path) as store:
        record(
            store,
            [
                act("licensing.received", "L1", "03-01", owner="s1", due=due),
                act("licensing.granted", "L1", "03-12T13:00"),
                act("licensing.received", "L2", "03-01", owner="s1", due=due),
                act("licensing.granted", "L2", "03-13"),
            ],
        )
    asked = ("--from", "2024-03-01", "--to", "2024-03-31", "--indicator", "timeliness", "--format", "json")
    # When, then
    for policy, why in (
        ("gx-2012", "decided 2024-03-12, limit 2024-03-12"),
        (str(by_instant), "decided 2024-03-12, after the time of day of its limit 2024-03-12"),
    ):
        (table,) = kaoji("explain", "s1", "--policy", policy, *asked).json["indicators"]
        assert [each["why"] for each in table["counted"]] == [
            why,
            "decided 2024-03-13, after the limit 2024-03-12",
        ]
