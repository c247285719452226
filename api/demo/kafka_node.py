"""Start a real Apache Kafka out of its Maven artefacts: for the demo, the tests and the benchmarks."""

from __future__ import annotations

import atexit
import base64
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.errors import UnreachableError

POM = Path(__file__).with_name("pom.xml")
HOST = "127.0.0.1"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
FETCH_SECONDS_MAX = 300.0


class KafkaNode:
    """One broker (its own controller too) with its data in a temporary folder, gone when the block ends.

    `with KafkaNode(cache) as node:` gives a node that answers at `node.bootstrap`. `kill()` is `kill -9`,
    `restart()` brings the same node back with the same data at the same address.
    """

    def __init__(self, cache: Path, *, heap_mb: int = 512) -> None:
        self._cache, self._heap_mb = cache, heap_mb
        self._broker: _Broker | None = None

    def __enter__(self) -> Self:
        jars = fetch_jars(self._cache)
        folder = Path(tempfile.mkdtemp(prefix="kaoji-kafka-"))
        port, controller_port = _free_ports(2)
        settings = _settings(1, port, controller_port, [controller_port])
        self._broker = _Broker(jars, folder, settings, port, heap_mb=self._heap_mb)
        try:
            self._broker.format(_random_id(), "--standalone")
            self._broker.start()
            _wait_until_ready([self._broker])
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._broker is not None:
            self._broker.remove()
            self._broker = None

    @property
    def bootstrap(self) -> str:
        """HOST:PORT, what `--bootstrap` takes."""
        return f"{HOST}:{self._running().port}"

    def kill(self) -> None:
        """End the node without warning, as a power cut would."""
        self._running().kill()

    def restart(self) -> None:
        """Start the node again where it was, after `kill()`; returns when it answers."""
        self._running().start()
        _wait_until_ready([self._running()])

    def _running(self) -> _Broker:
        if self._broker is None:
            raise UnreachableError("The Kafka node was not started. Use it in a `with` block.")
        return self._broker


class KafkaCluster:
    """Several nodes that copy every record to each other, for tests in which one of them dies.

    Replication factor = the number of nodes (at most 3), `min.insync.replicas` one less.
    """

    def __init__(self, nodes: int, cache: Path, *, heap_mb: int = 384) -> None:
        self._size, self._cache, self._heap_mb = nodes, cache, heap_mb
        self._brokers: list[_Broker] = []

    def __enter__(self) -> Self:
        jars = fetch_jars(self._cache)
        ports = _free_ports(2 * self._size)
        controllers = ports[self._size :]
        cluster_id, directories = _random_id(), [_random_id() for _ in controllers]
        voters = ",".join(
            f"{number}@{HOST}:{port}:{directory}"
            for number, (port, directory) in enumerate(zip(controllers, directories, strict=True), 1)
        )
        try:
            for number in range(1, self._size + 1):
                port, controller_port = ports[number - 1], controllers[number - 1]
                folder = Path(tempfile.mkdtemp(prefix=f"kaoji-kafka-{number}-"))
                settings = _settings(number, port, controller_port, controllers)
                broker = _Broker(jars, folder, settings, port, heap_mb=self._heap_mb)
                self._brokers.append(broker)
                broker.format(cluster_id, "--initial-controllers", voters)
            for broker in self._brokers:
                broker.start()
            _wait_until_ready(self._brokers)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for broker in self._brokers:
            broker.terminate()
        for broker in self._brokers:
            broker.remove()
        self._brokers = []

    @property
    def bootstrap(self) -> str:
        """HOST:PORT of every node, separated by commas."""
        return ",".join(f"{HOST}:{broker.port}" for broker in self._brokers)

    def kill(self, number: int) -> None:
        """End node `number` (from 1) without warning."""
        self._brokers[number - 1].kill()

    def restart(self, number: int) -> None:
        """Start node `number` again; returns when it counts all nodes of the cluster."""
        self._brokers[number - 1].start()
        _wait_until_ready(self._brokers)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where downloaded artefacts are kept: `$XDG_CACHE_HOME/kaoji`, else `~/.cache/kaoji`."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kaoji"


def kafka_version() -> str:
    """The version of Apache Kafka that pom.xml asks for."""
    for dependency in ElementTree.parse(POM).getroot().findall("dependencies/dependency"):
        if dependency.findtext("groupId") == "org.apache.kafka":
            return str(dependency.findtext("version"))
    raise AssertionError(f"{POM} names no Kafka")


