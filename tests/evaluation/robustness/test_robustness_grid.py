"""The parts of a robustness run: cells and versions, background donors, and subsets of a dataset."""

from collections import Counter

import numpy as np
import pytest

from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import CORRUPTIONS
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.sampling import round_robin, subset
from lookalike.evaluation.robustness import grid as grid_module
from lookalike.evaluation.robustness.donors import CLASS_POOL, POOL, plan_donors
from lookalike.evaluation.robustness.grid import (
    CLEAN,
    TARGETS,
    Cell,
    Version,
    grid,
    image_key,
    mixed_gallery_mask,
    select_corruptions,
    versions_of,
)


def digests(count: int) -> list[bytes]:
    """``count`` different digests."""
    return [bytes([number % 256, number // 256]) * 16 for number in range(count)]


def dataset(rows: list[Row]) -> Dataset:
    """A dataset of ``rows`` without files."""
    from pathlib import Path

    return Dataset("made up", Path("nowhere"), tuple(rows), "CSV", Path("nowhere"), "made up")


def test_everything_is_selected_by_default():
    """Named corruptions are selected with their controls, in catalogue order."""
    assert select_corruptions() == tuple(CORRUPTIONS.values())
    selected = [one.name for one in select_corruptions(["yaw", "gaussian_noise"])]
    assert selected == ["gaussian_noise", "yaw", "planar_yaw"]
    assert {one.family for one in select_corruptions(families=["blur", "weather"])} == {"blur", "weather"}


def test_the_grid_has_only_existing_severities():
    """A flip has one severity, also if more are requested; severity 0 is an error."""
    assert grid(select_corruptions(["flip", "fog"]), [5, 1, 5]) == (Cell("fog", 1), Cell("fog", 5), Cell("flip", 1))
    with pytest.raises(EvaluationError, match="severity 0"):
        grid(select_corruptions(["fog"]), [0])


def test_only_the_target_both_needs_a_second_draw():
    """The other targets need one corrupted version of each image, because no query finds itself."""
    cells = grid(select_corruptions(["fog"]), [1, 3])
    single = {CLEAN, Version("fog", 1), Version("fog", 3)}
    assert {target: set(versions_of(cells, target)) for target in TARGETS} == {
        "query": single,
        "gallery": single,
        "mixed": single,
        "both": single | {Version("fog", 1, 2), Version("fog", 3, 2)},
    }
    assert all(versions_of(cells, target)[0] == CLEAN for target in TARGETS)
    assert image_key(b"x", 1) != image_key(b"x", 2)


def test_what_describes_a_version_are_its_parameters(monkeypatch: pytest.MonkeyPatch):
    """After a change of a corruption's parameters, or with another seed, kept vectors are not reused."""
    from dataclasses import replace

    before = Version("fog", 3).describe(0)
    assert Version("fog", 3).describe(1) != before
    assert CLEAN.describe(1) == CLEAN.describe(0)
    fog = CORRUPTIONS["fog"]
    values = {name: tuple(2 * number for number in numbers) for name, numbers in fog.parameter_values.items()}
    changed = dict(CORRUPTIONS) | {"fog": replace(fog, parameter_values=values)}
    monkeypatch.setattr(grid_module, "CORRUPTIONS", changed)
    assert Version("fog", 3).describe(0) != before


def test_half_of_a_mixed_gallery_is_corrupted():
    """The half depends on the corruption and the seed."""
    contents = digests(1000)
    corrupted = mixed_gallery_mask(contents, "fog", seed=0)
    assert 0.45 < corrupted.mean() < 0.55
    assert np.array_equal(corrupted, mixed_gallery_mask(contents, "fog", seed=0))
    for other in (mixed_gallery_mask(contents, "rain", seed=0), mixed_gallery_mask(contents, "fog", seed=1)):
        assert 0.4 < (corrupted == other).mean() < 0.6


def test_donors_come_from_small_pools():
    """The pools stay small whatever the size of the dataset, and different images have different donors."""
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


def test_exceptions_from_the_donor_rules_are_counted():
    """A class of one group has donors within it, a class of one image in other classes; notes say both."""
    rows = [Row("1", "a", "g"), Row("2", "a", "g"), Row("3", "b", "h"), Row("4", "c", None), Row("5", "c", None)]
    donors = plan_donors(rows, digests(5), seed=0)
    assert donors.candidates(0, "same_class", 1)[0] == 1
    assert rows[donors.candidates(2, "same_class", 1)[0]].label != "b"
    assert donors.candidates(3, "same_class", 1)[0] == 4
    assert (donors.same_group_count, donors.alone_in_class_count) == (2, 1)
    assert len(donors.notes()) == 2


def test_an_exact_copy_is_no_donor():
    """An image never gets its own background."""
    rows = [Row("1", "a"), Row("2", "a"), Row("3", "a"), Row("4", "b")]
    contents = digests(4)
    contents[1] = contents[0]
    assert plan_donors(rows, contents, seed=0).candidates(0, "same_class", 1)[0] == 2


def test_a_subset_keeps_classes_and_groups():
    """A subset has every class, and as many groups of each as fit."""
    rows = [Row(f"{n}.jpg", "ab"[n % 2], f"g{n % 6}") for n in range(60)]
    part = subset(dataset(rows), 3, seed=0)
    assert Counter(row.label for row in part.rows) == {"a": 3, "b": 3}
    assert len({row.group for row in part.rows}) == 6
    assert part.rows == subset(dataset(rows), 3, seed=0).rows
    assert part.rows != subset(dataset(rows), 3, seed=1).rows
    assert "6 of 60 images" in part.notes[-1]
    assert subset(dataset(rows), 30, seed=0) == dataset(rows)
    with pytest.raises(EvaluationError, match="at least 2"):
        subset(dataset(rows), 1, seed=0)


def test_a_subset_keeps_both_parts_of_a_split():
    """Queries and gallery images are drawn separately."""
    rows = [Row(f"{n}.jpg", "ab"[n % 2], split="query" if n < 4 else "gallery") for n in range(40)]
    part = subset(dataset(rows), 2, seed=0)
    assert Counter((row.label, row.split) for row in part.rows) == dict.fromkeys(
        [("a", "query"), ("b", "query"), ("a", "gallery"), ("b", "gallery")], 2
    )


def test_round_robin_takes_from_each_list_in_turn():
    """It takes the first of each list, then the second of each, up to the limit."""
    assert round_robin([[1, 2, 3], [4], [5, 6]], 5) == [1, 4, 5, 2, 6]
    assert round_robin([], 5) == []
