"""Look for what is wrong with settings and surroundings before it costs records: each check says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from api.settings import VARIABLES, Settings, address
from api.store_file import SQLITE, damage_of, store_file
from domain.errors import KaojiError

FREE_BYTES_MIN: Final = 1024**3
FREE_SHARE_MIN: Final = 0.05
RELEASED_ON: Final = date(2026, 1, 1)
"""No clock that goes right says less."""
PYTHON_MIN: Final = (3, 11)
POSTGRES_MIN: Final = 140_000
_CONNECT_SECONDS_MAX: Final = 4.0
_FUNCTIONS: Final = "POSTGRES_ENABLE_DB_FUNCTIONS"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; where it is not `ok`, `told` says what to do."""

    name: str
    ok: bool
    told: str

    def to_json(self) -> dict[str, Any]:
        """As `kaoji doctor` prints it."""
        return {"check": self.name, "ok": self.ok, "told": self.told}


def examine(
    settings: Settings,
    *,
    bootstrap: str | None = None,
    topic: str = "administrative-actions",
    kafka_config: str | None = None,
) -> list[Finding]:
    """All checks, in the order in which faults are best mended. Nothing is changed, and no ledger is made."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("Python", _python),
        ("clock", lambda: _clock(settings)),
        ("environment", _environment),
        ("time zones", lambda: _zones(settings)),
        ("scoring core", _core),
        ("store", lambda: _store(settings)),
        ("disk", lambda: _disk(settings)),
        ("kept files", lambda: _kept_files(settings)),
        ("keys", lambda: _keys(settings)),
        ("senders", lambda: _senders(settings)),
        ("access", lambda: _access(settings)),
    ]
    if (traces := settings.traces) is not None:
        checks.append(("traces", lambda: _traces(traces)))
    if kafka_config is not None:
        checks.append(("Kafka settings", lambda: _kafka_file(Path(kafka_config))))
    if bootstrap is not None:
        checks.append(("Kafka", lambda: _kafka(bootstrap, topic, kafka_config)))
    if bootstrap is not None and settings.dead_letter is not None:
        dead_letter = settings.dead_letter
        checks.append(("dead letters", lambda: _dead_letters(bootstrap, topic, dead_letter, kafka_config)))
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check()
        except KaojiError as error:
            found.append(Finding(name, False, str(error)))
    return found


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, PYTHON_MIN))
    ok = sys.version_info[:2] >= PYTHON_MIN
    yield Finding("Python", ok, version if ok else f"{version}; install {wanted} or later.")


def _clock(settings: Settings) -> Iterator[Finding]:
    today = date.fromtimestamp(time.time())
    if today < RELEASED_ON:
        yield Finding(
            "clock", False, f"It says {today}, which is past. Set it, or let a time service do so (NTP)."
        )
        return
    ahead = _recorded_ahead_seconds(settings)
    if ahead > 60:
        told = (
            f"It is {ahead:.0f} s behind the last record of the ledger. Set it, or let a time service do so (NTP)."
        )
        yield Finding("clock", False, told)
        return
    yield Finding("clock", True, f"{today}")


def _recorded_ahead_seconds(settings: Settings) -> float:
    """By how much the ledger's last record is ahead of the clock; 0 where there is no ledger."""
    from domain.ledger.ledger import open_ledger

    try:
        ledger = open_ledger(settings.store, keys=settings.keys, clock=lambda: 0, create=False)
        try:
            return max(0.0, ledger.head().recorded_at / 1_000_000 - time.time())
        finally:
            ledger.close()
    except KaojiError:
        return 0.0  # said by the check of the store


def _environment() -> Iterator[Finding]:
    """What the eventsourcing library reads by itself, and what would undo what we rest on."""
    if os.environ.get(_FUNCTIONS, "").strip().lower() in ("y", "yes", "t", "true", "on", "1"):
        told = f"{_FUNCTIONS} makes the eventsourcing library drop offsets and the write lock. Unset it."
        yield Finding("environment", False, told)
    elif os.environ.get("PYTHONOPTIMIZE"):
        yield Finding(
            "environment", False, "PYTHONOPTIMIZE takes assertions away that guard the ledger. Unset it."
        )
    elif slips := [f"{name} is not read; {near} is." for name, near in _slips(os.environ)]:
        yield Finding("environment", False, " ".join(slips) + " Rename it, or unset it.")
    else:
        yield Finding("environment", True, "nothing in it gets in the way")


