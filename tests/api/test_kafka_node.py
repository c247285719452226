"""The launcher of a real Kafka: what it says where it cannot start one, and that a download is whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.demo.kafka_node import cache_folder, fetch_jars, kafka_version, why_not
from domain.errors import UnreachableError


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is the whole path, but for the shell's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_missing_java_and_maven_are_named(programs: Path, tmp_path: Path) -> None:
    program(programs, "java", "exit 0")

    assert "missing: mvn" in (why_not() or "")
    with pytest.raises(UnreachableError, match="Install a Java runtime and Maven"):
        fetch_jars(tmp_path / "cache")


def test_an_offline_maven_is_reported_and_leaves_nothing_behind(programs: Path, tmp_path: Path) -> None:
    program(programs, "java", "exit 0")
    program(programs, "mvn", "echo '[ERROR] Could not resolve org.apache.kafka: Unknown host'; exit 1")

    with pytest.raises(UnreachableError, match=rf"fetch Apache Kafka {kafka_version()}: .*Unknown host"):
        fetch_jars(tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_jars_are_fetched_once_and_kept_by_version(programs: Path, tmp_path: Path) -> None:
    program(programs, "java", "exit 0")
    program(
        programs,
        "mvn",
        f'echo again >> {tmp_path}/runs; for a; do case "$a" in -DoutputDirectory=*) d="${{a#*=}}";; esac; done; '
        '/bin/mkdir -p "$d"; echo x > "$d/kafka_2.13-0.jar"',
    )

    first = fetch_jars(tmp_path / "cache")
    second = fetch_jars(tmp_path / "cache")

    assert first == second == tmp_path / "cache" / f"kafka-{kafka_version()}"
    assert [path.name for path in first.iterdir()] == ["kafka_2.13-0.jar"]
    assert (tmp_path / "runs").read_text() == "again\n"


def test_the_cache_lies_outside_the_tree() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/var/cache/x"}) == Path("/var/cache/x/kaoji")
    assert cache_folder({}) == Path.home() / ".cache" / "kaoji"
