"""Encoders: names, stamps, compiled copies and embeddings."""

from __future__ import annotations

import json
import os
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from lookalike import Encoder, EncoderSpec, load_encoder
from lookalike.encoders.networks.families import Family
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes import compiled
from lookalike.encoders.runtimes.compiled import compiled_copy
from lookalike.encoders.weights import cache
from lookalike.errors import EncoderError, ImageError, UnknownEncoderError
from lookalike.images.files import SkipKind


@pytest.fixture(scope="module")
def encoder(isolated_cache):
    """The default encoder."""
    return load_encoder()


@pytest.fixture(scope="module")
def images():
    """Twenty small images of different sizes, as arrays."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (40 + 7 * n, 60 + n, 3), dtype=np.uint8) for n in range(20)]


def test_vectors_are_unit_float32(encoder, images):
    """The embeddings are a float32 matrix with rows of length 1."""
    vectors = encoder.embed(images)
    assert vectors.shape == (20, encoder.spec.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_images_give_no_vectors(encoder):
    """An empty list gives an empty matrix with the right number of columns."""
    assert encoder.embed([]).shape == (0, 1280)


@pytest.mark.slow
def test_a_vector_does_not_depend_on_its_batch(encoder, images):
    """An image has the same embedding alone and in a batch, up to rounding."""
    together = encoder.embed(images)
    alone = np.concatenate([encoder.embed([image]) for image in images])
    assert np.abs(together - alone).max() < 1e-5


def test_files_pillow_images_and_arrays_are_equivalent(encoder, images, tmp_path):
    """The same image as a file, a Pillow image and an array has the same embedding."""
    Image.fromarray(images[0]).save(tmp_path / "a.png")
    vectors = encoder.embed([tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(images[0]), images[0]])
    assert (vectors == vectors[0]).all()


def test_grey_arrays_are_accepted(encoder):
    """An array (height, width) is a grey image."""
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    assert np.allclose(encoder.embed([grey]), encoder.embed([np.stack([grey] * 3, axis=2)]))


def test_a_bad_file_is_named(encoder, tmp_path):
    """A file that isn't an image raises an error that names it."""
    (tmp_path / "notes.jpg").write_text("milk, bread")
    with pytest.raises(ImageError, match=r"notes\.jpg: not an image \(text file\)"):
        encoder.embed([tmp_path / "notes.jpg"])


@pytest.mark.slow
def test_threads_may_share_an_encoder(encoder, images):
    """Four threads that share an encoder get the same embeddings as one."""
    expected = encoder.embed(images)
    results = {}

    def work(number):
        results[number] = encoder.embed(images)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.abs(result - expected).max() < 1e-5 for result in results.values())


def test_unknown_names_list_the_available_ones(isolated_cache):
    """The error for an unknown encoder or runtime lists the available ones."""
    with pytest.raises(UnknownEncoderError, match="efficientnet-lite2"):
        load_encoder("resnet9000")
    with pytest.raises(EncoderError, match="openvino, onnxruntime"):
        load_encoder(runtime="abacus")


def test_the_stamp_survives_json(encoder):
    """A spec survives JSON, and any changed spec has another fingerprint."""
    spec = encoder.spec
    assert EncoderSpec.from_json(spec.to_json()) == spec
    for field, value in {"precision": "bf16", "weights_sha256": "0" * 64, "name": "other", "dimension": 512}.items():
        other = EncoderSpec.from_json(json.dumps(json.loads(spec.to_json()) | {field: value}))
        assert other.fingerprint != spec.fingerprint


