"""Keep arrays in a file that later processes map into memory: written whole or not at all, checked when used."""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

_MAGIC: Final = b"kaoji\0kept\0arrays"
_NUMBER_BYTES: Final = 8
_PAGE: Final = 4_096
_UNFINISHED: Final = ".unfinished"
_UNFINISHED_SECONDS_MAX: Final = 600
"""Whoever writes for longer than this was killed."""


class UnfitFileError(Exception):
    """A kept file that is not there, or not as it was written. Never shown: what it held is derived again."""


class KeptArrays:
    """One file, mapped. What is written to its arrays is this process's own and never reaches the file.

    Each array has room behind it to grow into, which takes no space on the disk.
    """

    def __init__(self, path: Path) -> None:
        """Map it. Raises UnfitFileError; `array` does so for what it then finds damaged."""
        try:
            with path.open("rb") as file:
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise UnfitFileError(str(error)) from error
        self.path = path
        self.told, self._places = _head_of(self._mapped)

    def array(self, name: str, dtype: Any) -> NDArray[Any]:
        """What was written, with the room behind it: its first `size(name, dtype)` entries are filled."""
        place, size, room, checksum = self._places[name]
        if place + size + room > len(self._mapped):
            raise UnfitFileError(f"{name} is cut off")
        with memoryview(self._mapped) as whole, whole[place : place + size] as content:
            if crc32c(content) != checksum:
                raise UnfitFileError(f"{name} is not what was written")
        return np.frombuffer(self._mapped, dtype, (size + room) // np.dtype(dtype).itemsize, place)

    def discard(self) -> None:
        """Take the file away, for whoever looks next; maps of it stay as they are."""
        with suppress(OSError):
            self.path.unlink()

    def size(self, name: str, dtype: Any) -> int:
        """How many entries of an array were written."""
        return int(self._places[name][1] // np.dtype(dtype).itemsize)


def told_in(path: Path) -> Mapping[str, Any]:
    """What a file says about itself. Raises UnfitFileError."""
    return KeptArrays(path).told


def write_arrays(path: Path, told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file in the place of the one before it, so that nobody ever sees half of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    contents = {name: _bytes_of(array) for name, array in arrays.items()}
    places = _placed({name: (array.nbytes, array.itemsize) for name, array in arrays.items()}, contents)
    head = json.dumps({"told": told, "places": places}, sort_keys=True).encode()
    opening = b"".join(each.to_bytes(_NUMBER_BYTES, "little") for each in (len(head), crc32c(head)))
    assert len(_MAGIC) + len(opening) + len(head) <= _head_room(len(places)), "the head has its room"
    handle, name_unfinished = tempfile.mkstemp(suffix=_UNFINISHED, dir=path.parent)
    unfinished = Path(name_unfinished)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + opening + head)
            for name, (place, _, _, _) in places.items():
                file.seek(place)
                file.write(contents[name])
            file.truncate(max((place + size + room for place, size, room, _ in places.values()), default=_PAGE))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _placed(
    sizes: Mapping[str, tuple[int, int]], contents: Mapping[str, memoryview]
) -> dict[str, tuple[int, int, int, int]]:
    """Where each array begins, its bytes, the bytes of its room, and its checksum: page by page."""
    places, place = {}, _head_room(len(sizes))
    for name, (size, item) in sizes.items():
        room = (size // item // 4 + _PAGE) * item
        places[name] = place, size, room, crc32c(contents[name])
        place += -(-(size + room) // _PAGE) * _PAGE
    return places


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).view(np.ndarray).view(np.uint8).data


def _head_room(arrays: int) -> int:
    return _PAGE * (1 + arrays // 16)


def _head_of(mapped: mmap.mmap) -> tuple[Mapping[str, Any], Mapping[str, list[int]]]:
    begin = len(_MAGIC) + 2 * _NUMBER_BYTES
    size, checksum = (
        int.from_bytes(mapped[at : at + _NUMBER_BYTES], "little") for at in (len(_MAGIC), begin - _NUMBER_BYTES)
    )
    head = mapped[begin : begin + size] if size <= len(mapped) else b""
    if mapped[: len(_MAGIC)] != _MAGIC or len(head) != size or crc32c(head) != checksum:
        raise UnfitFileError("its head is not what was written")
    found = json.loads(head)
    return found["told"], found["places"]


def _sweep(folder: Path) -> None:
    """Take away what was left behind by processes that were killed while they wrote."""
    unfinished = {path: _written_at(path) for path in folder.glob(f"*{_UNFINISHED}")}
    if not unfinished:
        return
    # Against the clock of the file system, which may be another machine's.
    with tempfile.NamedTemporaryFile(dir=folder) as now:
        written_now = _written_at(Path(now.name))
    for path, written_at in unfinished.items():
        if written_now - written_at > _UNFINISHED_SECONDS_MAX:
            with suppress(OSError):
                path.unlink()


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has just put it in its place
        return float("inf")
