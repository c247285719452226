"""Where senders are bound, actions come from them alone: with a token, or signed; and no faster than they may."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from api.http.rates import CALLERS_MAX, Rates, TooFastError
from consumers.senders import read_senders
from tests.reference.given import act
from tests.support.http import BATCH, LOCAL, STRUCTURED, detail
from tests.support.senders import (
    BUREAU_TOKEN,
    HMAC_SECRET,
    LICENSING_TOKEN,
    SendersFile,
    digest,
    write_senders,
)

READER = "the-access-token"
OWN = act("licensing.received", "L1", "03-05", source="/gx/licensing")
FOREIGN = act("licensing.received", "L2", "03-05", source="/gx/bureau")


@dataclass
class Message:
    """A request as the signing library takes it."""

    method: str
    url: str
    headers: dict[str, str]


@pytest.fixture
def file(tmp_path: Path) -> SendersFile:
    return write_senders(tmp_path / "senders")


@pytest.fixture
def serve(kaoji: Kaoji) -> Iterator[Callable[..., TestClient]]:
    """Serves with senders (and, where asked for, a token for readers)."""
    with ExitStack() as stack:

        def run(file: SendersFile, *, token: str | None = None, base: str = LOCAL) -> TestClient:
            app = create_app(kaoji, token=token, senders=read_senders(file.path))
            return stack.enter_context(TestClient(app, base_url=base, client=("127.0.0.1", 50_000)))

        yield run


@pytest.fixture
def client(serve: Callable[..., TestClient], file: SendersFile) -> TestClient:
    return serve(file)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def send(client: TestClient, event: Any, content_type: str = STRUCTURED, **headers: str) -> Response:
    return client.post("/actions", content=json.dumps(event), headers={"content-type": content_type, **headers})


def untouched(kaoji: Kaoji) -> bool:
    return kaoji.ledger.head().position == 0 and not kaoji.ledger.quarantine.list()


# --- tokens


def test_sender_records_its_own_source_with_its_token(client: TestClient) -> None:
    assert send(client, OWN, **bearer(LICENSING_TOKEN)).status_code == 201


def test_claim_of_anothers_source_is_quarantined(client: TestClient, kaoji: Kaoji) -> None:
    answer = send(client, FOREIGN, **bearer(LICENSING_TOKEN))
    assert "forbidden-source" in detail(answer, 422)
    (entry,) = kaoji.ledger.quarantine.list()
    assert (entry.code, entry.source) == ("forbidden-source", "/gx/bureau")
    assert entry.place.startswith("http:127.0.0.1/")
    assert entry.place.endswith("#1 (sender licensing)")
    assert answer.json()["place"] == entry.place
    assert kaoji.ledger.head().position == 0


def test_batch_is_judged_record_by_record(client: TestClient) -> None:
    answer = send(client, [FOREIGN, OWN], BATCH, **bearer(LICENSING_TOKEN)).json()
    assert [each["verdict"] for each in answer["verdicts"]] == ["quarantined", "recorded"]
    assert send(client, [FOREIGN, OWN], BATCH, **bearer(BUREAU_TOKEN)).json()["recorded"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("wrong"),
        bearer(digest(LICENSING_TOKEN)),
        {"authorization": LICENSING_TOKEN},
        {"authorization": f"Basic {LICENSING_TOKEN}"},
    ],
)
def test_nobody_else_sends(client: TestClient, kaoji: Kaoji, headers: dict[str, str]) -> None:
    answer = send(client, OWN, **headers)
    assert "Senders are bound here" in detail(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert untouched(kaoji)


def test_token_for_reading_does_not_send_and_that_for_sending_does_not_read(
    serve: Callable[..., TestClient], file: SendersFile, kaoji: Kaoji
) -> None:
    client = serve(file, token=READER, base="http://kaoji.example")
    assert "sender's own token" in detail(send(client, OWN, **bearer(READER)), 403)
    assert "opens nothing else" in detail(client.get("/actions", headers=bearer(LICENSING_TOKEN)), 403)
    assert untouched(kaoji)
    assert send(client, OWN, **bearer(LICENSING_TOKEN)).status_code == 201
    assert len(client.get("/actions", headers=bearer(READER)).json()["actions"]) == 1


def test_sender_reads_the_receipts_of_its_own_sources(
    serve: Callable[..., TestClient], file: SendersFile, kaoji: Kaoji
) -> None:
    client = serve(file, token=READER, base="http://kaoji.example")
    send(client, [OWN, FOREIGN], BATCH, **bearer(LICENSING_TOKEN))
    day = datetime.fromtimestamp(kaoji.clock() / 1_000_000, ZoneInfo(kaoji.settings.zone)).date()

    answer = client.get(f"/receipts/{day}?source=/gx/licensing", headers=bearer(LICENSING_TOKEN)).json()
    assert [(each["source"], each["sent"], each["recorded"]) for each in answer["sources"]] == [
        ("/gx/licensing", 1, 1)
    ]
    records = client.get(f"/receipts/{day}/records?source=%2Fgx%2Flicensing", headers=bearer(LICENSING_TOKEN))
    assert [each["id"] for each in records.json()["records"]] == [OWN["id"]]
    assert client.get(f"/receipts/{day}?source=/gx/archive/1999", headers=bearer(LICENSING_TOKEN)).is_success


@pytest.mark.parametrize(
    "path",
    [
        "/receipts/2026-02-25",
        "/receipts/2026-02-25?source=/gx/bureau",
        "/receipts/2026-02-25?source=/gx/licensing&source=/gx/bureau",
        "/receipts/2026-02-25/records?source=",
        "/quarantine?source=/gx/licensing",
        "/gaps?source=/gx/licensing",
        "/receipts/../actions?source=/gx/licensing",
    ],
)
def test_sender_reads_nothing_of_others(serve: Callable[..., TestClient], file: SendersFile, path: str) -> None:
    client = serve(file, token=READER, base="http://kaoji.example")
    assert "opens nothing else" in detail(client.get(path, headers=bearer(LICENSING_TOKEN)), 403)


def test_settings_name_the_file_of_senders(kaoji: Kaoji, file: SendersFile) -> None:
    kaoji.settings = replace(kaoji.settings, senders=file.path)
    with TestClient(create_app(kaoji), base_url=LOCAL) as client:
        assert "Senders are bound here" in detail(send(client, OWN), 401)


def test_page_of_another_site_cannot_use_a_token(client: TestClient, kaoji: Kaoji) -> None:
    answer = send(client, OWN, origin="https://evil.example", **bearer(LICENSING_TOKEN))
    assert "another site" in detail(answer, 403)
    assert untouched(kaoji)


# --- signatures


def signed(
    file: SendersFile,
    body: bytes,
    *,
    key: str = "licensing-1",
    content_type: str = STRUCTURED,
    covered: tuple[str, ...] = ("@method", "@path", "content-type"),
    created: datetime | None = None,
    path: str = "/actions",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a signed request."""
    message = Message("POST", f"{LOCAL}{path}", {"content-type": content_type, **(headers or {})})
    hmac = key.startswith("bureau")
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.HMAC_SHA256 if hmac else algorithms.ED25519,
        key_resolver=MappingKeyResolver(
            public_keys={}, private_keys={key: HMAC_SECRET if hmac else file.private_pem}
        ),
    )
    signer.sign(message, key_id=key, covered_component_ids=covered, created=created, body=body)
    return message.headers


