"""Exports of a gallery: each form is read by what it is for, and has every image with its embedding."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery
from lookalike.errors import OutputError
from lookalike.report.export import rows
from lookalike.report.export.export import export

Cli = Callable[..., Result]


@pytest.fixture
def gallery(tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    """Twelve images in two folders, exported five at a time."""
    monkeypatch.setattr(rows, "_BATCH", 5)
    for number in range(12):
        drawn(tmp_path / "photos" / ("", "=sub")[number % 2] / f"{number:02}.png", number)
    with index(tmp_path / "photos", fake) as opened:
        yield opened


def test_arrays_and_their_table(gallery: Gallery, tmp_path: Path):
    """Row i of the array belongs to row i of the table; numpy reads it without copying."""
    calls: list[tuple[int, int]] = []
    assert export(gallery, tmp_path / "out", "npy", progress=lambda *call: calls.append(call)) == 12
    array = np.load(tmp_path / "out" / "embeddings.npy", mmap_mode="r")
    paths, expected = gallery.embeddings()
    assert array.dtype == np.float32
    assert np.array_equal(array, expected)
    with (tmp_path / "out" / "images.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["path"].removeprefix("'") for row in table] == paths
    assert [row["row"] for row in table] == [str(number) for number in range(12)]
    assert all(Path(row["file"]).is_file() for row in table)
    assert {row["path"][0] for row in table if "sub" in row["path"]} == {"'"}  # no formula in a spreadsheet
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert (about["images"], about["root"]) == (12, str(gallery.root))
    assert about["encoder"]["fingerprint"] == gallery.stamp.fingerprint
    assert calls == [(5, 12), (10, 12), (12, 12)]


def test_parquet(gallery: Gallery, tmp_path: Path):
    """One row an image: what it is, its embedding, and a thumbnail, unless its file is gone."""
    parquet = pytest.importorskip("pyarrow.parquet")
    (gallery.root / "00.png").unlink()
    assert export(gallery, tmp_path / "out.parquet", "parquet") == 12
    table = parquet.read_table(tmp_path / "out.parquet")
    paths, expected = gallery.embeddings()
    assert table["path"].to_pylist() == paths
    assert np.array_equal(np.stack(table["embedding"].to_numpy()), expected)
    thumbnails = table["image"].to_pylist()
    assert thumbnails[0] is None
    for thumbnail in thumbnails[1:]:
        with Image.open(BytesIO(thumbnail["bytes"])) as image:
            assert image.format == "JPEG"
    assert json.loads(table.schema.metadata[b"lookalike"])["encoder"]["name"] == gallery.stamp.name
    export(gallery, tmp_path / "plain.parquet", "parquet", images=False)
    assert "image" not in parquet.read_schema(tmp_path / "plain.parquet").names


def test_exports_have_the_values_of_images(gallery: Gallery, tmp_path: Path):
    """Annotations and properties are columns, and those with a name that is taken say so."""
    parquet = pytest.importorskip("pyarrow.parquet")
    gallery.annotate({"00.png": {"km": "1.5", "id": "=x"}, "02.png": {"Date": "2023"}})
    export(gallery, tmp_path / "out.parquet", "parquet", images=False)
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["km"].to_pylist() == ["1.5"] + 11 * [None]
    assert table["id (annotated)"].to_pylist()[:2] == ["=x", None]
    assert table["Date"].to_pylist()[:2] == [None, "2023"]
    assert table["width"].to_pylist() == 12 * [40]
    assert "date" not in table.schema.names
    export(gallery, tmp_path / "out", "npy")
    with (tmp_path / "out" / "images.csv").open(encoding="utf-8", newline="") as file:
        first, *_ = csv.DictReader(file)
    assert (first["km"], first["id (annotated)"], first["height"], first["camera"]) == ("1.5", "'=x", "30", "")


def test_the_folders_of_clip_retrieval(gallery: Gallery, tmp_path: Path):
    """An array and a table with image_path, as its inference writes them."""
    parquet = pytest.importorskip("pyarrow.parquet")
    export(gallery, tmp_path / "out", "clip-retrieval")
    paths, expected = gallery.embeddings()
    assert np.array_equal(np.load(tmp_path / "out" / "img_emb" / "img_emb_0.npy"), expected)
    table = parquet.read_table(tmp_path / "out" / "metadata" / "metadata_0.parquet")
    assert table["image_path"].to_pylist() == [str(gallery.root / path) for path in paths]


def test_the_files_of_the_projector(gallery: Gallery, tmp_path: Path):
    """Vectors and names as tables, which the config names."""
    export(gallery, tmp_path / "out", "projector")
    _, expected = gallery.embeddings()
    vectors = np.loadtxt(tmp_path / "out" / "vectors.tsv", delimiter="\t", dtype=np.float32)
    assert np.allclose(vectors, expected, rtol=1e-6, atol=1e-9)
    names = (tmp_path / "out" / "metadata.tsv").read_text().splitlines()
    assert names[0] == "path\tfolder"
    assert names[-1] == "=sub/11.png\t=sub"
    config = (tmp_path / "out" / "projector_config.pbtxt").read_text()
    assert all((tmp_path / "out" / name).is_file() for name in ("vectors.tsv", "metadata.tsv") if name in config)


def test_what_cannot_be_written_is_an_error(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The message says what to do, and an existing file stays as it was."""
    with pytest.raises(OutputError, match="a folder; name a file"):
        export(gallery, tmp_path, "parquet")
    (tmp_path / "out.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"out\.txt: the report can't be written there"):
        export(gallery, tmp_path / "out.txt", "npy")
    assert (tmp_path / "out.txt").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match=r"pip install \"lookalike\[parquet\]\""):
        export(gallery, tmp_path / "out.parquet", "parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_the_command_chooses_the_format_by_the_name(gallery: Gallery, tmp_path: Path, call: Cli):
    """A name that ends with .parquet is a file, another one a folder of arrays."""
    pytest.importorskip("pyarrow")
    gallery.close()
    photos = ("--gallery", tmp_path / "photos")
    assert call("export", tmp_path / "a.parquet", *photos).out == f"12 images written to {tmp_path / 'a.parquet'}\n"
    answer = json.loads(call("export", tmp_path / "b", "--json", *photos).out)
    assert (answer["format"], answer["images"]) == ("npy", 12)
    assert (tmp_path / "a.parquet").is_file()
    assert (tmp_path / "b" / "embeddings.npy").is_file()
    assert call("export", tmp_path / "photos" / "00.png" / "c", *photos).code == 1


@pytest.mark.slow
def test_embedding_atlas_opens_the_table(gallery: Gallery, tmp_path: Path):
    """The map of all images: the package reads the embeddings and the thumbnails from the file."""
    atlas = pytest.importorskip("embedding_atlas.projection")
    pandas = pytest.importorskip("pandas")
    export(gallery, tmp_path / "out.parquet", "parquet")
    table = pandas.read_parquet(tmp_path / "out.parquet")
    placed = atlas.compute_projection(table, inputs="embedding", modality="vector", cache_root=tmp_path / "cache")
    assert placed[["projection_x", "projection_y"]].notna().all().all()
    assert table["image"][0]["bytes"].startswith(b"\xff\xd8")
