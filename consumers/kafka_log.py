"""Hear what the Kafka client says to its log, instead of printing it: it tells why it is refused nowhere else."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import (
    InvalidReceiveError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from domain.errors import UnreachableError

_KEPT_MAX = 20
_CERTAIN_MAX = 2
_CLIENT = "kafka"
_HUNG_UP = "socket disconnected"

Read = tuple[bytes, BaseException | None]
"""What was read of a connection, and what broke it off."""

_READ = {transport: transport._sock_recv for transport in (KafkaTCPTransport, KafkaSSLTransport)}


class KafkaAccessError(UnreachableError):
    """Kafka answers, and TLS or the account keeps us out; it may be mended while we wait. Exit code 3."""


class ClientLog(logging.Handler):
    """The errors that the client has logged of late; they are forgotten once a record is read."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard: deque[BaseException] = deque(maxlen=_KEPT_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the errors that a line of the log is about."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self._heard.extend(each for each in arguments if isinstance(each, BaseException))

    def forget(self) -> None:
        """All is well."""
        self._heard.clear()

    def refusal(self, bootstrap: str, *, certain: bool = False) -> KafkaAccessError | None:
        """Why Kafka keeps us out, if that is what was heard.

        `certain`: only what cannot be heard when a broker goes down as well.
        """
        told = sorted(sentence for each in list(self._heard) if (sentence := _sentence(each)) is not None)
        if not told or (certain and told[0][0] > _CERTAIN_MAX):
            return None
        # What the broker says itself is worth more than a line that broke off meanwhile, and comes first.
        return KafkaAccessError(f"Kafka at {bootstrap} {told[0][1]}")


def hear_last_words() -> None:
    """From now on, in this process, the client takes in what comes together with the end of a connection.

    A broker says that it does not take an account, and hangs up at once. The client (kafka-python 3.0.12) throws
    away what it has just read where it finds the end behind it: all that is heard then is that somebody hung up.
    """
    for transport, read in _READ.items():
        transport._sock_recv = _leaving_the_end(read)


def _leaving_the_end(read: Callable[[Any], Read]) -> Callable[[Any], Read]:
    """Read as `read` does; an end behind something is left to be found by the next look."""

    def read_on(transport: Any) -> Read:
        found, error = read(transport)
        return (found, None) if found and _HUNG_UP in str(error) else (found, error)

    return read_on


@contextmanager
def heard() -> Iterator[ClientLog]:
    """Listen for as long as the block lasts; the client prints only what somebody has asked it for."""
    client, log = logging.getLogger(_CLIENT), ClientLog()
    asked_for, passed_on = client.level != logging.NOTSET, client.propagate
    if not asked_for:
        # What is worth saying is said here, once, in our words.
        client.setLevel(logging.WARNING)
        client.propagate = False
    client.addHandler(log)
    try:
        yield log
    finally:
        client.removeHandler(log)
        if not asked_for:
            client.setLevel(logging.NOTSET)
            client.propagate = passed_on


def _sentence(error: BaseException) -> tuple[int, str] | None:
    """How much an error says, best first, and what. None where it says nothing about being kept out."""
    text = " ".join(str(error).split())
    if isinstance(error, SaslAuthenticationFailedError):
        return 0, (
            f"does not take the account: {text.rpartition('Error: ')[2]}. Check sasl_mechanism, "
            "sasl_plain_username and the password in --kafka-config."
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return 0, "does not know this sasl_mechanism. Ask who runs it which one the account is for."
    if "CERTIFICATE_VERIFY_FAILED" in text and any(words in text for words in ("has expired", "not yet valid")):
        return 1, (
            f"shows a certificate that is out of date: {_reason(text)}. Have it renewed, or set the clock of this "
            "machine."
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return 1, (
            f"shows a certificate that cannot be trusted: {_reason(text)}. Name the certificate of who signed "
            "it in ssl_cafile, and Kafka by the name that stands in it."
        )
    if "ALERT" in text:
        return 2, (
            f"does not take our certificate: {_reason(text)}. Give one that it trusts with ssl_certfile and "
            "ssl_keyfile."
        )
    if "SSL" in text:
        return 3, f"does not speak TLS as we do: {_reason(text)}. Check security_protocol and the port."
    if isinstance(error, InvalidReceiveError):
        # A length that can be none: the first bytes of something else, such as the alert of a TLS server.
        return 3, "does not answer as Kafka does; it may demand TLS. Check security_protocol and the port."
    if isinstance(error, KafkaError) and _HUNG_UP in text:
        return 4, (
            "hangs up before it answers. Check security_protocol, sasl_mechanism and the account in "
            "--kafka-config, and the port."
        )
    return None


def _reason(text: str) -> str:
    """OpenSSL's words without where in its source they come from."""
    return text.rpartition("] ")[2].partition(" (_ssl")[0].rstrip(".") or text
