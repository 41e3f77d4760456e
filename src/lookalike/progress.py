"""The callbacks by which long operations report their progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called from time to time with the number done and the total."""

FileProgress = Callable[[int, int, str], None]
"""As :data:`Progress`, and with the path of the last file that was done."""

StageProgress = Callable[[str, int, int], None]
"""Called from time to time with the stage, and the number done and the total of that stage."""
