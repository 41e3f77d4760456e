"""The cache of embeddings: what is kept, for how long, and what happens where it can't be."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import FakeEncoder
from galleries import Result
from lookalike.embedding import vector_cache
from lookalike.embedding.vector_cache import DATABASE, EmbeddingCache, NewVector, Space, limit_bytes
from lookalike.errors import CacheError

KEYS = [bytes([number]) * 16 for number in range(4)]


def unit(number: int, dimension: int = 49) -> NDArray[np.float32]:
    """A unit vector."""
    vector = np.zeros(dimension, np.float32)
    vector[number] = 1
    return vector


def fill(cache: EmbeddingCache, space: Space, count: int = 4) -> None:
    """Keep unit vectors under the first keys."""
    cache.add(NewVector(space, KEYS[number], unit(number)) for number in range(count))


def test_what_was_kept_is_there_later(tmp_path: Path, fake: FakeEncoder):
    """By space and key, in the order asked for, also after closing; each space has its own."""
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(fake))
        cache.add([NewVector(cache.space(fake, {"noise": 1}), KEYS[0], unit(7))])
    with EmbeddingCache(tmp_path) as cache:
        plain, noisy, other = cache.space(fake), cache.space(fake, {"noise": 1}), cache.space(FakeEncoder("other"))
        assert cache.keys(plain) == set(KEYS)
        assert np.array_equal(cache.vectors(plain, [KEYS[2], KEYS[0], KEYS[2]]), [unit(2), unit(0), unit(2)])
        assert np.array_equal(cache.vectors(noisy, KEYS[:1]), [unit(7)])
        assert cache.keys(other) == set()


def test_the_first_embedding_of_an_image_stays(cache: EmbeddingCache, fake: FakeEncoder):
    """Two runs at once may compute the same: both then read the same vector, and it is counted once."""
    space = cache.space(fake)
    cache.add([NewVector(space, KEYS[0], unit(1))])
    cache.add([NewVector(space, KEYS[0], unit(2))])
    assert np.array_equal(cache.vectors(space, KEYS[:1]), [unit(1)])
    assert [one.vectors for one in cache.usage()] == [1]


def test_two_processes_can_use_it_at_once(cache: EmbeddingCache, fake: FakeEncoder):
    """What one process keeps while another has the cache open, the other finds."""
    space = cache.space(fake)
    fill(cache, space, 2)
    program = (
        "import sys; from pathlib import Path; from fakes import FakeEncoder\n"
        "from test_vector_cache import KEYS, EmbeddingCache, NewVector, unit\n"
        "with EmbeddingCache(Path(sys.argv[1])) as cache:\n"
        "    space = cache.space(FakeEncoder())\n"
        "    assert len(cache.keys(space)) == 2\n"
        "    cache.add([NewVector(space, KEYS[3], unit(3))])\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    subprocess.run([sys.executable, "-c", program, cache.folder], check=True, env={**os.environ, "PYTHONPATH": paths})
    assert cache.keys(space) == {KEYS[0], KEYS[1], KEYS[3]}


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_cache_is_replaced(content: bytes, tmp_path: Path, fake: FakeEncoder):
    """Nothing in it can't be computed again, so the user isn't asked."""
    (tmp_path / DATABASE).write_bytes(content)
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(fake))
        assert len(cache.keys(cache.space(fake))) == 4


def test_a_cache_of_another_format_is_replaced(tmp_path: Path, fake: FakeEncoder):
    """Its tables are not ours to read."""
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("CREATE TABLE vectors (a)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(fake))


def test_damaged_vectors_are_never_used(tmp_path: Path, fake: FakeEncoder):
    """They are an error that says what to do, and then computed again."""
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(fake))
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE image = ?", (KEYS[1],))
    database.close()
    with EmbeddingCache(tmp_path) as cache:
        with pytest.raises(CacheError, match="Run the same command again"):
            cache.vectors(cache.space(fake), KEYS)
        assert cache.keys(cache.space(fake)) == set()


def test_vectors_deleted_meanwhile_are_an_error(cache: EmbeddingCache, fake: FakeEncoder):
    """Another process may clear the cache while an experiment needs it."""
    space = cache.space(fake)
    fill(cache, space)
    cache.clear()
    with pytest.raises(CacheError, match="gone or damaged"):
        cache.vectors(space, KEYS)


def test_what_was_used_longest_ago_is_deleted_first(tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch):
    """Above the limit, and not what was used within a day; the file shrinks."""
    monkeypatch.setenv("LOOKALIKE_CACHE_GB", "0.000001")  # 1,000 bytes: five vectors
    day = 24 * 3600
    for days, name in enumerate(["old", "older", "oldest"]):
        monkeypatch.setattr(vector_cache.time, "time", lambda days=days: 1e9 - (days + 2) * day)
        with EmbeddingCache(tmp_path) as cache:
            space = cache.space(FakeEncoder(name))
            fill(cache, space)
    monkeypatch.setattr(vector_cache.time, "time", lambda: 1e9)
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(fake))
        assert len(cache.usage()) == 4
    with EmbeddingCache(tmp_path) as cache:
        assert [one.encoder for one in cache.usage()] == [fake.spec.name]
    monkeypatch.setattr(vector_cache.time, "time", lambda: 1e9 + day / 2)
    with EmbeddingCache(tmp_path) as cache:
        fill(cache, cache.space(FakeEncoder("new")))
    with EmbeddingCache(tmp_path) as cache:
        assert {one.encoder for one in cache.usage()} == {fake.spec.name, "new"}


def test_the_file_shrinks_when_embeddings_are_deleted(cache: EmbeddingCache, fake: FakeEncoder):
    """Disk space is given back."""
    space = cache.space(fake)
    cache.add(NewVector(space, number.to_bytes(16, "big"), unit(1)) for number in range(5000))
    before = cache.bytes_on_disk()
    assert cache.clear() == 5000
    assert cache.bytes_on_disk() < before / 10


@pytest.mark.parametrize(("text", "limit"), [("", 20e9), ("0", 0), ("1.5", 1.5e9), ("inf", 1e18)])
def test_the_limit_is_a_number_of_gigabytes(text: str, limit: float, monkeypatch: pytest.MonkeyPatch):
    """20 GB by default."""
    monkeypatch.setenv("LOOKALIKE_CACHE_GB", text)
    assert limit_bytes() == limit


@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_another_limit_is_an_error(text: str, monkeypatch: pytest.MonkeyPatch):
    """It names the variable and what was found there."""
    monkeypatch.setenv("LOOKALIKE_CACHE_GB", text)
    with pytest.raises(CacheError, match=f"LOOKALIKE_CACHE_GB={text}"):
        EmbeddingCache.of_user()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path):
    """It names the folder and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"file/cache: can't keep embeddings here .*LOOKALIKE_CACHE"):
        EmbeddingCache(tmp_path / "file" / "cache")


