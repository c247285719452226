"""Read the environment, once; everyone else takes arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import WrongInputError

DEFAULT_STORE = "sqlite:///kaoji.db"
NUMBER_MAX = 1_000_000_000


class SettingError(WrongInputError):
    """A setting that cannot be used; says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the surroundings of a process decide. Command-line options go before the environment."""

    store: str = field(repr=False)
    """KAOJI_STORE: URL of the ledger and its views."""
    keys: Path
    """KAOJI_KEYS: file of the keys that open sealed parts. Keep it out of the ledger's backups."""
    language: str
    """KAOJI_LANG: zh or en."""
    zone: str
    """KAOJI_ZONE: the zone in which the audit trail reads dates; a policy brings its own."""
    token: str | None = field(repr=False)
    """KAOJI_TOKEN: access token of the HTTP server; without one it serves this machine only."""
    senders: Path | None = None
    """KAOJI_SENDERS: file of the senders and the sources they may use; without one anybody may use any."""
    rate: int | None = None
    """KAOJI_RATE: records a second that one sender (without a senders file: one address) may post, on average."""
    dead_letter: str | None = None
    """KAOJI_DEAD_LETTER: Kafka topic to which `kaoji consume` publishes what is refused; without one to none."""


def read_settings(
    environment: Mapping[str, str] | None = None,
    *,
    store: str | None = None,
    language: str | None = None,
    senders: str | None = None,
) -> Settings:
    """Settings from the environment, overridden by options. Raises SettingError."""
    values = os.environ if environment is None else environment
    store = store or values.get("KAOJI_STORE") or DEFAULT_STORE
    keys = values.get("KAOJI_KEYS")
    language = language or values.get("KAOJI_LANG") or "en"
    if language not in ("zh", "en"):
        raise SettingError(f"No language {language!r}. Known: zh, en. See KAOJI_LANG and --lang.")
    senders = senders or values.get("KAOJI_SENDERS")
    return Settings(
        store=store,
        keys=Path(keys) if keys else _keys_beside(store),
        language=language,
        zone=values.get("KAOJI_ZONE") or "Asia/Shanghai",
        token=values.get("KAOJI_TOKEN") or None,
        senders=Path(senders) if senders else None,
        rate=_whole_number("KAOJI_RATE", values.get("KAOJI_RATE")),
        dead_letter=values.get("KAOJI_DEAD_LETTER") or None,
    )


def environment_variable(name: str) -> str | None:
    """What `${env:NAME}` in a file of settings stands for; None where it is not set."""
    return os.environ.get(name)


def _whole_number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= NUMBER_MAX):
        raise SettingError(f"{name} is {text!r}. Write a whole number from 1 to {NUMBER_MAX:,}, or leave it out.")
    return int(text)


def _keys_beside(store: str) -> Path:
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///") + "-keys.db")
    return Path("kaoji-keys.db")
