"""Write, or check, every file of the repository that is made from the code: `python -m api.reference --check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from api.reference.files import GENERATED, stale_files


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or say which differ from the code; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.reference", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the files that differ")
    mode.add_argument("--check", action="store_true", help="exit 1 if a file differs from the code")
    root = Path(__file__).resolve().parents[2]
    stale = stale_files(root)
    if parser.parse_args(arguments).check:
        for path in stale:
            print(f"{path} differs from the code: run `python -m api.reference --write`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(GENERATED[path](), encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
