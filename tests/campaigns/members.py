"""Processes of a campaign, forked from one that has everything loaded: they do the product's work until killed."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.bootstrap import opened
from api.intake import consume_topic
from api.rules.adoption import adopt
from api.settings import Settings
from domain.errors import UnreachableError
from projections.store import DIRECTORY
from tests.campaigns.steps import Plan, Steps, install

UNREACHABLE = 3
BROKEN = 70
ENDS_SECONDS_MAX = 90.0

Job = Callable[[], object]


class Member:
    """One forked process; `steps` are those it has passed, told where it came to an end of its own."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self.name, self.pid = name, pid
        self._log = log
        self.status: int | None = None
        self.asleep = False

    def look(self) -> bool:
        """Whether it still runs (or sleeps)."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                self.asleep = True
            elif pid:
                self.status = status
        return self.status is None

    def send(self, number: signal.Signals) -> None:
        """A signal, if it still runs."""
        if self.look():
            os.kill(self.pid, number)
            if number == signal.SIGCONT:
                self.asleep = False

    def wait(self, seconds_max: float) -> bool:
        """Whether it ended in time."""
        deadline = time.monotonic() + seconds_max
        while self.look():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.003)
        return True

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.exit_code == -signal.SIGKILL

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative where a signal ended it, None while it runs."""
        return None if self.status is None else os.waitstatus_to_exitcode(self.status)

    def met(self) -> str | None:
        """The planned step, if it came to it."""
        file = self._log.with_suffix(".step")
        return file.read_text() if file.exists() else None

    def said(self) -> str:
        """What it wrote on its standard error."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def passed(self) -> Counter[str]:
        """How often it came to each step; empty unless it ended by itself."""
        file = self._log.with_suffix(".passed")
        return Counter(json.loads(file.read_text())) if file.exists() else Counter()

    def forget(self) -> None:
        """Delete what it left."""
        for suffix in (".log", ".step", ".passed"):
            self._log.with_suffix(suffix).unlink(missing_ok=True)


class Members:
    """Forks members, and sees to it that none outlives the campaign."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Member] = []
        self._number = 0

    def start(self, name: str, job: Job, plan: Plan | None = None) -> Member:
        """Fork a process that does the job, with a step at which it is to die or to fall asleep."""
        self._number += 1
        log = self._folder / f"member-{self._number}.log"
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _live(job, plan, log)
        member = Member(name, pid, log)
        self._all = [each for each in self._all if each.look()] + [member]
        return member

    def close(self) -> None:
        """End all that are left."""
        for member in self._all:
            member.send(signal.SIGKILL)
            member.wait(10)


def _live(job: Job, plan: Plan | None, log: Path) -> None:
    """What happens in the forked process; it never returns."""
    code = BROKEN
    try:
        # A session of its own: Ctrl-C is for the campaign, which then ends its members.
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # Asked of one that hangs: where its threads stand.
        faulthandler.register(signal.SIGUSR1)
        met = log.with_suffix(".step")
        steps = Steps(lambda step: met.write_text(step), plan)
        install(steps)
        job()
        log.with_suffix(".passed").write_text(json.dumps(steps.passed))
        code = 0
    except UnreachableError:
        code = UNREACHABLE
        traceback.print_exc()
    except BaseException:  # noqa: BLE001 # Told, and counted as a fault by the exit code.
        traceback.print_exc()
    finally:
        os._exit(code)


# --- jobs


def consuming(
    settings: Settings, *, bootstrap: str, topic: str, group: str, config: Path, idle: float
) -> Callable[[], object]:
    """`kaoji consume` until idle: ledger and views."""
    return lambda: consume_topic(
        settings, bootstrap=bootstrap, topic=topic, group=group, config_file=str(config), until_idle=idle
    )


def catching_up(settings: Settings, *, batch_max: int) -> Callable[[], object]:
    """Carries the views along in small batches."""

    def job() -> None:
        with opened(settings) as kaoji:
            kaoji.driver.catch_up(batch_max=batch_max)

    return job


def rebuilding(settings: Settings, view: str, *, batch_max: int) -> Callable[[], object]:
    """`kaoji projection rebuild`, going on with one that was killed."""

    def job() -> None:
        with opened(settings) as kaoji:
            kaoji.driver.rebuild(view, batch_max=batch_max)

    return job


def adopting(settings: Settings, policy: Path) -> Callable[[], object]:
    """`kaoji policy adopt`, which is the same once or several times; then the views."""

    def job() -> None:
        with opened(settings) as kaoji:
            kaoji.driver.catch_up()
            with kaoji.views.reading() as connection:
                build = kaoji.views.live(connection, "directory")
                rows = kaoji.views.rows(connection, DIRECTORY, build, "type", "subject", order="position")
            by = next((subject for type_, subject in rows if type_.startswith("staff.")), "nobody-is-known-yet")
            adopt(kaoji, "policy", str(policy), by=by)
            kaoji.driver.catch_up()

    return job


def in_child(job: Callable[[], Any], folder: Path) -> Any:
    """The answer (as JSON) of a function that runs in a process of its own: its threads stay out of ours."""
    answer, pid = folder / "answer.json", os.fork()
    if pid == 0:
        code = BROKEN
        try:
            answer.write_text(json.dumps(job()))
            code = 0
        except BaseException:  # noqa: BLE001 # Told, and told again by the exit code.
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "a helper of the campaign failed; what it said is above"
    return json.loads(answer.read_text())


@contextmanager
def all_ended(members: Members) -> Iterator[Members]:
    """Members, of which none is left afterwards."""
    try:
        yield members
    finally:
        members.close()
