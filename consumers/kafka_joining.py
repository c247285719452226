"""Have the client bring its joins of a group to their end: kafka-python (3.0.12) forgets some on the way."""

from __future__ import annotations

from typing import Any

from kafka.structs import MemberState


def keep_answers(consumer: Any) -> None:
    """Have the answer of a join kept until a poll takes it.

    A join is asked for by one poll and taken by a later one. Where its answer comes between the two, the client
    throws it away and asks anew, so all others have to join once more, and no member reads meanwhile. A member
    that has much to do is seldom in a poll: it would go on asking for as long as the load lasts.
    """
    coordinator = consumer._coordinator
    ask = coordinator._do_join_and_sync_async
    kept: list[tuple[object, bytes]] = []

    async def join() -> bytes:
        # Whoever takes an answer declares the member stable; one that was put out of the group has another
        # generation. So what is still joining in the generation of the answer has not taken it.
        if kept and kept[0][0] is coordinator._generation and coordinator.state is MemberState.REBALANCING:
            return kept[0][1]
        assignment: bytes = await ask()
        kept[:] = [(coordinator._generation, assignment)]
        return assignment

    coordinator._do_join_and_sync_async = join


def finish_joining(consumer: Any) -> None:
    """Have a join that is under way brought to its end by the next poll.

    The client forgets one that changed metadata called for, where its answer comes just as a poll gives up: it
    never sends a heartbeat again, and polls without rest while its memory grows.
    """
    coordinator = consumer._coordinator
    if coordinator.rejoining:
        coordinator.request_rejoin()
