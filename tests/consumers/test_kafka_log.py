"""What the Kafka client says, and what it would not hear."""

from __future__ import annotations

import logging
import socket
import ssl

import pytest
from kafka.net.transport import KafkaTCPTransport

from consumers.kafka_log import hear_last_words, heard


def test_what_a_broker_says_as_it_hangs_up_is_heard() -> None:
    """The client throws it away where the end comes with it."""
    hear_last_words()
    hear_last_words()  # As often as a consumer is made.
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport = KafkaTCPTransport(None, ours)
    with ours:
        theirs.sendall(b"no")
        theirs.close()

        words, error = transport._sock_recv()
        assert (words, error) == (b"no", None)
        words, error = transport._sock_recv()
        assert words == b""
        assert "disconnected" in str(error)


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("certificate has expired", "Have it renewed"),
        ("certificate is not yet valid", "set the clock"),
        ("self-signed certificate in certificate chain", "in ssl_cafile"),
    ],
)
def test_certificate_that_is_not_trusted_is_told_with_what_mends_it(fault: str, remedy: str) -> None:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {fault} (_ssl.c:1006)"
    with heard() as log:
        logging.getLogger("kafka").warning("Connection failed: %s", ssl.SSLCertVerificationError(1, text))
        refusal = log.refusal("kafka:9093")
    assert f"certificate verify failed: {fault}. " in str(refusal)
    assert remedy in str(refusal)
