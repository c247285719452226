"""The procedure register: what is shipped, versions by day, and every fault answered with line and remedy."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.errors import UnknownNameError
from domain.rules.calendars import load_calendar, to_day
from domain.rules.context import make_context
from domain.rules.procedures import (
    ENDINGS,
    DeemedAcceptance,
    Extension,
    RegisterError,
    Supervision,
    load_register,
    parse_register,
    shipped_registers,
)

REGISTER = """
name = "test"
title = { zh = "测试", en = "Test" }

[[process]]
code = "administration"
title = { zh = "行政管理", en = "Administration" }

[[procedure]]
code = "licence"
process = "administration"
family = "licensing"
title = { zh = "许可", en = "Licence" }
legal_basis = "行政许可法 §42"
limit = { days = 20, kind = "working" }
stop_reasons = ["hearing"]
valid_to = 2019-03-31

[[procedure]]
code = "licence"
process = "administration"
family = "licensing"
title = { zh = "许可", en = "Licence" }
legal_basis = "行政许可法 §42"
limit = { days = 10, kind = "calendar" }
valid_from = 2019-04-01
"""


def test_the_version_in_force_on_the_day_applies() -> None:
    register = parse_register(REGISTER, place="test.toml")

    old = register.version("licence", to_day(date(2019, 3, 31)))
    new = register.version("licence", to_day(date(2019, 4, 1)))

    assert old is not None
    assert new is not None
    assert old.limit is not None
    assert new.limit is not None
    assert (old.limit.days, old.limit.kind, old.stop_reasons) == (20, "working", frozenset({"hearing"}))
    assert (new.limit.days, new.limit.kind, new.stop_reasons) == (10, "calendar", frozenset())
    assert register.version("other", 0) is None
    assert register.process_of("licence") == "administration"
    assert register.process_of("other") is None


@pytest.mark.parametrize("gap", ["2019-04-02", "2020-01-01"])
def test_between_two_versions_none_is_in_force(gap: str) -> None:
    register = parse_register(REGISTER.replace("2019-04-01", gap), place="test.toml")

    assert register.version("licence", to_day(date(2019, 4, 1))) is None


def test_versions_are_sorted_however_the_file_lists_them() -> None:
    head, first, second = REGISTER.partition("[[procedure]]")[0], *REGISTER.split("[[procedure]]")[1:]
    turned = head + "[[procedure]]" + second + "[[procedure]]" + first

    again = parse_register(turned, place="test.toml").procedures["licence"]

    assert again == parse_register(REGISTER, place="test.toml").procedures["licence"]


def test_layout_and_comments_do_not_change_the_hash_but_content_does() -> None:
    register = parse_register(REGISTER, place="test.toml")
    restyled = REGISTER.replace('code = "licence"', 'code="licence" # the licence').replace("\n", "\r\n")

    assert parse_register(restyled, place="other.toml").hash == register.hash
    assert parse_register(REGISTER.replace("days = 20", "days = 21"), place="test.toml").hash != register.hash


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "limit = { days = 20",
            "limits = { days = 20",
            15,
            r"procedure\[1\]\.limits: Unknown key\. Did you mean 'limit'\?",
        ),
        ("days = 20", "day = 20", 15, r"limit\.day: Unknown key\. Did you mean 'days'\?.*\(1 more after this one"),
        ("days = 20", "days = 0", 15, r"limit\.days: It must be greater than or equal to 1; it is 0 here\.$"),
        ("days = 20", "days = '20'", 15, r"limit\.days: Write a whole number, without quotes; it is '20'"),
        ("days = 20", "days = true", 15, r"limit\.days: Write a whole number.*; it is true here\.$"),
        ("days = 20", "days = 20.0", 15, r"limit\.days: Write a whole number.*; it is 20\.0 here\.$"),
        ('"working"', '"workin"', 15, r"limit\.kind: Unknown value 'workin'\. Did you mean 'working'\?"),
        ('"administration"\nfamily', '"adminstration"\nfamily', 11, r"process: .*Did you mean 'administration'\?"),
        ("valid_to = 2019-03-31", "valid_to = 2019-04-01", 18, r"in force from 2019-04-01.*valid_to"),
        ("valid_to = 2019-03-31", "", 17, r"in force from 2019-04-01"),
        ("valid_to = 2019-03-31", "valid_from = 2020-01-01\nvalid_to = 2019-03-31", 18, r"before it begins.*Swap"),
        ("valid_to = 2019-03-31", 'valid_to = "2019-03-31"', 17, r"valid_to: Write a date without quotes"),
        ("valid_to = 2019-03-31", "valid_to = 2019-03-31T00:00:00", 17, r"valid_to: .*date"),
        (
            'legal_basis = "行政许可法 §42"\nlimit = { days = 20',
            "limit = { days = 20",
            9,
            r"legal_basis: This key is missing",
        ),
        (
            'zh = "许可", en = "Licence"',
            "zh = 1, en = 'Licence'",
            13,
            r"title\.zh: Write a text, in quotes; it is 1",
        ),
        ('limit = { days = 20, kind = "working" }', "limit = 20", 15, r"limit: Write a table: \{ key = value \}"),
        ('zh = "许可", en', 'zh = "", en', 13, r"title\.zh: .*at least 1 character"),
        ('code = "licence"', 'code = "Licence 1"', 10, r"code: A code is small letters"),
        ('family = "licensing"', 'family = "licencing"', 12, r"Did you mean 'licensing'\?"),
        ("name = ", "name ", 2, r"not valid TOML: .*Mend this line"),
        ("days = 20", "days = " + "9" * 5000, None, r"not valid TOML"),
    ],
)
def test_a_fault_is_answered_with_line_key_and_remedy(old: str, new: str, line: int | None, words: str) -> None:
    assert old in REGISTER

    with pytest.raises(RegisterError, match=words) as caught:
        parse_register(REGISTER.replace(old, new, 1), place="test.toml")

    if line is not None and "in force" not in str(caught.value):
        assert str(caught.value).startswith(f"test.toml:{line}: "), caught.value


RULES = """deemed_acceptance = { days = 5, kind = "working" }
extension = { days = 10, kind = "working", legal_basis = "行政许可法 §42" }
supervision = { warning = 1, red = 10, kind = "working" }
steps = [
  { code = "licensing.received", title = { zh = "收件", en = "Receipt" }, required = true },
  { code = "review", title = { zh = "审查", en = "Review" }, required = true },
  { code = "advice", title = { zh = "征求意见", en = "Advice" } },
  { code = "licensing.refused", title = { zh = "不予许可", en = "Refusal" }, required = true },
  { code = "licensing.granted", title = { zh = "准予许可", en = "Grant" } },
  { code = "licensing.delivered", title = { zh = "送达", en = "Delivery" }, required = true },
]
"""
WITH_RULES = REGISTER.replace("valid_to", RULES + "valid_to", 1)


def test_the_rules_that_move_a_limit_and_watch_it_are_data_of_the_version() -> None:
    old, new = parse_register(WITH_RULES, place="test.toml").procedures["licence"]

    assert (old.deemed_acceptance, old.extension, old.supervision) == (
        DeemedAcceptance(days=5, kind="working"),
        Extension(days=10, kind="working", times=1, legal_basis="行政许可法 §42"),
        Supervision(warning=1, red=10, kind="working"),
    )
    assert (new.deemed_acceptance, new.extension, new.supervision, new.steps) == (None, None, None, ())


def test_steps_are_due_that_are_required_before_the_first_ending_in_the_list() -> None:
    old, new = parse_register(WITH_RULES, place="test.toml").procedures["licence"]

    assert old.steps_due == ("licensing.received", "review")
    assert new.steps_due == ()


def test_a_register_without_the_newer_keys_keeps_its_hash() -> None:
    # As it was before deemed acceptance, extensions and supervision could be said.
    assert (
        parse_register(REGISTER, place="test.toml").hash
        == "e6d737384bc421ae81de62c22d2fabb185d44d88c82ed26a17fd7c5734b862a3"
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("days = 5, kind", "days = 0, kind", r"deemed_acceptance\.days: .*greater than or equal to 1"),
        ("warning = 1, ", "", r"supervision\.warning: This key is missing"),
        ("warning = 1", "warnings = 1", r"supervision\.warnings: Unknown key\. Did you mean 'warning'\?"),
        (
            '10, kind = "working", legal',
            '10, kind = "calendar", legal',
            r":18: .*extension: .*in working days too",
        ),
        (
            '10, kind = "working", legal',
            '10, kind = "working", times = 0, legal',
            r"extension\.times: .*equal to 1",
        ),
        ('limit = { days = 20, kind = "working" }\n', "", r"deemed_acceptance: There is no `limit`"),
        (
            'family = "licensing"',
            'family = "plan"',
            r"deemed_acceptance: Only licence cases .*family = \"licensing\"",
        ),
        (
            '"licensing.received"',
            '"licensing.recieved"',
            r"steps: No action type.*Did you mean 'licensing\.received'",
        ),
        ('"licensing.received"', '"enforcement.opened"', r"steps: .*no licensing action\. .*step-done"),
        ('"review"', '"advice"', r"steps: Step 'advice' is there twice\. Rename one"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_answered_with_its_remedy(old: str, new: str, words: str) -> None:
    assert old in WITH_RULES

    with pytest.raises(RegisterError, match=words):
        parse_register(WITH_RULES.replace(old, new, 1), place="test.toml")


@pytest.mark.parametrize(("number", "is_refused"), [(64, False), (65, True)])
def test_no_more_steps_are_required_than_the_fold_can_watch(number: int, is_refused: bool) -> None:
    steps = ", ".join(
        f'{{ code = "s{each}", title = {{ zh = "步", en = "S" }}, required = true }}' for each in range(number)
    )
    text = REGISTER.replace("valid_to", f"steps = [{steps}]\nvalid_to", 1)

    if is_refused:
        with pytest.raises(RegisterError, match="More than 64 steps are required"):
            parse_register(text, place="test.toml")
    else:
        assert len(parse_register(text, place="test.toml").procedures["licence"][0].steps_due) == number


CASES = """
name = "r"
title = { zh = "册", en = "R" }

