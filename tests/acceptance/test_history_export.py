"""The history as files that any engine opens: all of it, as it stands, checked."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from api.bootstrap import Kaoji
from projections.damage import DamagedViewError
from projections.history.export import FolderInUseError, export_history
from projections.history.resident import NAMES
from projections.history.rows import VOCABULARIES
from projections.history.segments import SCHEMAS
from projections.history.writer import HistoryProjection
from projections.store import PARTS
from tests.strategies import random_history
from tests.support.product import product, record


def exported(kaoji: Kaoji, folder: Path) -> dict[str, object]:
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, HistoryProjection.name)
        return export_history(kaoji.views, connection, build, folder)._asdict()


def test_engines_read_what_the_history_holds(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        # Given a history in several segments, with corrections, shares and references
        record(kaoji, random_history(11, 500), batches=[200, 150, 40, 9])
        history = kaoji.history()
        # When it is exported
        folder = tmp_path / "out" / "history"
        done = exported(kaoji, folder)
        # Then DuckDB and Polars read every column of every part as it is
        for part, names in NAMES.items():
            frame = pl.read_parquet(folder / part / "*.parquet")
            relation: Any = duckdb.sql(f"SELECT * FROM '{folder}/{part}/*.parquet'")
            table = relation.to_arrow_table()
            for name in names:
                expected = getattr(history, part)[name].tolist()
                assert frame[name].to_list() == expected
                assert table[name].to_pylist() == expected
        positions = list(range(1, history.position + 1))
        ids = pl.read_parquet(folder / "ids" / "*.parquet")
        assert ids["position"].to_list() == positions
        assert ids.select("id", "sequence").to_dicts() == history.ids.take(range(history.position)).to_pylist()
        assert pl.read_parquet(folder / "rows" / "*.parquet")["position"].to_list() == positions
        # And codes lead to words
        words = pl.read_parquet(folder / "words" / "*.parquet")
        for vocabulary in VOCABULARIES:
            of = (
                pl.read_parquet(folder / "subjects" / "*.parquet")
                if vocabulary == "subject"
                else words.filter(pl.col("vocabulary") == vocabulary)
            )
            assert dict(of.select("code", "word").rows()) == dict(enumerate(history.words_of(vocabulary)))
        # And the manifest lists all that is there
        manifest = json.loads((folder / "manifest.json").read_text())
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
        assert {each["file"] for each in manifest["files"]} == there
        for each in manifest["files"]:
            if "sha256" in each:
                assert sha256((folder / each["file"]).read_bytes()).hexdigest() == each["sha256"]
        assert (manifest["position"], len(there)) == (history.position, done["files"])
        assert set(SCHEMAS) == {path.name for path in folder.iterdir() if path.is_dir()}


def test_sorted_columns_have_bounds_by_which_engines_skip_files(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(3, 50))
        exported(kaoji, tmp_path / "out")
    (file,) = (tmp_path / "out" / "rows").iterdir()
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = map(group.column, range(group.num_columns))
    bounds: dict[str, Any] = {column.path_in_schema: column.statistics for column in columns}
    assert (bounds["position"].min, bounds["position"].max) == (1, group.num_rows)
    assert bounds["time"].has_min_max
    assert bounds["owner"] is None


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(3, 20))
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("mine")
        for folder in (tmp_path / "full", tmp_path / "full" / "mine", tmp_path / "full" / "mine" / "below"):
            with pytest.raises(FolderInUseError):
                exported(kaoji, folder)
        assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_what_is_damaged_is_not_exported_as_whole(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(3, 20))
        with kaoji.views.transaction() as connection:
            connection.execute(PARTS.update().where(PARTS.c.part == "subjects").values(content=b"PAR1"))
        with pytest.raises(DamagedViewError, match="subjects"):
            exported(kaoji, tmp_path / "out")
        assert not (tmp_path / "out" / "manifest.json").exists()
