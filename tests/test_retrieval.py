"""How well pictures of one kind find one another: the figures that the default encoder has to reach."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike import Encoder, Gallery, Query

pytestmark = pytest.mark.labelled


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


@pytest.mark.parametrize(("label", "least"), [("cat", 0.98), ("dog", 0.965)])
def test_nearly_all_of_the_first_ten_are_of_the_querys_kind(
    label: str, least: float, catdog: tuple[Gallery, dict[str, str]]
):
    """Every cat and every dog is asked about against all others: precision at 10, the mean over queries of a class."""
    gallery, labels = catdog
    store = gallery._store
    entries, vectors = store.entries(), store.vectors()
    precisions = []
    for entry, row in zip(entries, vectors.rows, strict=True):
        if labels[entry.path] == label:
            # The vector is taken from the gallery instead of encoding the same file again.
            own = store.filter(digest=entry.digest).tolist()
            hits = gallery._ranked(vectors.matrix[row], 10, own, Query.picture(entry.path)).hits
            precisions.append(np.mean([labels[hit.path] == label for hit in hits]))
    assert len(precisions) == 500
    assert np.mean(precisions) >= least
