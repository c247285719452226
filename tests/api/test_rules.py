"""Adopted policies and registers: found by name as known at a position, recorded once, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.audit import AuditQuery, audit
from api.bootstrap import Kaoji
from api.rules.adoption import Outcome, adopt
from api.rules.rules import NotYetAdoptedError, find_policy, find_register, registers_as_of, rulebook_of
from api.scores.scorecards import Basis, basis
from api.verification import verification
from domain.errors import UnknownNameError, WrongInputError
from domain.rules.adoption import AdoptionError, ConcurrentAdoptionError, RuleKind
from projections.damage import DamagedViewError
from tests.reference.given import act
from tests.support.product import product, record
from tests.support.rules import POLICY, REGISTER, version, written

ACTIONS = [
    act("licensing.received", "L1", "03-05", owner="s1", unit="u1", procedure="licence"),
    act("licensing.granted", "L1", "03-12", owner="s1", unit="u1", procedure="licence"),
]
HEAD = 2**62


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kaoji]:
    """The product on either store."""
    store = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with product(tmp_path, store=store) as opened:
        yield opened


def adopted(kaoji: Kaoji, kind: RuleKind, file: str, by: str = "boss") -> Outcome:
    return adopt(kaoji, kind, file, by=by)


def march(kaoji: Kaoji, *, as_of: str | None) -> Basis:
    return basis(kaoji, policy="north", from_text="2024-03-01", to_text="2024-03-31", as_of=as_of)


def test_policy_is_found_by_name_and_version_as_known_at_a_position(kaoji: Kaoji, tmp_path: Path) -> None:
    # Given two versions with an action between them
    adopted(kaoji, "policy", written(tmp_path, POLICY))
    record(kaoji, ACTIONS[:1])
    done = adopted(kaoji, "policy", written(tmp_path, POLICY, version(2), ("weight = 60", "weight = 60.0")))
    assert (done.adopted.position, done.new) == (3, True)
    # Then each position knows the newest by then, and every earlier one by its version
    assert [find_policy(kaoji, "north", upto=upto).version for upto in (1, 2, 3, HEAD)] == [1, 1, 2, 2]
    assert find_policy(kaoji, "north@1", upto=HEAD).version == 1
    with pytest.raises(NotYetAdoptedError, match=r"adopted at position 3, after position 2.*from 3 on"):
        find_policy(kaoji, "north@2", upto=2)
    with pytest.raises(NotYetAdoptedError, match="adopted at position 1"):
        find_policy(kaoji, "north", upto=0)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'north@[12]'\?"):
        find_policy(kaoji, "north@3", upto=HEAD)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'north'\?.*gx-2012, .*north"):
        find_policy(kaoji, "nrth", upto=HEAD)


def test_adopted_goes_before_shipped_from_its_position_on(kaoji: Kaoji, tmp_path: Path) -> None:
    ours = written(tmp_path, POLICY, ('"north"', '"gx-2012"'), version(2))
    shipped = find_policy(kaoji, "gx-2012", upto=0)
    assert adopted(kaoji, "policy", ours).adopted.position == 1
    assert find_policy(kaoji, "gx-2012", upto=0) == shipped
    assert find_policy(kaoji, "gx-2012", upto=1).title.en == "North"
    assert find_policy(kaoji, "gx-2012@1", upto=1) == shipped


def test_adopting_the_same_again_records_nothing(kaoji: Kaoji, tmp_path: Path) -> None:
    adopted(kaoji, "policy", written(tmp_path, POLICY))
    adopted(kaoji, "policy", written(tmp_path, POLICY, version(2)))
    # When the first comes again from somebody else, in another layout
    again = adopted(kaoji, "policy", written(tmp_path, POLICY, ("# A comment", "\n# Another comment")), by="s2")
    # Then it is the one that was adopted, and the newer one stays in force
    assert (again.new, again.adopted.position, again.adopted.event.adopted_by) == (False, 1, "boss")
    assert again.to_json()["newest"] == 2
    assert kaoji.ledger.head().position == 2


def test_other_content_under_an_adopted_version_is_refused(kaoji: Kaoji, tmp_path: Path) -> None:
    adopted(kaoji, "register", written(tmp_path, REGISTER))
    with pytest.raises(AdoptionError, match="position 1 with other content"):
        adopted(kaoji, "register", written(tmp_path, REGISTER, ("days = 5", "days = 6")))
    assert kaoji.ledger.head().position == 1


def test_policy_needs_a_register_that_is_known(kaoji: Kaoji, tmp_path: Path) -> None:
    policy = written(tmp_path, POLICY, ('"gx-2012"', '"office"'))
    with pytest.raises(WrongInputError, match=r"No register 'office'.*kaoji procedure adopt FILE"):
        adopted(kaoji, "policy", policy)
    adopted(kaoji, "register", written(tmp_path, REGISTER))
    assert adopted(kaoji, "policy", policy).new


def test_scores_follow_the_rules_known_at_the_position(kaoji: Kaoji, tmp_path: Path) -> None:
    """L1 took seven calendar days: too long for version 1 of the register, in time for version 2."""
    adopted(kaoji, "register", written(tmp_path, REGISTER))
    adopted(kaoji, "policy", written(tmp_path, POLICY, ('"gx-2012"', '"office"')))
    record(kaoji, ACTIONS)
    adopted(kaoji, "register", written(tmp_path, REGISTER, version(2), ("days = 5", "days = 7")))

    def rate(as_of: int | None) -> str:
        found = march(kaoji, as_of=None if as_of is None else str(as_of))
        (card,) = found.to_json(found.scorecards("all"))["subjects"]
        return str(card["indicators"][0]["numerator"])

    assert [rate(4), rate(5), rate(None)] == ["0", "1", "1"]
    assert [find_register(kaoji, "office", upto=upto).register_version for upto in (4, 5)] == [1, 2]
    assert {upto: list(registers_as_of(kaoji, upto)) for upto in (0, 5)} == {0: [], 5: ["office"]}
    with pytest.raises(WrongInputError, match="was adopted at position 2"):
        march(kaoji, as_of="1")


def test_who_adopts_is_known_where_staff_are(kaoji: Kaoji, tmp_path: Path) -> None:
    record(kaoji, [act("staff.joined", "s100", "03-01", unit="u1"), act("unit.opened", "u1", "03-01")])
    with pytest.raises(UnknownNameError, match=r"No staff member 's10'\. Did you mean 's100'\?"):
        adopted(kaoji, "policy", written(tmp_path, POLICY), by="s10")
    with pytest.raises(UnknownNameError, match="No staff member 'u1'"):
        adopted(kaoji, "policy", written(tmp_path, POLICY), by="u1")
    with pytest.raises(UnknownNameError, match=r"No staff member 's20'"):
        adopt(kaoji, "policy", written(tmp_path, POLICY), by="s100", written_by="s20")
    assert kaoji.ledger.head().position == 2
    assert adopted(kaoji, "policy", written(tmp_path, POLICY), by="s100").new


@pytest.mark.parametrize("same", [True, False])
def test_of_two_who_adopt_at_once_the_second_is_told(
    kaoji: Kaoji, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    mine = written(tmp_path, POLICY)
    theirs = (
        mine if same else written(tmp_path, POLICY, ("weight = 60", "weight = 50"), ("weight = 40", "weight = 50"))
    )
    newer = written(tmp_path, POLICY, version(2))
    # Given somebody who adopts in the moment between our look at the rulebook and our event
    inner = kaoji.ledger.record

    def late(event: object) -> int:
        monkeypatch.undo()
        adopt(kaoji, "policy", theirs, by="another")
        return inner(event)  # type: ignore[arg-type]

    monkeypatch.setattr(kaoji.ledger, "record", late)
    # When we adopt, then one event is recorded, and we are told whose it is
    if same:
        done = adopted(kaoji, "policy", mine)
        assert (done.new, done.adopted.position, done.adopted.event.adopted_by) == (False, 1, "another")
    else:
        with pytest.raises(ConcurrentAdoptionError, match=r"north@1 was adopted at position 1 by another"):
            adopted(kaoji, "policy", newer)
    assert kaoji.ledger.head().position == 1


def test_own_events_leave_verification_audit_and_rebuilds_as_they_are(kaoji: Kaoji, tmp_path: Path) -> None:
    # Given adoptions before, between and after actions
    adopted(kaoji, "register", written(tmp_path, REGISTER))
    record(kaoji, ACTIONS[:1])
    adopted(kaoji, "policy", written(tmp_path, POLICY))
    record(kaoji, ACTIONS[1:])
    adopted(kaoji, "policy", written(tmp_path, POLICY, version(2)))
    # Then all is well from scratch, the trail holds the actions alone, and a rebuild knows the same rules
    assert verification(kaoji, from_scratch=True)["faults"] == []
    for query in (AuditQuery(limit=2), AuditQuery(effective=True), AuditQuery(recorded_from="2000-01-01")):
        for indexed in (False, True):
            assert [each["position"] for each in audit(kaoji, query, indexed=indexed)] == [2, 4]
    before = rulebook_of(kaoji).adopted
    assert [each.position for each in before] == [1, 3, 5]
    assert kaoji.driver.rebuild("rulebook", batch_max=2) == 5
    assert rulebook_of(kaoji).adopted == before


def test_changed_adoption_is_found(kaoji: Kaoji, tmp_path: Path) -> None:
    adopted(kaoji, "policy", written(tmp_path, POLICY))
    kaoji.driver.catch_up()
    # Given a forger who changes a target in the ledger, and the leaves kept with it
    store = kaoji.ledger._store
    store.execute(
        "UPDATE stored_events SET state = ? WHERE originator_version = 1",
        (kaoji.ledger.read(after=0, limit=1)[0].facts.replace(b"target = 0.9", b"target = 0.8"),),
    )
    store.execute("DELETE FROM kaoji_integrity_blocks")
    store.execute("DELETE FROM kaoji_view_builds WHERE projection = 'integrity'")
    # Then the view differs, and from scratch the adoption itself is named
    assert verification(kaoji)["faults"] == ["rulebook: position 1 differs from a rebuild"]
    (fault, *_) = verification(kaoji, from_scratch=True)["faults"]
    assert fault == "position 1 is no adoption that holds: its name, version or hash is not that of its text"


def test_rulebook_that_lacks_an_adoption_says_how_to_mend_it(kaoji: Kaoji, tmp_path: Path) -> None:
    adopted(kaoji, "policy", written(tmp_path, POLICY))
    kaoji.driver.catch_up()
    kaoji.ledger._store.execute("DELETE FROM kaoji_adopted_rules")
    with pytest.raises(DamagedViewError, match="kaoji rebuild rulebook"):
        adopted(kaoji, "policy", written(tmp_path, POLICY, version(2)))
    kaoji.driver.rebuild("rulebook")
    assert adopted(kaoji, "policy", written(tmp_path, POLICY, version(2))).adopted.position == 2
