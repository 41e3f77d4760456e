"""Helpers that change configs and tensors of checkpoints."""

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
    """Set the value at ``place`` in a config; ``place`` is the keys joined by dots."""
    *parents, key = place.split(".")
    for parent in parents:
        config = config[parent]
    config[key] = value


def change_tensors(file: Path, change: Callable[[Any], object]) -> None:
    """Change a weights file in place."""
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
