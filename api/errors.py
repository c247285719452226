"""One table from error to exit code and HTTP status, for the command line and the HTTP server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.errors import KaojiError


class ExitAndStatus(NamedTuple):
    """How a process ends, and what an HTTP request is answered."""

    exit_code: int
    status: int


EXIT_AND_STATUS: Final[Mapping[str, ExitAndStatus]] = MappingProxyType(
    {
        "domain.errors.KaojiError": ExitAndStatus(1, 409),
        "domain.errors.WrongInputError": ExitAndStatus(2, 422),
        "domain.errors.UnreachableError": ExitAndStatus(3, 503),
        # A server whose store or keys are wrong is no fault of who asks: senders keep their records and try again.
        "domain.ledger.errors.WrongStoreError": ExitAndStatus(2, 503),
        "domain.ledger.errors.MissingKeyError": ExitAndStatus(2, 503),
        "domain.ledger.errors.UnknownEntryError": ExitAndStatus(2, 404),
        "domain.ledger.errors.EntryMovedError": ExitAndStatus(1, 409),
        "consumers.cloudevents.ContentTypeError": ExitAndStatus(2, 415),
        "consumers.cloudevents.BatchError": ExitAndStatus(2, 400),
        "api.http.bodies.EncodingError": ExitAndStatus(2, 415),
        "api.http.bodies.BodySizeError": ExitAndStatus(2, 413),
        "api.http.bodies.BrokenOffError": ExitAndStatus(2, 400),
        "api.http.bodies.PackedBodyError": ExitAndStatus(2, 400),
        "api.http.bodies.SlowBodyError": ExitAndStatus(2, 408),
        "api.http.bodies.BusyError": ExitAndStatus(3, 503),
        "api.http.guard.AccessTokenError": ExitAndStatus(2, 401),
        "api.http.guard.SendersOnlyError": ExitAndStatus(2, 403),
        "api.http.signatures.SignatureError": ExitAndStatus(2, 401),
        "api.http.rates.TooFastError": ExitAndStatus(2, 429),
        "api.http.guard.ForeignPageError": ExitAndStatus(2, 403),
        "api.http.guard.HostNameError": ExitAndStatus(2, 421),
    }
)
"""By the class's full name, so that a command need not load what it does not use. A subclass that is not here
goes by its nearest base. A name in the path of a request that nothing bears is 404 whatever the class.
"""


def exit_code(error: KaojiError) -> int:
    """The exit code of a command that ends with this error."""
    return exit_and_status(error).exit_code


def exit_and_status(error: KaojiError) -> ExitAndStatus:
    """The row of the error's class, or of its nearest base that has one."""
    names = (f"{each.__module__}.{each.__qualname__}" for each in type(error).__mro__)
    return next(EXIT_AND_STATUS[name] for name in names if name in EXIT_AND_STATUS)
