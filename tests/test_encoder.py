"""Encoders: names, stamps, compiled copies, and what comes out of them."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from PIL import Image

from lookalike import Encoder, EncoderSpec, load_encoder
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes import compiled
from lookalike.encoders.runtimes.compiled import compiled_copy
from lookalike.encoders.weights import cache
from lookalike.errors import EncoderError, PictureError, UnknownEncoderError


@pytest.fixture(scope="module")
def encoder(isolated_cache):
    """The embedded default encoder."""
    return load_encoder()


@pytest.fixture(scope="module")
def pictures():
    """Twenty small pictures of different sizes, as arrays."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (40 + 7 * n, 60 + n, 3), dtype=np.uint8) for n in range(20)]


def test_vectors_are_unit_float32(encoder, pictures):
    """Twenty pictures give a float32 matrix of twenty rows of length 1."""
    vectors = encoder.embed(pictures)
    assert vectors.shape == (20, encoder.spec.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_pictures_give_no_vectors(encoder):
    """An empty list gives an empty matrix of the right width."""
    assert encoder.embed([]).shape == (0, 1280)


def test_a_vector_does_not_depend_on_its_batch(encoder, pictures):
    """A picture encoded alone and among others has the same embedding but for rounding."""
    together = encoder.embed(pictures)
    alone = np.concatenate([encoder.embed([picture]) for picture in pictures])
    assert np.abs(together - alone).max() < 1e-5


def test_files_images_and_arrays_are_one(encoder, pictures, tmp_path):
    """The same picture as a file, a Pillow image and an array has one embedding."""
    Image.fromarray(pictures[0]).save(tmp_path / "a.png")
    vectors = encoder.embed([tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pictures[0]), pictures[0]])
    assert (vectors == vectors[0]).all()


def test_grey_arrays_are_pictures_too(encoder):
    """An array (height, width) is taken as grey."""
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    assert np.allclose(encoder.embed([grey]), encoder.embed([np.stack([grey] * 3, axis=2)]))


def test_a_bad_file_is_named(encoder, tmp_path):
    """A file that is no picture raises an error that names it."""
    (tmp_path / "notes.jpg").write_text("milk, bread")
    with pytest.raises(PictureError, match=r"notes\.jpg: not a picture: it is a text"):
        encoder.embed([tmp_path / "notes.jpg"])


def test_threads_may_share_an_encoder(encoder, pictures):
    """Four threads that use one encoder at once get what one thread gets."""
    expected = encoder.embed(pictures)
    results = {}

    def work(number):
        results[number] = encoder.embed(pictures)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.abs(result - expected).max() < 1e-5 for result in results.values())


def test_unknown_names_list_the_known_ones(isolated_cache):
    """An unknown encoder or runtime is refused with the names that would do."""
    with pytest.raises(UnknownEncoderError, match="efficientnet-lite2"):
        load_encoder("resnet9000")
    with pytest.raises(EncoderError, match="openvino, onnxruntime"):
        load_encoder(runtime="abacus")


def test_the_stamp_survives_json(encoder):
    """A spec written as JSON and read again is equal; any other spec has another fingerprint."""
    spec = encoder.spec
    assert EncoderSpec.from_json(spec.to_json()) == spec
    for field, value in {"precision": "bf16", "weights_sha256": "0" * 64, "name": "other", "dimension": 512}.items():
        other = EncoderSpec.from_json(json.dumps(json.loads(spec.to_json()) | {field: value}))
        assert other.fingerprint != spec.fingerprint


def test_a_compiled_copy_is_used_and_mended(tmp_path, monkeypatch, pictures):
    """The second start builds no graph; a damaged or cut compiled copy is replaced without a word."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    first = load_encoder().embed(pictures[:2])
    (kept,) = (tmp_path / "compiled").glob("*.blob")
    whole = kept.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr("lookalike.encoders.networks.families.Family.build", lambda *_: pytest.fail("a graph was built"))
        assert np.array_equal(load_encoder().embed(pictures[:2]), first)

    for damage in (whole[: len(whole) // 2], b"not a network", b"", whole[:5000] + b"\xff" * 5000 + whole[10000:]):
        kept.write_bytes(damage)
        assert np.abs(load_encoder().embed(pictures[:2]) - first).max() < 1e-6
        assert len(kept.read_bytes()) == len(whole)


def test_a_checksum_that_is_no_text_is_a_damaged_copy(tmp_path, monkeypatch, pictures):
    """Whatever bytes stand where a compiled copy's checksum should be, the copy is made anew."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    first = load_encoder().embed(pictures[:1])
    (checksum,) = (tmp_path / "compiled").glob("*.sha256")
    checksum.write_bytes(b"\xff\xfe")
    assert np.abs(load_encoder().embed(pictures[:1]) - first).max() < 1e-6
    assert checksum.read_text() == cache.file_sha256(checksum.with_suffix(".blob"))


