"""Read an XES log (IEEE 1849) as a stream: cases and their events, whatever the size of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from consumers.source_records import Attributes, SourceRecord
from domain.errors import WrongInputError

# Attributes of a trace stand before its events (IEEE 1849, 5.1); a trace is held until its end all the same,
# as not every writer keeps to that, but not for longer than this.
EVENTS_HELD_MAX: Final = 10_000
_DEPTH_MAX: Final = 64
_VALUED: Final = frozenset({"string", "date", "int", "float", "boolean", "id"})
_NESTING: Final = frozenset({"list", "container", "values"})


class XesError(WrongInputError):
    """The file is not XES, or breaks off; what came before has been read."""


def read_xes(chunks: Iterator[bytes], *, name: str) -> Iterator[SourceRecord]:
    """Each trace as a record of its own, then its events; places are `NAME:TRACE` and `NAME:TRACE/EVENT`.

    Attributes inside attributes are called `outer/inner`. Globals (defaults) are not applied: what a log does
    not say is not known. Raises XesError.
    """
    log = _LogReader(name)
    # With resolve_entities=False libxml2 hands on `&amp;` in attributes as `&#38;`. There are no others to
    # resolve: they would have to be declared in a DOCTYPE, which is refused as soon as it begins.
    parser = etree.XMLParser(
        target=log, resolve_entities="internal", load_dtd=False, no_network=True, huge_tree=False, recover=False
    )
    try:
        for chunk in chunks:
            parser.feed(chunk)
            yield from log.take()
        parser.close()
    except etree.XMLSyntaxError as error:
        # The parser reads ahead of what was asked for: the records before the fault come first.
        yield from log.take()
        raise XesError(
            f"{name}:{error.lineno}: not well-formed XML ({str(error.msg).rstrip('.')}). "
            "Export the log again, or mend this line."
        ) from error
    yield from log.take()


class _LogReader:
    """Target of the parser: it sees each element once and keeps no tree."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._depth = 0
        self._ready: list[SourceRecord] = []
        self._traces = 0
        self._trace: Attributes | None = None
        self._trace_given = False
        self._events: list[SourceRecord] = []
        self._event: Attributes | None = None
        self._index = 0
        self._outer: list[str] = []

    def take(self) -> list[SourceRecord]:
        """The records that are complete."""
        ready, self._ready = self._ready, []
        return ready

    def doctype(self, *_: str | None) -> None:
        raise XesError(f"{self._name}: has a DOCTYPE, which XES does not know. Remove it.")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        kind = tag[tag.rfind("}") + 1 :]
        if self._trace is None:
            if self._depth == 1 and kind != "log":
                raise XesError(f"{self._name}: is XML but not XES: its root is <{kind}>, not <log>.")
            if self._depth == 2 and kind == "trace":
                self._trace, self._trace_given, self._index = {}, False, 0
                self._traces += 1
        elif self._depth == 3 and kind == "event":
            self._event = {}
        else:
            self._attribute(kind, attributes)

    def end(self, tag: str) -> None:
        if self._depth == 2 and self._trace is not None:
            self._give_trace()
            self._trace = None
        elif self._depth == 3 and self._event is not None and not self._outer:
            self._end_event(self._event)
            self._event = None
        elif self._outer:
            self._outer.pop()
        self._depth -= 1
        del tag

    def data(self, _: str) -> None:
        """XES keeps everything in attributes; text between elements is white space."""

    def comment(self, _: str) -> None:
        """Comments say nothing about the work."""

    def close(self) -> None:
        if not self._depth and not self._traces:
            return

    def _attribute(self, kind: str, attributes: dict[str, str]) -> None:
        key = attributes.get("key", "")
        if len(self._outer) >= _DEPTH_MAX:
            raise XesError(f"{self._name}: {self._outer[0]!r} holds attributes more than {_DEPTH_MAX} deep.")
        path = "/".join(name for name in (*self._outer, key) if name) if self._outer else key
        self._outer.append(key)
        value = attributes.get("value")
        if kind not in _VALUED or value is None or not path:
            return
        if self._event is not None:
            # A list repeats a key: the first value stands, as it does for an attribute given twice.
            self._event.setdefault(path, value)
        elif self._trace is not None:
            if self._trace_given:
                raise XesError(
                    f"{self._name}: trace {self._traces} states {path!r} after more than "
                    f"{EVENTS_HELD_MAX:,} events. Attributes of a trace stand "
                    "before its events; export the log so."
                )
            self._trace.setdefault(path, value)

    def _end_event(self, event: Attributes) -> None:
        assert self._trace is not None
        self._index += 1
        place = f"{self._name}:{self._traces}/{self._index}"
        self._events.append(SourceRecord(place, self._trace, event, self._index))
        if len(self._events) >= EVENTS_HELD_MAX:
            self._give_trace()

    def _give_trace(self) -> None:
        assert self._trace is not None
        if not self._trace_given:
            self._ready.append(SourceRecord(f"{self._name}:{self._traces}", self._trace))
            self._trace_given = True
        self._ready += self._events
        self._events = []
