"""Embeddings from elsewhere are measured by the same protocol as those of an encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike.errors import DatasetError
from lookalike.evaluation.data.embedded import ExternalEmbeddings
from lookalike.evaluation.data.external import load_embeddings
from lookalike.evaluation.experiments.evaluate import evaluate

Cli = Callable[..., Result]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Twelve images of two classes with a labels.csv, in groups of two, the first two with equal bytes."""
    rows = ["path,label,group"]
    for number in range(12):
        label = ("cat", "dog")[number % 2]
        drawn(tmp_path / "pets" / f"{number}.png", 0 if number == 2 else number)
        rows.append(f"{number}.png,{label},{label}{number // 4}")
    (tmp_path / "pets" / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "pets"


def written(pets: Path, fake: FakeEncoder, factor: float = 1.0, dtype: type = np.float32) -> Path:
    """The embeddings of the images by the fake encoder, as an array in the order of the CSV."""
    with index(pets, fake) as gallery:
        vectors = {image.path: vector for image, vector in gallery.iter_embeddings()}
    array = np.stack([vectors[f"{number}.png"] for number in range(12)])
    np.save(pets.parent / "embeddings.npy", (array * factor).astype(dtype))
    return pets.parent / "embeddings.npy"


def test_the_metrics_are_those_of_the_encoder(pets: Path, fake: FakeEncoder):
    """The same vectors give the same metrics and intervals, with every junk rule."""
    embedded = load_embeddings(written(pets, fake), pets / "labels.csv")
    ours, theirs = evaluate(pets, fake, ks=(1, 3)), evaluate(embedded, ks=(1, 3))
    assert theirs.metrics.micro == ours.metrics.micro
    assert theirs.metrics.intervals == ours.metrics.intervals
    assert [other.micro for other in theirs.others] == [other.micro for other in ours.others]
    assert isinstance(theirs.encoder, ExternalEmbeddings)
    assert (theirs.encoder.name, theirs.encoder.dimension) == ("embeddings.npy", fake.spec.dimension)
    assert embedded.dataset.notes == load_notes(pets)


def load_notes(pets: Path) -> tuple[str, ...]:
    """The notes on the images when an encoder is measured."""
    from lookalike.evaluation.data.load import load_dataset

    return load_dataset(pets / "labels.csv").notes


@pytest.mark.parametrize(("factor", "dtype"), [(7.0, np.float64), (0.25, np.float16)])
def test_other_lengths_and_precisions(factor: float, dtype: type, pets: Path, fake: FakeEncoder):
    """Vectors are normalised, which a note says; float16 and float64 are read."""
    embedded = load_embeddings(written(pets, fake, factor, dtype), pets / "labels.csv")
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)
    assert "the embeddings were normalised to length 1" in embedded.dataset.notes


def test_images_need_not_be_there(pets: Path, fake: FakeEncoder, tmp_path: Path):
    """Labels alone are enough; without files, copies can't be recognised, which a note says."""
    file = written(pets, fake)
    (tmp_path / "alone").mkdir()
    labels = Path((pets / "labels.csv").rename(tmp_path / "alone" / "labels.csv"))
    embedded = load_embeddings(file, labels)
    assert len(set(embedded.digests)) == 12
    assert "12 images not found: exact copies among them are not recognised" in embedded.dataset.notes
    assert evaluate(embedded, ks=(1,)).metrics.scored == 12
    there = load_embeddings(file, labels, pets)
    assert len(set(there.digests)) == 11
    assert [there.dataset.file(row).is_file() for row in there.rows] == 12 * [True]


def test_rows_without_a_label_are_left_out(pets: Path, fake: FakeEncoder):
    """With their vectors, so that each row keeps its own; a note counts them."""
    file, labels = written(pets, fake), pets / "labels.csv"
    whole = load_embeddings(file, labels)
    labels.write_text(labels.read_text().replace("3.png,dog", "3.png,"))
    rest = load_embeddings(file, labels)
    assert [row.path for row in rest.rows] == [row.path for row in whole.rows if row.path != "3.png"]
    assert np.array_equal(rest.vectors, np.delete(whole.vectors, 3, axis=0))
    assert "1 row without a label left out" in rest.dataset.notes
    labels.write_text("path,label\n" + "".join(f"{number}.png,\n" for number in range(12)))
    with pytest.raises(DatasetError, match="no row has a label"):
        load_embeddings(file, labels)


WRONG: dict[str, Callable[[Path], object]] = {
    "3 rows, but": lambda file: np.save(file, np.ones((3, 5), np.float32)),
    "row 4 is not finite": lambda file: np.save(file, with_row(4, np.nan)),
    "row 11 has length 0": lambda file: np.save(file, with_row(11, 0)),
    "float32 \\(12,\\); embeddings are": lambda file: np.save(file, np.ones(12, np.float32)),
    "int64 \\(12, 2\\); embeddings are": lambda file: np.save(file, np.ones((12, 2), np.int64)),
    "not a numpy array": lambda file: file.write_bytes(b"text"),
    "an archive of arrays": lambda file: (np.savez(file.with_suffix(""), a=np.ones(3)), move(file)),
    "the array is empty": lambda file: np.save(file, np.ones((0, 5))),
    "can't read this file": lambda file: file.unlink(missing_ok=True),
}


def move(file: Path) -> None:
    """Give the archive beside ``file`` its name."""
    file.with_suffix(".npz").rename(file)


def with_row(number: int, value: float) -> np.ndarray:
    """Vectors of which one has this value."""
    array = np.ones((12, 5), np.float32)
    array[number] = value
    return array


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_array_of_embeddings_is_an_error(message: str, pets: Path, tmp_path: Path):
    """The message names the file, and the row."""
    file = tmp_path / "x.npy"
    WRONG[message](file)
    with pytest.raises(DatasetError, match=message) as caught:
        load_embeddings(file, pets / "labels.csv")
    assert str(file) in str(caught.value)


def test_the_command_measures_an_export(pets: Path, fake: FakeEncoder, tmp_path: Path, call: Cli):
    """What export wrote of a gallery with labels gives the metrics of its images; the report says where it is from."""
    index(pets, fake).close()
    assert call("export", tmp_path / "out", "--gallery", pets).code == 0
    arguments = ("--embeddings", tmp_path / "out" / "embeddings.npy", "--labels", tmp_path / "out" / "images.csv")
    found = json.loads(call("evaluate", *arguments, "--k", "1,3", "--json").out)
    expected = json.loads(call("evaluate", pets, "--k", "1,3", "--json").out)
    assert found["queries"] == expected["queries"]
    assert found["micro"] == expected["micro"]
    assert (found["encoder"], found["stamp"]["dimension"]) == ("embeddings.npy", fake.spec.dimension)
    assert "--embeddings" in found["command"]
    assert "--encoder" not in found["command"]
    result = call("evaluate", *arguments, "--k", "1", "--out", tmp_path / "report")
    assert result.code == 0
    assert "computed elsewhere" in result.out
    assert "computed elsewhere" in (tmp_path / "report" / "evaluation.html").read_text(encoding="utf-8")
