"""Show policies and registers, adopted and shipped, as commands and routes answer them."""

from __future__ import annotations

from typing import Any, Final

from api.rules.adoption import adoption_json
from api.rules.rules import policy_in, register_in, rule_of, shipped_names, shipped_rule
from api.wording.wording import said_in
from domain.policies.policy import Policy
from domain.rules.adoption import (
    Adopted,
    AdoptionError,
    Rule,
    Rulebook,
    RuleKind,
    adoption_of,
    decide,
    same_content,
)
from domain.rules.calendars import to_date
from domain.rules.procedures import ProcedureVersion, Register

_LIMITS: Final = {
    "en": {"working": "{days} working days", "calendar": "{days} calendar days"},
    "zh": {"working": "{days} 个工作日", "calendar": "{days} 个自然日"},
}
_NOT_ADOPTED = dict.fromkeys(("position", "recorded_at", "adopted_by", "written_by", "reason", "valid_from"))


def listed_rules(rulebook: Rulebook, kind: RuleKind, *, language: str) -> list[dict[str, Any]]:
    """Every version of every name, adopted or shipped; `in_force` is the one that the bare name means."""
    return [
        _entry(rulebook, kind, name, each, language=language)
        for name in sorted({*rulebook.names(kind), *shipped_names(kind)})
        for each in _versions(rulebook, kind, name)
    ]


def rule_json(rulebook: Rulebook, kind: RuleKind, name: str, *, language: str) -> dict[str, Any]:
    """One policy or register by NAME or NAME@VERSION, with its text. No files. Raises UnknownNameError."""
    rule = rule_of(_parsed(rulebook, kind, name, files=False))
    adopted = rulebook.find(kind, rule.name, rule.version)
    found = _entry(rulebook, kind, rule.name, rule if adopted is None else adopted, language=language)
    return found | {"text": rule.text}


def checked_rule(rulebook: Rulebook, kind: RuleKind, name: str, *, language: str) -> dict[str, Any]:
    """What `kaoji policy check` and `kaoji procedure check` print: what it is, and whether it can be adopted."""
    parsed = _parsed(rulebook, kind, name)
    rule = rule_of(parsed)
    ok, adoption = _adoption(rulebook, rule)
    found = {"ok": ok, "name": rule.name, "version": rule.version, "hash": rule.hash}
    if isinstance(parsed, Register):
        found["gaps"] = gaps_json(parsed)
    return found | _content(parsed, language) | {"adoption": said_in(language, adoption)}


def listed_procedures(
    rulebook: Rulebook, *, register: str | None, language: str, files: bool = True
) -> list[dict[str, Any]]:
    """The versions of all procedures in one register, or in every one that is in force."""
    names = [register] if register else sorted({*rulebook.names("register"), *shipped_names("register")})
    return [
        _procedure(one, register_in(rulebook, name, files=files), language)
        for name in names
        for versions in register_in(rulebook, name, files=files).procedures.values()
        for one in versions
    ]


def _versions(rulebook: Rulebook, kind: RuleKind, name: str) -> list[Adopted | Rule]:
    adopted = rulebook.versions(kind, name)
    shipped = shipped_rule(kind, name)
    if shipped is None or any(same_content(each.event.rule, shipped) for each in adopted):
        return [*adopted]
    return [shipped, *adopted]


def _entry(
    rulebook: Rulebook, kind: RuleKind, name: str, each: Adopted | Rule, *, language: str
) -> dict[str, Any]:
    rule = each if isinstance(each, Rule) else each.event.rule
    newest = rulebook.find(kind, name)
    in_force = newest is None if isinstance(each, Rule) else newest == each
    parsed = _parsed(rulebook, kind, rule.called, files=False)
    described = {"name": rule.name, "version": rule.version, "hash": rule.hash}
    recorded = _NOT_ADOPTED if isinstance(each, Rule) else adoption_json(each)
    origin = "shipped" if isinstance(each, Rule) else "adopted"
    return described | _content(parsed, language) | {"origin": origin, "in_force": in_force} | recorded


def _content(parsed: Policy | Register, language: str) -> dict[str, Any]:
    title = {"title": getattr(parsed.title, language)}
    if isinstance(parsed, Policy):
        return title | {"register": parsed.register, "indicators": [each.code for each in parsed.indicators]}
    return title | {"processes": list(parsed.processes), "procedures": len(parsed.procedures)}


def gaps_json(register: Register) -> list[dict[str, str]]:
    """Days on which a procedure has no version in force, between two that it has."""
    return [
        {"code": code, "from": to_date(first).isoformat(), "to": to_date(last).isoformat()}
        for code, first, last in register.gaps()
    ]


def _parsed(rulebook: Rulebook, kind: RuleKind, name: str, *, files: bool = True) -> Policy | Register:
    if kind == "policy":
        return policy_in(rulebook, name, files=files)
    return register_in(rulebook, name, files=files)


def _adoption(rulebook: Rulebook, rule: Rule) -> tuple[bool, str]:
    """Whether it is adopted or can be, and what adopting it would come to."""
    try:
        event = adoption_of(rule, by="somebody")
        earlier = decide(event, rulebook, shipped=shipped_rule(rule.kind, rule.name))
    except AdoptionError as error:
        return False, str(error)
    return True, "can be adopted" if earlier is None else f"adopted at position {earlier.position}"


def _procedure(one: ProcedureVersion, register: Register, language: str) -> dict[str, Any]:
    return {
        "code": one.code,
        "process": one.process,
        "title": getattr(one.title, language),
        "limit": None if one.limit is None else _LIMITS[language][one.limit.kind].format(days=one.limit.days),
        "valid_from": _date(one.valid_from),
        "valid_to": _date(one.valid_to),
        "legal_basis": one.legal_basis,
        "register": register.name,
        "register_version": register.register_version,
    }


def _date(day: int | None) -> str | None:
    return None if day is None else to_date(day).isoformat()
