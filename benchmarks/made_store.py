"""Write a made-up history into a store on disk as if its actions had been recorded and projected.

The views are filled as the projections would fill them. The ledger itself holds only the adopted register and
policy: scoring reads no other event of it, and a true ledger of ten million actions is four gigabytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from api.bootstrap import Kaoji, opened, system_clock
from api.rules.adoption import adopt
from api.settings import Settings
from benchmarks.courses import register_toml
from benchmarks.made_policy import policy_toml
from benchmarks.synthetic import World, world
from benchmarks.synthetic_history import staff_words, unit_words
from domain.actions.actions import check_action
from projections.changes import write_changes
from projections.driver import Projection
from projections.history.columns import History
from projections.history.parts import SEGMENT_ROWS_MAX, appended
from projections.history.rows import ROW_COLUMNS
from projections.history.segments import SCHEMAS
from projections.store import DIRECTORY

_NOWHERE: Final = "nowhere"


def settings_in(folder: Path) -> Settings:
    """Settings of a store in that folder."""
    return Settings(f"sqlite:///{folder / 'kaoji.db'}", folder / "keys.db", "en", "Asia/Shanghai", None)


def write_store(folder: Path, history: History, *, upto: int | None = None) -> None:
    """A store that holds the history, or its first actions, after the adoption of its register and policy."""
    register, policy = folder / "register.toml", folder / "policy.toml"
    register.write_text(register_toml(), encoding="utf-8")
    policy.write_text(policy_toml(), encoding="utf-8")
    with opened(settings_in(folder)) as kaoji:
        adopt(kaoji, "register", str(register), by="S00000")
        adopt(kaoji, "policy", str(policy), by="S00000")
        adopted = kaoji.driver.catch_up()
        free = np.setdiff1d(np.arange(1, history.position + 1), history.links["target"]) + adopted
        # At positions of actions that no other means: who looks up what was said of them later must find nothing.
        _write_directory(kaoji, zip(free.tolist(), _organisation_lines(world(history.position)), strict=False))
    grow_store(folder, history, 0, upto or history.position)


def grow_store(folder: Path, history: History, begin: int, end: int) -> None:
    """Add the actions of the history from `begin` to `end` to a store that holds those before."""
    with opened(settings_in(folder), create=False) as kaoji:
        head = kaoji.ledger.head().position
        _write_rows(kaoji, history, begin, end, head - begin)
    with sqlite3.connect(folder / "kaoji.db") as ledger:
        ledger.execute(
            "INSERT INTO ledger_batches (first_position, last_position, recorded_at) VALUES (?, ?, ?)",
            (head + 1, head + end - begin, system_clock()),
        )


def write_views(kaoji: Kaoji, history: History, organisation: Iterable[bytes], *, after: int) -> None:
    """The views as if the history's actions had been recorded `after` a position, the first ones of them being
    those that made the organisation."""
    _write_directory(kaoji, enumerate(organisation, after + 1))
    _write_rows(kaoji, history, 0, history.position, after)


def _write_rows(kaoji: Kaoji, history: History, begin: int, end: int, after: int) -> None:
    """The rows `begin` to `end` at the positions behind `after`, and the checkpoints of all views behind them."""
    for first in range(begin, end, SEGMENT_ROWS_MAX):
        _write_segment(kaoji, history, first, min(first + SEGMENT_ROWS_MAX, end), after)
    for projection in kaoji.driver.projections.values():
        _advance(kaoji, projection, after + end)


def _write_segment(kaoji: Kaoji, history: History, begin: int, end: int, adopted: int) -> None:
    """The rows `begin` to `end` with all that is known since."""
    parts: dict[str, Any] = {
        "rows": {name: history.rows[name][begin:end] for name in ROW_COLUMNS},
        "ids": history.ids.take(np.arange(begin, end)),
        "shares": _between(history.shares, "position", begin, end, adopted),
        "links": _between(history.links, "known_at", begin, end, adopted),
        "amended": _between(history.amended, "known_at", begin, end, adopted),
        "amended_shares": _between(history.amended_shares, "known_at", begin, end, adopted),
        "references": _references(history, begin, end, adopted),
        "subjects": _new_subjects(history, begin, end),
    }
    if begin == 0:
        words = [
            (name, code, word)
            for name, known in sorted(history.words.items())
            if name != "subject"
            for code, word in enumerate(known.words)
        ]
        parts["words"] = dict(zip(SCHEMAS["words"].names, zip(*words, strict=True), strict=True))
    with kaoji.views.transaction() as connection:
        build = kaoji.views.live(connection, "history")
        write_changes(
            kaoji.views, connection, build, appended(kaoji.views, connection, build, parts, rows=end - begin)
        )
        kaoji.views.advance(connection, build, adopted + end)


def _between(part: Any, key: str, begin: int, end: int, adopted: int) -> dict[str, NDArray[Any]]:
    """What became known at the positions after `begin` up to `end`, as positions of the store."""
    chosen = (part[key] > begin) & (part[key] <= end)
    return {
        name: column[chosen] + adopted if name in ("position", "known_at", "target") else column[chosen]
        for name, column in part.items()
    }


def _references(history: History, begin: int, end: int, adopted: int) -> dict[str, Any]:
    """References with the ids of what they mean; those that wait mean what never comes."""
    chosen = np.flatnonzero((history.references["position"] > begin) & (history.references["position"] <= end))
    position = history.references["position"][chosen]
    link = np.searchsorted(np.sort(history.links["position"]), position)
    order = np.argsort(history.links["position"], kind="stable")
    found = order[np.minimum(link, order.size - 1)] if order.size else np.zeros(chosen.size, np.int64)
    known = history.links["position"][found] == position if order.size else np.zeros(chosen.size, np.bool_)
    target = np.where(known, history.links["target"][found], 1) - 1
    ids = history.ids.take(target)["id"].to_pylist()
    sources = history.words_of("source")
    return {
        "position": position + adopted,
        "kind": history.references["kind"][chosen],
        "source": [sources[code] for code in history.rows["source"][target].tolist()],
        "id": [text if stands else _NOWHERE for text, stands in zip(ids, known.tolist(), strict=True)],
    }


def _new_subjects(history: History, begin: int, end: int) -> dict[str, Any]:
    """Words come with about as many rows as use them."""
    words = history.words_of("subject")
    first, last = (len(words) * at // history.position for at in (begin, end))
    return {"code": np.arange(first, last), "word": words[first:last]}


def _write_directory(kaoji: Kaoji, organisation: Iterable[tuple[int, bytes]]) -> None:
    """Units and staff by position."""
    rows: list[dict[str, object]] = []
    now = system_clock()
    for position, line in organisation:
        action = check_action(line, now=now)
        rows.append(
            {
                "position": position,
                "type": action.type,
                "subject": action.subject,
                "occurred_at": action.occurred_at,
                "facts": action.facts,
            }
        )
    with kaoji.views.transaction() as connection:
        build = kaoji.views.live(connection, "directory")
        kaoji.views.add(connection, DIRECTORY, build, rows)


def _organisation_lines(size: World) -> Iterator[bytes]:
    """Units opened, in a tree three deep, and staff joined, as they would have been sent."""
    units, staff = unit_words(size), staff_words(size)
    above = size.units // 40 + 1
    for number, unit in enumerate(units):
        parent = None if number == 0 else units[0] if number < above else units[number % above]
        yield _line(number, "unit.opened", unit, {"parent": parent} if parent else {})
    for number, person in enumerate(staff):
        unit = units[above + number % (size.units - above)]
        yield _line(size.units + number, "staff.joined", person, {"unit": unit})


def _line(number: int, kind: str, subject: str, data: dict[str, Any]) -> bytes:
    minute, second = divmod(number, 60)
    hour, minute = divmod(minute, 60)
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"organisation-{number}",
            "source": "/made-up/organisation",
            "type": kind,
            "subject": subject,
            "time": f"2018-12-02T{hour:02}:{minute:02}:{second:02}Z",
            "data": data,
        }
    ).encode()


def _advance(kaoji: Kaoji, projection: Projection, position: int) -> None:
    """The checkpoint of a view for which nothing more is to do."""
    with kaoji.views.transaction() as connection:
        build = kaoji.views.live(connection, projection.name)
        if build.position < position:
            kaoji.views.advance(connection, build, position)