def test_a_user_whose_cache_cannot_be_written_has_one_for_the_run(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
):
    """It works, says why nothing is kept, and leaves nothing behind."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file"))
    monkeypatch.delenv("LOOKALIKE_CACHE_GB")
    with EmbeddingCache.of_user() as cache:
        fill(cache, cache.space(fake))
        assert "can't keep embeddings" in cache.problem
        folder = cache.folder
        assert folder.exists()
    assert not folder.exists()


def test_commands_share_what_they_compute(
    photos: Path, call: Callable[..., Result], fake: FakeEncoder, keep_embeddings: Path
):
    """After an evaluation, a comparison encodes nothing; the cache is shown, and can be cleared."""
    (photos / "labels.csv").write_text(
        "path,label\n"
        + "".join(f"{p.relative_to(photos)},{n % 2}\n" for n, p in enumerate(sorted(photos.rglob("*.png"))))
    )
    call("evaluate", photos, "--k", "1")
    encoded = fake.encoded
    assert encoded > 0
    call("compare", photos, "--encoder", "colours", "--k", "1", "--out", photos.parent / "out")
    assert fake.encoded == encoded
    shown = json.loads(call("cache", "--json").out)
    (one,) = shown["encoders"]
    assert (one["encoder"], one["embeddings"], one["bytes"]) == ("colours", encoded, 4 * 49 * encoded)
    assert (shown["folder"], shown["limit_bytes"]) == (str(keep_embeddings), 20_000_000_000)
    assert f"colours: {encoded} embeddings" in call("cache").out
    assert "0 embeddings deleted" in call("cache", "--clear", "--encoder", "another").out
    assert f"{encoded} embeddings deleted" in call("cache", "--clear").out
    assert json.loads(call("cache", "--json").out)["encoders"] == []
    assert call("cache", "--encoder", "colours").code == 2
