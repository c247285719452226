"""PostgreSQL URLs: what libpq makes of them, and how to call the place without ever showing a password."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from domain.ledger.errors import WrongStoreError, on_one_line
from domain.ports import port_number

CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_SECONDS = 30
# For so long a pool tries by itself after a failure; then whoever asks for a connection makes it try anew.
RECONNECT_SECONDS_MAX = 3
# A writer that is stopped in the middle of a transaction holds the lock that all others wait for: no longer than
# Kafka takes to give them its partitions (session_timeout_ms). Nothing of ours pauses within a transaction.
IDLE_IN_TRANSACTION_SECONDS = 10
# Who asks a pool while the server is away is told after this; a consumer that is to end cannot be kept for longer.
POOL_TIMEOUT_SECONDS = 2

_FAULTS_OF_THE_URL = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    # A parameter's value that libpq does not know, as in sslmode=verify_full: it looks only as it connects.
    "connection is bad: invalid",
)
_FAULTS_OF_TLS = ("SSL error", "does not support SSL", "server certificate", "no encryption", "SSL off")


def parameters_of(url: str, *, called: str) -> dict[str, Any]:
    """libpq's parameters, with our limit on connecting. `called` says what the URL is for, such as "store URL"."""
    _check_signs(url, called=called)
    try:
        parameters = conninfo_to_dict(url.replace("postgresql+psycopg", "postgresql", 1))
    except psycopg.ProgrammingError as error:
        raise WrongStoreError(
            f"The {called} cannot be read: {_without_secrets(str(error).strip(), url)}. "
            "Write postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE."
        ) from error
    # libpq looks at ports only as it connects, and says no more than that it could not.
    for port in str(parameters.get("port", "")).split(","):
        if port and not port_number(port):
            raise WrongStoreError(f"The {called} names {port!r} as a port. Write a number from 1 to 65535.")
    parameters.setdefault("connect_timeout", str(CONNECT_TIMEOUT_SECONDS))
    return parameters


def place_of(parameters: dict[str, Any]) -> str:
    """How to call the database: host, port and name, never the password."""
    host, port = parameters.get("host", "localhost"), parameters.get("port", "5432")
    return f"PostgreSQL at {host}:{port}, database {parameters.get('dbname', parameters.get('user', 'default'))}"


def reason_of(error: psycopg.Error) -> str:
    """What the server or libpq says, on one line."""
    return on_one_line(error)


def is_refused(reason: str) -> bool:
    """Whether a failed login is the fault of the URL. It tells no SQLSTATE, only a sentence of the server's."""
    return any(words in reason for words in _FAULTS_OF_THE_URL)


def is_not_private(reason: str) -> bool:
    """Whether the server is there, and what the URL says of TLS keeps us apart. It may be mended at either end."""
    return any(words in reason for words in _FAULTS_OF_TLS)


def _check_signs(url: str, *, called: str) -> None:
    """A sign of a password that is not escaped ends it; the rest would be shown as a host or a database."""
    _, _, address = url.partition("://")
    authority, _, path = address.partition("/")
    if authority.count("@") > 1 or "@" in path.partition("?")[0]:
        raise WrongStoreError(
            f"The {called} holds more than one @, or a / before it. In a user's name, a password or a database's "
            "name write %40 for @, %2F for /, %3A for :, %3F for ? and %25 for %."
        )


def _without_secrets(said: str, url: str) -> str:
    """What libpq says, without the part of the URL that it quotes where that may be, or hold, a password."""
    before, sign, rest = said.partition('"')
    quoted, _, after = rest.rpartition('"')
    _, at, address = url.rpartition("@")
    harmless = not at or (quoted in address and "password" not in address)
    if not sign or (harmless and "://" not in quoted):
        return said
    return before.removesuffix(": ") if not after else f"{before}what is not shown here{after}"