def post_signed(client: TestClient, body: bytes, headers: Mapping[str, str], path: str = "/actions") -> Response:
    return client.post(path, content=body, headers=headers)


BODY = json.dumps(OWN).encode()
OTHER_BODY = json.dumps({**OWN, "id": "another"}).encode()


@pytest.mark.parametrize(("key", "status"), [("licensing-1", 201), ("bureau-1", 422)])
def test_signature_names_the_sender(client: TestClient, file: SendersFile, key: str, status: int) -> None:
    assert post_signed(client, BODY, signed(file, BODY, key=key)).status_code == status


def test_signed_request_taken_twice_counts_once(client: TestClient, file: SendersFile, kaoji: Kaoji) -> None:
    headers = signed(file, BODY)
    assert [post_signed(client, BODY, headers).status_code for _ in range(2)] == [201, 200]
    assert kaoji.ledger.head().position == 1


def test_body_other_than_the_signed_one_is_refused(client: TestClient, file: SendersFile, kaoji: Kaoji) -> None:
    answer = post_signed(client, OTHER_BODY, signed(file, BODY))
    assert "The signature does not hold: Content-Digest" in detail(answer, 401)
    assert untouched(kaoji)


@pytest.mark.parametrize("age", [timedelta(seconds=400), timedelta(seconds=-60)])
def test_signature_of_another_time_is_refused(
    client: TestClient, file: SendersFile, kaoji: Kaoji, age: timedelta
) -> None:
    headers = signed(file, BODY, created=datetime.now(UTC) - age)
    assert "The signature does not hold" in detail(post_signed(client, BODY, headers), 401)
    assert untouched(kaoji)


@pytest.mark.parametrize(
    "covered", [("@method",), ("@path",), ("@method", "@path"), ("@path", "content-type"), ("content-type",)]
)
def test_all_that_counts_must_be_signed(
    client: TestClient, file: SendersFile, kaoji: Kaoji, covered: tuple[str, ...]
) -> None:
    answer = post_signed(client, BODY, signed(file, BODY, covered=covered))
    assert "was not covered by the signature" in detail(answer, 401)
    assert untouched(kaoji)


