"""What is known while it runs: figures as declared, stall told from lag, readiness red by either, pauses named."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from api.http.listener import listening
from api.http.server import ListenError
from api.settings import read_settings
from api.view_operations import pause_view
from api.watching.consumer_figures import ConsumerFigures
from api.watching.metric_names import METRICS
from api.watching.metrics import Metrics
from api.watching.observation import Observer
from api.watching.readiness import REASONS, Readiness
from consumers.pipeline import Totals
from consumers.stopping import Stop
from consumers.watch import PartitionStand
from domain.errors import UnreachableError
from domain.ledger.records import Arrival, Verdict
from domain.watching import BatchTimes
from projections.history.writer import HistoryProjection
from tests.reference.given import act
from tests.support.http import LOCAL, detail, post, post_batch
from tests.support.product import NOW, arrival, product

ACTION = act("licensing.received", "L1", "03-05", owner="s1")
HISTORY = HistoryProjection.name
MICROSECONDS = 1_000_000
TopicPartition = namedtuple("TopicPartition", "topic partition")
Record = namedtuple("Record", "offset timestamp headers value")


class Time:
    """A clock and a stop watch that stand until they are moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> int:
        return NOW + round(self.seconds * MICROSECONDS)

    def monotonic(self) -> float:
        return 1_000.0 + self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def timed(tmp_path: Path, time: Time) -> Iterable[Kaoji]:
    with product(tmp_path / "timed", clock=time.clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "timed").mkdir()


