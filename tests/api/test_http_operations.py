"""Health, status, figures, quarantine, pages and schemas over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, NoReturn

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api import follower
from api.bootstrap import Kaoji
from api.gaps import gaps
from api.http.app import create_app
from api.quarantine import entry_json
from api.receipts import receipt
from api.status import status
from domain.actions.refusals import RefusedError
from domain.errors import UnreachableError
from domain.ledger.errors import StoreUnreachableError
from projections.recorded_actions import instant_text
from tests.reference.given import act
from tests.support.http import LOCAL, detail, post, post_batch
from tests.support.product import arrival

ACTION = act("licensing.received", "L1", "03-05", owner="s1")
SCHEMAS = Path(__file__).parents[2] / "api" / "schemas"


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error

    return fail


def behind(kaoji: Kaoji) -> int:
    return max(lag.behind for lag in kaoji.driver.lags())


# --- health


def test_server_lives_even_when_its_store_does_not(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kaoji.ledger, "head", raising(StoreUnreachableError("The ledger does not answer.")))
    assert client.get("/health/live").json() == {"live": True}


def test_server_is_ready_when_its_views_have_caught_up(client: TestClient) -> None:
    post(client, ACTION)
    eventually(lambda: client.get("/health/ready").json() == {"ready": True, "position": 1, "paused": []})


def test_store_that_does_not_answer_is_told_to_come_back_to(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kaoji.ledger, "head", raising(StoreUnreachableError("The ledger does not answer.")))
    answer = client.get("/health/ready")
    assert detail(answer, 503) == "The ledger does not answer."
    assert answer.headers["retry-after"] == "5"


def test_server_is_not_ready_while_views_are_far_behind(kaoji: Kaoji) -> None:
    kaoji.settings = replaced(kaoji.settings, ready_lag_actions=0)
    kaoji.driver.catch_up()
    kaoji.ledger.append([arrival(ACTION)])
    # Without the application's lifespan nothing follows the ledger.
    answer = TestClient(create_app(kaoji), base_url=LOCAL).get("/health/ready")
    assert detail(answer, 503).startswith("Views are behind the ledger: directory by 1, history by 1")


def test_server_is_not_ready_when_nothing_keeps_the_views_up(kaoji: Kaoji) -> None:
    answer = TestClient(create_app(kaoji), base_url=LOCAL).get("/health/ready")
    assert detail(answer, 503).startswith("Nothing keeps the views up")


def test_server_becomes_ready_again_when_the_views_can_be_written_again(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(kaoji.driver, "catch_up", raising(UnreachableError("The views do not answer.")))
        post(client, ACTION)
        eventually(lambda: client.get("/health/ready").status_code == 503)
        assert detail(client.get("/health/ready"), 503) == "The views do not answer."
    eventually(lambda: client.get("/health/ready").status_code == 200)


# --- views follow


@pytest.mark.usefixtures("client")
def test_views_follow_what_another_process_records(kaoji: Kaoji) -> None:
    kaoji.ledger.append([arrival(ACTION)])
    eventually(lambda: behind(kaoji) == 0)


def test_views_follow_what_was_sent_without_waiting_for_the_next_look(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "POLL_SECONDS", 60)
    for number in range(3):
        post(client, {**ACTION, "id": str(number)})
        eventually(lambda: behind(kaoji) == 0)


# --- status and figures


def test_status_is_that_of_the_command_line(client: TestClient, kaoji: Kaoji) -> None:
    post(client, ACTION)
    post(client, b"{")
    eventually(lambda: behind(kaoji) == 0)
    assert client.get("/status").json() == status(kaoji)
    assert client.get("/status").json()["quarantined"] == {"malformed-json": 1}


def test_figures_are_in_the_format_of_prometheus(client: TestClient, kaoji: Kaoji) -> None:
    post_batch(client, [ACTION, ACTION, ACTION, 7])
    eventually(lambda: behind(kaoji) == 0)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert figures["kaoji_ledger_position",] == 1
    assert figures["kaoji_ledger_recorded_timestamp_seconds",] == kaoji.ledger.head().recorded_at / 1e6
    assert figures["kaoji_projection_position", "history"] == 1
    assert figures["kaoji_projection_lag_actions", "history"] == 0
    assert figures["kaoji_quarantined_records", "not-a-cloudevent"] == 1
    assert figures["kaoji_quarantined_records", "conflict"] == 0
    received = {
        kind: figures["kaoji_records_total", kind, "http"] for kind in ("recorded", "duplicate", "quarantined")
    }
    assert received == {"recorded": 1, "duplicate": 2, "quarantined": 1}
    assert figures["kaoji_refused_records_total", "not-a-cloudevent", "http"] == 1


# --- quarantine


def test_quarantine_is_listed_by_pages_and_filters(client: TestClient, kaoji: Kaoji) -> None:
    post_batch(client, [7] * 60 + [{**ACTION, "type": "licensing.lost"}])
    listed = [entry_json(each) for each in kaoji.ledger.quarantine.list()]
    assert client.get("/quarantine").json() == {"quarantine": listed, "next": None}
    first = client.get("/quarantine?limit=55").json()
    assert [*first["quarantine"], *client.get(first["next"]).json()["quarantine"]] == listed
    assert client.get("/quarantine?code=unknown-type").json()["quarantine"] == listed[-1:]
    assert client.get("/quarantine?source=/a").json()["quarantine"] == listed[-1:]


def test_entry_is_shown_with_what_was_received(client: TestClient) -> None:
    post(client, b"{\xff")
    assert "raw" not in client.get("/quarantine").json()["quarantine"][0]
    assert client.get("/quarantine/1").json()["raw"] == "{\\xff"


def test_entry_that_is_none_is_not_found(client: TestClient) -> None:
    assert detail(client.get("/quarantine/9"), 404).startswith("No quarantined record 9.")
    assert "'nine'" in detail(client.get("/quarantine/nine"), 422)


def test_unknown_code_is_no_empty_list(client: TestClient) -> None:
    assert "Did you mean 'conflict'?" in detail(client.get("/quarantine?code=conflicts"), 422)


def test_entries_are_listed_by_the_filters_of_the_command(client: TestClient) -> None:
    post_batch(client, [7, {**ACTION, "type": "licensing.lost"}])
    for query in ("case=L1", "place=http:*&code=unknown-type", "from=2020-01-01&source=/a", "state=all&after=1"):
        assert [each["entry"] for each in client.get(f"/quarantine?{query}").json()["quarantine"]] == [2], query
    assert client.get("/quarantine?to=2020-01-01").json() == {"quarantine": [], "next": None}
    assert [each["entries"] for each in client.get("/quarantine/summary").json()] == [1, 1]
    assert "Known: all," in detail(client.get("/quarantine?state=lost"), 422)


def test_entries_are_tried_again_and_given_up_by_number(client: TestClient, kaoji: Kaoji) -> None:
    refusal = RefusedError("unknown-type", "not known")
    kaoji.ledger.append([replace(arrival(ACTION, "a:1"), action=None, refusal=refusal)])
    post(client, b"{")
    assert client.post("/quarantine/1/retry").json()["verdict"] == "recorded"
    assert client.post("/quarantine/2/retry").json()["code"] == "malformed-json"
    assert "not open any more" in detail(client.post("/quarantine/1/retry"), 422)
    dropped = client.post("/quarantine/2/drop", params={"reason": "broken"}).json()
    assert (dropped["state"], dropped["reason"]) == ("dropped", "broken")
    assert "not open any more" in detail(client.post("/quarantine/2/drop", params={"reason": "spam"}), 422)
    assert detail(client.post("/quarantine/9/drop"), 404).startswith("No quarantined record 9.")


def test_entries_are_tried_again_and_given_up_by_filter_a_page_at_a_time(client: TestClient, kaoji: Kaoji) -> None:
    refusal = RefusedError("unknown-type", "not known")
    events = [act("licensing.received", f"L{number}", "03-05") for number in range(5)]
    kaoji.ledger.append(
        [replace(arrival(event, f"a:{at}"), action=None, refusal=refusal) for at, event in enumerate(events)]
    )
    address, positions = "/quarantine/retry?code=unknown-type&limit=2", []
    while address:
        answer = client.post(address).json()
        assert len(answer["retried"]) <= 2
        positions += [each["position"] for each in answer["retried"]]
        address = answer["next"]
    assert positions == [1, 2, 3, 4, 5]
    post_batch(client, [7, 8, 9])
    first = client.post("/quarantine/drop?place=http:*&limit=2&reason=noise").json()
    rest = client.post(first["next"]).json()
    assert ([each["state"] for each in rest["dropped"]], rest["next"]) == (["dropped"], None)
    assert kaoji.ledger.quarantine.list() == []
    assert "`code`, `source`" in detail(client.post("/quarantine/drop"), 422)


def test_a_request_does_not_say_which_files_are_opened(client: TestClient) -> None:
    post(client, b"{")
    told = detail(client.post("/quarantine/1/retry", params={"mapping": "/etc/passwd"}), 422)
    assert told.startswith("No shipped mapping '/etc/passwd'.")


# --- completeness


def test_receipt_and_its_records_are_those_of_the_command(client: TestClient, kaoji: Kaoji) -> None:
    post_batch(client, [ACTION, ACTION, *(act("licensing.received", f"L{number}", "03-05") for number in (2, 3))])
    day = instant_text(kaoji.clock() + 8 * 3_600_000_000)[:10]
    answer = client.get(f"/receipts/{day}", params={"source": ACTION["source"]}).json()
    assert answer == receipt(kaoji, day, source=ACTION["source"])
    assert [(each["sent"], each["recorded"]) for each in answer["sources"]] == [(4, 3)]
    first = client.get(f"/receipts/{day}/records?limit=2").json()
    rest = client.get(first["next"]).json()
    assert [each["position"] for each in (*first["records"], *rest["records"])] == [1, 2, 3]
    assert rest["next"] is None
    assert "`day` 'today' is no date" in detail(client.get("/receipts/today"), 422)


def test_gaps_are_those_of_the_command(client: TestClient, kaoji: Kaoji) -> None:
    numbered = [act("licensing.received", f"L{number}", "03-05") | {"sequence": str(number)} for number in (1, 4)]
    post_batch(client, numbered)
    assert client.get("/gaps").json() == gaps(kaoji)
    assert client.get("/gaps").json()[0]["gaps"] == [{"first": "2", "last": "3"}]
    assert "No source '/nobody'" in detail(client.get("/gaps?source=/nobody"), 422)


# --- pages and schemas


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_anywhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    for outside in ("http:", "https:", "src=", "<script", "<link", "@import", "url("):
        assert outside not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_docs_page_shows_every_route_parameter_and_answer_of_the_document(client: TestClient) -> None:
    text = client.get("/docs").text
    document = client.get("/openapi.json").json()
    for path, item in document["paths"].items():
        assert path in text
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in text
            assert set(operation["responses"]) >= {"default"}


def test_front_page_links_only_to_what_is_there(client: TestClient) -> None:
    links = [part.partition('"')[0] for part in client.get("/").text.split('href="')[1:]]
    assert {"/docs", "/actions", "/status", "/health/ready", "/schemas/action.schema.json"} <= set(links)
    eventually(lambda: all(client.get(link).status_code == 200 for link in links))


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_every_published_schema_is_served_as_it_is(client: TestClient, path: Path) -> None:
    assert client.get(f"/schemas/{path.name}").json() == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["action.json", "..%2F__init__.py", "%2Fetc%2Fpasswd"])
def test_nothing_else_is_served_from_disk(client: TestClient, name: str) -> None:
    detail(client.get(f"/schemas/{name}"), 404)


# --- errors


@pytest.mark.parametrize(("path", "hint"), [("/score", "Did you mean /scores?"), ("/wp-login.php", "See /docs.")])
def test_path_with_nothing_behind_it_is_not_found(client: TestClient, path: str, hint: str) -> None:
    assert hint in detail(client.get(path), 404)


def test_method_that_is_not_possible_names_those_that_are(client: TestClient) -> None:
    answer = client.delete("/actions")
    assert "Possible: GET, POST." in detail(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


def test_mistake_of_ours_is_a_problem_that_shows_nothing_of_the_inside(
    kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(create_app(kaoji), base_url=LOCAL, raise_server_exceptions=False)
    monkeypatch.setattr(kaoji.ledger, "append", raising(RuntimeError("password=hunter2")))
    assert "hunter2" not in detail(post(client, ACTION), 500)
