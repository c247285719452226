"""Kill the members of a campaign at every step, from a printed seed, and count what they leave: all of it, once.

python -m tests.campaigns.crashes --seed 7 --crashes 1000
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from domain.errors import UnreachableError
from tests.campaigns.members import Members, all_ended
from tests.campaigns.scenes import LONG, Campaign, Tally
from tests.campaigns.servers import Brokers, Postgres, brokers, postgres
from tests.campaigns.steps import REQUIRED


def campaign(
    *,
    seed: int,
    crashes: int,
    store: str,
    kafka: Brokers,
    folder: Path,
    database: Postgres | None = None,
    session_ms: int = 6_000,
    step: str | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Tally:
    """One campaign on one store (`sqlite`, or the `database`), in a folder that is left as it is at the end."""
    with all_ended(Members(folder)) as members:
        gc.collect()
        gc.freeze()
        try:
            return Campaign(
                seed=seed, crashes=crashes, store=store, folder=folder, kafka=kafka, database=database,
                members=members, session_ms=session_ms, step=step, say=say,
            ).run()  # fmt: skip
        finally:
            gc.unfreeze()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run campaigns from the command line; 1 where anything was lost, doubled or changed."""
    given = _arguments(arguments)
    stores = ["sqlite", "postgres"] if given.store == "both" else [given.store]
    results: list[dict[str, Any]] = []
    print(f"SEED={given.seed} CRASHES={given.crashes}", flush=True)
    with ExitStack() as stack:
        kafka = Brokers(given.kafka) if given.kafka else stack.enter_context(brokers(given.brokers))
        for number, store in enumerate(stores):
            database = stack.enter_context(postgres()) if store == "postgres" else None
            crashes = given.crashes // len(stores) + (number < given.crashes % len(stores))
            results.append(_one(given, store, crashes, kafka, database))
            if results[-1]["faults"]:
                break
    print(json.dumps({"seed": given.seed, "campaigns": results}, ensure_ascii=False), flush=True)
    return 1 if any(each["faults"] for each in results) else 0


def _one(
    given: argparse.Namespace, store: str, crashes: int, kafka: Brokers, database: Postgres | None
) -> dict[str, Any]:
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"kaoji-campaign-{store}-", dir=given.folder))

    def say(text: str) -> None:
        print(f"[{store} {time.monotonic() - begun:6.0f} s] {text}", flush=True)

    # A broker of somebody else's may take no session shorter than six seconds.
    session_ms = given.session_ms or (6_000 if given.kafka else 1_500)
    tally = campaign(
        seed=given.seed, crashes=crashes, store=store, kafka=kafka, folder=folder, database=database,
        session_ms=session_ms, step=given.step, say=say,
    )  # fmt: skip
    for step, times in sorted(tally.kills.items()):
        say(f"  killed {times:4}  {step}")
    for fault in tally.faults[:20]:
        say(f"FAULT {fault}")
    if not tally.faults:
        shutil.rmtree(folder)
    else:
        if database is not None:
            database.kept = True
        kept = [str(each) for each in (folder, database.folder if database is not None else None) if each]
        say(f"FAILED: SEED={given.seed}; journal and store are kept in {' and '.join(kept)}")
    return {
        "store": store,
        "crashes": tally.crashes,
        "steps": len(tally.kills),
        "steps_missed": [step for step in REQUIRED if not tally.kills[step]] if tally.crashes >= LONG else None,
        "frozen": tally.sleeps,
        "fenced": tally.fenced,
        "servers_killed": dict(tally.servers),
        "ended_by_themselves": tally.ended,
        "seconds": round(time.monotonic() - begun),
        "faults": len(tally.faults),
        "first_fault": tally.faults[0][:500] if tally.faults else None,
    }


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill consumers and views at every step; nothing may be lost.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--crashes", type=int, default=1_000)
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3)
    parser.add_argument("--kafka", help="HOST:PORT of a running Kafka, which is then not killed")
    parser.add_argument("--step", help="kill at this one step of a consumer only, such as 'after append'")
    parser.add_argument("--session-ms", type=int, help="how long a group waits for a dead member")
    parser.add_argument("--folder", type=Path, help="where stores are kept (default: the temporary folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnreachableError as error:
        sys.exit(f"{error}")
