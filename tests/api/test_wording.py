"""What a user meets in English is there in Chinese: remedies, findings of the doctor, errors and remarks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.scores import NEXT_GRADE_ASKS
from api.wording.wording import CHINESE, said_in
from consumers.field_values import _EXPECTED
from domain.actions.data import fields_of
from domain.actions.faults import _ATTRIBUTES_WANTED
from domain.actions.refusals import QUARANTINE_CODES
from domain.actions.types import ACTION_TYPES
from domain.ledger.ledger import CONFLICT_REMEDY
from tests.support.command_line import ROOT, CommandLine

WORD = re.compile(r"\{(\w*)\}")
SENTENCE = re.compile(r"[^a-z].* .*\.")
HAN = re.compile(r"[\u4e00-\u9fff]")
PERIOD = ("--from", "2024-01-01", "--to", "2024-12-31")

COVERED = (
    # The web answers programs, and the demonstration is not for officials.
    *(
        path for path in sorted((ROOT / "api").rglob("*.py"))
        if path.relative_to(ROOT).parts[1] not in ("http", "demo")
    ),
    *(ROOT / "domain" / name for name in ("actions/faults.py", "actions/json_text.py", "ledger/errors.py")),
    *(ROOT / "domain" / "ledger" / f"opening_{name}.py" for name in ("sqlite", "postgres")),
    ROOT / "domain" / "policies" / "policy.py",
    ROOT / "domain" / "rules" / "adoption.py",
    *(ROOT / "projections" / name for name in ("damage.py", "history/export.py", "store.py", "tallies/spark.py")),
    *(ROOT / "consumers" / name for name in ("byte_streams.py", "files.py", "ndjson.py")),
)  # fmt: skip
WAYS_IN = (
    "action_makers", "cloudevents", "csv_records", "field_values", "mapping_run", "ndjson", "retry", "senders",
)  # fmt: skip
NOT_SHOWN = ("AssertionError", "ValueError")
PIECES = {
    # Of these the whole is made up elsewhere, and is there as a whole.
    "The ledger in {}", "The store", "`type` is {}, which is not known; {}",
    " Rename it, or unset it.",
    "{} makes the eventsourcing library drop offsets and the write lock. Unset it.",
    "Only {} at {}. Make room, or move the store.",
}  # fmt: skip


def form_of(node: ast.expr) -> str | None:
    """A text in the code, with {} where words are put in; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts.append(str(each.value))
        else:
            assert isinstance(each, ast.FormattedValue)
            parts.append("'{}'" if each.conversion == ord("r") else "{}")
    return "".join(parts)


def errors_in(path: Path) -> Iterator[str]:
    """The sentences with which a file makes errors."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if (called.endswith("Error") or called == "super().__init__") and called not in NOT_SHOWN:
                yield from (text for each in node.args if (text := form_of(each)) and " " in text)


def remedies_in(path: Path) -> Iterator[str]:
    """The sentences with which a way in refuses records: what is handed on, returned or called a remedy."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        told: list[ast.expr | None] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("RefusedError", "RefusedRecord", "_refused"):
            told = [*node.args]
        elif isinstance(node, ast.Return | ast.Assign | ast.AnnAssign):
            is_remedy = isinstance(node, ast.Return) or ast.unparse(node).startswith(("remedy =", "_NO_VALUE:"))
            told = [node.value] if is_remedy else []
        yield from (text for each in told if each and (text := form_of(each)) and SENTENCE.fullmatch(text))


def unsaid_in(tree: ast.Module) -> set[int]:
    """The ids of what stands for no sentence of its own: docstrings, and the pieces of an f-string."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            silent.add(id(node.value))  # a docstring
        if isinstance(node, ast.JoinedStr):
            silent.update(id(each) for each in ast.walk(node) if each is not node)
    return silent


def findings() -> Iterator[str]:
    """The sentences of the doctor: everything it says but names of checks."""
    tree = ast.parse((ROOT / "api" / "doctor.py").read_text(encoding="utf-8"))
    silent = unsaid_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Finding", "_private") and node.args:
            silent.add(id(node.args[0]))
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], ast.Lambda | ast.Name):
            silent.add(id(node.elts[0]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in silent:
            text = form_of(node)
            if text and " " in text.strip():
                yield text


KNOWN = {WORD.sub("{}", form) for form in CHINESE} | PIECES


def test_every_error_is_there_in_both_languages() -> None:
    found = {(path.name, text) for path in COVERED for text in errors_in(path)}
    assert len(found) > 90
    assert [each for each in sorted(found) if each[1] not in KNOWN] == []


def faults_in(path: Path) -> Iterator[str]:
    """The sentences of a file that says what is wrong with a policy or register: what ends like one, and is
    neither the rest of one nor a command; of names that are not known, what they would name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = unsaid_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in silent:
            text = (form_of(node) or "").removeprefix("{}; it is {} here.")
            is_sentence = len(re.findall("[A-Za-z]{2,}", text)) > 2 and text[0] not in " k\\"
            if is_sentence and text.endswith((".", "{}", ")")):
                named = re.fullmatch(r"No ([a-z ]+) '{}'\. {}", text)
                yield named[1] if named else re.sub("(.); it is '?{}'? here.$", r"\1", text)


