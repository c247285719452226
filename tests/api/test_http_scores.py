"""Scores and their explanations over HTTP: the same answers and the same sentences as on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.rules.adoption import adopt
from api.scores import scorecards
from api.scores.differences import difference
from api.scores.explanations import explanation
from api.scores.scorecards import Basis, basis
from domain.errors import WrongInputError
from domain.measuring.rollup import By
from projections.tallies import standing
from tests.reference.given import act
from tests.support.http import detail
from tests.support.product import record
from tests.support.rules import POLICY, REGISTER, version, written

MARCH = "policy=gx-2012&from=2024-03-01&to=2024-03-31"
EVENTS = [
    act("licensing.received", "L1", "03-05", owner="s1", unit="u1"),
    act("licensing.granted", "L1", "03-08", owner="s1", unit="u1"),
    act("licensing.received", "L2", "03-05", owner="s/2", unit="u1"),
    act("licensing.refused", "L2", "03-09", owner="s/2", unit="u1"),
]


@pytest.fixture(autouse=True)
def _recorded(kaoji: Kaoji) -> None:
    record(kaoji, EVENTS)


@pytest.mark.parametrize("by", ["staff", "unit", "process", "all"])
@pytest.mark.parametrize("as_of", [None, "2"])
def test_scores_are_those_of_the_command_line(client: TestClient, kaoji: Kaoji, by: By, as_of: str | None) -> None:
    found = basis(kaoji, policy="gx-2012", from_text="2024-03-01", to_text="2024-03-31", as_of=as_of)
    asked = f"/scores?{MARCH}&by={by}" + ("" if as_of is None else f"&as-of={as_of}")
    answer = client.get(asked)
    expected = found.to_json(found.scorecards(by))
    assert answer.content == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
    assert answer.json()["as_of"] == int(as_of or 4)


def test_scores_are_of_the_whole_unless_asked_otherwise(client: TestClient) -> None:
    assert client.get(f"/scores?{MARCH}").json()["by"] == "all"


def test_what_was_just_sent_counts(client: TestClient) -> None:
    before = client.get(f"/scores?{MARCH}").json()["as_of"]
    late = act("licensing.granted", "L3", "03-08", owner="s1")
    client.post("/actions", json=late)
    assert client.get(f"/scores?{MARCH}").json()["as_of"] == before + 1


def later_than_the_basis(monkeypatch: pytest.MonkeyPatch, kaoji: Kaoji, happens: Callable[[], object]) -> None:
    """Have something recorded and counted after a question came, and before its sums are asked for."""
    made = scorecards.basis

    def made_and_overtaken(*given: Any, **named: Any) -> Basis:
        found = made(*given, **named)
        happens()
        assert kaoji.standing is not None
        kaoji.standing.follow(kaoji.history())
        return found

    monkeypatch.setattr(scorecards, "basis", made_and_overtaken)


def test_scores_go_on_with_what_is_counted_meanwhile(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a tally that was asked before, and actions (one of them about staff) that overtake a question
    client.get(f"/scores?{MARCH}&by=staff")
    more = [
        act("staff.joined", "s9", "03-01", unit="u1"),
        act("licensing.granted", "L3", "03-08", owner="s9", unit="u1"),
    ]
    later_than_the_basis(monkeypatch, kaoji, lambda: record(kaoji, more))
    monkeypatch.setattr(standing, "count", lambda *_: pytest.fail("nothing is counted anew"))
    # When it is answered
    answer = client.get(f"/scores?{MARCH}&by=staff").json()
    # Then the answer is that of the later position, as a count from the beginning gives it
    assert answer["as_of"] == 6
    monkeypatch.undo()
    found = basis(kaoji, policy="gx-2012", from_text="2024-03-01", to_text="2024-03-31")
    directory = scorecards.directory_of(kaoji, found.history, found.context.zone)
    assert answer == found.to_json(replace(found, standing=None, directory=directory).scorecards("staff"))
    assert "s9" in {each["subject"] for each in answer["subjects"]}


def test_scores_stay_where_other_rules_may_hold_afterwards(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a policy of which another version is adopted while a question about it is under way
    adopt(kaoji, "register", written(tmp_path, REGISTER), by="boss")
    adopt(kaoji, "policy", written(tmp_path, POLICY), by="boss")
    asked = f"/scores?{MARCH.replace('gx-2012', 'north')}&by=staff"
    expected = client.get(asked).json()
    second = written(tmp_path, POLICY, version(2))
    later_than_the_basis(monkeypatch, kaoji, lambda: adopt(kaoji, "policy", second, by="boss"))
    # When it is answered, then by the rules, and as of the position, at which it came
    assert client.get(asked).json() == expected
    monkeypatch.undo()
    now = client.get(asked).json()
    assert (expected["policy_version"], now["policy_version"]) == (1, 2)
    assert now["as_of"] == expected["as_of"] + 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_explanation_is_that_of_the_command_line(client: TestClient, kaoji: Kaoji, language: str) -> None:
    found = basis(kaoji, policy="gx-2012", from_text="2024-03-01", to_text="2024-03-31")
    expected = explanation(found, "s1", indicator="timeliness", language=language)
    asked = f"/scores/s1/explanation?{MARCH}&indicator=timeliness&lang={language}"
    assert client.get(asked).json() == expected
    assert expected["indicators"][0]["counted"]


def test_subject_may_hold_a_slash(client: TestClient) -> None:
    assert client.get(f"/scores/s%2F2/explanation?{MARCH}").json()["subject"] == "s/2"


def test_unknown_subject_is_not_found(client: TestClient) -> None:
    sentence = detail(client.get(f"/scores/s11/explanation?{MARCH}"), 404)
    assert sentence.startswith("No subject 's11'. Did you mean 's1'?")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("policy=gx-2013&from=2024-03-01&to=2024-03-31", "No policy 'gx-2013'. Did you mean 'gx-2012'?"),
        ("policy=gx-2012&from=March&to=2024-03-31", "`from` 'March' is no date."),
        ("policy=gx-2012&from=2024-03-31&to=2024-03-01", "The period ends (2024-03-01) before it begins"),
        (f"{MARCH}&as-of=99", "There is no position 99 yet: the ledger ends at 4."),
        (f"{MARCH}&as-of=lately", "`as-of` 'lately' is neither a position nor a time."),
        (f"{MARCH}&by=person", "Parameter 'by' is 'person'."),
        ("policy=gx-2012&to=2024-03-31", "Parameter 'from' is missing."),
        (f"{MARCH}&as_of=2", "No parameter 'as_of'. Did you mean 'as-of'?"),
    ],
)
def test_wrong_questions_are_answered_with_what_to_mend(
    client: TestClient, parameters: str, sentence: str
) -> None:
    assert detail(client.get(f"/scores?{parameters}"), 422).startswith(sentence)


def test_the_sentence_is_that_of_the_command_line(client: TestClient, kaoji: Kaoji) -> None:
    with pytest.raises(WrongInputError) as caught:
        basis(kaoji, policy="gx-2013", from_text="2024-03-01", to_text="2024-03-31")
    asked = "/scores?policy=gx-2013&from=2024-03-01&to=2024-03-31"
    assert detail(client.get(asked), 422) == str(caught.value)


def test_caller_cannot_make_the_server_open_a_file(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "secret.toml"
    file.write_text("password = 'hunter2'")
    answer = client.get("/scores", params={"policy": str(file), "from": "2024-03-01", "to": "2024-03-31"})
    assert detail(answer, 422).startswith(f"No policy {str(file)!r}.")


def test_difference_between_two_states_is_that_of_the_command_line(client: TestClient, kaoji: Kaoji) -> None:
    expected = difference(
        kaoji, "s1", between=("1", "4"), policy="gx-2012", from_text="2024-03-01", to_text="2024-03-31",
        indicator="timeliness", language="zh",
    )  # fmt: skip
    asked = f"/scores/s1/explanation?{MARCH}&indicator=timeliness&lang=zh&between=1..4"
    assert client.get(asked).json() == expected
    assert expected["indicators"][0]["changes"]


@pytest.mark.parametrize(
    ("subject", "parameters", "status", "sentence"),
    [
        ("s1", "between=4..1", 422, "`between`: position 4 is later than position 1."),
        ("s1", "between=4", 422, "between is '4'. Write two positions or times with two dots between them"),
        ("s1", "between=1..2..3", 422, "between is '1..2..3'."),
        ("s1", "between=1..2&as-of=2", 422, "`as-of` asks for one state, `between` for two."),
        ("s3", "between=1..2", 404, "No subject 's3'."),
    ],
)
def test_wrong_questions_about_two_states_are_answered_likewise(
    client: TestClient, subject: str, parameters: str, status: int, sentence: str
) -> None:
    answer = client.get(f"/scores/{subject}/explanation?{MARCH}&{parameters}")
    assert detail(answer, status).startswith(sentence)
