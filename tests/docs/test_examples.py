"""Every example in the README and the documentation does what the page says."""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from pathlib import Path

import pytest
import yaml

from consumers.kafka_settings import check_kafka_settings
from consumers.mapping import load_mapping
from consumers.senders import SendersFile
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.policies.policy import load_policy, parse_policy
from domain.rules.procedures import parse_register
from domain.rules.toml_files import parse_toml
from tests.docs.pages import PAGES, ROOT, Block, blocks_in, blocks_of, name_of
from tests.docs.running import matches, run_blocks
from tests.support.missing import without

LANGUAGES = {"console", "csv", "json", "ndjson", "python", "sh", "text", "toml", "yaml"}
LOG = "tests/data/receipt_wabo/receipt.xes.gz"
POSTGRES = "postgresql+psycopg://kaoji@localhost/kaoji"
KAFKA, TOPIC, HTTP = "localhost:9092", "administrative-actions", "127.0.0.1:8000"
METRICS = "9464"

RUN = [page for page in PAGES if any(block.language in ("console", "python") for block in blocks_of(page))]
BLOCKS = [pytest.param(block, id=f"{name_of(page)}:{block.line}") for page in PAGES for block in blocks_of(page)]


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    blocks = blocks_of(page)
    text = "".join(block.text for block in blocks if block.language in ("console", "python"))
    ran = run_blocks(blocks, tmp_path, stand_ins=stand_ins_for(text, request))
    for one, following in zip(ran, [*(each.command.command for each in ran[1:]), ""], strict=True):
        said = f"{name_of(page)}:{one.command.line}: $ {one.command.command}\n" + "\n".join(one.printed)
        # A command that fails is followed by one that shows its exit code.
        assert one.exit_code == 0 or following == "echo $?", f"exit {one.exit_code}, {said}"
        # What is not shown is not compared.
        if one.command.shown and not matches(one.command.shown, one.printed):
            pytest.fail(f"The page shows something else than {said}", pytrace=False)


@pytest.mark.parametrize("block", BLOCKS)
def test_block_is_valid(block: Block) -> None:
    assert block.language in LANGUAGES, f"a block of {block.language!r} would go unchecked"
    if block.language == "json":
        value = json.loads(block.text)
        if "specversion" in value:
            check_action(block.text.encode(), now=time.time_ns() // 1_000)
    elif block.language == "ndjson" and "broken" not in (block.file or ""):
        for line in block.text.splitlines():
            check_action(line.encode(), now=time.time_ns() // 1_000)
    elif block.language == "toml":
        check_toml(block.text)
    elif block.language == "yaml":
        assert yaml.safe_load(block.text)
    elif block.language == "sh":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
        allowed = {". .venv/bin/activate", *(f"make {target}" for target in targets)}
        assert {name for name in re.findall(r" ([A-Z]+)=", block.text) if f"$({name})" not in makefile} == set()
        plain = re.sub(r" [A-Z]+=[0-9]+", "", block.text)
        assert {line.partition("#")[0].strip() for line in plain.splitlines() if line} <= allowed


def stand_ins_for(text: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Real servers for the addresses that a page names; the log of the tests for a log of the reader's."""
    found = {"LOG.xes.gz": LOG}
    if "curl " in text and shutil.which("curl") is None:
        without("curl", "Install curl.")
    if KAFKA in text:
        topic = request.getfixturevalue("kafka_topic")
        found |= {
            KAFKA: request.getfixturevalue("kafka_server"),
            TOPIC: topic,
            "kaoji consume": f"kaoji consume --topic {topic}",
        }
    if POSTGRES in text:
        found[POSTGRES] = request.getfixturevalue("postgres_url")
    if HTTP in text or "kaoji serve" in text:
        port = free_port()
        found |= {HTTP: f"127.0.0.1:{port}", "kaoji serve": f"kaoji serve --port {port}"}
    if METRICS in text:
        found[METRICS] = str(free_port())
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def check_toml(text: str) -> None:
    """Check it as the policy (or piece of one), register, settings or mapping that its keys make it."""
    values = parse_toml(text, place="page").values
    if "indicator" in values:
        parse_policy(text, place="page")
    elif values.keys() <= {"measure", "bonus", "deduction", "competence"}:
        parse_policy(f"{load_policy('gx-2012').text}\n{text}", place="page")
    elif "procedure" in values:
        parse_register(text, place="page")
    elif "sender" in values:
        parse_toml(text, place="page").parse(SendersFile)
    elif "security_protocol" in values:
        check_kafka_settings({name: value for name, value in values.items() if not name.endswith("file")})
    else:
        check_mapping(text)


def check_mapping(text: str) -> None:
    """Check it as a mapping, which is read from a file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.toml"
        path.write_text(text, encoding="utf-8")
        load_mapping(str(path))


# --- the runner itself


def given(text: str) -> list[Block]:
    return blocks_in(f"```console\n{text}```\n")


def test_wildcards_stand_for_text_and_for_lines() -> None:
    assert matches(["a … c", "…", "z"], ["a b c", "d", "e", "z  "])
    assert matches(["…", "z"], ["z"])
    assert not matches(["a … c"], ["a b d"])
    assert not matches(["a"], ["a", "b"])


def test_commands_of_a_page_share_shell_and_folder(tmp_path: Path) -> None:
    ran = run_blocks(given("$ word=x; echo a > file\n$ cat file; echo $word\na\nx\n"), tmp_path, stand_ins={})
    assert [each.printed for each in ran] == [(), ("a", "x")]


def test_exit_code_is_kept_for_the_next_command(tmp_path: Path) -> None:
    ran = run_blocks(given("$ (exit 3)\n$ echo $?\n3\n"), tmp_path, stand_ins={})
    assert [each.exit_code for each in ran] == [3, 0]
    assert ran[1].printed == ("3",)


def test_names_are_replaced_by_what_stands_in(tmp_path: Path) -> None:
    (ran,) = run_blocks(given("$ echo SERVER\n"), tmp_path, stand_ins={"SERVER": "here"})
    assert ran.printed == ("here",)


def test_action_that_is_none_is_found() -> None:
    with pytest.raises(RefusedError):
        test_block_is_valid(Block("json", None, '{"specversion": "1.0"}', 1))
