"""Searching: what is found, in which order, and how unusual its closeness is."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw, drawn
from fakes import SPEC, FakeEncoder
from galleries import Result, index, ranked
from lookalike import Encoder, Gallery, PictureError
from lookalike.errors import StampMismatchError
from lookalike.gallery import calibration
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.store import Changes, Write
from lookalike.gallery.update import recalibrate
from lookalike.images.files import SkipKind
from lookalike.search.ranking import Hit
from stores import STAT, digest_of

Cli = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small pictures."""
    for number in range(12):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    return tmp_path / "photos"


def test_hits_are_ranked_by_falling_cosine(folder: Path, fake: FakeEncoder):
    """Every picture of the gallery is found once; ranks count from 1 and scores are the cosines, falling."""
    query = folder / "03.png"
    with index(folder, fake) as gallery:
        ranking = gallery.search(query, k=12, include_self=True)
    assert str(ranking.query) == str(query)
    assert [hit.rank for hit in ranking.hits] == list(range(1, 13))
    assert len({hit.id for hit in ranking.hits}) == 12
    vectors = dict(zip(sorted(folder.glob("*.png")), fake.embed(sorted(folder.glob("*.png"))), strict=True))
    for hit in ranking.hits:
        assert hit.score == pytest.approx(float(vectors[query] @ vectors[folder / hit.path]), abs=1e-6)
    assert [hit.score for hit in ranking.hits] == sorted((hit.score for hit in ranking.hits), reverse=True)


@pytest.mark.parametrize("k", [1, 3, 11, 12, 1000])
def test_as_many_hits_as_asked_for_or_as_there_are(k: int, folder: Path, fake: FakeEncoder):
    """The k best are found, all of them where the gallery has fewer; they begin every longer ranking."""
    with index(folder, fake) as gallery:
        everything = ranked(gallery, folder / "00.png", 1000)
        assert ranked(gallery, folder / "00.png", k) == everything[:k]
        assert len(everything) == 11


def test_asking_for_none_is_a_mistake(folder: Path, fake: FakeEncoder):
    """At least one hit has to be asked for."""
    with index(folder, fake) as gallery, pytest.raises(ValueError, match="at least 1"):
        gallery.search(folder / "00.png", k=0)


def test_the_querys_own_entry_is_left_out_unless_asked_for(folder: Path, fake: FakeEncoder):
    """Its content tells the query's own entry, wherever the query lies; asked for, it comes first with a score of 1."""
    outside = Path(shutil.copy(folder / "05.png", folder.parent / "query.png"))
    with index(folder, fake) as gallery:
        for query in (folder / "05.png", outside):
            assert "05.png" not in ranked(gallery, query, 100)
            first = gallery.search(query, include_self=True).hits[0]
            assert (first.path, first.score) == ("05.png", 1.0)


def test_an_image_in_memory_has_no_own_entry(folder: Path, fake: FakeEncoder):
    """Given as pixels, a picture that is in the gallery is found there."""
    with Image.open(folder / "05.png") as image, index(folder, fake) as gallery:
        pixels = gallery.search(np.asarray(image))
        assert pixels.hits == gallery.search(image).hits
        assert (pixels.query.terms[0].path, pixels.hits[0].path) == (None, "05.png")


def test_copies_are_all_the_querys_own(folder: Path, fake: FakeEncoder):
    """A content under two names is left out under both, or found under both, side by side."""
    shutil.copy(folder / "05.png", folder / "z copy.png")
    with index(folder, fake) as gallery:
        assert not {"05.png", "z copy.png"} & set(ranked(gallery, folder / "05.png", 100))
        assert ranked(gallery, folder / "05.png", 2, include_self=True) == ["05.png", "z copy.png"]
        other = ranked(gallery, folder / "00.png", 100)
        assert other.index("z copy.png") == other.index("05.png") + 1


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_ties_are_in_the_order_of_the_paths_bytes(folder: Path, fake: FakeEncoder):
    """Pictures of equal pixels in files of different content have equal scores, and stand as their paths' bytes."""
    names = [b"A.png", b"B/a.png", b"a.png", b"b-.png", b"b.png", b"b/a.png", "ä.png".encode(), b"\xff.png"]
    for level, name in enumerate(reversed(names)):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        draw(77).save(path, compress_level=level)
    with index(folder, fake) as gallery:
        hits = gallery.search(draw(77), k=8).hits
        assert {hit.score for hit in hits} == {1.0}
        assert [os.fsencode(hit.path) for hit in hits] == names
        for k in range(1, 8):
            assert [os.fsencode(hit.path) for hit in gallery.search(draw(77), k=k).hits] == names[:k]


