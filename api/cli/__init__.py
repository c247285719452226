"""The command line: `kaoji COMMAND`, each command the same functions as a route of the HTTP API."""

from __future__ import annotations

from api.cli.main import main

__all__ = ["main"]
