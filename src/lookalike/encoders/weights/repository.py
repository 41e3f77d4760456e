"""Checkpoints in repositories of the Hugging Face hub, by names such as ``hf-hub:owner/repository``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from lookalike.atomic import atomic_writer
from lookalike.encoders.catalog import HubFile
from lookalike.encoders.weights.folder import FILE_NAMES
from lookalike.encoders.weights.hub import cache_folder, download, download_error
from lookalike.errors import LookalikeError, UnknownEncoderError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from huggingface_hub import ModelInfo

PREFIX: Final = "hf-hub:"
_FORM: Final = re.compile(r"hf-hub:([\w.-]+/[\w.-]+)(?:@([\w.-]+))?", re.ASCII)
_SETTINGS: Final = ("open_clip_config.json", "config.json", "preprocessor_config.json", "tokenizer.json")
"""What is read beside the weights, as far as a repository has it."""


@dataclass(frozen=True, slots=True)
class HubCheckpoint:
    """The files of a checkpoint on the hub, in the order in which they are downloaded: the weights are the last."""

    files: tuple[HubFile, ...]
    size: int
    sha256: str | None
    licence: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on the hub, at a ``revision``: a branch, a tag or a commit."""

    name: str
    revision: str = "main"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The repository that ``hf-hub:owner/repository`` or ``hf-hub:owner/repository@revision`` names.

        Raises :class:`~lookalike.errors.UnknownEncoderError` for any other form.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise UnknownEncoderError(f"{text}: write hf-hub:owner/repository, or hf-hub:owner/repository@revision")
        return cls(match[1], match[2] or "main")

    def cached_folder(self) -> Path | None:
        """The folder of the checkpoint in the Hugging Face cache; None if it isn't there."""
        folder = _folder(self.name)
        reference = folder / "refs" / self.revision
        commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else self.revision
        snapshot = folder / "snapshots" / commit
        return snapshot if any(snapshot.glob("*.safetensors")) else None

    def look_up(self) -> HubCheckpoint:
        """Ask the hub which files the checkpoint has.

        Raises :class:`~lookalike.errors.DownloadError`, and :class:`~lookalike.errors.WeightsError` if there are no
        weights that can be read.
        """
        from huggingface_hub import HfApi

        cache_folder()  # forbids telemetry, before the first import
        try:
            info = HfApi().model_info(self.name, revision=self.revision, files_metadata=True)
        except Exception as error:  # as in download
            raise download_error(self.name, self.revision, error) from error
        return self._checkpoint(info)

    def _checkpoint(self, info: ModelInfo) -> HubCheckpoint:
        found = {one.rfilename: one for one in info.siblings or ()}
        weights = next((name for name in FILE_NAMES if name in found), None)
        if weights is None or info.sha is None:
            raise WeightsError(
                f"{PREFIX}{self.name}: this repository has none of the files {', '.join(FILE_NAMES)} (other weights "
                "files could run code and are not read)"
            )
        names = [*(name for name in _SETTINGS if name in found), weights]
        stored = found[weights].lfs
        return HubCheckpoint(
            files=tuple(HubFile(self.name, name, info.sha) for name in names),
            size=sum(found[name].size or 0 for name in names),
            sha256=None if stored is None else stored.sha256,
            licence=None if info.card_data is None else info.card_data.get("license"),
        )

    def fetch(
        self,
        checkpoint: HubCheckpoint,
        *,
        bar: type[Any] | None = None,
        on_wait: Callable[[], object] | None = None,
    ) -> Path:
        """Download what :meth:`look_up` found to the Hugging Face cache; returns the folder.

        ``bar`` and ``on_wait`` are those of :func:`~lookalike.encoders.weights.hub.download`, and so are the errors.
        """
        *settings, weights = checkpoint.files
        for file in settings:
            download(file, None, on_wait=on_wait)
        path = download(weights, checkpoint.sha256, bar=bar, on_wait=on_wait)
        if weights.revision != self.revision:
            reference = _folder(self.name) / "refs" / self.revision
            try:
                reference.parent.mkdir(exist_ok=True)
                with atomic_writer(reference) as opened:
                    opened.write(weights.revision.encode("ascii"))
            except (OSError, LookalikeError) as error:
                raise download_error(self.name, self.revision, error) from error
        return path.parent


def _folder(name: str) -> Path:
    return cache_folder() / f"models--{name.replace('/', '--')}"
