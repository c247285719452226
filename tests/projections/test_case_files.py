"""Case files are the same, whether compiled or plain Python makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain.zones import load_zone
from projections.tallies import case_files
from tests.strategies import random_history
from tests.support.product import product, record


@pytest.mark.parametrize("to_instant", [False, True])
def test_plain_python_makes_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to_instant: bool
) -> None:
    zone = load_zone("Asia/Shanghai")
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(2, 200))
        compiled = case_files.case_files(kaoji.history(), zone, to_instant=to_instant)
        for name in ("tell_states", "fill_records"):
            function = getattr(case_files, name)
            monkeypatch.setattr(case_files, name, getattr(function, "py_func", function))
        plain = case_files.case_files(kaoji.history(), zone, to_instant=to_instant)
    assert (plain.cases.actions.extra < -1).any(), "some state one thing only"
    for name, array in compiled.cases.arrays.items():
        assert np.array_equal(array, plain.cases.arrays[name])
