"""Galleries with a user's own CLIP checkpoint: text and combined queries, precision, views, re-encoding."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from clip_by_hand import random_clip, save_clip
from drawing import drawn
from lookalike import Gallery, Query, load_encoder
from lookalike.encoders.encoder import TextEncoder
from lookalike.encoders.views import VIEWS, prepare_views, view_min_side
from lookalike.errors import EncoderError, GalleryError, QueryError, StampMismatchError, WeightsError
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.updating.reencode import reencode
from lookalike.images.decode import from_pillow
from lookalike.report.search import search_json
from stores import RULES, new_vectors
from tokenizers_by_hand import save_tokenizer


@pytest.fixture
def checkpoint(tmp_path):
    """A small CLIP as saved by open_clip, with its config and a tokenizer."""
    folder = save_clip(tmp_path / "rail-clip", random_clip())
    save_tokenizer(folder / "tokenizer.json", {"cracked": 320, "sleeper": 1125, "night": 539})
    return folder


@pytest.fixture
def photos(tmp_path):
    """A folder of six images."""
    for number in range(6):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def test_a_gallery_stores_the_path_of_its_checkpoint(checkpoint, photos):
    """A gallery made with a checkpoint can be searched without giving the checkpoint again."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        assert gallery.update().added == 6
        first = gallery.search(photos / "0.png").hits
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"
        assert gallery.search(photos / "0.png").hits == first


def test_the_new_path_of_a_moved_checkpoint_is_stored(checkpoint, photos, tmp_path):
    """If the weights are missing, the error asks for their path; an update with the new path stores it."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
    moved = checkpoint.rename(tmp_path / "another name")
    with (
        Gallery.open(photos) as gallery,
        pytest.raises(WeightsError, match=r"rail-clip.*--encoder"),
    ):
        gallery.search(photos / "0.png")
    with Gallery.open(photos, writing=True) as gallery:
        gallery.set_encoder(load_encoder(moved))
        assert gallery.update().unchanged == 6
    with Gallery.open(photos) as gallery:
        assert gallery.search(photos / "0.png", k=3).hits[0].rank == 1


def test_another_checkpoint_is_rejected(checkpoint, checkpoint_folder, photos):
    """A checkpoint with other weights is rejected whatever its name."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
        with pytest.raises(StampMismatchError, match="--reencode"):
            gallery.set_encoder(load_encoder(checkpoint_folder("clip-transformers")))


def test_text_queries_are_ranked_by_cosine(checkpoint, photos):
    """A text query ranks images by cosine, without percentiles, and the JSON contains the text."""
    encoder = load_encoder(checkpoint)
    with Gallery.create(photos, encoder=encoder) as gallery:
        gallery.update()
        ranking = gallery.search(Query.text("a cracked sleeper"), k=6)
    images = encoder.embed(sorted(photos.glob("*.png"))).astype(np.float64)
    cosines = images @ encoder.embed_texts(["a cracked sleeper"])[0]
    assert [hit.path for hit in ranking.hits] == [f"{number}.png" for number in np.argsort(-cosines)]
    assert ranking.hits[0].score == pytest.approx(cosines.max(), abs=1e-6)
    assert {hit.percentile for hit in ranking.hits} == {None}
    (result,) = search_json("rail-clip", [(photos, photos)], [ranking])["results"]
    assert result["query"] == {"kind": "text", "text": "a cracked sleeper"}


