"""Environments for the processes that tests start."""

from __future__ import annotations

import os
from pathlib import Path


def python_path() -> str:
    """``PYTHONPATH`` for processes that import the modules in this folder: the folder, then the current value."""
    return os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
