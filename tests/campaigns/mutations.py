"""Records as nobody should send them: actions of a simulated administration, changed at random from a seed."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from api.demo.simulation import STAFF_MIN, Simulation, actions_min
from domain.actions.types import ACTION_TYPES

Event = dict[str, Any]

_RECENT_MAX: Final = 2_000
_ENVELOPE: Final = ("specversion", "id", "source", "type", "subject", "time", "data", "sequence", "dataschema")
_DATA: Final = (
    "procedure", "step", "unit", "owner", "actor", "participants", "supervisor", "basis", "evidence", "outcome",
    "due", "rating", "severity", "forum", "of", "target", "reason", "changes", "to_unit", "parent", "title",
    "post", "competence", "recorded_by", "note",
)  # fmt: skip
_TIMES: Final = (
    "2011-05-04T09:00:00+08:00", "2011-05-04T09:00:00Z", "2011-05-04T09:00:60Z", "2011-05-04t09:00:00z",
    "2011-05-04T09:00:00.1234567890123Z", "2011-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2011-05-04",
    "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59",
    "9999-12-31T23:59:59-23:59", "2011-05-04T24:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z",
    "2011-05-04T09:00:00", "99999-01-01T00:00:00Z", "２０１１-05-04T09:00:00Z", "",
)  # fmt: skip
_TEXTS: Final = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "é", "e\u0301", "𠮷", "行政许可", "\r\n",
    "\x1b[31m", "'; DROP TABLE stored_events; --", "%s%n", "../../etc/passwd", "A" * 300, "\u2028", "\x7f", "null",
    "NaN", "=1+1",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 5, 6, 1.0, 5.0, 0.1, -0.0, 1e308, 10**30, -(10**30), 2**63, 2**64,
    [], {}, [[]], [None], {"": None}, [1, "a", None], {"rating": 3}, {"changes": {"changes": {}}},
    {"source": "/licensing", "id": "x"}, {"source": 1, "id": None}, {"case": "x"}, [{"ref": "x", "sha256": "y"}],
    [{"staff": "a", "share": 0.5}], [{"staff": "a", "share": 1.5}], [{"staff": "a", "share": 1e-7}],
    [{"staff": "a", "share": 0.6}, {"staff": "a", "share": 0.6}], [{"share": 1}],
    {"time": "2011-05-04T09:00:00+08:00"}, float("inf"), float("nan"),
)  # fmt: skip


class Mutations:
    """Endless records; a good part is left whole, so that the ledger and its views have something to live on."""

    def __init__(self, seed: int) -> None:
        self._seed, self._chance = seed, random.Random(f"mutations {seed}")
        size = actions_min(STAFF_MIN, published=False)
        letters = Simulation(seed=seed, staff=STAFF_MIN, actions=size, published=False).letters()
        self._events = [json.loads(each.line) for each in letters if each.fate == "recorded"]
        self._recent: deque[bytes] = deque(maxlen=_RECENT_MAX)
        self._source = self._endless()

    def events(self) -> Iterator[Event]:
        """Actions as they are, each under an id and a subject of its own round."""
        return self._source

    def lines(self, number: int) -> list[bytes]:
        """So many mutated records, as bytes."""
        return [self.line() for _ in range(number)]

    def line(self) -> bytes:
        """One mutated record."""
        chance = self._chance
        dice = chance.random()
        if dice < 0.08 and self._recent:
            return chance.choice(self._recent)
        event = next(self._source)
        if dice < 0.12 and self._recent:
            # The same source and id with other content, where that can be read at all.
            event = {**event, **_identity(chance.choice(self._recent))}
        if dice < 0.72:
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                chance.choice(_OF_EVENTS)(event, chance)
        text = self._written(event)
        if dice > 0.88:
            text = chance.choice(_OF_BYTES)(text, chance)
        self._recent.append(text)
        return text

    def _endless(self) -> Iterator[Event]:
        for turn in count():
            for event in self._events:
                data = event.get("data")
                yield {
                    **event,
                    "id": f"{event['id']}-{self._seed}.{turn}",
                    "subject": f"{event['subject']}-{turn}",
                    **({"data": dict(data)} if data is not None else {}),
                }

    def _written(self, event: Event) -> bytes:
        as_ascii = self._chance.random() < 0.5
        return json.dumps(event, ensure_ascii=as_ascii).encode("utf-8", "surrogatepass")


def odd_text(chance: random.Random) -> str:
    """A text that is hard to keep."""
    return chance.choice((chance.choice(_TEXTS), chance.choice(_TIMES), "x" * chance.choice((1, 10, 1_000))))


def _identity(line: bytes) -> Event:
    try:
        event = json.loads(line)
        return {name: event[name] for name in ("source", "id", "subject")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _data_of(event: Event) -> Event:
    data = event.get("data")
    if not isinstance(data, dict):
        data = event["data"] = {}
    return data


# --- mutations of an event


def _without_member(event: Event, chance: random.Random) -> None:
    event.pop(chance.choice(_ENVELOPE), None)


def _without_datum(event: Event, chance: random.Random) -> None:
    _data_of(event).pop(chance.choice(_DATA), None)


def _odd_member(event: Event, chance: random.Random) -> None:
    event[chance.choice(_ENVELOPE)] = chance.choice((chance.choice(_VALUES), odd_text(chance)))


def _odd_datum(event: Event, chance: random.Random) -> None:
    _data_of(event)[chance.choice(_DATA)] = chance.choice((chance.choice(_VALUES), odd_text(chance)))


def _odd_time(event: Event, chance: random.Random) -> None:
    event["time"] = chance.choice(_TIMES)


def _other_type(event: Event, chance: random.Random) -> None:
    event["type"] = chance.choice(_TYPES)


def _extension(event: Event, chance: random.Random) -> None:
    event[odd_text(chance)] = chance.choice(_VALUES)


def _unknown_datum(event: Event, chance: random.Random) -> None:
    _data_of(event)[odd_text(chance)] = chance.choice(_VALUES)


def _numbered(event: Event, chance: random.Random) -> None:
    event["sequence"] = chance.choice(("1", "007", str(chance.randrange(10**9)), "9" * 400, "-1", "1.0", "٣"))


def _broken_text(event: Event, chance: random.Random) -> None:
    holder = chance.choice((event, _data_of(event)))
    names = sorted(name for name, value in holder.items() if isinstance(value, str))
    if names:
        name = chance.choice(names)
        at = chance.randrange(len(holder[name]) + 1)
        holder[name] = holder[name][:at] + chance.choice(_TEXTS) + holder[name][at:]


def _nested(event: Event, chance: random.Random) -> None:
    value: Any = None
    for _ in range(chance.choice((5, 30, 60, 100, 500))):
        value = chance.choice(([value], {"a": value}))
    _data_of(event)["nested"] = value


def _long(event: Event, chance: random.Random) -> None:
    dice = chance.random()
    # Over 1 MiB now and then: those are refused for their size.
    length = 1_100_000 if dice < 0.001 else 100_000 if dice < 0.01 else 5_000
    _data_of(event)["note"] = "长" * (length // 3)


def _meaning(event: Event, chance: random.Random) -> None:
    event["type"] = chance.choice(("record.corrected", "record.voided", "review.decided", "service.error-cleared"))
    of = {"source": event.get("source"), "id": f"{str(event.get('id'))[:14]}{chance.choice('0123456789')}"}
    changes = {chance.choice((*_DATA, "time", "id")): chance.choice((chance.choice(_VALUES), odd_text(chance)))}
    event["data"] = {"of": of, "reason": "x", "recorded_by": "y", "outcome": "revoked", "changes": changes}


_OF_EVENTS: Final[tuple[Callable[[Event, random.Random], None], ...]] = (
    _without_member, _without_datum, _odd_member, _odd_datum, _odd_datum, _odd_time, _other_type, _extension,
    _unknown_datum, _numbered, _broken_text, _broken_text, _nested, _long, _meaning,
)  # fmt: skip
_TYPES: Final = (*sorted(ACTION_TYPES), "licensing", "", "kaoji.Action.v1")


# --- mutations of its bytes


def _flipped(text: bytes, chance: random.Random) -> bytes:
    changed = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(1, len(text) + 1)]


def _inserted(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice((b"\0", b"\xff", b'"', b"\\", b"{", b",", b"\xc0\x80", b"\r", b"1e999"))
        + text[at:]
    )


def _twice(text: bytes, chance: random.Random) -> bytes:
    """A member that stands there twice."""
    member = chance.choice((b'"id":"twice",', b'"data":{},', b'"type":"licensing.granted",', b'"x":1,"x":2,'))
    return text[:1] + member + text[1:]


def _huge_number(text: bytes, chance: random.Random) -> bytes:
    number = chance.choice(
        (b"1e400", b"-1e400", b"1" * 5_000, b"0." + b"0" * 400 + b"1", b"01", b"+1", b"1.", b".5")
    )
    return text[:-1] + b',"number":' + number + b"}"


def _deep(text: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((100, 1_000, 20_000))
    return text[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


def _nothing_of_it(_: bytes, chance: random.Random) -> bytes:
    return chance.choice(
        (b"{}", b"[]", b"null", b"0", b'""', b"[{}]", b"{", b"\xef\xbb\xbf{}", b"x", bytes(range(1, 32)))
    )


_OF_BYTES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flipped, _flipped, _cut, _inserted, _inserted, _twice, _huge_number, _deep, _nothing_of_it,
)  # fmt: skip
