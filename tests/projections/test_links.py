"""What is near some actions is all that their amended rows depend on, however many links there are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from projections.history.links import KnownLinks, Link, LinkKind, NearLinks

positions = st.integers(1, 12)
kinds = st.sampled_from([LinkKind.CORRECTED, LinkKind.CORRECTED, LinkKind.VOIDED, LinkKind.ABOUT])
links = st.lists(st.tuples(positions, kinds, positions), unique_by=lambda each: each[0], max_size=12)


@given(links=links, cut=st.integers(0, 12), asked=st.sets(positions), later=st.sets(positions))
def test_links_near_some_actions_say_of_them_what_all_links_say(
    links: list[tuple[int, LinkKind, int]], cut: int, asked: set[int], later: set[int]
) -> None:
    # Given links that came in two batches, none of an action to itself
    everything, known = NearLinks(), KnownLinks()
    found = [Link(own, kind, target, max(own, target)) for own, kind, target in links if own != target]
    for some in (found[:cut], found[cut:]):
        columns = np.array(some, np.int64).reshape(-1, len(Link._fields)).T
        known.add(dict(zip(Link._fields, columns, strict=True)))
    for link in found:
        everything.remember(link)
    # Then what is near some actions says of a further link to one of them what all of them say
    near = known.near(asked)
    for target in sorted(asked):
        void = Link(99, LinkKind.VOIDED, target, 99)
        assert near.amended_by(void) == everything.amended_by(void)
        for amended in sorted({target, *everything.amended_by(void)}):
            for at in sorted({0, 99, *later}):
                assert near.corrections_of(amended, at) == everything.corrections_of(amended, at)
    # And so it does where a correction that is among them comes into force, or is voided
    for target in sorted(asked):
        for each in (near, everything):
            each.remember(Link(target, LinkKind.CORRECTED, 50, 50))
        assert near.corrections_of(50, 99) == everything.corrections_of(50, 99)
