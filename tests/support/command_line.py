"""The command line as tests use it: run in this process where speed counts, in one of its own where dying does."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from api.cli import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON values printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[dict[str, str]]:
        """The CSV rows printed, by their heads."""
        return list(csv.DictReader(io.StringIO(self.out)))


class CommandLine:
    """`kaoji` on one store. Calling it runs the command in this process and asks for exit code 0."""

    def __init__(self, store: str | Path) -> None:
        self.store = store if isinstance(store, str) else f"sqlite:///{store}"
        self.environment = {"KAOJI_STORE": self.store}

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Ran:
        """Run it; it is done."""
        return self.ends(0, *arguments, stdin=stdin)

    def ends(self, exit_code: int, *arguments: str | Path, stdin: bytes = b"") -> Ran:
        """Run it; it ends with this exit code."""
        ran = self.tries(*arguments, stdin=stdin)
        assert ran.exit_code == exit_code, (
            f"{arguments}: exit {ran.exit_code}\n{ran.out[-2000:]}\n{ran.err[-4000:]}"
        )
        return ran

    def tries(self, *arguments: str | Path, stdin: bytes = b"") -> Ran:
        """Run it, however it ends. An error that has no row in the table of exit codes passes through."""
        out, err = io.StringIO(), io.StringIO()
        source = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        with (
            patch.dict(os.environ, surroundings(self.environment), clear=True),
            patch.object(sys, "stdin", source),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main([str(each) for each in arguments])
            except SystemExit as end:
                return Ran(int(end.code or 0), out.getvalue(), err.getvalue())
        raise AssertionError("main always exits")

    @contextmanager
    def started(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """The command in a process of its own, killed at the end if it still runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *map(str, arguments)],
            cwd=ROOT,
            env=surroundings(self.environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # Killed before it is waited for, or a test that fails would wait for ever.
        with process:
            try:
                yield process
            finally:
                process.kill()

    def elsewhere(self, *arguments: str | Path, cwd: Path = ROOT) -> Ran:
        """Run it to its end in a process of its own, whatever the exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", *map(str, arguments)],
            cwd=cwd,
            env=surroundings(self.environment),
            text=True,
            capture_output=True,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with only these settings of Kaoji's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOJI_")}
    return {**kept, "PYTHONPATH": str(ROOT), **environment}
