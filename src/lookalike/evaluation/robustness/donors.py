"""Which pictures lend their surround to which: seeded, and so that few have to be held in memory.

Donors of another class come from one pool for the whole dataset, donors of the same class from a pool for that class.
With the pictures taken class by class, no more than the two pools have to be kept, and no picture is decoded twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.evaluation.corruptions.corruption import Donor
from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.sampling import by_group, drawn, in_turn

POOL: Final = 64
"""Donors of another class are drawn from so many pictures, all classes in turn."""
CLASS_POOL: Final = 8
"""Donors of the same class are drawn from so many pictures of it, its groups in turn."""


@dataclass(frozen=True, slots=True)
class Donors:
    """Who can lend to whom, among ``rows`` whose contents are ``digests``.

    ``pool`` and ``class_pools`` are row numbers. ``same_group`` counts the pictures whose class has one group alone, so
    that their donor of the same class comes from it; ``no_class_mate`` those that are alone in their class, whose donor
    is of another class even there.
    """

    rows: Sequence[Row]
    digests: Sequence[bytes]
    seed: int
    pool: tuple[int, ...]
    class_pools: dict[str, tuple[int, ...]]
    same_group: int
    no_class_mate: int

    def candidates(self, row: int, kind: Donor, draw: int) -> list[int]:
        """Row numbers of possible donors for ``row``, the one to take first; others serve where it can't be read.

        Another group before the own one; for the same class, another class where there is no other picture of it.
        """
        mine = self.rows[row]
        possible = {number for number in self.pool if self.rows[number].label != mine.label}
        if kind == "same_class":
            mates = self.class_pools[mine.label]
            possible |= {number for number in mates if self.digests[number] != self.digests[row]}
        salt = self.digests[row] + f" {kind} {draw}".encode()

        def order(number: int) -> tuple[bool, bool, bytes]:
            other = self.rows[number]
            strange = kind == "same_class" and other.label != mine.label
            related = mine.group is not None and other.group == mine.group
            return strange, related, drawn(self.seed, salt, self.digests[number])

        return sorted(possible, key=order)

    def notes(self) -> list[str]:
        """Where the rule for donors of the same class couldn't be kept, in words."""
        said = []
        if self.same_group:
            said.append(
                f"{self.same_group:,} pictures are of classes with one group alone: a surround of their own class came "
                "from that group"
            )
        if self.no_class_mate:
            said.append(
                f"{self.no_class_mate:,} pictures are alone in their class: their surround came from another class "
                "also where it should have come from their own"
            )
        return said


def plan_donors(rows: Sequence[Row], digests: Sequence[bytes], *, seed: int) -> Donors:
    """Choose both pools among ``rows``; the same rows and seed give the same donors."""
    classes: dict[str, list[int]] = defaultdict(list)
    for number in sorted(range(len(rows)), key=lambda number: drawn(seed, b"pool", digests[number])):
        classes[rows[number].label].append(number)
    groups = {label: by_group(rows, numbers) for label, numbers in classes.items()}
    pool = in_turn((in_turn(lists, POOL) for lists in groups.values()), POOL)
    return Donors(
        rows=rows,
        digests=digests,
        seed=seed,
        pool=tuple(pool),
        class_pools={label: tuple(in_turn(lists, CLASS_POOL)) for label, lists in groups.items()},
        same_group=sum(len(lists[0]) for lists in groups.values() if len(lists) == 1 and len(lists[0]) > 1),
        no_class_mate=sum(len(numbers) == 1 for numbers in classes.values()),
    )
