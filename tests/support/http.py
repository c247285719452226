"""Short words for HTTP tests: how actions are sent, and how a problem looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

LOCAL = "http://127.0.0.1:8000"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

Event = Mapping[str, Any]


def post(client: TestClient, event: Event | bytes, content_type: str = STRUCTURED, **headers: str) -> Response:
    """Send one structured event, or these bytes as they are."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return client.post("/actions", content=body, headers={"content-type": content_type, **headers})


def post_batch(client: TestClient, events: Sequence[object]) -> Response:
    """Send a batch."""
    return post(client, json.dumps(events).encode(), BATCH)


def post_binary(client: TestClient, event: Event, **headers: str) -> Response:
    """Send an event in binary mode."""
    attributes = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    body = json.dumps(event["data"]).encode()
    return client.post(
        "/actions", content=body, headers={"content-type": "application/json", **attributes, **headers}
    )


def detail(response: Response, status: int) -> str:
    """The sentence of a problem with this status; the response must be one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content = response.json()
    assert content["status"] == status
    assert content["type"] == "about:blank"
    assert content["title"]
    return str(content["detail"])
