"""What was large and is free goes back to the system, in a consumer and in a server too."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

GIVEN_BACK = "from api.memory import give_back_free_memory; give_back_free_memory()"
COMMAND = """
from contextlib import suppress
from api.cli.main import main
with suppress(SystemExit):
    main({})
"""
CONSUMER = COMMAND.format(["consume", "--bootstrap", "127.0.0.1:1"])
SERVER = COMMAND.format(["serve", "--host", "0.0.0.0"])
# A large block is freed first: the C library learns from it, unless it was told otherwise.
HELD = """
import os
import numpy as np
import pyarrow as pa
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

np.ones(24_000_000, np.uint8)
before = resident()
blocks = [np.ones(size, np.uint8) for _ in range(8) for size in (8_000_000, 200_000)]
assert resident() - before > 60_000_000
del blocks[::2]
print(resident() - before, pa.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
@pytest.mark.parametrize("beginning", [GIVEN_BACK, CONSUMER, SERVER])
def test_large_blocks_go_back_to_the_system_though_small_ones_lie_between(beginning: str, tmp_path: Path) -> None:
    # Given a process that made 64 MB in large blocks and small ones by turns, and freed the large ones
    done = subprocess.run(
        [sys.executable, "-c", beginning + HELD], cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # Then it holds little more than before, and so does Arrow, which takes its blocks where all others do
    held, arrows = done.stdout.split()
    assert int(held) < 10_000_000
    assert arrows == "system"
