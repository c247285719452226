"""The versions of the contract: which one an event is of, and how an older one is said in the words of the newest.

A new field, a new type, or a rule that allows more needs no version: what is unknown is kept and ignored, or waits
in the quarantine. A version is needed where something that was said before is from now on said otherwise. Then:

1. Add `UPCASTS[n]`: a pure function from an event of version n to one of version n + 1. It is given whole events
   as they were sent (any JSON object), passes on what it does not understand, raises nothing, does not change what
   it is given, and says the `changes` of a `record.corrected` anew as well.
2. A field that goes is no longer in `ActionData`; move its rule to `RETIRED_FIELDS`, so that it stays a fact.
3. Pin samples of the new version in tests/data/contract. Those of older versions are never changed.

Stored events are never rewritten: they are upcast whenever they are read, for ever. Views that were made in the
words of an older version are built anew by themselves: the version is part of their format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

Event = dict[str, Any]
Upcast = Callable[[Event], Event]

UPCASTS: dict[int, Upcast] = {}
"""From each version but the newest to the next one."""

RETIRED_FIELDS: Final[Mapping[str, Any]] = {}
"""Fields of `data` that only older versions have, with their rules."""

NAME: Final = r"(?:^urn:kaoji:action:|/kaoji/action/v)(0|[1-9][0-9]*)$"
"""A `dataschema` that names a version of this contract; any other is the sender's own affair."""

_find_name: Final = re.compile(NAME.replace("$", r"\Z")).search
_encode: Final = msgspec.json.Encoder().encode


class _Versioned(msgspec.Struct):
    dataschema: str | None = None


_read_version: Final = msgspec.json.Decoder(_Versioned).decode


def newest_version() -> int:
    """The version that the tables of this program state."""
    return 1 + len(UPCASTS)


def version_of(dataschema: object) -> int:
    """The version that a `dataschema` names; 1 where it names none of ours."""
    found = _find_name(dataschema) if isinstance(dataschema, str) else None
    return 1 if found is None else int(found[1][:9])


def known_version(dataschema: str) -> str:
    """The same text. Raises ValueError where it names a version that this program does not know."""
    if not 1 <= version_of(dataschema) <= newest_version():
        raise ValueError(f"{dataschema!r} is a version that is not known here")
    return dataschema


def unknown_names() -> str:
    """A regular expression (ECMA 262) for the names of versions that `known_version` refuses."""
    known = "|".join(map(str, range(1, newest_version() + 1)))
    return NAME.replace("(0|", f"(?!(?:{known})$)(?:0|")


def is_older(event: Mapping[str, Any]) -> bool:
    """Whether an event is of a known version that is not the newest."""
    return 0 < version_of(event.get("dataschema")) < newest_version()


def upcast(event: Event) -> Event:
    """The event in the words of the newest version, which its `dataschema` then names; twice does no harm."""
    version = version_of(event.get("dataschema"))
    if version >= newest_version():
        return event
    for each in range(version, newest_version()):
        event = UPCASTS[each](event)
    return {**event, "dataschema": f"urn:kaoji:action:{newest_version()}"}


def all_newest(stored: Sequence[bytes]) -> Sequence[bytes]:
    """The same for many. Whoever decodes stored facts begins with this, or with `newest`."""
    return list(map(newest, stored)) if UPCASTS else stored


def newest(stored: bytes) -> bytes:
    """Stored facts in the words of the newest version; mostly the very same. Raises msgspec.MsgspecError."""
    if not UPCASTS or version_of(_read_version(stored).dataschema) == newest_version():
        return stored
    return _encode(upcast(msgspec.json.decode(stored)))
