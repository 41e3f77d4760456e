"""Choose the donors: images whose background replaces that of others. They are seeded, and few enough for memory.

Donors of another class come from one pool for the whole dataset, donors of the same class from a pool for each class.
With the images processed class by class, only two pools are in memory at a time and every image is decoded once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.evaluation.corruptions.corruption import DonorKind
from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.sampling import round_robin, rows_by_group, seeded_key

POOL: Final = 64
"""Size of the pool of donors of another class; it takes images from all classes in turn."""
CLASS_POOL: Final = 8
"""Size of the pool of donors of the same class; it takes images from all groups of the class in turn."""


@dataclass(frozen=True, slots=True)
class DonorPlan:
    """Which images can be donors for which, among ``rows`` with the content digests ``digests``.

    ``pool`` and ``class_pools`` are row numbers. ``same_group_count`` counts images in classes of a single group, whose
    same-class donor therefore comes from their own group. ``alone_in_class_count`` counts images that are alone in
    their class, whose "same-class" donor therefore comes from another class.
    """

    rows: Sequence[Row]
    digests: Sequence[bytes]
    seed: int
    pool: tuple[int, ...]
    class_pools: dict[str, tuple[int, ...]]
    same_group_count: int
    alone_in_class_count: int

    def candidates(self, row: int, kind: DonorKind, draw: int) -> list[int]:
        """Row numbers of possible donors for ``row``, in the order to try them; the next is used if one is unreadable.

        Donors from other groups come first. For a same-class donor, other classes come last.
        """
        own = self.rows[row]
        possible = {number for number in self.pool if self.rows[number].label != own.label}
        if kind == "same_class":
            classmates = self.class_pools[own.label]
            possible |= {number for number in classmates if self.digests[number] != self.digests[row]}
        salt = self.digests[row] + f" {kind} {draw}".encode()

        def order(number: int) -> tuple[bool, bool, bytes]:
            other = self.rows[number]
            wrong_class = kind == "same_class" and other.label != own.label
            same_group = own.group is not None and other.group == own.group
            return wrong_class, same_group, seeded_key(self.seed, salt, self.digests[number])

        return sorted(possible, key=order)

    def notes(self) -> list[str]:
        """Sentences on the images that have no donor of their class from another group."""
        notes = []
        if self.same_group_count:
            notes.append(
                f"{self.same_group_count:,} images are in classes with a single group: their same-class background "
                "comes from that group"
            )
        if self.alone_in_class_count:
            notes.append(
                f"{self.alone_in_class_count:,} images are alone in their class: their same-class background comes "
                "from another class"
            )
        return notes


def plan_donors(rows: Sequence[Row], digests: Sequence[bytes], *, seed: int) -> DonorPlan:
    """Choose both pools among ``rows``; the same rows and seed give the same donors."""
    classes: dict[str, list[int]] = defaultdict(list)
    for number in sorted(range(len(rows)), key=lambda number: seeded_key(seed, b"pool", digests[number])):
        classes[rows[number].label].append(number)
    groups = {label: rows_by_group(rows, numbers) for label, numbers in classes.items()}
    pool = round_robin((round_robin(lists, POOL) for lists in groups.values()), POOL)
    return DonorPlan(
        rows=rows,
        digests=digests,
        seed=seed,
        pool=tuple(pool),
        class_pools={label: tuple(round_robin(lists, CLASS_POOL)) for label, lists in groups.items()},
        same_group_count=sum(len(lists[0]) for lists in groups.values() if len(lists) == 1 and len(lists[0]) > 1),
        alone_in_class_count=sum(len(numbers) == 1 for numbers in classes.values()),
    )
