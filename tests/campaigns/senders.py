"""Senders of a campaign: processes that publish while others work, and send again what was not acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

from consumers.kafka_topics import publish
from tests.campaigns.members import ENDS_SECONDS_MAX, UNREACHABLE, Member, Members


class Senders:
    """Publishes lines to one topic; `acknowledged` is all that Kafka has said it holds."""

    def __init__(self, members: Members, *, bootstrap: str, topic: str) -> None:
        self._members, self._bootstrap, self._topic = members, bootstrap, topic
        self._at_work: list[tuple[Member, list[bytes]]] = []
        self.acknowledged: set[bytes] = set()

    def send(self, lines: list[bytes]) -> None:
        """Have them sent, by a process of its own."""
        job = self._members.start("sender", lambda: publish(self._bootstrap, self._topic, lines))
        self._at_work.append((job, lines))

    def ended(self) -> Iterator[Member]:
        """Those that have ended; one that Kafka did not answer is gone on with by another."""
        waiting, self._at_work = self._at_work, []
        for member, lines in waiting:
            if member.look():
                self._at_work.append((member, lines))
            elif member.exit_code == UNREACHABLE:
                # Sent again whole, as a sender does who was not answered: what arrived already are repeats.
                self.send(lines)
            else:
                self.acknowledged.update(lines)
                yield member

    def all_ended(self) -> Iterator[Member]:
        """Waits until everything is sent. Raises TimeoutError for one that hangs."""
        while self._at_work:
            for member, _ in self._at_work:
                if not member.wait(ENDS_SECONDS_MAX):
                    raise TimeoutError(f"A sender hangs: {member.said()[-2000:]}")
            yield from self.ended()
