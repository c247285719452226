"""A warm server over a made-up history: `kaoji serve` in a process of its own, asked over a socket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np

from benchmarks.audit_queries import PAGE
from benchmarks.audit_store import recorded_at
from benchmarks.made_store import settings_in
from projections.audit.trail import AuditFilter

_ROOT: Final = Path(__file__).parents[1]


class Server:
    """One that runs, over a connection that is kept open."""

    def __init__(self, process: int, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._process = process

    def get(self, wanted: AuditFilter) -> bytes:
        """The page of `GET /actions`."""
        self._connection.request("GET", f"/actions?{urlencode(_parameters(wanted))}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def positions(self, wanted: AuditFilter) -> list[int]:
        """The positions on it."""
        return [each["position"] for each in json.loads(self.get(wanted))["actions"]]

    def processor_seconds(self) -> float:
        """What all threads of the server have computed so far; 0 where the system does not tell of others."""
        if sys.platform != "linux":
            return 0.0
        # clock_getcpuclockid(3), which Python has for threads only.
        return time.clock_gettime((~self._process << 3) | 2)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def server_of(folder: Path) -> Iterator[Server]:
    """`kaoji serve` over the store in a folder, until the block ends."""
    settings = settings_in(folder)
    given = {"KAOJI_STORE": settings.store, "KAOJI_KEYS": str(folder / "keys.db"), "KAOJI_ZONE": settings.zone}
    command = [sys.executable, "-m", "api.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=_ROOT, env=os.environ | given, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            told = process.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", told)
            assert found is not None, told
            server = Server(process.pid, int(found[1]))
            try:
                yield server
            finally:
                server.close()
        finally:
            process.send_signal(signal.SIGTERM)


def _parameters(wanted: AuditFilter) -> dict[str, str]:
    last = wanted.last_position
    found: dict[str, Any] = {
        "case": wanted.case,
        "staff": wanted.staff,
        "unit": wanted.unit,
        "type": wanted.type,
        "from": None if wanted.from_time is None else _instant(wanted.from_time),
        "to": None if wanted.to_time is None else _instant(wanted.to_time - 1),
        "recorded-to": None if last is None else _instant(recorded_at(last)),
        "after": wanted.first_position - 1 or None,
        "limit": PAGE,
        "effective": "true" if wanted.effective else None,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _instant(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us')}Z"
