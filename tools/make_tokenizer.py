"""Write ``src/lookalike/encoders/vocabulary/tokenizer.json.gz`` from CLIP's merges.

    python tools/make_tokenizer.py FILE

``FILE`` is OpenAI CLIP's ``bpe_simple_vocab_16e6.txt.gz``, which open_clip contains
(``open_clip/bpe_simple_vocab_16e6.txt.gz``). The output depends on nothing else, so running this again changes nothing.
"""

from __future__ import annotations

import gzip
import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).parent.parent / "src/lookalike/encoders/vocabulary/tokenizer.json.gz"
SPECIAL_TOKENS: Final = ("<|startoftext|>", "<|endoftext|>")
# As in OpenAI's simple_tokenizer.py: 49,152 merged tokens without the 256 bytes and the 2 special tokens.
MERGES: Final = 49152 - 256 - 2
PATTERN: Final = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def main() -> None:
    """Read the merges and write the tokenizer."""
    lines = gzip.decompress(Path(sys.argv[1]).read_bytes()).decode().split("\n")
    content = json.dumps(tokenizer(lines[1 : MERGES + 1]), ensure_ascii=False, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


def tokenizer(merges: list[str]) -> dict[str, Any]:
    """A tokenizer in the format of the ``tokenizers`` library; the order of the vocabulary defines the token ids."""
    symbols = byte_symbols()
    merged = (merge.replace(" ", "") for merge in merges)
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *merged, *SPECIAL_TOKENS]
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token in SPECIAL_TOKENS
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Removed", "invert": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": "</w>",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": ids,
            "merges": merges,
        },
    }


def byte_symbols() -> list[str]:
    """The character that stands for each byte, in the order of CLIP's vocabulary: printable bytes come first."""
    printable = list(chain(range(ord("!"), ord("~") + 1), range(ord("¡"), ord("¬") + 1), range(ord("®"), ord("ÿ") + 1)))
    others = len([byte for byte in range(256) if byte not in printable])
    return [chr(code) for code in (*printable, *range(256, 256 + others))]


if __name__ == "__main__":
    main()
