"""The similarity matrix: its order, block-wise computation, files and plot."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike.errors import DatasetError
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.load import load_images
from lookalike.evaluation.experiments.matrix import Band, SimilarityMatrix, similarity_matrix
from lookalike.report import matrix as matrix_report
from lookalike.report.matrix import write_csv, write_npy
from lookalike.report.rasters.matrix_plot import matrix_plot
from lookalike.report.rasters.viridis import viridis

Cli = Callable[..., Result]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Three classes of unequal size, labelled in a CSV whose rows are shuffled."""
    order = np.random.default_rng(5).permutation(23).tolist()
    for number in order:
        drawn(tmp_path / "pets" / f"{number:02}.png", number)
    rows = "".join(
        f"{n:02}.png,{('cat', 'dog', 'ant, red')[n % 5 % 3]}\n".replace("ant, red", '"ant, red"') for n in order
    )
    (tmp_path / "pets" / "labels.csv").write_text(f"path,label\n{rows}")
    return tmp_path / "pets"


@pytest.fixture
def matrix(pets: Path, fake: FakeEncoder) -> SimilarityMatrix:
    """All images against all."""
    embedded = embed_dataset(load_images(pets), fake)
    return similarity_matrix(embedded, embedded)


@pytest.fixture(params=[1, 100, 10_000_000])
def blocked(matrix: SimilarityMatrix, request: pytest.FixtureRequest) -> SimilarityMatrix:
    """All images against all, computed in blocks of about this many bytes."""
    return replace(matrix, block_bytes=request.param)


def test_rows_and_columns_are_sorted_by_class(matrix: SimilarityMatrix, pets: Path, fake: FakeEncoder):
    """Images are sorted by class and path, and every cell is the cosine of its two images."""
    rows = matrix.queries.rows
    assert list(rows) == sorted(rows, key=lambda row: (row.label, row.path))
    assert matrix.queries.bands == (Band("ant, red", 0, 5), Band("cat", 5, 14), Band("dog", 14, 23))
    vectors = fake.embed([pets / row.path for row in rows])
    assert matrix.shape == (23, 23)
    assert np.allclose(matrix.values, vectors @ vectors.T, atol=1e-6)
    assert matrix.values.dtype == np.float32


def test_downsampling_averages_cells(blocked: SimilarityMatrix):
    """A downsampled matrix has the mean of the cells of each pixel, whatever the block size."""
    values = blocked.values.astype(np.float64)
    for height, width in ((23, 23), (1, 1), (5, 7), (23, 4), (1, 23)):
        downs, across = np.arange(23) * height // 23, np.arange(23) * width // 23
        expected = [
            [values[np.ix_(downs == row, across == column)].mean() for column in range(width)] for row in range(height)
        ]
        assert np.allclose(blocked.downsample(height, width), expected, atol=1e-6)


def test_the_summary_excludes_self(blocked: SimilarityMatrix):
    """Percentiles and means are those of all cells but those of an image with itself."""
    extent, means = blocked.summary
    values = blocked.values.astype(np.float64)
    labels = np.array([row.label for row in blocked.queries.rows])
    others, same = ~np.eye(23, dtype=bool), labels[:, np.newaxis] == labels
    assert (extent.minimum, extent.maximum) == (pytest.approx(values.min()), pytest.approx(values.max()))
    assert (extent.low, extent.high) == pytest.approx(tuple(np.percentile(values[others], (0.5, 99.5))))
    assert means.same == pytest.approx(values[same & others].mean())
    assert means.other == pytest.approx(values[~same].mean())


def test_files_contain_the_matrix(blocked: SimilarityMatrix, tmp_path: Path):
    """NumPy reads the .npy file back; the CSV has the paths and the same numbers to six digits."""
    assert np.array_equal(np.load(write_npy(tmp_path / "a.npy", blocked)), blocked.values)
    with write_csv(tmp_path / "a.csv", blocked).open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["path", *(row.path for row in blocked.gallery.rows)]
    assert [row[0] for row in rows] == [row.path for row in blocked.queries.rows]
    assert np.allclose(np.array([row[1:] for row in rows], float), blocked.values, atol=5.1e-7)


def test_images_without_classes(tmp_path: Path, fake: FakeEncoder):
    """A folder without classes and a single image are accepted: they have no bands and no class means."""
    for number in range(5):
        drawn(tmp_path / "some" / "below" / f"{number}.png", number)
        drawn(tmp_path / "some" / f"photo {number}.png", number + 5)
    some = load_images(tmp_path / "some")
    one = load_images(tmp_path / "some" / "photo 0.png")
    assert (some.layout, len(some.rows), len(one.rows), one.name) == ("unlabelled", 10, 1, "photo 0.png")
    assert re.search("classes unknown: .*ambiguous", some.notes[0])
    matrix = similarity_matrix(embed_dataset(one, fake), embed_dataset(some, fake))
    assert (matrix.shape, matrix.gallery.bands) == ((1, 10), ())
    means = matrix.summary[1]
    assert (means.same, means.other) == (None, None)
    assert matrix.values.max() == pytest.approx(1)
    assert matrix_plot(matrix).mode == "RGB"


