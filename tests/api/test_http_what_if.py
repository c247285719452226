"""What would be, over HTTP: the same answers and the same sentences as on the command line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.scores.what_if import Variation, what_if
from tests.reference.given import act
from tests.support.http import detail
from tests.support.product import record

MARCH = "policy=gx-2012&from=2024-03-01&to=2024-03-31"
EVENTS = [
    act("licensing.received", "L1", "03-05", owner="s1", unit="u1"),
    act("licensing.granted", "L1", "03-08", owner="s1", unit="u1"),
    act("service.rated", "L1", "03-09", rating=1),
]


@pytest.fixture(autouse=True)
def _recorded(kaoji: Kaoji) -> None:
    record(kaoji, EVENTS)


def test_the_answer_is_that_of_the_command_line(client: TestClient, kaoji: Kaoji) -> None:
    variation = Variation(weights={"satisfaction": Decimal(0)}, targets={"timeliness": Decimal("0.9")})
    expected = what_if(
        kaoji, policy="gx-2012", variation=variation, from_text="2024-03-01", to_text="2024-03-31", everybody=True
    )

    answer = client.get(f"/what-if?{MARCH}&weight=satisfaction=0&target=timeliness=0.9&all=true")

    assert answer.json() == expected
    (s1,) = answer.json()["subjects"]
    assert s1["score"]["after"] == "100.00"


def test_what_may_be_said_of_several_is_said_again_for_each(client: TestClient) -> None:
    answer = client.get(
        f"/what-if?{MARCH}&weight=satisfaction=0&weight=timeliness=30&target=timeliness=0.9&target=error-rate=0.2"
    )

    asked = answer.json()["what_if"]
    assert asked["weights"] == {"satisfaction": "0", "timeliness": "30"}
    assert asked["targets"] == {"timeliness": "0.9", "error-rate": "0.2"}
    assert "is given 2 times" in detail(client.get(f"/what-if?{MARCH}&weight=timeliness=30&by=all&by=unit"), 422)


def test_what_is_left_out_may_be_named_by_parameters(client: TestClient) -> None:
    source = EVENTS[0]["source"]
    answer = client.get(f"/what-if?{MARCH}&without-source={source}&by=all")

    assert answer.json()["what_if"]["without_sources"] == [source]
    assert answer.json()["summary"]["scores_lost"] == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "Say what would be otherwise"),
        ("&weight=satisfaction", "no CODE=NUMBER"),
        ("&without-procedure=x", "No procedure 'x'"),
        ("&against=/etc/passwd.toml", "No policy"),
    ],
)
def test_wrong_questions_are_answered_with_the_sentence(client: TestClient, more: str, words: str) -> None:
    assert words in detail(client.get(f"/what-if?{MARCH}{more}"), 422)
