"""What the Kafka client says, and what it would not hear."""

from __future__ import annotations

import socket

from kafka.net.transport import KafkaTCPTransport

from consumers.kafka_log import hear_last_words


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
