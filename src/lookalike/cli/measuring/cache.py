"""``lookalike cache``: the embeddings that experiments have kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.shared import json_option
from lookalike.cli.output import print_json
from lookalike.text import bytes_text, plural, printable

if TYPE_CHECKING:
    from lookalike.embedding.vector_cache import EmbeddingCache, EncoderUsage

_DETAILS = """\
evaluate, compare, robustness, angles, matrix, dataset and reproduce keep what they compute: whatever dataset or --out
they are run with, no image is encoded twice by the same encoder, or damaged twice in the same way. Images are
recognised by their content. Galleries aren't part of it.

The embeddings that were used longest ago are deleted once all take more than 20 GB, or LOOKALIKE_CACHE_GB=50; 0 keeps
none. They are in the cache folder, which LOOKALIKE_CACHE names."""


@command("cache", details=_DETAILS)
@click.option("--clear", is_flag=True, allow_from_autoenv=False, help="Delete them; those in use are computed again.")
@click.option("--encoder", metavar="NAME", allow_from_autoenv=False, help="With --clear: only those of this encoder.")
@json_option
def cache(options: Options) -> int:
    """Show or delete the embeddings that experiments have kept."""
    from lookalike.embedding.vector_cache import EmbeddingCache, user_folder

    if options.encoder is not None and not options.clear:
        wrong_usage("--encoder names whose embeddings to delete: add --clear")
    with EmbeddingCache(user_folder()) as kept:
        deleted = kept.clear(options.encoder) if options.clear else None
        if options.json:
            print_json(_as_json(kept, deleted))
        elif deleted is not None:
            print(f"{plural(deleted, 'embedding')} deleted from {printable(kept.folder)}")
        else:
            _print(kept)
    return 0


def _as_json(kept: EmbeddingCache, deleted: int | None) -> dict[str, object]:
    from lookalike.embedding.vector_cache import limit_bytes
    from lookalike.report.document.json import path_fields

    return {
        "version": 1,
        "folder": path_fields(kept.folder)["path"],
        "bytes": kept.bytes_on_disk(),
        "limit_bytes": limit_bytes(),
        "encoders": [
            {"encoder": one.encoder, "embeddings": one.vectors, "bytes": one.bytes, "used": _time(one).isoformat()}
            for one in kept.usage()
        ],
        **({} if deleted is None else {"deleted": deleted}),
    }


def _print(kept: EmbeddingCache) -> None:
    from lookalike.embedding.vector_cache import limit_bytes

    print(f"{printable(kept.folder)}: {bytes_text(kept.bytes_on_disk())} of at most {bytes_text(limit_bytes())}")
    for one in kept.usage():
        print(
            f"  {printable(one.encoder)}: {plural(one.vectors, 'embedding')}, {bytes_text(one.bytes)}, "
            f"last used {_time(one):%Y-%m-%d}"
        )


def _time(usage: EncoderUsage) -> datetime:
    return datetime.fromtimestamp(usage.used, UTC).replace(microsecond=0)
