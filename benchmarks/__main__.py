"""``python -m benchmarks [--quick] [SUBJECT ...]``: measure, and print each result when it is ready."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

from benchmarks.images import Workspace, source
from benchmarks.machine import description, watch_other_processes
from benchmarks.report import headings

_SUBJECTS = {
    "encoder": "the included encoder, compared with torch and the arithmetic limit",
    "networks": "CLIP, ResNet and VGG at full size (random weights), compared with torch, ONNX Runtime and the limit",
    "start": "the start of the program, and the time to the first vector of CLIP ViT-B/32",
    "indexing": "indexing large and small JPEGs",
    "search": "the scan of 100,000 vectors, and the whole lookalike search command",
    "serving": "the web server: 32 clients at once, and the page in a browser",
    "checks": "what the checksums of a gallery cost",
    "growth": "the cost of a new image in galleries of 1,000, 10,000 and 100,000",
    "ranking": "rankings of experiments (25,000 queries, 25,000 images), compared with the matrix product alone",
    "second_run": "indexing unchanged images again",
    "drafts": "the effect of draft decoding on embeddings",
    "memory": "peak memory of indexing (writes 1,000 large images, about 5 GB)",
    "corruptions": "each corruption of an image of 512 x 683 pixels",
    "choices": "alternatives to constants that were chosen by measuring",
}


def main() -> None:
    """Measure the subjects given on the command line, or all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Lookalike: ratios measured in one run, with their targets.",
        epilog="subjects:\n" + "\n".join(f"  {name:12} {summary}" for name, summary in _SUBJECTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", choices=[*_SUBJECTS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="fewer images, fewer rounds")
    options = parser.parse_args()
    print(description())
    print(f"photos: {source()}\n\n{headings()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lookalike-benchmarks-") as folder:
        for name in options.subjects or _SUBJECTS:
            _measure(name, Workspace(Path(folder), options.quick))


def _measure(subject: str, workspace: Workspace) -> None:
    with watch_other_processes() as warnings:
        for result in importlib.import_module(f"benchmarks.{subject}").run(workspace):
            print(result, flush=True)
    for warning in warnings:
        print(f"  ({subject}: {warning})", flush=True)


if __name__ == "__main__":
    main()
