"""Operate on views: how they stand, pause and resume them, have them leave out an event, and take that back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.bootstrap import Kaoji
from domain.errors import KaojiError, UnknownNameError, UnreachableError, WrongInputError
from domain.log_events import EVENT_SKIPPED, EVENT_UNSKIPPED
from projections.damage import PoisonEventError
from projections.driver import BATCH_MAX, Progress, no_progress
from projections.integrity import IntegrityProjection
from projections.recorded_actions import instant_text
from projections.store import Pause, Skip, Unskip

REASON_CHARACTERS_MAX = 500


class ViewOrderError(WrongInputError):
    """Something that cannot be ordered of a view as it stands."""


class StillSkippedError(KaojiError):
    """Positions that a view leaves out as before, though they were to be taken in again."""

    def __init__(self, name: str, positions: Sequence[int], why: str) -> None:
        listed = ", ".join(map(str, positions))
        super().__init__(f"{why} The view {name} is as it was: it still leaves out {listed}.")


def views_listed(kaoji: Kaoji) -> list[dict[str, Any]]:
    """What `kaoji projection list` prints, by name."""
    head = kaoji.ledger.head().position
    with kaoji.views.reading() as connection:
        pauses, skips = kaoji.views.pauses(connection), kaoji.views.skips(connection)
        unskips = kaoji.views.unskips(connection)
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
                    "unskipped": [unskip_json(each) for each in unskips if each.projection == name],
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


def unskip_json(unskip: Unskip) -> dict[str, Any]:
    """A position that a view had left out, and holds again, as commands print it."""
    return {
        "view": unskip.projection,
        "position": unskip.position,
        "reason": unskip.reason,
        "unskipped_at": instant_text(unskip.unskipped_at),
        "skip_reason": unskip.skip_reason,
        "skipped_at": instant_text(unskip.skipped_at),
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
    """Have a view leave out an event that it cannot take in, now and in every rebuild, until it is taken back.

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
    EVENT_SKIPPED.log(view=name, position=position, reason=skip.reason)
    return skip_json(skip)


def unskip_events(
    kaoji: Kaoji,
    name: str,
    positions: Sequence[int],
    *,
    reason: str,
    rate: int | None = None,
    batch_max: int = BATCH_MAX,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """Have a view take in again what it leaves out: it is built anew with that, and swapped in.

    The skips end in the swap: until then, and for ever where there is none, all is as it was. Raises
    ViewOrderError for a position that is not left out or that a paused view has not come to, StillSkippedError
    where it cannot be taken in.
    """
    check_view(kaoji, name)
    unskips = _unskips(kaoji, name, sorted(set(positions)), _reason(reason))
    wanted = [each.position for each in unskips]
    try:
        kaoji.driver.rebuild(name, rate=rate, batch_max=batch_max, unskips=unskips, progress=progress)
    except UnreachableError:
        raise
    except PoisonEventError as error:
        why = f"Position {error.position} cannot be taken in ({type(error.reason).__name__}: {error.reason})."
        raise StillSkippedError(name, wanted, why) from error
    except KaojiError as error:
        raise StillSkippedError(name, wanted, str(error)) from error
    if still := [each for each in wanted if each in skipped_positions(kaoji, name)]:
        raise StillSkippedError(name, still, "A pause, a skip or another rebuild came in between.")
    for each in unskips:
        EVENT_UNSKIPPED.log(view=name, position=each.position, reason=each.reason)
    return [unskip_json(each) for each in unskips]


def skipped_positions(kaoji: Kaoji, name: str) -> set[int]:
    """What a view leaves out."""
    with kaoji.views.reading() as connection:
        return {each.position for each in kaoji.views.skips(connection) if each.projection == name}


def _unskips(kaoji: Kaoji, name: str, positions: Sequence[int], reason: str) -> list[Unskip]:
    """What is to be taken back, as it is kept on record."""
    now = kaoji.clock()
    with kaoji.views.reading() as connection:
        skips = {each.position: each for each in kaoji.views.skips(connection) if each.projection == name}
        live, paused = kaoji.views.find_live(connection, name), name in kaoji.views.pauses(connection)
    for position in positions:
        if position not in skips:
            raise ViewOrderError(
                f"Position {position} is not left out of the view {name}. See `kaoji projection list`."
            )
        if paused and live is not None and live.position < position:
            raise ViewOrderError(
                f"The view {name} is paused at {live.position}, before position {position}: resume it first."
            )
    return [
        Unskip(name, position, reason, now, skips[position].reason, skips[position].skipped_at)
        for position in positions
    ]


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
