"""Indexing, compared with full decoding of one image at a time, and with the least CPU time that it needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.alternation import alternate, measure, paired_ratio
from benchmarks.images import Workspace
from benchmarks.machine import cores
from benchmarks.report import Line, Target
from lookalike.embedding.ahead import map_ahead
from lookalike.embedding.files import embed_files
from lookalike.embedding.isolated import open_reader
from lookalike.embedding.limits import FileLimits
from lookalike.embedding.load import Loader
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.gallery.gallery import Gallery
from lookalike.images.decode import open_image
from lookalike.images.files import sha256
from lookalike.images.walk import find_images

_SERIAL_SAMPLE = 8
_LARGE = "indexing 12-megapixel mosaics"
_SMALL = "indexing small JPEGs"
_BLOCK = 64


def run(workspace: Workspace) -> Iterator[Line]:
    """Large images, then small images, and the cost of reading them in processes of their own."""
    encoder = load_encoder()
    rounds = 2 if workspace.quick else 5
    yield from _large(encoder, workspace, rounds)
    yield from _small(encoder, workspace, rounds)
    yield _isolation(encoder, workspace)


def _large(encoder: Encoder, workspace: Workspace, rounds: int) -> Iterator[Line]:
    originals = workspace.mosaics(16 if workspace.quick else 48)
    folder = workspace.copies("large", originals, len(originals))
    index = index_action(encoder, folder, workspace.folder / "large-gallery")
    sample = originals[:_SERIAL_SAMPLE]
    ours, theirs = alternate(measure(index), measure(lambda: _index_serially(encoder, sample)), rounds=rounds)
    ours, theirs = ours.per(len(originals)), theirs.per(len(sample))
    against = f"full decode, serial: {1 / theirs.wall:.1f}/s"
    yield Line(_LARGE, f"{1 / ours.wall:.1f} images/s", against, theirs.wall / ours.wall, Target(4))
    against = f"full decode, serial: {theirs.cpu * 1e3:.0f} ms"
    yield Line(f"{_LARGE}: CPU time", f"{ours.cpu * 1e3:.0f} ms/image", against, theirs.cpu / ours.cpu)


def _small(encoder: Encoder, workspace: Workspace, rounds: int) -> Iterator[Line]:
    originals = workspace.small(64 if workspace.quick else 256)
    folder = workspace.copies("small-copies", originals, len(originals))
    index = index_action(encoder, folder, workspace.folder / "small-gallery")
    paths = [folder / file.path for file in find_images(folder).files]
    prepared = [encoder.prepare(open_image(path, min_side=encoder.min_side)) for path in paths]
    size = encoder.batch
    batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]
    whole, reading, encoding = alternate(
        measure(index),
        measure(lambda: [_read(encoder, path) for path in paths]),
        measure(lambda: [encoder.embed_prepared(batch) for batch in batches]),
        rounds=rounds,
    )
    whole, reading, encoding = (timing.per(len(paths)) for timing in (whole, reading, encoding))
    minimum = reading.cpu + encoding.cpu
    against = f"limit of {cores()} cores: {cores() / minimum:.1f}/s"
    yield Line(_SMALL, f"{1 / whole.wall:.1f} images/s", against, minimum / cores() / whole.wall, Target(0.9))
    against = f"read {reading.cpu * 1e3:.1f} + encode {encoding.cpu * 1e3:.1f} ms"
    yield Line(f"{_SMALL}: CPU time", f"{whole.cpu * 1e3:.1f} ms/image", against, minimum / whole.cpu)


def _isolation(encoder: Encoder, workspace: Workspace) -> Line:
    """Reading in threads, compared with processes that have been started: short blocks of images in turn."""
    originals = workspace.small(64 if workspace.quick else 256)
    folder = workspace.copies("isolated-copies", originals, len(originals))
    files = find_images(folder).files
    blocks = [files[start : start + _BLOCK] for start in range(0, len(files), _BLOCK)]
    with ExitStack() as stack:

        def embedding(limits: FileLimits) -> Callable[[int], None]:
            reader = stack.enter_context(closing(open_reader(Loader(encoder.spec), folder, lambda _: False, limits)))

            def embed(number: int) -> None:
                loaded = list(map_ahead(reader.read, blocks[number % len(blocks)], _BLOCK))
                for start in range(0, len(loaded), encoder.batch):
                    encoder.embed_prepared([one.pixels for one in loaded[start : start + encoder.batch]])

            embed(0)
            return embed

        in_threads, isolated = embedding(FileLimits(isolate=False)), embedding(FileLimits())
        ratio = paired_ratio(in_threads, isolated, pairs=6 if workspace.quick else 100)
    interval = f"{ratio.low:.3f} to {ratio.high:.3f} at 95 %"
    return Line(f"{_SMALL}, isolated", interval, "in threads", ratio.median, Target(0.97))


def index_action(encoder: Encoder, folder: Path, gallery: Path) -> Callable[[], None]:
    """An action that indexes ``folder`` into a new gallery."""

    def index() -> None:
        shutil.rmtree(gallery, ignore_errors=True)
        with Gallery.create(folder, gallery, encoder=encoder) as created:
            created.update()

    return index


def embed_action(encoder: Encoder, folder: Path, *, threads: int | None = None) -> Callable[[], None]:
    """An action that embeds the images of ``folder``, decoding on ``threads``, and discards the result."""
    found = find_images(folder).files

    def embed() -> None:
        for _ in embed_files(encoder, folder, found, threads=threads):
            pass

    return embed


def _index_serially(encoder: Encoder, paths: Sequence[Path]) -> None:
    """Decode in full, prepare and encode one image at a time."""
    for path in paths:
        encoder.embed_prepared([encoder.prepare(open_image(path))])


def _read(encoder: Encoder, path: Path) -> None:
    with path.open("rb") as file:
        sha256(file)
        encoder.prepare(open_image(file, min_side=encoder.min_side))
