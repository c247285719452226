"""Actions without end for long runs: a simulated year again and again, each action numbered and sent once.

Run as a program it sends some of them, as a sending system would: python -m benchmarks.traffic BOOTSTRAP TOPIC
SIZE FIRST COUNT RATE TIMES.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from api.bootstrap import system_clock
from benchmarks.given import lines
from consumers.kafka_topics import publish
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError

SIZE_MAX: Final = 100_000
AT_ONCE: Final = 50
"""So many are sent without a look at the clock."""
_ROUND: Final = b"@round@"


class Traffic:
    """The same actions for everybody who asks with the same size.

    What is broken in the simulation, or sent twice, is left out. From the second time on the organisation is left
    out, cases bear another number, and references mean the actions of the same time.
    """

    def __init__(self, size: int) -> None:
        events = _valid(lines(min(size, SIZE_MAX)))
        events.sort(key=lambda event: not _is_organisation(event))
        numbers = {(event["source"], event["id"]): number for number, event in enumerate(events)}
        self._lines = [_template(event, numbers) for event in events]
        self._organisation = sum(map(_is_organisation, events))
        self._again = len(events) - self._organisation

    def lines(self, *, first: int, count: int) -> Iterator[bytes]:
        """The actions with the numbers from `first` on."""
        for number in range(first, first + count):
            again = max(0, number - self._organisation) // self._again
            yield self._lines[number - again * self._again].replace(_ROUND, b"%d" % again)

    def number(self, facts: bytes) -> int:
        """Which one this is, from its stored facts."""
        place, _, again = _identified(facts).id.partition("-")
        return int(place) + int(again) * self._again


class _Identified(msgspec.Struct):
    id: str


_identified: Final = msgspec.json.Decoder(_Identified).decode


def _valid(sent: tuple[bytes, ...]) -> list[dict[str, Any]]:
    found: dict[object, dict[str, Any]] = {}
    now = system_clock()
    for line in sent:
        try:
            action = check_action(line, now=now)
        except RefusedError:
            continue
        found.setdefault(action.key, json.loads(line))
    return list(found.values())


def _is_organisation(event: dict[str, Any]) -> bool:
    return str(event["type"]).startswith(("staff.", "unit."))


def _template(event: dict[str, Any], numbers: dict[tuple[str, str], int]) -> bytes:
    mark = _ROUND.decode()
    of = event.get("data", {}).get("of", {})
    if "case" in of:
        of["case"] += f"/{mark}"
    elif of:
        of["id"] = f"{numbers.get((of['source'], of['id']), 'nowhere')}-{mark}"
    if not _is_organisation(event):
        event["subject"] += f"/{mark}"
    own = numbers[event["source"], event["id"]]
    return msgspec.json.encode(event | {"id": f"{own}-{mark}"})


def send(bootstrap: str, topic: str, times: Path, *, size: int, first: int, count: int, rate: int) -> None:
    """Send them, so many a second, or as fast as can be where `rate` is 0; keep when each AT_ONCE were sent."""
    made = Traffic(size).lines(first=first, count=count)
    sent_at = np.empty(-(-count // AT_ONCE))
    started = time.monotonic()

    def steadily() -> Iterator[bytes]:
        for number, line in enumerate(made):
            if number % AT_ONCE == 0:
                if rate:
                    time.sleep(max(0.0, started + number / rate - time.monotonic()))
                sent_at[number // AT_ONCE] = time.time()
            yield line

    publish(bootstrap, topic, steadily())
    np.save(times, sent_at)


if __name__ == "__main__":
    size, first, count, rate = map(int, sys.argv[3:7])
    send(sys.argv[1], sys.argv[2], Path(sys.argv[7]), size=size, first=first, count=count, rate=rate)
