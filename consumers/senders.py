"""Bind senders to the sources they may send for, and know them by token, key, topic or name."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import structs
from pydantic import Field, field_validator

from domain.actions.refusals import RefusedError
from domain.errors import UnknownNameError
from domain.ledger.quarantine import claimed_source
from domain.ledger.records import Arrival
from domain.rules.toml_files import StrictModel, TomlFileError, TomlText, read_toml

Algorithm = Literal["ed25519", "hmac-sha256"]

SECRET_BYTES_MIN: Final = 32
_JUDGED_MAX: Final = 10_000
_DOUBTFUL: Final = ("malformed-json", "too-large")
"""What is no JSON in one way only, or was cut off, says nothing for certain."""
_NAME: Final = r"^[a-z0-9]+([-_.][a-z0-9]+)*$"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SENDER_OF_PLACE: Final = re.compile(r" \(sender ([^()]+)\)$")
_KAFKA_PLACE: Final = re.compile(r"(.+)-\d+@\d+")


class SendersError(TomlFileError):
    """A file of senders that cannot be used as it is."""


class KeyTable(StrictModel):
    """`[[sender.NAME.key]]`: a key with which the sender signs its HTTP requests."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    algorithm: Algorithm
    file: Annotated[str, Field(min_length=1)]


class SenderTable(StrictModel):
    """`[sender.NAME]`: one sending system."""

    sources: Annotated[list[str], Field(min_length=1)]
    topics: list[str] = Field(default_factory=list)
    token_sha256: list[str] = Field(default_factory=list)
    key: list[KeyTable] = Field(default_factory=list)
    records_per_second: Annotated[int, Field(ge=1, le=10_000_000)] | None = None

    @field_validator("sources")
    @classmethod
    def _sources(cls, sources: list[str]) -> list[str]:
        for source in sources:
            if not source or "*" in source.removesuffix("*") or (source.endswith("*") and source[-2:] != "/*"):
                raise ValueError(f"write a source, or its beginning with /* behind it, not {source!r}")
        return sources

    @field_validator("token_sha256", mode="before")
    @classmethod
    def _tokens(cls, tokens: object) -> object:
        # What is wrong is never repeated: it may be the token itself.
        told = "write a list of the SHA-256 of tokens, each 64 small hexadecimal digits, never the token"
        if not isinstance(tokens, list) or any(_SHA256.fullmatch(str(token)) is None for token in tokens):
            raise ValueError(told)
        return tokens


class SendersFile(StrictModel):
    """The whole file."""

    sender: Annotated[dict[Annotated[str, Field(pattern=_NAME)], SenderTable], Field(min_length=1)]


@dataclass(frozen=True)
class Binding:
    """Which sources the records of one way in may claim. `sender` is None where it is known by its topic only."""

    way: str
    """Who sends, for the sentence that refuses: `sender licensing`, `topic administrative-actions`."""
    exact: frozenset[str]
    beginnings: tuple[str, ...]
    sender: str | None = None
    _judged: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def allows(self, source: str) -> bool:
        """Whether these records may bear this source."""
        found = self._judged.get(source)
        if found is None:
            if len(self._judged) >= _JUDGED_MAX:
                self._judged.clear()
            found = self._judged[source] = source in self.exact or source.startswith(self.beginnings)
        return found

    def bound(self, arrival: Arrival) -> Arrival:
        """The arrival, refused where it claims a source that is not the sender's; its place names the sender.

        What is refused already is looked at too: with another code it would count as that source's own mistake.
        """
        place = arrival.place if self.sender is None else f"{arrival.place} (sender {self.sender})"
        claimed = arrival.action.source if arrival.action is not None else _still_claimed(arrival)
        if claimed is not None and not self.allows(claimed):
            remedy = (
                f"The {self.way} may not send for the source {claimed!r}: send it as the sender that may, "
                "or add the source to the senders file."
            )
            refusal = RefusedError("forbidden-source", remedy)
            return structs.replace(arrival, place=place, action=None, refusal=refusal)
        return arrival if place is arrival.place else structs.replace(arrival, place=place)


@dataclass(frozen=True)
class Key:
    """A key that checks signatures: its id, its algorithm, its secret or PEM text, and the file that held it."""

    id: str
    algorithm: Algorithm
    content: bytes = field(repr=False)
    file: Path


@dataclass(frozen=True)
class Sender:
    """One sending system and what it is known by."""

    name: str
    binding: Binding
    topics: frozenset[str]
    token_digests: tuple[bytes, ...] = field(repr=False)
    keys: tuple[Key, ...]
    records_per_second: int | None