def test_combined_queries_are_normalised_sums(checkpoint, photos):
    """The weighted sum of the terms is scaled to length 1, so that scores are cosines."""
    encoder = load_encoder(checkpoint)
    query = Query.image(photos / "0.png").plus_text("night", 0.5).minus(photos / "1.png", 0.25)
    with Gallery.create(photos, encoder=encoder) as gallery:
        gallery.update()
        ranking = gallery.search(query, k=6)
    a, b = encoder.embed([photos / "0.png", photos / "1.png"]).astype(np.float64)
    total = a + 0.5 * encoder.embed_texts(["night"])[0] - 0.25 * b
    total /= np.linalg.norm(total)
    others = encoder.embed(sorted(photos.glob("*.png"))[2:]) @ total
    assert [hit.path for hit in ranking.hits] == [f"{2 + n}.png" for n in np.argsort(-others)]  # 0 and 1 are its own
    assert ranking.hits[0].score == pytest.approx(others.max(), abs=1e-5)
    (result,) = search_json("rail-clip", [(photos, photos)], [ranking])["results"]
    assert result["query"]["plus"] == [{"kind": "text", "text": "night", "weight": 0.5}]
    assert result["query"]["minus"] == [{"kind": "image", "path": str(photos / "1.png"), "weight": 0.25}]
    assert str(query) == f"{photos / '0.png'} + night - {photos / '1.png'}"


def test_terms_that_cancel_out_are_an_error(checkpoint, photos):
    """An image minus itself is an error."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint)) as gallery:
        gallery.update()
        with pytest.raises(QueryError, match="cancel out"):
            gallery.search(Query.image(photos / "0.png").minus(photos / "0.png"))


def test_text_queries_need_a_text_tower(checkpoint_folder):
    """Encoders without text input raise an error that names an encoder with one."""
    for name in ("clip-timm", "resnet"):
        with pytest.raises(EncoderError, match="no text input"):
            load_encoder(checkpoint_folder(name)).embed_texts(["rail"])


def test_the_text_tower_is_loaded_on_first_use(checkpoint, monkeypatch):
    """The first text loads the text tower, once."""
    calls = []
    real = TextEncoder.__init__
    monkeypatch.setattr(TextEncoder, "__init__", lambda self, *a: (calls.append(1), real(self, *a))[1])
    encoder = load_encoder(checkpoint)
    assert calls == []
    encoder.embed_texts(["a"])
    encoder.embed_texts(["b"])
    assert calls == [1]


def test_another_precision_may_search_but_not_update(checkpoint, photos):
    """A bf16 gallery can be searched in fp32 with nearly the same scores, but not updated."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint, precision="bf16")) as gallery:
        gallery.update()
        own = {hit.path: hit.score for hit in gallery.search(photos / "0.png").hits}
    with Gallery.open(photos, encoder=load_encoder(checkpoint, precision="fp32"), writing=True) as gallery:
        other = {hit.path: hit.score for hit in gallery.search(photos / "0.png").hits}
        assert other == pytest.approx(own, abs=0.02)
        drawn(photos / "new.png", 9)
        with pytest.raises(StampMismatchError, match=r"bf16.*fp32"):
            gallery.update()


def test_auto_precision_is_fp32(checkpoint):
    """Precision auto is fp32 unless the catalogue says that bf16 was verified."""
    assert load_encoder(checkpoint).spec.precision == "fp32"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(300, 200), (90, 400), (1, 1), (2000, 30)])
def test_every_view_fills_the_network_s_input(checkpoint, view, size):
    """Images of any shape give the view's number of inputs, each of the network's size."""
    preprocessing = load_encoder(checkpoint).spec.preprocessing
    image = from_pillow(Image.new("RGB", size, (200, 30, 60)))
    prepared = prepare_views(image, preprocessing, view)
    assert prepared.shape == (VIEWS[view], preprocessing.crop, preprocessing.crop, 3)
    assert prepared.dtype == np.uint8
    assert view_min_side(preprocessing, view) >= 2 * preprocessing.resize


