"""Decode and check a record, beside what only decodes."""

from __future__ import annotations

import json

import msgspec
from pydantic_core import from_json

from api.bootstrap import system_clock
from benchmarks.given import lines
from benchmarks.measuring import Figures, by_turns
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError


def decode(actions: int) -> Figures:
    """From the bytes of a record to a checked action; peers decode the JSON and check nothing."""
    now, good = system_clock(), []
    for line in lines(actions):
        try:
            checked = check_action(line, now=now)
        except RefusedError:
            continue
        assert checked.data == json.loads(line).get("data", {}), "the same data, whoever decodes"
        good.append(line)
    return by_turns(
        {
            "check_action": lambda: [check_action(line, now=now) for line in good],
            "pydantic_core.from_json": lambda: [from_json(line) for line in good],
            "msgspec.json.decode": lambda: [msgspec.json.decode(line) for line in good],
            "json.loads": lambda: [json.loads(line) for line in good],
        },
        items=len(good),
    )
