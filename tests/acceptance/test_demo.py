"""`kaoji demo` shows it all on a year of a simulated administration, in both languages, with or without Kafka."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from api.demo.simulation import STAFF_MIN, actions_min
from tests.support.command_line import CommandLine, Ran

SMALLEST = ("--staff", str(STAFF_MIN), "--actions", str(actions_min(STAFF_MIN)))
PUBLISHED = ["99.08", "99.47", "99.84", "0.03", "95.71", "0.00"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kaoji-demo"


@pytest.fixture(scope="module")
def demo(folder: Path) -> Ran:
    """The smallest demonstration, where neither Java nor Maven can be found."""
    kaoji = CommandLine("sqlite:///unused.db")
    kaoji.environment["PATH"] = "/nonexistent"
    return kaoji("demo", "--folder", folder, *SMALLEST)


def row_of(printed: str, unit: str) -> list[str]:
    """The cells after the name of a unit."""
    (line,) = re.findall(rf"^{unit} {{2,}}\S.*$", printed, re.MULTILINE)
    return re.split(r" {2,}", line.strip())[2:]


def test_published_figures_of_guangxi_come_out_exactly(demo: Ran) -> None:
    assert row_of(demo.out, "gx")[-6:] == PUBLISHED


def test_it_says_that_it_went_through_a_file_and_why(demo: Ran, folder: Path) -> None:
    assert f"records came through {folder / 'actions.ndjson'}" in demo.out
    assert "Not through Kafka: Apache Kafka needs `java`" in demo.out
    assert "missing: java, mvn" in demo.out


def test_it_shows_units_staff_one_explained_score_and_the_quarantine(demo: Ran) -> None:
    for part in (
        "Appraisal of units",
        "Best and worst rated",
        "Why closure of gx is 134/140",
        "Quarantined, and why",
    ):
        assert part in demo.out
    assert len(re.findall(r"^(?:[a-z]{2}|qts-[a-z]+|inst-[a-z]+) {2,}", demo.out, re.MULTILINE)) >= 51
    for code in ("bad-value", "conflict", "future-time", "malformed-json", "missing-field", "unknown-type"):
        assert re.search(rf"^{code} +[1-9]", demo.out, re.MULTILINE)


def test_every_command_that_it_suggests_works(demo: Ran, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    elsewhere = CommandLine("sqlite:///unused.db")
    suggested = re.findall(r"^  kaoji (.*)$", demo.out, re.MULTILINE)
    assert len(suggested) >= 5
    for line in suggested:
        if not line.endswith(" serve"):
            assert elsewhere(*shlex.split(line)).out


@pytest.mark.usefixtures("demo")
def test_commands_about_its_store_find_its_keys(folder: Path) -> None:
    found = CommandLine(f"sqlite:///{folder / 'kaoji.db'}")("doctor", "--format", "json").json["checks"]
    assert "for its owner only" in next(each["told"] for each in found if each["check"] == "keys")


def test_in_chinese_it_replaces_the_one_before_and_counts_the_same(demo: Ran, folder: Path) -> None:
    # Given what later commands keep beside a store of 50,000 actions and more
    (folder / "kaoji.db-cache").mkdir()
    (folder / "kaoji.db-cache" / "kept.cases").write_bytes(b"case files")
    kaoji = CommandLine("sqlite:///unused.db")
    kaoji.environment["PATH"] = "/nonexistent"
    # When, then
    chinese = kaoji("demo", "--folder", folder, *SMALLEST, "--lang", "zh")
    assert "单位考核表" in chinese.out
    assert "未经 Kafka" in chinese.out
    assert row_of(chinese.out, "gx")[-6:] == PUBLISHED
    assert row_of(chinese.out, "gx")[0] == row_of(demo.out, "gx")[0]
    assert "广西" in chinese.out
    assert "units" not in chinese.out
    assert not (folder / "kaoji.db-cache").exists()


@pytest.mark.kafka
def test_through_kafka_it_counts_the_same(demo: Ran, kafka_server: str, tmp_path: Path) -> None:
    kaoji = CommandLine("sqlite:///unused.db")
    printed = kaoji(
        "demo", "--folder", tmp_path / "demo", *SMALLEST, "--bootstrap", kafka_server, "--format", "json"
    )
    shown = printed.json
    assert shown["way"] == f"Kafka {kafka_server}"
    totals = re.search(
        r"([0-9,]+) actions recorded, ([0-9,]+) duplicates ignored, ([0-9,]+) quarantined", demo.out
    )
    assert totals is not None
    assert [int(each.replace(",", "")) for each in totals.groups()] == [
        shown["totals"][name] for name in ("recorded", "duplicates", "quarantined")
    ]
    (guangxi,) = (each for each in shown["units"] if each["subject"] == "gx")
    assert [f"{float(each['rate']) * 100:.2f}" for each in guangxi["indicators"]] == PUBLISHED


def test_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    kaoji = CommandLine("sqlite:///unused.db")
    assert "Name another place" in kaoji.ends(2, "demo", "--folder", tmp_path, *SMALLEST).err
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]
