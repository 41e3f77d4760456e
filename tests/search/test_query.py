"""Queries: their terms, regions, filters and limits, and what a gallery tells about its images."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Gallery, Query
from lookalike.errors import EncoderError, ImageError, QueryError
from lookalike.search.query import EmbeddedImage, Filter, Region, Term


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small images in two folders."""
    for number in range(12):
        drawn(tmp_path / "photos" / ("even" if number % 2 == 0 else "odd") / f"{number:02}.png", number)
    return tmp_path / "photos"


@pytest.fixture
def gallery(folder: Path, fake: FakeEncoder) -> Iterator[Gallery]:
    """Their gallery."""
    with index(folder, fake) as gallery:
        yield gallery


def test_an_image_can_be_given_in_many_ways(gallery: Gallery, folder: Path):
    """A path, its bytes, a Pillow image, an array and an id find the same; pixels have no bytes to be identical."""
    path = folder / "even" / "04.png"
    (image_id,) = [image.id for image, _ in gallery.iter_embeddings() if image.path == "even/04.png"]
    with Image.open(path) as image:
        ways = [path, str(path), path.read_bytes(), image, np.asarray(image)]
        rankings = [gallery.search(way, 20, include_self=True) for way in ways]
    rankings.append(gallery.search(Query.id(image_id), 20, include_self=True))
    assert len(rankings[0].hits) == 12
    for ranking in rankings:
        assert ranking.hits[1:] == rankings[0].hits[1:]
        assert replace(ranking.hits[0], match="identical") == rankings[0].hits[0]
    assert [ranking.hits[0].match for ranking in rankings] == [*["identical"] * 3, "copy", "copy", "identical"]


def test_the_own_file_is_left_out(gallery: Gallery, folder: Path):
    """Paths and ids leave out the image that they are; bytes and images in memory are no file of the gallery."""
    path = folder / "even" / "04.png"
    image_id = gallery.search(path, 1, include_self=True).hits[0].id
    for query in (Query.image(path), Query.id(image_id)):
        assert len(gallery.search(query, 20).hits) == 11
    assert len(gallery.search(path.read_bytes(), 20).hits) == 12
    with Image.open(path) as image:
        assert len(gallery.search(image, 20).hits) == 12