def test_attributes_in_headers_must_be_signed(client: TestClient, file: SendersFile, kaoji: Kaoji) -> None:
    attributes = {f"ce-{name}": str(value) for name, value in OWN.items() if name != "data"}
    attributes["ce-id"] = "binary-1"
    covered = ("@method", "@path", "content-type", *attributes)
    unsigned = signed(file, b"{}", content_type="application/json", headers=attributes)
    whole = signed(file, b"{}", content_type="application/json", headers=attributes, covered=covered)

    assert "ce-id" in detail(post_signed(client, b"{}", unsigned), 401)
    assert untouched(kaoji)
    detail(post_signed(client, b"{}", {**whole, "ce-id": "binary-2"}), 401)
    detail(post_signed(client, b"{}", {**whole, "ce-sequence": "5"}), 401)
    assert untouched(kaoji)
    assert post_signed(client, b"{}", whole).status_code == 201


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", "pyhms=:AAAA:"),
        ("signature", "x"),
        ("signature", ""),
        ("signature-input", "x"),
        ("signature-input", ""),
        ("signature-input", 'pyhms=("@method");keyid="nobody";created=1'),
        ("signature-input", 'pyhms=("@method");created=1'),
        ("signature-input", 'a=("@method");keyid="licensing-1", b=("@method");keyid="licensing-1"'),
        ("content-type", "application/json"),
    ],
)
def test_signature_that_is_none_is_refused(
    client: TestClient, file: SendersFile, kaoji: Kaoji, name: str, value: str
) -> None:
    assert post_signed(client, BODY, {**signed(file, BODY), name: value}).status_code == 401
    assert untouched(kaoji)


def test_key_of_one_algorithm_does_not_serve_another(client: TestClient, file: SendersFile, kaoji: Kaoji) -> None:
    """The public key is public: it must not do as a secret."""
    public = (file.path.parent / "licensing.pem").read_bytes().strip()
    message = Message("POST", f"{LOCAL}/actions", {"content-type": STRUCTURED})
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.HMAC_SHA256,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={"licensing-1": public}),
    )
    for include in (True, False):
        signer.sign(
            message, key_id="licensing-1", include_alg=include, body=BODY, use_existing_digest=not include,
            covered_component_ids=("@method", "@path", "content-type", "content-digest"),
        )  # fmt: skip
        detail(post_signed(client, BODY, message.headers), 401)
    assert untouched(kaoji)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_header_makes_the_check_stumble(client: TestClient, file: SendersFile, data: st.DataObject) -> None:
    headers = signed(file, BODY)
    name = data.draw(st.sampled_from(["signature", "signature-input", "content-digest"]))
    text = headers.get(name, "") or headers[{"content-digest": "Content-Digest"}.get(name, name.title())]
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 8)))
    put = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6))
    changed = {key: value for key, value in headers.items() if key.lower() != name}
    changed[name] = text[:at] + put + text[until:]
    assert post_signed(client, BODY, changed).status_code in (200, 201, 401)


# --- rates


def test_sender_that_is_too_fast_waits(serve: Callable[..., TestClient], kaoji: Kaoji, tmp_path: Path) -> None:
    client = serve(write_senders(tmp_path / "slow", rate=2))
    batch = [{**OWN, "id": str(number)} for number in range(31)]
    assert send(client, batch, BATCH, **bearer(LICENSING_TOKEN)).json()["recorded"] == 31
    answer = send(client, OWN, **bearer(LICENSING_TOKEN))
    assert "Sender licensing may send 2 records a second" in detail(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 6
    assert kaoji.ledger.head().position == 31
    # Others are not held up.
    assert send(client, FOREIGN, **bearer(BUREAU_TOKEN)).status_code == 201


def test_address_that_is_too_fast_waits_where_no_senders_are_bound(kaoji: Kaoji) -> None:
    kaoji.settings = replace(kaoji.settings, rate=1)
    with TestClient(create_app(kaoji), base_url=LOCAL, client=("127.0.0.1", 50_000)) as client:
        batch = [{**OWN, "id": str(number)} for number in range(15)]
        assert send(client, batch, BATCH).json()["recorded"] == 15
        assert "127.0.0.1 may send 1 records" in detail(send(client, OWN), 429)
        assert client.get("/status").status_code == 200


def test_request_without_records_is_not_free() -> None:
    rates = Rates(monotonic=lambda: 0.0)
    for _ in range(10):
        rates.spend("a", 1, 0)
    with pytest.raises(TooFastError):
        rates.check("a", 1)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=60))
def test_nobody_sends_faster_than_the_rate(requests: list[tuple[int, int]]) -> None:
    """However requests are spread: within the rate and one burst, but for the last request let in."""
    now, taken, last = 0.0, 0, 0
    rates = Rates(monotonic=lambda: now)
    for wait, records in requests:
        now += wait / 10
        try:
            rates.check("a", 3)
        except TooFastError:
            continue
        rates.spend("a", 3, records)
        taken, last = taken + max(1, records), max(1, records)
        assert taken - last < 3 * now + 30


def test_callers_are_forgotten_when_there_are_too_many() -> None:
    rates = Rates(monotonic=time.monotonic)
    for number in range(CALLERS_MAX + 5):
        rates.spend(str(number), 1, 1)
    assert len(rates._balances) == CALLERS_MAX
