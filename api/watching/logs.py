"""Write the log to standard error: as text, or as one JSON object a line; never with a secret in it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import unquote, urlsplit

from api.settings import Settings
from domain.log_events import EVENT_ATTRIBUTE, FIELDS_ATTRIBUTE, LEVELS, LIBRARY, LOGGER, LogEvent

HIDDEN = "(hidden)"
SECRET_CHARACTERS_MIN = 4
"""Shorter ones would be found in every other word."""


def set_up_logs(settings: Settings) -> None:
    """Have everything logged written as the settings say, from now on, in the place of what was set up before."""
    tear_down_logs()
    handler = _Handler(json=settings.log == "json", secrets=_secrets(settings))
    logging.getLogger().addHandler(handler)
    LOGGER.setLevel(LEVELS[settings.log_level])


def tear_down_logs() -> None:
    """Leave the log as Python has it."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)


def logs_are_json() -> bool:
    """Whether standard error is read by a machine."""
    return any(isinstance(each, _Handler) and each.json for each in logging.getLogger().handlers)


def hide(secrets: Iterable[str]) -> None:
    """Have no line show these texts."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.hide(secrets)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at the time."""

    def __init__(self, *, json: bool, secrets: Iterable[str]) -> None:
        logging.Handler.__init__(self)
        self.json = json
        self._secrets: tuple[str, ...] = ()
        self.hide(secrets)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # as logging.lastResort does
        """Where it goes."""
        return sys.stderr

    def hide(self, secrets: Iterable[str]) -> None:
        kept = {each for each in secrets if len(each) >= SECRET_CHARACTERS_MIN} | set(self._secrets)
        # The longest first: one may be the beginning of another.
        self._secrets = tuple(sorted(kept, key=lambda each: (-len(each), each)))

    def format(self, record: logging.LogRecord) -> str:
        """One line, or in text as many as an exception has."""
        return self._json(record) if self.json else self._text(record)

    def _json(self, record: logging.LogRecord) -> str:
        event: LogEvent = getattr(record, EVENT_ATTRIBUTE, LIBRARY)
        message = record.getMessage()
        line: dict[str, object] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "event": event.name,
            "message": message,
            "pid": os.getpid(),
            **(getattr(record, FIELDS_ATTRIBUTE, None) or ({"text": message} if event is LIBRARY else {})),
        }
        if event is LIBRARY:
            line["logger"] = record.name
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)
        shown = {key: self._clean(value) if isinstance(value, str) else value for key, value in line.items()}
        return json.dumps(shown, ensure_ascii=False)

    def _text(self, record: logging.LogRecord) -> str:
        event: LogEvent = getattr(record, EVENT_ATTRIBUTE, LIBRARY)
        line = f"{_instant(record)} {record.levelname.lower()} {event.name}: {record.getMessage()}"
        if record.exc_info:
            line += "\n" + logging.Formatter().formatException(record.exc_info)
        return self._clean(line)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _instant(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _secrets(settings: Settings) -> list[str]:
    found = [settings.token]
    for url in (settings.store, settings.traces or "", settings.keys if isinstance(settings.keys, str) else ""):
        password = _password(url)
        found += [password, unquote(password)]
    return [each for each in found if each]


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        # It is no URL, and is refused elsewhere; what may be a password in it is hidden all the same.
        _, _, rest = url.partition("//")
        return rest.rpartition("@")[0].partition(":")[2]
