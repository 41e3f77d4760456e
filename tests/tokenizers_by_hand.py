"""A tokenizer.json like CLIP's with a small vocabulary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from lookalike.encoders.tokenizer import END, START


def save_tokenizer(path: Path, words: Mapping[str, int]) -> None:
    """Save a BPE tokenizer with CLIP's special tokens and pre-tokenization, for ASCII characters and ``words``."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {letter: 900 + ord(letter) for letter in letters if ord(letter) < 128}
    vocabulary |= {f"{letter}</w>": 1900 + ord(letter) for letter in letters if ord(letter) < 128}
    merges = []
    for word, number in words.items():
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces[:2] = ["".join(pieces[:2])]
            vocabulary.setdefault(pieces[0], 10_000 + len(merges))
        vocabulary[pieces[0]] = number
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>"))
    model.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    splitting = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(splitting, "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    content = json.loads(model.to_str())
    content["added_tokens"] = [
        {"id": number, "content": name, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for name, number in (("<|startoftext|>", START), ("<|endoftext|>", END))
    ]  # fmt: skip
    content["model"]["vocab"] |= {"<|startoftext|>": START, "<|endoftext|>": END}
    path.write_text(json.dumps(content))