def test_a_compiled_copy_that_is_taken_away_is_made_anew(tmp_path, monkeypatch, pictures):
    """A copy that another process removes between its check and its use is missed by nobody."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(compiled.CompiledCopy, "is_intact", lambda _: True)
    assert load_encoder().embed(pictures[:1]).shape == (1, 1280)
    assert len([*(tmp_path / "compiled").glob("*.blob")]) == 1


def test_a_compiled_copy_takes_the_place_of_its_own_kind_alone(tmp_path, monkeypatch):
    """A new copy removes older ones of the same network, whatever signs its name has, and no other's."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))

    def kept(name, key):
        compiled.CompiledCopy(name, key).write(lambda file: file.write(b"a network"))
        return {path.name for path in (tmp_path / "compiled").iterdir()}

    kept("rail[1]*", "old")
    kept("rail[1]*-text", "old")
    kept("rail1", "old")
    names = ("rail[1]*-new", "rail[1]*-text-old", "rail1-old")
    assert kept("rail[1]*", "new") == {f"{name}.{kind}" for name in names for kind in ("blob", "sha256")}


def test_checkpoints_of_one_name_keep_their_own_compiled_copies(tmp_path, monkeypatch):
    """Two checkpoints of the same name don't compile each other away, whichever is used in turn."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    for sha256 in ("a" * 64, "b" * 64, "a" * 64):
        source = NetworkSource("rail", sha256, 1, lambda: pytest.fail("nothing is to be built"))
        compiled_copy(source, "fp32", "2026.1", "a processor").write(lambda file: file.write(b"a network"))
    assert len([*(tmp_path / "compiled").glob("*.blob")]) == 2


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, pictures):
    """Where the cache folder can't be made, encoders work all the same."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file" / "cache"))
    assert load_encoder().embed(pictures[:1]).shape == (1, 1280)


def test_a_checksum_is_computed_once_and_again_when_the_file_changes(tmp_path, monkeypatch):
    """A remembered SHA-256 is used while size and time stay; a changed file is hashed again."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    first = cache.file_sha256(file)
    with monkeypatch.context() as patch:
        patch.setattr(cache.hashlib, "file_digest", lambda *_: pytest.fail("the file was read again"))
        assert cache.file_sha256(file) == first
    file.write_bytes(b"other")
    assert cache.file_sha256(file) != first
    changed = file.stat()
    file.write_bytes(b"OTHER")
    os.utime(file, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    remembered = cache.file_sha256(file)
    assert cache.file_sha256(file, afresh=True) != remembered
    assert cache.file_sha256(file) != remembered
    for note in (tmp_path / "cache" / "sha256").iterdir():
        note.write_text("{")
    assert cache.file_sha256(file) != first


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 4), np.uint8), "uint8"),
        (np.zeros(5, np.uint8), "uint8"),
        (b"bytes", "not bytes"),
        (7, "not int"),
    ],
)
def test_what_is_no_image_is_a_mistake_in_the_program(encoder: Encoder, image: object, words: str):
    """Arrays of another kind, and things of another type, raise TypeError in words."""
    with pytest.raises(TypeError, match=words):
        encoder.embed([image])


def test_one_path_alone_is_not_taken_for_many(encoder: Encoder):
    """A path in the place of a list of paths is told before its letters are opened one by one."""
    with pytest.raises(TypeError, match="a list of images"):
        encoder.embed("photo.jpg")


def test_an_array_without_pixels_is_no_picture(encoder: Encoder):
    """An empty array is refused like an empty file."""
    with pytest.raises(PictureError, match="no pixels"):
        encoder.embed([np.zeros((0, 5, 3), np.uint8)])