def test_one_image_with_itself(tmp_path: Path, fake: FakeEncoder):
    """A matrix of one cell, which is self, can be plotted."""
    drawn(tmp_path / "one.png", 1)
    embedded = embed_dataset(load_images(tmp_path / "one.png"), fake)
    assert matrix_plot(similarity_matrix(embedded, embedded)).width > 0


def test_invalid_labels_are_an_error(tmp_path: Path):
    """An invalid labels.csv is an error; classes are unknown only where there are no labels."""
    drawn(tmp_path / "a.png", 1)
    (tmp_path / "labels.csv").write_text("path,label\nb.png,x\n")
    with pytest.raises(DatasetError, match="no such file"):
        load_images(tmp_path)
    (tmp_path / "labels.csv").unlink()
    assert load_images(tmp_path).layout == "unlabelled"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no images"):
        load_images(tmp_path / "empty")


def test_encoders_are_never_mixed(pets: Path, fake: FakeEncoder):
    """Queries and gallery must be embedded with the same encoder."""
    dataset = load_images(pets)
    with pytest.raises(ValueError, match="same encoder"):
        similarity_matrix(embed_dataset(dataset, fake), embed_dataset(dataset, FakeEncoder("other")))


def test_the_plot_shows_the_cells(matrix: SimilarityMatrix):
    """The plot has each cell in its colour, and white lines between classes."""
    extent, _ = matrix.summary
    pixels = np.asarray(matrix_plot(matrix))
    colours = viridis(matrix.values, extent.low, extent.high)
    cell = 48
    corner = np.argwhere((pixels[:-20, :-20] == colours[0, 0]).all(axis=2))
    top, left = corner[0]
    middles = pixels[top + cell // 2 :: cell, left + cell // 2 :: cell][:23, :23]
    assert np.array_equal(middles, colours)
    assert (pixels[top + 5 * cell, left + 5 : left + 20] == 255).all()
    assert (pixels[top + 5 : top + 20, left + 14 * cell] == 255).all()


def test_many_classes_are_plotted_with_the_names_that_fit(tmp_path: Path, fake: FakeEncoder):
    """With more classes than names fit, the plot keeps a reasonable size."""
    lines = ["path,label"]
    for number in range(300):
        drawn(tmp_path / f"{number}.png", number, (8, 8))
        lines.append(f"{number}.png,a class of a long name {number // 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    embedded = embed_dataset(load_images(tmp_path), fake)
    image = matrix_plot(similarity_matrix(embedded, embedded))
    assert max(image.size) < 2400


def test_the_colours_rise_evenly_in_lightness():
    """Equal steps of value are equal steps of CIELAB lightness, nearly."""
    rgb = viridis(np.linspace(0, 1, 101), 0, 1) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    assert (np.diff(lightness) > 0).all()
    assert np.abs(lightness - np.linspace(lightness[0], lightness[-1], 101)).max() < 3
    assert np.array_equal(viridis(np.array([-9.0, 9.0]), 0, 1), viridis(np.array([0.0, 1.0]), 0, 1))


def test_the_command_writes_four_files(pets: Path, tmp_path: Path, call: Cli):
    """The command writes plot, .npy, CSV and JSON, and prints a summary."""
    result = call("matrix", pets / "00.png", pets, "--out", tmp_path / "out", "--encoder", "colours")
    assert (result.code, result.err) == (0, "")
    assert "queries  1 of 00.png\ngallery  23 of pets\nencoder  colours\n" in result.out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "similarity.csv",
        "similarity.json",
        "similarity.npy",
        "similarity.png",
    ]
    answer = json.loads((tmp_path / "out" / "similarity.json").read_text("utf-8"))
    assert (answer["version"], answer["shape"], answer["stamp"]["name"]) == (1, [1, 23], "colours")
    assert answer["queries"]["images"] == [{"path": "00.png", "label": None}]
    assert answer["gallery"]["images"][0]["label"] == "ant, red"
    with Image.open(tmp_path / "out" / "similarity.png") as image:
        assert image.width > 300
    again = call("matrix", pets / "00.png", pets, "--out", tmp_path / "out", "--encoder", "colours", "--json")
    assert json.loads(again.out) == answer


def test_a_huge_csv_needs_the_option(pets: Path, tmp_path: Path, call: Cli, monkeypatch: pytest.MonkeyPatch):
    """Above the limit the CSV is not written, with a message about its size; --csv writes it."""
    monkeypatch.setattr(matrix_report, "CSV_CELLS", 500)
    result = call("matrix", pets, pets, "--out", tmp_path / "out", "--encoder", "colours")
    assert result.code == 0
    assert re.search("similarity.csv was not written: 23 x 23 cells .* GB; .*--csv", result.err)
    assert not (tmp_path / "out" / "similarity.csv").exists()
    assert call("matrix", pets, pets, "--out", tmp_path / "out", "--encoder", "colours", "--csv").err == ""
    assert (tmp_path / "out" / "similarity.csv").exists()


def test_the_encoder_and_embeddings_of_a_gallery_are_used(pets: Path, tmp_path: Path, call: Cli, fake: FakeEncoder):
    """Without --encoder, the gallery's encoder is used, and its images are not encoded again."""
    index(pets, fake).close()
    before = fake.encoded
    assert call("matrix", pets, pets, "--out", tmp_path / "out").code == 0
    assert fake.encoded == before