def why_not() -> str | None:
    """What to install before Kafka can be started here; None when nothing is missing."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not missing:
        return None
    return (
        f"Apache Kafka needs `java` (17 or later) and `mvn` on the path; missing: {', '.join(missing)}. "
        "Install a Java runtime and Maven, or name a running Kafka."
    )


def fetch_jars(cache: Path) -> Path:
    """The folder with Kafka's jars below `cache`, downloaded by Maven if need be (44 MB, once per version).

    Raises UnreachableError that says what is missing.
    """
    if reason := why_not():
        raise UnreachableError(reason)
    wanted = cache / f"kafka-{kafka_version()}"
    if wanted.is_dir():
        return wanted
    cache.mkdir(parents=True, exist_ok=True)
    # Downloaded beside its place and renamed when complete: a download that was cut off is never used.
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-") as work:
        pom = shutil.copy(POM, work)
        libs = Path(work, "libs")
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        try:
            done = subprocess.run(
                command, cwd=work, capture_output=True, text=True, timeout=FETCH_SECONDS_MAX, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(_cannot_fetch(f"no end after {FETCH_SECONDS_MAX:.0f} s")) from error
        if done.returncode or not any(libs.glob("kafka_*.jar")):
            raise UnreachableError(_cannot_fetch(_last_words(done.stdout + done.stderr)))
        try:
            libs.rename(wanted)
        except OSError:
            if not wanted.is_dir():  # Else another process was quicker with the same jars.
                raise
    return wanted


class _Broker:
    """One Kafka process, its settings file and its data."""

    def __init__(self, jars: Path, folder: Path, settings: str, port: int, *, heap_mb: int) -> None:
        self.port, self._folder, self._heap_mb = port, folder, heap_mb
        self._classpath = str(jars / "*")
        self._settings = folder / "server.properties"
        self._settings.write_text(settings + f"log.dirs={folder / 'data'}\n")
        self._output = folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)

    def format(self, cluster_id: str, *how: str) -> None:
        """Prepare the data folder."""
        command = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._classpath]
        command += ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._settings), *how]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnreachableError(f"Kafka cannot prepare its data: {_last_words(done.stdout + done.stderr)}")

    def start(self) -> None:
        command = ["java", f"-Xmx{self._heap_mb}m", "-XX:+UseSerialGC", "-cp", self._classpath]
        command += ["kafka.Kafka", str(self._settings)]
        with self._output.open("ab") as output:
            # A session of its own: Ctrl-C in the terminal is for the program, which then stops Kafka itself.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def check_alive(self) -> None:
        """Raises UnreachableError, with what the process said last, if it has ended."""
        if self._process is None or self._process.poll() is not None:
            words = self._output.read_text(errors="replace") if self._output.exists() else ""
            raise UnreachableError(f"Kafka ended while it started: {_last_words(words)}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)

    def remove(self) -> None:
        """Stop the process and delete its folder; harmless when repeated."""
        self.terminate()
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.remove)


def _settings(number: int, port: int, controller_port: int, controllers: Sequence[int]) -> str:
    copies = min(3, len(controllers))
    voters = ",".join(f"{HOST}:{other}" for other in controllers)
    lines = [
        "process.roles=broker,controller",
        f"node.id={number}",
        f"controller.quorum.bootstrap.servers={voters}",
        f"listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        f"advertised.listeners=PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names=CONTROLLER",
        "inter.broker.listener.name=PLAINTEXT",
        f"default.replication.factor={copies}",
        f"offsets.topic.replication.factor={copies}",
        f"transaction.state.log.replication.factor={copies}",
        f"transaction.state.log.min.isr={max(1, copies - 1)}",
        f"min.insync.replicas={max(1, copies - 1)}",
        "group.initial.rebalance.delay.ms=0",
        # The default would have tests wait six seconds for a member that was killed.
        "group.min.session.timeout.ms=500",
        # A topic that nobody created is a mistake in a name, and must stay visible as one.
        "auto.create.topics.enable=false",
        "broker.session.timeout.ms=4000",
        "broker.heartbeat.interval.ms=500",
        # The defaults (50 partitions each) cost seconds and memory that a node on one machine has no use for.
        "offsets.topic.num.partitions=4",
        "transaction.state.log.num.partitions=4",
    ]
    return "\n".join(lines) + "\n"


def _wait_until_ready(brokers: Sequence[_Broker]) -> None:
    """Until every node answers and counts every node among the living; raises UnreachableError."""
    deadline = time.monotonic() + START_SECONDS_MAX
    for broker in brokers:
        while _nodes_counted(broker.port) < len(brokers):
            broker.check_alive()
            if time.monotonic() > deadline:
                raise UnreachableError(f"Kafka is not ready after {START_SECONDS_MAX:.0f} s.")
            time.sleep(0.1)


def _nodes_counted(port: int) -> int:
    """How many living nodes the node at `port` knows; 0 when it does not answer.

    An open port is not enough: a node that is not yet part of its cluster refuses topics. This is Kafka's
    Metadata request, version 1, for no topic: size, then key 3, version, correlation, no client, empty list.
    """
    body = struct.pack(">hhihi", 3, 1, 7, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 12:
                part = connection.recv(4096)
                if not part:
                    return 0
                answer += part
    except OSError:
        return 0
    _size, _correlation, nodes = struct.unpack(">iii", answer[:12])
    return int(nodes)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(server.getsockname()[1]) for server in held]
    for server in held:
        server.close()
    return ports


def _random_id() -> str:
    """Kafka's form of a random 128-bit id: base64url, not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _cannot_fetch(reason: str) -> str:
    return (
        f"Maven cannot fetch Apache Kafka {kafka_version()}: {reason} "
        "Check the network and Maven's settings, or name a running Kafka."
    )


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "ERROR" in line or "Exception" in line), lines[-1] if lines else "")[
        :500
    ]
