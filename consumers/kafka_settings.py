"""Read what a site adds to the Kafka client: TLS, passwords, sizes; nothing that would break exactly-once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from domain.errors import UnknownNameError, WrongInputError

_KINDS: Mapping[str, type] = {
    "check_crcs": bool,
    "client_dns_lookup": str,
    "client_id": str,
    "client_rack": str,
    "connections_max_idle_ms": int,
    "enable_incremental_fetch_sessions": bool,
    "fetch_max_bytes": int,
    "fetch_max_wait_ms": int,
    "fetch_min_bytes": int,
    "group_instance_id": str,
    "heartbeat_interval_ms": int,
    "max_partition_fetch_bytes": int,
    "max_poll_interval_ms": int,
    "max_poll_records": int,
    "metadata_max_age_ms": int,
    "proxy_url": str,
    "receive_buffer_bytes": int,
    "reconnect_backoff_max_ms": int,
    "reconnect_backoff_ms": int,
    "request_timeout_ms": int,
    "retry_backoff_ms": int,
    "sasl_kerberos_domain_name": str,
    "sasl_kerberos_name": str,
    "sasl_kerberos_service_name": str,
    "sasl_mechanism": str,
    "sasl_plain_password": str,
    "sasl_plain_username": str,
    "security_protocol": str,
    "send_buffer_bytes": int,
    "session_timeout_ms": int,
    "ssl_cafile": str,
    "ssl_certfile": str,
    "ssl_check_hostname": bool,
    "ssl_ciphers": str,
    "ssl_crlfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
}

_OWNED: Mapping[str, str] = {
    "bootstrap_servers": "give it as --bootstrap",
    "group_id": "give it as --group",
    "isolation_level": "it is read_committed: aborted records must not be counted",
    "auto_offset_reset": "it is none: a jump to another offset would lose actions silently",
    "enable_auto_commit": "the ledger holds the offsets, in the transaction that records the actions",
    "auto_commit_interval_ms": "the ledger holds the offsets, in the transaction that records the actions",
    "allow_auto_create_topics": "a mistyped topic must be reported, not created",
    "key_deserializer": "records are kept as they were received",
    "value_deserializer": "records are kept as they were received",
    "partition_assignment_strategy": "all members must agree on it: cooperative-sticky",
    "consumer_timeout_ms": "use --until-idle",
}
"""Settings that exactly-once rests on, and why they are refused."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"),
}
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_crlfile", "ssl_keyfile")
_NAMES = {str: "text", int: "a whole number", bool: "true or false"}

Setting = str | int | bool


class KafkaSettingError(WrongInputError):
    """A setting of the Kafka client that cannot be used; the message says which, and what to write."""


def read_kafka_settings(path: Path) -> dict[str, Setting]:
    """The settings in a TOML file (`.toml`), or in a file of `name = value` lines (any other suffix).

    Names are kafka-python's (`security_protocol`, `ssl_cafile`, `sasl_plain_username` …).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaSettingError(f"The Kafka settings {path} cannot be read: {error}.") from error
    try:
        given = tomllib.loads(text) if path.suffix == ".toml" else _properties(text)
        return check_kafka_settings(given)
    except (tomllib.TOMLDecodeError, KafkaSettingError, UnknownNameError) as error:
        raise KafkaSettingError(f"{path}: {error}") from error


def check_kafka_settings(given: Mapping[str, object]) -> dict[str, Setting]:
    """The same settings, each known, of its kind, and not one of those that are ours."""
    return {name: _check(name, given[name]) for name in sorted(given)}


def _check(name: str, value: object) -> Setting:
    if name in _OWNED:
        raise KafkaSettingError(f"`{name}` is not yours to set: {_OWNED[name]}.")
    if name not in _KINDS:
        raise UnknownNameError("Kafka setting", name, _KINDS)
    kind = _KINDS[name]
    # type(), not isinstance(): a true is no number.
    if type(value) is not kind or not isinstance(value, str | int | bool):
        shown = "" if "password" in name else f", not {value!r}"
        raise KafkaSettingError(f"`{name}` must be {_NAMES[kind]}{shown}.")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise KafkaSettingError(f"`{name}` must be one of {', '.join(_CHOICES[name])}, not {value!r}.")
    if name in _FILES and not Path(str(value)).is_file():
        raise KafkaSettingError(f"`{name}`: there is no file {value}.")
    if kind is int and int(value) < 0:
        raise KafkaSettingError(f"`{name}` must not be negative.")
    return value


def _properties(text: str) -> dict[str, Setting]:
    """Lines `name = value`; empty lines and lines that begin with `#` or `!` say nothing."""
    found: dict[str, Setting] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#!":
            continue
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not name:
            raise KafkaSettingError(f"line {number}: write `name = value`, not {name!r}.")
        if name in found:
            raise KafkaSettingError(f"line {number}: `{name}` is given twice.")
        found[name] = _converted(name, value)
    return found


def _converted(name: str, value: str) -> Setting:
    kind = _KINDS.get(name, str)
    if kind is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind is int and value.isascii() and value.isdigit():
        return int(value)
    return value
