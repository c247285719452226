"""Write the history as a folder of Parquet files, for whoever wants to look at it with other engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from domain.actions.types import ACTION_TYPES
from domain.errors import WrongInputError
from projections.history.links import LinkKind
from projections.history.segments import SCHEMAS
from projections.history.source import Snapshot
from projections.store import Checkpoint, Connection, ViewStore

MANIFEST = "manifest.json"


class FolderInUseError(WrongInputError):
    """A folder that holds something already."""


class Exported(NamedTuple):
    """What was written: files beside the manifest, and their bytes."""

    position: int
    files: int
    bytes: int


def export_history(store: ViewStore, connection: Connection, build: Checkpoint, folder: Path) -> Exported:
    """Write every part as it is stored, checked, under `folder/PART/FIRST-LAST.parquet`, what codes stand for,
    and last of all a manifest. Raises DamagedViewError, FolderInUseError.
    """
    _make(folder)
    snapshot = Snapshot(store, connection, build)
    snapshot.whole_segments(after=0)
    listed = []
    for part in SCHEMAS:
        for each in snapshot.parts(part, snapshot.segments(part)):
            path = folder / part / f"{each.first:012}-{each.last:012}.parquet"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(each.checked())
            listed.append({"file": path.relative_to(folder).as_posix(), "sha256": each.sha256})
    for name, table in _meanings().items():
        pq.write_table(table, folder / f"{name}.parquet")
        listed.append({"file": f"{name}.parquet"})
    manifest = {"position": build.position, "format": build.format, "files": listed}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return Exported(build.position, len(listed), sum((folder / each["file"]).stat().st_size for each in listed))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FolderInUseError(f"{folder} is not empty. Name a folder that is new, or empty it.")
    except (FileExistsError, NotADirectoryError) as error:
        raise FolderInUseError(f"{folder} is a file. Name a folder that is new, or an empty one.") from error
    except OSError as error:
        raise FolderInUseError(f"{folder} cannot be written to ({error.strerror}).") from error


def _meanings() -> dict[str, pa.Table]:
    """Codes that are not in the words: types, and what a reference does."""
    kinds = list(ACTION_TYPES.values())
    return {
        "types": pa.table(
            {
                "code": pa.array([kind.code for kind in kinds], pa.uint8()),
                "type": [kind.name for kind in kinds],
                "family": [kind.family for kind in kinds],
            }
        ),
        "link_kinds": pa.table(
            {
                "code": pa.array([int(kind) for kind in LinkKind], pa.uint8()),
                "kind": [kind.name.lower() for kind in LinkKind],
            }
        ),
    }
