"""A team's own CLIP checkpoint: indexing by its path, words, combinations, precision, views, moving galleries."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from drawing import drawn
from lookalike import Gallery, Query, load_encoder
from lookalike.encoders.encoder import TextEncoder
from lookalike.encoders.views import VIEWS, least_side_of, prepare_views
from lookalike.errors import EncoderError, GalleryError, QueryError, StampMismatchError, WeightsError
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.reencode import reencode
from lookalike.images.decode import as_picture
from lookalike.report.search_json import search_answer


@pytest.fixture
def checkpoint(checkpoint_folder, tmp_path):
    """A small CLIP as open_clip saves it, its config beside it."""
    return shutil.copytree(checkpoint_folder("clip-open_clip"), tmp_path / "rail-clip")


@pytest.fixture
def photos(tmp_path):
    """Six drawings."""
    for number in range(6):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def _few_words(monkeypatch):
    """The small CLIP knows 96 tokens, so words are spelt with those."""
    monkeypatch.setattr(
        "lookalike.encoders.encoder.load_tokenizer", lambda *_: lambda texts: np.stack([_spelt(text) for text in texts])
    )


def _spelt(text):
    row = np.zeros(77, np.int64)
    letters = [1 + ord(letter) % 90 for letter in text][:75]
    row[: len(letters) + 2] = [94, *letters, 95]
    return row


def test_a_gallery_remembers_the_checkpoint_it_was_made_with(checkpoint, photos):
    """Indexed by a checkpoint's path, a gallery is searched without naming it again."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        assert gallery.update().added == 6
        first = gallery.search(photos / "0.png").hits
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"
        assert gallery.search(photos / "0.png").hits == first


def test_a_checkpoint_that_was_moved_is_asked_for(checkpoint, photos, tmp_path):
    """Where the weights are gone the error asks where they are; told once while indexing, the gallery remembers."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
    moved = checkpoint.rename(tmp_path / "another name")
    with (
        Gallery.open(photos) as gallery,
        pytest.raises(WeightsError, match=r"rail-clip.*not there any more.*--encoder"),
    ):
        gallery.search(photos / "0.png")
    with Gallery.open(photos, writing=True) as gallery:
        gallery.use(load_encoder(moved))
        assert gallery.update().unchanged == 6
    with Gallery.open(photos) as gallery:
        assert gallery.search(photos / "0.png", k=3).hits[0].rank == 1


def test_another_checkpoint_is_refused(checkpoint, checkpoint_folder, photos):
    """A checkpoint with other weights is no substitute, whatever its name."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
        with pytest.raises(StampMismatchError, match="--reencode"):
            gallery.use(load_encoder(checkpoint_folder("clip-transformers")))


def test_words_find_what_their_embedding_is_nearest_to(checkpoint, photos):
    """A query in words is ranked by its cosine to every picture, without percentiles; JSON says it was words."""
    encoder = load_encoder(checkpoint)
    with Gallery.create(photos, encoder=encoder) as gallery:
        gallery.update()
        ranking = gallery.search(Query.text("a cracked sleeper"), k=6)
    pictures = encoder.embed(sorted(photos.glob("*.png"))).astype(np.float64)
    cosines = pictures @ encoder.embed_texts(["a cracked sleeper"])[0]
    assert [hit.path for hit in ranking.hits] == [f"{number}.png" for number in np.argsort(-cosines)]
    assert ranking.hits[0].score == pytest.approx(cosines.max(), abs=1e-6)
    assert {hit.percentile for hit in ranking.hits} == {None}
    (result,) = search_answer("rail-clip", photos, [ranking])["results"]
    assert result["query"] == {"kind": "text", "text": "a cracked sleeper"}


def test_combined_queries_are_renormalised_sums(checkpoint, photos):
    """Terms are added by their weights and brought back to length 1, so that scores stay cosines."""
    encoder = load_encoder(checkpoint)
    query = Query.picture(photos / "0.png").plus_text("night", 0.5).minus(photos / "1.png", 0.25)
    with Gallery.create(photos, encoder=encoder) as gallery:
        gallery.update()
        ranking = gallery.search(query, k=6)
    a, b = encoder.embed([photos / "0.png", photos / "1.png"]).astype(np.float64)
    total = a + 0.5 * encoder.embed_texts(["night"])[0] - 0.25 * b
    total /= np.linalg.norm(total)
    others = encoder.embed(sorted(photos.glob("*.png"))[2:]) @ total
    assert [hit.path for hit in ranking.hits] == [f"{2 + n}.png" for n in np.argsort(-others)]  # 0 and 1 are its own
    assert ranking.hits[0].score == pytest.approx(others.max(), abs=1e-5)
    (result,) = search_answer("rail-clip", photos, [ranking])["results"]
    assert result["query"]["plus"] == [{"kind": "text", "text": "night", "weight": 0.5}]
    assert result["query"]["minus"] == [{"kind": "picture", "path": str(photos / "1.png"), "weight": 0.25}]
    assert str(query) == f"{photos / '0.png'} + night - {photos / '1.png'}"