def _slips(environment: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(variable, setting) where one is hardly to be told from the other. Others may serve for `${env:NAME}`."""
    for name in sorted(environment):
        if name.upper().startswith("KAOJI") and name not in VARIABLES:
            yield from ((name, near) for near in get_close_matches(name.upper(), VARIABLES, n=1, cutoff=0.85))


def _zones(settings: Settings) -> Iterator[Finding]:
    from domain.zones import load_zone

    for name in sorted({settings.zone, "Asia/Shanghai"}):
        load_zone(name)
    yield Finding("time zones", True, settings.zone)


def _core() -> Iterator[Finding]:
    from domain.compiled import CACHE, SLOW_BECAUSE, broken_numba

    slow = SLOW_BECAUSE or broken_numba()
    yield Finding("scoring core", slow is None, slow or f"compiled, kept in {CACHE}")


def _store(settings: Settings) -> Iterator[Finding]:
    from domain.ledger.errors import NoLedgerError
    from domain.ledger.ledger import open_ledger

    faults = damage_of(settings) if not settings.store.startswith(SQLITE) or store_file(settings).exists() else []
    if faults:
        yield Finding("store", False, f"{faults[0]}. Put a backup in place: `kaoji restore FILE`.")
        return
    try:
        ledger = open_ledger(settings.store, keys=settings.keys, clock=lambda: 0, create=False)
    except NoLedgerError:
        yield _empty(settings)
    else:
        position = ledger.head().position
        ledger.close()
        yield Finding("store", True, f"a ledger of {position:,} events")
    if not settings.store.startswith(SQLITE):
        yield from _postgres(settings)


def _empty(settings: Settings) -> Finding:
    from domain.ledger.opening_postgres import settings_of_postgres

    if settings.store.startswith(SQLITE) or settings_of_postgres(settings.store)["may_create"] == "yes":
        return Finding("store", True, "empty: the first `kaoji ingest` or `kaoji consume` makes the ledger")
    return Finding(
        "store",
        False,
        "empty, and its user may make no tables. Give it the right: GRANT CREATE ON SCHEMA … TO …, and see that "
        "the search path names a schema that is there.",
    )


def _postgres(settings: Settings) -> Iterator[Finding]:
    from domain.ledger.opening_postgres import settings_of_postgres

    said = settings_of_postgres(settings.store)
    version = int(said["server_version_num"])
    ok = version >= POSTGRES_MIN
    shown = said["server_version"]
    yield Finding("PostgreSQL", ok, shown if ok else f"{shown}; Kaoji is tried with 14 and later. Upgrade it.")
    for name, why in (
        ("fsync", "a power cut can then destroy the ledger"),
        ("full_page_writes", "a power cut can then tear pages"),
        ("synchronous_commit", "what was told to be recorded can then be lost, while Kafka's offsets go on"),
    ):
        ok = said[name] != "off"
        yield Finding(f"PostgreSQL {name}", ok, said[name] if ok else f"It is off: {why}. Set it to on.")
    encrypted = said["ssl"] == "yes" or said["local"] == "yes"
    told = "encrypted, or on this machine" if encrypted else (
        "Actions and passwords go over the network in the clear. Add ?sslmode=verify-full&sslrootcert=FILE."
    )  # fmt: skip
    yield Finding("PostgreSQL TLS", encrypted, told)


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.store.startswith(SQLITE):
        return
    folder = _nearest(store_file(settings).absolute().parent)
    if folder is None:
        yield Finding("disk", False, f"There is no folder for {store_file(settings)}. Make it.")
        return
    usage = shutil.disk_usage(folder)
    free = f"{usage.free / 1024**3:.1f} GiB of {usage.total / 1024**3:.0f} GiB free"
    ok = usage.free >= FREE_BYTES_MIN and usage.free >= FREE_SHARE_MIN * usage.total
    yield Finding("disk", ok, free if ok else f"Only {free} at {folder}. Make room, or move the store.")


def _kept_files(settings: Settings) -> Iterator[Finding]:
    """Where case files are kept for the next command."""
    if settings.cache is None:
        yield Finding("kept files", True, "none, by order of KAOJI_CACHE: every command derives its case files")
        return
    place = settings.cache.absolute()
    folder = next(each for each in (place, *place.parents) if each.exists())
    ok = folder.is_dir() and os.access(folder, os.W_OK)
    size = sum(each.stat().st_size for each in settings.cache.rglob("*.kept"))
    told = f"{settings.cache}, {size / 1024**2:,.0f} MiB" if ok else (
        f"{folder} cannot be written, so every command derives its case files. Name a folder in KAOJI_CACHE."
    )  # fmt: skip
    yield Finding("kept files", ok, told)


def _keys(settings: Settings) -> Iterator[Finding]:
    keys = settings.keys
    if isinstance(keys, str):
        yield _key_database(keys)
        return
    if not settings.store.startswith(SQLITE):
        told = "in a file, so members that seal must share this host (or give KAOJI_KEYS a PostgreSQL URL)"
        yield Finding("keys of members", True, told)
    if keys.is_dir():
        yield Finding("keys", False, f"{keys} is a folder. Name a file in it.")
        return
    if not keys.exists():
        ok = _nearest(keys.absolute().parent) == keys.absolute().parent
        told = (
            "none yet: made when something is sealed" if ok else f"The folder of {keys} does not exist. Make it."
        )
        yield Finding("keys", ok, told)
        if ok and _seals(settings):
            told = f"The ledger holds sealed parts, and {keys} is not there: bring it back from its own backup."
            yield Finding("keys of the ledger", False, told)
        return
    yield _private("keys", keys)


def _key_database(url: str) -> Finding:
    from domain.ledger.keys_postgres import KeyDatabase

    keys = KeyDatabase(url, clock=lambda: 0)
    try:
        made = keys.are_made()
    finally:
        keys.close()
    return Finding("keys", True, keys.place if made else f"{keys.place}: none yet, made when something is sealed")


def _seals(settings: Settings) -> bool:
    from domain.ledger.ledger import open_ledger

    try:
        ledger = open_ledger(settings.store, keys=settings.keys, clock=lambda: 0, create=False)
    except KaojiError:
        return False
    try:
        return ledger.seals()
    finally:
        ledger.close()


def _senders(settings: Settings) -> Iterator[Finding]:
    from consumers.senders import read_senders

    if settings.senders is None:
        yield Finding("senders", True, "not bound: any sender may use any source (KAOJI_SENDERS binds them)")
        return
    senders = read_senders(settings.senders)
    mode = stat.S_IMODE(settings.senders.stat().st_mode)
    if mode & 0o022:
        told = f"{settings.senders} can be written by others (mode {mode:03o}): chmod go-w {settings.senders}"
        yield Finding("senders", False, told)
    else:
        yield Finding("senders", True, f"{len(list(senders))} of them, in {settings.senders}")
    secrets = [key.file for sender in senders for key in sender.keys if key.algorithm == "hmac-sha256"]
    yield from _only_open(_private("senders' keys", file) for file in secrets)


def _access(settings: Settings) -> Iterator[Finding]:
    """Whether the token can travel, and whether what listens beyond this machine asks for one."""
    from api.http.server import check_listening, check_token

    check_token(settings.token)
    if settings.metrics is not None:
        # A port of its own: the one that is named may be in use, by the very consumer it is meant for.
        check_listening(address(settings.metrics)[0], 0, settings.token)
    told = "no token: this machine only" if settings.token is None else "with KAOJI_TOKEN"
    yield Finding("access", True, told)


def _traces(url: str) -> Iterator[Finding]:
    place = urlsplit(url)
    port = place.port or (443 if place.scheme == "https" else 80)
    where = f"{place.hostname}:{port}"
    try:
        socket.create_connection((place.hostname, port), timeout=_CONNECT_SECONDS_MAX).close()
    except OSError as error:
        told = f"Nothing takes spans at {where} ({error.strerror or error}). Start it, or unset KAOJI_TRACES."
        yield Finding("traces", False, told)
    else:
        yield Finding("traces", True, f"something listens at {where}")


def _kafka_file(path: Path) -> Iterator[Finding]:
    from api.intake import kafka_settings
    from consumers.kafka_settings import files_with_secrets

    found = kafka_settings(str(path)) or {}
    protocol = str(found.get("security_protocol", "PLAINTEXT"))
    text = path.read_text(encoding="utf-8")
    password = str(found.get("sasl_plain_password", "") or found.get("ssl_password", ""))
    if password and password in text:
        yield _private("Kafka settings", path)
    else:
        yield Finding("Kafka settings", True, protocol)
    yield from _only_open(_private("Kafka secrets", file) for file in files_with_secrets(path))
    if protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
        told = f"{protocol} sends everything in the clear. Use SSL or SASL_SSL wherever others share the network."
        yield Finding("Kafka TLS", False, told)


def _kafka(bootstrap: str, topic: str, kafka_config: str | None) -> Iterator[Finding]:
    from api.intake import kafka_settings, see_whether_kafka_lets_us_in

    see_whether_kafka_lets_us_in(bootstrap, topic, "kaoji", kafka_settings(kafka_config))
    yield Finding("Kafka", True, f"lets us read {topic}")


def _dead_letters(bootstrap: str, topic: str, dead_letter: str, kafka_config: str | None) -> Iterator[Finding]:
    from api.intake import dead_letter_topic, kafka_settings

    dead_letter_topic(bootstrap, topic, dead_letter, kafka_settings(kafka_config))
    yield Finding("dead letters", True, f"go to {dead_letter}")


def _only_open(files: Iterable[Finding]) -> Iterator[Finding]:
    """Of files that hold secrets those that others can read; nobody asks to have the rest listed."""
    return (found for found in files if not found.ok)


def _private(name: str, file: Path) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding(name, False, f"{file} can be read by others (mode {mode:03o}): chmod 600 {file}")
    return Finding(name, True, f"{file}, for its owner only")


def _nearest(folder: Path) -> Path | None:
    """The folder, or the nearest one above it that is there; None where there is none."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), None)