def test_the_order_does_not_depend_on_the_order_of_indexing(folder: Path):
    """A gallery that grew bit by bit ranks as one that was made at once."""
    hidden = folder.parent / "hidden"
    hidden.mkdir()
    for name in ("00.png", "04.png", "11.png"):
        (folder / name).rename(hidden / name)
    with index(folder, FakeEncoder(), folder.parent / "one") as one:
        for path in sorted(hidden.iterdir(), reverse=True):
            path.rename(folder / path.name)
            one.update()
        with index(folder, FakeEncoder(), folder.parent / "two") as two:
            for query in folder.glob("*.png"):
                assert plain(one, query) == plain(two, query)


def plain(gallery: Gallery, query: Path) -> list[tuple[str, float, float | None]]:
    """A whole ranking, without ids."""
    return [(hit.path, hit.score, hit.percentile) for hit in gallery.search(query, 1000).hits]


def test_every_process_gives_the_same_answer(indexed: Path, cli: Cli):
    """Two processes that may use different numbers of threads print the same JSON, letter for letter."""
    arguments = ("search", "astronaut.png", "more/camera.png", "--json", "-k", "7")
    runs = [cli(*arguments, cwd=indexed, OMP_NUM_THREADS=number, OPENBLAS_NUM_THREADS=number) for number in "12"]
    assert runs[0] == runs[1]
    assert runs[0].code == 0
    assert len(json.loads(runs[0].out)["results"]) == 2


def test_a_percentile_is_what_its_definition_says(folder: Path, fake: FakeEncoder):
    """It is the share of the gallery's pictures whose own best match scores below the hit, as brute force finds it."""
    shutil.copy(folder / "05.png", folder / "copy.png")
    paths = sorted(set(folder.glob("*.png")) - {folder / "copy.png"})
    vectors = fake.embed(paths).astype(np.float64)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    best = cosines.max(axis=1)
    with index(folder, fake) as gallery:
        for query in paths:
            for hit in gallery.search(query, k=100).hits:
                assert hit.percentile == pytest.approx(100 * np.mean(best < hit.score - 5e-7))


def test_no_close_match_is_told_of_a_stranger(tmp_path: Path, fake: FakeEncoder):
    """In a gallery of near-copies, a picture unlike all of them has no close match; one of them has."""
    base = np.asarray(draw(1)).astype(int)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        noise = np.random.default_rng(number).integers(-20, 21, base.shape)
        Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    with index(tmp_path / "photos", fake) as gallery:
        assert gallery.search(draw(2)).no_close_match
        assert not gallery.search(draw(1)).no_close_match
        assert not gallery.search(tmp_path / "photos" / "3.png").no_close_match


def test_a_gallery_of_one_picture_can_be_searched(tmp_path: Path, fake: FakeEncoder):
    """With nothing to compare it with, a hit has no percentile; the picture itself finds nothing."""
    path = drawn(tmp_path / "photos" / "only.png", 1)
    with index(tmp_path / "photos", fake) as gallery:
        (hit,) = gallery.search(draw(2)).hits
        assert (hit.path, hit.percentile) == ("only.png", None)
        assert gallery.search(path).hits == ()
        assert not gallery.search(path).no_close_match
        assert gallery.update().unchanged == 1


def test_a_gallery_not_yet_filled_finds_nothing(folder: Path, fake: FakeEncoder):
    """Between its creation and its first update a gallery is empty."""
    with Gallery.create(folder, encoder=fake) as gallery:
        assert gallery.search(draw(1)).hits == ()
        assert gallery.status().pictures == 0


def test_percentiles_are_there_before_an_update_has_ended(folder: Path, fake: FakeEncoder):
    """A gallery whose first update was interrupted before its end gives the same percentiles as one that went on."""
    with index(folder, fake) as gallery:
        finished = [hit.percentile for hit in gallery.search(draw(5), k=12).hits]
        with gallery._store._session.writing():
            gallery._store._session.connection.execute("UPDATE stamps SET calibrated_through = NULL")
        for _ in range(2):
            assert [hit.percentile for hit in gallery.search(draw(5), k=12).hits] == finished
        gallery.update()
        assert gallery._store.calibration() is not None


