"""The table from error to exit code and HTTP status."""

from __future__ import annotations

from importlib import import_module

import pytest

from api.errors import EXIT_AND_STATUS, exit_and_status, exit_code
from domain.actions.refusals import RefusedError
from domain.errors import KaojiError, UnknownNameError, UnreachableError, WrongInputError
from domain.ledger.errors import BusyLedgerError, MissingKeyError, StaleTrackingError


@pytest.mark.parametrize("name", EXIT_AND_STATUS)
def test_every_row_names_an_error_of_ours_and_agrees_with_its_kind(name: str) -> None:
    module, _, class_name = name.rpartition(".")
    found = getattr(import_module(module), class_name)
    assert issubclass(found, KaojiError)
    expected = 3 if issubclass(found, UnreachableError) else 2 if issubclass(found, WrongInputError) else 1
    assert EXIT_AND_STATUS[name].exit_code == expected


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (StaleTrackingError("topic", 4), (1, 409)),
        (UnknownNameError("policy", "x", ["y"]), (2, 422)),
        (RefusedError("bad-value", "Mend it."), (2, 422)),
        (BusyLedgerError("Wait."), (3, 503)),
        (MissingKeyError("Where is the key file?"), (2, 503)),
    ],
)
def test_error_without_a_row_goes_by_its_nearest_base(error: KaojiError, row: tuple[int, int]) -> None:
    assert exit_and_status(error) == row
    assert exit_code(error) == row[0]