def test_an_embedding_is_a_query(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """It finds what its image finds, and is not encoded; with the digest, identical images are told from copies."""
    path = folder / "even" / "04.png"
    vector, content = fake.embed([path])[0], path.read_bytes()
    encoded = fake.encoded
    plain = gallery.search(Query.embedding(vector), 20)
    known = gallery.search(Query.embedding(vector, hashlib.sha256(content).digest()), 20)
    assert fake.encoded == encoded
    whole = gallery.search(content, 20)
    assert known.hits == whole.hits
    assert [hit.match for hit in plain.hits[:1]] == ["copy"]
    assert plain.hits[1:] == whole.hits[1:]


def test_an_embedding_that_is_none_of_the_gallery_raises_query_error(gallery: Gallery):
    """Of another dimension, another length, or another encoder, as far as that is known."""
    dimension = gallery.stamp.dimension
    unit = np.eye(dimension, dtype=np.float32)[0]
    for vector in (unit[:-1], unit[np.newaxis], 2 * unit, 0 * unit, np.full(dimension, np.nan, np.float32)):
        with pytest.raises(QueryError, match="the embedding"):
            gallery.search(Query.embedding(vector))
    foreign = Term("embedding", EmbeddedImage(unit, encoder="0" * 64))
    with pytest.raises(QueryError, match="not made by the encoder of this gallery"):
        gallery.search(Query((foreign,)))
    with pytest.raises(QueryError, match="no region"):
        Term("embedding", EmbeddedImage(unit), region=Region(0, 0, 0.5, 1))


def test_an_id_is_not_encoded(gallery: Gallery, fake: FakeEncoder):
    """A query for a gallery image uses its stored embedding."""
    encoded = fake.encoded
    assert len(gallery.search(Query.id("3")).hits) == 10
    assert fake.encoded == encoded


@pytest.mark.parametrize("unknown", ["ffff", "", "x", "-1", "03", "0x3", " 3"])
def test_an_unknown_id_raises_query_error(unknown: str, gallery: Gallery):
    """Only ids as hits have them are known."""
    for call in (lambda: gallery.search(Query.id(unknown)), lambda: gallery.image(unknown)):
        with pytest.raises(QueryError, match="no image"):
            call()


def test_terms_are_combined_by_weight(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Terms of all kinds can be mixed; the score is the cosine with their weighted sum."""
    a, b = folder / "even" / "00.png", folder / "odd" / "01.png"
    third = gallery.search(folder / "even" / "02.png", 1, include_self=True).hits[0].id
    query = Query.image(a).plus(b.read_bytes(), 0.5).with_term(Term("id", third, -0.25))
    assert str(query) == f"{a} + an image - image {third}"
    vectors = fake.embed([a, b, folder / "even" / "02.png"]).astype(float)
    wanted = vectors.T @ [1, 0.5, -0.25]
    wanted /= np.linalg.norm(wanted)
    hits = gallery.search(query, 20).hits
    assert len(hits) == 10
    assert not {hit.match for hit in hits} & {"identical", "copy"}
    for hit in hits:
        assert hit.score == pytest.approx(float(fake.embed([hit.file])[0] @ wanted), abs=1e-6)


def test_a_text_needs_an_encoder_with_text(gallery: Gallery):
    """The encoder's error is raised."""
    with pytest.raises(EncoderError):
        gallery.search(Query.text("a cat"))


REGION = Region(0.25, 0.5, 0.75, 1.0)


def test_a_region_is_searched_alone(gallery: Gallery, folder: Path):
    """The region of an image, given in any way, finds what the cropped image finds."""
    path = folder / "large.png"
    draw(77, (160, 120)).save(path)
    gallery.update()
    with Image.open(path) as image:
        cropped = image.crop((40, 60, 120, 120))
        image_id = gallery.search(path, 1, include_self=True).hits[0].id
        ways = [Query.image(way, REGION) for way in (path, path.read_bytes(), image, np.asarray(image))]
        ways.append(Query.id(image_id, REGION))
        expected = gallery.search(cropped, 20).hits
        for query in ways:
            assert gallery.search(query, 20, include_self=True).hits == expected


def test_a_region_follows_the_upright_image(gallery: Gallery, tmp_path: Path):
    """An image that EXIF turns is cropped after it was turned."""
    image = draw(77, (160, 120))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    upright = image.transpose(Image.Transpose.ROTATE_270)
    expected = gallery.search(upright.crop((30, 80, 90, 160)), 5).hits
    assert gallery.search(Query.image(tmp_path / "turned.png", REGION), 5).hits == expected
    with Image.open(tmp_path / "turned.png") as opened:
        assert gallery.search(Query.image(opened, REGION), 5).hits == expected


def test_a_tiny_region_has_at_least_one_pixel(gallery: Gallery, folder: Path):
    """A region smaller than a pixel is one pixel."""
    for left in (0.0, 0.5, 0.9999):
        assert gallery.search(Query.image(folder / "odd" / "01.png", Region(left, left, left + 1e-5, left + 1e-5))).hits


@pytest.mark.parametrize("shares", [(0.5, 0, 0.5, 1), (0.6, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (0, 0, 1, 2)])
def test_an_impossible_region_raises_query_error(shares: tuple[float, float, float, float]):
    """A region must have an area inside the image."""
    with pytest.raises(QueryError, match="region"):
        Region(*shares)
    with pytest.raises(QueryError):
        Region(float("nan"), 0, 1, 1)


def test_a_text_has_no_region():
    """A region of a text raises QueryError."""
    with pytest.raises(QueryError, match="region"):
        Term("text", "a cat", region=REGION)


def test_a_folder_limits_the_hits(gallery: Gallery):
    """Only images under the folder are found."""
    hits = gallery.search(Query.image(draw(50)).under("odd/"), 20).hits
    assert len(hits) == 6
    assert all(hit.path.startswith("odd/") for hit in hits)
    whole = gallery.search(Query.image(draw(50)), 20).hits
    assert [hit.path for hit in hits] == [hit.path for hit in whole if hit.path.startswith("odd/")]
    assert gallery.search(Query.image(draw(50)).under("none")).hits == ()
    assert Filter("./a//b/") == Filter("a/b")
    assert Filter(".") == Filter()


def test_a_minimum_score_limits_the_hits(gallery: Gallery):
    """Hits score at least that much."""
    scores = [hit.score for hit in gallery.search(draw(50), 20).hits]
    for least in (scores[4], -1.0, 1.0):
        hits = gallery.search(Query.image(draw(50)).at_least(least), 20).hits
        assert [hit.score for hit in hits] == [score for score in scores if score >= least]
    with pytest.raises(QueryError):
        Query.image(draw(50)).at_least(float("nan"))


def test_k_is_part_of_the_query(gallery: Gallery):
    """The query's own k counts unless another is passed."""
    query = Query((Term("image", draw(50)),), k=3)
    assert [len(gallery.search(query, k).hits) for k in (None, 5)] == [3, 5]
    assert len(gallery.search(draw(50)).hits) == 10
    with pytest.raises(ValueError, match="k must be"):
        Query.image(draw(50)).__class__((Term("image", draw(50)),), k=0)
    with pytest.raises(ValueError, match="term"):
        Query(())


def test_many_searches_equal_single_ones(gallery: Gallery, folder: Path):
    """Queries with different filters, k and minimum scores are answered in order, each as if alone."""
    queries = [
        folder / "even" / "00.png",
        Query.id("5").under("odd"),
        Query((Term("image", draw(60)),), k=2),
        Query.image(draw(61)).under("even").at_least(0.5),
        Query.id("7").under("odd"),
        draw(62),
    ]
    for include_self in (False, True):
        together = gallery.search_many(queries, include_self=include_self)
        alone = [gallery.search(query, include_self=include_self) for query in queries]
        assert [ranking.hits for ranking in together] == [ranking.hits for ranking in alone]
    assert gallery.search_many([]) == []


def test_one_bad_query_raises(gallery: Gallery, folder: Path):
    """The first query that can't be used raises its error."""
    with pytest.raises(ImageError, match=r"missing\.png"):
        gallery.search_many([draw(1), folder / "missing.png"])
    with pytest.raises(ImageError):
        gallery.search(b"not an image")
    with pytest.raises(TypeError):
        gallery.search(17)  # type: ignore[arg-type]


def test_a_hit_says_where_it_is(gallery: Gallery, folder: Path):
    """A hit has its gallery, root and file, and its id gives the image."""
    hit = gallery.search(draw(50), 1).hits[0]
    assert (hit.gallery, hit.root) == (str(folder / ".lookalike"), folder)
    assert hit.file == folder / hit.path
    image = gallery.image(hit.id)
    assert (image.gallery, image.id, image.path, image.root) == (hit.gallery, hit.id, hit.path, hit.root)
    assert image.file == hit.file
    assert (image.size, image.mtime_ns) == (hit.file.stat().st_size, hit.file.stat().st_mtime_ns)
    assert image.sha256 == hashlib.sha256(hit.file.read_bytes()).hexdigest()


def test_a_thumbnail_has_the_size_that_is_asked_for(gallery: Gallery, folder: Path):
    """It is its longer side; an image without one is named."""
    draw(77, (960, 720)).save(folder / "large.png")
    gallery.update()
    image_id = gallery.search(folder / "large.png", 1, include_self=True).hits[0].id
    with Image.open(io.BytesIO(gallery.thumbnail(image_id, 320))) as small:
        assert (small.format, small.size) == ("WEBP", (320, 240))
    (folder / "large.png").unlink()
    with pytest.raises(ImageError, match=r"large\.png"):
        gallery.thumbnail(image_id)


def test_embeddings_are_in_the_order_of_paths(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Paths and vectors are those of all images, copies included."""
    (folder / "a copy.png").write_bytes((folder / "odd" / "01.png").read_bytes())
    gallery.update()
    paths, vectors = gallery.embeddings()
    assert len(gallery) == len(paths) == 13
    assert paths == sorted(paths)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, fake.embed([folder / path for path in paths]))
    images = [image for image, _ in gallery.iter_embeddings()]
    assert [image.path for image in images] == paths
    by_digest = gallery.embeddings_of([images[0].digest, b"0" * 32])
    assert list(by_digest) == [images[0].digest]
    assert np.array_equal(by_digest[images[0].digest], vectors[0])


def test_an_empty_gallery_has_no_embeddings(folder: Path, fake: FakeEncoder):
    """The matrix has no rows."""
    with Gallery.create(folder, encoder=fake) as gallery:
        paths, vectors = gallery.embeddings()
        assert (len(gallery), paths, vectors.shape) == (0, [], (0, fake.spec.dimension))
