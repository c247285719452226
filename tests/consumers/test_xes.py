"""XES logs as records: every trace and event, nested attributes, and files that are no XES."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consumers import xes
from consumers.source_records import SourceRecord
from consumers.xes import XesError, read_xes

LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="2.0" xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="org:resource" value="UNKNOWN"/></global>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="case-1"/>
    <date key="start" value="2011-10-11T13:42:22.688+02:00"><string key="kind" value="real"/></date>
    <event><string key="concept:name" value="A &amp; B"/><int key="cost" value="5"/></event>
    <event>
      <string key="concept:name" value="C"/>
      <list key="tags"><values><string key="tag" value="one"/><string key="tag" value="two"/></values></list>
      <boolean key="done" value="true"/><float key="hours" value="0.5"/><id key="uid" value="x-1"/>
    </event>
  </trace>
  <trace><event/><string key="concept:name" value="late"/></trace>
</log>
"""

LAUGHS = (
    "<!DOCTYPE log [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    + "]><log><trace><string key='laughs' value='&a11;'/></trace></log>"
)


def read(text: str | bytes, *, size: int = 1000, encoding: str = "utf-8") -> list[SourceRecord]:
    return list(read_xes(chunks(text, size=size, encoding=encoding), name="log.xes"))


def chunks(text: str | bytes, *, size: int = 1000, encoding: str = "utf-8") -> Iterator[bytes]:
    data = text.encode(encoding) if isinstance(text, str) else text
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_traces_and_events_are_read_with_their_places(size: int) -> None:
    case = {"concept:name": "case-1", "start": "2011-10-11T13:42:22.688+02:00", "start/kind": "real"}
    second = {
        "concept:name": "C", "tags/tag": "one", "done": "true", "hours": "0.5", "uid": "x-1",
    }  # fmt: skip
    late = {"concept:name": "late"}
    assert read(LOG, size=size) == [
        SourceRecord("log.xes:1", case),
        SourceRecord("log.xes:1/1", case, {"concept:name": "A & B", "cost": "5"}, 1),
        SourceRecord("log.xes:1/2", case, second, 2),
        SourceRecord("log.xes:2", late),
        SourceRecord("log.xes:2/1", late, {}, 1),
    ]


def test_globals_are_not_applied() -> None:
    assert all("org:resource" not in (record.event or {}) for record in read(LOG))


def test_log_without_namespace_and_in_another_encoding_is_read() -> None:
    plain = LOG.replace(' xmlns="http://www.xes-standard.org/"', "").replace("case-1", "案件一")
    read_back = read(plain.replace("UTF-8", "GB18030"), encoding="gb18030")
    assert read_back[0].case["concept:name"] == "案件一"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not well-formed"),
        ("<html></html>", "root is <html>, not <log>"),
        (LOG.replace("</trace>", "</trac>", 1), r"log.xes:14: not well-formed XML"),
        (LOG[:700], "not well-formed"),
        ('<!DOCTYPE log [<!ENTITY a "b">]><log/>', "DOCTYPE"),
        ('<!DOCTYPE log SYSTEM "file:///etc/hostname"><log/>', "DOCTYPE"),
        (LAUGHS, "DOCTYPE"),
        ("<log><trace>" + '<list key="a">' * 70, "more than 64 deep"),
        ("just text", "not well-formed"),
    ],
)
def test_what_is_no_xes_is_answered_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(XesError, match=sentence) as caught:
        read(text)
    assert str(caught.value).startswith("log.xes")


def test_traces_before_a_fault_are_given_out() -> None:
    found: list[SourceRecord] = []
    with pytest.raises(XesError):
        found.extend(read_xes(chunks(LOG.replace("<trace><event/>", "<trace><event>")), name="log.xes"))
    assert [record.place for record in found] == ["log.xes:1", "log.xes:1/1", "log.xes:1/2"]


def test_trace_longer_than_what_is_held_is_given_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xes, "EVENTS_HELD_MAX", 2)
    events = "<event><string key='a' value='b'/></event>" * 5
    trace = f"<log><trace><string key='n' value='c'/>{events}</trace></log>"
    assert [record.place for record in read(trace)] == ["log.xes:1", *(f"log.xes:1/{n}" for n in range(1, 6))]
    with pytest.raises(XesError, match="stand before its events"):
        read(trace.replace("</trace>", "<string key='late' value='x'/></trace>"))