def test_an_open_gallery_sees_what_is_committed_meanwhile(folder: Path, fake: FakeEncoder):
    """A reader that stays open finds pictures that a writer has added since."""
    index(folder, fake).close()
    with Gallery.open(folder, encoder=fake) as reader, Gallery.open(folder, encoder=fake, writing=True) as writer:
        assert "new.png" not in ranked(reader, folder / "00.png", 100)
        drawn(folder / "new.png", 500)
        writer.update()
        assert "new.png" in ranked(reader, folder / "00.png", 100)
        (folder / "new.png").unlink()
        writer.update()
        assert "new.png" not in ranked(reader, folder / "00.png", 100)


def test_an_id_stays_with_its_picture(folder: Path, fake: FakeEncoder):
    """A hit's id is the same under another name."""
    with index(folder, fake) as gallery:
        before = gallery.search(draw(3)).hits[0]
        (folder / before.path).rename(folder / "another name.png")
        gallery.update()
        after = gallery.search(draw(3)).hits[0]
    assert after == Hit(before.rank, before.id, "another name.png", before.score, before.percentile)


def test_the_galleries_of_other_encoders_are_refused(folder: Path, fake: FakeEncoder):
    """A gallery isn't opened with an encoder it wasn't made with; the message names both."""
    index(folder, fake).close()
    with pytest.raises(StampMismatchError) as caught:
        Gallery.open(folder, encoder=FakeEncoder("others"))
    message = str(caught.value)
    for words in ("colours (49-d", "others (49-d", str(folder), "into another gallery"):
        assert words in message


def test_an_encoder_that_has_changed_is_refused(
    folder: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch, encoder: Encoder
):
    """An encoder of the gallery's name whose weights or preprocessing are others is refused when it is loaded."""
    index(folder, fake).close()
    monkeypatch.setattr("lookalike.gallery.gallery.load_encoder", lambda *_, **__: encoder)
    with Gallery.open(folder) as gallery, pytest.raises(StampMismatchError):
        gallery.search(draw(1))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: None, SkipKind.VANISHED),
        (Path.mkdir, SkipKind.FOLDER),
        (lambda path: path.write_text("words"), SkipKind.NOT_A_PICTURE),
        (lambda path: path.write_bytes(b""), SkipKind.EMPTY),
        (os.mkfifo, SkipKind.SPECIAL),
    ],
)
def test_a_query_that_is_no_picture_is_refused(
    make: Callable[[Path], object], kind: SkipKind, folder: Path, fake: FakeEncoder
):
    """The error names the query and tells what is wrong with it."""
    query = folder.parent / "query.jpg"
    make(query)
    with index(folder, fake) as gallery, pytest.raises(PictureError) as caught:
        gallery.search(query)
    assert caught.value.kind == kind
    assert str(caught.value).startswith(str(query))


POOL = np.random.default_rng(0).normal(size=(7, SPEC.dimension))
STEPS = st.lists(
    st.tuples(st.sets(st.integers(0, 40), max_size=8), st.sets(st.integers(0, 40), max_size=6)), min_size=1, max_size=6
)


def made_up(number: int) -> Write:
    """A picture whose vector is near, or for some equal to, those of others."""
    noise = np.random.default_rng(number).normal(size=SPEC.dimension) * (number % 3) / 10
    vector = POOL[number % 7] + noise
    return Write(f"{number}.png", STAT, digest_of(str(number)), (vector / np.linalg.norm(vector)).astype(np.float32))


@given(STEPS)
@settings(max_examples=40)
def test_a_calibration_kept_up_to_date_equals_a_fresh_one(steps: list[tuple[set[int], set[int]]]):
    """Whatever was added and removed in whichever order, the stored sample is what a computation from nothing gives."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "SAMPLE_SIZE", 12)
        store = LocalStore.create(Path(name) / "gallery", Path(name), SPEC)
        for added, removed in steps:
            store.commit(Changes(writes=[made_up(number) for number in added]))
            store.commit(Changes(removed=[f"{number}.png" for number in removed]))
            store.sweep()
            recalibrate(store)
            kept = store.calibration()
            sample = store.sample(12)
            fresh = calibration.calibrate(store.vectors(), sample, None, store.written())
            assert kept is not None
            assert kept.rows.tolist() == fresh.rows.tolist()
            assert kept.scores.tolist() == fresh.scores.tolist()
            assert calibration.is_current(sample, kept, store.written())
            assert np.isin(kept.best_rows, store.vectors().rows).all()
        store.close()
