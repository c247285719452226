"""What senders send in a campaign: a simulated administration with repeats, conflicts, poison, out of order."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from api.demo.simulation import STAFF_MIN, Simulation, actions_min

_GOOD = ("recorded", "duplicate", "conflict")
_NOTE_EVERY = 8
YEAR = 2011


class Meaning(NamedTuple):
    """What a good line says: who sent which action, and its content, however it was written."""

    source: str
    id: str
    content: str


class Traffic:
    """Lines to send, drawn from a seed; `meanings` knows every line that was handed out (None: poison)."""

    def __init__(self, seed: int, *, actions: int) -> None:
        self.meanings: dict[bytes, Meaning | None] = {}
        self._chance = random.Random(f"traffic {seed}")
        self._lines = _years(seed, actions=max(actions, actions_min(STAFF_MIN, published=False)))
        self._good: list[bytes] = []
        self._late: list[bytes] = []
        self._poison = 0

    def chunk(self, number: int) -> list[bytes]:
        """The next `number` new lines, with what comes between them, in the order in which they are sent."""
        lines: list[bytes] = []
        for _ in range(number):
            line, fate = next(self._lines)
            good = fate in _GOOD
            self.meanings[line] = meaning_of(line) if good else None
            (self._late if self._chance.random() < 0.1 else lines).append(line)
            if good:
                self._good.append(line)
            lines.extend(self._between())
        back = [line for line in self._late if self._chance.random() < 0.3]
        self._late = [line for line in self._late if line not in set(back)]
        lines += back
        self._chance.shuffle(lines)
        return lines

    def rest(self) -> list[bytes]:
        """What was held back."""
        late, self._late = self._late, []
        return late

    def _between(self) -> Iterator[bytes]:
        """Now and then a repeat, a repeat written another way, a conflict, or poison."""
        dice = self._chance.random()
        if dice < 0.05 and self._good:
            yield self._chance.choice(self._good)
        elif dice < 0.07 and self._good:
            yield self._known(json.dumps(dict(reversed(_event(self._chance.choice(self._good)).items()))).encode())
        elif dice < 0.09 and self._good:
            event = _event(self._chance.choice(self._good))
            event["data"] = {**event.get("data", {}), "reason": f"changed {self._chance.randrange(1000)}"}
            yield self._known(json.dumps(event).encode())
        elif dice < 0.12:
            self._poison += 1
            line = self._chance.choice(_POISON) % self._poison
            self.meanings[line] = None
            yield line

    def _known(self, line: bytes) -> bytes:
        self.meanings[line] = meaning_of(line)
        return line


def _years(seed: int, *, actions: int) -> Iterator[tuple[bytes, str]]:
    """One simulated year after the other, line by line, each with its fate."""
    for year in count(YEAR):
        simulation = Simulation(seed=seed, staff=STAFF_MIN, actions=actions, year=year, published=False)
        for letter in simulation.letters():
            yield _noted(letter.line) if letter.fate in _GOOD else letter.line, letter.fate


def meaning_of(line: bytes) -> Meaning:
    """Read with nothing of the product."""
    event = _event(line)
    return Meaning(event["source"], event["id"], json.dumps(event, sort_keys=True))


def _event(line: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line)
    return event


def _noted(line: bytes) -> bytes:
    """Every so often an action bears a text, which is sealed."""
    event = _event(line)
    if zlib.crc32(f"{event['source']} {event['id']}".encode()) % _NOTE_EVERY:
        return line
    event["data"] = {**event.get("data", {}), "note": f"Note on {event['id']}: 须核对"}
    return json.dumps(event, ensure_ascii=False).encode()


_ENVELOPE = b'{"specversion": "1.0", "id": "p-%d", "source": "/licensing", "subject": "x", '
_POISON = (
    b"garbage %d",
    b'{"broken": %d',
    b"\xff\xfe %d",
    _ENVELOPE + b'"type": "licensing.unheard-of"}',
    _ENVELOPE + b'"type": "licensing.received"}',
    _ENVELOPE + b'"type": "service.rated", "time": "2011-05-04T09:00:00+08:00", "data": {"rating": "5"}}',
    _ENVELOPE + b'"type": "licensing.received\\u0000", "time": "2011-05-04T09:00:00+08:00"}',
)