def test_every_fault_of_a_policy_or_register_is_there_in_both_languages() -> None:
    rooms = (ROOT / "domain" / "policies", ROOT / "domain" / "rules")
    found = {text for room in rooms for path in room.glob("*.py") for text in faults_in(path)}
    found |= set(faults_in(ROOT / "domain" / "numbers.py"))
    assert len(found) > 55
    assert [text for text in sorted(found) if text not in KNOWN] == []


def test_a_fault_of_a_file_is_said_behind_its_place() -> None:
    for english, chinese in (
        (
            "p.toml:8: indicator: The weights add up to 90, not 100 (closure 90). Add 10.",
            "p.toml:8: indicator: 权重合计 90，不是 100（closure 90）。请增加 10。",
        ),
        (
            "p.toml:4: zoen: Unknown key. Did you mean 'zone'? Known: name, zone. (1 more after this one.)",
            "p.toml:4: zoen: 未知的键。是否应为 'zone'？已知：name, zone。（此外还有 1 处。）",
        ),
        (
            "p.toml:15: indicator[1].weight: It must be less than or equal to 100; it is 150 here.",
            "p.toml:15: indicator[1].weight: 须小于或等于 100；此处为 150。",
        ),
        (
            "p.toml:15: indicator[1]: What nobody has said: yet.",
            "p.toml:15: indicator[1]: What nobody has said: yet.",
        ),
    ):
        assert said_in("zh", english) == chinese


def test_every_kind_of_name_is_there_in_both_languages() -> None:
    rooms = ("api", "consumers", "domain", "projections")
    kinds = {
        str(form_of(node.args[0]))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "UnknownNameError"
        if form_of(node.args[0]) is not None
    }
    assert len(kinds) > 15
    assert kinds <= KNOWN


def test_every_finding_is_there_in_both_languages() -> None:
    found = set(findings())
    assert len(found) > 35
    assert [text for text in sorted(found) if text not in KNOWN] == []


