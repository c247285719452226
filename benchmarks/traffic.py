"""Actions without end for long runs: a simulated year again and again, each action numbered and sent once.

Run as a program it sends some of them, as a sending system would, and prints how many: python -m
benchmarks.traffic BOOTSTRAP TOPIC SIZE FIRST COUNT RATE SECONDS TIMES.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from kafka.partitioner import Partitioner
from numpy.typing import NDArray

from api.bootstrap import system_clock
from benchmarks.given import lines
from consumers.kafka_topics import publish
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.garbage import collector_off

SIZE_MAX: Final = 100_000
AT_ONCE: Final = 50
"""So many are sent without a look at the clock."""
_ROUND: Final = b"@round@"


class Traffic:
    """The same actions for everybody who asks with the same size.

    What is broken in the simulation, or sent twice, is left out. From the second time on the organisation is left
    out, cases bear another number, and references mean the actions of the same time. Ids rise from first to last,
    as those of systems that number what they send.
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
        again, _, place = _identified(facts).id.partition("-")
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
        meant = numbers.get((of["source"], of["id"]))
        of["id"] = "nowhere" if meant is None else _id(meant)
    if not _is_organisation(event):
        event["subject"] += f"/{mark}"
    own = numbers[event["source"], event["id"]]
    return msgspec.json.encode(event | {"id": _id(own)})


def _id(number: int) -> str:
    return f"{_ROUND.decode()}-{number:0{len(str(SIZE_MAX))}}"


class Sending:
    """Actions at a steady rate, and when they went: so many a second, or as fast as can be where `rate` is 0.

    Ends after `count` of them, or after so many seconds where these are not 0: whoever sends shares the machine
    with others, and may not come to the rate.
    """

    def __init__(
        self,
        made: Iterable[bytes],
        *,
        count: int,
        rate: int,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._made, self._rate, self._seconds = made, rate, seconds
        self._monotonic, self._sleep = monotonic, sleep
        self._times = np.empty(-(-count // AT_ONCE))
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        started = self._monotonic()
        for line in self._made:
            if self.sent % AT_ONCE == 0:
                if self._rate:
                    self._sleep(max(0.0, started + self.sent / self._rate - self._monotonic()))
                if self._seconds and self._monotonic() - started >= self._seconds:
                    return
                self._times[self.sent // AT_ONCE] = time.time()
            self.sent += 1
            yield line

    @property
    def times(self) -> NDArray[np.float64]:
        """When each AT_ONCE of them were sent: seconds since 1970."""
        return self._times[: -(-self.sent // AT_ONCE)]


class _ByCase(Partitioner):  # type: ignore[misc]  # the client has no types
    """All actions of a case go to one partition, as they do with the client's own, which hashes byte by byte."""

    def partition(self, topic: str, key: bytes, *told: Any) -> int:
        """Which one; what is told last are the partitions that there are."""
        return zlib.crc32(key) % len(told[-1].partitions_for_topic(topic))


def send(
    bootstrap: str, topic: str, times: Path, *, size: int, first: int, count: int, rate: int, seconds: float
) -> int:
    """Send them as `Sending` says; keep when each AT_ONCE were sent. Returns how many Kafka has acknowledged."""
    sending = Sending(Traffic(size).lines(first=first, count=count), count=count, rate=rate, seconds=seconds)
    with collector_off():
        sent = publish(bootstrap, topic, sending, config=CHEAPLY)
    np.save(times, sending.times)
    return sent


CHEAPLY: Final[Mapping[str, Any]] = {"compression_type": "lz4", "partitioner": _ByCase()}
"""The sender shares two cores with what is measured: gzip and hashing byte by byte took a third of its time."""


if __name__ == "__main__":
    size, first, count, rate = map(int, sys.argv[3:7])
    seconds, times = float(sys.argv[7]), Path(sys.argv[8])
    print(send(sys.argv[1], sys.argv[2], times, size=size, first=first, count=count, rate=rate, seconds=seconds))
