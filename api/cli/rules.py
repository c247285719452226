"""Commands about what scores follow from: policies and the procedure register."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import what_if
from api.cli.output import Output, progress_bars
from api.cli.scores import AsOfOption

if TYPE_CHECKING:
    from domain.rules.adoption import Rulebook, RuleKind


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    policy = typer.Typer(help="Policies: indicators, weights, grades.", no_args_is_help=True)
    policy.command("list")(policy_list)
    policy.command("show")(policy_show)
    policy.command("new")(policy_new)
    policy.command("check")(policy_check)
    policy.command("diff")(policy_diff)
    policy.command("adopt")(policy_adopt)
    what_if.add_commands(policy)
    app.add_typer(policy, name="policy")
    procedure = typer.Typer(help="The procedure register: processes, limits, legal basis.", no_args_is_help=True)
    procedure.command("list")(procedure_list)
    procedure.command("registers")(procedure_registers)
    procedure.command("show")(procedure_show)
    procedure.command("check")(procedure_check)
    procedure.command("diff")(procedure_diff)
    procedure.command("adopt")(procedure_adopt)
    app.add_typer(procedure, name="procedure")


NAME_HELP = "An adopted or shipped name, NAME@VERSION, or a TOML file."
NameArgument = Annotated[str, typer.Argument(help=NAME_HELP)]
BeforeArgument = Annotated[str, typer.Argument(metavar="A", help=NAME_HELP)]
AfterArgument = Annotated[str, typer.Argument(metavar="B", help="What to compare it with: likewise.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or a shipped name.")]
ByOption = Annotated[str, typer.Option(help="Staff id of the person who adopts.")]
WrittenByOption = Annotated[
    str | None, typer.Option(help="Staff id of the author: another person, for who writes it does not approve it.")
]
ReasonOption = Annotated[str | None, typer.Option(help="Why, in a sentence; kept with the adoption.")]
ValidFromOption = Annotated[
    str | None,
    typer.Option(help="First day it is meant for, YYYY-MM-DD; kept and shown, it does not change what counts."),
]


def known_rules(output: Output, as_of: str | None = None) -> Rulebook:
    """The adopted rules of the store, as known at a position or time; none where no store is."""
    from api.as_of import position_as_of
    from api.rules.rules import rulebook_of
    from domain.ledger.errors import NoLedgerError
    from domain.rules.adoption import Rulebook

    try:
        with output.session() as kaoji, progress_bars() as progress:
            upto = position_as_of(kaoji, as_of, kaoji.ledger.head().position)
            return rulebook_of(kaoji, upto=upto, progress=progress)
    except NoLedgerError:
        if as_of is not None:
            raise
        return Rulebook()


def policy_list(context: typer.Context, as_of: AsOfOption = None) -> None:
    """List policies, adopted and shipped, with their versions."""
    _list(context.obj, "policy", as_of)


def policy_show(context: typer.Context, name: NameArgument, as_of: AsOfOption = None) -> None:
    """Print a policy as TOML."""
    from api.rules.rules import rule_in

    print(rule_in(known_rules(context.obj, as_of), "policy", name).text, end="")


def policy_new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new policy.")],
    from_: Annotated[str, typer.Option("--from", help="What to begin with: a name, NAME@VERSION, or file.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; if left out, it is printed.")
    ] = None,
) -> None:
    """Draft a policy: complete and valid, to be changed before it is adopted."""
    from api.rules.drafts import DEFAULT_BASE, drafted_policy, write_draft

    output: Output = context.obj
    drafted = drafted_policy(known_rules(output), name, from_ or DEFAULT_BASE)
    if out is None:
        print(drafted.text, end="")
        return
    write_draft(drafted, out)
    answer = {"file": str(out), "name": drafted.name, "version": drafted.version}
    output.show(answer, ["", "value"], [[key, value] for key, value in answer.items()])


def policy_check(context: typer.Context, name: NameArgument) -> None:
    """Check a policy; what is wrong is said with line and key. Ends with 1 where it could not be adopted."""
    from api.rules.listing import checked_rule
    from api.rules.rules import policy_in, registers_in

    output: Output = context.obj
    rulebook = known_rules(output)
    found = checked_rule(rulebook, "policy", name, language=output.language)
    policy = policy_in(rulebook, name)
    found["context"] = policy.context(registers_in(rulebook)).describe()
    for one in policy.indicators:
        points, best = one.points_of(Fraction(one.target)), one.curve.highest()
        if points < best:
            output.note(
                f"At its target {one.target}, {one.code!r} gets {float(points):g} points, and {best} at best: "
                "points come from the curve alone. Move the two together, unless that is meant."
            )
    rows = [["policy", f"{found['name']}@{found['version']}"], ["hash", found["hash"]]]
    rows += [["context", found["context"]["hash"]], ["adoption", found["adoption"]]]
    _show_checked(output, found, rows)


def policy_diff(context: typer.Context, before: BeforeArgument, after: AfterArgument) -> None:
    """Show what differs between two policies, by what they mean."""
    _diff(context.obj, "policy", before, after)


def policy_adopt(
    context: typer.Context,
    file: FileArgument,
    by: ByOption,
    written_by: WrittenByOption = None,
    reason: ReasonOption = None,
    valid_from: ValidFromOption = None,
) -> None:
    """Adopt a policy: recorded in the ledger, known by its name from then on, and never changed."""
    _adopt(context.obj, "policy", file, by, written_by, reason, valid_from)


def procedure_list(
    context: typer.Context,
    register: Annotated[
        str | None, typer.Option(help="Only this one: a name, NAME@VERSION, or a TOML file.")
    ] = None,
    as_of: AsOfOption = None,
) -> None:
    """List the procedures of all registers with their limits, each version with the days on which it holds."""
    from api.rules.listing import listed_procedures

    output: Output = context.obj
    found = listed_procedures(known_rules(output, as_of), register=register, language=output.language)
    columns = ["code", "process", "title", "limit", "valid_from", "valid_to", "legal_basis", "register"]
    output.show(found, columns, [[each[name] for name in columns] for each in found])


def procedure_registers(context: typer.Context, as_of: AsOfOption = None) -> None:
    """List registers, adopted and shipped, with their versions."""
    _list(context.obj, "register", as_of)


def procedure_show(context: typer.Context, register: NameArgument, as_of: AsOfOption = None) -> None:
    """Print a register as TOML."""
    from api.rules.rules import rule_in

    print(rule_in(known_rules(context.obj, as_of), "register", register).text, end="")


def procedure_check(context: typer.Context, register: NameArgument) -> None:
    """Check a register; what is wrong is said with line and key. Ends with 1 where it could not be adopted."""
    from api.rules.listing import checked_rule

    output: Output = context.obj
    found = checked_rule(known_rules(output), "register", register, language=output.language)
    for gap in found["gaps"]:
        output.note(
            f"No version of {gap['code']!r} is in force from {gap['from']} to {gap['to']}: cases that start then "
            "have no limit. Mend `valid_from` or `valid_to`, if that is not meant."
        )
    columns = ["name", "version", "hash", "procedures", "adoption"]
    _show_checked(output, found, [[name, found[name]] for name in columns])


def procedure_diff(context: typer.Context, before: BeforeArgument, after: AfterArgument) -> None:
    """Show what differs between two registers, by what they mean."""
    _diff(context.obj, "register", before, after)


def procedure_adopt(
    context: typer.Context,
    file: FileArgument,
    by: ByOption,
    written_by: WrittenByOption = None,
    reason: ReasonOption = None,
    valid_from: ValidFromOption = None,
) -> None:
    """Adopt a register: recorded in the ledger, known by its name from then on, and never changed."""
    _adopt(context.obj, "register", file, by, written_by, reason, valid_from)


def _list(output: Output, kind: RuleKind, as_of: str | None) -> None:
    from api.rules.listing import listed_rules

    found = listed_rules(known_rules(output, as_of), kind, language=output.language)
    columns = [kind, "version", "title", "origin", "position", "written_by", "adopted_by", "in_force", "hash"]
    rows = [
        [
            each["name"],
            each["version"],
            each["title"],
            each["origin"],
            each["position"],
            each["written_by"],
            each["adopted_by"],
            "yes" if each["in_force"] else "no",
            each["hash"][:12],
        ]
        for each in found
    ]
    output.show(found, columns, rows)


def _show_checked(output: Output, found: dict[str, Any], rows: list[list[Any]]) -> None:
    output.show(found, ["", "value"], rows)
    if not found["ok"]:
        raise typer.Exit(1)


def _diff(output: Output, kind: RuleKind, before: str, after: str) -> None:
    from api.rules.differences import compared
    from api.rules.rules import policy_in, register_in

    rulebook = known_rules(output)
    find = policy_in if kind == "policy" else register_in
    answer = compared(find(rulebook, before), find(rulebook, after))
    one, other = (f"{each['name']}@{each['version']}" for each in (answer["before"], answer["after"]))
    if answer["same"]:
        output.note(f"{one} and {other} say the same.")
    rows = [
        [" ".join(each["path"]), each["change"], _short(each["before"]), _short(each["after"])]
        for each in answer["differences"]
    ]
    output.show(
        answer,
        ["what", "change", "before", "after"],
        rows,
        f"{one} and {other}: {len(rows)} difference{'' if len(rows) == 1 else 's'}",
    )


def _short(value: Any) -> str | None:
    """A value for a table: of something added or removed the plain values only."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items() if isinstance(each, (str, int)))
    if isinstance(value, list):
        return ", ".join(f"[{_short(each)}]" if isinstance(each, list) else str(_short(each)) for each in value)
    return None if value is None else str(value)


