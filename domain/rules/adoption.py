"""Adoption: a policy or a procedure register is put in force by an event in the ledger, and changes no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import UUID, uuid5

import msgspec

from domain.errors import KaojiError, WrongInputError

RuleKind: TypeAlias = Literal["policy", "register"]

TOPICS: Final[Mapping[RuleKind, str]] = {
    "policy": "kaoji.PolicyAdopted.v1",
    "register": "kaoji.RegisterAdopted.v1",
}
KIND_OF_TOPIC: Final[Mapping[str, RuleKind]] = {topic: kind for kind, topic in TOPICS.items()}

KIND_WORDS: Final[Mapping[RuleKind, str]] = {"policy": "policy", "register": "procedure register"}
COMMANDS: Final[Mapping[RuleKind, str]] = {"policy": "kaoji policy", "register": "kaoji procedure"}
LISTS: Final[Mapping[RuleKind, str]] = {"policy": "kaoji policy list", "register": "kaoji procedure registers"}

_STREAMS: Final = UUID("6f0e3c54-4c1b-5b5e-9d0a-6b616f6a6901")
_BY_LENGTH_MAX: Final = 200
_REASON_LENGTH_MAX: Final = 2_000


class AdoptionError(WrongInputError):
    """A policy or register that cannot be adopted as it is, or not by this person."""


class ConcurrentAdoptionError(KaojiError):
    """Somebody else adopted a rule of the same name at the same moment. Nothing was recorded."""


class Rule(NamedTuple):
    """What adoption needs to know of a policy or register."""

    kind: RuleKind
    name: str
    version: int
    hash: str
    text: str

    @property
    def called(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


class RuleAdopted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event. `hash` is what scores show; `valid_from` is the first day it is meant for, as YYYY-MM-DD.

    `written_by` is the author, where one was named: never the person who adopts.
    """

    kind: RuleKind
    name: str
    version: int
    hash: str
    text: str
    adopted_by: str
    reason: str | None = None
    valid_from: str | None = None
    written_by: str | None = None

    @property
    def rule(self) -> Rule:
        """What was adopted."""
        return Rule(self.kind, self.name, self.version, self.hash, self.text)

    @property
    def topic(self) -> str:
        """The permanent topic of the event."""
        return TOPICS[self.kind]

    def state(self) -> bytes:
        """As stored: JSON with its keys in order, the same bytes for the same event."""
        return msgspec.json.encode(self, order="sorted")


class Adopted(NamedTuple):
    """One adoption as recorded; `recorded_at` in microseconds since 1970."""

    position: int
    recorded_at: int
    event: RuleAdopted


def read_adoption(topic: str, state: bytes) -> RuleAdopted:
    """The stored event. Raises ValueError when it is none."""
    event = _DECODER.decode(state)
    if event.kind != KIND_OF_TOPIC.get(topic):
        raise ValueError(f"a {event.kind} under the topic {topic!r}")
    return event


_DECODER: Final = msgspec.json.Decoder(RuleAdopted)


def stream_of(kind: RuleKind, name: str) -> UUID:
    """The stream of all adoptions under one name: two at a time meet there, and one of them is told."""
    return uuid5(_STREAMS, f"{kind}/{name}")


def adoption_of(
    rule: Rule,
    *,
    by: str,
    written_by: str | None = None,
    reason: str | None = None,
    valid_from: str | None = None,
) -> RuleAdopted:
    """The event that adopts a rule. Raises AdoptionError when person, reason or day are none, or when who adopts
    has written it."""
    if not _is_staff_id(by):
        raise AdoptionError(
            f"--by {by!r} is no staff id. Give the id of the person who adopts, as actions name it (S10009)."
        )
    if written_by is not None and not _is_staff_id(written_by):
        raise AdoptionError(
            f"--written-by {written_by!r} is no staff id. Give the id of the author, as actions name it (S10009)."
        )
    if written_by == by:
        raise AdoptionError(
            f"{by} wrote this {KIND_WORDS[rule.kind]}. Who writes one does not approve it: "
            "let another person adopt it."
        )
    if reason is not None:
        reason = reason.strip() or None
    if reason is not None and not _is_text(reason):
        raise AdoptionError(
            f"--reason is longer than {_REASON_LENGTH_MAX:,} characters or holds some that cannot be printed. "
            "Write a sentence or two."
        )
    if valid_from is not None and not _is_day(valid_from):
        raise AdoptionError(f"--valid-from {valid_from!r} is no date. Write it as YYYY-MM-DD, for one 2012-01-01.")
    if rule.name.endswith(".toml"):
        raise AdoptionError(f"The name {rule.name!r} reads as that of a file. Leave .toml out of `name`.")
    return RuleAdopted(
        **rule._asdict(), adopted_by=by, reason=reason, valid_from=valid_from, written_by=written_by
    )


