"""The scenes of a crash campaign: members come, work, die at a planned step, sleep, wake; servers die too."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.bootstrap import opened
from api.settings import Settings
from consumers.kafka_topics import create_topic
from tests.campaigns.members import (
    ENDS_SECONDS_MAX,
    UNREACHABLE,
    Job,
    Member,
    Members,
    adopting,
    catching_up,
    consuming,
    in_child,
    rebuilding,
)
from tests.campaigns.oracle import expected_of, ledger_faults, score_faults, view_faults
from tests.campaigns.senders import Senders
from tests.campaigns.servers import Brokers, Postgres
from tests.campaigns.steps import OUTSIDE, REQUIRED, Plan
from tests.campaigns.traffic import YEAR, Traffic
from tests.support.rules import POLICY, changed

TOPIC = "campaign"
PARTITIONS = 3
VIEWS = ("history", "directory", "integrity", "rulebook")
FENCED = "Dropped a batch"
SLEEPS_SECONDS_MAX = 15.0
LONG = 200
"""A campaign of so many crashes goes on until somebody has died at every step."""
_ACTIONS_PER_CRASH = 100
_OFTEN = {"before poll": 6, "after poll": 6}
_USUALLY = 3
# One that is told to leave before it listens to signals is simply gone.
_TOLD_EARLY = -signal.SIGTERM


@dataclass
class Tally:
    """What happened in a campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    """Members killed, by the step at which they were."""
    sleeps: int = 0
    fenced: int = 0
    servers: Counter[str] = field(default_factory=Counter)
    """Servers killed, by kind."""
    ended: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def crashes(self) -> int:
        """How many members were killed."""
        return self.kills.total()