def _adopt(
    output: Output, kind: RuleKind, file: str,
    by: str, written_by: str | None, reason: str | None, valid_from: str | None,
) -> None:  # fmt: skip
    from api.rules.adoption import adopt, considered
    from api.rules.rules import shipped_names

    # First without a store: what cannot be adopted leaves none behind.
    considered(known_rules(output), kind, file, by=by, written_by=written_by, reason=reason, valid_from=valid_from)
    with output.session(create=True) as kaoji, progress_bars() as progress:
        done = adopt(
            kaoji, kind, file,
            by=by, written_by=written_by, reason=reason, valid_from=valid_from, progress=progress,
        )  # fmt: skip
    answer = done.to_json()
    called = f"{answer['name']}@{answer['version']}"
    if not done.new:
        output.note(f"{called} is already adopted at position {answer['position']}, by {answer['adopted_by']}.")
    if answer["newest"] != answer["version"]:
        output.note(
            f"Version {answer['newest']} is newer and stays in force. To go back, adopt the old content under a "
            "higher version."
        )
    if done.new and written_by is None and file not in shipped_names(kind):
        output.note("No author was named, so nobody can check that another person wrote it: see --written-by.")
    rows = [[name, answer[name]] for name in ("name", "version", "position", "written_by", "adopted_by", "hash")]
    output.show(answer, ["", "value"], rows)
