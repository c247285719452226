"""Draft a mapping from the head of a log or table: what is in it, and a first guess at what it means."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from consumers.byte_streams import ByteStream, strip_bom
from consumers.csv_records import CsvTable
from consumers.files import WrongFormatError, format_of_name
from consumers.local_times import LocalTimes
from consumers.mapping_run import times
from consumers.source_records import RefusedRecord, SourceRecord
from consumers.xes import read_xes

RECORDS_MAX: Final = 20_000
_VALUES_MAX: Final = 2_000
_HEAD_BYTES: Final = 64 * 1024
_SHOWN_MAX: Final = 40
_ZONE: Final = "Asia/Shanghai"
_TIMES: Final = LocalTimes("UTC")
# Parts of names, the most telling first.
_CASE_NAMES: Final = ("case:concept:name", "case_id", "caseid", "case", "dossier", "编号", "受理号")
_TIME_NAMES: Final = ("time:timestamp", "timestamp", "time", "date", "datum", "时间", "日期")
_ACTIVITY_NAMES: Final = ("concept:name", "activity", "event", "step", "task", "环节", "活动", "步骤", "事项")
_ACTOR_NAMES: Final = ("org:resource", "resource", "actor", "user", "officer", "staff", "经办", "人员", "工号")
_OWNER_NAMES: Final = ("responsible", "owner", "handler", "主办", "负责", "责任人")
_ID_NAMES: Final = ("concept:instance", "event_id", "eventid", "id", "流水号")


@dataclass
class _Column:
    """One attribute: how often it is there, and what it holds."""

    name: str
    count: int = 0
    times: int = 0
    offsets: int = 0
    values: Counter[str] = field(default_factory=Counter)

    def add(self, text: str) -> None:
        self.count += 1
        if text in self.values or len(self.values) < _VALUES_MAX:
            self.values[text] += 1
        if _is_time(text):
            self.times += 1
            self.offsets += text.endswith("Z") or text[-6:-5] in ("+", "-")

    @property
    def holds_times(self) -> bool:
        return 0 < self.count == self.times

    @property
    def is_unique(self) -> bool:
        return self.count > 1 and len(self.values) == min(self.count, _VALUES_MAX)

    def described(self) -> str:
        """For a comment in the draft."""
        examples = ", ".join(_short(text) for text, _ in self.values.most_common(3))
        many = "+" if len(self.values) == _VALUES_MAX else ""
        return f"{_quoted(self.name)}: {times(self.count)}, {len(self.values):,}{many} different: {examples}"


def suggest_mapping(path: str) -> str:
    """TOML of a draft for a XES log or a table, with comments on all that its first records hold.

    Raises WrongInputError.
    """
    form = format_of_name(path)
    if form == "ndjson":
        raise WrongFormatError(f"{path}: holds actions already and needs no mapping.")
    stream = ByteStream(path)
    try:
        if form == "xes":
            return _of_log(path, list(islice(read_xes(stream.chunks(), name=stream.name), RECORDS_MAX)))
        return _of_table(path, strip_bom(stream.chunks()), stream.name)
    finally:
        stream.close()


def _of_log(path: str, records: Sequence[SourceRecord]) -> str:
    case = _columns(record.case for record in records if record.event is None)
    event = _columns(record.event for record in records if record.event is not None)
    return "\n".join(_draft(path, "xes", case, event)) + "\n"


def _of_table(path: str, chunks: Iterator[bytes], name: str) -> str:
    head = b""
    while len(head) < _HEAD_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    encoding = _encoding(head)
    first_line = head.split(b"\n", 1)[0].decode(encoding, "replace")
    delimiter = max(",;\t|", key=first_line.count)
    table = CsvTable(_again(head, chunks), name=name, delimiter=delimiter, encoding=encoding)
    rows = islice(table.records(), RECORDS_MAX)
    columns = _columns(row.case for row in rows if not isinstance(row, RefusedRecord))
    for column in table.columns:
        columns.setdefault(column, _Column(column))
    extra = ["[csv]", f"delimiter = {_quoted(delimiter)}", f"encoding = {_quoted(encoding)}", ""]
    return "\n".join(_draft(path, "csv", columns, columns, extra)) + "\n"


def _draft(
    path: str, form: str, case: dict[str, _Column], event: dict[str, _Column], extra: Sequence[str] = ()
) -> Iterator[str]:
    number = _guess(case, (*_CASE_NAMES, "concept:name"), lambda column: not column.holds_times)
    time = _guess(event, _TIME_NAMES, lambda column: column.holds_times) or _likeliest_time(event)
    # In a table the case number is a column like any other; in a log it belongs to the case.
    taken = number if event is case else None
    activity = _guess(event, _ACTIVITY_NAMES, lambda column: not column.holds_times and column.name != taken)
    actor = _guess(event, _ACTOR_NAMES, lambda column: not column.holds_times)
    owner = _guess(case, _OWNER_NAMES, lambda column: not column.holds_times)
    identity = _guess(event, _ID_NAMES, lambda column: column.is_unique and column.name not in (time, number))
    yield f"# A draft of a mapping for {_one_line(path)}, from its first records. Each guess is marked with `?`."
    yield "# Go through it, then: kaoji mapping check THIS_FILE INPUT_FILE"
    yield 'source = "/your/system"  # ? the sending system, the same in every file of it'
    yield f"input = {_quoted(form)}"
    offsets = all(column.offsets == column.count for column in event.values() if column.holds_times)
    hint = "the times state offsets; it decides the day of dates" if offsets else "the times are local times there"
    yield f"zone = {_quoted(_ZONE)}  # ? {hint}"
    yield ""
    yield from extra
    yield from _case_part(case, number, owner, dated=form == "xes")
    yield from _event_part(form, event, time=time, activity=activity, actor=actor, identity=identity)


def _case_part(case: dict[str, _Column], number: str | None, owner: str | None, *, dated: bool) -> Iterator[str]:
    yield "# What belongs to a case:" if dated else "# The columns:"
    yield from (f"#   {column.described()}" for column in _shown(case.values()))
    yield "[case]"
    yield f"subject = {_quoted(number or next(iter(case), 'case'))}  # ? the case number"
    yield ""
    yield "[case.constants]"
    yield '# procedure = "CODE"  # the code in the procedure register'
    yield ""
    yield "[case.fields]"
    yield (f"owner = {_quoted(owner)}  # ? " if owner else '# owner = "…"  # ') + "who answers for the case"
    yield '# unit = "…"  # the unit whose case it is'
    yield ""
    for column in _shown(case.values()):
        if column.holds_times and dated:
            yield f"# {_quoted(column.name)} may stand for an action of its own, or be the due date of one:"
            yield f"# [case.actions.{_quoted(column.name)}]"
            yield '# type = "licensing.received"'
            yield f"# time = {_quoted(column.name)}"
            yield f'# fields.due = {{ from = {_quoted(column.name)}, as = "date" }}'
            yield ""


def _event_part(
    form: str,
    event: dict[str, _Column],
    *,
    time: str | None,
    activity: str | None,
    actor: str | None,
    identity: str | None,
) -> Iterator[str]:
    if form == "xes":
        yield "# What belongs to an event:"
        yield from (f"#   {column.described()}" for column in _shown(event.values()))
    yield "[events]"
    yield f"time = {_quoted(time or 'time:timestamp')}  # ? when it happened"
    if identity:
        yield f"id = {_quoted(identity)}  # ? it is different in each record"
    elif form == "csv":
        parts = '["case", "activity", "time"]' if activity else '["case", "time"]'
        yield f"id = {{ parts = {parts} }}  # ? two rows alike in these are one action"
    if activity:
        yield f"activity = {_quoted(activity)}  # ? what was done"
    yield 'default = "licensing.step-done"  # ? what every activity becomes that is not named below'
    yield ""
    yield "[events.fields]"
    if activity:
        yield f"step = {_quoted(activity)}"
    yield f"actor = {_quoted(actor)}  # ? who did it" if actor else '# actor = "…"  # who did it'
    yield ""
    yield "# Which activity becomes which type of action; take the # away where it is more than a step."
    yield "[events.types]"
    if activity:
        column = event[activity]
        for text, count in column.values.most_common(_SHOWN_MAX):
            yield f'# {_quoted(text)} = "licensing.step-done"  # {times(count)}'
        if len(column.values) > _SHOWN_MAX:
            yield f"# and {len(column.values) - _SHOWN_MAX:,} more"


def _columns(records: Iterable[dict[str, str] | None]) -> dict[str, _Column]:
    columns: dict[str, _Column] = {}
    for record in records:
        for name, text in (record or {}).items():
            columns.setdefault(name, _Column(name)).add(text)
    return columns


def _guess(columns: dict[str, _Column], names: Sequence[str], fits: Callable[[_Column], bool]) -> str | None:
    """The column whose name says it most plainly, among those that fit."""
    able = [column.name for column in columns.values() if column.count and fits(column)]
    for part in names:
        exact = [name for name in able if name.lower() == part]
        if exact:
            return exact[0]
    for part in names:
        alike = [name for name in able if part in name.lower()]
        if alike and (len(part) > 2 or not part.isascii()):
            return alike[0]
    return None


def _likeliest_time(columns: dict[str, _Column]) -> str | None:
    """Where no name says it: the first column that holds times, else the first one at all, to be named anew."""
    dated = [column.name for column in columns.values() if column.count and column.holds_times]
    return next(iter([*dated, *columns]), None)


def _shown(columns: Iterable[_Column]) -> list[_Column]:
    return sorted(columns, key=lambda column: (-column.count, column.name))[:_SHOWN_MAX]


def _is_time(text: str) -> bool:
    if len(text) < 8 or not text[0].isdigit():
        return False
    try:
        _TIMES.instant(text)
    except (ValueError, OverflowError):
        return False
    return not text.isdigit()


def _encoding(head: bytes) -> str:
    """UTF-8 where the head can be that, else GB 18030, the other encoding that Chinese tables come in."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        # Not final: a character may be cut in two where the head ends.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _again(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


def _quoted(text: str | None) -> str:
    """As a TOML basic string; JSON writes the same, but for DEL."""
    return json.dumps(text or "", ensure_ascii=False).replace("\x7f", "\\u007F")


def _short(text: str) -> str:
    return _quoted(text if len(text) <= 40 else text[:39] + "…")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
