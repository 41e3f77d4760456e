"""Where commands get encoders: this machine, and the hub after the user has agreed to a download."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from lookalike.cli.terminal.messages import note, problem
from lookalike.errors import DownloadError, WeightsError
from lookalike.text import megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.encoders.catalog import CatalogRow
    from lookalike.encoders.encoder import Encoder


class EncoderSource:
    """Loads encoders and downloads their weights; :func:`lookalike.cli.main.main` takes another one."""

    def load(self, name: str | os.PathLike[str] = "auto", **settings: Any) -> Encoder:
        """Load an encoder, with the arguments of :func:`~lookalike.load_encoder`; nothing is downloaded."""
        from lookalike.encoders.encoder import load_encoder

        return load_encoder(_best_available().name if name == "auto" else name, **settings)

    def automatic(self, *, yes: bool) -> str:
        """The encoder for ``auto``: a CLIP encoder on this machine, one the user agrees to download, or the default."""
        from lookalike.encoders import catalog

        available = _best_available()
        if available.name != catalog.DEFAULT:
            return available.name
        preferred = catalog.find(catalog.PREFERRED[0])
        reason = "CLIP finds what images show, also by words, and is not on this machine."
        otherwise = f"Without it, {available.name} is used, which finds images that look alike."
        if confirm_download(preferred, reason, otherwise, yes=yes):
            try:
                self.pull(preferred)
            except (DownloadError, WeightsError) as error:
                problem(str(error))
            else:
                return preferred.name
        note(
            f"using {available.name}, the encoder included with Lookalike. To use CLIP, which finds more: lookalike "
            f"encoders pull {preferred.name}, then lookalike index --reencode {preferred.name}"
        )
        return available.name

    def pull(self, row: CatalogRow) -> Path:
        """Download the weights of ``row`` and their tokenizer, with a progress bar on a terminal; returns the file.

        Raises :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError` for the weights; a
        tokenizer that can't be downloaded only prints a warning.
        """
        from lookalike.encoders.weights import locate

        path = locate.fetch(row, bar=_bar(row.name), on_wait=partial(_announce_wait, row.name))
        try:
            locate.fetch_tokenizer(row)
        except DownloadError as error:
            problem(f"downloaded the weights of {row.name}, but not their tokenizer: {error}")
        return path

    def pull_repository(self, name: str) -> Path:
        """Download the checkpoint ``hf-hub:owner/repository``; returns its folder.

        Raises :class:`~lookalike.errors.DownloadError` and :class:`~lookalike.errors.WeightsError`.
        """
        from lookalike.encoders.weights.repository import Repository

        repository = Repository.parse(name)
        checkpoint = repository.look_up()
        note(f"downloading {name}: {megabytes(checkpoint.size)}, licence {checkpoint.licence or 'unknown'}")
        return repository.fetch(checkpoint, bar=_bar(name), on_wait=partial(_announce_wait, name))


def _bar(name: str) -> type[Any]:
    """A progress bar for the download of ``name``."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *arguments: object, **options: object) -> None:
            options.pop("name", None)  # huggingface_hub passes it, tqdm rejects it
            super().__init__(*arguments, **options | {"disable": not sys.stderr.isatty(), "desc": name})

    return Bar


def _announce_wait(name: str) -> None:
    note(f"waiting for another process that is downloading {name}")


def _best_available() -> CatalogRow:
    """The best encoder on this machine; prints a warning for each damaged file that is ignored."""
    from lookalike.encoders.weights import locate

    return locate.best_available(on_damaged=lambda error: problem(str(error)))


def confirm_download(row: CatalogRow, reason: str, otherwise: str, *, yes: bool) -> bool:
    """Whether to download the weights of ``row``: if ``yes``, or if the user agrees at a terminal.

    There, the question says the ``reason``, and what happens ``otherwise``.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"{reason} Download {row.name} ({row.size / 1e6:,.0f} MB, {row.licence}) from the Hugging Face hub now? It is "
        f"downloaded once, and your images stay here. {otherwise} [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
