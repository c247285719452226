"""Find policies and procedure registers: adopted ones as known at a position, then shipped ones, then files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from api.bootstrap import Kaoji
from domain.errors import UnknownNameError, WrongInputError
from domain.policies.policy import Policy, load_policy, parse_policy, shipped_policies
from domain.rules.adoption import KIND_WORDS, LISTS, Adopted, Rule, Rulebook, RuleKind
from domain.rules.procedures import Register, load_register, parse_register, shipped_registers
from projections.driver import Progress, no_progress
from projections.rulebook import RulebookProjection, rulebook_as_known

_VERSION_DIGITS_MAX = 9


class NotYetAdoptedError(WrongInputError):
    """A rule that was adopted later than the position that is asked about."""


def find_policy(kaoji: Kaoji, name: str, *, upto: int, files: bool = True) -> Policy:
    """The policy NAME or NAME@VERSION as known at a position: the newest adopted, else shipped, else a file.

    Raises UnknownNameError, NotYetAdoptedError, or PolicyError for a file that is wrong.
    """
    return policy_in(rulebook_of(kaoji, upto=upto), name, files=files)


def find_register(kaoji: Kaoji, name: str, *, upto: int, files: bool = True) -> Register:
    """The register NAME or NAME@VERSION as known at a position: as `find_policy`."""
    return register_in(rulebook_of(kaoji, upto=upto), name, files=files)


def registers_as_of(kaoji: Kaoji, upto: int) -> dict[str, Register]:
    """The newest version of every register that was adopted by then, by name: for `Policy.context`."""
    return registers_in(rulebook_of(kaoji, upto=upto))


def rulebook_of(kaoji: Kaoji, *, upto: int | None = None, progress: Progress = no_progress) -> Rulebook:
    """The adopted rules as known at a position, else at the ledger's head; catches the view up first."""
    kaoji.driver.catch_up(only=RulebookProjection.name, progress=progress)
    return rulebook_at(kaoji, upto=upto)


def rulebook_at(kaoji: Kaoji, *, upto: int | None) -> Rulebook:
    """The same where the view was caught up a moment ago: nothing is carried on."""
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, RulebookProjection.name)
        return rulebook_as_known(kaoji.views, connection, build, upto=upto)


def policy_in(rulebook: Rulebook, name: str, *, files: bool = True) -> Policy:
    """As `find_policy`, in a rulebook at hand."""
    found = _chosen(rulebook, "policy", name, files=files)
    registers = rulebook.names("register")
    if isinstance(found, Adopted):
        return _parsed_policy(found.event.text, found.event.rule.called, registers)
    return load_policy(found, registers=registers)


def register_in(rulebook: Rulebook, name: str, *, files: bool = True) -> Register:
    """As `find_register`, in a rulebook at hand."""
    found = _chosen(rulebook, "register", name, files=files)
    if isinstance(found, Adopted):
        return _parsed_register(found.event.text, found.event.rule.called)
    return load_register(found)


def registers_in(rulebook: Rulebook) -> dict[str, Register]:
    """As `registers_as_of`, in a rulebook at hand."""
    return {name: register_in(rulebook, name) for name in rulebook.names("register")}


def rule_in(rulebook: Rulebook, kind: RuleKind, name: str) -> Rule:
    """The policy or register of that name, or in that file."""
    return rule_of(policy_in(rulebook, name) if kind == "policy" else register_in(rulebook, name))


def meant_from(rulebook: Rulebook, policy: Policy) -> str | None:
    """The first day that a policy is meant for, where its adoption names one."""
    adopted = rulebook.find("policy", policy.name, policy.version)
    return adopted.event.valid_from if adopted is not None and adopted.event.hash == policy.hash else None


def rule_of(parsed: Policy | Register) -> Rule:
    """What adoption needs to know of it."""
    if isinstance(parsed, Policy):
        return Rule("policy", parsed.name, parsed.version, parsed.hash, parsed.text)
    return Rule("register", parsed.name, parsed.register_version, parsed.hash, parsed.text)


def shipped_names(kind: RuleKind) -> tuple[str, ...]:
    """Names that come with the product."""
    return shipped_policies() if kind == "policy" else shipped_registers()


def shipped_rule(kind: RuleKind, name: str) -> Rule | None:
    """What the product brings under that name."""
    if name not in shipped_names(kind):
        return None
    return rule_of(load_policy(name) if kind == "policy" else load_register(name))


def _chosen(rulebook: Rulebook, kind: RuleKind, name: str, *, files: bool) -> Adopted | str:
    """The adoption that a name means, else the shipped name or the file to load."""
    bare, version = _split(name)
    adopted = rulebook.find(kind, bare, version)
    if adopted is not None:
        return adopted
    shipped = shipped_rule(kind, bare)
    if shipped is not None and version in (None, shipped.version):
        return bare
    if files and (name.endswith(".toml") or "/" in name):
        return name
    later = rulebook.first_after(kind, bare, version)
    if later is not None:
        raise NotYetAdoptedError(
            f"The {KIND_WORDS[kind]} {name!r} was adopted at position {later.position}, after position "
            f"{rulebook.upto} that is asked about. Ask for a state from {later.position} on."
        )
    known: Sequence[str] = [*rulebook.names(kind), *shipped_names(kind)]
    if bare in known:
        versions = [each.event.rule.called for each in rulebook.versions(kind, bare)]
        known = versions if shipped is None else [*versions, shipped.called]
    raise UnknownNameError(KIND_WORDS[kind], name, set(known), see=LISTS[kind])


def _split(name: str) -> tuple[str, int | None]:
    """NAME@VERSION apart."""
    bare, mark, version = name.rpartition("@")
    if mark and version.isascii() and version.isdigit() and len(version) <= _VERSION_DIGITS_MAX:
        return bare, int(version)
    return name, None


@lru_cache(maxsize=64)
def _parsed_policy(text: str, place: str, registers: tuple[str, ...]) -> Policy:
    return parse_policy(text, place=place, registers=registers)


@lru_cache(maxsize=16)
def _parsed_register(text: str, place: str) -> Register:
    return parse_register(text, place=place)
