"""Operate on views: how they stand, pause and resume them, rebuild them, have them leave out an event."""

from __future__ import annotations

from typing import Any

from api.bootstrap import Kaoji
from domain.errors import UnknownNameError, WrongInputError
from projections.integrity import IntegrityProjection
from projections.recorded_actions import instant_text
from projections.store import Pause, Skip

REASON_CHARACTERS_MAX = 500


class ViewOrderError(WrongInputError):
    """Something that cannot be ordered of a view as it stands."""


def views_listed(kaoji: Kaoji) -> list[dict[str, Any]]:
    """What `kaoji projection list` prints, by name."""
    head = kaoji.ledger.head().position
    with kaoji.views.reading() as connection:
        pauses, skips = kaoji.views.pauses(connection), kaoji.views.skips(connection)
        found = []
        for name in sorted(kaoji.driver.projections):
            live = kaoji.views.find_live(connection, name)
            rebuild = kaoji.views.rebuild_under_way(connection, name)
            position = 0 if live is None else live.position
            found.append(
                {
                    "name": name,
                    "position": position,
                    "lag": max(0, head - position),
                    "paused": pause_json(pauses[name]) if name in pauses else None,
                    "rebuild": None if rebuild is None else {"position": rebuild.position},
                    "skipped": [skip_json(each) for each in skips if each.projection == name],
                }
            )
    return found


def skip_json(skip: Skip) -> dict[str, Any]:
    """A position that a view leaves out, as commands print it."""
    return {
        "view": skip.projection,
        "position": skip.position,
        "reason": skip.reason,
        "skipped_at": instant_text(skip.skipped_at),
    }


def pause_view(kaoji: Kaoji, name: str, *, reason: str) -> None:
    """Have a view stand still, in whichever process it is carried, until it is resumed."""
    check_view(kaoji, name)
    if name == IntegrityProjection.name:
        raise ViewOrderError("The view integrity proves the ledger as it grows: it is not paused.")
    with kaoji.views.transaction() as connection:
        kaoji.views.live(connection, name, format=kaoji.driver.projections[name].format)
        kaoji.views.pause(connection, name, Pause(_reason(reason), kaoji.clock()))


def resume_view(kaoji: Kaoji, name: str) -> None:
    """Let a view be carried on. Raises ViewOrderError when it is not paused."""
    check_view(kaoji, name)
    with kaoji.views.transaction() as connection:
        if name not in kaoji.views.pauses(connection):
            raise ViewOrderError(f"The view {name} is not paused. See `kaoji projection list`.")
        kaoji.views.resume(connection, name)


def skip_event(kaoji: Kaoji, name: str, position: int, *, reason: str) -> dict[str, Any]:
    """Have a view leave out an event that it cannot take in, now and in every rebuild.

    The event itself stays in the ledger, and in every other view. Raises ViewOrderError for one that is in the
    view already, or not yet in the ledger, and for the view that proves the ledger.
    """
    check_view(kaoji, name)
    if name == IntegrityProjection.name:
        raise ViewOrderError("The view integrity keeps a leaf of every position: it leaves out none.")
    head = kaoji.ledger.head().position
    if not 0 < position <= head:
        raise ViewOrderError(f"There is no position {position}: the ledger ends at {head}.")
    skip = Skip(name, position, _reason(reason), kaoji.clock())
    with kaoji.views.transaction() as connection:
        wanted = kaoji.driver.projections[name].format
        live = kaoji.views.hold(connection, kaoji.views.live(connection, name, format=wanted))
        if live.position >= position:
            raise ViewOrderError(
                f"Position {position} is in the view {name} already, which stands at {live.position}. An event "
                "can be left out only by a view that has not come to it."
            )
        kaoji.views.skip(connection, skip)
        # A rebuild that was given up may have it already.
        rebuild = kaoji.views.rebuild_under_way(connection, name)
        if rebuild is not None and kaoji.views.hold(connection, rebuild).position >= position:
            kaoji.views.drop_build(connection, rebuild)
    return skip_json(skip)


def check_view(kaoji: Kaoji, name: str) -> None:
    """Raises UnknownNameError."""
    if name not in kaoji.driver.projections:
        raise UnknownNameError("view", name, kaoji.driver.projections)


def pause_json(pause: Pause) -> dict[str, Any]:
    """Why a view stands still, and since when."""
    return {"reason": pause.reason, "paused_at": instant_text(pause.paused_at)}


def _reason(text: str) -> str:
    if not text.strip() or len(text) > REASON_CHARACTERS_MAX or "\0" in text:
        raise ViewOrderError(f"Give a reason of up to {REASON_CHARACTERS_MAX} characters with --reason.")
    return text.strip()