def test_terms_that_cancel_out_are_an_error(checkpoint, photos):
    """A picture minus itself leaves nothing to look for, and says so."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
        with pytest.raises(QueryError, match="cancel out"):
            gallery.search(Query.picture(photos / "0.png").minus(photos / "0.png"))


def test_words_need_an_encoder_that_knows_them(checkpoint_folder):
    """Encoders of pictures alone refuse words, with the way out."""
    for name in ("clip-timm", "resnet"):
        with pytest.raises(EncoderError, match="knows no words"):
            load_encoder(checkpoint_folder(name)).embed_texts(["rail"])


def test_the_text_tower_is_loaded_when_words_come(checkpoint, monkeypatch):
    """Loading an encoder doesn't load its text tower; the first words do, once."""
    made = []
    real = TextEncoder.__init__
    monkeypatch.setattr(TextEncoder, "__init__", lambda self, *a: (made.append(1), real(self, *a))[1])
    encoder = load_encoder(checkpoint)
    assert made == []
    encoder.embed_texts(["a"])
    encoder.embed_texts(["b"])
    assert made == [1]


def test_another_precision_may_search_but_not_update(checkpoint, photos):
    """An fp32 query searches a bf16 gallery with nearly the same scores; an update in fp32 is refused."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint, precision="bf16")) as gallery:
        gallery.update()
        own = {hit.path: hit.score for hit in gallery.search(photos / "0.png").hits}
    with Gallery.open(photos, encoder=load_encoder(checkpoint, precision="fp32"), writing=True) as gallery:
        other = {hit.path: hit.score for hit in gallery.search(photos / "0.png").hits}
        assert other == pytest.approx(own, abs=0.02)
        drawn(photos / "new.png", 9)
        with pytest.raises(StampMismatchError, match=r"bf16.*fp32"):
            gallery.update()


def test_auto_precision_is_fp32_until_shown_otherwise(checkpoint):
    """Nothing is in bf16 unless it is asked for, or the catalogue has a command that has shown it harmless."""
    assert load_encoder(checkpoint).spec.precision == "fp32"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(300, 200), (90, 400), (1, 1), (2000, 30)])
def test_every_view_fills_the_network_s_input(checkpoint, view, size):
    """Pictures of any proportions give each view's number of images, of the network's size."""
    preprocessing = load_encoder(checkpoint).spec.preprocessing
    picture = as_picture(Image.new("RGB", size, (200, 30, 60)))
    prepared = prepare_views(picture, preprocessing, view)
    assert prepared.shape == (VIEWS[view], preprocessing.crop, preprocessing.crop, 3)
    assert prepared.dtype == np.uint8
    assert least_side_of(preprocessing, view) >= 2 * preprocessing.resize


def test_the_whole_view_shows_what_the_centre_leaves_out(checkpoint):
    """What lies at the end of a panorama moves its whole view and its multi view, and not its centre."""
    plain = Image.new("RGB", (1200, 200), (90, 90, 90))
    marked = plain.copy()
    marked.paste((255, 0, 0), (0, 0, 200, 200))
    moved = {}
    for view in VIEWS:
        a, b = load_encoder(checkpoint, view=view).embed([plain, marked])
        moved[view] = 1 - float(a @ b)
    assert moved["centre"] < 1e-6
    assert min(moved["whole"], moved["multi"]) > 1e-4


def test_the_multi_view_is_the_mean_of_its_parts(checkpoint):
    """The six parts' unit vectors are averaged and brought back to length 1."""
    encoder = load_encoder(checkpoint, view="multi")
    centre = load_encoder(checkpoint)
    image = Image.effect_noise((150, 100), 90).convert("RGB")
    parts = encoder.prepare(as_picture(image))
    mean = centre.embed_prepared([part[np.newaxis] for part in parts]).mean(axis=0)
    assert np.allclose(encoder.embed([image])[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_views_and_precisions_have_stamps_of_their_own(checkpoint):
    """Each view and precision of one checkpoint has another fingerprint."""
    spec = load_encoder(checkpoint).spec
    others = [replace(spec, view="multi"), replace(spec, view="whole"), replace(spec, precision="bf16")]
    assert len({each.fingerprint for each in (spec, *others)}) == 4


def test_a_gallery_moves_to_another_encoder(checkpoint, checkpoint_folder, photos):
    """Moved, a gallery is what a new one would be; ids stay, and nothing of the old encoder is left."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
        ids = {hit.path: hit.id for hit in gallery.search(photos / "0.png", include_self=True).hits}
        report = gallery.reencode(load_encoder(checkpoint))
        assert (report.unchanged, report.added) == (6, 0)
        moved = gallery.search(photos / "0.png", include_self=True)
        assert {hit.path: hit.id for hit in moved.hits} == ids
    fresh = photos.parent / "fresh"
    with Gallery.create(photos, fresh, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
        assert [(hit.path, hit.score, hit.percentile) for hit in gallery.search(photos / "0.png").hits] == [
            (hit.path, hit.score, hit.percentile) for hit in moved.hits if hit.path != "0.png"
        ]
    assert len(list((photos / ".lookalike").glob("vectors-*.f32"))) == 1
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"


def test_the_old_encoder_serves_until_the_new_one_is_whole(checkpoint, checkpoint_folder, photos):
    """Half way through, a reader sees the old gallery; resumed, only what is missing is encoded."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    encoder = load_encoder(checkpoint)
    store = LocalStore.open(photos / ".lookalike", writing=True)
    half = store.replacement(encoder.spec, encoder.location)
    todo = half.missing()
    assert len(todo) == 6
    half.embed({digest: encoder.embed([photos / file.path])[0] for digest, file in todo[:4]})
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name.startswith("resnet")
        assert len(gallery.search(photos / "0.png").hits) == 5
    assert reencode(store, encoder) == 2
    store.close()
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"
        assert len(gallery.search(photos / "0.png").hits) == 5


def test_another_wish_half_way_begins_anew(checkpoint, checkpoint_folder, photos):
    """What was made for one encoder is forgotten when another is asked for."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    store = LocalStore.open(photos / ".lookalike", writing=True)
    one, other = load_encoder(checkpoint), load_encoder(checkpoint_folder("vgg"))
    half = store.replacement(one.spec, one.location)
    half.embed({digest: one.embed([photos / file.path])[0] for digest, file in half.missing()})
    assert len(store.replacement(other.spec, other.location).missing()) == 6
    store.close()


def test_files_that_fail_while_moving_are_skipped_and_tried_again(checkpoint, checkpoint_folder, photos):
    """A file that has changed meanwhile isn't taken for what it was; the update that follows enters it."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
        drawn(photos / "0.png", 77)
        (photos / "1.png").unlink()
        report = gallery.reencode(load_encoder(checkpoint))
        assert (report.added, report.skipped) == (1, 0)
        assert {hit.path for hit in gallery.search(photos / "2.png", include_self=True).hits} == {
            "0.png", "2.png", "3.png", "4.png", "5.png"
        }  # fmt: skip


def test_a_reader_of_a_gallery_that_moved_is_told(checkpoint, checkpoint_folder, photos):
    """A gallery that was open while another process moved it says that it has to be opened again."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    with Gallery.open(photos) as reader:
        reader.search(photos / "0.png")
        with Gallery.open(photos, writing=True) as gallery:
            gallery.reencode(load_encoder(checkpoint))
        with pytest.raises(GalleryError, match="open it again"):
            reader.search(photos / "0.png")


def test_the_command_line_does_all_of_it(checkpoint, checkpoint_folder, photos, cli):
    """Index by path, search, move with --reencode: in real processes, with what they print."""
    made = cli("index", photos, "--encoder", checkpoint_folder("resnet"), "--view", "whole")
    assert (made.code, made.err) == (0, "")
    assert "resnet" in cli("status", "--gallery", photos).out
    moved = cli("index", photos, "--reencode", checkpoint)
    assert (moved.code, moved.err) == (0, "")
    assert moved.out.startswith("moved to rail-clip, 6 encoded; 0 added, 0 updated, 0 moved, 0 removed, 0 skipped")
    answer = json.loads(cli("search", photos / "0.png", "--plus", photos / "1.png", "--weight", "0.5", "--json").out)
    assert answer["encoder"] == "rail-clip"
    assert answer["results"][0]["query"]["plus"][0]["weight"] == 0.5
    notice = cli("search", photos / "0.png", "--precision", "bf16")
    assert (notice.code, "scores may differ" in notice.err) == (0, True)
    for wrong in (
        ("search",),
        ("search", photos / "0.png", "--weight", "2"),
        ("search", "--plus", "a", "--weight", "-1"),
    ):
        assert cli(*wrong, cwd=photos).code == 2
