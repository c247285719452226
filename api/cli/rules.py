"""Commands about what scores follow from: policies and the procedure register."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import Output


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    policy = typer.Typer(help="Policies: indicators, weights, grades.", no_args_is_help=True)
    policy.command("list")(policy_list)
    policy.command("show")(policy_show)
    policy.command("check")(policy_check)
    app.add_typer(policy, name="policy")
    procedure = typer.Typer(help="The procedure register: processes, limits, legal basis.", no_args_is_help=True)
    procedure.command("list")(procedure_list)
    procedure.command("show")(procedure_show)
    procedure.command("check")(procedure_check)
    app.add_typer(procedure, name="procedure")


NameArgument = Annotated[str, typer.Argument(help="A shipped name, or a TOML file.")]


def policy_list(context: typer.Context) -> None:
    """List the shipped policies."""
    from domain.policy import load_policy, shipped_policies

    output: Output = context.obj
    found = [_policy_json(load_policy(name), output.language) for name in shipped_policies()]
    output.show(found, ["policy", "title", "hash"], [[p["name"], p["title"], p["hash"][:12]] for p in found])


def policy_show(name: NameArgument) -> None:
    """Print a policy as TOML."""
    from domain.policy import load_policy

    print(load_policy(name).text, end="")


def policy_check(context: typer.Context, name: NameArgument) -> None:
    """Check a policy; what is wrong is said with line and key."""
    from domain.policy import load_policy

    output: Output = context.obj
    policy = load_policy(name)
    found = _policy_json(policy, output.language) | {"ok": True, "context": policy.context().describe()}
    rows = [["policy", found["name"]], ["hash", found["hash"]], ["context", found["context"]["hash"]]]
    output.show(found, ["", "value"], rows)


def _policy_json(policy: Any, language: str) -> dict[str, Any]:
    return {
        "name": policy.name,
        "version": policy.version,
        "title": getattr(policy.title, language),
        "hash": policy.hash,
        "indicators": [each.code for each in policy.indicators],
    }


def procedure_list(
    context: typer.Context,
    register: Annotated[str, typer.Option(help="A shipped one, or a TOML file.")] = "gx-2012",
) -> None:
    """List the procedures of a register with their limits."""
    from domain.procedures import load_register

    output: Output = context.obj
    found = [
        {
            "code": version.code,
            "process": version.process,
            "title": getattr(version.title, output.language),
            "limit": None if version.limit is None else f"{version.limit.days} {version.limit.kind} days",
            "legal_basis": version.legal_basis,
        }
        for versions in load_register(register).procedures.values()
        for version in versions
    ]
    columns = ["code", "process", "title", "limit", "legal_basis"]
    output.show(found, columns, [[each[name] for name in columns] for each in found])


def procedure_show(register: NameArgument) -> None:
    """Print a register as TOML."""
    from domain.procedures import load_register

    print(load_register(register).text, end="")


def procedure_check(context: typer.Context, register: NameArgument) -> None:
    """Check a register; what is wrong is said with line and key."""
    from domain.procedures import load_register

    output: Output = context.obj
    found = load_register(register)
    answer = {"ok": True, "name": found.name, "hash": found.hash, "procedures": len(found.procedures)}
    output.show(answer, ["", "value"], [[name, value] for name, value in answer.items()])
