"""Project recorded actions into all views, beside reading and decoding them only."""

from __future__ import annotations

from benchmarks.given import recorded
from benchmarks.measuring import Figures, by_turns
from domain.facts import read_facts
from projections.driver import BATCH_MAX


def project(actions: int) -> Figures:
    """All views from an empty start; the peer reads the same batches and decodes them, which is the least."""
    with recorded(actions) as kaoji:
        head = kaoji.ledger.head().position

        def ours() -> None:
            with kaoji.views.transaction() as connection:
                for build in kaoji.views.builds(connection):
                    kaoji.views.drop_build(connection, build)
            assert kaoji.driver.catch_up() == head

        def theirs() -> None:
            position = 0
            while position < head:
                for event in kaoji.ledger.read(after=position, limit=BATCH_MAX):
                    read_facts(event.facts)
                    position = event.position

        return by_turns({"all views": ours, "read and decode": theirs}, items=head, rounds=3)
