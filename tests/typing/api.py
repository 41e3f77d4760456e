"""A user's program on the public interface: type-checked strictly against the installed package, and run by a test.

Nothing here imports a private module, so a public function whose result a user can't annotate fails here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import lookalike
from lookalike import (
    Encoder,
    EncoderSpec,
    Gallery,
    Hit,
    ImageError,
    LookalikeError,
    Query,
    Ranking,
    Skipped,
    Status,
    UpdateReport,
    evaluation,
    load_encoder,
)


def show(done: int, total: int, path: str) -> None:
    """Print the progress of a long call."""
    print(f"{done} of {total}: {path}")


def index(folder: Path, encoder: Encoder) -> UpdateReport:
    """Make a gallery of ``folder``."""
    with Gallery.create(folder, encoder=encoder) as gallery:
        report = gallery.update(verify=True, progress=show)
        assert_type(report, UpdateReport)
        assert_type(report.images_per_second, float)
        return report


def search(folder: Path, query: Path) -> list[Hit]:
    """Search by a file, by an array in memory, and by what was found."""
    with Gallery.open(folder) as gallery:
        ranking = gallery.search(query, k=5)
        assert_type(ranking, Ranking)
        assert_type(ranking.hits, tuple[Hit, ...])
        best = ranking.hits[0]
        assert_type(best.score, float)
        assert_type(best.percentile, float | None)
        assert_type(best.file, Path)
        assert_type(gallery.search_many([query, Query.image(np.eye(64, dtype=np.uint8) * 255)]), list[Ranking])
        assert_type(gallery.image(best.id).path, str)
        assert_type(gallery.thumbnail(best.id, 320), bytes)
        assert_type(gallery.embeddings(), tuple[list[str], NDArray[np.float32]])
        assert_type(len(gallery), int)
        return list(ranking.hits)


def describe(folder: Path) -> str:
    """What is in a gallery."""
    with Gallery.open(folder) as gallery:
        status = gallery.status()
        assert_type(status, Status)
        assert_type(status.skipped, tuple[Skipped, ...])
        assert_type(gallery.stamp, EncoderSpec)
        return f"{len(gallery)} images, {len(status.skipped)} skipped"


def embed(encoder: Encoder, images: list[Path]) -> NDArray[np.float32]:
    """The embeddings of ``images``: unit vectors of shape (n, dimension)."""
    vectors = encoder.embed(images)
    assert_type(vectors, NDArray[np.float32])
    return vectors


def measure(folder: Path, encoder: Encoder) -> float:
    """Precision@1 of the labelled images in ``folder``."""
    embedded = evaluation.embed_dataset(evaluation.load_dataset(folder), encoder)
    precision = evaluation.evaluate(embedded, ks=(1,)).metrics.micro["precision@1"]
    assert_type(precision, float)
    return precision


def reason(folder: Path, query: Path) -> str:
    """Why ``query`` can't be searched with."""
    try:
        return search(folder, query)[0].path
    except ImageError as error:
        assert_type(error.reason, str)
        return error.reason
    except LookalikeError as error:
        return str(error)


def main(folder: Path, query: Path) -> None:
    """Index ``folder``, search it with ``query``, and print what was found."""
    encoder = load_encoder("efficientnet-lite2")
    index(folder, encoder)
    print(lookalike.__version__, describe(folder), embed(encoder, [query]).shape)
    print(*(f"{hit.rank} {hit.score:.3f} {hit.path}" for hit in search(folder, query)), sep="\n")
    print(reason(folder, folder / "missing.jpg"))
    print(f"precision@1 {measure(folder, encoder):.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
