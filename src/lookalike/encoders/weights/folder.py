"""Find the weights file of a checkpoint in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lookalike.errors import WeightsError

FILE_NAMES: Final = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.safetensors")
"""The file names that open_clip, transformers and timm use, in order of preference."""

# One of several files; a file named -00001-of-00001 is complete.
_SHARD: Final = re.compile(r".+-\d+-of-(?!0*1\.)\d+\.safetensors")


def checkpoint_file(path: Path) -> Path:
    """The weights file of the checkpoint ``path``, which is that file or its folder.

    Raises :class:`~lookalike.errors.WeightsError` if there is none, more than one, or if it is sharded.
    """
    if not path.is_dir():
        if _SHARD.fullmatch(path.name):
            raise _sharded_error(path)
        return path
    for name in FILE_NAMES:
        if (path / name).is_file():
            return path / name
    files = sorted(path.glob("*.safetensors"))
    if any(_SHARD.fullmatch(file.name) for file in files) or (
        len(files) != 1 and any(path.glob("*.safetensors.index.json"))
    ):
        raise _sharded_error(path)
    if len(files) == 1:
        return files[0]
    if files:
        raise WeightsError(f"{path}: this folder contains {len(files)} .safetensors files; use the path of one of them")
    raise WeightsError(
        f"{path}: this folder contains no .safetensors file (other weights files could run code and are not read)"
    )


def checkpoint_name(file: Path) -> str:
    """The name of the checkpoint in ``file``: its own name, or its folder's if the file has a standard name."""
    return file.stem if file.name not in FILE_NAMES else file.absolute().parent.name


def _sharded_error(path: Path) -> WeightsError:
    return WeightsError(
        f"{path}: this checkpoint is sharded over several files; save it again as one, with "
        "save_pretrained(folder, max_shard_size='100GB')"
    )
