"""Machine code is kept by what all of the core says, and scoring goes on where none can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.command_line import ROOT

COUNTED = """
import sys
sys.path.insert(0, sys.argv[1])
from domain.compiled import CACHE
from domain.measuring.spans import ALL_BEFORE, SPAN_RECORD, cases_reaching
import numpy as np

spans = np.array([(3, 5, 1, 1)], SPAN_RECORD).view(np.recarray)
print(CACHE, cases_reaching(spans, from_day=0, to_day=9, upto=1).size)
"""


def ran(root: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, str(root)],
        env={**os.environ, **environment}, cwd=root, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.split()


def test_changed_core_is_compiled_anew_wherever_it_is_inlined(tmp_path: Path) -> None:
    # Given an installation that has run, and an upgrade of it that changes a file of the core
    import shutil

    for room in ("domain", "projections"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    before, _ = ran(tmp_path)
    upgraded = tmp_path / "domain" / "measuring" / "fold.py"
    upgraded.write_text(upgraded.read_text() + "\n# changed\n")
    # When it runs again
    after, _ = ran(tmp_path)
    # Then what other files have inlined of it is not taken from before
    assert Path(before).parent == Path(after).parent == tmp_path / "domain" / "__pycache__"
    assert before != after


def test_core_runs_where_nothing_can_be_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    assert ran(ROOT, NUMBA_CACHE_DIR=str(blocked / "within")) == ["None", "1"]