def figures_of(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def view(observer: Observer, name: str = HISTORY) -> Any:
    return next(each for each in observer.look().views if each.name == name)


def readiness(kaoji: Kaoji, observer: Observer, **settings: Any) -> Readiness:
    return Readiness(observer, replace(kaoji.settings, **settings))


def codes(answering: Readiness) -> list[str]:
    return [reason.code for reason in answering.judge().reasons]


# --- lag and stall of views


def test_lag_in_seconds_is_how_long_the_first_missing_event_has_waited(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    timed.ledger.append([arrival(ACTION)])
    time.seconds = 5
    timed.ledger.append([arrival(ACTION | {"id": "2"})])
    time.seconds = 12
    assert (view(observer).lag, view(observer).lag_seconds) == (2, 12.0)
    timed.driver.catch_up()
    assert (view(observer).lag, view(observer).lag_seconds) == (0, 0.0)


def test_view_that_has_work_and_does_not_move_stalls(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    timed.ledger.append([arrival(ACTION)])
    timed.driver.catch_up()
    view(observer)
    time.seconds = 100
    assert view(observer).stall_seconds == 0, "without work nothing stalls"
    timed.ledger.append([arrival(ACTION | {"id": "2"})])
    time.seconds = 140
    assert view(observer).stall_seconds == 40
    timed.driver.catch_up()
    assert view(observer).stall_seconds == 0


def test_view_that_is_behind_and_moves_does_not_stall(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    timed.ledger.append([arrival(ACTION | {"id": str(number)}) for number in range(10)])
    for position in range(1, 6):
        time.seconds += 20
        with timed.views.transaction() as connection:
            # A slow one, as another process would carry it.
            build = timed.views.live(connection, "directory")
            timed.views.advance(connection, build, position)
        seen = view(observer, "directory")
        assert (seen.lag, seen.lag_seconds, seen.stall_seconds) == (10 - position, time.seconds, 0)


def test_process_that_has_just_started_raises_no_false_alarm(timed: Kaoji, time: Time) -> None:
    timed.ledger.append([arrival(ACTION)])
    time.seconds = 3_600
    observer = Observer(timed, monotonic=time.monotonic)
    assert view(observer).stall_seconds == 0
    time.seconds += 10
    assert view(observer).stall_seconds == 10


def test_stall_is_no_longer_than_there_was_work(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    timed.ledger.append([arrival(ACTION)])
    timed.driver.catch_up()
    view(observer)
    time.seconds = 1_000
    timed.ledger.append([arrival(ACTION | {"id": "2"})])
    time.seconds = 1_003
    # Nobody looked in between: it has not moved for 1,003 s, and had work for 3 s.
    assert view(observer).stall_seconds == 3


# --- readiness


def test_readiness_turns_red_by_stall_though_hardly_anything_is_missing(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    answering = readiness(timed, observer)
    timed.ledger.append([arrival(ACTION)])
    assert codes(answering) == []
    time.seconds = 30
    assert codes(answering) == []
    time.seconds = 31
    answer = answering.judge()
    assert [reason.code for reason in answer.reasons] == ["view-stalled"]
    assert answer.reasons[0].views == ("directory", "history", "integrity", "rulebook")
    assert "history at 0 for 31 s" in answer.detail
    timed.driver.catch_up()
    assert codes(answering) == []


def test_readiness_turns_red_by_lag_in_actions_and_in_seconds(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    timed.driver.catch_up()
    timed.ledger.append([arrival(ACTION | {"id": str(number)}) for number in range(3)])
    assert codes(readiness(timed, observer, ready_lag_actions=2)) == ["view-lag-actions"]
    assert codes(readiness(timed, observer, ready_lag_actions=3)) == []
    time.seconds = 20
    assert codes(readiness(timed, observer, ready_lag_seconds=19)) == ["view-lag-seconds"]
    assert codes(readiness(timed, observer, ready_lag_seconds=20)) == []


def test_paused_view_is_named_and_turns_nothing_red(timed: Kaoji, time: Time) -> None:
    observer = Observer(timed, monotonic=time.monotonic)
    pause_view(timed, HISTORY, reason="the disk is being changed")
    timed.ledger.append([arrival(ACTION)])
    timed.driver.catch_up()
    view(observer)
    time.seconds = 10_000
    answer = readiness(timed, observer).judge()
    assert (answer.ready, view(observer).lag, view(observer).stall_seconds) == (True, 1, 0)
    (paused,) = answer.paused
    assert (paused["view"], paused["reason"]) == (HISTORY, "the disk is being changed")


def test_red_is_logged_once_and_so_is_green(timed: Kaoji, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    answering = readiness(timed, Observer(timed, monotonic=time.monotonic))
    timed.ledger.append([arrival(ACTION)])
    answering.judge()
    time.seconds = 40
    for _ in range(3):
        answering.judge()
    timed.driver.catch_up()
    for _ in range(3):
        answering.judge()
    assert caplog.messages == ["Not ready: view-stalled", "Ready again."]


def test_answer_bears_every_reason_with_its_code(kaoji: Kaoji) -> None:
    kaoji.settings = replace(kaoji.settings, ready_lag_actions=0)
    kaoji.driver.catch_up()
    kaoji.ledger.append([arrival(ACTION)])
    answer = TestClient(create_app(kaoji), base_url=LOCAL).get("/health/ready")
    assert detail(answer, 503).startswith("Views are behind the ledger: directory by 1")
    assert answer.headers["retry-after"] == "5"
    found = answer.json()
    assert (found["ready"], found["position"], found["paused"]) == (False, 1, [])
    assert [each["code"] for each in found["reasons"]] == ["view-lag-actions", "not-following"]
    assert found["reasons"][0]["views"] == ["directory", "history", "integrity", "rulebook"]
    assert {each["code"] for each in found["reasons"]} <= set(REASONS)


# --- a consumer


def batch(*, offset: int = 0, sent_seconds: float = 0.0, count: int = 1) -> Mapping[Any, list[Any]]:
    timestamp = NOW // 1_000 + round(sent_seconds * 1_000)
    records = [Record(offset + number, timestamp, (), b"{}") for number in range(count)]
    return {TopicPartition("actions", 0): records}


@pytest.fixture
def consumer(timed: Kaoji, time: Time) -> ConsumerFigures:
    metrics = Metrics(timed, Observer(timed, monotonic=time.monotonic), way="kafka")
    return ConsumerFigures(metrics, clock=time.clock, monotonic=time.monotonic)


def at(offset: int, end: int) -> list[PartitionStand]:
    return [PartitionStand("actions", 0, offset, end)]


def times() -> BatchTimes:
    found = BatchTimes()
    for name in ("poll", "check", "record", "commit"):
        with found.stage(name):
            pass
    return found


def test_consumer_with_nothing_to_read_neither_lags_nor_stalls(consumer: ConsumerFigures, time: Time) -> None:
    consumer.stands(at(7, 7))
    time.seconds = 500
    consumer.stands(at(7, 7))
    assert (consumer.lag(), consumer.stall_seconds()) == ((0, 0.0), 0.0)


def test_consumer_stalls_from_when_there_was_something_to_read(consumer: ConsumerFigures, time: Time) -> None:
    consumer.stands(at(7, 7))
    time.seconds = 500
    consumer.stands(at(7, 7))
    time.seconds = 501
    consumer.stands(at(7, 9))
    time.seconds = 541
    consumer.stands(at(7, 9))
    # The first of the two came at some time after 500.
    assert (consumer.lag(), consumer.stall_seconds()) == ((2, 41.0), 41.0)
    consumer.took()
    consumer.recorded(times(), batch(), Totals(read=2, recorded=2))
    consumer.stands(at(9, 9))
    assert (consumer.lag(), consumer.stall_seconds()) == ((0, 0.0), 0.0)


def test_consumer_that_hangs_in_the_store_stalls(consumer: ConsumerFigures, time: Time) -> None:
    consumer.stands(at(7, 7))
    time.seconds = 10
    consumer.took()
    # Nobody tells where it stands meanwhile: its thread is in the store.
    time.seconds = 60
    assert consumer.stall_seconds() == 50
    consumer.dropped()
    assert consumer.stall_seconds() == 0


def test_next_batch_under_way_is_still_work(consumer: ConsumerFigures, time: Time) -> None:
    consumer.took()
    consumer.took()
    consumer.recorded(times(), batch(), Totals(read=1, recorded=1))
    time.seconds = 20
    assert consumer.stall_seconds() == 20


def test_what_nobody_can_see_counts_as_work(consumer: ConsumerFigures, time: Time, timed: Kaoji) -> None:
    consumer.stands(at(7, 7))
    consumer.waits()
    time.seconds = 31
    answering = Readiness(Observer(timed, monotonic=time.monotonic), timed.settings, consumer=consumer)
    answer = answering.judge()
    assert [reason.code for reason in answer.reasons] == ["consumer-stalled"]
    assert "Kafka or the store is away" in answer.detail
    consumer.goes_on()
    assert answering.judge().ready


def test_consumer_lag_in_seconds_is_the_age_of_what_is_unread_at_most(
    consumer: ConsumerFigures, time: Time, timed: Kaoji
) -> None:
    time.seconds = 100
    consumer.took()
    consumer.recorded(times(), batch(offset=0, sent_seconds=20), Totals(read=1, recorded=1))
    consumer.stands(at(1, 20_001))
    assert consumer.lag() == (20_000, 80.0)
    answering = Readiness(Observer(timed, monotonic=time.monotonic), timed.settings, consumer=consumer)
    assert codes(answering) == ["consumer-lag-actions", "consumer-lag-seconds"]


def test_what_was_fetched_and_is_not_in_the_ledger_goes_on_growing_old(
    consumer: ConsumerFigures, time: Time
) -> None:
    time.seconds = 30
    consumer.took()
    consumer.recorded(times(), batch(offset=0, sent_seconds=20), Totals(read=1, recorded=1))
    consumer.took()
    consumer.stands(at(1, 2))
    time.seconds = 60
    assert consumer.lag() == (1, 40.0)


def test_refused_records_are_counted_by_code_and_told_once_a_batch(
    consumer: ConsumerFigures, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    refused = consumer.refusing(lambda one, _: heard.append(one.place))
    with caplog.at_level("INFO"):
        for number, code in enumerate(["unknown-type", "bad-value", "unknown-type"]):
            refused(
                Arrival(f"actions-0@{number}", b"secret", None, None), Verdict("quarantined", None, code, "mend")
            )
        consumer.recorded(times(), batch(count=5), Totals(read=5, recorded=2, quarantined=3))
        consumer.recorded(times(), batch(count=1), Totals(read=6, recorded=3, quarantined=3))
    assert caplog.messages == ["Quarantined 3 of 5 records: bad-value 1, unknown-type 2."]
    assert heard == [f"actions-0@{number}" for number in range(3)]
    found = figures_of(consumer._metrics.text().decode())
    assert found["kaoji_refused_records_total", "unknown-type", "kafka"] == 2
    assert found["kaoji_records_total", "recorded", "kafka"] == 3
    assert found["kaoji_consumer_batch_records_sum",] == 6
    assert found["kaoji_consumer_batch_seconds_count", "record"] == 2


# --- the figures are those that are declared


def families(text: str) -> dict[str, tuple[str, set[str]]]:
    """By name as declared: kind, and the labels of all samples."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return {name: each for name, each in found.items() if name.startswith("kaoji_")}


def declared(where: str) -> dict[str, tuple[str, set[str]]]:
    return {
        metric.name: (metric.kind, set(metric.labels))
        for metric in METRICS.values()
        if metric.where in ("both", where)
    }


def test_server_shows_just_the_metrics_that_are_declared(client: TestClient, kaoji: Kaoji) -> None:
    post_batch(client, [ACTION, 7])
    kaoji.driver.catch_up()
    kaoji.driver._begun_rebuild(HISTORY, anew=True)
    client.get("/status")
    assert families(client.get("/metrics").text) == declared("serve")


def test_consumer_shows_just_the_metrics_that_are_declared(consumer: ConsumerFigures, timed: Kaoji) -> None:
    timed.driver.watch = consumer._metrics.projected
    timed.ledger.append([arrival(ACTION)])
    timed.driver.catch_up()
    timed.driver._begun_rebuild(HISTORY, anew=True)
    consumer.stands(at(0, 1))
    consumer.recorded(times(), batch(), Totals(read=1, recorded=1))
    assert families(consumer._metrics.text().decode()) == declared("consume")


def test_figures_of_the_process_are_shown_when_the_store_is_away(
    client: TestClient, kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, ACTION)

    def away(*_: Any) -> None:
        raise UnreachableError("The store does not answer.")

    monkeypatch.setattr(kaoji.ledger, "head", away)
    found = figures_of(client.get("/metrics").text)
    assert found["kaoji_store_up",] == 0
    assert found["kaoji_records_total", "recorded", "http"] == 1
    assert ("kaoji_ledger_position",) not in found
    (reason,) = client.get("/health/ready").json()["reasons"]
    assert reason == {"code": "store-unreachable", "detail": "The store does not answer."}


def test_requests_are_counted_by_route_and_not_by_what_they_ask_for(client: TestClient) -> None:
    client.get("/quarantine/17")
    client.get("/quarantine/18")
    client.get("/secret/path")
    client.request("BREW", "/quarantine")
    text = client.get("/metrics").text
    found = figures_of(text)
    assert found["kaoji_http_request_seconds_count", "GET", "/quarantine/{entry}", "404"] == 2
    assert found["kaoji_http_request_seconds_count", "GET", "none", "404"] == 1
    assert "secret" not in text
    assert "BREW" not in text


# --- a listener of its own


def test_listener_answers_health_and_metrics_and_asks_for_the_token(timed: Kaoji) -> None:
    import httpx2

    observer = Observer(timed)
    metrics = Metrics(timed, observer, way="kafka")
    answering = Readiness(observer, timed.settings)
    with listening("127.0.0.1", 0, token="of-mine", readiness=answering, metrics=metrics, stop=Stop()) as url:
        assert httpx2.get(f"{url}/health/live").json() == {"live": True}
        assert httpx2.get(f"{url}/health/ready").json()["ready"] is True
        assert httpx2.get(f"{url}/metrics").status_code == 401
        token = {"Authorization": "Bearer of-mine"}
        assert "kaoji_store_up 1.0" in httpx2.get(f"{url}/metrics", headers=token).text
        assert httpx2.get(f"{url}/actions", headers=token).status_code == 404
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/health/live")


def test_listener_beyond_this_machine_needs_a_token(timed: Kaoji) -> None:
    observer = Observer(timed)
    metrics, answering = Metrics(timed, observer, way="kafka"), Readiness(observer, timed.settings)
    with (
        pytest.raises(ListenError, match="KAOJI_TOKEN"),
        listening("0.0.0.0", 0, token=None, readiness=answering, metrics=metrics, stop=Stop()),
    ):
        pass


def test_where_it_listens_is_a_port_or_a_host_and_a_port() -> None:
    from api.settings import address

    assert address("9464") == ("127.0.0.1", 9464)
    assert address("0.0.0.0:9464") == ("0.0.0.0", 9464)
    assert address("[::1]:0") == ("::1", 0)
    assert read_settings({"KAOJI_METRICS": "9464"}).metrics == "9464"
