"""Adoption: what may be adopted after what, and the event that is kept for ever."""

from __future__ import annotations

import re

import pytest

from domain.rules.adoption import (
    Adopted,
    AdoptionError,
    Rule,
    Rulebook,
    RuleKind,
    adoption_of,
    decide,
    next_version,
    read_adoption,
    stream_of,
)


def rule(version: int, says: str = "a", *, name: str = "p", kind: RuleKind = "policy") -> Rule:
    return Rule(kind, name, version, hash=f"hash of {says}", text=f"text of {says}, version {version}")


def rulebook(*rules: Rule, upto: int | None = None) -> Rulebook:
    """Rules adopted at positions 10, 20, 30 …"""
    events = [adoption_of(each, by="S1") for each in rules]
    return Rulebook([Adopted(10 * at, 0, event) for at, event in enumerate(events, 1)], upto=upto)


def decided(new: Rule, known: Rulebook, shipped: Rule | None = None) -> int | None:
    """The position of the adoption that the new one repeats, or None."""
    earlier = decide(adoption_of(new, by="S2"), known, shipped=shipped)
    return None if earlier is None else earlier.position


def test_first_and_higher_versions_are_new() -> None:
    assert decided(rule(1), Rulebook()) is None
    assert decided(rule(7), rulebook(rule(1), rule(3, "b"))) is None


def test_names_and_kinds_do_not_get_in_each_others_way() -> None:
    known = rulebook(rule(5))
    assert decided(rule(1, "b", name="q"), known) is None
    assert decided(rule(1, "b", kind="register"), known) is None
    assert len({stream_of("policy", "p"), stream_of("policy", "q"), stream_of("register", "p")}) == 3


def test_same_content_again_is_a_duplicate_of_the_first() -> None:
    known = rulebook(rule(1), rule(2, "b"))
    assert decided(rule(2, "b"), known) == 20
    assert decided(rule(1), known) == 10
    # The hash of an old text may have been made by another version of the program.
    assert decided(rule(2, "b")._replace(hash="another"), known) == 20


@pytest.mark.parametrize(
    ("new", "shipped", "says"),
    [
        (rule(2, "c"), None, "Version 2 of the policy 'p' was adopted at position 20 with other content"),
        (rule(1, "c"), None, "was adopted at position 10 with other content"),
        (rule(3, "c"), rule(3, "s"), "Version 3 of the policy 'p' is shipped with other content"),
    ],
)
def test_other_content_under_a_known_version_is_refused(new: Rule, shipped: Rule | None, says: str) -> None:
    highest = 3 if shipped is None else 4
    with pytest.raises(AdoptionError, match=f"{re.escape(says)}.*Write `version = {highest}`.*kaoji policy diff"):
        decided(new, rulebook(rule(1), rule(2, "b")), shipped)


def test_version_below_the_newest_is_refused() -> None:
    with pytest.raises(AdoptionError, match="newest version of the policy 'p' is 4; this one is 3"):
        decided(rule(3), rulebook(rule(4, "b")))
    with pytest.raises(AdoptionError, match=r"newest version .* is 2; this one is 1"):
        decided(rule(1), Rulebook(), rule(2, "s"))


def test_shipped_rule_can_be_adopted_as_it_is() -> None:
    assert decided(rule(1), Rulebook(), rule(1)) is None
    assert next_version("policy", "p", Rulebook(), rule(1)) == 2


def test_rulebook_knows_what_was_adopted_by_its_position() -> None:
    known = rulebook(rule(1), rule(2, "b"), upto=15)
    newest = known.find("policy", "p")
    assert newest is not None
    assert newest.event.version == 1
    assert known.find("policy", "p", 2) is None
    later = known.first_after("policy", "p")
    assert later is not None
    assert later.position == 20
    assert known.first_after("policy", "p", 1) is None
    assert rulebook(rule(1), upto=9).names("policy") == ()


@pytest.mark.parametrize("by", ["", " S1", "S1 ", "S\n1", "S\x001", "\udcff", "x" * 201])
def test_adopter_that_is_no_staff_id_is_refused(by: str) -> None:
    with pytest.raises(AdoptionError, match="no staff id"):
        adoption_of(rule(1), by=by)


@pytest.mark.parametrize("author", ["", " S1", "S\n1", "x" * 201])
def test_author_that_is_no_staff_id_is_refused(author: str) -> None:
    with pytest.raises(AdoptionError, match=r"--written-by .* is no staff id"):
        adoption_of(rule(1), by="S1", written_by=author)


def test_who_writes_a_rule_does_not_adopt_it() -> None:
    with pytest.raises(AdoptionError, match=r"S1 wrote this procedure register.* let another person adopt it"):
        adoption_of(rule(1, kind="register"), by="S1", written_by="S1")

    event = adoption_of(rule(1), by="S1", written_by="S2")
    assert read_adoption(event.topic, event.state()).written_by == "S2"


@pytest.mark.parametrize("day", ["soon", "2012-02-30", "20120101", "2012-1-1", "２０１２-01-01", ""])
def test_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(AdoptionError, match=r"--valid-from .* is no date"):
        adoption_of(rule(1), by="S1", valid_from=day)


@pytest.mark.parametrize("reason", ["x" * 2_001, "bell \x07", "\udcff"])
def test_reason_that_cannot_be_kept_is_refused(reason: str) -> None:
    with pytest.raises(AdoptionError, match="--reason"):
        adoption_of(rule(1), by="S1", reason=reason)


def test_name_of_a_file_is_refused() -> None:
    with pytest.raises(AdoptionError, match=r"Leave \.toml out"):
        adoption_of(rule(1, name="p.toml"), by="S1")


def test_stored_event_is_pinned_and_read_back() -> None:
    event = adoption_of(rule(1), by="S1", reason=" 试点 ", valid_from="2012-01-01")
    assert (event.topic, event.state().decode()) == (
        "kaoji.PolicyAdopted.v1",
        (
            '{"adopted_by":"S1","hash":"hash of a","kind":"policy","name":"p","reason":"试点",'
            '"text":"text of a, version 1","valid_from":"2012-01-01","version":1}'
        ),
    )
    assert read_adoption(event.topic, event.state()) == event
    register = adoption_of(rule(1, kind="register"), by="S1")
    assert register.topic == "kaoji.RegisterAdopted.v1"
    assert str(stream_of("policy", "p")) == "1ca9fa3b-5dd9-5562-a84c-cbabcc6dab8a"
    # What a later version of the program adds is passed over.
    assert read_adoption(event.topic, event.state()[:-1] + b',"more":1}') == event


@pytest.mark.parametrize("state", [b"", b"{}", b'{"kind":"policy"}', adoption_of(rule(1), by="S1").state()])
def test_event_of_another_kind_is_none(state: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_adoption("kaoji.RegisterAdopted.v1", state)
