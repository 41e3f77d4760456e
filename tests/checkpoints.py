"""How tests change the checkpoints of ``tests/data``: their configs and their tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file, save_file

CONFIGS = {"clip-open_clip": "open_clip_config.json", "clip-transformers": "config.json", "clip-timm": "config.json"}


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a config file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def put(config: Any, place: str, value: Any) -> None:
    """Set what stands at ``place`` in a config, keys joined by dots."""
    *tables, key = place.split(".")
    for table in tables:
        config = config[table]
    config[key] = value


def change_tensors(file: Path, change: Callable[[Any], object]) -> None:
    """Change a weights file in place."""
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
