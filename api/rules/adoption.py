"""Adopt policies and procedure registers: check them, record the event, say what was adopted before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from eventsourcing.persistence import StoredEvent

from api.bootstrap import Kaoji
from api.rules.rules import rule_in, rule_of, rulebook_of, shipped_rule
from domain.errors import UnknownNameError, WrongInputError
from domain.ledger.errors import TakenVersionError
from domain.ledger.records import Recorded
from domain.policies.policy import parse_policy
from domain.rules.adoption import (
    COMMANDS,
    Adopted,
    ConcurrentAdoptionError,
    RuleAdopted,
    Rulebook,
    RuleKind,
    adoption_of,
    decide,
    read_adoption,
    stream_of,
)
from domain.rules.procedures import parse_register
from domain.rules.toml_files import parse_toml
from projections.damage import DamagedViewError
from projections.directory import DirectoryProjection
from projections.driver import Progress, no_progress
from projections.recorded_actions import instant_text
from projections.rulebook import RulebookProjection
from projections.store import DIRECTORY


@dataclass(frozen=True)
class Outcome:
    """What became of an adoption: the event in force at `adopted.position`; `new` unless it was there before."""

    adopted: Adopted
    new: bool
    newest: Adopted
    """The newest version of that name: another one where an older version was adopted once more."""

    def to_json(self) -> dict[str, Any]:
        """What `kaoji policy adopt` prints."""
        return adoption_json(self.adopted) | {"new": self.new, "newest": self.newest.event.version}


def adopt(
    kaoji: Kaoji,
    kind: RuleKind,
    source: str,
    *,
    by: str,
    written_by: str | None = None,
    reason: str | None = None,
    valid_from: str | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Adopt a file, or a shipped rule by its name.

    Raises WrongInputError for a rule, person, reason or day that is none; ConcurrentAdoptionError when somebody
    else adopts one of the same name at the same moment. Nothing is recorded then, nor for a duplicate.
    """
    rulebook = rulebook_of(kaoji, progress=progress)
    event, earlier = considered(
        rulebook, kind, source, by=by, written_by=written_by, reason=reason, valid_from=valid_from
    )
    if earlier is not None:
        return _duplicate(earlier, rulebook)
    _check_persons(kaoji, [by] if written_by is None else [by, written_by], progress)
    number = len(rulebook.versions(kind, event.name)) + 1
    stored = StoredEvent(stream_of(kind, event.name), number, event.topic, event.state())
    try:
        position = kaoji.ledger.record(stored)
    except TakenVersionError as error:
        return _met_another(kaoji, event, number, error)
    (recorded,) = kaoji.ledger.read_positions([position])
    adopted = Adopted(position, recorded.recorded_at, event)
    return Outcome(adopted, new=True, newest=adopted)


def considered(
    rulebook: Rulebook,
    kind: RuleKind,
    source: str,
    *,
    by: str,
    written_by: str | None,
    reason: str | None,
    valid_from: str | None,
) -> tuple[RuleAdopted, Adopted | None]:
    """The event that would adopt a file or shipped rule, and the earlier one of which it is a duplicate.

    Raises WrongInputError where it cannot be adopted; writes nothing.
    """
    rule = rule_in(rulebook, kind, source)
    event = adoption_of(rule, by=by, written_by=written_by, reason=reason, valid_from=valid_from)
    return event, decide(event, rulebook, shipped=shipped_rule(kind, rule.name))


def adoption_json(adopted: Adopted) -> dict[str, Any]:
    """One adoption as commands and routes show it."""
    event = adopted.event
    return {
        "name": event.name,
        "version": event.version,
        "hash": event.hash,
        "position": adopted.position,
        "recorded_at": instant_text(adopted.recorded_at),
        "adopted_by": event.adopted_by,
        "written_by": event.written_by,
        "reason": event.reason,
        "valid_from": event.valid_from,
    }


def adoption_fault(recorded: Recorded) -> str | None:
    """What is wrong with a recorded adoption by today's eyes, or None."""
    try:
        event = read_adoption(recorded.topic, recorded.facts)
        if event.kind == "policy":
            values = parse_toml(event.text, place=event.rule.called).values
            # Whether the register was known is not asked again: what is shipped may change.
            parsed = rule_of(
                parse_policy(event.text, place=event.rule.called, registers=[str(values.get("register"))])
            )
        else:
            parsed = rule_of(parse_register(event.text, place=event.rule.called))
    except (msgspec.MsgspecError, ValueError, WrongInputError) as error:
        return str(error)
    return None if parsed == event.rule else "its name, version or hash is not that of its text"


def _check_persons(kaoji: Kaoji, named: Sequence[str], progress: Progress) -> None:
    """Where staff are known, who wrote and who adopts are of them: a slip in an event stays for ever."""
    kaoji.driver.catch_up(only=DirectoryProjection.name, progress=progress)
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, DirectoryProjection.name)
        rows = kaoji.views.rows(connection, DIRECTORY, build, "type", "subject", order="position")
    known = {subject for type_, subject in rows if type_.startswith("staff.")}
    for person in named:
        if known and person not in known:
            raise UnknownNameError("staff member", person, known, see="kaoji audit --type staff.joined")


def _duplicate(earlier: Adopted, rulebook: Rulebook) -> Outcome:
    newest = rulebook.find(earlier.event.kind, earlier.event.name)
    assert newest is not None, "the earlier one is there"
    return Outcome(earlier, new=False, newest=newest)


def _met_another(kaoji: Kaoji, event: RuleAdopted, number: int, error: TakenVersionError) -> Outcome:
    """Two adopted at once: the same content is adopted by both, anything else is told to the second."""
    rulebook = rulebook_of(kaoji)
    others = rulebook.versions(event.kind, event.name)
    if len(others) < number:
        raise DamagedViewError(RulebookProjection.name, "it lacks an adoption that is in the ledger") from error
    earlier = decide(event, rulebook, shipped=shipped_rule(event.kind, event.name))
    if earlier is not None:
        return _duplicate(earlier, rulebook)
    met, command = others[-1], COMMANDS[event.kind]
    raise ConcurrentAdoptionError(
        f"{met.event.rule.called} was adopted at position {met.position} by {met.event.adopted_by} at the same "
        f"moment; yours was not recorded. Look at it with `{command} show {met.event.rule.called}`, then adopt "
        "yours if you still want it."
    ) from error
