"""Senders are bound to their sources: by name, token, key and topic, and when a record is tried again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.kafka_topics import publish
from consumers.senders import Binding, Senders, SendersError, read_senders
from domain.errors import UnknownNameError
from domain.ledger.records import Arrival
from tests.support.command_line import CommandLine
from tests.support.ledgers import arrival, record
from tests.support.senders import BUREAU_TOKEN, LICENSING_TOKEN, digest, write_senders

TOPIC = "administrative-actions"


@pytest.fixture
def senders(tmp_path: Path) -> Senders:
    return read_senders(write_senders(tmp_path).path)


def written(folder: Path, text: str) -> Path:
    path = folder / "senders.toml"
    path.write_text(text)
    return path


# --- what a sender may claim


@pytest.mark.parametrize("source", ["/gx/licensing", "/gx/archive/2012", "/gx/archive/"])
def test_record_of_an_own_source_passes_as_it_is(senders: Senders, source: str) -> None:
    bound = senders.named("licensing").binding.bound(arrival(record(1, source=source)))
    assert bound.action is not None
    assert bound.action.source == source


@pytest.mark.parametrize(
    "source", ["/gx/bureau", "/gx/licensing/", "/gx/archive", "/GX/licensing", "x/gx/licensing"]
)
def test_record_that_claims_another_source_is_refused(senders: Senders, source: str) -> None:
    received = arrival(record(1, source=source))
    bound = senders.named("licensing").binding.bound(received)
    assert bound.action is None
    assert bound.refusal is not None
    assert bound.refusal.code == "forbidden-source"
    assert source in bound.refusal.remedy
    assert bound.received == received.received


@pytest.mark.parametrize(
    "received",
    [
        record(1, source="/gx/bureau", type="service.rated", rating=9),
        record(1, source="/gx/bureau", type="licensing.recieved"),
        record(1, source="/gx/bureau", time="2999-01-01T00:00:00+08:00"),
        b'{"source": "/gx/bureau"}',
    ],
    ids=["bad-value", "unknown-type", "future-time", "not-a-cloudevent"],
)
def test_record_that_claims_another_source_is_refused_for_that_whatever_it_holds(
    senders: Senders, received: bytes
) -> None:
    refused = arrival(received)
    assert refused.action is None
    assert bound_code(senders, "licensing", refused) == "forbidden-source"
    own = arrival(received.replace(b"/gx/bureau", b"/gx/licensing"))
    assert own.refusal is not None
    assert bound_code(senders, "licensing", own) == own.refusal.code


def test_record_whose_source_is_in_doubt_keeps_its_code(senders: Senders) -> None:
    twice = b'{"source": "/gx/licensing", ' + record(1, source="/gx/bureau")[1:]
    for received, code in ((twice, "malformed-json"), (b'"/gx/bureau"', "not-a-cloudevent")):
        assert bound_code(senders, "licensing", arrival(received)) == code


def bound_code(senders: Senders, name: str, received: Arrival) -> str:
    refusal = senders.named(name).binding.bound(received).refusal
    assert refusal is not None
    return refusal.code


def test_place_tells_the_sender_of_every_record(senders: Senders) -> None:
    binding = senders.named("licensing").binding
    for raw in (record(1, source="/gx/licensing"), record(1, source="/gx/bureau"), b"{"):
        assert binding.bound(arrival(raw, "a.ndjson:1")).place == "a.ndjson:1 (sender licensing)"


@given(
    sources=st.lists(st.sampled_from(["/a", "/a/*", "/a/b", "/b/*", "/ab/*"]), min_size=1, max_size=3),
    claimed=st.lists(st.text("/ab*", max_size=5), max_size=20),
)
def test_patterns_mean_what_they_say(sources: list[str], claimed: list[str]) -> None:
    binding = Binding(
        "sender x",
        frozenset(each for each in sources if not each.endswith("*")),
        tuple(each[:-1] for each in sources if each.endswith("*")),
    )
    for source in claimed:
        slow = any(
            source.startswith(each[: -len("*")]) if each.endswith("/*") else source == each for each in sources
        )
        assert binding.allows(source) == slow


# --- by what a sender is known


def test_token_names_its_sender(senders: Senders) -> None:
    found = {token: senders.with_token(token) for token in (LICENSING_TOKEN, BUREAU_TOKEN, "", "x", "ü\udcff")}
    assert {token: sender and sender.name for token, sender in found.items()} == {
        LICENSING_TOKEN: "licensing", BUREAU_TOKEN: "bureau", "": None, "x": None, "ü\udcff": None,
    }  # fmt: skip


def test_digest_of_a_token_is_no_token(senders: Senders) -> None:
    assert senders.with_token(digest(LICENSING_TOKEN)) is None


def test_topic_allows_what_its_senders_may(senders: Senders) -> None:
    binding = senders.of_topic(TOPIC)
    assert binding.allows("/gx/licensing")
    assert not binding.allows("/gx/bureau")
    with pytest.raises(SendersError, match="no sender writes to the topic 'other'"):
        senders.of_topic("other")


def test_unknown_sender_is_told_with_those_that_are_known(senders: Senders) -> None:
    with pytest.raises(UnknownNameError, match=r"No sender 'licencing'. Did you mean 'licensing'\?"):
        senders.named("licencing")


@pytest.mark.parametrize(
    ("place", "licensing", "bureau"),
    [
        ("a.ndjson:1 (sender licensing)", True, False),
        (f"{TOPIC}-2@17", True, False),
        ("a.ndjson:1 (sender gone)", False, False),
        ("a.ndjson:1 (sender licensing) (sender bureau)", False, True),
        # From before senders were bound: whoever is known.
        ("a.ndjson:1", True, True),
        ("other-1@5", True, True),
    ],
)
def test_record_that_is_tried_again_is_bound_as_it_was(
    senders: Senders, place: str, licensing: bool, bureau: bool
) -> None:
    binding = senders.again(place)
    assert (binding.allows("/gx/licensing"), binding.allows("/gx/bureau")) == (licensing, bureau)
    assert binding.bound(arrival(record(1), place)).place == place


# --- files that cannot be used


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "This key is missing"),
        ("[sender.a]\n", r"sender\.a\.sources: This key is missing"),
        ('[sender.a]\nsources = ["/a*"]\n', r"senders\.toml:2: .*not '/a\*'"),
        ('[sender.a]\nsources = [""]\n', "write a source"),
        ('[sender.a]\nsource = ["/a"]\n', "Did you mean 'sources'"),
        ('[sender."A b"]\nsources = ["/a"]\n', "small letters"),
        (f'[sender.a]\nsources=["/a"]\ntoken_sha256 = ["{"0" * 63}"]\n', "SHA-256 of tokens"),
        (
            "".join(f'[sender.{n}]\nsources=["/a"]\ntoken_sha256 = ["{"0" * 64}"]\n' for n in "ab"),
            "this token is given twice",
        ),
        ('[sender.a]\nsources=["/a"]\nrecords_per_second = 0\n', "greater than or equal to 1"),
        (
            '[sender.a]\nsources=["/a"]\n[[sender.a.key]]\nid="k"\nalgorithm="rsa"\nfile="f"\n',
            "ed25519, hmac-sha256",
        ),
        (
            '[sender.a]\nsources=["/a"]\n[[sender.a.key]]\nid="k"\nalgorithm="ed25519"\nfile="f"\n',
            "f cannot be read",
        ),
        (
            '[sender.a]\nsources=["/a"]\n'
            + 2 * '[[sender.a.key]]\nid="k"\nalgorithm="hmac-sha256"\nfile="senders.toml"\n',
            "the key id 'k' is given twice",
        ),
        (
            '[sender.a]\nsources=["/a"]\n[[sender.a.key]]\nid="k"\nalgorithm="ed25519"\nfile="senders.toml"\n',
            "no Ed25519 public key in PEM",
        ),
    ],
)
def test_file_that_cannot_be_used_says_where_and_why(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SendersError, match=told):
        read_senders(written(tmp_path, text))


def test_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("short")
    text = '[sender.a]\nsources=["/a"]\n[[sender.a.key]]\nid="k"\nalgorithm="hmac-sha256"\nfile="s"\n'
    with pytest.raises(SendersError, match="at least 32 bytes"):
        read_senders(written(tmp_path, text))


@pytest.mark.parametrize(
    "given", ['"plain-secret-token"', '["plain-secret-token"]', "{ a = 'plain-secret-token' }"]
)
def test_token_that_was_written_by_mistake_is_not_repeated(tmp_path: Path, given: str) -> None:
    with pytest.raises(SendersError) as error:
        read_senders(written(tmp_path, f'[sender.a]\nsources = ["/a"]\ntoken_sha256 = {given}\n'))
    assert "plain-secret-token" not in str(error.value)


# --- files of actions


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path / "kaoji.db")
    command_line.environment["KAOJI_SENDERS"] = str(write_senders(tmp_path).path)
    return command_line


def actions(folder: Path) -> Path:
    path = folder / "actions.ndjson"
    path.write_bytes(b"\n".join([record(1, source="/gx/licensing"), record(2, source="/gx/bureau"), b"{"]))
    return path


def test_file_is_bound_to_the_sender_named(kaoji: CommandLine, tmp_path: Path) -> None:
    path = actions(tmp_path)
    checked = kaoji("check", path, "--sender", "licensing", "--format", "json").json
    totals = kaoji("ingest", path, "--sender", "licensing", "--format", "json").json

    assert (totals["recorded"], totals["quarantined"]) == (1, 2)
    assert [each["code"] for each in checked["refused"]] == ["forbidden-source", "malformed-json"]
    listed = kaoji("quarantine", "list", "--code", "forbidden-source", "--format", "json").json
    assert [(each["source"], each["id"], each["place"]) for each in listed] == [
        ("/gx/bureau", "2", f"{path}:2 (sender licensing)")
    ]


def test_trying_again_is_no_way_around(kaoji: CommandLine, tmp_path: Path) -> None:
    kaoji("ingest", actions(tmp_path), "--sender", "licensing")

    again = kaoji.ends(1, "quarantine", "retry", "--code", "forbidden-source", "--format", "json").json
    assert [each["code"] for each in again] == ["forbidden-source"]

    file = tmp_path / "senders.toml"
    file.write_text(file.read_text().replace('"/gx/archive/*"', '"/gx/bureau"'))
    mended = kaoji("quarantine", "retry", "--code", "forbidden-source", "--format", "json").json
    assert [each["verdict"] for each in mended] == ["recorded"]


def test_where_senders_are_bound_one_must_be_named(kaoji: CommandLine, tmp_path: Path) -> None:
    ended = kaoji.ends(2, "ingest", actions(tmp_path))
    assert "--sender NAME. Known: bureau, licensing." in ended.err
    assert not (tmp_path / "kaoji.db").exists()


def test_sender_without_a_file_of_senders_is_told(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path / "kaoji.db").ends(2, "ingest", actions(tmp_path), "--sender", "licensing")
    assert "KAOJI_SENDERS" in ended.err


def test_without_a_file_of_senders_any_source_is_taken(tmp_path: Path) -> None:
    totals = CommandLine(tmp_path / "kaoji.db")("ingest", actions(tmp_path), "--format", "json").json
    assert (totals["recorded"], totals["quarantined"]) == (2, 1)


def test_option_goes_before_the_setting(kaoji: CommandLine, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[sender.all]\nsources = ["/gx/*"]\n')
    totals = kaoji("ingest", actions(tmp_path), "--senders", other, "--sender", "all", "--format", "json").json
    assert totals["recorded"] == 2


def test_received_bytes_of_a_forbidden_record_are_kept(kaoji: CommandLine, tmp_path: Path) -> None:
    kaoji("ingest", actions(tmp_path), "--sender", "licensing")
    shown = kaoji("quarantine", "show", "1", "--format", "json").json
    assert json.loads(shown["raw"])["source"] == "/gx/bureau"


@pytest.mark.kafka
def test_topic_is_bound_to_the_sources_of_its_senders(kafka_server: str, kafka_topic: str, tmp_path: Path) -> None:
    publish(kafka_server, kafka_topic, [record(1, source="/gx/licensing"), record(2, source="/gx/bureau")])
    kaoji = CommandLine(tmp_path / "kaoji.db")
    kaoji.environment["KAOJI_SENDERS"] = str(write_senders(tmp_path, topic=kafka_topic).path)
    arguments = ("--bootstrap", kafka_server, "--topic", kafka_topic, "--until-idle", "0.5", "--format", "json")
    totals = kaoji("consume", *arguments).json
    assert (totals["recorded"], totals["quarantined"]) == (1, 1)
    (entry,) = kaoji("quarantine", "list", "--format", "json").json
    assert (entry["code"], entry["source"]) == ("forbidden-source", "/gx/bureau")

    # Trying it again is bound by the topic, which its place names.
    assert kaoji.ends(1, "quarantine", "retry", str(entry["entry"]), "--format", "json").json[0]["code"] == (
        "forbidden-source"
    )
    ended = kaoji.ends(2, "consume", "--bootstrap", kafka_server, "--topic", "another")
    assert "no sender writes to the topic 'another'" in ended.err
