"""Read what a site adds to the Kafka client: TLS, passwords, sizes; nothing that would break exactly-once."""

from __future__ import annotations

import re
import ssl
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

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
_MAY_BE_NOTHING = (
    "fetch_max_wait_ms",
    "fetch_min_bytes",
    "reconnect_backoff_max_ms",
    "reconnect_backoff_ms",
    "retry_backoff_ms",
)
"""What need not be waited for; any other number that is 0 stops the client, or stops it from ever reading."""
_NUMBER_MAX: Final = 2**31 - 1
"""What Kafka's protocol and sockets hold."""
_NAMES = {str: "text", int: "a whole number", bool: "true or false"}

SECRETS: Final = ("sasl_plain_password", "ssl_password")
"""Settings that may also be read from a file of their own: `NAME_file`."""
_VARIABLE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")

Setting = str | int | bool


class KafkaSettingError(WrongInputError):
    """A setting of the Kafka client that cannot be used; the message says which, and what to write."""


def read_kafka_settings(
    path: Path, *, variable: Callable[[str], str | None] = lambda _: None
) -> dict[str, Setting]:
    """The settings in a TOML file (`.toml`), or in a file of `name = value` lines (any other suffix).

    Names are kafka-python's (`security_protocol`, `ssl_cafile`, `sasl_plain_username` …). A text `${env:NAME}` is
    what `variable` gives for the name; a password may lie in a file of its own, which `sasl_plain_password_file`
    or `ssl_password_file` names; a relative path there begins beside the settings.
    """
    text = _text(path)
    try:
        settings = check_kafka_settings(_with_secrets(_given(path, text), path.parent, variable))
        _check_complete(settings)
        _check_certificates(settings)
    except (tomllib.TOMLDecodeError, KafkaSettingError, UnknownNameError) as error:
        raise KafkaSettingError(f"{path}: {error}") from error
    return settings


def files_with_secrets(path: Path) -> list[Path]:
    """The files that settings which can be read name and nobody else should read: passwords and a private key."""
    given = _given(path, _text(path))
    beside = [path.parent / str(given[f"{name}_file"]) for name in SECRETS if f"{name}_file" in given]
    return [*beside, *(Path(str(given[name])) for name in ("ssl_keyfile",) if name in given)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaSettingError(f"The Kafka settings {path} cannot be read: {error}.") from error


def _given(path: Path, text: str) -> Mapping[str, object]:
    return tomllib.loads(text) if path.suffix == ".toml" else _properties(text)


def _with_secrets(
    given: Mapping[str, object], folder: Path, variable: Callable[[str], str | None]
) -> dict[str, object]:
    """The settings with what they refer to in its place."""
    found: dict[str, object] = {}
    for name, value in given.items():
        told = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if told:
            value = variable(told[1])
            if value is None:
                raise KafkaSettingError(f"`{name}`: the environment variable {told[1]} is not set.")
        secret = name.removesuffix("_file")
        if secret != name and secret in SECRETS:
            if secret in given:
                raise KafkaSettingError(f"`{name}` and `{secret}` are both given. Leave one out.")
            name, value = secret, _content(name, folder / str(value))
        found[name] = value
    return found


def _content(name: str, file: Path) -> str:
    try:
        content = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise KafkaSettingError(f"`{name}`: {file} cannot be read ({reason}).") from error
    if not content:
        raise KafkaSettingError(f"`{name}`: {file} is empty.")
    return content


def _check_complete(settings: Mapping[str, Setting]) -> None:
    """Settings that need each other: the client would find out only by trying again and again."""
    protocol, mechanism = str(settings.get("security_protocol", "PLAINTEXT")), settings.get("sasl_mechanism")
    if protocol.startswith("SASL") and mechanism is None:
        raise KafkaSettingError(f"`{protocol}` needs `sasl_mechanism`.")
    if mechanism is not None and not protocol.startswith("SASL"):
        raise KafkaSettingError("`sasl_mechanism` needs `security_protocol` SASL_SSL (or SASL_PLAINTEXT).")
    if mechanism is not None and mechanism != "GSSAPI":
        for name in ("sasl_plain_username", "sasl_plain_password"):
            if not settings.get(name):
                raise KafkaSettingError(f"`{mechanism}` needs `{name}`.")
    if protocol not in ("SSL", "SASL_SSL"):
        for name in settings:
            if name.startswith("ssl_"):
                raise KafkaSettingError(f"`{name}` needs `security_protocol` SSL or SASL_SSL.")


def _check_certificates(settings: Mapping[str, Setting]) -> None:
    """Whether the files hold certificates and keys, and fit together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate = settings.get("ssl_cafile"), settings.get("ssl_certfile")
    try:
        if authority is not None:
            context.load_verify_locations(str(authority))
    except (ssl.SSLError, OSError) as error:
        raise KafkaSettingError(f"`ssl_cafile`: {authority} holds no certificate in PEM.") from error
    if certificate is None:
        return
    # A function, for else the library would ask on the terminal where a key is encrypted.
    password, key = str(settings.get("ssl_password", "")), settings.get("ssl_keyfile")
    try:
        context.load_cert_chain(str(certificate), None if key is None else str(key), lambda: password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise KafkaSettingError(
            "`ssl_certfile`, `ssl_keyfile` and `ssl_password` do not fit together: give a certificate and its key "
            "in PEM, and the password if the key has one."
        ) from error


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
    if kind is int:
        least = 0 if name in _MAY_BE_NOTHING else 1
        if not least <= int(value) <= _NUMBER_MAX:
            raise KafkaSettingError(f"`{name}` must be from {least} to {_NUMBER_MAX:,}, not {value}.")
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
