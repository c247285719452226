"""Machine code is kept by what all of the core says, and scoring goes on where none can be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


IMPORTED = """
import sys
from importlib import import_module
from domain.compiled import ROOMS, core_sources

core = core_sources()
for name in [name for name, source in core.items() if b"@compiled" in source]:
    import_module(name)
ours = {name: module for name, module in sys.modules.items() if name.startswith(ROOMS)}
loaded = {name for name, module in ours.items() if not hasattr(module, "__path__")}
print(len(loaded), *sorted(loaded - core.keys()))
"""


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    for room in ("domain", "projections"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def upgrade(path: Path) -> None:
    path.write_text(path.read_text() + "\n# changed\n")


@pytest.mark.parametrize(
    "changed",
    [
        "domain/measuring/fold.py",
        # No function of these is marked: constants, and what constants are computed from.
        "domain/measuring/populations.py",
        "domain/actions/types.py",
    ],
)
def test_changed_core_is_compiled_anew_wherever_it_is_inlined(installation: Path, changed: str) -> None:
    # Given an installation that has run, and an upgrade of it that changes a file of the core
    before, _ = ran(installation)
    upgrade(installation / changed)
    # When it runs again
    after, _ = ran(installation)
    # Then what other files have inlined of it is not taken from before
    assert Path(before).parent == Path(after).parent == installation / "domain" / "__pycache__"
    assert before != after


def test_code_is_kept_where_nothing_changed_that_it_could_hold(installation: Path) -> None:
    before, _ = ran(installation)
    upgrade(installation / "projections" / "driver.py")
    assert ran(installation)[0] == before


def test_module_of_a_package_that_is_imported_by_name_counts(installation: Path) -> None:
    # Given a constant that is reached through its package's name
    module = installation / "domain" / "measuring" / "populations.py"
    module.write_text(module.read_text() + "\nfrom domain.ledger import sql\n")
    before, _ = ran(installation)
    upgrade(installation / "domain" / "ledger" / "sql.py")
    assert ran(installation)[0] != before


def test_whatever_marked_modules_load_of_ours_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    loaded, *missed = done.stdout.split()
    assert int(loaded) > 30
    assert not missed


def test_core_runs_where_nothing_can_be_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    assert ran(ROOT, NUMBA_CACHE_DIR=str(blocked / "within")) == ["None", "1"]


def test_core_runs_where_numba_is_there_and_cannot_be_imported(tmp_path: Path) -> None:
    # Given a numba that does not know the NumPy beside it
    broken = tmp_path / "broken" / "numba"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise ImportError("Numba needs NumPy 2.2 or less.")')
    (broken / "_version.py").touch()
    # When something is counted where no machine code is kept, then it is counted, and nothing is kept
    cache, counted = ran(ROOT, PYTHONPATH=str(broken.parent), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert counted == "1"
    assert not list(Path(cache).iterdir())