class Rulebook:
    """The rules adopted up to a position, and what is known of later ones; in order of position."""

    def __init__(self, adopted: Sequence[Adopted] = (), *, upto: int | None = None) -> None:
        self._all = tuple(adopted)
        self.upto = upto
        self.adopted = tuple(each for each in self._all if upto is None or each.position <= upto)

    def versions(self, kind: RuleKind, name: str) -> list[Adopted]:
        """What was adopted under a name, the newest last: versions only rise."""
        return [each for each in self.adopted if (each.event.kind, each.event.name) == (kind, name)]

    def find(self, kind: RuleKind, name: str, version: int | None = None) -> Adopted | None:
        """The newest version of a name, or the one asked for."""
        found = self.versions(kind, name)
        return next((each for each in reversed(found) if version in (None, each.event.version)), None)

    def names(self, kind: RuleKind) -> tuple[str, ...]:
        """The adopted names of a kind, sorted."""
        return tuple(sorted({each.event.name for each in self.adopted if each.event.kind == kind}))

    def first_after(self, kind: RuleKind, name: str, version: int | None = None) -> Adopted | None:
        """The first adoption of that name beyond the position that this rulebook ends at."""
        return next(
            (
                each
                for each in self._all[len(self.adopted) :]
                if (each.event.kind, each.event.name) == (kind, name) and version in (None, each.event.version)
            ),
            None,
        )


def decide(event: RuleAdopted, rulebook: Rulebook, *, shipped: Rule | None = None) -> Adopted | None:
    """None when the adoption is new, else the earlier one of the same content, which makes it a duplicate.

    `shipped` is the rule that the product brings under that name. Raises AdoptionError where the version is
    taken by other content, or lower than the newest.
    """
    rule, kind = event.rule, KIND_WORDS[event.kind]
    earlier = rulebook.find(rule.kind, rule.name, rule.version)
    if earlier is not None:
        if same_content(earlier.event.rule, rule):
            return earlier
        raise AdoptionError(
            f"Version {rule.version} of the {kind} {rule.name!r} was adopted at position {earlier.position} with "
            f"other content, and an adopted version never changes. {_raise_it(rule, rulebook, shipped)}"
        )
    if shipped is not None and shipped.version == rule.version and not same_content(shipped, rule):
        raise AdoptionError(
            f"Version {rule.version} of the {kind} {rule.name!r} is shipped with other content. "
            f"{_raise_it(rule, rulebook, shipped)}"
        )
    newest = _newest(rule, rulebook, shipped)
    if rule.version < newest:
        raise AdoptionError(
            f"The newest version of the {kind} {rule.name!r} is {newest}; this one is {rule.version}. "
            f"{_raise_it(rule, rulebook, shipped)}"
        )
    return None


def same_content(one: Rule, other: Rule) -> bool:
    """Whether two rules say the same, whatever their layout and comments."""
    return one.hash == other.hash or one.text == other.text


def next_version(kind: RuleKind, name: str, rulebook: Rulebook, shipped: Rule | None) -> int:
    """The lowest version under which new content can be adopted."""
    versions = [each.event.version for each in rulebook.versions(kind, name)]
    return max([*versions, 0 if shipped is None else shipped.version]) + 1


def _newest(rule: Rule, rulebook: Rulebook, shipped: Rule | None) -> int:
    adopted = rulebook.find(rule.kind, rule.name)
    if adopted is not None:
        return adopted.event.version
    return 0 if shipped is None else shipped.version


def _raise_it(rule: Rule, rulebook: Rulebook, shipped: Rule | None) -> str:
    version = next_version(rule.kind, rule.name, rulebook, shipped)
    return (
        f"Write `version = {version}` and adopt again, or give it a name of its own. "
        f"`{COMMANDS[rule.kind]} diff` shows what differs."
    )


def _is_staff_id(text: str) -> bool:
    return bool(text) and text == text.strip() and text.isprintable() and len(text) <= _BY_LENGTH_MAX


def _is_text(reason: str) -> bool:
    return len(reason) <= _REASON_LENGTH_MAX and reason.replace("\n", "").replace("\t", "").isprintable()


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
