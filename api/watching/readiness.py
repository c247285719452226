"""Say whether a process is ready: red by lag, by stall, and where it cannot tell; each reason with its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, Protocol

from api.settings import Settings
from api.view_operations import pause_json
from api.watching.observation import Observer, ViewStands
from api.watching.promptly import Promptly
from domain.errors import KaojiError
from domain.log_events import NOT_READY, READY_AGAIN

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "store-unreachable": "The store does not answer.",
        "view-lag-actions": "A view is more than `KAOJI_READY_LAG_ACTIONS` positions behind the ledger.",
        "view-lag-seconds": "What a view has not taken in has been in the ledger for more than "
        "`KAOJI_READY_LAG_SECONDS`.",
        "view-stalled": "A view has work, and has not moved for `KAOJI_READY_STALL_SECONDS`.",
        "not-following": "This process does not keep the views up: it failed, and tries again.",
        "consumer-lag-actions": "The consumer's partitions hold more than `KAOJI_READY_LAG_ACTIONS` unread "
        "records.",
        "consumer-lag-seconds": "The oldest unread record has waited for more than `KAOJI_READY_LAG_SECONDS`.",
        "consumer-stalled": "There are records to read, or Kafka or the store is away, and for "
        "`KAOJI_READY_STALL_SECONDS` none was recorded.",
    }
)
"""Every reason for red, in the order in which they are given."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is red; `views`: those that it is about."""

    code: str
    detail: str
    views: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the answer bears it."""
        named = {"views": list(self.views)} if self.views else {}
        return {"code": self.code, **named, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Answer:
    """Why it is red, if it is; where the ledger ends (None: the store does not say); which views are paused."""

    reasons: tuple[Reason, ...]
    position: int | None
    paused: tuple[dict[str, Any], ...]

    @property
    def ready(self) -> bool:
        """Green."""
        return not self.reasons

    @property
    def detail(self) -> str:
        """All reasons as one text."""
        return " ".join(reason.detail for reason in self.reasons)


class ConsumerStands(Protocol):
    """What readiness asks of a consumer."""

    def lag(self) -> tuple[int, float]:
        """Unread records of its partitions, and for how many seconds the oldest has waited."""

    def stall_seconds(self) -> float:
        """For how long there was work and nothing was recorded."""

    def is_waiting(self) -> bool:
        """Whether Kafka or the store is away."""


class Readiness:
    """Judges how things stand by the settings; a change is logged once.

    A view that is paused was stopped on purpose, in every process: it is named in the answer, and turns nothing
    red. Were it otherwise, whoever pauses one view would take all servers out of service.
    """

    def __init__(
        self,
        observer: Observer,
        settings: Settings,
        *,
        fault: Callable[[], str | None] = lambda: None,
        consumer: ConsumerStands | None = None,
    ) -> None:
        self._look, self._settings = Promptly(observer.look), settings
        self._fault, self._consumer = fault, consumer
        self._was_red: tuple[str, ...] = ()
        self._lock = Lock()

    def judge(self) -> Answer:
        """How it is now."""
        reasons, position, paused = list(self._of_consumer()), None, []
        try:
            seen = self._look()
        except KaojiError as error:
            reasons.insert(0, Reason("store-unreachable", str(error)))
        else:
            position = seen.head.position
            going = [view for view in seen.views if view.paused is None]
            reasons = [*self._of_views(going), *reasons]
            paused = [
                {"view": view.name, **pause_json(view.paused)} for view in seen.views if view.paused is not None
            ]
        answer = Answer(tuple(reasons), position, tuple(paused))
        self._tell(answer)
        return answer

    def _of_views(self, views: Sequence[ViewStands]) -> list[Reason]:
        limits, found = self._settings, []
        behind = [view for view in views if view.lag > limits.ready_lag_actions]
        if behind:
            told = ", ".join(f"{view.name} by {view.lag}" for view in behind)
            found.append(_reason("view-lag-actions", f"Views are behind the ledger: {told}.", behind))
        late = [view for view in views if view.lag_seconds > limits.ready_lag_seconds]
        if late:
            told = ", ".join(f"{view.name} for {view.lag_seconds:.0f} s" for view in late)
            found.append(_reason("view-lag-seconds", f"Views lack what is in the ledger: {told}.", late))
        still = [view for view in views if view.stall_seconds > limits.ready_stall_seconds]
        if still:
            told = ", ".join(f"{view.name} at {view.position} for {view.stall_seconds:.0f} s" for view in still)
            found.append(_reason("view-stalled", f"Views have work and do not move: {told}.", still))
        fault = self._fault()
        if fault is not None:
            found.append(Reason("not-following", fault))
        return found

    def _of_consumer(self) -> list[Reason]:
        if self._consumer is None:
            return []
        limits, found = self._settings, []
        actions, seconds = self._consumer.lag()
        if actions > limits.ready_lag_actions:
            found.append(Reason("consumer-lag-actions", f"{actions} records are unread."))
        if seconds > limits.ready_lag_seconds:
            found.append(Reason("consumer-lag-seconds", f"A record has been unread for {seconds:.0f} s."))
        stalled = self._consumer.stall_seconds()
        if stalled > limits.ready_stall_seconds:
            why = "Kafka or the store is away" if self._consumer.is_waiting() else "there is work"
            found.append(Reason("consumer-stalled", f"Nothing was recorded for {stalled:.0f} s, and {why}."))
        return found

    def _tell(self, answer: Answer) -> None:
        codes = tuple(reason.code for reason in answer.reasons)
        with self._lock:
            before, self._was_red = self._was_red, codes
        if codes and codes != before:
            NOT_READY.log(reasons=", ".join(codes), detail=answer.detail)
        elif before and not codes:
            READY_AGAIN.log()


def _reason(code: str, detail: str, views: Sequence[ViewStands]) -> Reason:
    return Reason(code, detail, tuple(view.name for view in views))
