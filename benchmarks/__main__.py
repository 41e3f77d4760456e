"""``python -m benchmarks [--quick] [SUBJECT ...]``: measure, and print each figure as it comes."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

from benchmarks.machine import description, others_noticed
from benchmarks.photographs import Place, source
from benchmarks.report import headings

_SUBJECTS = {
    "encoder": "the encoder against torch and against arithmetic",
    "networks": "CLIP, ResNet and VGG at full size (random weights) against torch, ONNX Runtime and arithmetic",
    "start": "from the start of a process to the first vector of CLIP ViT-B/32",
    "indexing": "indexing large and small JPEGs",
    "search": "the scan of 100,000 vectors, and lookalike search as a whole",
    "growth": "what a new picture costs in galleries of 1,000, 10,000 and 100,000",
    "ranking": "the rankings of experiments, 25,000 queries in 25,000 pictures, against the bare matrix product",
    "second_run": "indexing again what hasn't changed",
    "drafts": "what draft decoding does to embeddings",
    "memory": "the peak of indexing (copies 1,000 large pictures, about 5 GB)",
    "corruptions": "every corruption of a picture of 512 x 683 pixels",
    "choices": "tables of the constants chosen by measuring",
}


def main() -> None:
    """Measure the subjects named on the command line, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Lookalike: ratios taken in one run, beside their targets.",
        epilog="subjects:\n" + "\n".join(f"  {name:12} {about}" for name, about in _SUBJECTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", choices=[*_SUBJECTS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="fewer pictures, fewer rounds")
    options = parser.parse_args()
    print(description())
    print(f"photographs: {source()}\n\n{headings()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lookalike-benchmarks-") as folder:
        for name in options.subjects or _SUBJECTS:
            _measure(name, Place(Path(folder), options.quick))


def _measure(subject: str, place: Place) -> None:
    with others_noticed() as remarks:
        for figure in importlib.import_module(f"benchmarks.{subject}").run(place):
            print(figure, flush=True)
    for remark in remarks:
        print(f"  ({subject}: {remark})", flush=True)


if __name__ == "__main__":
    main()
