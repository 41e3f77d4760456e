"""``python -m torture [KIND ...]``: try to lose something, and print what was tried."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.embedding.limits import FileLimits, set_default_limits
from torture import damage, interruptions, power_loss, together
from torture.system_calls import LIBRARY, is_supported, start_with_library

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final[dict[str, Callable[[Path, int, int | None], str]]] = {
    "kills": interruptions.kills,
    "disk-errors": interruptions.disk_errors,
    "full-disks": interruptions.full_disks,
    "failing-photos": interruptions.failing_photos,
    "power-cuts": power_loss.power_cuts,
    "left-out-syncs": power_loss.left_out_syncs,
    "bit-flips": damage.bit_flips,
    "mutated-images": damage.mutated_images,
    "together": together.reader_and_writers,
    "cycles": together.cycles,
}
"""Functions of an empty folder, a seed and the number of trials (None: all), that return what was tried."""


def main() -> int:
    """Run the kinds given on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m torture", description="Try to lose something.")
    parser.add_argument("kinds", metavar="KIND", nargs="*", choices=[*KINDS, []], help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0, help="of the trials (default: 0)")
    parser.add_argument("--trials", type=int, help="of each kind (default: as many as there are)")
    options = parser.parse_args()
    if not is_supported():
        print("needs Linux and a C compiler")
        return 1
    with tempfile.TemporaryDirectory(prefix="lookalike-torture-") as name:
        folder = Path(name).resolve()
        if LIBRARY not in os.environ:
            return start_with_library(folder, "torture", sys.argv[1:])
        set_default_limits(FileLimits(isolate=False))  # which is faster for small files
        os.environ["LOOKALIKE_DEBUG"] = "1"  # what nothing expects is raised, not described in a line
        for kind in options.kinds or KINDS:
            start = time.monotonic()
            (folder / kind).mkdir()
            figures = KINDS[kind](folder / kind, options.seed, options.trials)
            print(f"{kind}: {figures} ({time.monotonic() - start:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
