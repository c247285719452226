"""Seeded picks that fall alike on every machine: only `random.Random.random` is asked, which never changes."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Whole numbers, picks and shuffles from one seed; the other methods of `Random` differ between releases."""

    __slots__ = ("roll",)

    def __init__(self, seed: int) -> None:
        self.roll = Random(seed).random

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return int(self.roll() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high], both inclusive."""
        return low + int(self.roll() * (high - low + 1))

    def happens(self, chance: float) -> bool:
        """Whether something of this probability happens."""
        return self.roll() < chance

    def pick(self, choices: Sequence[T]) -> T:
        """One of them, all equally likely."""
        return choices[int(self.roll() * len(choices))]

    def low_of(self, low: int, high: int) -> int:
        """A whole number in [low, high] that is mostly low: the lower of two."""
        return low + int(min(self.roll(), self.roll()) * (high - low + 1))

    def bell(self) -> float:
        """A number around 0 with deviation 1, in [-3.5, 3.5]: a sum of evens, which needs no logarithm."""
        roll = self.roll
        return (roll() + roll() + roll() + roll() - 2.0) * 1.7320508

    def shuffle(self, things: MutableSequence[T]) -> None:
        """Shuffle in place."""
        for last in range(len(things) - 1, 0, -1):
            other = int(self.roll() * (last + 1))
            things[last], things[other] = things[other], things[last]

    def sample(self, things: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in the order in which they stand; all of them where there are fewer."""
        places = list(range(len(things)))
        self.shuffle(places)
        return [things[place] for place in sorted(places[:count])]
