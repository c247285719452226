"""Draft a policy from another one: complete and valid as it is, with a name and version of its own."""

from __future__ import annotations

import re
from pathlib import Path

from api.rules.rules import policy_in, shipped_rule
from domain.errors import WrongInputError
from domain.policies.policy import Policy, parse_policy
from domain.rules.adoption import Rulebook, next_version

DEFAULT_BASE = "gx-2012"
_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_NAME_LENGTH_MAX = 80
_OPENING = re.compile(r"\A# Policy \S+, version [0-9]+: drafted from .*\n(?:#.*\n)*\n")


class DraftError(WrongInputError):
    """A draft that cannot be made, or not be written where it is meant to go."""


def drafted_policy(rulebook: Rulebook, name: str, base: str = DEFAULT_BASE) -> Policy:
    """A policy of that name that says what `base` says, under the next version that can be adopted."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH_MAX or name.endswith(".toml"):
        raise DraftError(
            f"{name!r} is no name for a policy. A name is small letters and digits, joined by single - _ or . "
            "signs, for one north-2026."
        )
    origin = policy_in(rulebook, base)
    version = next_version("policy", name, rulebook, shipped_rule("policy", name))
    text = _OPENING.sub("", origin.text)
    text = _with_key(_with_key(text, "version", str(version)), "name", f'"{name}"')
    text = _opening(name, version, f"{origin.name}@{origin.version}") + text
    drafted = parse_policy(text, place=f"{name}.toml", registers=rulebook.names("register"))
    if (drafted.name, drafted.version) != (name, version):
        raise DraftError(
            f"In {base} `name` and `version` do not stand on lines of their own at the top, so they cannot be "
            "changed for you. Copy it by hand."
        )
    return drafted


def write_draft(drafted: Policy, path: Path) -> None:
    """Write a new file. Raises DraftError where there is one, or it cannot be made."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(drafted.text)
    except FileExistsError:
        raise DraftError(f"{path} is there already. Name another file, or remove it first.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DraftError(f"{path} cannot be written ({reason}). Name another file.") from error


def _with_key(text: str, key: str, value: str) -> str:
    """The text with another value for the first key of that name: those of the file stand before any table."""
    return re.sub(rf"^{key}[ \t]*=.*$", lambda _: f"{key} = {value}", text, count=1, flags=re.MULTILINE)


def _opening(name: str, version: int, origin: str) -> str:
    file = f"{name}.toml"
    return f"""# Policy {name}, version {version}: drafted from {origin}, and says the same until you change it.
# Every key is explained in docs/reference/policy.md. Then:
#   kaoji policy check {file}
#   kaoji policy diff {origin} {file}
#   kaoji policy adopt {file} --by STAFF_ID --written-by AUTHOR_ID --reason "…"
# Once adopted it never changes: write version = {version + 1} for the next one.

"""
