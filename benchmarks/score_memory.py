"""Score so many actions in a process of their own, and say how much memory it took."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import Figures

_ROOT = Path(__file__).parents[1]


def score_memory(actions: int) -> Figures:
    """Resident case files made in chunks, then scored: the most memory the process ever held."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.score_memory", str(actions)],
        check=True, capture_output=True, text=True, cwd=_ROOT,
    )  # fmt: skip
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Make, score, and print the figures."""
    from benchmarks.made_cases import made_cases
    from benchmarks.ours import ours

    started = time.perf_counter()
    made = made_cases(int(sys.argv[1]))
    figures: Figures = {
        "making: seconds": time.perf_counter() - started,
        "memory after making, bytes": _peak(),
        "bytes of the case files": made.bytes_held,
    }
    first = ours(made)
    started = time.perf_counter()
    assert ours(made) == first, "the same answer again"
    seconds = time.perf_counter() - started
    assert ours(made, threads=1) == first, "the same answer on one thread"
    size = made.cases.actions.size
    figures |= {
        "actions": size,
        "scoring: seconds": seconds,
        "scoring: per second": round(size / seconds),
        "most memory ever held, bytes": _peak(),
        "most memory ever held, bytes an action": _peak() / size,
    }
    print(json.dumps(figures))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