def notes_in(path: Path) -> Iterator[str]:
    """The remarks that a file makes beside an answer."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("output.note"):
            (told,) = node.args
            choices = [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]
            yield from (text for each in choices if (text := form_of(each)) is not None)


def test_every_remark_is_there_in_both_languages() -> None:
    found = {text for path in (ROOT / "api" / "cli").glob("*.py") for text in notes_in(path)}
    found |= {WORD.sub("{}", text) for text in NEXT_GRADE_ASKS.values()}
    assert len(found) > 15
    assert [text for text in sorted(found) if text not in KNOWN] == []


def test_every_remedy_is_there_in_both_languages() -> None:
    wanted = {
        str(each.__metadata__[-1].description) for name in ACTION_TYPES for each in fields_of(name).values()
    } | {*_ATTRIBUTES_WANTED.values()}
    for sentence in [*wanted, *QUARANTINE_CODES.values(), CONFLICT_REMEDY]:
        assert HAN.search(said_in("zh", sentence)), sentence
        assert said_in("en", sentence) == sentence


def test_every_refusal_on_the_way_in_is_there_in_both_languages() -> None:
    found = {(name, text) for name in WAYS_IN for text in remedies_in(ROOT / "consumers" / f"{name}.py")}
    assert {name for name, _ in found} == set(WAYS_IN)
    assert len(found) > 25
    assert [each for each in sorted(found) if each[1] not in KNOWN] == []
    assert set(_EXPECTED.values()) <= KNOWN


@pytest.mark.parametrize("form", CHINESE)
def test_form_is_known_by_its_words_and_keeps_them(form: str) -> None:
    chinese = CHINESE[form]
    assert HAN.search(chinese)
    assert sorted(WORD.findall(form)) == sorted(WORD.findall(chinese))
    words = {name: f"<{name}>" for name in WORD.findall(form)}
    assert said_in("zh", form.format(**words)) == chinese.format(**words)


def test_words_within_a_sentence_are_said_too_and_what_was_sent_stays() -> None:
    assert said_in("zh", '`data.owner` is "S1; S2"; send staff id of the one who answers for the case.') == (
        '`data.owner` 为 "S1; S2"；请填案件责任人的人员编号。'
    )
    assert said_in(
        "zh", "No policy 'gx-2013'. Did you mean 'gx-2012'? Known: gx-2012. See `kaoji policy list`."
    ) == ("没有名为 'gx-2013' 的考核办法。是否应为 'gx-2012'？已知：gx-2012。请看 `kaoji policy list`。")
    assert said_in(
        "zh", "timely is not judged: the policy asks for more than 0 by the measure 'cases', and there are 0."
    ) == ("timely 不予评价：考核办法要求度量 'cases' 大于 0，现为 0。")
    asked = NEXT_GRADE_ASKS["points"].format(next="level-2", needed="80", code="timely", now="there are none")
    assert said_in("zh", asked) == "level-2 还要求 timely 得 80 分（现无）。"
    assert said_in("zh", "No action names a unit 'x1'. Did you mean 'X-1'?") == (
        "没有行为提及单位 'x1'。是否应为 'X-1'？"
    )
    assert said_in(
        "zh",
        "Attribute 'r' says 'x', but events.fields.rating expects a number: mend it at the source, or the rule.",
    ) == ("属性 'r' 为 'x'，而 events.fields.rating 要求数字：请在来源处改正，或修改规则。")
    # What was sent may be nothing
    assert (
        said_in("zh", "--as-of '' is neither a position nor a time. Write 120000, or 2012-01-31T18:00:00+08:00.")
        == "--as-of '' 既非台账位置也非时间。请写 120000 或 2012-01-31T18:00:00+08:00。"
    )
    assert said_in("zh", "Something that nobody knows.") == "Something that nobody knows."


def test_command_line_speaks_chinese_where_it_is_asked_to(tmp_path: Path) -> None:
    # Given a record that is refused
    kaoji = CommandLine(tmp_path / "kaoji.db")
    refused = b'{"specversion": "1.0", "id": "1", "source": "/s", "type": "licensing.received"}'
    remedy = "缺少 `subject`；请填案号（`staff.*` 填人员编号，`unit.*` 填单位代码）。"
    # When it is checked, recorded, listed and summed up in Chinese
    assert (
        kaoji("check", "-", "--lang", "zh", "--format", "json", stdin=refused).json["refused"][0]["remedy"]
        == remedy
    )
    assert remedy in kaoji("ingest", "-", "--lang", "zh", stdin=refused).err
    assert kaoji("quarantine", "list", "--lang", "zh", "--format", "json").json[0]["remedy"] == remedy
    assert remedy in kaoji("quarantine", "show", "1", "--lang", "zh").out
    assert "请补上" in kaoji("quarantine", "summary", "--lang", "zh").out
    assert (
        kaoji.ends(1, "quarantine", "retry", "1", "--lang", "zh", "--format", "json").json[0]["remedy"] == remedy
    )
    # Then it is kept as it was, for who asks in English
    assert "send the case number" in kaoji("quarantine", "list").out
    # And errors and findings are in Chinese as well
    assert "没有行为提及单位 'X'。" in kaoji("audit", "--unit", "X", "--lang", "zh").err
    score = ("score", *PERIOD, "--lang", "zh", "--policy")
    assert kaoji.ends(2, *score, "gx-2013").err.startswith(
        "kaoji: 没有名为 'gx-2013' 的考核办法。是否应为 'gx-2012'？"
    )
    assert (
        "不是日期" in kaoji.ends(2, "score", "--policy", "gx-2012", "--from", "1", "--to", "2", "--lang", "zh").err
    )
    explain = ("explain", "nobody", "--policy", "gx-2012", *PERIOD, "--lang", "zh")
    assert "没有名为 'nobody' 的考核对象。" in kaoji.ends(2, *explain).err
    told = [each["told"] for each in kaoji.tries("doctor", "--lang", "zh", "--format", "json").json["checks"]]
    assert "无令牌：仅限本机" in told
    assert [each for each in told if re.search("[a-z] [a-z]", each)] == []