[[process]]
code = "p"
title = { zh = "程", en = "P" }

[[procedure]]
code = "case"
process = "p"
family = "enforcement"
title = { zh = "案", en = "Case" }
legal_basis = "own"
steps = [
  { code = "enforcement.opened", title = { zh = "立案", en = "Opening" }, required = true },
  { code = "%s", title = { zh = "步", en = "Step" }, required = %s },
  { code = "enforcement.closed", title = { zh = "结案", en = "Closing" }, required = true },
]
"""


@pytest.mark.parametrize("step", ["enforcement.penalised", "penalty-decision", "fine-paid", "处罚决定"])
def test_no_case_must_be_penalised_to_conform(step: str) -> None:
    with pytest.raises(RegisterError, match=r"steps: With step .*reward the number .*行政处罚法 §74.*Leave out"):
        parse_register(CASES % (step, "true"), place="test.toml")

    assert parse_register(CASES % (step, "false"), place="test.toml")
    assert parse_register(CASES % ("investigation", "true"), place="test.toml")


def test_a_step_with_a_dot_that_is_no_action_s_may_be_called_anything() -> None:
    text = WITH_RULES.replace('"review"', '"file.review"')

    assert parse_register(text, place="test.toml").procedures["licence"][0].steps_due[1] == "file.review"


def test_a_limit_is_provisional_that_its_version_counts_in_working_days_not_published_yet() -> None:
    china, versions = load_calendar("china"), parse_register(WITH_RULES, place="test.toml").procedures["licence"]
    unpublished = china.provisional_from
    assert unpublished is not None

    assert [version.limit and version.limit.kind for version in versions] == ["working", "calendar"]
    assert [version.is_provisional(unpublished, china) for version in versions] == [True, False]
    assert not versions[0].is_provisional(unpublished - 1, china)


def test_versions_of_one_procedure_stay_in_one_process() -> None:
    moved = REGISTER.replace(
        "[[procedure]]", '[[process]]\ncode = "enforcement"\ntitle = { zh = "执法", en = "E" }\n\n[[procedure]]', 1
    )
    first, _, second = moved.rpartition('process = "administration"')

    with pytest.raises(RegisterError, match="Use one for all"):
        parse_register(first + 'process = "enforcement"' + second, place="test.toml")


def test_a_file_that_cannot_be_read_is_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')

    with pytest.raises(RegisterError, match="not UTF-8 at byte 8"):
        load_register(str(tmp_path / "latin.toml"))
    with pytest.raises(RegisterError, match="cannot be read"):
        load_register(str(tmp_path / "missing.toml"))
    with pytest.raises(RegisterError, match="cannot be read"):
        load_register(f"{tmp_path}/")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'gx-2012'\?"):
        load_register("gx-2021")


def test_a_file_is_read_like_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + REGISTER, encoding="utf-8")

    assert load_register(str(path)).hash == parse_register(REGISTER, place="x").hash


@pytest.mark.parametrize("name", shipped_registers())
def test_every_shipped_register_says_where_each_procedure_comes_from(name: str) -> None:
    register = load_register(name)

    assert register.name == name
    for versions in register.procedures.values():
        for version in versions:
            assert version.legal_basis
            assert version.process in register.processes


def test_the_shipped_register_holds_the_four_main_processes_and_the_law_s_numbers() -> None:
    register = load_register("gx-2012")
    day = to_day(date(2012, 6, 1))

    assert list(register.processes) == ["management", "administration", "enforcement", "improvement"]
    assert all(register.codes(process=process) for process in register.processes)
    limits = {
        code: (version.limit.days, version.limit.kind)
        for code in register.codes()
        if (version := register.version(code, day)) and version.limit
    }
    assert limits["food-production-licence"] == (20, "working")
    assert limits["joint-licence"] == (45, "working")
    assert limits["penalty-ordinary"] == (90, "calendar")
    assert limits["complaint-mediation"] == (45, "working")
    assert limits["report-verification"] == (15, "working")
    licence = register.version("food-production-licence", day)
    assert licence is not None
    assert licence.stop_reasons == {
        "hearing", "tender", "auction", "test", "inspection", "quarantine", "appraisal", "expert-review",
    }  # fmt: skip


MODERN = [
    ("food-production-licence", "2024-06-01", (20, "working"), (10, "working", 1)),
    ("joint-licence", "2024-06-01", (45, "working"), (15, "working", 1)),
    ("penalty-ordinary", "2012-06-01", (90, "calendar"), (30, "calendar", 1)),
    ("penalty-ordinary", "2020-06-01", (90, "calendar"), (30, "calendar", 1)),
    ("penalty-ordinary", "2024-06-01", (90, "calendar"), (30, "calendar", 1)),
    ("complaint-mediation", "2024-06-01", (45, "working"), None),
    ("report-verification", "2024-06-01", (15, "working"), None),
    ("reconsideration", "2012-06-01", (60, "calendar"), None),
    ("reconsideration", "2024-06-01", (60, "calendar"), None),
    ("reconsideration-summary", "2024-06-01", (30, "calendar"), None),
]


@pytest.mark.parametrize(("code", "day", "limit", "extension"), MODERN)
def test_the_modern_register_holds_the_law_s_numbers(code: str, day: str, limit: Any, extension: Any) -> None:
    version = load_register("market-supervision-2024").version(code, to_day(date.fromisoformat(day)))

    assert version is not None
    assert version.limit is not None
    assert (version.limit.days, version.limit.kind) == limit
    found = version.extension
    assert (found and (found.days, found.kind, found.times)) == extension


def test_the_modern_register_says_every_other_rule_with_a_number() -> None:
    register = load_register("market-supervision-2024")
    day = to_day(date(2024, 6, 1))
    versions = {code: register.version(code, day) for code in register.codes()}

    assert list(register.processes) == ["management", "administration", "enforcement", "improvement"]
    assert all(register.codes(process=process) for process in register.processes)
    for code in register.codes(family="licensing"):
        version = versions[code]
        assert version is not None
        assert version.deemed_acceptance is not None
        assert (version.deemed_acceptance.days, version.deemed_acceptance.kind) == (5, "working")
        assert version.supervision is not None
        assert (version.supervision.warning, version.supervision.red) == (1, 10)
        assert version.steps_due == ("licensing.received", "licensing.accepted", "review")
    others = {
        (code, other.code): (other.days, other.kind)
        for code, version in versions.items()
        if version
        for other in version.other_limits
    }
    assert others["food-production-licence", "delivery"] == (10, "working")
    assert others["food-production-licence", "correction-notice"] == (5, "working")
    assert others["complaint-mediation", "acceptance"] == (7, "working")
    assert others["report-verification", "informing"] == (5, "working")
    assert others["reconsideration", "application"] == (60, "calendar")
    assert {code: days for (procedure, code), days in others.items() if procedure == "appraisal-objection"} == {
        "publication": (5, "working"),
        "review-asked": (30, "calendar"),
        "review-decided": (30, "calendar"),
        "appeal": (15, "calendar"),
        "appeal-decided": (60, "calendar"),
    }
    assert others["bad-rating-follow-up", "mended"] == (5, "working")
    assert others["bad-rating-follow-up", "mended-at-most"] == (15, "working")


def test_the_register_of_2012_counts_neither_extensions_nor_deemed_acceptance() -> None:
    for versions in load_register("gx-2012").procedures.values():
        for version in versions:
            assert (version.extension, version.deemed_acceptance) == (None, None)


@pytest.mark.parametrize("name", shipped_registers())
def test_every_step_of_a_shipped_procedure_stands_in_the_order_of_its_case(name: str) -> None:
    for versions in load_register(name).procedures.values():
        for version in versions:
            codes = [step.code for step in version.steps]
            endings = [number for number, code in enumerate(codes) if code in ENDINGS]
            if version.family in ("licensing", "enforcement") and codes:
                assert codes[0].endswith((".received", ".opened", ".penalised"))
                assert endings == [] or endings == list(range(endings[0], endings[0] + len(endings)))


def test_a_context_has_another_hash_when_any_part_counts_otherwise() -> None:
    register = parse_register(REGISTER, place="test.toml")
    parts: dict[str, Any] = {
        "zone": "Asia/Shanghai",
        "due_precision": "day",
        "register": register,
        "calendar": "china",
    }
    changes: list[dict[str, Any]] = [
        {"zone": "Europe/Amsterdam"},
        {"due_precision": "instant"},
        {"register": load_register("gx-2012")},
        {"calendar": "weekdays"},
    ]

    contexts = [make_context(**{**parts, **change}) for change in [{}, *changes]]

    assert len({context.hash for context in contexts}) == 5
    zone = replace(contexts[0].zone, sha256="of a later release of the zone file")
    assert replace(contexts[0], zone=zone) != contexts[0]
    assert make_context(**parts) == contexts[0]
    assert contexts[0].describe()["calendar"]["provisional_from"]