class Campaign:
    """One store, its members, and the dice."""

    def __init__(
        self,
        *,
        seed: int,
        crashes: int,
        store: str,
        folder: Path,
        kafka: Brokers,
        database: Postgres | None,
        members: Members,
        session_ms: int,
        step: str | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._chance = random.Random(f"campaign {seed} {store}")
        self._seed, self._crashes, self._folder = seed, crashes, folder
        self._journal = folder / "journal.log"
        self._kafka, self._database, self._members, self._say = kafka, database, members, say
        self._topic = f"{TOPIC}-{seed}-{store}-{time.time_ns():x}"
        self._settings = Settings(
            store=database.store if database is not None else f"sqlite:///{folder / 'kaoji.db'}",
            keys=folder / "keys.db",
            language="en",
            zone="Asia/Shanghai",
            token=None,
        )
        self._session_ms, self._step = session_ms, step
        self._traffic = Traffic(seed, actions=(crashes + 20) * _ACTIONS_PER_CRASH)
        self._known: dict[str, Counter[str]] = {}
        self._decks: dict[str, list[str]] = {}
        self._senders = Senders(members, bootstrap=kafka.bootstrap, topic=self._topic)
        self._numbers = Counter[str]()
        self._disaster = False
        self._adopted = 0
        self._missing: list[str] = []
        self.tally = Tally()

    def run(self) -> Tally:
        """All of it; ends at once where a member ends with an error or hangs."""
        in_child(lambda: create_topic(self._kafka.bootstrap, self._topic, partitions=PARTITIONS), self._folder)
        self._learn()
        scenes: list[tuple[float, Callable[[], None]]] = [
            (0.50, self._crowd),
            (0.15, self._group),
            (0.10, self._sleeper),
            (0.10, self._rebuild),
            (0.06, self._views),
            (0.04, self._adoption),
        ]
        if self._kafka.mortal:
            scenes.append((0.02, self._broker_away))
        if self._database is not None:
            scenes.append((0.03, self._store_away))
        if self._step is not None:
            scenes = [(1.0, self._one_step)]
        weights, doing = zip(*scenes, strict=True)
        said = 0
        # Each scene once, unless time is short; then as the dice fall.
        first = list(doing) if self._crashes > len(doing) else []
        self._chance.shuffle(first)
        while self.tally.crashes < self._crashes and not self.tally.faults:
            scene = first.pop() if first else self._chance.choices(doing, weights)[0]
            self._note(scene.__name__)
            scene()
            if self.tally.crashes // 50 > said:
                said = self.tally.crashes // 50
                self._say(f"{self.tally.crashes} killed")
        if self._crashes >= LONG:
            self._missed()
        if not self.tally.faults:
            self._last()
        if self._missing:
            self.tally.faults.append(
                f"never came to these steps, mend the product or tests/campaigns: {self._missing}"
            )
        return self.tally

    def _note(self, text: str) -> None:
        """Into the journal, which lies beside the store."""
        with self._journal.open("a") as journal:
            journal.write(f"{time.time():.6f} {text}\n")

    # --- scenes

    def _learn(self) -> None:
        """Each job once, undisturbed: what steps there are."""
        self._send(200)
        jobs = {
            "consume": self._consume_job(self._group_name(), batch=40, idle=0.5),
            "adopt": self._adopt_job(),
            "rebuild history": rebuilding(self._settings, "history", batch_max=30),
        }
        self._sent_all()
        for name, job in jobs.items():
            member = self._members.start(name, job)
            self._wait([member])
            self._known[name] = member.passed()
            self._judge(member)
        for view in VIEWS[1:]:
            member = self._members.start("rebuild", rebuilding(self._settings, view, batch_max=30))
            self._wait([member])
            self._known[f"rebuild {view}"] = member.passed()
            self._judge(member)
        known = {step for passed in self._known.values() for step in passed}
        self._missing = [step for step in REQUIRED if step not in known]

    def _crowd(self) -> None:
        """Members that know nothing of each other (a group each) and read the same partitions."""
        self._send(self._chance.randrange(40, 160))
        together = self._chance.choice((1, 1, 2, 3))
        self._play([self._consumer(self._group_name()) for _ in range(together)])

    def _one_step(self) -> None:
        """Somebody dies at the one step that was asked for."""
        step, known = self._step, self._known["consume"]
        assert step is not None, "this scene is for one step"
        assert step in known, f"a consumer comes to {sorted(known)}"
        self._send(60)
        self._play([("consume", self._consume_job(self._group_name()), Plan(step, 1))])

    def _group(self) -> None:
        """Members of one group that come and go, some without a word."""
        group = self._group_name()
        self._send(self._chance.randrange(80, 240))
        self._play([self._consumer(group) for _ in range(self._chance.choice((2, 3)))], stagger=0.6)

    def _sleeper(self) -> None:
        """A member that is frozen with a batch in hand, and wakes when others have gone on."""
        self._send(self._chance.randrange(80, 200))
        group = self._group_name()
        plan = Plan(self._chance.choice(OUTSIDE), self._chance.randrange(1, 4), signal.SIGSTOP)
        sleeper = self._members.start("sleeper", self._consume_job(group), plan)
        deadline = time.monotonic() + SLEEPS_SECONDS_MAX
        while sleeper.look() and not sleeper.asleep and time.monotonic() < deadline:
            time.sleep(0.003)
        if sleeper.asleep:
            self.tally.sleeps += 1
            same = self._chance.random() < 0.3
            if same:
                # The group gives its partitions to others once its session has ended.
                time.sleep(self._session_ms / 1000)
            # Where it was frozen while its views held the store's lock, others wait for it: for so long.
            wakes = (time.monotonic() + self._chance.uniform(3.0, 6.0), sleeper, signal.SIGCONT)
            self._play([self._consumer(group if same else self._group_name())], ends=[wakes])
            if self._chance.random() < 0.2:
                sleeper.send(signal.SIGKILL)
            sleeper.send(signal.SIGCONT)
        self._wait([sleeper])
        self.tally.fenced += sleeper.said().count(FENCED)
        self._judge(sleeper, step="frozen")

    def _rebuild(self) -> None:
        """A view is rebuilt while a member carries it along; both may die."""
        self._send(self._chance.randrange(40, 120))
        view, batch = self._chance.choice(VIEWS), self._chance.randrange(200, 2_000)
        job = rebuilding(self._settings, view, batch_max=batch)
        started: list[tuple[str, Job, Plan | None]] = [
            ("rebuild", job, self._plan(f"rebuild {view}", often_max=1))
        ]
        if self._chance.random() < 0.7:
            started.append(self._consumer(self._group_name()))
        self._play(started)

    def _views(self) -> None:
        """Only views go on, in small batches: their consumer died before it came to them."""
        self._send(self._chance.randrange(40, 120))
        self._play([("consume", self._consume_job(self._group_name()), Plan("before catch-up", 1))])
        job = catching_up(self._settings, batch_max=self._chance.randrange(5, 40))
        self._play([("views", job, self._plan("consume", only=("view", "kaoji_", "views", "read", "catch-up")))])

    def _adoption(self, plan: Plan | None = None) -> None:
        """A policy is adopted, by somebody who tries again until it is done."""
        job = self._adopt_job()
        self._play([("adopt", job, plan or self._plan("adopt"))])
        member = self._members.start("adopt", job)
        self._wait([member])
        self._judge(member)

    def _broker_away(self) -> None:
        """One of three brokers dies, each in its turn, and comes back later."""
        self._numbers["broker"] += 1
        self.tally.servers["broker"] += 1
        self._send(self._chance.randrange(200, 400))
        self._disaster = True
        started = [self._consumer(self._group_name()) for _ in range(2)]
        number = 1 + (self._numbers["broker"] - 1) % 3
        self._play(started, meanwhile=lambda: self._kafka.kill(number))
        self._sent_all()
        self._kafka.repair()
        self._disaster = False

    def _store_away(self) -> None:
        """PostgreSQL dies under its members, and is started again; who is not killed goes on by itself."""
        assert self._database is not None
        database = self._database
        self.tally.servers["postgres"] += 1
        self._send(self._chance.randrange(200, 400))
        self._disaster = True
        pause = self._chance.uniform(0, 0.5)

        def outage() -> None:
            database.kill()
            time.sleep(pause)
            database.restart()

        survivor = ("consume", self._consume_job(self._group_name(), batch=20, idle=1.0), None)
        self._play([survivor, self._consumer(self._group_name())], meanwhile=outage)
        self._disaster = False

    def _missed(self) -> None:
        """Steps at which nobody has died yet, each a few times, in the jobs that pass them most surely."""
        jobs = ["adopt", *(f"rebuild {view}" for view in VIEWS), "consume"]
        for step in REQUIRED:
            for job in [job for job in jobs if step in self._known[job]] * 2:
                if self.tally.kills[step] or self.tally.faults:
                    break
                plan, view = Plan(step, 1), job.removeprefix("rebuild ")
                if job == "adopt":
                    self._adoption(plan)
                elif view in VIEWS:
                    self._send(40)
                    self._play([("rebuild", rebuilding(self._settings, view, batch_max=2_000), plan)])
                else:
                    self._send(100)
                    self._play([("consume", self._consume_job(self._group_name()), plan)])

    def _last(self) -> None:
        """Everything that is left, in peace."""
        self._kafka.repair()
        self._senders.send(self._traffic.rest())
        self._sent_all()
        member = self._members.start("last", self._consume_job(self._group_name(), batch=2_000, idle=0.5))
        self._wait([member])
        self._judge(member)
        if not self.tally.faults:
            self.tally.faults += in_child(self._found, self._folder)

    def _found(self) -> list[str]:
        """The verdict. For a process of its own: the client that it needs begins threads."""
        expected = expected_of(self._kafka.bootstrap, self._topic, self._traffic.meanings)
        faults = [f"never came to Kafka: {line[:80]!r}" for line in self._senders.acknowledged - expected.lines]
        with opened(self._settings) as kaoji:
            faults += ledger_faults(kaoji, expected, adoptions=self._adopted)
            faults += view_faults(kaoji)
        if not faults:
            faults += score_faults(self._settings, year=YEAR)
        self._say(
            f"{expected.records} records in Kafka: {len(expected.recorded)} actions, "
            f"{expected.duplicates.total()} repeats, {len(expected.quarantined)} to be refused"
        )
        return faults

    # --- members

    def _consumer(self, group: str) -> tuple[str, Job, Plan | None]:
        """A consumer that dies at a step; of four one dies at any moment, or is told to leave."""
        plan = None if self._chance.random() < 0.25 else self._plan("consume")
        return "consume", self._consume_job(group), plan

    def _play(
        self,
        started: Sequence[tuple[str, Job, Plan | None]],
        *,
        stagger: float = 0.05,
        ends: Sequence[tuple[float, Member, signal.Signals]] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Start them one after the other, end at a moment those without a plan, and wait for all."""
        members: list[Member] = []
        ends = list(ends)
        for name, job, plan in started:
            member = self._members.start(name, job, plan)
            members.append(member)
            if plan is None and meanwhile is None:
                number = signal.SIGTERM if self._chance.random() < 0.2 else signal.SIGKILL
                ends.append((time.monotonic() + self._chance.uniform(0.05, 1.2), member, number))
            if len(started) > 1:
                time.sleep(self._chance.uniform(0, stagger))
        if meanwhile is not None:
            time.sleep(self._chance.uniform(0.2, 1.0))
            meanwhile()
        self._wait(members, ends)
        for member in members:
            self._judge(member)

    def _wait(self, members: Sequence[Member], ends: Sequence[tuple[float, Member, signal.Signals]] = ()) -> None:
        deadline = time.monotonic() + ENDS_SECONDS_MAX
        waiting = sorted(ends, key=lambda each: each[0])
        while sum(member.look() for member in members):
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, member, number = waiting.pop(0)
                member.send(number)
            if now > deadline:
                self.tally.faults += [_hanging(member) for member in members if member.look()]
                return
            time.sleep(0.003)

    def _judge(self, member: Member, *, step: str = "any moment") -> None:
        """Count how a member ended; an error of its own is a fault."""
        self._note(f"{member.name} {member.pid}: {member.met() or step}, {member.status}: {member.said()}")
        if member.killed:
            self.tally.kills[member.met() or step] += 1
        elif member.exit_code in (0, _TOLD_EARLY) or (member.exit_code == UNREACHABLE and self._disaster):
            self.tally.ended += 1
        else:
            self.tally.faults.append(f"{member.name} ended with {member.exit_code}: {member.said()[-4000:]}")
            return
        member.forget()

    def _plan(self, job: str, *, only: Sequence[str] = (), often_max: int = _USUALLY) -> Plan:
        """The next step of this job: each comes once before one comes again."""
        name = f"{job} {only}"
        if not self._decks.get(name):
            deck = sorted(step for step in self._known[job] if not only or any(part in step for part in only))
            self._chance.shuffle(deck)
            self._decks[name] = deck
        step = self._decks[name].pop()
        often = min(_OFTEN.get(step, often_max), self._known[job][step])
        return Plan(step, self._chance.randrange(1, often + 1))

    # --- jobs

    def _consume_job(self, group: str, *, batch: int | None = None, idle: float = 0.3) -> Job:
        records = batch or self._chance.randrange(5, 80)
        config = self._folder / f"{group}-{records}.toml"
        config.write_text(
            f"max_poll_records = {records}\nsession_timeout_ms = {self._session_ms}\n"
            f"heartbeat_interval_ms = {self._session_ms // 4}\n"
        )
        return consuming(
            self._settings,
            bootstrap=self._kafka.bootstrap,
            topic=self._topic,
            group=group,
            config=config,
            idle=idle,
        )

    def _adopt_job(self) -> Job:
        self._adopted += 1
        file = self._folder / f"policy-{self._adopted}.toml"
        file.write_text(changed(POLICY, ("version = 1", f"version = {self._adopted}")), encoding="utf-8")
        return adopting(self._settings, file)

    def _group_name(self) -> str:
        self._numbers["group"] += 1
        return f"{self._topic}-{self._numbers['group']}"

    def _send(self, number: int) -> None:
        """Have some new lines sent while others work."""
        for member in self._senders.ended():
            self._judge(member)
        self._senders.send(self._traffic.chunk(number))

    def _sent_all(self) -> None:
        for member in self._senders.all_ended():
            self._judge(member)


def _hanging(member: Member) -> str:
    """End one that does not end; what it said, and where it stood."""
    member.send(signal.SIGCONT)
    member.send(signal.SIGUSR1)
    time.sleep(0.5)
    member.send(signal.SIGKILL)
    member.wait(10)
    return f"{member.name} hangs: {member.said()[:3000]} … {member.said()[-5000:]}"
