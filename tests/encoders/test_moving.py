"""Re-encoding a gallery, and updating it with options of the encoder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest

from drawing import drawn
from lookalike import Gallery, load_encoder
from lookalike.gallery.local.store import LocalStore
from lookalike.images.files import SkipKind
from stores import RULES, new_vectors

pytestmark = pytest.mark.slow


@pytest.fixture
def checkpoint(checkpoint_folder, tmp_path):
    """A small CLIP saved by open_clip, with its config."""
    return shutil.copytree(checkpoint_folder("clip-open_clip"), tmp_path / "rail-clip")


@pytest.fixture
def photos(tmp_path):
    """A folder of six images."""
    for number in range(6):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def test_reencoding_keeps_files_with_wrong_extensions(checkpoint, checkpoint_folder, photos, cli):
    """An image with the extension of another format stays in the gallery when it is re-encoded, unless it is strict."""
    shutil.copy(photos / "0.png", photos / "wrong.jpg")
    drawn(photos / "own.png", 9).rename(photos / "own.jpg")
    made = cli("index", photos, "--encoder", checkpoint_folder("resnet"))
    assert made.out.startswith("8 images: 8 added; ")
    moved = cli("index", photos, "--reencode", checkpoint)
    assert moved.out.startswith("switched to rail-clip: 7 images encoded\nUp to date: 8 images")
    assert "6 images: 2 removed, 2 read again by new rules; 2 skipped" in cli("index", photos, "--strict").out
    again = cli("index", photos, "--reencode", checkpoint_folder("resnet"))
    assert "Up to date: 6 images; 2 skipped" in again.out
    with Gallery.open(photos) as gallery:
        assert {skip.kind for skip in gallery.status().skipped} == {SkipKind.WRONG_EXTENSION}


def test_a_killed_reencoding_is_resumed(checkpoint, checkpoint_folder, tmp_path, cli):
    """After a kill, the old embeddings are still used, and the same command encodes only what is missing."""
    photos = tmp_path / "many"
    for number in range(400):
        drawn(photos / f"{number}.png", number)
    with Gallery.create(photos, encoder=load_encoder(checkpoint_folder("resnet"))) as gallery:
        gallery.update()
    encoder = load_encoder(checkpoint)  # compiled now, so that re-encoding starts immediately
    two_batches = 128 + 2 * encoder.batch * 4 * encoder.spec.dimension
    command = [sys.executable, "-m", "lookalike.cli.main", "index", photos, "--reencode", checkpoint]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as moving:
        vectors = photos / ".lookalike" / "vectors-2.npy"
        while not (vectors.is_file() and vectors.stat().st_size >= two_batches) and moving.poll() is None:
            time.sleep(0.002)
        moving.send_signal(signal.SIGKILL)
    assert moving.returncode == -signal.SIGKILL
    with Gallery.open(photos) as gallery:
        assert gallery.stamp.name.startswith("resnet")
        assert len(gallery.search(photos / "0.png", k=400).hits) == 399
    told = "being switched to rail-clip, and searched as it was until that is complete"
    assert told in cli("search", photos / "0.png", "-k", "1").err
    assert told in cli("status", "--gallery", photos).out
    with Gallery.open(photos, writing=True) as gallery:
        report = gallery.reencode(encoder)
        assert 0 < report.encoded < 400
        assert report.unchanged == 400
        assert len(gallery.search(photos / "0.png", k=400).hits) == 399


def test_a_cancelled_reencoding_leaves_nothing(checkpoint, checkpoint_folder, photos):
    """Re-encoding with the gallery's own encoder discards an unfinished re-encoding."""
    resnet = load_encoder(checkpoint_folder("resnet"))
    with Gallery.create(photos, encoder=resnet) as gallery:
        gallery.update()
    store = LocalStore.open(photos / ".lookalike", writing=True)
    other = load_encoder(checkpoint)
    half = store.open_replacement(other.spec, other.location)
    half.add_vectors(
        new_vectors({digest: other.embed([photos / file.path])[0] for digest, file in islice(half.iter_pending(), 3)}),
        RULES,
    )
    store.close()
    assert (photos / ".lookalike" / "vectors-2.npy").is_file()
    with Gallery.open(photos, writing=True) as gallery:
        assert gallery.reencode(resnet).encoded == 0
    assert [file.name for file in (photos / ".lookalike").glob("*.npy")] == ["vectors-1.npy"]
    with Gallery.open(photos) as gallery:
        assert len(gallery.search(photos / "0.png").hits) == 5


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_checkpoint_behind_links_keeps_its_config(checkpoint, photos, tmp_path, cli):
    """If the weights file is a link, as in the hub's cache, the config beside the link is used."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    config = checkpoint / "open_clip_config.json"
    # Differs from CLIP's default preprocessing, so that the test notices if this config isn't found.
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}))
    for file in list(checkpoint.iterdir()):
        file.rename(blobs / f"blob of {file.name}")
        file.symlink_to(blobs / f"blob of {file.name}")
    assert cli("index", photos, "--encoder", checkpoint).code == 0
    found = cli("search", photos / "0.png")
    assert (found.code, found.err) == (0, "")
    drawn(photos / "new.png", 9)
    assert ": 1 added" in cli("index", photos).out


def test_options_that_contradict_the_gallery_are_rejected(checkpoint, photos, cli):
    """Another precision or view than the gallery's is rejected; omitted options are the gallery's."""
    made = cli("index", photos, "--encoder", checkpoint, "--view", "multi", "--precision", "bf16")
    assert made.code == 0
    drawn(photos / "new.png", 9)
    for option, value, own in (("precision", "fp32", "bf16"), ("view", "whole", "multi")):
        result = cli("index", photos, f"--{option}", value)
        assert result.code == 1
        assert f"this gallery's {option} is {own}, not {value}" in result.err
    assert ": 1 added" in cli("index", photos, "--encoder", checkpoint).out
    assert cli("index", photos, "--reencode", checkpoint, "--encoder", checkpoint).code == 2


def test_reencoding_keeps_the_view(checkpoint, checkpoint_folder, photos, cli):
    """The view of the gallery is kept unless another one is given."""
    cli("index", photos, "--encoder", checkpoint_folder("resnet"), "--view", "whole")
    assert cli("index", photos, "--reencode", checkpoint).code == 0
    assert "whole view" in cli("status", "--gallery", photos).out
    assert cli("index", photos, "--reencode", checkpoint, "--view", "centre").code == 0
    assert "centre view" in cli("status", "--gallery", photos).out
