"""Commands that print what other programs need to watch this one: alert rules and a dashboard."""

from __future__ import annotations

from importlib.resources import files

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    monitoring = typer.Typer(help="Files for Prometheus and Grafana.", no_args_is_help=True)
    monitoring.command("alerts")(alerts)
    monitoring.command("dashboard")(dashboard)
    app.add_typer(monitoring, name="monitoring")


def alerts() -> None:
    """Print the alert rules for Prometheus (YAML)."""
    print(shipped("alerts.yml"), end="")


def dashboard() -> None:
    """Print the dashboard for Grafana (JSON)."""
    print(shipped("dashboard.json"), end="")


def shipped(name: str) -> str:
    """The text of a file beside the code."""
    return files("api").joinpath("monitoring", name).read_text(encoding="utf-8")
