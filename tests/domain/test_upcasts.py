"""Old versions of the contract are read for ever: pinned samples of each, and a made-up second one at work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator

from api.action_schemas import action_schema
from domain.actions import facts, rules, upcasts
from domain.actions.actions import Action, check_action, facts_action, same_action
from domain.actions.corrections import apply_corrections
from domain.actions.data import Text, said
from domain.actions.receipts import receipted
from domain.actions.refusals import RefusedError
from domain.actions.stored_facts import read_all_facts, read_facts
from domain.actions.upcasts import newest, newest_version, upcast, version_of
from domain.ledger.records import Arrival
from tests.domain.made_actions import NOW, checked, event, text
from tests.support.product import product

SAMPLES = Path(__file__).parents[1] / "data" / "contract"
VERSIONS = [int(path.stem[1:]) for path in SAMPLES.glob("v[0-9]*.ndjson") if path.suffixes == [".ndjson"]]


def pinned(version: int) -> list[tuple[bytes, dict[str, Any]]]:
    sent = (SAMPLES / f"v{version}.ndjson").read_bytes().splitlines()
    read = (SAMPLES / f"v{version}.read.ndjson").read_text(encoding="utf-8").splitlines()
    return list(zip(sent, map(json.loads, read), strict=True))


def refusal(event: dict[str, Any] | bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check_action(event if isinstance(event, bytes) else text(event), now=NOW)
    return caught.value


# Pinned samples


def test_every_version_has_samples() -> None:
    assert sorted(VERSIONS) == list(range(1, newest_version() + 1))


@pytest.mark.parametrize("version", VERSIONS)
def test_samples_of_a_version_are_read_as_ever(version: int) -> None:
    for sent, expected in pinned(version):
        action = check_action(sent, now=NOW)
        found = {
            "key": str(action.key), "facts": action.facts.decode(), "sealed": action.received is not None,
            "hash": receipted(action.facts).digest.hex(),
        }  # fmt: skip
        stored = facts_action(action.facts)
        names = ("type", "subject", "time", "occurred_at", "sequence", "data")
        assert found | {name: getattr(stored, name) for name in names} == expected
        assert same_action(stored, facts_action(text(json.loads(action.facts))))
        facts = read_facts(action.facts)
        assert (facts.type, facts.subject, facts.occurred_at) == (stored.type, stored.subject, stored.occurred_at)


# Names of versions


@pytest.mark.parametrize(
    ("dataschema", "version"),
    [
        (None, 1), ("urn:kaoji:action:1", 1), ("https://example.org/schemas/kaoji/action/v1", 1),
        ("/kaoji/action/v12", 12), ("urn:kaoji:action:0", 0), ("urn:kaoji:action:01", 1),
        ("urn:kaoji:action:2x", 1), ("https://example.org/action.v7.schema.json", 1),
        ("x-urn:kaoji:action:7", 1), ("kaoji/action/v7", 1), (7, 1),
    ],
)  # fmt: skip
def test_version_is_told_by_the_name_of_the_schema(dataschema: object, version: int) -> None:
    assert version_of(dataschema) == version


@pytest.mark.parametrize(
    "dataschema",
    ["urn:kaoji:action:2", "urn:kaoji:action:0", "https://x/kaoji/action/v10", "urn:kaoji:action:1" * 2],
)
def test_version_that_is_not_known_waits_in_quarantine(dataschema: str) -> None:
    record = event(dataschema=dataschema)
    known = version_of(dataschema) == 1
    schema = Draft202012Validator(action_schema())
    assert schema.is_valid(record) is known
    if known:
        checked(record)
        return
    found = refusal(record)
    assert found.code == "bad-value"
    assert "up to 1" in str(found)


# A second version, in which the field `handler` of the first is called `actor`


def handler_is_actor(event: dict[str, Any]) -> dict[str, Any]:
    data = event.get("data")
    return event if not isinstance(data, dict) else {**event, "data": _renamed(data)}


def _renamed(data: dict[str, Any]) -> dict[str, Any]:
    renamed = {"actor" if name == "handler" else name: value for name, value in data.items()}
    if isinstance(renamed.get("changes"), dict):
        renamed["changes"] = _renamed(renamed["changes"])
    return renamed


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(upcasts.UPCASTS, 1, handler_is_actor)
    handler = {"handler": Annotated[Text, said("who did this", "S1")]}
    monkeypatch.setattr(rules, "RETIRED_FIELDS", handler)
    for name in ("FACT_FIELDS", "_CHANGEABLE"):
        monkeypatch.setattr(facts, name, (*getattr(facts, name), "handler"))
    monkeypatch.setattr(facts, "_FACT_FIELDS", facts._FACT_FIELDS | {"handler"})
    yield
    rules.field_validator.cache_clear()


V2 = "urn:kaoji:action:2"
OLD = event(data={"handler": "S7", "unit": "U1"})
NEW = event(data={"actor": "S7", "unit": "U1"}, dataschema=V2)


@pytest.mark.usefixtures("second")
def test_older_record_is_stored_as_it_was_sent_and_read_in_the_words_of_today() -> None:
    action = checked(OLD)
    assert (action.facts, action.received) == (text(OLD), None)
    for each in (action, facts_action(action.facts)):
        assert each.data == {"actor": "S7", "unit": "U1"}
    assert read_facts(action.facts).data.actor == "S7"
    assert [each.data.actor for each in read_all_facts([text(NEW), text(OLD)])] == ["S7", "S7"]
    # What its sender computes is over what it sent
    assert receipted(action.facts) == receipted(text(OLD))


@pytest.mark.usefixtures("second")
def test_older_record_with_more_than_facts_keeps_its_retired_field_a_fact() -> None:
    action = checked({**OLD, "data": {**OLD["data"], "note": "free", "colour": "red"}})
    assert json.loads(action.facts)["data"] == OLD["data"]
    assert action.received is not None
    assert facts_action(action.received).data == {"actor": "S7", "unit": "U1", "note": "free", "colour": "red"}


@pytest.mark.usefixtures("second")
def test_newest_record_knows_no_retired_field() -> None:
    action = checked({**NEW, "data": {"handler": "S7"}})
    assert action.data == {"handler": "S7"}
    assert read_facts(action.facts).data.actor is None
    assert checked(NEW).data == {"actor": "S7", "unit": "U1"}


@pytest.mark.usefixtures("second")
def test_older_record_is_held_to_the_rules() -> None:
    assert refusal({**OLD, "data": {"handler": 7}}).code == "bad-value"
    assert refusal({**OLD, "data": 7}).code == "bad-value"
    assert refusal({**OLD, "data": {"other": "\0"}}).code == "bad-value"
    assert refusal({**OLD, "time": ...} | {"time": "2030-01-01T00:00:00Z"}).code == "future-time"
    assert refusal(event("service.rated", data={})).code == "missing-field"
    assert refusal({**OLD, "data": {"participants": [{"staff": "S1", "share": 1}]}}).code == "bad-value"
    assert refusal(b'{"specversion":"1.0","specversion":"1.0"}').code == "malformed-json"
    assert refusal(b"[]").code == "not-a-cloudevent"
    assert refusal({**OLD, "dataschema": "urn:kaoji:action:3"}).code == "bad-value"


@pytest.mark.usefixtures("second")
def test_correction_in_old_words_corrects_in_new_ones() -> None:
    changes = {"of": {"source": "/gx/licensing", "id": "2024-000317"}, "reason": "r", "recorded_by": "S9"}
    correction = checked(event("record.corrected", id="c", data={**changes, "changes": {"handler": "S8"}}))
    for original in (checked(OLD), checked(NEW)):
        stored = facts_action(correction.facts)
        assert apply_corrections(facts_action(original.facts), [stored]).action.data["actor"] == "S8"


@pytest.mark.usefixtures("second")
def test_same_action_in_old_and_new_words_is_one_in_ledger_and_views(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        first, again = (
            kaoji.ledger.append([Arrival("a:1", text(each), checked(each), None)])[0].kind for each in (OLD, NEW)
        )
        assert (first, again) == ("recorded", "duplicate")
        history = kaoji.history()
        assert history.words_of("staff")[history.rows["actor"][0]] == "S7"


def test_ledger_of_before_is_read_after_the_update(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # Given an event of version 1, and one of a version that is not known yet
    with product(tmp_path) as kaoji:
        kaoji.ledger.append([Arrival("a:1", text(OLD), checked({**OLD, "data": {"unit": "U1"}}), None)])
        later = {**NEW, "id": "2"}
        kaoji.ledger.append([Arrival("a:2", text(later), None, refusal(later))])
        kaoji.driver.catch_up()
        facts = kaoji.ledger.read(after=0, limit=1)[0].facts
    # When the program is updated
    request.getfixturevalue("second")
    with product(tmp_path) as kaoji:
        (entry,) = kaoji.ledger.quarantine.list(raw=True)
        again = Arrival(entry.place, entry.raw or b"", check_action(entry.raw or b"", now=NOW), None)
        # Then what waited is recorded, and what was stored is as it was
        assert [each.kind for each in kaoji.ledger.append([again], retried=[entry.entry_id])] == ["recorded"]
        assert kaoji.ledger.read(after=0, limit=1)[0].facts == facts
        assert kaoji.history().position == 2


def test_versions_are_upcast_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upcasts.UPCASTS, 1, lambda event: event | {"steps": ["1 to 2"]})
    monkeypatch.setitem(upcasts.UPCASTS, 2, lambda event: event | {"steps": [*event.get("steps", ()), "2 to 3"]})
    assert upcast({})["steps"] == ["1 to 2", "2 to 3"]
    assert upcast({"dataschema": V2})["steps"] == ["2 to 3"]
    assert upcast({"dataschema": "urn:kaoji:action:3"}) == {"dataschema": "urn:kaoji:action:3"}
    assert upcast(upcast({})) == upcast({})
    stored = text({"dataschema": "urn:kaoji:action:3"})
    assert newest(stored) is stored


def test_nothing_is_read_twice_while_there_is_one_version() -> None:
    assert upcasts.UPCASTS == {}
    action: Action = checked(OLD)
    assert newest(action.facts) is action.facts
    assert action.received == text(OLD), "`handler` is unknown today, and sealed"
