"""Policies and registers from draft to adoption, as an office works with them on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, Ran
from tests.support.rules import POLICY, REGISTER, changed, version, written

JSON = ("--format", "json")


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "kaoji.db")


def test_draft_is_valid_changed_compared_adopted_and_used(kaoji: CommandLine, tmp_path: Path) -> None:
    # Given a draft, in a folder where no ledger is yet
    file = tmp_path / "own.toml"
    assert kaoji("policy", "new", "own-2026", "-o", file, *JSON).json["version"] == 1
    assert kaoji("policy", "check", file, *JSON).json["adoption"] == "can be adopted"
    assert kaoji("policy", "diff", "gx-2012", file, *JSON).json["same"]
    assert not (tmp_path / "kaoji.db").exists()
    # When it is changed and adopted
    file.write_text(changed(file.read_text("utf-8"), ("decimals = 2", "decimals = 3")), "utf-8")
    said = kaoji("policy", "diff", "gx-2012", file, "--format", "csv").rows
    assert said == [{"what": "decimals", "change": "changed", "before": "2", "after": "3"}]
    done = kaoji("policy", "adopt", file, "--by", "S1", "--reason", "Trial", *JSON).json
    # Then it is known by its name
    assert (done["position"], done["new"], done["adopted_by"], done["reason"]) == (1, True, "S1", "Trial")
    assert kaoji("policy", "show", "own-2026").out == file.read_text("utf-8")
    scored = kaoji("score", "--policy", "own-2026", "--from", "2011-01-01", "--to", "2011-12-31", *JSON).json
    assert (scored["policy"], scored["policy_hash"], scored["as_of"]) == ("own-2026", done["hash"], 1)
    # And the next draft from it bears the next version, and one opening
    again = kaoji("policy", "new", "own-2026", "--from", "own-2026").out
    assert again.count("drafted from") == 1
    assert "\nversion = 2\n" in again
    assert kaoji("verify", "--from-scratch", *JSON).json["ok"]
    assert kaoji("audit", *JSON).out == ""


def test_what_a_check_and_a_list_say_of_rules_is_there_in_chinese(kaoji: CommandLine, tmp_path: Path) -> None:
    chinese = (*JSON, "--lang", "zh")
    first = written(tmp_path, POLICY)
    assert kaoji("policy", "check", first, *chinese).json["adoption"] == "可以采用"
    kaoji("policy", "adopt", first, "--by", "S1")
    assert kaoji("policy", "check", first, *chinese).json["adoption"] == "已在位置 1 采用"
    limits = {
        row["code"]: row["limit"] for row in kaoji("procedure", "list", "--register", "gx-2012", *chinese).json
    }
    assert (limits["joint-licence"], limits["penalty-ordinary"]) == ("45 个工作日", "90 个自然日")
    wrong = written(tmp_path, POLICY, ("weight = 60", "weigth = 60"))
    said = kaoji.ends(2, "policy", "check", wrong, "--lang", "zh").err
    assert "indicator[1].weigth: 未知的键。是否应为 'weight'？" in said


def test_adopting_again_is_said_and_changes_nothing(kaoji: CommandLine, tmp_path: Path) -> None:
    first = written(tmp_path, POLICY)
    kaoji("policy", "adopt", first, "--by", "S1")
    again = kaoji("policy", "adopt", first, "--by", "S2", *JSON)
    assert "north@1 is already adopted at position 1, by S1." in again.err
    assert (again.json["new"], again.json["position"]) == (False, 1)
    kaoji("policy", "adopt", written(tmp_path, POLICY, version(2)), "--by", "S1")
    assert "Version 2 is newer and stays in force" in kaoji("policy", "adopt", first, "--by", "S1").err
    assert kaoji("status", *JSON).json["events"] == 2
    rows = kaoji("policy", "list", "--format", "csv").rows
    assert [(row["version"], row["position"], row["in_force"]) for row in rows if row["policy"] == "north"] == [
        ("1", "1", "no"),
        ("2", "2", "yes"),
    ]
    assert len(kaoji("policy", "list", "--as-of", "1", *JSON).json) == len(rows) - 1


def test_author_is_kept_beside_who_adopts_and_must_be_another(kaoji: CommandLine, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY)
    refused = kaoji.ends(2, "policy", "adopt", file, "--by", "S1", "--written-by", "S1")
    assert "S1 wrote this policy" in refused.err
    assert not (tmp_path / "kaoji.db").exists()
    # When the author is named, and when nobody is
    done = kaoji("policy", "adopt", file, "--by", "S1", "--written-by", "S2", *JSON)
    unnamed = kaoji("policy", "adopt", written(tmp_path, POLICY, version(2)), "--by", "S1", *JSON)
    shipped = kaoji("policy", "adopt", "gx-2012", "--by", "S1")
    # Then it is seen by everybody who lists them
    assert (done.json["written_by"], done.json["adopted_by"], done.err) == ("S2", "S1", "")
    assert "No author was named" in unnamed.err
    assert "No author" not in shipped.err
    rows = [row for row in kaoji("policy", "list", "--format", "csv").rows if row["policy"] == "north"]
    assert [(row["written_by"], row["adopted_by"]) for row in rows] == [("S2", "S1"), ("", "S1")]


def test_scores_of_a_period_before_a_policy_is_meant_for_say_so(kaoji: CommandLine, tmp_path: Path) -> None:
    kaoji("policy", "adopt", written(tmp_path, POLICY), "--by", "S1", "--valid-from", "2024-01-01")

    def scored(first: str, policy: str = "north") -> Ran:
        return kaoji("score", "--policy", policy, "--from", first, "--to", "2024-12-31", *JSON)

    early = scored("2023-12-31")
    assert "north@1 is meant for what happens from 2024-01-01 on, and the period begins earlier" in early.err
    assert early.json["policy_valid_from"] == "2024-01-01"
    assert scored("2024-01-01").err == scored("2023-12-31", "gx-2012").err == ""
    assert "policy_valid_from" not in scored("2024-01-01", "gx-2012").json


def test_registers_are_adopted_listed_and_compared(kaoji: CommandLine, tmp_path: Path) -> None:
    kaoji("procedure", "adopt", written(tmp_path, REGISTER), "--by", "S1", "--valid-from", "2024-01-01")
    newer = written(tmp_path, REGISTER, version(2), ("days = 5", "days = 6"))
    assert kaoji("procedure", "check", newer, *JSON).json["adoption"] == "can be adopted"
    kaoji("procedure", "adopt", newer, "--by", "S1")
    said = kaoji("procedure", "diff", "office@1", "office", *JSON).json
    assert [(each["path"][-1], each["before"], each["after"]) for each in said["differences"]] == [("days", 5, 6)]
    listed = kaoji("procedure", "registers", *JSON).json
    assert [each["valid_from"] for each in listed if each["name"] == "office"] == ["2024-01-01", None]
    (procedure,) = kaoji("procedure", "list", "--register", "office", *JSON).json
    assert procedure["limit"] == "6 calendar days"
    assert procedure in kaoji("procedure", "list", *JSON).json
    assert kaoji("procedure", "show", "office@1").out == REGISTER
    # A policy that names it is checked in its context
    policy = written(tmp_path, POLICY, ('"gx-2012"', '"office"'))
    assert kaoji("policy", "check", policy, *JSON).json["context"]["register"]["hash"] == listed_hash(kaoji, 2)


@pytest.mark.parametrize(("area", "text", "was", "becomes"), [
    ("policy", POLICY, "target = 0.0", "target = 1.0"), ("procedure", REGISTER, "days = 5", "days = 6"),
])  # fmt: skip
def test_a_check_fails_where_its_version_is_adopted_with_other_content(
    kaoji: CommandLine, tmp_path: Path, area: str, text: str, was: str, becomes: str
) -> None:
    file = written(tmp_path, text)
    kaoji(area, "adopt", file, "--by", "S1")
    assert kaoji(area, "check", file, *JSON).json["adoption"] == "adopted at position 1"

    said = kaoji.ends(1, area, "check", written(tmp_path, text, (was, becomes)), *JSON).json

    assert said["ok"] is False
    assert "Write `version = 2`" in said["adoption"]


def test_versions_of_a_procedure_are_listed_with_the_days_on_which_they_hold(kaoji: CommandLine) -> None:
    listed = kaoji("procedure", "list", "--register", "market-supervision-2024", "--format", "csv").rows
    assert [(row["valid_from"], row["valid_to"]) for row in listed if row["code"] == "penalty-ordinary"] == [
        ("", "2019-03-31"),
        ("2019-04-01", "2021-07-14"),
        ("2021-07-15", ""),
    ]


def test_days_without_a_version_in_force_are_pointed_out(kaoji: CommandLine, tmp_path: Path) -> None:
    newer = REGISTER[REGISTER.index("[[procedure]]") :] + "valid_from = 2021-07-15\n"
    file = tmp_path / "gap.toml"
    file.write_text(REGISTER + "valid_to = 2021-07-01\n\n" + newer, "utf-8")
    ran = kaoji("procedure", "check", file, *JSON)
    assert ran.json["gaps"] == [{"code": "licence", "from": "2021-07-02", "to": "2021-07-14"}]
    assert "No version of 'licence' is in force from 2021-07-02 to 2021-07-14" in ran.err
    assert kaoji("procedure", "check", "market-supervision-2024", *JSON).err == ""


def test_a_target_that_does_not_earn_the_most_points_is_pointed_out(kaoji: CommandLine, tmp_path: Path) -> None:
    lower = written(tmp_path, POLICY, ("target = 0.0", "target = 0.5"))
    said = kaoji("policy", "check", lower).err
    assert "At its target 0.5, 'errors' gets 0 points, and 80 at best" in said
    for name in ("gx-2012", "market-supervision-2024", "process-enforcement", "receipt_wabo"):
        assert kaoji("policy", "check", name).err == ""


def listed_hash(kaoji: CommandLine, number: int) -> str:
    (found,) = (
        each["hash"]
        for each in kaoji("procedure", "registers", *JSON).json
        if (each["name"], each["version"]) == ("office", number)
    )
    return str(found)


WRONG = [
    ("policy adopt north.toml", "Missing option '--by'"),
    ("policy adopt --by S1", "Missing argument"),
    ("policy adopt missing.toml --by S1", "missing.toml: cannot be read"),
    ("policy adopt . --by S1", "No policy '.'"),
    ("policy adopt ./ --by S1", "cannot be read"),
    ("policy adopt text.toml --by S1", "text.toml:1: not valid TOML"),
    ("policy adopt latin.toml --by S1", "not UTF-8"),
    ("policy adopt office.toml --by S1", "office.toml"),
    ("policy adopt lost.toml --by S1", "kaoji procedure adopt FILE"),
    ("policy adopt changed.toml --by S1", "Write `version = 2`"),
    ("policy adopt gx.toml --by S1", "is shipped with other content. Write `version = 2`"),
    ("policy adopt newer.toml --by S\t1", "is no staff id"),
    ("policy adopt newer.toml --by S1 --valid-from soon", "--valid-from 'soon' is no date"),
    ("policy adopt nrth --by S1", "Did you mean 'north'?"),
    ("policy show gx-2012@9", "Known: gx-2012@1"),
    ("policy show north@2", "Did you mean 'north@1'?"),
    ("policy show north --as-of 0", "adopted at position 1, after position 0"),
    ("policy list --as-of 2", "the ledger ends at 1"),
    ("policy list --as-of yesterday", "neither a position nor a time"),
    ("policy diff north", "Missing argument 'B'"),
    ("policy diff north nrth", "Did you mean 'north'?"),
    ("policy diff north office.toml", "office.toml"),
    ("policy check north@x", "No policy 'north@x'"),
    ("procedure check office", "See `kaoji procedure registers`."),
    ("policy new North", "is no name for a policy"),
    ("policy new x.toml", "is no name for a policy"),
    ("policy new x --from nrth", "Did you mean 'north'?"),
    ("policy new x --out north.toml", "north.toml is there already"),
    ("policy new x --out nowhere/x.toml", "cannot be written"),
    ("procedure adopt north.toml --by S1", "north.toml"),
    ("procedure adopt text.toml --by S1", "text.toml:1: not valid TOML"),
    ("procedure list --register offce", "Known: gx-2012"),
    ("procedure diff gx-2012 gx-2013", "Did you mean 'gx-2012'?"),
    ("score --policy north@7 --from 2011-01-01 --to 2011-12-31", "Known: north@1"),
]


@pytest.fixture
def office(kaoji: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A folder of files, and a ledger in which `north` is adopted."""
    monkeypatch.chdir(tmp_path)
    files = {
        "north.toml": POLICY,
        "changed.toml": changed(POLICY, ("target = 0.9", "target = 0.8")),
        "newer.toml": changed(POLICY, version(2)),
        "lost.toml": changed(POLICY, ('"gx-2012"', '"nowhere"')),
        "gx.toml": changed(POLICY, ('"north"', '"gx-2012"')),
        "office.toml": REGISTER,
        "text.toml": "this is not TOML",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    kaoji("policy", "adopt", "north.toml", "--by", "S1")
    return kaoji


@pytest.mark.parametrize(("line", "says"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_input_is_told_and_records_nothing(
    office: CommandLine, line: str, says: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    ran = office.ends(2, *line.split(" "))
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert sorted(tmp_path.iterdir()) == before
    assert office("status", *JSON).json["events"] == 1


@pytest.mark.parametrize("line", ["policy adopt text.toml --by S1", "policy adopt missing.toml --by S1"])
def test_wrong_input_leaves_no_store(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.toml").write_text("this is not TOML")
    monkeypatch.chdir(tmp_path)
    kaoji = CommandLine(tmp_path / "none.db")
    kaoji.ends(2, *line.split(" "))
    assert [each.name for each in tmp_path.iterdir()] == ["text.toml"]


def test_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    kaoji = CommandLine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    file = written(tmp_path, POLICY)
    for command in (("policy", "list"), ("policy", "adopt", file, "--by", "S1"), ("policy", "diff", file, file)):
        assert "does not answer" in kaoji.ends(3, *command).err
