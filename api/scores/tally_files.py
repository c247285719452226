"""Write the tally of a ledger to a file, and score several such files together, as if they were one ledger."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from api.as_of import period, position_as_of
from api.bootstrap import Kaoji
from api.rules.rules import policy_in, registers_in, rulebook_at
from api.scores.scorecards import asked_by, directory_of
from domain.directory import Directory, DirectoryAction
from domain.errors import KaojiError, WrongInputError
from domain.measuring.rollup import By, counted_subjects, sums_of
from domain.measuring.tally import Tally
from domain.rules.adoption import Rulebook
from domain.rules.context import Context
from domain.scoring.scoring import Scorecards, score
from projections.driver import Progress, no_progress
from projections.tallies.tallies import count

_MAGIC: Final = b"kaoji.TallyFile.v2\n"
_DIGEST_SIZE: Final = 32
_TOLD: Final = ("parent", "unit", "to_unit")
"""What scoring needs of an action about units and staff. Names and posts stay at home."""


class TallyFileError(WrongInputError):
    """A file that is no tally of a ledger, or tallies that must not be added up."""


class TallyWriteError(KaojiError):
    """A tally that cannot be written where it is to go."""


class _DirectoryFact(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One action about a unit or a person, as far as scoring needs it."""

    source: str
    id: str
    type: str
    subject: str
    occurred_at: int
    sequence: int | None
    data: dict[str, str | None]


class _Head(msgspec.Struct, frozen=True):
    """What a file says of itself. `context` is as printed beside every score."""

    ledger: str
    position: int
    context: dict[str, Any]
    directory: list[_DirectoryFact]


class TallyFile(NamedTuple):
    """The tally of one ledger up to a position, in one context, with its units and staff."""

    head: _Head
    tally: Tally

    def to_bytes(self) -> bytes:
        """The same bytes for the same tally, on every machine."""
        head = msgspec.json.encode(self.head, order="sorted")
        content = len(head).to_bytes(8, "little") + head + self.tally.to_bytes()
        return _MAGIC + hashlib.sha256(content).digest() + content

    @staticmethod
    def from_bytes(data: bytes, name: str) -> TallyFile:
        """Read what `to_bytes` wrote. Raises TallyFileError, naming the file."""
        begin = len(_MAGIC) + _DIGEST_SIZE
        if not data.startswith(_MAGIC):
            raise TallyFileError(f"{name} is no tally of version 2. Write one with `kaoji tally export`.")
        if hashlib.sha256(data[begin:]).digest() != data[len(_MAGIC) : begin]:
            raise TallyFileError(f"{name} is not as it was written: its checksum differs. Copy or write it again.")
        end = begin + 8 + int.from_bytes(data[begin : begin + 8], "little")
        try:
            head = msgspec.json.decode(data[begin + 8 : end], type=_Head)
        except msgspec.MsgspecError as error:
            raise TallyFileError(f"{name} has a head that cannot be read: {error}. Write it again.") from error
        return TallyFile(head, Tally.from_bytes(data[end:]))


@dataclass(frozen=True)
class _Named:
    name: str
    file: TallyFile


def export_tally(
    kaoji: Kaoji, out: Path, *, policy: str, as_of: str | None = None, progress: Progress = no_progress
) -> dict[str, Any]:
    """Write all that the ledger's actions count for, in the context of a policy, and say what was written.

    Raises WrongInputError, or TallyWriteError.
    """
    position = position_as_of(kaoji, as_of, kaoji.driver.catch_up(progress=progress))
    rulebook = rulebook_at(kaoji, upto=position)
    context = policy_in(rulebook, policy).context(registers_in(rulebook))
    history = kaoji.history(progress=progress).upto(position)
    directory = directory_of(kaoji, history, context.zone)
    head = _Head(
        ledger=str(kaoji.ledger.ledger_id),
        position=position,
        context=context.describe(),
        directory=sorted(map(_fact, directory.actions)),
    )
    tally = count(history, context).tally()
    _write(out, TallyFile(head, tally).to_bytes())
    return {
        "file": str(out),
        "ledger": head.ledger,
        "position": position,
        "context": context.hash,
        "rows": len(tally),
    }


def score_tallies(
    paths: Sequence[Path], rulebook: Rulebook, *, policy: str, from_text: str, to_text: str, by: By, now: int
) -> tuple[Scorecards, dict[str, Any]]:
    """The scores of one ledger that held the actions of all, and what they follow from as `kaoji score` prints it.

    `now` is in microseconds. Raises WrongInputError.
    """
    first, last = period(from_text, to_text)
    chosen = policy_in(rulebook, policy)
    context = chosen.context(registers_in(rulebook))
    files = [_Named(str(path), TallyFile.from_bytes(_read(path), str(path))) for path in paths]
    _check_addable(files, context, policy)
    tally = Tally.empty()
    for each in files:
        tally = (tally + each.file.tally).merged()
    directory = _joint_directory(files, context)
    sums = sums_of(tally, directory, context.register, from_day=first, to_day=last, by=by)
    cards = score(
        counted_subjects(sums, asked=asked_by(chosen)), chosen, directory, context.register,
        from_day=first, to_day=last, by=by,
    )  # fmt: skip
    ledgers = sorted((each.file.head.ledger, each.file.head.position, each.name) for each in files)
    head = cards.head_json(
        context=context.describe(),
        forecast=last > context.zone.day_of_instant(now),
        ledgers=[{"ledger": ledger, "as_of": position, "file": name} for ledger, position, name in ledgers],
    )
    return cards, head


def _check_addable(files: Sequence[_Named], context: Context, policy: str) -> None:
    seen: dict[str, str] = {}
    for each in files:
        head = each.file.head
        if head.context.get("hash") != context.hash:
            raise TallyFileError(
                f"{each.name} was counted in another context than that of {policy} "
                f"({_differing(head.context, context.describe())} differ), so it cannot be added up with it. "
                f"Export it again with --policy {policy}, by the same register and the same version of Kaoji."
            )
        if head.ledger in seen:
            raise TallyFileError(
                f"{seen[head.ledger]} and {each.name} are of the same ledger, so its actions would count twice. "
                "Name one of them."
            )
        seen[head.ledger] = each.name


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    parts = [name for name in ours if name != "hash" and theirs.get(name) != ours[name]]
    return ", ".join(parts) or "hashes"


def _joint_directory(files: Sequence[_Named], context: Context) -> Directory:
    """Units and staff of all ledgers; an action that reached several of them counts once."""
    facts = {(fact.source, fact.id): fact for each in files for fact in sorted(each.file.head.directory)[::-1]}
    return Directory.fold(
        (
            DirectoryAction(
                position=0, type=fact.type, subject=fact.subject, occurred_at=fact.occurred_at,
                sequence=fact.sequence, source=fact.source, id=fact.id, data=fact.data,
            )
            for fact in sorted(facts.values())
        ),
        context.zone,
    )  # fmt: skip


def _fact(action: DirectoryAction) -> _DirectoryFact:
    return _DirectoryFact(
        source=action.source,
        id=action.id,
        type=action.type,
        subject=action.subject,
        occurred_at=action.occurred_at,
        sequence=action.sequence,
        data={name: action.data[name] for name in _TOLD if action.data.get(name) is not None},
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TallyFileError(f"{path} cannot be read: {error.strerror}. Name a file that is there.") from error


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    if path.exists() and not path.is_file():
        # Renaming onto it would put a file in its place, and root may do so to a device.
        raise TallyWriteError(f"{path} is there, and no file. Name another place.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise TallyWriteError(f"{path} cannot be written: {error.strerror}. Name another place.") from error
