"""Policies and registers over HTTP: the same lists as on the command line, and no files."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.rules.adoption import adopt
from domain.rules.procedures import load_register, shipped_registers
from tests.reference.given import act
from tests.support.http import detail
from tests.support.product import record
from tests.support.rules import POLICY, REGISTER, version, written


@pytest.fixture(autouse=True)
def _adopted(kaoji: Kaoji, tmp_path: Path) -> None:
    """Position 1 a register, 2 an action, 3 and 4 two versions of a policy."""
    adopt(kaoji, "register", written(tmp_path, REGISTER), by="boss")
    record(kaoji, [act("licensing.received", "L1", "03-05")])
    adopt(kaoji, "policy", written(tmp_path, POLICY), by="boss", reason="Trial", valid_from="2024-01-01")
    adopt(kaoji, "policy", written(tmp_path, POLICY, version(2)), by="boss")


def test_policies_are_listed_with_versions_and_positions(client: TestClient) -> None:
    found = {(each["name"], each["version"]): each for each in client.get("/policies").json()}
    assert {("north", 1), ("north", 2), ("gx-2012", 1)} <= found.keys()
    first, second, shipped = found["north", 1], found["north", 2], found["gx-2012", 1]
    assert (first["origin"], first["position"], first["in_force"]) == ("adopted", 3, False)
    assert (first["adopted_by"], first["reason"], first["valid_from"]) == ("boss", "Trial", "2024-01-01")
    assert (second["position"], second["in_force"]) == (4, True)
    assert (shipped["origin"], shipped["position"], shipped["in_force"]) == ("shipped", None, True)
    earlier = client.get("/policies?as-of=3&lang=zh").json()
    assert [(each["version"], each["title"]) for each in earlier if each["name"] == "north"] == [(1, "北方")]


def test_policy_is_shown_with_its_text(client: TestClient) -> None:
    assert client.get("/policies/north").json()["text"].splitlines()[2] == "version = 2"
    shown = client.get("/policies/north@1").json()
    assert (shown["text"], shown["position"], shown["indicators"]) == (POLICY, 3, ["timeliness", "errors"])
    assert client.get("/policies/gx-2012").json()["origin"] == "shipped"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/policies/nrth", 404, "Did you mean 'north'?"),
        ("/policies/north@9", 404, "Known: north@1, north@2"),
        ("/policies/north?as-of=2", 422, "adopted at position 3, after position 2"),
        ("/policies?as-of=5", 422, "the ledger ends at 4"),
        ("/registers/ofice", 404, "Did you mean 'office'?"),
        ("/procedures?register=ofice", 422, "Did you mean 'office'?"),
        ("/policies?from=1", 422, "No parameter 'from'"),
    ],
)
def test_wrong_questions_are_answered_with_what_to_mend(
    client: TestClient, path: str, status: int, says: str
) -> None:
    assert says in detail(client.get(path), status)


def test_caller_cannot_make_the_server_open_a_file(client: TestClient, tmp_path: Path) -> None:
    policy, register = written(tmp_path, POLICY), written(tmp_path, REGISTER)
    assert detail(client.get("/scores", params=MARCH | {"policy": policy}), 422).startswith("No policy")
    refused = detail(client.get("/procedures", params={"register": register}), 422)
    assert refused.startswith("No procedure register")
    assert refused.endswith("See `kaoji procedure registers`.")
    assert client.get("/policies/rule-0.toml").status_code == 404


MARCH = {"from": "2024-03-01", "to": "2024-03-31"}


def test_scores_take_adopted_policies_by_name_and_version(client: TestClient) -> None:
    for name, expected in (("north", 2), ("north@1", 1)):
        assert client.get("/scores", params=MARCH | {"policy": name}).json()["policy_version"] == expected
    assert client.get("/scores", params=MARCH | {"policy": "north", "as-of": 3}).json()["policy_version"] == 1


def test_procedures_are_those_of_all_registers_or_of_one(client: TestClient) -> None:
    everywhere = client.get("/procedures").json()
    assert {each["register"] for each in everywhere} == {*shipped_registers(), "office"}
    assert [each["code"] for each in client.get("/procedures?register=office@1").json()] == ["licence"]
    shown = client.get("/registers/gx-2012").json()
    assert shown["text"] == load_register("gx-2012").text
    assert [each["name"] for each in client.get("/registers").json()] == sorted([*shipped_registers(), "office"])
