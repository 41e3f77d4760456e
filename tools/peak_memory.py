"""Print the peak resident memory, in MB, of a process that loads and runs a CLIP's image tower.

    python tools/peak_memory.py CHECKPOINT RUNTIME

It imports only what the product imports. Linux only: it reads the kernel's high-water mark.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lookalike.encoders.checkpoints.checkpoint import read_checkpoint
from lookalike.encoders.runtimes.choice import RUNTIMES


def main() -> None:
    """Build, compile and run the image tower, then print the peak memory."""
    checkpoint = read_checkpoint(Path(sys.argv[1]))
    network = RUNTIMES[sys.argv[2]].load(checkpoint.image_network(), "fp32")
    side = checkpoint.preprocessing.crop
    for count in (1, checkpoint.batch):
        network.run(np.zeros((count, side, side, 3), np.uint8))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) * 1024 // 1_000_000)


if __name__ == "__main__":
    main()
