"""Read the environment, once; everyone else takes arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import WrongInputError

DEFAULT_STORE = "sqlite:///kaoji.db"


class SettingError(WrongInputError):
    """A setting that cannot be used; says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the surroundings of a process decide. Command-line options go before the environment."""

    store: str
    """KAOJI_STORE: URL of the ledger and its views."""
    keys: Path
    """KAOJI_KEYS: file of the keys that open sealed parts. Keep it out of the ledger's backups."""
    language: str
    """KAOJI_LANG: zh or en."""
    zone: str
    """KAOJI_ZONE: the zone in which the audit trail reads dates; a policy brings its own."""
    token: str | None
    """KAOJI_TOKEN: access token of the HTTP server; without one it serves this machine only."""


def read_settings(
    environment: Mapping[str, str] | None = None, *, store: str | None = None, language: str | None = None
) -> Settings:
    """Settings from the environment, overridden by options. Raises SettingError."""
    values = os.environ if environment is None else environment
    store = store or values.get("KAOJI_STORE") or DEFAULT_STORE
    keys = values.get("KAOJI_KEYS")
    language = language or values.get("KAOJI_LANG") or "en"
    if language not in ("zh", "en"):
        raise SettingError(f"No language {language!r}. Known: zh, en. See KAOJI_LANG and --lang.")
    return Settings(
        store=store,
        keys=Path(keys) if keys else _keys_beside(store),
        language=language,
        zone=values.get("KAOJI_ZONE") or "Asia/Shanghai",
        token=values.get("KAOJI_TOKEN") or None,
    )


def _keys_beside(store: str) -> Path:
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///") + "-keys.db")
    return Path("kaoji-keys.db")