class Senders:
    """All senders of a file; the only ones from whom records are taken, where there is such a file."""

    def __init__(self, senders: Iterable[Sender], *, place: str) -> None:
        self.place = place
        self._by_name = {each.name: each for each in senders}
        self._keys = {key.id: (each, key) for each in self._by_name.values() for key in each.keys}
        self._anybody = _joint("senders together", self._by_name.values())

    def __iter__(self) -> Iterator[Sender]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Sender:
        """The sender of this name. Raises UnknownNameError."""
        if name not in self._by_name:
            raise UnknownNameError("sender", name, self._by_name)
        return self._by_name[name]

    def with_token(self, token: str) -> Sender | None:
        """The sender whose token this is. Takes as long whichever it is, and whether it is one or none."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for sender in self._by_name.values():
            for each in sender.token_digests:
                if hmac.compare_digest(each, digest):
                    found = sender
        return found

    def with_key(self, key_id: str) -> tuple[Sender, Key] | None:
        """The sender that signs with the key of this id, and the key."""
        return self._keys.get(key_id)

    def of_topic(self, topic: str) -> Binding:
        """What the records of a Kafka topic may claim: all that its senders may. Raises SendersError for none."""
        senders = [each for each in self._by_name.values() if topic in each.topics]
        if not senders:
            raise SendersError(
                f"{self.place}: no sender writes to the topic {topic!r}. Add it to the `topics` of those that do."
            )
        return _joint(f"topic {topic}", senders)

    def again(self, place: str) -> Binding:
        """What a record that was put aside at this place may claim when it is tried again."""
        told = _SENDER_OF_PLACE.search(place)
        if told:
            sender = self._by_name.get(told[1])
            return _nobody(f"sender {told[1]}") if sender is None else replace(sender.binding, sender=None)
        topic = _KAFKA_PLACE.fullmatch(place)
        if topic and any(topic[1] in each.topics for each in self._by_name.values()):
            return self.of_topic(topic[1])
        return self._anybody


def read_senders(path: Path) -> Senders:
    """The senders of a TOML file; key files are looked for beside it. Raises SendersError."""
    text = read_toml(path, SendersError)
    tables = text.parse(SendersFile, SendersError).sender
    _check_unique(text, tables)
    return Senders([_sender(text, path.parent, name, table) for name, table in tables.items()], place=str(path))


def _sender(text: TomlText, folder: Path, name: str, table: SenderTable) -> Sender:
    return Sender(
        name=name,
        binding=Binding(
            f"sender {name}",
            frozenset(source for source in table.sources if not source.endswith("*")),
            tuple(source[:-1] for source in table.sources if source.endswith("*")),
            sender=name,
        ),
        topics=frozenset(table.topics),
        token_digests=tuple(bytes.fromhex(each) for each in table.token_sha256),
        keys=tuple(_key(text, folder, name, number, each) for number, each in enumerate(table.key)),
        records_per_second=table.records_per_second,
    )


def _key(text: TomlText, folder: Path, name: str, number: int, table: KeyTable) -> Key:
    place = ("sender", name, "key", number, "file")
    try:
        content = (folder / table.file).read_bytes().strip()
    except OSError as error:
        raise text.error(place, f"{table.file} cannot be read ({error.strerror}).", SendersError) from error
    if table.algorithm == "hmac-sha256" and len(content) < SECRET_BYTES_MIN:
        message = f"a secret has at least {SECRET_BYTES_MIN} bytes: make one with `openssl rand -base64 32`."
        raise text.error(place, message, SendersError)
    if table.algorithm == "ed25519" and not _is_ed25519(content):
        message = (
            f"{table.file} holds no Ed25519 public key in PEM: `openssl pkey -in PRIVATE.pem -pubout` gives it."
        )
        raise text.error(place, message, SendersError)
    return Key(table.id, table.algorithm, content, folder / table.file)


def _is_ed25519(content: bytes) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return isinstance(load_pem_public_key(content), Ed25519PublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _check_unique(text: TomlText, tables: dict[str, SenderTable]) -> None:
    """What tells who sends must tell one sender."""
    seen = Counter(token for table in tables.values() for token in table.token_sha256)
    ids = Counter(key.id for table in tables.values() for key in table.key)
    for name, table in tables.items():
        if any(seen[token] > 1 for token in table.token_sha256):
            raise text.error(("sender", name, "token_sha256"), "this token is given twice.", SendersError)
        for number, key in enumerate(table.key):
            if ids[key.id] > 1:
                place = ("sender", name, "key", number, "id")
                raise text.error(place, f"the key id {key.id!r} is given twice.", SendersError)


def _still_claimed(arrival: Arrival) -> str | None:
    """The source of a refused record, where there is no doubt about it."""
    doubtful = arrival.refusal is not None and arrival.refusal.code in _DOUBTFUL
    return None if doubtful else claimed_source(arrival)


def _joint(way: str, senders: Iterable[Sender]) -> Binding:
    bindings: Sequence[Binding] = [each.binding for each in senders]
    return Binding(
        way,
        frozenset().union(*(each.exact for each in bindings)),
        tuple(beginning for each in bindings for beginning in each.beginnings),
    )


def _nobody(way: str) -> Binding:
    return Binding(way, frozenset(), ())