def test_the_whole_view_shows_what_the_centre_leaves_out(checkpoint):
    """A change at the end of a panorama affects the views whole and multi, but not centre."""
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
    """The mean of the six unit vectors is scaled to length 1."""
    encoder = load_encoder(checkpoint, view="multi")
    centre = load_encoder(checkpoint)
    image = Image.effect_noise((150, 100), 90).convert("RGB")
    parts = encoder.prepare(from_pillow(image))
    mean = centre.embed_prepared([part[np.newaxis] for part in parts]).mean(axis=0)
    assert np.allclose(encoder.embed([image])[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_views_and_precisions_have_stamps_of_their_own(checkpoint):
    """Each view and precision of a checkpoint has its own fingerprint."""
    spec = load_encoder(checkpoint).spec
    others = [replace(spec, view="multi"), replace(spec, view="whole"), replace(spec, precision="bf16")]
    assert len({each.fingerprint for each in (spec, *others)}) == 4


def test_a_gallery_is_reencoded(checkpoint, checkpoint_folder, photos):
    """A re-encoded gallery equals a new one, keeps its ids, and contains nothing of the old encoder."""
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
    assert len(list((photos / ".lookalike").glob("vectors-*.npy"))) == 1
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"


def test_the_old_embeddings_are_used_until_reencoding_is_complete(checkpoint, checkpoint_folder, photos):
    """During re-encoding, readers see the old gallery; a resumed run encodes only what is missing."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    encoder = load_encoder(checkpoint)
    store = LocalStore.open(photos / ".lookalike", writing=True)
    half = store.open_replacement(encoder.spec, encoder.location)
    todo = list(half.iter_pending())
    assert len(todo) == 6
    half.add_vectors(new_vectors({digest: encoder.embed([photos / file.path])[0] for digest, file in todo[:4]}), RULES)
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name.startswith("resnet")
        assert len(gallery.search(photos / "0.png").hits) == 5
    assert reencode(store, encoder) == 2
    store.close()
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name == "rail-clip"
        assert len(gallery.search(photos / "0.png").hits) == 5


def test_reencoding_with_another_encoder_starts_again(checkpoint, checkpoint_folder, photos):
    """Embeddings of an unfinished re-encoding are discarded when another encoder is chosen."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    store = LocalStore.open(photos / ".lookalike", writing=True)
    one, other = load_encoder(checkpoint), load_encoder(checkpoint_folder("vgg"))
    half = store.open_replacement(one.spec, one.location)
    half.add_vectors(
        new_vectors({digest: one.embed([photos / file.path])[0] for digest, file in half.iter_pending()}), RULES
    )
    assert store.open_replacement(other.spec, other.location).pending_count() == 6
    store.close()


def test_files_that_change_before_reencoding_are_updated_later(checkpoint, checkpoint_folder, photos):
    """A file that has changed is not re-encoded under its old digest; the following update adds it."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
        drawn(photos / "0.png", 77)
        (photos / "1.png").unlink()
        report = gallery.reencode(load_encoder(checkpoint))
        assert (report.added, report.skipped) == (1, 0)
        assert {hit.path for hit in gallery.search(photos / "2.png", include_self=True).hits} == {
            "0.png", "2.png", "3.png", "4.png", "5.png"
        }  # fmt: skip


def test_a_reader_of_a_reencoded_gallery_has_to_reopen_it(checkpoint, checkpoint_folder, photos):
    """A gallery that was re-encoded by another process has to be opened again."""
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    with Gallery.open(photos) as reader:
        reader.search(photos / "0.png")
        with Gallery.open(photos, writing=True) as gallery:
            gallery.reencode(load_encoder(checkpoint))
        with pytest.raises(GalleryError, match="open it again"):
            reader.search(photos / "0.png")


@pytest.mark.slow
def test_the_command_line_does_all_of_it(checkpoint, checkpoint_folder, photos, cli):
    """Index by path, search, and re-encode from the command line."""
    made = cli("index", photos, "--encoder", checkpoint_folder("resnet"), "--view", "whole")
    assert made.code == 0
    assert "resnet" in cli("status", "--gallery", photos).out
    moved = cli("index", photos, "--reencode", checkpoint)
    assert moved.code == 0
    assert moved.out.startswith("switched to rail-clip: 6 images encoded\nUp to date: 6 images")
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