@pytest.mark.slow
def test_a_compiled_copy_is_used_and_replaced_if_damaged(tmp_path, monkeypatch, images):
    """The second start builds no graph; a damaged compiled copy is replaced silently."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    first = load_encoder().embed(images[:2])
    (blob,) = (tmp_path / "compiled").glob("*.blob")
    content = blob.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(Family, "build", lambda *_: pytest.fail("a graph was built"))
        assert np.array_equal(load_encoder().embed(images[:2]), first)

    middle = len(content) // 2
    status = blob.stat()
    for damage in (
        content[:middle],
        b"not a network",
        b"",
        content[:5000] + b"\xff" * 5000 + content[10000:],
        content[:middle] + bytes(1_000_000) + content[middle + 1_000_000 :],
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    ):
        with blob.open("r+b") as file:  # as a failing disk does it: the same file, at the same time
            file.truncate(len(damage))
            file.write(damage)
        os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert np.abs(load_encoder().embed(images[:2]) - first).max() < 1e-6
        assert blob.read_bytes() != damage
        assert blob.with_suffix(".crc32").read_text() == f"{zlib.crc32(blob.read_bytes()):08x}"


def test_an_invalid_checksum_is_a_damaged_copy(tmp_path, monkeypatch, images):
    """A compiled copy with an invalid checksum file is replaced."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    first = load_encoder().embed(images[:1])
    (checksum,) = (tmp_path / "compiled").glob("*.crc32")
    checksum.write_bytes(b"\xff\xfe")
    assert np.abs(load_encoder().embed(images[:1]) - first).max() < 1e-6
    assert checksum.read_text() == f"{zlib.crc32(checksum.with_suffix('.blob').read_bytes()):08x}"


def test_a_compiled_copy_replaces_only_copies_of_its_network(tmp_path, monkeypatch):
    """A new copy deletes older ones of the same network and no others, whatever characters the name contains."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))

    def files_after_writing(name, key):
        compiled.CompiledCopy(name, key).write(lambda file: file.write(b"a network"))
        return {path.name for path in (tmp_path / "compiled").iterdir()}

    files_after_writing("rail[1]*", "old")
    files_after_writing("rail[1]*-text", "old")
    files_after_writing("rail1", "old")
    names = ("rail[1]*-new", "rail[1]*-text-old", "rail1-old")
    assert files_after_writing("rail[1]*", "new") == {f"{name}.{kind}" for name in names for kind in ("blob", "crc32")}


def test_checkpoints_of_one_name_keep_their_own_compiled_copies(tmp_path, monkeypatch):
    """Two checkpoints of the same name don't delete each other's compiled copies."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    for sha256 in ("a" * 64, "b" * 64, "a" * 64):
        source = NetworkSource("rail", sha256, 1, lambda: pytest.fail("a graph was built"))
        compiled_copy(source, "fp32", "2026.1", "a processor").write(lambda file: file.write(b"a network"))
    assert len([*(tmp_path / "compiled").glob("*.blob")]) == 2


def test_encoders_work_without_a_writable_cache(tmp_path, monkeypatch, images):
    """Encoders work if the cache folder can't be created."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file" / "cache"))
    assert load_encoder().embed(images[:1]).shape == (1, 1280)


def test_checksums_are_cached_until_the_file_changes(tmp_path, monkeypatch):
    """A cached SHA-256 is used while size and modification time are unchanged."""
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
    cached = cache.file_sha256(file)
    assert cache.file_sha256(file, reread=True) != cached
    assert cache.file_sha256(file) != cached
    for entry in (tmp_path / "cache" / "sha256").iterdir():
        entry.write_text("{")
    assert cache.file_sha256(file) != first


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 4), np.uint8), "uint8"),
        (np.zeros(5, np.uint8), "uint8"),
        (b"bytes", "not bytes"),
        (7, "not int"),
    ],
)
def test_values_that_are_not_images_raise_type_error(encoder: Encoder, image: object, message: str):
    """Arrays of wrong dtype or shape, and other values, raise TypeError."""
    with pytest.raises(TypeError, match=message):
        encoder.embed([image])


def test_a_single_path_is_not_a_list_of_images(encoder: Encoder):
    """A single path instead of a list raises TypeError."""
    with pytest.raises(TypeError, match="a list of images"):
        encoder.embed("photo.jpg")


def test_an_array_without_pixels_is_not_an_image(encoder: Encoder):
    """An empty array raises ImageError."""
    with pytest.raises(ImageError) as caught:
        encoder.embed([np.zeros((0, 5, 3), np.uint8)])
    assert caught.value.kind == SkipKind.NOT_AN_IMAGE
