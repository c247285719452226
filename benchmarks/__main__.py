"""Run one benchmark: python -m benchmarks NAME [--actions N]; the last line is JSON."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable, Mapping

from benchmarks.catalogue import BENCHMARKS
from benchmarks.measuring import machine

OPTIONS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "partitions": (int, "consume, freshness, soak: partitions of the topic (default 12)"),
    "recorded": (int, "consume: also into a ledger that holds so many actions already"),
    "rate": (int, "freshness: actions sent a second (default 5000)"),
    "store": (str, "freshness, soak: postgres or sqlite (default: freshness both, soak postgres)"),
    "minutes": (float, "soak: how long (default 30)"),
    "into": (str, "soak: folder for soak.csv and soak.svg (default the working folder)"),
}

CHOICES = {"store": ("postgres", "sqlite")}


def main() -> None:
    """Check that the answers are equal, then print figures and ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=["list", *BENCHMARKS], help="which one; `list` names them")
    parser.add_argument("--actions", type=int, default=200_000, help="size of the history (default 200000)")
    for name, (kind, meaning) in OPTIONS.items():
        parser.add_argument(f"--{name}", type=kind, choices=CHOICES.get(name), help=meaning)
    arguments = parser.parse_args()
    if arguments.name == "list":
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:12} {(benchmark.__doc__ or '').splitlines()[0]}")
        return
    if arguments.actions < 1_000:
        parser.error("--actions: at least 1000, or there is nothing to measure")
    benchmark = BENCHMARKS[arguments.name]
    given = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    if unknown := sorted(given.keys() - inspect.signature(benchmark).parameters.keys()):
        parser.error(f"{arguments.name} has no --{unknown[0]}")
    figures = benchmark(arguments.actions, **given)
    for figure, value in figures.items():
        print(f"{figure:40} {value:,.3f}" if isinstance(value, float) else f"{figure:40} {value}")
    print(json.dumps({"benchmark": arguments.name, "actions": arguments.actions, "machine": machine(), **figures}))


if __name__ == "__main__":
    main()
