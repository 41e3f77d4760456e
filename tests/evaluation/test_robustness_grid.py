"""What a robustness run is made of: cells and their versions, who lends to whom, and which pictures are taken."""

from collections import Counter

import numpy as np
import pytest

from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import CORRUPTIONS
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.sampling import in_turn, subset
from lookalike.evaluation.robustness.donors import CLASS_POOL, POOL, plan_donors
from lookalike.evaluation.robustness.grid import (
    CLEAN,
    SIDES,
    Cell,
    Version,
    chosen,
    damaged_of_mixed,
    grid,
    identity,
    versions_of,
)


def digests(count: int) -> list[bytes]:
    """So many contents."""
    return [bytes([number % 256, number // 256]) * 16 for number in range(count)]


def dataset(rows: list[Row]) -> Dataset:
    """A dataset of ``rows`` whose pictures nobody opens."""
    from pathlib import Path

    return Dataset("made up", Path("nowhere"), tuple(rows), "CSV", Path("nowhere"), "made up")


def test_everything_is_chosen_unless_something_is_named():
    """Named corruptions bring their controls along; the order is always the catalogue's."""
    assert chosen() == tuple(CORRUPTIONS.values())
    named = [one.name for one in chosen(["yaw", "gaussian_noise"])]
    assert named == ["gaussian_noise", "yaw", "planar_yaw"]
    assert {one.family for one in chosen(families=["blur", "weather"])} == {"blur", "weather"}


def test_the_grid_has_the_severities_that_there_are():
    """A flip has one severity; asking for others as well doesn't invent any."""
    assert grid(chosen(["flip", "fog"]), [5, 1, 5]) == (Cell("fog", 1), Cell("fog", 5), Cell("flip", 1))
    with pytest.raises(EvaluationError, match="severity 0"):
        grid(chosen(["fog"]), [0])


def test_only_both_sides_need_a_second_draw():
    """A picture is never in its own query's gallery, so one damaged version of each serves the other sides."""
    cells = grid(chosen(["fog"]), [1, 3])
    one = {CLEAN, Version("fog", 1), Version("fog", 3)}
    assert {side: set(versions_of(cells, side)) for side in SIDES} == {
        "query": one,
        "gallery": one,
        "mixed": one,
        "both": one | {Version("fog", 1, 2), Version("fog", 3, 2)},
    }
    assert all(versions_of(cells, side)[0] == CLEAN for side in SIDES)
    assert identity(b"x", 1) != identity(b"x", 2)


def test_a_version_is_stored_under_its_parameters(monkeypatch: pytest.MonkeyPatch):
    """Were a corruption's table changed, its old vectors would not be taken for the new ones."""
    from dataclasses import replace

    before = Version("fog", 3).name
    fog = CORRUPTIONS["fog"]
    table = {name: tuple(2 * number for number in numbers) for name, numbers in fog.table.items()}
    monkeypatch.setitem(CORRUPTIONS, "fog", replace(fog, table=table))
    assert Version("fog", 3).name != before


def test_half_of_a_mixed_gallery_is_damaged():
    """Which half is drawn anew for every corruption and seed."""
    contents = digests(1000)
    damaged = damaged_of_mixed(contents, "fog", seed=0)
    assert 0.45 < damaged.mean() < 0.55
    assert np.array_equal(damaged, damaged_of_mixed(contents, "fog", seed=0))
    for other in (damaged_of_mixed(contents, "rain", seed=0), damaged_of_mixed(contents, "fog", seed=1)):
        assert 0.4 < (damaged == other).mean() < 0.6


def test_donors_come_from_pools_that_stay_small():
    """Whatever the dataset's size, few pictures have to be held, and the lent ones differ from picture to picture."""
    rows = [Row(f"{n}.jpg", f"class {n % 40}", f"group {n % 200}") for n in range(2000)]
    donors = plan_donors(rows, digests(2000), seed=1)
    assert len(donors.pool) == POOL
    assert Counter(len(pool) for pool in donors.class_pools.values()) == {CLASS_POOL: 40} or all(
        len(pool) <= CLASS_POOL for pool in donors.class_pools.values()
    )
    used = set()
    for number in range(0, 2000, 7):
        other, same = (donors.candidates(number, kind, 1)[0] for kind in ("other_class", "same_class"))
        assert rows[other].label != rows[number].label
        assert rows[other].group != rows[number].group
        assert rows[same].label == rows[number].label
        assert rows[same].group != rows[number].group
        used.add(other)
    assert len(used) > POOL / 2
    assert donors.notes() == []


def test_donors_that_cant_be_as_they_should_are_counted():
    """A class of one group lends within it; a class of one picture borrows from others; both are said."""
    rows = [Row("1", "a", "g"), Row("2", "a", "g"), Row("3", "b", "h"), Row("4", "c", None), Row("5", "c", None)]
    donors = plan_donors(rows, digests(5), seed=0)
    assert donors.candidates(0, "same_class", 1)[0] == 1
    assert rows[donors.candidates(2, "same_class", 1)[0]].label != "b"
    assert donors.candidates(3, "same_class", 1)[0] == 4
    assert (donors.same_group, donors.no_class_mate) == (2, 1)
    assert len(donors.notes()) == 2


def test_an_exact_copy_lends_nothing():
    """A surround of one's own would be no damage at all."""
    rows = [Row("1", "a"), Row("2", "a"), Row("3", "a"), Row("4", "b")]
    contents = digests(4)
    contents[1] = contents[0]
    assert plan_donors(rows, contents, seed=0).candidates(0, "same_class", 1)[0] == 2


def test_a_subset_keeps_classes_and_groups():
    """Few of many pictures still have every class, and as many groups of each as fit."""
    rows = [Row(f"{n}.jpg", "ab"[n % 2], f"g{n % 6}") for n in range(60)]
    part = subset(dataset(rows), 3, seed=0)
    assert Counter(row.label for row in part.rows) == {"a": 3, "b": 3}
    assert len({row.group for row in part.rows}) == 6
    assert part.rows == subset(dataset(rows), 3, seed=0).rows
    assert part.rows != subset(dataset(rows), 3, seed=1).rows
    assert "6 of 60 pictures" in part.notes[-1]
    assert subset(dataset(rows), 30, seed=0) == dataset(rows)
    with pytest.raises(EvaluationError, match="at least 2"):
        subset(dataset(rows), 1, seed=0)


def test_a_subset_keeps_both_sides_of_a_split():
    """Queries are drawn apart from the gallery."""
    rows = [Row(f"{n}.jpg", "ab"[n % 2], split="query" if n < 4 else "gallery") for n in range(40)]
    part = subset(dataset(rows), 2, seed=0)
    assert Counter((row.label, row.split) for row in part.rows) == dict.fromkeys(
        [("a", "query"), ("b", "query"), ("a", "gallery"), ("b", "gallery")], 2
    )


def test_lists_are_taken_in_turn():
    """The first of each, then the second of each."""
    assert in_turn([[1, 2, 3], [4], [5, 6]], 5) == [1, 4, 5, 2, 6]
    assert in_turn([], 5) == []
