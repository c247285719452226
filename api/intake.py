"""Take actions into a ledger and keep the views up with it, from files or from Kafka."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Final

from api.bootstrap import Kaoji, opened, system_clock
from api.follower import Follower
from api.settings import Settings, address, environment_variable
from api.watching.consumer_figures import ConsumerFigures
from api.watching.logs import hide
from api.watching.metrics import Metrics, both
from api.watching.observation import Observer
from api.watching.readiness import Readiness
from consumers.dead_letters import DeadLetters, DeadLetterTopic
from consumers.files import ActionFile
from consumers.kafka import consume
from consumers.kafka_settings import SECRETS, Setting, read_kafka_settings
from consumers.pipeline import Intake, Refused, Totals
from consumers.senders import Binding, read_senders
from consumers.stopping import Stop
from domain.errors import KaojiError, WrongInputError
from domain.ledger.errors import NoLedgerError
from domain.ledger.records import Arrival, Verdict
from domain.log_events import CONSUMER_STOPPED
from projections.driver import Progress, no_progress

CLOSE_SECONDS_MAX: Final = 1.0
"""How long the store may take to let go once everything is to end."""


class BrokenOffError(KaojiError):
    """An input that broke off after some of it was recorded, as one that can be read once only may."""


def ingest_files(
    settings: Settings,
    files: Sequence[ActionFile],
    *,
    sender: str | None = None,
    refused: Refused | None = None,
    progress: Progress = no_progress,
) -> Totals:
    """Record all actions of the files, which `sender` has sent. Raises WrongInputError, and then neither ledger
    nor store was touched."""
    binding = _binding_of(settings, sender)
    inputs = [(file, _bound(_begun(file), binding)) for file in _tried_out(files)]
    with opened(settings) as kaoji:
        intake = Intake(kaoji.ledger, refused=refused)
        try:
            for file, arrivals in inputs:
                for _ in intake.feed(arrivals):
                    progress(f"ingest {file.name}", file.bytes_read, file.size_bytes or file.bytes_read)
        except WrongInputError as error:
            if intake.totals.recorded or intake.totals.quarantined:
                raise BrokenOffError(str(error)) from error
            raise
        finally:
            kaoji.driver.catch_up(progress=progress)
        return intake.totals


def _tried_out(files: Sequence[ActionFile]) -> Sequence[ActionFile]:
    """The files, each of which can be read to its end. Raises WrongInputError, and then all of them are closed."""
    try:
        for file in files:
            file.try_out()
    except WrongInputError:
        for file in files:
            file.close()
        raise
    return files


def _begun(file: ActionFile) -> Iterator[Arrival]:
    """The arrivals; of what could not be tried out the first one is read now, before there is a store."""
    arrivals = iter(file)
    if file.size_bytes is not None:
        return arrivals
    return chain([each for each in [next(arrivals, None)] if each is not None], arrivals)


def _binding_of(settings: Settings, sender: str | None) -> Binding | None:
    """What files of this sender may claim. Raises WrongInputError: where senders are bound, one must be named."""
    if settings.senders is None:
        if sender is not None:
            raise WrongInputError(
                f"--sender {sender} needs a file that says who may send what: KAOJI_SENDERS or --senders FILE."
            )
        return None
    senders = read_senders(settings.senders)
    if sender is None:
        known = ", ".join(sorted(each.name for each in senders))
        raise WrongInputError(f"Say whose files these are with --sender NAME. Known: {known}.")
    return senders.named(sender).binding


def _bound(arrivals: Iterator[Arrival], binding: Binding | None) -> Iterator[Arrival]:
    return arrivals if binding is None else map(binding.bound, arrivals)


def check_files(settings: Settings, files: Sequence[ActionFile], *, sender: str | None = None) -> dict[str, Any]:
    """What `kaoji check` prints: the totals of an `ingest` that writes nothing, and every refused record.

    Raises WrongInputError, as `ingest` does, before it looks at any record of files that cannot be read whole.
    """
    binding = _binding_of(settings, sender)
    refused: list[dict[str, Any]] = []

    def keep(arrival: Arrival, verdict: Verdict) -> None:
        refused.append({"place": arrival.place, "code": verdict.code, "remedy": verdict.remedy})

    whole = _tried_out(files)
    with _existing_or_empty(settings) as kaoji:
        intake = Intake(kaoji.ledger, dry_run=True, refused=keep)
        for file in whole:
            for _ in intake.feed(_bound(iter(file), binding)):
                pass
    return intake.totals.to_json() | {"refused": refused}


@contextmanager
def _existing_or_empty(settings: Settings) -> Iterator[Kaoji]:
    """The store that is there; where there is none, an empty one that is gone afterwards."""
    try:
        with opened(settings, create=False) as kaoji:
            yield kaoji
            return
    except NoLedgerError:
        pass
    with TemporaryDirectory() as folder:
        place = Path(folder)
        empty = Settings(
            store=f"sqlite:///{place / 'empty.db'}",
            keys=place / "keys.db",
            language=settings.language,
            zone=settings.zone,
            token=None,
        )
        with opened(empty) as kaoji:
            yield kaoji


def consume_topic(
    settings: Settings,
    *,
    bootstrap: str,
    topic: str,
    group: str,
    config_file: str | None = None,
    until_idle: float | None = None,
    accept_gap: bool = False,
    dead_letter: str | None = None,
    refused: Refused | None = None,
    metrics: str | None = None,
) -> Totals:
    """Record a topic until told to stop (SIGTERM, SIGINT) or idle; the views follow on a thread of their own.

    A view that is slow, or cannot go on, holds up no recording. At the end all views are up with the ledger; told
    to stop, they go as far as a moment allows.

    `metrics`: PORT or HOST:PORT that answers /metrics and /health/… meanwhile; it goes before the settings' own.

    Raises what `consume` raises at its start before there is a store.
    """
    config = kafka_settings(config_file)
    binding = read_senders(settings.senders).of_topic(topic) if settings.senders is not None else None
    dead_letters = dead_letter_topic(bootstrap, topic, dead_letter or settings.dead_letter, config)
    if (where := metrics or settings.metrics) is not None:
        from api.http.server import check_listening

        check_listening(*address(where), settings.token)
    try:
        with opened(settings, create=False):
            pass
    except NoLedgerError:
        see_whether_kafka_lets_us_in(bootstrap, topic, group, config)
    with (
        _opened_until_stopped(settings) as (kaoji, stop),
        _watched(kaoji, where, stop=stop) as (figures, follower),
    ):
        totals = consume(
            kaoji.ledger,
            bootstrap=bootstrap,
            clock=system_clock,
            topic=topic,
            group=group,
            config=config,
            until_idle=until_idle,
            stop=stop,
            on_batch=lambda _: follower.wake(),
            refused=figures.refusing(refused),
            accept_gap=accept_gap,
            binding=binding,
            letters=None if dead_letters is None else DeadLetters(kaoji.ledger, dead_letters),
            watch=figures,
        )
        follower.finish(stop=stop)
    CONSUMER_STOPPED.log(
        read=totals.read,
        recorded=totals.recorded,
        duplicates=totals.duplicates,
        quarantined=totals.quarantined,
    )
    return totals


@contextmanager
def _opened_until_stopped(settings: Settings) -> Iterator[tuple[Kaoji, Stop]]:
    """The store, and what SIGTERM and SIGINT set. Told to stop, nobody waits for long until the store lets go:
    an SQLite file that another process keeps locked is closed only when whoever waits for the lock has had it."""
    with ExitStack() as store:
        kaoji = store.enter_context(opened(settings))
        with _stopped_by_signals() as stop:
            try:
                yield kaoji, stop
            finally:
                stop.outlast(store.pop_all().close, seconds_max=CLOSE_SECONDS_MAX)


@contextmanager
def _watched(kaoji: Kaoji, where: str | None, *, stop: Stop) -> Iterator[tuple[ConsumerFigures, Follower]]:
    """Views that follow, and figures of them and of a consumer: shown by a server and traced where asked for."""
    observer = Observer(kaoji)
    metrics = Metrics(kaoji, observer, way="kafka")
    with ExitStack() as stack:
        traces = None
        if kaoji.settings.traces is not None:
            from api.watching.traces import tracing

            traces = stack.enter_context(tracing(kaoji.settings.traces, stop=stop))
        figures = ConsumerFigures(metrics, clock=kaoji.clock, traced=None if traces is None else traces.consumed)
        kaoji.driver.watch = metrics.projected if traces is None else both(metrics.projected, traces.projected)
        follower = Follower(kaoji)
        follower.start()
        stack.callback(follower.stop)
        if where is not None:
            from api.http.listener import listening

            readiness = Readiness(observer, kaoji.settings, fault=follower.fault, consumer=figures)
            host, port = address(where)
            token = kaoji.settings.token
            listener = listening(host, port, token=token, readiness=readiness, metrics=metrics, stop=stop)
            stack.enter_context(listener)
        yield figures, follower


def kafka_settings(config_file: str | None) -> dict[str, Setting] | None:
    """The settings of the Kafka client in this file, if one is named. Raises WrongInputError."""
    if config_file is None:
        return None
    found = read_kafka_settings(Path(config_file), variable=environment_variable)
    hide(str(found[name]) for name in SECRETS if name in found)
    return found


def dead_letter_topic(
    bootstrap: str, topic: str, dead_letter: str | None, config: Mapping[str, object] | None
) -> DeadLetterTopic | None:
    """Where refused records of the topic are published; None where nowhere. Raises WrongInputError."""
    if dead_letter is None:
        return None
    if dead_letter == topic:
        raise WrongInputError(
            f"Dead letters in {topic} would be read as actions, and refused again. Name another topic."
        )
    return DeadLetterTopic(bootstrap, dead_letter, config=config)


def see_whether_kafka_lets_us_in(
    bootstrap: str, topic: str, group: str, config: Mapping[str, object] | None
) -> None:
    """Join nothing and record nothing. Raises what `consume` raises at its start."""
    from consumers.kafka_trial import try_reading

    try_reading(bootstrap=bootstrap, topic=topic, group=group, config=config or {})


@contextmanager
def _stopped_by_signals() -> Iterator[Stop]:
    """What SIGTERM and SIGINT set; only the main thread may ask for signals."""
    stop = Stop()
    if current_thread() is not main_thread():
        yield stop
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
