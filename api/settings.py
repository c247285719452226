"""Read the environment, once; everyone else takes arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from domain.errors import WrongInputError
from domain.log_events import LEVELS
from domain.ports import port_number

DEFAULT_STORE = "sqlite:///kaoji.db"
NUMBER_MAX = 1_000_000_000
NOWHERE = "none"
"""The `KAOJI_CACHE` that keeps no files."""
LOG_FORMATS = ("text", "json")
VARIABLES = tuple(
    f"KAOJI_{name}"
    for name in (
        "STORE", "KEYS", "LANG", "ZONE", "TOKEN", "CACHE", "SENDERS", "RATE", "DEAD_LETTER", "LOG", "LOG_LEVEL",
        "METRICS", "TRACES", "READY_LAG_ACTIONS", "READY_LAG_SECONDS", "READY_STALL_SECONDS",
    )
)  # fmt: skip
"""All that is read."""
READY_LAG_ACTIONS = 10_000
READY_LAG_SECONDS = 60
READY_STALL_SECONDS = 30


class SettingError(WrongInputError):
    """A setting that cannot be used; says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the surroundings of a process decide. Command-line options go before the environment."""

    store: str = field(repr=False)
    """KAOJI_STORE: URL of the ledger and its views."""
    keys: Path | str = field(repr=False)
    """KAOJI_KEYS: file, or PostgreSQL URL, of the keys that open sealed parts. \
Keep it out of the ledger's backups."""
    language: str
    """KAOJI_LANG: zh or en."""
    zone: str
    """KAOJI_ZONE: the zone in which the audit trail reads dates; a policy brings its own."""
    token: str | None = field(repr=False)
    """KAOJI_TOKEN: access token of the HTTP server; without one it serves this machine only."""
    cache: Path | None = None
    """KAOJI_CACHE: folder for case files that are kept for the next command, or `none`; if it is not set, \
`FILE-cache` beside an SQLite store, and `kaoji` among the user's caches for PostgreSQL."""
    senders: Path | None = None
    """KAOJI_SENDERS: file of the senders and the sources they may use; without one anybody may use any."""
    rate: int | None = None
    """KAOJI_RATE: records a second that one sender (without a senders file: one address) may post, on average."""
    dead_letter: str | None = None
    """KAOJI_DEAD_LETTER: Kafka topic to which `kaoji consume` publishes what is refused; without one to none."""
    log: str = "text"
    """KAOJI_LOG: how the log on standard error is written, `text` or `json` (one object a line)."""
    log_level: str = "warning"
    """KAOJI_LOG_LEVEL: the least that is logged: debug, info, warning or error."""
    metrics: str | None = None
    """KAOJI_METRICS: PORT, or HOST:PORT, on which `kaoji consume` answers /metrics and /health/…; without one it \
does not listen. `kaoji serve` answers them beside its other routes."""
    traces: str | None = field(default=None, repr=False)
    """KAOJI_TRACES: URL to which spans go (OTLP over HTTP), such as `http://127.0.0.1:4318/v1/traces`; needs \
the extra `kaoji[traces]`. Without one nothing is traced."""
    ready_lag_actions: int = READY_LAG_ACTIONS
    """KAOJI_READY_LAG_ACTIONS: /health/ready turns red where a view, or the consumer, is more actions behind."""
    ready_lag_seconds: int = READY_LAG_SECONDS
    """KAOJI_READY_LAG_SECONDS: and where the oldest action that is not in yet has waited for longer."""
    ready_stall_seconds: int = READY_STALL_SECONDS
    """KAOJI_READY_STALL_SECONDS: and where there is work, and for so long nothing has moved."""

    def for_store(self, store: str) -> Settings:
        """The same for another store, whose keys and kept files lie where a command about it looks for them."""
        chosen = self.cache != _cache_folder({}, self.store)
        cache = self.cache if chosen else _cache_folder({}, store)
        return replace(self, store=store, keys=_keys_beside(store), cache=cache)


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
        keys=_place_of_keys(keys) if keys else _keys_beside(store),
        language=language,
        zone=values.get("KAOJI_ZONE") or "Asia/Shanghai",
        token=values.get("KAOJI_TOKEN") or None,
        cache=_cache_folder(values, store),
        senders=Path(senders) if senders else None,
        rate=_whole_number("KAOJI_RATE", values.get("KAOJI_RATE")),
        dead_letter=values.get("KAOJI_DEAD_LETTER") or None,
        log=_one_of("KAOJI_LOG", values.get("KAOJI_LOG"), LOG_FORMATS),
        log_level=_one_of("KAOJI_LOG_LEVEL", values.get("KAOJI_LOG_LEVEL"), LEVELS, default="warning"),
        metrics=_address_text(values.get("KAOJI_METRICS")),
        traces=_web_address("KAOJI_TRACES", values.get("KAOJI_TRACES")),
        ready_lag_actions=_number("KAOJI_READY_LAG_ACTIONS", values, READY_LAG_ACTIONS),
        ready_lag_seconds=_number("KAOJI_READY_LAG_SECONDS", values, READY_LAG_SECONDS),
        ready_stall_seconds=_number("KAOJI_READY_STALL_SECONDS", values, READY_STALL_SECONDS),
    )


def address(text: str) -> tuple[str, int]:
    """Host and port of `PORT` or `HOST:PORT`; of a port alone the host is 127.0.0.1. Raises SettingError."""
    host, _, port = text.rpartition(":")
    number = port_number(port)
    if number is None:
        raise SettingError(f"{text!r} is nowhere to listen. Write PORT or HOST:PORT; port 0 takes a free one.")
    return host.strip("[]") or "127.0.0.1", number


def environment_variable(name: str) -> str | None:
    """What `${env:NAME}` in a file of settings stands for; None where it is not set."""
    return os.environ.get(name)


def _address_text(text: str | None) -> str | None:
    if text:
        address(text)
    return text or None


def _web_address(name: str, text: str | None) -> str | None:
    if text and not text.startswith(("http://", "https://")):
        raise SettingError(f"{name} is {text!r}. Write a URL: http://HOST:PORT/v1/traces, or https://…")
    return text or None


def _one_of(name: str, text: str | None, known: Iterable[str], *, default: str | None = None) -> str:
    names = list(known)
    if text and text not in names:
        raise SettingError(f"{name} is {text!r}. Write one of: {', '.join(names)}.")
    return text or default or names[0]


def _number(name: str, values: Mapping[str, str], default: int) -> int:
    found = _whole_number(name, values.get(name))
    return default if found is None else found


def _whole_number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= NUMBER_MAX):
        raise SettingError(f"{name} is {text!r}. Write a whole number from 1 to {NUMBER_MAX:,}, or leave it out.")
    return int(text)


def _place_of_keys(text: str) -> Path | str:
    if text.startswith(("postgresql://", "postgresql+psycopg://")):
        return text
    if "://" in text:
        # Never shown: it may hold a password.
        raise SettingError(
            "KAOJI_KEYS is no place for keys. Write the path of a file, or postgresql://USER@HOST/DATABASE."
        )
    return Path(text)


def _cache_folder(values: Mapping[str, str], store: str) -> Path | None:
    given = values.get("KAOJI_CACHE")
    if given:
        return None if given == NOWHERE else Path(given)
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///") + "-cache")
    return Path(values.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "kaoji"


def _keys_beside(store: str) -> Path:
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///") + "-keys.db")
    return Path("kaoji-keys.db")
