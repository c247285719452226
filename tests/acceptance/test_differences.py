"""Between two states of knowledge every change leads back to what was recorded there, and all of them add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import Kaoji, opened
from api.scores.differences import Differences, difference
from api.scores.explanations import counted_things
from api.scores.scorecards import Basis, basis
from api.settings import read_settings
from domain.measuring.rollup import By
from domain.numbers import plain
from domain.policies.policy import shipped_policies
from tests.reference.given import act, corrected, of, voided
from tests.strategies import random_history
from tests.support.command_line import CommandLine
from tests.support.product import product, record
from tests.support.rules import POLICY, REGISTER, changed, version, written
from tests.support.simulated import SIMULATED_YEAR

KINDS: tuple[By, ...] = ("all", "staff", "unit", "process")
JSON = ("--format", "json")
MARCH = ("--policy", "gx-2012", "--from", "2024-03-01", "--to", "2024-03-31")
Answer = Mapping[str, Any]
Between = Callable[..., Any]


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as store:
        yield store


@pytest.fixture
def between(kaoji: Kaoji) -> Between:
    """Asks for the difference of a subject in March 2024 between two positions."""

    def asked(first: int, last: int, subject: str = "all", **more: Any) -> Answer:
        return difference(
            kaoji, subject, between=(str(first), str(last)),
            **{"policy": "gx-2012", "from_text": "2024-03-01", "to_text": "2024-03-31", **more},
        )  # fmt: skip

    return asked


def table(answer: Answer, code: str) -> Any:
    (found,) = (each for each in answer["indicators"] if each["code"] == code)
    return found


def listed(state: Basis, subject: str, by: By, code: str) -> Counter[tuple[str, str, str, str]]:
    """What counts in one state, as texts."""
    (measure,) = (each.counts for each in state.policy.indicators if each.code == code)
    return Counter(
        (each.case, "met" if each.met else "missed", plain(each.share), each.why)
        for each in counted_things(state, subject, by, measure, "en")
    )


def assert_leads_over(found: Differences, subject: str) -> int:
    """What counted before, and the changes, make what counts after: in numbers and thing by thing."""
    answer = found.of(subject)
    for each in answer["indicators"]:
        before, after = (listed(state, subject, found.by, each["code"]) for state in found.states)
        for change in each["changes"]:
            for side, many in (("before", -1), ("after", 1)):
                if change[side] is not None:
                    thing = (change["case"], *(change[side][name] for name in ("side", "share", "why")))
                    before[thing] += many
            if change["because"] != "rules":
                assert change["actions"], change
                assert all(found.first < position <= found.last for position in change["actions"])
        assert +before == after
        assert not -before
        for name in ("numerator", "denominator"):
            was, now = (Fraction(each[side][name]) if each[side] else 0 for side in ("before", "after"))
            assert was + sum(Fraction(change[name]) for change in each["changes"]) == now
    return sum(len(each["changes"]) for each in answer["indicators"])


@pytest.mark.parametrize("by", KINDS)
def test_changes_add_up_for_every_subject_of_an_administration(simulated: CommandLine, by: By) -> None:
    changes = 0
    with opened(read_settings({}, store=simulated.store), create=False) as kaoji:
        before, after = (
            basis(kaoji, policy="gx-2012", from_text="2011-01-01", to_text="2011-12-31", as_of=as_of)
            for as_of in ("1500", "1900")
        )
        found = Differences(before, after, by)
        for number, card in enumerate(after.scorecards(by).subjects):
            if number % 4:
                found.of(card.subject)  # which itself makes sure that the numbers add up
            else:
                changes += assert_leads_over(found, card.subject)
    assert changes > 40


@pytest.mark.parametrize("seed", range(2))
def test_changes_add_up_for_every_subject_of_any_history(kaoji: Kaoji, seed: int) -> None:
    record(kaoji, random_history(seed, 250))
    head = kaoji.ledger.head().position
    cuts = (head // 3, head - 40, head)
    for first, last in pairwise(cuts):
        before, after = (
            basis(kaoji, policy="gx-2012", from_text="2024-01-01", to_text="2024-12-31", as_of=str(position))
            for position in (first, last)
        )
        for by in KINDS:
            found = Differences(before, after, by)
            for card in after.scorecards(by).subjects:
                assert_leads_over(found, card.subject)


def test_a_start_that_comes_late_is_told_as_days_that_count_from_now_on(kaoji: Kaoji, between: Between) -> None:
    record(kaoji, [act("licensing.granted", "L1", "03-06", owner="s1", unit="u1")])
    record(kaoji, [act("licensing.received", "L1", "03-02", owner="s1", unit="u1")])

    found = table(between(1, 2, "s1", policy="market-supervision-2024"), "decision-days")

    (change,) = found["changes"]
    assert (change["case"], change["change"], change["actions"]) == ("L1", "changed", [2])
    assert (change["numerator"], change["denominator"]) == ("4", "1")
    assert change["before"] == {
        "side": "missed",
        "share": "0",
        "why": "decided 2024-03-06; no start was recorded by then, so it has no days to count",
        "flags": ["no-duration"],
    }
    assert (change["after"]["share"], change["after"]["value"], change["after"]["flags"]) == ("1", 4, [])


def test_what_later_actions_did_is_told_with_them(kaoji: Kaoji, between: Between) -> None:
    granted = act("licensing.granted", "L1", "03-06", owner="s1", unit="u1")
    wrong = act("licensing.granted", "L2", "03-06", owner="s1", unit="u1")
    shared = act("licensing.granted", "L3", "03-06", owner="s1", unit="u1")
    received = [act("licensing.received", case, "03-05", owner="s1", unit="u1") for case in ("L1", "L2", "L3")]
    record(kaoji, [*received, granted, wrong, shared])
    record(
        kaoji,
        [
            act("review.decided", "R1", "04-01", of=of(granted), kind="reconsideration", outcome="revoked"),
            voided(wrong),
            corrected(shared, "06-01", participants=[{"staff": "s2", "share": 0.25}]),
        ],
    )
    (reviewed, gone, split) = table(between(6, 9, "s1"), "revocation")["changes"]
    assert (reviewed["case"], reviewed["change"], reviewed["actions"]) == ("L1", "changed", [7])
    assert (reviewed["before"]["side"], reviewed["after"]["side"]) == ("missed", "met")
    assert (reviewed["numerator"], reviewed["denominator"]) == ("1", "0")
    assert (gone["case"], gone["change"], gone["actions"], gone["after"]) == ("L2", "vanished", [8], None)
    assert (split["case"], split["change"], split["denominator"], split["actions"]) == (
        "L3",
        "changed",
        "-0.25",
        [9],
    )
    # And s2, of whom nothing was known before
    found = between(6, 9, "s2")
    assert found["before"]["score"] is None
    (appeared,) = table(found, "revocation")["changes"]
    assert (appeared["change"], appeared["after"]["share"]) == ("appeared", "0.25")


def test_open_case_that_is_decided_is_one_change(kaoji: Kaoji, between: Between) -> None:
    record(
        kaoji,
        [
            act("licensing.received", "L1", "03-05", owner="s1", unit="u1", due="2024-03-12"),
            act("licensing.granted", "L1", "03-11", owner="s1", unit="u1"),
        ],
    )
    (change,) = table(between(1, 2), "timeliness")["changes"]
    assert (change["before"]["why"], change["after"]["why"]) == (
        "undecided, limit 2024-03-12 has passed",
        "decided 2024-03-11, limit 2024-03-12",
    )
    assert (change["numerator"], change["denominator"], change["actions"]) == ("1", "0", [2])
    (change,) = table(between(1, 2, language="zh"), "timeliness")["changes"]
    assert change["after"]["why"] == "2024-03-11办结，期限2024-03-12"


def test_unit_that_is_moved_takes_its_cases_along(kaoji: Kaoji, between: Between) -> None:
    record(
        kaoji,
        [
            act("unit.opened", "branch", "01-02", parent="north", title="Branch"),
            act("licensing.received", "L1", "03-05", owner="s1", unit="branch"),
            act("licensing.granted", "L1", "03-08", owner="s1", unit="branch"),
            act("unit.moved", "branch", "02-01", parent="south"),
            act("licensing.received", "L2", "03-05", owner="s1", unit="branch"),
            act("licensing.granted", "L2", "03-08", owner="s1", unit="branch"),
        ],
    )
    north = table(between(3, 6, "north", by="unit"), "timeliness")["changes"]
    assert [(each["case"], each["change"], each["because"], each["actions"]) for each in north] == [
        ("L2", "appeared", "actions", [5, 6]),
        ("L1", "vanished", "units", [4]),
        ("L2", "vanished", "units", [4]),
    ]
    south = table(between(3, 6, "south", by="unit"), "timeliness")["changes"]
    assert [(each["case"], each["change"], each["because"]) for each in south] == [
        ("L1", "appeared", "units"),
        ("L2", "appeared", "units"),
    ]


def test_a_move_names_only_what_was_said_of_the_units_on_the_way(kaoji: Kaoji, between: Between) -> None:
    moved = act("unit.moved", "branch", "02-01", parent="south")
    record(
        kaoji,
        [
            act("unit.opened", "branch", "01-02", parent="north", title="Branch"),
            act("unit.opened", "other", "01-02", parent="north", title="Another branch"),
            act("licensing.received", "L1", "03-05", owner="s1", unit="branch"),
            act("licensing.granted", "L1", "03-08", owner="s1", unit="branch"),
        ],
    )
    record(
        kaoji,
        [
            act("unit.moved", "other", "02-01", parent="south"),
            moved,
            act("unit.opened", "south", "01-01", parent="all-of-it", title="South"),
            corrected(moved, "02-02", parent="west"),
            act("unit.opened", "east", "01-01", parent="all-of-it", title="East"),
        ],
    )
    # The move and its correction; nothing about other units, were they learned of at the same time.
    (gone,) = table(between(4, 9, "north", by="unit"), "timeliness")["changes"]
    assert (gone["case"], gone["because"], gone["actions"]) == ("L1", "units", [6, 8])
    (come,) = table(between(4, 9, "west", by="unit"), "timeliness")["changes"]
    assert (come["case"], come["because"], come["actions"]) == ("L1", "units", [6, 8])
    # Until the correction it stood below south, and so below what stands above that.
    (above,) = table(between(4, 7, "all-of-it", by="unit"), "timeliness")["changes"]
    assert (above["change"], above["actions"]) == ("appeared", [6, 7])


def test_rules_adopted_in_between_are_told_apart_from_actions(tmp_path: Path) -> None:
    # Given a policy and a register, of which newer versions are adopted later
    kaoji = CommandLine(tmp_path / "kaoji.db")
    own = ('"gx-2012"', '"office"')
    kaoji("procedure", "adopt", written(tmp_path, REGISTER), "--by", "S1")
    kaoji("policy", "adopt", written(tmp_path, POLICY, own), "--by", "S1")
    events = [
        act("licensing.received", "L1", "03-05", owner="s1", procedure="licence"),
        act("licensing.granted", "L1", "03-11", owner="s1"),
        act("licensing.received", "L2", "03-05", owner="s1", procedure="licence"),
        act("licensing.granted", "L2", "03-06", owner="s1"),
    ]
    kaoji("ingest", "-", stdin=_lines(events[:2]))
    kaoji("procedure", "adopt", written(tmp_path, REGISTER, version(2), ("days = 5", "days = 6")), "--by", "S1")
    heavier = changed(POLICY, own, version(2), ("weight = 60", "weight = 80"), ("weight = 40", "weight = 20"))
    kaoji("policy", "adopt", written(tmp_path, heavier), "--by", "S2")
    kaoji("ingest", "-", stdin=_lines(events[2:]))
    asked = ("explain", "s1", "--policy", "north", "--from", "2024-03-01", "--to", "2024-03-31")
    # When
    ran = kaoji(*asked, "--between", "4", "8", *JSON)
    # Then
    assert "Adopted in between (position): office@2 (5), north@2 (6)." in kaoji(*asked, "--between", "4", "8").err
    assert ran.json["rules_differ"]
    assert [(each["position"], each["kind"], each["adopted_by"]) for each in ran.json["adopted"]] == [
        (5, "register", "S1"),
        (6, "policy", "S2"),
    ]
    timeliness = table(ran.json, "timeliness")
    assert [(each["case"], each["because"], each["actions"]) for each in timeliness["changes"]] == [
        ("L2", "actions", [7, 8]),
        ("L1", "rules", [5, 6]),
        ("L2", "rules", [5, 6]),
    ]
    late, other = (each["after"]["why"] for each in timeliness["changes"][1:])
    assert late == "decided 2024-03-11, limit 2024-03-11"
    assert other == "decided 2024-03-06, limit 2024-03-11"
    assert (timeliness["before"]["weight"], timeliness["after"]["weight"]) == ("60", "80")
    assert not kaoji(*asked, "--between", "6", "8", *JSON).json["rules_differ"]
    # And a state before the policy has none to be told by
    assert "adopted at position 2" in kaoji.ends(2, *asked, "--between", "1", "8").err


def _lines(events: list[dict[str, Any]]) -> bytes:
    import json

    return b"\n".join(json.dumps(event).encode() for event in events)


def test_states_are_those_that_score_prints(simulated: CommandLine) -> None:
    answer = simulated("explain", "all", *SIMULATED_YEAR, "--between", "1900", "2300", *JSON).json
    for side, as_of in (("before", "1900"), ("after", "2300")):
        (card,) = simulated("score", *SIMULATED_YEAR, "--as-of", as_of, *JSON).json["subjects"]
        assert answer[side]["score"] == card["score"]
        for scored, told in zip(card["indicators"], answer["indicators"], strict=True):
            assert told[side] == {name: scored[name] for name in told[side]}
    rows = simulated("explain", "all", *SIMULATED_YEAR, "--between", "1900", "2300", "--format", "csv").rows
    assert len(rows) == sum(1 + len(each["changes"]) for each in answer["indicators"])


def test_times_of_recording_name_states_too(simulated: CommandLine) -> None:
    asked = ("explain", "all", *SIMULATED_YEAR, "--between", "2000-01-01T00:00:00Z")
    assert simulated(*asked, "2999-01-01T00:00:00Z", *JSON).json["between"][0] == 0
    assert simulated(*asked, "2000-01-01T00:00:00Z", *JSON).json["indicators"][0]["changes"] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("all --between 20 10", "--between: position 20 is later than position 10. Swap the two."),
        ("all --between 2999-01-01T00:00:00Z 5", "is later than position 5. Swap the two."),
        ("all --between 5 99999", "There is no position 99999 yet"),
        ("all --between 5 later", "--between 'later' is neither a position nor a time."),
        ("all --between 5", "Missing option '--policy'"),
        ("all --between 5 6 --as-of 5", "--as-of asks for one state, --between for two."),
        ("nobody --between 5 6", "No subject 'nobody'."),
        ("nobody --between 5 6 --by staff", "No subject 'nobody'."),
        ("all --between 5 6 --indicator timelines", "Did you mean 'timeliness'?"),
    ],
)
def test_wrong_questions_are_answered_with_what_to_mend(
    simulated: CommandLine, arguments: str, sentence: str
) -> None:
    assert sentence in simulated.ends(2, "explain", *arguments.split(), *SIMULATED_YEAR).err


@pytest.mark.parametrize("policy", sorted({*shipped_policies()} - {"receipt_wabo"}))
def test_every_shipped_policy_is_explained_whatever_it_measures(simulated: CommandLine, policy: str) -> None:
    asked = ("explain", "all", "--policy", policy, *SIMULATED_YEAR[2:], *JSON)
    assert simulated(*asked).json["indicators"]
    answer = simulated(*asked, "--between", "1500", "1900").json
    for each in (*answer["indicators"], *answer.get("bonuses", ()), *answer.get("deductions", ())):
        for name in ("numerator", "denominator"):
            added = sum(Fraction(change[name]) for change in each["changes"])
            assert Fraction(each["before"][name]) + added == Fraction(each["after"][name])


@pytest.mark.parametrize("code", ["timeliness", "yellow-cards", "rated-high"])
def test_one_indicator_bonus_or_deduction_is_told_alone(simulated: CommandLine, code: str) -> None:
    year = ("--policy", "market-supervision-2024", *SIMULATED_YEAR[2:], *JSON)
    answer = simulated("explain", "all", *year, "--between", "1500", "1900", "--indicator", code).json
    assert [each["code"] for part in ("indicators", "bonuses", "deductions") for each in answer[part]] == [code]
