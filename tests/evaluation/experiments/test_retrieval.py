"""Retrieval quality of the default encoder on labelled images."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike import Encoder, Gallery, Query

pytestmark = [pytest.mark.labelled, pytest.mark.slow]


@pytest.fixture(scope="session")
def catdog(
    labelled_photographs: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gallery, dict[str, str]]]:
    """A gallery of the thousand cats and dogs, and the label of each path."""
    root = labelled_photographs / "catdog"
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        labels = {row["path"]: row["label"] for row in csv.DictReader(file)}
    with Gallery.create(root, tmp_path_factory.mktemp("catdog") / "gallery", encoder=encoder) as gallery:
        report = gallery.update()
        assert report.added == len(labels)
        yield gallery, labels


@pytest.mark.parametrize(("label", "minimum"), [("cat", 0.98), ("dog", 0.965)])
def test_the_default_encoder_reaches_its_precision_at_10(
    label: str, minimum: float, catdog: tuple[Gallery, dict[str, str]]
):
    """Every image is searched for among all others: the mean precision@10 of each class reaches its minimum."""
    gallery, labels = catdog
    ids = {hit.path: hit.id for hit in gallery.search(Query.id("1"), 1000, include_self=True).hits}
    paths = [path for path in ids if labels[path] == label]
    rankings = gallery.search_many([Query.id(ids[path]) for path in paths], 10)
    precisions = [np.mean([labels[hit.path] == label for hit in ranking.hits]) for ranking in rankings]
    assert len(precisions) == 500
    assert np.mean(precisions) >= minimum
