"""Whatever arrives in whatever batches, the ledger equals a plain dict filled one by one."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.ledger.records import Arrival
from tests.support.ledgers import LedgerMaker, arrival

# What an action says, apart from its id; equal contents are equal however they are written.
contents = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([None, "x", "y"]))
actions = st.tuples(st.integers(0, 12), contents, st.booleans())
refused = st.integers(0, 3)
steps = st.one_of(actions, actions, actions, refused)
batches = st.lists(st.tuples(st.booleans(), st.lists(steps, max_size=12)), max_size=8)
examples = count()


@given(batches)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_batching_of_any_arrivals_gives_what_one_by_one_gives(
    make_ledger: LedgerMaker, drawn: list[tuple[bool, list[Any]]]
) -> None:
    # One ledger serves all examples: each has a source of its own and begins at the head it finds.
    source = f"/example/{next(examples)}"
    ledger = make_ledger()
    before, open_before = ledger.head().position, ledger.counts()["quarantined"]
    model = Model(before)

    for reopened, batch in drawn:
        if reopened:
            make_ledger.close()
            ledger = make_ledger()
        expected = [model.expect(step) for step in batch]
        given_batch = [as_arrival(step, source) for step in batch]
        foretold = ledger.classify(given_batch)
        verdicts = ledger.append(given_batch)
        assert [(verdict.kind, verdict.position, verdict.code) for verdict in verdicts] == expected
        assert foretold == verdicts

    events = ledger.read(after=before, limit=1000)
    assert [event.position for event in events] == list(range(before + 1, before + 1 + len(model.recorded)))
    for (id, (position, content)), event in zip(model.recorded.items(), events, strict=True):
        facts = json.loads(event.facts)
        unsealed = ledger.unseal(position)
        assert (event.position, facts["id"], facts["data"]["unit"]) == (position, str(id), content[0])
        assert "note" not in facts["data"]
        assert (json.loads(unsealed)["data"]["note"] if unsealed else None) == content[1]
    opened = {code: number - open_before.get(code, 0) for code, number in ledger.counts()["quarantined"].items()}
    assert {code: number for code, number in opened.items() if number} == model.open_entries()
    make_ledger.close()


class Model:
    """The ledger as a dict from id to (position, content)."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.recorded: dict[int, tuple[int, Any]] = {}
        self.refused: set[tuple[str, Any]] = set()

    def expect(self, step: Any) -> tuple[str, int | None, str | None]:
        if isinstance(step, int):
            self.refused.add(("malformed-json", step))
            return "quarantined", None, "malformed-json"
        id, content, _ = step
        if id not in self.recorded:
            self.head += 1
            self.recorded[id] = (self.head, content)
            return "recorded", self.head, None
        position, first = self.recorded[id]
        if first == content:
            return "duplicate", position, None
        self.refused.add(("conflict", step))
        return "quarantined", None, "conflict"

    def open_entries(self) -> dict[str, int]:
        codes = [code for code, _ in self.refused]
        return {code: codes.count(code) for code in sorted(set(codes))}


def as_arrival(step: Any, source: str) -> Arrival:
    if isinstance(step, int):
        return arrival(b"{" * step + b"?", f"{source}:{step}")
    id, (unit, note), spaced = step
    data = {"unit": unit} if note is None else {"note": note, "unit": unit}
    event = {
        "specversion": "1.0", "id": str(id), "source": source, "type": "inspection.performed",
        "subject": f"case-{id % 3}", "time": "2023-05-04T09:00:00+08:00", "data": data,
    }  # fmt: skip
    text = json.dumps(event) if spaced else json.dumps(event, separators=(",", ":"))
    return arrival(text.encode(), f"{source}:{id}")
